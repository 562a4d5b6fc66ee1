"""Strangers who only want to make trouble: everybody else goes on."""

from simulation import Simulation

from ipop.ports import crypto
from ipop.wg import messages
from ipop.wg.cookie import CookieJar
from ipop.wg.suites import suites


def calls(victim, chance):
    """Initiations that look right until they are decrypted, one after the other. Each has a new number."""
    suite = suites(crypto)["sha256"]
    jar = CookieJar(suite, crypto, victim.public_key)
    number = 0
    while True:
        number += 1
        yield jar.sign(messages.initiation(suite, number, chance.bytes(108)), 0)


class Flood:
    """A thousand false calls a second, from mallory's address or with pretended ones; `sent` and `answers` in bytes."""

    def __init__(self, sim, victim, pretended=False):
        self._sim = sim
        self._host = sim.add_host("mallory")
        self._calls = calls(victim, sim.chance.fork())
        self._victim = victim.address
        self._pretended = pretended
        self.answers = 0
        self.sent = 0
        self._host.open(666, self._count)
        self._flood()

    def _count(self, data, source):
        self.answers += len(data)

    def _flood(self):
        source = (self._host.address, 666)
        if self._pretended:
            source = ("198.19.%d.%d" % divmod(self.sent & 0xFFFF, 256), 666)
        call = next(self._calls)
        self.sent += len(call)
        self._host.interface.send(call, source, self._victim)
        self._sim.agenda.at(self._sim.now + 1, self._flood)


def test_a_peer_gets_through_a_flood_of_false_calls():
    for pretended in (False, True):
        sim = Simulation()
        den = sim.add_node("den", nat=sim.add_nat("den-nat"))
        cabin = sim.add_node("cabin")
        flood = Flood(sim, cabin, pretended)
        sim.simulate_time(3_000)
        sim.connect(den, cabin)
        sim.simulate_time(1_000)
        assert sim.is_connected(den, cabin)
        assert cabin.dropped["under-load"] > 2_000
        assert flood.answers < flood.sent / 2  # nobody can use us to flood a third


def test_who_is_connected_does_not_notice():
    sim = Simulation()
    den = sim.add_node("den", nat=sim.add_nat("den-nat"))
    cabin = sim.add_node("cabin")
    sim.connect(den, cabin)
    sim.simulate_time(119_000)
    talk = sim.talk(den, cabin)
    Flood(sim, cabin, pretended=True)
    sim.simulate_time(10_000)  # with new keys in between
    talk.stop()
    sim.simulate_time(500)
    assert talk.is_whole()
    assert cabin.peer(den)["handshake_ms"] < 12_000


def test_noise_is_counted_and_nothing_else():
    sim = Simulation()
    den, cabin = sim.add_node("den"), sim.add_node("cabin")
    sim.connect(den, cabin)
    sim.simulate_time(1_000)
    mallory = sim.add_host("mallory")
    before = sum(cabin.dropped.values())
    chance = sim.chance.fork()
    talk = sim.talk(den, cabin)
    for size in range(1_400):
        mallory.send(chance.bytes(size), 666, cabin.address)
        mallory.send(bytes([1 + size % 4, 0, 0, size >> 2 & 1]) + chance.bytes(size), 666, cabin.address)
        sim.simulate_time(1)
    talk.stop()
    sim.simulate_time(500)
    assert talk.is_whole()
    assert sum(cabin.dropped.values()) - before == 2_800
