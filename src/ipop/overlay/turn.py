"""An address at a TURN server (RFC 8656): what is sent there comes to us, and through it we send to others.

    client = TurnClient(crypto, server, username, password, is_stream, count)
    client.connect(now)                     # over UDP: begin; over a stream: the connection stands
    client.permit(hosts, now)               # these hosts may send to us
    client.send(data, peer, now)            # from `client.relayed` to the transport address `peer`
    client.handle_datagram(data, addr, now) # over UDP: True if it was for us
    client.handle_bytes(data, now)          # over a stream (TCP or TLS, which the shell owns), in pieces of any size
    client.handle_timeout(now)  poll_timeout()  poll_event()
    client.poll_transmit() -> (datagram, server), over a stream the next bytes    poll_received() -> (data, peer)

An allocation is asked for without credentials; the server's refusal carries the realm and the nonce with which it is
asked for again (long-term credentials, RFC 8489 section 9.2). A server that knows SHA-256 says so, and is answered with
SHA-256; all others get MD5 and SHA-1, which protect the login and none of what is relayed.

Only hosts for which there is a permission can send to us. Who may call is permitted beforehand; whom we send to gets a
channel, which is a permission too, and saves 32 bytes in each packet. Until the server has confirmed it, data goes in
Send indications right behind the request. Both live for five minutes and are renewed after four, channels only while
they are used. An unused one keeps its number until no server can remember the old binding (section 12).

The allocation itself is renewed a minute before it ends. What is relayed is sealed by its sender, so a server, or
whoever pretends to be one, can lose it and do no more; answers that matter have to be signed.
"""

from binascii import a2b_base64
from collections import deque, namedtuple

from ..deadlines import earlier
from ..errors import Rejected
from ..wire import address, stun
from .requests import ONCE, PATIENT, QUICK, Requests

# states
IDLE = "idle"
ASKING = "asking"
ALLOCATED = "allocated"
FAILED = "failed"  # `why` says it in words; asks again later

# kinds of events; FAILED is one too, and `detail` says why
READY = "ready"  # `detail` are the relayed addresses
LOST = "lost"  # they are gone
REFUSED = "refused"  # `detail` is (peer or host, why)

# times in ms
RENEW = 240_000  # permissions live 300 s (section 9)
READY_FOR = 290_000  # after a binding, data may go on the channel
USED = 300_000  # a channel that carried nothing for so long is not renewed
FORGET = 960_000  # 600 s until a binding ends, and 300 until its number is free again (section 12)
REFUSED_FOR = 60_000
KEEPALIVE, STREAM_KEEPALIVE = 25_000, 120_000
RETRY_FIRST, RETRY_MAX = 5_000, 600_000
RETRY_WHEN_FULL = 60_000  # section 7.4, for 486 and 508

LIFETIME = 600  # seconds, if the server doesn't say (section 3.2)
LIFETIME_MIN, LIFETIME_MAX = 60, 7_200  # seconds: not asked again more often or more rarely than that, whatever it says

CHANNELS_MAX = 256
PERMITTED_MAX = 64
RECEIVED_MAX = 1024
EVENTS_MAX = 64
CONTROL_ROOM = 64  # places for requests in the queue, which data leaves free
CHALLENGES_MAX = 3  # for one request

UNAUTHORIZED, MISMATCH, STALE_NONCE, QUOTA, NO_CAPACITY = 401, 437, 438, 486, 508
_WORDS = {
    300: "the TURN server refers us to another: configure that one",
    400: "the TURN server can't make sense of what we ask",
    UNAUTHORIZED: "the TURN server doesn't accept this user name and password",
    403: "the TURN server forbids it",
    420: "the TURN server is too old",
    MISMATCH: "the TURN server has an earlier allocation of ours, or lost it",
    STALE_NONCE: "the TURN server takes none of its own nonces",
    440: "the TURN server has no addresses of this family",
    441: "the TURN server has an allocation from here under another user name",
    442: "the TURN server doesn't relay UDP",
    443: "the TURN server can't send from our relayed address to this family of addresses",
    QUOTA: "this user has as many allocations as the TURN server allows",
    500: "the TURN server has a fault of its own",
    NO_CAPACITY: "the TURN server has no room",
}
_PERHAPS_BOTH = (400, 440, 500, NO_CAPACITY)  # what may mean that both families are too much
_NO_ANSWER = "the TURN server doesn't answer"
_NO_SENSE = "the TURN server's answer makes no sense"

