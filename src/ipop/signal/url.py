"""How a broker is written down.

    mqtt://[USER[:PASSWORD]@]HOST[:PORT]                 port 1883 if none is given
    mqtts://[USER[:PASSWORD]@]HOST[:PORT][?ca=FILE]      port 8883; the broker's certificate has to be vouched for by a
                                                         CA in FILE, else by one that the system trusts

USER, PASSWORD and FILE may hold any character as %XX (RFC 3986 section 2.1). All members are given the same text, so
a FILE has to be on each of their routers.
"""

from collections import namedtuple

from .. import urls
from ..values import Refused
from ..wire import address

EXPECTED = "mqtt://HOST, mqtts://HOST or mqtt://USER:PASSWORD@HOST:PORT"
URL_MAX = 255  # letters: it has to fit in an invite
_PORTS = {"mqtt": 1883, "mqtts": 8883}

# user, password, ca: text or None; tls: whether it is mqtts
Url = namedtuple("Url", ("host", "port", "tls", "user", "password", "ca"))


def parse(text):
    """The Url in a text. Raises ValueError; Refused, where there is more to say than what was EXPECTED."""
    if len(text) > URL_MAX:
        raise Refused(f"a broker's URL has at most {URL_MAX} letters")
    parts = urls.split(text, _PORTS, EXPECTED)
    ca = None if parts.query is None else _ca(parts.scheme, parts.query)
    return Url(parts.host, parts.port, parts.scheme == "mqtts", parts.user, parts.password, ca)


def shown(url):
    """The Url as people are told of it, without what is secret: "192.0.2.1:1883"."""
    return address.text((url.host, url.port))


def _ca(scheme, query):
    name, _, value = query.partition("=")
    if name != "ca" or scheme != "mqtts":
        raise Refused(f"after ? only ca=FILE can stand, and with mqtts:// only, not '{query}'")
    return urls.ca(value)
