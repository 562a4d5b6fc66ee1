"""A port mapping: the router before us is asked to send what comes to a port of its own on to our UDP port.

First it is asked by PCP (RFC 6887). A router that knows only NAT-PMP (RFC 6886) answers in that version, and is asked
so from then on. Any outside port will do, so the option PREFER_FAILURE has no place here; but the one that we had
before (at first: the same as inside) is always suggested, so that a router which has forgotten us gives it back.

- Requests are repeated as the RFCs say: PCP's after 3 s, then at gaps that double up to 17 minutes; NAT-PMP's nine
  times from 250 ms on, then PCP is tried again, at that largest gap.
- A mapping is renewed when half of its life is over, or three quarters, or seven eighths. When nobody has answered by
  its end, or when the router is said to have restarted, it is asked as if for the first time; what it gave counts until
  it stays silent or says no.
- A router that restarts says so to all, and its messages carry its epoch, the seconds since it began to remember; an
  epoch that doesn't fit our own clock means that it has forgotten us (RFC 6887 section 8.5). Anybody in the house can
  say such a thing in its name, so it makes us ask, at most every 5 s, and nothing more.
- Only the router's address and port are believed; in PCP the nonce has to be ours too. It is derived from a secret that
  outlives us: a mapping belongs to its nonce, and after a crash we want ours back.

    mapper = PortMapper(crypto, secret, 51820)
    mapper.set_gateway("192.168.1.1", "192.168.1.2", now)
    ... handle_datagram, handle_timeout, poll_transmit, poll_timeout ...
    mapper.external                                         # ("203.0.113.7", 51820), or None
"""

from collections import namedtuple

from ..errors import Rejected
from ..wire import address, pcp

PCP, NATPMP = "PCP", "NAT-PMP"

# what the router does
NO_ROUTER = "no-router"
ASKING = "asking"
MAPPED = "mapped"
REFUSED = "refused"
SILENT = "silent"

LIFETIME = 7_200  # s that we ask for (RFC 6886 section 3.3)
LIFETIME_MAX = 86_400  # s that we believe (RFC 6887 section 8.3)
REFUSED_MIN, REFUSED_MAX = 30_000, 1_800_000  # ms until we ask again after a no (section 7.4)
RENEW_MIN = 4_000  # ms (section 11.2.1)
HURRY_GAP = 5_000  # ms between two requests that somebody's word makes us send

_Ladder = namedtuple("_Ladder", ("first_gap", "tries"))  # ms; how often until the router counts as silent
_LADDERS = {PCP: _Ladder(3_000, 4), NATPMP: _Ladder(250, 9)}
GAP_MAX = 1_024_000  # ms

_PCP_REASONS = {
    pcp.UNSUPPORTED_VERSION: "it speaks another version of PCP",
    2: "it is set up to refuse, or the mapping is somebody else's",
    3: "it can't read the request",
    4: "it knows no port mappings",
    5: "it can't read the request",
    6: "it can't read the request",
    7: "it has no address outside at the moment",
    8: "it has no room for more mappings",
    9: "it maps no UDP ports",
    10: "this router may have no more mappings",
    11: "the outside port can't be had",
    12: "there is another NAT between it and us",
    13: "it can't read the request",
}
_NATPMP_REASONS = {
    pcp.UNSUPPORTED_VERSION: "it speaks another version of NAT-PMP",
    2: "it is set up to refuse",
    3: "it has no address outside at the moment",
    4: "it has no room for more mappings",
    5: "it knows no port mappings",
}
_NO_ADDRESS = "it has no usable address outside"

MappingChanged = namedtuple("MappingChanged", ("external",))  # (ip, port), or None: there is none any more


