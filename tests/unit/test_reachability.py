"""Where others see us and who forwards for us is told to all: so it changes only when something has changed."""

from ipop.overlay.reachability import PATHS_MAX, RELAY_GAIN, SEEN_BURST, SEEN_GAP, Reachability

HOME, HOTEL = ("198.51.100.1", 51820), ("198.51.100.2", 51820)  # where a peer is asked; we send to the first
HERE, THERE = ("203.0.113.7", 1), ("203.0.113.7", 2)  # where it sees us
INSIDE, INSIDE_TOO = ("192.168.1.2", 51820), ("192.168.1.3", 51820)


class Tunnel:
    was_called = False


class Search:
    rtt = None


class Peer:
    endpoint = HOME
    is_gone = False

    def is_connected(self, now):
        return not self.is_gone

    def is_silent(self, now):
        return False


class Link:
    """With a node whose key is this letter."""

    def __init__(self, name, rtt=None):
        self.peer, self.search, self.is_up = Peer(), Search(), True
        self.peer.public_key = name.encode() * 32
        self.search.rtt = rtt


def chosen(reachability, links):
    """The letters of the relays."""
    keys = [link.peer.public_key for link in links]
    return "".join([key[:1].decode() for key in reachability.choose_relays(keys, 0)])


# --- who forwards


def test_the_quickest_are_chosen_and_keep_their_order_while_they_stay():
    links = [Link("a", 30), Link("b", 20), Link("c", 40)]
    reachability = Reachability(links, Tunnel())
    assert chosen(reachability, links) == "ba"
    for rtt in (19, 31, 20, 29.5):
        links[0].search.rtt = rtt
        assert chosen(reachability, links) == "ba"


def test_who_is_gone_is_replaced_and_who_is_much_quicker_replaces_the_slower_one():
    links = [Link("a", 60), Link("b", 50), Link("c", 70)]
    reachability = Reachability(links, Tunnel())
    assert chosen(reachability, links) == "ba"
    links[2].search.rtt = (60 - RELAY_GAIN) / 2
    assert chosen(reachability, links) == "ba", "not much quicker"
    links[2].search.rtt -= 1
    assert chosen(reachability, links) == "bc"
    links[1].peer.is_gone = True
    assert chosen(reachability, links) == "ca"
    assert chosen(reachability, links[:1]) == "a", "the other doesn't forward any more"


# --- where we are seen


def test_a_peer_that_sees_us_at_two_addresses_is_no_news_but_once():
    """A NAT with a mapping for each destination, or one that hairpins: each of them is right."""
    link = Link("a")
    reachability = Reachability([link], Tunnel())
    assert reachability.note_seen(link, HOME, HERE, False, 0) == (True, None)
    assert reachability.note_seen(link, HOTEL, THERE, False, 0) == (True, None)
    for now in range(0, 100 * SEEN_GAP, SEEN_GAP):
        assert reachability.note_seen(link, HOME, HERE, False, now) == (False, None)
        assert reachability.note_seen(link, HOTEL, THERE, False, now) == (False, None)
        assert reachability.seen_at() == [HERE]


def test_the_mapping_in_use_that_has_changed_is_told_with_what_it_was():
    link = Link("a")
    reachability = Reachability([link], Tunnel())
    reachability.note_seen(link, HOME, HERE, False, 0)
    reachability.note_seen(link, HOTEL, HERE, False, 0)
    assert reachability.note_seen(link, HOME, THERE, False, 1) == (True, HERE)
    assert reachability.seen_at() == [THERE]
    link.peer.endpoint = None
    assert reachability.seen_at() == [THERE], "what others said of the old one is forgotten"


def test_a_mapping_that_nobody_kept_open_says_nothing_of_its_life():
    link = Link("a")
    reachability = Reachability([link], Tunnel())
    reachability.note_seen(link, HOME, HERE, False, 0)
    reachability.note_seen(link, HOTEL, HERE, False, 0)
    assert reachability.note_seen(link, HOTEL, THERE, False, 300_000) == (True, None)
    assert reachability.note_seen(link, HOTEL, HERE, False, 600_000) == (True, None)
    link.peer.endpoint = HOTEL
    assert reachability.note_seen(link, HOTEL, THERE, True, 900_000) == (True, None), "only now is it taken"


def test_one_peer_has_one_vote():
    links = [Link(name) for name in "abc"]
    reachability = Reachability(links, Tunnel())
    for n in range(SEEN_BURST - 1):
        reachability.note_seen(links[0], ("198.51.100.9", n), ("203.0.113.1", 1 + n), False, 0)
    reachability.note_seen(links[0], HOME, ("203.0.113.99", 9), False, 0)
    for link in links[1:]:
        reachability.note_seen(link, HOME, HERE, False, 0)
    assert reachability.seen_at() == [HERE, ("203.0.113.99", 9)]
    reachability.forget(links[0])
    links[1].is_up = False
    assert reachability.seen_at() == [HERE]


def test_who_says_something_else_each_time_is_heard_rarely_and_kept_briefly():
    link = Link("a")
    reachability = Reachability([link], Tunnel())
    news = [reachability.note_seen(link, HOME, ("203.0.113.7", 1 + n), False, n)[0] for n in range(100)]
    assert sum(news) == SEEN_BURST
    for n in range(1_000):
        reachability.note_seen(link, ("198.51.100.9", n), HERE, False, 10_000_000 + n)
    assert len(reachability._seen[link]._paths) == PATHS_MAX


def test_private_addresses_count_only_from_who_has_one_and_come_last():
    """A provider's NAT, or a router before ours: who is there as well can use it. Others can't, whatever they say."""
    links = [Link(name) for name in "abc"]
    reachability = Reachability(links, Tunnel())
    assert reachability.note_seen(links[0], HOME, INSIDE, False, 0) == (False, None)
    assert reachability.seen_at() == []
    for link in links[:2]:
        link.peer.endpoint = INSIDE_TOO
        assert reachability.note_seen(link, INSIDE_TOO, INSIDE, False, 0) == (True, None)
    reachability.note_seen(links[2], HOME, HERE, False, 0)
    reachability.note_seen(links[2], ("2001:db8::1", 1), ("2001:db8::7", 1), False, 0)
    assert reachability.seen_at() == [("2001:db8::7", 1), HERE, INSIDE]
