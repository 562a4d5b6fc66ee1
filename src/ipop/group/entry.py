"""One entry of the roster: what an admin says about a member, in a form that can be carried by anybody.

    version 1 | role | member 32 | signer 32 | serial 8 | signed at 8 | slice 2 | slice length | name: length 1, text |
    signature 64

The signature (Ed25519, by the signer) covers CONTEXT, the group's key and all that stands before it. Numbers are
big-endian, so that serials are compared as bytes, and an entry is kept as the bytes it came in: about 160.
"""

import struct
from collections import namedtuple

from ..errors import Rejected

VERSION = 1
CONTEXT = b"ipop roster entry 1"
REVOKED, MEMBER, ADMIN = "revoked", "member", "admin"
_ROLES = (REVOKED, MEMBER, ADMIN)
NAME_MAX = 63  # bytes
SERIAL_MAX = (1 << 64) - 1
SHORTEST, LONGEST = 16, 30  # prefix lengths of a slice
NO_SLICE = (0, 0)
_HEAD = ">BB32s32sQQHBB"
_HEAD_SIZE = 86
_SIGNATURE = 64

# `slice` is (index, prefix length): the index'th block of that size in the group's subnet, NO_SLICE for none;
# `serial` orders what is said about a member; `signed_at` in ms since 1970, by the signer's clock
Entry = namedtuple("Entry", ("member", "name", "role", "slice", "signer", "serial", "signed_at"))


def sign(identity, group_key, member, name, role, slice, serial, signed_at):
    """An entry (bytes) by an Identity. The values are what they are in an Entry, and valid."""
    text = name.encode()
    body = struct.pack(
        _HEAD,
        VERSION,
        _ROLES.index(role),
        member,
        identity.public,
        serial,
        signed_at,
        slice[0],
        slice[1],
        len(text),
    )
    body += text
    return body + identity.sign(CONTEXT + group_key + body)


def parse(data):
    """The Entry in some bytes, whoever signed them. Raises Rejected: "bad-entry"."""
    if len(data) < _HEAD_SIZE + _SIGNATURE:
        raise Rejected("bad-entry")
    head = struct.unpack_from(_HEAD, data, 0)
    version, role, member, signer, serial, signed_at, index, length, n = head
    if version != VERSION or role >= len(_ROLES) or len(data) != _HEAD_SIZE + n + _SIGNATURE:
        raise Rejected("bad-entry")
    name = _read_name(data[_HEAD_SIZE : _HEAD_SIZE + n])
    if name is None or not is_slice((index, length)):
        raise Rejected("bad-entry")
    return Entry(member, name, _ROLES[role], (index, length), signer, serial, signed_at)


def is_signed(crypto, group_key, data):
    """Whether the signature of a parsed entry is its signer's."""
    return crypto.verify(signer_of(data), CONTEXT + group_key + data[:-_SIGNATURE], data[-_SIGNATURE:])


def beats(crypto, a, b):
    """Of two different entries about one member, whether `a` counts: a revocation, then the higher serial, then the
    lower hash."""
    if (a[1] == 0) != (b[1] == 0):
        return a[1] == 0
    if a[66:74] != b[66:74]:
        return a[66:74] > b[66:74]
    return crypto.sha256(a) < crypto.sha256(b)


# Parts of an entry's bytes, for where it is not worth to take all of it apart.


def member_of(data):
    return data[2:34]


def signer_of(data):
    return data[34:66]


def serial_of(data):
    return struct.unpack_from(">Q", data, 66)[0]


def role_of(data):
    return _ROLES[data[1]]


def is_slice(slice):
    return slice == NO_SLICE or (slice[0] > 0 and SHORTEST <= slice[1] <= LONGEST)


def is_name(text):
    """Whether a member may have this name: 1 to 63 bytes, nothing that can't be seen, no spaces around it.

    "~" is left to labels, which tell members of one name apart."""
    try:
        return _read_name(text.encode()) is not None
    except ValueError:  # half a character, as a command line may have it
        return False


def _read_name(data):
    """The name, or None. Decoders differ in what they take for UTF-8 (RFC 3629), and rosters must not."""
    try:
        text = data.decode()
    except ValueError:
        return None
    size = 0
    for letter in text:
        code = ord(letter)
        if not 0x20 <= code < 0x7E and not _is_visible(code):
            return None
        size += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
    if not 0 < size <= NAME_MAX or size != len(data):  # an overlong form is longer than it has to be
        return None
    return text if text.strip(" ") == text else None


def _is_visible(code):
    """For what is no plain letter of ASCII, which ends before "~"."""
    return code <= 0x10FFFF and not any(low <= code <= high for low, high in _NOT_IN_NAMES)


# What can't be seen, or turns the direction of writing: with it, two names could look the same.
_NOT_IN_NAMES = (
    (0x00, 0x1F),  # control characters
    (0x7E, 0xA0),  # "~", more of them, and the no-break space
    (0xAD, 0xAD),
    (0x115F, 0x1160),
    (0x1680, 0x1680),
    (0x180B, 0x180E),
    (0x2000, 0x200F),
    (0x2028, 0x202F),
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # halves of UTF-16 pairs
    (0xFE00, 0xFE0E),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFF),
    (0xE0000, 0xE0FFF),
)
