"""Two members who meet tell each other what the other lacks, and no frame passes before they have."""

import struct

from ipop.deadlines import Deadlines
from ipop.errors import Rejected
from ipop.group import charter
from ipop.group.entry import ADMIN, REVOKED
from ipop.group.identity import Identity
from ipop.group.places import Places, sign
from ipop.group.roster import Roster
from ipop.group.secret import GroupSecret
from ipop.overlay.gossip import (
    ANSWER_BURST,
    ANSWER_LEAST,
    ANSWER_RATE,
    ASK_AGAIN,
    COMPARED,
    COMPARISON,
    HANDLERS,
    PLACE_BURST,
    PLACE_GAP,
    Gossip,
)
from ipop.ports import crypto
from ipop.wire import payload

PEOPLE = [Identity(crypto, bytes([number]) * 32) for number in range(40)]
OWNER, DEN, CABIN = PEOPLE[0], PEOPLE[1], PEOPLE[2]


def chartered(serial, *brokers, subnet=(b"\x0a\x4d\0\0", 16), owner=OWNER):
    return charter.sign(owner, "friends", subnet, 24, b"\xfd" + bytes(7), brokers, serial)


class Session:
    is_open = False


class Peer:
    """The other end of a link: keeps what it is told."""

    def __init__(self, wg_key):
        self.public_key = wg_key
        self.is_up = True
        self.is_open = False
        self.told = []  # (kind, content)

    def tell(self, data, now, wants_answer=True):
        self.told.append((data[1], data[payload.HEADER :]))

    def open(self, now):
        self.is_open = True

    def is_connected(self, now):
        return self.is_up

    def take(self, *kinds):
        taken = [content for kind, content in self.told if not kinds or kind in kinds]
        self.told = []
        return taken


class Link:
    def __init__(self, other):
        self.peer = Peer(other.wg_public)


class Book:
    """What a member knows: the owner, and these."""

    def __init__(self, me, *others):
        self.me = me
        self.stamp = 1
        self.roster = Roster(crypto, OWNER.public)
        self.add(OWNER, ADMIN)
        for other in others:
            self.add(other)
        self.places = Places(crypto, OWNER.public, lambda key: self.roster.member(key) is not None)
        self.secret = GroupSecret(crypto, OWNER.public, self.roster.is_admin, None, self.roster.revocations)
        self.charters = charter.Charters(crypto, OWNER.public, chartered(1, "mqtt://old.example"))
        self.deadlines = Deadlines()
        self.dropped = []
        self.news = 0
        self.gossip = Gossip(crypto.sha256, self, self.deadlines, self.dropped.append, self._note)

    def _note(self):
        self.news += 1

    def add(self, who, role=None, name=None):
        entry = self.sign(who, role, name)
        self.roster.add(entry)
        return entry

    def sign(self, who, role=None, name=None):
        self.stamp += 1
        return self.roster.signed(OWNER, who.public, self.stamp, name or "m", role)

    def place(self, who, sequence, *addresses):
        data = sign(crypto, OWNER.public, who.seed, sequence, "0.1.0", list(addresses))
        self.places.add(data)
        return data

    def link(self, other):
        link = Link(other.me if isinstance(other, Book) else other)
        self.gossip.add_link(link)
        return link

    def run_timers(self, now):
        self.deadlines.handle_timeout(now)

    def hear(self, link, kind, content, now=0):
        HANDLERS[kind](self.gossip, link, content, now)


class Pair:
    """Two who have a session now. `run` carries what they say, but for what `lose(kind, content)` says is lost."""

    def __init__(self, one, other):
        self.now = 0
        self.books = one, other
        self.links = one.link(other), other.link(one)
        for book, link in zip(self.books, self.links):
            book.gossip.handle_session(link, Session(), 0)

    def run(self, duration=0, lose=None):
        end = self.now + duration
        while True:
            self.exchange(lose)
            times = [book.deadlines.poll_timeout() for book in self.books]
            times = [when for when in times if when is not None and when <= end]
            if not times:
                break
            self.now = min(times)
            for book in self.books:
                book.deadlines.handle_timeout(self.now)
        self.now = end

    def greet(self, lose=None):
        comparisons = [book.gossip.comparison() for book in self.books]
        for side in (0, 1):
            if not (lose and lose(payload.HELLO, comparisons[1 - side])):
                self.books[side].gossip.handle_hello(self.links[side], comparisons[1 - side], self.now)
        self.run(0, lose)
        return self

    def exchange(self, lose):
        while self.links[0].peer.told or self.links[1].peer.told:
            for side in (0, 1):
                told, self.links[side].peer.told = self.links[side].peer.told, []
                for kind, content in told:
                    if not (lose and lose(kind, content)):
                        self.books[1 - side].hear(self.links[1 - side], kind, content, self.now)

    def is_open(self):
        return [link.peer.is_open for link in self.links]

    def agree(self):
        return self.books[0].roster.entries() == self.books[1].roster.entries()


