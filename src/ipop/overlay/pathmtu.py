"""How large a datagram a path carries: found by padded probes inside the tunnel (RFC 8899), followed when it shrinks.

    path = PathMtu(crypto.random, traffic)     # for one peer; traffic() is how many bytes were sent to it so far
    path.begin(now, is_ipv6, is_detour)        # the endpoint is new: back to what is safe
    path.want(now)                             # something was larger than fits: is there more room?
    path.poll_probe() -> (size, nonce)         # send a datagram of this size, with DF set, to the endpoint
    path.handle_answer(nonce, now)             # the peer had it
    path.handle_silent(now)                    # something that wants an answer had none: a black hole?
    path.handle_too_large(size, now)           # the kernel refused a datagram of this size (EMSGSIZE)
    path.handle_timeout(now)  poll_timeout()  poll_event()
    path.size                                  # bytes of UDP payload that pass

A probe is a PING (wire/payload.py) filled up with zeros (`probe_content`), and the PONG its answer: every node knows
both. Only a whole probe is answered, and only the peer can answer it. A lost one is told by time, and repeated: no ICMP
is needed, nor believed.

The states are those of RFC 8899 section 5.2:

    base        `size` is what every path carries. Nothing is probed until somebody wants more; then whether that is so
    error       it isn't: `size` is IPv4's minimum. If that is lost as well, the path is dead and its size unknown: base
    searching   the sizes in between are tried
    complete    `size` was found. It is confirmed: each CONFIRM if there was traffic, and soon where there is some; once
                in RAISE, if somebody wants more, larger sizes are tried again. An idle pair sends nothing

A confirmation that is lost MAX_PROBES times, or a datagram that the kernel calls too large, is a black hole: back to
the base at once, and the search begins anew.

A datagram is 16 bytes of header, a plaintext that WireGuard pads to a multiple of 16, and a tag of 16. So only
multiples of 16 make a difference, and `size` is always one: padding never makes a datagram larger than the path
carries, as long as the plaintext has no more than `size` - OVERHEAD bytes. That leaves 16 candidates between 1280 bytes
of IP and 1500. The most common are tried first: a whole Ethernet frame (within a cloud, on a LAN; elsewhere our own
kernel refuses it, which costs nothing), then 1500, then 1492 (PPPoE; with IPv6, 1480: 6in4). Whoever has less (DS-Lite,
mobile networks, tunnels within tunnels) is found by halving what is left. A detour carries less, because what goes to a
relay is sealed once more (relay.py), and TURN has headers of its own.
"""

from collections import namedtuple

from ..wg.messages import TAG, TRANSPORT_HEADER
from ..wire import ethernet, payload

# states
BASE, ERROR, SEARCHING, COMPLETE = "base", "error", "searching", "complete"

# kinds of events; `size` is the new one
GREW, SHRANK = "grew", "shrank"
DEAD = "dead"  # nothing passes that carries frames: there should be another way
PathEvent = namedtuple("PathEvent", ("kind", "size"))

# times in ms
# The least that section 5.1.1 allows. It advises 15 s, so that no answer comes too late; here a repeated probe keeps
# its nonce, so that an answer counts for as long as the size is being asked about
PROBE_TIMER = 1_000
RAISE_FIRST, RAISE = 60_000, 600_000  # section 5.1.1; the first time soon: the path may have been dead just then
ERROR_GAP = 10_000  # until a dead path is probed again
CONFIRM = 600_000
LOOK, LOOK_IDLE = 5_000, 60_000  # between two looks at the traffic, and while there is none

MAX_PROBES = 3  # section 5.1.2
# Bytes since the last confirmation that are worth another, after CONFIRM; or now, if BUSY of them were sent since the
# last look. A TCP connection that is stuck sends no more than that, and all of it again and again
LITTLE, BUSY = 10_000, 5_000

STEP = 16  # what WireGuard pads to
OVERHEAD = TRANSPORT_HEADER + TAG
NONCE = 8

