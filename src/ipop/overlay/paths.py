"""The ways to our own nodes: an address is used only after a nonce, sent there inside the session, came back.

A packet from a new source proves who made it, not who sent it: whoever withholds a datagram can send it from anywhere.
So a new source is asked for its nonce and nothing more. The same question, put to the address in use, tells whether a
silent peer is still there and how long a packet takes.
"""

from collections import deque, namedtuple

PROBE_LIFE = 10_000  # ms in which an answer counts
PROBES_MAX, PEER_MAX = 1024, 512  # under way, and of those to one peer
# Probes under way to one peer that nobody asked for, besides those to its endpoint: so many for each way to it that we
# know of (the rounds of a search in PROBE_LIFE, and one more), but it may be making addresses up.
UNPROMPTED_PER_WAY, UNPROMPTED_MIN, UNPROMPTED_MAX = 7, 40, 160
PROBE_GAP = 250  # ms between two probes of one address that nobody asked for: the first of wayfinder.LADDER
NONCE = 8  # bytes

Probe = namedtuple("Probe", ("peer", "addr", "sent_at", "token"))


class Paths:
    """Which probes are under way. The caller sends them and says what came back."""

    def __init__(self, crypto):
        self._random = crypto.random
        self._probes = {}  # peer -> {nonce: Probe}
        self._order = deque((), PROBES_MAX)  # (peer, nonce), the oldest first; those with an answer too

    def begin(self, peer, addr, now, token=None):
        """The nonce (8 bytes) to send to `addr`, or None when that was asked just now or too much is under way.

        `peer` is a wg/peer.py Peer, whose endpoint can be asked whatever else is under way. A `token` comes back with
        the answer; with one, the question is put again at once."""
        own = self._probes.get(peer, {})
        if len(own) >= PEER_MAX:
            self.expire(now)
            own = self._probes.get(peer, {})
        if token is None:
            same = [probe for probe in own.values() if now - probe.sent_at <= PROBE_LIFE]
            if any(probe.addr == addr and now - probe.sent_at < PROBE_GAP for probe in same):
                return None
            if addr != peer.endpoint and len([p for p in same if p.addr != peer.endpoint]) >= _most(peer):
                return None
        if len(own) >= PEER_MAX:
            return None
        if len(self._order) >= PROBES_MAX:  # an answer will hardly come any more, and others have to be asked as well
            self._drop(*self._order.popleft())
        nonce = self._random(NONCE)
        self._order.append((peer, nonce))
        if peer not in self._probes:
            self._probes[peer] = {}
        self._probes[peer][nonce] = Probe(peer, addr, now, token)
        return nonce

    def finish(self, peer, nonce, addr, now):
        """The Probe that this answer from `addr` is for, or None."""
        probe = self._probes.get(peer, {}).get(nonce)
        if probe is None or probe.addr != addr or now - probe.sent_at > PROBE_LIFE:
            return None
        self._drop(peer, nonce)
        return probe

    def forget_peer(self, peer):
        self._probes.pop(peer, None)

    def expire(self, now):
        for peer in list(self._probes):
            for nonce in [n for n, probe in self._probes[peer].items() if now - probe.sent_at > PROBE_LIFE]:
                self._drop(peer, nonce)

    def _drop(self, peer, nonce):
        own = self._probes.get(peer, {})
        own.pop(nonce, None)
        if not own:
            self._probes.pop(peer, None)


def _most(peer):
    return min(max(UNPROMPTED_PER_WAY * len(peer.candidates), UNPROMPTED_MIN), UNPROMPTED_MAX)