_NONCE_COOKIE = b"obMatJos2"  # then a base64 of 24 bits (RFC 8489 section 9.2)
_HAS_ALGORITHMS = 1  # the lowest of them (section 18.1)

TurnEvent = namedtuple("TurnEvent", ("kind", "detail"))


class _Channel:
    def __init__(self, number, peer, now):
        self.number = number
        self.peer = peer
        self.is_binding = False
        self.used_at = now
        self.ready_until = now
        self.refused_until = now
        self.renew_at = now
        self.forget_at = now + FORGET


class TurnClient:
    """`crypto` is a port's, `server` (ip, port); `count(reason)` is told what of a stream is thrown away."""

    def __init__(self, crypto, server, username, password, is_stream, count):
        self.server = server
        self.state = IDLE
        self.why = None  # what went wrong last, in words
        self.relayed = []  # transport addresses, at most one of each family
        self.keepalive = STREAM_KEEPALIVE if is_stream else KEEPALIVE  # ms, or None: the caller may know better
        self._crypto = crypto
        self._username = username.encode()
        self._password = password.encode()
        self._is_stream = is_stream
        self._count = count
        self._requests = Requests(crypto.random)
        self._waits = ONCE if is_stream else PATIENT
        self._buffer = b""
        self._received = deque((), RECEIVED_MAX)
        self._events = deque((), EVENTS_MAX)
        self._key = None
        self._realm = self._nonce = None
        self._algorithms = None  # those that the server offers, where it is of that age
        self._integrity = stun.MESSAGE_INTEGRITY
        self._hmac = crypto.hmac_sha1
        self._has_cleared = False  # whether an earlier allocation was already given back
        self._wants_both = True  # families; some servers can't, and refuse instead of giving one
        self._pause = RETRY_FIRST
        self._retry_at = None
        self._refresh_at = None
        self._sent_at = 0
        self._channels = {}  # peer -> _Channel
        self._by_number = {}
        self._next_number = stun.CHANNEL_MIN
        self._permitted = {}  # host -> when to renew the permission
        self._renew_at = None  # the next of all renewals, or before

    # --- the caller's side

    def connect(self, now):
        """Begin, or begin again."""
        self._reset()
        self._pause = RETRY_FIRST
        self._allocate(now)

    def handle_disconnected(self):
        """The stream has broken; the server forgets the allocation with it."""
        self._reset()

    def check(self, now):
        """The network has changed: see at once whether the server still knows us."""
        if self.state == ALLOCATED:
            self._refresh(now)
        elif self.state == FAILED:
            self.connect(now)

    def close(self, now):
        """Give the allocation back."""
        had = self.state == ALLOCATED
        self._reset()
        if had:
            self._ask(stun.REFRESH, [(stun.LIFETIME, 0)], lambda answer, why, now: None, now, waits=QUICK)

    def permit(self, hosts, now):
        """Exactly these hosts (text) may send to us from now on, besides those that we send to ourselves."""
        hosts = list(hosts)[:PERMITTED_MAX]
        self._permitted = {host: self._permitted.get(host, now) for host in hosts}
        self._wake(now)

    def send(self, data, peer, now):
        """Hand over a datagram for `peer` (ip, port). Returns False if that isn't possible just now."""
        if self.state != ALLOCATED or self._requests.room <= CONTROL_ROOM:
            return False
        channel = self._channels.get(peer) or self._add_channel(peer, now)
        if channel is None or now < channel.refused_until:
            return False
        channel.used_at = now
        if now >= channel.ready_until:
            self._bind(channel, now)
            self._indicate(stun.SEND, [(stun.XOR_PEER_ADDRESS, peer), (stun.DATA, data)], now)
        else:
            message = stun.channel_data(channel.number, data)
            if self._is_stream:
                message += bytes(-len(data) & 3)
            self._transmit(message, now)
        return True

    def handle_datagram(self, data, addr, now):
        """Whether a datagram (bytes) is of this server's and for us. Raises Rejected."""
        if addr != self.server or self._is_stream:
            return False
        return self._handle_message(data, now)

    def handle_bytes(self, data, now):
        """What came over the stream. Raises Rejected when nothing of use can follow: the connection is to be closed."""
        data = self._buffer + data
        at = 0
        while len(data) - at >= stun.HEADER or len(data) - at >= stun.CHANNEL_HEADER and data[at] >= 0x40:
            head = data[at : at + stun.HEADER]
            if not stun.is_stun(head) and not stun.is_channel_data(head):
                raise Rejected("bad-stun")
            end = at + stun.message_size(head)
            if end > len(data):
                break
            try:
                if not self._handle_message(data[at:end], now):
                    self._count("unexpected-stun")
            except Rejected as rejection:
                self._count(rejection.reason)
            at = end
        self._buffer = data[at:]

    def handle_timeout(self, now):
        if self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._allocate(now)
        if self._refresh_at is not None and now >= self._refresh_at:
            self._refresh(now)
        if self._renew_at is not None and now >= self._renew_at:
            self._renew(now)
        if self._keepalive_at() is not None and now >= self._keepalive_at():
            self._indicate(stun.BINDING, [], now)
        self._requests.handle_timeout(now)

    def poll_timeout(self):
        """When `handle_timeout` is to be called (ms), or None."""
        times = (
            self._retry_at,
            self._refresh_at,
            self._renew_at,
            self._keepalive_at(),
            self._requests.poll_timeout(),
        )
        due = None
        for when in times:
            due = earlier(due, when)
        return due

    def poll_transmit(self):
        """The next (bytes, server), or None."""
        return self._requests.poll_transmit()

    def poll_received(self):
        """The next (data, peer) that was relayed to us, or None."""
        return self._received.popleft() if self._received else None

    def poll_event(self):
        return self._events.popleft() if self._events else None

    # --- the allocation (section 7)

    def _allocate(self, now):
        self.state = ASKING
        attributes = [(stun.REQUESTED_TRANSPORT, stun.UDP)]
        if self._wants_both:
            attributes.append((stun.ADDITIONAL_ADDRESS_FAMILY, stun.IPV6))
            attributes.append((stun.DRAFT_ADDITIONAL_ADDRESS_FAMILY, stun.IPV6))
        self._ask(stun.ALLOCATE, attributes, self._allocated, now)

    def _allocated(self, answer, why, now):
        if why:
            code = _code(answer)
            if code == MISMATCH and not self._has_cleared:
                self._has_cleared = True
                self._ask(stun.REFRESH, [(stun.LIFETIME, 0)], self._cleared, now)
            elif code in _PERHAPS_BOTH and self._wants_both:
                self._wants_both = False
                self._allocate(now)
            else:
                self._fail(answer, why, now)
            return
        self.relayed = _one_of_each_family(answer.get_all(stun.XOR_RELAYED_ADDRESS))
        if not self.relayed:
            self._fail(answer, _NO_SENSE, now)
            return
        self.state = ALLOCATED
        self.why = None
        self._has_cleared = False
        self._pause = RETRY_FIRST
        self._plan_refresh(answer, now)
        self._events.append(TurnEvent(READY, list(self.relayed)))
        for host in self._permitted:
            self._permitted[host] = now
        self._renew(now)

    def _cleared(self, answer, why, now):
        """An allocation from before our restart was in the way; now it isn't, or the next answer says why."""
        self._allocate(now)

    def _refresh(self, now):
        self._refresh_at = None
        self._ask(stun.REFRESH, [], self._refreshed, now)

    def _refreshed(self, answer, why, now):
        if self.state != ALLOCATED:
            return
        if why:
            self._lose()
            if _code(answer) == MISMATCH:
                self._allocate(now)
            else:
                self._fail(answer, why, now)
        else:
            self._plan_refresh(answer, now)

    def _plan_refresh(self, answer, now):
        lifetime = answer.get(stun.LIFETIME)
        lifetime = min(max(LIFETIME if lifetime is None else lifetime, LIFETIME_MIN), LIFETIME_MAX)
        self._refresh_at = now + 1000 * max(lifetime - 60, lifetime // 2)

    def _fail(self, answer, why, now):
        self.state = FAILED
        self.relayed = []
        if why != self.why:
            self._events.append(TurnEvent(FAILED, why))
        self.why = why
        code = _code(answer)
        if code in (QUOTA, NO_CAPACITY):
            self._pause = max(self._pause, RETRY_WHEN_FULL)
        elif code == UNAUTHORIZED:
            self._pause = RETRY_MAX
        self._key = self._nonce = None
        self._has_cleared = False
        self._retry_at = now + self._pause
        self._pause = min(2 * self._pause, RETRY_MAX)

    def _lose(self):
        """The allocation, and with it channels and permissions."""
        if self.relayed:
            self._events.append(TurnEvent(LOST, None))
        self.relayed = []
        self._channels.clear()
        self._by_number.clear()
        self._refresh_at = self._renew_at = None

    def _reset(self):
        self._lose()
        self._requests.clear()
        self._buffer = b""
        self._has_cleared = False
        self._wants_both = True
        self._retry_at = None
        self.state = IDLE

    # --- channels and permissions (sections 9, 10 and 12)

    def _add_channel(self, peer, now):
        """A _Channel for this peer, or None where there can be none."""
        if len(self._channels) >= CHANNELS_MAX or not self._has_family_of(peer[0]):
            return None
        number = self._next_number
        while number in self._by_number:
            number = _following(number)
        self._next_number = _following(number)
        channel = self._channels[peer] = self._by_number[number] = _Channel(number, peer, now)
        return channel

    def _bind(self, channel, now):
        if channel.is_binding:
            return
        channel.is_binding = True
        channel.renew_at = now + RENEW
        channel.forget_at = now + FORGET
        self._wake(channel.renew_at)

        def bound(answer, why, now):
            channel.is_binding = False
            if self._channels.get(channel.peer) is not channel:
                return  # of an allocation that is gone
            if why:
                channel.ready_until = now
                channel.refused_until = now + REFUSED_FOR
                self._events.append(TurnEvent(REFUSED, (channel.peer, why)))
            else:
                channel.ready_until = now + READY_FOR

        attributes = [(stun.CHANNEL_NUMBER, channel.number), (stun.XOR_PEER_ADDRESS, channel.peer)]
        self._ask(stun.CHANNEL_BIND, attributes, bound, now)

    def _create_permission(self, host, now):
        def created(answer, why, now):
            if why and host in self._permitted:
                self._events.append(TurnEvent(REFUSED, (host, why)))

        self._ask(stun.CREATE_PERMISSION, [(stun.XOR_PEER_ADDRESS, (host, 0))], created, now)

    def _renew(self, now):
        """What is due of channels and permissions; and when the next is."""
        self._renew_at = None
        if self.state != ALLOCATED:
            return
        for channel in list(self._channels.values()):
            if now >= channel.forget_at:
                del self._channels[channel.peer]
                del self._by_number[channel.number]
                continue
            if now >= channel.renew_at:
                if now - channel.used_at < USED and now >= channel.refused_until:
                    self._bind(channel, now)
                else:
                    channel.renew_at = channel.forget_at
            self._wake(channel.renew_at)
        for host, when in list(self._permitted.items()):
            if now >= when:
                self._permitted[host] = when = now + RENEW
                if self._has_family_of(host):
                    self._create_permission(host, now)
            self._wake(when)

    def _wake(self, when):
        if self.state == ALLOCATED and (self._renew_at is None or when < self._renew_at):
            self._renew_at = when

    def _has_family_of(self, host):
        return any((":" in addr[0]) == (":" in host) for addr in self.relayed)

    # --- what comes in

    def _handle_message(self, data, now):
        if stun.is_channel_data(data):
            number, content = stun.parse_channel_data(data)
            channel = self._by_number.get(number)
            if channel is None:
                raise Rejected("unknown-channel")
            channel.used_at = now
            self._receive(content, channel.peer)
            return True
        message = stun.parse(data)
        if message.kind == stun.INDICATION:
            return self._handle_indication(message)
        request = self._requests.match(message, self.server)
        if request is None:
            return False
        if self._key is not None and _code(message) not in (UNAUTHORIZED, STALE_NONCE):
            if not message.is_signed(self._integrity, self._hmac, self._key, self._crypto.equal):
                raise Rejected("forged")
        self._requests.end(request)
        request.then(message, self.server, now)
        return True

    def _handle_indication(self, message):
        peer, content = message.get(stun.XOR_PEER_ADDRESS), message.get(stun.DATA)
        if message.method != stun.DATA_INDICATION or peer is None or content is None:
            return False  # an ICMP error that the server passes on, for example
        if peer[0] not in self._permitted and not any(peer[0] == channel[0] for channel in self._channels):
            raise Rejected("not-permitted")
        self._receive(content, peer)
        return True

    def _receive(self, content, peer):
        if len(self._received) >= RECEIVED_MAX:
            raise Rejected("receive-queue-full")
        self._received.append((content, peer))

    # --- what goes out

    def _ask(self, method, attributes, then, now, waits=None, challenges=0):
        """`then(answer, why, now)` gets a success with None, or what it got instead (or None) and why in words."""

        def answered(answer, _, now):
            code = _code(answer)
            if answer is None:
                then(None, _NO_ANSWER, now)
            elif answer.kind == stun.SUCCESS:
                then(answer, _NO_SENSE if answer.unknown() else None, now)
            elif (
                code in (UNAUTHORIZED, STALE_NONCE)
                and answer.get(stun.NONCE) != nonce  # else it has seen our credentials, and doesn't like them
                and challenges < CHALLENGES_MAX
            ):
                if self._take_challenge(answer):
                    self._ask(method, attributes, then, now, waits, challenges + 1)
                else:
                    then(answer, _NO_SENSE, now)
            else:
                then(answer, _in_words(answer), now)

        nonce = self._nonce
        credentials = [] if self._key is None else self._credentials()
        seal = None if self._key is None else self._seal
        self._sent_at = now
        self._requests.begin(
            method, attributes + credentials, self.server, answered, now, seal=seal, waits=waits or self._waits
        )

    def _take_challenge(self, answer):
        """Make the key for a server's realm (RFC 8489 section 9.2.5). Returns whether that could be done."""
        realm, nonce = answer.get(stun.REALM), answer.get(stun.NONCE)
        if realm is None or nonce is None:
            return False
        algorithms = answer.get(stun.PASSWORD_ALGORITHMS)
        if _promises_algorithms(nonce):
            if not algorithms:
                return False  # somebody on the way took them out, to have us use MD5
        else:
            algorithms = None
        secret = self._username + b":" + realm + b":" + self._password
        if algorithms and stun.SHA256 in algorithms:
            self._key = self._crypto.sha256(secret)
        else:
            self._key = self._crypto.md5(secret)
        self._realm, self._nonce, self._algorithms = realm, nonce, algorithms
        self._integrity = stun.MESSAGE_INTEGRITY_SHA256 if algorithms else stun.MESSAGE_INTEGRITY
        self._hmac = self._crypto.hmac_sha256 if algorithms else self._crypto.hmac_sha1
        return True

    def _credentials(self):
        attributes = [(stun.USERNAME, self._username), (stun.REALM, self._realm), (stun.NONCE, self._nonce)]
        if self._algorithms:
            chosen = stun.SHA256 if stun.SHA256 in self._algorithms else stun.MD5
            attributes.append((stun.PASSWORD_ALGORITHMS, self._algorithms))
            attributes.append((stun.PASSWORD_ALGORITHM, [chosen]))
        return attributes

    def _seal(self, message):
        return stun.sign(message, self._integrity, self._hmac, self._key)

    def _indicate(self, method, attributes, now):
        transaction = self._crypto.random(stun.TRANSACTION)
        self._transmit(stun.build(stun.INDICATION, method, transaction, attributes), now)

    def _transmit(self, data, now):
        self._sent_at = now
        self._requests.transmit(data, self.server)

    def _keepalive_at(self):
        """When something has to be sent so that no NAT before us forgets the flow."""
        if self.state != ALLOCATED or self.keepalive is None:
            return None
        return self._sent_at + self.keepalive


def _one_of_each_family(addresses):
    """As a server gives them; what else it says is passed over."""
    found = {":" in addr[0]: addr for addr in reversed(addresses) if addr[1] and address.is_elsewhere(addr[0])}
    return [found[family] for family in (False, True) if family in found]


def _following(number):
    return number + 1 if number < stun.CHANNEL_MAX else stun.CHANNEL_MIN


def _code(answer):
    """The error's number, or 0."""
    if answer is None or answer.kind != stun.ERROR:
        return 0
    return (answer.get(stun.ERROR_CODE) or (0, ""))[0]


def _in_words(answer):
    code, reason = answer.get(stun.ERROR_CODE) or (0, "")
    return _WORDS.get(code) or "the TURN server says: %d %s" % (code, reason)


def _promises_algorithms(nonce):
    """Whether a nonce says that PASSWORD-ALGORITHMS is with it."""
    if nonce[: len(_NONCE_COOKIE)] != _NONCE_COOKIE:
        return False
    try:
        features = a2b_base64(nonce[len(_NONCE_COOKIE) : len(_NONCE_COOKIE) + 4])
    except ValueError:
        return False
    return len(features) == 3 and features[2] & _HAS_ALGORITHMS != 0
