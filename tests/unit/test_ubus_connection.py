"""Our end of ubus says what libubus says for the same, and takes what ubusd says, in any pieces and of any kind."""

from collections import OrderedDict

import ubus_vectors as vectors

from ipop.errors import Rejected
from ipop.ubus import blob, connection
from ipop.ubus.connection import Added, Answered, Connection, Greeted, Heard, Invoked

DATA = 7  # UBUS_ATTR_DATA
COUNT = OrderedDict([("to", blob.INT32), ("string", blob.STRING)])
METHODS = OrderedDict(
    [
        ("hello", OrderedDict([("id", blob.INT32), ("msg", blob.STRING)])),
        ("watch", OrderedDict([("id", blob.INT32), ("counter", blob.INT32)])),
        ("count", COUNT),
    ]
)
ARGUMENTS = OrderedDict([("to", 3), ("string", "1 2 3")])


class End(Connection):
    """That counts what it drops."""

    def __init__(self, **rest):
        self.dropped = {}
        Connection.__init__(self, self._note, **rest)

    def _note(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def said(end):
    """What is to be sent."""
    data = b""
    piece = end.poll_bytes()
    while piece is not None:
        data += piece
        end.sent(len(piece))
        piece = end.poll_bytes()
    return data


def events(end):
    found = []
    event = end.poll_event()
    while event is not None:
        found.append(event)
        event = end.poll_event()
    return found


def meaning(message):
    """A message of which the order of what is in a table doesn't count."""
    found = blob.attributes(message[12:])
    return message[:12], found, blob.unpack(found.pop(DATA, b""))


def served():
    """A connection that serves the object "test"."""
    end = End()
    end.add_object("test", METHODS, 1000)
    end.handle_bytes(vectors.HELLO + vectors.ADDED_DATA + vectors.ADDED_STATUS)
    events(end)
    said(end)
    return end


def message(type, seq, peer, body):
    return bytes([0, type]) + seq.to_bytes(2, "big") + peer.to_bytes(4, "big") + blob.put(0, body)


def reason(end, data):
    try:
        end.handle_bytes(data)
    except Rejected as rejected:
        return rejected.reason


def test_a_call_as_libubus_makes_it():
    end = End()
    end.call("test", "count", ARGUMENTS, "mine", 1000)
    assert said(end) == vectors.ASK_LOOKUP
    end.handle_bytes(vectors.HELLO + vectors.ASK_FOUND + vectors.ASK_FOUND_STATUS)
    assert events(end) == [Greeted()]
    assert said(end) == vectors.ASK_INVOKE
    end.handle_bytes(vectors.ASK_DATA)
    assert events(end) == []
    end.handle_bytes(vectors.ASK_STATUS)
    assert events(end) == [Answered("mine", "ok", {"rc": 1})]
    assert end.poll_timeout() is None


def test_a_method_and_an_object_that_there_are_not():
    end = End()
    end.call("test", "nope", {}, 1, 1000)
    end.handle_bytes(vectors.ASK_FOUND + vectors.ASK_FOUND_STATUS + vectors.ASK_NO_METHOD)
    assert events(end) == [Answered(1, "method-not-found", {})]
    end = End()
    end.call("nobody", "x", {}, 2, 1000)
    assert said(end) == vectors.ASK_NOBODY
    end.handle_bytes(vectors.ASK_NOT_FOUND)
    assert events(end) == [Answered(2, "not-found", {})]


def test_an_object_that_we_may_not_see_is_found_without_its_number():
    end = End()
    end.call("test", "count", ARGUMENTS, 1, 1000)
    end.handle_bytes(vectors.ASK_FOUND_STATUS)
    assert events(end) == [Answered(1, "not-found", {})]


def test_an_object_is_added_as_libubus_does():
    end = End()
    end.add_object("test", METHODS, 1000)
    assert said(end) == vectors.ADD_OBJECT
    end.handle_bytes(vectors.ADDED_DATA + vectors.ADDED_STATUS)
    assert events(end) == [Added("test", "ok")]


def test_a_refused_object_says_why():
    end = End()
    end.add_object("test", METHODS, 1000)
    end.handle_bytes(message(connection.STATUS, 1, 0, blob.put_number(1, 2)))
    assert events(end) == [Added("test", "invalid-argument")]


def test_whoever_calls_us_is_answered_as_libubus_does_and_as_late_as_we_like():
    end = served()
    end.handle_bytes(vectors.SERVE_INVOKE)
    (call,) = events(end)
    assert call[:3] == ("test", "count", {"to": 3, "string": "1 2 3"})
    assert said(end) == b""
    end.reply(call.ticket, {"rc": 1})
    assert said(end) == vectors.SERVE_DATA + vectors.SERVE_STATUS
    end.handle_bytes(vectors.SERVE_NOPE)
    (call,) = events(end)
    end.refuse(call.ticket, "method-not-found")
    assert said(end) == vectors.SERVE_NO_METHOD


def test_events_as_the_ubus_command_hears_and_sends_them():
    end = End()
    end.listen("ipop.*", 1000)
    assert said(end) == vectors.LISTEN_ADD
    end.handle_bytes(vectors.LISTEN_ADDED_DATA + vectors.LISTEN_ADDED_STATUS)
    assert meaning(said(end)) == meaning(vectors.LISTEN_REGISTER)
    end.handle_bytes(vectors.LISTEN_REGISTERED)
    assert events(end) == [Added("ipop.*", "ok")]
    end.handle_bytes(vectors.HEARD)
    assert events(end) == [Heard("ipop.connected", {"text": "cabin"})]
    assert said(end) == b""
    end = End()
    end.send_event("ipop.connected", {"text": "cabin"}, 1000)
    assert meaning(said(end)) == meaning(vectors.SEND)


def test_the_number_of_a_listener_is_said_in_32_bits_however_large_it_is():
    """ubusd draws them at random, and takes no other type."""
    end = End()
    end.listen("ipop.*", 1000)
    added = message(connection.DATA, 1, 0, blob.put_number(3, 0xF5AAE1F5))
    end.handle_bytes(added + vectors.LISTEN_ADDED_STATUS)
    message_ = said(end)[len(vectors.LISTEN_ADD) :]
    assert b"\x85\x00\x00\x14\x00\x06object" in message_ and b"\xf5\xaa\xe1\xf5" in message_


def test_bytes_may_come_one_by_one_or_all_at_once():
    stream = vectors.HELLO + vectors.ADDED_DATA + vectors.ADDED_STATUS + vectors.SERVE_INVOKE + vectors.SERVE_NOPE
    for n in (1, 2, 11, 12, 13, 50, len(stream)):
        end = End()
        end.add_object("test", METHODS, 1000)
        for i in range(0, len(stream), n):
            end.handle_bytes(stream[i : i + n])
        assert [type(event) for event in events(end)] == [Greeted, Added, Invoked, Invoked], n
        assert end.dropped == {}


def test_a_question_without_an_answer_ends_in_time():
    end = End()
    end.call("test", "count", ARGUMENTS, "slow", 1000)
    end.handle_bytes(vectors.ASK_FOUND + vectors.ASK_FOUND_STATUS)
    assert end.poll_timeout() == 1000
    end.handle_timeout(999)
    assert events(end) == []
    end.handle_timeout(1000)
    assert events(end) == [Answered("slow", "timeout", {})]
    end.handle_bytes(vectors.ASK_DATA + vectors.ASK_STATUS)
    assert events(end) == [] and end.dropped == {"unasked": 2}


def test_when_ubusd_dies_whoever_asked_is_told():
    end = End()
    end.call("test", "count", ARGUMENTS, 1, 1000)
    end.add_object("test", METHODS, 1000)
    end.close()
    assert {event[:2] for event in events(end)} == {(1, "connection-failed"), ("test", "connection-failed")}


def test_questions_are_not_gathered_without_end():
    end = End()
    for n in range(connection.REQUESTS_MAX + 1):
        end.call("test", "count", ARGUMENTS, n, 1000)
    assert events(end) == [Answered(connection.REQUESTS_MAX, "no-memory", {})]


def test_sequence_numbers_come_round_past_those_in_use():
    end = End()
    end.call("test", "count", ARGUMENTS, "long", 1 << 30)
    for n in range(0x10001):
        end.remove_object("none", 1000)
        end.call("nobody", "x", {}, n, 1000)
        seq = said(end)[2:4] if n else said(end)[-22:-20]
        end.handle_bytes(b"\0\1" + seq + vectors.ASK_NOT_FOUND[4:])
        if n % 0x4000 == 0:
            assert events(end) == [Answered(n, "not-found", {})]
        events(end)
    assert end.poll_timeout() == 1 << 30


def test_no_reply_is_given_to_who_wants_none():
    end = served()
    body = vectors.SERVE_INVOKE[12:] + blob.put(10, b"\1")
    end.handle_bytes(message(connection.INVOKE, 9, 77, body))
    (call,) = events(end)
    assert call.ticket is None


def test_an_object_that_is_taken_away_is_not_served_any_more():
    end = served()
    end.remove_object("test", 1000)
    assert said(end) == message(connection.REMOVE_OBJECT, 2, 0, blob.put_number(3, vectors.OBJECT))
    end.handle_bytes(vectors.SERVE_INVOKE)
    assert events(end) == []
    assert said(end)[:8] == b"\0\1" + vectors.SERVE_INVOKE[2:8]  # refused: not found


def test_what_is_not_understood_is_counted_and_refused_and_the_next_is_served():
    end = served()
    id = blob.put_number(3, vectors.OBJECT)
    for body, status in (
        (id, "invalid-argument"),
        (id + blob.put_text(4, "count"), "invalid-argument"),
        (id + blob.put_text(4, "count") + blob.put(7, b"garbage"), "invalid-argument"),
        (id + blob.put(4, b"no end") + blob.put(7, b""), "invalid-argument"),
        (blob.put_number(3, 5) + blob.put_text(4, "count") + blob.put(7, b""), "not-found"),
    ):
        end.handle_bytes(message(connection.INVOKE, 3, 77, body))
        answer = blob.attributes(said(end)[12:])
        assert connection.STATUSES[blob.number(answer[1])] == status, body
    for body in (b"", b"\xff\xff\xff\xff", blob.put(3, b"\1"), b"\0\0\0\1"):
        end.handle_bytes(message(connection.INVOKE, 3, 77, body))
        assert said(end) == b""
    for type in (connection.DATA, connection.STATUS, 3, 8, 9, 10, 200):
        end.handle_bytes(message(type, 3, 77, b""))
    assert events(end) == []
    assert sum(end.dropped.values()) == 10
    end.handle_bytes(vectors.SERVE_INVOKE)
    assert len(events(end)) == 1


def test_an_answer_that_makes_no_sense_is_an_answer():
    end = End()
    end.call("test", "count", ARGUMENTS, 1, 1000)
    bad = message(connection.DATA, 2, vectors.OBJECT, blob.put(7, b"garbage"))
    end.handle_bytes(vectors.ASK_FOUND + vectors.ASK_FOUND_STATUS + bad + vectors.ASK_STATUS)
    assert events(end) == [Answered(1, "parse-error", {})]
    end.call("test", "count", ARGUMENTS, 2, 1000)
    found = message(connection.DATA, 3, 0, blob.put(3, b"\1"))
    end.handle_bytes(found + message(connection.STATUS, 3, 0, blob.put_number(1, 0)))
    assert events(end) == [Answered(2, "not-found", {})]
    end.call("test", "count", ARGUMENTS, 3, 1000)
    end.handle_bytes(message(connection.STATUS, 4, 0, blob.put_number(1, 99)))
    assert events(end) == [Answered(3, "unknown-error", {})]


def test_what_is_longer_than_we_have_room_for_is_passed_over():
    end = End(longest=1000)
    end.add_object("test", METHODS, 1000)
    end.handle_bytes(vectors.ADDED_DATA + vectors.ADDED_STATUS)
    events(end)
    long = message(connection.INVOKE, 1, 77, bytes(50_000))
    stream = long + vectors.SERVE_INVOKE + long
    for n in (1000, len(stream)):
        end.dropped.clear()
        for i in range(0, len(stream), n):
            end.handle_bytes(stream[i : i + n])
        assert end.dropped == {"too-long": 2}
        assert len(events(end)) == 1


def test_a_stream_that_is_not_ubus_is_given_up():
    assert reason(End(), b"HTTP/1.1 400 Bad Request\r\n") == "bad-version"
    assert reason(End(), bytes(12)) == "bad-length"
    assert reason(End(), bytes(9) + b"\x10\0\1") == "bad-length"  # a byte more than a message can have


def test_an_answer_that_no_message_holds_is_refused_before_anything_is_said():
    end = served()
    end.handle_bytes(vectors.SERVE_INVOKE)
    (call,) = events(end)
    try:
        end.reply(call.ticket, {"x": ["x" * 100_000] * 11})
        raise AssertionError("it was taken")
    except Rejected as rejected:
        assert rejected.reason == "too-long"
    assert said(end) == b""
