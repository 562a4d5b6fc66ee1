"""What a group takes from sections that aren't ours, so that it can be given back: exactly that, wherever it was.

A port can be in one bridge only. When a group wants lan3, which br-lan has, it leaves br-lan's list, and the group's
own section remembers `br-lan/2/lan3`: the bridge, the place among all that it had, the port. So it comes back to its
place, whoever else is away then. A port that somebody has put into another bridge meanwhile stays there.

The system's dnsmasq is told that it alone knows the group's names (`list server '/friends.internal/'`), or it would ask
the internet for those that it doesn't. It is remembered too, and not where somebody had said so before. Addresses need
no such word: `boguspriv`, which is on by default, says it of all private ones.
"""

from collections import namedtuple

from ..errors import UserError
from ..words import consists_of
from .there import DEVICE_SECTION, words
from .wanted import TAKEN, ZONES

# a list in a section that isn't ours, and what it is to be; about: why, in words
Loan = namedtuple("Loan", "package section option values about")
_Taken = namedtuple("_Taken", "bridge place port")


def check(there, group, chosen, ports):
    """Whether one more group can have these ports, beside those that are `chosen`. Raises UserError."""
    owners = {port: device for device in chosen for port in chosen[device]}
    for port in ports:
        why = there.why_not_a_port(port)
        if port in owners:
            why = "%s has it already: a port is in one group" % owners[port]
        elif ports.count(port) > 1:
            why = "it is named twice"
        if why is not None:
            raise UserError("%s: port %s: %s" % (group, port, why))


def ports(there, chosen, staying):
    """([Loan], {device: what to remember}); `chosen` is {device: its ports}. The devices `staying` keep what they
    have."""
    bridges = there.bridges()
    before = {name: words(section, "ports") for name, section in bridges}
    away = {device: _remembered(there.section("network", device + DEVICE_SECTION)) for device in there.owned}
    full = _with_all(before, [each for device in sorted(away) for each in away[device]])
    remembered = {device: [] for device in chosen}
    for bridge in sorted(full):
        for place, port in enumerate(full[bridge]):
            for device in chosen:
                if port in chosen[device]:
                    remembered[device].append("%s/%d/%s" % (bridge, place, port))
    gone = [each.port for device in staying for each in away[device]]
    gone += [port for device in chosen for port in chosen[device]]
    loans = []
    for name, section in bridges:
        after = [port for port in full[name] if port not in gone]
        if after != before[name]:
            about = "%s has the ports %s" % (name, ", ".join(after)) if after else "%s has no port any more" % name
            loans.append(Loan("network", section, "ports", after, about))
    return loans, remembered


def zones(there, chosen, staying):
    """The same; `chosen` is {device: a domain}."""
    section = there.dnsmasq()
    option = section.get("server") if section is not None else None
    if section is None or option is not None and not option.is_list:
        return [], {device: [] for device in chosen}  # as one option dnsmasq's script passes it over
    before = [value.text for value in option.values] if option is not None else []
    old = {}
    for device in there.owned:
        ours = there.section("dhcp", device + "_dhcp")
        old[device] = words(ours, ZONES) if ours is not None else []
    added = [value for values in old.values() for value in values]
    wanted = {device: "/%s/" % domain for device, domain in chosen.items()}
    kept = list(wanted.values()) + [value for device in staying for value in old[device]]
    after = [value for value in before if value not in added or value in kept]
    remembered = {}
    for device in sorted(wanted):
        value = wanted[device]
        remembered[device] = [value] if value in added or value not in after else []
        if value not in after:
            after.append(value)
    if after == before:
        return [], remembered
    return [Loan("dhcp", section, "server", after, "the names that only this router knows")], remembered


def _with_all(lists, away):
    """{bridge: its ports, and at their places those that are away, as far as nobody else has them meanwhile}"""
    used = [port for ports in lists.values() for port in ports]
    full = {bridge: list(ports) for bridge, ports in lists.items()}
    for each in sorted(away, key=lambda each: each.place):
        if each.bridge in full and each.port not in used:
            full[each.bridge].insert(each.place, each.port)
            used.append(each.port)
    return full


def _remembered(section):
    """[_Taken] of one of our sections."""
    found = []
    for text in words(section, TAKEN):
        parts = text.split("/")
        if len(parts) == 3 and 0 < len(parts[1]) < 4 and consists_of(parts[1], "0123456789"):
            found.append(_Taken(parts[0], int(parts[1]), parts[2]))
    return found
