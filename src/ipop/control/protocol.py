"""The control protocol, both ends, without I/O: one JSON object a line over a Unix stream socket.

    -> {"v": 1, "id": 7, "method": "ping", "params": {"peer": "cabin"}}
    <- {"v": 1, "id": 7, "result": {"peer": "cabin", "rtt_ms": 12.5}}
    <- {"v": 1, "id": 7, "error": {"code": "not-found", "message": "there is no peer 'cabn': did you mean 'cabin'?"}}

Every line is answered once, in the order in which the answers come. One that can't be understood is answered with an
error and the connection goes on. It ends when a line is too long, or when somebody asks without reading the answers.

METHODS (methods.py) says what can be asked. A handler is called as `handler(now, **params)`; it returns the result, or
a Deferred that gets it later, or raises Refusal, or UserError where there is nothing that programs should know.
"""

import json
from collections import namedtuple

from ..errors import UserError
from ..outbox import Outbox
from ..words import did_you_mean, quoted
from .methods import METHODS

VERSION = 1
REQUEST_MAX = 8192  # bytes of a line
REPLY_MAX = 1 << 20
PENDING_MAX = 16  # requests of one connection that wait for their answers
BACKLOG_MAX = 1 << 16  # bytes of unread answers with which no more is asked

Reply = namedtuple("Reply", "id result error")  # error: a Refusal, or None


