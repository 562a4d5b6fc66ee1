"""A group's owner has its members meet at another broker: all come over whenever they hear of it, and no frame is
lost."""

from broker import HostileBroker
from member import BROKER, GroupSimulation
from router import SOME_DAY_IN_2025

from ipop.group.formers import FEW
from ipop.group.group import BROKERS

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NEW, THIRD, NOWHERE = "mqtt://new.example", "mqtt://third.example", "mqtt://typo.example"


def founded(*names, seed=1, broker=None):
    sim = GroupSimulation(seed, **({} if broker is None else {"broker": broker}))
    sim.add_broker(NEW)
    return [sim] + sim.found(*names)


def meet_at(url, *members):
    return [member.meets_at for member in members] == [url] * len(members)


def all_move(sim, *members):
    """Their providers give them other addresses: who is away now finds nobody where they were."""
    for member in members:
        member.move(sim.public_address())
    sim.simulate_time(SECOND)


# --- who is connected


def test_who_is_connected_comes_over_at_once_and_no_frame_is_lost():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    talks = [sim.talk(cabin, lodge), sim.talk(lodge, den), sim.talk(den, cabin)]
    sim.simulate_time(SECOND)
    den.do("set_brokers", [NEW])
    sim.simulate_time(2 * SECOND)
    assert meet_at(NEW, den, cabin, lodge)
    sim.broker.stop()
    shed = sim.add_member("shed")
    shed.join(cabin_invites(den, cabin, sim))
    sim.simulate_time(3 * SECOND)
    assert sim.is_whole(den, cabin, lodge, shed) and meet_at(NEW, shed)
    for talk in talks:
        talk.stop()
    sim.simulate_time(SECOND)
    assert all(talk.is_whole() for talk in talks)
    for member in (den, cabin, lodge):
        assert [event.kind for event in member.told if getattr(event, "kind", "") == BROKERS] == [BROKERS]


def cabin_invites(den, cabin, sim):
    den.do("promote", "cabin")
    sim.simulate_time(SECOND)
    return cabin.invite()


def test_who_restarts_goes_to_the_new_one():
    sim, den, cabin = founded("den", "cabin")
    den.do("set_brokers", [NEW])
    sim.simulate_time(SECOND)
    sim.broker.stop()
    for member in (den, cabin):
        member.kill()
    sim.simulate_time(MINUTE)
    for member in (den, cabin):
        member.start()
    sim.simulate_time(3 * SECOND)
    assert meet_at(NEW, den, cabin) and sim.is_whole(den, cabin)


def test_two_halves_that_were_apart_meet_at_the_new_one():
    sim, den, cabin, lodge, shed = founded("den", "cabin", "lodge", "shed")
    sim.broker.stop()
    for one in (den, cabin):
        for other in (lodge, shed):
            sim.internet.cut(one.host.interface, other.host.interface)
    sim.simulate_time(HOUR)
    den.do("set_brokers", [NEW])
    sim.simulate_time(MINUTE)
    assert meet_at(NEW, den, cabin) and meet_at(None, lodge, shed)
    sim.internet.mend()
    sim.simulate_time(5 * MINUTE)
    assert meet_at(NEW, den, cabin, lodge, shed) and sim.is_whole(den, cabin, lodge, shed)


# --- who is away


def away_during_the_change(sim, den, cabin, *others):
    """The cabin is off while the group goes to NEW, and nobody else is where the cabin last saw it."""
    cabin.kill()
    sim.simulate_time(MINUTE)
    den.do("set_brokers", [NEW])
    sim.simulate_time(MINUTE)
    all_move(sim, cabin, den, *others)


def comes_over(sim, cabin, *others, within=10 * SECOND):
    cabin.start()
    sim.simulate_time(within)
    return meet_at(NEW, cabin) and sim.is_whole(cabin, *others)


def test_who_was_away_for_weeks_finds_the_new_one_by_the_old_one():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    away_during_the_change(sim, den, cabin, lodge)
    for member in (den, cabin, lodge):
        member.set_clock(sim.now + SOME_DAY_IN_2025 + 60 * DAY)
    sim.simulate_time(10 * MINUTE)
    assert comes_over(sim, cabin, den, lodge)


def test_the_owner_is_off_as_well():
    """What all have left at the old broker when they went is enough."""
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    away_during_the_change(sim, den, cabin, lodge)
    den.kill()
    sim.simulate_time(10 * MINUTE)
    assert comes_over(sim, cabin, lodge)


def test_the_old_one_was_dead_at_the_change_and_comes_back_with_nothing():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    sim.broker.stop()
    away_during_the_change(sim, den, cabin, lodge)
    cabin.start()
    sim.simulate_time(10 * MINUTE)
    assert meet_at(None, cabin)
    sim.broker.start(empty=True)
    sim.simulate_time(3 * MINUTE)
    assert meet_at(NEW, cabin) and sim.is_whole(cabin, den, lodge)


def test_the_owner_restarted_since():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    away_during_the_change(sim, den, cabin, lodge)
    den.kill()
    sim.broker.retained.clear()
    den.start()
    sim.simulate_time(MINUTE)
    lodge.kill()
    assert comes_over(sim, cabin, den)


def test_there_is_a_new_secret_too_since_or_before():
    for is_before in (True, False):
        sim, den, cabin, lodge, shed = founded("den", "cabin", "lodge", "shed")
        cabin.kill()
        sim.simulate_time(MINUTE)
        if is_before:
            den.do("revoke", "shed")
            sim.simulate_time(5 * MINUTE)
        den.do("set_brokers", [NEW])
        sim.simulate_time(MINUTE)
        if not is_before:
            den.do("revoke", "shed")
            sim.simulate_time(5 * MINUTE)
        all_move(sim, cabin, den, lodge)
        sim.simulate_time(10 * MINUTE)
        assert comes_over(sim, cabin, den, lodge), is_before
        assert cabin.names == ["cabin", "den", "lodge"]


