"""What `ipop setup` does: root makes the network of this router as its groups want it, on OpenWrt.

    lan.json, by the daemon  -+
    /etc/config/ipop          +-> Work (openwrt/steps.py) -> words, or a `uci batch`, or a session of rpcd
    /etc/config/network, ... -+

What is applied is looked at before it is confirmed: each bridge has its address, and the tunnels are as they were. Else
rpcd takes it back, also when this program or the way to it is lost.

So this takes some seconds, in which procd must be free to reload netifd, fw4 and dnsmasq. It runs one trigger's script
at a time: one that calls this must not wait for it, or each waits for the other.
"""

from ..command.command import ENOENT
from ..config import config
from ..config.uci import parse
from ..control.protocol import Refusal
from ..control.ubus_client import Ubus
from ..errors import UserError
from ..home.plan import dotted
from ..words import quoted, why
from . import hosts, lan, nat, rpcd, shown, steps
from .device import bridge_of, is_bridge
from .there import PACKAGES, There
from .wishes import HOSTS, REFUSED

CHECK_AFTER = 3_000  # ms, in which netifd and its fellows begin
CHECK_UNTIL = 45_000  # ms; rpcd waits longer
CHECK_EVERY = 500  # ms
TRY_EVERY = 2_000  # ms
PING_TIMEOUT = 1_000  # ms
ASKED_MAX = 8  # members; more would take longer than rpcd waits
_READERS = {"network": "netifd", "wireless": "wifi-scripts", "dhcp": "dnsmasq", "firewall": "firewall4"}


def show(shell):
    """Only say what would be done."""
    router = _Router(shell)
    work = router.work()
    if shell.flags["dry-run"]:
        lines = steps.batch(work.steps)
        shell.show({"batch": lines}, shown.batch, lines)
    elif not (work.refused and router.is_as(work)):
        shell.show(shown.result(work, False), shown.work_to_do, work.steps, router.is_as(work))
    _complain(work)


def _complain(work):
    """What is not possible, once all else is done or shown. Raises UserError."""
    if work.refused:
        raise UserError("; ".join(work.refused))


def write_files(shell):
    """Only what is read beside UCI."""
    router = _Router(shell)
    work = router.work()
    router.write_files(router.stale_files(work))
    router.write_names(work)


