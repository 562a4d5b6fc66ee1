"""MQTT 3.1.1 (OASIS Standard, 29 October 2014): one connection to one broker, without any I/O.

    what the broker sends: handle_data            -> poll_event: ACCEPTED once, then Messages
    what we say: publish, subscribe, unsubscribe  -> poll_transmit, handle_sent -> the broker
    the time: handle_timeout, poll_timeout

The first thing said is CONNECT, the first thing heard has to be CONNACK. Of what needs an answer only so much is under
way at once, the rest waits in a short queue. When the connection can't go on, `ended` says why, in the words that
ports/cpython/mqtt.py has for it; then there are no events any more.

A packet is read where it lies, if it came in one piece, else gathered in memory of its own: at most PACKET_MAX bytes.
A larger message is passed over while it comes, and counted. What goes out is gathered in a small buffer, so that many
short packets need one write; a large payload is written from where it is.

The section numbers are those of the standard.
"""

from collections import deque

from ...signal.signalling import MESSAGE_MAX
from ..events import Message

PACKET_MAX = MESSAGE_MAX + 1024  # bytes of a packet that is read
PACKET_LIMIT = 4 << 20  # bytes with which a connection ends: anybody may leave something large, but not so large
ANSWER_MAX = 10_000  # ms in which CONNECT has to be answered
KEEPALIVE = 60_000  # ms of silence after which the broker is asked whether it is there, and in which it has to answer
UNDER_WAY_MAX = 20  # of what we say, before the broker has confirmed it
WAITING_MAX = 1024  # of what we say
OUT_MAX = 2048  # bytes that are gathered before they are sent

OVERSIZED = "signal-oversized"  # counted

ACCEPTED = "accepted"  # the event

# The first byte of a packet: its type, and flags that are fixed for all but PUBLISH (2.2)
CONNECT, CONNACK, PUBLISH, PUBACK = 0x10, 0x20, 0x30, 0x40
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 0x82, 0x90, 0xA2, 0xB0
PINGREQ, PINGRESP, DISCONNECT = 0xC0, 0xD0, 0xE0
RETAIN, QOS_1, QOS_MASK, DUP = 0x01, 0x02, 0x06, 0x08
_LENGTHS = {CONNACK: 2, PUBACK: 2, SUBACK: 3, UNSUBACK: 2, PINGRESP: 0}  # of what a broker sends, but PUBLISH
_ANSWERS = {PUBLISH: PUBACK, SUBSCRIBE: SUBACK, UNSUBSCRIBE: UNSUBACK}

BROKEN_OFF = "the connection broke off"
NO_ANSWER = "no answer"
_HUNG_UP = "hung up without an answer"
_NO_ANSWER_ANY_MORE = "no answer any more"
_NOT_MQTT = "sends what is not MQTT"
_UNASKED = "sends what was not asked for"
_NOT_HEARD = "lets nobody listen: unspecified error"
_WRONG_PASSWORD = "user name or password is wrong, or missing"
_REFUSALS = {  # 3.2.2.3
    1: "refuses: unsupported protocol version",
    2: "refuses: client identifier not valid",
    3: "refuses: server unavailable",
    4: _WRONG_PASSWORD,
    5: _WRONG_PASSWORD,
}


class Failure(Exception):
    """`args[0]` says why there is no connection."""


