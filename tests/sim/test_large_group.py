"""A large group, bad weather, routers that restart, and an hour in which it is cut in two: all agree in the end.

It has as many members as MEMBERS in the environment says, or else as there is time for.

Members talk with a few neighbours. There is no broker but a small one on each side of the cut, by which newcomers
join; all else goes from neighbour to neighbour.
"""

import os
import time

import pytest
from broker import Broker
from member import LARGE, GroupSimulation

from ipop.group import charter, places
from ipop.group.entry import ADMIN, MEMBER
from ipop.group.identity import Identity
from ipop.group.roster import Roster
from ipop.group.secret import GroupSecret
from ipop.ports import crypto

pytestmark = pytest.mark.timeout(800)
MICROPYTHON = "a minute of arithmetic here is many there"

COUNT = int(os.environ.get("MEMBERS", 64))
STEPS = (1, 7)  # who talks with whom: a ring with chords
OWNER, OTHER = COUNT // 4, COUNT * 3 // 4  # the two admins, one in the middle of each half
JOINERS = 4  # on each side
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


class LargeGroup:
    """Members who know each other from the start, on an internet where each has the way to a few."""

    def __init__(self, seed=1):
        self.sim = GroupSimulation(seed)
        self.sim.broker = None
        self.chance = self.sim.chance.fork()
        self._ways = {}  # member's name -> WireGuard keys
        self._verify, self._curve = remembered(crypto.verify), remembered(crypto.curve_public)
        people = [Identity(crypto, self.chance.bytes(32)) for _ in range(COUNT)]
        self.members = [self.add("node-%d" % number) for number in range(COUNT)]
        kept = founded(people, [member.address for member in self.members])
        for number, member in enumerate(self.members):
            for step in STEPS:
                self.connect(member, people[number], self.members[number - step], people[number - step])
        for member, person in zip(self.members, people):
            member.be_in(person, kept)
        self.halves = [self.members[: COUNT // 2], self.members[COUNT // 2 :]]
        self.admins = self.members[OWNER], self.members[OTHER]

    def add(self, name, broker=None):
        member = self.sim.add_member(name, broker=broker)
        member.keepalive = 60
        member._crypto.verify, member._crypto.curve_public = self._verify, self._curve
        ways = self._ways[name] = set()
        member.knows_way = lambda key: key in ways
        return member

    def connect(self, one, me, other, you):
        self._ways[one.name].add(you.wg_public)
        self._ways[other.name].add(me.wg_public)

    def cut(self):
        for one in self.halves[0]:
            for other in self.halves[1]:
                self.sim.internet.cut(one.host.interface, other.host.interface)

    def restart_a_third(self, duration):
        """Each of them twice, at some time in this duration, and away for up to a minute. The admins are at work."""
        for member in [each for each in self.members[::3] if each not in self.admins]:
            for _ in range(2):
                down = self.sim.now + self.chance.below(duration)
                self.sim.agenda.at(down, self._switch_off, member)

    def _switch_off(self, member):
        if member.node is not None:
            member.kill()
            self.sim.agenda.at(self.sim.now + self.chance.below(MINUTE), member.start)

    def join(self, half, person):
        """A newcomer, who has the way to the admin of this half. The slice that it was given."""
        admin = self.admins[half]
        newcomer = self.add("newcomer-%d-%d" % (half, len(self.halves[half])), admin.broker)
        self.connect(newcomer, person, admin, admin.identity)
        newcomer.join(admin.invite(), person)
        self.members.append(newcomer)
        self.halves[half].append(newcomer)
        self.sim.simulate_time(10 * SECOND)
        return admin.roster.member(person.public).slice

    def person_for(self, half, slice):
        """Somebody to whom the admin of this half will give this slice, if it is free; else just somebody."""
        roster = self.admins[half].roster
        for _ in range(2_000):
            person = Identity(crypto, self.chance.bytes(32))
            start = int.from_bytes(crypto.sha256(person.public)[:3], "big")
            if 1 + start % 255 == slice and roster.free_slice(person.public, 256, 24, 0) == (slice, 24):
                return person
        return person

    def rosters(self):
        """How many different ones there are among those who are in and on."""
        return len({member.roster.digest() for member in self.members if member.group and member.group.is_member})


def founded(people, addresses):
    """What is kept by the members of a group of these, as its owner signed it."""
    owner = people[OWNER]
    roster = Roster(crypto, owner.public)
    for number, person in enumerate(people):
        role = ADMIN if number in (OWNER, OTHER) else MEMBER
        entry = roster.signed(owner, person.public, number + 1, "node-%d" % number, role, (number + 1, 24))
        roster.add(entry)
    secret = GroupSecret(crypto, owner.public, roster.is_admin, None, roster.revocations)
    secret.rotate(owner, 0)
    subnet, length = LARGE
    about = charter.sign(owner, "friends", subnet, length, b"\xfd" + bytes(7), ["mqtt://broker.example"], 1)
    return {
        "group": owner.public,
        "charter": about,
        "entries": roster.entries(),
        "secret": secret.offer,
        "places": [
            places.sign(crypto, owner.public, person.seed, 1, "0.1.0", [address])
            for person, address in zip(people, addresses)
        ],
    }


def remembered(function):
    """The same answers, computed once: all members check the same signatures."""
    answers = {}

    def ask(*question):
        question = tuple([bytes(part) for part in question])
        if question not in answers:
            answers[question] = function(*question)
        return answers[question]

    return ask


@pytest.mark.long(seconds=40)
def test_halves_that_were_apart_and_restarted_and_changed_everything_agree():
    began = time.process_time()
    group = LargeGroup()
    sim, admins = group.sim, group.admins
    sim.weather(loss=5)
    sim.simulate_time(MINUTE)
    for member in group.members:
        states = [peer["state"] for peer in member.node.peers(sim.now)]
        assert states == ["connected"] * len(states) and len(states) >= 2 * len(STEPS)
    assert group.rosters() == 1
    print("set up: %.1f s" % (time.process_time() - began))

    group.cut()
    group.restart_a_third(HOUR)
    for admin in admins:
        admin.leave_broker(Broker(sim.agenda, sim.chance.fork()))
    sim.simulate_time(MINUTE)
    slices = [group.join(0, Identity(crypto, group.chance.bytes(32))) for _ in range(JOINERS)]
    twice = [group.join(1, group.person_for(1, slice)) for slice in slices]
    assert slices == twice
    for half, admin in enumerate(admins):
        for number in (3, COUNT // 2 + 3, COUNT // 2 + 4 + half):
            admin.do("rename", "node-%d" % number, "name-%d-%d" % (number, half))
        for number in (20 + half, COUNT // 2 + 20 + half, 30):
            admin.do("revoke", "node-%d" % number)
            sim.simulate_time(MINUTE)
    sim.simulate_time(HOUR - 9 * MINUTE)
    print("an hour apart: %.1f s" % (time.process_time() - began))
    assert group.rosters() == 2

    sim.internet.mend()
    mended = sim.now
    while group.rosters() > 1 and sim.now < mended + 10 * MINUTE:
        sim.simulate_time(SECOND)
    agreed = sim.now
    sim.simulate_time(5 * MINUTE)
    print(
        "%d members agree %d s after they could meet again; %.1f s of arithmetic"
        % (len(group.members), (agreed - mended) // 1000, time.process_time() - began)
    )
    inside = [member for member in group.members if member.group.is_member]
    assert len(inside) == COUNT + 2 * JOINERS - 5
    assert len({b"".join(member.roster.entries()) for member in inside}) == 1
    taken = [(member.slice, member.slice_length) for member in inside[0].roster.members()]
    assert len(set(taken)) == len(inside) and (0, 0) not in taken
    assert len({member.group.secret.secret for member in inside}) == 1
