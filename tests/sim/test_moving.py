"""Addresses change under way. Packets follow the peer, and never anybody who only claims to be it.

Whoever sits on the wire can record a datagram and send it from anywhere. So data goes only to an address from where
a nonce came back that was sent there inside the session.
"""

from nat import ENDPOINT_INDEPENDENT
from simulation import Simulation
from wiretap import INITIATION, RESPONSE, TRANSPORT, Wiretap, withheld

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

ROUND_TRIP = 50  # ms, a little more than it is
QUESTION = 48  # bytes: the largest datagram that may go where nothing has been proven


class Mallory:
    """A host that keeps what it gets."""

    def __init__(self, sim):
        self.host = sim.add_host("mallory")
        self.address = (self.host.address, 666)
        self.received = []
        self.host.open(666, lambda data, source: self.received.append(data))

    def send(self, data, to, port=666):
        self.host.send(data, port, to)


def two_homes(**kind):
    """The den behind a NAT, the cabin on the internet; their consoles know each other."""
    sim = Simulation()
    nat = sim.add_nat("den-nat", **kind)
    den, cabin = sim.add_node("den", nat=nat), sim.add_node("cabin")
    den.add_peer(cabin, keepalive=25)
    cabin.add_peer(den)
    sim.simulate_time(1_000)
    for router in (den, cabin):
        router.console.broadcast(b"here I am")
    sim.simulate_time(1_000)
    return sim, nat, den, cabin


def test_a_home_that_gets_a_new_address_goes_on_in_the_same_session():
    """The provider's nightly reconnect: a call must go on."""
    sim, nat, den, cabin = two_homes()
    there, back = sim.talk(den, cabin), sim.talk(cabin, den)
    sim.simulate_time(2_000)
    wire = Wiretap(sim.internet)
    moved = sim.now
    nat.reboot(address=sim.public_address())
    sim.simulate_time(10_000)
    there.stop()
    back.stop()
    sim.simulate_time(1_000)

    assert wire.find(INITIATION) == []
    assert cabin.peer(den)["endpoint"][0] == nat.outside.address
    assert there.is_clean() and len(there.missing()) <= 1  # what was on its way
    assert back.is_clean() and back.resumed_after(moved) < 3 * ROUND_TRIP

    first = wire.find(TRANSPORT, source=nat.outside.address)[0].at
    unproven = [
        seen
        for seen in wire.find(TRANSPORT, destination=nat.outside.address)
        if seen.at <= first + ROUND_TRIP - 10  # before an answer can have come back
    ]
    assert unproven and all(len(seen.data) <= QUESTION for seen in unproven)


def test_new_keys_are_made_at_the_new_address():
    sim, nat, den, cabin = two_homes()
    sim.talk(den, cabin)
    talk = sim.talk(cabin, den)
    sim.simulate_time(2_000)
    nat.reboot(address=sim.public_address())
    sim.simulate_time(10_000)
    moved = sim.now
    sim.simulate_time(400_000)
    talk.stop()
    sim.simulate_time(1_000)
    assert [number for number in talk.missing() if talk.sent[number] > moved] == []


def test_a_nat_that_forgot_and_maps_to_another_port():
    sim, nat, den, cabin = two_homes(preserve_ports=False)
    there, back = sim.talk(den, cabin), sim.talk(cabin, den)
    sim.simulate_time(2_000)
    moved = sim.now
    nat.reboot()
    sim.simulate_time(1_000)
    assert there.resumed_after(moved) < 2 * ROUND_TRIP
    assert back.resumed_after(moved) < 3 * ROUND_TRIP


def test_a_home_that_only_listens_notices_that_nothing_comes_any_more():
    """A film that is watched: nothing has to be sent, and only who watches can open its NAT again."""
    sim, nat, den, cabin = two_homes()
    talk = sim.talk(cabin, den)
    sim.simulate_time(2_000)
    moved = sim.now
    nat.reboot(address=sim.public_address())
    sim.simulate_time(60_000)
    assert talk.resumed_after(moved) < 2_000


