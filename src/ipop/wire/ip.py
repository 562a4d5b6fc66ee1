"""IP headers, ARP (RFC 826) and neighbour discovery (RFC 4861), as far as a host on Ethernet needs them.

Addresses are packed bytes."""

import struct

from ..errors import Rejected
from . import ethernet

_ARP_ETHERNET_IPV4 = b"\x00\x01\x08\x00\x06\x04"
ARP_REQUEST, ARP_REPLY = 1, 2
ICMP, ICMPV6 = 1, 58
SOLICITATION, ADVERTISEMENT = 135, 136
_SOLICITED, _OVERRIDE = 0x40000000, 0x20000000
_SOURCE_OPTION, _TARGET_OPTION = 1, 2
_UNSPECIFIED = bytes(16)
_ALL_NODES = b"\xff\x02" + bytes(13) + b"\x01"


def version(mem, at):
    return mem[at] >> 4


def addresses(mem, at, n):
    """(source, destination, length) of the packet at `at`, of which `n` bytes are there. Raises Rejected."""
    if version(mem, at) == 4:
        if n < 20:
            raise Rejected("bad-packet")
        length = mem[at + 2] << 8 | mem[at + 3]
        source, destination = bytes(mem[at + 12 : at + 16]), bytes(mem[at + 16 : at + 20])
    else:
        if n < 40:
            raise Rejected("bad-packet")
        length = (mem[at + 4] << 8 | mem[at + 5]) + 40
        source, destination = bytes(mem[at + 8 : at + 24]), bytes(mem[at + 24 : at + 40])
    if length > n or length < 20:
        raise Rejected("bad-packet")
    return source, destination, length


def contains(prefix, length, address):
    """Whether `address` lies in `prefix`/`length`; all of one family."""
    if len(prefix) != len(address):
        return False
    whole, rest = length >> 3, length & 7
    if prefix[:whole] != address[:whole]:
        return False
    return not rest or (prefix[whole] ^ address[whole]) >> 8 - rest == 0


def multicast_mac(address):
    """The group MAC address of an IP multicast address (RFC 1112 section 6.4, RFC 2464 section 7)."""
    if len(address) == 4:
        return b"\x01\x00\x5e" + bytes([address[1] & 0x7F]) + address[2:]
    return b"\x33\x33" + address[12:]


def is_multicast(address):
    return address[0] == 0xFF if len(address) == 16 else address[0] & 0xF0 == 0xE0


def is_link_local(address):
    """Whether an IPv6 address is in fe80::/10."""
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80


def link_local(mac):
    """The link-local IPv6 address of an interface (RFC 4291 appendix A, RFC 2464 section 5)."""
    return b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]


def solicited_node(address):
    """The group of all whose IPv6 address ends as this one does (RFC 4291 section 2.7.1)."""
    return b"\xff\x02" + bytes(9) + b"\x01\xff" + address[13:]


def arp(operation, sender_mac, sender, target_mac, target, destination=None):
    """An ARP frame; a request goes to everybody unless it is to ask one `destination` (a MAC address) only."""
    if destination is None:
        destination = ethernet.BROADCAST if operation == ARP_REQUEST else target_mac
    return (
        ethernet.header(destination, sender_mac, ethernet.ARP)
        + _ARP_ETHERNET_IPV4
        + struct.pack(">H", operation)
        + sender_mac
        + sender
        + target_mac
        + target
    )


def parse_arp(frame):
    """(operation, sender's MAC, sender, target) of an ARP frame, or None."""
    return read_arp(frame, ethernet.HEADER, len(frame))


def read_arp(mem, at, end):
    """(operation, sender's MAC, sender, target) of the ARP message at `at`, or None."""
    if end - at < 28 or bytes(mem[at : at + 6]) != _ARP_ETHERNET_IPV4:
        return None
    operation = mem[at + 6] << 8 | mem[at + 7]
    return operation, bytes(mem[at + 8 : at + 14]), bytes(mem[at + 14 : at + 18]), bytes(mem[at + 24 : at + 28])


def _icmpv6(destination_mac, source_mac, source, destination, body):
    """A neighbour discovery frame; the checksum in `body` (at 2) is still zero."""
    pseudo = source + destination + struct.pack(">II", len(body), ICMPV6)
    body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
    packet = struct.pack(">IHBB", 6 << 28, len(body), ICMPV6, 255) + source + destination
    return ethernet.header(destination_mac, source_mac, ethernet.IPV6) + packet + body


