"""Cryptography on CPython: PyNaCl's libsodium, and the hashes of the standard library.

The packet path calls libsodium's own functions on pointers into buffers that the caller keeps: PyNaCl's wrappers,
which return new bytes, cost twice the time. Everything else takes and returns bytes.
"""

import hashlib
import hmac
import os

from nacl._sodium import ffi, lib

lib.sodium_init()

NULL = ffi.NULL

# int (c, clen_p, m, mlen, ad, adlen, nsec, nonce, key), in place where c == m (libsodium's documentation)
aead_seal = lib.crypto_aead_chacha20poly1305_ietf_encrypt
# int (m, mlen_p, nsec, c, clen, ad, adlen, nonce, key), 0 when the tag is right
aead_open = lib.crypto_aead_chacha20poly1305_ietf_decrypt
# int (a, b, n), 0 when the n bytes at both addresses are the same
differ = lib.sodium_memcmp


def pointer(buffer):
    """The address of a buffer, to which an offset can be added. The caller keeps the buffer and never resizes it."""
    return ffi.from_buffer("unsigned char[]", buffer)


def random(n):
    return os.urandom(n)


def equal(a, b):
    """Whether two strings of bytes are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(a, b)


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def hmac_sha1(key, data):
    """20 bytes; as `md5`, only to log in at TURN servers (RFC 8489 section 9.2)."""
    return hmac.digest(key, data, "sha1")


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).digest()


def blake2s(data, key=b"", size=32):
    """RFC 7693."""
    return hashlib.blake2s(data, key=key, digest_size=size).digest()


def dh(private, public):
    """X25519 (RFC 7748): the 32 shared bytes, or None for a point of low order."""
    shared = ffi.new("unsigned char[32]")
    return bytes(shared) if lib.crypto_scalarmult(shared, private, public) == 0 else None


def dh_base(private):
    """The public key (32 bytes) of an X25519 private key."""
    public = ffi.new("unsigned char[32]")
    lib.crypto_scalarmult_base(public, private)
    return bytes(public)


def seal(key, nonce, ad, plaintext):
    """ChaCha20-Poly1305 (RFC 8439): ciphertext and tag, 16 bytes longer than the plaintext."""
    out = ffi.new("unsigned char[]", len(plaintext) + 16)
    aead_seal(out, NULL, plaintext, len(plaintext), ad, len(ad), NULL, nonce, key)
    return bytes(out)


def unseal(key, nonce, ad, ciphertext):
    """The plaintext, or None when the tag is wrong."""
    if len(ciphertext) < 16:
        return None
    out = ffi.new("unsigned char[]", max(len(ciphertext) - 16, 1))
    if aead_open(out, NULL, NULL, ciphertext, len(ciphertext), ad, len(ad), nonce, key):
        return None
    return bytes(out)[: len(ciphertext) - 16]


def xseal(key, nonce, ad, plaintext):
    """XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), with its 24-byte nonce."""
    out = ffi.new("unsigned char[]", len(plaintext) + 16)
    lib.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, NULL, plaintext, len(plaintext), ad, len(ad), NULL, nonce, key
    )
    return bytes(out)


def xunseal(key, nonce, ad, ciphertext):
    """The plaintext, or None when the tag is wrong."""
    if len(ciphertext) < 16:
        return None
    out = ffi.new("unsigned char[]", max(len(ciphertext) - 16, 1))
    if lib.crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, ciphertext, len(ciphertext), ad, len(ad), nonce, key
    ):
        return None
    return bytes(out)[: len(ciphertext) - 16]


def sign_public(seed):
    """The public key (32 bytes) of an Ed25519 seed (RFC 8032)."""
    return bytes(_key_pair(seed)[0])


def sign(seed, message):
    """An Ed25519 signature: 64 bytes."""
    signed = ffi.new("unsigned char[]", 64 + len(message))  # PyNaCl binds the combined form only
    lib.crypto_sign(signed, NULL, message, len(message), _key_pair(seed)[1])
    return bytes(signed)[:64]


def verify(public, message, signature):
    """Whether an Ed25519 signature is right; keys and signatures of another size never are."""
    if len(public) != 32 or len(signature) != 64:
        return False
    signed = signature + message
    opened = ffi.new("unsigned char[]", len(signed))
    return lib.crypto_sign_open(opened, NULL, signed, len(signed), public) == 0


def curve_private(seed):
    """The X25519 private key that belongs to `curve_public` of the same Ed25519 key."""
    private = ffi.new("unsigned char[32]")
    lib.crypto_sign_ed25519_sk_to_curve25519(private, _key_pair(seed)[1])
    return bytes(private)


def curve_public(public):
    """The curve25519 image of an Ed25519 public key, or None where that is no valid key."""
    image = ffi.new("unsigned char[32]")
    if len(public) != 32 or lib.crypto_sign_ed25519_pk_to_curve25519(image, public) != 0:
        return None
    return bytes(image)


def _key_pair(seed):
    public, secret = ffi.new("unsigned char[32]"), ffi.new("unsigned char[64]")
    lib.crypto_sign_seed_keypair(public, secret, seed)
    return public, secret
