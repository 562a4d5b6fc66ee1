"""ipopd: one process, one poll loop around a Node.

    TAP  -> Node -> UDP        a batch of frames each turn
    UDP  -> Node -> TAP        a batch of datagrams each turn
    control socket, signals, names that were resolved: a few lines each

Nothing here waits but `Poller.wait`. All rules are in the Node; here are files, sockets and what is said to a person.
"""

import sys

from . import VERSION, config, log, state
from .control import Deferred, Refusal
from .deadlines import Deadlines
from .errors import ConfigError, UserError
from .groups import Groups, group_with_default_device
from .network import Network, new_batch
from .node import ANSWERED, Node
from .ports import INTERPRETER, Poller, Tap, Udp, clock, crypto, files, memory, terminal
from .server import ControlServer
from .static import StaticPeers
from .uplink import Uplink
from .values import key_text
from .wg.messages import TRANSPORT
from .wg.timestamps import Timestamps
from .wire import address
from .words import did_you_mean, quoted, why

STATIC_DEVICE = "ipop-peers"  # for the peers in the configuration, where a group has the one that is configured

USAGE = """usage: ipopd [--config FILE] [--check] [--verbose]

  --config FILE   the configuration (default: %s)
  --check         only say whether the configuration is valid
  --verbose       log everything
  --version       print the version""" % config.DEFAULT_FILE


