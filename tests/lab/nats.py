"""The routers that stand between homes and the internet, of every kind that there is. All of it is nftables.

Kinds have the names of RFC 3489, because users meet those. In RFC 4787's words, of a router that keeps its mappings and
forgets those which were not used outwards for two minutes:

    kind              mapping                      filtering
    full cone         endpoint-independent         endpoint-independent
    restricted cone   endpoint-independent         address-dependent
    port restricted   endpoint-independent         address and port-dependent     Linux masquerading, as most routers
    symmetric         address and port-dependent   address and port-dependent     ... with random ports
    double NAT        port restricted behind port restricted, the outer one a carrier's (100.64.0.0/10)
    UDP blocked       port restricted, and TCP only
    IPv6 only         no NAT and no IPv4; a firewall lets in what answers

Where there is IPv6, all of them treat it as the last one does. Linux has a table of flows where the first two need one
of mappings: it is kept here, from what masquerading chose, and what comes in is sent to where it points.
"""

import sys

from cables import WanCable, link
from netns import PROGRAMS, Host

from ipop.wire import pcp

PUBLIC = "public"
FULL_CONE = "full cone"
RESTRICTED_CONE = "restricted cone"
PORT_RESTRICTED = "port restricted"
SYMMETRIC = "symmetric"
DOUBLE_NAT = "double NAT"
UDP_BLOCKED = "UDP blocked"
IPV6_ONLY = "IPv6 only"
KINDS = (PUBLIC, FULL_CONE, RESTRICTED_CONE, PORT_RESTRICTED, SYMMETRIC, DOUBLE_NAT, UDP_BLOCKED, IPV6_ONLY)

_LIFE = "timeout 120s"  # the least that RFC 4787 allows (REQ-5)
_LET_IN = {FULL_CONE: "meta l4proto udp", RESTRICTED_CONE: "udp dport . ip saddr @contacted"}


class Nat(Host):
    """A router with a `wan` towards the internet, or towards an `outer` Nat, and a `lan` for others to be connected to.

    The LAN is `network`.0/24, and where the WAN has IPv6, one /64 of its prefix."""

    def __init__(self, lab, name, kind, ipv6=False, outer=None, network="192.168.1"):
        super().__init__(lab, name)
        self.kind = kind
        self.has_ipv4, self.has_ipv6 = kind != IPV6_ONLY, ipv6 or kind == IPV6_ONLY
        self._network, self._network6 = network, None
        self._neighbours = 0
        be_a_router(self, kind)
        if outer:
            outer.connect(self)
        else:
            self.cable = WanCable(self, self.has_ipv4, self.has_ipv6)
        self.ip("link add lan type bridge", "link set lan up")
        if self.has_ipv4:
            self.ip(f"addr add {network}.1/24 dev lan")
        if self.has_ipv6:
            self._network6 = f"{self.prefix6}:{2 if outer else 1}:"
            self.ip(f"addr add {self._network6}:1/64 dev lan")
            if outer:
                outer.ip(f"route add {self._network6}:/64 via {self.address6}")

    def connect(self, router):
        """Connect another router's `wan` to our LAN: it gets an `address` and, where there is IPv6, an `address6`."""
        link(self, router.name, router, "wan")
        self.ip(f"link set {router.name} master lan")
        number = self._neighbours = self._neighbours + 1
        if self.has_ipv4:
            router.address = f"{self._network}.{number + 1}"
            router.ip(f"addr add {router.address}/24 dev wan", f"route add default via {self._network}.1")
        if self.has_ipv6:
            router.prefix6, router.address6 = self.prefix6, f"{self._network6}:{number + 1:x}"
            router.ip(f"addr add {router.address6}/64 dev wan", f"route add default via {self._network6}:1")

    def forget(self):
        """As if it had been switched off and on: none of its flows and mappings is left."""
        self.run([sys.executable, PROGRAMS / "forget_flows.py"])
        for table in ("map ip cone mappings", "set ip cone contacted"):
            self.run(["nft", "flush", *table.split()], check=False)  # only cones have them


def be_a_router(host, kind=PORT_RESTRICTED, open_udp=None):
    """Forward, masquerade, and keep what comes unasked out of the WAN side.

    Where the port of an ipopd is open, so is that at which it hears of a restarted router before it."""
    host.sysctl("net/ipv4/ip_forward", 1)
    host.sysctl("net/ipv6/conf/all/forwarding", 1)
    opened = f'iifname "wan" udp dport {{ {open_udp}, {pcp.ANNOUNCE_PORT} }} accept' if open_udp else ""
    blocked = 'oifname "wan" meta l4proto udp drop' if kind == UDP_BLOCKED else ""
    ports = "fully-random" if kind == SYMMETRIC else ""
    host.nft(f"""
        table inet router {{
            chain input {{
                type filter hook input priority filter
                {opened}
                iifname "wan" ct state new drop
            }}
            chain forward {{
                type filter hook forward priority filter
                {blocked}
                iifname "wan" ct state established,related accept
                iifname "wan" ct status dnat accept
                iifname "wan" drop
            }}
            chain postrouting {{
                type nat hook postrouting priority srcnat
                oifname "wan" meta nfproto ipv4 masquerade {ports}
            }}
        }}""")
    if kind in _LET_IN:
        _be_a_cone(host, _LET_IN[kind])


def _be_a_cone(host, let_in):
    out, back = ('oifname "wan" meta l4proto udp ct direction ' + way for way in ("original", "reply"))
    host.nft(f"""
        table ip cone {{
            map mappings {{
                type inet_service : ipv4_addr . inet_service
                flags dynamic, timeout
                {_LIFE}
            }}
            set contacted {{
                type inet_service . ipv4_addr
                flags dynamic, timeout
                {_LIFE}
            }}
            chain outbound {{
                type filter hook postrouting priority srcnat + 1
                {out} update @mappings {{ ct reply proto-dst : ct original ip saddr . ct original proto-src }}
                {out} update @contacted {{ ct reply proto-dst . ip daddr }}
                {back} update @mappings {{ ct original proto-dst : ct reply ip saddr . ct reply proto-src }}
                {back} update @contacted {{ ct original proto-dst . ip daddr }}
            }}
            chain inbound {{
                type nat hook prerouting priority dstnat
                iifname "wan" {let_in} dnat to udp dport map @mappings
            }}
        }}""")
