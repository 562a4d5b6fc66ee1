"""Peers that were typed into the configuration, known by an address or by a name that has to be resolved."""

from .node import PeerConfig
from .ports import Resolver, clock
from .wire import address

RESOLVE_AGAIN = 60_000  # ms between two look-ups of a name whose peer is not connected


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
