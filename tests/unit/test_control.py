"""Whoever asks the daemon gets one answer to each question, and no question, however odd, harms the daemon."""

import json

from ipop.control import protocol
from ipop.control.methods import METHODS
from ipop.control.protocol import ControlClient, ControlSession, Deferred, Refusal
from ipop.errors import UserError


class Daemon:
    """A session with handlers that note how they were called."""

    def __init__(self):
        self.calls = []
        self.waiting = []
        handlers = {"status": self.status, "peers": self.peers, "ping": self.ping}
        self.session = ControlSession(handlers)

    def status(self, now):
        self.calls.append(("status", now))
        return {"uptime_s": 1.5}

    def peers(self, now):
        raise KeyError("a bug")

    def ping(self, now, peer, timeout):
        self.calls.append(("ping", now, peer, timeout))
        if peer == "firewalled":
            raise UserError("open the port")
        if peer == "nobody":
            raise Refusal("not-found", "there is no peer 'nobody'")
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def send(self, data, now=0):
        """Bytes or an object in, the list of answers out."""
        if not isinstance(data, bytes):
            data = line(data)
        self.session.handle_bytes(data, now)
        return self.answers()

    def answers(self):
        return [json.loads(text) for text in drain(self.session).decode().split("\n")[:-1]]

    def error(self, data):
        """The (code, message) of the only answer."""
        (answer,) = self.send(data)
        return answer["error"]["code"], answer["error"]["message"]


def line(message):
    return json.dumps(message).encode() + b"\n"


def ask(method, params=None, id=7, v=1):
    return {"v": v, "id": id, "method": method, "params": params or {}}


def drain(end, n=None):
    """All that one end wants to send, taken in pieces of `n` bytes."""
    out = b""
    data = end.poll_bytes()
    while data is not None:
        piece = data[:n] if n else data
        out += piece
        end.sent(len(piece))
        data = end.poll_bytes()
    return out


def test_a_question_and_its_answer():
    daemon = Daemon()
    assert daemon.send(ask("status"), now=5) == [{"v": 1, "id": 7, "result": {"uptime_s": 1.5}}]
    assert daemon.calls == [("status", 5)]


def test_params_can_be_left_out():
    assert Daemon().send({"v": 1, "id": "a", "method": "status"})[0]["id"] == "a"


def test_requests_arrive_in_any_pieces():
    daemon = Daemon()
    request = line(ask("status", id=1)) + b"\r\n\n" + line(ask("status", id=2))
    for i in range(len(request)):
        daemon.session.handle_bytes(request[i : i + 1], 0)
    assert [answer["id"] for answer in daemon.answers()] == [1, 2]


def test_answers_leave_in_any_pieces():
    daemon = Daemon()
    daemon.session.handle_bytes(line(ask("status")) * 3, 0)
    assert drain(daemon.session, 7).count(b"\n") == 3


def test_an_answer_may_come_later_and_others_before_it():
    daemon = Daemon()
    assert daemon.send(ask("ping", {"peer": "cabin"}, id=1)) == []
    assert daemon.send(ask("ping", {"peer": "hut", "timeout": 5}, id=2)) == []
    assert daemon.calls == [("ping", 0, "cabin", 3000), ("ping", 0, "hut", 5)]
    daemon.waiting[1].resolve({"rtt_ms": 3})
    daemon.waiting[0].refuse("timeout", "no answer")
    assert daemon.answers() == [
        {"v": 1, "id": 2, "result": {"rtt_ms": 3}},
        {"v": 1, "id": 1, "error": {"code": "timeout", "message": "no answer"}},
    ]


def test_a_later_answer_comes_once():
    daemon = Daemon()
    daemon.send(ask("ping", {"peer": "cabin"}))
    daemon.waiting[0].resolve(1)
    daemon.waiting[0].refuse("timeout", "too late")
    assert [answer["result"] for answer in daemon.answers()] == [1]


def test_a_later_answer_may_be_there_at_once():
    ready = Deferred()
    ready.resolve("ready")
    session = ControlSession({"status": lambda now: ready, "peers": None, "ping": None})
    session.handle_bytes(line(ask("status")), 0)
    assert json.loads(drain(session))["result"] == "ready"


def test_nobody_waits_after_the_connection_is_gone():
    daemon = Daemon()
    daemon.send(ask("ping", {"peer": "cabin"}))
    daemon.session.close()
    assert daemon.waiting[0].done
    daemon.waiting[0].resolve(1)
    assert daemon.answers() == [] and daemon.send(ask("status")) == []


