"""Who a node is in a group: one Ed25519 key, which signs, and its image on curve25519, which is its WireGuard key.

The image forgets the sign of a point: a key and its negative have the same one. So that each WireGuard key belongs to
one key only, no key has its last bit set, as in XEdDSA: half of all seeds make such a key, and from the other half one
goes on by hashing.

People compare fingerprints: 80 bits of a hash in four blocks, in Crockford's base32, which has no I, L, O and U.
"""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CONTEXT = b"ipop fingerprint"
_BLOCK = 4
_BLOCKS = 4
# the y of a point is below 2^255 - 19 (RFC 8032 section 5.1.3): from here on it would be another's, written otherwise
_P_FIRST, _P_REST = 0xED, b"\xff" * 30 + b"\x7f"


class Identity:
    """The key of any 32 random bytes: `public` (Ed25519), `wg_private` and `wg_public` (X25519), 32 bytes each.

    `seed` makes the same identity again."""

    def __init__(self, crypto, seed):
        public = crypto.sign_public(seed)
        while public[31] & 0x80:
            seed = crypto.sha256(seed)
            public = crypto.sign_public(seed)
        self._crypto = crypto
        self.seed = seed
        self.public = public
        self.wg_private = crypto.curve_private(seed)
        self.wg_public = crypto.dh_base(self.wg_private)
        self.fingerprint = fingerprint(crypto, public)

    def sign(self, message):
        """64 bytes."""
        return self._crypto.sign(self.seed, message)

    def dh(self, wg_public):
        """The 32 bytes that this node and the owner of the other WireGuard key have in common, or None."""
        return self._crypto.dh(self.wg_private, wg_public)


def create(crypto):
    """A new Identity."""
    return Identity(crypto, crypto.random(32))


def wg_key(crypto, public):
    """The WireGuard key (32 bytes) of a member's key, or None where those bytes can't be a member's key."""
    if len(public) != 32 or public[31] & 0x80 or (public[0] >= _P_FIRST and public[1:] == _P_REST):
        return None
    return crypto.curve_public(public)


def fingerprint(crypto, public):
    """A key as people compare it: "7QK2-M4TF-A9XC-PW3D"."""
    return blocks(base32(crypto.sha256(_CONTEXT + public)[:10]))


def read_fingerprint(text):
    """A fingerprint as somebody typed it, the way `fingerprint` writes it; None when it can't be one."""
    return read_blocks(text, _BLOCKS)


def is_same_fingerprint(a, b):
    """Whether two fingerprints, each as somebody typed it, are one."""
    read = read_fingerprint(a)
    return read is not None and read == read_fingerprint(b)


def base32(data):
    """Crockford's base32 of some bytes; the last letter is filled up with zero bits."""
    letters, bits, value = [], 0, 0
    for byte in data:
        value = (value << 8 | byte) & 0xFFF
        bits += 8
        while bits >= 5:
            bits -= 5
            letters.append(_ALPHABET[value >> bits & 31])
    if bits:
        letters.append(_ALPHABET[value << (5 - bits) & 31])
    return "".join(letters)


def blocks(letters):
    """Letters for people: "7QK2-M4TF"."""
    return "-".join([letters[i : i + _BLOCK] for i in range(0, len(letters), _BLOCK)])


def read_blocks(text, n):
    """What somebody typed who was shown `n` blocks, the way `blocks` writes it; None when it can't be that."""
    found = typed_letters(text)
    return None if len(found) != _BLOCK * n or found.strip(_ALPHABET) else blocks(found)


def typed_letters(text):
    """Lower case, spaces, missing dashes and O for 0, I or L for 1 are forgiven."""
    return text.upper().replace("-", "").replace(" ", "").replace("O", "0").replace("I", "1").replace("L", "1")
