"""Where the command's words go, and where a person's come from. As ports/cpython/terminal.py."""

import os
import select
import sys
import time

from . import libc

_TIOCGWINSZ = (0x5413, 0x40087468)  # asm-generic/ioctls.h; MIPS and PowerPC


def is_terminal(fd):
    return libc.isatty(fd) == 1


def width():
    if not is_terminal(1):
        return None
    size = bytearray(8)
    for request in _TIOCGWINSZ:
        if libc.ioctl(1, request, size) == 0:
            return int.from_bytes(size[2:4], sys.byteorder) or None


def environment(name):
    return os.getenv(name)


def clock_text():
    return "%02d:%02d:%02d" % time.localtime()[3:6]


def time_text(seconds):
    return "%04d-%02d-%02d %02d:%02d:%02d" % time.localtime(seconds)[:6]


def read_line():
    return sys.stdin.readline()


def qr_code(text):
    """None: no library makes QR codes here."""


def write(fd, text):
    (sys.stdout if fd == 1 else sys.stderr).write(text)


def is_writable(fd):
    """Whether a write will not have to wait."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))
