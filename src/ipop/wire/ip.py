"""IP headers, ARP (RFC 826) and neighbour discovery (RFC 4861), as far as a host on Ethernet needs them.

Addresses are packed bytes."""

import struct

from ..errors import Rejected
from . import ethernet

_ARP_ETHERNET_IPV4 = b"\x00\x01\x08\x00\x06\x04"
ARP_REQUEST, ARP_REPLY = 1, 2
ICMPV6 = 58
SOLICITATION, ADVERTISEMENT = 135, 136
_SOLICITED, _OVERRIDE = 0x40000000, 0x20000000
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


def arp(operation, sender_mac, sender, target_mac, target):
    """An ARP frame; a request goes to everybody."""
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
    if len(frame) < 42 or frame[14:20] != _ARP_ETHERNET_IPV4:
        return None
    return frame[20] << 8 | frame[21], frame[22:28], frame[28:32], frame[38:42]


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


def solicitation(sender_mac, sender, target):
    """Who has `target` (16 bytes)? Sent to its solicited-node group."""
    group = b"\xff\x02" + bytes(9) + b"\x01\xff" + target[13:]
    body = struct.pack(">BBHI", SOLICITATION, 0, 0, 0) + target + b"\x01\x01" + sender_mac
    return _icmpv6(multicast_mac(group), sender_mac, sender, group, body)


def advertisement(sender_mac, sender, target_mac, target):
    """`sender` is at `sender_mac`, told to `target`; to all where nobody may use that address yet (section 7.2.4)."""
    flags = _OVERRIDE
    if target == _UNSPECIFIED:
        target, target_mac = _ALL_NODES, multicast_mac(_ALL_NODES)
    else:
        flags |= _SOLICITED
    body = struct.pack(">BBHI", ADVERTISEMENT, 0, 0, flags) + sender + b"\x02\x01" + sender_mac
    return _icmpv6(target_mac, sender_mac, sender, target, body)


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
