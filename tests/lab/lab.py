"""Homes, NATs and an internet on one machine, with real programs in them.

    with Lab() as lab:
        den = lab.add_home("den")                   # a router with a public address, its UDP port open
        cabin = lab.add_home("cabin", nat=True)     # its router is behind somebody else's NAT: it dials out
        pc, tv = den.add_console("pc"), cabin.add_console("tv")
        lab.introduce(den, cabin)                   # each has the other in its configuration
        lab.start_daemons()
        assert pc.reaches(tv.address)

          pc            internet            tv
          |            /        \\           |
    [den-router]------+          +---[cabin-nat]---[cabin-router]
     br-group, wan    198.51.100.x    203.0.113.x    192.168.1.2

A router's daemon puts its TAP into `br-group`, where the consoles are. All consoles are in 10.77.0.0/16,
those of one home in a /24 of it. Every WAN side has the firewall of a real router: without it NATs behave
like none in the world. Which NAT it is can be chosen (nats.py), IPv6 can be had, and a line can be long:

        hut = lab.add_home("hut", nat=nats.SYMMETRIC, ipv6=True)
        loft = lab.add_home("loft", behind=hut)     # the same NAT
        lab.delay(hut, 40)                          # ms, each way
"""

import base64
import os
import signal
from ipaddress import ip_network
from itertools import chain, count, cycle
from pathlib import Path

import nats
import netns
from cables import WanCable, link
from nacl.public import PrivateKey
from netns import BIN, Host, LabError, wait_for

from ipop.command.command import Daemon as Answers
from ipop.errors import UserError
from ipop.ports import Client

PORT = 51820
FAULT = "a fault in ipopd"  # how the daemon speaks of an exception that nobody foresaw, in its log and to `ipop`
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
        self._sites = enumerate(SITES, 1)
        self._interpreters = cycle(interpreters)

    def __enter__(self):
        netns.remove_stale()
        try:
            self.folder.mkdir(mode=0o700)
            self.internet = Host(self, "internet")
            self.internet.sysctl("net/ipv4/ip_forward", 1)
            self.internet.sysctl("net/ipv6/conf/all/forwarding", 1)
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
            for process in self.processes:
                if process.alive():
                    process.popen.terminate()
            for process in reversed(self.processes):
                process.stop(timeout=2)
            netns.remove(self.prefix)
        finally:
            signal.signal(signal.SIGINT, previous)

    def add_host(self, name):
        """A machine on the internet, with public addresses of both kinds and no firewall."""
        host = Host(self, name)
        host.cable = WanCable(host, ipv6=True)
        return host

    def add_home(self, name, nat=False, ipv6=False, behind=None, make=None):
        """`nat` is one of nats.KINDS; True is the usual one. A home `behind` another one shares its NAT. `make` is the
        class, if it isn't Home."""
        home = (make or Home)(self, name, len(self.homes) + 1, nat, next(self._interpreters), ipv6, behind)
        self.homes.append(home)
        return home

    def delay(self, home, ms, ms6=None):
        """From now on what crosses the home's WAN cable takes so much longer, in each direction; IPv6 `ms6`."""
        home.gateway.cable.delay(ms, ms6)

    def introduce(self, *homes):
        """Write each of these homes into the configuration of the others."""
        for home in homes:
            for other in homes:
                if home is not other:
                    home.add_peer(other)

    def start_daemons(self):
        for home in self.homes:
            home.start_daemon()

    def faults(self):
        """What the programs said of faults of their own."""
        lines = [line for process in self.processes for line in process.output.splitlines()]
        return [line for line in lines if FAULT in line]

    def next_site(self):
        """(number, IPv4 subnet)"""
        return next(self._sites)


class Home:
    """A router, the consoles in its group bridge, the daemon. Another router stands before it, unless it is public.

    `nat` is the one next to it, or None; `gateway` is the one whose WAN cable leads to the internet.
    """

    def __init__(self, lab, name, number, nat, interpreter, ipv6=False, behind=None):
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
        self.groups = {}  # name of a group -> the options of its section
        self.guards = {}  # the same of guards
        self.consoles = []
        self.daemon = None

        self.router = Host(lab, f"{name}-router")
        kind = {False: nats.PUBLIC, True: nats.PORT_RESTRICTED}.get(nat, nat)
        self.gateway, self.nat = self._stand_behind(kind, ipv6) if behind is None else (behind.gateway, behind.nat)
        if self.nat:
            self.nat.connect(self.router)
            self.endpoint = None
        else:
            self.router.cable = WanCable(self.router, ipv6=ipv6)
            self.endpoint = f"{self.router.address}:{PORT}"
        # As a router's package would do it: the port is open here. A gateway before us knows nothing of it.
        nats.be_a_router(self.router, open_udp=PORT)

        self._network = f"10.77.{number}"
        # Its own MAC address: a bridge without one takes that of a port, and another when the port is gone.
        self.router.ip(f"link add br-group address 02:00:00:00:00:{number:02x} type bridge",
                       f"addr add {self._network}.1/16 dev br-group", "link set br-group up")

    def _stand_behind(self, kind, ipv6):
        """(gateway, nat) of a home that shares them with nobody."""
        if kind == nats.PUBLIC:
            return self.router, None
        if kind == nats.DOUBLE_NAT:
            carrier = nats.Nat(self.lab, f"{self.name}-carrier", kind, ipv6, network="100.64.0")
            return carrier, nats.Nat(self.lab, f"{self.name}-nat", kind, ipv6, outer=carrier)
        nat = nats.Nat(self.lab, f"{self.name}-nat", kind, ipv6)
        return nat, nat

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
        sections = [("globals", "globals", self.globals), *(("peer", *peer) for peer in self.peers.items()),
                    *(("group", *group) for group in self.groups.items()),
                    *(("guard", *guard) for guard in self.guards.items())]
        self.config.write_text("\n".join(uci_section(*section) for section in sections))

    def has_device(self):
        return self.router.run(["ip", "link", "show", self.globals["device"]], check=False).returncode == 0

    def lose(self, percent):
        self.gateway.cable.lose(percent)

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
            try:
                return self.status()
            except (OSError, UserError):
                return None
        wait_for(answers, 10, f"{self.home.name}: an answer from ipopd")

    def ipop(self, *arguments, check=True):
        return self.home.router.run(
            [self.home.program("ipop"), "--config", self.home.config, *arguments], check=check
        )

    def ask(self, method, **params):
        """What is answered on the control socket. It is a file, so that no program has to be started for it; whoever
        waits for something asks often."""
        client = Client(str(self.home.control))
        try:
            return Answers(client).ask(method, params, object)
        finally:
            client.close()

    def status(self):
        return self.ask("status")

    def peers(self):
        """What the daemon tells of its peers, by name."""
        return {peer["name"]: peer for peer in self.ask("peers")}

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
