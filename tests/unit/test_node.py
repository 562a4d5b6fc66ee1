"""The machines put together: frames find the right router, a new configuration disturbs nobody, and it can be seen."""

from pair import DATA, ELSEWHERE, INITIATION, OTHER, SUITES, Net, Pair, ethernet, everything

from ipop.node import Node, PeerConfig
from ipop.overlay.paths import PEER_MAX
from ipop.ports import crypto
from ipop.wg.messages import TRANSPORT_MAX
from ipop.wg.timestamps import Timestamps
from ipop.wire.batch import Batch

SECOND = 1_000
MDNS = b"\x01\x00\x5e\x00\x00\xfb"


def three():
    """Three homes that all know each other."""
    net = Net("abc")
    for side in net.sides:
        for other in net.sides:
            if other is not side:
                side.knows(other, "sha256", other.addr)
    net.run(SECOND)
    net.log.clear()
    return (net,) + tuple(net.sides)


def changed(config, **fields):
    """A configuration with some fields changed."""
    return PeerConfig(*[fields.get(name, value) for name, value in zip(FIELDS, config)])


FIELDS = ("name", "public_key", "endpoint", "preshared_key", "suite", "allowed_ips", "keepalive")


# --- where frames go


def test_a_broadcast_reaches_every_home_once():
    net, a, b, c = three()
    a.broadcast(b"anybody here?")
    net.run()
    assert b.got == c.got == [b"anybody here?"]
    assert a.got == []


def test_so_does_multicast():
    net, a, b, c = three()
    frame = ethernet(MDNS, a.mac, OTHER, bytes(46))
    a.send_frame(frame)
    net.run()
    assert b.frames == c.frames == [frame]


def test_what_came_out_of_a_tunnel_goes_into_no_other():
    """Else a broadcast would go round and round."""
    net, a, b, c = three()
    a.broadcast(b"anybody here?")
    net.run()
    assert {(sent.sender, sent.to) for sent in net.log} == {("a", b.addr), ("a", c.addr)}


def test_a_device_that_answered_is_spoken_to_alone():
    net, a, b, c = three()
    a.say(b"who knows?", b)
    net.run()
    assert [len(side.frames) for side in (b, c)] == [1, 1]
    b.say(b"here", a)
    net.run()
    assert [len(side.frames) for side in (a, c)] == [1, 1]
    a.say(b"found", b)
    net.run()
    assert [len(side.frames) for side in (b, c)] == [2, 1]


def test_a_device_that_moves_to_another_home_is_found_there():
    net, a, b, c = three()
    b.broadcast(b"I am at b's")
    net.run()
    b.mac, c.mac = c.mac, b.mac
    c.broadcast(b"now at c's")
    net.run()
    a.frames.clear()
    a.say(b"hello", c)
    net.run()
    assert c.got[-1] == b"hello"
    assert b"hello" not in b.got


def test_what_two_devices_of_one_home_say_stays_there():
    pair = Pair(both=True).connect()
    pair.log.clear()
    neighbour = b"\x02near."
    pair.a.send_frame(ethernet(b"\xff" * 6, neighbour, OTHER, bytes(46)))
    pair.log.clear()
    pair.a.send_frame(ethernet(neighbour, pair.a.mac, OTHER, bytes(46)))
    assert pair.log == []
    assert pair.a.dropped == {"stays-local": 1}


def test_frames_of_all_sizes_get_through_as_they_are():
    pair = Pair(both=True).connect()
    for n in (0, 1, 2, 45, 46, 1499, 1500, 1504, 1508):
        frame = ethernet(pair.b.mac, pair.a.mac, 0x88B5, bytes([i & 255 for i in range(n)]))
        pair.b.frames.clear()
        pair.a.send_frame(frame)
        pair.run()
        assert pair.b.frames == [frame], n


def test_frames_of_impossible_sizes_do_not():
    pair = Pair(both=True).connect()
    for n in (0, 1, 13, 1523, 1600, 2001, 9000):
        pair.a.send_frame(bytes(n))
    pair.run()
    assert pair.a.dropped == {"bad-frame": 7}


