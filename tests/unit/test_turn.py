"""A router that can't be reached has an address at a TURN server, and keeps it, whatever the server thinks of next.

`Server` is as much of one as these stories need; tests/lab holds the client against coturn."""

from binascii import b2a_base64

from ipop.errors import Rejected
from ipop.overlay import turn
from ipop.overlay.turn import ALLOCATED, ASKING, FAILED, IDLE, LOST, READY, REFUSED, TurnClient
from ipop.ports import crypto
from ipop.wire import stun

SERVER = ("203.0.113.1", 3478)
RELAYED = [("203.0.113.1", 50000), ("2001:db8::1", 50001)]
FRIEND, OTHER, NEW = ("198.51.100.7", 51820), ("198.51.100.8", 51820), ("198.51.100.9", 51820)
FRIEND6 = ("2001:db8:7::7", 51820)
MINUTE = 60_000

BINDINGS = {stun.CHANNEL_BIND: 600_000, stun.CREATE_PERMISSION: 300_000}


class Server:
    """A TURN server with one user. `errors` are given instead of answers: method -> codes, from the first on."""

    def __init__(self, password="secret", algorithms=None):
        self.key = crypto.md5(b"den:example.org:" + password.encode())
        self.integrity, self.hmac = stun.MESSAGE_INTEGRITY, crypto.hmac_sha1
        self.algorithms = algorithms
        self.nonce = b"nonce-1"
        if algorithms:
            self.nonce = b"obMatJos2" + b2a_base64(b"\0\0\1").strip() + b"nonce"
            self.integrity, self.hmac = stun.MESSAGE_INTEGRITY_SHA256, crypto.hmac_sha256
            if stun.SHA256 in algorithms:
                self.key = crypto.sha256(b"den:example.org:" + password.encode())
        self.errors = {}
        self.lifetime = 600
        self.relayed = RELAYED
        self.is_up = True
        self.allocated_until = None
        self.permissions = {}  # host -> until
        self.channels = {}  # number -> (peer, until)
        self.asked = []  # (when, method), with the right credentials
        self.sent = []  # (data, peer) that went out of the relayed address
        self.lost = 0

    def handle(self, data, now):
        """What it answers, or None."""
        if stun.is_channel_data(data):
            number, content = stun.parse_channel_data(data)
            peer, until = self.channels[number]
            self._send(content, peer, now < until and now)
            return None
        request = stun.parse(data)
        if request.kind == stun.INDICATION:
            if request.method == stun.SEND:
                self._send(request.get(stun.DATA), request.get(stun.XOR_PEER_ADDRESS), now)
            return None
        refusal = self._refusal(request, now)
        if refusal:
            return self._error(request, refusal)
        self.asked.append((now, request.method))
        if not self.is_up:
            return None
        codes = self.errors.get(request.method)
        if codes:
            return self._error(request, codes.pop(0))
        return self._sign(stun.build(stun.SUCCESS, request.method, request.transaction, self._do(request, now)))

    def _refusal(self, request, now):
        if not request.is_signed(self.integrity, self.hmac, self.key, crypto.equal):
            return 401
        if request.get(stun.NONCE) != self.nonce:
            return 438
        assert request.get(stun.PASSWORD_ALGORITHMS) == self.algorithms
        lives = self.allocated_until is not None and now < self.allocated_until
        if lives == (request.method == stun.ALLOCATE):
            return 437
        return None

    def _do(self, request, now):
        if request.method == stun.ALLOCATE:
            assert request.get(stun.REQUESTED_TRANSPORT) == stun.UDP
            self.allocated_until = now + 1000 * self.lifetime
            relayed = [(stun.XOR_RELAYED_ADDRESS, addr) for addr in self.relayed]
            return relayed + [(stun.LIFETIME, self.lifetime), (stun.XOR_MAPPED_ADDRESS, ("192.0.2.7", 7))]
        if request.method == stun.REFRESH:
            lifetime = request.get(stun.LIFETIME)
            lifetime = self.lifetime if lifetime is None else lifetime
            self.allocated_until = now + 1000 * lifetime
            return [(stun.LIFETIME, lifetime)]
        peer = request.get(stun.XOR_PEER_ADDRESS)
        self.permissions[peer[0]] = now + 300_000
        if request.method == stun.CHANNEL_BIND:
            number = request.get(stun.CHANNEL_NUMBER)
            for one, (other, until) in self.channels.items():
                assert now >= until + 300_000 or (one == number) == (other == peer), "bound twice"
            self.channels[number] = peer, now + 600_000
        return []

    def _send(self, content, peer, now):
        if self.permissions.get(peer[0], 0) > now:
            self.sent.append((content, peer))
        else:
            self.lost += 1

    def _error(self, request, code):
        attributes = [(stun.ERROR_CODE, (code, "for a reason"))]
        if code in (401, 438):
            attributes += [(stun.REALM, b"example.org"), (stun.NONCE, self.nonce)]
            if self.algorithms:
                attributes.append((stun.PASSWORD_ALGORITHMS, self.algorithms))
        data = stun.build(stun.ERROR, request.method, request.transaction, attributes)
        return data if code in (401, 438) else self._sign(data)

    def _sign(self, data):
        return stun.sign(data, self.integrity, self.hmac, self.key)