def test_a_home_to_which_little_comes_is_found_with_its_next_sign_of_life():
    sim, nat, den, cabin = two_homes()
    talk = sim.talk(cabin, den, every=5_000)
    sim.simulate_time(20_000)
    moved = sim.now
    nat.reboot(address=sim.public_address())
    sim.simulate_time(60_000)
    assert talk.resumed_after(moved) < 31_000


def test_a_router_on_the_internet_that_moves_is_followed():
    sim, _, den, cabin = two_homes(filtering=ENDPOINT_INDEPENDENT)
    there, back = sim.talk(den, cabin), sim.talk(cabin, den)
    sim.simulate_time(2_000)
    moved = sim.now
    cabin.host.interface.move(sim.public_address())
    sim.simulate_time(2_000)
    assert there.resumed_after(moved) < 4 * ROUND_TRIP
    assert back.resumed_after(moved) < 2 * ROUND_TRIP
    assert den.peer(cabin)["endpoint"][0] == cabin.host.address


def test_replays_from_elsewhere_move_nothing_and_get_no_answer():
    sim, nat, den, cabin = two_homes()
    mallory = Mallory(sim)
    before = cabin.peer(den)["endpoint"]
    back = sim.talk(cabin, den)
    wire = Wiretap(sim.internet)
    sim.talk(den, cabin)
    sim.simulate_time(200_000)  # handshakes too
    recorded = wire.find(source=nat.outside.address)
    for seen in recorded:
        mallory.send(seen.data, seen.destination)
    sim.simulate_time(1_000)
    back.stop()
    sim.simulate_time(1_000)
    assert mallory.received == []
    assert cabin.peer(den)["endpoint"] == before
    assert sum(cabin.dropped.values()) == len(recorded)
    assert back.is_whole()


def test_a_datagram_that_was_withheld_and_comes_from_elsewhere_gets_a_question_and_no_more():
    sim, nat, den, cabin = two_homes()
    mallory = Mallory(sim)
    before = cabin.peer(den)["endpoint"]
    back = sim.talk(cabin, den)
    fresh = withheld(sim, den, cabin, count=20)
    for data in fresh:
        mallory.send(data, (cabin.host.address, 51820))
        sim.simulate_time(100)
    sim.simulate_time(2_000)
    back.stop()
    sim.simulate_time(1_000)
    assert 1 <= len(mallory.received) <= 5
    assert all(len(data) <= QUESTION for data in mallory.received)
    assert cabin.peer(den)["endpoint"] == before
    assert not back.missing()


def test_thousands_of_pretended_addresses_cost_little():
    sim, nat, den, cabin = two_homes()
    mallory = Mallory(sim)
    talk = sim.talk(cabin, den)
    fresh = withheld(sim, den, cabin, count=1_000)
    sent = cabin.host.interface.up.bytes
    for number in range(len(fresh)):
        mallory.host.interface.send(fresh[number], ("198.19.0.1", 1024 + number), (cabin.host.address, 51820))
    sim.simulate_time(1_000)
    talk.stop()
    sim.simulate_time(1_000)
    assert cabin.host.interface.up.bytes - sent < 100_000
    assert talk.is_whole()


def test_an_answer_that_mallory_brings_first_does_not_lead_to_her():
    sim = Simulation()
    den = sim.add_node("den", nat=sim.add_nat("den-nat", filtering=ENDPOINT_INDEPENDENT))
    cabin = sim.add_node("cabin")
    cabin.host.interface.up.latency = 10
    mallory = Mallory(sim)

    def bring(data, source, destination):
        if data[0] == RESPONSE and source[0] == cabin.host.address:
            mallory.send(data, destination)

    sim.internet.watch(bring)
    den.add_peer(cabin, keepalive=25)
    cabin.add_peer(den)
    talk = sim.talk(den, cabin)
    sim.simulate_time(10_000)
    assert all(len(data) <= QUESTION for data in mallory.received)
    assert sim.is_connected(den, cabin)
    assert talk.resumed_after(1_000) < 100
