"""One group in the daemon: its machine, its node, its TAP, its broker."""

from . import VERSION, log
from .errors import UserError
from .group.group import ADMITTED, REMOVED, WAITING, Group
from .network import Network
from .node import ANSWERED, NEWS, Node, PeerConfig
from .ports import Broker, Connected, Disconnected, Message, Tap, clock, crypto, interfaces
from .signal import url

LOOK_AT_ADDRESSES = 10_000  # ms
SAVE_AGAIN = 10_000  # ms after a write that failed
EVENTS_MAX = 16  # of a broker's in one turn
KEEPALIVE = 25  # s, for members behind a NAT


class Wire:
    """A machine's line to its group's brokers: Signalling's and Joiner's verbs on one side, a Broker on the other."""

    def __init__(self, machine, urls, will, poller, count, set_problem, on_message):
        self._machine = machine
        self._poller = poller
        self._set_problem = set_problem
        self._on_message = on_message
        self.connected_to = None  # the broker, as people are told of it
        self._broker = Broker([url.parse(text) for text in urls], will, count) if urls else None
        if self._broker is not None:
            poller.watch(self._broker.fileno(), self._on_broker)

    def handle_turn(self):
        """Hand on what the machine has to say."""
        if self._broker is None:
            return
        change = self._machine.poll_subscribe()
        while change is not None:
            topic, is_wanted = change
            (self._broker.subscribe if is_wanted else self._broker.unsubscribe)(topic)
            change = self._machine.poll_subscribe()
        message = self._machine.poll_publish()
        while message is not None:
            self._broker.publish(message)
            message = self._machine.poll_publish()

    def close(self):
        if self._broker is not None:
            self.handle_turn()
            self._poller.forget(self._broker.fileno())
            self._broker.close()
            self._set_problem("broker", None)

    def _on_broker(self):
        now = clock.monotonic()
        for _ in range(EVENTS_MAX):  # the rest in the next turn: frames pass meanwhile
            event = self._broker.poll()
            if event is None:
                return
            if isinstance(event, Connected):
                self.connected_to = event.broker
                self._set_problem("broker", None)
                self._machine.handle_connected(now)
            elif isinstance(event, Disconnected):
                self.connected_to = None
                self._set_problem("broker", event.reason)
                self._machine.handle_disconnected(now)
            elif isinstance(event, Message):
                self._on_message(event.topic, event.payload, now)


class Membership:
    """`name` is what the group is called on this router, `kept` as for Group; `shelf` keeps what changes.

    `tap` is (device, bridge or None); `slot` tells the nodes of one daemon apart. Raises UserError."""

    def __init__(self, name, identity, kept, shelf, tap, slot, timestamps, udp, poller, set_problem):
        now = clock.monotonic()
        self.name = name
        self.slot = slot
        self._shelf = shelf
        self._udp = udp
        self._set_problem = lambda topic, text: set_problem(name + " " + topic, text)
        self.node = None

        def stamp():
            return timestamps.stamp(clock.monotonic())

        self.group = Group(crypto, identity, kept, VERSION, stamp, self._count)
        self.node = Node(identity.wg_private, crypto, timestamps, now, VERSION, slot, self.group)
        self.network = Network(self.node, Tap(tap[0], tap[1]), udp, poller, set_problem, self._on_event)
        self._saved = self.group.revision
        self._save_at = now
        self._configured = None
        self._addresses_at = now
        self.group.attach(self.node.gossip, now, clock.wall())
        signalling = self.group.signalling
        urls = self.group.charter.brokers
        self._wire = Wire(
            self.group, urls, signalling.will(), poller, self._count, self._set_problem, self._on_message
        )

    def close(self):
        self._saved = None  # where everybody is has changed without being kept: flash wears out
        self.save()
        self._wire.close()
        self.network.close()

    def brokers(self):
        """[{"url": without what is secret, "connected"}]"""
        shown = [url.shown(url.parse(text)) for text in self.group.charter.brokers]
        return [{"url": text, "connected": text == self._wire.connected_to} for text in shown]

    def use_udp(self, udp):
        """The port has changed."""
        self._udp = self.network.udp = udp
        self._addresses_at = clock.monotonic()

    def poll_timeout(self):
        when = min(self.network.poll_timeout(), self._addresses_at)
        due = self.group.poll_timeout()
        return when if due is None else min(when, due)

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        if now >= self._addresses_at:
            self._addresses_at = now + LOOK_AT_ADDRESSES
            self._look_at_addresses(now)
        self.group.handle_timeout(now, clock.wall())
        event = self.group.poll_event()
        while event is not None:
            log.info(_SAYINGS[event.kind] % event.name)
            event = self.group.poll_event()
        self._configure(now)
        self.save()
        self._wire.handle_turn()
        self.network.handle_turn(now)

    def save(self):
        """Keep what has changed; to be called before anybody is told of it."""
        revision, now = self.group.revision, clock.monotonic()
        if revision != self._saved and now >= self._save_at:
            try:
                self._shelf.keep(self.name, self.group.saved())
                self._saved = revision
                self._set_problem("is not kept", None)
            except UserError as error:
                self._save_at = now + SAVE_AGAIN
                self._set_problem("is not kept", "what changes in %s is not kept: %s" % (self.name, error.message))

    def leave(self):
        """Take what is ours from the broker."""
        self.group.signalling.retire()
        self._wire.handle_turn()

    def _count(self, reason):
        if self.node is not None:  # else it is about what was kept, which comes again with the others' news
            self.node.count(reason)

    def _on_event(self, event, now):
        if event.kind == ANSWERED:
            event.token.answered(event)
        elif event.kind == NEWS:
            self.group.handle_news(now, clock.wall())

    def _on_message(self, topic, payload, now):
        self.group.handle_message(topic, payload, now, clock.wall())

    def _configure(self, now):
        """Let the node know who the members are, and where."""
        known = (self.group.roster.revision, self.group.places.digest())
        if known == self._configured:
            return
        self._configured = known
        peers = self.group.peers()
        configs = [PeerConfig(name, key, None, None, "sha256", [], KEEPALIVE) for name, key in peers]
        self.node.configure(configs, now)
        for key, addresses in self.group.candidates():
            self.node.set_candidates(key, addresses, now)

    def _look_at_addresses(self, now):
        ours = (self.network.tap.name, self.network.tap.bridge)
        try:
            found = [ip for name, ip in interfaces.addresses() if name not in ours]
        except OSError:
            return  # it is asked again soon
        self.group.set_addresses([(ip, self._udp.port) for ip in found], now)


_SAYINGS = {
    ADMITTED: "%s is a member now",
    WAITING: "%s asks to be let in: see 'ipop requests'",
    REMOVED: "this router was removed from %s",
}
