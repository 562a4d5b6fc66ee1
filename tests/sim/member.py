"""Routers whose peers come from a group, and the broker by which they find each other.

    sim = GroupSimulation()
    den, cabin = sim.add_members("den", "cabin")
    den.create("friends")
    cabin.join(den.invite())
    sim.simulate_time(1_000)
    assert sim.is_connected(den, cabin)

A Member does for its Group, its Joiner and its Node what the daemon's shell does in the field. What has to outlive the
process it keeps in `kept`, whenever the group's revision has changed; and `restart` is SIGKILL, as for any Router.
"""

from broker import Broker
from console import ip_text
from line import Line
from router import PORT, RELEASE, SOME_DAY_IN_2025, Router
from simulation import Simulation

from ipop.daemon import state
from ipop.errors import Rejected
from ipop.group import charter, identity, invite
from ipop.group.entry import ADMIN
from ipop.group.group import ANNOUNCED, Group
from ipop.group.join import Joiner
from ipop.group.roster import Roster
from ipop.group.secret import GroupSecret
from ipop.lan.lan import Home
from ipop.node import ANSWERED, NEWS, Node, PeerConfig
from ipop.wg.timestamps import Timestamps
from ipop.wire.address import is_private
from ipop.wire.ways import beyond_turn, by_turn, is_by_turn

KEEPALIVE = 25  # s
BROKER = "mqtt://broker.example"  # where a group meets at first
USUAL = ((b"\x0a\x4d\0\0", 16), 24)  # 127 slices
LARGE = ((b"\x0a\x4c\0\0", 15), 24)  # 255 slices
DAY = 86_400  # s
FIRST_HOST = 10  # of a slice, whose first address is the router's


