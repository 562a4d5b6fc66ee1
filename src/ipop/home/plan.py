"""What a router does for the devices of its own home in a group: addresses, names, the way out. No field to fill in.

All follows from the group's charter and the member's slice. Slice 5 of 10.77.0.0/16, cut in /24:

    router      10.77.5.1/16            the netmask is the whole subnet's: all devices are on one link
    DHCP        10.77.5.100-249         what is before and behind is free for addresses that are set by hand
    IPv6        fdxx:xxxx:xxxx::/64     the same everywhere; each router advertises it to its own side only
                fdxx:xxxx:xxxx::5:1     the router
    names       *.cabin.friends.internal

So two homes' DHCP servers never disagree, and a device that is carried to another home keeps what it may use.

The router is the devices' gateway for IPv4 if they may use this home's internet. For IPv6 it never is: a router without
a global prefix for its devices must not call itself a default router (RFC 7084 G-4, L-4; RFC 4861 section 6.2.1:
AdvDefaultLifetime 0 means just that), or they would send what no answer can come to, with a ULA as its source. What is
on the link needs no router; so the lifetime is 0, whatever the answer to that question is.

With `map` chosen ordinary devices of the home have a second address in the group, one for each, always the same. Their
own may well be in use in another home too. Those addresses are in the home's second slice, which every member has:

    192.168.1.20      is 10.77.133.20 for the group, in the home that has slice 5
"""

from collections import namedtuple

from ..errors import UserError
from ..group import charter
from ..lan.names import label
from ..wire import ip

RESERVED = 100  # addresses at the beginning of a large slice that DHCP leaves alone, the router's included
RESERVED_BEHIND = 6
LEASES_MAX = 1024  # what a large slice's DHCP server keeps in mind

# bridge: where the devices are; is_made: whether we make it; mac: 6 bytes for it then, or None
# group, member: labels of names (RFC 1035); domain: what is behind them
# subnet, slice: (4 bytes, prefix length); router, first, last: 4 bytes
# ula: 8 bytes; router6: 16 bytes
# internet: whether the devices may use this home's; maps: Mappings
Plan = namedtuple(
    "Plan",
    "bridge is_made mac group member domain subnet slice router first last ula router6 internet maps",
)
Mapping = namedtuple("Mapping", ("network", "image", "length"))  # 4 bytes, 4 bytes: theirs at home and in the group


def make(about, slice, options, bridge, group, member, mac=None):
    """The Plan of a member. `about` is the group's Charter, `slice` (index, prefix length), `options` a GroupConfig.

    `group` is what it is called on this router. None where the slice is no part of the subnet, or there is none (yet).
    Raises UserError where the options can't be followed."""
    index, length = slice
    network = charter.network(about, index, length)
    if network is None:
        return None
    first, last = _range(1 << (32 - length))
    router, first, last = [_plus(network, n) for n in (1, first, last)]
    return Plan(
        bridge=bridge,
        is_made=options.make_bridge,
        mac=mac,
        group=label(group) or "group",
        member=label(member) or "home",
        domain=options.domain,
        subnet=about.subnet,
        slice=(network, length),
        router=router,
        first=first,
        last=last,
        ula=about.ula,
        router6=about.ula + _interface_id(about.subnet[0], router),
        internet=options.internet,
        maps=_mappings(about, (network, length), options.map),
    )


def full_domain(plan):
    """Where the names of this home's devices are: "cabin.friends.internal"."""
    return "%s.%s.%s" % (plan.member, plan.group, plan.domain)


def netmask(length):
    """4 bytes"""
    return (0xFFFFFFFF ^ ((1 << (32 - length)) - 1)).to_bytes(4, "big")


def dotted(packed):
    """An IPv4 address as text."""
    return "%d.%d.%d.%d" % tuple(packed)


def colons(packed):
    """An IPv6 address as text, its longest row of zeros left out (RFC 5952)."""
    groups = ["%x" % (packed[i] << 8 | packed[i + 1]) for i in range(0, 16, 2)]
    best, at = 1, None
    for i in range(8):
        n = 0
        while i + n < 8 and groups[i + n] == "0":
            n += 1
        if n > best:
            best, at = n, i
    if at is None:
        return ":".join(groups)
    return ":".join(groups[:at]) + "::" + ":".join(groups[at + best :])


def prefix(packed, length):
    """A network, or an address with its length, as text."""
    return "%s/%d" % (dotted(packed) if len(packed) == 4 else colons(packed), length)


def overlap(a, b):
    """Whether two (address, prefix length) pairs have an address in common."""
    return ip.contains(a[0], min(a[1], b[1]), b[0])


def _range(size):
    """The first and the last address that DHCP gives, in a slice of so many."""
    first = min(RESERVED, size * RESERVED // 256)
    behind = min(RESERVED_BEHIND, size * RESERVED_BEHIND // 256)
    return max(first, 2), size - 1 - max(behind, 1)


def _interface_id(subnet, router):
    """8 bytes, no other router's: where its IPv4 address is in the subnet, so that slice 5's is ::5:1."""
    offset = _number(router) - _number(subnet)
    return bytes(4) + (offset >> 8).to_bytes(2, "big") + b"\0" + bytes([offset & 0xFF])


def _mappings(about, slice, wanted):
    """The Mappings of some Maps. Raises UserError."""
    base, room = _number(charter.mirror(about, slice[0])), 32 - slice[1]
    mappings = []
    for each in wanted:
        text = "option 'map': %s: " % (prefix(each.network, each.length) if each.length < 32 else dotted(each.network))
        if each.length < slice[1]:
            raise UserError(text + "this home has a /%d in the group: map less, or single devices" % slice[1])
        if overlap((each.network, each.length), about.subnet):
            raise UserError(text + "that is in the group's own subnet: only other networks can be mapped")
        image = (base | _number(each.network) & ((1 << room) - 1)).to_bytes(4, "big")
        for other in mappings:
            if overlap((each.network, each.length), (other.network, other.length)):
                raise UserError(text + "it is mapped already, with %s" % prefix(other.network, other.length))
            if overlap((image, each.length), (other.image, other.length)):
                theirs = prefix(other.network, other.length)
                raise UserError(text + "in the group it would be %s, which %s has" % (dotted(image), theirs))
        mappings.append(Mapping(each.network, image, each.length))
    return mappings


def _plus(packed, n):
    return (_number(packed) + n).to_bytes(4, "big")


def _number(packed):
    return int.from_bytes(packed, "big")
