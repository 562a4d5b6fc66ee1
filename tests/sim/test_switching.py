"""The homes' Ethernets are one, and yet a flood in one doesn't drown the others."""

from simulation import Simulation
from wiretap import TRANSPORT, Wiretap

NAMES = ("den", "cabin", "villa", "barn")
KEEPALIVE = 32  # bytes


def four_homes():
    """Everyone is connected with everyone, and nobody knows yet where any console is."""
    sim = Simulation()
    homes = [sim.add_node(name) for name in NAMES]
    for index, one in enumerate(homes):
        for other in homes[index + 1 :]:
            sim.connect(one, other)
    sim.simulate_time(500)
    return sim, homes


def frames_sent(wire, router):
    """What a router sent that may hold a frame."""
    sent = wire.find(TRANSPORT, source=router.host.address)
    return [seen for seen in sent if len(seen.data) > 64]


def test_a_broadcast_reaches_every_other_home_once():
    sim, (den, cabin, villa, barn) = four_homes()
    den.console.broadcast(b"anybody here?")
    sim.simulate_time(500)
    for home in (cabin, villa, barn):
        assert home.console.received == [(den.console.ip, b"anybody here?")]
    assert den.console.received == []


def test_a_unicast_goes_to_its_home_alone():
    sim, (den, cabin, villa, barn) = four_homes()
    cabin.console.broadcast(b"here I am")
    sim.simulate_time(500)
    den.console.send(cabin.console, bytes(100))
    sim.simulate_time(500)
    wire = Wiretap(sim.internet)
    den.console.send(cabin.console, bytes(100))
    sim.simulate_time(500)
    assert len(cabin.console.received) == 2
    assert [seen.destination[0] for seen in frames_sent(wire, den)] == [cabin.host.address]


def test_neighbours_in_one_home_need_no_tunnel():
    sim, (den, cabin, _, _) = four_homes()
    tablet = den.add_console(99)
    wire = Wiretap(sim.internet)
    den.console.send(tablet, bytes(100))
    sim.simulate_time(500)
    assert len(tablet.received) == 1
    assert frames_sent(wire, den) == []


def test_a_console_that_is_carried_to_another_home_is_found_there():
    sim, (den, cabin, villa, _) = four_homes()
    cabin.console.broadcast(b"here I am")
    den.console.broadcast(b"and I here")
    sim.simulate_time(500)
    carried = villa.lan.add("carried", cabin.console.mac, cabin.console.ip)
    cabin.lan.consoles.clear()
    carried.broadcast(b"now I am here")
    sim.simulate_time(500)
    den.console.send(carried, b"welcome")
    sim.simulate_time(500)
    assert (den.console.ip, b"welcome") in carried.received


def test_a_storm_of_broadcasts_stays_as_large_as_it_was_made():
    sim, homes = four_homes()
    den = homes[0]
    wire = Wiretap(sim.internet, TRANSPORT)
    for number in range(1000):
        den.console.broadcast(b"%d" % number + bytes(100))
        sim.simulate_time(1)
    sim.simulate_time(5_000)
    passed = 1000 - den.dropped["storm"]
    assert 300 <= passed <= 450  # what one device may send at once, and 100 a second
    for home in homes[1:]:
        assert len(home.console.received) == passed
        assert home.console.frames == passed
        assert frames_sent(wire, home) == []
    assert len(frames_sent(wire, den)) == 3 * passed


def test_what_came_from_a_tunnel_never_goes_into_another():
    """Broadcast, unknown or meant for a console that another home has shown: the villa hears it from nobody."""
    sim = Simulation()
    den, cabin, villa = [sim.add_node(name) for name in NAMES[:3]]
    sim.connect(den, cabin)
    sim.connect(cabin, villa)
    sim.simulate_time(500)
    villa.console.broadcast(b"here I am")
    for home in (den, cabin):
        home.console.send(villa.console, b"here I am")
    sim.simulate_time(1_000)
    villa.console.received.clear()
    wire = Wiretap(sim.internet)
    den.console.broadcast(b"everyone" + bytes(100))
    den.console.send(villa.console, b"villa" + bytes(100))
    den.console.send(villa.add_console(99), b"nobody knows" + bytes(100))
    sim.simulate_time(5_000)
    assert len([seen for seen in frames_sent(wire, den) if len(seen.data) < 1_000]) == 3  # the path is asked about too
    assert frames_sent(wire, cabin) == []
    assert villa.console.received == []
