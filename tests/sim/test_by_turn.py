"""Homes with an address at a TURN server meet through it where they must, and directly where they can.

What a server says and lets in: tests/unit/test_turn.py, tests/lab/test_last_resort.py. Here is how nodes choose.
"""

from member import GroupSimulation

from ipop.wire.ways import is_by_turn, is_detour

SECOND = 1_000
RELAYED = 50_000  # the port of somebody's address at a server


def homes(*kinds):
    """Two homes that have just met, of these kinds: (whether UDP gets out, whether there is an address at a server)."""
    sim = GroupSimulation()
    members = []
    for n, (is_open, has_turn) in enumerate(kinds):
        nat = sim.add_nat("nat %d" % n)
        if not is_open:
            nat.home.gateway.receive = lambda data, source, destination: None
        member = sim.add_member("home %d" % n, nat=nat)
        if has_turn:
            member.use_turn(sim.add_host("server %d" % n), RELAYED)
        members.append(member)
    a, b = members
    a.create("friends")
    b.join(a.invite())
    while None in (a.node, b.node) or not sim.is_connected(a, b):
        sim.simulate_time(50)
        assert sim.now < 10 * SECOND
    return sim, a, b


def way(one, other):
    return one.peer(other)["endpoint"]


def test_two_networks_that_block_udp():
    sim, a, b = homes((False, True), (False, True))
    there, back = sim.talk(a, b), sim.talk(b, a)
    sim.simulate_time(30 * SECOND)
    for talk in (there, back):
        talk.stop()
    sim.simulate_time(SECOND)
    assert is_by_turn(way(a, b)) and is_by_turn(way(b, a))
    assert there.is_whole() and back.is_whole()


def test_a_network_that_blocks_udp_and_a_usual_one():
    for kinds in (((False, True), (True, False)), ((True, False), (False, True))):
        sim, a, b = homes(*kinds)
        blocked, usual = (a, b) if not kinds[0][0] else (b, a)
        there, back = sim.talk(a, b), sim.talk(b, a)
        sim.simulate_time(30 * SECOND)
        for talk in (there, back):
            talk.stop()
        sim.simulate_time(SECOND)
        assert is_by_turn(way(blocked, usual)) and not is_detour(way(usual, blocked))
        assert there.is_whole() and back.is_whole()


def test_where_there_is_a_direct_way_it_is_taken_without_a_lost_packet():
    """They learn through the server where they are seen."""
    sim, a, b = homes((True, True), (True, True))
    there, back = sim.talk(a, b), sim.talk(b, a)
    sim.simulate_time(40 * SECOND)
    for talk in (there, back):
        talk.stop()
    sim.simulate_time(SECOND)
    for one, other in ((a, b), (b, a)):
        assert way(one, other)[1] != RELAYED and not is_detour(way(one, other))
    assert there.is_whole() and back.is_whole()


def test_a_detour_is_not_kept_for_the_next_start():
    _, a, _ = homes((False, True), (False, True))
    assert a.node.endpoints() == {}
