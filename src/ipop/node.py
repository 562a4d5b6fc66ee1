"""A member of the group: the tunnel, the switch and the paths put together. No clock, no socket, no file.

    LAN frames   -> handle_frames    -> datagrams, in place, or poll_transmit for what is rare (floods, handshakes)
    datagrams    -> handle_datagrams -> LAN frames, in place, or poll_frame for what is rare (ARP answers)
    the time     -> handle_timeout, poll_timeout
    and out come events (poll_event) and counters (`dropped`).

Frames and datagrams come in batches, one batch for each turn of the loop. Whatever is not let through ends in one
place, `count`, under one word.
"""

from collections import deque, namedtuple

from .deadlines import Deadlines
from .errors import Rejected
from .lan.hosts import Host, Hosts, host_mac
from .lan.switch import FLOOD, LAN, Flow, Switch
from .overlay import gossip
from .overlay.gossip import Gossip
from .overlay.paths import NONCE
from .overlay.relay import PREFIX, Relay, is_relayed, through
from .overlay.wayfinder import Search, Wayfinder
from .overlay.ways import is_by_turn, is_detour
from .wg import messages
from .wg.peer import ELSEWHERE, LOST, SESSION, SILENT
from .wg.tunnel import Tunnel
from .wire import address, ethernet, ip, payload
from .wire.batch import Batch

AGE_EVERY = 60_000  # ms between two clean-ups of the tables
FRAMES_MAX = 64
CANDIDATES_MAX = 16
SEEN_MAX = 2
SEEN_GAP = 30_000  # ms in which a peer's word on where it sees us counts, whatever else it says
RELAY_GAIN = 20  # ms that another one has to be quicker, besides half the time
RELAYS = 2  # that others are told to reach us through

# endpoint: (ip, port) or None; preshared_key: 32 bytes or None; suite "sha256" or "blake2s" (a stock WireGuard peer);
# allowed_ips: (packed address, prefix length) pairs, for a stock peer; keepalive in seconds, 0 is off
PeerConfig = namedtuple(
    "PeerConfig", ("name", "public_key", "endpoint", "preshared_key", "suite", "allowed_ips", "keepalive")
)

# what the node tells the shell; `addr` is where the peer is, `token` that of the ping that was answered
NodeEvent = namedtuple("NodeEvent", ("kind", "name", "addr", "token"))
CONNECTED, UNREACHABLE, MOVED, ANSWERED = "connected", "unreachable", "moved", "answered"
SEEN = "seen"  # a peer sees us elsewhere now
NEWS = "news"  # something in the group's book has changed; it names nobody


class _NodeLink:
    """The way to one of our own nodes: Ethernet frames."""

    def __init__(self, config, peer, finder):
        self.config = config
        self.peer = peer
        self.is_up = False  # as last told to the shell
        self.release = None  # what it runs, from its HELLO
        self.search = Search(finder, self)
        self.seen_at = None  # where it sees us, as it says,
        self.seen_since = None  # and since when

    def wrap(self, mem, at, n):
        """Make the frame of `n` bytes at `at` what the tunnel carries: (start, length)."""
        payload.write_header(mem, at - payload.HEADER, payload.FRAME, n)
        return at - payload.HEADER, n + payload.HEADER


class _HostLink:
    """The way to a stock WireGuard peer: IP packets."""

    release = None

    def __init__(self, config, peer, host):
        self.config = config
        self.peer = peer
        self.host = host
        self.is_up = False

    def wrap(self, mem, at, n):
        if ethernet.ethertype(mem, at) not in (ethernet.IPV4, ethernet.IPV6):
            raise Rejected("not-ip")
        return at + ethernet.HEADER, n - ethernet.HEADER


