"""An internet to put things on: addresses are given out, NATs and hosts plugged in, and time passes when told."""

import gc

from agenda import Agenda
from nat import Nat
from network import Host, Link, Segment
from prng import Random

if hasattr(gc, "threshold"):
    # MicroPython collects when its heap is full; by then what is kept lies so scattered that no dictionary can grow
    gc.threshold(1 << 21)


class World:
    def __init__(self, seed=1, latency=20):
        self.agenda = Agenda()
        self.chance = Random(seed)
        self.internet = Segment("internet", self.agenda, self.chance.fork(), Link(latency=latency))
        self._public = 0

    @property
    def now(self):
        return self.agenda.now

    def simulate_time(self, duration):
        self.agenda.run_until(self.agenda.now + duration)

    def public_address(self):
        """A fresh address, from the range of RFC 2544."""
        self._public += 1
        return "198.18.%d.%d" % divmod(self._public, 256)

    def add_nat(self, name, behind=None, **kind):
        """A NAT on the internet or behind another; `kind` is what Nat takes."""
        outer = behind.home if behind else self.internet
        address = behind.next_address() if behind else self.public_address()
        return Nat(name, outer, address, self.agenda, self.chance.fork(), **kind)

    def add_host(self, name, nat=None):
        segment = nat.home if nat else self.internet
        return Host(name, segment, nat.next_address() if nat else self.public_address())

    def weather(self, **conditions):
        """Conditions of the internet's core (see Link): weather(loss=5, reorder=10), from now on."""
        for name in conditions:
            assert hasattr(self.internet.core, name), name
            setattr(self.internet.core, name, conditions[name])
