"""Ethernet II headers: destination 6 | source 6 | type 2, big-endian (IEEE 802.3)."""

import struct

HEADER = 14
FRAME_MAX = 1522  # 1500 of payload under two VLAN tags

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
BROADCAST = b"\xff" * 6


def header(destination, source, ethertype):
    return destination + source + struct.pack(">H", ethertype)


def ethertype(mem, at):
    return mem[at + 12] << 8 | mem[at + 13]


def is_group(mac):
    """Whether a MAC address is a broadcast or multicast one."""
    return mac[0] & 1


def is_link_local(mac):
    """Whether a bridge must never forward to this address: 01-80-C2-00-00-0x (IEEE 802.1Q, table 8-1)."""
    return mac[0] == 1 and mac[:5] == b"\x01\x80\xc2\x00\x00" and mac[5] < 16


def text(mac):
    return ":".join(["%02x" % b for b in mac])
