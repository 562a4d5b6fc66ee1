"""What a multicast DNS message says about host names (RFC 6762, in the format of RFC 1035 section 4).

Only the address records of names right below `local` are looked at, such as `nas.local A 10.77.5.20`; everything
else is passed over. It is read as if an enemy had written it: names lie inside the message, and a pointer leads
backwards only, so that none can run in circles.
"""

import struct
from collections import namedtuple

from ..errors import Rejected

PORT = 5353
RECORDS_MAX = 128  # more than any host announces at once

_HEADER = 12
_RESPONSE, _OPCODE = 0x8000, 0x7800
_A, _AAAA, _INTERNET = 1, 28, 1
_CACHE_FLUSH = 0x8000  # the top bit of a record's class (RFC 6762 section 10.2)
_NAME_MAX = 255
_LABELS_MAX = 2  # what a name has to have, with `local`; of longer ones only the length matters
_SIZES = {_A: 4, _AAAA: 16}

Host = namedtuple("Host", ("name", "address", "ttl"))  # name: bytes, without `.local`; address: packed; ttl: s, 0: bye


def hosts(message):
    """The Hosts that a message (bytes) announces. A question announces none. Raises Rejected: "bad-mdns"."""
    if len(message) < _HEADER:
        raise Rejected("bad-mdns")
    _, flags, questions, answers, authorities, additional = struct.unpack_from(">HHHHHH", message, 0)
    if not flags & _RESPONSE or flags & _OPCODE:
        return []
    if questions + answers + authorities + additional > RECORDS_MAX:
        raise Rejected("bad-mdns")
    at, found = _HEADER, []
    for _ in range(questions):
        at = _read_name(message, at)[1] + 4
    for _ in range(answers + authorities + additional):
        labels, at = _read_name(message, at)
        if at + 10 > len(message):
            raise Rejected("bad-mdns")
        kind, cls, ttl, size = struct.unpack_from(">HHIH", message, at)
        at += 10 + size
        if at > len(message):
            raise Rejected("bad-mdns")
        is_host = len(labels) == _LABELS_MAX and labels[1].lower() == b"local"
        if is_host and cls & ~_CACHE_FLUSH == _INTERNET and _SIZES.get(kind) == size:
            found.append(Host(labels[0], message[at - size : at], ttl))
    return found


def _read_name(message, at):
    """(its first three labels, where it ends)"""
    labels, length, end, first = [], 0, None, at
    while True:
        if at >= len(message):
            raise Rejected("bad-mdns")
        n = message[at]
        if n & 0xC0 == 0xC0:
            if at + 2 > len(message):
                raise Rejected("bad-mdns")
            target = (n & 0x3F) << 8 | message[at + 1]
            end = at + 2 if end is None else end
            if not _HEADER <= target < first:
                raise Rejected("bad-mdns")
            first = at = target
            continue
        length += n + 1
        if n & 0xC0 or length > _NAME_MAX or at + 1 + n > len(message):
            raise Rejected("bad-mdns")
        if n == 0:
            return labels, at + 1 if end is None else end
        if len(labels) <= _LABELS_MAX:
            labels.append(message[at + 1 : at + 1 + n])
        at += 1 + n
