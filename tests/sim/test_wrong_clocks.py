"""Routers have no clock at boot: it is 1970, or what it was when the power failed, until NTP has been reached.

A peer takes a handshake only if its timestamp is later than the last one's. So each router keeps a mark on flash,
ahead of all timestamps that it has used.
"""

from member import GroupSimulation
from simulation import Simulation

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

TODAY = 1_750_000_000_000  # ms since 1970, some day in 2025
TEN_YEARS = 10 * 365 * 86_400_000
EPOCH = 0


def two_homes(**clocks):
    sim = Simulation()
    den = sim.add_node("den", nat=sim.add_nat("den-nat"), wall=clocks.get("den", TODAY))
    cabin = sim.add_node("cabin", wall=clocks.get("cabin", TODAY))
    sim.connect(den, cabin)
    return sim, den, cabin


def check_that_it_is_back_at_once(sim, den, cabin):
    sim.simulate_time(500)
    assert sim.is_connected(den, cabin)
    assert cabin.dropped == {}


def test_any_two_clocks_can_meet():
    for den_clock in (EPOCH, TODAY, TODAY + TEN_YEARS):
        for cabin_clock in (EPOCH, TODAY, TODAY + TEN_YEARS):
            sim, den, cabin = two_homes(den=den_clock, cabin=cabin_clock)
            check_that_it_is_back_at_once(sim, den, cabin)


def test_a_router_that_boots_in_1970_goes_on_from_its_mark():
    sim, den, cabin = two_homes()
    sim.simulate_time(300_000)
    den.kill()
    den.set_clock(EPOCH)
    den.start()
    check_that_it_is_back_at_once(sim, den, cabin)


def test_again_and_again():
    sim, den, cabin = two_homes()
    sim.simulate_time(1_000)
    for _ in range(20):
        den.kill()
        den.set_clock(EPOCH)
        den.start()
        check_that_it_is_back_at_once(sim, den, cabin)


def test_a_clock_that_was_years_ahead_and_is_put_right():
    sim, den, cabin = two_homes(den=TODAY + TEN_YEARS)
    sim.simulate_time(1_000)
    den.set_clock(TODAY)
    den.restart()
    check_that_it_is_back_at_once(sim, den, cabin)


def test_a_clock_that_is_set_while_consoles_talk():
    sim, den, cabin = two_homes(den=EPOCH)
    sim.simulate_time(1_000)
    talk = sim.talk(den, cabin)
    for clock in (TODAY, TODAY + TEN_YEARS, EPOCH, TODAY):
        sim.simulate_time(150_000)
        den.set_clock(clock)
    sim.simulate_time(150_000)
    talk.stop()
    sim.simulate_time(500)
    assert talk.is_whole()


def test_hours_without_a_clock_wear_out_no_flash():
    """A mark is written about once an hour at most."""
    sim, den, cabin = two_homes(den=EPOCH)
    sim.talk(den, cabin, every=10_000)
    texts = set()
    for _ in range(9 * 60):
        sim.simulate_time(60_000)
        texts.add(den.flash)
    assert len(texts) <= 15


def test_a_member_of_a_group_is_found_with_any_clock_and_moves_with_any_other():
    """Its statements of where it is are believed by their time."""
    for boot, later in ((EPOCH, TODAY), (TODAY + TEN_YEARS, TODAY), (TODAY, EPOCH)):
        sim = GroupSimulation()
        den, lodge = sim.found("den", "lodge")
        nat = sim.add_nat("nat")
        hut = sim.add_member("hut", nat=nat)
        hut.join(den.invite())
        sim.simulate_time(20_000)
        hut.kill()
        hut.set_clock(boot)
        hut.start()
        sim.simulate_time(2_000)
        assert sim.is_whole(den, lodge, hut)
        hut.set_clock(later)
        talks = [sim.talk(hut, other, every=100) for other in (den, lodge)]
        sim.simulate_time(5_000)
        nat.reboot("198.18.9.9")
        moved = sim.now
        sim.simulate_time(5_000)
        assert max([talk.resumed_after(moved) for talk in talks]) < 1_000
        for other in (den, lodge):
            assert "198.18.9.9" in [ip for ip, _ in other.group.places.get(hut.identity.public).addresses]
