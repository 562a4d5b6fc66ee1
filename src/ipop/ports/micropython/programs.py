"""Other programs. As ports/cpython/programs.py."""

import array

import uctypes

from . import libc


def file_in_memory(data):
    fd = libc.checked(libc.memfd_create("ipop", 0))
    written = 0
    while written < len(data):
        part = data[written:]
        written += libc.checked(libc.write(fd, part, len(part)))
    return "/proc/self/fd/%d" % fd


def classic_nat_name(host, port):
    """None: no library knows it here."""


def become(argv):
    words = [word.encode() + b"\0" for word in argv]
    pointers = array.array("P", [uctypes.addressof(word) for word in words] + [0])
    libc.checked(libc.execvp(words[0], pointers))
