"""What members tell each other inside the tunnels: roster, where everybody was last heard, the group's secret and its
charter.

All are statements that their authors signed, so it does not matter who brings them. A comparison is a digest for each
of 16 parts of the roster (by the first four bits of the member's key), of all places, of the secret, and of the
charter, before which the comparison of earlier releases ends. It stands in the first message of each session; frames
pass the session only when both sides have compared rosters:

    HELLO             19 digests of 8 bytes; or, to who knew the same when it was heard last, one of all it compares
    COMPARE           1 byte (1 asks for an answer), then the 19 digests
    ENTRIES           part 2, parts 2, tag 4, then roster entries, each behind its length 2; news has part 0 of 0
    SEEN              bucket 1, then (first 8 bytes of a member's key, sequence 8) of each place known there
    PLACE             a member's signed statement of where it is (group/places.py)
    SECRET            an admin's signed offer of a secret (group/secret.py), to who has another one
    CHARTER           the owner's signed charter (group/charter.py), to who has another one

Each side answers digests that differ with its entries of those parts. Who has all parts of the other's answer, or the
same digests, has compared; the tag is that of the digests which are answered. What gets lost is asked for again twice
a second.

An answer is larger than its question and goes to where the member is thought to be: so each has an allowance of them.
Who asks more often than it needs to waits, and nobody else does.

Who learns something new passes it on to all with whom it is connected. In a large group that is much for a little, and
where a member is only that member can say: so of its places only so many are passed on, the newest at that time.
"""

import struct

from ..errors import Rejected
from ..wire import payload

BUCKETS = 16
DIGEST = 8  # bytes
COMPARED = (BUCKETS + 2) * DIGEST  # bytes that every release compares
COMPARISON = COMPARED + DIGEST
ASK_AGAIN = 500  # ms
PART = 1_100  # bytes of entries in one message
_ENTRIES_HEAD = 8
FANOUT = 8  # peers to whom the place of a third is passed on; the comparisons bring it to whom that misses
ASKED = 3  # peers who are asked for what is missing
SEEN_MAX = 64  # places listed in one message
ANSWER_RATE = 50  # bytes per ms that one peer is answered
ANSWER_LEAST = 7_500  # bytes that an answer to COMPARE counts as at least: who misses something asks twice a second
ANSWER_BURST = 5_000  # ms of that rate at once: what a newcomer to a group of hundreds is told
PLACE_GAP, PLACE_BURST = 3_000, 4  # ms between two places of one member that are passed on; so many at once
PLACE_WINDOW = PLACE_BURST * PLACE_GAP


