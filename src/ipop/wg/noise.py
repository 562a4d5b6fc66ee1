"""Noise_IKpsk2 (Noise Protocol Framework, revision 34), the two messages and nothing else.

    <- s
    ...
    -> e, es, s, ss
    <- e, ee, se, psk

WireGuard is this pattern with a prologue, a timestamp as the first payload and an empty second one
(whitepaper section 5.4). Between any two encryptions of the pattern stands a token that mixes a new key,
so the nonce of every handshake encryption is zero.
"""

from ..errors import Rejected

_ZERO_NONCE = bytes(12)


class _Symmetric:
    """Chaining key, transcript hash and current key (section 5.2)."""

    def __init__(self, suite, crypto, chain, transcript, key=None):
        self._suite = suite
        self._crypto = crypto
        self._chain = chain
        self._hash = transcript
        self._key = key

    def mix_hash(self, data):
        self._hash = self._suite.hash(self._hash + data)

    def _expand(self, material, count):
        """HKDF of section 4.3: `count` outputs of 32 bytes."""
        hmac = self._suite.hmac
        secret = hmac(self._chain, material)
        outputs = []
        last = b""
        for i in range(count):
            last = hmac(secret, last + bytes([i + 1]))
            outputs.append(last)
        return outputs

    def mix_key(self, material):
        self._chain, self._key = self._expand(material, 2)

    def mix_ephemeral(self, public):
        """An `e` token: in patterns with a pre-shared key it enters the key as well (section 9.2)."""
        self.mix_hash(public)
        self.mix_key(public)

    def mix_dh(self, private, public):
        shared = self._crypto.dh(private, public)
        if shared is None:
            raise Rejected("bad-key")
        self.mix_key(shared)

    def mix_psk(self, psk):
        self._chain, hashed, self._key = self._expand(psk, 3)
        self.mix_hash(hashed)

    def encrypt(self, plaintext):
        ciphertext = self._crypto.seal(self._key, _ZERO_NONCE, self._hash, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt(self, ciphertext):
        plaintext = self._crypto.unseal(self._key, _ZERO_NONCE, self._hash, ciphertext)
        if plaintext is None:
            raise Rejected("bad-handshake")
        self.mix_hash(ciphertext)
        return plaintext

    def split(self):
        """The initiator's sending key, the responder's sending key."""
        return self._expand(b"", 2)

    def fork(self):
        """A copy to try a message on: the original stays as it was if the message turns out to be false."""
        return _Symmetric(self._suite, self._crypto, self._chain, self._hash, self._key)


def _begin(suite, crypto, prologue, responder):
    """The state before the first message: both know the responder's public key."""
    start = suite.hash(suite.protocol)
    state = _Symmetric(suite, crypto, start, start)
    state.mix_hash(prologue)
    state.mix_hash(responder)
    return state


class Initiator:
    """One handshake as its initiator; `psk` is 32 bytes (zeros where there is none)."""

    def __init__(self, suite, crypto, static, remote, psk, prologue):
        self._static = static
        self._psk = psk
        self._remote = remote
        self._crypto = crypto
        self._state = _begin(suite, crypto, prologue, remote)

    def write(self, ephemeral, payload):
        """Message 1 for an ephemeral private key: 32 + 48 + len(payload) + 16 bytes."""
        self._ephemeral = ephemeral
        state = self._state
        public = self._crypto.dh_base(ephemeral)
        state.mix_ephemeral(public)
        state.mix_dh(ephemeral, self._remote)
        sealed_static = state.encrypt(self._crypto.dh_base(self._static))
        state.mix_dh(self._static, self._remote)
        return public + sealed_static + state.encrypt(payload)

    def read(self, message):
        """Message 2: returns (payload, sending key, receiving key), or raises Rejected and changes nothing."""
        state = self._state.fork()
        public = message[:32]
        state.mix_ephemeral(public)
        state.mix_dh(self._ephemeral, public)
        state.mix_dh(self._static, public)
        state.mix_psk(self._psk)
        payload = state.decrypt(message[32:])
        ours, theirs = state.split()
        return payload, ours, theirs


class Responder:
    """One handshake as its responder."""

    def __init__(self, suite, crypto, static, public, prologue):
        self._static = static
        self._crypto = crypto
        self._state = _begin(suite, crypto, prologue, public)

    def read_static(self, message):
        """The first 80 bytes of message 1: who says they are calling (32 bytes), not yet proven."""
        state = self._state
        self._remote_ephemeral = message[:32]
        state.mix_ephemeral(self._remote_ephemeral)
        state.mix_dh(self._static, self._remote_ephemeral)
        self._remote = state.decrypt(message[32:80])
        return self._remote

    def read_payload(self, message):
        """The rest of message 1: its payload, which proves the static key."""
        self._state.mix_dh(self._static, self._remote)
        return self._state.decrypt(message[80:])

    def write(self, ephemeral, psk, payload):
        """Message 2: returns (message, sending key, receiving key)."""
        state = self._state
        public = self._crypto.dh_base(ephemeral)
        state.mix_ephemeral(public)
        state.mix_dh(ephemeral, self._remote_ephemeral)
        state.mix_dh(ephemeral, self._remote)
        state.mix_psk(psk)
        message = public + state.encrypt(payload)
        theirs, ours = state.split()
        return message, ours, theirs