class Member(Router):
    """Made by `GroupSimulation.add_member`. Until it creates a group or joins one it has no node."""

    def __init__(self, agenda, name, number, host, is_public, chance, broker, others, wall=SOME_DAY_IN_2025):
        self.broker = broker  # that at BROKER
        self._other_brokers = others  # {URL: Broker}
        self.identity = None
        self.group = None
        self.joiner = None
        self.kept = None  # the group on flash
        self.keepalive = KEEPALIVE
        self.relay = "auto"  # the configuration's word on forwarding for others: "1", "0", or "auto"
        self.knows_way = None  # if set, whether this router tries to reach another: function of a WireGuard key
        self.told = []  # what the group told people
        self.losses = {}  # what was thrown away since the start: reason -> count
        self.is_routed = False
        self._lives = 0
        self._line = None
        self._former_lines = {}  # URL -> Line
        self._brokers = None  # those that _line goes to
        self._is_on = False
        self._turn = None  # (Host, port): our address at a TURN server
        Router.__init__(self, agenda, name, number, host, is_public, chance, wall)

    @property
    def dropped(self):
        """What node and group threw away since they were started: reason -> count."""
        dropped = dict(self.losses)
        for reason, count in (self.node.dropped if self.node else {}).items():
            dropped[reason] = dropped.get(reason, 0) + count
        return dropped

    @property
    def wall(self):
        return self._wall + self._agenda.now

    @property
    def roster(self):
        return self.group.roster

    @property
    def names(self):
        """Of all members, as this router knows them."""
        return sorted([member.name for member in self.roster.members()])

    def peer(self, other):
        for peer in self.node.peers(self._agenda.now):
            if peer["public_key"] == other.public_key:
                return peer
        return {"state": "unknown"}

    # --- what people do

    def create(self, name, about=USUAL):
        self._become(identity.create(self._crypto))
        me = self.identity
        subnet, length = about
        roster = Roster(self._crypto, me.public)
        roster.add(roster.signed(me, me.public, self.stamp(), name=self.name, role=ADMIN, slice=(1, length)))
        secret = GroupSecret(self._crypto, me.public, roster.is_admin, None, roster.revocations)
        secret.rotate(me, self._agenda.now)
        data = charter.sign(me, name, subnet, length, b"\xfd" + bytes(7), [BROKER], 1)
        kept = {"group": me.public, "charter": data, "entries": roster.entries(), "secret": secret.offer}
        self.be_in(me, kept)

    def be_in(self, me, kept):
        """In a group that was made elsewhere, as this Identity."""
        self._become(me)
        self.kept = kept
        self._enter({})
        self._pump()
        if self._line.is_connected:
            self.group.handle_connected(self._agenda.now)
            self._pump()

    def invite(self, uses=1, expires_in=DAY, approve=False):
        _, line = self.group.issuer.invite(uses, expires_in, approve, self.wall)
        self.group.handle_news(self._agenda.now, self.wall)
        self._pump()
        return line

    def join(self, line, me=None):
        """`me` is the Identity to be in the group, if not a fresh one."""
        self._become(me or identity.create(self._crypto))
        self._invitation = invite.parse(self._crypto, line)
        self.joiner = Joiner(self._crypto, self._invitation, self.identity, self.name, RELEASE)
        if list(self._invitation.brokers) != self._brokers:
            self._dial(list(self._invitation.brokers))
        elif self._line.is_connected:
            self.joiner.handle_connected(self._agenda.now)
        self._pump()

    def do(self, action, *args):
        """One of the Group's methods for people: `den.do("rename", "cabin", "lodge")`."""
        getattr(self.group, action)(*args, self._agenda.now, self.wall)
        self._pump()

    def move(self, address):
        """Its provider gives it another address."""
        self.host.interface.move(address)
        if self.address is not None:
            self.address = (address, PORT)
        if self.group is not None:
            self._say_where()
            self._pump()

    def set_relay(self, word):
        """Its owner changes `option relay`."""
        self.relay = word
        self._say_where()
        self._pump()

    def use_turn(self, server, port):
        """From now on it has an address at a TURN server, a Host: it hears what comes there and can send from there."""
        self._turn = server, port
        server.open(port, lambda data, source: self._from_internet(data, by_turn(source)))

    def leave_broker(self, broker=None):
        """From now on it uses another broker, or none."""
        self.broker = broker
        self._line.close()
        for machine in self._talkers():
            machine.handle_disconnected(self._agenda.now)
        self._dial(self._brokers)

    def _become(self, me):
        self.identity = me
        self.public_key = me.wg_public

    # --- its life

    def start(self):
        now = self._agenda.now
        mark, endpoints = state.load(self.flash) if self.flash else (0, {})
        self.timestamps = Timestamps(self._wall + now, mark, now)
        self._keeper = state.Keeper(endpoints)
        self._alarm = None
        self._is_on = True
        self._lives += 1
        self.losses = {}
        self.host.open(PORT, self._from_internet)
        if self.kept is not None:
            self._enter(endpoints)
        self._dial([BROKER] if self.group is None else list(self.group.brokers))
        self._pump()

    def kill(self):
        self._is_on = False
        self.host.close(PORT)
        self.node = self.group = self.joiner = None
        for line in self._lines():
            line.close()
        self._former_lines = {}

    def sleep(self):
        """Nothing of it runs any more, as in a laptop that is closed; nor has it a broker."""
        self._is_on = False
        self.host.close(PORT)
        self.leave_broker()

    def wake(self, broker):
        """It goes on, and finds that it is late."""
        self._is_on = True
        self.host.open(PORT, self._from_internet)
        self.leave_broker(broker)
        self._alarm = self._agenda.now
        self._wake(self._lives, self._alarm)

    def stamp(self):
        return self.timestamps.stamp(self._agenda.now)

    def count(self, reason):
        self.losses[reason] = self.losses.get(reason, 0) + 1

    def _enter(self, endpoints):
        """The group is on flash: be in it."""
        now = self._agenda.now
        group = self.group = Group(self._crypto, self.identity, self.kept, RELEASE, self.stamp, self.count)
        rest = {"book": group, "is_routed": self.is_routed}
        self.node = Node(self.identity.wg_private, self._crypto, self.timestamps, now, RELEASE, **rest)
        self._revision = self._roster_seen = self._relays_seen = None
        self._places_seen = 0
        group.attach(self.node.gossip, now, self.wall)
        self._apply()
        for key, addr in endpoints.items():
            self.node.set_endpoint(key, addr, now)

    def _say_where(self):
        """As Membership.say_where: our own addresses, what others see of us, and members who forward."""
        node = self.node
        is_reachable = self.address is not None
        own = [self.address if is_reachable else (self.host.address, PORT)]
        seen = [addr for addr in node.reachability.seen_at() if addr not in own]
        node.relay.is_willing = self.relay == "1" or (self.relay == "auto" and is_reachable)
        relays = node.choose_relays(self.group.relays())
        is_apart = node.reachability.needs_relays or not is_reachable
        at_turn = [] if self._turn is None else [(self._turn[0].address, self._turn[1])]
        relays = relays if is_apart else []
        self.group.set_place(own + seen, self._agenda.now, node.relay.is_willing, relays, at_turn)

    # --- the broker

    def broker_at(self, url):
        """The Broker there, or None."""
        return self.broker if url == BROKER else self._other_brokers.get(url)

    @property
    def meets_at(self):
        """The URL of the broker to which it is connected, or None."""
        return self._line.url

    def _dial(self, urls):
        self._brokers = urls
        self._line = Line(self, self._agenda, urls, self._talkers, self._hear, self._will)
        self._line.dial()

    def _will(self):
        return self.group.signalling.will() if self.group is not None else None

    def _hear(self, topic, payload):
        now = self._agenda.now
        if self.group is not None:
            self.group.handle_message(topic, payload, now, self.wall)
        if self.joiner is not None:
            try:
                self.joiner.handle_message(topic, payload, now)
            except Rejected as rejected:
                self.count(rejected.reason)
        self._pump()

    def _lines(self):
        return [self._line] + list(self._former_lines.values())

    def _follow_brokers(self):
        """As Membership._follow_brokers."""
        group = self.group
        if list(group.brokers) != self._brokers[: len(group.brokers)]:
            if self.meets_at != group.charter.brokers[0]:
                farewell = group.farewell()
                if farewell is not None:
                    self._line.say(farewell)
            self._line.close(politely=True)
            group.handle_disconnected(self._agenda.now)
            self._dial(list(group.brokers))
        for url in [url for url in self._former_lines if url not in group.former_lines]:
            self._former_lines.pop(url).close()
        for url, machine in group.former_lines.items():
            if url not in self._former_lines:
                self._call_former(url, machine)

    def _call_former(self, url, machine):
        def hear(topic, payload):
            self.group.handle_former_message(url, topic, payload, self._agenda.now, self.wall)
            self._pump()

        line = self._former_lines[url] = Line(self, self._agenda, [url], lambda: [machine], hear)
        line.dial()

    def _talkers(self):
        return [machine for machine in (self.group, self.joiner) if machine is not None]

    # --- what the shell does

    def _configure(self):
        pass  # peers come from the group

    def _wake(self, life, due):
        if life == self._lives and self._is_on and due == self._alarm:
            now = self._agenda.now
            self._alarm = None
            if self.node is not None:
                self.node.handle_timeout(now)
                self.group.handle_timeout(now, self.wall)
            if self.joiner is not None:
                self.joiner.handle_timeout(now)
            self._pump()

    def pump(self):
        """Let out whatever there is."""
        self._pump()

    def _pump(self):
        if self.node is not None:
            self._take_news()
            self._apply()
            self._follow_brokers()
        for line in self._lines():
            line.talk()
        self._keep_state()
        if self.node is not None:
            self._let_out()
        if self.joiner is not None and self.joiner.is_over and self.joiner.poll_timeout() is None:
            self._end_join()
        self._set_alarms()

    def _take_news(self):
        event = self.node.poll_event()
        while event is not None:
            self.events.append(event)
            self._on_event(event)
            event = self.node.poll_event()
        event = self.group.poll_event()
        while event is not None:
            if event.kind == ANNOUNCED:
                self.node.handle_word_of(event.member, self._agenda.now)
            else:
                self.told.append(event)
            event = self.group.poll_event()

    def _on_event(self, event):
        """As Membership._on_event."""
        if event.kind == ANSWERED:
            return
        if event.kind == NEWS:
            self.group.handle_news(self._agenda.now, self.wall)
        else:  # somebody is connected, gone, reached another way, or sees us elsewhere
            self._say_where()

    def _apply(self):
        """Keep what has changed, and make it so."""
        node, group, now = self.node, self.group, self._agenda.now
        if group.revision != self._revision:
            self._revision = group.revision
            self.kept = group.saved()
        if group.roster.revision != self._roster_seen:
            self._roster_seen = group.roster.revision
            self._places_seen, self._relays_seen = 0, None
            node.configure(
                [
                    PeerConfig(name, key, None, None, "sha256", [], self.keepalive)
                    for name, key in group.peers()
                    if self.knows_way is None or self.knows_way(key)
                ],
                now,
            )
            self._move_in()
        if group.places.revision != self._places_seen:
            changed, self._places_seen = group.candidates(self._places_seen), group.places.revision
            for key, addresses, relays, at_turn in changed:
                if key != self.public_key:
                    by_turn = self._by_turn(addresses + at_turn)
                    node.set_candidates(key, addresses + by_turn, now, relays, at_turn)
        if group.places.relays is not self._relays_seen:
            self._relays_seen = group.places.relays
            self._say_where()

    def _move_in(self):
        """Our devices have addresses of our slice."""
        slices, others = self.group.slices()
        name = self.group.roster.labels().get(self.identity.public, "")
        self.node.set_home(Home(slices, others, self.group.charter.ula, name, None, None, (), ()), self._agenda.now)
        if slices is not None:
            network, _ = slices[0]
            for i, console in enumerate(self.lan.consoles):
                console.ip = ip_text(network[:3] + bytes([network[3] + FIRST_HOST + i]))

    def _keep_state(self):
        endpoints = {} if self.node is None else self.node.endpoints()
        self.flash = self._keeper.poll(self.timestamps.mark, endpoints, self._agenda.now) or self.flash

    def _let_out(self):
        node = self.node
        datagram = node.poll_transmit()
        while datagram is not None:
            self._send(datagram[0], datagram[1])
            datagram = node.poll_transmit()
        frame = node.poll_frame()
        while frame is not None:
            self.lan.from_tap(frame)
            frame = node.poll_frame()

    def _by_turn(self, addresses):
        return [by_turn(addr) for addr in addresses if self._turn is not None and not is_private(addr[0])]

    def _send(self, data, addr):
        if is_by_turn(addr):
            server, port = self._turn
            server.send(data, port, beyond_turn(addr))
        else:
            self.host.send(data, PORT, addr)

    def _end_join(self):
        joiner, self.joiner = self.joiner, None
        self.told.append(joiner.state)
        if joiner.welcome is not None:
            welcome = joiner.welcome
            self.kept = {
                "group": self._invitation.group,
                "charter": welcome.charter,
                "entries": welcome.entries,
                "secret": welcome.secret,
                "places": welcome.places,
            }
            self._enter({})
            if list(self.group.brokers) == self._brokers and self._line.is_connected:
                self.group.handle_connected(self._agenda.now)
            self._pump()

    def _set_alarms(self):
        machines = (self.node, self.group, self.joiner)
        times = [machine.poll_timeout() for machine in machines if machine is not None]
        times = [due for due in times if due is not None]
        if times and (self._alarm is None or min(times) < self._alarm):
            self._alarm = min(times)
            self._agenda.at(self._alarm, self._wake, self._lives, self._alarm)


