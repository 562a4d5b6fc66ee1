"""The sections of UCI that make a group's Plan true on OpenWrt: netifd, its dnsmasq and odhcpd, fw4 and hostapd do it.

    network    ipop0_dev      the bridge br-ipop0: the TAP, and the ports that were chosen
               ipop0          the router's address in it, with the netmask of the whole group
               ipop0_map0     mapped addresses are answered for
    dhcp       ipop0_dhcp     this slice's addresses, and IPv6 by SLAAC alone
    firewall   ipop0_zone     nothing comes in and nothing goes through, but for
               ipop0_icmp, ipop0_dns, ipop0_dhcp
               ipop0_internet             only with `internet`: from this slice, to public addresses
               ipop0_map0_in, ipop0_map0_out, ipop0_nat    only with `map`
    wireless   ipop0_radio0   only with `ssid`

The bridge outlives the TAP (bridge_empty), and has a MAC address of its own: else it would take that of a port. Nothing
here sets an MTU: a bridge follows its ports down. A zone forwards among its own interfaces only, so devices of the
group reach each other, also where bridged frames pass the firewall, and nobody else. What others' devices may not use
is kept from them by their addresses: a `forwarding` would let the whole group out through this home's internet.
"""

from collections import namedtuple

from ..errors import UserError
from ..home.firewall import PRIVATE
from ..home.plan import colons, dotted, full_domain, netmask, prefix
from .nat import path
from .there import DEVICE_SECTION, GROUP_OPTION

# options: [(name, a text, or a list of texts)], in their order; about: what it is for, in words
Section = namedtuple("Section", "package name type options about")

LEASE = "12h"
LEASES_MAX = 1000  # what dnsmasq gives on OpenWrt, if nobody says otherwise
TAKEN = "ipop_taken"  # in our section: what was another bridge's, see borrowed.py
ZONES = "ipop_local"  # in our section: what dnsmasq was told to keep at home


def sections(device, made, options, there):
    """[Section] for a Plan; `options` is the GroupConfig. Raises UserError where something for it is missing."""
    try:
        wanted = _network(device, made, options) + _dhcp(device, made)
        return wanted + _firewall(device, made, there) + _wireless(device, made, options, there)
    except UserError as error:
        raise UserError("%s: %s" % (options.name, error.message))


def local_zone(made):
    """What dnsmasq answers by itself, known or not, and asks nobody about."""
    return full_domain(made).partition(".")[2]


def _network(device, made, options):
    ports = [device] + [port for port in options.port if port != device]
    bridge = [
        ("name", made.bridge),
        ("type", "bridge"),
        ("ports", ports),
        ("bridge_empty", "1"),
        ("macaddr", ":".join(["%02x" % byte for byte in made.mac])),
        (GROUP_OPTION, options.name),
    ]
    interface = [
        ("device", made.bridge),
        ("proto", "static"),
        ("ipaddr", dotted(made.router)),
        ("netmask", dotted(netmask(made.subnet[1]))),
        ("ip6addr", [prefix(made.router6, 64)]),
        ("defaultroute", "0"),
        ("delegate", "0"),
    ]
    about = "the bridge %s, of %s" % (made.bridge, " and ".join(ports))
    found = [Section("network", device + DEVICE_SECTION, "device", bridge, about)]
    about = "this router is %s and %s in it" % (prefix(made.router, made.subnet[1]), colons(made.router6))
    found.append(Section("network", device, "interface", interface, about))
    for i, mapping in enumerate(made.maps):
        image = prefix(mapping.image, mapping.length)
        route = [("interface", device), ("type", "local"), ("target", image)]
        about = "%s is reached at %s" % (prefix(mapping.network, mapping.length), image)
        found.append(Section("network", "%s_map%d" % (device, i), "route", route, about))
    return found


