"""A satellite between two homes: an answer takes more than half a second, and that is no reason to doubt the peer."""

from simulation import Simulation
from wiretap import INITIATION, Wiretap


def two_homes(latency):
    sim = Simulation(latency=latency)
    den = sim.add_node("den", nat=sim.add_nat("den-nat"))
    cabin = sim.add_node("cabin")
    den.add_peer(cabin, keepalive=25)
    cabin.add_peer(den)
    return sim, den, cabin


def test_a_camera_that_only_sends_makes_no_new_keys_all_the_time():
    for latency in (260, 400, 1_000):
        sim, den, cabin = two_homes(latency)
        sim.simulate_time(20_000)
        wire = Wiretap(sim.internet, INITIATION)
        talk = sim.talk(den, cabin)
        sim.simulate_time(60_000)
        talk.stop()
        sim.simulate_time(10_000)
        assert talk.is_whole(), latency
        # one call, repeated while its answer is under way
        assert len({seen.data[4:8] for seen in wire.seen}) <= 1, latency


def test_they_meet_after_a_few_round_trips_however_long_those_are():
    for latency in (260, 500, 1_000, 3_000):
        sim, den, cabin = two_homes(latency)
        talk = sim.talk(den, cabin)
        sim.simulate_time(60_000)
        assert min(talk.arrived.values()) < 5 * latency + 1_000, latency
