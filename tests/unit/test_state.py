"""What is written to flash, and when: rarely, but not so rarely that a restart forgets where everybody is."""

import json

from ipop.daemon.state import SAVE_EVERY, SETTLE, Keeper, dump, load
from ipop.values import key_text

KEY = bytes(range(32))
HERE = {KEY: ("192.0.2.1", 51820)}
THERE = {KEY: ("2001:db8::1", 51820)}


def test_what_was_written_is_read():
    for endpoints in ({}, HERE, THERE):
        assert load(dump(1_750_000_000_000, endpoints)) == (1_750_000_000_000, endpoints)


def test_a_damaged_file_is_refused():
    damaged = ["[" * 100_000, "", "[]", "{}", "nonsense", dump(5, HERE)[:-10]]
    for key, value in (
        ("version", 2),
        ("mark", "5"),
        ("mark", -5),
        ("mark", True),
        ("mark", None),
        ("endpoints", []),
        ("endpoints", {"AAEC": "192.0.2.1:51820"}),
        ("endpoints", {key_text(KEY): "192.0.2.1"}),
        ("endpoints", {key_text(KEY): "a.name:51820"}),
        ("endpoints", {key_text(KEY): "a\0b:51820"}),
        ("endpoints", {key_text(KEY): 5}),
    ):
        content = json.loads(dump(5, HERE))
        content[key] = value
        damaged.append(json.dumps(content))
    for text in damaged:
        try:
            load(text)
        except ValueError:
            continue
        raise AssertionError(text)


def test_the_mark_is_written_at_once():
    keeper = Keeper({})
    assert load(keeper.poll(7, {}, 0)) == (7, {})
    assert keeper.poll(7, {}, 1) is None
    assert load(keeper.poll(8, {}, 2)) == (8, {})


def test_endpoints_are_written_when_they_have_settled_then_hourly():
    keeper = Keeper({})
    keeper.poll(7, {}, 0)
    assert keeper.poll(7, HERE, 1_000) is None
    assert keeper.poll(7, HERE, 999 + SETTLE) is None
    assert load(keeper.poll(7, HERE, 1_000 + SETTLE)) == (7, HERE)
    assert keeper.poll(7, THERE, 10_000 + SETTLE) is None
    assert keeper.poll(7, THERE, 10_000 + 2 * SETTLE) is None
    assert load(keeper.poll(7, THERE, 1_000 + SETTLE + SAVE_EVERY)) == (7, THERE)


def test_a_clean_stop_writes_what_has_changed_and_nothing_else():
    keeper = Keeper(HERE)
    keeper.poll(7, {}, 0)
    assert keeper.poll(7, {}, 1, stopping=True) is None
    keeper.poll(7, THERE, 2)
    assert load(keeper.poll(7, THERE, 3, stopping=True)) == (7, THERE)


def test_a_peer_that_is_silent_today_is_not_forgotten():
    keeper = Keeper(HERE)
    assert load(keeper.poll(7, {}, 0)) == (7, HERE)


def test_an_address_that_means_something_only_today_is_not_read_again():
    assert load(dump(5, {KEY: ("fe80::1%eth0", 51820)})) == (5, {})