def test_a_stock_peer_gets_ip_only_and_no_broadcasts():
    pair = Pair("blake2s", both=True).connect()
    host = pair.a.frame(b"")[:6]
    pair.log.clear()
    pair.a.send_frame(ethernet(host, pair.a.mac, 0x88B5, bytes(46)))
    assert pair.a.dropped == {"not-ip": 1}
    pair.a.broadcast(b"anybody here?")
    pair.a.send_frame(ethernet(host, pair.a.mac, 0x0806, bytes(46)))
    assert pair.log == []


def test_who_sends_a_stock_peer_too_much_at_once_is_told():
    pair = Pair("blake2s", both=True).connect()
    host = pair.a.frame(b"")[:6]
    large = bytearray(pair.a.frame(bytes(1472)))
    large[20] = 0x40  # must not be cut
    pair.log.clear()
    pair.a.frames.clear()
    pair.a.send_frame(bytes(large))
    assert pair.log == [] and pair.a.dropped == {"too-large": 1}
    (told,) = pair.a.frames
    assert (told[:6], told[6:12]) == (pair.a.mac, host) and told[34:36] == b"\3\4"
    assert told[40] << 8 | told[41] == 1420
    pair.a.say(bytes(1420 - 28))
    pair.run()
    assert pair.b.got == [bytes(1420 - 28)]


def test_a_stock_peer_is_no_way_for_dhcp():
    pair = Pair("blake2s", both=True).connect()
    offer = bytearray(pair.a.frame(b"offer"))
    offer[34:38] = b"\0\x43\0\x44"
    pair.a.send_frame(bytes(offer))
    assert pair.a.dropped == {"guard-dhcp": 1}


def test_without_peers_nothing_happens():
    net = Net("ab")
    a, _ = net.sides
    a.broadcast(b"anybody here?")
    assert net.log == [] and a.dropped == {}
    assert a.node.status(0)["peers"] == {"configured": 0, "connected": 0}


# --- batches


def test_a_batch_of_frames_is_sealed_where_it_lies():
    """One turn of the loop: known and unknown destinations, and one that is no frame."""
    pair = Pair(both=True).connect()
    pair.log.clear()
    batch = Batch(crypto.pointer, 8, TRANSPORT_MAX)
    frames = [pair.a.frame(b"%d" % n) for n in range(3)]
    batch.put(frames[0])
    batch.put(b"no frame")
    batch.put(ethernet(b"\xff" * 6, pair.a.mac, OTHER, bytes(46)))
    batch.put(frames[1])
    batch.put(frames[2])
    pair.a.node.handle_frames(batch, pair.now)
    assert [n > 0 for n in batch.length[:5]] == [True, False, False, True, True]
    assert [batch.addr[i] for i in (0, 3, 4)] == [pair.b.addr] * 3
    assert pair.a.dropped == {"bad-frame": 1}
    for i in (0, 3, 4):
        assert pair.b.verdict(batch.packet(i)) == ""
    assert pair.b.got == [b"0", b"1", b"2"]
    pair.run()
    assert len(pair.b.frames[-1]) == 60  # the broadcast came through the queue


def test_a_batch_of_datagrams_is_opened_where_it_lies():
    pair = Pair().connect()
    pair.lose = everything
    pair.log.clear()
    for n in range(3):
        pair.a.say(b"%d" % n)
    batch = Batch(crypto.pointer, 8, TRANSPORT_MAX)
    for sent in pair.log:
        batch.put(sent.data, pair.a.addr)
    batch.put(pair.log[0].data, pair.a.addr)
    batch.put(b"", pair.a.addr)
    pair.b.node.handle_datagrams(batch, pair.now)
    assert [n > 0 for n in batch.length[:5]] == [True, True, True, False, False]
    assert [batch.packet(i) for i in range(3)] == [pair.a.frame(b"%d" % n) for n in range(3)]
    assert pair.b.dropped == {"replayed": 1, "truncated": 1}


