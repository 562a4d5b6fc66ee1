"""Homes, NATs and an internet on one machine, with real programs in them.

    with Lab() as lab:
        den = lab.add_home("den")                   # a router with a public address, its UDP port open
        cabin = lab.add_home("cabin", nat=True)     # its router is behind somebody else's NAT: it dials out
        pc, tv = den.add_console("pc"), cabin.add_console("tv")
        lab.introduce(den, cabin)                   # each has the other in its configuration
        lab.start_daemons()
        assert pc.ping(tv.address).received

          pc            internet            tv
          |            /        \\           |
    [den-router]------+          +---[cabin-nat]---[cabin-router]
     br-group, wan    198.51.100.x    203.0.113.x    192.168.1.2

A router's daemon puts its TAP into `br-group`, where the consoles are. All consoles are in 10.77.0.0/16,
those of one home in a /24 of it. Every WAN side has the firewall of a real router: without it NATs behave
like none in the world.
"""

import base64
import json
import os
import signal
from ipaddress import ip_network
from itertools import chain, count, cycle
from pathlib import Path

import netns
from nacl.public import PrivateKey
from netns import BIN, Host, LabError, wait_for

PORT = 51820
# Blocks for documentation (RFC 5737), cut into one small subnet a site, neighbours far apart.
_TEST_NETS = ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24")
_SITES = [list(ip_network(net).subnets(new_prefix=29)) for net in _TEST_NETS]
SITES = list(chain.from_iterable(zip(*_SITES, strict=True)))

# Where the programs of a router are: installed by pip, or as a small router gets them. A lab deals these out to its
# homes in turn.
ROOT = Path(__file__).parents[2]
INTERPRETERS = {"cpython": BIN, "micropython": ROOT / "build/micropython"}
MIXES = {
    "cpython": ("cpython",),
    "micropython": ("micropython",),
    "mixed": ("cpython", "micropython"),
    "mixed-turned": ("micropython", "cpython"),
}
os.environ["PATH"] = f"{ROOT / '.cache/micropython'}:{os.environ['PATH']}"  # `micropython`, as on a router

_numbers = count(1)


class Lab:
    """A context manager: what was built and started in it is gone after it, however it ends.

    `keep` names a lab that outlives the runner; `netns.remove(keep)` takes it away. The homes' daemons run on
    these `interpreters`, in turn.
    """

    def __init__(self, keep=None, interpreters=("cpython",)):
        self.keep = keep is not None
        self.prefix = keep or netns.owned_prefix(next(_numbers))
        self.folder = netns.folder(self.prefix)
        self.processes = []
        self.homes = []
        self._sites = iter(SITES)
        self._interpreters = cycle(interpreters)

    def __enter__(self):
        netns.remove_stale()
        try:
            self.folder.mkdir(mode=0o700)
            self.internet = Host(self, "internet")
            self.internet.sysctl("net/ipv4/ip_forward", 1)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, error, *_):
        if error or not self.keep:
            self.close()

    def close(self):
        # A second Ctrl-C must not leave half of it standing.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for process in reversed(self.processes):
                process.stop(timeout=2)
            netns.remove(self.prefix)
        finally:
            signal.signal(signal.SIGINT, previous)

    def add_host(self, name):
        """A machine on the internet, with a public address and no firewall."""
        host = Host(self, name)
        connect_to_internet(host)
        return host

    def add_home(self, name, nat=False):
        home = Home(self, name, len(self.homes) + 1, nat, next(self._interpreters))
        self.homes.append(home)
        return home

    def introduce(self, *homes):
        """Write each of these homes into the configuration of the others."""
        for home in homes:
            for other in homes:
                if home is not other:
                    home.add_peer(other)

    def start_daemons(self):
        for home in self.homes:
            home.start_daemon()

    def next_site(self):
        return next(self._sites)


