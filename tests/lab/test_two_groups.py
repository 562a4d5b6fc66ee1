"""One router in two groups: a family's and a club's, which have nothing to do with each other.

    cabin --- family --- den --- club --- hall

The den has a bridge with a console for each; each group has a broker of its own.
"""

import json
import signal
import sys

import pytest
from brokers import Mosquitto
from groups import asked, console_of, create, group_of, invite, join, new_home, wait_connected
from lab import Home, uci_section
from netns import PROGRAMS, wait_for

FAMILY, CLUB = "family", "club"


class Den(Home):
    """The family has the bridge that every home has; the configuration names another one for the club."""

    def __init__(self, lab):
        super().__init__(lab, "den", len(lab.homes) + 1, False, "cpython")
        lab.homes.append(self)
        self.router.ip("link add br-club type bridge", "link set br-club up")
        self.console_in = {FAMILY: self.add_console("pc"), CLUB: self.add_console("club-pc")}
        self.router.ip("link set dev club-pc master br-club")

    def write_config(self):
        super().write_config()
        with self.config.open("a") as file:
            file.write(uci_section("group", CLUB, {"bridge": "br-club"}))


@pytest.fixture
def den(lab):
    den = Den(lab)
    den.start_daemon()
    for group in (FAMILY, CLUB):
        create(den, group, Mosquitto(lab.add_host(f"{group}-mqtt")).url)
    return den


@pytest.fixture
def homes(lab, den):
    """{group: the other home in it}"""
    homes = {FAMILY: new_home(lab, "cabin", nat=True), CLUB: new_home(lab, "hall")}
    for group, home in homes.items():
        join(home, invite(den, "--group", group))
    wait_connected(den, "cabin", "hall")
    return homes


@pytest.fixture
def pairs(den, homes):
    """{group: (the den's console in it, the other home's)}"""
    pairs = {group: (console_of(den, group, den.console_in[group]), console_of(homes[group])) for group in homes}
    for pc, tv in pairs.values():
        assert pc.reaches(tv.address)
    return pairs


def test_each_groups_devices_find_their_own_and_no_others(pairs):
    """A game of the family is found by the family, and nobody in the club can know that there is one."""
    for group, other in ((FAMILY, CLUB), (CLUB, FAMILY)):
        pc, tv = pairs[group]
        game = tv.spawn([sys.executable, PROGRAMS / "lan_game.py", "host", group])
        assert look_for_game(pc, seconds=20) == group
        for stranger in pairs[other]:
            assert look_for_game(stranger, seconds=1) is None
        game.stop()


def look_for_game(console, seconds):
    seek = [sys.executable, PROGRAMS / "lan_game.py", "seek", seconds]
    answer = console.run(seek, check=False).stdout
    return json.loads(answer)["game"] if answer else None


def test_after_a_restart_both_are_as_they_were(den, homes, pairs):
    """Each group has its device, its bridge, its addresses and its members again, and none of the other's."""
    before = [as_it_is(den, group) for group in homes]
    for end in (signal.SIGKILL, signal.SIGTERM):
        den.daemon.process.stop(end)
        den.start_daemon()
        assert [as_it_is(den, group) for group in homes] == before
        for pc, tv in pairs.values():
            wait_for(lambda pc=pc, tv=tv: pc.ping(tv.address, count=1).received, 10, "one group's consoles")


def test_a_group_never_comes_into_the_bridge_of_another(lab):
    """The first group has the bridge of the configuration; nothing that happens to it gives that to the second."""
    den = new_home(lab, "den")
    for group in (FAMILY, CLUB):
        create(den, group)
    assert [as_it_is(den, group)["bridge"] for group in (FAMILY, CLUB)] == ["br-group", None]
    club = as_it_is(den, CLUB)
    for leave_family in (False, True):
        if leave_family:
            asked(den, "leave", "--group", FAMILY)
        den.daemon.stop()
        den.start_daemon()
        assert as_it_is(den, CLUB) == club


def as_it_is(home, group):
    keys = ("name", "fingerprint", "state", "member", "member_fingerprint", "role", "address", "device", "bridge")
    shown = group_of(home, group)
    return {key: shown[key] for key in keys}


def test_who_leaves_one_group_stays_in_the_other(den, homes, pairs):
    """Not a ping of the club is lost; of the family there is nothing left."""
    before = as_it_is(den, CLUB)
    playing = pairs[CLUB][0].start_ping(pairs[CLUB][1].address)
    asked(den, "leave", "--group", FAMILY)
    assert not pairs[FAMILY][0].ping(pairs[FAMILY][1].address).received
    assert [group["name"] for group in den.daemon.ask("groups")] == [CLUB] and as_it_is(den, CLUB) == before
    assert playing.lost() == 0