def test_only_so_many_wait():
    daemon = Daemon()
    for _ in range(protocol.PENDING_MAX):
        assert daemon.send(ask("ping", {"peer": "cabin"})) == []
    assert daemon.error(ask("ping", {"peer": "cabin"}))[0] == "too-many"
    daemon.waiting[0].resolve(1)
    daemon.answers()
    assert daemon.send(ask("ping", {"peer": "cabin"})) == []


def test_a_refusal_is_an_answer():
    assert Daemon().error(ask("ping", {"peer": "nobody"})) == ("not-found", "there is no peer 'nobody'")
    assert Daemon().error(ask("ping", {"peer": "firewalled"})) == ("failed", "open the port")


def test_a_bug_in_a_handler_is_an_answer_too():
    code, message = Daemon().error(ask("peers"))
    assert code == "internal" and "KeyError" in message


def test_what_can_not_be_understood_is_answered_and_the_connection_goes_on():
    for data, code, message in (
        (b"hello\n", "bad-request", "expected one JSON object in a line"),
        (b"[1]\n", "bad-request", "expected one JSON object in a line"),
        (b"\xff\n", "bad-request", "expected one JSON object in a line"),
        (b"[" * 2000 + b"\n", "bad-request", "expected one JSON object in a line"),
        ({"v": 1}, "bad-request", "expected an 'id', a whole number or a text of up to 64 letters"),
        ({"v": 1, "id": True}, "bad-request", "expected an 'id', a whole number or a text of up to 64 letters"),
        ({"v": 1, "id": {}}, "bad-request", "expected an 'id', a whole number or a text of up to 64 letters"),
        ({"v": 1, "id": 1}, "bad-request", None),
        ({"v": 1, "id": 1, "method": 5}, "bad-request", None),
        (ask("peer"), "unknown-method", "no method 'peer'; did you mean 'peers'?"),
        (ask("reboot"), "unknown-method", "no method 'reboot'; known: peers, ping, status"),
        (ask("status", {"verbose": 1}), "bad-params", "no parameter 'verbose' of status"),
        (ask("status", []) | {"params": [1]}, "bad-params", "expected 'params' to be an object"),
        (ask("ping"), "bad-params", "parameter 'peer': expected a text of 1 to 256 letters, got nothing"),
        (ask("ping", {"peer": 5}), "bad-params", "parameter 'peer': expected a text of 1 to 256 letters, got '5'"),
        (ask("ping", {"pear": "a"}), "bad-params", "no parameter 'pear' of ping; did you mean 'peer'?"),
        (
            ask("ping", {"peer": "a", "timeout": True}),
            "bad-params",
            "parameter 'timeout': expected a whole number of ms from 1 to 60000, got 'true'",
        ),
    ):
        daemon = Daemon()
        answered, text = daemon.error(data)
        assert answered == code and message in (None, text), (data, text)
        assert "result" in daemon.send(ask("status"))[0]
        assert not daemon.session.closing


def test_another_version_of_the_protocol_is_told_what_to_do():
    code, message = Daemon().error(ask("status", v=2))
    assert code == "version"
    assert message == (
        "the request is of version 2, ipopd knows version 1: upgrade ipopd, or restart it if it was upgraded"
    )
    for v in (0, None, "1", 1.5):
        assert Daemon().error(ask("status", v=v)) == (
            "version",
            'expected version 1 of the control protocol, as "v": 1',
        )


def test_a_client_that_hangs_up_after_its_question_is_answered():
    daemon = Daemon()
    daemon.session.handle_bytes(line(ask("status")), 0)
    daemon.session.handle_bytes(b"", 0)
    assert daemon.session.closing and len(daemon.answers()) == 1


def test_a_line_without_end_is_the_last():
    daemon = Daemon()
    answers = daemon.send(line(ask("status")) + b"x" * 9000)
    assert [answer["id"] for answer in answers] == [7, None]
    assert answers[1]["error"]["code"] == "too-long" and daemon.session.closing
    assert daemon.send(ask("status")) == []


def test_who_does_not_read_the_answers_can_not_ask_on():
    session = ControlSession({"status": lambda now: "x" * 1000, "peers": None, "ping": None})
    for _ in range(200):
        session.handle_bytes(line(ask("status")), 0)
    assert session.closing
    assert len(drain(session)) < protocol.BACKLOG_MAX + 5000


