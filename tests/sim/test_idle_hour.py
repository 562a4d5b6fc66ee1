"""What a connection costs while nobody uses it: over a mobile plan, or on a collector with a thousand sensors."""

from member import GroupSimulation
from nat import ADDRESS_AND_PORT_DEPENDENT
from simulation import Simulation

from ipop.overlay.relay import is_relayed

HOUR = 3_600_000
BUDGET = 10  # bytes a second, both ways, with the IP and UDP headers


def idle_hour(keepalive, timeout=120_000):
    """An hour after the den, behind a NAT, has called the cabin: (the simulation, den, cabin, bytes a second)."""
    sim = Simulation()
    den = sim.add_node("den", nat=sim.add_nat("den-nat", timeout=timeout))
    cabin = sim.add_node("cabin")
    den.add_peer(cabin, keepalive=keepalive)
    cabin.add_peer(den)
    sim.simulate_time(1_000)
    wire = den.host.interface
    before = wire.up.bytes + wire.down.bytes
    sim.simulate_time(HOUR)
    return sim, den, cabin, (wire.up.bytes + wire.down.bytes - before) / (HOUR // 1000)


def check_that_the_cabin_still_reaches_the_den(sim, den, cabin):
    cabin.console.send(den.console, b"are you awake?")
    sim.simulate_time(30)
    assert den.console.received == [(cabin.console.ip, b"are you awake?")]


def test_keepalives_hold_a_nat_open_for_little():
    sim, den, cabin, rate = idle_hour(keepalive=25)
    print("idle behind a NAT, keepalive 25 s: %.1f bytes a second" % rate)
    assert rate < BUDGET
    check_that_the_cabin_still_reaches_the_den(sim, den, cabin)


def test_even_one_that_forgets_after_thirty_seconds():
    sim, den, cabin, _ = idle_hour(keepalive=25, timeout=30_000)
    check_that_the_cabin_still_reaches_the_den(sim, den, cabin)


def test_without_keepalives_silence_costs_nothing():
    sim, den, cabin, rate = idle_hour(keepalive=0)
    assert rate < 0.1
    den.console.send(cabin.console, b"good morning")
    sim.simulate_time(200)
    assert cabin.console.received == [(den.console.ip, b"good morning")]


def test_a_pair_that_is_relayed_costs_little_too():
    """On each of the two lines to the relay, besides what these cost themselves."""
    rates = []
    for kind in ({}, {"mapping": ADDRESS_AND_PORT_DEPENDENT, "preserve_ports": False}):
        sim = GroupSimulation()
        (den,) = sim.found("den")
        a, b = [sim.add_member(name, nat=sim.add_nat(name + "-nat", **kind)) for name in ("cabin", "lodge")]
        for member in (a, b):
            member.join(den.invite())
        sim.simulate_time(60_000)
        assert is_relayed(a.peer(b)["endpoint"]) == bool(kind)
        before = den.host.interface.up.bytes + den.host.interface.down.bytes
        sim.simulate_time(HOUR)
        rates.append((den.host.interface.up.bytes + den.host.interface.down.bytes - before) / 2 / (HOUR // 1000))
        assert sim.is_whole(den, a, b)
    print("idle, each line to the den: %.1f bytes a second, and %.1f with a pair that is relayed" % tuple(rates))
    assert rates[1] - rates[0] < BUDGET


def idle_hour_in_a_group(keepalive, timeout):
    """An hour after two homes behind NATs have met: (the simulation, both, bytes a second on the way between them)."""
    sim = GroupSimulation()
    (den,) = sim.found("den")
    a, b = [sim.add_member(name, nat=sim.add_nat(name + "-nat", timeout=timeout)) for name in ("cabin", "lodge")]
    for member in (a, b):
        member.keepalive = keepalive
        member.join(den.invite())
    sim.simulate_time(60_000)
    seen = []
    ours = (a.peer(b)["endpoint"], b.peer(a)["endpoint"])

    def watch(data, source, destination):
        if source in ours and destination in ours:
            seen.append(len(data) + 28)

    sim.internet.watch(watch)
    sim.simulate_time(HOUR)
    assert seen
    return sim, a, b, sum(seen) / (HOUR // 1000)


def test_a_pair_in_a_group_costs_little():
    """Rosters are compared with each new session: in eight bytes, where nothing has changed."""
    for keepalive, timeout in ((25, 30_000), (55, 120_000)):
        sim, a, b, rate = idle_hour_in_a_group(keepalive, timeout)
        print("idle in a group, both behind NATs, keepalive %d s: %.1f bytes a second" % (keepalive, rate))
        assert rate < BUDGET
        check_that_the_cabin_still_reaches_the_den(sim, a, b)
