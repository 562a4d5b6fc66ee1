"""Where the command's words go."""

import os
import select
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
