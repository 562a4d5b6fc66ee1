"""A member that forges addresses, or hands on only what it likes, turns nobody's traffic, and keeps nobody apart."""

from console import Talk
from member import PORT, GroupSimulation
from nat import ADDRESS_AND_PORT_DEPENDENT, ADDRESS_DEPENDENT, ENDPOINT_INDEPENDENT

from ipop.errors import Rejected
from ipop.overlay.relay import PREFIX, is_relayed, route
from ipop.wg import messages
from ipop.wire import payload

MICROPYTHON = "the stories of the lab show the same there; all the arithmetic of this one takes a minute or more"

SECOND, MINUTE = 1_000, 60_000

HEADERS = 28
SMALL = 160  # bytes of a question and its answer, with some room; what carries a frame is larger
OWN_SOCKET = 666
SYMMETRIC = {"mapping": ADDRESS_AND_PORT_DEPENDENT, "preserve_ports": False}
SYMMETRIC_OPEN = {"mapping": ADDRESS_AND_PORT_DEPENDENT, "filtering": ADDRESS_DEPENDENT, "preserve_ports": False}
FULL_CONE = {"filtering": ENDPOINT_INDEPENDENT}


def turn_hostile(sim, relay, one, other, drops_large):
    """What `one` sends to `other` by this relay arrives from a socket of the relay's own, and what is answered there
    goes on to `one` as it should. If it `drops_large`, only what is small does."""
    forward = relay.node.relay.forward

    def peer(member):
        return relay.node._links[member.public_key].peer

    def steal(source, content, now):
        if (source.peer.public_key, content[:PREFIX]) != (one.public_key, other.public_key[:PREFIX]):
            return forward(source, content, now)
        relay.host.send(content[PREFIX:], OWN_SOCKET, peer(other).endpoint)
        raise Rejected("stolen")

    def hand_on(data, source):
        if drops_large and len(data) > SMALL and data[0] == messages.TRANSPORT:
            return
        if one.node is not None and source[0] == peer(other).endpoint[0]:
            content = payload.relayed(payload.FROM, other.public_key[:PREFIX], data)
            relay.host.send(peer(one).enclose(content, sim.now), PORT, peer(one).endpoint)

    relay.host.open(OWN_SOCKET, hand_on)
    relay.node.relay.forward = steal


def met_by_hostile(kinds, relays, drops_large, near=False):
    """A group whose first member is hostile before the two others meet through it."""
    sim = GroupSimulation()
    nats = [sim.add_nat("nat %d" % n, **kind) for n, kind in enumerate(kinds)]
    if near:  # the relay is half way between the two
        sim.internet.core.latency = 0
        for nat in nats:
            nat.outside.up.latency = nat.outside.down.latency = 10
    mallory = sim.found(*["mallory"] + ["helper %d" % n for n in range(1, relays)])[0]
    a, b = [sim.add_member(name, nat=nat) for name, nat in zip(("attic", "barn"), nats)]
    turn_hostile(sim, mallory, a, b, drops_large)
    b.join(mallory.invite())
    sim.simulate_time(5 * SECOND)
    a.join(mallory.invite())
    sim.simulate_time(20 * SECOND)
    return sim, mallory, a, b


def test_who_forges_its_address_at_a_handshake_turns_nothing_large_on_a_third():
    sim = GroupSimulation()
    den, mallory, _ = sim.found("den", "mallory", "lodge")
    sim.simulate_time(10 * SECOND)
    got, forged = [], []
    victim = sim.add_host("victim")
    victim.open(53, lambda data, source: got.append(len(data)))
    send = mallory._send

    def forge(data, addr):
        if addr != den.address:
            return send(data, addr)
        forged.append(len(data))
        mallory.host.interface.send(data, (victim.address, 53), addr)
        if data[0] == messages.INITIATION:  # and once more from its own, so that the answer comes there as well
            sim.agenda.at(sim.now + 5, send, data, addr)

    mallory._send = forge
    peer = mallory.node._links[den.public_key].peer
    peer.initiate(sim.now)
    mallory._pump()
    sim.simulate_time(3 * SECOND)
    Talk(sim.agenda, den.console, mallory.console, 20, 1_000)
    for _ in range(60):  # enough to seem alive
        peer.tell(b"", sim.now, wants_answer=False, addr=den.address)
        mallory._pump()
        sim.simulate_time(500)
    for _ in range(100):
        peer.tell(payload.control(payload.COMPARE, b"\0" + bytes(144)), sim.now, wants_answer=False, addr=den.address)
        mallory._pump()
        sim.simulate_time(10)
    sim.simulate_time(SECOND)
    print("to the victim: %d datagrams, %d bytes, for %d bytes" % (len(got), sum(got), sum(forged)))
    assert len(forged) > 150
    assert len(got) <= 50 and max(got) <= 200
    assert sum(got) <= sum(forged)