class Home:
    """A router, the consoles in its group bridge, the daemon. With `nat`, another router stands before it."""

    def __init__(self, lab, name, number, nat, interpreter):
        self.lab = lab
        self.name = name
        self.interpreter = interpreter
        self.entrance = []  # words before the daemon's, where it runs in a namespace of its own
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.private_key = PrivateKey.generate()
        self.public_key = text_key(bytes(self.private_key.public_key))
        self.globals = {"port": PORT, "device": "ipop0", "bridge": "br-group", "log_level": "debug",
                        "private_key_file": self.folder / "private.key", "state_dir": self.folder,
                        "control": self.folder / "ipop.sock"}
        self.peers = {}
        self.consoles = []
        self.daemon = None

        self.router = Host(lab, f"{name}-router")
        if nat:
            self.gateway = Host(lab, f"{name}-nat")
            connect_to_internet(self.gateway)
            link(self.gateway, "lan", self.router, "wan")
            self.gateway.ip("addr add 192.168.1.1/24 dev lan")
            self.router.ip("addr add 192.168.1.2/24 dev wan", "route add default via 192.168.1.1")
            be_a_router(self.gateway)
            self.endpoint = None
        else:
            self.gateway = self.router
            connect_to_internet(self.router)
            self.endpoint = f"{self.router.address}:{PORT}"
        # As a router's package would do it: the port is open here. A gateway before us knows nothing of it.
        be_a_router(self.router, open_udp=PORT)

        self._network = f"10.77.{number}"
        # Its own MAC address: a bridge without one takes that of a port, and another when the port is gone.
        self.router.ip(f"link add br-group address 02:00:00:00:00:{number:02x} type bridge",
                       f"addr add {self._network}.1/16 dev br-group", "link set br-group up")

    def add_console(self, name):
        console = Host(self.lab, f"{self.name}-{name}")
        console.address = f"{self._network}.{10 + len(self.consoles)}"
        self.consoles.append(console)
        link(console, "eth0", self.router, name)
        self.router.ip(f"link set dev {name} master br-group")
        console.ip(f"addr add {console.address}/16 dev eth0", f"route add default via {self._network}.1")
        return console

    def add_peer(self, other, **options):
        """Have the other, anything with name, public_key and endpoint, in the next configuration."""
        known = {"public_key": other.public_key, "endpoint": other.endpoint, **options}
        self.peers[other.name] = {option: value for option, value in known.items() if value is not None}

    def remove_peer(self, other):
        del self.peers[other.name]

    def start_daemon(self):
        self.write_config()
        self.daemon = Daemon(self)
        self.daemon.wait_ready()
        return self.daemon

    def write_config(self):
        key_file = self.folder / "private.key"
        key_file.touch(mode=0o600)
        key_file.write_text(text_key(bytes(self.private_key)) + "\n")
        sections = [("globals", "globals", self.globals), *(("peer", *peer) for peer in self.peers.items())]
        self.config.write_text("\n".join(uci_section(*section) for section in sections))

    def has_device(self):
        return self.router.run(["ip", "link", "show", self.globals["device"]], check=False).returncode == 0

    def lose(self, percent):
        lose(self.gateway, percent)

    def program(self, name):
        """`ipopd` or `ipop`, as this router has it."""
        return INTERPRETERS[self.interpreter] / name

    @property
    def config(self):
        return self.folder / "ipop.config"

    @property
    def control(self):
        return self.globals["control"]


class Daemon:
    """An `ipopd` in a home's router, and what `ipop` says about it."""

    def __init__(self, home):
        self.home = home
        self.process = home.router.spawn([*home.entrance, home.program("ipopd"), "--config", home.config])

    def wait_ready(self):
        def answers():
            if not self.process.alive():
                raise LabError(f"{self.home.name}: ipopd ended:\n{self.process.output}")
            return self.ipop("status", check=False).returncode == 0
        wait_for(answers, 10, f"{self.home.name}: an answer from ipopd")

    def ipop(self, *arguments, check=True):
        return self.home.router.run(
            [self.home.program("ipop"), "--config", self.home.config, *arguments], check=check
        )

    def status(self):
        return json.loads(self.ipop("--json", "status").stdout)

    def peers(self):
        """What the daemon tells of its peers, by name."""
        return {peer["name"]: peer for peer in json.loads(self.ipop("--json", "peers").stdout)}

    def wait_connected(self, *others, seconds=5):
        names = {other.name for other in others}

        def connected():
            return names <= {name for name, peer in self.peers().items() if peer["state"] == "connected"}
        wait_for(connected, seconds, f"{self.home.name}: connected with {', '.join(sorted(names))}")

    def reload(self):
        self.home.write_config()
        self.process.popen.send_signal(signal.SIGHUP)

    def stop(self):
        return self.process.stop()

    def kill(self):
        return self.process.kill()


def text_key(key):
    return base64.b64encode(key).decode()


def uci_section(kind, name, options):
    lines = [f"config {kind} '{name}'"]
    for option, value in options.items():
        if isinstance(value, list):
            lines += [f"\tlist {option} '{item}'" for item in value]
        else:
            lines.append(f"\toption {option} '{value}'")
    return "\n".join(lines) + "\n"


def link(host, name, other, other_name):
    """A cable between two hosts."""
    host.ip(f"link add {name} type veth peer name {other_name} netns {other.netns}", f"link set dev {name} up")
    other.ip(f"link set dev {other_name} up")


def connect_to_internet(host):
    """Give the host's `wan` the next public subnet. The internet's end of the cable has the host's name."""
    internet = host.lab.internet
    gateway, host.address = list(map(str, host.lab.next_site().hosts()))[:2]
    link(host, "wan", internet, host.name)
    internet.ip(f"addr add {gateway}/29 dev {host.name}")
    host.ip(f"addr add {host.address}/29 dev wan", f"route add default via {gateway}")


def be_a_router(host, open_udp=None):
    """Forward, masquerade, and keep what comes unasked out of the WAN side."""
    host.sysctl("net/ipv4/ip_forward", 1)
    opened = f'iifname "wan" udp dport {open_udp} accept' if open_udp else ""
    host.nft(f"""
        table inet router {{
            chain input {{
                type filter hook input priority filter
                {opened}
                iifname "wan" ct state new drop
            }}
            chain forward {{
                type filter hook forward priority filter
                iifname "wan" ct state established,related accept
                iifname "wan" drop
            }}
            chain postrouting {{
                type nat hook postrouting priority srcnat
                oifname "wan" masquerade
            }}
        }}""")


def lose(host, percent):
    """From now on this much of what crosses the host's WAN cable is lost, in each direction by itself.

    Single datagrams are lost: a burst that a sender hands over in one piece is taken apart first.
    """
    for end, interface in ((host, "wan"), (host.lab.internet, host.name)):
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
