"""Who is away costs the others little, and is found at once when it is back."""

from member import GroupSimulation

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
HEADERS = 28
BUDGET = 10  # bytes a second, both ways: what a peer costs that is there and idle


def group_with_one_away():
    """The den and the lodge, which can be reached, the cabin behind a NAT; and the hut, behind another, was switched
    off a while ago."""
    sim = GroupSimulation()
    den, lodge = sim.add_members("den", "lodge")
    cabin, hut = [sim.add_member(name, nat=sim.add_nat(name + "-nat")) for name in ("cabin", "hut")]
    members = den, lodge, cabin, hut
    den.create("friends")
    line = den.invite(uses=3)
    for other in members[1:]:
        other.join(line)
    sim.simulate_time(30 * SECOND)
    assert sim.is_whole(*members)
    hut.kill()
    sim.simulate_time(5 * MINUTE)
    return sim, members


def seconds_until(sim, one, other, most):
    began = sim.now
    while not sim.is_connected(one, other):
        sim.simulate_time(100)
        assert sim.now - began < most * SECOND, "%s and %s" % (one.name, other.name)
    return (sim.now - began) / SECOND


def test_a_member_that_is_away_costs_no_more_than_one_that_is_there():
    """It is called rarely, at all of its addresses and through the others."""
    sim, members = group_with_one_away()
    sent = {}

    def watch(data, source, destination):
        sent[source[0]] = sent.get(source[0], 0) + len(data) + HEADERS

    sim.internet.watch(watch)
    sim.simulate_time(HOUR)
    rates = [n / (HOUR // SECOND) for n in sent.values()]
    print("sent to two who are there and one who is away: %s bytes a second" % rates)
    assert len(rates) == 3
    assert sum(rates) < BUDGET * 6  # three pairs who are there, and three who miss one


def test_it_is_there_at_once_when_it_is_switched_on():
    sim, (den, lodge, cabin, hut) = group_with_one_away()
    sim.simulate_time(HOUR)
    hut.start()
    times = [seconds_until(sim, one, hut, 3) for one in (den, lodge, cabin)]
    print("connected after %s s" % times)


def test_who_has_something_for_it_calls_it_at_once():
    sim, (den, _, _, hut) = group_with_one_away()
    sim.simulate_time(10 * MINUTE)
    (outside,) = [addr for addr in den.group.places.get(hut.identity.public).addresses if addr[0].startswith("198.18.")]
    calls = []
    sim.internet.watch(lambda data, source, destination: calls.append(source) if destination == outside else None)
    sim.talk(den, hut, every=500)
    sim.simulate_time(6 * SECOND)
    assert calls.count(den.address) >= 3


def test_a_machine_that_slept_goes_on_at_once_with_all_who_were_there():
    """If that was for long, its NAT has forgotten it, and the others have given it up."""
    for duration in (MINUTE, 4 * MINUTE, 12 * HOUR):
        sim = GroupSimulation()
        den, lodge = sim.found("den", "lodge")
        cabin, hut = [sim.add_member(name, nat=sim.add_nat(name + "-nat")) for name in ("cabin", "hut")]
        for member in (cabin, hut):
            member.join(den.invite())
        sim.simulate_time(30 * SECOND)
        assert sim.is_whole(den, lodge, cabin, hut)
        hut.sleep()
        sim.simulate_time(duration)
        hut.wake(sim.broker)
        talks = [sim.talk(hut, other, every=100) for other in (den, lodge, cabin)]
        woken = sim.now
        sim.simulate_time(5 * SECOND)
        times = [talk.resumed_after(woken) for talk in talks]
        print("after %d min of sleep: %s ms" % (duration // MINUTE, times))
        assert max(times) < 3 * SECOND


def with_a_line_that_was_down(has_broker):
    """Nobody forwards. The line of the hut was down for an hour: it was on, and so were all the others."""
    sim = GroupSimulation()
    (den,) = sim.found("den")
    cabin, hut = [sim.add_member(name, nat=sim.add_nat(name + "-nat")) for name in ("cabin", "hut")]
    for member in (cabin, hut):
        member.join(den.invite())
    sim.simulate_time(30 * SECOND)
    assert sim.is_whole(den, cabin, hut)
    den.kill()
    outside = hut.host.interface.segment.gateway
    receive = outside.receive
    outside.receive = lambda data, source, destination: None
    hut.leave_broker()
    if not has_broker:
        cabin.leave_broker()
    sim.simulate_time(HOUR)
    assert not sim.is_connected(cabin, hut)
    outside.receive = receive
    if has_broker:
        hut.leave_broker(sim.broker)
    return sim, cabin, hut


def test_two_behind_nats_meet_again_when_a_line_comes_back_and_the_broker_shows_it():
    sim, cabin, hut = with_a_line_that_was_down(has_broker=True)
    print("connected after %s s" % seconds_until(sim, cabin, hut, 5))


def test_and_with_no_broker_after_minutes():
    sim, cabin, hut = with_a_line_that_was_down(has_broker=False)
    print("connected after %s s" % seconds_until(sim, cabin, hut, 300))
