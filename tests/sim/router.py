"""A home router that runs the daemon, and the home behind it.

It does for its Node what the daemon's shell does in the field: hands it datagrams, frames and the time, sends
what it wants sent, and keeps on flash what must outlive the process. `restart` is SIGKILL and a new start: the
addresses learned since the last save (see ipop/daemon/state.py) are gone.
"""

from console import Lan

from ipop.daemon import state
from ipop.node import Node, PeerConfig
from ipop.ports import crypto
from ipop.wg.timestamps import Timestamps

PORT = 51820
RELEASE = "0.1.0"
SOME_DAY_IN_2025 = 1_750_000_000_000  # ms since 1970


class Router:
    """Made by `Simulation.add_node`; starts at once. `wall` is what its clock says (ms since 1970)."""

    def __init__(self, agenda, name, number, host, is_public, chance, wall=SOME_DAY_IN_2025):
        self.name = name
        self.host = host
        self._wall = wall - agenda.now
        self.private_key = chance.bytes(32)
        self.public_key = crypto.dh_base(self.private_key)
        self.address = (host.address, PORT) if is_public else None  # where strangers can reach it
        self.node = None
        self.events = []
        self.flash = None  # the text of its state file
        self.peers = []
        self.lan = Lan(agenda, self._from_lan)
        self.console = self.add_console(number)
        self._agenda = agenda
        self._crypto = _RepeatableCrypto(chance)
        self._alarm = None
        self.start()

    @property
    def dropped(self):
        """What the node threw away since it was started: reason -> count."""
        return self.node.dropped

    def add_console(self, number):
        high, low = divmod(number, 256)
        device = len(self.lan.consoles) + 1
        mac = bytes([2, 0, 0, high, low, device])
        return self.lan.add("%s-console-%d" % (self.name, device), mac, "10.%d.%d.%d" % (high, low, device))

    def add_peer(self, other, keepalive=0, endpoint=None, preshared_key=None):
        """Put another router into the configuration, with its endpoint if it has a public one."""
        endpoint = endpoint or other.address
        config = PeerConfig(other.name, other.public_key, endpoint, preshared_key, "sha256", [], keepalive)
        self.peers.append(config)
        self._configure()

    def remove_peer(self, other):
        self.peers = [config for config in self.peers if config.name != other.name]
        self._configure()

    def peer(self, other):
        """What its Node says about a peer: a dict."""
        for peer in self.node.peers(self._agenda.now):
            if peer["name"] == other.name:
                return peer
        raise KeyError(other.name)

    # --- its life

    def start(self):
        now = self._agenda.now
        mark, endpoints = state.load(self.flash) if self.flash else (0, {})
        self.timestamps = Timestamps(self._wall + now, mark, now)
        self.node = Node(self.private_key, self._crypto, self.timestamps, now, RELEASE)
        self._keeper = state.Keeper(endpoints)
        self._alarm = None
        self.host.open(PORT, self._from_internet)
        self._configure()
        for config in self.peers:
            if config.endpoint is None and config.public_key in endpoints:
                self.node.set_endpoint(config.public_key, endpoints[config.public_key], now)
        self._pump()

    def kill(self):
        """SIGKILL."""
        self.host.close(PORT)
        self.node = None

    def restart(self):
        self.kill()
        self.start()

    def set_clock(self, wall):
        """Its clock says `wall` (ms since 1970) from now on, as if it were set by hand or by NTP."""
        self._wall = wall - self._agenda.now
        if self.node is not None:
            self.timestamps.set_clock(wall, self._agenda.now)

    # --- what the shell does

    def _configure(self):
        if self.node is not None:
            self.node.configure(self.peers, self._agenda.now)
            self._pump()

    def _from_internet(self, data, source):
        frame = self.node.handle_datagram(data, source, self._agenda.now)
        if frame is not None:
            self.lan.from_tap(frame)
        self._pump()

    def _from_lan(self, frame):
        if self.node is not None:
            self.node.handle_frame(frame, self._agenda.now)
            self._pump()

    def _wake(self, node, due):
        if node is self.node and due == self._alarm:
            self._alarm = None
            node.handle_timeout(self._agenda.now)
            self._pump()

    def _pump(self):
        """Do all that the node asks for."""
        node = self.node
        self.flash = self._keeper.poll(self.timestamps.mark, node.endpoints(), self._agenda.now) or self.flash
        datagram = node.poll_transmit()
        while datagram is not None:
            self.host.send(datagram[0], PORT, datagram[1])
            datagram = node.poll_transmit()
        frame = node.poll_frame()
        while frame is not None:
            self.lan.from_tap(frame)
            frame = node.poll_frame()
        event = node.poll_event()
        while event is not None:
            self.events.append(event)
            event = node.poll_event()
        self._set_alarm(node.poll_timeout())

    def _set_alarm(self, due):
        if self._alarm is None or due < self._alarm:
            self._alarm = due
            self._agenda.at(due, self._wake, self.node, due)


class _RepeatableCrypto:
    """The port's cryptography with chance from the simulation's seed, so that a story goes the same way each time."""

    def __init__(self, chance):
        for name in dir(crypto):
            if not name.startswith("_"):
                setattr(self, name, getattr(crypto, name))
        self.random = chance.bytes
