"""A group's life: who joins is in at once, everybody hears the news, and it all goes on without a broker."""

from member import DAY, GroupSimulation, agree

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


# --- joining


def test_one_line_and_the_first_frame_is_through():
    times = []
    for seed in range(1, 11):
        sim = GroupSimulation(seed)
        den, cabin = sim.add_members("den", "cabin")
        den.create("friends")
        line = den.invite()
        sim.simulate_time(SECOND)
        talk = sim.talk(cabin, den, every=5)
        cabin.join(line)
        began = sim.now
        sim.simulate_time(3 * SECOND)
        times.append(talk.resumed_after(began - 1))
        assert talk.is_clean() and agree(den, cabin)
    print("from join to the first frame: %s ms" % sorted(times))
    assert max(times) < SECOND


def test_the_issuer_is_away_and_back_the_next_day():
    sim = GroupSimulation()
    den, cabin = sim.add_members("den", "cabin")
    den.create("friends")
    line = den.invite(expires_in=2 * DAY)
    sim.simulate_time(SECOND)
    den.kill()
    cabin.join(line)
    sim.simulate_time(DAY * 1000)
    assert cabin.group is None
    den.start()
    sim.simulate_time(3 * SECOND)
    assert sim.is_whole(den, cabin) and sim.hears(cabin, den)


def test_the_broker_is_dead_or_slow_when_somebody_joins():
    sim = GroupSimulation()
    den, cabin, lodge = sim.add_members("den", "cabin", "lodge")
    den.create("friends")
    line = den.invite(uses=2)
    sim.simulate_time(SECOND)
    sim.broker.stop()
    cabin.join(line)
    sim.simulate_time(HOUR)
    assert cabin.group is None
    sim.broker.start(empty=True)
    sim.simulate_time(3 * MINUTE)
    assert sim.is_whole(den, cabin)
    sim.broker.latency = 20 * SECOND
    lodge.join(line)
    sim.simulate_time(5 * MINUTE)
    assert sim.is_whole(den, cabin, lodge) and agree(den, cabin, lodge)


# --- rosters before frames


def frames_before_the_comparison(seed):
    """When frames came through although the rosters differed, in a storm: a list of times."""
    sim = GroupSimulation(seed)
    den, cabin = sim.found("den", "cabin", settle=2_000)
    cabin.kill()
    others = sim.add_members(*["node-%d" % number for number in range(12)])  # more than one datagram's worth
    line = den.invite(uses=len(others))
    for other in others:
        other.knows_way = lambda key: False
        other.join(line)
    sim.simulate_time(SECOND)
    for other in others:
        other.kill()
    sim.broker.stop()
    sim.weather(loss=30, jitter=40)
    early = []
    for router in (den, cabin):
        router.console.on_udp = lambda sender, data: agree(den, cabin) or early.append(sim.now)
    cabin.start()
    for _ in range(200):
        cabin.console.send(den.console, b"now?")
        den.console.send(cabin.console, b"now?")
        sim.simulate_time(20)
    sim.simulate_time(20 * SECOND)
    assert agree(den, cabin) and sim.is_connected(den, cabin), seed
    return early


def test_no_frame_passes_before_the_rosters_have_been_compared():
    for seed in range(1, 11):
        assert frames_before_the_comparison(seed) == [], seed


def test_frames_that_had_to_wait_all_arrive():
    sim = GroupSimulation()
    den, cabin = sim.found("den", "cabin")
    cabin.kill()
    den.do("rename", "cabin", "hut")
    sim.broker.stop()
    sim.simulate_time(10 * MINUTE)  # every session is over
    cabin.start()
    there, back = sim.talk(den, cabin, every=10), sim.talk(cabin, den, every=10)
    sim.simulate_time(5 * SECOND)
    for talk in (there, back):
        talk.stop()
    sim.simulate_time(SECOND)
    assert agree(den, cabin)
    assert there.is_whole() and back.is_whole(), (len(there.missing()), len(back.missing()))


# --- news


