"""One device gone mad, or a hostile member, takes neither the air of all homes nor this router's uplink."""

from ipop.errors import Rejected
from ipop.lan.floods import (
    AHEAD,
    BYTES,
    DATAGRAMS,
    LINK_GAP,
    OVERHEAD,
    SMALL,
    SOURCE_GAP,
    SOURCES_MAX,
    FloodBudget,
    StormLimit,
)

TV, SWITCH = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
CABIN, BOAT = "cabin", "boat"  # links
ARP, MDNS, LARGE = 60, 400, 1514
START = 5_000_000
SOURCE_BURST, LINK_BURST = AHEAD // SOURCE_GAP, AHEAD // LINK_GAP


def passes(check, *args):
    try:
        check(*args)
    except Rejected as rejected:
        assert rejected.reason in ("storm", "flood-limit")
        return False
    return True


def count(check, args, times):
    """How many pass of as many as there are `times` (ms)."""
    return sum([passes(check, *(args + (now,))) for now in times])


def made_up(n):
    return b"\x02\x66\0\0" + n.to_bytes(2, "big")


# --- one device


def test_busy_hosts_notice_nothing():
    """A device wakes up, a scanner asks for a whole /24, an old game tells its state 35 times a second for a minute."""
    for times in ([START] * 60, [START] * 254, range(START, START + 60_000, 28)):
        limit = StormLimit()
        assert count(limit.check_out, (TV,), times) == len(times)
        assert count(limit.check_in, (CABIN, TV), times) == len(times)


def test_a_broken_switch_is_cut_to_a_hundred_frames_a_second():
    limit = StormLimit()
    storm = [START + n // 10 for n in range(100_000)]  # 10,000 a second, for 10 s
    assert count(limit.check_out, (SWITCH,), storm) == SOURCE_BURST + 10_000 // SOURCE_GAP
    assert count(limit.check_out, (TV,), [START + 9_999] * 100) == 100


def test_it_may_speak_again_when_it_has_calmed_down():
    limit = StormLimit()
    assert count(limit.check_out, (SWITCH,), [START] * 1000) == SOURCE_BURST
    assert not passes(limit.check_out, SWITCH, START)
    assert count(limit.check_out, (SWITCH,), [START + SOURCE_GAP] * 3) == 1
    assert count(limit.check_out, (SWITCH,), [START + 10 * AHEAD] * 1000) == SOURCE_BURST


def test_a_mad_device_in_another_home_does_not_cost_the_others_there_their_share():
    limit = StormLimit()
    assert count(limit.check_in, (CABIN, SWITCH), [START + n // 10 for n in range(50_000)]) < 1000
    assert count(limit.check_in, (CABIN, TV), [START + 5_000] * 50) == 50


# --- one member


def test_a_member_that_makes_up_addresses_gets_no_further():
    limit = StormLimit()
    let_in = [passes(limit.check_in, CABIN, made_up(n), START + n // 10) for n in range(60_000)]
    assert sum(let_in) <= LINK_BURST + 6_000 // LINK_GAP
    assert count(limit.check_in, (BOAT, TV), [START + 6_000] * SOURCE_BURST) == SOURCE_BURST
    assert count(limit.check_out, (TV,), [START + 6_000] * SOURCE_BURST) == SOURCE_BURST


def test_made_up_addresses_fill_no_memory():
    limit = StormLimit()
    for n in range(5_000):
        passes(limit.check_in, CABIN, made_up(n), START + n)
        passes(limit.check_out, made_up(n), START + n)
    assert all(len(sources) <= SOURCES_MAX + 1 for sources in limit._sources.values())
    limit.forget_port(CABIN)
    assert len(limit._sources) == 1 and not limit._links


def test_where_the_table_is_full_the_rest_shares_one_rate():
    limit = StormLimit()
    for n in range(SOURCES_MAX):
        assert count(limit.check_out, (made_up(n),), [START] * 10) == 10
    assert sum([passes(limit.check_out, made_up(n), START) for n in range(1000, 2000)]) == SOURCE_BURST
    assert passes(limit.check_out, made_up(0), START)
    later = START + 10 * SOURCE_GAP
    assert passes(limit.check_out, TV, later)  # the silent ones have left, and who comes next has a place of its own
    assert count(limit.check_out, (TV,), [later] * SOURCE_BURST) == SOURCE_BURST


def test_a_large_home_is_not_a_storm():
    """200 devices that each say something every second."""
    limit = StormLimit()
    for now in range(START, START + 20_000, 1000):
        for n in range(200):
            assert passes(limit.check_in, CABIN, made_up(n), now + 5 * n), n


# --- the uplink


def test_floods_cost_the_uplink_what_they_may_and_no_more():
    for n, copies in ((ARP, 3), (MDNS, 15), (LARGE, 15), (LARGE, 99)):
        budget = FloodBudget()
        seconds = 20
        floods = count(budget.spend, (n, copies), range(START, START + seconds * 1000))
        spent = floods * copies
        one = copies * (n + OVERHEAD)
        assert spent * (n + OVERHEAD) <= BYTES * (seconds + 2) + one
        assert spent <= DATAGRAMS * (seconds + 2) + copies
        assert spent * (n + OVERHEAD) >= BYTES * seconds * 0.9 or spent >= DATAGRAMS * seconds * 0.9


def test_the_headers_of_the_tunnel_are_paid_for():
    few = FloodBudget(datagrams_per_second=1_000_000)
    assert count(few.spend, (OVERHEAD, 10), range(START, START + 10_000)) < 12 * BYTES // (10 * 2 * OVERHEAD) + 2


def test_ordinary_evenings_fit():
    """Four homes: a device wakes up, then three games tell their state 35 times a second."""
    budget = FloodBudget()
    assert count(budget.spend, (MDNS, 3), [START] * 60) == 60
    times = [START + 2_000 + n * 9 for n in range(5_000)]
    assert count(budget.spend, (100, 3), times) == len(times)


def test_the_whole_of_a_large_group_hears_a_flood_or_nobody_does():
    """It costs more than a burst, and still goes out now and then."""
    budget = FloodBudget()
    floods = count(budget.spend, (LARGE, 2000), range(START, START + 60_000, 100))
    assert 4 <= floods <= 6


def test_large_frames_leave_room_for_questions():
    """While somebody streams by broadcast, devices still find each other."""
    budget = FloodBudget()
    asked = 0
    for now in range(START, START + 10_000):
        passes(budget.spend, LARGE, 15, now)
        if now % 200 == 0:
            asked += passes(budget.spend, SMALL, 15, now)
    assert asked == 50


def test_a_faster_router_may_be_given_more():
    budget = FloodBudget(bytes_per_second=10 * BYTES, datagrams_per_second=10 * DATAGRAMS)
    times = range(START, START + 10_000)
    assert count(budget.spend, (MDNS, 3), times) > 3 * count(FloodBudget().spend, (MDNS, 3), times)
    assert count(FloodBudget().spend, (MDNS, 0), times) == len(times)  # nobody is there: it costs nothing
