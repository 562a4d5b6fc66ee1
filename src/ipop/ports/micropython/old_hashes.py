"""MD5 (RFC 1321) and SHA-1 (RFC 3174) in Python, only to log in at TURN servers (RFC 8489 sections 9.2 and 14.5).

Neither libsodium nor an interpreter without TLS has them. Nothing that is ours relies on them.
"""

import struct

_SHIFTS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
# floor(2**32 * abs(sin(i + 1))): not computed, because single-precision floats can't
_SINES = struct.unpack(
    ">64I",
    b"\xd7\x6a\xa4\x78\xe8\xc7\xb7\x56\x24\x20\x70\xdb\xc1\xbd\xce\xee\xf5\x7c\x0f\xaf\x47\x87\xc6\x2a"
    b"\xa8\x30\x46\x13\xfd\x46\x95\x01\x69\x80\x98\xd8\x8b\x44\xf7\xaf\xff\xff\x5b\xb1\x89\x5c\xd7\xbe"
    b"\x6b\x90\x11\x22\xfd\x98\x71\x93\xa6\x79\x43\x8e\x49\xb4\x08\x21\xf6\x1e\x25\x62\xc0\x40\xb3\x40"
    b"\x26\x5e\x5a\x51\xe9\xb6\xc7\xaa\xd6\x2f\x10\x5d\x02\x44\x14\x53\xd8\xa1\xe6\x81\xe7\xd3\xfb\xc8"
    b"\x21\xe1\xcd\xe6\xc3\x37\x07\xd6\xf4\xd5\x0d\x87\x45\x5a\x14\xed\xa9\xe3\xe9\x05\xfc\xef\xa3\xf8"
    b"\x67\x6f\x02\xd9\x8d\x2a\x4c\x8a\xff\xfa\x39\x42\x87\x71\xf6\x81\x6d\x9d\x61\x22\xfd\xe5\x38\x0c"
    b"\xa4\xbe\xea\x44\x4b\xde\xcf\xa9\xf6\xbb\x4b\x60\xbe\xbf\xbc\x70\x28\x9b\x7e\xc6\xea\xa1\x27\xfa"
    b"\xd4\xef\x30\x85\x04\x88\x1d\x05\xd9\xd4\xd0\x39\xe6\xdb\x99\xe5\x1f\xa2\x7c\xf8\xc4\xac\x56\x65"
    b"\xf4\x29\x22\x44\x43\x2a\xff\x97\xab\x94\x23\xa7\xfc\x93\xa0\x39\x65\x5b\x59\xc3\x8f\x0c\xcc\x92"
    b"\xff\xef\xf4\x7d\x85\x84\x5d\xd1\x6f\xa8\x7e\x4f\xfe\x2c\xe6\xe0\xa3\x01\x43\x14\x4e\x08\x11\xa1"
    b"\xf7\x53\x7e\x82\xbd\x3a\xf2\x35\x2a\xd7\xd2\xbb\xeb\x86\xd3\x91",
)
_MASK = 0xFFFFFFFF
_BLOCK = 64


def md5(data):
    """16 bytes."""
    h = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    for block in _blocks(data, "<Q"):
        words = struct.unpack("<16I", block)
        a, b, c, d = h
        for i in range(64):
            if i < 16:
                mixed, at = b & c | ~b & d, i
            elif i < 32:
                mixed, at = d & b | ~d & c, 5 * i + 1
            elif i < 48:
                mixed, at = b ^ c ^ d, 3 * i + 5
            else:
                mixed, at = c ^ (b | ~d & _MASK), 7 * i
            total = a + (mixed & _MASK) + _SINES[i] + words[at & 15] & _MASK
            a, d, c, b = d, c, b, b + _rotated(total, _SHIFTS[i >> 4][i & 3]) & _MASK
        h = [before + after & _MASK for before, after in zip(h, (a, b, c, d))]
    return struct.pack("<4I", *h)


def sha1(data):
    """20 bytes."""
    h = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    for block in _blocks(data, ">Q"):
        words = list(struct.unpack(">16I", block))
        for i in range(16, 80):
            words.append(_rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1))
        a, b, c, d, e = h
        for i in range(80):
            if i < 20:
                mixed = (b & c | ~b & d) + 0x5A827999
            elif i < 40:
                mixed = (b ^ c ^ d) + 0x6ED9EBA1
            elif i < 60:
                mixed = (b & c | b & d | c & d) + 0x8F1BBCDC
            else:
                mixed = (b ^ c ^ d) + 0xCA62C1D6
            a, b, c, d, e = _rotated(a, 5) + mixed + e + words[i] & _MASK, a, _rotated(b, 30), c, d
        h = [before + after & _MASK for before, after in zip(h, (a, b, c, d, e))]
    return struct.pack(">5I", *h)


def hmac_sha1(key, data):
    """RFC 2104: 20 bytes."""
    if len(key) > _BLOCK:
        key = sha1(key)
    key = key + bytes(_BLOCK - len(key))
    inner = sha1(bytes([byte ^ 0x36 for byte in key]) + data)
    return sha1(bytes([byte ^ 0x5C for byte in key]) + inner)


def _blocks(data, length_format):
    """The padded blocks: a one, zeros, and the length in bits."""
    n = len(data)
    data = bytes(data) + b"\x80" + bytes(-(n + 9) % _BLOCK) + struct.pack(length_format, 8 * n)
    return [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]


def _rotated(word, bits):
    return (word << bits | word >> 32 - bits) & _MASK
