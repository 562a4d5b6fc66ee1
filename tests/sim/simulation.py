"""Whole nodes on a simulated internet: the daemon's Node with its real cryptography, in virtual time.

    sim = Simulation(seed=1)
    den = sim.add_node("den", nat=sim.add_nat("den-nat"))
    cabin = sim.add_node("cabin")
    sim.connect(den, cabin)
    sim.simulate_time(1_000)
    assert sim.is_connected(den, cabin)

The same seed tells the same story.
"""

from console import Talk
from router import Router
from world import World


class Simulation(World):
    def __init__(self, seed=1, latency=20):
        World.__init__(self, seed, latency)
        self.routers = []

    def add_node(self, name, nat=None, **options):
        """A router on the internet or behind a NAT (the inside of which is its WAN); it starts at once."""
        host = self.add_host(name, nat)
        number = len(self.routers) + 1
        router = Router(self.agenda, name, number, host, nat is None, self.chance.fork(), **options)
        self.routers.append(router)
        return router

    def connect(self, one, other, **options):
        """Make each the other's peer; who is on the internet itself is given to the other with its endpoint."""
        one.add_peer(other, **options)
        other.add_peer(one, **options)

    def is_connected(self, one, other):
        """Whether both say that they are."""
        return one.peer(other)["state"] == other.peer(one)["state"] == "connected"

    def talk(self, speaker, listener, every=50):
        """From now on speaker's console sends listener's a datagram every so often (ms)."""
        return Talk(self.agenda, speaker.console, listener.console, every)
