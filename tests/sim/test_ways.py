"""Two homes find the best way to each other, whatever stands between them, and nobody notices when it changes."""

from member import PORT, GroupSimulation
from nat import ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT

from ipop.overlay.relay import is_relayed, route

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000

KINDS = {
    "public": None,
    "full cone": {"filtering": ENDPOINT_INDEPENDENT},
    "restricted cone": {"filtering": ADDRESS_DEPENDENT},
    "port restricted": {},
    "symmetric": {"mapping": ADDRESS_AND_PORT_DEPENDENT, "preserve_ports": False},
}
# whoever of a pair is of these kinds can't be told where the other one will come from
APART = ({"symmetric"}, {"symmetric", "port restricted"})


def homes(*kinds, relays=1):
    """A group whose first members can be reached by all, and others behind NATs of these kinds; they have just met."""
    sim = GroupSimulation()
    helpers = sim.found(*["helper %d" % n for n in range(relays)])
    others = []
    for n, kind in enumerate(kinds):
        options = KINDS[kind]
        nat = None if options is None else sim.add_nat("nat %d" % n, **options)
        other = sim.add_member("%s %d" % (kind, n), nat=nat)
        other.join(helpers[0].invite())
        others.append(other)
    return sim, helpers, others


def way(one, other):
    """Where `one` sends what is for the other."""
    return one.peer(other)["endpoint"]


def is_direct(one, other):
    return not is_relayed(way(one, other)) and not is_relayed(way(other, one))


def test_every_pair_of_nats_connects_at_once_and_then_as_directly_as_it_can():
    kinds = list(KINDS)
    for i, kind in enumerate(kinds):
        for other_kind in kinds[i:]:
            sim, _, (a, b) = homes(kind, other_kind)
            began = sim.now
            while None in (a.node, b.node) or not sim.is_connected(a, b):
                sim.simulate_time(50)
                assert sim.now - began < 5 * SECOND, "%s and %s" % (kind, other_kind)
            connected = sim.now - began
            talk = sim.talk(a, b)
            sim.simulate_time(30 * SECOND)
            talk.stop()
            sim.simulate_time(SECOND)
            assert is_direct(a, b) == ({kind, other_kind} not in APART), "%s and %s" % (kind, other_kind)
            assert talk.is_whole(), "%s and %s" % (kind, other_kind)
            print("%s and %s: %d ms, %s" % (kind, other_kind, connected, "direct" if is_direct(a, b) else "relayed"))


def test_a_relay_that_dies_is_replaced_within_three_seconds():
    sim, helpers, (a, b) = homes("symmetric", "symmetric", relays=3)
    sim.simulate_time(20 * SECOND)
    talk = sim.talk(a, b)
    sim.simulate_time(5 * SECOND)
    used = route(way(a, b))[0]
    (helper,) = [helper for helper in helpers if helper.public_key[:8] == used]
    helper.kill()
    killed = sim.now
    sim.simulate_time(20 * SECOND)
    assert talk.resumed_after(killed) < 3 * SECOND
    print("another relay: %d ms" % talk.resumed_after(killed))


def test_a_direct_way_that_is_cut_is_replaced_by_a_relay_and_taken_up_again():
    sim = GroupSimulation()
    den, a = sim.found("den", "cabin")
    nat = sim.add_nat("nat")
    b = sim.add_member("lodge", nat=nat)
    b.join(den.invite())
    sim.simulate_time(20 * SECOND)
    assert is_direct(a, b)
    there, back = sim.talk(a, b), sim.talk(b, a)
    sim.internet.cut(a.host.interface, nat.outside)
    cut = sim.now
    sim.simulate_time(20 * SECOND)
    for talk in (there, back):
        assert talk.resumed_after(cut) < 3 * SECOND
    assert not is_direct(a, b)
    sim.internet.mend()
    sim.simulate_time(2 * MINUTE)
    assert is_direct(a, b)


