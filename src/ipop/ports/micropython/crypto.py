"""Cryptography on MicroPython: libsodium over ffi, and in Python what it lacks: BLAKE2s, MD5, SHA-1.

ffi checks neither the number nor the size of the arguments, so every signature is in this file.
The same names as in ports/cpython/crypto.py, where they are described.
"""

import os

import ffi
import uctypes

from .blake2s import blake2s
from .old_hashes import hmac_sha1, md5

__all__ = ("blake2s", "hmac_sha1", "md5")


def _libsodium():
    for name in ("libsodium.so.26", "libsodium.so.23", "libsodium.so"):
        try:
            return ffi.open(name)
        except OSError:
            pass
    raise ImportError("libsodium not found: install the package libsodium (OpenWrt) or libsodium23 (Debian)")


_lib = _libsodium()
_lib.func("i", "sodium_init", "")()

_KEYED = "PPPQPQPPP"  # every AEAD of libsodium: pointers and 64-bit lengths
_OPEN = "PPPPQPQPP"

NULL = None
aead_seal = _lib.func("i", "crypto_aead_chacha20poly1305_ietf_encrypt", _KEYED)
aead_open = _lib.func("i", "crypto_aead_chacha20poly1305_ietf_decrypt", _OPEN)
_xaead_seal = _lib.func("i", "crypto_aead_xchacha20poly1305_ietf_encrypt", _KEYED)
_xaead_open = _lib.func("i", "crypto_aead_xchacha20poly1305_ietf_decrypt", _OPEN)
_sha256 = _lib.func("i", "crypto_hash_sha256", "PPQ")
_hmac_init = _lib.func("i", "crypto_auth_hmacsha256_init", "PPL")
_hmac_update = _lib.func("i", "crypto_auth_hmacsha256_update", "PPQ")
_hmac_final = _lib.func("i", "crypto_auth_hmacsha256_final", "PP")
_hmac_state = bytearray(_lib.func("L", "crypto_auth_hmacsha256_statebytes", "")())
_scalarmult = _lib.func("i", "crypto_scalarmult", "PPP")
_scalarmult_base = _lib.func("i", "crypto_scalarmult_base", "PP")
_key_pair = _lib.func("i", "crypto_sign_seed_keypair", "PPP")
_sign = _lib.func("i", "crypto_sign_detached", "PPPQP")
_verify = _lib.func("i", "crypto_sign_verify_detached", "PPQP")
_curve_private = _lib.func("i", "crypto_sign_ed25519_sk_to_curve25519", "PP")
_curve_public = _lib.func("i", "crypto_sign_ed25519_pk_to_curve25519", "PP")
differ = _lib.func("i", "sodium_memcmp", "PPL")

pointer = uctypes.addressof
random = os.urandom


def equal(a, b):
    return len(a) == len(b) and differ(a, b, len(a)) == 0


def sha256(data):
    out = bytearray(32)
    _sha256(out, data, len(data))
    return bytes(out)


def hmac_sha256(key, data):
    out = bytearray(32)
    _hmac_init(_hmac_state, key, len(key))
    _hmac_update(_hmac_state, data, len(data))
    _hmac_final(_hmac_state, out)
    return bytes(out)


def dh(private, public):
    shared = bytearray(32)
    return bytes(shared) if _scalarmult(shared, private, public) == 0 else None


def dh_base(private):
    public = bytearray(32)
    _scalarmult_base(public, private)
    return bytes(public)


def _seal_with(function, key, nonce, ad, plaintext):
    out = bytearray(len(plaintext) + 16)
    function(out, None, plaintext, len(plaintext), ad, len(ad), None, nonce, key)
    return bytes(out)


def _unseal_with(function, key, nonce, ad, ciphertext):
    n = len(ciphertext) - 16
    if n < 0:
        return None
    out = bytearray(n + 1)  # an empty buffer has no address
    if function(out, None, None, ciphertext, len(ciphertext), ad, len(ad), nonce, key):
        return None
    return bytes(memoryview(out)[:n])


def seal(key, nonce, ad, plaintext):
    return _seal_with(aead_seal, key, nonce, ad, plaintext)


def unseal(key, nonce, ad, ciphertext):
    return _unseal_with(aead_open, key, nonce, ad, ciphertext)


def xseal(key, nonce, ad, plaintext):
    return _seal_with(_xaead_seal, key, nonce, ad, plaintext)


def xunseal(key, nonce, ad, ciphertext):
    return _unseal_with(_xaead_open, key, nonce, ad, ciphertext)


def sign_public(seed):
    return bytes(_keys(seed)[0])


def sign(seed, message):
    signature = bytearray(64)
    _sign(signature, None, message, len(message), _keys(seed)[1])
    return bytes(signature)


def verify(public, message, signature):
    if len(public) != 32 or len(signature) != 64:
        return False
    return _verify(signature, message, len(message), public) == 0


def curve_private(seed):
    private = bytearray(32)
    _curve_private(private, _keys(seed)[1])
    return bytes(private)


def curve_public(public):
    image = bytearray(32)
    if len(public) != 32 or _curve_public(image, public) != 0:
        return None
    return bytes(image)


def _keys(seed):
    public, secret = bytearray(32), bytearray(64)
    _key_pair(public, secret, seed)
    return public, secret