def rejection(act, *args):
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


# --- comparing


def test_who_knows_the_same_says_so_once_and_goes_on():
    pair = Pair(Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN)).greet()
    assert pair.is_open() == [True, True]
    assert pair.books[0].news == pair.books[1].news == 0
    assert pair.books[0].deadlines.poll_timeout() is None or pair.run(5 * ASK_AGAIN) is None


def test_each_tells_what_the_other_lacks_and_both_are_news():
    one, other = Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN, *PEOPLE[3:])
    revocation = one.add(PEOPLE[39])
    one.add(PEOPLE[39], REVOKED)
    pair = Pair(one, other).greet()
    assert pair.is_open() == [True, True] and pair.agree()
    assert one.news and other.news and revocation not in other.roster.entries()


def test_nothing_passes_while_a_part_of_the_answer_is_missing():
    """Whatever gets lost, and however often: open means that we have all that the other had."""
    for seed in range(1, 30):
        one, other = Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN, *PEOPLE[3:])
        pair = Pair(one, other)
        state = [seed]

        def is_lost(kind, content, state=state):
            state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
            return (state[0] >> 16) % 100 < 50

        pair.greet(is_lost)
        for _ in range(60):
            if pair.links[0].peer.is_open:
                assert set(other.roster.entries()) <= set(one.roster.entries()), seed
            pair.run(ASK_AGAIN, is_lost)
        assert pair.is_open() == [True, True] and pair.agree(), seed


def test_the_answer_to_an_older_question_does_not_count():
    one, other = Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN, *PEOPLE[3:])
    pair = Pair(one, other)
    asked_first = one.gossip.comparison()
    other.gossip.handle_hello(pair.links[1], asked_first, 0)
    answers = pair.links[1].peer.take(payload.ENTRIES)
    assert len(answers) > 2
    one.hear(pair.links[0], payload.ENTRIES, answers[0])
    one.deadlines.handle_timeout(ASK_AGAIN)  # asks again, knowing more
    other.add(Identity(crypto, b"\x77" * 32))
    for answer in answers[1:]:
        one.hear(pair.links[0], payload.ENTRIES, answer)
    assert not pair.links[0].peer.is_open


def test_a_frame_may_pass_again_after_a_new_session_only_when_compared_again():
    pair = Pair(Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN)).greet()
    pair.books[0].gossip.handle_session(pair.links[0], Session(), 0)
    pair.books[0].deadlines.handle_timeout(ASK_AGAIN)
    assert pair.links[0].peer.take(payload.COMPARE)


# --- news


def test_news_is_passed_on_to_all_but_who_brought_it_and_once():
    book = Book(DEN, DEN, CABIN)
    source, near, away = [book.link(person) for person in PEOPLE[2:5]]
    away.peer.is_up = False
    news = struct.pack(">HHI", 0, 0, 0)
    entry = book.sign(CABIN, name="hut")
    news += struct.pack(">H", len(entry)) + entry
    for _ in range(3):
        book.hear(source, payload.ENTRIES, news)
    assert near.peer.take() == [news] and not source.peer.take() and not away.peer.take()
    assert book.news == 1


def test_what_is_refused_is_counted_and_the_rest_counts():
    book = Book(DEN, DEN, CABIN)
    link = book.link(CABIN)
    good = book.sign(CABIN, name="hut")
    bad = good[:-1] + bytes([good[-1] ^ 1])
    content = struct.pack(">HHI", 0, 0, 0)
    for entry in (bad, b"", b"junk", good):
        content += struct.pack(">H", len(entry)) + entry
    book.hear(link, payload.ENTRIES, content)
    assert book.dropped == ["bad-signature", "bad-entry", "bad-entry"]
    assert book.roster.member(CABIN.public).name == "hut" and book.news == 1


