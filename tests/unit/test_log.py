"""The log holds a line for each thing said, fit for any log reader."""

import sys

from ipop import log


class Stream:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class Deaf:
    def write(self, text):
        raise OSError(5)


def logged(say, stream=None, stdout=None):
    stream = stream or Stream()
    real = log.sys
    log.sys = type("sys", (), {"stderr": stream, "stdout": stdout})
    try:
        say()
    finally:
        log.sys = real
        log.set_level("info")
        log.set_clock(None)
        log.split(False)
    return getattr(stream, "text", None)


def say_all():
    for say in (log.error, log.warning, log.info, log.debug):
        say("text")


def test_the_level_stands_in_front_unless_it_is_the_usual_one():
    assert logged(say_all) == "error: text\nwarning: text\ntext\n"


def test_levels():
    for level, lines in (("error", 1), ("warning", 2), ("info", 3), ("debug", 4)):
        assert logged(lambda level=level: (log.set_level(level), say_all())).count("\n") == lines


def test_several_lines_each_have_the_level():
    assert logged(lambda: log.error("one\ntwo")) == "error: one\nerror: two\n"


def test_the_time_on_a_terminal():
    assert logged(lambda: (log.set_clock(lambda: "12:34:56"), say_all())).startswith("12:34:56 error: text\n")


def test_what_others_say_can_not_fake_a_line():
    assert logged(lambda: log.info("name \x1b[2J\r!")) == "name ?[2J?!\n"


def test_a_log_that_nobody_reads_stops_nothing():
    assert logged(say_all, Deaf()) is None


def test_the_real_stream():
    assert log.sys is sys


def test_a_log_that_nobody_reads_does_not_stop_the_daemon_and_the_gap_is_told():
    ready = [True]

    def story():
        log.set_gate(lambda fd: ready[0])
        log.info("read")
        ready[0] = False
        log.info("lost")
        log.warning("lost")
        ready[0] = True
        log.info("read again")
        log.set_gate(None)

    assert logged(story) == "read\n2 lines were lost here: nobody read them\nread again\n"


def test_what_is_no_trouble_goes_another_way_where_that_matters():
    stdout = Stream()

    def story():
        log.split()
        log.set_level("debug")
        say_all()

    assert logged(story, stdout=stdout) == "error: text\nwarning: text\n"
    assert stdout.text == "text\ndebug: text\n"


def test_each_way_has_its_own_gate():
    stdout = Stream()

    def story():
        log.split()
        log.set_gate(lambda fd: fd == 2)
        say_all()
        log.set_gate(None)
        log.info("again")

    assert logged(story, stdout=stdout) == "error: text\nwarning: text\n"
    assert stdout.text == "1 lines were lost here: nobody read them\nagain\n"


def test_a_long_line_is_cut():
    assert len(logged(lambda: log.info("x" * 9_999))) == log.LINE_MAX + 1
