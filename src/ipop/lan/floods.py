"""How much of what goes to everybody is let through: by who sends it, by the tunnel it came from, and in all.

A frame for a group, or for a device that nobody knows, reaches every device of every home: over Wi-Fi at its slowest
rate, and over this router's uplink once for each member. Two limits stand before that, for two reasons:

    StormLimit    one device that has gone mad, or one member that is hostile, must not take the air of all homes
    FloodBudget   all devices together must not take this router's uplink

Each limit is a token bucket, kept as ITU-T I.371's GCRA does it: one number says until when somebody's rate is spent.
What was sent moves it on by its price, and it may not be further ahead of the time than the burst allows. Who was
silent for that long has a full bucket and needs no place in a table.
"""

from ..errors import Rejected
from .switch import LAN

# A busy host stays far below: it sends some 50 frames at once when it wakes up (mDNS, SSDP) and then one now and
# then; old games send their state to all 35 times a second; a scanner asks for all 254 addresses of a /24 at once.
# At Wi-Fi's 1 Mbit/s a frame of 100 bytes takes 1 ms: 100 a second are a tenth of the air.
SOURCE_GAP = 10  # ms for each frame of one device: 100 a second
LINK_GAP = 4  # ms for each frame out of one tunnel, whatever the devices: 250 a second
AHEAD = 3_000  # ms: so a device may send 300 at once, and a member 750
SOURCES_MAX = 64  # devices behind one port that sent something in the last AHEAD
_OTHERS = None  # in place of a MAC address

# A fifth of an uplink of 10 Mbit/s; and the CPU of a slow router needs about 1 ms for a datagram.
BYTES = 250_000  # a second
DATAGRAMS = 500  # a second
BUDGET_AHEAD = 2_000_000  # µs
OVERHEAD = 64  # bytes that a frame grows by: IPv4 20, UDP 8, WireGuard 32, ours 4
SMALL = 128  # bytes: ARP, neighbour discovery and most questions; the rest leaves half of the burst to them


class StormLimit:
    """For frames that go to a group or to an unknown device; ports are LAN and links, as in the Switch.

    `source` is the sender's MAC address. It may be made up, so each port has a table of its own, with SOURCES_MAX
    places. While it is full, all who have none share one rate."""

    def __init__(self):
        self._sources = {}  # port -> {MAC: until when its rate is spent}
        self._links = {}  # link -> until when its rate is spent

    def check_out(self, source, now):
        """Raises Rejected."""
        self._check_source(LAN, source, now)

    def check_in(self, link, source, now):
        """Raises Rejected."""
        until = _spent(self._links.get(link, now), LINK_GAP, AHEAD, now)
        if until is None:
            raise Rejected("storm")
        self._check_source(link, source, now)
        self._links[link] = until  # what a mad device sends in vain is not the other devices' loss

    def forget_port(self, port):
        """A peer is gone."""
        self._sources.pop(port, None)
        self._links.pop(port, None)

    def _check_source(self, port, source, now):
        sources = self._sources.get(port)
        if sources is None:
            sources = self._sources[port] = {}
        if source not in sources and len(sources) >= SOURCES_MAX:
            source = _OTHERS
        until = _spent(sources.get(source, now), SOURCE_GAP, AHEAD, now)
        if until is None:
            raise Rejected("storm")
        sources[source] = until
        if source is _OTHERS:  # only now, so that a storm of made-up addresses does not make us tidy up for each
            _tidy_up(sources, now)


class FloodBudget:
    """What floods may cost this router's uplink a second, in all."""

    def __init__(self, bytes_per_second=BYTES, datagrams_per_second=DATAGRAMS):
        self._byte_rate = bytes_per_second
        self._datagram_rate = datagrams_per_second
        self._bytes_until = self._datagrams_until = 0  # µs

    def spend(self, n, copies, now):
        """A frame of `n` bytes is about to go to `copies` members. Raises Rejected.

        It goes to all of them or to none. A large group's flood may cost more than a burst: it is let go
        when there is anything left, and the next one waits the longer."""
        micros = now * 1000
        ahead = BUDGET_AHEAD if n <= SMALL else BUDGET_AHEAD // 2
        cost = copies * (n + OVERHEAD) * 1_000_000 // self._byte_rate
        bytes_until = _spent(self._bytes_until, cost, ahead, micros)
        datagrams_until = _spent(self._datagrams_until, copies * 1_000_000 // self._datagram_rate, ahead, micros)
        if bytes_until is None or datagrams_until is None:
            raise Rejected("flood-limit")
        self._bytes_until, self._datagrams_until = bytes_until, datagrams_until


def _spent(until, price, ahead, now):
    """Until when a rate is spent after this, or None when too much of it is spent already."""
    if until < now:
        until = now
    return until + price if until - now < ahead else None


def _tidy_up(sources, now):
    for mac in [mac for mac, until in sources.items() if until <= now]:
        del sources[mac]
