"""All peers of one key: finds out who a datagram is from, and gives it to them (whitepaper sections 5 and 6.5).

    shell -> handle_datagram (handshakes) / open (transport, in place) -> Peer
    Peer  -> poll_transmit, poll_event -> shell

Strangers can make us work, so their messages pass three gates, each dearer than the one before: the size, mac1 (are
they meant for us), and a budget of handshakes per second and suite. Who comes when the budget is used up gets a cookie
and is let in when it shows the cookie, twenty times a second per address at most. As often is an address answered that
shows none; the rest of a flood ends before anything is computed. BLAKE2s initiations, which are dear on an interpreter
that computes them in Python, have a small budget of their own, and none where no stock peer is configured.
"""

import struct
from collections import deque, namedtuple

from ..errors import Rejected
from ..wire import address
from ..wire.ways import sender
from . import messages
from .cookie import CookieChecker
from .noise import Responder
from .peer import PROLOGUE, Peer
from .session import REJECT_AFTER_TIME
from .suites import suites

BUDGETS = {"sha256": 100, "blake2s": 20}  # handshake messages that we take, per second
PER_ADDRESS = 20  # the same for one address that has shown a cookie, and for answers to one that has not
ADDRESSES_MAX = 256
TRANSMIT_MAX = 1024  # datagrams of each kind that wait to be sent; past that the newest is dropped
SLOT_SHIFT = 24
NO_COOKIE = bytes(16)  # in place of mac2
JITTER = 334  # ms, whitepaper section 6.1

TunnelEvent = namedtuple("TunnelEvent", ("kind", "peer", "addr"))


class _Budget:
    """A token bucket: `rate` a second, as many at once."""

    def __init__(self, rate, now):
        self._rate = rate
        self._level = rate * 1000
        self._at = now

    def is_full(self, now):
        self._level = min(self._level + (now - self._at) * self._rate, self._rate * 1000)
        self._at = now
        return self._level == self._rate * 1000

    def is_empty(self, now):
        return not self.is_full(now) and self._level < 1000

    def take(self, now):
        if self.is_empty(now):
            return False
        self._level -= 1000
        return True


