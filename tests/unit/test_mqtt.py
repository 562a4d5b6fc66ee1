"""MQTT 3.1.1 with a broker that may be anything: what is said is right to the byte, and nothing that comes does harm.

The bytes are written down here as the standard has them (OASIS MQTT 3.1.1, 2014), not made by what is tested.
"""

from pair import Dice

from ipop.ports import Message
from ipop.ports.micropython.mqtt import (
    ACCEPTED,
    ANSWER_MAX,
    KEEPALIVE,
    PACKET_LIMIT,
    UNDER_WAY_MAX,
    WAITING_MAX,
    Session,
)
from ipop.signal.holdings import Publish
from ipop.signal.signalling import MESSAGE_MAX

CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id"
CONNACK = b"\x20\x02\x00\x00"
PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"
HELLO = b"\x30\x08\x00\x03a/bhey"  # a message on a/b
NOT_MQTT, UNASKED = "sends what is not MQTT", "sends what was not asked for"


class Line:
    """A session and the broker's end of it. What was counted is in `counted`."""

    def __init__(self, user=None, password=None, will=None, accepted=True):
        self.now = 1_000
        self.counted = []
        self.session = Session(b"id", user, password, will, self.counted.append, self.now)
        if accepted:
            assert self.said() == CONNECT
            assert self.hear(CONNACK) == [ACCEPTED]

    def said(self, step=1_000_000):
        """All that the session has to send, taken `step` bytes at a time."""
        pieces = []
        data = self.session.poll_transmit()
        while data is not None:
            pieces.append(bytes(data[:step]))
            self.session.handle_sent(len(pieces[-1]), self.now)
            data = self.session.poll_transmit()
        return b"".join(pieces)

    def hear(self, data, step=1_000_000):
        """The events that come of it, when it arrives in pieces of `step` bytes."""
        events = []
        view = memoryview(data)
        for at in range(0, len(data), step):
            self.session.handle_data(view[at : at + step], self.now)
            event = self.session.poll_event()
            while event is not None:
                events.append(event)
                event = self.session.poll_event()
        return events

    def wait(self, ms):
        self.now += ms
        self.session.handle_timeout(self.now)


def message(topic, payload, first=0x30):
    """PUBLISH without an identifier (section 3.3)."""
    body = len(topic).to_bytes(2, "big") + topic + payload
    return bytes((first,)) + length(len(body)) + body


def length(n):
    """Section 2.2.3"""
    out = []
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def puback(identifier):
    return b"\x40\x02" + identifier.to_bytes(2, "big")


# --- what is said


def test_the_first_thing_said():
    """Without it nobody gets a connection, or whoever dies is not missed."""
    assert Line(accepted=False).said() == CONNECT
    will = Publish("gone", b"den", False)
    line = Line("den", "se:cr", will, accepted=False)
    assert line.said() == (
        b"\x10\x25\x00\x04MQTT\x04\xce\x00\x3c" + b"\x00\x02id" + b"\x00\x04gone\x00\x03den"
        + b"\x00\x03den" + b"\x00\x05se:cr"
    )
    line = Line("den", None, Publish("gone", b"", True), accepted=False)
    assert line.said() == b"\x10\x1b\x00\x04MQTT\x04\xae\x00\x3c\x00\x02id\x00\x04gone\x00\x00\x00\x03den"


def test_what_is_said_later():
    line = Line()
    assert line.session.subscribe("a/+") and line.session.unsubscribe("a/+")
    assert line.session.publish(Publish("a/b", b"hey", False)) and line.session.publish(Publish("a/b", b"", True))
    assert line.said() == (
        b"\x82\x08\x00\x01\x00\x03a/+\x00" + b"\xa2\x07\x00\x02\x00\x03a/+"
        + b"\x32\x0a\x00\x03a/b\x00\x03hey" + b"\x33\x07\x00\x03a/b\x00\x04"
    )
    assert line.hear(b"\x90\x03\x00\x01\x00" + b"\xb0\x02\x00\x02" + puback(3) + puback(4)) == []
    assert line.session.ended is None


