"""A member of the group: the tunnel, the switch and the paths put together. No clock, no socket, no file.

    LAN frames   -> handle_frames    -> datagrams, in place, or poll_transmit for what is rare (floods, handshakes)
    datagrams    -> handle_datagrams -> LAN frames, in place, or poll_frame for what is rare (ARP answers)
    the time     -> handle_timeout, poll_timeout
    and out come events (poll_event) and counters (`dropped`).

Frames and datagrams come in batches, one batch for each turn of the loop. Whatever is not let through ends in one
place, `count`, under one word.
"""

from collections import deque, namedtuple

from .deadlines import Deadlines, earlier
from .errors import Rejected
from .lan.hosts import Host, host_mac
from .lan.lan import KINDS, NOWHERE, PLENTY, SEVERAL, Home, Lan
from .lan.pieces import Assembler
from .links import HostLink, NodeLink
from .overlay import gossip
from .overlay.gossip import Gossip
from .overlay.paths import NONCE
from .overlay.reachability import Reachability
from .overlay.relay import PREFIX, Relay, is_relayed, through
from .overlay.wayfinder import Wayfinder
from .wg import messages
from .wg.peer import ENDPOINT, LOST, PAUSED, SESSION, SILENT
from .wg.tunnel import Tunnel
from .wire import address, ethernet, ip, payload
from .wire.batch import Batch
from .wire.ways import is_by_turn, is_detour

AGE_EVERY = 60_000  # ms between two clean-ups of the tables
FRAMES_MAX = 64
CANDIDATES_MAX = 16
SAME_HOST_MAX = 4  # of them at one address or in one IPv6 network: its NAT may show a peer at several ports
DETOURS = 2

# endpoint: (ip, port) or None; preshared_key: 32 bytes or None; suite "sha256" or "blake2s" (a stock WireGuard peer);
# allowed_ips: (packed address, prefix length) pairs, for a stock peer; keepalive in seconds, 0 is off
PeerConfig = namedtuple(
    "PeerConfig", ("name", "public_key", "endpoint", "preshared_key", "suite", "allowed_ips", "keepalive")
)

# what the node tells the shell; `addr` is where the peer is, `token` that of the ping that was answered
NodeEvent = namedtuple("NodeEvent", ("kind", "name", "addr", "token"))
CONNECTED, UNREACHABLE, MOVED, ANSWERED = "connected", "unreachable", "moved", "answered"
SEEN = "seen"  # a peer sees us at `addr`; `token` is the address in use at which it saw us until now, or None
NEWS = "news"  # something in the group's book has changed; it names nobody
LAN_NEWS = "lan"  # something about the LAN: `token` is a LanEvent (lan/lan.py)


