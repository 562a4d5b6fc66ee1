"""ipopd: one process, one poll loop around a Node.

    TAP  -> Node -> UDP        a batch of frames each turn
    UDP  -> Node -> TAP        a batch of datagrams each turn
    control socket, signals, names that were resolved: a few lines each

Nothing here waits but `Poller.wait`. All rules are in the Node; here are files, sockets and what is said to a person.
"""

import sys

from .. import VERSION, log
from ..config import config
from ..config.settings import keep, read_config, read_to_start, without_restart
from ..control.bus import Bus
from ..control.jobs import Jobs
from ..control.journal import Journal
from ..control.server import ControlServer
from ..deadlines import Deadlines, earlier
from ..errors import UserError
from ..openwrt.wishes import Wishes
from ..ports import Poller, Udp, bridges, clock, files, memory, shared, terminal
from ..ubus.connection import OK
from ..wg.messages import TRANSPORT
from ..wg.timestamps import Timestamps
from ..words import quoted, why
from . import state
from .answers import Answers
from .group_methods import GroupMethods
from .groups import Groups
from .network import new_batch
from .static import StaticNetwork
from .uplink import Uplink
from .watchdog import ENVIRONMENT, Watchdog

USAGE = """usage: ipopd [--config FILE] [--check] [--port] [--verbose]

  --config FILE   the configuration (default: %s)
  --check         only say whether the configuration is valid
  --port          only say which UDP port it would have: that of the last good configuration where this one is wrong
  --verbose       log everything
  --version       print the version""" % config.DEFAULT_FILE