# sizes: bytes of UDP payload, multiples of STEP
MIN = 544  # 576 bytes of IPv4, the least that every host takes (RFC 791)
SAFE = 1232  # 1280 bytes of IPv6, the least that every link carries (RFC 8200 section 5)
SAFE_DETOUR = 1184  # the same less 12 in one more tunnel (relay.py), or less 48 in a TURN Data indication over IPv6
WHOLE = 1552  # an untagged frame of 1514 bytes
MOST_V4, MOST_V6 = 1472, 1440  # 1500 bytes of IP
MOST_DETOUR = 1424  # the same to a relay, over IPv4

HEADERS_V4, HEADERS_V6 = 40, 60  # of IP and TCP

# what one datagram carries: the largest frame (or content of a piece, lan/pieces.py), IP packet, TCP segments
Room = namedtuple("Room", ("frame", "packet", "mss_v4", "mss_v6"))


def room(size):
    """The Room on a path that carries datagrams of `size` bytes."""
    frame = (size - OVERHEAD & -STEP) - payload.HEADER
    packet = frame - ethernet.HEADER
    return Room(frame, packet, packet - HEADERS_V4, packet - HEADERS_V6)


def probe_content(size, nonce):
    """The content of the PING that makes a datagram of `size` bytes."""
    return nonce + bytes(size - OVERHEAD - payload.HEADER - len(nonce))