def test_garbage_is_refused():
    book = Book(DEN, DEN, CABIN)
    book.secret.rotate(OWNER, 0)
    link = book.link(CABIN)
    comparison = book.gossip.comparison()
    assert len(comparison) == COMPARISON
    for kind, content in (
        (payload.COMPARE, b""),
        (payload.COMPARE, comparison),
        (payload.ENTRIES, b""),
        (payload.ENTRIES, b"\0\0\0\0\0\0\0"),
        (payload.SEEN, b""),
        (payload.SEEN, b"\x10"),
        (payload.PLACE, b""),
        (payload.PLACE, bytes(200)),
        (payload.SECRET, b""),
        (payload.SECRET, bytes(149)),
        (payload.CHARTER, b""),
        (payload.CHARTER, bytes(149)),
    ):
        assert rejection(book.hear, link, kind, content), (kind, content)
    assert not link.peer.is_open and book.news == 0


# --- the charter


def met_with(ours, theirs, kind=None):
    """(the den's Book, the cabin's, their Pair), who have met with these charters."""
    books = Book(DEN, DEN, CABIN), (kind or Book)(CABIN, DEN, CABIN)
    for book, data in zip(books, (ours, theirs)):
        book.charters.add(data)
    return books + (Pair(*books).greet(),)


def brokers(*books):
    return [book.charters.current.brokers[0] for book in books]


NEW = "mqtt://new.example"


def test_a_newer_charter_comes_over_and_an_older_one_does_not():
    den, cabin, pair = met_with(chartered(2, NEW), chartered(1, "mqtt://old.example"))
    assert brokers(den, cabin) == [NEW, NEW] and (den.news, cabin.news) == (0, 1)
    assert pair.is_open() == [True, True] and den.dropped == cabin.dropped == []
    den.hear(pair.links[0], payload.CHARTER, chartered(1, "mqtt://old.example"))
    assert brokers(den) == [NEW] and den.news == 0 and pair.links[0].peer.take() == []


def test_a_new_charter_is_passed_on_to_all_but_who_brought_it_and_once():
    book = Book(DEN, DEN, CABIN)
    source, near, away = [book.link(person) for person in PEOPLE[2:5]]
    away.peer.is_up = False
    for _ in range(3):
        book.hear(source, payload.CHARTER, chartered(2, NEW))
    assert near.peer.take() == [chartered(2, NEW)] and not source.peer.take() and not away.peer.take()
    assert book.news == 1


def test_who_lies_about_the_charter_is_refused():
    book = Book(DEN, DEN, CABIN)
    link, near = book.link(CABIN), book.link(PEOPLE[3])
    for data, word in (
        (chartered(9, NEW, owner=CABIN), "bad-signature"),  # another group's, or a member who plays the owner
        (chartered(9, NEW, subnet=(b"\x0a\x4e\0\0", 16)), "other-charter"),
        (chartered(9, NEW)[:-1], "bad-charter"),
    ):
        assert rejection(book.hear, link, payload.CHARTER, data) == word
    assert brokers(book) == ["mqtt://old.example"] and book.news == 0 and not near.peer.take()


def test_a_charter_that_is_lost_on_the_way_comes_with_the_next_comparison():
    lost = []

    def is_lost(kind, content):
        lost.append(kind)
        return kind == payload.CHARTER

    books = den, cabin = Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN)
    den.charters.add(chartered(2, NEW))
    pair = Pair(*books).greet(is_lost)
    assert payload.CHARTER in lost and brokers(cabin) == ["mqtt://old.example"]
    greetings = [book.gossip.greeting(link) for book, link in zip(books, pair.links)]
    for side in (0, 1):
        books[side].gossip.handle_hello(pair.links[side], greetings[1 - side], 0)
    pair.run(0)
    assert brokers(den, cabin) == [NEW, NEW]


class Earlier(Book):
    """A node of a release that doesn't know of newer charters, nor compares them."""

    def __init__(self, *people):
        Book.__init__(self, *people)
        gossip = self.gossip
        whole, compare = gossip.comparison, gossip._compare
        gossip.comparison = lambda: whole()[:COMPARED]
        gossip._digest_for = lambda link: gossip._digest(gossip.comparison())
        gossip._compare = lambda link, comparison, now: compare(link, comparison[:COMPARED], now)

    def hear(self, link, kind, content, now=0):
        assert kind != payload.CHARTER
        Book.hear(self, link, kind, content, now)