def test_news_reaches_all_who_are_connected_within_a_second_without_a_broker():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge", "shed", "barn", "mill")
    den, cabin, barn = members[0], members[1], members[4]
    for member in members[1:]:
        member.leave_broker()
    for action, *about in (
        ("rename", "shed", "hut"),
        ("promote", "cabin"),
        ("demote", "cabin"),
        ("revoke", "barn"),
    ):
        den.do(action, *about)
        sim.simulate_time(SECOND)
        assert agree(*[member for member in members if member is not barn]), action
    members.remove(barn)
    mole = sim.add_member("mole")
    mole.join(den.invite())  # by the broker, which only these two have
    sim.simulate_time(2 * SECOND)
    assert agree(mole, *members) and sim.is_whole(mole, *members)
    assert cabin.names == ["cabin", "den", "hut", "lodge", "mill", "mole"]


def test_who_is_reached_by_the_broker_alone_hears_it_there():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge")
    den, cabin, lodge = members
    cabin.host.interface.unplug()
    sim.simulate_time(10 * MINUTE)
    den.do("rename", "lodge", "hut")
    sim.simulate_time(5 * SECOND)
    assert cabin.names == ["cabin", "den", "hut"]
    shed = sim.add_member("shed")
    shed.join(den.invite())
    sim.simulate_time(5 * SECOND)
    assert cabin.names == ["cabin", "den", "hut", "shed"]
    den.do("revoke", "hut")
    sim.simulate_time(5 * SECOND)
    assert cabin.names == ["cabin", "den", "shed"] and agree(den, cabin, shed)
    assert cabin.group.secret.secret == den.group.secret.secret == shed.group.secret.secret


# --- without a broker


def test_with_the_broker_dead_a_group_goes_on():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge", "shed")
    den, cabin, lodge, shed = members
    talk = sim.talk(den, cabin, every=200)
    sim.broker.stop()
    sim.simulate_time(5 * MINUTE)
    talk.stop()
    sim.simulate_time(SECOND)
    assert talk.is_whole() and sim.is_whole(*members)
    for member in members:
        member.restart()
        sim.simulate_time(2 * SECOND)
        assert sim.is_whole(*members), member.name
    for member in members:
        member.restart()
    sim.simulate_time(2 * SECOND)
    assert sim.is_whole(*members)


def test_with_the_broker_dead_new_addresses_are_learned():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge", "shed")
    den, cabin, lodge, shed = members
    sim.broker.stop()
    cabin.kill()
    den.move(sim.public_address())
    shed.move(sim.public_address())
    sim.simulate_time(10 * MINUTE)
    assert sim.is_whole(den, lodge, shed)
    cabin.start()  # it finds the lodge, which tells it of the others
    sim.simulate_time(5 * SECOND)
    assert sim.is_whole(*members)


def test_two_who_move_at_once_find_each_other_through_a_third():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge")
    den, cabin, lodge = members
    sim.broker.stop()
    sim.simulate_time(5 * MINUTE)
    for member in (den, cabin):
        member.move(sim.public_address())
    moved = sim.now
    talk = sim.talk(den, cabin)
    sim.simulate_time(3 * MINUTE)
    print("two who moved at once: %s ms" % talk.resumed_after(moved))
    assert talk.resumed_after(moved) < 10 * SECOND


def test_a_broker_that_comes_and_goes_costs_nobody_a_frame():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge")
    den, cabin, _ = members
    there, back = sim.talk(den, cabin, every=200), sim.talk(cabin, den, every=200)
    for empty in (False, True, True):
        sim.broker.stop()
        sim.simulate_time(2 * MINUTE)
        sim.broker.start(empty)
        sim.simulate_time(2 * MINUTE)
    for talk in (there, back):
        talk.stop()
    shed = sim.add_member("shed")
    shed.join(den.invite())
    sim.simulate_time(3 * SECOND)
    assert there.is_whole() and back.is_whole()
    assert sim.is_whole(shed, *members) and agree(shed, *members)
    assert all(not [word for word in member.dropped if word.startswith("signal")] for member in members)
