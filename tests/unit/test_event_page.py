"""`ipop events` tells what has happened, when and in which group; with --follow it goes on."""

import json

from test_group_commands import Router

from ipop.command import cli
from ipop.control.protocol import ControlSession

CAME = {"seq": 7, "time": 1000, "kind": "connected", "group": "friends", "text": "cabin: connected, at 203.0.113.7:1"}
BROKEN = {"seq": 8, "time": 1060, "kind": "problem", "group": "", "text": "the disk is full"}


class Terminal(Router):
    """Its daemon gives one of `answers` each time, and after the last the person has seen enough."""

    def time_text(self, seconds):
        return "at %d" % seconds

    def session(self):
        return ControlSession({"events": self._on_events})

    def _on_events(self, now, since):
        self.asked.append(since)
        if not self._answers:
            raise KeyboardInterrupt
        return self._answers.pop(0)


def run(line, *answers):
    """(exit status, stdout, what was asked)"""
    ports = Terminal(list(answers))
    status = cli.main(line.split(), ports)
    assert ports.err == ""
    return status, ports.out, ports.asked


def test_each_event_has_its_line():
    status, out, asked = run("events", {"events": [CAME, BROKEN], "next": 9})
    assert status == 0 and asked == [0]
    assert out == "at 1000  friends: cabin: connected, at 203.0.113.7:1\nat 1060  the disk is full\n"


def test_a_group_is_not_named_twice():
    joining = dict(CAME, text="friends: asked; waiting")
    assert run("events", {"events": [joining], "next": 8})[1] == "at 1000  friends: asked; waiting\n"


def test_nothing_is_said_to_be_nothing():
    assert run("events", {"events": [], "next": 1})[1] == "Nothing has happened since ipopd was started.\n"


def test_following_goes_on_until_it_is_interrupted():
    first, none, then = {"events": [CAME], "next": 8}, {"events": [], "next": 8}, {"events": [BROKEN], "next": 9}
    status, out, asked = run("events --follow", first, none, then)
    assert status == 130 and asked == [0, 8, 8, 9]
    assert out.count("\n") == 2


def test_programs_get_all_of_it():
    answer = {"events": [CAME, BROKEN], "next": 9}
    assert json.loads(run("events --json", answer)[1]) == answer


def test_what_comes_from_others_can_not_move_the_cursor():
    out = run("events", {"events": [dict(CAME, text="\x1b[2J: connected")], "next": 8})[1]
    assert "\x1b" not in out
