"""What the hosts of a lab are connected by: cables, and those to the internet, which can lose things or be long."""

import signal
import sys

from netns import PROGRAMS

IPV6 = "2001:db8"  # for documentation (RFC 3849): each site has a /48 of it


def link(host, name, other, other_name):
    """A cable between two hosts. Its IPv6 addresses can be used at once: there is nobody to have the same ones."""
    for end in (host, other):
        end.sysctl("net/ipv6/conf/default/accept_dad", 0)
    host.ip(f"link add {name} type veth peer name {other_name} netns {other.netns}", f"link set dev {name} up")
    other.ip(f"link set dev {other_name} up")


class WanCable:
    """From the host's `wan` to the internet, where the other end has the host's name.

    The host gets the next public `address`, with IPv6 also an `address6` and a `prefix6` that leads to it."""

    def __init__(self, host, ipv4=True, ipv6=False):
        self._host, self._internet = host, host.lab.internet
        self._line = None  # the program, where the cable is a long one
        self._addresses = []  # (the internet's, the host's, length)
        number, subnet = host.lab.next_site()
        if ipv4:
            there, host.address = list(map(str, subnet.hosts()))[:2]
            self._addresses.append((there, host.address, subnet.prefixlen))
        if ipv6:
            host.prefix6 = f"{IPV6}:{number:x}"
            host.address6 = f"{host.prefix6}::2"
            self._addresses.append((f"{host.prefix6}::1", host.address6, 64))
        link(host, "wan", self._internet, host.name)
        self._configure()

    def lose(self, percent):
        """From now on this much of what crosses the cable is lost, in each direction by itself.

        Single datagrams are lost: a burst that a sender hands over in one piece is taken apart first.
        """
        for end, interface in self._ends():
            end.run(["ethtool", "-K", interface, "tx-udp-segmentation", "off"])
            end.run(["nft", "delete", "table", "inet", f"loss-{interface}"], check=False)
            if percent:
                end.nft(f"""
                    table inet loss-{interface} {{
                        chain arriving {{
                            type filter hook prerouting priority raw
                            iifname "{interface}" numgen random mod 100 <= {percent - 1} drop
                        }}
                    }}""")

    def delay(self, ms, ms6=None):
        """From now on everything takes so much longer, in each direction; IPv6 `ms6`, if that is something else. For
        the first time the cable is exchanged."""
        file = self._host.lab.folder / f"{self._host.name}-delay"
        file.write_text(f"{ms} {ms if ms6 is None else ms6}")
        if self._line:
            self._line.popen.send_signal(signal.SIGHUP)
            return
        self._host.ip("link delete wan")
        ends = ("line-near", "line-far")
        self._line = self._internet.spawn([sys.executable, PROGRAMS / "line.py", *ends, file])
        self._line.wait_for_output("ready")
        for end, (host, interface) in zip(ends, self._ends(), strict=True):
            self._internet.ip(f"link set {end} name {interface} netns {host.netns}")
            host.ip(f"link set {interface} up")
        self._configure()

    def _ends(self):
        return (self._host, "wan"), (self._internet, self._host.name)

    def _configure(self):
        for there, here, length in self._addresses:
            self._internet.ip(f"addr add {there}/{length} dev {self._host.name}")
            self._host.ip(f"addr add {here}/{length} dev wan", f"route add default via {there}")
            if ":" in here:
                self._internet.ip(f"route add {self._host.prefix6}::/48 via {here}")
