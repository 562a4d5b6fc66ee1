"""Where members say they are. Each signs its own statement, so that anybody may carry it: a broker, another member.

    version 1 | member 32 | sequence 8 | release: length 1, text | addresses: number 1, each: length 1, text |
    flags 1 (1: forwards for others) | relays: number 1, each 8 | signature 64

An address is "ip:port", or "^ip:port" where it is one at a TURN server, and so a last resort for the others. Relays are
members through which it can be reached, named by the first 8 bytes of their WireGuard keys, the best first.
The signature (Ed25519, by the member) covers CONTEXT, the group's key and all that stands before it. The statement with
the highest sequence counts; sequences are timestamps that never go back (wg/timestamps.py). Addresses at which no other
host can be are passed over.
"""

import struct
from collections import namedtuple

from ..errors import Rejected
from ..wire import address

VERSION = 1
CONTEXT = b"ipop place 1"
ADDRESSES_MAX, RELAYS_MAX = 16, 4
RELAY = 8  # bytes of a key
BUCKETS = 16
_HEAD = ">B32sQ"
_HEAD_SIZE = 41

_FORWARDS = 1

_AT_TURN = "^"

# `addresses` are (ip, port), the best first, and those `at_turn` are the ones at TURN servers; `is_relay`: whether it
# forwards for others; `relays` are bytes; `data` is the statement as it is carried
Place = namedtuple("Place", ("member", "sequence", "release", "addresses", "at_turn", "is_relay", "relays", "data"))


def sign(crypto, group, seed, sequence, release, addresses, is_relay=False, relays=(), at_turn=()):
    """A statement (bytes) by the member whose Ed25519 seed this is."""
    own = [address.text(addr) for addr in addresses if address.is_elsewhere(addr[0])]
    last = [_AT_TURN + address.text(addr) for addr in at_turn if address.is_elsewhere(addr[0])]
    texts = [text.encode() for text in own[: ADDRESSES_MAX - len(last)] + last]
    body = struct.pack(_HEAD, VERSION, crypto.sign_public(seed), sequence)
    body += _string(release.encode()) + bytes([len(texts)]) + b"".join([_string(text) for text in texts])
    relays = relays[:RELAYS_MAX]
    body += bytes([_FORWARDS if is_relay else 0, len(relays)]) + b"".join([relay[:RELAY] for relay in relays])
    return body + crypto.sign(seed, CONTEXT + group + body)


def _string(data):
    return bytes([len(data)]) + data


def parse(crypto, group, data):
    """The Place in a statement. Raises Rejected: "bad-place", or "bad-signature"."""
    if len(data) < _HEAD_SIZE + 2 + 64:
        raise Rejected("bad-place")
    version, member, sequence = struct.unpack_from(_HEAD, data, 0)
    strings, at = [], _HEAD_SIZE
    try:
        release, at = _read_string(data, at)
        n = data[at]
        at += 1
        for _ in range(n):
            text, at = _read_string(data, at)
            strings.append(text)
        addresses = [address.parse(text) for text in strings if text[:1] != _AT_TURN]
        at_turn = [address.parse(text[1:]) for text in strings if text[:1] == _AT_TURN]
        flags, m = data[at], data[at + 1]
        at += 2
        relays = [data[at + i * RELAY : at + (i + 1) * RELAY] for i in range(m)]
        at += m * RELAY
        valid = version == VERSION and at == len(data) - 64 and n <= ADDRESSES_MAX and m <= RELAYS_MAX
        valid = valid and all(address.is_ip(host) for host, _ in addresses + at_turn)
    except (ValueError, IndexError):
        valid = False
    if not valid:
        raise Rejected("bad-place")
    if not crypto.verify(member, CONTEXT + group + data[:-64], data[-64:]):
        raise Rejected("bad-signature")
    addresses, at_turn = [[addr for addr in some if address.is_elsewhere(addr[0])] for some in (addresses, at_turn)]
    return Place(member, sequence, release, addresses, at_turn, bool(flags & _FORWARDS), relays, data)


def _read_string(data, at):
    n = data[at]
    if at + 1 + n > len(data) - 64:
        raise ValueError("cut off")
    return data[at + 1 : at + 1 + n].decode(), at + 1 + n


class Places:
    """The newest Place of each member. `is_member(key)` says who is one."""

    def __init__(self, crypto, group, is_member):
        self._crypto = crypto
        self._group = group
        self._is_member = is_member
        self._places = {}
        self._digest = None
        self.revision = 0  # grows with each change
        self._changed = {}  # member -> the revision that its place made
        self.relays = ()  # members who forward for others: another object when somebody else does

    def add(self, data):
        """The Place in a statement if it is news, else None. Raises Rejected: what `parse` does, or "stranger"."""
        if self._is_old(data):  # whoever brought it: a signature is not looked at in vain
            return None
        place = parse(self._crypto, self._group, data)
        if not self._is_member(place.member):
            raise Rejected("stranger")
        self._places[place.member] = place
        self._note_change()
        self._changed[place.member] = self.revision
        if place.is_relay != (place.member in self.relays):
            self._note_relays()
        return place

    def _is_old(self, data):
        """Whether a statement claims to be one that is known, or an older one."""
        if len(data) < _HEAD_SIZE:
            return False
        _, member, sequence = struct.unpack_from(_HEAD, data, 0)
        known = self._places.get(member)
        return known is not None and known.sequence >= sequence

    def get(self, member):
        """The Place of a member, or None."""
        return self._places.get(member)

    def all(self):
        return list(self._places.values())

    def forget_strangers(self):
        """The roster has changed: drop those who are no members any more."""
        for member in [member for member in self._places if not self._is_member(member)]:
            del self._places[member], self._changed[member]
            self._note_change()
        if not all(member in self._places for member in self.relays):
            self._note_relays()

    def changed(self, since):
        """The Places that are other ones than at a revision; 0: all."""
        return [place for place in self._places.values() if self._changed[place.member] > since]

    def in_bucket(self, bucket):
        """Those whose key begins with these four bits."""
        return [place for place in self._places.values() if place.member[0] >> 4 == bucket]

    def digest(self):
        """8 bytes that are the same where the same is known."""
        if self._digest is None:
            known = sorted([(place.member, place.sequence) for place in self._places.values()])
            parts = [member + struct.pack(">Q", sequence) for member, sequence in known]
            self._digest = self._crypto.sha256(b"".join(parts))[:8]
        return self._digest

    def _note_change(self):
        self.revision += 1
        self._digest = None

    def _note_relays(self):
        self.relays = tuple([place.member for place in self._places.values() if place.is_relay])
