"""One group in the daemon: its machine, its node, its TAP, its broker."""

from .. import VERSION, log
from ..config.config import OPENWRT
from ..deadlines import earlier
from ..errors import UserError
from ..group.group import ADMITTED, ANNOUNCED, BROKERS, REMOVED, WAITING, Group
from ..node import ANSWERED, NEWS, SEEN, Node, PeerConfig
from ..ports import Broker, Connected, Disconnected, Message, Tap, bridges, clock, crypto, memory
from ..signal import url
from .household import Household
from .network import LIMITS, Network

ROUTE = "route"  # the mode in which nothing of layer 2 crosses
SAVE_AGAIN = 10_000  # ms after a write that failed
SETTLE = 30_000  # ms after the start, in which members are found
SAVE_PLACES = 3_600_000  # ms between two writes for the sake of where members are: flash wears out
EVENTS_MAX = 16  # of a broker's in one turn
# the ends of problems' topics
NOT_KEPT, CONFLICT, UNREADABLE = " is not kept", " has a conflict", " has an unreadable broker"


class Wire:
    """A machine's line to its group's brokers: Signalling's and Joiner's verbs on one side, a Broker on the other.

    `name` is the group's, `urls` are its brokers' (Url); `will()` gives the will for the next connection."""

    def __init__(self, name, machine, urls, will, poller, count, set_problem, on_message):
        self._name = name
        self._machine = machine
        self._will = will
        self._set_problem = set_problem
        self._on_message = on_message
        self.connected_to = None  # the broker, as people are told of it
        self._broker = Broker(urls, will(), count, poller, self._on_broker) if urls else None

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms), or None."""
        return self._broker.poll_timeout() if self._broker is not None else None

    def handle_turn(self, now):
        """Hand on what the machine has to say."""
        if self._broker is None:
            return
        due = self._broker.poll_timeout()
        if due is not None and now >= due:
            self._broker.handle_timeout(now)
        while self._broker.has_room:  # the rest when the broker has taken that
            change = self._machine.poll_subscribe()
            if change is not None:
                topic, is_wanted = change
                (self._broker.subscribe if is_wanted else self._broker.unsubscribe)(topic)
                continue
            message = self._machine.poll_publish()
            if message is None:
                break
            self._broker.publish(message)

    def say(self, message):
        """Besides what the machine has to say: a Publish."""
        if self._broker is not None:
            self._broker.publish(message)

    def reconnect(self):
        """Our address has changed: the broker may not know yet that the old connection is dead."""
        if self._broker is not None:
            self._broker.reconnect()

    def close(self):
        if self._broker is not None:
            self.handle_turn(clock.monotonic())
            self._broker.close()
            self.connected_to = None
            self._set_problem(self._name + " broker", None)

    def _on_broker(self):
        now = clock.monotonic()
        for _ in range(EVENTS_MAX):  # the rest in the next turn: frames pass meanwhile
            event = self._broker.poll()
            if event is None:
                return
            if isinstance(event, Connected):
                self.connected_to = event.broker
                self._set_problem(self._name + " broker", None)
                self._broker.set_will(self._will())  # each is good for one connection
                self._machine.handle_connected(now)
            elif isinstance(event, Disconnected):
                self.connected_to = None
                self._set_problem(self._name + " broker", "%s: %s" % (self._name, event.reason))
                self._broker.set_will(self._will())
                self._machine.handle_disconnected(now)
            elif isinstance(event, Message):
                self._on_message(event.topic, event.payload, now)


class Membership:
    """`name` is what the group is called on this router, `kept` as for Group; `shelf` keeps what changes.

    `tap` is (device, bridge or None), `claim` what the configuration wanted them to be; `section` is the GroupConfig,
    `options` the Config in force; `slot` tells the nodes of one daemon apart; `endpoints` are where members were last
    reached, {WireGuard key: address}; `uplink` knows our addresses, and by `wishes` root learns what our home needs.
    `can_be_served(name, charter, interfaces)` says whether our addresses are free on this router.
    Raises UserError, Rejected or ValueError, with nothing left open."""

    def __init__(
        self,
        name,
        identity,
        kept,
        shelf,
        tap,
        claim,
        section,
        slot,
        timestamps,
        poller,
        set_problem,
        endpoints,
        options,
        uplink,
        wishes,
        can_be_served,
    ):
        now = clock.monotonic()
        self.name = name
        self.slot = slot
        self.claim = claim
        self.section = section
        self._shelf = shelf
        self._set_problem = set_problem
        self._relay = options.relay
        self._uplink = uplink
        self.node = None

        def stamp():
            return timestamps.stamp(clock.monotonic())

        self.group = Group(crypto, identity, kept, VERSION, stamp, self._count)
        rest = (VERSION, slot, self.group, memory.has_room, LIMITS, options.guards_off, section.mode == ROUTE)
        self.node = Node(identity.wg_private, crypto, timestamps, now, *rest)
        self.node.relay.limit = uplink.forwarding
        self._saved = self.group.revision
        self._save_at = now
        self.why_not_kept = None  # what has changed since it was kept last
        self._saved_places = self.group.places.revision
        self._places_at = now + SETTLE
        self._configured = None
        self._placed = 0  # the revision of the places that the node knows
        self._relays = None
        self.group.attach(self.node.gossip, now, clock.wall())
        folder = "%s/%s" % (options.control.rpartition(".")[0] or options.control + ".d", name)
        is_free = can_be_served(name, self.group.charter, _interfaces(tap[0], tap[1]))
        self._household = Household(name, self.group, section, tap, folder, wishes, poller, set_problem, not is_free)
        try:
            tap = Tap(tap[0], tap[1])
            self.network = Network(self.node, tap, uplink, poller, set_problem, self._on_event, name)
        except BaseException:
            self._household.close()
            raise
        self._poller = poller
        self._brokers = self.group.brokers
        self._wire = self._new_wire()
        self._former_wires = {}  # URL -> Wire
        self._wires = [self._wire]
        self._lines = None  # those of the group that the wires are for
        self._configure(now)
        for key, addr in endpoints.items():
            self.node.set_endpoint(key, addr, now)

    def close(self):
        for wire in self._wires:
            wire.close()
        self._household.close()
        self.network.close()
        now = clock.monotonic()
        self._uplink.permit(self.name, [], now)
        self._uplink.set_company(self.name, False, now)
        for end in (NOT_KEPT, CONFLICT, UNREADABLE):
            self._set_problem(self.name + end, None)

    def can_follow(self, section, claim):
        """Whether `follow` is enough for another GroupConfig, and nothing has to be started anew."""
        mine = self.section
        if (section.serve == OPENWRT) != (mine.serve == OPENWRT):
            return False
        return (claim, section.mode, section.make_bridge) == (self.claim, mine.mode, mine.make_bridge)

    def check(self, section):
        """Whether this GroupConfig could be followed. Raises UserError."""
        self._household.check(section)

    def follow(self, options, section, now):
        """This Config and GroupConfig are in force now."""
        self.node.switch_off_guards(options.guards_off)
        if options.relay != self._relay:
            self._relay = options.relay
            self.say_where(now)
        if section != self.section:
            self.section = section
            self._household.change(section, now)
            self._configured = None

    @property
    def bridge(self):
        """The one that the group's devices here are in, or None."""
        return self._household.bridge

    def brokers(self):
        """[{"url": without what is secret, "connected"}]"""
        shown = self._shown_brokers()
        if self._wire.connected_to not in [None] + shown:
            shown.append(self._wire.connected_to)  # the group has left it, and none of the others can be reached
        return [{"url": text, "connected": text == self._wire.connected_to} for text in shown]

    def poll_timeout(self):
        due = earlier(self.network.poll_timeout(), self.group.poll_timeout())
        due = earlier(due, self._household.poll_timeout(self.node))
        if self.group.revision != self._saved:
            due = earlier(due, self._save_at)
        for wire in self._wires:
            due = earlier(due, wire.poll_timeout())
        return due

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        self.group.handle_timeout(now, clock.wall())
        event = self.group.poll_event()
        while event is not None:
            if event.kind == ANNOUNCED:
                self.node.handle_word_of(event.member, now)
            else:
                self._tell(event)
            event = self.group.poll_event()
        self._configure(now)
        self.save(now)
        self._follow_brokers()
        for wire in self._wires:
            wire.handle_turn(now)
        self.network.handle_turn(now)
        self._household.handle_turn(self.node, now)

    def _tell(self, event):
        text = _SAYINGS[event.kind] % event.name
        if event.kind == BROKERS:
            text += ", ".join(self._shown_brokers())
        log.info(text, event.kind, self.name)

    def handle_new_network(self, conflict_texts, is_in_the_way, now):
        """This machine's addresses may be others than before. `conflict_texts`: what of them is ours too; where that
        `is_in_the_way`, our devices are not served until it is changed."""
        self.network.look_at_router(now)
        self._household.look(is_in_the_way, now)
        text = "; ".join(conflict_texts)
        if is_in_the_way and self._household.is_serving:
            text += " (until then its devices here get no addresses)"
        self._set_problem(self.name + CONFLICT, text or None)

    def interfaces(self):
        """The names of our device and of the bridge that it is in, or is to be in."""
        return _interfaces(self.network.tap.name, self._household.bridge)

    def devices(self, now):
        return self.node.devices(now, self.name, self._household.suffix)

    def save(self, now, at_once=False):
        """Keep what has changed; to be called before anybody is told of it.

        `at_once`: because the daemon ends, or a person waits to hear whether it is kept."""
        revision, where = self.group.revision, self.group.places.revision
        is_moved = where != self._saved_places and (at_once or now >= self._places_at)
        if (revision == self._saved and not is_moved) or (now < self._save_at and not at_once):
            return
        topic = self.name + NOT_KEPT
        try:
            self._shelf.keep(self.name, self.group.saved())
            self._saved, self._saved_places = revision, where
            self._places_at = now + SAVE_PLACES
            self.why_not_kept = None
            self._set_problem(topic, None)
        except UserError as error:
            self._save_at = now + SAVE_AGAIN
            self.why_not_kept = error.message
            self._set_problem(topic, "what changes in %s is not kept: %s" % (self.name, error.message))

    def leave(self, now):
        """Take what is ours from the broker."""
        self.group.retire()
        for wire in self._wires:
            wire.handle_turn(now)
        self._household.leave(now)

    def _count(self, reason):
        if self.node is not None:  # else it is about what was kept, which comes again with the others' news
            self.node.count(reason)

    def _on_event(self, event, now):
        if event.kind == ANSWERED:
            event.token.answered(event)
        elif event.kind == NEWS:
            self.group.handle_news(now, clock.wall())
        else:  # somebody is connected, gone, reached another way, or sees us elsewhere
            if event.kind == SEEN and event.token is not None:
                self._uplink.handle_seen_elsewhere(event.token, event.addr, now)
            self._uplink.set_company(self.name, self.node.has_company, now)
            self.say_where(now)

    # --- the brokers

    def _new_wire(self):
        def on_message(topic, payload, now):
            self.group.handle_message(topic, payload, now, clock.wall())

        urls = _readable(self._brokers)
        is_old = len(urls) < len(self._brokers)
        self._set_problem(self.name + UNREADABLE, _TOO_OLD % self.name if is_old else None)
        will = self.group.signalling.will
        return Wire(self.name, self.group, urls, will, self._poller, self._count, self._set_wire_problem, on_message)

    def _set_wire_problem(self, topic, text):
        """To be connected is no good news where it is to a broker that the group has left."""
        place = self._wire.connected_to
        if place is not None and place not in self._shown_brokers():
            text = _WAY_BACK % (self.name, place, ", ".join(self._shown_brokers()))
        self._set_problem(topic, text)

    def _new_former_wire(self, broker):
        """That such a one can't be reached is nobody's problem."""

        def on_message(topic, payload, now):
            self.group.handle_former_message(broker, topic, payload, now, clock.wall())

        rest = _no_will, self._poller, self._count, _no_problem, on_message
        return Wire(self.name, self.group.former_lines[broker], _readable([broker]), *rest)

    def _shown_brokers(self):
        return [url.shown(each) for each in _readable(self.group.charter.brokers)]

    def _follow_brokers(self):
        """The group has other brokers, or needs others of those that it has left.

        A way back that nobody needs any more does no harm."""
        group = self.group
        is_same = group.brokers == self._brokers[: len(group.brokers)]
        if is_same and group.lines is self._lines:
            return
        if not is_same:
            self._brokers = self.group.brokers
            if self._wire.connected_to not in [None] + self._shown_brokers()[:1]:
                farewell = self.group.farewell()
                if farewell is not None:
                    self._wire.say(farewell)
            self._wire.close()
            self.group.handle_disconnected(clock.monotonic())
            self._wire = self._new_wire()
        lines = self.group.former_lines
        for broker in [broker for broker in self._former_wires if broker not in lines]:
            self._former_wires.pop(broker).close()
        for broker in lines:
            if broker not in self._former_wires:
                self._former_wires[broker] = self._new_former_wire(broker)
        self._lines = group.lines
        self._wires = [self._wire] + list(self._former_wires.values())

    def _configure(self, now):
        """Let the node know who the members are, and where."""
        keepalive = self._uplink.keepalive()
        known = (self.group.roster.revision, self._uplink.relayed, keepalive)
        if known != self._configured:
            self._configured = known
            self._configure_members(keepalive, now)
            self._placed, self._relays = 0, None
        if self.group.places.revision != self._placed:
            self._configure_places(now)
        if self.group.places.relays is not self._relays:  # somebody may forward now, or not any more
            self._relays = self.group.places.relays
            self.say_where(now)

    def _configure_members(self, keepalive, now):
        configs = [PeerConfig(name, key, None, None, "sha256", [], keepalive) for name, key in self.group.peers()]
        self.network.configure(configs, now)
        slices, others = self.group.slices()
        name = self.group.roster.labels().get(self.group.identity.public, "")
        self.network.set_place(slices, others, self.group.charter.ula, name, now)
        self._household.configure(self.node.lan.label(self.name, self._household.suffix), now)
        self.network.set_routed(self._household.routed, now)

    def _configure_places(self, now):
        """Those that have changed only: in a large group somebody moves all the time."""
        changed = self.group.candidates(self._placed)
        self._placed = self.group.places.revision
        for key, addresses, relays, at_turn in changed:
            by_turn = self._uplink.by_turn(addresses + at_turn)
            self.node.set_candidates(key, addresses + by_turn, now, relays, at_turn)
        if self._uplink.relayed:
            known = [addr for _, own, _, at_turn in self.group.candidates() for addr in own + at_turn]
            self._uplink.permit(self.name, known, now)

    def handle_new_addresses(self, now):
        """The router has other addresses than before: the broker may not know yet that the old connection is dead."""
        for wire in self._wires:
            wire.reconnect()
        self.say_where(now)

    def say_where(self, now):
        """Let the others know the ways to us: our own addresses, what they see of us, and members who forward."""
        own = self._uplink.addresses()
        seen = [addr for addr in self.node.reachability.seen_at() if addr not in own]
        relay = self.node.relay
        relay.is_willing = self._relay == "1" or (self._relay == "auto" and self._uplink.is_reachable())
        relays = self.node.choose_relays(self.group.relays())
        is_apart = self.node.reachability.needs_relays or not self._uplink.is_reachable()
        at_turn = self._uplink.relayed
        self.group.set_place(own + seen, now, relay.is_willing, relays if is_apart else [], at_turn)


def _readable(brokers):
    """The Urls of those that can be read: what the owner's router takes for a URL may be newer than we are."""
    found = []
    for text in brokers:
        try:
            found.append(url.parse(text))
        except ValueError:
            pass
    return found


def _no_will():
    return None


def _no_problem(topic, text):
    pass


def _interfaces(device, bridge):
    return [each for each in (device, bridge, bridges.bridge_of(device)) if each is not None]


_TOO_OLD = "this router's ipopd is too old for one of the brokers of %s: update it"

_WAY_BACK = "the members of %s go on at the broker that the group has left, %s: none of the new ones can be reached: %s"

_SAYINGS = {
    ADMITTED: "%s is a member now",
    WAITING: "%s asks to be let in: see 'ipop requests'",
    REMOVED: "this router was removed from %s",
    BROKERS: "the members of %s meet at other brokers from now on: ",
}