def agree(*members):
    """Whether they hold the same roster, byte for byte."""
    return all(member.roster.entries() == members[0].roster.entries() for member in members)


class GroupSimulation(Simulation):
    """`broker` is shared by all members."""

    def __init__(self, seed=1, latency=20, broker=Broker):
        Simulation.__init__(self, seed, latency)
        self._new_broker = broker
        self.broker = broker(self.agenda, self.chance.fork())
        self._others = {}  # URL -> Broker

    def add_broker(self, url):
        """Another than the one where groups meet at first."""
        self._others[url] = self._new_broker(self.agenda, self.chance.fork())
        return self._others[url]

    def add_member(self, name, nat=None, **options):
        host = self.add_host(name, nat)
        number = len(self.routers) + 1
        options.setdefault("broker", self.broker)
        options.setdefault("others", self._others)
        member = Member(self.agenda, name, number, host, nat is None, self.chance.fork(), **options)
        self.routers.append(member)
        return member

    def is_whole(self, *members):
        """Whether each is connected to each."""
        return all(self.is_connected(one, other) for one in members for other in members if one is not other)

    def hears(self, speaker, listener, within=1_000):
        """Whether a frame gets through now."""
        before = len(listener.console.received)
        speaker.console.broadcast(b"can you hear me?")
        self.simulate_time(within)
        return len(listener.console.received) > before

    def add_members(self, *names):
        return [self.add_member(name) for name in names]

    def found(self, *names, settle=5_000):
        """Members of one group, created by the first of them, who have all met."""
        members = self.add_members(*names)
        first, others = members[0], members[1:]
        first.create("friends")
        line = first.invite(uses=max(1, len(others)))
        for other in others:
            other.join(line)
        self.simulate_time(settle)
        return members
