"""A router finds out what it is behind, how it looks from outside, and how rarely it has to keep that open."""

from nat import ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT
from world import World

from ipop.errors import Rejected
from ipop.overlay.stun import ASKING, BLOCKED, FOUND, IPV4, IPV6, LEARNED, LOST, MAPPED, SAFE, UNKNOWN, StunClient
from ipop.wire import stun

KINDS = (ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT)
PORT = 51820
MINUTE = 60_000


class Server:
    """A STUN server on the internet; one that `can_change` has a second address (RFC 5780), as coturn with two."""

    def __init__(self, world, name, can_change=True):
        self.hosts = [world.add_host(name + str(i)) for i in range(2 if can_change else 1)]
        self.can_change = can_change
        self.ports = (3478, 3479)
        self.address = (self.hosts[0].address, 3478)
        self.asked = 0
        self.is_up = True
        self.lie = None  # what it says instead of the truth
        for host in range(len(self.hosts)):
            for port in range(2):
                self._open(host, port)

    def _open(self, host, port):
        def receive(data, source):
            self._answer(host, port, data, source)

        self.hosts[host].open(self.ports[port], receive)

    def _answer(self, host, port, data, source):
        if not self.is_up:
            return
        self.asked += 1
        request = stun.parse(data)
        changes = request.get(stun.CHANGE_REQUEST) or 0
        attributes = [(stun.XOR_MAPPED_ADDRESS, self.lie or source)]
        if self.can_change:
            attributes.append((stun.OTHER_ADDRESS, (self.hosts[1 - host].address, self.ports[1 - port])))
            host ^= bool(changes & stun.CHANGE_IP)
            port ^= bool(changes & stun.CHANGE_PORT)
        answer = stun.build(stun.SUCCESS, stun.BINDING, request.transaction, attributes)
        self.hosts[host].send(answer, self.ports[port], source)


class Router:
    """A data socket with a StunClient on it."""

    def __init__(self, world, servers, nat=None):
        self.world = world
        self.host = world.add_host("router", nat)
        self.client = StunClient(world.chance.fork().bytes, PORT)
        self.events = []
        self.received = []  # (datagram, source)
        self.sent = []  # when
        self.host.open(PORT, self._receive)
        self.set_servers(servers)

    def set_servers(self, servers):
        self.client.set_servers([server.address for server in servers], self.world.now)
        self.client.gather([self.host.address], self.world.now)
        self._pump()

    def tell(self, method, *arguments):
        getattr(self.client, method)(*arguments, self.world.now)
        self._pump()

    def findings(self):
        (findings,) = self.client.findings()
        return findings

    def kinds(self):
        return [event.kind for event in self.events]

    def _receive(self, data, source):
        self.received.append((data, source))
        self.client.handle_datagram(data, source, self.world.now)
        self._pump()

    def _wake(self):
        self.client.handle_timeout(self.world.now)
        self._pump()

    def _pump(self):
        transmit = self.client.poll_transmit()
        while transmit:
            self.sent.append(self.world.now)
            self.host.send(transmit[0], PORT, transmit[1])
            transmit = self.client.poll_transmit()
        event = self.client.poll_event()
        while event:
            self.events.append(event)
            event = self.client.poll_event()
        when = self.client.poll_timeout()
        if when is not None:
            self.world.agenda.at(when, self._wake)


class Street:
    """A router behind a NAT of some kind, and servers: "full" ones have a second address, "plain" ones don't."""

    def __init__(self, servers=("full",), seed=1, behind_nat=True, **kind):
        self.world = World(seed)
        self.nat = self.world.add_nat("home", **kind) if behind_nat else None
        self.servers = [Server(self.world, "stun%d-" % i, servers[i] == "full") for i in range(len(servers))]
        self.router = Router(self.world, self.servers, self.nat)

    def wait(self, duration):
        self.world.simulate_time(duration)

    def findings(self):
        return self.router.findings()


# --- mapping and filtering


