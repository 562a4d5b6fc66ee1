"""The four WireGuard messages (whitepaper section 5.4) as bytes.

    initiation  type 1 | sender | ephemeral 32 | static 32+16 | timestamp 12+16 | mac1 16 | mac2 16     148 bytes
    response    type 2 | sender | receiver | ephemeral 32 | empty 0+16 | mac1 16 | mac2 16               92
    cookie      type 3 | receiver | nonce 24 | cookie 16+16                                              64
    transport   type 4 | receiver | counter 8 | packet n+16                                              32 or more

Types and indices are little-endian 32-bit words. The suite's mark sits in the type's highest byte (wg/suites.py).
"""

import struct

from ..errors import Rejected

INITIATION, RESPONSE, COOKIE, TRANSPORT = 1, 2, 3, 4

SIZES = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
TRANSPORT_HEADER = 16
TAG = 16
TRANSPORT_MIN = TRANSPORT_HEADER + TAG
TRANSPORT_MAX = 2000  # holds an Ethernet frame with two VLAN tags, our header, the padding, and room to grow
MAC1 = -32  # offsets from the end of an initiation or response
MAC2 = -16


def check_size(kind, size):
    """Raises Rejected for a message whose size does not fit its type."""
    if kind == TRANSPORT:
        if size < TRANSPORT_MIN:
            raise Rejected("truncated")
        if size > TRANSPORT_MAX:
            raise Rejected("oversized")
    elif kind not in SIZES:
        raise Rejected("unknown-type")
    elif size < SIZES[kind]:
        raise Rejected("truncated")
    elif size > SIZES[kind]:
        raise Rejected("oversized")


def initiation(suite, sender, noise):
    """An initiation without its macs, which wg/cookie.py appends."""
    return struct.pack("<II", INITIATION + suite.header, sender) + noise


def response(suite, sender, receiver, noise):
    return struct.pack("<III", RESPONSE + suite.header, sender, receiver) + noise


def cookie_reply(suite, receiver, nonce, sealed):
    return struct.pack("<II", COOKIE + suite.header, receiver) + nonce + sealed


def parse_initiation(data):
    """(sender's index, the Noise message)"""
    return struct.unpack_from("<I", data, 4)[0], data[8:MAC1]


def parse_response(data):
    """(sender's index, receiver's index, the Noise message)"""
    sender, receiver = struct.unpack_from("<II", data, 4)
    return sender, receiver, data[12:MAC1]


def parse_cookie_reply(data):
    """(receiver's index, nonce, sealed cookie)"""
    return struct.unpack_from("<I", data, 4)[0], data[8:32], data[32:]
