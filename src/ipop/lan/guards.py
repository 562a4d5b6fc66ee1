"""What never crosses from one home into another, whoever sends it: each has its own DHCP, its own router, its own STP.

All rules hold for what the LAN sends into tunnels and for what comes out of them, where it may be hostile. They are
tables: of EtherTypes, group MAC addresses, UDP ports and ICMP types, each with the word of the guard that refuses it.
So most frames leave after two look-ups. The protocols are DHCP (RFC 2131), DHCPv6 (RFC 8415), router discovery and
redirects (RFC 792, 1256, 4861), NAT-PMP and PCP (RFC 6886, 6887), PPPoE (RFC 2516), UPnP's gateway (IGD) as far as
SSDP finds it, and all that bridges say to their neighbours (IEEE 802.1Q table 8-1).

A guard that can be walked around is none, so what hides its transport header is refused as well: a first fragment that
is too short for it (RFC 7112), an IPv6 header chain without an end, neighbour discovery in fragments (RFC 6980), and
IP under stacked VLAN tags or in LLC/SNAP, which some hosts unpack (CERT VU#855201). Later fragments pass: without its
first one a datagram is never put together, and that one shows its ports or type, which no later one may overwrite
(RFC 1858, 5722).

The router is guarded as a host too: other members' devices can ping it, find it, and ask it for names. Nor is it a way
out for them: a frame for its MAC address, but not for its IP addresses, asks it to forward.

A verdict on TCP and UDP depends on addresses and ports alone, so it can be kept for a flow; but for `SSDP`, whose text
is read, and fragments.
"""

from collections import namedtuple

from ..errors import Rejected
from ..wire import ethernet, ip
from ..wire.dissect import FIRST, ICMP, ICMPV6, LATER, TCP, UDP

DHCP, DHCPV6, RA, REDIRECT = "guard-dhcp", "guard-dhcpv6", "guard-ra", "guard-redirect"
CONTROL, PPPOE, IGD, PORTMAP = "guard-control", "guard-pppoe", "guard-igd", "guard-portmap"
ROUTER, UNPARSED = "guard-router", "guard-unparsed"

# `name` is what the option takes that switches it off, `word` what it counts under, `text` is for people.
Guard = namedtuple("Guard", ("name", "word", "text"))
GUARDS = (
    Guard("dhcp", DHCP, "DHCP stays at home: devices get their addresses from their own router only."),
    Guard("dhcpv6", DHCPV6, "DHCPv6 stays at home, as DHCP does."),
    Guard("ra", RA, "No router of another home announces itself to devices here (router advertisements)."),
    Guard("redirect", REDIRECT, "Nobody in another home tells devices here to send by another way (ICMP redirects)."),
    Guard("control", CONTROL, "What switches say to their neighbours stays at home: STP, LLDP, LACP, 802.1X, CDP."),
    Guard("pppoe", PPPOE, "PPPoE, the dial-up to an internet provider, stays at home."),
    Guard("igd", IGD, "Devices find no UPnP internet gateway in another home, so they open no ports there."),
    Guard("portmap", PORTMAP, "NAT-PMP and PCP stay at home, so that devices open no ports in another home."),
    Guard("router", ROUTER, "Other members' devices can ping this router and ask it for names, and nothing else."),
    Guard("unparsed", UNPARSED, "Frames that are made to hide what they carry from these guards are dropped."),
)

SSDP = 1900

_PORTS = {
    67: DHCP,
    68: DHCP,
    546: DHCPV6,
    547: DHCPV6,
    5350: PORTMAP,
    5351: PORTMAP,
}
_ICMP_TYPES = {5: REDIRECT, 9: RA, 10: RA}
_ICMPV6_TYPES = {133: RA, 134: RA, 137: REDIRECT}
_NEIGHBOURS = (ip.SOLICITATION, ip.ADVERTISEMENT)

_LENGTHS = 0x0600  # below, it is the length of an LLC frame (IEEE 802.3 section 3.2.6)
_SNAP = 0xAA
_ETHERTYPES = {
    0x8808: CONTROL,  # MAC control: pause frames
    0x8809: CONTROL,  # slow protocols: LACP
    0x888E: CONTROL,  # EAPOL (802.1X)
    0x88C7: CONTROL,  # 802.11 preauthentication, the same between access points
    0x88CC: CONTROL,  # LLDP
    0x88F5: CONTROL,  # MVRP
    0x88F6: CONTROL,  # MMRP
    0x8899: CONTROL,  # Realtek's loop detection, and its remote control of switches, which asks for no password
    0x9000: CONTROL,  # loopback test of some switches, from an address to itself
    0x887B: CONTROL,  # HomePlug and its heirs: powerline adapters are set up by it, keys and all, by whoever asks
    0x88E1: CONTROL,
    0x8912: CONTROL,
    0x893A: CONTROL,  # IEEE 1905.1: the access points of a home's mesh among themselves
    0x8863: PPPOE,
    0x8864: PPPOE,
    0x8870: UNPARSED,  # LLC again, in frames of any length
    0x9100: UNPARSED,  # VLAN tags of before 802.1ad
    0x9200: UNPARSED,
    0x9300: UNPARSED,
}
_GROUPS = (0x80C2, 0x000C)  # 01-80-C2, 01-00-0C, of IEEE 802.1 and of Cisco: bridges among themselves

