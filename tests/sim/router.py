"""A home router that runs the daemon, and the home behind it.

It does for its Node what the daemon's shell does in the field: hands it datagrams, frames and the time, sends what
it wants sent, and keeps on flash what must outlive the process. `restart` is SIGKILL and a new start; the kernel's
monotonic clock goes on, the addresses learned since the last hourly save are gone.
"""

from console import Lan

from ipop.node import Node, PeerConfig
from ipop.ports import crypto

PORT = 51820
RELEASE = "0.1.0"
SAVE_ENDPOINTS_EVERY = 3_600_000  # flash wears out
SOME_DAY_IN_2025 = 1_750_000_000_000  # ms since 1970


class Router:
    """Made by `Simulation.add_node`. `wall` is what its clock says (ms since 1970) when the simulation begins."""

    def __init__(self, agenda, name, number, host, is_public, chance, wall=SOME_DAY_IN_2025):
        self.name = name
        self.host = host
        self.wall = wall
        self.private_key = chance.bytes(32)
        self.public_key = crypto.dh_base(self.private_key)
        self.address = (host.address, PORT) if is_public else None  # where strangers can reach it
        self.node = None
        self.events = []
        self.flash = {}
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
        mark = self.flash.get("mark", 0)
        self.node = Node(self.private_key, self._crypto, self.wall + now, mark, now, RELEASE)
        self.host.open(PORT, self._from_internet)
        self._alarm = None
        self._configure()
        for key, addr in self.flash.get("endpoints", ()):
            self.node.set_endpoint(key, addr, now)
        self._pump()
        self._save_endpoints(self.node)

    def kill(self):
        """SIGKILL."""
        self.host.close(PORT)
        self.node = None

    def restart(self):
        self.kill()
        self.start()

    def _save_endpoints(self, node):
        if node is self.node:
            self.flash["endpoints"] = sorted(node.endpoints().items())
            self._agenda.at(self._agenda.now + SAVE_ENDPOINTS_EVERY, self._save_endpoints, node)

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
        self.flash["mark"] = node.timestamps.mark  # before anything stamped with it goes out
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
