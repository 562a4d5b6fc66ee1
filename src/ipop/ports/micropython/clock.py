"""The two clocks, in integer milliseconds. As ports/cpython/clock.py.

MicroPython's own wraps after 12 days where a word has 32 bits.
"""

import array

from . import libc

_REALTIME, _BOOTTIME = 0, 7
_now = array.array("l", [0, 0])  # struct timespec: s, ns


def monotonic():
    libc.clock_gettime(_BOOTTIME, _now)
    return _now[0] * 1000 + _now[1] // 1_000_000


def microseconds():
    libc.clock_gettime(_BOOTTIME, _now)
    return _now[0] * 1_000_000 + _now[1] // 1000


def wall():
    libc.clock_gettime(_REALTIME, _now)
    return _now[0] * 1000 + _now[1] // 1_000_000