class Pair:
    """A client and its server, over datagrams or over a stream that comes in pieces of some size."""

    def __init__(self, server=None, piece=None, password="secret"):
        self.now = 0
        self.server = server or Server()
        self.piece = piece
        self.counted = []
        self.client = TurnClient(crypto, SERVER, "den", password, piece is not None, self.counted.append)
        self.events = []
        self.received = []
        self.to_server = b""
        self.client.connect(0)
        self.exchange()

    def exchange(self):
        transmit = self.client.poll_transmit()
        while transmit:
            assert transmit[1] == SERVER
            for data in self._messages(transmit[0]):
                answer = self.server.handle(data, self.now)
                if answer is not None and self.server.is_up:
                    self.deliver(answer)
            transmit = self.client.poll_transmit()
        received = self.client.poll_received()
        while received:
            self.received.append(received)
            received = self.client.poll_received()
        event = self.client.poll_event()
        while event:
            self.events.append((event.kind, event.detail))
            event = self.client.poll_event()

    def _messages(self, data):
        if self.piece is None:
            return [data]
        assert len(data) % 4 == 0 and len(data) == stun.message_size(data)
        return [data]

    def deliver(self, data):
        """What comes from the server."""
        if self.piece is None:
            self.client.handle_datagram(data, SERVER, self.now)
        else:
            for at in range(0, len(data), self.piece):
                self.client.handle_bytes(data[at : at + self.piece], self.now)

    def wait(self, duration):
        end = self.now + duration
        when = self.client.poll_timeout()
        while when is not None and when <= end:
            self.now = max(when, self.now)
            self.client.handle_timeout(self.now)
            self.exchange()
            when = self.client.poll_timeout()
        self.now = end

    def send(self, data, peer):
        is_sent = self.client.send(data, peer, self.now)
        self.exchange()
        return is_sent

    def from_peer(self, data, peer):
        """The server relays something."""
        attributes = [(stun.XOR_PEER_ADDRESS, peer), (stun.DATA, data)]
        self.deliver(stun.build(stun.INDICATION, stun.DATA_INDICATION, bytes(12), attributes))
        self.exchange()

    def count(self, method):
        return len([one for _, one in self.server.asked if one == method])


# --- the allocation


def test_an_address_is_allocated_and_kept():
    for piece in (None, 1, 7, 10_000):
        pair = Pair(piece=piece)
        assert pair.client.state == ALLOCATED
        assert pair.client.relayed == RELAYED
        assert pair.events == [(READY, RELAYED)]
        pair.wait(120 * MINUTE)
        assert pair.now < pair.server.allocated_until
        assert pair.events == [(READY, RELAYED)]
        assert pair.count(stun.REFRESH) == 13