class Session:
    """`identifier` (bytes) names us to the broker; `user` and `password` are text or None, `will` a Publish or None.

    `count(reason)` takes note of what is thrown away."""

    def __init__(self, identifier, user, password, will, count, now):
        self.ended = None  # why
        self.is_accepted = False
        self._count = count
        self._incoming = _Incoming(count)
        self._out = bytearray(OUT_MAX)  # to be sent: from `_sent` to `_filled`, and then the tail
        self._sent = self._filled = 0
        self._tail = memoryview(_connect(identifier, user, password, will))
        self._waiting = deque((), WAITING_MAX)  # (kind, topic, payload)
        self._next = None  # that of them whose turn it is
        self._under_way = {}  # packet identifier -> the answer that is due
        self._identifier = 0  # the last one
        self._is_closing = False
        self._is_ping_due = False
        self._answer_by = now + ANSWER_MAX  # to CONNECT or PINGREQ, or None
        self._last_in = self._last_out = now

    # --- what we say; our topics are short: one has to fit into OUT_MAX

    @property
    def has_room(self):
        return len(self._waiting) < WAITING_MAX

    def publish(self, publish):
        """With QoS 1. Returns whether there was room."""
        return self._say(PUBLISH | QOS_1 | (RETAIN if publish.retain else 0), publish.topic, publish.payload)

    def subscribe(self, topic):
        """With QoS 0: of what has to be confirmed a broker queues only so much (mosquitto 1000), and drops the rest."""
        return self._say(SUBSCRIBE, topic, b"\0")

    def unsubscribe(self, topic):
        return self._say(UNSUBSCRIBE, topic, b"")

    def disconnect(self):
        """Say good-bye after all that waits, so that the will is not published (3.14)."""
        self._is_closing = True

    def poll_transmit(self):
        """The bytes that have to be sent next (a memoryview), or None."""
        if self._sent == self._filled:
            self._sent = self._filled = 0
            if self._tail is None:
                self._fill()
            if self._filled == 0:
                return self._tail
        return memoryview(self._out)[self._sent : self._filled]

    def handle_sent(self, n, now):
        """So many of them have been sent."""
        self._last_out = now
        if self._sent < self._filled:
            self._sent += n
        else:
            self._tail = self._tail[n:] if n < len(self._tail) else None

    # --- what the broker sends

    def handle_data(self, data, now):
        """The next bytes (a memoryview). They have to stay as they are until `poll_event` returns None."""
        self._incoming.feed(data)
        self._last_in = now

    def handle_end(self):
        """No more will come."""
        self._end(BROKEN_OFF if self.is_accepted else _HUNG_UP)

    def poll_event(self):
        """ACCEPTED, a Message, or None when all that came has been read."""
        while self.ended is None:
            try:
                body = self._incoming.poll_packet()
                if body is None:
                    break
                event = self._handle_packet(body)
                if event is not None:
                    return event
            except MemoryError:
                self._count("out-of-memory")
                self._incoming.skip()
            except Failure as failure:
                self._end(failure.args[0])
        return None

    # --- the time

    def poll_timeout(self):
        """When `handle_timeout` has to be called (ms)."""
        if self._answer_by is not None:
            return self._answer_by
        return min(self._last_in, self._last_out) + KEEPALIVE

    def handle_timeout(self, now):
        if now < self.poll_timeout():
            return
        if self._answer_by is None:
            self._answer_by = now + KEEPALIVE
            self._is_ping_due = True
        else:
            self._end(_NO_ANSWER_ANY_MORE if self.is_accepted else NO_ANSWER)

    # --- writing

    def _say(self, kind, topic, payload):
        if len(self._waiting) >= WAITING_MAX:
            return False
        self._waiting.append((kind, topic, payload))
        return True

    def _fill(self):
        """Gather what may be said now."""
        if self._is_ping_due:
            self._is_ping_due = False
            self._put(bytes((PINGREQ, 0)))
        while self._tail is None:
            if self._next is None and self._waiting:
                self._next = self._waiting.popleft()
            if self._next is None:
                if self._is_closing:
                    self._put(bytes((DISCONNECT, 0)))
                    self._is_closing = False
                return
            if len(self._under_way) >= UNDER_WAY_MAX and not self._is_closing or not self._fill_with(self._next):
                return
            self._next = None

    def _fill_with(self, said):
        """Returns whether there was room for it."""
        kind, topic, payload = said
        topic = topic.encode()
        identifier = self._free_identifier()
        number = identifier.to_bytes(2, "big")
        if kind & 0xF0 == PUBLISH:  # topic, identifier, payload (3.3.2)
            head = _string(topic) + number
        else:  # identifier, topic, and with SUBSCRIBE the QoS (3.8, 3.10)
            head = number + _string(topic)
        head = bytes((kind,)) + _length(len(head) + len(payload)) + head
        room = OUT_MAX - self._filled - 2  # so much takes DISCONNECT
        if len(head) + len(payload) <= room:
            self._put(head)
            self._put(payload)
        elif self._filled == 0:
            self._put(head)
            self._tail = memoryview(payload)
        else:
            return False
        self._identifier = identifier
        self._under_way[identifier] = _ANSWERS[PUBLISH if kind & 0xF0 == PUBLISH else kind]
        return True

    def _put(self, data):
        self._out[self._filled : self._filled + len(data)] = data
        self._filled += len(data)

    def _free_identifier(self):
        """1 to 65535 (2.3.1)"""
        identifier = self._identifier % 65_535 + 1
        while identifier in self._under_way:
            identifier = identifier % 65_535 + 1
        return identifier

    # --- reading

    def _handle_packet(self, body):
        """Returns an event or None. Raises Failure."""
        kind = self._incoming.first
        if (kind == CONNACK) == self.is_accepted:  # it comes first, and once (3.2)
            raise Failure(_NOT_MQTT)
        if kind & 0xF0 == PUBLISH:
            return self._on_publish(body)
        if kind == CONNACK:
            return self._on_connack(body)
        if kind == PINGRESP:
            self._on_pingresp()
        else:
            self._on_answer(kind, body)
        return None

    def _on_connack(self, body):
        """3.2"""
        if body[0] > 1 or body[1] > 5:
            raise Failure(_NOT_MQTT)
        if body[1] != 0:
            raise Failure(_REFUSALS[body[1]])
        self.is_accepted = True
        self._answer_by = None
        return ACCEPTED

    def _on_publish(self, body):
        """3.3"""
        start = 2 + (body[0] << 8 | body[1])
        if not 2 < start <= len(body):
            raise Failure(_NOT_MQTT)
        if len(body) - start > MESSAGE_MAX:
            self._count(OVERSIZED)
            return None
        try:
            topic = str(body[2:start], "utf-8")
        except UnicodeError:
            self._count("broker-bad-topic")
            return None
        return Message(topic, bytes(body[start:]))

    def _on_answer(self, kind, body):
        """PUBACK, SUBACK, UNSUBACK: 3.4, 3.9, 3.11"""
        if self._under_way.pop(body[0] << 8 | body[1], None) != kind:
            raise Failure(_UNASKED)
        if kind == SUBACK and body[2] != 0:
            raise Failure(_NOT_HEARD if body[2] == 0x80 else _NOT_MQTT)

    def _on_pingresp(self):
        if self._answer_by is None or self._is_ping_due:
            raise Failure(_UNASKED)
        self._answer_by = None

    def _end(self, reason):
        if self.ended is None:
            self.ended = reason


