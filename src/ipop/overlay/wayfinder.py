"""Which of the addresses of one of our own nodes to send to: probed, compared, changed when another one is better.

A way is an address, or a detour through a relay or a TURN server (ways.py); paths.py says how one is proven. All of
them are asked at once, when a node was found, when new ones become known, and when it falls silent. They are asked
again after the gaps of LADDER: two NATs let each other in only if both sides have sent, and it may take a while until
both know where to. Then rarely, and only if there was traffic since that would gain by it: an idle pair asks nothing.

    what            then
    ----            ----
    no answer any more where we send, and one from elsewhere     that way is taken
    an answer that came directly, while we send by a detour      the same
    an answer from where the other side sends now, and nothing
    since then from where we send                                the same: it has moved
    an answer in less than three quarters of the time            the same

Who is heard from a new address need not be there: a relay can send from its own what it was to hand on. So the old one
is asked as well, and stays if it answers first; and nobody is where another one is.
"""

from .paths import Paths
from .relay import is_relayed
from .ways import is_detour

LADDER = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000)  # ms between the rounds of questions
DIRECT_ROUNDS = 3  # of them for who is reached directly
REVIEW_RELAYED, REVIEW_DIRECT = 60_000, 300_000  # ms between the later ones
TRAFFIC = 10_000  # bytes since the last of them that are worth another
ELSEWHERE_GAP = 2_000  # ms between two questions to an address only because something came from there
GAIN = 2  # ms, at least, that another way has to be quicker


class Search:
    """The search for ways to the peer of one link."""

    def __init__(self, finder, link):
        self.candidates = []  # addresses, the best first
        self.wake_at = None
        self.rtt = None  # ms to the endpoint, smoothed
        self.sends_from = None  # where the other side sent from when it was not its endpoint
        self.asked_there_at = None  # when we last asked there, for that reason
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

    def begin(self, now):
        """Ask everywhere, now and by the ladder."""
        self._round = 0
        self._next_at = now
        self._finder.deadlines.wake(self, now)

    def end(self):
        self._next_at = None

    def handle_timeout(self, now):
        if self._next_at is None:
            return
        if now < self._next_at:
            self._finder.deadlines.wake(self, self._next_at)
            return
        peer = self._link.peer
        traffic = peer.bytes_in + peer.bytes_out
        is_direct = peer.endpoint is not None and not is_detour(peer.endpoint) and not peer.is_silent(now)
        is_ladder = self._round < (DIRECT_ROUNDS if is_direct else len(LADDER))
        if is_ladder or traffic - self._bytes >= TRAFFIC:
            self._finder.ask_everywhere(self._link, now, with_detours=not is_direct)
            self._bytes = traffic
        gap = LADDER[self._round] if is_ladder else REVIEW_DIRECT if is_direct else REVIEW_RELAYED
        self._round += 1
        self._next_at = now + gap
        self._finder.deadlines.wake(self, self._next_at)


class Wayfinder:
    """For all links of a node. `ask(peer, addr, nonce, now, wants_answer)` sends a question inside the tunnel;
    `is_anothers(addr, peer)` says whether another peer is at an address; `relay` is the node's Relay, `deadlines` its
    Deadlines."""

    def __init__(self, crypto, deadlines, relay, ask, is_anothers):
        self.deadlines = deadlines
        self._relay = relay
        self._ask = ask
        self._is_anothers = is_anothers
        self._paths = Paths(crypto)

    def set_candidates(self, link, addresses, now):
        """Where the peer of a link may be. Returns whether that is news."""
        search = link.search
        if search.candidates == addresses:
            return False
        search.candidates = addresses
        if link.peer.is_connected(now):
            search.begin(now)
        return True

    def forget(self, link):
        link.search.end()
        self._paths.forget_peer(link.peer)

    def handle_silent(self, link, now):
        """Something that wants an answer had none for a while."""
        link.search.begin(now)

    def handle_elsewhere(self, link, addr, now):
        """The peer sent something from an address that isn't its endpoint: perhaps the answer to a question of ours."""
        search = link.search
        if self._is_anothers(addr, link.peer):
            return
        if not search.was_asked(addr, now):
            search.sends_from, search.asked_there_at = addr, now
            self.probe(link, addr, now)
            if link.peer.endpoint is not None:
                self.probe(link, link.peer.endpoint, now)  # does it answer still?

    def ask_everywhere(self, link, now, with_detours=True):
        peer = link.peer
        if peer.endpoint is not None:
            self.probe(link, peer.endpoint, now)
        search = link.search
        elsewhere = [search.sends_from] if search.sends_from is not None and peer.is_silent(now) else []
        for addr in search.candidates + elsewhere:
            if addr == peer.endpoint or is_detour(addr) and not with_detours:
                continue
            if not is_relayed(addr) or self._relay.can_reach(addr, now):
                self.probe(link, addr, now)

    def probe(self, link, addr, now, token=None):
        """Returns whether the question was sent; its `token` comes back with the answer."""
        nonce = self._paths.begin(link.peer, addr, now, token)
        if nonce is not None:
            link.search.note_asked(addr, now)
            self._ask(link.peer, addr, nonce, now, addr == link.peer.endpoint)
        return nonce is not None

    def handle_answer(self, link, nonce, addr, now):
        """The Probe that was answered from `addr`, and whether that is the peer's endpoint from now on; or None."""
        probe = self._paths.finish(link.peer, nonce, addr, now)
        if probe is None:
            return None
        rtt, search = now - probe.sent_at, link.search
        is_moving = addr != link.peer.endpoint and self._is_better(link, addr, rtt, now)
        if is_moving or search.rtt is None:
            search.rtt = rtt
        elif addr == link.peer.endpoint:
            search.rtt = (7 * search.rtt + rtt) / 8
        if is_moving or addr == link.peer.endpoint:
            link.peer.answer_time = rtt
        return probe, is_moving

    def expire(self, now):
        self._paths.expire(now)

    def _is_better(self, link, addr, rtt, now):
        endpoint, search = link.peer.endpoint, link.search
        if endpoint is None or link.peer.is_silent(now):
            return True
        if is_detour(addr) != is_detour(endpoint):
            return is_detour(endpoint)
        if addr == search.sends_from:
            heard_at = link.peer.endpoint_heard_at
            return heard_at is None or heard_at < search.asked_there_at
        return search.rtt is not None and rtt + GAIN <= search.rtt and 4 * rtt < 3 * search.rtt
