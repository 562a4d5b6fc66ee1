"""What a tunnel carries, told by the first byte of the plaintext.

    0x4_, 0x6_   an IP packet, as in stock WireGuard
    0x01         an Ethernet frame
    0x02         a piece of a frame that is too large for the path         (lan/pieces.py)
    0x03         a datagram relayed for another member                     (overlay/relay.py)
    0x04         a control message

WireGuard pads to 16 bytes, so what is ours carries its length:

    type 1 | kind 1 (0 for frames) | length 2, big-endian | content
"""

import struct

from ..errors import Rejected

FRAME, PIECE, RELAYED, CONTROL = 0x01, 0x02, 0x03, 0x04
HEADER = 4

TO, FROM = 1, 2  # kinds of relayed datagrams

# kinds of control messages; those that a node doesn't know it ignores
HELLO = 1  # the first of each session: version 1, capabilities 4, length of release 1, release (text), and what
# overlay/gossip.py greets with
PING = 2  # 8 bytes of the sender's choosing; later versions may add more, here and there
PONG = 3  # the same 8 bytes, back to where they came from, then that address as text, "ip:port"
COMPARE = 4  # overlay/gossip.py has these five
ENTRIES = 5
SEEN = 6
PLACE = 7
SECRET = 8
NEIGHBOURS = 9  # lan/claims.py
LISTENERS = 10  # lan/multicast.py
LOOPS = 11  # lan/loops.py
DEVICES = 12  # lan/devices.py
CHARTER = 13  # overlay/gossip.py

WIRE_VERSION = 1
RELEASE_MAX = 32


def write_header(mem, at, kind, n):
    """Put the header of an Ethernet frame (kind FRAME) of `n` bytes at `at`."""
    struct.pack_into(">BBH", mem, at, kind, 0, n)


def content_length(mem, at, n):
    """The length of the content of a payload of ours whose plaintext has `n` bytes at `at`. Raises Rejected."""
    if n < HEADER:
        raise Rejected("bad-payload")
    length = mem[at + 2] << 8 | mem[at + 3]
    if length > n - HEADER:
        raise Rejected("bad-payload")
    return length


def framed(kind, content):
    """A FRAME or a PIECE."""
    return struct.pack(">BBH", kind, 0, len(content)) + bytes(content)


def control(kind, content):
    return struct.pack(">BBH", CONTROL, kind, len(content)) + content


def relayed(kind, member, data):
    return struct.pack(">BBH", RELAYED, kind, len(member) + len(data)) + member + data


def hello(release, greeting=b""):
    """The first message of each session. No capabilities are defined yet; `greeting` is overlay/gossip.py's."""
    text = release.encode()
    return control(HELLO, struct.pack(">BIB", WIRE_VERSION, 0, len(text)) + text + greeting)


def parse_hello(content):
    """(version, capabilities, release, greeting)"""
    if len(content) < 6:
        raise Rejected("bad-payload")
    version, capabilities, n = struct.unpack_from(">BIB", content, 0)
    if len(content) < 6 + n:
        raise Rejected("bad-payload")
    # printable ASCII only: it goes to terminals and web pages
    release = "".join([chr(c) for c in content[6 : 6 + min(n, RELEASE_MAX)] if 32 < c < 127])
    return version, capabilities, release, content[6 + n :]
