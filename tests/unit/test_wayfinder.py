"""All ways to a peer are asked, those first that may be the only ones."""

from ipop.deadlines import Deadlines
from ipop.overlay.relay import Relay, through
from ipop.overlay.wayfinder import FIRST, Search, Wayfinder
from ipop.ports import crypto
from ipop.wire.ways import by_turn

HOME = ("203.0.113.7", 51820)
ADDRESSES = [("192.0.2.%d" % n, 51820) for n in range(16)]
DETOURS = [by_turn(HOME), through(b"relay one", b"a member"), through(b"relay two", b"a member")]


class Peer:
    endpoint = HOME
    bytes_in = bytes_out = 0

    def __init__(self):
        self.candidates = ADDRESSES + DETOURS[:2]
        self.asked = []

    def tell(self, data, now, wants_answer, addr):
        self.asked.append(addr)

    def is_silent(self, now):
        return False


class ReachesAll(Relay):
    def can_reach(self, addr, now):
        return True


def detours(peer, turn, now):
    return DETOURS[2:]


class Link:
    def __init__(self):
        self.finder = Wayfinder(crypto, Deadlines(), ReachesAll(), lambda addr, peer: False, detours, None)
        self.peer = Peer()
        self.search = Search(self.finder, self)


def test_detours_are_asked_before_the_last_of_many_addresses():
    link = Link()
    link.finder.ask_everywhere(link, 0, 0)
    assert link.peer.asked == [HOME] + ADDRESSES[:FIRST] + DETOURS + ADDRESSES[FIRST:]


def test_where_there_is_a_direct_way_detours_are_not_asked():
    link = Link()
    link.finder.ask_everywhere(link, 0, None)
    assert link.peer.asked == [HOME] + ADDRESSES


def test_a_search_asks_everywhere_in_each_of_its_rounds():
    link = Link()
    link.peer.endpoint = None
    link.search.begin(0)
    deadlines = link.finder.deadlines
    for when in (0, 250, 750, 1_750, 3_750, 7_750, 15_750, 31_750):
        assert deadlines.poll_timeout() == when
        link.peer.asked.clear()
        deadlines.handle_timeout(when)
        assert len(link.peer.asked) == len(ADDRESSES + DETOURS), when