def test_with_a_node_of_an_earlier_release_all_else_is_compared():
    den, cabin, pair = met_with(chartered(2, NEW), chartered(1, "mqtt://old.example"), Earlier)
    assert pair.is_open() == [True, True] and brokers(den, cabin) == [NEW, "mqtt://old.example"]
    cabin.add(PEOPLE[7])
    pair.greet()
    assert pair.agree()
    pair.greet()
    for book, other, side in ((den, cabin, 0), (cabin, den, 1)):  # the short greeting of the next session is understood
        pair.links[1 - side].peer.is_open = False
        greeting = book.gossip.greeting(pair.links[side])
        assert len(greeting) == 8
        other.gossip.handle_hello(pair.links[1 - side], greeting, 0)
        assert pair.links[1 - side].peer.is_open


# --- how much is answered


def answers(book, link, kind, content, times, now):
    """How many of so many questions are answered, and the bytes that takes."""
    answered, size = 0, 0
    for _ in range(times):
        rejection(book.hear, link, kind, content, now)
        told = link.peer.take()
        answered += bool(told)
        size += sum([len(each) for each in told])
    return answered, size


def test_who_asks_for_comparisons_again_and_again_is_answered_as_often_as_it_needs():
    """The answers go to its endpoint, which may be somebody else's: a little must not become much there."""
    book = Book(DEN, DEN, CABIN, *PEOPLE[3:])
    link, other = book.link(CABIN), book.link(PEOPLE[3])
    question = b"\1" + bytes(COMPARISON)
    answered, _ = answers(book, link, payload.COMPARE, question, 1_000, 10_000)
    assert answered <= 1 + ANSWER_BURST * ANSWER_RATE // ANSWER_LEAST and "answer-limit" in book.dropped
    assert answers(book, other, payload.COMPARE, question, 1, 10_000)[0] == 1, "nobody else waits"
    book.gossip.handle_hello(link, bytes(COMPARISON), 10_000)
    assert not link.peer.told
    assert answers(book, link, payload.COMPARE, question, 1, 10_000 + ASK_AGAIN)[0] == 1
    book.gossip.handle_hello(link, book.gossip.comparison(), 10_000)
    assert link.peer.is_open, "who knows the same needs no answer"


def test_who_asks_twice_a_second_is_always_answered():
    book = Book(DEN, DEN, CABIN, *PEOPLE[3:])
    link = book.link(CABIN)
    for now in range(0, 60_000, ASK_AGAIN):
        for wants in (b"\1", b"\0"):  # it asks, and it answers what we ask
            assert answers(book, link, payload.COMPARE, wants + bytes(COMPARISON), 1, now)[0] == 1
    assert not book.dropped


def test_who_asks_for_places_again_and_again_is_told_so_much():
    book = Book(DEN, *PEOPLE[1:])
    link = book.link(CABIN)
    for who in PEOPLE[1:]:
        book.place(who, 5, ("192.0.2.2", 1))
    bucket = bytes([DEN.public[0] >> 4])
    _, size = answers(book, link, payload.SEEN, bucket, 3_000, 10_000)
    assert 0 < size <= ANSWER_BURST * ANSWER_RATE + 300
    assert rejection(book.hear, link, payload.SEEN, bucket, 10_000) == "answer-limit"
    assert answers(book, link, payload.SEEN, bucket, 1, 11_000)[0] == 1


# --- places


def test_each_learns_where_the_others_are_and_the_newest_wins():
    one, other = Book(DEN, DEN, CABIN, PEOPLE[3]), Book(CABIN, DEN, CABIN, PEOPLE[3])
    one.place(DEN, 5, ("192.0.2.1", 1))
    one.place(PEOPLE[3], 5, ("192.0.2.3", 1))
    other.place(CABIN, 1, ("192.0.2.2", 1))
    other.place(PEOPLE[3], 9, ("192.0.2.9", 1))
    Pair(one, other).greet()
    assert one.places.digest() == other.places.digest()
    assert one.places.get(PEOPLE[3].public).sequence == 9 and len(one.places.all()) == 3