def test_a_batch_is_used_again_and_again():
    pair = Pair(both=True).connect()
    batch = Batch(crypto.pointer, 2, TRANSPORT_MAX)
    for n in range(50):
        batch.clear()
        batch.put(pair.a.frame(b"x" * n))
        batch.put(pair.a.frame(b"y" * n))
        pair.a.node.handle_frames(batch, pair.now)
        datagrams = [batch.packet(i) for i in range(2)]
        batch.clear()
        for data in datagrams:
            batch.put(data, pair.a.addr)
        pair.b.node.handle_datagrams(batch, pair.now)
        assert [batch.packet(i) for i in range(2)] == [pair.a.frame(b"x" * n), pair.a.frame(b"y" * n)]


def test_packets_that_lie_anywhere_in_the_buffer():
    """One large read is cut into many packets without copying: they begin where they begin."""
    pair = Pair(both=True).connect()
    pair.lose = everything
    pair.log.clear()
    pair.a.say(b"one")
    pair.a.say(b"two, which is longer")
    batch = Batch(crypto.pointer, 4, TRANSPORT_MAX)
    at = batch.home[0]
    for i, sent in enumerate(pair.log):
        batch.mem[at : at + len(sent.data)] = sent.data
        batch.start[i], batch.length[i], batch.addr[i] = at, len(sent.data), pair.a.addr
        at += len(sent.data)
    batch.count = 2
    pair.b.node.handle_datagrams(batch, pair.now)
    assert [batch.packet(i) for i in range(2)] == [pair.a.frame(b"one"), pair.a.frame(b"two, which is longer")]


# --- a new configuration


def test_what_did_not_change_is_not_disturbed():
    for suite in SUITES:
        pair = Pair(suite, both=True).connect()
        session = pair.session(pair.a)
        pair.log.clear()
        config = pair.a.configs[0]
        pair.a.configure([changed(config)])
        pair.a.configure([changed(config, name="another name")])
        pair.a.configure([changed(config, endpoint=None)])
        pair.a.configure([changed(config, keepalive=25)])
        pair.a.configure([config])
        pair.run()
        assert pair.session(pair.a) is session
        assert pair.sent(pair.a, INITIATION) == []
        assert pair.carries()


def test_a_new_peer_disturbs_nobody():
    net, a, b, c = three()
    d = Net("abcd", seed=5).sides[3]
    session = a.node._links[b.public_key].peer.current
    a.knows(d, "sha256", d.addr)
    net.run()
    assert a.node._links[b.public_key].peer.current is session
    assert {sent.to for sent in net.log} == {d.addr}
    a.configure(a.configs[:-1])
    net.run(10 * SECOND)
    assert a.node._links[b.public_key].peer.current is session
    assert d.public_key not in [peer["public_key"] for peer in a.node.peers(net.now)]


def test_a_peer_that_is_removed_is_not_let_in_and_not_spoken_to():
    for suite in SUITES:
        pair = Pair(suite, both=True).connect()
        recorded = pair.session(pair.a).seal_bytes(b"")
        pair.b.configure([])
        pair.log.clear()
        assert pair.b.verdict(recorded) == "unknown-session"
        pair.a.say(b"still there?")
        pair.b.say(b"no answer")
        pair.run(30 * SECOND)
        assert pair.b.got == pair.a.got == []
        assert [sent for sent in pair.log if sent.sender == "b"] == []
        assert pair.b.node.peers(pair.now) == []
        assert pair.b.node._tunnel._sessions == {}
        assert pair.b.node._tunnel._calling == {}


def test_a_peer_that_is_removed_while_it_is_called_is_called_no_more():
    pair = Pair()
    pair.lose = everything
    pair.a.say(b"waits")
    pair.run(100)
    pair.a.configure([])
    pair.log.clear()
    pair.run(100 * SECOND)
    assert pair.log == []
    assert pair.a.node._tunnel._calling == {}


def test_a_peer_that_comes_back_is_called_anew():
    pair = Pair(both=True).connect()
    configs = pair.a.configs
    pair.a.configure([])
    pair.run(SECOND)
    pair.a.configure(configs)
    pair.run(SECOND)
    assert pair.carries()


