"""A frame taken apart as far as the rules of a LAN look at it: VLAN tags, IP headers, where the transport header is.

Sources: IEEE 802.1Q clause 9, RFC 791, RFC 8200 sections 3 and 4. It is what every frame goes through that isn't like
the one before it, and what hostile ones are made for: nothing is believed before it was found to lie inside the frame.
"""

from ..errors import Rejected
from . import ethernet

TAGS_MAX = 2
EXTENSIONS_MAX = 8  # more than any honest packet has
TCP, UDP, ICMP, ICMPV6, IGMP = 6, 17, 1, 58, 2

FIRST, LATER = "first", "later"  # kinds of fragments

_TAGS = (0x8100, 0x88A8)
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _NONE, _DESTINATION = 0, 43, 44, 51, 59, 60
_EXTENSIONS = (_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION)
_TRANSPORT_MIN = {TCP: 20, UDP: 8, ICMP: 4, ICMPV6: 4, IGMP: 8}

class Packet:
    """What there is to say of a frame; one object serves for many, filled in place, as garbage is dear.

    destination, source: MAC addresses (bytes). ethertype: the one behind `tags` VLAN tags. The payload stands from `at`
    to `end`, which for IP is where the packet ends. For IP: both addresses (packed), `protocol` as in IPv4, None where
    the extension headers can't be followed; `transport` is where that header stands, None where it isn't whole in this
    frame; `fragment` is None, FIRST or LATER. `has_options`: whether IPv6 has a hop-by-hop header, IPv4 options."""

    def __init__(self):
        self.destination = self.source = None
        self.tags = self.ethertype = self.at = self.end = 0
        self.source_ip = self.destination_ip = None
        self.protocol = self.transport = self.fragment = None
        self.has_options = False


def dissect(mem, start, n, packet=None):
    """The Packet in the frame of `n` bytes at `start`; put into `packet` if there is one. Raises Rejected: "bad-frame",
    "bad-packet"."""
    if n < ethernet.HEADER:
        raise Rejected("bad-frame")
    if packet is None:
        packet = Packet()
    at, end, tags = start + 12, start + n, 0
    ethertype = mem[at] << 8 | mem[at + 1]
    while ethertype in _TAGS:
        tags, at = tags + 1, at + 4
        if tags > TAGS_MAX or at + 2 > end:
            raise Rejected("bad-frame")
        ethertype = mem[at] << 8 | mem[at + 1]
    at += 2
    packet.destination = bytes(mem[start : start + 6])
    packet.source = bytes(mem[start + 6 : start + 12])
    packet.tags = tags
    packet.ethertype = ethertype
    packet.at = at
    packet.end = end
    packet.fragment = None
    packet.has_options = False
    if ethertype == ethernet.IPV4:
        _ipv4(packet, mem, at, end)
    elif ethertype == ethernet.IPV6:
        _ipv6(packet, mem, at, end)
    else:
        packet.source_ip = packet.destination_ip = packet.protocol = packet.transport = None
    return packet


def _ipv4(packet, mem, at, end):
    if end - at < 20 or mem[at] >> 4 != 4:
        raise Rejected("bad-packet")
    header, length = (mem[at] & 15) * 4, mem[at + 2] << 8 | mem[at + 3]
    if header < 20 or length < header or length > end - at:
        raise Rejected("bad-packet")
    end = at + length
    word, protocol = mem[at + 6] << 8 | mem[at + 7], mem[at + 9]
    packet.end = end
    packet.source_ip = bytes(mem[at + 12 : at + 16])
    packet.destination_ip = bytes(mem[at + 16 : at + 20])
    packet.protocol = protocol
    packet.has_options = header > 20
    if word & 0x1FFF:
        packet.fragment, packet.transport = LATER, None
        return
    if word & 0x2000:
        packet.fragment = FIRST
    packet.transport = _transport(protocol, at + header, end)


def _ipv6(packet, mem, at, end):
    if end - at < 40 or mem[at] >> 4 != 6:
        raise Rejected("bad-packet")
    length = mem[at + 4] << 8 | mem[at + 5]
    if length > end - at - 40:
        raise Rejected("bad-packet")
    end = at + 40 + length
    packet.end = end
    packet.source_ip = bytes(mem[at + 8 : at + 24])
    packet.destination_ip = bytes(mem[at + 24 : at + 40])
    packet.protocol = packet.transport = None
    protocol, here = mem[at + 6], at + 40
    for _ in range(EXTENSIONS_MAX):
        if protocol not in _EXTENSIONS:
            packet.protocol = protocol
            packet.transport = None if packet.fragment is LATER else _transport(protocol, here, end)
            return
        if end - here < 8:
            return
        if protocol == _HOP_BY_HOP:
            packet.has_options = True
        if protocol == _FRAGMENT:
            word = mem[here + 2] << 8 | mem[here + 3]
            packet.fragment = LATER if word & 0xFFF8 else FIRST if word & 1 else packet.fragment
            size = 8
        else:
            size = (mem[here + 1] + 2) * 4 if protocol == _AUTHENTICATION else (mem[here + 1] + 1) * 8
        protocol, here = mem[here], here + size
        if packet.fragment is LATER:  # what is behind is the middle of something
            packet.protocol = protocol
            return


def _transport(protocol, here, end):
    return here if end - here >= _TRANSPORT_MIN.get(protocol, 0) else None

