"""Transport keys: what one handshake leaves behind (whitepaper section 5.4.6).

Packets are sealed and opened where they lie, in a buffer of the caller's that has room in front for the header and
behind for padding and tag. Nothing is allocated on the way.
"""

import struct

from ..errors import Rejected
from .messages import TAG, TRANSPORT, TRANSPORT_HEADER
from .replay import ReplayWindow

# whitepaper section 6.1; times in ms
REKEY_AFTER_MESSAGES = 1 << 60
REJECT_AFTER_MESSAGES = (1 << 64) - (1 << 13) - 1
REKEY_AFTER_TIME = 120_000
REJECT_AFTER_TIME = 180_000

_pack_into = struct.pack_into
_unpack_from = struct.unpack_from


class Session:
    """One pair of keys. `peer` is whoever the keys were agreed with; `initiator` whether we began it."""

    def __init__(self, crypto, suite, peer, local_index, remote_index, sending, receiving, initiator, now):
        self.peer = peer
        self.local_index = local_index
        self.initiator = initiator
        self.created = now
        self.counter = 0
        self.answered_to = None  # the responder's: where the response went,
        self.answers = 1  # how often it was sent,
        self.is_confirmed = False  # and whether it was understood
        self.is_greeted = False
        self.is_open = False  # whether frames may pass
        self.header = TRANSPORT + suite.header
        self._remote_index = remote_index
        self._window = ReplayWindow()
        self._null = crypto.NULL
        self._aead_seal = crypto.aead_seal
        self._aead_open = crypto.aead_open
        self._pointer = crypto.pointer
        self._keys = bytearray(sending + receiving)  # kept because pointers into it are
        self._nonce = bytearray(12)
        self._sending = crypto.pointer(self._keys)
        self._receiving = self._sending + 32
        self._nonce_at = crypto.pointer(self._nonce)

    def seal(self, mem, ptr, start, n):
        """Turn the `n` bytes at `start` into a transport message that begins 16 bytes before; returns its length.

        `mem` is the buffer, `ptr` its address. Up to 15 bytes of padding and 16 of tag are written behind, where there
        is room for 31."""
        _pack_into("<QQ", mem, start + n, 0, 0)
        n += -n & 15
        counter = self.counter
        self.counter = counter + 1
        _pack_into("<IIQ", mem, start - TRANSPORT_HEADER, self.header, self._remote_index, counter)
        _pack_into("<Q", self._nonce, 4, counter)
        at = ptr + start
        null = self._null
        self._aead_seal(at, null, at, n, null, 0, null, self._nonce_at, self._sending)
        return n + TRANSPORT_HEADER + TAG

    def open(self, mem, ptr, start, n):
        """Open the transport message of `n` bytes at `start`; its plaintext then stands 16 bytes further on.

        Returns the plaintext's length, padding included. Raises Rejected."""
        (counter,) = _unpack_from("<Q", mem, start + 8)
        if counter >= REJECT_AFTER_MESSAGES:
            raise Rejected("expired")
        _pack_into("<Q", self._nonce, 4, counter)
        at = ptr + (start + TRANSPORT_HEADER)
        null = self._null
        if self._aead_open(
            at, null, null, at, n - TRANSPORT_HEADER, null, 0, self._nonce_at, self._receiving
        ):
            raise Rejected("forged")
        if not self._window.accept(counter):
            raise Rejected("replayed")
        return n - TRANSPORT_HEADER - TAG

    def seal_bytes(self, plaintext):
        """The same for bytes that lie anywhere, into a datagram of its own: for what is rare."""
        n = len(plaintext)
        buffer = bytearray(TRANSPORT_HEADER + n + 15 + TAG)
        buffer[TRANSPORT_HEADER : TRANSPORT_HEADER + n] = plaintext
        length = self.seal(buffer, self._pointer(buffer), TRANSPORT_HEADER, n)
        return bytes(memoryview(buffer)[:length])

    def is_usable(self, now):
        return now - self.created < REJECT_AFTER_TIME and self.counter < REJECT_AFTER_MESSAGES

    def forget(self):
        """Overwrite the keys. The session must not be used any more."""
        for i in range(len(self._keys)):
            self._keys[i] = 0
