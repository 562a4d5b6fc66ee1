"""Ways to a node that are no transport addresses, but are held, proven and compared as such.

    ("@" + relay and member in hexadecimal, 0)    through a member that relays (relay.py)
    ("^" + ip, port)                              from our address at a TURN server to this transport address (turn.py)

Both are detours: where there is a direct way as well, that one is taken. No host's name or address begins like these.
"""

RELAY, TURN = "@", "^"
_KEY = 16  # letters of a member
_MARKS = RELAY + TURN


def is_detour(addr):
    return addr[0][0] in _MARKS


def sender(addr):
    """Who answers for what comes by a way (text): the host, or the relay, which can name any member it likes."""
    return addr[0][: 1 + _KEY] if addr[0][0] == RELAY else addr[0]


def is_by_turn(addr):
    return addr[0][0] == TURN


def by_turn(addr):
    """The way to a transport address through our TURN server, and what comes from there."""
    return TURN + addr[0], addr[1]


def beyond_turn(addr):
    """The transport address at the end of such a way."""
    return addr[0][1:], addr[1]
