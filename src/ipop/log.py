"""Lines for the system's log. The init system reads stderr and adds the time; on a terminal we do."""

import sys

from .words import printable

LINE_MAX = 1000  # letters; a pipe that can be written to takes 4096 bytes without waiting
LEVELS = ("error", "warning", "info", "debug")

_level = LEVELS.index("info")
_clock = None
_gate = None
_lost = 0


def set_level(name):
    """Say what is of this level or more important: one of LEVELS."""
    global _level
    _level = LEVELS.index(name)


def set_clock(clock):
    """Begin each line with the text that `clock()` returns; None: with nothing."""
    global _clock
    _clock = clock


def set_gate(is_ready):
    """Write only while `is_ready()`: a log that nobody reads must not stop the traffic. None: always."""
    global _gate
    _gate = is_ready


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
    global _lost
    if sys.stderr is None or _gate is not None and not _gate():
        _lost += 1
        return
    start = f"{_clock()} " if _clock is not None else ""
    if level != 2:
        start += f"{LEVELS[level]}: "
    try:
        if _lost:
            sys.stderr.write(f"{_lost} lines were lost here: nobody read them\n")
            _lost = 0
        for line in text.split("\n"):
            sys.stderr.write(f"{start}{printable(line)[:LINE_MAX]}\n")
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads the log: no reason to stop
