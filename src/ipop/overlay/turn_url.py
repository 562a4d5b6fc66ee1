"""How a TURN server is written down: as in RFC 7065, with the login that every such server asks for.

    turn://USER:PASSWORD@HOST[:PORT][?transport=tcp]     port 3478 if none is given; by UDP, or by TCP
    turns://USER:PASSWORD@HOST[:PORT][?ca=FILE]          port 5349; by TLS over TCP. The server's certificate has to be
                                                         vouched for by a CA in FILE, else by one that the system trusts
"""

from collections import namedtuple

from .. import urls
from ..values import Kind, Refused
from ..wire import address

EXPECTED = "turn://USER:PASSWORD@HOST, with ?transport=tcp where UDP is blocked, or turns://USER:PASSWORD@HOST"
UDP, TCP, TLS = "UDP", "TCP", "TLS"
_PORTS = {"turn": 3478, "turns": 5349}
_TRANSPORTS = {None: UDP, "transport=udp": UDP, "transport=tcp": TCP}

# transport: UDP, TCP or TLS; ca: text or None
TurnServer = namedtuple("TurnServer", ("host", "port", "transport", "user", "password", "ca"))


def parse(text):
    """The TurnServer in a text. Raises Refused, which doesn't repeat what is secret."""
    try:
        parts = urls.split(text, _PORTS, EXPECTED)
    except Refused:
        raise
    except ValueError:
        raise Refused("expected " + EXPECTED)
    if not parts.user or not parts.password:
        raise Refused("a TURN server wants a login: expected " + EXPECTED)
    if parts.scheme == "turns":
        transport, ca = TLS, _ca(parts.query)
    elif parts.query in _TRANSPORTS:
        transport, ca = _TRANSPORTS[parts.query], None
    else:
        raise Refused(f"after ? only transport=tcp or transport=udp can stand, not '{parts.query}'")
    return TurnServer(parts.host, parts.port, transport, parts.user, parts.password, ca)


def shown(server):
    """The server as people are told of it: "192.0.2.1:3478 by TCP"."""
    return "%s by %s" % (address.text((server.host, server.port)), server.transport)


def _ca(query):
    if query in (None, "transport=tcp"):
        return None
    name, _, value = query.partition("=")
    if name != "ca":
        raise Refused(f"after ? only ca=FILE can stand, not '{query}'")
    return urls.ca(value)


TURN_SERVERS = Kind(parse, EXPECTED, "string", True)
