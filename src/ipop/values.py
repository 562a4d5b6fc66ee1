"""How values are written in the configuration, and what they become.

A kind of value is a parser with the words for what it expects. Parsers take text and raise ValueError; Refused, where
there is more to say than what was expected.
"""

import binascii
from collections import namedtuple

from .wire import address
from .words import consists_of, printable

# `datatype` is LuCI's for one value (validation.js in luci-base); an option with `many` holds a list
Kind = namedtuple("Kind", "parse expected datatype many")


class Refused(ValueError):
    """`args[0]` says what is wrong."""


def _boolean(text):
    if text in ("1", "yes", "on", "true", "enabled"):
        return True
    if text in ("0", "no", "off", "false", "disabled"):
        return False
    raise ValueError


def _number(low, high):
    def parse(text):
        if not (0 < len(text) < 10 and consists_of(text, "0123456789") and low <= int(text) <= high):
            raise ValueError
        return int(text)

    return parse


def _word(letters, longest):
    def parse(text):
        if not 0 < len(text) <= longest or text in (".", "..") or not consists_of(text, letters):
            raise ValueError
        return text

    return parse


def _path(longest):
    def parse(text):
        if text[:1] != "/" or len(text.encode()) > longest or printable(text) != text:
            raise ValueError
        return text

    return parse


def parse_key(text):
    """32 bytes from 44 characters of base64. Raises ValueError."""
    if len(text) != 44:
        raise ValueError
    return parse_bytes(text)


def parse_bytes(text):
    """Any number of bytes in base64, as `key_text` writes them. Raises ValueError."""
    data = binascii.a2b_base64(text.encode())
    if key_text(data) != text:  # letters that don't belong there were skipped, or the last one has stray bits
        raise ValueError
    return data


def key_text(key):
    return binascii.b2a_base64(key).decode().strip()


def _public_key(text):
    key = parse_key(text)
    if key[:31] + bytes([key[31] & 0x7F]) in _LOW_ORDER:
        raise Refused(f"{text} can't be anybody's key (a point of low order)")
    return key


_LOW_ORDER = [
    binascii.unhexlify(point)
    for point in (
        b"0000000000000000000000000000000000000000000000000000000000000000",
        b"0100000000000000000000000000000000000000000000000000000000000000",
        b"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        b"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        b"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        b"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        b"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
]


def _endpoint(text):
    host, port = address.parse(text)
    if ":" in host or host.replace(".", "").isdigit():
        packed = address.pack(host)
        if packed[:12] == address.MAPPED:
            packed = packed[12:]
            host = ".".join([str(byte) for byte in packed])
        if address.is_nobodys(packed):
            raise Refused(f"{text} can't be anybody's address")
    elif len(host) > 253 or not all(_is_label(label) for label in host.split(".")):
        raise ValueError
    return host, port


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def _is_label(text):
    return 0 < len(text) <= 63 and text[0] != "-" and text[-1] != "-" and consists_of(text, _LETTERS)


def _prefix(text):
    """(packed address, prefix length)"""
    written, slash, length = text.partition("/")
    packed = address.pack(written)
    bits = len(packed) * 8
    length = _number(0, bits)(length) if slash else bits
    if length == 0:
        raise Refused(f"{text} would give this peer every address of the LAN: write only its own")
    return _masked(packed, length), length


def _masked(packed, length):
    return bytes([byte & 0xFF00 >> min(max(length - 8 * i, 0), 8) & 0xFF for i, byte in enumerate(packed)])


_HOSTPORT = "or(hostport, ipaddrport(1))"  # the first knows names, the second IPv6

BOOLEAN = Kind(_boolean, "1 or 0", "or('1', '0')", False)
PORT = Kind(_number(1, 65535), "a UDP port from 1 to 65535", "port", False)
SECONDS = Kind(_number(0, 65535), "seconds from 0 (off) to 65535", "range(0, 65535)", False)
DEVICE = Kind(_word(_LETTERS + ".", 15), "1 to 15 letters, digits, '.', '_' or '-'", "netdevname", False)
NAME = Kind(_word(_LETTERS + ".", 63), "a name of up to 63 letters, digits, '.', '_' or '-'", "maxlength(63)", False)
FILE = Kind(_path(4095), "a path that begins with /", "file", False)
FOLDER = Kind(_path(4095), "a path that begins with /", "directory", False)
SOCKET = Kind(_path(107), "a path of at most 107 bytes that begins with /", "file", False)
_KEY = "a public key, as 'ipop keygen' prints it (44 characters of base64)"
PUBLIC_KEY = Kind(_public_key, _KEY, "length(44)", False)
PREFIXES = Kind(_prefix, "IP addresses, such as 10.1.2.3/32 or fd00::3/128", "ipaddr", True)
ENDPOINT = Kind(
    _endpoint,
    "ADDRESS:PORT, such as 203.0.113.7:51820, [2001:db8::1]:51820 or home.example:51820",
    _HOSTPORT,
    False,
)
LIMIT = Kind(_number(0, 10_000_000), "kbit/s from 1 to 10000000, or 0", "range(0, 10000000)", False)
SERVERS = Kind(_endpoint, "HOST:PORT, such as stun.example:3478", _HOSTPORT, True)


def choice(*words):
    """The Kind that is one of some words."""

    def parse(text):
        if text not in words:
            raise ValueError
        return text

    datatype = "or(%s)" % ", ".join(["'%s'" % word for word in words])
    return Kind(parse, f"{', '.join(words[:-1])} or {words[-1]}", datatype, False)