def test_no_bytes_break_a_session():
    state = 3
    pieces = [b"{", b"}", b'"v":1,', b'"id":1,', b'"method":"status"', b"\n", b"[", b"]", b"\xff", b"\0", b"1e999"]
    pieces += [b",", b"null", b'"', b"\\u12", b'"params":{"peer":"x"}']
    pieces += [line(ask("ping", {"peer": "x"})), line(ask("status"))]
    for _ in range(300):
        daemon = Daemon()
        for _ in range(20):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            daemon.session.handle_bytes(pieces[(state >> 16) % len(pieces)], 0)
        for answer in daemon.answers():
            assert "result" in answer or set(answer["error"]) == {"code", "message"}


# --- the other end


def talk(client, daemon, n=None):
    """Carry bytes both ways, `n` at a time; returns the replies."""
    replies = []
    daemon.session.handle_bytes(drain(client), 0)
    data = drain(daemon.session)
    for i in range(0, len(data), n or len(data)):
        replies += client.handle_bytes(data[i : i + (n or len(data))])
    return replies


def test_client_and_daemon_understand_each_other():
    for n in (None, 1):
        client = ControlClient()
        first = client.request("status", {})
        second = client.request("ping", {"peer": "nobody"})
        status, ping = talk(client, Daemon(), n)
        assert (status.id, status.result, status.error) == (first, {"uptime_s": 1.5}, None)
        assert (ping.id, ping.result, ping.error.code) == (second, None, "not-found")


def test_a_client_says_so_when_the_other_end_is_not_a_daemon():
    for data in (b"220 mail.example ESMTP\r\n", b"{}\n", b'{"v":2,"id":1,"result":1}\n', b'{"v":1,"id":1,"error":5}\n'):
        try:
            ControlClient().handle_bytes(data)
        except UserError as error:
            assert "ipopd" in error.message
            continue
        raise AssertionError(data)


def test_a_refusal_of_the_version_or_of_no_question_ends_the_talk():
    for data in (
        b'{"v":1,"id":1,"error":{"code":"version","message":"restart it"}}\n',
        b'{"v":1,"id":null,"error":{"code":"too-many","message":"restart it"}}\n',
    ):
        try:
            ControlClient().handle_bytes(data)
        except UserError as error:
            assert error.message == "restart it"
            continue
        raise AssertionError(data)


def test_who_asks_and_hangs_up_his_end_is_still_answered():
    """As `printf … | nc` does."""
    deferred = Deferred()
    session = ControlSession({"status": None, "peers": None, "ping": lambda now, peer, timeout: deferred})
    session.handle_bytes(b'{"v": 1, "id": 1, "method": "ping", "params": {"peer": "cabin"}}\n', 0)
    session.handle_bytes(b"", 0)
    assert session.closing and not session.is_finished
    deferred.resolve({"rtt_ms": 1})
    assert b'"rtt_ms": 1' in session.poll_bytes() and not session.is_finished
    session.sent(len(session.poll_bytes()))
    assert session.is_finished


def test_what_this_daemon_can_not_do_is_no_method_of_it():
    assert Daemon().error(ask("invite"))[0] == "unknown-method"


def test_every_method_of_the_table_can_be_asked_with_its_defaults():
    for method in METHODS:
        asked = []
        session = ControlSession({method.name: lambda now, asked=asked, **params: asked.append(params)})
        examples = {"text": "x", "number": 1}
        given = {param.name: examples[param.kind.shape] for param in method.params if param.default is None}
        session.handle_bytes(line(ask(method.name, given)), 0)
        assert json.loads(drain(session))["result"] is None, method.name
        assert set(asked[0]) == {param.name for param in method.params}


def test_params_of_groups_are_checked():
    for method, params, expected in (
        ("invite", {"uses": 0}, "a whole number from 1 to 10000"),
        ("invite", {"approve": 1}, "true or false"),
        ("invite", {"expires": "7d"}, "a whole number of s from 0 to 315360000"),
        ("join", {}, "a text of 1 to 8000 letters"),
        ("join", {"line": "x" * 8001}, "a text of 1 to 8000 letters"),
        ("group_create", {"name": "x", "brokers": "mqtt://a"}, "a list of up to 8 texts"),
        ("group_create", {"name": "x", "brokers": [1]}, "a list of up to 8 texts"),
        ("members", {"group": None}, "a text of 0 to 256 letters"),
    ):
        session = ControlSession({method: None})
        session.handle_bytes(line(ask(method, params)), 0)
        error = json.loads(drain(session))["error"]
        assert error["code"] == "bad-params" and "expected " + expected in error["message"], error
