"""Which of the addresses of one of our own nodes to send to: probed, compared, changed when another one is better.

A way is an address, or a detour through a relay or a TURN server (wire/ways.py); paths.py says how one is proven. All
of them are asked at once, when a node was found, when new ones become known, and when it falls silent. They are asked
again after the gaps of LADDER: two NATs let each other in only if both sides have sent, and it may take a while until
both know where to. Then rarely, and only if there was traffic since that would gain by it: an idle pair asks nothing.

    what            then
    ----            ----
    no answer any more where we send, and one from elsewhere     that way is taken
    an answer that came directly, while we send by a detour      the same
    an answer from where the other side sends now, and none in
    the usual time from where we send                            the same: it has moved
    an answer in less than three quarters of the time            the same, but not again in SETTLED

Who is heard from a new address need not be there: a relay can send from its own what it was to hand on. So the old one
is asked as well, and stays if it answers; nobody is where another one is; and an address on a host that the peer has
not named is no better than a detour. A way on which large packets are lost (pathmtu.py) is taken only where there is no
other, for DEAD_FOR.
"""

from collections import namedtuple

from ..deadlines import earlier
from ..errors import Rejected
from ..wire import address, payload
from ..wire.ways import beyond_turn, is_by_turn, is_detour
from .paths import NONCE, Paths
from .relay import is_relayed

LADDER = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000)  # ms between the rounds of questions
FIRST = 6  # direct ways that are asked before the detours; the others come after them
DIRECT_ROUNDS = 3  # of them for who is reached directly
REVIEW_RELAYED, REVIEW_DIRECT = 60_000, 300_000  # ms between the later ones
TRAFFIC = 10_000  # bytes since the last of them that are worth another
ELSEWHERE_GAP = 2_000  # ms between two questions to an address only because something came from there
GAIN = 2  # ms, at least, that another way has to be quicker
GRACE = 10  # ms on top of the usual time for an answer


NEWS_GAP, NEWS_BURST = 30_000, 4  # ms between two searches because of what a peer says of itself; so many at once
SETTLED = 10_000  # ms
DEAD_FOR, DEAD_MAX = 300_000, 16  # ms, addresses

# what came of an answer to a question: `seen` is where the peer sees us, None if it didn't say, or nothing that others
# could use; `has_moved`: it is sent to there only now; `token` is that of the question
Answer = namedtuple("Answer", ("seen", "has_moved", "token"))


class Search:
    """The search for ways to the peer of one link."""

    def __init__(self, finder, link):
        self.at_turn = []  # those of the peer's candidates that are addresses of its at a TURN server
        self.wake_at = None
        self.rtt = None  # ms to the endpoint, smoothed
        self.heard_from = None  # where something of the other side came from last that was not its endpoint
        self.sends_from = None  # where the other side sent from when it was not its endpoint
        self.asked_there_at = None  # when we last asked there, for that reason
        self.moved_at = None
        self._dead = {}  # address -> until when
        self._news_at = []  # when it was searched for because it is said to be elsewhere
        self.silent_at = None  # when we last asked because nothing was answered
        self._spare = None  # (address, since, when): taken then, unless the endpoint has answered since
        self._finder = finder
        self._link = link
        self._asked = {}  # address -> when it was asked, for ELSEWHERE_GAP
        self._round = 0
        self._next_at = None
        self._bytes = 0

    def note_asked(self, addr, now):
        """A question was sent to an address."""
        self._asked = {each: when for each, when in self._asked.items() if now - when < ELSEWHERE_GAP}
        self._asked[addr] = now

    def was_asked(self, addr, now):
        """Whether one was sent there just now, so that this may be the answer."""
        return addr in self._asked and now - self._asked[addr] < ELSEWHERE_GAP

    def is_detour(self, addr):
        """Whether somebody else hands on what goes there, or may do so."""
        if is_detour(addr) or addr in self.at_turn:
            return True
        known = [each for each in self._link.peer.candidates if not is_detour(each) and each not in self.at_turn]
        return bool(known) and all(each[0] != addr[0] for each in known)

    def is_dead(self, addr, now):
        """Whether large packets were lost there lately."""
        return addr in self._dead and now < self._dead[addr]

    def handle_dead(self, now):
        """Large packets are lost where we send."""
        if len(self._dead) >= DEAD_MAX:
            self._dead.clear()
        self._dead[self._link.peer.endpoint] = now + DEAD_FOR
        self.begin(now)

    def keep_spare(self, addr, since, when):
        """Take this address then, unless the endpoint has answered by then what it was asked at `since`."""
        if self._spare is None:
            self._spare = addr, since, when
            self._finder.deadlines.wake(self, when)

    def begin(self, when):
        """Ask everywhere, then and by the ladder."""
        self._round = 0
        self._next_at = when
        self._finder.deadlines.wake(self, when)

    def handle_news(self, now):
        """The peer says that it can be reached elsewhere. If it often says so, the next search is soon enough."""
        self._news_at = [when for when in self._news_at if now - when < NEWS_BURST * NEWS_GAP]
        if len(self._news_at) < NEWS_BURST:
            self._news_at.append(now)
            self.begin(now)
        elif self._round >= DIRECT_ROUNDS:  # else the rest of the ladder asks there
            self.begin(self._news_at[0] + NEWS_BURST * NEWS_GAP)

    def end(self):
        self._next_at = None

    def handle_timeout(self, now):
        if self._spare is not None and now >= self._spare[2]:
            addr, since, _ = self._spare
            self._spare = None
            self._finder.take_spare(self._link, addr, since, now)
        if self._next_at is not None and now >= self._next_at:
            self._ask(now)
        due = earlier(self._next_at, self._spare and self._spare[2])
        if due is not None:
            self._finder.deadlines.wake(self, due)

    def _ask(self, now):
        peer = self._link.peer
        traffic = peer.bytes_in + peer.bytes_out
        is_direct = peer.endpoint is not None and not self.is_detour(peer.endpoint) and not peer.is_silent(now)
        is_ladder = self._round < (DIRECT_ROUNDS if is_direct else len(LADDER))
        if is_ladder or traffic - self._bytes >= TRAFFIC:
            turn = None if is_direct and not self.is_dead(peer.endpoint, now) else self._round
            self._finder.ask_everywhere(self._link, now, turn)
            self._bytes = traffic
        gap = LADDER[self._round] if is_ladder else REVIEW_DIRECT if is_direct else REVIEW_RELAYED
        self._round += 1
        self._next_at = now + gap