# In lower case. The services of IGD all begin with WAN, but for one; the other names stand for versions 1 and 2 alike.
_GATEWAY = (b"internetgatewaydevice", b":device:wan", b":service:wan", b"layer3forwarding", b"layerforwarding")

# What the router is there for: destination ports, or ICMP types.
_NAMES = (53, 5353)
_ANSWERED = {UDP: _NAMES, TCP: (53,), ICMP: (0, 8), ICMPV6: (128, 129) + _NEIGHBOURS}
_BROADCAST = b"\xff" * 4


class Guards:
    """`off` are names of GUARDS that are switched off (KeyError for another)."""

    def __init__(self, off=()):
        self.switch_off(off)
        self._macs = ()
        self._addresses = set()
        self._routed = ()

    def switch_off(self, names):
        """These, and no others, from now on."""
        words = {guard.name: guard.word for guard in GUARDS}
        self._off = {words[name] for name in names}

    def set_router(self, macs, addresses, routed=()):
        """The MAC addresses of our own bridge and of the port by which frames from tunnels come into it, which Linux
        takes for the router's as well; and the router's addresses (packed), link-local ones too.

        Linux answers to an address of one interface on all others: so name all that it has. `routed` are
        (packed prefix, length) that other members may reach through it, such as the slice a home LAN is mapped to."""
        self._macs = macs
        self._addresses = set(addresses)
        self._routed = routed

    def check_out(self, packet, mem):
        """A frame of the LAN on its way into tunnels, as a dissect.Packet in `mem`. Raises Rejected."""
        self._check(packet, mem)

    def check_in(self, packet, mem):
        """A frame that came out of a tunnel, on its way to the LAN. Raises Rejected."""
        self._check(packet, mem)
        address = packet.destination_ip
        is_routers = packet.destination in self._macs or address in self._addresses or _is_for_any(packet, address)
        if is_routers and not self._may_reach_router(packet, mem):
            self._refuse(ROUTER)

    def _check(self, packet, mem):
        mac = packet.destination
        if mac[0] == 1 and mac[1] << 8 | mac[2] in _GROUPS:
            self._refuse(CONTROL)
        if packet.tags > 1:
            self._refuse(UNPARSED)
        if packet.destination_ip is None:
            self._check_ethertype(packet, mem)
        elif packet.transport is not None:
            look = _INSIDE.get(packet.protocol)
            if look is not None:
                look(self, packet, mem)
        elif packet.fragment is not LATER:
            self._refuse(UNPARSED)

    def _check_ethertype(self, packet, mem):
        if packet.ethertype >= _LENGTHS:
            self._refuse(_ETHERTYPES.get(packet.ethertype))
        elif packet.at < packet.end and mem[packet.at] | 1 == _SNAP | 1:  # IP may be inside (RFC 1042)
            self._refuse(UNPARSED)
        else:
            self._refuse(CONTROL)

    def _check_udp(self, packet, mem):
        at = packet.transport
        source, destination = mem[at] << 8 | mem[at + 1], mem[at + 2] << 8 | mem[at + 3]
        self._refuse(_PORTS.get(destination))
        self._refuse(_PORTS.get(source))
        if destination == SSDP or source == SSDP:
            self._check_ssdp(packet, mem)

    def _check_ssdp(self, packet, mem):
        if packet.fragment is FIRST:  # the text goes on elsewhere, and no honest message is that long
            self._refuse(UNPARSED)
        text = bytes(mem[packet.transport + 8 : packet.end]).lower()
        for name in _GATEWAY:
            if name in text:
                self._refuse(IGD)

    def _check_icmp(self, packet, mem):
        self._refuse(_ICMP_TYPES.get(mem[packet.transport]))

    def _check_icmpv6(self, packet, mem):
        kind = mem[packet.transport]
        self._refuse(_ICMPV6_TYPES.get(kind))
        if packet.fragment is FIRST and kind in _NEIGHBOURS:
            self._refuse(UNPARSED)

    def _may_reach_router(self, packet, mem):
        address = packet.destination_ip
        if address is None:
            return packet.ethertype == ethernet.ARP
        if address in self._addresses or _is_link_local(address):
            return _is_answered(packet, mem)
        return ip.is_multicast(address) or address == _BROADCAST or self._is_routed(address)

    def _is_routed(self, address):
        for prefix, length in self._routed:
            if ip.contains(prefix, length, address):
                return True
        return False

    def _refuse(self, word):
        if word is not None and word not in self._off:
            raise Rejected(word)


def _is_for_any(packet, address):
    """Whether IPv6 for one address is in a frame for all. So the router could be called by its anycast addresses, such
    as the first of each prefix (RFC 4291 section 2.6.1), and nobody honest does that."""
    return packet.destination[0] & 1 and address is not None and len(address) == 16 and not ip.is_multicast(address)


def _is_link_local(address):
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def _is_answered(packet, mem):
    """Whether the router answers this to other members' devices. With IP options it could be asked to forward."""
    if packet.has_options:
        return False
    at = packet.transport
    if at is None:
        return packet.fragment is LATER
    if packet.protocol in (TCP, UDP):
        value = mem[at + 2] << 8 | mem[at + 3]
    else:
        value = mem[at]
    return value in _ANSWERED.get(packet.protocol, ())


_INSIDE = {
    UDP: Guards._check_udp,
    ICMP: Guards._check_icmp,
    ICMPV6: Guards._check_icmpv6,
}
