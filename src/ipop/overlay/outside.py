"""What stands between our UDP port and the internet, and the addresses that others can try because of it.

One for a router, whatever groups it is in: it composes the questions to STUN servers (stun.py) and to the router before
us (portmap.py), all asked on the data socket, whose answers it takes out of what comes there.
"""

from ..deadlines import earlier
from ..errors import Rejected
from ..wire import pcp, stun
from .portmap import PortMapper
from .stun import FOUND, IPV4, IPV6, StunClient

KEEPALIVE_MAX = 55_000  # ms: three of them, and there are new keys before the old ones end (wg/session.py)


class Outside:
    """`secret` is the PortMapper's; `count(reason)` is told what is thrown away."""

    def __init__(self, crypto, secret, port, count):
        self._count = count
        self._stun = StunClient(crypto.random, port)
        self._mapper = PortMapper(crypto, secret, port)
        self._hosts = []
        self._gateway = None

    def set_servers(self, servers, now):
        """The STUN servers: (ip, port), the best first."""
        self._stun.set_servers(servers, now)

    def set_network(self, hosts, gateway, now):
        """Our IP addresses (texts), and (the router before us, our address on its side), or None: at the start and
        whenever they have changed."""
        self._hosts, self._gateway = hosts, gateway
        self._mapper.set_gateway(gateway and gateway[0], gateway and gateway[1], now)
        self._stun.gather(hosts, now)

    def gather(self, now):
        """All of that may have changed where we don't see it."""
        self._mapper.refresh(now)
        self._stun.gather(self._hosts, now)

    def set_alone(self, is_alone, now):
        """Whether no peer is there whose packets keep our mapping open."""
        self._stun.set_alone(is_alone, now)

    def handle_seen_elsewhere(self, old, new, now):
        """A peer that saw us at one (ip, port) sees us at another. Where only the port is another, a NAT has forgotten
        us earlier than we thought."""
        if old[0] == new[0]:
            self._stun.handle_lost_binding(IPV6 if ":" in new[0] else IPV4, now)
        self._stun.gather(self._hosts, now)

    def handle_datagram(self, data, addr, now):
        """Whether a datagram was for us, and for no tunnel."""
        try:
            if stun.is_stun(data):
                self._stun.handle_datagram(data, addr, now)
                return True
            is_router = self._gateway is not None and addr == (self._gateway[0], pcp.PORT)
            return is_router and self._mapper.handle_datagram(data, addr, now)
        except Rejected as rejected:
            self._count(rejected.reason)
            return True

    def handle_announcement(self, data, addr, now):
        """A datagram that came to pcp.ANNOUNCE_PORT."""
        try:
            if self._gateway is not None and addr == (self._gateway[0], pcp.PORT):
                self._mapper.handle_datagram(data, addr, now)
        except Rejected as rejected:
            self._count(rejected.reason)

    def handle_timeout(self, now):
        self._stun.handle_timeout(now)
        self._mapper.handle_timeout(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms), or None."""
        return earlier(self._stun.poll_timeout(), self._mapper.poll_timeout())

    def poll_transmit(self):
        """The next (datagram, address) for the data socket, or None."""
        return self._stun.poll_transmit() or self._mapper.poll_transmit()

    def poll_change(self):
        """Whether `addresses` may be others now."""
        changed = False
        while self._stun.poll_event() is not None:
            changed = True
        return self._mapper.poll_event() is not None or changed

    def addresses(self):
        """[(ip, port)] of ours as seen from outside, the surest first."""
        found = [self._mapper.external] if self._mapper.external is not None else []
        return found + [family.mapped for family in self._stun.findings() if family.mapped is not None]

    @property
    def keepalive(self):
        """For how long (ms) no packet need be sent to a peer, so that a NAT remembers it; None if that isn't known."""
        found = [family.keepalive or KEEPALIVE_MAX for family in self._stun.findings() if family.state == FOUND]
        return min(found + [KEEPALIVE_MAX]) if found else None

    def findings(self):
        """(what STUN found, a stun.Findings for each family that was asked about; what the router before us said, a
        sentence; the (ip, port) that it gave us, or None)"""
        return self._stun.findings(), self._mapper.findings(), self._mapper.external

    def close(self, now):
        """Give back the port mapping: what that takes is in `poll_transmit`."""
        self._mapper.close(now)
