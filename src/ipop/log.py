"""Lines for the system's log. The init system reads stderr and adds the time; on a terminal we do."""

import sys

from .words import printable

LEVELS = ("error", "warning", "info", "debug")

_level = LEVELS.index("info")
_clock = None


def set_level(name):
    """Say what is of this level or more important: one of LEVELS."""
    global _level
    _level = LEVELS.index(name)


def set_clock(clock):
    """Begin each line with the text that `clock()` returns; None: with nothing."""
    global _clock
    _clock = clock


def error(text):
    _say(0, text)


def warning(text):
    _say(1, text)


def info(text):
    _say(2, text)


def debug(text):
    _say(3, text)


def _say(level, text):
    if level > _level:
        return
    start = f"{_clock()} " if _clock is not None else ""
    if level != 2:
        start += f"{LEVELS[level]}: "
    try:
        for line in text.split("\n"):
            sys.stderr.write(f"{start}{printable(line)}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads the log: no reason to stop
