"""Whether a group's addresses are in use on this router already: by its LAN, its WAN, or another group.

Both sides would be on one link, or so it would look to the router, and only one of them be reached. To be asked before
a group is joined and whenever this router's addresses change. Each conflict names both sides and a way out of it, with
the nearest network that is free.

IPv4 first of all: a group's subnet is drawn in 10.0.0.0/8, and many homes and providers are there. The ULA is checked
as well, for the sake of those who took over a group's by hand.
"""

from collections import namedtuple

from ..wire import address
from .plan import overlap, prefix

# in words: "the group friends has 10.77.0.0/16", "br-lan has 10.77.0.1/24", what to do; then whose `theirs` are: an
# interface's or a group's name
Conflict = namedtuple("Conflict", ("ours", "theirs", "way_out", "interface", "group"))

_HOME = (bytes([192, 168, 0, 0]), 16, 24)  # where free LANs are looked for: (network, its length, theirs)
_GROUPS = (bytes([10, 0, 0, 0]), 8)


def find(name, subnet, ula, own, networks, others=(), uplinks=()):
    """[Conflict] of a group that has `subnet` (4 bytes, length) and `ula` (8 bytes).

    `networks` are this router's (interface, address as text, length), `own` those interfaces where the group itself
    is. `others` are the router's other groups: (name, subnet, ula). Those of `uplinks` lead to the internet."""
    networks = [(interface, address.pack(text), length) for interface, text, length in networks if interface not in own]
    taken = [each[1:] for each in networks] + [other[1] for other in others]
    found = []
    for ours in (subnet, (ula + bytes(8), 64)):
        saying = "the group %s has %s" % (name, prefix(ours[0], ours[1]))
        for interface, packed, length in networks:
            if overlap(ours, (packed, length)):
                theirs = "%s has %s" % (interface, prefix(packed, length))
                way_out = _way_out(interface, packed, subnet, taken, interface in uplinks)
                found.append(Conflict(saying, theirs, way_out, interface, None))
        for other, other_subnet, other_ula in others:
            theirs = other_subnet if len(ours[0]) == 4 else (other_ula + bytes(8), 64)
            if overlap(ours, theirs):
                way_out = "make one of the two anew" + _with_subnet(subnet, taken)
                theirs = "the group %s has %s" % (other, prefix(theirs[0], theirs[1]))
                found.append(Conflict(saying, theirs, way_out, None, other))
    return found


def text(conflict):
    """One line."""
    return "%s, but %s: %s" % conflict[:3]


def in_the_way(found, uplinks, earlier):
    """Whether devices can't be served while there are these Conflicts: with what this router serves already, and would
    reach no more. `earlier` are the groups that were here before. A way to the internet goes on beside a group."""
    return any(each.interface not in uplinks if each.group is None else each.group in earlier for each in found)


def free_home(near, taken):
    """The free (4 bytes, 24) in 192.168.0.0/16 that is nearest to the address `near`, or None."""
    network, length, wanted = _HOME
    return _free(network, length, wanted, near[2] if near[:2] == network[:2] else 1, taken)


def free_subnet(subnet, taken):
    """The free (4 bytes, length) in 10.0.0.0/8, of a group's size and nearest to what it has now, or None."""
    network, shortest = _GROUPS
    length = subnet[1]
    if length < shortest:
        return None
    index = _number(subnet[0]) - _number(network) >> (32 - length) if subnet[0][0] == network[0] else 0
    return _free(network, shortest, length, index, list(taken) + [subnet])


def _free(network, length, wanted, near, taken):
    """The free network of the length `wanted` in `network`/`length` whose index is nearest to `near`, or None."""
    count = 1 << (wanted - length)
    for step in range(1, min(count, 4096) + 1):
        for index in (near + step, near - step):
            if 0 < index < count:
                found = (_number(network) + (index << (32 - wanted))).to_bytes(4, "big"), wanted
                if not any(overlap(found, each) for each in taken):
                    return found
    return None


def _way_out(interface, packed, subnet, taken, is_uplink):
    if len(packed) == 16:
        return "give %s another prefix: this one was drawn for the group" % interface
    if not (address.is_private("%d.%d.%d.%d" % tuple(packed)) and not is_uplink):
        which = "" if not is_uplink else ", or move the LAN of the router before this one, if it is yours"
        return "make the group anew" + _with_subnet(subnet, taken) + which
    free = free_home(packed, list(taken) + [subnet])
    move = "move %s to %s" % (interface, prefix(free[0], free[1])) if free else "move %s elsewhere" % interface
    return move + ", or make the group anew" + _with_subnet(subnet, taken)


def _with_subnet(subnet, taken):
    free = free_subnet(subnet, taken)
    return " with --subnet %s" % prefix(free[0], free[1]) if free else " with another --subnet"


def _number(packed):
    return int.from_bytes(packed, "big")