class Gossip:
    """`sha256` is a port's; `book` is a group's, with `roster`, `places`, `secret` and `charters`, which others change
    as well.

    `count(reason)` is told of what is refused; `on_news()` is called after something in the book has changed."""

    def __init__(self, sha256, book, deadlines, count, on_news):
        self._sha256 = sha256
        self._roster = book.roster
        self._places = book.places
        self._secret = book.secret
        self._charters = book.charters
        self._deadlines = deadlines
        self._count = count
        self._on_news = on_news
        self._links = []  # links with one of our own nodes
        self._waiting = {}  # link -> _Answer, until its session is open
        self._heard = {}  # link -> (how many bytes it compares, their digest), by its last comparison
        self._allowances = {}  # link -> _Allowance
        self._place_relay = _PlaceRelay(deadlines, self._pass_on_place)
        self.wake_at = None

    def add_link(self, link):
        self._links.append(link)
        self._allowances[link] = _Allowance()

    def remove_link(self, link):
        self._links.remove(link)
        self._waiting.pop(link, None)
        self._heard.pop(link, None)
        del self._allowances[link]

    def greeting(self, link):
        """What HELLO carries."""
        digest = self._digest_for(link)
        return digest if link in self._heard and self._heard[link][1] == digest else self.comparison()

    def comparison(self):
        """What we know, in COMPARISON bytes."""
        digests = b"".join(self._roster.digests())
        return digests + self._places.digest() + self._secret.digest[:DIGEST] + self._charters.digest

    def handle_session(self, link, session, now):
        """A new session with one of our own nodes: it opens when the rosters have been compared."""
        if not session.is_open:
            self._waiting[link] = _Answer(_tag(self.comparison()))
            self._deadlines.wake(self, now + ASK_AGAIN)

    def handle_hello(self, link, greeting, now):
        if len(greeting) != DIGEST:
            self._compare(link, greeting, now)
        elif greeting == self._digest_for(link):
            self._let_pass(link, now)
        else:
            self.ask(link, now)

    def handle_compare(self, link, content, now):
        may_answer = self._compare(link, content[1:], now)
        if content[:1] == b"\1" and may_answer:
            self._tell(link, payload.COMPARE, b"\0" + self.comparison(), now)

    def handle_entries(self, link, content, now):
        part, parts, tag = _unpack(">HHI", content)
        news = []
        for data in _parted(content):
            try:
                if self._roster.add(data):
                    news.append(data)
            except Rejected as rejected:
                self._count(rejected.reason)
        answer = self._waiting.get(link)
        if answer is not None and parts and tag == answer.tag:
            answer.parts.add(part)
            if len(answer.parts) >= parts:
                self._let_pass(link, now)
        if news:
            self._spread(news, link, now)
            self._on_news()

    def handle_seen(self, link, content, now):
        if not content or content[0] >= BUCKETS:
            raise Rejected("bad-payload")
        seen = {}
        for at in range(1, len(content) - 15, 16):
            key, sequence = struct.unpack_from(">8sQ", content, at)
            seen[key] = sequence
        allowance = self._allowances[link]
        for place in self._places.in_bucket(content[0]):
            if place.sequence > seen.get(place.member[:8], -1):
                if not allowance.take(len(place.data), now):
                    raise Rejected("answer-limit")
                self._tell(link, payload.PLACE, place.data, now)

    def handle_place(self, link, content, now):
        place = self._places.add(content)
        if place is not None:
            self._place_relay.handle_news(place.member, link, now)
            self._on_news()

    def handle_secret(self, link, content, now):
        if self._secret.add(content, now):
            self.tell_secret(now)
            self._on_news()

    def handle_charter(self, link, content, now):
        if self._charters.add(content):
            self._spread_charter(link, now)
            self._on_news()

    def ask(self, link, now):
        """Compare with a peer anew: what we told it lately may have gone to an address where it is no more."""
        self._tell(link, payload.COMPARE, b"\1" + self.comparison(), now)

    def ask_some(self, now):
        """Compare with a few of those who are connected: something is missing."""
        for link in self._connected(now)[:ASKED]:
            self.ask(link, now)

    def tell_entries(self, entries, now):
        """Entries (bytes) that are new: tell all who are connected."""
        self._spread(entries, None, now)

    def tell_place(self, member, now):
        """Our own new place, in the book already: tell all who are connected."""
        self._place_relay.handle_news(member, None, now)

    def tell_secret(self, now):
        """There is a new secret: tell all who are connected."""
        for link in self._connected(now):
            self._tell_secret(link, now)

    def tell_charter(self, now):
        """There is a new charter: tell all who are connected."""
        self._spread_charter(None, now)

    def handle_timeout(self, now):
        comparison = self.comparison()
        for link, answer in self._waiting.items():
            if answer.tag != _tag(comparison):
                self._waiting[link] = _Answer(_tag(comparison))
            self.ask(link, now)
        if self._waiting:
            self._deadlines.wake(self, now + ASK_AGAIN)

    def _compare(self, link, comparison, now):
        """Tell a peer what it lacks. Returns whether it may be answered now."""
        compared = min(len(comparison), COMPARISON)
        if compared not in (COMPARED, COMPARISON):
            raise Rejected("bad-payload")
        self._heard[link] = compared, self._digest(comparison[:compared])
        ours = self._roster.digests()
        differing = [b for b in range(BUCKETS) if comparison[b * DIGEST : (b + 1) * DIGEST] != ours[b]]
        entries = self._roster.entries_in(*differing) if differing else []
        if not differing:
            self._let_pass(link, now)
        if not self._allowances[link].take(max(ANSWER_LEAST, sum([len(entry) for entry in entries])), now):
            self._count("answer-limit")
            return False
        if differing:
            self._tell_parts(link, entries, _tag(comparison), now)
        at = BUCKETS * DIGEST
        if comparison[at + DIGEST : COMPARED] != self._secret.digest[:DIGEST]:
            self._tell_secret(link, now)
        if compared == COMPARISON and comparison[COMPARED:COMPARISON] != self._charters.digest:
            self._tell_charter(link, now)
        if comparison[at : at + DIGEST] != self._places.digest():
            for bucket in range(BUCKETS):
                places = self._places.in_bucket(bucket)[:SEEN_MAX]
                seen = [struct.pack(">8sQ", place.member[:8], place.sequence) for place in places]
                self._tell(link, payload.SEEN, bytes([bucket]) + b"".join(seen), now)
        return True

    def _digest(self, comparison):
        return self._sha256(comparison)[:DIGEST]

    def _digest_for(self, link):
        """Of as much of our comparison as this one compares, as far as we know."""
        compared, _ = self._heard.get(link, (COMPARISON, None))
        return self._digest(self.comparison()[:compared])

    def _let_pass(self, link, now):
        """The rosters were compared: frames may pass the sessions that there are. The next one compares again."""
        self._waiting.pop(link, None)
        link.peer.open(now)

    def _spread(self, entries, source, now):
        for link in self._connected(now):
            if link is not source:
                self._tell_parts(link, entries, None, now)

    def _pass_on_place(self, member, source, now):
        place = self._places.get(member)
        links = [link for link in self._connected(now) if link is not source] if place is not None else []
        if source is not None and len(links) > FANOUT:  # who has moved tells all with whom it is connected itself
            start = place.data[-1] % len(links)
            links = (links + links)[start : start + FANOUT]
        for link in links:
            self._tell(link, payload.PLACE, place.data, now)

    def _connected(self, now):
        return [link for link in self._links if link.peer.is_connected(now)]

    def _tell_parts(self, link, entries, tag, now):
        """Entries in answer to the comparison with this tag; None: they are news."""
        parts = _cut(entries)
        for i, part in enumerate(parts):
            head = struct.pack(">HHI", 0, 0, 0) if tag is None else struct.pack(">HHI", i, len(parts), tag)
            self._tell(link, payload.ENTRIES, head + part, now)

    def _tell_secret(self, link, now):
        if self._roster.by_wg_key(link.peer.public_key) is not None:  # its session outlives a revocation by a moment
            self._tell(link, payload.SECRET, self._secret.offer, now)

    def _spread_charter(self, source, now):
        for link in self._connected(now):
            if link is not source:
                self._tell_charter(link, now)

    def _tell_charter(self, link, now):
        data = self._charters.current.data
        if len(data) <= PART:  # earlier releases made longer ones, and no second one for a group
            self._tell(link, payload.CHARTER, data, now)

    def _tell(self, link, kind, content, now):
        link.peer.tell(payload.control(kind, content), now, wants_answer=False)


