"""What the devices in all homes are called, for resolvers and for people: pure functions of who has told what.

A device is device.member.group.suffix, its router router.member.group.suffix, or without `router`. All are below the
group: a bare name, or `device.member` alone, would be a domain like any other.
"""

from collections import namedtuple

from ..ordering import ordered
from ..wire import ethernet
from . import names
from .own_devices import unpack
from .vendors import vendor

_DEVICE = 2  # behind the two names of a router

HERE = "here"  # the way to a device of our own home

# slice: (network, length) or None; entries: {MAC: entry}; link: None for our own home, which comes first in a list
Home = namedtuple("Home", ("link", "slice", "name", "entries"))


def records(homes, group, suffix):
    """[(IP address as text, name)] of all devices and routers, sorted. Of several names of an address the first is the
    one that it is to have in the reverse."""
    found, ours, zone = [], set(), _zone(group, suffix)
    for home, label in _labelled(homes):
        if home.slice is not None:
            for rank, fqdn in enumerate((names.domain(names.ROUTER, label, zone), names.domain(label, zone))):
                if fqdn:
                    found.append((4, router(home.slice), rank, fqdn))
        for entry in home.entries.values():
            _, addresses, name = unpack(entry)
            if home.link is None:
                ours.update(addresses)
            fqdn = names.domain(name, label, zone) if name else None
            if fqdn:
                true = addresses if home.link is None else [each for each in addresses if each not in ours]
                found += [(len(each), each, _DEVICE, fqdn) for each in true]
    return [(names.address_text(address), fqdn) for _, address, _, fqdn in ordered(found)]


def search_domains(homes, group, suffix):
    """Where a device of our home is to look for a name that isn't whole (DHCP option 119): `nas` is our own one,
    `nas.cabin` the cabin's."""
    zone = _zone(group, suffix)
    return [names.domain(label, zone) for home, label in _labelled(homes) if home.link is None] + [zone]


def listing(homes, group, suffix, now, seen_at, way, places=()):
    """Each device as `ipop devices` shows it (control/methods.py). `seen_at(MAC)` says when (ms) it was heard last,
    `way(link)` how a member is reached, in words; both may say None. `places` is {MAC: the link of the Home where it
    is}: one that was carried isn't shown where it was before, though its lease there goes on."""
    shown, zone, there = [], _zone(group, suffix), {home.link: home.entries for home in homes}
    for home, label in _labelled(homes):
        for entry in home.entries.values():
            mac, addresses, name = unpack(entry)
            if mac in places and places[mac] is not home.link and mac in there.get(places[mac], ()):
                continue
            texts, seen = [names.address_text(each) for each in addresses], seen_at(mac)
            device = {
                "name": name,
                "fqdn": names.domain(name, label, zone) if name else None,
                "address": texts[0],
                "addresses": texts,
                "mac": ethernet.text(mac),
                "vendor": vendor(mac),
                "member": home.name,
                "group": group,
                "seen_s": max(now - seen, 0) // 1000 if seen is not None else None,
                "way": HERE if home.link is None else way(home.link),
            }
            shown.append((label, not name, name, mac, len(shown), device))
    return [each[-1] for each in ordered(shown)]


def router(slice):
    """The address of the router that has a slice: the first in it (group/charter.py)."""
    return (int.from_bytes(slice[0], "big") + 1).to_bytes(4, "big")


def _labelled(homes):
    """[(Home, label)] in the order given; the labels are the same on all routers. Where names look alike, or like
    nothing, their slices tell them apart: who comes later takes nobody's name."""
    wanted, times = [names.label(home.name) for home in homes], {}
    for each in wanted:
        times[each] = times.get(each, 0) + 1
    labels, taken = list(wanted), set()
    for i in sorted(range(len(homes)), key=lambda i: (times[wanted[i]], homes[i].slice or (b"", 0))):
        label = wanted[i]
        if not label or times[label] > 1:
            label = "%s-%d" % (label[: names.LABEL_MAX - 4] or "member", _number(homes[i].slice))
        labels[i] = names.numbered(label, taken)
        taken.add(labels[i])
    return list(zip(homes, labels))


def _number(slice):
    """Which slice it is: 5 for 10.77.5.0/24."""
    return 0 if slice is None else (int.from_bytes(slice[0], "big") >> (32 - slice[1])) & 0xFF


def _zone(group, suffix):
    return (names.label(group) or "group") + "." + suffix
