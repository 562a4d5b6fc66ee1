"""The two clocks, in integer milliseconds."""

import time


def monotonic():
    """Never goes back, and goes on while the machine sleeps; its zero means nothing."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def microseconds():
    """The same clock in finer grains, for what is shown to people."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def wall():
    """Since 1970, as far as this machine knows."""
    return time.time_ns() // 1_000_000