class _Allowance:
    """How much one peer is answered: a bucket, told by when it will be full again."""

    def __init__(self):
        self._full_at = 0

    def take(self, n, now):
        """Whether an answer of `n` bytes may go. One that is larger than what is left may, so that none has to wait for
        ever."""
        if self._full_at - now >= ANSWER_BURST:
            return False
        self._full_at = max(self._full_at, now) + (n + ANSWER_RATE - 1) // ANSWER_RATE
        return True


class _PlaceRelay:
    """Calls `pass_on(member, source, now)` for what is new, but for one member once in PLACE_GAP on average.

    Who has just arrived learns one thing after another about where it is: so the first few go at once."""

    def __init__(self, deadlines, pass_on):
        self._deadlines = deadlines
        self._pass_on = pass_on
        self._passed_on = {}  # member -> when, for the last few
        self._held = {}  # member -> the link that brought its newest place, which waits
        self.wake_at = None

    def handle_news(self, member, source, now):
        self._held[member] = source
        self._see_to(member, now)
        if self.wake_at is None:
            self._deadlines.wake(self, now + PLACE_GAP)

    def handle_timeout(self, now):
        for member in list(self._held):
            self._see_to(member, now)
        self._passed_on = {member: times for member, times in self._passed_on.items() if times[-1] > now - PLACE_WINDOW}
        if self._passed_on:
            self._deadlines.wake(self, now + PLACE_GAP)

    def _see_to(self, member, now):
        times = [when for when in self._passed_on.get(member, ()) if when > now - PLACE_WINDOW]
        if len(times) < PLACE_BURST:
            self._passed_on[member] = times + [now]
            self._pass_on(member, self._held.pop(member), now)


class _Answer:
    """What we wait for from one peer: the parts that are here of its answer to our comparison with this tag."""

    def __init__(self, tag):
        self.tag = tag
        self.parts = set()


def _tag(comparison):
    """A number that is another one when a digest is."""
    tag = 0
    for at in range(0, COMPARED, DIGEST):
        (part,) = struct.unpack_from(">I", comparison, at)
        tag = (tag * 31 + part) & 0xFFFFFFFF
    return tag


def _cut(entries):
    """Pieces of up to PART bytes, each with whole entries; one empty piece when there are none."""
    parts, part = [], b""
    for entry in entries:
        if part and len(part) + 2 + len(entry) > PART:
            parts.append(part)
            part = b""
        part += struct.pack(">H", len(entry)) + entry
    return parts + [part]


def _parted(content):
    """The entries (bytes) in an ENTRIES message. Raises Rejected for one that is cut off."""
    entries, at = [], _ENTRIES_HEAD
    while at < len(content):
        (n,) = _unpack(">H", content[at : at + 2])
        if at + 2 + n > len(content):
            raise Rejected("bad-payload")
        entries.append(content[at + 2 : at + 2 + n])
        at += 2 + n
    return entries


def _unpack(form, content):
    if len(content) < struct.calcsize(form):
        raise Rejected("bad-payload")
    return struct.unpack_from(form, content, 0)


HANDLERS = {
    payload.COMPARE: Gossip.handle_compare,
    payload.ENTRIES: Gossip.handle_entries,
    payload.SEEN: Gossip.handle_seen,
    payload.PLACE: Gossip.handle_place,
    payload.SECRET: Gossip.handle_secret,
    payload.CHARTER: Gossip.handle_charter,
}
