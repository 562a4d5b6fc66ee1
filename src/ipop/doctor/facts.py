"""What a check looks at (checks.py), and where it comes from: the daemon, the files of OpenWrt, the kernel, nft, ubus.

Whatever can't be had is None, and no check says anything about it but the one whose subject it is.
"""

from ..command.command import EACCES, ENOENT
from ..config import config, uci
from ..control.protocol import Refusal
from ..errors import ConfigError, UserError
from ..openwrt import lan, steps, there
from ..words import why

OPENWRT = "/etc/openwrt_release"
DNSMASQ = "/var/etc"  # where its init script writes its files
NFT = ("nft", "/usr/sbin/nft")  # not everybody has that folder in PATH
PATIENCE = 5_000  # ms that a program has
UBUS_PATIENCE = 3_000


class Facts:
    def __init__(self, **known):
        self.is_openwrt = False
        self.path = config.DEFAULT_FILE  # of the configuration
        self.options = None  # the Config
        self.wrong = None  # what is wrong with it, text
        self.unreachable = None  # why the daemon can't be asked, text
        self.status = None  # as the daemon answers, control/methods.py
        self.groups = self.peers = ()
        self.nat = None
        self.no_tun = None  # the number of an error
        self.no_port = None  # why the UDP port can't be had, where no daemon has it
        self.ubus = None  # None: there is no ubus; True: the daemon is on it; else a text: why not
        self.ruleset = None  # nft's text
        self.uplinks = ()  # the interfaces that lead to the internet
        self.uci = {}  # package -> [uci.Section]
        self.undone = None  # what `ipop setup` would do, [text], or why it can't (text)
        self.has_dnsmasq = None  # whether it runs
        self.dnsmasq = ""  # what it was told by its init script
        self.bridges = {}  # device -> its bridge, or None
        self.mtus = {}  # interface -> bytes
        self.wall = None  # ms since 1970
        for name, value in known.items():
            setattr(self, name, value)

    def problem(self, *topics):
        """What the daemon says about the first of these topics that it has something to say about, or None."""
        if self.status is not None:
            known = dict(zip(self.status.get("problem_topics") or (), self.status.get("problems") or ()))
            for topic in topics:
                if topic in known:
                    return known[topic]
        return None

    def members(self):
        """The groups that this router is in, as `groups` answers."""
        return [group for group in self.groups if group.get("state") == "member"]


def gather(shell):
    """Facts, by a Shell (command.py)."""
    ports = shell.ports
    facts = Facts(
        is_openwrt=ports.machine.exists(OPENWRT),
        path=shell.flags["config"] or config.DEFAULT_FILE,
        no_tun=ports.machine.why_no_tun(),
        wall=ports.clock.wall(),
    )
    _read_config(facts, ports)
    _ask_daemon(facts, shell)
    if facts.status is None and facts.options is not None:
        facts.no_port = _why_no_port(ports, facts.options.port)
    if facts.is_openwrt:
        facts.uci = {package: _package(ports, package) for package in there.PACKAGES}
        facts.undone = _undone(ports, facts)
        done = ports.machine.output(["pidof", "dnsmasq"], PATIENCE)
        facts.dnsmasq = _dnsmasq(ports.files)
        facts.has_dnsmasq = {0: True, 1: False}.get(done[0]) if done is not None else None
    ubus = facts.options.ubus if facts.options is not None else config.setting("", facts.path, "ubus")
    if ports.machine.exists(ubus):
        facts.ubus = _ubus(ubus)
    for program in NFT:
        done = ports.machine.output([program, "list", "ruleset"], PATIENCE)
        if done is not None and done[0] == 0:
            facts.ruleset = done[1]
            break
    facts.uplinks = _uplinks(ports)
    for group in facts.members():
        device = group["device"]
        facts.bridges[device] = bridge = ports.bridges.bridge_of(device)
        for interface in (device, bridge):
            if interface is not None:
                facts.mtus[interface] = ports.machine.mtu(interface)
    return facts


def _read_config(facts, ports):
    try:
        text = ports.files.read(facts.path)
    except OSError as error:
        remedy = "run this as root" if error.errno == EACCES else "write it; it may be empty"
        facts.wrong = "%s: %s: %s" % (facts.path, why(error), remedy)
        return
    try:
        facts.options, _ = config.load(text, facts.path, ports.files.read_with_mode, ports.crypto.dh_base)
    except ConfigError as error:
        facts.wrong = error.message


def _ask_daemon(facts, shell):
    try:
        daemon = shell.connect()
        facts.status = daemon.ask("status", {}, dict)
        facts.groups = daemon.ask("groups", {}, list)
        facts.peers = daemon.ask("peers", {}, list)
        facts.nat = daemon.ask("nat", {}, dict)
    except (UserError, Refusal) as error:
        facts.unreachable = error.message


def _uplinks(ports):
    try:
        return [interface for interface, _ in ports.interfaces.gateway()]
    except OSError:
        return ()


def _why_no_port(ports, port):
    try:
        ports.Udp(port).close()
        return None
    except UserError as error:
        return error.message


def _package(ports, name):
    """The Sections of one of OpenWrt's files, none where it isn't there; None where it can't be read."""
    path = "/etc/config/" + name
    try:
        return uci.parse(ports.files.read(path), path)[0]
    except OSError as error:
        return [] if error.errno == ENOENT else None
    except ConfigError:
        return None


def _dnsmasq(files):
    try:
        paths = ["%s/%s" % (DNSMASQ, name) for name in files.list_folder(DNSMASQ) if name.startswith("dnsmasq.conf")]
        return b"\n".join([files.read(path) for path in paths]).decode()
    except (OSError, ValueError):
        return ""


def _undone(ports, facts):
    """What OpenWrt's network lacks of what the groups need; None where there is nothing to compare."""
    if facts.options is None or not config.is_openwrts(facts.options) or None in facts.uci.values():
        return None
    try:
        data = ports.files.read(facts.options.control.rpartition("/")[0] + "/" + lan.FILE, lan.SIZE_MAX + 1)
    except OSError:
        return None  # the daemon has not asked for anything

    def options_of(name):
        section = config.group(facts.options, name)
        return section if section.enabled and section.serve == config.OPENWRT else None

    try:
        work = steps.work(lan.parse(data), options_of, facts.uci)
        return "; ".join(work.refused) or [step.about for step in work.steps]
    except UserError as error:
        return error.message


def _ubus(path):
    from ..control.ubus_client import Ubus, UbusError

    try:
        bus = Ubus(path)
        try:
            bus.call("ipop", "nat", {}, UBUS_PATIENCE)
            return True
        finally:
            bus.close()
    except UbusError as error:
        return error.message