class Daemon:
    """Opens everything that `options`, the Config read from `path`, names. Raises UserError, with nothing left open."""

    def __init__(self, path, options, verbose, poller):
        self._path = path
        self._config = self._opened = options  # the one in force, and the one that the devices were opened by
        self._verbose = verbose
        self._started = now = clock.monotonic()
        self._deadlines = Deadlines()
        self._poller = poller
        self._problems = {}  # topic -> text, shown by `ipop status`
        self._stopping = False
        self._apply_log_level()
        self._open = []
        self._static = None  # StaticPeers, where there are any or may be soon
        self._groups = None
        try:
            self._handlers = {"status": self._status, "peers": self._peers, "ping": self._ping, "nat": self._nat}
            self._control = self._keep(ControlServer(options.control, poller, clock.monotonic, self._handlers))
            self._udp = self._keep(Udp(options.port))
            self._state_file = options.state_dir + "/" + state.FILE
            mark, endpoints = self._load_state()
            self._timestamps = Timestamps(clock.wall(), mark, now)
            self._keeper = state.Keeper(endpoints)
            self._save_state(now)  # before anything is sent with a timestamp
            self._datagrams = new_batch()
            self._dropped = {}  # what was no tunnel's
            self._uplink = self._keep(
                Uplink(
                    options.state_dir,
                    options.stun,
                    options.turn,
                    self._udp,
                    poller,
                    self._count,
                    self._set_problem,
                    self._own_devices,
                    self._on_uplink,
                )
            )
            if options.peers:
                self._open_static(now)
                self._static.try_endpoints(endpoints, now)
            self._groups = self._keep(
                Groups(
                    options,
                    self._timestamps,
                    poller,
                    self._set_problem,
                    self._take_device,
                    endpoints,
                    self._uplink,
                )
            )
            self._handlers.update(self._groups.methods())
            if self._static is None and not self._groups.memberships() and options.private_key is not None:
                self._open_static(now)  # there may be peers later
        except UserError:
            self._close()
            raise
        self._watch_udp()

    def _open_static(self, now):
        """The network of the peers in the configuration."""
        options = self._opened
        node = Node(options.private_key, crypto, self._timestamps, now, VERSION, has_room=memory.has_room)
        tap = Tap(*self._static_device(options))
        network = Network(node, tap, self._uplink, self._poller, self._set_problem, self._on_node_event)
        self._static = self._keep(StaticPeers(network, self._poller, self._set_problem))
        self._static.configure(self._config.peers, now)

    def _static_device(self, options):
        """(device, bridge or None): the configuration's, unless a group has them: what is plugged in there is its."""
        owner = group_with_default_device(options)
        if owner is None:
            return options.device, options.bridge
        text = "the peers in the configuration have device %s and no bridge, since %s belongs to the group %s"
        self._set_problem("static device", text % (STATIC_DEVICE, options.device, owner))
        return STATIC_DEVICE, None

    def _take_device(self):
        """The device and bridge of the configuration for a group, or None when they are in use."""
        options = self._opened
        if self._static is not None and not self._config.peers:
            self._open.remove(self._static)
            self._static.close()
            self._static = None
        used = [network.tap.name for network in self._networks()]
        return None if options.device in used else (options.device, options.bridge)

    def _networks(self):
        memberships = self._groups.memberships() if self._groups is not None else []
        static = [self._static.network] if self._static is not None else []
        return static + [membership.network for membership in memberships]

    def run(self):
        """Work until a signal says stop."""
        devices = ", ".join([network.tap.name for network in self._networks()]) or "none yet"
        log.info("ipopd %s: UDP port %d, devices: %s" % (VERSION, self._udp.port, devices))
        memory.settle()
        try:
            while not self._stopping:
                try:
                    self._poller.wait(self._timeout())
                    self._handle_turn(clock.monotonic())
                except MemoryError as error:  # what was being done is lost; the rest goes on
                    memory.settle()
                    self._set_problem("memory", "this router's memory is full (%s): something was left undone" % error)
        finally:
            self._save_state(clock.monotonic(), stopping=True)
            self._close()
        log.info("stopped")

    # --- the loop

    def _timeout(self):
        times = [self._deadlines.poll_timeout(), self._groups.poll_timeout(), self._uplink.poll_timeout()]
        if self._static is not None:
            times.append(self._static.poll_timeout())
        times = [when for when in times if when is not None]
        return max(min(times) - clock.monotonic(), 0) if times else None

    def _handle_turn(self, now):
        self._timestamps.set_clock(clock.wall(), now)
        self._deadlines.handle_timeout(now)
        self._uplink.handle_turn(now)
        while self._uplink.receive(self._datagrams):
            self._hand_out(now)
        if self._static is not None:
            self._static.handle_turn(now)
        self._groups.handle_turn(now)
        self._control.flush()
        self._save_state(now)

    def _watch_udp(self):
        for udp_socket in self._udp.sockets():
            self._poller.watch(udp_socket.fileno(), lambda udp_socket=udp_socket: self._on_udp(udp_socket))

    def _on_udp(self, udp_socket):
        batch = self._datagrams
        batch.clear()
        udp_socket.receive(batch)
        self._hand_out(clock.monotonic())

    def _hand_out(self, now):
        """What was received goes to the networks."""
        batch, networks = self._datagrams, self._networks()
        owner, first = None, 0
        for i in range(batch.count):
            network = self._owner_of(batch, i, networks, now)
            if network is not owner:
                if owner is not None:
                    owner.handle_datagrams(batch, first, i, now)
                owner, first = network, i
        if owner is not None:
            owner.handle_datagrams(batch, first, batch.count, now)

    def _owner_of(self, batch, i, networks, now):
        """Which of the networks at our port a datagram is for; the first counts what is nobody's. None if it was for
        none of them."""
        is_rare = batch.length[i] == 0 or batch.mem[batch.start[i]] != TRANSPORT
        if is_rare and self._uplink.handle_datagram(batch.packet(i), batch.addr[i], now):
            return None
        if len(networks) > 1:
            data = batch.packet(i)
            for network in networks:
                if network.node.is_for_us(data):
                    return network
        return networks[0] if networks else None

    def _own_devices(self):
        """The names of what is ours: devices, and the bridges that they are in."""
        networks = self._networks()
        return [network.tap.name for network in networks] + [network.tap.bridge for network in networks]

    def _on_uplink(self, is_new, now):
        """Our addresses, or what they look like from outside, may have changed."""
        if self._groups is not None:
            (self._groups.handle_new_addresses if is_new else self._groups.say_where)(now)

    def _count(self, reason):
        self._dropped[reason] = self._dropped.get(reason, 0) + 1

    # --- configuration

    def reload(self):
        """Read the configuration again and apply what is different. One that is wrong changes nothing."""
        try:
            new = read_config(self._path)
            if not new.enabled:
                log.info("switched off by option 'enabled'")
                self.stop()
                return
            self._rebind(new.port)
        except UserError as error:
            self._set_problem("config", "the old configuration runs on, since the new one is wrong: " + error.message)
            return
        self._set_problem("config", self._needs_restart(new))
        self._config = new
        self._apply_log_level()
        now = clock.monotonic()
        if self._static is not None:
            self._static.configure(new.peers, now)
        elif new.peers:
            self._set_problem("static", "restart ipopd to change: the first peers in the configuration")
        log.info("configuration applied: %d peers" % len(new.peers))

    def stop(self):
        self._stopping = True

    def _rebind(self, port):
        if port == self._config.port:
            return
        udp = Udp(port)
        for udp_socket in self._udp.sockets():
            self._poller.forget(udp_socket.fileno())
        self._udp.close()
        self._open[self._open.index(self._udp)] = udp
        self._udp = udp
        self._uplink.use_udp(udp)
        self._watch_udp()

    def _needs_restart(self, new):
        """What of a new configuration can only be had by a restart, as a sentence, or None."""
        options = ("device", "bridge", "relay", "stun", "turn", "control", "state_dir", "private_key", "groups")
        changed = [name for name in options if getattr(self._opened, name) != getattr(new, name)]
        return "restart ipopd to change: " + ", ".join(changed) if changed else None

    def _apply_log_level(self):
        log.set_level("debug" if self._verbose else self._config.log_level)

    # --- flash

    def _load_state(self):
        try:
            return state.load(files.read(self._state_file).decode())
        except OSError:
            return 0, {}  # the first start
        except ValueError as error:
            log.warning("%s is damaged (%s): starting without it" % (self._state_file, error))
            return 0, {}

    def _save_state(self, now, stopping=False):
        endpoints = {}
        for network in self._networks():
            endpoints.update(network.node.endpoints())
        text = self._keeper.poll(self._timestamps.mark, endpoints, now, stopping)
        if text is None:
            return
        try:
            files.make_private_folder(self._opened.state_dir)
            files.write_atomic(self._state_file, text.encode())
            self._set_problem("state", None)
        except OSError as error:
            self._set_problem("state", "%s can't be written: %s" % (self._state_file, why(error)))

    # --- what people and programs see

    def _on_node_event(self, event, now):
        if event.kind == ANSWERED:
            event.token.answered(event)

    def _set_problem(self, topic, text):
        if text is None:
            self._problems.pop(topic, None)
        elif self._problems.get(topic) != text:
            self._problems[topic] = text
            log.warning(text)

    def _status(self, now):
        networks = self._networks()
        status = _sum([network.node.status(now) for network in networks], self._dropped)
        status["version"] = VERSION
        status["interpreter"] = INTERPRETER
        status["public_key"] = key_text(self._static.network.node.public_key) if self._static is not None else None
        status["device"] = ", ".join([network.tap.name for network in networks]) or self._opened.device
        status["bridge"] = self._opened.bridge
        status["port"] = self._udp.port
        status["uptime_s"] = (now - self._started) // 1000
        status["problems"] = list(self._problems.values())
        status["groups"] = self._groups.groups(now)
        return status

    def _nat(self, now):
        nat = self._uplink.status()
        networks = self._networks()
        seen = [addr for network in networks for addr in network.node.seen_at()]
        nat["seen"] = sorted({address.text(addr) for addr in seen})
        nat["relay"] = any(network.node.relay.is_willing for network in networks)
        return nat

    def _peers(self, now):
        static = [self._static.network.node] if self._static is not None else []
        shown = [_shown(peer) for node in static for peer in node.peers(now)]
        for membership in self._groups.memberships():
            shown += [dict(_shown(peer), group=membership.name) for peer in membership.node.peers(now)]
        return shown

    def _ping(self, now, peer, timeout):
        node, found = self._find_peer(peer, now)
        answer = _Ping(node, found["name"], now + timeout)
        refusal = node.ping(found["public_key"], answer, now)
        if refusal is not None:
            raise Refusal(refusal, _WHY_NO_PING[refusal] % found["name"])
        self._deadlines.wake(answer, answer.until)
        return answer.deferred

    def _find_peer(self, wanted, now):
        """(node, what it says about the peer)"""
        peers = [(network.node, peer) for network in self._networks() for peer in network.node.peers(now)]
        names = [(each, each[1]["name"], key_text(each[1]["public_key"])) for each in peers]
        for found in (
            [each for each, name, key in names if wanted in (name, key)],
            [each for each, name, key in names if name.startswith(wanted) or key.startswith(wanted)],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                listed = ", ".join([peer["name"] for _, peer in found])
                raise Refusal("ambiguous", "%s could be any of: %s" % (quoted(wanted), listed))
        if not peers:
            raise Refusal("not-found", "there are no peers yet: add them to %s, or join a group" % self._path)
        guess = did_you_mean(wanted, [name for _, name, _ in names])
        raise Refusal("not-found", "there is no peer %s: %s" % (quoted(wanted), guess))

    # --- opening and closing

    def _keep(self, thing):
        self._open.append(thing)
        return thing

    def _close(self):
        for thing in reversed(self._open):
            thing.close()


class _Ping:
    """A question of somebody at the control socket, until it is answered or its time is up."""

    def __init__(self, node, name, until):
        self._node = node
        self.deferred = Deferred()
        self.until = until
        self.wake_at = None
        self._name = name
        self._asked_at = clock.microseconds()

    def answered(self, event):
        rtt = (clock.microseconds() - self._asked_at) / 1000
        self.deferred.resolve({"peer": self._name, "endpoint": self._node.way(event.addr), "rtt_ms": rtt})

    def handle_timeout(self, now):
        self.deferred.refuse("timeout", "%s does not answer: is it running, and is its endpoint right?" % self._name)


def _sum(statuses, dropped):
    """One status of those of several nodes, and of what was dropped before them."""
    total = {"peers": {}, "traffic": {}, "dropped": dict(dropped), "devices": 0}
    for name in ("configured", "connected"):
        total["peers"][name] = sum([status["peers"][name] for status in statuses])
    for name in ("frames_in", "frames_out", "bytes_in", "bytes_out"):
        total["traffic"][name] = sum([status["traffic"][name] for status in statuses])
    for status in statuses:
        total["devices"] += status["devices"]
        for reason, n in status["dropped"].items():
            total["dropped"][reason] = total["dropped"].get(reason, 0) + n
    return total


def _shown(peer):
    """A peer of `Node.peers` as the control protocol shows it."""
    return {
        "name": peer["name"],
        "public_key": key_text(peer["public_key"]),
        "suite": peer["suite"],
        "state": peer["state"],
        "endpoint": peer["way"],
        "rtt_ms": peer["rtt_ms"],
        "last_heard_s": _seconds(peer["heard_ms"]),
        "last_handshake_s": _seconds(peer["handshake_ms"]),
        "bytes_in": peer["bytes_in"],
        "bytes_out": peer["bytes_out"],
        "version": peer["release"],
    }


def _seconds(ms):
    return None if ms is None else ms / 1000


_WHY_NO_PING = {
    "no-such-peer": "%s was removed",
    "not-ours": "%s is a stock WireGuard peer: ping its address instead",
    "no-endpoint": "%s has no endpoint and has not called yet: set option 'endpoint', or wait",
    "busy": "too many pings to %s are under way",
}


def read_config(path):
    """The Config in a file; its warnings are logged. Raises ConfigError."""
    try:
        text = files.read(path)
    except OSError as error:
        raise ConfigError("%s: %s: write it, or name another file with --config" % (path, why(error)))
    found, warnings = config.load(text, path, files.read_with_mode, crypto.dh_base)
    for warning in warnings:
        log.warning(warning)
    return found


def _arguments(argv):
    """(path, check, verbose). Raises UserError."""
    path, flags = config.DEFAULT_FILE, set()
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--config" and rest:
            path = rest.pop(0)
        elif word.startswith("--config="):
            path = word[9:]
        elif word in ("--check", "--verbose"):
            flags.add(word)
        else:
            raise UserError("can't understand %s\n%s" % (quoted(word), USAGE), 2)
    return path, "--check" in flags, "--verbose" in flags


def main(argv=None):
    """The program: returns its exit status. 1: something is in the way; 2: the configuration or command is wrong."""
    argv = sys.argv[1:] if argv is None else argv
    if "--help" in argv or "-h" in argv:
        print(USAGE)
        return 0
    if "--version" in argv:
        print("ipopd " + VERSION)
        return 0
    if terminal.is_terminal(2):
        log.set_clock(terminal.clock_text)
    log.set_gate(lambda: terminal.is_writable(2))
    # first of all, so that a signal during the start is neither lost nor deadly; they are handled in `Daemon.run`
    daemon = None
    poller = Poller()
    poller.watch_signals(
        {"SIGHUP": lambda: daemon.reload(), "SIGTERM": lambda: daemon.stop(), "SIGINT": lambda: daemon.stop()}
    )
    try:
        path, check, verbose = _arguments(argv)
        options = read_config(path)
        if check:
            print("%s is valid" % path)
        elif not options.enabled:
            log.info("switched off by option 'enabled' in %s" % path)
        else:
            memory.grow_for(options.state_dir + "/groups", len(options.peers))
            daemon = Daemon(path, options, verbose, poller)
            daemon.run()
    except UserError as error:
        for line in error.message.split("\n"):
            log.error(line)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
