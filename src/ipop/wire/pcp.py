"""The messages by which a router is asked for a port mapping: PCP (RFC 6887), and NAT-PMP (RFC 6886) before it.

Both are spoken with UDP port 5351 of the router, and told apart by the first byte. Only what maps a UDP port over IPv4
is here.
"""

import struct
from collections import namedtuple

from ..errors import Rejected
from . import address

PORT = 5351  # the router's
ANNOUNCE_PORT = 5350  # ours, where a router that has restarted says so to ANNOUNCE_GROUP
ANNOUNCE_GROUP = "224.0.0.1"
NONCE = 12  # bytes

NATPMP_VERSION, PCP_VERSION = 0, 2
ANNOUNCE, MAP = 0, 1  # PCP's opcodes
ASK_ADDRESS, MAP_UDP = 0, 1  # NAT-PMP's
SUCCESS = 0
UNSUPPORTED_VERSION = 1  # in both

_RESPONSE = 0x80  # set in the opcode
_UDP = 17
_PCP_HEAD = 24
SIZE_MAX = 1100  # RFC 6887 section 7

# What a router says; times in seconds. NAT-PMP knows neither nonces nor how long an error lasts.
Response = namedtuple("Response", ("version", "opcode", "result", "epoch", "lifetime"))
Mapping = namedtuple("Mapping", ("nonce", "internal_port", "external_ip", "external_port"))
_ANY = address.MAPPED + bytes(4)


def map_request(own_ip, nonce, internal_port, external_port, lifetime):
    """PCP: map our UDP port, to this port of any address outside if that can be; a lifetime (s) of 0: no more."""
    head = struct.pack(">BBHI", PCP_VERSION, MAP, 0, lifetime) + address.MAPPED + address.pack(own_ip)
    return head + nonce + struct.pack(">BBHHH", _UDP, 0, 0, internal_port, external_port) + _ANY


def address_request():
    """NAT-PMP: which address does the router have outside?"""
    return bytes((NATPMP_VERSION, ASK_ADDRESS))


def natpmp_map_request(internal_port, external_port, lifetime):
    """NAT-PMP: as `map_request`."""
    return struct.pack(">BBHHHI", NATPMP_VERSION, MAP_UDP, 0, internal_port, external_port, lifetime)


def parse(data):
    """The Response in a datagram of either protocol. Raises Rejected."""
    if len(data) < 8 or not data[1] & _RESPONSE:
        raise Rejected("bad-port-mapping")
    opcode = data[1] & ~_RESPONSE
    if data[0] == NATPMP_VERSION:
        result, epoch = struct.unpack_from(">HI", data, 2)
        (lifetime,) = struct.unpack_from(">I", data, 12) if len(data) >= 16 else (0,)
    else:
        if not _PCP_HEAD <= len(data) <= SIZE_MAX or len(data) & 3:
            raise Rejected("bad-port-mapping")
        result = data[3]
        lifetime, epoch = struct.unpack_from(">II", data, 4)
    return Response(data[0], opcode, result, epoch, lifetime)


def parse_mapping(data):
    """The Mapping in PCP's answer to a `map_request`, whether it says yes or no. Raises Rejected."""
    if len(data) < _PCP_HEAD + 36:
        raise Rejected("bad-port-mapping")
    protocol, _, _, internal_port, external_port = struct.unpack_from(">BBHHH", data, 36)
    prefix, packed = data[44:56], data[56:60]
    if protocol != _UDP:
        raise Rejected("bad-port-mapping")
    external_ip = _text(packed) if prefix == address.MAPPED else None
    return Mapping(data[_PCP_HEAD:36], internal_port, external_ip, external_port)


def parse_natpmp_address(data):
    """The address (text) in NAT-PMP's answer to an `address_request`. Raises Rejected."""
    if len(data) < 12:
        raise Rejected("bad-port-mapping")
    return _text(data[8:12])


def parse_natpmp_mapping(data):
    """(internal port, external port) in NAT-PMP's answer to a `natpmp_map_request`. Raises Rejected."""
    if len(data) < 16:
        raise Rejected("bad-port-mapping")
    return struct.unpack_from(">HH", data, 8)


def _text(packed):
    return "%d.%d.%d.%d" % (packed[0], packed[1], packed[2], packed[3])
