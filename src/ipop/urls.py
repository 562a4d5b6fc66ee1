"""How servers that want a login are written down: SCHEME://[USER[:PASSWORD]@]HOST[:PORT][?QUERY]

USER, PASSWORD and what stands in QUERY may hold any character as %XX (RFC 3986 section 2.1).
"""

import binascii
from collections import namedtuple

from .values import ENDPOINT, FILE, Refused
from .words import consists_of

# user, password: text or None; query: text, None without a question mark
Parts = namedtuple("Parts", ("scheme", "host", "port", "user", "password", "query"))


def split(text, ports, expected):
    """The Parts of a text. `ports` are those of each scheme where none is given.

    Raises ValueError; Refused, where there is more to say than what was `expected`."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in ports or not all("!" <= letter <= "~" for letter in text):
        raise ValueError("expected " + expected)
    rest, question, query = rest.partition("?")
    login, at, place = rest.rpartition("@")
    user, colon, password = login.partition(":")
    if at and not user:
        raise ValueError("expected " + expected)
    host, port = _place(place, ports[scheme])
    return Parts(
        scheme,
        host,
        port,
        decode(user) if at else None,
        decode(password) if colon else None,
        query if question else None,
    )


def ca(value):
    """The file that `ca=` names."""
    try:
        return FILE.parse(decode(value))
    except ValueError:
        raise Refused(f"ca: expected {FILE.expected}, got '{value}'")


def decode(text):
    """With %XX replaced."""
    first, *rest = text.split("%")
    data = first.encode()
    for part in rest:
        if len(part) < 2 or not consists_of(part[:2], "0123456789abcdefABCDEF"):
            raise Refused("after % two hexadecimal digits have to follow: write %25 for the % itself")
        data += binascii.unhexlify(part[:2]) + part[2:].encode()
    try:
        return data.decode()
    except ValueError:
        raise Refused("what is written as %XX has to be UTF-8")


def _place(text, port):
    """(host, port)"""
    if text[-1:] == "/":
        text = text[:-1]
    if ":" not in text.rpartition("]")[2]:
        text += f":{port}"
    return ENDPOINT.parse(text)