def test_every_kind_of_nat_is_recognized():
    for mapping in KINDS:
        for filtering in KINDS:
            street = Street(mapping=mapping, filtering=filtering)
            street.wait(20_000)
            found = street.findings()
            assert (found.mapping, found.filtering) == (mapping, filtering)
            assert found.is_nat and found.state == FOUND


def test_the_mapped_address_is_known_after_one_round_trip():
    """The first announcement should not have to wait for all that is asked later."""
    street = Street(("full", "full", "plain"))
    street.wait(85)
    found = street.findings()
    assert found.state == FOUND
    assert found.mapped == (street.nat.outside.address, PORT)
    assert street.router.events[0] == (MAPPED, IPV4, found.mapped)
    assert len(found.servers) == 3


def test_several_plain_servers_tell_the_mapping_and_not_the_filtering():
    for mapping in KINDS:
        street = Street(("plain", "plain"), mapping=mapping)
        street.wait(20_000)
        worst = ENDPOINT_INDEPENDENT if mapping == ENDPOINT_INDEPENDENT else ADDRESS_AND_PORT_DEPENDENT
        assert (street.findings().mapping, street.findings().filtering) == (worst, UNKNOWN)


def test_one_plain_server_tells_the_mapped_address_only():
    street = Street(("plain",))
    street.wait(20_000)
    found = street.findings()
    assert (found.state, found.mapping, found.filtering, found.keepalive) == (FOUND, UNKNOWN, UNKNOWN, SAFE)


def test_both_addresses_of_one_server_may_be_listed():
    """What is sent to the second one spoils the test that changes the address; a full cone then looks like less."""
    for filtering, expected in (
        (ADDRESS_AND_PORT_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT),
        (ADDRESS_DEPENDENT, ADDRESS_DEPENDENT),
        (ENDPOINT_INDEPENDENT, ADDRESS_DEPENDENT),
    ):
        street = Street(filtering=filtering)
        first, second = street.servers[0].hosts
        servers = [(first.address, 3478), (second.address, 3478)]
        street.router.tell("set_servers", servers)
        street.wait(20_000)
        assert street.findings().filtering == expected
        assert street.findings().mapping == ENDPOINT_INDEPENDENT


def test_without_a_nat_the_mapped_address_is_our_own():
    street = Street(behind_nat=False)
    street.wait(20_000)
    found = street.findings()
    assert found.is_nat is False
    assert found.mapped == (street.router.host.address, PORT)
    assert (found.mapping, found.filtering) == (ENDPOINT_INDEPENDENT, ENDPOINT_INDEPENDENT)
    assert found.keepalive is None