def test_a_new_address_is_used_at_once():
    pair = Pair().connect()
    config = pair.a.configs[0]
    pair.b.addr = ("203.0.113.5", 4500)
    pair.a.configure([changed(config, endpoint=pair.b.addr)])
    pair.run()
    assert pair.carries()
    assert pair.a.peer()["endpoint"] == pair.b.addr


def test_another_preshared_key_or_suite_starts_over():
    """What was agreed under the old one does not count any more."""
    pair = Pair(both=True).connect()
    for change in ({"preshared_key": b"k" * 32}, {"suite": "blake2s"}):
        pair.a.configure([changed(pair.a.configs[0], **change)])
        assert pair.session(pair.a) is None
        pair.run(SECOND)
        assert not pair.carries()
        pair.b.configure([changed(pair.b.configs[0], **change)])
        if "suite" in change:
            for side in (pair.a, pair.b):
                side.configure([changed(side.configs[0], allowed_ips=[(pair.other(side).ip, 32)])])
        pair.run(7 * SECOND)
        assert pair.carries(), change


def test_what_a_stock_peer_may_say_can_be_changed():
    pair = Pair("blake2s", both=True).connect()
    session = pair.session(pair.b)
    config = pair.b.configs[0]
    pair.b.configure([changed(config, allowed_ips=[])])
    pair.a.say(b"hello")
    pair.run()
    assert pair.b.got == [] and pair.b.dropped == {"not-allowed": 1}
    pair.b.configure([config])
    assert pair.carries()
    assert pair.session(pair.b) is session


def test_our_own_key_and_impossible_ones_are_passed_over():
    """People copy one list of peers to all their routers, and keys are mistyped."""
    pair = Pair(both=True).connect()
    own = changed(pair.a.configs[0], public_key=pair.a.public_key, name="myself", endpoint=pair.a.addr)
    zeros = changed(pair.a.configs[0], public_key=bytes(32), name="nobody")
    pair.log.clear()
    pair.a.configure([own, zeros] + pair.a.configs)
    pair.run()
    assert pair.log == []
    assert [peer["name"] for peer in pair.a.node.peers(pair.now)] == ["b"]
    assert pair.carries()


def test_an_address_that_was_looked_up_is_tried_unless_the_peer_is_connected():
    pair = Pair(both=True)
    pair.a.configure([changed(pair.a.configs[0], endpoint=None)])
    pair.b.configure([])
    pair.run(100 * SECOND)
    assert pair.a.peer()["state"] in ("idle", "connecting", "no-endpoint")
    pair.b.knows(pair.a, "sha256")
    pair.a.node.set_endpoint(pair.b.public_key, pair.b.addr, pair.now)
    pair.run(SECOND)
    assert pair.carries()
    pair.a.node.set_endpoint(pair.b.public_key, ELSEWHERE, pair.now)
    assert pair.a.peer()["endpoint"] == pair.b.addr
    pair.a.node.set_endpoint(bytes(32), ELSEWHERE, pair.now)  # nobody that we know
    assert pair.carries()


# --- what can be seen


def test_the_state_of_a_peer_in_words():
    pair = Pair(delay=20)
    pair.run(1)
    assert pair.a.peer()["state"] == "connecting"
    assert pair.b.peer()["state"] == "no-endpoint"
    pair.connect()
    assert pair.a.peer()["state"] == pair.b.peer()["state"] == "connected"
    pair.run(300 * SECOND)
    assert pair.a.peer()["state"] == pair.b.peer()["state"] == "idle"


def test_a_peer_in_figures():
    pair = Pair(delay=20).connect()
    pair.run_until(5 * SECOND)
    told = pair.a.peer()
    assert told["name"] == "b" and told["suite"] == "sha256" and told["endpoint"] == pair.b.addr
    assert told["release"] == "1.0-b"
    assert told["handshake_ms"] == 5 * SECOND - 40
    assert 0 < told["heard_ms"] < 5 * SECOND
    assert told["bytes_in"] == sum([len(sent.data) for sent in pair.log if sent.sender == "b" and sent.kind == DATA])
    assert told["bytes_out"] == sum([len(sent.data) for sent in pair.log if sent.sender == "a" and sent.kind == DATA])
    assert pair.a.node.endpoints() == {pair.b.public_key: pair.b.addr}


