"""Two routers find each other, and so do the consoles behind them."""

from nat import ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT
from simulation import Simulation

KINDS = (ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


def two_homes(latency=20, behind=None, **kind):
    """The den behind a NAT, the cabin on the internet itself."""
    sim = Simulation(latency=latency)
    carrier = sim.add_nat("carrier", inside="100.64.0.", **behind) if behind else None
    den = sim.add_node("den", nat=sim.add_nat("den-nat", behind=carrier, **kind))
    cabin = sim.add_node("cabin")
    sim.connect(den, cabin)
    return sim, den, cabin


def check_that_consoles_meet(sim, den, cabin):
    """The den's console finds the cabin's by a broadcast, the cabin's finds the den's by ARP, and they talk."""
    den.console.broadcast(b"anybody here?")
    sim.simulate_time(100)
    assert cabin.console.received == [(den.console.ip, b"anybody here?")]

    cabin.console.ask_for(den.console.ip)
    sim.simulate_time(200)
    assert cabin.console.neighbours == {den.console.ip: den.console.mac}

    cabin.console.send(den.console, b"me!")
    sim.simulate_time(100)
    assert den.console.received == [(cabin.console.ip, b"me!")]
    assert den.dropped == cabin.dropped == {}


def test_the_side_that_dials_may_send_after_one_round_trip_and_the_other_half_a_one_later():
    sim, den, cabin = two_homes(latency=50)
    sim.simulate_time(90)
    assert den.peer(cabin)["state"] == "connecting"
    sim.simulate_time(30)
    assert den.peer(cabin)["state"] == "connected"
    assert cabin.peer(den)["state"] != "connected"
    sim.simulate_time(50)
    assert sim.is_connected(den, cabin)


def test_consoles_meet():
    sim, den, cabin = two_homes()
    sim.simulate_time(200)
    check_that_consoles_meet(sim, den, cabin)


def test_whoever_dials_may_be_behind_any_kind_of_nat():
    for mapping in KINDS:
        for filtering in KINDS:
            sim, den, cabin = two_homes(mapping=mapping, filtering=filtering, preserve_ports=False)
            sim.simulate_time(200)
            assert sim.is_connected(den, cabin), (mapping, filtering)
            check_that_consoles_meet(sim, den, cabin)


def test_a_home_behind_its_carriers_nat_and_its_own():
    strict = {"mapping": ADDRESS_AND_PORT_DEPENDENT, "filtering": ADDRESS_AND_PORT_DEPENDENT}
    sim, den, cabin = two_homes(behind=strict, **strict)
    sim.simulate_time(200)
    check_that_consoles_meet(sim, den, cabin)


def test_two_routers_behind_one_nat():
    """A flat share: both use the same port, and the NAT gives one of them another."""
    sim = Simulation()
    nat = sim.add_nat("flat-share")
    den, attic = sim.add_node("den", nat=nat), sim.add_node("attic", nat=nat)
    cabin = sim.add_node("cabin")
    for router in (den, attic):
        sim.connect(router, cabin)
    sim.simulate_time(200)
    cabin.console.broadcast(b"hello")
    sim.simulate_time(100)
    for router in (den, attic):
        assert sim.is_connected(router, cabin)
        assert router.console.received == [(cabin.console.ip, b"hello")]


def test_two_on_the_internet_that_call_each_other_at_once_agree():
    sim = Simulation()
    den, cabin = sim.add_node("den"), sim.add_node("cabin")
    sim.connect(den, cabin)
    sim.simulate_time(300)
    assert sim.is_connected(den, cabin)
    den.console.broadcast(b"one")
    cabin.console.broadcast(b"two")
    sim.simulate_time(100)
    assert den.console.received == [(cabin.console.ip, b"two")]
    assert cabin.console.received == [(den.console.ip, b"one")]


def test_what_is_said_before_the_handshake_is_done_waits_for_it():
    sim, den, cabin = two_homes(latency=100)
    sim.simulate_time(10)
    for number in range(5):
        den.console.broadcast(b"%d" % number)
    sim.simulate_time(1000)
    assert [payload for _, payload in cabin.console.received] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_full_ethernet_frame_fits():
    """Files move at full speed only if frames of 1500 bytes need no help from the consoles."""
    sim, den, cabin = two_homes()
    sim.simulate_time(200)
    den.console.send(cabin.console, bytes(1472))
    sim.simulate_time(100)
    assert cabin.console.received == [(den.console.ip, bytes(1472))]


def test_a_preshared_key_is_shared_by_both_or_nothing_passes():
    for theirs, connected in ((bytes(32), True), (b"x" * 32, False)):
        sim = Simulation()
        den, cabin = sim.add_node("den"), sim.add_node("cabin")
        den.add_peer(cabin, preshared_key=bytes(32))
        cabin.add_peer(den, preshared_key=theirs)
        sim.simulate_time(300)
        assert sim.is_connected(den, cabin) is connected


def test_a_stranger_is_not_let_in():
    sim = Simulation()
    stranger, cabin = sim.add_node("stranger"), sim.add_node("cabin")
    stranger.add_peer(cabin)
    sim.simulate_time(400)
    assert stranger.peer(cabin)["state"] == "connecting"
    assert cabin.dropped == {"unknown-peer": 1}


def test_two_behind_nats_who_know_no_way_to_each_other_say_so():
    sim = Simulation()
    den, cabin = [sim.add_node(name, nat=sim.add_nat(name + "-nat")) for name in ("den", "cabin")]
    sim.connect(den, cabin)
    sim.simulate_time(1000)
    assert den.peer(cabin)["state"] == cabin.peer(den)["state"] == "no-endpoint"
    den.console.broadcast(b"anybody here?")
    sim.simulate_time(1000)
    assert den.dropped == {"no-endpoint": 1}
