"""lan.json: what the daemon, which may do nothing, wants root to make of the network of this router.

    {"groups": [{"group": "friends", "device": "ipop0", "subnet": "10.77.0.0/16", "slice": "10.77.5.0/24",
                 "ula": "fd01:203:405::/64", "mac": "02:00:00:00:00:05", "member": "cabin"},
                {"group": "chess", "device": "ipop1"}],
     "damaged": ["work"]}

Of chess the device is wanted and no more: its network stays as it is, for its plan isn't known at the moment; or it is
none of OpenWrt's. So it is with a group that is damaged. One that isn't there at all was left. All else follows from
these few facts and from /etc/config/ipop, which only root writes: the worst that a daemon in wrong hands can ask for is
another place in the group's addresses, never another rule of the firewall.

Root believes nothing of it: `parse` lets through what a daemon of ours can have written, and refuses the whole else.
"""

import json
from collections import namedtuple

from ..errors import UserError
from ..group.charter import SUBNET_LONGEST, SUBNET_SHORTEST, Charter
from ..group.entry import LONGEST, SHORTEST
from ..home import plan
from ..lan import names
from ..wire import address
from ..words import consists_of, quoted
from .device import EXPECTED, bridge_of, is_device

FILE = "lan.json"
SIZE_MAX = 1 << 15  # bytes
GROUPS_MAX = 63
_DIGITS = "0123456789"
_HEX = "0123456789abcdef"
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

# group: what it is called on this router; device: of its TAP, or None; is_known: whether the rest is there
# subnet, slice: (4 bytes, prefix length); ula: 8 bytes; mac: 6 bytes; member: a label
Wish = namedtuple("Wish", "group device is_known subnet slice ula mac member")


def kept(group, device=None):
    """The Wish that all stays as it is; no device: it is damaged."""
    return Wish(group, device, False, None, None, None, None, None)


def wish(group, device, made):
    """The Wish for a Plan."""
    return Wish(group, device, True, made.subnet, made.slice, made.ula, made.mac, made.member)


def text(wishes):
    """The file (text), always the same for the same Wishes."""
    groups = ",\n ".join([_entry(each) for each in wishes if each.device is not None])
    damaged = ", ".join(['"%s"' % each.group for each in wishes if each.device is None])
    return '{"groups": [%s],\n "damaged": [%s]}\n' % (groups, damaged)


def parse(data):
    """[Wish] in the file (bytes). Raises UserError."""
    if len(data) > SIZE_MAX:
        raise _refused("it is too large")
    try:
        content = json.loads(data.decode())
        groups, damaged = content["groups"], content["damaged"]
    except (ValueError, KeyError, TypeError, RuntimeError):
        raise _refused("it is damaged")
    if not (isinstance(groups, list) and isinstance(damaged, list) and len(groups) + len(damaged) <= GROUPS_MAX):
        raise _refused("it is damaged")
    wishes = [_wish(each) for each in groups] + [kept(_group(each)) for each in damaged]
    for field in ("group", "device", "subnet"):
        values = [getattr(each, field) for each in wishes if getattr(each, field) is not None]
        if len(set(values)) != len(values):
            raise _refused("two groups have the same %s" % field)
    return wishes


def plan_of(wish, options):
    """The Plan that a Wish is for; `options` is the group's GroupConfig. Raises UserError."""
    (subnet, length), (network, slice_length) = wish.subnet, wish.slice
    about = Charter(wish.group, wish.subnet, slice_length, wish.ula, (), 0, b"")
    index = (_number(network) - _number(subnet)) >> (32 - slice_length)
    made = plan.make(about, (index, slice_length), options, bridge_of(wish.device), wish.group, wish.member, wish.mac)
    if made is None or made.slice[0] != network:
        text = "the slice %s is no member's of %s"
        raise _refused(text % (plan.prefix(network, slice_length), plan.prefix(subnet, length)))
    return made


def _entry(wish):
    pairs = [("group", wish.group), ("device", wish.device)]
    if wish.is_known:
        pairs += [
            ("subnet", plan.prefix(*wish.subnet)),
            ("slice", plan.prefix(*wish.slice)),
            ("ula", plan.prefix(wish.ula + bytes(8), 64)),
            ("mac", ":".join(["%02x" % byte for byte in wish.mac])),
            ("member", wish.member),
        ]
    return "{%s}" % ", ".join(['"%s": "%s"' % pair for pair in pairs])  # none of them has anything to escape


def _wish(entry):
    if not isinstance(entry, dict):
        raise _refused("it is damaged")
    group, device, member = _group(entry.get("group")), entry.get("device"), entry.get("member")
    if not (isinstance(device, str) and is_device(device)):
        raise _refused("%s: expected %s, got %s" % (group, EXPECTED, quoted(str(device))))
    if len(entry) == 2:
        return kept(group, device)
    if not (isinstance(member, str) and names.is_label(member)):
        raise _refused("%s: %s can't be a part of a name" % (group, quoted(str(member))))
    subnet = _network(group, entry.get("subnet"), 4, SUBNET_SHORTEST, SUBNET_LONGEST)
    slice = _network(group, entry.get("slice"), 4, SHORTEST, LONGEST)
    ula = _network(group, entry.get("ula"), 16, 64, 64)[0]
    if not all(address.is_private(plan.dotted(each)) for each in (subnet[0], _last(subnet))):
        raise _refused("%s: %s is not for private use" % (group, plan.prefix(*subnet)))
    if ula[0] != 0xFD:
        raise _refused("%s: %s is no unique local prefix" % (group, plan.colons(ula)))
    return Wish(group, device, True, subnet, slice, ula[:8], _mac(group, entry.get("mac")), member)


def _group(name):
    if not (isinstance(name, str) and 0 < len(name) < 64 and consists_of(name, _NAME)):
        raise _refused("%s is no group's name" % quoted(str(name)))
    return name


def _network(group, text, size, shortest, longest):
    """(address, prefix length) with no bits behind the prefix."""
    try:
        written, _, length = text.partition("/")
        packed = address.pack(written)
        if not (0 < len(length) < 4 and consists_of(length, _DIGITS) and len(packed) == size):
            raise ValueError
        length = int(length)
        if not shortest <= length <= longest or _number(packed) & (1 << (8 * size - length)) - 1:
            raise ValueError
    except (ValueError, AttributeError):
        raise _refused("%s: %s is no network of the right size" % (group, quoted(str(text))))
    return packed, length


def _mac(group, text):
    """6 bytes of a MAC address that nobody sells: of one station, locally administered."""
    parts = text.split(":") if isinstance(text, str) else ()
    if len(parts) == 6 and all(len(part) == 2 and consists_of(part, _HEX) for part in parts):
        mac = bytes([int(part, 16) for part in parts])
        if mac[0] & 3 == 2:
            return mac
    raise _refused("%s: %s is no MAC address of our own" % (group, quoted(str(text))))


def _last(network):
    """The last address (4 bytes) of it."""
    return (_number(network[0]) | (1 << (32 - network[1])) - 1).to_bytes(4, "big")


def _refused(why):
    return UserError("%s: %s: nothing was changed; if ipopd was upgraded, restart it" % (FILE, why))


def _number(packed):
    return int.from_bytes(packed, "big")
