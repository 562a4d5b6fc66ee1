"""What OpenWrt's own files say of a group's network: is its bridge in a zone, are its DHCP's addresses its own?"""

from ..config import config
from ..wire import address
from .finding import good, wrong

DNSMASQ, OPENWRT = "dnsmasq", "openwrt"
START, LIMIT = 100, 150  # what dnsmasq's init script takes if nobody says otherwise
_YES = ("1", "on", "true", "yes", "enabled")
_SETUP = "'ipop setup --apply' makes it, with option 'serve' 'openwrt'"


def service_of(facts, group):
    """What `serve` says for a group, or None."""
    return config.group(facts.options, group["name"]).serve if facts.options is not None else None


def bridge_of(facts, group):
    """The bridge that the group's device belongs into, or None: it is in none, on purpose."""
    return group["bridge"] or ("br-" + group["device"] if service_of(facts, group) == OPENWRT else None)


def setup(facts):
    """What the groups need of this router's network is in its files."""
    if facts.undone is None:
        return []
    if isinstance(facts.undone, str):
        return [wrong("setup", facts.undone)]
    if not facts.undone:
        return [good("setup", "this router's network is as its groups need it")]
    text = "%d things that the groups need are not in this router's network yet, such as: %s"
    remedy = "'ipop setup --apply'; 'ipop setup' shows them"
    return [wrong("setup", text % (len(facts.undone), facts.undone[0]), remedy)]


def zone(facts):
    """A bridge in no zone gets nothing from the router: no address, no name."""
    found = []
    for group, bridge in _networks(facts):
        names = _interfaces(facts, bridge)
        zones = [each for each in facts.uci.get("firewall") or () if each.type == "zone"]
        at = [_one(each, "name") for each in zones if bridge in _words(each, "device") or set(names) & _set(each)]
        if at:
            found.append(good("zone", "%s: %s is in the firewall zone %s" % (group["name"], bridge, at[0])))
        elif not names:
            text = "%s: no interface of /etc/config/network is on %s, so it is in no firewall zone"
            found.append(wrong("zone", text % (group["name"], bridge), _SETUP))
        else:
            text = "%s: the interface %s is in no firewall zone: its devices get no address"
            remedy = _SETUP + "; or choose one in LuCI, Network, Firewall"
            found.append(wrong("zone", text % (group["name"], names[0]), remedy))
    return found


def dhcp(facts):
    """Devices get addresses, and those of this home's slice: others are another member's."""
    found = []
    for group, bridge in _networks(facts):
        names = _interfaces(facts, bridge)
        if not names or group.get("slice") is None:
            continue
        interface = names[0]
        if facts.has_dnsmasq is False and not _is_odhcpd_main(facts):
            text = "%s: dnsmasq does not run, so its devices get no address and no name"
            remedy = "/etc/init.d/dnsmasq enable; /etc/init.d/dnsmasq restart; 'logread -e dnsmasq' says why it ended"
            found.append(wrong("dhcp", text % group["name"], remedy))
            continue
        pools = [each for each in facts.uci.get("dhcp") or () if each.type == "dhcp"]
        pools = [each for each in pools if _one(each, "interface") == interface]
        if not pools or _one(pools[0], "ignore") in _YES or _one(pools[0], "dhcpv4") == "disabled":
            text = "%s: DHCP is off on the interface %s: its devices get no address"
            found.append(wrong("dhcp", text % (group["name"], interface), _SETUP))
            continue
        found.append(_range(group, interface, pools[0]))
    return found


def advertised(facts):
    """No device believes that a group's router leads to the internet by IPv6. dnsmasq, which stands in where odhcpd
    doesn't run, says so whatever the files say: its init script leaves it no choice."""
    found = []
    for group, bridge in _networks(facts):
        said = [line.split(",")[-1] for line in facts.dnsmasq.split("\n") if line.startswith("ra-param=%s," % bridge)]
        if any(lifetime.strip() != "0" for lifetime in said):
            text = "%s: dnsmasq tells its devices that this router is their way to the IPv6 internet, which it is not"
            remedy = "leave that to odhcpd: opkg install odhcpd-ipv6only (or apk add odhcpd-ipv6only); "
            remedy += "/etc/init.d/odhcpd enable; /etc/init.d/odhcpd start; /etc/init.d/dnsmasq restart"
            found.append(wrong("ipv6", text % group["name"], remedy))
    return found


def _is_odhcpd_main(facts):
    """Whether it gives IPv4 addresses too, in dnsmasq's place."""
    sections = [each for each in facts.uci.get("dhcp") or () if each.type == "odhcpd"]
    return any(_one(each, "maindhcp") in _YES for each in sections)


def _range(group, interface, pool):
    """Whether what a section 'dhcp' gives is in the group's slice here."""
    subnet, _ = _network(group["address"])
    low, high = _network(group["slice"])
    start, limit = _number(pool, "start", START), _number(pool, "limit", LIMIT)
    first, last = subnet + start, subnet + start + limit - 1
    name, shown = group["name"], "%s to %s" % (_dotted(first), _dotted(last))
    if low < first <= last < high:
        return good("dhcp", "%s: devices here get %s" % (name, shown))
    text = "%s: DHCP on %s would give %s, which is not this home's part, %s"
    size = high - low + 1
    right = low - subnet + min(START, size * START // 256 or 2)
    remedy = "in its section 'dhcp': option start '%d', option limit '%d'" % (right, min(LIMIT, size * LIMIT // 256))
    return wrong("dhcp", text % (name, interface, shown, group["slice"]), remedy)


def _networks(facts):
    """[(group, bridge)] where there are files to look at."""
    if not facts.is_openwrt or facts.uci.get("network") is None:
        return []
    found = [(group, bridge_of(facts, group)) for group in facts.members()]
    return [each for each in found if each[1] is not None]


def _interfaces(facts, bridge):
    """The names of the interfaces that are on a bridge."""
    sections = [each for each in facts.uci["network"] if each.type == "interface"]
    return [each.name for each in sections if bridge in (_one(each, "device"), _one(each, "ifname"))]


def _set(section):
    return set(_words(section, "network"))


def _one(section, name):
    option = section.get(name)
    return option.values[-1].text if option is not None and option.values else None


def _words(section, name):
    option = section.get(name)
    return [word for value in option.values for word in value.text.split()] if option is not None else []


def _number(section, name, default):
    text = _one(section, name) or ""
    return int(text) if text.isdigit() and len(text) < 10 else default


def _network(text):
    """(first, last) address of "10.77.5.0/24", as numbers."""
    written, _, length = text.partition("/")
    bits = 32 - int(length)
    first = int.from_bytes(address.pack(written), "big") >> bits << bits
    return first, first + (1 << bits) - 1


def _dotted(number):
    return "%d.%d.%d.%d" % tuple(number.to_bytes(4, "big"))
