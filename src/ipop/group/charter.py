"""What a group is, in its owner's words: its name, its addresses, its brokers.

    version 1 | serial 8 | subnet 4, prefix length 1 | slice length 1 | ULA prefix 8 | name: length 1, text |
    brokers: number 1, each: length 1, URL | signature 64

The signature (Ed25519, by the group's key) covers CONTEXT, the group's key and all that stands before it. Of two
charters the one with the higher serial counts, then the one with the lower hash. What a later one may change is the
brokers (`Charters.revise`): the rest stays as long as the group, for addresses on all members' routers come from it.
So who brings an old charter changes nothing, and one that says other addresses is refused, the owner's too.

Each member gets a slice of the subnet's lower half, and its router the first address in it: slice 5 of 10.77.0.0/16,
cut in /24, is 10.77.5.0, its router 10.77.5.1. The upper half mirrors the lower one: 10.77.133.0 is member 5's as well,
for the ordinary LAN of its home (home/plan.py). All are on one link, so the netmask is the subnet's. IPv6 has one /64
(RFC 4193).
"""

import struct
from collections import namedtuple

from ..errors import Rejected, UserError
from ..wire import address, ip
from ..words import quoted
from .entry import LONGEST, SHORTEST, is_name

VERSION = 1
CONTEXT = b"ipop charter 1"
BROKERS_MAX = 8
URL_MAX = 255  # characters
SCHEMES = ("mqtt://", "mqtts://")
SIZE_MAX = 1_100  # bytes of a new one: it goes through a tunnel in one message
SUBNET_SHORTEST, SUBNET_LONGEST = 8, 24
# Where a group may be (RFC 1918, 6598): members' routers take it for a LAN of theirs, so whoever makes a group could
# have what is meant for the internet, such as 8.8.8.8, sent to himself.
_PRIVATE = ((b"\x0a\0\0\0", 8), (b"\xac\x10\0\0", 12), (b"\xc0\xa8\0\0", 16), (b"\x64\x40\0\0", 10))
_HEAD = ">BQ4sBB8s"
_HEAD_SIZE = 23
_SIGNATURE = 64

# name: text; subnet: (4 bytes, prefix length); slice_length: a prefix length; ula: 8 bytes; brokers: URLs (a tuple);
# data: the charter as it is carried
Charter = namedtuple("Charter", ("name", "subnet", "slice_length", "ula", "brokers", "serial", "data"))
_LASTING = 4  # the first fields of a Charter are the same in all of a group's


def draw(crypto, is_large=False):
    """(subnet, slice length, ula) for a new group, by chance: 10.x.0.0/16, or a /12 for thousands of members."""
    chance = crypto.random(8)
    if is_large:
        subnet = (bytes([10, (1 + chance[0] % 15) << 4, 0, 0]), 12)
    else:
        subnet = (bytes([10, 1 + chance[0] % 254, 0, 0]), 16)  # many homes use 10.0
    return subnet, 24, b"\xfd" + chance[1:6] + b"\0\0"


def read_subnet(text):
    """(subnet, slice length) of a text like "10.77.0.0/16". Raises UserError."""
    packed, _, length = text.partition("/")
    try:
        subnet = address.pack(packed), int(length)
    except ValueError:
        subnet = b"", 0
    if len(subnet[0]) == 4 and SUBNET_SHORTEST <= subnet[1] <= SUBNET_LONGEST:
        slice_length = 24 if subnet[1] <= 20 else min(subnet[1] + 4, LONGEST)
        if _is_divided(subnet, slice_length):
            return subnet, slice_length
    expected = "a group's subnet is private, like 10.77.0.0/16, its prefix from %d to %d: %s is none"
    raise UserError(expected % (SUBNET_SHORTEST, SUBNET_LONGEST, quoted(text)))


def sign(owner, name, subnet, slice_length, ula, brokers, serial):
    """A charter (bytes) by the owner's Identity. Raises Rejected: "bad-charter", "long-charter"."""
    if not is_name(name) or not all(is_broker(url) for url in brokers):
        raise Rejected("bad-charter")
    body = struct.pack(_HEAD, VERSION, serial, subnet[0], subnet[1], slice_length, ula)
    body += _string(name) + bytes([len(brokers)]) + b"".join([_string(url) for url in brokers])
    data = body + owner.sign(CONTEXT + owner.public + body)
    _read(data)
    if len(data) > SIZE_MAX:
        raise Rejected("long-charter")
    return data


def parse(crypto, group_key, data):
    """The Charter in some bytes. Raises Rejected: "bad-charter", "bad-signature" (also for another group's)."""
    data = bytes(data)
    charter = _read(data)
    if not crypto.verify(group_key, CONTEXT + group_key + data[:-_SIGNATURE], data[-_SIGNATURE:]):
        raise Rejected("bad-signature")
    return charter


