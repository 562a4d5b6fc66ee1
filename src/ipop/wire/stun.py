"""STUN messages (RFC 8489 section 5) and what TURN (RFC 8656) and NAT discovery (RFC 5780) add to them.

    type 2 | length of what follows the header 2 | cookie 4 | transaction 12 | attributes
    attribute:  type 2 | length 2 | value, padded to four bytes

An attribute that has a row in `_CODECS` is given and taken as a value, any other as its bytes. Integrity and
fingerprint cover what stands before them, so they aren't among the attributes: `sign` and `fingerprint` append them to
a message. What follows an integrity attribute isn't covered by it, and is not read.

Between the messages a TURN connection carries data, with a header of its own (RFC 8656 section 12):

    channel 2 | length 2 | data
"""

import struct
from binascii import crc32

from ..errors import Rejected
from . import address

COOKIE = b"\x21\x12\xa4\x42"
HEADER = 20
TRANSACTION = 12  # bytes
CHANNEL_HEADER = 4
CHANNEL_MIN, CHANNEL_MAX = 0x4000, 0x4FFF

REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3  # the class of a message

# its method
BINDING = 0x001
ALLOCATE = 0x003
REFRESH = 0x004
SEND = 0x006
DATA_INDICATION = 0x007
CREATE_PERMISSION = 0x008
CHANNEL_BIND = 0x009

# attributes that a receiver has to understand
MAPPED_ADDRESS = 0x0001
CHANGE_REQUEST = 0x0003
USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
UNKNOWN_ATTRIBUTES = 0x000A
CHANNEL_NUMBER = 0x000C
LIFETIME = 0x000D
XOR_PEER_ADDRESS = 0x0012
DATA = 0x0013
REALM = 0x0014
NONCE = 0x0015
XOR_RELAYED_ADDRESS = 0x0016
REQUESTED_ADDRESS_FAMILY = 0x0017
REQUESTED_TRANSPORT = 0x0019
MESSAGE_INTEGRITY_SHA256 = 0x001C
PASSWORD_ALGORITHM = 0x001D
XOR_MAPPED_ADDRESS = 0x0020
# those that it may ignore
_OPTIONAL = 0x8000
ADDITIONAL_ADDRESS_FAMILY = 0x8000
PASSWORD_ALGORITHMS = 0x8002
SOFTWARE = 0x8022
FINGERPRINT = 0x8028
RESPONSE_ORIGIN = 0x802B
OTHER_ADDRESS = 0x802C
DRAFT_ADDITIONAL_ADDRESS_FAMILY = 0x8032  # what coturn takes for ADDITIONAL_ADDRESS_FAMILY up to version 4.6

CHANGE_IP, CHANGE_PORT = 4, 2  # flags of CHANGE_REQUEST (RFC 5780 section 7.2)
IPV4, IPV6 = 1, 2  # address families
UDP = 17  # the one transport that can be requested
MD5, SHA256 = 1, 2  # password algorithms (RFC 8489 section 18.5)

INTEGRITY_SIZES = {MESSAGE_INTEGRITY: 20, MESSAGE_INTEGRITY_SHA256: 32}
_FINGERPRINT_SIZE = 4
_FINGERPRINT_XOR = 0x5354554E
_HOST_SIZES = {IPV4: 4, IPV6: 16}
_TEXT_MAX = 128


class Message:
    """`attributes` are (type, value) in their order; `get` and `get_all` look into them."""

    def __init__(self, kind, method, transaction, attributes, data, integrity_at):
        self.kind = kind
        self.method = method
        self.transaction = transaction
        self.attributes = attributes
        self._data = data
        self._integrity_at = integrity_at  # type -> where it begins

    def get(self, attribute):
        """The value of the first attribute of this type (the others don't count: RFC 8489 section 14), or None."""
        for kind, value in self.attributes:
            if kind == attribute:
                return value
        return None

    def get_all(self, attribute):
        return [value for kind, value in self.attributes if kind == attribute]

    def unknown(self):
        """The types of attributes that a receiver has to understand and that we don't."""
        return [kind for kind, _ in self.attributes if kind < _OPTIONAL and kind not in _CODECS]

    def is_signed(self, integrity, hmac, key, equal):
        """Whether this kind of integrity is there, and right; `equal` compares two strings of bytes."""
        at = self._integrity_at.get(integrity)
        if at is None:
            return False
        end = at + 4 + INTEGRITY_SIZES[integrity]
        return equal(hmac(key, _with_length(self._data[:at], end)), self._data[at + 4 : end])


def is_stun(data):
    """Whether a datagram is meant to be a STUN message: none of WireGuard's has a second byte other than zero, and none
    of the methods above has it zero."""
    return len(data) >= HEADER and data[0] < 0x40 and data[1] != 0 and data[4:8] == COOKIE


