"""Hundreds of routers."""

import time

from simulation import Simulation

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

COUNT = 200

# when all call all at once: two calls cross, and who has too many callers hands out cookies
EXPLAINED = {"under-load", "unexpected-response", "unexpected-cookie", "bad-cookie"}


def check_that_all_converge(shape, edges):
    """`edges` are pairs of numbers below COUNT. Everyone connects, and a broadcast reaches each neighbour once."""
    began = time.time()
    sim = Simulation()
    nodes = [sim.add_node("node-%d" % number) for number in range(COUNT)]
    for one, other in edges:
        sim.connect(nodes[one], nodes[other])
    sim.simulate_time(2_000)
    assert all(sim.is_connected(nodes[one], nodes[other]) for one, other in edges)

    nodes[0].console.broadcast(b"hello")
    sim.simulate_time(1_000)
    heard = [number for number in range(COUNT) if nodes[number].console.received]
    neighbours = [other if one == 0 else one for one, other in edges if 0 in (one, other)]
    assert heard == sorted(neighbours)
    assert all(len(nodes[number].console.received) == 1 for number in heard)
    assert all(set(node.dropped) <= EXPLAINED for node in nodes)
    print("%s of %d nodes, %d links: %.1f s" % (shape, COUNT, len(edges), time.time() - began))


def test_a_star():
    """All sensors and their collector."""
    check_that_all_converge("star", [(0, number) for number in range(1, COUNT)])


def test_a_ring_with_chords():
    edges = set()
    for number in range(COUNT):
        for step in (1, 7, 31):
            other = (number + step) % COUNT
            edges.add((min(number, other), max(number, other)))
    check_that_all_converge("ring with chords", sorted(edges))


def test_the_collector_restarts_and_all_are_back():
    """A thundering herd: everyone calls at once, and the calls are answered by turns."""
    sim = Simulation()
    hub = sim.add_node("hub")
    leaves = [sim.add_node("leaf-%d" % number, nat=sim.add_nat("nat-%d" % number)) for number in range(COUNT)]
    for leaf in leaves:
        leaf.add_peer(hub, keepalive=25)
        hub.add_peer(leaf)
    sim.simulate_time(10_000)
    hub.restart()
    for leaf in leaves:
        leaf.console.broadcast(b"reading 1")
    sim.simulate_time(10_000)
    assert all(sim.is_connected(hub, leaf) for leaf in leaves)
