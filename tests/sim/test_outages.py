"""The way between two homes is gone for a while; then all is as before, and nobody had to do anything."""

from simulation import Simulation

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"


def three_homes():
    sim = Simulation()
    nat = sim.add_nat("den-nat")
    den = sim.add_node("den", nat=nat)
    cabin, villa = sim.add_node("cabin"), sim.add_node("villa")
    for public in (cabin, villa):
        den.add_peer(public, keepalive=25)
        public.add_peer(den)
    sim.simulate_time(1_000)
    for router in (den, cabin, villa):
        router.console.broadcast(b"here I am")
    sim.simulate_time(1_000)
    return sim, nat, den, cabin, villa


def outage(duration):
    """Cut the den from the cabin while it talks with both: how long after the end it took to go on, each way."""
    sim, nat, den, cabin, villa = three_homes()
    there, back, bystanders = sim.talk(den, cabin), sim.talk(cabin, den), sim.talk(den, villa)
    sim.simulate_time(1_000)
    sim.internet.cut(nat.outside, cabin.host.interface)
    sim.simulate_time(duration)
    assert den.peer(villa)["state"] == "connected"
    seen_as = den.peer(cabin)["state"]
    sim.internet.mend()
    mended = sim.now
    sim.simulate_time(20_000)
    bystanders.stop()
    sim.simulate_time(500)
    assert bystanders.is_whole() and there.is_clean() and back.is_clean()
    return seen_as, there.resumed_after(mended), back.resumed_after(mended)


def test_a_short_one_is_over_when_it_is_over():
    for duration in (500, 3_000, 60_000):
        _, there, back = outage(duration)
        assert there < 100 and back < 100


def test_a_long_one_is_shown_and_ends_with_the_next_call():
    seen_as, there, back = outage(600_000)
    assert seen_as == "connecting"
    assert there < 6_000 and back < 6_000


def test_half_an_outage():
    """What the den sends arrives, what the cabin sends does not: both are told that they aren't connected."""
    sim, nat, den, cabin, _ = three_homes()
    there, back = sim.talk(den, cabin), sim.talk(cabin, den)
    sim.simulate_time(1_000)
    nat.outside.down.loss = 100
    sim.simulate_time(10_000)
    assert den.peer(cabin)["state"] == "connecting"
    nat.outside.down.loss = 0
    mended = sim.now
    sim.simulate_time(10_000)
    assert there.resumed_after(mended) < 100 and back.resumed_after(mended) < 100
    assert sim.is_connected(den, cabin)


def test_a_nat_that_reboots_unnoticed_while_all_is_quiet():
    sim, nat, den, cabin, _ = three_homes()
    nat.reboot(address=sim.public_address())
    sim.simulate_time(26_000)  # a keepalive
    cabin.console.send(den.console, b"are you awake?")
    sim.simulate_time(30)
    assert den.console.received[-1] == (cabin.console.ip, b"are you awake?")
