"""Who is revoked is out at once for all on line, learns no secret any more, and can't come back."""

from broker import HostileBroker
from member import GroupSimulation, agree

from ipop.errors import Rejected
from ipop.group import entry, identity, secret
from ipop.group.entry import MEMBER
from ipop.wire import payload

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
YEARS = 10 * 365 * 24 * HOUR
LAST_SERIAL = (1 << 64) - 1


def turn_hostile(sim, member):
    """From now on it believes nothing that is against it, asks everybody for the secret, and notes what it gets.

    Returns the list of offers that came through its tunnels."""
    got = []
    group, node = member.group, member.node
    group.roster.add = lambda data: False
    group.secret.add = lambda data, now: got.append(bytes(data))
    nothing = b"\1" + b"".join(group.roster.digests()) + bytes(16)

    def ask():
        if member.node is node:
            for link in node.gossip._links:
                link.peer.tell(payload.control(payload.COMPARE, nothing), sim.now, wants_answer=False)
            member._pump()
            sim.agenda.at(sim.now + 200, ask)

    ask()
    return got


def finds(sim, member, admins):
    """The offers that a member can make of what a broker ever showed, with its own key."""
    crypto, group_key = member._crypto, member.roster.group_key
    found = []
    for admin in admins:
        pair = secret.pair(crypto, group_key, member.identity, admin.identity.public, member.identity.public)
        for seen in sim.broker.log:
            try:
                found.append(secret.unbox(crypto, pair, seen.payload))
            except Rejected:
                pass
    return found


def test_its_frames_stop_at_once_for_all_on_line():
    sim = GroupSimulation()
    den, cabin, lodge, shed = sim.found("den", "cabin", "lodge", "shed")
    turn_hostile(sim, cabin)
    talks = [sim.talk(cabin, other) for other in (lodge, shed)]
    sim.simulate_time(2 * SECOND)
    den.do("revoke", "cabin")
    revoked = sim.now
    sim.simulate_time(2 * MINUTE)
    for talk in talks:
        assert talk.arrived and max(talk.arrived.values()) - revoked < 100
    assert not sim.hears(den, cabin) and not sim.hears(lodge, cabin)
    assert sim.hears(lodge, den)


def test_it_never_learns_the_new_secret():
    """Not through a tunnel of somebody who has not heard yet, not from a box, not under the old secret."""
    for seed in range(1, 6):
        sim = GroupSimulation(seed)
        members = sim.found("den", "cabin", "lodge", "shed")
        den, cabin, lodge, shed = members
        sim.weather(loss=30, jitter=30)
        got = turn_hostile(sim, cabin)
        den.do("revoke", "cabin")
        sim.simulate_time(3 * MINUTE)
        new = den.group.secret.secret
        assert lodge.group.secret.secret == shed.group.secret.secret == new != cabin.group.secret.secret
        offers = got + finds(sim, cabin, members)
        assert not [offer for offer in offers if new in offer], "seed %d: it was told" % seed
        assert not [seen for seen in sim.broker.log if new in seen.payload]


def test_the_new_secret_waits_at_the_broker_only_for_who_is_away():
    sim = GroupSimulation()
    den, cabin, lodge, shed = sim.found("den", "cabin", "lodge", "shed")
    den.do("promote", "cabin")
    sim.simulate_time(MINUTE)
    shed.kill()
    cabin.do("revoke", "lodge")
    sim.simulate_time(5 * SECOND)
    assert boxes(sim, den, cabin, shed) == [("cabin", "shed")], "who made it leaves it"
    sim.simulate_time(5 * MINUTE)
    assert boxes(sim, den, cabin, shed) == [("cabin", "shed"), ("den", "shed")], "the owner too"
    sim.simulate_time(2 * HOUR)
    assert boxes(sim, den, cabin, shed) == [("cabin", "shed"), ("den", "shed")]
    for other in (den, cabin):
        sim.internet.cut(other.host.interface, shed.host.interface)
    shed.start()
    sim.simulate_time(MINUTE)
    assert shed.group.secret.secret == den.group.secret.secret
    assert boxes(sim, den, cabin, shed) == []


