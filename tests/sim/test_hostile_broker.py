"""The broker is the enemy: each trick is counted under a word and harms nobody."""

from broker import HostileBroker
from member import GroupSimulation, agree

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

SECOND, MINUTE = 1_000, 60_000


def besieged(seed=1):
    """A group that has lived a while at a hostile broker: (sim, members, a function that tells what they dropped)."""
    sim = GroupSimulation(seed, broker=HostileBroker)
    members = sim.found("den", "cabin", "lodge", "shed")
    den, cabin, lodge, shed = members
    den.invite()
    den.do("rename", "lodge", "hut")
    den.do("promote", "cabin")
    sim.simulate_time(5 * SECOND)
    den.do("revoke", "shed")
    sim.simulate_time(10 * SECOND)
    members.remove(shed)
    shed.kill()
    before = [dict(member.dropped) for member in members]

    def dropped():
        words = {}
        for member, known in zip(members, before):
            for word, count in member.dropped.items():
                if count > known.get(word, 0):
                    words[word] = words.get(word, 0) + count - known.get(word, 0)
        return words

    return sim, members, dropped


def check_that_nobody_is_harmed(sim, members, trick):
    den, cabin, lodge = members
    state = [(member.roster.entries(), member.group.secret.offer) for member in members]
    talk = sim.talk(cabin, lodge)
    trick(sim.broker)
    sim.simulate_time(MINUTE)
    talk.stop()
    sim.simulate_time(SECOND)
    assert [(member.roster.entries(), member.group.secret.offer) for member in members] == state
    assert talk.is_whole() and sim.is_whole(*members)


def test_a_broker_that_replays():
    sim, members, dropped = besieged()
    check_that_nobody_is_harmed(sim, members, HostileBroker.replay)
    assert dropped().get("signal-replayed", 0) > 0 and dropped().get("signal-unknown-topic", 0) > 0, dropped()


def test_a_broker_that_puts_things_elsewhere():
    sim, members, dropped = besieged()
    check_that_nobody_is_harmed(sim, members, HostileBroker.replay_elsewhere)
    assert dropped().get("signal-forged", 0) > 0, dropped()


def test_a_broker_that_alters():
    sim, members, dropped = besieged()
    check_that_nobody_is_harmed(sim, members, HostileBroker.alter)
    assert dropped().get("signal-forged", 0) > 0, dropped()


def test_a_broker_that_invents():
    sim, members, dropped = besieged()
    check_that_nobody_is_harmed(sim, members, HostileBroker.invent)
    for word in ("signal-forged", "signal-unknown-topic", "signal-oversized", "bad-box"):
        assert dropped().get(word, 0) > 0, (word, dropped())


def test_a_broker_that_overwrites_has_all_put_back():
    for clears in (False, True):
        sim, members, dropped = besieged()
        trick = HostileBroker.clear if clears else HostileBroker.overwrite
        check_that_nobody_is_harmed(sim, members, trick)
        assert dropped().get("signal-overwritten", 0) > 0, dropped()
        newcomer = sim.add_member("newcomer")
        newcomer.join(members[0].invite())
        sim.simulate_time(5 * SECOND)
        assert sim.is_whole(newcomer, *members) and agree(newcomer, *members)


def test_a_broker_that_reorders_and_drops():
    sim, members, dropped = besieged()
    chance = sim.chance.fork()
    sim.broker.delays = lambda client, topic, payload: chance.below(30_000)
    sim.broker.withholds = lambda client, topic, payload: chance.percent(30)
    newcomer = sim.add_member("newcomer")
    newcomer.join(members[0].invite())
    members[0].do("rename", "hut", "lodge")
    sim.simulate_time(10 * MINUTE)
    assert sim.is_whole(newcomer, *members) and agree(newcomer, *members)
    known = {"signal-replayed", "signal-overwritten", "join-unexpected", "unexpected-response"}
    assert set(dropped()) <= known, dropped()


def test_a_broker_finds_no_name_and_no_key_in_anything():
    sim, members, _ = besieged()
    words = [name.encode() for name in ("den", "cabin", "lodge", "hut", "shed", "friends")]
    for member in members:
        words += [member.identity.public, member.identity.wg_public, member.group.secret.secret]
    for seen in sim.broker.log:
        for word in words:
            assert len(word) < 5 or word not in seen.payload and word not in seen.topic.encode()