def checksum(data):
    """RFC 1071."""
    if len(data) & 1:
        data += b"\0"
    total = 0
    for i in range(0, len(data), 2):
        total += data[i] << 8 | data[i + 1]
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def solicitation(sender_mac, sender, target, destination=None):
    """Who has `target` (16 bytes)? Sent to its solicited-node group, or to it alone at a MAC address."""
    group = solicited_node(target) if destination is None else target
    body = struct.pack(">BBHI", SOLICITATION, 0, 0, 0) + target + b"\x01\x01" + sender_mac
    return _icmpv6(destination or multicast_mac(group), sender_mac, sender, group, body)


def advertisement(sender_mac, sender, target_mac, target):
    """`sender` is at `sender_mac`, told to `target`; to all where nobody may use that address yet (section 7.2.4)."""
    flags = _OVERRIDE
    if target == _UNSPECIFIED:
        target, target_mac = _ALL_NODES, multicast_mac(_ALL_NODES)
    else:
        flags |= _SOLICITED
    body = struct.pack(">BBHI", ADVERTISEMENT, 0, 0, flags) + sender + b"\x02\x01" + sender_mac
    return _icmpv6(target_mac, sender_mac, sender, target, body)


def too_big(packet, mtu):
    """What a router says of an IP packet (bytes) that is too large for its next link, which carries `mtu` bytes: an IP
    packet for its sender, as from its receiver (RFC 792 with RFC 1191 section 4; RFC 4443 section 3.2).

    None where nothing may be said: of one to a group, and for IPv4 of one that may be cut, a later fragment or ICMP."""
    if version(packet, 0) == 6:
        source, destination = packet[8:24], packet[24:40]
        if is_multicast(destination) or source == _UNSPECIFIED:
            return None
        body = struct.pack(">BBHI", 2, 0, 0, mtu) + packet[: 1280 - 48]
        pseudo = destination + source + struct.pack(">II", len(body), ICMPV6)
        body = body[:2] + struct.pack(">H", checksum(pseudo + body)) + body[4:]
        return struct.pack(">IHBB", 6 << 28, len(body), ICMPV6, 64) + destination + source + body
    source, destination = packet[12:16], packet[16:20]
    if is_multicast(destination) or not packet[6] & 0x40 or packet[6] & 0x1F or packet[7] or packet[9] == ICMP:
        return None
    body = struct.pack(">BBHHH", 3, 4, 0, 0, mtu) + packet[: 576 - 28]
    body = body[:2] + struct.pack(">H", checksum(body)) + body[4:]
    head = struct.pack(">BBHHHBBH", 0x45, 0xC0, 20 + len(body), 0, 0, 64, ICMP, 0) + destination + source
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def parse_neighbour(frame):
    """(type, source, target, source's or target's MAC) of a solicitation or advertisement, or None."""
    if len(frame) < 78 or frame[20] != ICMPV6 or frame[21] != 255:  # the hop limit shows that it is from this link
        return None
    kind = frame[54]
    if kind not in (SOLICITATION, ADVERTISEMENT):
        return None
    option = frame[78:86]
    wanted = 1 if kind == SOLICITATION else 2
    has_mac = len(option) == 8 and option[0] == wanted and option[1] == 1
    return kind, frame[22:38], frame[62:78], option[2:8] if has_mac else frame[6:12]


def read_neighbour(mem, at, end):
    """(target, MAC) of the solicitation or advertisement whose ICMPv6 header is at `at`; no MAC: None.

    The MAC is that of the source or the target, as its option says. None for what hosts ignore (RFC 4861 sections 7.1.1
    and 7.1.2), as far as it stands in the message itself."""
    if end - at < 24 or mem[at + 1] != 0 or mem[at + 8] == 0xFF:
        return None
    target, mac, here = bytes(mem[at + 8 : at + 24]), None, at + 24
    wanted = _SOURCE_OPTION if mem[at] == SOLICITATION else _TARGET_OPTION
    while here < end:
        size = mem[here + 1] * 8 if end - here >= 8 else 0
        if size == 0 or size > end - here:
            return None
        if mem[here] == wanted:
            if size != 8 or mac is not None:
                return None
            mac = bytes(mem[here + 2 : here + 8])
        here += size
    return target, mac
