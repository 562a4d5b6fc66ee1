"""Debian's miniupnpd on a home's NAT: a router that can be asked for port mappings, by PCP and by NAT-PMP.

    router = Miniupnpd(home.nat)
    router.address                      # what it tells to be its own: mapped ports are there
    router.restart()                    # it has forgotten all mappings

It believes no address to be a public one that is for documentation, as the lab's are. So the NAT gets one more.
"""

import itertools
import uuid

from netns import wait_for

_ADDRESSES = (f"25.0.0.{i}" for i in itertools.count(1))  # somebody's; nothing leaves the lab

_RULES = """
    table inet upnp
    delete table inet upnp
    table inet upnp {
        chain forward_miniupnpd { }
        chain inbound_miniupnpd { }
        chain outbound_miniupnpd { }
        chain forward {
            type filter hook forward priority filter
            jump forward_miniupnpd
        }
        chain inbound {
            type nat hook prerouting priority dstnat
            jump inbound_miniupnpd
        }
        chain outbound {
            type nat hook postrouting priority srcnat
            jump outbound_miniupnpd
        }
    }"""


class Miniupnpd:
    def __init__(self, nat):
        self._nat = nat
        self.address = next(_ADDRESSES)
        nat.ip(f"addr add {self.address}/32 dev wan")
        nat.lab.internet.ip(f"route add {self.address} via {nat.address}")
        self._config = nat.lab.folder / f"{nat.name}-miniupnpd.conf"
        self._config.write_text(f"""
ext_ifname=wan
ext_ip={self.address}
listening_ip=lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=forward_miniupnpd
upnp_nat_chain=inbound_miniupnpd
upnp_nat_postrouting_chain=outbound_miniupnpd
uuid={uuid.uuid4()}
""")
        self.start()

    def start(self):
        self._nat.nft(_RULES)
        self._process = self._nat.spawn(["miniupnpd", "-d", "-f", self._config, "-P", self._config.with_suffix(".pid")])
        self._process.wait_for_output("Listening for NAT-PMP/PCP")

    def stop(self):
        self._process.kill()

    def restart(self):
        self.stop()
        self.start()

    def mapped(self):
        """What it has in its tables: text."""
        return self._nat.run(["nft", "list", "chain", "inet", "upnp", "inbound_miniupnpd"]).stdout

    def wait_mapped(self, port, is_so=True):
        wait_for(lambda: (f"dport {port} " in self.mapped()) is is_so, 10, f"{self._nat.name}: {port} in its tables")
