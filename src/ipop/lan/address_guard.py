"""Whose addresses are in a frame, and may it bear them? For both directions: from our LAN, and out of each tunnel.

An IPv4 address is a member's by the roster: of its slices of the group's subnet, and of nothing else. So overlapping
LANs of two homes, devices set up by hand and ARP spoofs all end here. IPv6 and MAC addresses belong to who used them
first (RFC 6620; see claims.py), but for our router's, which stay ours though it may say nothing here for hours: its
devices ask it for names. IPv6 has the group's prefix or is link-local. What ARP (RFC 826) and neighbour
discovery (RFC 4861) say about MAC addresses must be what the frame itself says.

Reasons: "bad-source" the MAC address, "foreign-address" one that its sender can't have, "bad-neighbour" what hosts
ignore or shouldn't believe, "claimed" another's (until it is decided), "table-full" its sender has too many.
"""

from ..errors import Rejected
from ..wire import ethernet, ip
from ..wire.dissect import FIRST, ICMPV6
from .bindings import LAN, RECENT

NOBODY = "nobody"

_NO_MAC = bytes(6)
_NO_IPV4 = bytes(4)
UNSPECIFIED = bytes(16)
_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT, _REDIRECT = 133, 134, 137
_MLD = (131, 132, 143)  # reports and "done", which may come before there is an address (RFC 3590)
_NEIGHBOUR_DISCOVERY = (_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT, ip.SOLICITATION, ip.ADVERTISEMENT, _REDIRECT)


class Slices:
    """Which IPv4 address is whose."""

    def __init__(self):
        self._by_length = []  # (prefix length, {network as number: owner}), the longest first

    def set(self, own, others):
        """`own` and each value of `others` (by link) is a sequence of (network, prefix length), or None."""
        tables = {}
        for owner, slices in [(LAN, own)] + list(others.items()):
            for network, length in slices or ():
                tables.setdefault(length, {})[_number(network) >> 32 - length] = owner
        self._by_length = [(length, tables[length]) for length in sorted(tables, reverse=True)]

    def owner_of(self, address):
        """A link, LAN or NOBODY."""
        number = _number(address)
        for length, table in self._by_length:
            owner = table.get(number >> 32 - length, NOBODY)
            if owner is not NOBODY:
                return owner
        return NOBODY