def is_channel_data(data):
    """Whether a datagram is meant to be data on a TURN channel: WireGuard's messages begin with 1 to 4."""
    return len(data) >= CHANNEL_HEADER and data[0] & 0xF0 == 0x40


def parse(data):
    """The Message of a whole datagram (bytes). Raises Rejected."""
    n = len(data)
    if not is_stun(data) or n & 3 or n != message_size(data):
        raise Rejected("bad-stun")
    word = data[0] << 8 | data[1]
    kind = word >> 7 & 2 | word >> 4 & 1
    method = word & 0x0F | word >> 1 & 0x70 | word >> 2 & 0xF80
    transaction = data[8:HEADER]
    attributes, integrity_at = [], {}
    at = HEADER
    while at < n:
        attribute, size = struct.unpack_from(">HH", data, at)
        end = at + 4 + size
        if end > n:
            raise Rejected("bad-stun")
        if attribute == FINGERPRINT:
            if size != _FINGERPRINT_SIZE or end != n or data[at + 4 :] != _checksum(data[:at]):
                raise Rejected("bad-stun")
        elif attribute in INTEGRITY_SIZES:
            if size != INTEGRITY_SIZES[attribute]:
                raise Rejected("bad-stun")
            if attribute not in integrity_at:
                integrity_at[attribute] = at
        elif not integrity_at:
            value = data[at + 4 : end]
            if attribute in _CODECS:
                value = _CODECS[attribute][1](value, transaction)
            attributes.append((attribute, value))
        at = end + (-size & 3)
    return Message(kind, method, transaction, attributes, data, integrity_at)


def message_size(data):
    """How long a message is that begins with these bytes (four or more): header, attributes, and in a byte stream the
    padding of data on a channel."""
    length = data[2] << 8 | data[3]
    if is_channel_data(data):
        return CHANNEL_HEADER + length + (-length & 3)
    return HEADER + length


def build(kind, method, transaction, attributes=()):
    """A message with these (type, value)."""
    body = b""
    for attribute, value in attributes:
        if attribute in _CODECS:
            value = _CODECS[attribute][0](value, transaction)
        body += struct.pack(">HH", attribute, len(value)) + value + bytes(-len(value) & 3)
    word = method & 0x0F | (method & 0x70) << 1 | (method & 0xF80) << 2 | (kind & 2) << 7 | (kind & 1) << 4
    return struct.pack(">HH", word, len(body)) + COOKIE + transaction + body


def sign(data, integrity, hmac, key):
    """The message with its integrity, of type MESSAGE_INTEGRITY or MESSAGE_INTEGRITY_SHA256."""
    size = INTEGRITY_SIZES[integrity]
    data = _with_length(data, len(data) + 4 + size)
    return data + struct.pack(">HH", integrity, size) + hmac(key, data)


def fingerprint(data):
    """The message with its checksum, behind which nothing can be added."""
    data = _with_length(data, len(data) + 4 + _FINGERPRINT_SIZE)
    return data + struct.pack(">HH", FINGERPRINT, _FINGERPRINT_SIZE) + _checksum(data)


def channel_data(channel, data):
    return struct.pack(">HH", channel, len(data)) + data


def parse_channel_data(data):
    """(channel, data); what stands behind the data is padding. Raises Rejected."""
    channel, length = struct.unpack_from(">HH", data, 0)
    if CHANNEL_HEADER + length > len(data):
        raise Rejected("bad-stun")
    return channel, data[CHANNEL_HEADER : CHANNEL_HEADER + length]


def host(packed):
    """An IP address (4 or 16 bytes) as text, as the kernel writes it (RFC 5952)."""
    if len(packed) == 4:
        return "%d.%d.%d.%d" % tuple(packed)
    groups = ["%x" % group for group in struct.unpack(">8H", packed)]
    gap, longest = 0, 1  # the first of the longest runs of zeros; a single one isn't worth it
    for start in range(8):
        end = start
        while end < 8 and groups[end] == "0":
            end += 1
        if end - start > longest:
            gap, longest = start, end - start
    if longest == 1:
        return ":".join(groups)
    return ":".join(groups[:gap]) + "::" + ":".join(groups[gap + longest :])


def _with_length(data, end):
    """What an integrity or a checksum covers: the message as if it ended at `end`, where they end (section 14.5)."""
    return data[:2] + struct.pack(">H", end - HEADER) + data[4:]


def _checksum(covered):
    """Of the message before the FINGERPRINT (section 14.7)."""
    return struct.pack(">I", (crc32(covered) & 0xFFFFFFFF) ^ _FINGERPRINT_XOR)


# --- values: each has build(value, transaction) -> bytes, and parse(bytes, transaction) -> value, which raises Rejected


def _build_address(addr, _):
    packed = address.pack(addr[0])
    return struct.pack(">BBH", 0, IPV4 if len(packed) == 4 else IPV6, addr[1]) + packed