def test_a_server_of_today_is_logged_in_to_with_sha256():
    for algorithms in ([stun.SHA256], [stun.MD5, stun.SHA256], [stun.MD5]):
        pair = Pair(Server(algorithms=algorithms))
        assert pair.client.state == ALLOCATED
        pair.wait(20 * MINUTE)
        assert pair.client.state == ALLOCATED


def test_nobody_on_the_way_makes_us_use_md5():
    server = Server(algorithms=[stun.SHA256])
    server.algorithms = None  # taken out of the challenge; the nonce still says that there were some
    pair = Pair(server)
    assert (pair.client.state, pair.client.why) == (FAILED, "the TURN server's answer makes no sense")
    assert server.asked == []


def test_a_wrong_password_is_told_and_not_tried_all_the_time():
    pair = Pair(password="guess")
    why = "the TURN server doesn't accept this user name and password"
    assert (pair.client.state, pair.client.why) == (FAILED, why)
    assert pair.events == [(FAILED, why)]
    sent = []
    handle = pair.server.handle
    pair.server.handle = lambda data, now: sent.append(now) or handle(data, now)
    pair.wait(60 * MINUTE)
    assert len(sent) <= 2 * 6
    assert len(pair.events) == 1


def test_errors_are_said_in_words():
    for code in (300, 400, 403, 437, 440, 441, 442, 486, 500, 508, 599):
        server = Server()
        server.errors[stun.ALLOCATE] = [code] * 9
        pair = Pair(server)
        assert pair.client.state == FAILED
        assert "TURN server" in pair.client.why
        assert ("599 for a reason" in pair.client.why) == (code == 599)
        pair.wait(60 * MINUTE * (1 + 9 * (code == 599)))


def test_a_server_that_can_not_give_both_families_is_asked_for_one():
    for code in (400, 440, 500, 508):
        server = Server()
        server.errors[stun.ALLOCATE] = [code]
        pair = Pair(server)
        assert pair.client.state == ALLOCATED
        assert pair.count(stun.ALLOCATE) == 2


def test_a_server_without_room_is_left_in_peace_for_a_minute():
    for codes in ([486], [508, 508]):
        server = Server()
        server.errors[stun.ALLOCATE] = codes
        asked = len(codes)
        pair = Pair(server)
        pair.wait(59_000)
        assert pair.count(stun.ALLOCATE) == asked
        pair.wait(2_000)
        assert pair.client.state == ALLOCATED
        assert pair.client.why is None


def test_an_allocation_from_before_a_restart_is_given_back_first():
    server = Server()
    Pair(server)
    again = Pair(server)
    assert again.client.state == ALLOCATED
    assert again.events == [(READY, RELAYED)]


def test_a_server_that_forgot_us_is_asked_again_at_once():
    """It was restarted, or we have another address now: the channels are gone with the allocation."""
    pair = Pair()
    pair.client.permit([FRIEND[0]], pair.now)
    assert pair.send(b"1", FRIEND)
    pair.wait(10_000)
    pair.server.allocated_until = None
    pair.server.channels.clear()
    pair.server.permissions.clear()
    pair.server.nonce = b"nonce-2"
    pair.client.check(pair.now)
    pair.exchange()
    assert pair.events == [(READY, RELAYED), (LOST, None), (READY, RELAYED)]
    pair.wait(1)
    assert FRIEND[0] in pair.server.permissions
    assert pair.send(b"2", FRIEND)
    assert pair.server.sent[-1] == (b"2", FRIEND)


def test_a_silent_server_is_noticed_and_tried_again():
    pair = Pair()
    pair.server.is_up = False
    pair.wait(11 * MINUTE)
    assert pair.client.state == FAILED or pair.client.state == ASKING
    assert pair.client.relayed == []
    assert (LOST, None) in pair.events
    assert not pair.send(b"1", FRIEND)
    pair.server.is_up = True
    pair.wait(11 * MINUTE)
    assert pair.client.state == ALLOCATED


