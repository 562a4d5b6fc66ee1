"""What somebody sees who sits on the wire: every datagram, and from its first byte what kind of message it is."""

from collections import namedtuple

INITIATION, RESPONSE, COOKIE, TRANSPORT = 1, 2, 3, 4

Seen = namedtuple("Seen", ("at", "data", "source", "destination"))


class Wiretap:
    """Remembers what anyone sends on a segment from now on, or what of that is of some kinds."""

    def __init__(self, segment, *kinds):
        self.seen = []
        self._kinds = kinds
        self._segment = segment
        segment.watch(self._watch)

    def find(self, kind=None, source=None, destination=None):
        """What was of a kind, from an IP address, to an IP address."""
        return [
            seen
            for seen in self.seen
            if (kind is None or seen.data[0] == kind)
            and (source is None or seen.source[0] == source)
            and (destination is None or seen.destination[0] == destination)
        ]

    def _watch(self, data, source, destination):
        if not self._kinds or data[0] in self._kinds:
            self.seen.append(Seen(self._segment.now, data, source, destination))


def withheld(sim, sender, receiver, count=1):
    """Datagrams with a frame that the sender's console sent and that never reached the receiver."""
    sender.console.send(receiver.console, b"withheld")  # what the path carries is found out now, and not later
    sim.simulate_time(1_000)
    wire = Wiretap(sim.internet, TRANSPORT)
    address = receiver.host.address
    receiver.host.interface.unplug()
    for _ in range(count):
        sender.console.send(receiver.console, b"withheld")
    sim.simulate_time(10)
    receiver.host.interface.move(address)
    return [seen.data for seen in wire.find(destination=address)]