class Node:
    """`private_key` is 32 bytes, `crypto` a port's; `timestamps` may be shared with other nodes of one router, which
    then have different `slot`s (0-63) and one UDP port.

    `release` is told to the others. With a group's `book` (a Group) it compares rosters with each peer before
    frames pass. `has_room()` says whether there is memory for another peer; `limits` are the LAN's, `guards_off` those
    of its guards that are switched off, and it `is_routed` where nothing of layer 2 is to cross. Times are ms on a
    clock that never goes back."""

    def __init__(
        self,
        private_key,
        crypto,
        timestamps,
        now,
        release,
        slot=0,
        book=None,
        has_room=None,
        limits=PLENTY,
        guards_off=(),
        is_routed=False,
    ):
        self.dropped = {}
        self.left_out = []  # names of peers for which there is no memory
        self._has_room = has_room
        self._release = release
        self.frames_in = self.frames_out = self.bytes_in = self.bytes_out = 0
        self._crypto = crypto
        self._deadlines = Deadlines()
        self._gossip = None
        if book is not None:
            self._gossip = Gossip(crypto.sha256, book, self._deadlines, self.count, self._on_news)
        self._tunnel = Tunnel(
            private_key,
            crypto,
            timestamps,
            self._deadlines,
            self._greeting,
            self._detours,
            self._gossip is not None,
            self.count,
            slot,
            now,
        )
        self.lan = Lan(crypto, self.public_key, self.count, now, book is not None, limits, guards_off, is_routed)
        self._home = NOWHERE  # its `others` are by public key
        self._assembler = Assembler(self.count)
        self.relay = Relay()
        self._finder = Wayfinder(
            crypto, self._deadlines, self.relay, self._tunnel.is_anothers, self._detours, self._on_move
        )
        self._relays = []  # the keys of all that forward, those that were chosen last in front
        self._links = {}  # public key -> link
        self._node_links = []  # those that floods go to
        self.reachability = Reachability(self._node_links, self._tunnel)
        self._events = deque((), FRAMES_MAX)
        self._now = now
        self._age_at = now + AGE_EVERY
        self._single = Batch(crypto.pointer, 1, messages.TRANSPORT_MAX + 1)

    @property
    def gossip(self):
        """The Gossip, to tell the others what the shell has heard elsewhere; None outside of a group."""
        return self._gossip

    @property
    def public_key(self):
        return self._tunnel.public_key

    def switch_off_guards(self, names):
        """These of the LAN's guards, and no others, from now on."""
        self.lan.switch_off_guards(names)

    # --- who the peers are

    def configure(self, peers, now):
        """Make `peers` (PeerConfig) the peers. Who stays keeps its sessions, whatever else changes.

        Keys that nobody can have, and our own, are passed over. Where memory ends, those who are there already stay and
        the rest is `left_out`."""
        self.left_out = []
        wanted = [config for config in peers if self._tunnel.can_reach(config.public_key)]
        keys = {config.public_key for config in wanted}
        for key in [key for key in self._links if key not in keys]:
            self._remove(self._links[key])
        for config in wanted:
            link = self._links.get(config.public_key)
            if link is not None and self._must_start_over(link.config, config):
                self._remove(link)
                link = None
            if link is not None:
                self._change(link, config, now)
            elif self._has_room is None or self._has_room():
                self._add(config, now)
            else:
                self.left_out.append(config.name)
        self._settle_home(now)
        self._drain(now)

    def set_home(self, home, now):
        """What the shell knows of our place on the LAN: a Home (lan/lan.py), its `others` {public key: slice or
        None}."""
        self._home = home
        self._settle_home(now)
        self._drain(now)

    def set_leases(self, leases, now):
        """Who has which address, by our DHCP server: see lan/devices.py."""
        self.lan.set_leases(leases, now)
        self._drain(now)

    def devices(self, now, group, suffix):
        """The devices in all homes as `ipop devices` shows them."""
        return self.lan.listing(now, group, suffix, lambda link: self.way(link.peer.endpoint) if link.is_up else None)

    def _settle_home(self, now):
        others = {self._links[key]: slices for key, slices in self._home.others.items() if key in self._links}
        self.lan.set_home(Home(self._home.slices, others, *self._home[2:]), now)

    def set_endpoint(self, public_key, addr, now):
        """Where a peer might be (a resolved name, an old address): tried unless it is connected."""
        link = self._links.get(public_key)
        if link is not None and link.peer.endpoint != addr and not link.peer.is_connected(now):
            link.peer.move_to(addr)
            link.peer.initiate(now)

    def set_candidates(self, public_key, addresses, now, relays=(), at_turn=()):
        """All ways to one of our own nodes, the best first: proven and compared, and called unless it is connected.

        An address is (ip, port); a relay is another node, by the first 8 bytes of its key; `at_turn` are its addresses
        at TURN servers."""
        link = self._links.get(public_key)
        ways = _few_of_each_host((addresses + at_turn)[:CANDIDATES_MAX])
        ways += [through(relay, public_key) for relay in relays if relay != self.public_key[:PREFIX]]
        if link is None:
            return
        self._finder.set_candidates(link, ways, at_turn, now)
        if ways and link.peer.endpoint is None:
            link.peer.move_to(ways[0])
        self._hurry(link, now)

    def handle_word_of(self, public_key, now):
        """A member has said something elsewhere: it may be there again."""
        if public_key in self._links:
            self._hurry(self._links[public_key], now)

    def handle_new_network(self, now):
        """Our own line may have been down, or is another one: whoever is not connected may be reached now."""
        for link in self._node_links:
            self._hurry(link, now)

    def _hurry(self, link, now):
        if link.peer.endpoint is not None and not link.peer.is_connected(now):
            link.peer.hurry(now)

    def choose_relays(self, willing):
        """The nodes of those with these keys through which others are to reach us: see Reachability."""
        relays = self.reachability.choose_relays(willing, self._now)
        self._relays = relays + [key for key in willing if key not in relays]
        return relays

    def _detours(self, peer, turn, now):
        """Ways to a peer through members that forward, DETOURS with each turn: one of them may reach it as well."""
        near = [relay for relay in self._relays if relay != peer.public_key and self.relay.is_near(relay, now)]
        if len(near) > DETOURS:
            start = DETOURS * turn % len(near)
            near = (near + near)[start : start + DETOURS]
        return [through(relay, peer.public_key) for relay in near]

    def _must_start_over(self, old, new):
        return old.preshared_key != new.preshared_key or old.suite != new.suite

    def _add(self, config, now):
        peer = self._tunnel.add_peer(
            config.public_key,
            config.suite,
            config.preshared_key,
            config.endpoint,
            config.keepalive * 1000,
            now,
        )
        if peer.is_ours:
            link = NodeLink(config, peer, self._finder, self._crypto, self._deadlines)
            self._node_links.append(link)
            self.lan.add_link(link)
            self.relay.add_link(link)
            if self._gossip is not None:
                self._gossip.add_link(link)
        else:
            host = Host(host_mac(self._crypto, config.public_key), config.allowed_ips)
            link = HostLink(config, peer, host)
            self.lan.add_host(link)
        peer.context = link
        self._links[config.public_key] = link

    def _change(self, link, config, now):
        old, link.config = link.config, config
        if config.endpoint is not None and config.endpoint != old.endpoint:
            link.peer.move_to(config.endpoint, is_proven=True)  # says who has typed it
            link.peer.initiate(now)
        if config.keepalive != old.keepalive:
            link.peer.set_keepalive(config.keepalive * 1000, now)
        if not link.peer.is_ours:
            link.host.prefixes = config.allowed_ips

    def _remove(self, link):
        self._tunnel.remove_peer(link.peer)
        self.lan.forget(link)
        self._assembler.forget(link)
        del self._links[link.config.public_key]
        if link.peer.is_ours:
            self._finder.forget(link)
            self.reachability.forget(link)
            self.relay.remove_link(link)
            self._node_links.remove(link)
            if self._gossip is not None:
                self._gossip.remove_link(link)
        else:
            self.lan.remove_host(link)

    # --- from the LAN

    def handle_frames(self, batch, now):
        """Ethernet frames of the LAN. On return each slot is a datagram for `addr`, or has length 0."""
        length = batch.length
        for i in range(batch.count):
            try:
                length[i] = self._send_frame(batch, i, now)
            except Rejected as rejected:
                length[i] = 0
                self.count(rejected.reason)
        self._drain(now)

    def handle_frame(self, frame, now):
        """One frame (bytes); its datagrams come out of `poll_transmit`."""
        batch = self._single
        batch.clear()
        batch.put(frame)
        self.handle_frames(batch, now)
        if batch.length[0]:
            self._tunnel.transmit(batch.packet(0), batch.addr[0])

    def _send_frame(self, batch, i, now):
        mem = batch.mem
        at = batch.start[i]
        n = batch.length[i]
        if n < ethernet.HEADER or n > ethernet.FRAME_MAX:
            raise Rejected("bad-frame")
        link = self.lan.route(mem, batch.ptr, at, n, now)
        if link is None:
            return 0
        if link is SEVERAL:
            self._flood(self.lan.targets, mem, at, n, now)
            return 0
        self.frames_out += 1
        self.bytes_out += n
        wrapped = link.wrap(mem, at, n, now)
        if wrapped is None:
            return 0
        at, n = wrapped
        peer = link.peer
        session = peer.session_to_send(now)
        if session is None:
            peer.stage(mem[at : at + n], now)
            return 0
        size = session.seal(mem, batch.ptr, at, n)
        at -= messages.TRANSPORT_HEADER
        peer.sent(now, size)
        if is_detour(peer.endpoint):
            self._tunnel.transmit(bytes(mem[at : at + size]), peer.endpoint, is_frame=True)
            return 0
        batch.start[i] = at
        batch.addr[i] = peer.endpoint
        return size

    def _flood(self, links, mem, at, n, now):
        if self._tunnel.is_busy:
            raise Rejected("flood-limit")
        frame = bytes(mem[at : at + n])
        for link in links:
            self.bytes_out += link.send(frame, now)
            self.frames_out += 1

    # --- from the internet

    def is_for_us(self, data):
        """Whether this node, among several at one port, is to be given a datagram (bytes)."""
        return self._tunnel.is_for_us(data)

    def handle_datagrams(self, batch, now, first=0, last=None):
        """Datagrams from `addr`. On return each slot is an Ethernet frame for the LAN, or has length 0.

        Of a batch that holds datagrams for others too, only those from `first` up to `last` are looked at."""
        length = batch.length
        for i in range(first, batch.count if last is None else last):
            try:
                length[i] = self._open_datagram(batch, i, now)
            except Rejected as rejected:
                length[i] = 0
                self.count(rejected.reason)
        self._drain(now)

    def handle_datagram(self, data, addr, now):
        """One datagram (bytes): returns the frame (bytes) that it carried, or None."""
        batch = self._single
        batch.clear()
        batch.put(data, addr)
        self.handle_datagrams(batch, now)
        return batch.packet(0) if batch.length[0] else None

    def _open_datagram(self, batch, i, now):
        mem = batch.mem
        at = batch.start[i]
        n = batch.length[i]
        addr = batch.addr[i]
        if n == 0 or mem[at] != messages.TRANSPORT:
            self._tunnel.handle_datagram(bytes(mem[at : at + n]), addr, now)
            return 0
        session = self._tunnel.find_session(mem, at, n, addr, now)
        length = session.open(mem, batch.ptr, at, n)
        at += messages.TRANSPORT_HEADER
        is_control = length > 1 and mem[at] == payload.CONTROL
        peer = session.peer
        is_between_nodes = is_control or length > 1 and mem[at] == payload.RELAYED
        peer.received(session, 0 if is_between_nodes else length, n, addr, now)
        link = peer.context
        if addr != peer.endpoint:
            is_asking = is_control and mem[at + 1] in (payload.PING, payload.PONG)
            self._finder.handle_elsewhere(link, addr, is_asking, now)
        if length == 0:
            return 0
        if not peer.is_ours:
            if ip.version(mem, at) not in (4, 6):
                raise Rejected("unknown-payload")
            length = self.lan.packet_from_host(link, mem, at, length, now)
            at -= ethernet.HEADER
        elif mem[at] in (payload.FRAME, payload.PIECE):
            if not session.is_open:
                raise Rejected("not-compared")
            is_piece, length = mem[at] == payload.PIECE, payload.content_length(mem, at, length)
            at += payload.HEADER
            if is_piece:
                frame = self._assembler.handle_piece(link, mem[at : at + length], now)
                if frame is None:
                    return 0
                batch.replace(i, frame)
                at, length = batch.start[i], len(frame)
            if not self._frame_from_node(link, mem, batch.ptr, at, length, now):
                return 0
        elif mem[at] == payload.CONTROL:
            size = payload.content_length(mem, at, length)
            at += payload.HEADER
            kind, content = mem[at - 3], bytes(mem[at : at + size])
            if kind in KINDS:
                if not session.is_open:
                    raise Rejected("not-compared")
                self.lan.handle_message(kind, link, content, now)
            else:
                self._handle_control(link, kind, content, addr, now)
            return 0
        elif mem[at] == payload.RELAYED:
            return self._handle_relayed(link, session, batch, i, at, length, now)
        else:
            raise Rejected("unknown-payload")
        if length:
            self.frames_in += 1
            self.bytes_in += length
        batch.start[i] = at
        return length

    def _frame_from_node(self, link, mem, ptr, at, n, now):
        if n < ethernet.HEADER or n > ethernet.FRAME_MAX:
            raise Rejected("bad-frame")
        link.peer.frames_in += 1
        return self.lan.deliver(link, mem, ptr, at, n, now)

    def _handle_relayed(self, link, session, batch, i, at, n, now):
        """What another node wants to be forwarded, or has forwarded for us: that is a datagram like others."""
        n = payload.content_length(batch.mem, at, n)
        if not session.is_open:
            raise Rejected("not-compared")
        if n <= PREFIX or is_relayed(batch.addr[i]):
            raise Rejected("bad-payload")
        kind = batch.mem[at + 1]
        at += payload.HEADER
        if kind == payload.TO:
            datagram, addr = self.relay.forward(link, bytes(batch.mem[at : at + n]), now)
            self._tunnel.transmit(datagram, addr, is_frame=True)
            return 0
        batch.start[i] = at + PREFIX
        batch.length[i] = n - PREFIX
        batch.addr[i] = through(link.peer.public_key, bytes(batch.mem[at : at + PREFIX]))
        return self._open_datagram(batch, i, now)

    def _handle_control(self, link, kind, content, addr, now):
        if kind in _CONTROLS:
            _CONTROLS[kind](self, link, content, addr, now)
        elif self._gossip is not None and kind in gossip.HANDLERS:
            gossip.HANDLERS[kind](self._gossip, link, content, now)
        else:
            raise Rejected("unknown-control")

    def _handle_hello(self, link, content, addr, now):
        _, _, link.release, comparison = payload.parse_hello(content)
        if self._gossip is not None:
            self._gossip.handle_hello(link, comparison, now)

    def _greeting(self, peer):
        return payload.hello(self._release, b"" if self._gossip is None else self._gossip.greeting(peer.context))

    def _handle_ping(self, link, content, addr, now):
        self._finder.handle_ping(link, content, addr, now)

    def _handle_pong(self, link, content, addr, now):
        if link.fitting.handle_answer(content[:NONCE], now):
            return
        answer = self._finder.handle_pong(link, content, addr, now)
        if answer.seen is not None:
            is_news, before = self.reachability.note_seen(link, addr, answer.seen, answer.has_moved, now)
            if is_news:
                self._events.append(NodeEvent(SEEN, link.config.name, answer.seen, before))
        if answer.token is not None:
            self._events.append(NodeEvent(ANSWERED, link.config.name, addr, answer.token))

    # --- paths

    def ping(self, public_key, token, now):
        """Ask one of our own nodes for an answer, which comes as an ANSWERED event with `token`.

        Returns None, or why it can't be asked: one word of `no-such-peer`, `not-ours`, `no-endpoint`, `busy`."""
        link = self._links.get(public_key)
        if link is None:
            return "no-such-peer"
        if not link.peer.is_ours:
            return "not-ours"
        if link.peer.endpoint is None:
            return "no-endpoint"
        return None if self._finder.probe(link, link.peer.endpoint, now, token) else "busy"

    def _drain(self, now):
        """What the tunnel had to tell."""
        self._now = now
        event = self._tunnel.poll_event()
        while event is not None:
            _EVENTS[event.kind](self, event.peer, event.addr, now)
            event = self._tunnel.poll_event()
        if self.lan.is_unsettled:
            self._settle_lan(now)

    def _settle_lan(self, now):
        """What the LAN's parts have to say to other members, and to the shell."""
        self.lan.settle(self._tell_member, self._reply_to, now)
        event = self.lan.poll_event()
        while event is not None:
            self._events.append(NodeEvent(LAN_NEWS, event.link and event.link.config.name, None, event))
            event = self.lan.poll_event()

    def _tell_member(self, link, kind, content, now):
        link.tell(kind, content, now)

    def _reply_to(self, link, frame, now):
        self.frames_out += 1
        self.bytes_out += link.send(frame, now)

    def _on_session(self, peer, addr, now):
        if self._gossip is not None and peer.is_ours and peer.current is not None:
            self._gossip.handle_session(peer.context, peer.current, now)
        if peer.is_ours and not (peer.context.is_up and peer.is_proven):
            peer.context.search.begin(now)
            peer.context.fitting.begin(now)
        if not peer.context.is_up:
            is_first = not self.has_company
            peer.context.is_up = True
            if is_first:
                self.handle_new_network(now)
            if peer.is_ours:
                peer.context.has_missed = True
            self._tell(CONNECTED, peer.context)
        if peer.is_ours and peer.context.has_missed:
            peer.context.has_missed = False
            self.lan.handle_connected(peer.context, now)

    def _on_silent(self, peer, addr, now):
        self._finder.handle_silent(peer.context, now)
        peer.context.fitting.handle_silent(now)

    def _on_endpoint(self, peer, addr, now):
        if peer.is_ours:
            peer.context.fitting.begin(now)

    def _on_paused(self, peer, addr, now):
        self._finder.handle_paused(peer.context, now)

    def _on_move(self, link, now):
        if self._gossip is not None:
            self._gossip.ask(link, now)
        self._tell(MOVED, link)

    def _on_lost(self, peer, addr, now):
        peer.context.is_up = False
        if peer.is_ours:
            self.lan.handle_lost(peer.context, now)
        self._tell(UNREACHABLE, peer.context)

    def _on_news(self):
        self._events.append(NodeEvent(NEWS, None, None, None))

    def _tell(self, kind, link):
        self._events.append(NodeEvent(kind, link.config.name, link.peer.endpoint, None))

    # --- time, and what has to go out

    def handle_timeout(self, now):
        self._deadlines.handle_timeout(now)
        self._assembler.handle_timeout(now)
        self.lan.handle_timeout(now)
        if now >= self._age_at:
            self._age_at = now + AGE_EVERY
            self.lan.age(now)
            self._finder.expire(now)
        self._drain(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms)."""
        due = earlier(self._age_at, self._deadlines.poll_timeout())
        return earlier(due, earlier(self._assembler.poll_timeout(), self.lan.poll_timeout()))

    def poll_transmit(self):
        """The next (datagram, address) of the queue, or None."""
        item = self._tunnel.poll_transmit()
        while item is not None and is_relayed(item[1]):
            try:
                return self.relay.wrap(item[0], item[1], self._now)
            except Rejected as rejected:
                self.count(rejected.reason)
            item = self._tunnel.poll_transmit()
        return item

    def handle_too_large(self, size, addr, now):
        """The kernel didn't send a datagram of `size` bytes: the interface carries less."""
        peer = self._tunnel.peer_at(addr)
        if peer is not None and peer.is_ours:
            peer.context.fitting.handle_too_large(size, now)

    def poll_frame(self):
        """The next frame (bytes) for the LAN that was not in a batch, or None."""
        return self.lan.poll_frame()

    def poll_event(self):
        """The next NodeEvent, or None."""
        return self._events.popleft() if self._events else None

    def count(self, reason):
        """Something was thrown away, by the node or by the shell; `reason` is one word."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    # --- what can be seen from outside

    @property
    def has_company(self):
        """Whether one of our own nodes is connected."""
        return any(link.is_up for link in self._node_links)

    def endpoints(self):
        """Where each peer was last reached directly: {public key: address}."""
        known = [(key, link.peer.endpoint) for key, link in self._links.items()]
        return {key: addr for key, addr in known if addr is not None and not is_detour(addr)}

    def status(self, now):
        """The node in figures."""
        connected = [link for link in self._links.values() if link.peer.is_connected(now)]
        return {
            "peers": {"configured": len(self._links), "connected": len(connected)},
            "traffic": {
                "frames_in": self.frames_in,
                "frames_out": self.frames_out,
                "bytes_in": self.bytes_in,
                "bytes_out": self.bytes_out,
            },
            "devices": len(self.lan.devices()),
            "dropped": dict(self.dropped),
        }

    def way(self, addr):
        """An address in words for people: "203.0.113.7:51820", "through den", "through TURN", or None for None."""
        if addr is None or not is_detour(addr):
            return address.text(addr)
        if is_by_turn(addr):
            return "through TURN"
        relay = self.relay.link_of(addr)
        return "through " + (relay.config.name if relay is not None else "a relay")

    def peers(self, now):
        """Each peer in figures; times are ms ago."""
        return [self._peer_status(link, now) for link in self._links.values()]

    def _peer_status(self, link, now):
        peer = link.peer
        return {
            "name": link.config.name,
            "public_key": link.config.public_key,
            "suite": peer.suite.name,
            "state": self._state(peer, now),
            "endpoint": peer.endpoint,
            "way": self.way(peer.endpoint),
            "has_detour": any(is_detour(addr) for addr in peer.candidates + self._detours(peer, 0, now)),
            "rtt_ms": link.search.rtt if peer.is_ours else None,
            "mtu": link.mtu,
            "heard_ms": None if peer.heard_at is None else now - peer.heard_at,
            "handshake_ms": None if peer.handshake_at is None else now - peer.handshake_at,
            "bytes_in": peer.bytes_in,
            "bytes_out": peer.bytes_out,
            "release": link.release,
        }

    def _state(self, peer, now):
        if peer.is_connected(now):
            return "connected"
        if peer.endpoint is None:
            return "no-endpoint"
        return "connecting" if peer.is_calling else "idle"


def _few_of_each_host(addresses):
    """Those that a member can have honestly: one that names somebody else's address has few datagrams sent there."""
    counts, few = {}, []
    for addr in addresses:
        host = address.network(addr[0])
        counts[host] = counts.get(host, 0) + 1
        if counts[host] <= SAME_HOST_MAX:
            few.append(addr)
    return few


_CONTROLS = {
    payload.HELLO: Node._handle_hello,
    payload.PING: Node._handle_ping,
    payload.PONG: Node._handle_pong,
}

_EVENTS = {
    SESSION: Node._on_session,
    SILENT: Node._on_silent,
    PAUSED: Node._on_paused,
    ENDPOINT: Node._on_endpoint,
    LOST: Node._on_lost,
}