def test_lifetimes_of_any_length_are_survived():
    for lifetime in (0, 1, 61, 100, 3600, 0xFFFFFFFF):
        server = Server()
        server.lifetime = lifetime
        pair = Pair(server)
        pair.wait(60 * MINUTE)
        assert len(server.asked) <= 2 * 60 * 2  # not more than once in half a minute, and what follows from it


def test_closing_gives_the_address_back():
    pair = Pair()
    pair.client.close(pair.now)
    assert pair.client.state == IDLE
    pair.exchange()
    assert pair.server.allocated_until == pair.now
    assert pair.client.poll_timeout() is None
    assert not pair.send(b"1", FRIEND)
    assert pair.events[-1] == (LOST, None)


def test_a_broken_stream_ends_it_and_a_new_one_begins_it_again():
    pair = Pair(piece=5)
    pair.client.handle_bytes(b"\1", pair.now)  # half a message, which is nothing any more
    pair.client.handle_disconnected()
    pair.exchange()
    assert (pair.client.state, pair.client.poll_timeout()) == (IDLE, None)
    pair.server.allocated_until = None
    pair.wait(MINUTE)
    pair.client.connect(pair.now)
    pair.exchange()
    assert pair.client.state == ALLOCATED


def test_the_way_to_the_server_is_kept_open():
    pair = Pair()
    heard = []
    pair.server.handle = lambda data, now: heard.append(now)
    pair.wait(4 * MINUTE)
    assert len(heard) == 4 * 60 // 25
    heard.clear()
    pair.client.keepalive = None  # the caller knows that there is no NAT
    pair.wait(4 * MINUTE)
    assert heard == []


# --- data


def test_the_first_datagram_goes_out_at_once_and_the_next_on_a_channel():
    for piece in (None, 3):
        pair = Pair(piece=piece)
        transmits = []
        assert pair.client.send(b"one", FRIEND, pair.now)
        assert pair.client.send(b"two", FRIEND, pair.now)
        for _ in range(3):  # the request for a channel, and both indications
            data, _ = pair.client.poll_transmit()
            transmits.append(data)
            answer = pair.server.handle(data, pair.now)
            if answer:
                pair.deliver(answer)
        assert [data[1] & 15 for data in transmits] == [stun.CHANNEL_BIND, stun.SEND, stun.SEND]
        assert pair.client.send(b"three", FRIEND, pair.now)
        data, _ = pair.client.poll_transmit()
        assert stun.is_channel_data(data)
        assert len(data) == (4 + 5 if piece is None else 4 + 8)
        pair.server.handle(data, pair.now)
        assert pair.server.sent == [(b"one", FRIEND), (b"two", FRIEND), (b"three", FRIEND)]
        assert pair.server.lost == 0


def test_what_peers_send_comes_in_with_their_address():
    for piece in (None, 3):
        pair = Pair(piece=piece)
        pair.client.permit([OTHER[0]], pair.now)
        pair.wait(1)
        assert OTHER[0] in pair.server.permissions
        pair.from_peer(b"call", OTHER)
        pair.send(b"1", FRIEND)
        (number,) = pair.server.channels
        pair.deliver(stun.channel_data(number, b"hello") + bytes(3))
        pair.deliver(stun.channel_data(number, b""))
        pair.from_peer(b"not on the channel", FRIEND)
        pair.exchange()
        assert pair.received == [(b"call", OTHER), (b"hello", FRIEND), (b"", FRIEND), (b"not on the channel", FRIEND)]


def test_a_conversation_goes_on_for_hours_without_a_loss():
    pair = Pair()
    for i in range(8 * 60):
        assert pair.send(b"%d" % i, FRIEND)
        if i % 7 == 0:
            pair.server.nonce = b"nonce-%d" % i  # it becomes stale now and then
        pair.wait(MINUTE)
    assert pair.server.lost == 0
    assert len(pair.server.sent) == 8 * 60
    assert len(pair.server.channels) == 1
    assert pair.events == [(READY, RELAYED)]