class Node:
    """`private_key` is 32 bytes, `crypto` a port's; `timestamps` may be shared with other nodes of one router, which
    then have different `slot`s (0-63) and one UDP port.

    `release` is told to the others. With a group's `book` (group/book.py) it compares rosters with each peer before
    frames pass. `has_room()` says whether there is memory for another peer. Times are ms on a clock that never goes
    back."""

    def __init__(self, private_key, crypto, timestamps, now, release, slot=0, book=None, has_room=None):
        self.dropped = {}
        self.left_out = []  # names of peers for which there is no memory
        self._has_room = has_room
        self._release = release
        self.frames_in = self.frames_out = self.bytes_in = self.bytes_out = 0
        self._crypto = crypto
        self._deadlines = Deadlines()
        self._gossip = None
        if book is not None:
            self._gossip = Gossip(book, self._deadlines, self.count, self._on_news)
        self._tunnel = Tunnel(
            private_key,
            crypto,
            timestamps,
            self._deadlines,
            self._greeting,
            self._gossip is not None,
            self.count,
            slot,
            now,
        )
        self._switch = Switch()
        self._sending, self._receiving = Flow(crypto), Flow(crypto)
        self._hosts = Hosts(self.count)
        self.relay = Relay()
        self._finder = Wayfinder(crypto, self._deadlines, self.relay, self._ask, self._tunnel.is_anothers)
        self._links = {}  # public key -> link
        self._node_links = []  # those that floods go to
        self._host_links = {}  # MAC -> link
        self._events = deque((), FRAMES_MAX)
        self._now = now
        self._relays = []  # the keys of those that were chosen last
        self._age_at = now + AGE_EVERY
        self._single = Batch(crypto.pointer, 1, messages.TRANSPORT_MAX + 1)

    @property
    def gossip(self):
        """The Gossip, to tell the others what the shell has heard elsewhere; None outside of a group."""
        return self._gossip

    @property
    def public_key(self):
        return self._tunnel.public_key

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
        self._drain(now)

    def set_endpoint(self, public_key, addr, now):
        """Where a peer might be (a resolved name, an old address): tried unless it is connected."""
        link = self._links.get(public_key)
        if link is not None and link.peer.endpoint != addr and not link.peer.is_connected(now):
            link.peer.move_to(addr)
            link.peer.initiate(now)

    def set_candidates(self, public_key, addresses, now, relays=()):
        """All ways to one of our own nodes, the best first: proven and compared, and called unless it is connected.

        An address is (ip, port); a relay is another node, by the first 8 bytes of its key."""
        link = self._links.get(public_key)
        ways = addresses[:CANDIDATES_MAX]
        ways += [through(relay, public_key) for relay in relays if relay != self.public_key[:PREFIX]]
        if link is None or not self._finder.set_candidates(link, ways, now):
            return
        link.peer.candidates = ways
        if ways and not link.peer.is_connected(now):
            if link.peer.endpoint is None:
                link.peer.move_to(ways[0])
            link.peer.initiate(now)

    def seen_at(self):
        """Up to SEEN_MAX addresses at which those who are reached directly see us, what most of them say first."""
        votes = {}
        for link in self._node_links:
            if link.seen_at is not None and link.is_up:
                votes[link.seen_at] = votes.get(link.seen_at, 0) + 1
        return [addr for _, addr in sorted([(-n, addr) for addr, n in votes.items()])[:SEEN_MAX]]

    def choose_relays(self, willing):
        """Up to RELAYS of the nodes with these keys to be reached through: those to whom there is a direct way, the
        quickest first. Who was chosen stays until it is gone or another is much quicker: each change is told to all."""
        known = [(self._links.get(key), key) for key in willing]
        known = [(link, key) for link, key in known if link is not None and link.is_up and link.peer.endpoint]
        known = [(link.search.rtt or 0, key) for link, key in known if not is_relayed(link.peer.endpoint)]
        stays = [(rtt, key) for rtt, key in known if key in self._relays]
        others = sorted([each for each in known if each not in stays])
        if len(stays) == RELAYS and others and 2 * others[0][0] + RELAY_GAIN < max(stays)[0]:
            stays.remove(max(stays))
        self._relays = [key for _, key in sorted(stays + others[: RELAYS - len(stays)])]
        return self._relays

    @property
    def needs_relays(self):
        """Whether somebody may not be able to reach us: nobody has called us yet from where we had not sent anything,
        and there are some who are not connected."""
        return not self._tunnel.was_called and any(not link.is_up for link in self._node_links)

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
            link = _NodeLink(config, peer, self._finder)
            self._node_links.append(link)
            self.relay.add_link(link)
            if self._gossip is not None:
                self._gossip.add_link(link)
        else:
            host = Host(host_mac(self._crypto, config.public_key), config.allowed_ips)
            link = _HostLink(config, peer, host)
            self._hosts.add(host)
            self._host_links[host.mac] = link
        peer.context = link
        self._links[config.public_key] = link

    def _change(self, link, config, now):
        old, link.config = link.config, config
        if config.endpoint is not None and config.endpoint != old.endpoint:
            link.peer.move_to(config.endpoint)
            link.peer.initiate(now)
        if config.keepalive != old.keepalive:
            link.peer.set_keepalive(config.keepalive * 1000, now)
        if not link.peer.is_ours:
            link.host.prefixes = config.allowed_ips

    def _remove(self, link):
        self._tunnel.remove_peer(link.peer)
        self._switch.forget_port(link)
        del self._links[link.config.public_key]
        if link.peer.is_ours:
            self._finder.forget(link)
            self.relay.remove_link(link)
            self._node_links.remove(link)
            if self._gossip is not None:
                self._gossip.remove_link(link)
        else:
            self._hosts.remove(link.host)
            del self._host_links[link.host.mac]

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
        port = self._sending.find(batch.ptr + at, self._switch.revision, now)
        if port is None or self._host_links:
            port = self._port_of(mem, at, n, now)
            if port is None:
                return 0
        at, n = port.wrap(mem, at, n)
        self.frames_out += 1
        self.bytes_out += n
        peer = port.peer
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

    def _port_of(self, mem, at, n, now):
        """The link that a frame goes to, or None when it has been seen to. Raises Rejected."""
        destination = bytes(mem[at : at + 6])
        port = self._switch.handle_lan_frame(destination, bytes(mem[at + 6 : at + 12]), now)
        if self._host_links:
            asked = self._ask_hosts(mem, at, n, now)
            if destination in self._host_links:
                return None if asked else self._host_links[destination]
        if port is FLOOD:
            self._flood(mem, at, n, now)
            return None
        if port is LAN:
            raise Rejected("stays-local")
        self._sending.keep(mem[at : at + 12], port, self._switch.revision, now)
        return port

    def _ask_hosts(self, mem, at, n, now):
        """Whether a frame of the LAN asks or tells about MAC addresses; the stock peers' part in that is ours."""
        kind = ethernet.ethertype(mem, at)
        if kind != ethernet.ARP and kind != ethernet.IPV6:
            return False
        return self._hosts.handle_lan_frame(kind, bytes(mem[at : at + n]), now)

    def _flood(self, mem, at, n, now):
        if self._tunnel.is_busy:
            raise Rejected("flood-limit")
        start = at - payload.HEADER
        payload.write_header(mem, start, payload.FRAME, n)
        frame = bytes(mem[start : at + n])
        for link in self._node_links:
            link.peer.send(frame, now)
            self.frames_out += 1
            self.bytes_out += n

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
        peer = session.peer
        peer.received(session, length, n, addr, now)
        if length == 0:
            return 0
        at += messages.TRANSPORT_HEADER
        link = peer.context
        if not peer.is_ours:
            length = self._packet_from_host(link, mem, at, length, now)
            at -= ethernet.HEADER
        elif mem[at] == payload.FRAME:
            if not session.is_open:
                raise Rejected("not-compared")
            length = self._frame_from_node(link, mem, batch.ptr, at, length, now)
            at += payload.HEADER
        elif mem[at] == payload.CONTROL:
            size = payload.content_length(mem, at, length)
            at += payload.HEADER
            self._handle_control(link, mem[at - 3], bytes(mem[at : at + size]), addr, now)
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
        n = payload.content_length(mem, at, n)
        if n < ethernet.HEADER or n > ethernet.FRAME_MAX:
            raise Rejected("bad-frame")
        at += payload.HEADER
        if self._receiving.find(ptr + at, self._switch.revision, now) is not link:
            self._switch.handle_peer_frame(bytes(mem[at : at + 6]), bytes(mem[at + 6 : at + 12]), link, now)
            self._receiving.keep(mem[at : at + 12], link, self._switch.revision, now)
        return n

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

    def _packet_from_host(self, link, mem, at, n, now):
        if ip.version(mem, at) not in (4, 6):
            raise Rejected("unknown-payload")
        n = self._hosts.to_frame(link.host, mem, at, n, now)
        return n + ethernet.HEADER if n else 0

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

    def _greeting(self):
        return payload.hello(self._release, b"" if self._gossip is None else self._gossip.comparison())

    def _handle_ping(self, link, content, addr, now):
        if len(content) < NONCE:
            raise Rejected("bad-payload")
        # back to where it came from: that path is what is being asked about
        seen = b"" if is_detour(addr) else address.text(addr).encode()
        link.peer.tell(payload.control(payload.PONG, content[:NONCE] + seen), now, wants_answer=False, addr=addr)

    def _handle_pong(self, link, content, addr, now):
        answer = self._finder.handle_answer(link, content[:NONCE], addr, now)
        if answer is None:
            raise Rejected("unexpected-pong")
        probe, is_moving = answer
        if not is_detour(addr):
            self._note_where_we_are_seen(link, _address(content[NONCE:]), now)
        if is_moving:
            link.peer.reach(addr, now)
            if is_detour(addr):
                link.search.begin(now)  # for a way back
                self._ask_relay(addr, now)
            if self._gossip is not None:
                self._gossip.ask(link, now)
            self._tell(MOVED, link)
        if probe.token is not None:
            self._events.append(NodeEvent(ANSWERED, link.config.name, addr, probe.token))

    def _ask_relay(self, addr, now):
        """We may be seen elsewhere now: the relay that was taken tells."""
        link = self.relay.link_of(addr) if is_relayed(addr) else None
        if link is not None and link.peer.endpoint is not None:
            self._finder.probe(link, link.peer.endpoint, now)

    def _note_where_we_are_seen(self, link, addr, now):
        if link.seen_at != addr and (link.seen_since is None or now - link.seen_since >= SEEN_GAP):
            link.seen_at, link.seen_since = addr, now
            self._tell(SEEN, link)

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

    def _ask(self, peer, addr, nonce, now, wants_answer):
        peer.tell(payload.control(payload.PING, nonce), now, wants_answer, addr)

    def _drain(self, now):
        """What the tunnel had to tell."""
        self._now = now
        event = self._tunnel.poll_event()
        while event is not None:
            _EVENTS[event.kind](self, event.peer, event.addr, now)
            event = self._tunnel.poll_event()

    def _on_session(self, peer, addr, now):
        if self._gossip is not None and peer.is_ours and peer.current is not None:
            self._gossip.handle_session(peer.context, peer.current, now)
        if not peer.context.is_up:
            peer.context.is_up = True
            if peer.is_ours:
                peer.context.search.begin(now)
            self._tell(CONNECTED, peer.context)

    def _on_silent(self, peer, addr, now):
        self._finder.handle_silent(peer.context, now)

    def _on_elsewhere(self, peer, addr, now):
        self._finder.handle_elsewhere(peer.context, addr, now)

    def _on_lost(self, peer, addr, now):
        peer.context.is_up = False
        self._tell(UNREACHABLE, peer.context)

    def _on_news(self):
        self._events.append(NodeEvent(NEWS, None, None, None))

    def _tell(self, kind, link):
        self._events.append(NodeEvent(kind, link.config.name, link.peer.endpoint, None))

    # --- time, and what has to go out

    def handle_timeout(self, now):
        self._deadlines.handle_timeout(now)
        if now >= self._age_at:
            self._age_at = now + AGE_EVERY
            self._switch.age(now)
            self._finder.expire(now)
        self._drain(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms)."""
        when = self._deadlines.poll_timeout()
        return self._age_at if when is None else min(when, self._age_at)

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

    def poll_frame(self):
        """The next frame (bytes) for the LAN that was not in a batch, or None."""
        return self._hosts.poll_frame()

    def poll_event(self):
        """The next NodeEvent, or None."""
        return self._events.popleft() if self._events else None

    def count(self, reason):
        """Something was thrown away, by the node or by the shell; `reason` is one word."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    # --- what can be seen from outside

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
            "devices": len(self._switch.devices()),
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
            "rtt_ms": link.search.rtt if peer.is_ours else None,
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


def _address(text):
    """(ip, port) of "ip:port" as bytes, or None for what is no address at which others could reach us."""
    try:
        host, port = address.parse(bytes(text).decode())
    except ValueError:
        return None
    return (host, port) if address.is_elsewhere(host) else None


_CONTROLS = {
    payload.HELLO: Node._handle_hello,
    payload.PING: Node._handle_ping,
    payload.PONG: Node._handle_pong,
}

_EVENTS = {
    SESSION: Node._on_session,
    SILENT: Node._on_silent,
    ELSEWHERE: Node._on_elsewhere,
    LOST: Node._on_lost,
}