class _Router:
    """What is there, and what is wanted."""

    def __init__(self, shell):
        self._files = shell.ports.files
        self._shared = shell.ports.shared
        self._interfaces = shell.ports.interfaces
        self._flags = shell.flags
        path = shell.flags["config"] or config.DEFAULT_FILE
        self._folder = path.rpartition("/")[0]
        self._config = _read_config(path, shell.ports, shell.flags["with"])
        self._run = self._config.control.rpartition("/")[0]
        self.packages = {package: self._read_package(package) for package in PACKAGES}

    def work(self):
        work = steps.work(self._wishes(), self._options_of, self.packages, self._networks())
        for package in steps.touched(work.steps):
            path = "%s/%s" % (self._folder, package)
            if self._read(path, 0) is None:
                text = "there is no %s: install what reads it (%s), or make an empty file"
                raise UserError(text % (path, _READERS[package]))
        return work

    def coming_back(self):
        """The groups that were undone, and that the daemon has made again."""
        data = self._read(self._run + "/" + lan.FILE, lan.SIZE_MAX + 1)
        group = self._flags["undo"]
        if not (group or self._flags["remove-all"]) or data is None:
            return []
        names = [wish.group for wish in lan.parse(data) if group in (None, wish.group)]
        return [name for name in names if config.group(self._config, name).serve == config.OPENWRT]

    def is_as(self, work):
        """Whether nothing is to be done."""
        return not work.steps and not self.stale_files(work)

    def stale_files(self, work):
        """{path: what has to be in it, or None} of those that are otherwise."""
        return {path: text for path, text in work.files.items() if self.read_file(path) != text}

    def read_file(self, path):
        """Its text, or None where there is none."""
        data = self._read(path)
        return data.decode() if data is not None else None

    def write_files(self, texts):
        """{path: text, or None to remove it}. Raises UserError."""
        try:
            for path, text in texts.items():
                if text is None:
                    self._shared.forget(path)
                else:
                    self._shared.make_folder(path.rpartition("/")[0])
                    self._shared.write(path, text.encode())
        except OSError as error:
            raise UserError("%s: %s" % (path, why(error)))

    def write_names(self, work):
        """What the daemon knows of names, for dnsmasq. Those of a group that was left are emptied: dnsmasq looks at a
        file that is gone no more."""
        texts = {}
        for device, made in work.plans.items():
            data = self._read("%s/%s/%s" % (self._run, HOSTS, device), hosts.SIZE_MAX)
            texts[hosts.path(device)] = hosts.checked(data or b"", made)
        for path in work.files:
            device = path.rpartition("/")[2].partition(".")[0]
            if device not in work.plans:
                texts[hosts.path(device)] = ""
        stale = {path: text for path, text in texts.items() if self.read_file(path) != text}
        self.write_files({path: text for path, text in stale.items() if text or self.read_file(path)})

    def _wishes(self):
        owned = There(self.packages).owned
        if self._flags["remove-all"]:
            return []
        group = self._flags["undo"]
        if group:
            if group not in owned.values():
                known = ", ".join(sorted(owned.values())) or "none"
                raise UserError("nothing here is of a group %s; there is something of: %s" % (quoted(group), known))
            return [lan.kept(name, device) for device, name in owned.items() if name != group]
        data = self._read(self._run + "/" + lan.FILE, lan.SIZE_MAX + 1)
        if data is None:
            text = "%s/%s isn't there: ipopd writes it when it has started, if its groups are served by OpenWrt"
            raise UserError(text % (self._run, lan.FILE))
        return lan.parse(data)

    def _networks(self):
        """Those of other programs too, which UCI knows nothing of. A way to the internet goes on beside a group."""
        try:
            uplinks = [interface for interface, _ in self._interfaces.gateway()]
            found = self._interfaces.networks()
            return [each for each in found if each[0] not in uplinks and not is_bridge(each[0])]
        except OSError:
            return []

    def _options_of(self, group):
        if self._flags["undo"]:
            return config.group(self._config, group)  # all others stay, whatever is configured
        section = config.group(self._config, group)
        return section if section.enabled and section.serve == config.OPENWRT else None

    def _read_package(self, package):
        path = "%s/%s" % (self._folder, package)
        return parse(self._read(path) or b"", path)[0]

    def _read(self, path, limit=-1):
        """The bytes of a file, or None where there is none. What the daemon writes has a limit: it might be anything.
        Raises UserError."""
        try:
            return self._files.read(path, limit)
        except OSError as error:
            if error.errno == ENOENT:
                return None
            raise UserError("%s: %s" % (path, why(error)))


def _read_config(path, ports, text):
    """The Config in the file, or the one that `text` is, which somebody thinks about."""
    try:
        if text is None:
            text = ports.files.read(path)
    except OSError as error:
        if error.errno != ENOENT:
            raise UserError("%s: %s" % (path, why(error)))
        text = ""
    return config.load(text, path, ports.files.read_with_mode, ports.crypto.dh_base)[0]


# --- applying


def apply_all(shell):
    """All is read again whenever somebody else's change was waited for."""
    path = shell.setting("control", lenient=True).rpartition("/")[0] + REFUSED
    try:
        _apply_or_wait(shell)
    except UserError as error:
        _note(shell.ports.shared, path, error.message)
        raise
    _note(shell.ports.shared, path, None)


def _note(shared, path, text):
    """For the daemon, which shows it among its problems. It is not in the daemon's own folder: there root would write
    to wherever a link of somebody in wrong hands leads."""
    try:
        if text is None:
            shared.forget(path)
        else:
            shared.write(path, (text + "\n").encode())
    except OSError:
        pass  # it is said all the same


