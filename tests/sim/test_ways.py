"""Two homes find the best way to each other, whatever stands between them, and nobody notices when it changes."""

from member import PORT, GroupSimulation
from nat import ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT

from ipop.node import MOVED
from ipop.overlay.paths import NONCE
from ipop.overlay.relay import is_relayed, route
from ipop.wire import payload

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

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


def test_two_relays_that_die_at_once_are_replaced_by_the_third_within_three_seconds():
    """They stand in one house, and its fuse blows."""
    for survivor in (0, 1):
        sim, helpers, (a, b) = homes("symmetric", "symmetric", relays=3)
        sim.simulate_time(20 * SECOND)
        talks = [sim.talk(a, b, every=100), sim.talk(b, a, every=100)]
        sim.simulate_time(3 * SECOND)
        used = route(way(a, b))[0]
        others = [helper for helper in helpers if helper.public_key[:8] != used]
        for helper in helpers:
            if helper is not others[survivor]:
                helper.kill()
        killed = sim.now
        sim.simulate_time(5 * SECOND)
        times = [talk.resumed_after(killed) for talk in talks]
        print("the third relay: %s ms" % times)
        assert max(times) < 3 * SECOND


def test_ways_stand_still_when_answers_take_longer_now_and_then():
    """Two relays are equally near, only one side talks, and the other has searched anew."""
    sim, _, (a, b) = homes("symmetric", "symmetric", relays=2)
    sim.simulate_time(20 * SECOND)
    sim.weather(jitter=10)
    talk = sim.talk(a, b, every=200)
    for one, other in ((b, a), (a, b)):
        one.node._links[other.public_key].search.begin(sim.now)
        sim.simulate_time(7 * SECOND)
    for member in (a, b):
        member.events.clear()
    sim.simulate_time(90 * SECOND)
    moves = [len([event for event in member.events if event.kind == MOVED]) for member in (a, b)]
    print("moves: %s" % moves)
    assert sum(moves) <= 4
    assert talk.is_clean() and len(talk.arrived) >= 0.99 * len(talk.sent)


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


def test_two_who_could_be_called_by_anybody_but_each_other_meet_through_a_relay():
    """One has only IPv4 and the other only IPv6, or somebody on the way filters: nobody has announced a relay."""
    sim = GroupSimulation()
    den, a = sim.found("den", "cabin")
    b = sim.add_member("lodge")
    sim.internet.cut(a.host.interface, b.host.interface)
    b.join(den.invite())
    began = sim.now
    while b.node is None or not sim.is_connected(a, b):
        sim.simulate_time(50)
        assert sim.now - began < 3 * SECOND
    assert is_relayed(way(a, b)) and is_relayed(way(b, a))
    talk = sim.talk(a, b)
    sim.simulate_time(MINUTE)
    sim.internet.mend()
    sim.simulate_time(5 * MINUTE)
    talk.stop()
    sim.simulate_time(SECOND)
    assert is_direct(a, b)
    assert talk.is_whole()


def test_two_whose_nearest_relays_have_only_one_family_each_meet_through_one_that_has_both():
    """One is reached by IPv4 only, the other by IPv6 only; so are the two relays that are nearest to each."""
    sim = GroupSimulation()
    den, *near = sim.found("den", "four", "another four", "six", "another six")
    den.host.interface.up.latency = den.host.interface.down.latency = 60
    nats = [sim.add_nat(name) for name in ("attic nat", "barn nat")]
    a, b = [sim.add_member(name, nat=nat) for name, nat in zip(("attic", "barn"), nats)]
    for here in (near[0].host.interface, near[1].host.interface, nats[0].outside):
        for there in (near[2].host.interface, near[3].host.interface, nats[1].outside):
            sim.internet.cut(here, there)
    b.join(den.invite())
    sim.simulate_time(10 * SECOND)
    a.join(den.invite())
    sim.simulate_time(10 * SECOND)
    assert sim.is_connected(a, b) and sim.hears(a, b)
    for member in (a, b):
        member.kill()
    sim.simulate_time(3 * MINUTE)
    b.start()
    sim.simulate_time(10 * SECOND)
    a.start()
    started = sim.now
    while not sim.is_connected(a, b):
        sim.simulate_time(50)
        assert sim.now - started < 5 * SECOND
    print("connected after %d ms" % (sim.now - started))
    assert sim.hears(a, b) and sim.hears(b, a)


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


def test_a_peer_that_is_asked_inside_the_nat_and_outside_sees_us_at_two_addresses_and_nothing_is_signed_anew():
    sim = GroupSimulation()
    (den,) = sim.found("den")
    nat = sim.add_nat("nat", hairpin=True)
    a, b = [sim.add_member(name, nat=nat) for name in ("attic", "basement")]
    for member in (a, b):
        member.join(den.invite())
    sim.simulate_time(20 * SECOND)
    talk = sim.talk(a, b, every=500)
    sim.simulate_time(MINUTE)
    places = [member.group.places.get(member.identity.public) for member in (a, b)]
    assert (nat.outside.address, PORT) in places[0].addresses
    a.events.clear()
    sim.simulate_time(11 * MINUTE)  # they ask each other at all addresses again every five
    assert [member.group.places.get(member.identity.public) for member in (a, b)] == places
    assert not a.events and talk.is_clean()


def test_a_relay_that_says_so_only_later_is_taken_by_those_who_had_met_it():
    """Its public address came late, or `option relay` was changed: nothing else happens at those who need it."""
    sim = GroupSimulation()
    (helper,) = sim.found("helper")
    helper.set_relay("0")
    a, b = [sim.add_member(name, nat=sim.add_nat(name, **KINDS["symmetric"])) for name in ("attic", "barn")]
    for member in (a, b):
        member.join(helper.invite())
    sim.simulate_time(20 * SECOND)
    assert sim.is_connected(a, helper) and sim.is_connected(b, helper) and not sim.is_connected(a, b)
    helper.set_relay("auto")
    sim.simulate_time(5 * SECOND)
    assert sim.is_connected(a, b) and is_relayed(way(a, b)) and sim.hears(a, b)


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
    lies = []

    def lie(link, content, addr, now):
        lies.append("192.0.2.%d:1" % len(lies))
        answer = payload.control(payload.PONG, content[:NONCE] + lies[-1].encode())
        link.peer.tell(answer, now, wants_answer=False, addr=addr)

    helper.node._finder.handle_ping = lie
    for n in range(200):
        a.node.ping(helper.public_key, n, sim.now)
        a._pump()
        sim.simulate_time(100)
    assert len(lies) >= 200
    assert len({repr(addresses) for addresses in told}) <= 4


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