def _dhcp(device, made):
    domain = full_domain(made)
    count = min(_number(made.last) - _number(made.first) + 1, LEASES_MAX)
    told = ["15," + domain, "119,%s,%s" % (domain, local_zone(made))]
    options = [
        ("interface", device),
        ("start", "%d" % (_number(made.first) - _number(made.subnet[0]))),  # it is counted from the subnet's beginning
        ("limit", "%d" % count),
        ("leasetime", LEASE),
        ("force", "1"),  # others' DHCP servers are kept out by the daemon, and dnsmasq is not to go and look for them
        ("dhcpv4", "server"),
        ("dhcp_option", told if made.internet else ["3"] + told),  # 3 alone: there is no gateway
        ("ra", "server"),
        ("ra_flags", ["none"]),
        ("ra_default", "0"),
        ("ra_lifetime", "0"),
        ("dhcpv6", "disabled"),
        ("domain", [domain, local_zone(made)]),
    ]
    about = "devices get %s to %s, %s gateway" % (dotted(made.first), dotted(made.last), "a" if made.internet else "no")
    return [Section("dhcp", device + "_dhcp", "dhcp", options, about)]


def _firewall(device, made, there):
    zone = [("name", device), ("network", [device]), ("input", "REJECT"), ("output", "ACCEPT"), ("forward", "ACCEPT")]
    about = "what comes from the group stays in the group"
    found = [Section("firewall", device + "_zone", "zone", zone, about)]

    def rule(name, *options, about):
        first = [("name", "%s: %s" % (device, about)), ("src", device)]
        rest = list(options) + [("target", "ACCEPT")]
        found.append(Section("firewall", "%s_%s" % (device, name), "rule", first + rest, about))

    rule("icmp", ("proto", "icmp"), about="the router can be pinged")
    rule("dns", ("proto", ["tcp", "udp"]), ("dest_port", "53"), about="the router answers for names")
    rule("dhcp", ("proto", "udp"), ("dest_port", ["67", "547"]), about="the router gives addresses to its own side")
    if made.internet:
        public = ["!" + each for each in PRIVATE]
        to = ("dest", there.zone_called("wan")), ("proto", "all"), ("family", "ipv4")
        rule("internet", *to, ("src_ip", [prefix(*made.slice)]), ("dest_ip", public), about="this home's internet")
    for i, mapping in enumerate(made.maps):
        network = prefix(mapping.network, mapping.length)
        home = there.zone_with((mapping.network, mapping.length))
        rest = ("proto", "all"), ("family", "ipv4")
        to_home = ("dest", home), ("dest_ip", [network])
        rule("map%d_in" % i, *rest, *to_home, about="the group reaches %s" % network)
        from_home = [("name", "%s: %s reaches the group" % (device, network)), ("src", home), ("dest", device)]
        from_home += list(rest) + [("src_ip", [network]), ("target", "ACCEPT")]
        about = "%s reaches the group" % network
        found.append(Section("firewall", "%s_map%d_out" % (device, i), "rule", from_home, about))
    if made.maps:
        include = [("type", "nftables"), ("path", path(device)), ("position", "table-append")]
        about = "addresses of this home are others in the group"
        found.append(Section("firewall", device + "_nat", "include", include, about))
    return found


def _wireless(device, made, options, there):
    if options.ssid is None:
        return []
    radios = there.radios()
    if options.radio is not None and options.radio not in radios:
        known = ", ".join(sorted(radios)) or "none"
        raise UserError("option 'radio': there is no %s in /etc/config/wireless; known: %s" % (options.radio, known))
    if not radios:
        raise UserError("option 'ssid': this router has no Wi-Fi")
    found = []
    for radio in [options.radio] if options.radio is not None else sorted(radios):
        network = [
            ("device", radio),
            ("mode", "ap"),
            ("network", device),
            ("ssid", options.ssid),
            ("encryption", "psk2"),
            ("key", options.key),
        ]
        about = "the Wi-Fi %s on %s" % (options.ssid, radio)
        about += ", which is switched off: see Network, Wireless in LuCI" if radios[radio] else ""
        found.append(Section("wireless", "%s_%s" % (device, radio), "wifi-iface", network, about))
    return found


def _number(packed):
    return int.from_bytes(packed, "big")
