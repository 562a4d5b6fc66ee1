"""Peers that were typed into the configuration, known by an address or by a name that has to be resolved."""

from .. import VERSION
from ..config import config
from ..errors import UserError
from ..node import ANSWERED, Node, PeerConfig
from ..ports import Resolver, Tap, clock, crypto, memory, tap
from ..wire import address
from .group_devices import group_with_default_device
from .network import LIMITS, Network

RESOLVE_AGAIN = 60_000  # ms between two look-ups of a name whose peer is not connected
DEVICE = "ipop-peers"  # where a group has the device of the configuration


class StaticNetwork:
    """The network of these peers, in `peers`: StaticPeers, or None where there are none, nor may be soon.

    `uplink` is what datagrams are sent by; `set_problem(topic, text)` shows what is wrong."""

    def __init__(self, timestamps, uplink, poller, set_problem):
        self.peers = None
        self._timestamps = timestamps
        self._uplink = uplink
        self._poller = poller
        self._set_problem = set_problem
        self._options = None
        self._opened_as = None  # a claim

    def networks(self):
        """[Network], or []"""
        return [self.peers.network] if self.peers is not None else []

    def check(self, options):
        """Whether another Config could be followed, as far as can be told before. Raises UserError."""
        claim = _claim(options)
        if not options.peers or claim == self._opened_as:
            return
        try:
            tap.check(claim[1], claim[2])
        except UserError as error:
            raise UserError("%s: %s" % (config.place(options, None, "bridge"), error.message))

    def make_way(self, options):
        """Before the groups follow another Config: give up what they may be about to take."""
        if self.peers is not None and _claim(options) != self._opened_as:
            self.close()

    def follow(self, options, now, is_alone=False):
        """This Config is in force. `is_alone`: there is nobody else for its device, so it is opened for peers that may
        come. Raises UserError; then it is as it was before, where that can be."""
        before, self._options = self._options, options
        is_alone = is_alone and options.private_key is not None and group_with_default_device(options) is None
        if self.peers is None and (options.peers or is_alone):
            try:
                self._open(options, now)
            except UserError:
                self._options = before
                if before is not None and before.peers:
                    self._open(before, now)
                raise
        if self.peers is not None:
            self.peers.network.node.switch_off_guards(options.guards_off)
            self.peers.configure(options.peers, now)

    def give_up(self):
        """The device is wanted by a group: it has it, unless there are peers."""
        if self.peers is not None and not self._options.peers:
            self.close()

    def close(self):
        if self.peers is not None:
            self.peers.close()
            self.peers = self._opened_as = None
            self._set_problem("static device", None)

    def _open(self, options, now):
        self._opened_as = private_key, device, bridge = _claim(options)
        rest = {"has_room": memory.has_room, "limits": LIMITS, "guards_off": options.guards_off}
        node = Node(private_key, crypto, self._timestamps, now, VERSION, **rest)
        network = Network(node, Tap(device, bridge), self._uplink, self._poller, self._set_problem, _on_event)
        self.peers = StaticPeers(network, self._poller, self._set_problem)
        text = None
        if device != options.device:
            text = "the peers in the configuration have device %s and no bridge, since %s belongs to the group %s"
            text = text % (device, options.device, group_with_default_device(options))
        self._set_problem("static device", text)


def _claim(options):
    """(private key, device, bridge or None): the configuration's, unless a group has them: what is plugged in there is
    its."""
    if group_with_default_device(options) is None:
        return options.private_key, options.device, options.bridge
    return options.private_key, DEVICE, None


def _on_event(event, now):
    if event.kind == ANSWERED:
        event.token.answered(event)


class StaticPeers:
    """Gives a Network's node its peers. `set_problem(topic, text)` shows what is wrong."""

    def __init__(self, network, poller, set_problem):
        self.network = network
        self._node = network.node
        self._poller = poller
        self._set_problem = set_problem
        self._peers = []
        self._names = {}  # public key -> (name, port), of peers that are known by name
        self._asked = set()  # public keys for which the resolver has not answered yet
        self._turns = {}  # public key -> how often its name was resolved
        self._resolve_at = None
        self._resolver = Resolver()
        poller.watch(self._resolver.fileno(), self._on_resolved)

    def close(self):
        self._poller.forget(self._resolver.fileno())
        self.network.close()

    def configure(self, peers, now):
        """Make these PeerConfigs the peers; those known by name have no endpoint until the name is resolved."""
        self._peers = peers
        for host, _ in self._names.values():
            self._set_problem(host, None)
        self._names = {p.public_key: p.endpoint for p in peers if p.endpoint and not address.is_ip(p.endpoint[0])}
        peers = [PeerConfig(p[0], p[1], None, *p[3:]) if p.public_key in self._names else p for p in peers]
        self.network.configure(peers, now)
        self._resolve(now)

    def try_endpoints(self, endpoints, now):
        """Where peers that have no endpoint in the configuration were before the restart: {public key: address}."""
        for peer in self._peers:
            if peer.endpoint is None and peer.public_key in endpoints:
                self._node.set_endpoint(peer.public_key, endpoints[peer.public_key], now)

    def poll_timeout(self):
        """When `handle_turn` has to be called next (ms)."""
        when = self.network.poll_timeout()
        return when if self._resolve_at is None else min(when, self._resolve_at)

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        if self._resolve_at is not None and now >= self._resolve_at:
            self._resolve(now)
        self.network.handle_turn(now)

    def _resolve(self, now):
        """Look up the names of the peers that are not connected."""
        self._resolve_at = now + RESOLVE_AGAIN if self._names else None
        connected = [p["public_key"] for p in self._node.peers(now) if p["state"] == "connected"]
        for key, (host, port) in self._names.items():
            if key not in connected and key not in self._asked:
                self._asked.add(key)
                self._resolver.ask(key, host, port)

    def _on_resolved(self):
        answer = self._resolver.poll()
        while answer is not None:
            key, found = answer
            self._asked.discard(key)
            if key in self._names:
                host = self._names[key][0]
                self._set_problem(host, None if found else "the name %s can't be resolved" % host)
                if found:
                    turn = self._turns.get(key, 0)  # who has several addresses is tried at one after the other
                    self._turns[key] = turn + 1
                    self._node.set_endpoint(key, found[turn % len(found)], clock.monotonic())
            answer = self._resolver.poll()
