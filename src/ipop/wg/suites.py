"""The two hash suites of the tunnel. Everything but the hash is the same in both.

`BLAKE2S` is WireGuard's own, for stock peers. `SHA256` is for our own nodes: libsodium has it natively on every
interpreter and router, where BLAKE2s would be computed in Python. A responder must know the suite before it can
decrypt anything, so messages of the SHA-256 suite have the fourth byte of the header set to 1: a stock peer wants
zero there and drops them, and in a STUN message that byte (the low one of its length) is a multiple of four.
"""


class _Sha256:
    name = "sha256"
    protocol = b"Noise_IKpsk2_25519_ChaChaPoly_SHA256"
    header = 0x01000000  # added to the message type, a little-endian 32-bit word

    def __init__(self, crypto):
        self.hash = crypto.sha256
        self.hmac = crypto.hmac_sha256

    def mac(self, key, data):
        """16 bytes: WireGuard's MAC is keyed BLAKE2s-128; here HMAC-SHA256, cut."""
        return self.hmac(key, data)[:16]


class _Blake2s:
    name = "blake2s"
    protocol = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
    header = 0

    def __init__(self, crypto):
        self.hash = crypto.blake2s
        self._keyed = crypto.blake2s

    def hmac(self, key, data):
        """HMAC (RFC 2104) over BLAKE2s, whose block is 64 bytes; the keys here are never longer."""
        block = bytes(key) + bytes(64 - len(key))
        inner = self.hash(bytes([b ^ 0x36 for b in block]) + data)
        return self.hash(bytes([b ^ 0x5C for b in block]) + inner)

    def mac(self, key, data):
        return self._keyed(data, key, 16)


def suites(crypto):
    """Both suites over one port's cryptography, by name."""
    return {suite.name: suite for suite in (_Sha256(crypto), _Blake2s(crypto))}