class Tunnel:
    """`crypto` is a port's; `timestamps` and `deadlines` are the node's; `count(reason)` is told what is thrown away.

    `greeting(peer)` makes the first message of each session with one of our own nodes. Where the tunnel `is_gated`,
    frames pass such a session only after `Peer.open`. `detours(peer, turn, now)` gives some ways to a peer that isn't
    found at its own addresses, others with each turn. Tunnels that share a UDP port have different `slot`s (0-63), that
    stand in the indices that they give out."""

    def __init__(self, private_key, crypto, timestamps, deadlines, greeting, detours, is_gated, count, slot, now):
        self.private_key = private_key
        self.public_key = crypto.dh_base(private_key)
        self.crypto = crypto
        self.timestamps = timestamps
        self.deadlines = deadlines
        self.greeting = greeting
        self.detours = detours
        self.is_gated = is_gated
        self._slot = slot << SLOT_SHIFT
        self.count = count
        self.suites = suites(crypto)
        self._by_header = {suite.header: suite for suite in self.suites.values()}
        self._checkers = {n: CookieChecker(s, crypto, self.public_key) for n, s in self.suites.items()}
        self._budgets = {n: _Budget(rate, now) for n, rate in BUDGETS.items()}
        self._per_address = {}
        self._per_stranger = {}
        self.was_called = False  # by one of our own nodes, from an address to which nothing had been sent
        self._peers = {}  # public key -> Peer
        self._by_endpoint = {}  # address -> Peer
        self._calling = {}  # our index -> Peer, for initiations under way
        self._sessions = {}  # our index -> Session
        self._transmits = deque((), TRANSMIT_MAX)  # handshakes and messages between the nodes: they go first
        self._frames = deque((), TRANSMIT_MAX)  # floods, and what had to wait for a session
        self._events = deque((), TRANSMIT_MAX)

    # --- the shell's side

    def can_reach(self, public_key):
        """Whether a handshake with this key is possible: it isn't ours, and no point of low order."""
        return public_key != self.public_key and self.crypto.dh(self.private_key, public_key) is not None

    def add_peer(self, public_key, suite_name, psk, endpoint, keepalive, now):
        """A new Peer. `psk` is 32 bytes or None, `keepalive` in ms (0: off). Our own nodes are called at once.

        Who configures the endpoint vouches for it: nothing has to be proven."""
        suite = self.suites[suite_name]
        peer = Peer(self, suite, public_key, psk or bytes(32))
        self._peers[public_key] = peer
        if endpoint is not None:
            peer.move_to(endpoint, is_proven=True)
            if peer.is_ours:
                peer.initiate(now)
        peer.set_keepalive(keepalive, now)
        return peer

    def remove_peer(self, peer):
        peer.close()
        del self._peers[peer.public_key]

    def handle_datagram(self, data, addr, now):
        """A handshake message (bytes). Raises Rejected."""
        kind, suite = self._classify(data)
        messages.check_size(kind, len(data))
        _HANDLERS[kind](self, suite, data, addr, now)

    def is_for_us(self, data):
        """Whether this tunnel, and not another at the same port, is meant by a datagram (bytes)."""
        if len(data) < 12:
            return False
        kind, suite = data[0], self._by_header.get(data[3] << 24)
        if kind == messages.INITIATION:
            size = messages.SIZES[kind]
            return suite is not None and len(data) == size and self._checkers[suite.name].is_for_us(data)
        at = 8 if kind == messages.RESPONSE else 4
        return struct.unpack_from("<I", data, at)[0] >> SLOT_SHIFT == self._slot >> SLOT_SHIFT

    def find_session(self, mem, start, n, addr, now):
        """The session of the transport message of `n` bytes (at least 8) at `start`. Raises Rejected."""
        if n < messages.TRANSPORT_MIN:
            raise Rejected("truncated")
        if n > messages.TRANSPORT_MAX:
            raise Rejected("oversized")
        word, index = struct.unpack_from("<II", mem, start)
        session = self._sessions.get(index)
        if session is None:
            self._resync(word, addr, now)
            raise Rejected("unknown-session")
        if word != session.header:
            raise Rejected("unknown-type")
        if now - session.created >= REJECT_AFTER_TIME:
            raise Rejected("expired")
        return session

    def poll_transmit(self):
        """The next (datagram, address) to send, or None."""
        if self._transmits:
            return self._transmits.popleft()
        return self._frames.popleft() if self._frames else None

    def poll_event(self):
        return self._events.popleft() if self._events else None

    # --- the peers' side

    def transmit(self, data, addr, is_frame=False):
        queue = self._frames if is_frame else self._transmits
        if len(queue) >= TRANSMIT_MAX:
            self.count("send-queue-full")
        else:
            queue.append((data, addr))

    @property
    def is_busy(self):
        """Whether so many frames wait that new floods should not even be sealed."""
        return len(self._frames) >= TRANSMIT_MAX // 2

    def emit(self, kind, peer, addr):
        self._events.append(TunnelEvent(kind, peer, addr))

    def claim_index(self, peer):
        """A random number that isn't in use, for the other side to address us with."""
        while True:
            # 30 bits: a small integer on every interpreter; the highest six say whose it is
            index = self._slot | struct.unpack("<I", self.crypto.random(4))[0] & (1 << SLOT_SHIFT) - 1
            if index not in self._sessions and index not in self._calling:
                self._calling[index] = peer
                return index

    def release_index(self, index):
        self._calling.pop(index, None)

    def add_session(self, session):
        del self._calling[session.local_index]
        self._sessions[session.local_index] = session

    def remove_session(self, session):
        del self._sessions[session.local_index]

    def remember_endpoint(self, peer):
        """A peer is sent to at its endpoint. Who has only claimed to be there pushes nobody out."""
        if peer.is_proven or peer.endpoint not in self._by_endpoint:
            self._by_endpoint[peer.endpoint] = peer

    def peer_at(self, addr):
        """The Peer that is reached at an address, or None."""
        return self._by_endpoint.get(addr)

    def is_anothers(self, addr, peer):
        """Whether another peer than this one is reached at an address."""
        return self._by_endpoint.get(addr, peer) is not peer

    def forget_endpoint(self, peer):
        if self._by_endpoint.get(peer.endpoint) is peer:
            del self._by_endpoint[peer.endpoint]

    def jitter(self):
        return struct.unpack("<H", self.crypto.random(2))[0] % JITTER

    # --- handshakes

    def _classify(self, data):
        if len(data) < 4:
            raise Rejected("truncated")
        (word,) = struct.unpack_from("<I", data, 0)
        suite = self._by_header.get(word & 0xFFFFFF00)
        if suite is None:
            raise Rejected("unknown-type")
        return word & 0xFF, suite

    def _handle_initiation(self, suite, data, addr, now):
        if suite.header == 0 and not any(peer.suite is suite for peer in self._peers.values()):
            raise Rejected("no-stock-peers")
        self._admit(suite, data, addr, now)
        sender, message = messages.parse_initiation(data)
        noise = Responder(suite, self.crypto, self.private_key, self.public_key, PROLOGUE)
        peer = self._peers.get(noise.read_static(message))
        if peer is None or peer.suite is not suite:
            raise Rejected("unknown-peer")
        if not peer.repeat_response(message, addr, now):
            peer.handle_initiation(sender, noise.read_payload(message), message, noise, addr, now)

    def _handle_response(self, suite, data, addr, now):
        sender, receiver, message = messages.parse_response(data)
        peer = self._calling.get(receiver)
        if peer is None or peer.suite is not suite:
            raise Rejected("unexpected-response")
        self._admit(suite, data, addr, now)
        peer.handle_response(sender, receiver, message, addr, now)

    def _handle_cookie_reply(self, suite, data, addr, now):
        receiver, nonce, sealed = messages.parse_cookie_reply(data)
        session = self._sessions.get(receiver)
        peer = self._calling.get(receiver) if session is None else session.peer
        if peer is None or peer.suite is not suite:
            raise Rejected("unexpected-cookie")
        peer.handle_cookie_reply(nonce, sealed, now)

    def _admit(self, suite, data, addr, now):
        """Passes an initiation or response that we have time for; else sends a cookie and raises Rejected."""
        checker, budget = self._checkers[suite.name], self._budgets[suite.name]
        has_cookie = data[messages.MAC2 :] != NO_COOKIE
        if budget.is_empty(now) and not has_cookie and not self._budget_of_stranger(addr, now).take(now):
            raise Rejected("under-load")
        if not checker.is_for_us(data):
            raise Rejected("bad-mac")
        if budget.take(now):
            return
        if not checker.proves_address(data, addr, now):
            self.transmit(checker.reply(data, addr, now), addr)
            raise Rejected("under-load")
        if not self._budget_of(addr, now).take(now):
            raise Rejected("flood")

    def _budget_of(self, addr, now):
        """The budget of an address that has shown a cookie; who has an IPv6 /64 has it once."""
        network = address.network(sender(addr))
        if network not in self._per_address:
            if len(self._per_address) >= ADDRESSES_MAX:
                used = {n: budget for n, budget in self._per_address.items() if not budget.is_full(now)}
                self._per_address = used if len(used) < ADDRESSES_MAX else {}
            self._per_address[network] = _Budget(PER_ADDRESS, now)
        return self._per_address[network]

    def _budget_of_stranger(self, addr, now):
        """What an address may still make us compute that shows no cookie. One that is forged is another each time."""
        source = sender(addr)
        budget = self._per_stranger.get(source)
        if budget is None:
            if len(self._per_stranger) >= ADDRESSES_MAX:
                self._per_stranger = {}
            budget = self._per_stranger[source] = _Budget(PER_ADDRESS, now)
        return budget

    def _resync(self, word, addr, now):
        """A peer at a known address uses a session that we don't have: we were restarted, so we call it."""
        peer = self._by_endpoint.get(addr)
        if peer is not None and peer.is_ours and word == messages.TRANSPORT + peer.suite.header:
            peer.resync(now)


_HANDLERS = {
    messages.INITIATION: Tunnel._handle_initiation,
    messages.RESPONSE: Tunnel._handle_response,
    messages.COOKIE: Tunnel._handle_cookie_reply,
}