class Wayfinder:
    """For all links of a node. `is_anothers(addr, peer)` says whether another peer is at an address; `relay` is the
    node's Relay, `deadlines` its Deadlines; `detours` as for the Tunnel; `on_move(link, now)` is told who is sent to
    another way now."""

    def __init__(self, crypto, deadlines, relay, is_anothers, detours, on_move):
        self.deadlines = deadlines
        self._relay = relay
        self._detours = detours
        self._on_move = on_move
        self._is_anothers = is_anothers
        self._paths = Paths(crypto)

    def set_candidates(self, link, ways, at_turn, now):
        """Where the peer of a link may be."""
        if link.peer.candidates == ways and link.search.at_turn == at_turn:
            return
        link.peer.candidates, link.search.at_turn = ways, at_turn
        if link.peer.is_connected(now):
            link.search.handle_news(now)

    def forget(self, link):
        link.search.end()
        self._paths.forget_peer(link.peer)

    def handle_silent(self, link, now):
        """Something that wants an answer had none for a while: is it the peer, the way, or the relay?"""
        link.search.silent_at = now
        self._ask_relay(link.peer.endpoint, now, wants_answer=True)
        link.search.begin(now)

    def handle_paused(self, link, now):
        """What came regularly comes no more: is the peer still there?"""
        if link.peer.endpoint is not None:
            self.probe(link, link.peer.endpoint, now)

    def handle_elsewhere(self, link, addr, is_asking, now):
        """The peer sent something from an address that isn't its endpoint; `is_asking`: it only asks about ways."""
        search = link.search
        if self._is_anothers(addr, link.peer) or search.was_asked(addr, now):
            return
        search.heard_from = addr
        self.probe(link, addr, now)
        if not is_asking:
            search.sends_from, search.asked_there_at = addr, now
            if link.peer.endpoint is not None:
                self.probe(link, link.peer.endpoint, now)  # does it answer still?

    def ask_everywhere(self, link, now, turn):
        """Ask about all ways, and with each turn about some detours besides; without one, about no detours at all."""
        peer, search = link.peer, link.search
        direct = [addr for addr in peer.candidates if not search.is_detour(addr)]
        detours = []
        if turn is not None:
            detours = [addr for addr in peer.candidates if search.is_detour(addr)] + self._detours(peer, turn, now)
        if search.heard_from is not None and peer.is_silent(now):
            direct.insert(0, search.heard_from)
        ways = direct[:FIRST] + detours + direct[FIRST:]
        if peer.endpoint is not None:
            self.probe(link, peer.endpoint, now)
        for i, addr in enumerate(ways):
            if addr != peer.endpoint and addr not in ways[:i]:
                if not is_relayed(addr) or self._relay.can_reach(addr, now):
                    self.probe(link, addr, now)

    def probe(self, link, addr, now, token=None, wants_answer=False):
        """Returns whether the question was sent; its `token` comes back with the answer."""
        nonce = self._paths.begin(link.peer, addr, now, token)
        if nonce is not None:
            link.search.note_asked(addr, now)
            wants_answer = wants_answer or addr == link.peer.endpoint
            link.peer.tell(payload.control(payload.PING, nonce), now, wants_answer, addr)
        return nonce is not None

    def handle_ping(self, link, content, addr, now):
        """A question: back to where it came from, for that path is what is being asked about. Raises Rejected."""
        if len(content) < NONCE:
            raise Rejected("bad-payload")
        seen = b"" if is_relayed(addr) else address.text(beyond_turn(addr) if is_by_turn(addr) else addr).encode()
        link.peer.tell(payload.control(payload.PONG, content[:NONCE] + seen), now, wants_answer=False, addr=addr)

    def handle_pong(self, link, content, addr, now):
        """An answer: the way that was asked about is proven, and taken if it is better. Returns an Answer. Raises
        Rejected."""
        probe = self._paths.finish(link.peer, content[:NONCE], addr, now)
        if probe is None:
            raise Rejected("unexpected-pong")
        before = link.peer.endpoint
        self._compare(link, addr, now - probe.sent_at, now)
        seen = None if is_detour(addr) else _address(content[NONCE:])
        return Answer(seen, link.peer.endpoint != before, probe.token)

    def take_spare(self, link, addr, since, now):
        """The time is up in which the endpoint should have answered, as this address has."""
        if _is_silent_since(link, since):
            self._move(link, addr, None, now)

    def expire(self, now):
        self._paths.expire(now)

    def _compare(self, link, addr, rtt, now):
        """An answer came from `addr`, `rtt` ms after the question: is that way to be taken from now on?"""
        peer, search = link.peer, link.search
        if addr != peer.endpoint:
            if self._is_better(link, addr, rtt, now):
                self._move(link, addr, rtt, now)
            return
        search.rtt = rtt if search.rtt is None else (7 * search.rtt + rtt) / 8
        peer.answer_time = rtt
        if not peer.is_proven:
            peer.reach(addr, now)
            self._on_move(link, now)

    def _move(self, link, addr, rtt, now):
        search = link.search
        search.moved_at = now
        if rtt is not None:
            search.rtt = link.peer.answer_time = rtt
        link.peer.reach(addr, now)
        if search.is_detour(addr):
            search.begin(now)  # for a way back
            self._ask_relay(addr, now)
        self._on_move(link, now)

    def _ask_relay(self, addr, now, wants_answer=False):
        """A relay tells where we are seen, or by its silence that it is gone."""
        link = self._relay.link_of(addr) if addr is not None and is_relayed(addr) else None
        if link is not None and link.peer.endpoint is not None:
            self.probe(link, link.peer.endpoint, now, None, wants_answer)

    def _is_better(self, link, addr, rtt, now):
        peer, search = link.peer, link.search
        endpoint = peer.endpoint
        if endpoint is None or not peer.is_proven:
            return True
        if search.is_dead(addr, now) or search.is_dead(endpoint, now):
            return not search.is_dead(addr, now)
        if search.is_detour(endpoint) and not search.is_detour(addr):
            return True
        since = search.asked_there_at if addr == search.sends_from else None
        if peer.is_silent(now):
            since = search.silent_at
        if since is not None and _is_silent_since(link, since):
            due = since + int(1.25 * (search.rtt or rtt)) + GRACE
            if now >= due:
                return True
            search.keep_spare(addr, since, due)
        if search.is_detour(addr) and not search.is_detour(endpoint):
            return False
        if search.moved_at is not None and now - search.moved_at < SETTLED:
            return False
        return search.rtt is not None and rtt + GAIN <= search.rtt and 4 * rtt < 3 * search.rtt



def _is_silent_since(link, when):
    heard_at = link.peer.endpoint_heard_at
    return heard_at is None or heard_at < when


def _address(text):
    """(ip, port) of "ip:port" as bytes, or None for what is no address at which others could reach us."""
    try:
        host, port = address.parse(bytes(text).decode())
    except ValueError:
        return None
    return (host, port) if address.is_elsewhere(host) else None