def test_now_and_then_a_word_at_any_interval_is_never_lost():
    for seconds in (100, 235, 245, 285, 295, 305, 500, 595, 605, 900, 1000, 2000):
        pair = Pair()
        for i in range(20):
            assert pair.send(b"%d" % i, FRIEND)
            pair.wait(1000 * seconds)
        assert pair.server.lost == 0, seconds
        assert len(pair.server.sent) == 20


def test_a_channel_that_nobody_uses_is_not_renewed_and_in_the_end_forgotten():
    pair = Pair()
    pair.send(b"1", FRIEND)
    pair.wait(10 * MINUTE)
    bound = pair.count(stun.CHANNEL_BIND)
    assert bound <= 2
    pair.wait(60 * MINUTE)
    assert pair.count(stun.CHANNEL_BIND) == bound
    assert len(pair.client._channels) == len(pair.client._by_number) == 0


def test_a_peer_that_only_talks_keeps_its_channel():
    pair = Pair()
    pair.send(b"1", FRIEND)
    (number,) = pair.server.channels
    for _ in range(60):
        pair.deliver(stun.channel_data(number, b"reading"))
        pair.wait(MINUTE)
        assert pair.server.permissions[FRIEND[0]] > pair.now


def test_permissions_are_renewed_while_they_are_wanted():
    pair = Pair()
    pair.client.permit([FRIEND[0], OTHER[0]], pair.now)
    for _ in range(60):
        pair.wait(MINUTE)
        assert all(pair.server.permissions[host] > pair.now for host in (FRIEND[0], OTHER[0]))
    pair.client.permit([FRIEND[0]], pair.now)
    pair.wait(10 * MINUTE)
    assert pair.server.permissions[OTHER[0]] < pair.now < pair.server.permissions[FRIEND[0]]


def test_a_family_that_the_server_does_not_relay_is_not_tried():
    server = Server()
    server.relayed = RELAYED[:1]
    pair = Pair(server)
    pair.client.permit([FRIEND6[0]], pair.now)
    pair.wait(1)
    assert not pair.send(b"1", FRIEND6)
    assert pair.count(stun.CREATE_PERMISSION) == pair.count(stun.CHANNEL_BIND) == 0
    assert Pair().send(b"1", FRIEND6)


def test_a_peer_that_the_server_refuses_is_told_and_tried_again_later():
    pair = Pair()
    pair.server.errors = {stun.CHANNEL_BIND: [403], stun.CREATE_PERMISSION: [403]}
    pair.send(b"1", FRIEND)
    assert pair.events[-1] == (REFUSED, (FRIEND, "the TURN server forbids it"))
    assert not pair.send(b"2", FRIEND)
    pair.client.permit([OTHER[0]], pair.now)
    pair.wait(1)
    assert pair.events[-1] == (REFUSED, (OTHER[0], "the TURN server forbids it"))
    pair.wait(MINUTE)
    assert pair.send(b"3", FRIEND)
    assert pair.server.sent == [(b"3", FRIEND)]


def test_there_is_a_bound_to_everything():
    pair = Pair()
    pair.client.permit(["198.51.%d.%d" % divmod(i, 256) for i in range(1000)], pair.now)
    pair.wait(1)
    assert len(pair.server.permissions) == turn.PERMITTED_MAX
    sent = [pair.send(b"1", ("192.0.2.1", 1 + i)) for i in range(1000)]
    assert sent.count(True) == turn.CHANNELS_MAX
    handed_over = [pair.client.send(b"1", ("192.0.2.1", 1), pair.now) for _ in range(1000)]
    assert handed_over.count(True) < 256
    pair.wait(40_000)
    assert pair.client.state == ALLOCATED


# --- enemies


def rejected(client, data, addr=SERVER, now=0):
    try:
        return client.handle_datagram(data, addr, now)
    except Rejected as rejection:
        return rejection.reason