def boxes(sim, *members):
    """[(from, to)] of those that wait at the broker."""
    found = []
    for sender in members:
        for reader in members:
            if reader is not sender:
                keys = sender.identity.public, reader.identity.public
                slot, _ = secret.pair(sender._crypto, members[0].roster.group_key, sender.identity, *keys)
                if "ipop/" + identity.base32(slot)[:26].lower() in sim.broker.retained:
                    found.append((sender.name, reader.name))
    return sorted(found)


def test_nor_with_the_help_of_the_broker():
    """It shows who is away the new secret, and withholds why there is one."""
    sim = GroupSimulation(broker=HostileBroker)
    den, cabin, lodge = sim.found("den", "cabin", "lodge")
    sim.internet.cut(den.host.interface, lodge.host.interface)
    got = turn_hostile(sim, cabin)
    sim.broker.withholds = lambda client, topic, payload: client is lodge and topic.count("/") == 2
    den.do("revoke", "cabin")
    sim.simulate_time(MINUTE)
    assert "cabin" not in lodge.names  # the reason is in the box
    assert not [offer for offer in got if den.group.secret.secret in offer]


def test_it_can_not_come_back_with_anything_that_it_kept():
    sim = GroupSimulation()
    den, cabin, lodge = sim.found("den", "cabin", "lodge")
    old_line = den.invite(uses=5)
    den.do("promote", "cabin")
    sim.simulate_time(SECOND)
    kept, me, group_key = cabin.kept, cabin.identity, cabin.roster.group_key
    twin = identity.create(cabin._crypto)
    forged = [
        entry.sign(me, group_key, key, name, role, (200 + number, 24), LAST_SERIAL, sim.now)
        for number, (key, name, role) in enumerate(
            ((me.public, "cabin", MEMBER), (twin.public, "twin", MEMBER), (lodge.identity.public, "fool", MEMBER))
        )
    ]
    den.do("revoke", "cabin")
    sim.simulate_time(SECOND)
    before = den.roster.entries()
    cabin.kill()

    cabin.kept = dict(kept, entries=kept["entries"] + forged[1:])
    cabin.set_clock(cabin.wall + YEARS)
    cabin.start()
    turn_hostile(sim, cabin)
    cabin.group._news.extend(forged)
    cabin.group.set_place([("198.18.0.99", 1)], sim.now)
    for data in forged:
        cabin.node.gossip.tell_entries([data], sim.now)
    cabin._pump()
    sim.simulate_time(5 * MINUTE)
    assert not sim.hears(cabin, den) and not sim.hears(cabin, lodge) and not sim.hears(lodge, cabin)
    assert den.roster.entries() == lodge.roster.entries() == before
    assert den.group.places.get(me.public) is None

    cabin.kill()
    cabin.kept = None
    cabin.start()
    cabin.join(old_line, me)
    sim.simulate_time(MINUTE)
    assert cabin.group is None and cabin.told[-1] == "refused"


def test_nor_with_an_invite_that_it_saw_and_a_new_key():
    sim = GroupSimulation()
    den, cabin, lodge = sim.add_members("den", "cabin", "lodge")
    den.create("friends")
    line = den.invite(uses=5)
    for other in (cabin, lodge):
        other.join(line)
    sim.simulate_time(5 * SECOND)
    den.do("revoke", "cabin")
    sim.simulate_time(SECOND)
    cabin.kill()
    cabin.kept = None
    cabin.start()
    cabin.join(line)
    sim.simulate_time(MINUTE)
    assert cabin.group is None and den.names == ["den", "lodge"]


