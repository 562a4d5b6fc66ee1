"""A way to a peer counts only when a nonce that went there came back from there."""

from ipop.overlay.paths import PEER_MAX, PROBE_GAP, PROBE_LIFE, PROBES_MAX, UNPROMPTED_MAX, UNPROMPTED_MIN, Paths
from ipop.overlay.wayfinder import LADDER
from ipop.ports import crypto

HOME, HOTEL = ("203.0.113.7", 51820), ("198.51.100.9", 51820)
WAYS = [("192.0.2.1", 1 + n) for n in range(20)]


class Peer:
    def __init__(self, candidates=(), endpoint=None):
        self.candidates, self.endpoint = list(candidates), endpoint


CABIN, DEN = Peer(), Peer()


def put(paths, peer, ways, now):
    """Ask at all of these. Returns how many questions were put."""
    return len([way for way in ways if paths.begin(peer, way, now) is not None])


def test_a_nonce_that_comes_back_names_its_probe():
    paths = Paths(crypto)
    nonce = paths.begin(CABIN, HOME, 100)
    assert len(nonce) == 8
    probe = paths.finish(CABIN, nonce, HOME, 130)
    assert (probe.peer, probe.addr, probe.sent_at, probe.token) == (CABIN, HOME, 100, None)


def test_an_answer_counts_once():
    paths = Paths(crypto)
    nonce = paths.begin(CABIN, HOME, 0)
    assert paths.finish(CABIN, nonce, HOME, 1) is not None
    assert paths.finish(CABIN, nonce, HOME, 2) is None


def test_an_answer_counts_only_from_where_it_was_asked_for():
    """Else one who can only listen could draw a peer's traffic to another address."""
    paths = Paths(crypto)
    nonce = paths.begin(CABIN, HOME, 0)
    assert paths.finish(CABIN, nonce, HOTEL, 1) is None
    assert paths.finish(DEN, nonce, HOME, 1) is None
    assert paths.finish(CABIN, bytes(8), HOME, 1) is None
    assert paths.finish(CABIN, nonce, HOME, 1) is not None


def test_an_answer_that_is_late_does_not_count():
    paths = Paths(crypto)
    early, late = paths.begin(CABIN, HOME, 0), paths.begin(CABIN, HOTEL, 0)
    assert paths.finish(CABIN, early, HOME, PROBE_LIFE) is not None
    assert paths.finish(CABIN, late, HOTEL, PROBE_LIFE + 1) is None


def test_an_address_is_not_asked_again_and_again():
    """A moved peer may send thousands of packets before its new address is proven."""
    paths = Paths(crypto)
    assert paths.begin(CABIN, HOME, 0) is not None
    assert paths.begin(CABIN, HOME, PROBE_GAP - 1) is None
    assert paths.begin(CABIN, HOTEL, PROBE_GAP - 1) is not None
    assert paths.begin(CABIN, HOME, PROBE_GAP) is not None


def test_a_person_who_asks_is_always_served():
    paths = Paths(crypto)
    nonces = [paths.begin(CABIN, HOME, 0, token) for token in (1, 2, 3)]
    assert [paths.finish(CABIN, nonce, HOME, 5).token for nonce in nonces] == [1, 2, 3]


def test_a_peer_that_makes_up_addresses_does_not_keep_others_from_being_asked():
    paths = Paths(crypto)
    made_up = [("198.18.0.1", 1 + n) for n in range(1000)]
    assert put(paths, CABIN, made_up, 0) == UNPROMPTED_MIN
    assert put(paths, Peer(100 * WAYS), made_up, 0) == UNPROMPTED_MAX
    assert paths.begin(DEN, HOME, 0) is not None
    assert paths.begin(CABIN, HOME, PROBE_LIFE + 1) is not None


def test_all_ways_are_asked_in_each_round_of_a_search():
    paths = Paths(crypto)
    peer = Peer(WAYS)
    now, rounds = 0, []
    for gap in (0,) + LADDER:
        now += gap
        rounds.append(put(paths, peer, WAYS, now))
    assert rounds == len(rounds) * [len(WAYS)]


def test_where_a_peer_is_sent_to_can_always_be_asked_and_takes_nobodys_place():
    paths = Paths(crypto)
    peer = Peer(endpoint=HOME)
    for now in range(0, PROBE_LIFE, PROBE_GAP):
        assert paths.begin(peer, HOME, now) is not None
    assert put(paths, peer, [("198.18.0.1", 1 + n) for n in range(1000)], PROBE_LIFE) == UNPROMPTED_MIN
    assert paths.begin(peer, HOME, PROBE_LIFE) is not None
    assert paths.begin(peer, HOME, PROBE_LIFE) is None


def test_there_is_an_end_to_what_is_under_way():
    paths = Paths(crypto)
    nonces = [paths.begin(CABIN, HOME, 0, token) for token in range(PEER_MAX + 10)]
    assert len([nonce for nonce in nonces if nonce is not None]) == PEER_MAX
    assert paths.begin(CABIN, HOME, PROBE_LIFE + 1) is not None  # the old ones have made way


def test_in_a_large_group_the_oldest_questions_make_way_for_new_ones():
    """Whoever has joined one asks everybody at all of their addresses, and again and again by the ladder."""
    paths = Paths(crypto)
    peers = [Peer(WAYS[:6]) for _ in range(300)]
    for now in (0, 250, 750):
        nonces = [[paths.begin(peer, way, now) for way in peer.candidates] for peer in peers]
        assert None not in sum(nonces, [])
        for peer, asked in list(zip(peers, nonces))[-PROBES_MAX // 6 + 1 :]:
            assert paths.finish(peer, asked[0], WAYS[0], now + 40) is not None
    paths.expire(PROBE_LIFE + 751)
    assert not paths._probes


def test_a_peer_that_is_removed_is_forgotten():
    paths = Paths(crypto)
    mine, other = paths.begin(CABIN, HOME, 0), paths.begin(DEN, HOTEL, 0)
    paths.forget_peer(CABIN)
    assert paths.finish(CABIN, mine, HOME, 1) is None
    assert paths.finish(DEN, other, HOTEL, 1) is not None
