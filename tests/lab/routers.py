"""Homes whose router is one with our package: its own filesystem, the real init script, a daemon that may do nothing.

    den, cabin = add_router(lab, "den"), add_router(lab, "cabin", nat=True)
    den.start_daemon()                      # /etc/init.d/ipop start
    den.daemon.ipop("groups")               # in the router's filesystem
    den.procd.trigger("interface.up", "wan")

With a network of OpenWrt's as well, which `ipop setup` in it changes:

    den = RouterWithNetwork(lab, "den", port=["lan2"])      # an OpenWrt of openwrt_network.py
"""

import firmware
from lab import Daemon, Home, uci_section
from openwrt_network import FACTORY, OpenWrt
from procd import Procd
from served import GROUP, lease_script
from ubusd import STAND_IN, Ubusd

ENTER = firmware.HERE / "enter"


def add_router(lab, name, **kind):
    """`kind` is what Lab.add_home takes."""
    return lab.add_home(name, make=Router, **kind)


class Router(Home):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.lab.folder.chmod(0o711)  # the daemon is not root
        self.folder.chmod(0o711)
        self.root = self.folder / "root"
        self.package = firmware.packages()[self.interpreter]
        firmware.build(self.root, self.interpreter, self.package)
        self.globals = {"enabled": 1, "serve": "openwrt"}
        self.procd = Procd(self)

    def write_config(self):
        sections = [("globals", "globals", self.globals), *(("group", *group) for group in self.groups.items())]
        self.config.write_text("\n".join(uci_section(*section) for section in sections))
        self.config.chmod(0o600)  # as after `uci commit`: a new file, which is root's

    def start_daemon(self):
        """As at a boot."""
        self.write_config()
        self.daemon = Service(self, self.procd.call("start"))
        self.daemon.wait_ready()
        return self.daemon

    def start_ubusd(self):
        """With procd on it."""
        ubusd = Ubusd(STAND_IN, self.router)
        ubusd.path = self.root / "var/run/ubus/ubus.sock"
        ubusd.path.parent.mkdir()
        ubusd.start()
        ubusd.path.chmod(0o666)
        self.procd.connect(ubusd)
        return ubusd

    def bridge(self):
        """What netifd would do, where there is none: its bridges don't snoop."""
        self.router.ip("link set dev br-group type bridge mcast_snooping 0", "link set dev ipop0 master br-group")

    def run_inside(self, user, *argv, check=True):
        return self.router.run([ENTER, self.root, user, *argv], check=check)

    def spawn_inside(self, user, argv):
        return self.router.spawn([ENTER, self.root, user, *argv])

    @property
    def config(self):
        return self.root / "etc/config/ipop"

    @property
    def control(self):
        return self.root / "var/run/ipop/ipop.sock"


class Service(Daemon):
    """The daemon as procd's service, and `ipop` in the router's filesystem."""

    def __init__(self, home, said):
        self.home = home
        self.said = said  # by the init script

    @property
    def process(self):
        return self.home.procd.process

    def ipop(self, *arguments, check=True):
        return self.home.run_inside("root", "/usr/bin/ipop", *arguments, check=check)

    def reload(self):
        self.home.write_config()
        self.home.procd.call("reload")

    def stop(self):
        self.home.procd.call("stop")
        return self.process.output

    def capabilities(self):
        """(user's number, names of /proc/PID/status -> what it may do)"""
        with open(f"/proc/{self.process.pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["Uid"].split()[0]), {name: int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")}


class RouterWithNetwork(OpenWrt):
    """`options` are those of the group's section."""

    def __init__(self, lab, name, release="24.10", **options):
        lease_script(lab)
        self.home = add_router(lab, name)
        self.router = self.home.router
        self.folder = self.home.root
        self.router.ip("link delete br-group")
        self.home.groups[GROUP] = options
        (self.folder / "tmp/hosts").mkdir()
        self._files = dict(FACTORY[release])
        self._dnsmasq = None
        self._write()
        self.apply()
        self.home.start_daemon()

    def setup(self, *words, check=True):
        return self.home.run_inside("root", "/usr/bin/ipop", "setup", *words, check=check)

    def _write(self):
        for package, text in self._files.items():
            (self.folder / "etc/config" / package).write_text(text)
