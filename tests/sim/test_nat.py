"""The simulated NATs do what RFC 4787 says, so that what holds across them holds in people's homes."""

from nat import ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT
from world import World


class Endpoint:
    """A socket that remembers what came from where."""

    def __init__(self, host, port):
        self.address = (host.address, port)
        self.received = []
        self._host = host
        host.open(port, self._receive)

    def send(self, data, to):
        self._host.send(data, self.address[1], to)

    def senders(self):
        return [source for _, source in self.received]

    def _receive(self, data, source):
        self.received.append((data, source))


class Street:
    """Alice behind a NAT, and three endpoints of the internet, two of them at the same address."""

    def __init__(self, behind=None, **kind):
        self.world = World()
        carrier = self.world.add_nat("carrier", inside="100.64.0.", **behind) if behind else None
        self.nat = self.world.add_nat("home", behind=carrier, **kind)
        self.carrier = carrier
        self.alice = Endpoint(self.world.add_host("alice", nat=self.nat), 4000)
        near = self.world.add_host("near")
        self.near = Endpoint(near, 1000)
        self.near_port = Endpoint(near, 1001)
        self.far = Endpoint(self.world.add_host("far"), 1000)
        self.servers = (self.near, self.near_port, self.far)

    def wait(self, duration=1000):
        self.world.simulate_time(duration)

    def alice_as_seen_by(self, server):
        before = len(server.received)
        self.alice.send(b"who am I?", server.address)
        self.wait()
        assert len(server.received) == before + 1
        return server.received[-1][1]


def check(mapping, filtering):
    assert mapped(Street(mapping=mapping, filtering=filtering)) == MAPPED[mapping]
    assert admitted(Street(mapping=mapping, filtering=filtering)) == ADMITTED[filtering]


def mapped(street):
    """Do the other port of the same address, and another address, see the port that the first one saw?"""
    first, same_address, other_address = [street.alice_as_seen_by(server) for server in street.servers]
    assert first[0] == same_address[0] == other_address[0] == street.nat.outside.address
    return same_address == first, other_address == first


def admitted(street):
    """After alice wrote to the first alone: may the three answer her?"""
    outside = street.alice_as_seen_by(street.near)
    for server in street.servers:
        server.send(b"hello", outside)
    street.wait()
    senders = street.alice.senders()
    assert len(senders) + street.nat.dropped.get("filtered", 0) == 3
    return tuple([server.address in senders for server in street.servers])


MAPPED = {
    ENDPOINT_INDEPENDENT: (True, True),
    ADDRESS_DEPENDENT: (True, False),
    ADDRESS_AND_PORT_DEPENDENT: (False, False),
}

ADMITTED = {
    ENDPOINT_INDEPENDENT: (True, True, True),
    ADDRESS_DEPENDENT: (True, True, False),
    ADDRESS_AND_PORT_DEPENDENT: (True, False, False),
}


def test_independent_mapping_independent_filtering():
    check(ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT)


def test_independent_mapping_address_filtering():
    check(ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT)


