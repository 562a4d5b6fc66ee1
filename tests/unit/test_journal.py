"""Whoever asks again and again what has happened hears each thing once, and after a restart what is new."""

from ipop import log
from ipop.control.journal import EVENTS_MAX, Journal


def journal_of(n):
    journal = Journal(lambda: 1_700_000_000_500)
    for i in range(n):
        journal.add("connected", "friends", "event %d" % i)
    return journal


def texts(answer):
    return [event["text"] for event in answer["events"]]


def test_each_event_is_told_once_to_who_goes_on_where_the_last_answer_ended():
    journal = journal_of(2)
    first = journal.events(0, 0)
    expected = {"seq": 1, "time": 1_700_000_000, "kind": "connected", "group": "friends", "text": "event 0"}
    assert first["events"][0] == expected
    assert texts(first) == ["event 0", "event 1"]
    assert texts(journal.events(0, first["next"])) == []
    journal.add("moved", "", "cabin moved")
    second = journal.events(0, first["next"])
    assert texts(second) == ["cabin moved"]
    assert second["next"] == first["next"] + 1


def test_the_oldest_are_forgotten():
    answer = journal_of(EVENTS_MAX + 5).events(0, 1)
    assert len(answer["events"]) == EVENTS_MAX
    assert answer["events"][0]["seq"] == 6


def test_who_remembers_more_than_there_was_asks_from_before_a_restart():
    before = journal_of(50).events(0, 0)["next"]
    assert texts(journal_of(1).events(0, before)) == ["event 0"]


def test_the_bus_gets_each_once_and_when_it_is_slow_the_newest():
    journal = journal_of(EVENTS_MAX + 1)
    assert journal.poll()["text"] == "event 1"
    for _ in range(EVENTS_MAX - 1):
        assert journal.poll() is not None
    assert journal.poll() is None


def test_the_log_tells_what_is_an_event_even_if_it_is_told_to_be_quiet():
    journal = journal_of(0)
    log.set_listener(journal.add)
    log.set_level("error")
    try:
        log.info("cabin: connected", "connected", "friends")
        log.warning("no broker answers", "problem")
        log.info("only a line")
    finally:
        log.set_level("info")
        log.set_listener(None)
    assert [(event["kind"], event["group"]) for event in journal.events(0, 0)["events"]] == [
        ("connected", "friends"),
        ("problem", ""),
    ]