def beats(crypto, a, b):
    """Whether Charter `a` counts and not `b`, which may be None."""
    if b is None or a.serial != b.serial:
        return b is None or a.serial > b.serial
    return crypto.sha256(a.data) < crypto.sha256(b.data)


class Charters:
    """The charter that counts, of those that were heard. `data` is the one that this node kept or was welcomed with.

    Raises Rejected for what is none of this group's."""

    def __init__(self, crypto, group_key, data):
        self._crypto = crypto
        self._group_key = group_key
        self._set(parse(crypto, group_key, data))

    def add(self, data):
        """True if a charter (bytes) counts from now on, False if it has been overtaken. Raises Rejected:

        "bad-charter", "bad-signature", "other-charter"."""
        if bytes(data) == self.current.data:
            return False
        charter = parse(self._crypto, self._group_key, data)
        if charter[:_LASTING] != self.current[:_LASTING]:
            raise Rejected("other-charter")
        if not beats(self._crypto, charter, self.current):
            return False
        self._set(charter)
        return True

    def revise(self, owner, brokers, serial):
        """The same with other brokers, from now on, by the owner's Identity. Raises Rejected: as `sign`."""
        now = self.current
        self.add(sign(owner, *now[:_LASTING], brokers, max(serial, now.serial + 1)))

    def _set(self, charter):
        self.current = charter
        self.digest = self._crypto.sha256(charter.data)[:8]  # the same where the same charter counts


def slices(charter):
    """How many slices there are for members, the first one, which nobody gets, included."""
    return 1 << (charter.slice_length - charter.subnet[1] - 1)


def network(charter, index, length):
    """The first address (4 bytes) of a slice, or None where it isn't in the lower half or there is none (index 0)."""
    if index == 0 or length <= charter.subnet[1] or index >> (length - charter.subnet[1] - 1):
        return None
    return (_number(charter.subnet[0]) + (index << (32 - length))).to_bytes(4, "big")


def mirror(charter, network):
    """The first address (4 bytes) of the second slice of who has the one that begins at `network`."""
    return (_number(network) | 1 << (31 - charter.subnet[1])).to_bytes(4, "big")


def router(charter, index, length):
    """The address (4 bytes) of the router that has a slice, or None."""
    first = network(charter, index, length)
    return None if first is None else (_number(first) + 1).to_bytes(4, "big")


def is_broker(url):
    """Whether this may stand in a charter: mqtt://HOST... or mqtts://HOST..., printable ASCII without spaces."""
    for scheme in SCHEMES:
        if url.startswith(scheme) and len(scheme) < len(url) <= URL_MAX:
            return all("!" <= letter <= "~" for letter in url)
    return False


def _read(data):
    if len(data) < _HEAD_SIZE + 2 + _SIGNATURE:
        raise Rejected("bad-charter")
    version, serial, address, length, slice_length, ula = struct.unpack_from(_HEAD, data, 0)
    subnet = (address, length)
    if version != VERSION or ula[0] != 0xFD or not _is_divided(subnet, slice_length):
        raise Rejected("bad-charter")
    name, at = _read_string(data, _HEAD_SIZE)
    if not is_name(name) or data[at] > BROKERS_MAX:
        raise Rejected("bad-charter")
    brokers, n = [], data[at]
    at += 1
    for _ in range(n):
        url, at = _read_string(data, at)
        brokers.append(url)
    if at != len(data) - _SIGNATURE or not all(is_broker(url) for url in brokers):
        raise Rejected("bad-charter")
    return Charter(name, subnet, slice_length, ula, tuple(brokers), serial, data)


def _is_divided(subnet, slice_length):
    """Whether the subnet is a private one, has no bits behind its prefix, and some slices, whose indices fit in 16
    bits."""
    address, length = subnet
    return (
        SUBNET_SHORTEST <= length <= SUBNET_LONGEST
        and SHORTEST <= slice_length <= LONGEST
        and 1 < slice_length - length <= 16
        and _number(address) & ((1 << (32 - length)) - 1) == 0
        and any(length >= shortest and ip.contains(private, shortest, address) for private, shortest in _PRIVATE)
    )


def _number(address):
    return int.from_bytes(address, "big")


def _string(text):
    data = text.encode()
    return bytes([len(data)]) + data


def _read_string(data, at):
    end = at + 1 + data[at]
    if end > len(data) - _SIGNATURE:
        raise Rejected("bad-charter")
    try:
        return data[at + 1 : end].decode(), end
    except ValueError:
        raise Rejected("bad-charter")