class Daemon:
    """Opens everything that `options`, the Config read from `path`, names. Raises UserError, with nothing left open."""

    def __init__(self, path, options, verbose, poller):
        self._path = path
        self.options = self._opened = options  # the one in force, and that of the start
        self._verbose = verbose
        now = clock.monotonic()
        self._deadlines = Deadlines()
        self._poller = poller
        self._looks = 0  # of the uplink that the networks know of
        self.dropped = {}  # what was no tunnel's
        self.problems = {}  # topic -> text, shown by `ipop status`
        self._stopping = False
        self._apply_log_level()
        self._open = []
        self._static = self.groups = None
        try:
            self._journal = Journal(clock.wall)
            log.set_listener(self._journal.add)
            jobs = Jobs()
            handlers = {"job": jobs.job, "events": self._journal.events}
            self._control = self._keep(ControlServer(options.control, poller, clock.monotonic, handlers))
            self._bus = self._keep(Bus(options.ubus, poller, self._count, self._set_problem, handlers, jobs))
            self._watchdog = Watchdog(self._bus.call, terminal.environment(ENVIRONMENT), now)
            self.udp = self._keep(Udp(options.port))
            self._state_file = options.state_dir + "/" + state.FILE
            mark, endpoints = self._load_state()
            self._timestamps = Timestamps(clock.wall(), mark, now)
            self._keeper = state.Keeper(endpoints)
            self._save_state(now)  # before anything is sent with a timestamp
            folder = options.control.rpartition("/")[0]
            self._wishes = self._keep(Wishes(folder, shared, files.read, self._set_problem))
            self._datagrams = new_batch()
            self.uplink = self._keep(
                Uplink(
                    options.state_dir,
                    options.stun,
                    options.turn,
                    self.udp,
                    poller,
                    self._count,
                    self._set_problem,
                    self._own_devices,
                    self._on_uplink,
                )
            )
            self.uplink.forwarding.set(options.relay_limit, now)
            self._static = self._keep(StaticNetwork(self._timestamps, self.uplink, poller, self._set_problem))
            self._static.follow(options, now)
            if self.static is not None:
                self.static.try_endpoints(endpoints, now)
            self.groups = self._keep(
                Groups(
                    options,
                    self._timestamps,
                    poller,
                    self._set_problem,
                    self._take_device,
                    endpoints,
                    self.uplink,
                    self._wishes,
                )
            )
            groups = GroupMethods(self.groups, self._timestamps, lambda: self.options)
            handlers.update(groups.methods())
            handlers.update(Answers(self, path, self._deadlines, groups.groups, now).methods())
            self._static.follow(options, now, is_alone=not self.groups.memberships())
        except UserError:
            self._close()
            raise
        self._watch_udp()

    @property
    def static(self):
        """The StaticPeers, where there are any or may be soon, or None."""
        return self._static.peers if self._static is not None else None

    def networks(self):
        static = self._static.networks() if self._static is not None else []
        memberships = self.groups.memberships() if self.groups is not None else []
        return static + [membership.network for membership in memberships]

    def _take_device(self):
        """The device of the configuration is wanted by a group: whether it can have it."""
        self._static.give_up()
        return self.options.device not in [network.tap.name for network in self.networks()]

    def run(self):
        """Work until a signal says stop."""
        devices = ", ".join([network.tap.name for network in self.networks()]) or "none yet"
        log.info("ipopd %s: UDP port %d, devices: %s" % (VERSION, self.udp.port, devices))
        memory.settle()
        try:
            while not self._stopping:
                try:
                    self._poller.wait(self._timeout())
                    self._handle_turn(clock.monotonic())
                except MemoryError as error:  # what was being done is lost; the rest goes on
                    self._make_room(error)
        finally:
            self._save_state(clock.monotonic(), stopping=True)
            self._close()
        log.info("stopped")

    def _make_room(self, error):
        try:
            memory.settle()
            self._set_problem("memory", "this router's memory is full (%s): something was left undone" % error)
        except MemoryError:
            pass  # not even for that; garbage is collected at the next try

    # --- the loop

    def _timeout(self):
        machines = (self._deadlines, self.groups, self.uplink, self._bus, self._watchdog, self._wishes)
        due = self.static.poll_timeout() if self.static is not None else None
        for each in machines:
            due = earlier(due, each.poll_timeout())
        return max(due - clock.monotonic(), 0) if due is not None else None

    def _handle_turn(self, now):
        self._timestamps.set_clock(clock.wall(), now)
        self._deadlines.handle_timeout(now)
        self.uplink.handle_turn(now)
        if self.uplink.looks != self._looks:
            self._looks = self.uplink.looks
            if self.static is not None:
                self.static.network.look_at_router(now)
            self.groups.handle_new_network(now)
        while self.uplink.receive(self._datagrams):
            self._hand_out(now)
        if self.static is not None:
            self.static.handle_turn(now)
        self.groups.handle_turn(now)
        self._wishes.handle_turn(now)
        event = self._journal.poll()
        while event is not None:
            self._bus.send_event("ipop." + event["kind"], event)
            event = self._journal.poll()
        self._run_errands()
        self._watchdog.handle_turn(now)
        self._bus.handle_turn(now)
        self._control.flush()
        self._save_state(now)

    def _run_errands(self):
        """What only root can do, the init script has done: see `service_triggers` there."""
        for each in self.networks() + [self._wishes]:
            errand = each.poll_errand()
            while errand is not None:
                self._send_root(errand)
                errand = each.poll_errand()

    def _send_root(self, errand):
        def answered(status, answer):
            if status != OK:
                self._wishes.handle_unheard(errand, clock.monotonic())

        self._bus.call("service", "event", {"type": "ipop." + errand, "data": {}}, answered)

    def _watch_udp(self):
        for udp_socket in self.udp.sockets():
            self._poller.watch(udp_socket.fileno(), lambda udp_socket=udp_socket: self._on_udp(udp_socket))

    def _on_udp(self, udp_socket):
        batch = self._datagrams
        batch.clear()
        udp_socket.receive(batch)
        self._hand_out(clock.monotonic())

    def _hand_out(self, now):
        """What was received goes to the networks."""
        batch, networks = self._datagrams, self.networks()
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
        if is_rare and self.uplink.handle_datagram(batch.packet(i), batch.addr[i], now):
            return None
        if len(networks) > 1:
            data = batch.packet(i)
            for network in networks:
                if network.node.is_for_us(data):
                    return network
        return networks[0] if networks else None

    def _own_devices(self):
        """The names of what is ours: devices, and the bridges that they are in."""
        networks = self.networks()
        taps = [network.tap for network in networks]
        found = [tap.name for tap in taps] + [tap.bridge for tap in taps]
        return found + [bridges.bridge_of(tap.name) for tap in taps]

    def _on_uplink(self, is_new, now):
        """Our addresses, or what they look like from outside, may have changed."""
        if self.groups is not None:
            (self.groups.handle_new_addresses if is_new else self.groups.say_where)(now)
        if is_new:
            self._call_the_lost(now)

    def _call_the_lost(self, now):
        for network in self.networks():
            network.node.handle_new_network(now)

    def _count(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    # --- configuration

    def reload(self):
        """Read the configuration again and apply what is different. One that is wrong changes nothing."""
        now = clock.monotonic()
        try:
            new, text = read_config(self._path)
            if not new.enabled:
                log.info("switched off by option 'enabled'")
                self.stop()
                return
            new, needs_restart = without_restart(self._opened, new)
            self.groups.check(new)
            self._static.check(new)
            self._rebind(new)
        except UserError as error:
            self._set_problem("config", "the old configuration runs on, since the new one is wrong: " + error.message)
            return
        self.options = new
        self._keep_config(text)
        self._apply_log_level()
        self.uplink.use_servers(new.stun, new.turn, now)
        self.uplink.forwarding.set(new.relay_limit, now)
        failed = self._follow(new, now)
        if failed:
            text = "the rest of the new configuration is applied, but this runs on as it was: " + "; ".join(failed)
            self._set_problem("config", text)
        else:
            self._set_problem("config", needs_restart)
            log.info("configuration applied: %d peers" % len(new.peers))

    def _follow(self, new, now):
        """What could not be had of a new configuration, in words: [text]."""
        self._static.make_way(new)
        failed = self.groups.follow(new, now)
        try:
            self._static.follow(new, now, is_alone=not self.groups.memberships())
        except UserError as error:
            failed.append(error.message)
        return failed

    def note_start(self, text, wrong):
        """The text of the Config, and what was wrong with the file where that was kept from before, or None."""
        if wrong is None:
            self._keep_config(text)
        else:
            self._set_problem("config", "the last good configuration is used, since the new one is wrong: " + wrong)

    def _keep_config(self, text):
        try:
            keep(text, self._opened.state_dir)
            self._set_problem("config is not kept", None)
        except OSError as error:
            what = "the configuration can't be kept in %s: %s" % (self._opened.state_dir, why(error))
            self._set_problem("config is not kept", what)

    def gather(self):
        """The way out may be another one: SIGUSR1, from whoever hears of the WAN."""
        now = clock.monotonic()
        self.uplink.gather(now)
        self._call_the_lost(now)

    def stop(self):
        self._stopping = True

    def _rebind(self, new):
        if new.port == self.options.port:
            return
        try:
            udp = Udp(new.port)
        except UserError as error:
            raise UserError("%s: option 'port': %s" % (config.place(new, None, "port"), error.message))
        for udp_socket in self.udp.sockets():
            self._poller.forget(udp_socket.fileno())
        self.udp.close()
        self._open[self._open.index(self.udp)] = udp
        self.udp = udp
        self.uplink.use_udp(udp)
        self._watch_udp()

    def _apply_log_level(self):
        log.set_level("debug" if self._verbose else self.options.log_level)

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
        if not stopping and not self._keeper.is_due(self._timestamps.mark, now):
            return
        endpoints = {}
        for network in self.networks():
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

    def _set_problem(self, topic, text):
        if text is None:
            self.problems.pop(topic, None)
        elif self.problems.get(topic) != text:
            self.problems[topic] = text
            log.warning(text, "problem")

    # --- opening and closing

    def _keep(self, thing):
        self._open.append(thing)
        return thing

    def _close(self):
        for thing in reversed(self._open):
            thing.close()


def _arguments(argv):
    """(path, flags without their dashes). Raises UserError."""
    path, flags = config.DEFAULT_FILE, set()
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--config" and rest:
            path = rest.pop(0)
        elif word.startswith("--config="):
            path = word[9:]
        elif word in ("--check", "--port", "--verbose"):
            flags.add(word[2:])
        else:
            raise UserError("can't understand %s\n%s" % (quoted(word), USAGE), 2)
    return path, flags


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
    log.set_gate(terminal.is_writable)
    log.split(terminal.environment(log.ENVIRONMENT) == "stdout")
    # first of all, so that a signal during the start is neither lost nor deadly; they are handled in `Daemon.run`
    daemon = None
    poller = Poller()
    poller.watch_signals(
        {
            "SIGHUP": lambda: daemon.reload(),
            "SIGUSR1": lambda: daemon.gather(),
            "SIGTERM": lambda: daemon.stop(),
            "SIGINT": lambda: daemon.stop(),
        }
    )
    try:
        path, flags = _arguments(argv)
        if "check" in flags:
            read_config(path)
            print("%s is valid" % path)
            return 0
        options, text, wrong = read_to_start(path)
        if "port" in flags:
            print(options.port)
            return 0
        if not options.enabled:
            log.info("switched off by option 'enabled' in %s" % path)
        else:
            memory.grow_for(options.state_dir + "/groups", len(options.peers))
            daemon = Daemon(path, options, "verbose" in flags, poller)
            daemon.note_start(text, wrong)
            daemon.run()
    except UserError as error:
        for line in error.message.split("\n"):
            log.error(line)
        return error.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
