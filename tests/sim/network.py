"""An internet in virtual time: segments, what is plugged into them, and the weather on the way.

A segment is one space of addresses: the internet, a home, a carrier's inside. An interface is plugged into
one segment; a datagram goes up the sender's link, across the segment's core and down the receiver's link, and
each of the three may delay it, lose it, double it or let others overtake it. What the segment has no address
for goes to its gateway (see nat.py), or nowhere. An address is a tuple (ip_text, port), as in the daemon.
Losses are counted by their reason in `segment.dropped`.
"""

IP_UDP_HEADERS = 28


class Link:
    """A stretch of wire in one direction. Times in milliseconds, chances in percent."""

    def __init__(self, latency=0, jitter=0, loss=0, reorder=0, duplicate=0):
        self.latency = latency
        self.jitter = jitter
        self.loss = loss
        self.reorder = reorder
        self.duplicate = duplicate
        self.datagrams = 0
        self.bytes = 0  # as an observer on the wire counts: with the IP and UDP headers

    def carry(self, size, chance):
        """The delay of each copy that comes out at the other end."""
        self.datagrams += 1
        self.bytes += size
        if self.loss and chance.percent(self.loss):
            return ()
        if self.duplicate and chance.percent(self.duplicate):
            return (self._delay(chance), self._delay(chance))
        return (self._delay(chance),)

    def _delay(self, chance):
        delay = self.latency
        if self.jitter:
            delay += chance.below(self.jitter + 1)
        if self.reorder and chance.percent(self.reorder):
            delay += 1 + chance.below(self.latency + 10)
        return delay


class Segment:
    """One space of addresses."""

    def __init__(self, name, agenda, chance, core=None):
        self.name = name
        self.core = core or Link()
        self.mtu = None  # set: what is larger with its headers is lost, as where no fragments pass
        self.gateway = None
        self.dropped = {}
        self._agenda = agenda
        self._chance = chance
        self._plugged = {}
        self._cut = set()
        self._watchers = []

    @property
    def now(self):
        return self._agenda.now

    def send(self, sender, data, source, destination):
        """`source` is what the datagram says, which need not be where the sender is."""
        for watch in self._watchers:
            watch(data, source, destination)
        receiver = self._route(destination)
        size = len(data) + IP_UDP_HEADERS
        if receiver is None or receiver is sender:
            self.drop("no-route")
        elif self.mtu and size > self.mtu:
            self.drop("too-big")
        elif (sender, receiver) in self._cut:
            self.drop("cut")
        else:
            self._carry(sender, receiver, data, source, destination, size)

    def watch(self, watcher):
        """Call `watcher(data, source, destination)` for whatever anyone sends here."""
        self._watchers.append(watcher)

    def cut(self, one, other):
        """Nothing passes between these two interfaces any more, either way."""
        self._cut.add((one, other))
        self._cut.add((other, one))

    def mend(self):
        self._cut.clear()

    def plug(self, interface, address):
        assert address not in self._plugged, "two interfaces at " + address
        self._plugged[address] = interface

    def unplug(self, address):
        self._plugged.pop(address, None)

    def drop(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _route(self, destination):
        return self._plugged.get(destination[0]) or self.gateway

    def _carry(self, sender, receiver, data, source, destination, size):
        chance = self._chance
        copies = (0,)
        for link in (sender.up, self.core, receiver.down):
            copies = [delay + more for delay in copies for more in link.carry(size, chance)]
        if not copies:
            self.drop("lost")
        for delay in copies:
            self._agenda.at(self._agenda.now + delay, self._arrive, receiver, data, source, destination)

    def _arrive(self, receiver, data, source, destination):
        if self._route(destination) is receiver:
            receiver.receive(data, source, destination)
        else:
            self.drop("no-route")  # it moved or was unplugged while the datagram was on its way


class Interface:
    """Something plugged into a segment. Whoever owns it sets `receive(data, source, destination)`."""

    def __init__(self, name, segment, address):
        self.name = name
        self.segment = segment
        self.address = address
        self.up = Link()
        self.down = Link()
        self.receive = None
        segment.plug(self, address)

    def send(self, data, source, destination):
        self.segment.send(self, data, source, destination)

    def move(self, address):
        """Give it another address; what is on its way to the old one is lost."""
        self.unplug()
        self.address = address
        self.segment.plug(self, address)

    def unplug(self):
        self.segment.unplug(self.address)


class Host:
    """A machine with one interface and UDP sockets on it."""

    def __init__(self, name, segment, address):
        self.interface = Interface(name, segment, address)
        self.interface.receive = self._receive
        self._sockets = {}
        self._watchers = []

    @property
    def address(self):
        return self.interface.address

    def open(self, port, receive):
        """Listen on a UDP port: `receive(data, source)` gets what comes."""
        assert port not in self._sockets, "port in use"
        self._sockets[port] = receive

    def close(self, port):
        self._sockets.pop(port, None)

    def watch(self, watcher):
        """Call `watcher(data, source)` for whatever arrives here."""
        self._watchers.append(watcher)

    def send(self, data, port, destination):
        self.interface.send(data, (self.address, port), destination)

    def _receive(self, data, source, destination):
        for watch in self._watchers:
            watch(data, source)
        receive = self._sockets.get(destination[1])
        if receive is None:
            self.interface.segment.drop("port-closed")
        else:
            receive(data, source)