class PortMapper:
    """For our UDP port `internal_port`. `secret` (bytes) is the same after a restart, and nobody else's."""

    def __init__(self, crypto, secret, internal_port):
        self._crypto = crypto
        self._secret = secret
        self._port = internal_port
        self.external = None  # (ip, port) that leads to us
        self.state = NO_ROUTER
        self.protocol = None
        self._told = None  # the last external address that was an event
        self._outbox = []
        self._forget()

    def _forget(self):
        """All that one router has said."""
        self.external = None
        self.state = NO_ROUTER
        self.protocol = None
        self._gateway = None
        self._own_ip = None
        self._nonce = None
        self._reason = None  # why it refuses
        self._ask_at = None
        self._sent_at = None
        self._tries = 0  # requests since the last answer
        self._gap = None  # ms until the next one
        self._is_awaiting = False
        self._is_sure = False  # that it remembers the mapping
        self._expires_at = 0
        self._wanted = self._port  # the outside port to suggest
        self._epoch = None  # (s, when it was so)
        self._parts = {}  # of NAT-PMP's answer, which comes in two

    def set_gateway(self, gateway_ip, own_ip, now):
        """The router before us, and our address on its side (IPv4, text); None and None where there is none."""
        if (gateway_ip, own_ip) == (self._gateway and self._gateway[0], self._own_ip):
            return
        self._outbox = []
        self._forget()
        if gateway_ip is not None:
            self._gateway, self._own_ip = (gateway_ip, pcp.PORT), own_ip
            mine = "port mapping %s %s %d" % (gateway_ip, own_ip, self._port)
            self._nonce = self._crypto.hmac_sha256(self._secret, mine.encode())[: pcp.NONCE]
            self.state, self.protocol = ASKING, PCP
            self._ask_at = now

    def refresh(self, now):
        """There is reason to think that the router has forgotten us, or has become able to answer: ask it."""
        if self._gateway is not None:
            self._begin()
            self._ask_at = now if self._sent_at is None else max(now, self._sent_at + HURRY_GAP)

    def handle_datagram(self, data, addr, now):
        """Returns whether this was for us. Raises Rejected."""
        if addr != self._gateway:
            return False
        response = pcp.parse(data)
        if response.version == pcp.NATPMP_VERSION:
            self._handle_natpmp(response, data, now)
        elif response.version != pcp.PCP_VERSION:
            self._handle_other_version(response, now)
        elif response.opcode == pcp.ANNOUNCE:
            self._handle_news(response.epoch, now)
        elif response.opcode == pcp.MAP:
            self._handle_pcp_mapping(response, data, now)
        else:
            raise Rejected("unexpected-port-mapping")
        return True

    def handle_timeout(self, now):
        if self._ask_at is None or now < self._ask_at:
            return
        if self._is_sure and now + RENEW_MIN >= self._expires_at:
            self._begin()
        if not self._is_sure and self._tries == _LADDERS[self.protocol].tries:
            self._handle_silence()
        self._ask(now)

    def close(self, now):
        """Give the mapping back: what that takes is to be sent, and nothing comes after it."""
        self._outbox = []
        if self._sent_at is not None:
            self._say(0, 0)
        self._forget()

    def poll_transmit(self):
        """(datagram, address), or None."""
        return self._outbox.pop(0) if self._outbox else None

    def poll_timeout(self):
        return self._ask_at

    def poll_event(self):
        """MappingChanged, or None."""
        if self._told == self.external:
            return None
        self._told = self.external
        return MappingChanged(self.external)

    def findings(self):
        """One sentence for people."""
        if self.state == NO_ROUTER:
            return "no router before us is known, so none is asked for a port mapping"
        router = "the router %s" % self._gateway[0]
        if self.state == MAPPED:
            return "%s sends UDP %s on to us (%s)" % (router, address.text(self.external), self.protocol)
        if self.state == REFUSED:
            return "%s gives us no port mapping: %s" % (router, self._reason)
        if self.state == SILENT:
            return (
                "%s answers neither PCP nor NAT-PMP: switch them on there (often named UPnP), or have it send "
                "UDP port %d on to %s" % (router, self._port, self._own_ip)
            )
        return "%s is being asked for a port mapping" % router

    # --- asking

    def _begin(self):
        """As if for the first time."""
        self._tries = 0
        self._gap = None
        self._is_sure = False

    def _ask(self, now):
        self._outbox = []
        self._parts = {}
        self._say(self._wanted, LIFETIME)
        self._tries += 1
        self._sent_at = now
        self._is_awaiting = True
        if self._is_sure:
            self._ask_at = self._renewal(now)
        else:
            first = _LADDERS[self.protocol].first_gap
            self._gap = first if self._gap is None else min(2 * self._gap, GAP_MAX)
            self._ask_at = now + self._between(self._gap * 9 // 10, self._gap * 11 // 10)

    def _say(self, external_port, lifetime):
        if self.protocol == PCP:
            self._send(pcp.map_request(self._own_ip, self._nonce, self._port, external_port, lifetime))
        else:
            if lifetime:
                self._send(pcp.address_request())
            self._send(pcp.natpmp_map_request(self._port, external_port, lifetime))

    def _send(self, datagram):
        self._outbox.append((datagram, self._gateway))

    def _renewal(self, now):
        """When half of the rest of the life is over, or a little later."""
        rest = max(self._expires_at - now, 0)
        return now + max(RENEW_MIN, self._between(rest // 2, rest * 5 // 8))

    def _between(self, low, high):
        return low + (high - low) * int.from_bytes(self._crypto.random(2), "big") // 65_536

    def _handle_silence(self):
        self.state = SILENT
        self.external = None
        if self.protocol == NATPMP:
            self.protocol = PCP
            self._tries, self._gap = 0, GAP_MAX

    # --- what the router says

    def _handle_pcp_mapping(self, response, data, now):
        mapping = pcp.parse_mapping(data)
        if not self._crypto.equal(mapping.nonce, self._nonce) or mapping.internal_port != self._port:
            raise Rejected("unexpected-port-mapping")
        self.protocol = PCP
        if response.result == pcp.SUCCESS:
            self._handle_granted((mapping.external_ip, mapping.external_port), response, now)
        else:
            self._refuse(_PCP_REASONS.get(response.result), response.lifetime * 1_000, now)

    def _handle_other_version(self, response, now):
        if not self._is_awaiting or response.result != pcp.UNSUPPORTED_VERSION:
            raise Rejected("unexpected-port-mapping")
        self._refuse(_PCP_REASONS[pcp.UNSUPPORTED_VERSION], response.lifetime * 1_000, now)

    def _handle_natpmp(self, response, data, now):
        if self.protocol == PCP:
            self._handle_natpmp_router(response, now)
        elif response.opcode == pcp.ASK_ADDRESS and not self._is_awaiting:
            self._handle_natpmp_news(pcp.parse_natpmp_address(data), response, now)
        elif not self._is_awaiting or response.opcode not in (pcp.ASK_ADDRESS, pcp.MAP_UDP):
            raise Rejected("unexpected-port-mapping")
        elif response.result != pcp.SUCCESS:
            self._refuse(_NATPMP_REASONS.get(response.result), REFUSED_MIN, now)
        else:
            self._handle_natpmp_part(response, data, now)

    def _handle_natpmp_router(self, response, now):
        """It was asked by PCP, and this is how one answers that knows only NAT-PMP (RFC 6887 appendix A)."""
        if not self._is_awaiting or response.result != pcp.UNSUPPORTED_VERSION:
            raise Rejected("unexpected-port-mapping")
        self.protocol = NATPMP
        self._begin()
        self._ask(now)

    def _handle_natpmp_part(self, response, data, now):
        if response.opcode == pcp.ASK_ADDRESS:
            self._parts["ip"] = pcp.parse_natpmp_address(data)
        else:
            internal_port, external_port = pcp.parse_natpmp_mapping(data)
            if internal_port != self._port:
                raise Rejected("unexpected-port-mapping")
            self._parts["mapping"] = external_port, response
        if len(self._parts) == 2:
            port, granted = self._parts["mapping"]
            self._handle_granted((self._parts["ip"], port), granted, now)

    def _handle_natpmp_news(self, ip, response, now):
        """It tells everybody which address it has: after a restart, or because the address is a new one."""
        if self.external is not None and ip != self.external[0]:
            self.refresh(now)
        else:
            self._handle_news(response.epoch, now)

    def _handle_news(self, epoch, now):
        if self.state != MAPPED or self._has_restarted(epoch, now):
            self.refresh(now)

    def _has_restarted(self, epoch, now):
        """RFC 6887 section 8.5: clocks may differ by a sixteenth and two seconds."""
        last, when = self._epoch
        server, client = epoch - last, (now - when) // 1_000
        return server < -1 or client + 2 < server - server // 16 or server + 2 < client - client // 16

    def _handle_granted(self, external, response, now):
        if response.lifetime == 0:  # it takes the mapping away
            self.external = None
            self.state = ASKING
            self.refresh(now)
        elif external[1] == 0 or external[0] is None or not address.is_elsewhere(external[0]):
            self._refuse(_NO_ADDRESS, REFUSED_MIN, now)
        else:
            self.external, self._wanted = external, external[1]
            self.state = MAPPED
            self._is_sure, self._is_awaiting = True, False
            self._epoch = (response.epoch, now)
            self._expires_at = now + min(response.lifetime, LIFETIME_MAX) * 1_000
            self._ask_at = self._renewal(now)

    def _refuse(self, reason, again, now):
        """A no: what we have counts on if that is sure, and in `again` ms or so it is asked anew."""
        if not self._is_sure:
            self.external = None
            self.state = REFUSED
            self._reason = reason or "it gives no reason that we know"
            self._begin()
        self._is_awaiting = False
        self._ask_at = now + min(max(again, REFUSED_MIN), REFUSED_MAX)