def test_it_may_be_sent_in_any_pieces():
    """Small ones together, a large one from where it is, all in their order."""
    payloads = [b"one", b"2" * 40_000, b"three", b"4" * 2_000, b"5" * 1_900, b"", b"7" * MESSAGE_MAX]
    whole = b""
    for number, payload in enumerate(payloads):
        body = b"\x00\x03a/b" + (number + 1).to_bytes(2, "big") + payload
        whole += b"\x32" + length(len(body)) + body
    for step in (1_000_000, 1_449, 7):
        line = Line()
        for payload in payloads:
            assert line.session.publish(Publish("a/b", payload, False))
        line.session.disconnect()
        assert line.said(step) == whole + DISCONNECT


def test_so_much_is_under_way():
    """A broker is not run over, and what it does not confirm takes no memory without end."""
    line = Line()
    said = 0
    while line.session.publish(Publish("t", said.to_bytes(2, "big"), False)):
        said += 1
        assert said <= WAITING_MAX
    assert said == WAITING_MAX
    one = len(b"\x32\x07\x00\x01t\x00\x01\x00\x00")
    assert len(line.said()) == UNDER_WAY_MAX * one and line.said() == b""
    line.hear(puback(2) + puback(1))
    more = line.said()
    assert more == b"\x32\x07\x00\x01t\x00\x15\x00\x14" + b"\x32\x07\x00\x01t\x00\x16\x00\x15"
    assert line.session.publish(Publish("t", b"", False))


def test_every_identifier_comes_again():
    """After 65,535 messages, past one that the broker never confirmed."""
    line = Line()
    line.session.subscribe("a")
    line.said()
    for i in range(65_535):
        line.session.publish(Publish("t", b"", False))
        said = line.said()
        identifier = i % 65_534 + 2  # 1 is in use
        assert said == b"\x32\x05\x00\x01t" + identifier.to_bytes(2, "big")
        line.hear(puback(identifier))
    assert line.session.ended is None


def test_last_words():
    """Who says good-bye has said all before it, confirmed or not; the will is not published then."""
    line = Line()
    for _ in range(UNDER_WAY_MAX + 5):
        line.session.publish(Publish("t", b"", False))
    line.session.disconnect()
    said = line.said()
    assert said.endswith(DISCONNECT) and len(said) == (UNDER_WAY_MAX + 5) * 7 + 2
    assert line.said() == b""


# --- what is heard