def test_the_node_in_figures():
    pair = Pair(both=True).connect()
    frame = len(pair.a.frame(b"hello"))
    status = pair.a.node.status(pair.now)
    assert status["peers"] == {"configured": 1, "connected": 1}
    assert status["traffic"]["frames_out"] == status["traffic"]["frames_in"] == 1
    assert status["traffic"]["bytes_out"] >= frame
    assert status["devices"] == 2
    assert status["dropped"] == pair.a.dropped


def test_devices_that_are_gone_are_not_counted():
    pair = Pair(both=True).connect()
    pair.run(400 * SECOND)
    assert pair.a.node.status(pair.now)["devices"] == 0


def test_a_connection_is_told_once_and_not_with_every_new_key():
    pair = Pair(keepalive=20).connect()
    pair.run(600 * SECOND)
    assert len(pair.sent(pair.a, INITIATION)) > 3
    for side in (pair.a, pair.b):
        assert [(event.kind, event.name) for event in side.events] == [("connected", pair.other(side).name)]


# --- ping


def answers(side):
    return [event.token for event in side.events if event.kind == "answered"]


def test_a_ping_is_answered_and_times_the_way():
    pair = Pair(delay=35).connect()
    assert pair.a.node.ping(pair.b.public_key, "token", pair.now) is None
    pair.run(69)
    assert answers(pair.a) == []
    pair.run(1)
    assert answers(pair.a) == ["token"]
    assert pair.a.peer()["rtt_ms"] == 70


def test_a_ping_before_there_is_a_session_waits_for_it():
    pair = Pair(delay=35)
    pair.a.node.ping(pair.b.public_key, 1, pair.now)
    pair.run(SECOND)
    assert answers(pair.a) == [1]


def test_a_ping_that_is_lost_is_not_answered():
    pair = Pair().connect()
    pair.lose = everything
    pair.a.node.ping(pair.b.public_key, 1, pair.now)
    pair.run(60 * SECOND)
    assert answers(pair.a) == []


def test_why_somebody_can_not_be_pinged():
    pair = Pair()
    stock = Pair("blake2s")
    assert pair.a.node.ping(bytes(32), 1, 0) == "no-such-peer"
    assert pair.b.node.ping(pair.a.public_key, 1, 0) == "no-endpoint"
    assert stock.a.node.ping(stock.b.public_key, 1, 0) == "not-ours"
    for _ in range(PEER_MAX + 1):
        word = pair.a.node.ping(pair.b.public_key, 1, 0)
    assert word == "busy"


# --- time


def test_a_node_says_when_it_wants_to_be_called():
    """A router that sleeps in between uses no power; one that is called late must not be lost."""
    pair = Pair(both=True).connect()
    node = pair.a.node
    assert pair.now < node.poll_timeout() <= pair.now + 60 * SECOND
    for late in (5, 500, 50_000, 5_000_000):
        pair.run()
        pair.now += late
        node.handle_timeout(pair.now)
        assert node.poll_timeout() > pair.now
    pair.run(10 * SECOND)
    assert pair.carries()


def test_where_memory_ends_those_who_are_there_already_stay():
    """And the rest is named; as soon as there is room, it is let in."""
    room = [2]

    def has_room():
        room[0] -= 1
        return room[0] >= 0

    node = Node(bytes(range(32)), crypto, Timestamps(0, 0, 0), 0, "0.1.0", has_room=has_room)
    names = ("den", "cabin", "lodge")
    peers = [
        PeerConfig(name, crypto.dh_base(crypto.sha256(name.encode())), None, None, "sha256", [], 0) for name in names
    ]
    node.configure(peers[:1], 0)
    node.configure(peers, 0)
    assert node.left_out == ["lodge"] and {peer["name"] for peer in node.peers(0)} == {"den", "cabin"}
    node.configure(peers, 0)
    assert node.left_out == ["lodge"] and len(node.peers(0)) == 2
    room[0] = 1
    node.configure(peers, 0)
    assert node.left_out == [] and len(node.peers(0)) == 3