def test_a_relay_that_calls_from_its_own_socket_and_then_drops_what_is_large_keeps_nobody_apart():
    sim, mallory, a, b = met_by_hostile((SYMMETRIC, SYMMETRIC_OPEN), 2, drops_large=True)
    for member in (a, b):
        member.console.broadcast(b"where are you?")
    sim.simulate_time(500)
    talks = [sim.talk(a, b, every=100), sim.talk(b, a, every=100)]
    sim.simulate_time(2 * MINUTE)
    for talk in talks:
        print("%d of %d arrived" % (len(talk.arrived), len(talk.sent)))
        assert len(talk.arrived) >= 0.9 * len(talk.sent) and talk.is_clean()


def test_a_relay_that_calls_from_its_own_socket_does_not_stand_in_for_a_direct_way():
    """It is half way between the two, and so as quick."""
    for kind in (FULL_CONE, {"filtering": ADDRESS_DEPENDENT}):
        sim, mallory, a, b = met_by_hostile((SYMMETRIC, kind), 2, drops_large=False, near=True)
        for one, other in ((a, b), (b, a)):
            endpoint = one.peer(other)["endpoint"]
            assert not is_relayed(endpoint) and endpoint[0] != mallory.host.address


def test_a_relay_that_drops_what_is_large_is_replaced():
    sim = GroupSimulation()
    relays = sim.found("mallory", "helper", "other helper")
    a, b = [sim.add_member(name, nat=sim.add_nat(name, **SYMMETRIC)) for name in ("attic", "barn")]
    for member in (a, b):
        member.join(relays[0].invite())
    sim.simulate_time(20 * SECOND)
    used = route(a.peer(b)["endpoint"])[0]
    (relay,) = [each for each in relays if each.public_key[:PREFIX] == used]
    forward = relay.node.relay.forward

    def drop(source, content, now):
        if len(content) > SMALL:
            raise Rejected("dropped")
        return forward(source, content, now)

    relay.node.relay.forward = drop
    talks = [sim.talk(a, b, every=100), sim.talk(b, a, every=100)]
    sim.simulate_time(2 * MINUTE)
    for talk in talks:
        print("%d of %d arrived" % (len(talk.arrived), len(talk.sent)))
        assert len(talk.arrived) >= 0.9 * len(talk.sent) and talk.is_clean()


def claims(sim, mallory, address, line, *others):
    """It joins, and is never reached by anybody: all that is known of it is that it says to be at this address."""
    for other in others:
        sim.internet.cut(mallory.host.interface, other)
    mallory.address = address
    mallory.join(line)
    sim.simulate_time(10 * SECOND)


def test_who_claims_anothers_address_does_not_delay_what_follows_a_restart():
    """What is heard from there, and what the kernel says about it, is still put down to who was there first."""
    sim = GroupSimulation()
    den, cabin = sim.found("den", "cabin")
    mallory = sim.add_member("mallory")
    claims(sim, mallory, cabin.address, den.invite(), den.host.interface, cabin.host.interface)
    assert den.group.places.get(mallory.identity.public).addresses[0] == cabin.address
    den.do("promote", "cabin")  # so that all this is on flash
    talk = sim.talk(cabin, den, every=20)
    sim.simulate_time(5 * SECOND)
    assert den.node._tunnel.peer_at(cabin.address).public_key == cabin.public_key
    den.restart()
    restarted = sim.now
    sim.simulate_time(5 * SECOND)
    print("heard again after %s ms" % talk.resumed_after(restarted))
    assert talk.resumed_after(restarted) < 500
    assert den.node._tunnel.peer_at(cabin.address).public_key == cabin.public_key