def test_bad_weather_does_not_change_what_is_found():
    for seed in range(1, 6):
        street = Street(("full", "plain"), seed=seed)
        street.world.weather(loss=10, reorder=20, duplicate=20)
        street.router.tell("gather", [street.router.host.address])
        street.wait(MINUTE)
        found = street.findings()
        assert (found.mapping, found.filtering) == (ENDPOINT_INDEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


# --- the life of a binding


def test_keepalives_become_as_rare_as_the_nat_allows():
    for seconds, keepalive in ((20, 14), (35, 25), (60, 50), (120, 100), (180, 154), (300, 263), (1000, 263)):
        street = Street(timeout=seconds * 1000)
        street.wait(20 * MINUTE)
        assert street.findings().keepalive // 1000 == keepalive


def test_a_nat_with_a_mapping_for_each_address_is_measured_too():
    for mapping in (ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT):
        for servers in (("full",), ("plain", "plain")):
            street = Street(servers, mapping=mapping, preserve_ports=False, timeout=120_000)
            street.wait(20 * MINUTE)
            assert street.findings().keepalive == 100_000, servers


def test_what_can_not_be_measured_stays_safe():
    for street in (
        Street(("plain", "plain"), timeout=300_000),  # nobody can answer from elsewhere
        Street(filtering=ENDPOINT_INDEPENDENT, timeout=300_000),  # whoever asks keeps all of it open
        Street(mapping=ADDRESS_AND_PORT_DEPENDENT, timeout=30_000),  # the same port is given out again
    ):
        street.wait(20 * MINUTE)
        assert street.findings().keepalive == SAFE


def test_an_outage_is_not_taken_for_a_short_life():
    street = Street(timeout=300_000)
    street.wait(3 * MINUTE)  # in the silence of 110 seconds
    before = street.findings().keepalive
    assert before == 50_000
    street.servers[0].is_up = False
    street.wait(3 * MINUTE)
    street.servers[0].is_up = True
    street.wait(30 * MINUTE)
    assert street.findings().keepalive == 263_636


def test_a_life_that_proves_too_long_is_forgotten():
    """A NAT may treat its flows differently when it is full: then the caller sees paths die, and says so."""
    street = Street(timeout=300_000)
    street.wait(20 * MINUTE)
    street.router.tell("handle_lost_binding", IPV4)
    assert street.findings().keepalive == SAFE
    street.wait(20 * MINUTE)
    assert street.findings().keepalive == SAFE


def test_a_life_that_proved_too_long_is_not_believed_again_behind_the_same_nat():
    """A lost binding shows in another port, so all that was known of the old mapping is forgotten: but not this."""
    street = Street(timeout=300_000, preserve_ports=False)
    hosts = [street.router.host.address]
    street.wait(20 * MINUTE)
    before = street.findings()
    assert before.keepalive == 263_636
    street.nat.reboot()
    street.router.tell("handle_lost_binding", IPV4)
    street.router.tell("gather", hosts)
    street.wait(20 * MINUTE)
    assert street.findings().mapped != before.mapped and street.findings().keepalive == SAFE
    street.router.tell("gather", hosts + ["2001:db8::7"])  # of the other family
    street.wait(20 * MINUTE)
    assert street.findings().keepalive == SAFE


def test_behind_another_nat_the_life_is_measured_anew():
    for is_new_outside in (True, False):
        street = Street(timeout=300_000)
        street.wait(20 * MINUTE)
        street.router.tell("handle_lost_binding", IPV4)
        hosts = [street.router.host.address]
        if is_new_outside:
            street.nat.reboot(street.world.public_address())
        else:
            hosts.append("192.168.1.77")
        street.router.tell("gather", hosts)
        assert street.findings().keepalive == SAFE
        street.wait(20 * MINUTE)
        assert street.findings().keepalive == 263_636


def test_a_lonely_router_keeps_its_mapping_open_and_one_in_company_asks_rarely():
    street = Street(("plain", "plain"), timeout=30_000)
    street.wait(10 * MINUTE)
    assert street.router.kinds().count(MAPPED) == 1
    street.router.tell("set_alone", False)
    asked = len(street.router.sent)
    street.wait(60 * MINUTE)
    assert len(street.router.sent) - asked <= 12 + 1


# --- change


def test_a_new_wan_address_is_noticed():
    street = Street(("full", "plain"))
    street.wait(MINUTE)
    street.nat.reboot(street.world.public_address())
    street.router.tell("gather", [street.router.host.address])  # the caller saw its paths die
    street.wait(100)
    assert street.router.events[-1].kind in (MAPPED, LEARNED)
    assert street.findings().mapped == (street.nat.outside.address, PORT)
    street.wait(20_000)
    found = street.findings()
    assert (found.mapping, found.filtering) == (ENDPOINT_INDEPENDENT, ADDRESS_AND_PORT_DEPENDENT)


def test_it_is_noticed_without_a_hint_too():
    street = Street(("full", "plain"))
    street.wait(MINUTE)
    street.nat.reboot(street.world.public_address())
    street.wait(6 * MINUTE)
    assert street.findings().mapped == (street.nat.outside.address, PORT)
    assert street.router.kinds().count(MAPPED) == 2


def test_nothing_is_told_when_nothing_has_changed():
    street = Street(("full", "plain"))
    street.wait(30 * MINUTE)
    before = len(street.router.events)
    found = street.findings()
    for _ in range(3):
        street.router.tell("gather", [street.router.host.address])
        assert street.findings().state == ASKING
        street.wait(5 * MINUTE)
    assert len(street.router.events) == before
    assert street.findings() == found


def test_where_nobody_answers_it_says_so_and_asks_ever_more_rarely():
    street = Street(("full", "plain"))
    street.servers[0].is_up = street.servers[1].is_up = False
    street.wait(2_000)
    assert street.findings().state == ASKING
    street.wait(2_000)
    assert street.findings().state == BLOCKED
    assert street.router.kinds() == [LOST]
    street.wait(60 * MINUTE)
    sent = len(street.router.sent)
    street.wait(60 * MINUTE)
    assert len(street.router.sent) - sent <= 5 * 2 * 7
    street.servers[1].is_up = True
    street.wait(16 * MINUTE)
    assert street.findings().state == FOUND
    assert street.router.kinds() == [LOST, MAPPED]


def test_a_slow_answer_is_heard_after_all():
    street = Street(("plain", "plain"))
    street.world.weather(latency=4_000)
    street.router.tell("gather", [street.router.host.address])
    street.wait(15_000)
    assert street.findings().state == FOUND
    assert street.findings().mapped == (street.nat.outside.address, PORT)


def test_a_server_that_is_gone_is_replaced_by_another():
    street = Street(("plain", "plain"))
    street.wait(MINUTE)
    street.servers[0].is_up = False
    street.wait(10 * MINUTE)
    assert street.findings().state == FOUND
    assert street.findings().servers == [street.servers[1].address]


def test_servers_can_be_changed_and_taken_away():
    street = Street(("plain",))
    street.wait(1_000)
    street.router.set_servers([])
    assert street.router.client.findings() == []
    assert street.router.kinds()[-1] == LOST
    asked = street.servers[0].asked
    street.wait(60 * MINUTE)
    assert street.servers[0].asked == asked
    street.router.set_servers(street.servers)
    street.wait(1_000)
    assert street.findings().state == FOUND


# --- enemies


def test_forged_and_repeated_answers_change_nothing():
    street = Street(("plain",))
    enemy = street.world.add_host("enemy")
    street.wait(1_000)
    found = street.findings()
    client, now = street.router.client, street.world.now
    answer, source = street.router.received[0]
    assert not client.handle_datagram(answer, source, now)  # again
    street.router.tell("gather", [street.router.host.address])
    attributes = [(stun.XOR_MAPPED_ADDRESS, ("198.18.9.9", 1))]
    guess = stun.build(stun.SUCCESS, stun.BINDING, bytes(12), attributes)
    assert not client.handle_datagram(guess, source, now)
    (transaction,) = client._families[0].requests._open
    right = stun.build(stun.SUCCESS, stun.BINDING, transaction, attributes)
    assert not client.handle_datagram(right, (enemy.address, 3478), now)
    assert not client.handle_datagram(right, (source[0], 3479), now)
    other_method = stun.build(stun.SUCCESS, stun.ALLOCATE, transaction, attributes)
    assert not client.handle_datagram(other_method, source, now)
    question = stun.build(stun.REQUEST, stun.BINDING, transaction, attributes)
    assert not client.handle_datagram(question, source, now)
    street.wait(1_000)
    assert street.findings() == found
    assert street.router.kinds().count(MAPPED) == 1


def test_answers_that_can_not_be_true_are_no_answers():
    """Nobody's addresses, our own machine, the other family; and attributes that we would have to understand."""
    for attributes in (
        [],
        [(stun.XOR_MAPPED_ADDRESS, ("0.0.0.0", 1))],
        [(stun.XOR_MAPPED_ADDRESS, ("127.0.0.1", 1))],
        [(stun.XOR_MAPPED_ADDRESS, ("224.0.0.1", 1))],
        [(stun.XOR_MAPPED_ADDRESS, ("198.18.9.9", 0))],
        [(stun.XOR_MAPPED_ADDRESS, ("2001:db8::1", 1))],
        [(stun.XOR_MAPPED_ADDRESS, ("198.18.9.9", 1)), (0x7777, b"")],
    ):
        client = StunClient(World().chance.bytes, PORT)
        client.set_servers([("198.18.0.1", 3478)], 0)
        data, addr = client.poll_transmit()
        answer = stun.build(stun.SUCCESS, stun.BINDING, stun.parse(data).transaction, attributes)
        assert client.handle_datagram(answer, addr, 0)
        (found,) = client.findings()
        assert (found.state, found.mapped) == (BLOCKED, None)


def test_of_several_servers_the_majority_is_believed():
    """One that lies is the quickest, and so is believed at first; later only where nobody else answers."""
    for kind in ("plain", "full"):
        street = Street((kind, "plain", "plain"))
        liar, *honest = street.servers
        liar.lie = ("198.18.9.9", 666)
        for server in honest:
            for host in server.hosts:
                host.interface.up.latency = 50
        street.wait(1_000)
        true = (street.nat.outside.address, PORT)
        assert street.findings().mapped == true
        if kind == "plain":
            assert street.findings().mapping == ENDPOINT_INDEPENDENT
        street.router.tell("gather", [street.router.host.address])
        street.wait(1_000)
        assert [event.addr for event in street.router.events if event.kind == MAPPED] == [liar.lie, true]
        for server in honest:
            server.is_up = False
        street.router.tell("gather", [street.router.host.address])
        street.wait(MINUTE)
        assert street.findings().mapped == liar.lie


def test_the_old_form_of_an_answer_is_understood():
    client = StunClient(World().chance.bytes, PORT)
    client.set_servers([("198.18.0.1", 3478)], 0)
    data, addr = client.poll_transmit()
    mapped = [(stun.MAPPED_ADDRESS, ("198.18.9.9", 1))]
    client.handle_datagram(stun.build(stun.SUCCESS, stun.BINDING, stun.parse(data).transaction, mapped), addr, 0)
    assert client.findings()[0].mapped == ("198.18.9.9", 1)


def test_a_server_that_only_claims_to_have_a_second_address_proves_nothing():
    """It answers from where it was asked: that is no filtering of the NAT's."""
    others = ("198.18.0.2", 3479), ("198.18.0.1", 3479), ("198.18.0.2", 3478), ("127.0.0.1", 1), ("192.168.1.1", 53)
    for other in others:
        client = StunClient(World().chance.bytes, PORT)
        server = ("198.18.0.1", 3478)
        client.set_servers([server], 0)
        now = 0
        while now < MINUTE:
            transmit = client.poll_transmit()
            while transmit:
                if transmit[1] == server:
                    attributes = [(stun.XOR_MAPPED_ADDRESS, ("198.18.9.9", 1)), (stun.OTHER_ADDRESS, other)]
                    transaction = stun.parse(transmit[0]).transaction
                    client.handle_datagram(
                        stun.build(stun.SUCCESS, stun.BINDING, transaction, attributes), transmit[1], now
                    )
                else:
                    assert transmit[1][0] == "198.18.0.2"
                transmit = client.poll_transmit()
            now = client.poll_timeout()
            client.handle_timeout(now)
        assert client.findings()[0].filtering == UNKNOWN


def test_families_are_apart():
    client = StunClient(World().chance.bytes, PORT)
    client.set_servers([("198.18.0.1", 3478), ("2001:db8::1", 3478)], 0)
    client.gather(["2001:db8::7", "192.168.1.2"], 0)
    transmit = client.poll_transmit()
    while transmit:
        data, addr = transmit
        mapped = ("2001:db8::7", PORT) if ":" in addr[0] else ("198.18.9.9", 1)
        attributes = [(stun.XOR_MAPPED_ADDRESS, mapped)]
        client.handle_datagram(
            stun.build(stun.SUCCESS, stun.BINDING, stun.parse(data).transaction, attributes), addr, 0
        )
        transmit = client.poll_transmit()
    found = {one.family: one for one in client.findings()}
    assert found[IPV4].is_nat and not found[IPV6].is_nat
    assert found[IPV6].mapped == ("2001:db8::7", PORT)


def test_garbage_is_rejected():
    client = StunClient(World().chance.bytes, PORT)
    client.set_servers([("198.18.0.1", 3478)], 0)
    data, addr = client.poll_transmit()
    for n in range(len(data)):
        reason = None
        try:
            client.handle_datagram(data[:n], addr, 0)
        except Rejected as rejection:
            reason = rejection.reason
        assert reason == "bad-stun"
