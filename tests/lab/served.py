"""Homes in a group whose devices need nothing but a cable: the daemon serves them, and real DHCP clients ask.

    den, cabin = town(lab, "den", "cabin")      # one group, connected
    nas = plug(den, "nas")                      # a device with an address from its own router
    nas.renew()                                 # what it is given now
"""

import json
import signal
import time

from brokers import Mosquitto
from cables import link
from groups import create, invite, join, wait_connected
from netns import Host, wait_for

GROUP = "friends"
LEASE_WAIT = 20  # s
WALK = 2  # s from one home to the other: nobody is quicker

# What udhcpc calls: it does with a lease what a device does, and leaves word of it.
LEASE_SCRIPT = """#!/bin/sh
case $1 in bound|renew) ;; *) exit 0 ;; esac
if [ "$1" = bound ]; then
    ip -4 addr flush dev $interface
    ip addr add $ip/$mask dev $interface
    for each in 255.255.255.255 224.0.0.0/4; do ip route replace $each dev $interface; done
    for each in $router; do ip route add default via $each; done
fi
echo "{\\"ip\\": \\"$ip\\", \\"mask\\": \\"$mask\\", \\"router\\": \\"$router\\", \\"dns\\": \\"$dns\\",
 \\"domain\\": \\"$domain\\", \\"search\\": \\"$search\\"}" | tr -d '\\n'
echo
"""


def lease_script(lab):
    """The file."""
    script = lab.folder / "lease"
    if not script.exists():
        lab.folder.chmod(0o711)  # dnsmasq is not root
        script.write_text(LEASE_SCRIPT)
        script.chmod(0o755)
    return script


def town(lab, *names, **options):
    """Homes of these names whose devices are served, in one group."""
    homes = [served_home(lab, name, **options) for name in names]
    gather(lab, homes)
    return homes


def gather(lab, homes):
    """Make one group of homes, with a broker of its own."""
    create(homes[0], GROUP, Mosquitto(lab.add_host("mqtt")).url)
    for home in homes[1:]:
        join(home, invite(homes[0]))
    for home in homes:
        wait_connected(home, *[other.name for other in homes if other is not home])


def served_home(lab, name, entrance=(), **options):
    """`options` are those of the group's section; `entrance` are words before those of its ipopd."""
    lease_script(lab)
    home = lab.add_home(name)
    home.entrance = list(entrance)
    home.router.ip("addr flush dev br-group scope global")
    home.groups[GROUP] = {"serve": "dnsmasq", "bridge": "br-group", **options}
    home.start_daemon()
    return home


def plug(home, name):
    """A Device in the home's bridge, as soon as it has an address."""
    device = Device(home, name)
    home.consoles.append(device)
    device.ask()
    return device


class Device(Host):
    """Something with a DHCP client, which goes on as on a real one."""

    def __init__(self, home, name):
        super().__init__(home.lab, f"{home.name}-{name}")
        self.home = home
        self._label = self.host_name = name
        self._client = None
        self.connect(home)

    def connect(self, home):
        """Its cable leads into this home now."""
        self.home = home
        link(self, "eth0", home.router, self._label)
        home.router.ip(f"link set dev {self._label} master br-group")

    def carry(self, home):
        """From where it is into another home, with its MAC address. As devices do when they get a link, it looks
        whether somebody has its IPv6 addresses, and asks for one by DHCP."""
        mac = self.mac
        self.ip("link delete eth0")
        time.sleep(WALK)
        self.home = home
        link(self, "eth0", home.router, self._label)
        self.sysctl("net/ipv6/conf/eth0/accept_dad", 1)
        self.ip("link set eth0 down", f"link set eth0 address {mac}", "link set eth0 up")
        home.router.ip(f"link set dev {self._label} master br-group")
        self.ask()

    def ask(self):
        """Start the client; what it was given."""
        if self._client is not None:
            self._client.stop()
        command = ["busybox", "udhcpc", "-f", "-i", "eth0", "-t", LEASE_WAIT, "-T", 1,
                   "-x", f"hostname:{self.host_name}", "-O", "search", "-s", lease_script(self.lab)]
        self._client = self.spawn(command)
        return self._wait_for_lease(0)

    def renew(self):
        """Ask again for what it has; what it was given."""
        told = len(self._leases())
        self._client.popen.send_signal(signal.SIGUSR1)
        return self._wait_for_lease(told)

    @property
    def mac(self):
        return json.loads(self.run(["ip", "-json", "link", "show", "eth0"]).stdout)[0]["address"]

    def _wait_for_lease(self, told):
        wait_for(lambda: len(self._leases()) > told, LEASE_WAIT, f"{self.name}: an address")
        lease = self._leases()[-1]
        self.address = lease["ip"]
        return lease

    def _leases(self):
        return [json.loads(line) for line in self._client.output.splitlines() if line.startswith("{")]