def check_that_it_is_out_before_any_frame_passes(seed):
    sim = GroupSimulation(seed)
    den, cabin, lodge, shed = sim.found("den", "cabin", "lodge", "shed", settle=2 * SECOND)
    shed.kill()
    den.do("revoke", "cabin")
    sim.simulate_time(MINUTE)
    sim.broker.stop()
    cabin.host.interface.unplug()  # who reaches the revoked one alone can't know
    shed.start()
    sim.talk(lodge, shed, every=10)
    knows_cabin = []
    shed.console.on_udp = lambda sender, data: knows_cabin.append("cabin" in shed.names)
    sim.simulate_time(5 * SECOND)
    assert knows_cabin and not any(knows_cabin), seed
    assert shed.group.secret.secret == den.group.secret.secret


def test_who_was_away_hears_of_it_before_any_frame_passes():
    for seed in range(1, 6):
        check_that_it_is_out_before_any_frame_passes(seed)


def test_the_new_secret_waits_for_who_is_away():
    sim = GroupSimulation()
    den, cabin, lodge = sim.found("den", "cabin", "lodge")
    cabin.kill()  # an honest one would tell of its own revocation
    lodge.kill()
    lodge.host.interface.unplug()  # nor will it be back in a tunnel
    den.do("revoke", "cabin")
    sim.simulate_time(HOUR)
    lodge.start()
    sim.simulate_time(10 * SECOND)
    assert lodge.group.secret.secret == den.group.secret.secret and agree(den, lodge)


def test_even_when_admin_and_broker_have_started_anew():
    sim = GroupSimulation()
    den, cabin, lodge = sim.found("den", "cabin", "lodge")
    cabin.kill()
    lodge.kill()
    lodge.host.interface.unplug()
    den.do("revoke", "cabin")
    sim.simulate_time(HOUR)
    sim.broker.stop()
    den.restart()
    sim.simulate_time(HOUR)
    sim.broker.start(empty=True)
    sim.simulate_time(2 * MINUTE)
    lodge.start()
    sim.simulate_time(MINUTE)
    assert lodge.group.secret.secret == den.group.secret.secret and agree(den, lodge)


def test_even_when_an_admin_made_it_of_whom_the_absent_one_has_not_heard():
    sim = GroupSimulation()
    den, cabin, lodge, shed = sim.found("den", "cabin", "lodge", "shed")
    lodge.kill()
    lodge.host.interface.unplug()
    cabin.kill()
    den.do("promote", "shed")
    sim.simulate_time(SECOND)
    shed.do("revoke", "cabin")
    sim.simulate_time(HOUR)
    lodge.start()
    sim.simulate_time(MINUTE)
    assert lodge.group.secret.secret == shed.group.secret.secret and agree(den, lodge, shed)


def test_two_halves_that_revoked_somebody_each_agree_on_a_secret_that_neither_knows():
    sim = GroupSimulation()
    members = sim.found("den", "cabin", "lodge", "shed", "barn")
    den, cabin, lodge, shed, barn = members
    den.do("promote", "cabin")
    sim.simulate_time(SECOND)
    sim.broker.stop()
    here, there = (den, lodge), (cabin, shed, barn)
    for one in here:
        for other in there:
            sim.internet.cut(one.host.interface, other.host.interface)
    den.do("revoke", "barn")  # is on the other side, as lodge is on ours
    cabin.do("revoke", "lodge")
    sim.simulate_time(HOUR)
    kept = [(router, [router.group.secret.secret]) for router in (lodge, barn)]
    offers = [turn_hostile(sim, router) for router in (lodge, barn)]
    sim.internet.mend()
    sim.broker.start()
    sim.simulate_time(10 * MINUTE)
    assert agree(den, cabin, shed) and den.names == ["cabin", "den", "shed"]
    secrets = [router.group.secret.secret for router in (den, cabin, shed)]
    assert secrets[0] == secrets[1] == secrets[2]
    for router, known in kept:
        assert secrets[0] not in known, router.name
    assert not [offer for got in offers for offer in got if secrets[0] in offer]
