"""Signatures in the form of OpenWrt's usign, which is that of OpenBSD's signify: Ed25519.

Each file is a line of comment and a line of base64:

    public key    "Ed", fingerprint (8), key (32)
    secret key    "Ed", "BK", rounds (4: 0, no passphrase), salt (16), checksum (8), fingerprint (8), seed and key (64)
    signature     "Ed", fingerprint (8), signature (64)

The fingerprint is random; it is only a name, under which a router keeps the public key: /etc/opkg/keys/FINGERPRINT.
"""

import base64
import hashlib
import os
import struct

from nacl.signing import SigningKey

from .makefiles import BuildError

_SECRET = struct.Struct(">2s2sI16s8s8s64s")


class Key:
    """The key of a file, which is made where there is none. Raises BuildError."""

    def __init__(self, path):
        self.is_new = not path.exists()
        if self.is_new:
            _make(path)
        algorithm, kdf, rounds, _salt, checksum, self._name, pair = _read(path)
        if algorithm + kdf != b"EdBK" or rounds or checksum != hashlib.sha512(pair).digest()[:8]:
            raise BuildError(f"{path} is no key of usign, or a damaged one: move it away, and a new one is made")
        self._key = SigningKey(pair[:32])
        self.fingerprint = self._name.hex()

    def public(self):
        """The text of the file that routers have."""
        return _text(f"public key {self.fingerprint}", b"Ed" + self._name + bytes(self._key.verify_key))

    def sign(self, data):
        """The text of the file beside what is signed."""
        return _text(f"signed by key {self.fingerprint}", b"Ed" + self._name + self._key.sign(data).signature)


def _make(path):
    key, name, salt = SigningKey.generate(), os.urandom(8), os.urandom(16)
    pair = bytes(key) + bytes(key.verify_key)
    content = _SECRET.pack(b"Ed", b"BK", 0, salt, hashlib.sha512(pair).digest()[:8], name, pair)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(_text(f"private key {name.hex()}", content))
    temporary.rename(path)


def _read(path):
    try:
        return _SECRET.unpack(base64.b64decode(path.read_text().split("\n")[1], validate=True))
    except (IndexError, ValueError, struct.error):
        raise BuildError(f"{path} is no key of usign: move it away, and a new one is made")


def _text(comment, content):
    return f"untrusted comment: {comment}\n{base64.b64encode(content).decode()}\n"
