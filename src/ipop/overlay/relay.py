"""Datagrams that reach a member through another one, which sees only ciphertext.

They travel inside the tunnels that the relay has with both, as one kind of what a tunnel carries (wire/payload.py):

    0x03 | kind 1 | length 2 | member 8 | datagram

kind 1, to the relay: send this to that member. kind 2, from the relay: that member has sent this. A member is the first
8 bytes of its WireGuard key. So nobody relays for strangers, nobody can name a place to send to that isn't a member's,
and the receiver knows who brought it. A relay sends to members that it reaches directly, and so no datagram goes round.

For the rest of the node a way through a relay is an address like others (wire/ways.py). It is proven like others too,
before it carries data (paths.py).
"""

import binascii

from ..errors import Rejected
from ..wire import payload
from ..wire.ways import RELAY

PREFIX = 8  # bytes of a key
RATE = 4_000_000  # bytes per second that are forwarded for one member; as many at once
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
    """What is forwarded for one member: a bucket that fills at RATE."""

    def __init__(self, now):
        self._level = RATE
        self._at = now

    def take(self, n, now):
        self._level = min(RATE, self._level + (now - self._at) * RATE // 1000)
        self._at = now
        if n > self._level:
            return False
        self._level -= n
        return True


class Relay:
    """A node's part: `links` are those with our own nodes; each has `peer`, a wg/peer.py Peer."""

    def __init__(self):
        self.is_willing = False  # whether we forward for others
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
            allowance = self._allowances[source] = _Allowance(now)
        if not allowance.take(max(len(content), SMALLEST), now):
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
