"""The configuration of a dnsmasq that serves one bridge and nothing else. Text; see dnsmasq(8).

It is on its own: it reads no file of /etc, but for the way to the internet's names where the devices may use that. It
answers for its group's domain and addresses itself, known or not, and never asks anybody about them: what is looked for
in a home stays in the group. Beside it others of its kind may run, also the system's own: it binds to this bridge only.

The names of its devices come from us alone, as in all other homes. With an option `domain` it would give them out by
itself too, and keep for each address to the name that it had read in our file, whatever the device is called by then.

Before it gives an address to a device for the first time it asks whether somebody has set it by hand, which takes 3 s.
"""

from ..lan.names import RESERVED
from .plan import LEASES_MAX, colons, dotted, full_domain, netmask

CONFIG, HOSTS, LEASES, PID = "dnsmasq.conf", "hosts", "leases", "dnsmasq.pid"  # in the folder that it is given
LEASE = "12h"
ADVERTISE_EVERY = 600  # s; who comes asks, and is answered at once
ROUTER_LIFETIME = 0  # s: no default router, see plan.py
_RESOLVERS = "/etc/resolv.conf"

_TEXT = """\
# Written by ipopd for the devices in {bridge}; what is changed here is lost.
interface={bridge}
except-interface=lo
bind-dynamic
keep-in-foreground
log-facility=-
quiet-dhcp
quiet-dhcp6
quiet-ra
pid-file={folder}/{PID}
no-hosts
hostsdir={folder}/{HOSTS}

# Names.
domain-needed
bogus-priv
{resolvers}
{local}
host-record={domain},{router},{router6}
{reserved}
dhcp-ignore-names=tag:reserved

# IPv4: this router's slice, with the netmask of the whole subnet. Who asks elsewhere is not answered.
dhcp-leasefile={folder}/{LEASES}
dhcp-lease-max={leases}
dhcp-authoritative
dhcp-ignore=tag:!{bridge}
dhcp-range={first},{last},{netmask},{LEASE}
dhcp-option=option:router{gateway}
dhcp-option=option:dns-server,{router}
dhcp-option=option:domain-name,{domain}
dhcp-option=option:domain-search,{domain},{above}

# IPv6: the group's prefix, from which each device makes its address. A router with lifetime 0 is no way out.
enable-ra
dhcp-range={prefix6},ra-only,64,{LEASE}
ra-param={bridge},{ADVERTISE_EVERY},{ROUTER_LIFETIME}
"""


def configuration(plan, folder):
    """The text of the file, for a Plan. `folder` is where CONFIG, HOSTS (a folder), LEASES and PID are."""
    domain = full_domain(plan)
    above = domain.partition(".")[2]
    zones = [above] + reverse_zones(plan.subnet[0], plan.subnet[1]) + [reverse_zone6(plan.ula)]
    return _TEXT.format(
        bridge=plan.bridge,
        folder=folder,
        resolvers="resolv-file=" + _RESOLVERS if plan.internet else "no-resolv",
        local="\n".join(["local=/%s/" % zone for zone in zones]),
        reserved="\n".join(["dhcp-name-match=set:reserved,%s" % name for name in RESERVED]),
        domain=domain,
        above=above,
        router=dotted(plan.router),
        router6=colons(plan.router6),
        leases=min(_number(plan.last) - _number(plan.first) + 1, LEASES_MAX),
        first=dotted(plan.first),
        last=dotted(plan.last),
        netmask=dotted(netmask(plan.subnet[1])),
        gateway="," + dotted(plan.router) if plan.internet else "",
        prefix6=colons(plan.ula + bytes(8)),
        CONFIG=CONFIG,
        HOSTS=HOSTS,
        LEASES=LEASES,
        PID=PID,
        LEASE=LEASE,
        ADVERTISE_EVERY=ADVERTISE_EVERY,
        ROUTER_LIFETIME=ROUTER_LIFETIME,
    )


def reverse_zones(address, length):
    """The zones of in-addr.arpa that a subnet is: one, or up to 128 where its end is inside of a byte."""
    whole = (length + 7) // 8
    first = _number(address) >> (32 - 8 * whole)
    zones = []
    for n in range(first, first + (1 << (8 * whole - length))):
        labels = ["%d" % (n >> shift & 0xFF) for shift in range(0, 8 * whole, 8)]
        zones.append(".".join(labels) + ".in-addr.arpa")
    return zones


def reverse_zone6(network):
    """The zone of ip6.arpa of a prefix of whole bytes."""
    digits = "".join(["%02x" % byte for byte in network])
    return ".".join([digits[i] for i in range(len(digits) - 1, -1, -1)]) + ".ip6.arpa"


def _number(packed):
    return int.from_bytes(packed, "big")