def test_answers_have_to_be_signed():
    """Somebody on the way could say that our address is his, or that there is none."""
    for kind, attributes in (
        (stun.SUCCESS, [(stun.XOR_RELAYED_ADDRESS, ("192.0.2.66", 66))]),
        (stun.SUCCESS, [(stun.ERROR_CODE, (401, "")), (stun.LIFETIME, 0)]),
        (stun.ERROR, [(stun.ERROR_CODE, (437, ""))]),
        (stun.ERROR, []),
    ):
        pair = Pair()
        pair.client.check(pair.now)
        data, _ = pair.client.poll_transmit()
        forged = stun.build(kind, stun.REFRESH, stun.parse(data).transaction, attributes)
        assert rejected(pair.client, forged) == "forged"
        assert rejected(pair.client, stun.sign(forged, stun.MESSAGE_INTEGRITY, crypto.hmac_sha1, bytes(16))) == "forged"
        pair.deliver(pair.server.handle(data, pair.now))
        assert pair.client.state == ALLOCATED


def test_strangers_and_repetitions_are_not_heard():
    pair = Pair()
    pair.client.check(pair.now)
    data, _ = pair.client.poll_transmit()
    answer = pair.server.handle(data, pair.now)
    assert not rejected(pair.client, answer, ("203.0.113.1", 3479))
    assert not rejected(pair.client, answer, ("203.0.113.2", 3478))
    assert rejected(pair.client, answer) is True
    assert rejected(pair.client, answer) is False


def test_only_whom_we_know_comes_through():
    """A server that isn't ours to trust, or somebody with its address, says that a stranger sent this."""
    pair = Pair()
    pair.client.permit([FRIEND[0]], 0)
    attributes = [(stun.XOR_PEER_ADDRESS, NEW), (stun.DATA, b"hello")]
    stranger = stun.build(stun.INDICATION, stun.DATA_INDICATION, bytes(12), attributes)
    assert rejected(pair.client, stranger) == "not-permitted"
    assert rejected(pair.client, stun.channel_data(0x4000, b"hello")) == "unknown-channel"
    assert rejected(pair.client, b"\x40\x00\x00\x09hello") == "bad-stun"
    error = stun.build(stun.INDICATION, stun.DATA_INDICATION, bytes(12), [(stun.XOR_PEER_ADDRESS, FRIEND)])
    assert rejected(pair.client, error) is False
    assert pair.client.poll_received() is None


def test_a_server_gives_one_address_of_each_family_however_many_it_names():
    """They are told to all members, and there is room for a few."""
    server = Server()
    server.relayed = [("203.0.113.1", 0)] + RELAYED + [("203.0.113.%d" % n, 1) for n in range(1, 100)]
    assert Pair(server).client.relayed == RELAYED


def test_a_server_can_not_keep_us_busy_with_challenges():
    server = Server()
    pair = Pair(server)
    asked = []

    def stale(data, now):
        request = stun.parse(data)
        asked.append(now)
        server.nonce = b"%d" % len(asked)
        return server._error(request, 438)

    server.handle = stale
    pair.client.check(pair.now)
    pair.exchange()
    assert len(asked) <= 2 * (turn.CHALLENGES_MAX + 1)
    assert pair.client.state == FAILED


def test_a_stream_of_garbage_is_given_up_and_a_bad_message_skipped():
    pair = Pair(piece=4)
    pair.client.permit([FRIEND[0]], 0)
    bad = bytearray(stun.build(stun.INDICATION, stun.DATA_INDICATION, bytes(12), [(stun.XOR_PEER_ADDRESS, FRIEND)]))
    bad[23] = 7  # the attribute's length
    pair.deliver(bytes(bad))
    pair.from_peer(b"hello", FRIEND)
    assert pair.counted == ["bad-stun"]
    assert pair.received == [(b"hello", FRIEND)]
    for garbage in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x80" * 20, b"\x50\0\0\0", b"\x01\x01\0\0" + bytes(16)):
        pair = Pair(piece=4)
        reason = None
        try:
            pair.client.handle_bytes(garbage, 0)
        except Rejected as rejection:
            reason = rejection.reason
        assert reason == "bad-stun"
