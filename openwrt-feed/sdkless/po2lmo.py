"""A catalog of translations as LuCI reads it: what luci-base's po2lmo makes of a .po file.

    python po2lmo.py FILE.po FILE.lmo

First the translations, each filled up to four bytes; then a table of (hash of the text, 1, offset, length), ordered by
hash, since LuCI searches in it by halves; then the table's offset. Numbers are of 32 bits, the highest byte first. The
hash is Paul Hsieh's SuperFastHash, begun with the length; a text that is the same in both languages is left out.
"""

import json
import re
import struct
import sys
from pathlib import Path

_ENTRY = re.compile(r'^msgid (".+")\nmsgstr (".+")$', re.M)


def lmo(po):
    """The file (bytes) for the text of a .po file that has each text in one line."""
    pairs = [(json.loads(text).encode(), json.loads(translation).encode()) for text, translation in _ENTRY.findall(po)]
    values, table = b"", []
    for text, translation in pairs:
        key = superfasthash(text)
        if key != superfasthash(translation):
            table.append((key, 1, len(values), len(translation)))
            values += translation + bytes(-len(translation) % 4)
    return values + b"".join(struct.pack(">4I", *row) for row in sorted(table)) + struct.pack(">I", len(values))


def superfasthash(data):
    hash, end = len(data), len(data) & ~3
    for i in range(0, end, 4):
        low, high = struct.unpack_from("<HH", data, i)
        hash = hash + low & _MASK
        hash = (hash << 16 ^ high << 11 ^ hash) & _MASK
        hash = hash + (hash >> 11) & _MASK
    rest = data[end:]
    if len(rest) == 3:
        hash = hash + int.from_bytes(rest[:2], "little") & _MASK
        hash = (hash ^ hash << 16 ^ _signed(rest[2]) << 18) & _MASK
        hash = hash + (hash >> 11) & _MASK
    elif len(rest) == 2:
        hash = hash + int.from_bytes(rest, "little") & _MASK
        hash = (hash ^ hash << 11) & _MASK
        hash = hash + (hash >> 17) & _MASK
    elif rest:
        hash = hash + _signed(rest[0]) & _MASK
        hash = (hash ^ hash << 10) & _MASK
        hash = hash + (hash >> 1) & _MASK
    for left, right in ((3, 5), (4, 17), (25, 6)):
        hash = (hash ^ hash << left) & _MASK
        hash = hash + (hash >> right) & _MASK
    return hash


_MASK = 0xFFFFFFFF


def _signed(byte):
    return byte - 256 if byte > 127 else byte


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(lmo(Path(sys.argv[1]).read_text()))