class Refusal(Exception):
    """What is answered instead of a result: `code` is for programs, `message` for people."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code
        self.message = message


# --- the daemon's end


class ControlSession:
    """One connection. `handlers` is {name: handler} for those of `methods` that there are.

    When `closing`, nothing more is read; when `is_finished`, all that could be answered was sent."""

    def __init__(self, handlers, methods=METHODS):
        self.closing = False
        self._desk = Desk(handlers, methods)
        self._lines = _Lines(REQUEST_MAX)
        self._out = Outbox()
        self._pending = []

    def handle_bytes(self, data, now):
        """What the client sent; b"" when it will send no more."""
        if self.closing or not data:
            self.closing = True
            return
        try:
            for line in self._lines.feed(data):
                if self._out.size > BACKLOG_MAX:
                    raise Refusal("too-many", "read the answers before asking for more")
                if line.strip():
                    self._handle_line(line, now)
        except Refusal as refusal:
            self._refuse(None, refusal)
            self.closing = True

    @property
    def is_finished(self):
        """Whether the connection can be closed."""
        return self.closing and not self._out.size and not self._pending

    def poll_bytes(self):
        """What is to be sent next, or None. `sent` is told how much of it went."""
        return self._out.head()

    def sent(self, n):
        self._out.drop(n)

    def close(self):
        """The connection is gone: nobody waits for the answers any more."""
        self.closing = True
        for deferred in self._pending:
            deferred.done = True
        self._pending = []

    def _handle_line(self, line, now):
        id = None
        try:
            request = _parse(line)
            if request is None:
                raise Refusal("bad-request", "expected one JSON object in a line")
            id = _id(request)
            _check_version(request)
            name = request.get("method")
            if not isinstance(name, str):
                raise Refusal("bad-request", f"expected a 'method', one of {', '.join(self._desk.names)}")
            if len(self._pending) >= PENDING_MAX:
                raise Refusal("too-many", f"{PENDING_MAX} requests of this connection wait already")
            self._put(id, self._desk.ask(name, request.get("params", {}), now))
        except Refusal as refusal:
            self._refuse(id, refusal)

    def _put(self, id, answer):
        if not isinstance(answer, Deferred):
            self._answer(id, "result", answer)
            return

        def deliver(key, content):
            self._pending.remove(answer)
            self._answer(id, key, content)

        self._pending.append(answer)
        answer.when_done(deliver)

    def _refuse(self, id, refusal):
        self._answer(id, "error", {"code": refusal.code, "message": refusal.message})

    def _answer(self, id, key, content):
        self._out.put(_line({"v": VERSION, "id": id, key: content}))


class Desk:
    """Lets `handlers` answer, {name: handler} for those of `methods` that there are."""

    def __init__(self, handlers, methods=METHODS):
        self._handlers = handlers
        self._methods = {method.name: method for method in methods if method.name in handlers}

    @property
    def names(self):
        return list(self._methods)

    def ask(self, name, params, now):
        """A result, or a Deferred. Raises Refusal."""
        if name not in self._methods:
            raise Refusal("unknown-method", f"no method {quoted(name)}; {did_you_mean(name, sorted(self._methods))}")
        params = _params(self._methods[name], params)
        try:
            return self._handlers[name](now, **params)
        except Refusal:
            raise
        except UserError as error:
            raise Refusal("failed", error.message)
        except Exception as fault:  # it must not take the tunnels along
            raise Refusal("internal", f"a fault in ipopd, please report it: {fault!r}")


class Deferred:
    """An answer that comes later: the first of `resolve` and `refuse` counts. `done` when nobody waits any more."""

    def __init__(self):
        self.done = False
        self._answer = None
        self._deliver = None

    def resolve(self, result):
        self._finish("result", result)

    def refuse(self, code, message):
        self._finish("error", {"code": code, "message": message})

    def when_done(self, deliver):
        """Calls `deliver(key, content)` once, maybe at once."""
        self._deliver = deliver
        if self._answer is not None:
            deliver(*self._answer)

    def _finish(self, key, content):
        if not self.done:
            self.done = True
            self._answer = key, content
            if self._deliver is not None:
                self._deliver(key, content)


def _id(request):
    id = request.get("id")
    if not (type(id) is int or isinstance(id, str) and len(id) <= 64):
        raise Refusal("bad-request", "expected an 'id', a whole number or a text of up to 64 letters")
    return id


def _check_version(request):
    version = request.get("v")
    if type(version) is int and version > VERSION:
        versions = f"the request is of version {version}, ipopd knows version {VERSION}"
        raise Refusal("version", f"{versions}: upgrade ipopd, or restart it if it was upgraded")
    if type(version) is not int or version < VERSION:
        raise Refusal("version", f"expected version {VERSION} of the control protocol, as \"v\": {VERSION}")


def _params(method, given):
    """What the handler is called with."""
    if not isinstance(given, dict):
        raise Refusal("bad-params", "expected 'params' to be an object")
    names = [param.name for param in method.params]
    for name in given:
        if name not in names:
            wrong = f"no parameter {quoted(str(name))} of {method.name}"
            raise Refusal("bad-params", f"{wrong}; {did_you_mean(str(name), names)}" if names else wrong)
    params = {}
    for param in method.params:
        value = params[param.name] = given.get(param.name, param.default)
        if not param.kind.check(value):
            got = quoted(json.dumps(value)) if param.name in given else "nothing"
            raise Refusal("bad-params", f"parameter '{param.name}': expected {param.kind.expected}, got {got}")
    return params


# --- the other end


class ControlClient:
    """Asks a daemon. Sending is as with a ControlSession."""

    def __init__(self):
        self._lines = _Lines(REPLY_MAX)
        self._out = Outbox()
        self._last_id = 0

    def request(self, method, params):
        """Queue a request; returns its id."""
        self._last_id += 1
        self._out.put(_line({"v": VERSION, "id": self._last_id, "method": method, "params": params}))
        return self._last_id

    def poll_bytes(self):
        return self._out.head()

    def sent(self, n):
        self._out.drop(n)

    def handle_bytes(self, data):
        """The Replies in what the daemon sent. Raises UserError when it can't be talked with."""
        try:
            return [self._reply(line) for line in self._lines.feed(data)]
        except Refusal:
            raise UserError(_NOT_IPOPD)

    def _reply(self, line):
        reply = _parse(line)
        if reply is None:
            raise UserError(_NOT_IPOPD)
        if reply.get("v") != VERSION:
            raise UserError("ipop and ipopd are of different versions: install both anew and restart ipopd")
        error = reply.get("error")
        if error is not None:
            if not (isinstance(error, dict) and isinstance(error.get("message"), str)):
                raise UserError(_NOT_IPOPD)
            error = Refusal(error.get("code"), error["message"])
            if reply.get("id") is None or error.code == "version":
                raise UserError(error.message)
        return Reply(reply.get("id"), reply.get("result"), error)


_NOT_IPOPD = "what answers on the control socket is not ipopd: set another path with 'option control'"


# --- lines


class _Lines:
    """Bytes in pieces of any size in, whole lines out."""

    def __init__(self, longest):
        self._longest = longest
        self._rest = b""

    def feed(self, data):
        """Yields the lines that are complete now. Raises Refusal at one that is too long, even without its end."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines[-1]
        for i, line in enumerate(lines):
            if len(line) > self._longest:
                raise Refusal("too-long", f"a line has at most {self._longest} bytes")
            if i < len(lines) - 1:
                yield line


def _line(message):
    return json.dumps(message).encode() + b"\n"


def _parse(line):
    """The JSON object in a line, or None."""
    try:
        message = json.loads(line.decode())
    except (ValueError, RuntimeError, MemoryError):  # not UTF-8, not JSON, or too deep
        return None
    return message if isinstance(message, dict) else None
