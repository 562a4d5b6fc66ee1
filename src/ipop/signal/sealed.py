"""What stands at the broker: slots, their topics, and the sealed and signed payloads in them.

A slot is the place where one member writes for one purpose. Who has the group's secret can name its topic and open what
is there; who has not sees topics that say nothing and bytes that say nothing. Who wrote it, the signature shows.

    slot     kind 1 | writer 32                              an announcement (kind 1), a will (2), or where the group
                                                             has moved to (5), for everybody
             kind 1 | writer 32 | reader 32 | purpose        a note (3) or a letter (4), for one member; 1-32 letters
    room     "everybody", or "inbox" | reader 32
    topic    "ipop/" + name(room) + "/" + name(slot)         so "ipop/" + name(room) + "/+" is all in a room
    name(x)  the first 26 letters of HMAC-SHA256(secret, x) in base32 (Crockford's), in lower case

    payload  nonce 24 | XChaCha20-Poly1305 of the body; key HMAC-SHA256(secret, "seal"), associated data the topic
    body     signature 64 | sequence 8, big-endian | length of the slot 1 | slot | content, a JSON object
             the signature (Ed25519, the writer's) is over "ipop signal 1" | group key 32 | what follows it

So whoever only carries a payload can't alter it or put it elsewhere (signal-forged), and a member can't write as
another (signal-bad-signature) or where it shouldn't (signal-misplaced). An old payload is sealed and signed as well as
a new one: the reader takes from each slot only what has a higher sequence than all before (signal-replayed). A reader
that has restarted begins anew; what it is shown then may be old, as it could be anyhow: a broker can always delay.

The slot is what is signed and not its topic: a letter may be sealed again when the secret changes, and stays the same.
All members can open a letter. What is secret between two of them does not belong here.
"""

import json
import struct
from collections import namedtuple

from ..errors import Rejected
from ..group.identity import base32

PAYLOAD_MAX = 16_384  # bytes
CONTENT_MAX = 16_000
PURPOSE_MAX = 32
ANNOUNCEMENT, WILL, NOTE, LETTER, MOVED = 1, 2, 3, 4, 5

_CONTEXT = b"ipop signal 1"
_NAME = 26  # letters: 130 bits
_NONCE = 24
_SIGNATURE = 64
_SEQUENCE = _SIGNATURE
_SLOT = _SEQUENCE + 9

# keys are 32 bytes, `purpose` is text; `reader` and `purpose` are empty where a slot is for everybody
Slot = namedtuple("Slot", ("kind", "writer", "reader", "purpose"))
# who holds a body can tell what it claims to be; only `verify` tells whether that is true
Opened = namedtuple("Opened", ("slot", "sequence", "body"))


def for_everybody(kind, writer):
    """The slot of what a member says to all others."""
    return Slot(kind, writer, b"", "")


def encode(content):
    """The bytes of a content (a dict). Raises ValueError where they are too many."""
    data = json.dumps(content).encode()
    if len(data) > CONTENT_MAX:
        raise ValueError("%d bytes are too many for one message" % len(data))
    return data


def sign(identity, group, slot, sequence, data):
    """The body that says `data`, an encoded content, in a slot of this Identity's."""
    packed = _pack(slot)
    signed = struct.pack(">QB", sequence, len(packed)) + packed + data
    return identity.sign(_CONTEXT + group + signed) + signed


def verify(crypto, group, opened):
    """The content (a dict) of what was opened. Raises Rejected unless its slot's writer signed it."""
    body = opened.body
    if not crypto.verify(opened.slot.writer, _CONTEXT + group + body[_SIGNATURE:], body[:_SIGNATURE]):
        raise Rejected("signal-bad-signature")
    return content_of(body)


def content_of(body):
    """The content (a dict) of a body. Raises Rejected where that is none."""
    try:
        content = json.loads(body[_SLOT + body[_SLOT - 1] :].decode())
    except (ValueError, RuntimeError, MemoryError):  # not JSON, or nested too deep
        content = None
    if not isinstance(content, dict):
        raise Rejected("signal-bad-content")
    return content


class Sealer:
    """One secret (32 bytes), and what can be done with it."""

    def __init__(self, crypto, secret):
        self.secret = secret
        self._crypto = crypto
        self._key = crypto.hmac_sha256(secret, b"seal")

    def room(self, reader):
        """How the topics begin that are for one member; for everybody, if `reader` is b""."""
        return "ipop/" + self._name(b"inbox" + reader if reader else b"everybody")

    def topic(self, slot):
        return "%s/%s" % (self.room(slot.reader), self._name(_pack(slot)))

    def seal(self, topic, body):
        """A payload; never the same twice."""
        nonce = self._crypto.random(_NONCE)
        return nonce + self._crypto.xseal(self._key, nonce, topic.encode(), body)

    def open(self, topic, payload):
        """What a payload claims to be. Raises Rejected unless somebody with the secret put it where it belongs."""
        if len(payload) > PAYLOAD_MAX:
            raise Rejected("signal-oversized")
        body = self._crypto.xunseal(self._key, payload[:_NONCE], topic.encode(), payload[_NONCE:])
        if body is None:
            raise Rejected("signal-forged")
        if len(body) < _SLOT or len(body) < _SLOT + body[_SLOT - 1]:
            raise Rejected("signal-bad-content")
        sequence, length = struct.unpack_from(">QB", body, _SEQUENCE)
        slot = _unpack(body[_SLOT : _SLOT + length])
        if self.topic(slot) != topic:
            raise Rejected("signal-misplaced")
        return Opened(slot, sequence, body)

    def _name(self, data):
        return base32(self._crypto.hmac_sha256(self.secret, data))[:_NAME].lower()


def _pack(slot):
    return bytes([slot.kind]) + slot.writer + slot.reader + slot.purpose.encode()


def _unpack(data):
    """The Slot; raises Rejected where there can't be one."""
    kind = data[0] if data else 0
    if kind in (ANNOUNCEMENT, WILL, MOVED) and len(data) == 33:
        return for_everybody(kind, data[1:])
    purpose = data[65:]
    if kind in (NOTE, LETTER) and 0 < len(purpose) <= PURPOSE_MAX and all(97 <= byte <= 122 for byte in purpose):
        return Slot(kind, data[1:33], data[33:65], purpose.decode())
    raise Rejected("signal-unknown-slot")