class _Incoming:
    """Cuts what comes into packets (2.2), and passes over what is too large."""

    def __init__(self, count):
        self.first = 0  # byte of the packet: its type and flags
        self._count = count
        self._data = b""  # what came and was not read yet, from `_at` on
        self._at = 0
        self._length = 0  # of the packet's body
        self._shift = None  # of the length's next seven bits; None before the packet's first byte
        self._left = None  # so much of the body has yet to come; None within the header
        self._gathered = None  # the body, where it comes in pieces
        self._is_skipped = False

    def feed(self, data):
        self._data, self._at = data, 0

    def skip(self):
        """There is no memory for the packet that is just coming."""
        self._is_skipped = True

    def poll_packet(self):
        """The body of the next packet, or None if that has not come yet. Raises Failure."""
        while self._at < len(self._data) or self._left == 0:
            if self._left is None:
                self._at += 1
                self._read_header(self._data[self._at - 1])
            else:
                body = self._take()
                if body is not None:
                    return body
        return None

    def _read_header(self, byte):
        if self._shift is None:
            self.first, self._shift, self._length = byte, 0, 0
            self._check_kind()
            return
        self._length |= (byte & 0x7F) << self._shift  # 2.2.3
        self._shift += 7
        if byte & 0x80 == 0:
            self._check_length()
            self._shift, self._left = None, self._length
        elif self._shift == 28:
            raise Failure(_NOT_MQTT)

    def _check_kind(self):
        if self.first & 0xF0 != PUBLISH:
            if self.first not in _LENGTHS:
                raise Failure(_NOT_MQTT)
        elif self.first & QOS_MASK:
            raise Failure(_NOT_MQTT if self.first & QOS_MASK == QOS_MASK else _UNASKED)
        elif self.first & DUP:  # 3.3.1.1
            raise Failure(_NOT_MQTT)

    def _check_length(self):
        self._is_skipped = False
        if self._length > PACKET_LIMIT:
            raise Failure("%s (a packet of %d bytes)" % (_NOT_MQTT, self._length))
        if self.first & 0xF0 == PUBLISH:
            if self._length < 2:
                raise Failure(_NOT_MQTT)
            if self._length > PACKET_MAX:
                self._is_skipped = True
                self._count(OVERSIZED)
        elif self._length != _LENGTHS[self.first]:
            raise Failure(_NOT_MQTT)

    def _take(self):
        """What is there of the body. Returns the whole of it, or None."""
        n = min(self._left, len(self._data) - self._at)
        body = self._data[self._at : self._at + n]
        if not self._is_skipped and n < self._length:
            if self._gathered is None:
                self._gathered = bytearray(self._length)
            done = self._length - self._left
            self._gathered[done : done + n] = body
            body = self._gathered
        self._at += n
        self._left -= n
        if self._left > 0:
            return None
        self._left = self._gathered = None
        return None if self._is_skipped else body


def _connect(identifier, user, password, will):
    """3.1"""
    flags = 0x02  # no session from before
    payload = _string(identifier)
    if will is not None:
        flags |= 0x0C | (0x20 if will.retain else 0)  # a will, with QoS 1
        payload += _string(will.topic.encode()) + _string(will.payload)
    if user is not None:
        flags |= 0x80
        payload += _string(user.encode())
        if password is not None:
            flags |= 0x40
            payload += _string(password.encode())
    head = _string(b"MQTT") + bytes((4, flags)) + (KEEPALIVE // 1000).to_bytes(2, "big")
    return bytes((CONNECT,)) + _length(len(head) + len(payload)) + head + payload


def _string(data):
    """1.5.3"""
    return len(data).to_bytes(2, "big") + data


def _length(n):
    """2.2.3"""
    out = b""
    while n > 0x7F:
        out += bytes((n & 0x7F | 0x80,))
        n >>= 7
    return out + bytes((n,))
