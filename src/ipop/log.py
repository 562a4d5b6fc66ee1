"""Lines for the system's log. The init system reads stderr, or stdout too, and adds the time; on a terminal we do."""

import sys

from .words import printable

LINE_MAX = 1000  # letters; a pipe that can be written to takes 4096 bytes without waiting
LEVELS = ("error", "warning", "info", "debug")
ENVIRONMENT = "IPOP_LOG"  # "stdout": see `split`

_level = LEVELS.index("info")
_clock = None
_gate = None
_listener = None
_is_split = False
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
    """Write only while `is_ready(fd)`: a log that nobody reads must not stop the traffic. None: always."""
    global _gate
    _gate = is_ready


def split(is_split=True):
    """Say what is no trouble on stdout: procd takes all that comes by stderr for errors."""
    global _is_split
    _is_split = is_split


def set_listener(listener):
    """Let `listener(kind, group, text)` hear what is an event, whatever the level. None: nobody."""
    global _listener
    _listener = listener


def error(text):
    _say(0, text)


def warning(text, kind=None, group=""):
    """With a `kind`, one of those in control/methods.py, it is an event as well, of a group or of none."""
    _say(1, text, kind, group)


def info(text, kind=None, group=""):
    _say(2, text, kind, group)


def debug(text):
    _say(3, text)


def _say(level, text, kind=None, group=""):
    if kind is not None and _listener is not None:
        _listener(kind, group, text)
    if level > _level:
        return
    global _lost
    stream, fd = (sys.stdout, 1) if _is_split and level >= 2 else (sys.stderr, 2)
    if stream is None or _gate is not None and not _gate(fd):
        _lost += 1
        return
    start = f"{_clock()} " if _clock is not None else ""
    if level != 2:
        start += f"{LEVELS[level]}: "
    try:
        if _lost:
            stream.write(f"{_lost} lines were lost here: nobody read them\n")
            _lost = 0
        for line in text.split("\n"):
            stream.write(f"{start}{printable(line)[:LINE_MAX]}\n")
        stream.flush()
    except OSError:
        pass  # nobody reads the log: no reason to stop