def test_independent_mapping_port_filtering():
    check(ENDPOINT_INDEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


def test_address_mapping_independent_filtering():
    check(ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT)


def test_address_mapping_address_filtering():
    check(ADDRESS_DEPENDENT, ADDRESS_DEPENDENT)


def test_address_mapping_port_filtering():
    check(ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


def test_port_mapping_independent_filtering():
    check(ADDRESS_AND_PORT_DEPENDENT, ENDPOINT_INDEPENDENT)


def test_port_mapping_address_filtering():
    check(ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT)


def test_port_mapping_port_filtering():
    check(ADDRESS_AND_PORT_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


def test_nobody_comes_in_uninvited():
    street = Street(filtering=ENDPOINT_INDEPENDENT)
    street.near.send(b"hello", (street.nat.outside.address, 4000))
    street.wait()
    assert street.alice.received == []
    assert street.nat.dropped == {"no-mapping": 1}


def test_a_port_is_preserved_for_the_first_who_asks():
    street = Street(preserve_ports=True)
    bob = Endpoint(street.world.add_host("bob", nat=street.nat), 4000)
    assert street.alice_as_seen_by(street.near)[1] == 4000
    bob.send(b"me too", street.near.address)
    street.wait()
    assert street.near.senders()[-1][1] != 4000


def test_a_port_need_not_be_preserved():
    street = Street(preserve_ports=False)
    assert street.alice_as_seen_by(street.near)[1] != 4000


def test_a_mapping_is_forgotten_after_two_minutes_of_silence():
    street = Street()
    outside = street.alice_as_seen_by(street.near)
    street.wait(118_000)
    street.near.send(b"still there?", outside)
    street.wait(2_000)
    assert len(street.alice.received) == 1
    street.near.send(b"and now?", outside)
    street.wait()
    assert len(street.alice.received) == 1
    assert street.nat.dropped == {"no-mapping": 1}


def test_what_goes_out_keeps_a_mapping():
    street = Street(timeout=30_000)
    outside = street.alice_as_seen_by(street.near)
    for _ in range(10):
        street.wait(25_000)
        assert street.alice_as_seen_by(street.near) == outside
    street.near.send(b"still there?", outside)
    street.wait()
    assert len(street.alice.received) == 1


def test_a_filter_closes_for_those_that_alice_no_longer_writes_to():
    street = Street(timeout=30_000)
    outside = street.alice_as_seen_by(street.far)
    for _ in range(3):
        street.wait(20_000)
        street.alice_as_seen_by(street.near)
    street.far.send(b"remember me?", outside)
    street.near.send(b"hello", outside)
    street.wait()
    assert street.alice.senders() == [street.near.address]


def test_a_forgotten_port_may_go_to_another():
    street = Street(timeout=30_000)
    bob = Endpoint(street.world.add_host("bob", nat=street.nat), 4000)
    street.alice_as_seen_by(street.near)
    street.wait(40_000)
    bob.send(b"my turn", street.near.address)
    street.wait()
    assert street.near.senders()[-1][1] == 4000
    assert street.alice_as_seen_by(street.near)[1] != 4000
    street.near.send(b"to bob", (street.nat.outside.address, 4000))
    street.wait()
    assert len(bob.received) == 1 and not street.alice.received


def test_hairpinning_reaches_a_neighbour_by_its_outside_address():
    street = Street(hairpin=True, filtering=ENDPOINT_INDEPENDENT)
    bob = Endpoint(street.world.add_host("bob", nat=street.nat), 5000)
    outside = street.alice_as_seen_by(street.near)
    bob.send(b"knock", outside)
    street.wait()
    assert street.alice.received == [(b"knock", (street.nat.outside.address, 5000))]


def test_without_hairpinning_it_does_not():
    street = Street(hairpin=False, filtering=ENDPOINT_INDEPENDENT)
    bob = Endpoint(street.world.add_host("bob", nat=street.nat), 5000)
    bob.send(b"knock", street.alice_as_seen_by(street.near))
    street.wait()
    assert street.alice.received == []
    assert street.nat.dropped == {"no-hairpin": 1}


def test_neighbours_reach_each_other_inside():
    street = Street()
    bob = Endpoint(street.world.add_host("bob", nat=street.nat), 5000)
    bob.send(b"hi", street.alice.address)
    street.wait()
    assert street.alice.received == [(b"hi", bob.address)]


def test_another_home_with_the_same_subnet_is_not_reached_by_its_inside_address():
    street = Street()
    other = street.world.add_nat("other")
    street.world.add_host("filler", nat=other)
    bob = Endpoint(street.world.add_host("bob", nat=other), 5000)
    street.alice.send(b"hi", bob.address)
    street.wait()
    assert bob.received == []
    assert street.nat.dropped == {"no-such-host": 1}


def test_behind_two_nats_the_stricter_filter_counts():
    loose = {"filtering": ENDPOINT_INDEPENDENT}
    strict = {"filtering": ADDRESS_AND_PORT_DEPENDENT}
    assert admitted_through(loose, loose) == (True, True, True)
    assert admitted_through(loose, strict) == (True, False, False)
    assert admitted_through(strict, loose) == (True, False, False)


def test_behind_two_nats_the_outer_address_is_seen():
    street = Street(behind={"mapping": ADDRESS_DEPENDENT})
    first, same_address, other_address = [street.alice_as_seen_by(server) for server in street.servers]
    assert first[0] == street.carrier.outside.address
    assert first == same_address != other_address


def test_two_homes_of_one_carrier_meet_only_through_its_hairpin():
    for hairpin in (True, False):
        street = Street(behind={"hairpin": hairpin, "filtering": ENDPOINT_INDEPENDENT}, filtering=ENDPOINT_INDEPENDENT)
        other = street.world.add_nat("other", behind=street.carrier)
        bob = Endpoint(street.world.add_host("bob", nat=other), 5000)
        bob.send(b"knock", street.alice_as_seen_by(street.near))
        street.wait()
        assert len(street.alice.received) == hairpin


def test_a_reboot_forgets_everything_and_may_change_the_address():
    street = Street(filtering=ENDPOINT_INDEPENDENT)
    old = street.alice_as_seen_by(street.near)
    street.nat.reboot()
    street.near.send(b"hello?", old)
    street.wait()
    assert street.nat.dropped == {"no-mapping": 1}

    street.nat.reboot(address=street.world.public_address())
    street.near.send(b"hello?", old)
    street.wait()
    assert street.alice.received == []
    assert street.world.internet.dropped == {"no-route": 1}
    assert street.alice_as_seen_by(street.near)[0] == street.nat.outside.address != old[0]


def admitted_through(outer, inner):
    street = Street(behind=outer, **inner)
    outside = street.alice_as_seen_by(street.near)
    for server in street.servers:
        server.send(b"hello", outside)
    street.wait()
    return tuple([server.address in street.alice.senders() for server in street.servers])
