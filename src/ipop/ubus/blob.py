"""Tagged binary data as libubox writes it: blob.c, the attributes of a message, and blobmsg.c, tables of named values.

    attribute   1 bit: has a name | 7 bits: id or type | 24 bits: length with these 4 bytes | payload | zeros up to 4
    name        2 bytes: length | the text | zeros up to 4, at least one; at the beginning of the payload

All numbers are big endian. A table is a dict and an array a list; a text has no zero in it, since the other side is C.
What is not UTF-8 is shown with question marks: one odd name in an answer is no reason to have no answer.
"""

import struct

from ..errors import Rejected

MESSAGE_MAX = 1 << 20  # bytes of an attribute with all that is in it: UBUS_MAX_MSGLEN
DEPTH_MAX = 32  # tables in tables

# enum blobmsg_type
UNSPEC, ARRAY, TABLE, STRING, INT64, INT32, INT16, INT8, DOUBLE = range(9)

_NAMED = 0x80000000
_LENGTH = 0xFFFFFF
_FORMATS = {INT64: ">q", INT32: ">i", INT16: ">h", INT8: ">b", DOUBLE: ">d"}


# --- attributes


def put(id, payload, named=0):
    """An attribute. Raises Rejected."""
    length = len(payload) + 4
    if length > MESSAGE_MAX:
        raise Rejected("too-long")
    return (named | id << 24 | length).to_bytes(4, "big") + payload + bytes(-length % 4)


def put_number(id, number):
    """An attribute of 32 bits, unsigned."""
    return put(id, number.to_bytes(4, "big"))


def put_text(id, text):
    return put(id, _c_string(text))


def attributes(data):
    """{id: payload} of the attributes one after the other in `data`. Raises Rejected."""
    return {id: data[start:end] for _, id, start, end in _split(data, 0, len(data))}


def number(payload):
    """The 32 bits of an attribute, unsigned. Raises Rejected."""
    if len(payload) != 4:
        raise Rejected("bad-number")
    return int.from_bytes(payload, "big")


def text(payload):
    """The text of an attribute. Raises Rejected."""
    if payload[-1:] != b"\0":
        raise Rejected("bad-text")
    payload = payload.split(b"\0")[0]
    try:
        return payload.decode()
    except ValueError:
        return "".join([chr(byte) if byte < 128 else "?" for byte in payload])


# --- tables


def pack(table, depth=0):
    """The named values of a dict, one after the other. Raises Rejected at what can't be said."""
    return b"".join([_named(name, value, depth) for name, value in table.items()])


def unpack(data):
    """The dict of named values that stand one after the other in `data`. Raises Rejected."""
    return _table(data, 0, len(data), 0)


def _named(name, value, depth):
    if not isinstance(name, str):
        raise Rejected("bad-name")
    name = name.encode()
    if len(name) > 0xFFFF:
        raise Rejected("too-long")
    name = len(name).to_bytes(2, "big") + name
    type, payload = _typed(value, depth)
    return put(type, name + bytes(4 - len(name) % 4) + payload, _NAMED)


def _typed(value, depth):
    """(type, payload)"""
    if value is None:
        return UNSPEC, b""
    if isinstance(value, bool):
        return INT8, b"\1" if value else b"\0"
    if isinstance(value, int):
        for type, bits in ((INT32, 31), (INT64, 63)):
            if -(1 << bits) <= value < 1 << bits:
                return type, struct.pack(_FORMATS[type], value)
        raise Rejected("bad-number")
    if isinstance(value, float):
        return DOUBLE, struct.pack(">d", value)
    if isinstance(value, str):
        return STRING, _c_string(value)
    if depth >= DEPTH_MAX:
        raise Rejected("too-deep")
    if isinstance(value, dict):
        return TABLE, pack(value, depth + 1)
    if isinstance(value, (list, tuple)):
        return ARRAY, b"".join([_named("", each, depth + 1) for each in value])
    raise Rejected("bad-type")


def _c_string(value):
    try:
        return value.replace("\0", "?").encode() + b"\0"
    except ValueError:  # half of a surrogate pair
        raise Rejected("bad-text")


def _split(data, start, end):
    """Yields (whether it has a name, id, start, end) of the attributes in a part of `data`."""
    while start < end:
        head = int.from_bytes(data[start : start + 4], "big")
        length = head & _LENGTH
        if not 4 <= length <= end - start:
            raise Rejected("bad-length")
        yield bool(head & _NAMED), head >> 24 & 0x7F, start + 4, start + length
        start += (length + 3) // 4 * 4


def _table(data, start, end, depth):
    table = {}
    for is_named, type, at, stop in _split(data, start, end):
        if not is_named:
            raise Rejected("no-name")
        name, at = _name(data, at, stop)
        if not name:
            raise Rejected("no-name")
        table[name] = _value(data, type, at, stop, depth)
    return table


def _array(data, start, end, depth):
    array = []
    for is_named, type, at, stop in _split(data, start, end):
        if is_named:
            _, at = _name(data, at, stop)
        array.append(_value(data, type, at, stop, depth))
    return array


def _name(data, start, end):
    """(a value's name, where it goes on)"""
    stop = start + 2 + int.from_bytes(data[start : start + 2], "big")
    if stop >= end:
        raise Rejected("bad-length")
    return text(data[start + 2 : stop + 1]), start + (stop - start + 4) // 4 * 4


def _value(data, type, start, end, depth):
    if start > end:
        raise Rejected("bad-length")
    if type == STRING:
        return text(data[start:end])
    if type in (TABLE, ARRAY):
        if depth >= DEPTH_MAX:
            raise Rejected("too-deep")
        return (_table if type == TABLE else _array)(data, start, end, depth + 1)
    if type == UNSPEC:
        return None
    if type not in _FORMATS:
        raise Rejected("bad-type")
    if struct.calcsize(_FORMATS[type]) != end - start:
        raise Rejected("bad-number")
    (value,) = struct.unpack(_FORMATS[type], data[start:end])
    return value != 0 if type == INT8 else value
