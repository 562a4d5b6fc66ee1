"""A home's dnsmasq knows the group's names within seconds, and keeps its cache whatever other members do."""

import os

from ipop.home.dnsmasq_keeper import DnsmasqKeeper
from ipop.ports import shared

FOLDER = "/tmp/ipop-test-keeper-" + os.urandom(8).hex()  # the same test runs on the other interpreter too


class Child:
    """A dnsmasq that counts how often it was told to read its names again."""

    is_silent = False

    def __init__(self):
        self.reads = 0

    def kill(self, name):
        assert name == "SIGHUP"
        self.reads += 1


def reads(changes, every):
    """How often it reads them when they change so many times, each `every` ms; and ms until the last is known."""
    keeper = DnsmasqKeeper(FOLDER, None, print, print)
    keeper._child = child = Child()
    now = 1_000_000
    for n in range(changes):
        keeper.set_names("10.77.3.7 nas-%d.hut.friends.internal\n" % n, now)
        keeper.handle_turn(None, 0, now)
        now += every
    last = now
    while keeper._read_again_at is not None:
        now = max(now, keeper._read_again_at)
        keeper.handle_turn(None, 0, now)
    _remove()
    return child.reads, now - last


def _remove():
    shared.forget(FOLDER + "/hosts/group")
    os.rmdir(FOLDER + "/hosts")
    os.rmdir(FOLDER)


def test_what_changes_now_and_then_is_known_at_once():
    assert reads(5, 120_000) == (5, 0)
    count, late = reads(3, 1_000)
    assert count == 3 and late <= 4_000


def test_who_renames_its_devices_each_second_does_not_empty_the_cache_each_second():
    count, late = reads(600, 1_000)
    assert count < 30 and late <= 32_000


def test_the_same_names_again_are_no_news():
    keeper = DnsmasqKeeper(FOLDER, None, print, print)
    keeper._names = "10.77.3.7 nas.hut.friends.internal\n"
    assert keeper.set_names(keeper._names, 0)
    assert keeper._read_again_at is None


def test_names_that_find_no_room_are_told():
    said = []
    keeper = DnsmasqKeeper(FOLDER, None, print, said.append)
    text = "10.77.3.7 nas.hut.friends.internal\n"
    with open(FOLDER, "w"):
        pass  # in the way, as a full disk is
    assert not keeper.set_names(text, 0) and "names can't be written" in said[-1]
    os.unlink(FOLDER)
    assert keeper.set_names(text, 0) and said[-1] is None
    with open(FOLDER + "/hosts/group") as file:
        assert file.read() == text
    _remove()
