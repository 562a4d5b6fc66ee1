"""Where the command's words go, and where a person's come from."""

import io
import os
import select
import sys
import time


def is_terminal(fd):
    return os.isatty(fd)


def width():
    """Columns of the terminal that stdout is, or None."""
    try:
        return os.get_terminal_size(1).columns if os.isatty(1) else None
    except OSError:
        return None


def environment(name):
    """The variable's value, or None."""
    return os.environ.get(name)


def clock_text():
    return time.strftime("%H:%M:%S")


def time_text(seconds):
    """Of a moment since 1970."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def read_line():
    """What somebody types, or a pipe has; "" at its end."""
    return sys.stdin.readline()


def qr_code(text):
    """Lines of block letters for a text, or None where the library that makes QR codes isn't installed."""
    try:
        import segno
    except ImportError:
        return None
    drawing = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawing, compact=True)
    return drawing.getvalue()


def write(fd, text):
    """Write all of a text, at once. Raises OSError: EPIPE when nobody reads any more."""
    data = text.encode(errors="replace")
    while data:
        data = data[os.write(fd, data) :]


def is_writable(fd):
    """Whether a write will not have to wait."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))