def test_the_group_has_gone_further_since():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    sim.add_broker(THIRD).stop()
    cabin.kill()
    for url in (THIRD, NEW):
        den.do("set_brokers", [url])
        sim.simulate_time(10 * MINUTE)
    all_move(sim, cabin, den, lodge)
    assert comes_over(sim, cabin, den, lodge)


def test_a_restored_owner_hears_its_own_word():
    """Its recovery line is older than the change, and nobody else is there."""
    sim, den, cabin = founded("den", "cabin")
    me, kept = den.identity, dict(den.kept)
    den.do("set_brokers", [NEW])
    sim.simulate_time(MINUTE)
    all_move(sim, den, cabin)
    den.kill()
    new_den = sim.add_member("den", wall=SOME_DAY_IN_2025 + sim.now)
    new_den.be_in(me, {name: kept[name] for name in ("group", "charter", "entries", "secret")})
    sim.simulate_time(5 * SECOND)
    assert meet_at(NEW, new_den, cabin) and sim.is_whole(new_den, cabin)
    new_den.do("set_brokers", [BROKER])
    sim.simulate_time(5 * SECOND)
    assert meet_at(BROKER, new_den, cabin)


# --- invites


def test_an_open_invite_goes_on_to_work_at_the_old_one():
    for issuer in ("den", "cabin"):
        sim, den, cabin = founded("den", "cabin")
        den.do("promote", "cabin")
        sim.simulate_time(SECOND)
        line = {"den": den, "cabin": cabin}[issuer].invite()
        den.do("set_brokers", [NEW])
        sim.simulate_time(MINUTE)
        for member in (den, cabin):
            member.kill()
            member.start()
        sim.simulate_time(MINUTE)
        shed = sim.add_member("shed")
        shed.join(line)
        sim.simulate_time(5 * SECOND)
        assert meet_at(NEW, shed, den, cabin) and sim.is_whole(den, cabin, shed), issuer
        sim.simulate_time(10 * MINUTE)
        assert not cabin.group.former_lines, "the invite is used up, or was another's: it doesn't wait there any more"


# --- what goes wrong


def test_a_slip_of_the_pen_strands_nobody():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    lodge.kill()
    talk = sim.talk(cabin, den)
    den.do("set_brokers", [NOWHERE])
    sim.simulate_time(5 * MINUTE)
    assert meet_at(BROKER, den, cabin)
    all_move(sim, den, cabin)
    lodge.start()
    sim.simulate_time(MINUTE)
    assert sim.is_whole(den, cabin, lodge) and meet_at(BROKER, lodge)
    den.do("set_brokers", [NEW])
    sim.simulate_time(SECOND)
    assert meet_at(NEW, den, cabin, lodge)
    talk.stop()
    sim.simulate_time(SECOND)
    assert talk.is_clean()


def test_a_new_one_that_comes_up_late_is_returned_to():
    sim, den, cabin = founded("den", "cabin")
    late = sim.add_broker(THIRD)
    late.stop()
    den.do("set_brokers", [THIRD])
    sim.simulate_time(HOUR)
    assert meet_at(BROKER, den, cabin)
    late.start()
    sim.simulate_time(2 * MINUTE)
    assert meet_at(THIRD, den, cabin)


def test_what_a_broker_repeats_brings_nobody_back():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge", broker=HostileBroker)
    new = sim.add_broker(NEW)
    for url in (NEW, BROKER, NEW):
        den.do("set_brokers", [url])
        sim.simulate_time(MINUTE)
    talk = sim.talk(cabin, den)
    for broker in (sim.broker, new):
        for trick in ("replay", "replay_elsewhere", "alter", "overwrite", "clear"):
            getattr(broker, trick)()
            sim.simulate_time(MINUTE)
    assert meet_at(NEW, den, cabin, lodge)
    talk.stop()
    sim.simulate_time(SECOND)
    assert talk.is_whole()


def test_a_member_cant_bring_the_old_charter_back():
    sim, den, cabin, lodge = founded("den", "cabin", "lodge")
    old = cabin.group.charter.data
    den.do("set_brokers", [NEW])
    sim.simulate_time(MINUTE)
    cabin.group.charters.current = lodge.group.charters.current._replace(data=old)
    cabin.node.gossip.tell_charter(sim.now)
    cabin.node.poll_event()
    sim.simulate_time(SECOND)
    cabin.group.signalling.announce(dict(cabin.group._moved(), x=1), sim.now)
    sim.simulate_time(MINUTE)
    assert meet_at(NEW, den, lodge)
    assert den.group.charter.brokers == lodge.group.charter.brokers == (NEW,)


# --- a large group


def test_in_a_larger_group_all_come_over_and_the_old_one_hears_little():
    """Whoever goes leaves a farewell in a small group; in a large one its admins do."""
    sim, den, *others = founded("den", *["m%d" % i for i in range(FEW + 4)])
    said = len(sim.broker.log)
    began = sim.now
    den.do("set_brokers", [NEW])
    while not meet_at(NEW, den, *others) and sim.now < began + MINUTE:
        sim.simulate_time(100)
    assert sim.now - began <= 2 * SECOND
    sim.simulate_time(5 * SECOND)
    assert len(sim.broker.log) - said <= 2
