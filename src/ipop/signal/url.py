"""How a broker is written down.

    mqtt://[USER[:PASSWORD]@]HOST[:PORT]                 port 1883 if none is given
    mqtts://[USER[:PASSWORD]@]HOST[:PORT][?ca=FILE]      port 8883; the broker's certificate has to be vouched for by a
                                                         CA in FILE, else by one that the system trusts

USER, PASSWORD and FILE may hold any character as %XX (RFC 3986 section 2.1). All members are given the same text, so
a FILE has to be on each of their routers.
"""

import binascii
from collections import namedtuple

from ..values import ENDPOINT, FILE, Refused
from ..wire import address
from ..words import consists_of

EXPECTED = "mqtt://HOST, mqtts://HOST or mqtt://USER:PASSWORD@HOST:PORT"
URL_MAX = 255  # letters: it has to fit in an invite
_PORTS = {"mqtt": 1883, "mqtts": 8883}

# user, password, ca: text or None; tls: whether it is mqtts
Url = namedtuple("Url", ("host", "port", "tls", "user", "password", "ca"))


def parse(text):
    """The Url in a text. Raises ValueError; Refused, where there is more to say than what was EXPECTED."""
    scheme, mark, rest = text.partition("://")
    if not mark or scheme not in _PORTS or not all("!" <= letter <= "~" for letter in text):
        raise ValueError("expected " + EXPECTED)
    if len(text) > URL_MAX:
        raise Refused(f"a broker's URL has at most {URL_MAX} letters")
    rest, question, query = rest.partition("?")
    login, at, place = rest.rpartition("@")
    user, colon, password = login.partition(":")
    if at and not user:
        raise ValueError("expected " + EXPECTED)
    host, port = _place(place, _PORTS[scheme])
    return Url(
        host,
        port,
        scheme == "mqtts",
        _decode(user) if at else None,
        _decode(password) if colon else None,
        _ca(scheme, query) if question else None,
    )


def shown(url):
    """The Url as people are told of it, without what is secret: "192.0.2.1:1883"."""
    return address.text((url.host, url.port))


def _place(text, port):
    """(host, port)"""
    if text[-1:] == "/":
        text = text[:-1]
    if ":" not in text.rpartition("]")[2]:
        text += f":{port}"
    return ENDPOINT.parse(text)


def _ca(scheme, query):
    name, _, value = query.partition("=")
    if name != "ca" or scheme != "mqtts":
        raise Refused(f"after ? only ca=FILE can stand, and with mqtts:// only, not '{query}'")
    try:
        return FILE.parse(_decode(value))
    except ValueError:
        raise Refused(f"ca: expected {FILE.expected}, got '{value}'")


def _decode(text):
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
