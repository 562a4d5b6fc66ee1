"""New keys every two minutes, and nobody notices."""

from simulation import Simulation
from wiretap import INITIATION, Wiretap

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

TEN_MINUTES = 600_000


def talking_homes(seed=1, **weather):
    sim = Simulation(seed)
    den = sim.add_node("den", nat=sim.add_nat("den-nat"))
    cabin = sim.add_node("cabin")
    sim.connect(den, cabin)
    sim.simulate_time(1_000)
    sim.weather(**weather)
    return sim, den, cabin


def test_no_frame_is_lost_to_new_keys():
    """A game would stutter every two minutes."""
    sim, den, cabin = talking_homes()
    wire = Wiretap(sim.internet, INITIATION)
    there, back = sim.talk(den, cabin), sim.talk(cabin, den)
    sim.simulate_time(TEN_MINUTES)
    there.stop()
    back.stop()
    sim.simulate_time(1_000)
    assert there.is_whole() and back.is_whole()
    assert 4 <= len(wire.seen) <= 6
    assert den.dropped == cabin.dropped == {}


def test_when_only_one_speaks_nothing_is_lost_either_whoever_dialled():
    for speaks_first in (True, False):
        sim, den, cabin = talking_homes()
        wire = Wiretap(sim.internet, INITIATION)
        talk = sim.talk(den, cabin) if speaks_first else sim.talk(cabin, den)
        sim.simulate_time(TEN_MINUTES)
        talk.stop()
        sim.simulate_time(1_000)
        assert talk.is_whole()
        assert 4 <= len(wire.seen) <= 6


def test_with_loss_only_what_the_network_lost_is_missing():
    sim, den, cabin = talking_homes(loss=10)
    there, back = sim.talk(den, cabin), sim.talk(cabin, den)
    sim.simulate_time(TEN_MINUTES)
    there.stop()
    back.stop()
    sim.simulate_time(1_000)
    lost = sim.internet.dropped["lost"]
    assert 0.09 < lost / (len(there.sent) + len(back.sent)) < 0.11
    # the rest of it was our own: keys, and each five seconds a confirmation of the path's size, with its answer
    assert lost - 100 < len(there.missing()) + len(back.missing()) <= lost
    assert den.dropped == cabin.dropped == {}


def test_a_pair_that_fell_silent_finds_its_words_again():
    """Nobody spoke for half an hour, all keys are forgotten: the first word still arrives."""
    sim, den, cabin = talking_homes()
    den.console.send(cabin.console, b"good night")
    sim.simulate_time(1_800_000)
    den.console.send(cabin.console, b"good morning")
    sim.simulate_time(1_000)
    assert [payload for _, payload in cabin.console.received] == [b"good night", b"good morning"]
