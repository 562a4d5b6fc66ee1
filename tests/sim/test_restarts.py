"""A router that restarts comes back by itself, within two seconds, and harms nobody else."""

from simulation import Simulation

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

AT_ONCE = 500  # ms
SOON = 2_000
HOUR = 3_600_000


def three_homes(settle=5_000):
    """The den is behind a NAT and knows where to find cabin and villa; they don't know where to find the den."""
    sim = Simulation()
    den = sim.add_node("den", nat=sim.add_nat("den-nat"))
    cabin, villa = sim.add_node("cabin"), sim.add_node("villa")
    for public in (cabin, villa):
        den.add_peer(public, keepalive=25)
        public.add_peer(den)
    sim.connect(cabin, villa)
    sim.simulate_time(settle)
    for router in (den, cabin, villa):
        router.console.broadcast(b"here I am")
    sim.simulate_time(500)
    return sim, den, cabin, villa


def back_after(sim, victim, talk, others, down=0):
    """Kill a router while consoles talk; how long after its start (ms) its talk goes on. Others notice nothing."""
    bystanders = sim.talk(*others)
    sim.simulate_time(3_000)
    victim.kill()
    sim.simulate_time(down)
    victim.start()
    started = sim.now
    sim.simulate_time(20_000)
    bystanders.stop()
    sim.simulate_time(500)
    assert bystanders.is_whole()
    assert talk.is_clean()
    return talk.resumed_after(started)


def test_one_that_knows_its_peers_endpoint_calls_at_once():
    for down in (0, 700, 30_000):
        for cabin_speaks in (True, False):
            sim, den, cabin, villa = three_homes()
            talk = sim.talk(cabin, den) if cabin_speaks else sim.talk(den, cabin)
            assert back_after(sim, den, talk, (cabin, villa), down) < AT_ONCE, (down, cabin_speaks)


def test_one_that_does_not_is_called_by_the_peer_that_misses_it():
    for down in (0, 300, 600, 900, 1_200):
        sim, den, cabin, villa = three_homes()
        assert back_after(sim, cabin, sim.talk(den, cabin), (den, villa), down) < SOON, down


def test_one_that_ran_for_long_finds_its_peers_endpoint_on_flash():
    for down in (0, 700, 30_000):
        for cabin_speaks in (True, False):
            sim, den, cabin, villa = three_homes(settle=HOUR + 10_000)
            talk = sim.talk(cabin, den) if cabin_speaks else sim.talk(den, cabin)
            assert back_after(sim, cabin, talk, (den, villa), down) < AT_ONCE, (down, cabin_speaks)


def test_a_router_that_restarts_all_the_time():
    sim, den, cabin, villa = three_homes()
    bystanders = sim.talk(den, villa)
    for _ in range(50):
        cabin.restart()
        sim.simulate_time(300)
    den.console.send(cabin.console, b"still there?")
    sim.simulate_time(SOON)
    assert sim.is_connected(den, cabin) and sim.is_connected(cabin, villa)
    bystanders.stop()
    sim.simulate_time(500)
    assert bystanders.is_whole()


def test_a_peer_that_stays_away_is_found_when_it_is_back():
    sim, den, cabin, _ = three_homes()
    talk = sim.talk(den, cabin)
    cabin.kill()
    sim.simulate_time(10 * 60_000)
    assert den.peer(cabin)["state"] != "connected"
    cabin.start()
    back = sim.now
    sim.simulate_time(20_000)
    assert talk.resumed_after(back) < 6_000


def test_everybody_restarts_at_once():
    """The power is back in the whole valley."""
    sim, den, cabin, villa = three_homes()
    for router in (den, cabin, villa):
        router.restart()
    sim.simulate_time(AT_ONCE)
    for one, other in ((den, cabin), (den, villa), (cabin, villa)):
        assert sim.is_connected(one, other)


def test_a_peer_taken_out_of_the_configuration_is_out_and_the_others_stay():
    sim, den, cabin, villa = three_homes()
    stays, goes = sim.talk(den, villa), sim.talk(den, cabin)
    sim.simulate_time(1_000)
    cabin.remove_peer(den)
    removed = sim.now
    sim.simulate_time(10_000)
    stays.stop()
    sim.simulate_time(500)
    assert stays.is_whole()
    assert goes.resumed_after(removed) is None


def test_one_that_restarts_in_its_first_hour_and_speaks_to_a_peer_that_only_listens():
    """Where the den is, the cabin has known for a minute only; that is on flash already."""
    sim = Simulation()
    den = sim.add_node("den", nat=sim.add_nat("den-nat"))
    cabin = sim.add_node("cabin")
    den.add_peer(cabin, keepalive=25)
    cabin.add_peer(den)
    sim.simulate_time(5_000)
    den.console.broadcast(b"here I am")
    cabin.console.broadcast(b"here I am")
    talk = sim.talk(cabin, den)
    sim.simulate_time(60_000)
    cabin.restart()
    started = sim.now
    sim.simulate_time(200_000)
    assert talk.resumed_after(started) < 2_000