def test_it_may_come_in_any_pieces():
    large = bytes(range(256)) * (MESSAGE_MAX // 256)
    stream = (CONNACK + HELLO + PINGRESP + message(b"x", b"") + message("ü".encode(), large, 0x31)
              + b"\x90\x03\x00\x01\x00" + HELLO)
    expected = [ACCEPTED, Message("a/b", b"hey"), Message("x", b""), Message("ü", large), Message("a/b", b"hey")]
    for step in (1_000_000, 4096, 100, 3, 1):
        line = Line(accepted=False)
        line.session.subscribe("a")
        line.said()
        events = line.hear(CONNACK, step)
        line.said()
        line.wait(KEEPALIVE)
        assert line.said() == PINGREQ
        events += line.hear(stream[len(CONNACK) :], step)
        assert events == expected and line.session.ended is None and line.counted == []


def test_a_message_that_is_too_large_is_passed_over():
    """And takes no memory: anybody at the broker may leave one."""
    for payload in (MESSAGE_MAX + 1, MESSAGE_MAX + 5_000, 1 << 20):
        for step in (1_000_000, 4096):
            line = Line()
            assert line.hear(message(b"a", bytes(payload)) + HELLO, step) == [Message("a/b", b"hey")]
            assert line.counted == ["signal-oversized"] and line.session.ended is None
    line = Line()
    assert line.hear(message(b"a", bytes(MESSAGE_MAX)), 4096) == [Message("a", bytes(MESSAGE_MAX))]


def test_a_topic_that_is_no_text():
    line = Line()
    assert line.hear(message(b"a\xff\xfeb", b"x") + HELLO) == [Message("a/b", b"hey")]
    assert line.counted == ["broker-bad-topic"] and line.session.ended is None


def test_refusals_have_a_reason():
    for code, reason in (
        (1, "refuses: unsupported protocol version"),
        (2, "refuses: client identifier not valid"),
        (3, "refuses: server unavailable"),
        (4, "user name or password is wrong, or missing"),
        (5, "user name or password is wrong, or missing"),
        (6, NOT_MQTT),
        (255, NOT_MQTT),
    ):
        line = Line(accepted=False)
        assert line.hear(b"\x20\x02\x00" + bytes((code,))) == []
        assert line.session.ended == reason and not line.session.is_accepted


def test_who_lets_nobody_listen():
    line = Line()
    line.session.subscribe("a")
    line.said()
    line.hear(b"\x90\x03\x00\x01\x80")
    assert line.session.ended == "lets nobody listen: unspecified error"


HOSTILE = (
    (b"\x00\x00", NOT_MQTT),  # type 0
    (b"\x10\x00", NOT_MQTT),  # CONNECT
    (CONNACK, NOT_MQTT),  # again
    (b"\x21\x02\x00\x00", NOT_MQTT),  # flags where there are none
    (b"\x30\x00", NOT_MQTT),  # no topic
    (b"\x30\x01\x00", NOT_MQTT),
    (b"\x30\x02\x00\x00", NOT_MQTT),  # an empty one
    (b"\x30\x04\x00\x03ab", NOT_MQTT),  # one that ends behind the packet
    (b"\x30\x04\xff\xffab", NOT_MQTT),
    (b"\x38\x03\x00\x01a", NOT_MQTT),  # DUP without QoS
    (b"\x36\x05\x00\x01a\x00\x01", NOT_MQTT),  # QoS 3
    (b"\x32\x05\x00\x01a\x00\x01", UNASKED),  # QoS 1
    (b"\x34\x05\x00\x01a\x00\x01", UNASKED),  # QoS 2
    (b"\x40\x02\x00\x01", UNASKED),  # PUBACK for what was not said
    (b"\x40\x02\x00\x00", UNASKED),
    (b"\x40\x01\x00", NOT_MQTT),
    (b"\x40\x03\x00\x01\x00", NOT_MQTT),
    (b"\x50\x02\x00\x01", NOT_MQTT),  # PUBREC
    (b"\x62\x02\x00\x01", NOT_MQTT),  # PUBREL
    (b"\x82\x06\x00\x01\x00\x01a\x00", NOT_MQTT),  # SUBSCRIBE
    (b"\x90\x03\x00\x01\x00", UNASKED),  # SUBACK for what was not said
    (b"\x90\x02\x00\x01", NOT_MQTT),
    (b"\xb0\x02\x00\x01", UNASKED),  # UNSUBACK
    (b"\xc0\x00", NOT_MQTT),  # PINGREQ
    (b"\xd0\x00", UNASKED),  # PINGRESP
    (b"\xd0\x01\x00", NOT_MQTT),
    (b"\xe0\x00", NOT_MQTT),  # DISCONNECT
    (b"\xf0\x00", NOT_MQTT),  # type 15
    (b"\x30\x80\x80\x80\x80\x01", NOT_MQTT),  # a length of five bytes
    (b"\x30\xff\xff\xff\xff", NOT_MQTT),
    (b"\x30\xff\xff\xff\x7f", "sends what is not MQTT (a packet of 268435455 bytes)"),
    (b"\x30" + length(PACKET_LIMIT + 1), "sends what is not MQTT (a packet of 4194305 bytes)"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", NOT_MQTT),
    (b"\x15\x03\x01\x00\x02\x02", NOT_MQTT),  # an alert of TLS
)


def test_whatever_is_no_answer_ends_it():
    """With a reason that a person can read, and before anything is stored."""
    for packet, reason in HOSTILE:
        for step in (1_000_000, 1):
            line = Line()
            assert line.hear(HELLO + packet + HELLO, step) == [Message("a/b", b"hey")], packet
            assert line.session.ended == reason, packet
            assert line.session.poll_event() is None
    for packet in (HELLO, puback(1), PINGRESP, b"\x20\x02\x02\x00", b"\x20\x03\x00\x00\x00", b"SSH-2.0-x\r\n"):
        line = Line(accepted=False)
        assert line.hear(packet) == [] and line.session.ended == NOT_MQTT, packet


def test_an_answer_to_something_else():
    line = Line()
    line.session.subscribe("a")
    line.said()
    line.hear(puback(1))
    assert line.session.ended == UNASKED
    for code in (1, 2, 3, 0x81):  # we asked for QoS 0
        line = Line()
        line.session.subscribe("a")
        line.said()
        line.hear(b"\x90\x03\x00\x01" + bytes((code,)))
        assert line.session.ended == NOT_MQTT


def test_any_bytes_at_all():
    """Whatever a broker makes of its packets, there is a reason in the end, or nothing but messages."""
    dice = Dice(7)
    good = CONNACK + HELLO + message(b"a" * 200, b"b" * 300) + b"\x90\x03\x00\x01\x00" + puback(2) + HELLO
    for _ in range(1_500):
        line = Line(accepted=False)
        line.session.subscribe("a")
        line.session.publish(Publish("t", b"", False))
        stream = bytearray(good)
        for _ in range(1 + dice.bytes(1)[0] % 4):
            at, value = dice.bytes(2)
            stream[at * 2 % len(stream)] = value
        for event in line.hear(bytes(stream), 1 + dice.bytes(1)[0]):
            assert event == ACCEPTED or isinstance(event, Message)
        line.hear(dice.bytes(200), 50)
        assert line.session.ended is None or isinstance(line.session.ended, str)


# --- the time, and the end


def test_no_answer():
    line = Line(accepted=False)
    assert line.session.poll_timeout() == line.now + ANSWER_MAX
    line.wait(ANSWER_MAX - 1)
    assert line.session.ended is None
    line.wait(1)
    assert line.session.ended == "no answer"


def test_a_broker_that_falls_silent():
    """Who else would say that it is gone, when no packet comes back?"""
    line = Line()
    for _ in range(3):
        line.wait(line.session.poll_timeout() - line.now - 1)
        assert line.said() == b""
        line.wait(1)
        assert line.said() == PINGREQ
        line.wait(100)
        assert line.hear(PINGRESP) == [] and line.said() == b""
    line.wait(KEEPALIVE)
    assert line.said() == PINGREQ
    line.wait(KEEPALIVE)
    assert line.session.ended == "no answer any more"


def test_who_only_listens_is_heard_of_too():
    """Else the broker hangs up after one and a half times the keep-alive (section 3.1.2.10)."""
    line = Line()
    for _ in range(5):
        line.wait(10_000)
        line.hear(HELLO)
    assert line.said() == b""
    line.wait(10_000)
    assert line.said() == PINGREQ


def test_a_broker_that_takes_nothing():
    """A message that gets stuck in the middle can't be followed by a question; it ends all the same."""
    line = Line()
    line.session.publish(Publish("t", bytes(50_000), False))
    line.session.handle_sent(len(line.session.poll_transmit()), line.now)
    line.session.handle_sent(1_000, line.now)
    line.wait(KEEPALIVE)
    assert len(line.session.poll_transmit()) == 49_000
    line.wait(KEEPALIVE)
    assert line.session.ended == "no answer any more"


def test_hanging_up():
    line = Line(accepted=False)
    line.session.handle_end()
    assert line.session.ended == "hung up without an answer"
    line = Line()
    line.session.handle_end()
    assert line.session.ended == "the connection broke off"
    assert line.hear(HELLO) == []
    line.wait(KEEPALIVE)
    assert line.session.ended == "the connection broke off"