def _apply_or_wait(shell):
    poller, clock = shell.ports.Poller(), shell.ports.clock
    until = clock.monotonic() + 1000 * shell.flags["wait"]
    while True:
        router = _Router(shell)
        work = router.work()
        is_same = router.is_as(work)
        try:
            if not is_same:
                _apply(shell, router, work)
            break
        except rpcd.Busy:
            if clock.monotonic() >= until:
                raise
            poller.wait(TRY_EVERY)
    router.write_names(work)
    if not (work.refused and is_same):
        shell.show(shown.result(work, not is_same), shown.applied, work.steps, is_same, router.coming_back())
    _complain(work)


def _apply(shell, router, work):
    """Raises UserError, and then all is as it was."""
    ubus = Ubus(shell.setting("ubus", lenient=True))
    try:
        stale = router.stale_files(work)
        before = {path: router.read_file(path) for path in stale}
        watch = _Watch(shell, work, sorted(There(router.packages).owned))
        session = rpcd.Session(ubus, work.steps) if work.steps else None
        router.write_files(stale)
        try:
            if session is None:
                # what fw4 includes is otherwise, and no word of UCI
                ubus.call("service", "event", {"type": "config.change", "data": {"package": "firewall"}})
                return
            session.apply()
        except UserError:
            router.write_files(before)
            raise
        wrong = watch.wait()
        try:
            if wrong is None:
                session.confirm()
                return
            session.roll_back()
        except UserError as error:  # it has waited long enough, and has put all back by itself
            wrong = wrong or error.message
        router.write_files(before)
        raise UserError("%s: so all was put back as it was before" % wrong)
    finally:
        ubus.close()


class _Watch:
    """Looks whether all works after a change as it did before it."""

    def __init__(self, shell, work, owned):
        self._shell = shell
        self._clock = shell.ports.clock
        self._work = work
        left = [device for device in owned if nat.path(device) in work.files and device not in work.plans]
        self._daemon = None
        self._gone = [bridge_of(device) for device in left]
        self._connected = self._peers_connected()

    def wait(self):
        """What doesn't work in the end, in words, or None."""
        poller = self._shell.ports.Poller()
        start = self._clock.monotonic()
        poller.wait(CHECK_AFTER)
        wrong, silent = None, list(self._connected or ())
        while True:
            wrong = self._look_at_bridges()
            if wrong is None and self._connected is not None:
                silent = [name for name in silent if not self._answers(name)]
                if 2 * len(silent) > len(self._connected):
                    wrong = "of %d members that were connected %d do not answer" % (len(self._connected), len(silent))
                elif self._ask("status", {}) is None:
                    wrong = "ipopd does not answer any more"
            if wrong is None or self._clock.monotonic() - start > CHECK_UNTIL:
                return wrong
            poller.wait(CHECK_EVERY)

    def _look_at_bridges(self):
        ports = self._shell.ports
        networks = ports.interfaces.networks()
        for made in self._work.plans.values():
            if not any(each[:2] == (made.bridge, dotted(made.router)) for each in networks):
                return "%s has not got the address %s" % (made.bridge, dotted(made.router))
        for bridge in self._gone:
            if ports.links.index(bridge):
                return "%s is still there" % bridge
        return None

    def _peers_connected(self):
        """Their names, or None where the daemon doesn't run."""
        peers = self._ask("peers", {})
        if not isinstance(peers, list):
            return None
        names = [each["name"] for each in peers if each.get("state") == "connected" and each.get("version")]
        return names[:ASKED_MAX]

    def _answers(self, name):
        return self._ask("ping", {"peer": name, "timeout": PING_TIMEOUT}) is not None

    def _ask(self, method, params):
        """What the daemon answers, or None."""
        try:
            if self._daemon is None:
                self._daemon = self._shell.connect()
            return self._daemon.ask(method, params, object)
        except Refusal:
            return None
        except UserError:
            self._daemon = None  # another one may be started meanwhile
            return None