class AddressGuard:
    """`mac` is ours, which nobody else has; `emit(frame)` sends one to our LAN."""

    def __init__(self, bindings, claims, mac, emit):
        self.slices = Slices()
        self._bindings = bindings
        self._claims = claims
        self._mac = mac
        self._emit = emit
        self._prefix = None
        self._routers = ()

    def set_router(self, addresses):
        """All addresses (packed) of our router."""
        self._routers = set(addresses)

    def set_prefix(self, prefix):
        """The first 8 bytes of the group's IPv6 addresses, or None."""
        self._prefix = prefix

    def check(self, packet, mem, owner, now):
        """Whether a frame of `owner` (a link or LAN) may pass; learns its addresses. Raises Rejected."""
        source = packet.source
        if ethernet.is_group(source) or source == _NO_MAC or source == self._mac:
            raise Rejected("bad-source")
        addresses, states_mac, newcomer = (), False, None
        if packet.ethertype == ethernet.IPV4:
            if self.slices.owner_of(packet.source_ip) is not owner:
                raise Rejected("foreign-address")
            addresses = (packet.source_ip,)
        elif packet.ethertype == ethernet.IPV6:
            kind = _icmpv6_type(packet, mem)
            states_mac = kind == ip.SOLICITATION or kind == ip.ADVERTISEMENT
            addresses = self._of_neighbour(packet, mem, kind) if states_mac else self._of_ipv6(packet, kind)
            if states_mac and packet.source_ip == UNSPECIFIED:
                newcomer = source
        elif packet.ethertype == ethernet.ARP:
            states_mac = True
            addresses = self._of_arp(packet, mem, owner, now)
        if owner is not LAN and any(address in self._routers for address in addresses):
            raise Rejected("foreign-address")
        self._demand((source,) + addresses, owner, newcomer, now)
        self._learn(source, addresses, states_mac, owner, now)

    def _demand(self, addresses, owner, newcomer, now):
        """All these have to be the owner's, or nobody's. `newcomer`: the MAC address of who asks for duplicates."""
        is_claimed = False
        for address in addresses:
            binding = self._bindings.get(address)
            if binding is None:
                continue
            if binding.owner is owner:
                if owner is LAN:
                    self._claims.handle_heard(address, now)
                continue
            if binding.first is owner and binding.owner is not LAN:
                self._claims.take_back(address, owner, addresses[0], now)
                continue
            # A device that was carried here asks too, with the MAC address that is known. Told that there is another,
            # it would give its address up (RFC 4862 section 5.4.5).
            is_dad = owner is LAN and newcomer is not None and len(address) == 16 and binding.mac != newcomer
            if is_dad and binding.mac is not None and now - binding.seen < RECENT:
                self._claims.tell_newcomer(address, binding)
                is_claimed = True
            elif not self._claims.handle_claim(address, owner, addresses[0], is_dad, now):
                is_claimed = True
        if is_claimed:
            raise Rejected("claimed")

    def _learn(self, mac, addresses, states_mac, owner, now):
        its = self._bind(mac, owner, now)
        its.seen = now
        for address in addresses:
            binding = self._bind(address, owner, now)
            if states_mac or binding.mac is None:
                binding.mac = mac
            elif binding.mac != mac:  # it came through a router, and says nothing about where its device is
                continue
            binding.seen = now
            if len(address) == 4:
                its.ipv4 = address
            else:
                its.ipv6 = address

    def _bind(self, address, owner, now):
        binding = self._bindings.get(address) or self._bindings.add(address, owner, now)
        if binding is None:
            raise Rejected("table-full")
        return binding

    # --- the addresses that a frame bears

    def _of_arp(self, packet, mem, owner, now):
        said = ip.read_arp(mem, packet.at, packet.end)
        if said is None or said[0] not in (ip.ARP_REQUEST, ip.ARP_REPLY) or said[1] != packet.source:
            raise Rejected("bad-neighbour")
        operation, mac, sender, target = said
        if sender != _NO_IPV4:
            if self.slices.owner_of(sender) is not owner:
                raise Rejected("foreign-address")
            return (sender,)
        if operation != ip.ARP_REQUEST:
            raise Rejected("bad-neighbour")
        if self.slices.owner_of(target) is not owner:
            if owner is LAN:
                self._tell_who_has(target, mac, now)
            raise Rejected("foreign-address")
        return ()  # a probe (RFC 5227): nothing is used yet

    def _tell_who_has(self, target, mac, now):
        """A device of our LAN is about to use another member's address, set by hand: it learns that it is taken."""
        binding = self._bindings.get(target)
        if binding is not None and binding.owner is not LAN and binding.mac != mac and now - binding.seen < RECENT:
            self._emit(ip.arp(ip.ARP_REPLY, binding.mac, target, mac, _NO_IPV4))

    def _of_ipv6(self, packet, kind):
        source = packet.source_ip
        if source == UNSPECIFIED:
            if kind not in _MLD:
                raise Rejected("foreign-address")
            return ()
        self._is_ours(source)
        return (source,)

    def _of_neighbour(self, packet, mem, kind):
        source = packet.source_ip
        said = ip.read_neighbour(mem, packet.transport, packet.end)
        if said is None or mem[packet.at + 7] != 255:  # from beyond a router
            raise Rejected("bad-neighbour")
        target, mac = said
        if mac is not None and mac != packet.source:
            raise Rejected("bad-neighbour")
        self._is_ours(target)
        if source == UNSPECIFIED:
            if kind != ip.SOLICITATION or mac is not None or packet.destination_ip != ip.solicited_node(target):
                raise Rejected("bad-neighbour")
            return (target,)
        self._is_ours(source)
        if kind == ip.SOLICITATION or source == target:
            return (source,)
        return (source, target)

    def _is_ours(self, address):
        if not ip.is_link_local(address) and address[:8] != self._prefix:
            raise Rejected("foreign-address")


def _icmpv6_type(packet, mem):
    """None for another protocol. Raises Rejected for what might be neighbour discovery and can't be looked at."""
    if packet.protocol != ICMPV6:
        if packet.protocol is None:
            raise Rejected("bad-neighbour")
        return None
    kind = None if packet.transport is None else mem[packet.transport]
    if packet.fragment is not None:  # RFC 6980; if the first one of them goes nowhere the later ones are nothing
        if kind in _NEIGHBOUR_DISCOVERY or (kind is None and packet.fragment is FIRST):
            raise Rejected("bad-neighbour")
    return kind


def _number(address):
    return address[0] << 24 | address[1] << 16 | address[2] << 8 | address[3]
