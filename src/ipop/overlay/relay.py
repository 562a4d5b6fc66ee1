"""Datagrams that reach a member through another one, which sees only ciphertext.

They travel inside the tunnels that the relay has with both, as one kind of what a tunnel carries (wire/payload.py):

    0x03 | kind 1 | length 2 | member 8 | datagram

kind 1, to the relay: send this to that member. kind 2, from the relay: that member has sent this. A member is the first
8 bytes of its WireGuard key. So nobody relays for strangers, nobody can name a place to send to that isn't a member's,
and the receiver knows who brought it. A relay sends to members that it reaches directly, and so no datagram goes round.

What is forwarded costs upload. For each member there is as much as RATE, and for all together, in all groups, what the
router's owner says (a Limit).

For the rest of the node a way through a relay is an address like others (wire/ways.py). It is proven like others too,
before it carries data (paths.py).
"""

import binascii

from ..errors import Rejected
from ..wire import payload
from ..wire.ways import RELAY

PREFIX = 8  # bytes of a key
RATE = 4_000_000  # bytes per second that are forwarded for one member
KBIT = 125  # bytes
BURST_LEAST = 16_000  # bytes: whatever the limit is, a large datagram passes now and then
SMALLEST = 500  # bytes that a datagram counts as at least: each is work


def through(relay, member):
    """The address of the member with one key (or its first 8 bytes) through the relay with another."""
    return RELAY + _hex(relay) + _hex(member), 0


def is_relayed(addr):
    return addr[0][0] == RELAY


def route(addr):
    """(relay, member): the first 8 bytes of their keys."""
    both = binascii.unhexlify(addr[0][1:])
    return both[:PREFIX], both[PREFIX:]


def _hex(key):
    return binascii.hexlify(key[:PREFIX]).decode()


class _Allowance:
    """A bucket that fills at so many bytes per second, and holds what comes in one."""

    def __init__(self, rate, now):
        self._rate = rate
        self._most = self._level = max(rate, BURST_LEAST) * 1000  # thousandths of a byte: time comes in ms
        self._at = now

    def take(self, n, now):
        self._level = min(self._most, self._level + (now - self._at) * self._rate)
        self._at = now
        if n * 1000 > self._level:
            return False
        self._level -= n * 1000
        return True


class Limit:
    """How much a router forwards for all members together; it may be shared by several Relays."""

    def __init__(self):
        self._kbits = 0
        self._allowance = None

    def set(self, kbits, now):
        """kbit/s; 0: as much as comes."""
        if kbits != self._kbits:
            self._kbits = kbits
            self._allowance = _Allowance(kbits * KBIT, now) if kbits else None

    def take(self, n, now):
        return self._allowance is None or self._allowance.take(n, now)


class Relay:
    """A node's part: `links` are those with our own nodes; each has `peer`, a wg/peer.py Peer."""

    def __init__(self):
        self.is_willing = False  # whether we forward for others
        self.limit = Limit()
        self.forwarded = 0  # bytes
        self._links = {}  # the first bytes of a key -> link
        self._allowances = {}  # link -> _Allowance

    def add_link(self, link):
        self._links[link.peer.public_key[:PREFIX]] = link

    def remove_link(self, link):
        self._links.pop(link.peer.public_key[:PREFIX], None)
        self._allowances.pop(link, None)

    def link_of(self, addr):
        """The link with the relay in an address, or None."""
        return self._links.get(route(addr)[0])

    def can_reach(self, addr, now):
        """Whether the relay in an address is one to which there is a direct way now."""
        return self.is_near(route(addr)[0], now)

    def is_near(self, key, now):
        """Whether there is a direct way now to the member with this key."""
        return self._direct(key[:PREFIX], now) is not None

    def wrap(self, data, addr, now):
        """(datagram, address) to send, for a datagram to an address through a relay. Raises Rejected."""
        relay, member = route(addr)
        link = self._direct(relay, now)
        if link is None:
            raise Rejected("relay-gone")
        return link.peer.enclose(payload.relayed(payload.TO, member, data), now), link.peer.endpoint

    def forward(self, source, content, now):
        """(datagram, address) for what a member wants to be forwarded: member and datagram. Raises Rejected."""
        if not self.is_willing:
            raise Rejected("relay-unwilling")
        link = self._direct(content[:PREFIX], now)
        if link is None or link is source:
            raise Rejected("relay-unreachable")
        allowance = self._allowances.get(source)
        if allowance is None:
            allowance = self._allowances[source] = _Allowance(RATE, now)
        size = max(len(content), SMALLEST)
        if not allowance.take(size, now) or not self.limit.take(size, now):
            raise Rejected("relay-limit")
        self.forwarded += len(content)
        data = payload.relayed(payload.FROM, source.peer.public_key[:PREFIX], content[PREFIX:])
        return link.peer.enclose(data, now), link.peer.endpoint

    def _direct(self, prefix, now):
        """The link with a member that is reached without a relay and has compared rosters with us, or None."""
        link = self._links.get(prefix)
        if link is None or link.peer.session_to_send(now) is None:  # which has an endpoint
            return None
        return None if is_relayed(link.peer.endpoint) else link