class PathMtu:
    """The size of the path to one peer's endpoint. `random(n)` gives bytes."""

    def __init__(self, random, traffic):
        self._random = random
        self._traffic = traffic
        self._event = None
        self.size = SAFE
        self.begin(0)

    # --- what happens

    def begin(self, now, is_ipv6=False, is_detour=False):
        """The endpoint is another one: nothing is known of this path. Old answers don't count."""
        if is_detour:
            self._safe, self._most, self._favourites = SAFE_DETOUR, MOST_DETOUR, (MOST_DETOUR, MOST_DETOUR - STEP)
        else:
            self._safe, self._most = SAFE, MOST_V6 if is_ipv6 else MOST_V4
            self._favourites = (WHOLE, self._most, self._most - STEP)
        self.state = BASE
        self._asked = None  # the size under way,
        self._nonce = None
        self._is_due = False  # whether its probe waits for poll_probe,
        self._tries = 0  # how many there may still be,
        self._answer_by = now  # and when this one counts as lost
        self._low = self._high = self._safe  # the largest that passed, and the smallest that didn't
        self._attempts = MAX_PROBES
        self._search_at = now  # not before,
        self._raise_gap = RAISE_FIRST  # and so long after the last time
        self._look_at = None
        self._confirmed_at, self._confirmed_traffic, self._seen_traffic = now, 0, 0
        self._resize(self._safe)

    def want(self, now):
        """There is traffic: a frame had to be cut, for instance, or a TCP connection was made smaller than its ends."""
        if self._look_at is not None:
            self._look_at = min(self._look_at, now + LOOK)
        if self._asked is None and now >= self._search_at:
            if self.state == COMPLETE:
                self._search(self.size, self._favourites[0] + STEP, 1, now)
            else:
                self._confirm_base(now)

    def handle_answer(self, nonce, now):
        """Whether these 8 bytes, back from the peer, answer a probe of ours."""
        if self._asked is None or bytes(nonce) != self._nonce:
            return False
        size = self._asked
        self._asked, self._is_due = None, False
        if self.state == BASE:
            self._search(size, self._favourites[0] + STEP, MAX_PROBES, now)
        elif self.state == ERROR:
            self._search(size, self._safe, MAX_PROBES, now)
        elif self.state == SEARCHING:
            self._low = size
            self._resize(size)
            self._try_next(now)
        else:
            self._note_confirmed(now)
        return True

    def handle_silent(self, now):
        """The peer doesn't answer, or only to what is small."""
        if self.state == COMPLETE and self._asked is None and self.size > self._safe:
            self._ask(self.size, MAX_PROBES, now)

    def handle_too_large(self, size, now):
        """The kernel didn't send a datagram of `size` bytes: it is larger than the interface's MTU."""
        if size == self._asked:
            self._give_up(now)
        elif size <= self.size:
            self._shrink(now)

    def handle_timeout(self, now):
        if self._asked is not None:
            if now >= self._answer_by:
                self._tries -= 1
                if self._tries > 0:
                    self._is_due, self._answer_by = True, now + PROBE_TIMER
                else:
                    self._give_up(now)
        elif self._look_at is not None and now >= self._look_at:
            self._look(now)

    # --- what comes of it

    def poll_timeout(self):
        """When `handle_timeout` has something to do (ms), or None."""
        return self._look_at if self._asked is None else self._answer_by

    def poll_probe(self):
        """(bytes of UDP payload, nonce) of a probe to be sent now, or None."""
        if not self._is_due:
            return None
        self._is_due = False
        return self._asked, self._nonce

    def poll_event(self):
        """The PathEvent since the last call, or None: `size` is another one than it was then."""
        event, self._event = self._event, None
        return event

    # --- the states

    def _confirm_base(self, now):
        self.state = BASE
        self._look_at = None
        self._resize(self._safe)
        self._ask(self._safe, MAX_PROBES, now)

    def _search(self, low, high, attempts, now):
        """Find what passes from `low`, which does, to below `high`."""
        self.state = SEARCHING
        self._look_at = None
        self._low, self._high, self._attempts = low, high, attempts
        self._resize(low)
        self._try_next(now)

    def _try_next(self, now):
        size = self._candidate()
        if size is not None:
            self._ask(size, self._attempts, now)
            return
        self.state = COMPLETE
        self._search_at = now + self._raise_gap
        self._raise_gap = RAISE
        if self._attempts > 1:
            self._note_confirmed(now)
        self._look_at = now + LOOK if self.size > self._safe else None

    def _candidate(self):
        for size in self._favourites:
            if self._low < size < self._high:
                return size
        middle = (self._low + self._high) // 2 & -STEP
        return middle if middle > self._low else None

    def _give_up(self, now):
        """The size that was asked about doesn't pass."""
        size, self._asked, self._is_due = self._asked, None, False
        if self.state == SEARCHING:
            self._high = min(size, self._most + STEP)  # nobody has anything between that and a whole frame
            self._try_next(now)
        elif self.state == ERROR:
            self.state = BASE
            self._search_at = now + ERROR_GAP
            self._resize(self._safe)
            self._event = PathEvent(DEAD, self.size)
        else:
            self._shrink(now)

    def _shrink(self, now):
        """What passed doesn't pass any more: the base, or less where it is that which doesn't."""
        if self.size > self._safe:
            self._confirm_base(now)
        elif self.state != ERROR:
            self.state = ERROR
            self._look_at = None
            self._resize(MIN)
            self._ask(MIN, MAX_PROBES, now)

    # --- probes

    def _ask(self, size, tries, now):
        """The nonce stays the same when the probe is repeated: an answer that takes seconds counts as well."""
        self._asked, self._nonce = size, self._random(NONCE)
        self._is_due, self._tries, self._answer_by = True, tries, now + PROBE_TIMER

    def _look(self, now):
        """Has there been traffic that is worth a confirmation?"""
        traffic = self._traffic()
        is_busy = traffic - self._seen_traffic >= BUSY
        self._look_at = now + (LOOK if traffic != self._seen_traffic else LOOK_IDLE)
        self._seen_traffic = traffic
        if traffic - self._confirmed_traffic >= LITTLE and (is_busy or now - self._confirmed_at >= CONFIRM):
            self._ask(self.size, MAX_PROBES, now)

    def _note_confirmed(self, now):
        self._confirmed_at = now
        self._confirmed_traffic = self._seen_traffic = self._traffic()

    def _resize(self, size):
        if size != self.size:
            self._event = PathEvent(GREW if size > self.size else SHRANK, size)
            self.size = size