def test_two_homes_behind_one_nat_talk_inside_it():
    sim = GroupSimulation()
    (den,) = sim.found("den")
    nat = sim.add_nat("nat")
    a, b = [sim.add_member(name, nat=nat) for name in ("attic", "basement")]
    for member in (a, b):
        member.join(den.invite())
    sim.simulate_time(20 * SECOND)
    assert sim.is_connected(a, b) and is_direct(a, b)
    assert way(a, b)[0].startswith("192.168.") and way(b, a)[0].startswith("192.168.")


def test_a_relay_forwards_nothing_for_strangers_nor_to_them():
    sim, (helper,), (a, b) = homes("symmetric", "symmetric")
    sim.simulate_time(20 * SECOND)
    assert sim.hears(a, b)
    helper.node.relay.is_willing = False
    assert not sim.hears(a, b)
    assert helper.dropped["relay-unwilling"] > 0


def test_a_group_that_has_met_is_quiet():
    """Each may be reached in several ways, and asks for them now and then; nobody's question is another one's cause."""
    sim = GroupSimulation()
    sim.found(*["home %d" % n for n in range(8)])
    sim.simulate_time(2 * MINUTE)
    seen = []
    sim.internet.watch(lambda data, source, destination: seen.append(len(data)))
    sim.simulate_time(5 * MINUTE)
    pairs = 8 * 7 // 2
    assert sum(seen) / pairs / 300 < 20, "bytes per second and pair"


def test_a_relay_that_sends_from_its_own_address_what_it_should_hand_on_gets_nobodys_traffic():
    sim, (helper,), (a, b) = homes("public", "public")
    sim.simulate_time(20 * SECOND)
    assert is_direct(a, b)
    stolen = []
    forward = helper.node.relay.forward

    def keep(source, content, now):
        stolen.append(content)
        target = b if content[:8] == b.public_key[:8] else a
        helper.host.send(content[8:], PORT, target.address)
        return forward(source, content, now)

    helper.node.relay.forward = keep
    talk = sim.talk(a, b)
    sim.simulate_time(5 * MINUTE)
    assert way(a, b) == b.address and way(b, a) == a.address
    talk.stop()
    sim.simulate_time(SECOND)
    assert talk.is_clean() and not talk.missing()


def test_where_members_say_they_see_us_is_believed_once_in_a_while():
    """A member that says something else each time makes nobody sign and tell a new place each time."""
    sim, (helper,), (a, b) = homes("port restricted", "port restricted")
    sim.simulate_time(20 * SECOND)
    told = []
    sign = a.group.set_place
    a.group.set_place = lambda *rest: told.append(rest[0]) or sign(*rest)
    link = a.node._links[helper.public_key]
    for n in range(200):
        a.node._note_where_we_are_seen(link, ("192.0.2.%d" % n, 1), sim.now)
        a._pump()
        sim.simulate_time(100)
    assert len({repr(addresses) for addresses in told}) <= 2


def test_a_nat_with_another_address_costs_less_than_three_seconds_and_the_way_is_direct_again():
    sim = GroupSimulation()
    den, _ = sim.found("den", "cabin")
    nats = [sim.add_nat(name) for name in ("one", "other")]
    a, b = [sim.add_member(nat.name + " home", nat=nat) for nat in nats]
    for member in (a, b):
        member.join(den.invite())
    sim.simulate_time(60 * SECOND)
    assert is_direct(a, b)
    talks = [sim.talk(a, b), sim.talk(b, a)]
    sim.simulate_time(SECOND)
    nats[0].reboot("198.18.9.9")
    moved = sim.now
    sim.simulate_time(30 * SECOND)
    times = [talk.resumed_after(moved) for talk in talks]
    print("another address outside: %s ms" % times)
    assert max(times) < 3 * SECOND
    assert is_direct(a, b) and way(b, a)[0] == "198.18.9.9"
