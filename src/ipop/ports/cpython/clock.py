"""The two clocks, in integer milliseconds."""

import time


def monotonic():
    """Never goes back; its zero means nothing."""
    return time.monotonic_ns() // 1_000_000


def microseconds():
    """The same clock in finer grains, for what is shown to people."""
    return time.monotonic_ns() // 1000


def wall():
    """Since 1970, as far as this machine knows."""
    return time.time_ns() // 1_000_000