def test_a_member_that_moves_all_the_time_keeps_nobody_busy():
    book = Book(DEN, DEN, CABIN)
    source, near, far = book.link(CABIN), book.link(PEOPLE[3]), book.link(PEOPLE[4])
    places = [sign(crypto, OWNER.public, CABIN.seed, i, "", [("192.0.2.2", i)]) for i in range(1, 101)]
    for i in range(100):  # twenty a second
        book.hear(source if i % 2 else far, payload.PLACE, places[i], 50 * i)
        book.run_timers(50 * i)
    assert book.places.get(CABIN.public).sequence == 100
    assert near.peer.take(payload.PLACE) == places[:PLACE_BURST]
    book.run_timers(PLACE_BURST * PLACE_GAP)
    assert near.peer.take(payload.PLACE) == [places[-1]], "the newest comes through"
    far.peer.take()
    later = 10 * PLACE_BURST * PLACE_GAP
    book.run_timers(later)
    assert near.peer.take() == far.peer.take() == [] and book.deadlines.poll_timeout() is None
    data = book.place(DEN, 1)
    for _ in range(2 * PLACE_BURST):
        book.gossip.tell_place(DEN.public, later)
    assert near.peer.take() == PLACE_BURST * [data]


def test_a_new_place_is_passed_on_once():
    book = Book(DEN, DEN, CABIN)
    source, near = book.link(CABIN), book.link(PEOPLE[3])
    data = sign(crypto, OWNER.public, CABIN.seed, 3, "0.1.0", [("192.0.2.2", 1)])
    for _ in range(2):
        book.hear(source, payload.PLACE, data)
    assert near.peer.take(payload.PLACE) == [data] and not source.peer.take()
    assert book.news == 1


# --- the secret


def test_who_has_an_older_secret_gets_the_newer_one():
    one, other = Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN)
    one.secret.rotate(OWNER, 0)
    one.secret.rotate(OWNER, 0)
    other.secret.rotate(OWNER, 0)
    Pair(one, other).greet()
    assert other.secret.offer == one.secret.offer and other.secret.epoch == 2


def test_two_secrets_for_one_epoch_become_one():
    for _ in range(8):
        one, other = Book(DEN, DEN, CABIN), Book(CABIN, DEN, CABIN)
        one.secret.rotate(OWNER, 0)
        other.secret.rotate(OWNER, 0)
        Pair(one, other).greet()
        assert one.secret.offer == other.secret.offer


def test_a_revoked_one_is_not_told_even_while_its_link_is_there():
    book = Book(DEN, DEN, CABIN)
    cabin, near = book.link(CABIN), book.link(PEOPLE[3])
    book.add(PEOPLE[3])
    book.add(CABIN, REVOKED)
    book.secret.rotate(OWNER, 0)
    book.gossip.tell_secret(0)
    assert near.peer.take(payload.SECRET) == [book.secret.offer] and not cabin.peer.take(payload.SECRET)
    book.hear(cabin, payload.COMPARE, b"\1" + bytes(COMPARISON))
    assert not cabin.peer.take(payload.SECRET)


def test_a_secret_that_comes_before_its_reason_is_not_passed_on():
    """Who has not heard of a revocation would tell the revoked one."""
    admin, book = Book(OWNER, DEN, CABIN), Book(DEN, DEN, CABIN)
    source, cabin = book.link(OWNER), book.link(CABIN)
    revocation = admin.add(CABIN, REVOKED)
    offer = admin.secret.rotate(OWNER, 0)
    assert rejection(book.hear, source, payload.SECRET, offer) == "early"
    assert not cabin.peer.take() and book.secret.epoch == 0
    book.hear(cabin, payload.COMPARE, b"\1" + bytes(COMPARISON))
    assert not cabin.peer.take(payload.SECRET)
    book.roster.add(revocation)
    assert book.secret.handle_roster(0) and book.secret.offer == offer


def test_a_message_cut_off_can_not_hide_what_came_in_it():
    """A member might send a revocation with garbage behind it: who takes it must also act on it."""
    book = Book(DEN, DEN, CABIN)
    link, near = book.link(CABIN), book.link(PEOPLE[5])
    entry = book.sign(CABIN, REVOKED)
    content = struct.pack(">HHI", 0, 0, 0) + struct.pack(">H", len(entry)) + entry + b"\0"
    rejection(book.hear, link, payload.ENTRIES, content)
    is_known = book.roster.member(CABIN.public).role == REVOKED
    assert is_known == (book.news == 1) == bool(near.peer.take())