def test_who_claims_an_address_before_another_comes_there_does_not_keep_it_from_being_followed():
    sim = GroupSimulation()
    (den,) = sim.found("den")
    nat = sim.add_nat("nat")
    cabin = sim.add_member("cabin", nat=nat)
    cabin.join(den.invite())
    mallory = sim.add_member("mallory")
    claims(sim, mallory, ("198.18.9.9", PORT), den.invite(), den.host.interface, nat.outside)
    assert den.group.places.get(mallory.identity.public).addresses[0] == ("198.18.9.9", PORT)
    sim.simulate_time(20 * SECOND)
    talks = [sim.talk(den, cabin, every=20), sim.talk(cabin, den, every=20)]
    sim.simulate_time(5 * SECOND)
    nat.reboot("198.18.9.9")
    moved = sim.now
    sim.simulate_time(10 * SECOND)
    times = [talk.resumed_after(moved) for talk in talks]
    print("heard again after %s ms" % times)
    assert max(times) < 3 * SECOND
    assert den.peer(cabin)["endpoint"] == ("198.18.9.9", PORT)


def sent_to_a_victim(minutes, is_there, every=None):
    """What the members of a group send, within so many minutes, to somebody whose ports one of them names as its own:
    [(when, bytes)], for each member on average. Who lies `is_there` or not, and names others `every` so many ms."""
    sim = GroupSimulation()
    members = sim.found("den", "lodge", "cabin")
    victim, mallory = sim.add_host("victim"), sim.add_member("mallory")
    mallory.join(members[0].invite())
    sim.simulate_time(20 * SECOND)
    assert all(sim.is_connected(mallory, member) for member in members)
    got = []
    victim.watch(lambda data, source: got.append((sim.now - began, len(data) + HEADERS)))
    mallory._say_where = lambda: None
    began = sim.now
    while sim.now < began + minutes * MINUTE:
        if mallory.group is not None:
            first = 1 + len(got) % 60_000
            mallory.group.set_place([(victim.address, first + n) for n in range(16)], sim.now, False, [])
            mallory._pump()
            sim.simulate_time(SECOND)
            if not is_there:
                mallory.kill()
        sim.simulate_time(every or 10 * MINUTE)
    return [(when, size / len(members)) for when, size in got]


def test_who_names_somebody_elses_address_has_little_sent_there():
    """Sixteen ports, or others all the time; by one that can be reached, or that nobody hears of again."""
    for is_there, every in ((True, None), (True, SECOND), (False, None)):
        got = sent_to_a_victim(20, is_there, every)
        early = sum([size for when, size in got if when < 2 * MINUTE])
        late = sum([size for when, size in got if when >= 2 * MINUTE])
        print("sent by each member: %d bytes in two minutes, then %.1f a second" % (early, late / (18 * 60)))
        assert early < 20_000
        assert late / (18 * 60) < 40


def test_a_relay_sends_to_members_whom_it_reaches_itself_and_each_datagram_once():
    """Somebody unknown, who sent it, the relay itself, a member that was removed; and round and round through two."""
    sim = GroupSimulation()
    den, lodge, gone = sim.found("den", "lodge", "gone")
    mallory, cabin = [sim.add_member(name, nat=sim.add_nat(name, **SYMMETRIC)) for name in ("mallory", "cabin")]
    for member in (mallory, cabin):
        member.join(den.invite())
    sim.simulate_time(20 * SECOND)
    den.do("revoke", "gone")
    sim.simulate_time(20 * SECOND)
    sent = []
    sim.internet.watch(lambda data, source, destination: sent.append((source, destination, len(data))))

    def say(relay, member, data):
        """Let the relay hand this on; how many datagrams left it, besides what it has to do anyway."""
        sent.clear()
        peer = mallory.node._links[relay.public_key].peer
        peer.tell(payload.relayed(payload.TO, member, data), sim.now, wants_answer=False)
        mallory._pump()
        sim.simulate_time(200)
        return len([size for source, _, size in sent if source == relay.address and size > 1_000])

    noise = bytes(1_000)
    assert say(den, lodge.public_key[:PREFIX], noise) == 1
    for member in (bytes(PREFIX), mallory.public_key[:PREFIX], den.public_key[:PREFIX], gone.public_key[:PREFIX]):
        assert say(den, member, noise) == 0
    assert den.dropped["relay-unreachable"] == 4
    session = mallory.node._links[cabin.public_key].peer.current  # which is reached through a relay
    loop = payload.relayed(payload.TO, mallory.public_key[:PREFIX], noise)
    for _ in range(2):
        loop = payload.relayed(payload.TO, lodge.public_key[:PREFIX], session.seal_bytes(loop))
    before = cabin.dropped.get("bad-payload", 0)
    assert say(den, cabin.public_key[:PREFIX], session.seal_bytes(loop)) == 1
    assert cabin.dropped["bad-payload"] == before + 1
    assert sim.is_whole(den, lodge, mallory, cabin)