def _parse_address(data, _):
    if len(data) < 4 or len(data) != 4 + _HOST_SIZES.get(data[1], len(data)):
        raise Rejected("bad-stun")
    return host(data[4:]), data[2] << 8 | data[3]


def _build_xor_address(addr, transaction):
    return _xored(_build_address(addr, None), transaction)


def _parse_xor_address(data, transaction):
    return _parse_address(_xored(data, transaction), None)


def _xored(data, transaction):
    """Port and host against cookie and transaction: so that no NAT finds an address to rewrite (section 14.2)."""
    mask = b"\0\0" + COOKIE[:2] + COOKIE + transaction
    return bytes([byte ^ other for byte, other in zip(data, mask)]) + data[len(mask) :]


def _build_number(value, _):
    return struct.pack(">I", value)


def _parse_number(data, _):
    if len(data) != 4:
        raise Rejected("bad-stun")
    return struct.unpack(">I", data)[0]


def _build_high_half(value, _):
    return struct.pack(">HH", value, 0)


def _parse_high_half(data, _):
    return _parse_number(data, None) >> 16


def _build_high_byte(value, _):
    return struct.pack(">I", value << 24)


def _parse_high_byte(data, _):
    return _parse_number(data, None) >> 24


def _build_error(error, _):
    code, reason = error
    return struct.pack(">HBB", 0, code // 100, code % 100) + reason.encode()


def _parse_error(data, _):
    """(code, reason)"""
    if len(data) < 4 or data[3] > 99:
        raise Rejected("bad-stun")
    return (data[2] & 7) * 100 + data[3], _parse_text(data[4:], None)


def _build_text(text, _):
    return text.encode()


def _parse_text(data, _):
    """Printable ASCII only: it goes to terminals and web pages."""
    return "".join([chr(byte) for byte in data[:_TEXT_MAX] if 32 <= byte < 127])


def _build_types(types, _):
    return b"".join([struct.pack(">H", kind) for kind in types])


def _parse_types(data, _):
    return [data[at] << 8 | data[at + 1] for at in range(0, len(data) & ~1, 2)]


def _build_algorithms(numbers, _):
    """Each with its parameters, of which neither has any (section 14.11)."""
    return b"".join([struct.pack(">HH", number, 0) for number in numbers])


def _parse_algorithms(data, _):
    numbers = []
    at = 0
    while at + 4 <= len(data):
        number, size = struct.unpack_from(">HH", data, at)
        numbers.append(number)
        at += 4 + size + (-size & 3)
    return numbers


def _same(data, _):
    return data


_ADDRESS = (_build_address, _parse_address)
_XOR_ADDRESS = (_build_xor_address, _parse_xor_address)
_NUMBER = (_build_number, _parse_number)
_HIGH_HALF = (_build_high_half, _parse_high_half)
_HIGH_BYTE = (_build_high_byte, _parse_high_byte)
_ALGORITHMS = (_build_algorithms, _parse_algorithms)
_BYTES = (_same, _same)

_CODECS = {
    MAPPED_ADDRESS: _ADDRESS,  # RFC 8489 section 14.1
    CHANGE_REQUEST: _NUMBER,  # RFC 5780 section 7.2
    USERNAME: _BYTES,  # RFC 8489 section 14.3
    ERROR_CODE: (_build_error, _parse_error),  # 14.8
    UNKNOWN_ATTRIBUTES: (_build_types, _parse_types),  # 14.13
    CHANNEL_NUMBER: _HIGH_HALF,  # RFC 8656 section 18.1
    LIFETIME: _NUMBER,  # 18.2, seconds
    XOR_PEER_ADDRESS: _XOR_ADDRESS,  # 18.3
    DATA: _BYTES,  # 18.4
    REALM: _BYTES,  # RFC 8489 section 14.9
    NONCE: _BYTES,  # 14.10
    XOR_RELAYED_ADDRESS: _XOR_ADDRESS,  # RFC 8656 section 18.5
    REQUESTED_ADDRESS_FAMILY: _HIGH_BYTE,  # 18.6
    REQUESTED_TRANSPORT: _HIGH_BYTE,  # 18.8
    PASSWORD_ALGORITHM: _ALGORITHMS,  # RFC 8489 section 14.12, a list of one
    XOR_MAPPED_ADDRESS: _XOR_ADDRESS,  # 14.2
    ADDITIONAL_ADDRESS_FAMILY: _HIGH_BYTE,  # RFC 8656 section 18.11
    DRAFT_ADDITIONAL_ADDRESS_FAMILY: _HIGH_BYTE,
    PASSWORD_ALGORITHMS: _ALGORITHMS,  # RFC 8489 section 14.11
    SOFTWARE: (_build_text, _parse_text),  # 14.14
    RESPONSE_ORIGIN: _ADDRESS,  # RFC 5780 section 7.3
    OTHER_ADDRESS: _ADDRESS,  # 7.4
}
