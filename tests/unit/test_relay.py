"""How much a relay forwards: for one member, and for all of them together on a router whose owner has set a limit."""

from ipop.errors import Rejected
from ipop.overlay.relay import BURST_LEAST, KBIT, PREFIX, RATE, SMALLEST, Limit, Relay

DATAGRAM = bytes(1_500)


class Peer:
    endpoint = ("192.0.2.1", 51820)

    def __init__(self, number):
        self.public_key = bytes([number]) * 32

    def session_to_send(self, now):
        return self

    def enclose(self, data, now):
        return data


class Link:
    def __init__(self, number):
        self.peer = Peer(number)


def relay_among(*links, limit=None):
    relay = Relay()
    relay.is_willing = True
    if limit is not None:
        relay.limit = limit
    for link in links:
        relay.add_link(link)
    return relay


def forwarded(relay, source, target, seconds, since=0, datagram=DATAGRAM, every=1):
    """Bytes, when one datagram comes each `every` ms."""
    passed = 0
    for now in range(since, since + seconds * 1000, every):
        try:
            relay.forward(source, target.peer.public_key[:PREFIX] + datagram, now)
            passed += PREFIX + len(datagram)
        except Rejected as rejected:
            assert rejected.reason == "relay-limit"
    return passed


DEN, CABIN, LODGE = Link(1), Link(2), Link(3)


def test_without_a_limit_of_the_owner_each_member_has_its_own():
    relay = relay_among(DEN, CABIN, LODGE)
    assert forwarded(relay, DEN, CABIN, 2) == 2_000 * (PREFIX + len(DATAGRAM))  # 12 Mbit/s
    large = bytes(9_000)
    for source in (DEN, LODGE):
        passed = forwarded(relay, source, CABIN, 3, since=10_000, datagram=large)
        assert 3 * RATE <= passed <= 4 * RATE


def test_the_owners_limit_is_for_all_members_of_all_groups():
    limit = Limit()
    limit.set(1_000, 0)
    friends, club = relay_among(DEN, CABIN, limit=limit), relay_among(LODGE, CABIN, limit=limit)
    passed = 0
    for second in range(10):
        passed += forwarded(friends, DEN, CABIN, 1, since=second * 1000)
        passed += forwarded(club, LODGE, CABIN, 1, since=second * 1000)
    assert 9 * 1_000 * KBIT <= passed <= 12 * 1_000 * KBIT


def test_a_small_limit_is_kept_to_the_byte_and_lets_a_large_datagram_pass():
    for kbits in (1, 7, 100):
        limit = Limit()
        limit.set(kbits, 0)
        relay = relay_among(DEN, CABIN, limit=limit)
        passed = forwarded(relay, DEN, CABIN, 100, datagram=bytes(SMALLEST))
        assert abs(passed - (100 * kbits * KBIT + BURST_LEAST)) <= 2 * SMALLEST, kbits
        assert forwarded(relay, DEN, CABIN, 1, since=1_000_000, datagram=bytes(9_000)) > 9_000


def test_it_can_be_changed_and_taken_away_at_any_time():
    limit = Limit()
    relay = relay_among(DEN, CABIN, limit=limit)
    whole = 1_000 * (PREFIX + len(DATAGRAM))
    assert forwarded(relay, DEN, CABIN, 1) == whole
    limit.set(100, 1_000)
    assert forwarded(relay, DEN, CABIN, 1, since=1_000) < whole // 10
    limit.set(100, 2_000)  # the same again gives nothing away
    assert forwarded(relay, DEN, CABIN, 1, since=2_000) <= 100 * KBIT + 2_000
    limit.set(0, 3_000)
    assert forwarded(relay, DEN, CABIN, 1, since=3_000) == whole
