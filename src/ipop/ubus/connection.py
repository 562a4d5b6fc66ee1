"""A client's end of the protocol of ubus, as libubus speaks it with ubusd over a Unix stream socket.

    message   1 byte: version 0 | 1 byte: type | 2 bytes: sequence number | 4 bytes: peer | an attribute (blob.py)

ubusd greets with HELLO. To each request it answers with any number of DATA and one STATUS, which carry the sequence
number and the peer of the request: the object for INVOKE, else 0. Objects are known by numbers, which LOOKUP gives. An
INVOKE of somebody else comes with his number as the peer; what we answer, maybe much later, carries that and his
sequence number. An event is an INVOKE of the object that listens, from peer 0, which nobody answers.

    connection.handle_bytes(data)      what came; raises Rejected where the stream can't be followed any more
    connection.handle_timeout(now)     gives up requests; due at poll_timeout()
    connection.poll_bytes(), sent(n)   what is to be sent
    connection.poll_event()            one of the events below, or None
"""

import struct
from collections import namedtuple

from ..errors import Rejected
from ..outbox import Outbox
from . import blob

# enum ubus_msg_type
HELLO, STATUS, DATA, _PING, LOOKUP, INVOKE, ADD_OBJECT, REMOVE_OBJECT = range(8)
# enum ubus_msg_attr
_STATUS, _OBJPATH, _OBJID, _METHOD, _OBJTYPE, _SIGNATURE, _DATA, _TARGET, _ACTIVE, _NO_REPLY = range(1, 11)
_EVENT_OBJECT = 1  # UBUS_SYSTEM_OBJECT_EVENT

# enum ubus_msg_status
STATUSES = (
    "ok",
    "invalid-command",
    "invalid-argument",
    "method-not-found",
    "not-found",
    "no-data",
    "permission-denied",
    "timeout",
    "not-supported",
    "unknown-error",
    "connection-failed",
    "no-memory",
    "parse-error",
    "system-error",
)
OK, INVALID_ARGUMENT, NOT_FOUND = STATUSES[0], STATUSES[2], STATUSES[4]
PERMISSION_DENIED, TIMEOUT, UNKNOWN_ERROR = STATUSES[6], STATUSES[7], STATUSES[9]
CONNECTION_FAILED = STATUSES[10]

REQUESTS_MAX = 64  # that wait for their answers
_HEAD = 12  # bytes: the header, and the head of the attribute

Greeted = namedtuple("Greeted", ())  # it is ubusd that we talk with
Added = namedtuple("Added", "name status")  # whether an object is served now
Answered = namedtuple("Answered", "token status table")  # a call has come to its end; the table is {} unless it is ok
Invoked = namedtuple("Invoked", "object method table ticket")  # somebody calls us; `reply` takes the ticket
Heard = namedtuple("Heard", "type table")  # an event of somebody else

_Ticket = namedtuple("_Ticket", "seq peer object")
_Request = namedtuple("_Request", "peer until datas finish")


class Connection:
    """One connection; after it is lost, a new one begins with nothing. `count(reason)` is told of each message that is
    not understood, or longer than `longest` and so passed over."""

    def __init__(self, count, longest=blob.MESSAGE_MAX):
        self._count = count
        self._longest = longest
        self._parts = []  # of a message that isn't complete
        self._size = 0  # of all of them
        self._needed = _HEAD
        self._skip = 0  # bytes still to be passed over
        self._out = Outbox()
        self._events = []
        self._seq = 0
        self._requests = {}  # seq -> _Request
        self._objects = {}  # id -> name of ours; None: it listens

    # --- what is asked of others

    def call(self, object, method, table, token, until):
        """Invoke a method; Answered with `token` tells what came of it, at `until` (ms) at the latest.

        Raises Rejected when the table can't be said."""
        data = blob.pack(table)

        def invoke(status, found):
            id = _object_id(found)
            if status != OK or id is None:  # an object that we may not use is found without its number
                finish(NOT_FOUND if status == OK else status, ())
                return
            body = blob.put_number(_OBJID, id) + blob.put_text(_METHOD, method) + blob.put(_DATA, data)
            self._ask(INVOKE, id, body, until, finish)

        def finish(status, datas):
            table = {}
            if status == OK and datas:
                try:
                    table = blob.unpack(datas[-1].get(_DATA, b""))
                except Rejected as rejected:
                    self._count(rejected.reason)
                    status = STATUSES[12]
            self._events.append(Answered(token, status, table))

        self._ask(LOOKUP, 0, blob.put_text(_OBJPATH, object), until, invoke)

    def send_event(self, type, table, until):
        """Tell all who listen. Raises Rejected when the table can't be said."""
        self._event_object("send", {"id": type, "data": table}, until, lambda status, datas: None)

    # --- what is offered to others

    def add_object(self, name, methods, until):
        """Serve an object; `methods` is {method: {argument: its type, as in blob.py}}. Added tells whether it is."""

        def finish(status, datas):
            if status == OK:
                status = self._keep_object(name, datas)
            self._events.append(Added(name, status))

        body = blob.put_text(_OBJPATH, name) + blob.put(_SIGNATURE, blob.pack(methods))
        self._ask(ADD_OBJECT, 0, body, until, finish)

    def listen(self, pattern, until):
        """Hear events of a type, or of all that begin with what stands before a '*'. Added tells, of the pattern."""

        def register(status, datas):
            if status == OK:
                status = self._keep_object(None, datas)
            if status != OK:
                finish(status, ())
                return
            id = _object_id(datas)
            signed = id - (1 << 32) if id >> 31 else id  # ubusd expects 32 bits, which in a table have a sign
            self._event_object("register", {"object": signed, "pattern": pattern}, until, finish)

        def finish(status, datas):
            self._events.append(Added(pattern, status))

        self._ask(ADD_OBJECT, 0, b"", until, register)

    def remove_object(self, name, until):
        """Serve an object no longer."""
        for id in [id for id, known in self._objects.items() if known == name]:
            del self._objects[id]
            self._ask(REMOVE_OBJECT, 0, blob.put_number(_OBJID, id), until, lambda status, datas: None)

    def reply(self, ticket, table):
        """Answer one who has Invoked us, as late as one likes. Raises Rejected when the table can't be said."""
        data = blob.put_number(_OBJID, ticket.object) + blob.put(_DATA, blob.pack(table))
        self._send(DATA, ticket.seq, ticket.peer, data)
        self.refuse(ticket, OK)

    def refuse(self, ticket, status):
        body = blob.put_number(_STATUS, STATUSES.index(status)) + blob.put_number(_OBJID, ticket.object)
        self._send(STATUS, ticket.seq, ticket.peer, body)

    # --- bytes and time

    def handle_bytes(self, data):
        if self._skip:
            n = min(self._skip, len(data))
            self._skip -= n
            data = data[n:]
        self._parts.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return
        data, at = b"".join(self._parts), 0
        while True:
            left = len(data) - at
            self._needed = _length(data, at) if left >= _HEAD else _HEAD
            if self._needed > self._longest:
                self._count("too-long")
                n = min(self._needed, left)
                self._skip = self._needed - n
            elif left < self._needed:
                break
            else:
                n = self._needed
                self._handle_message(data[at : at + n])
            at += n
        self._parts = [data[at:]]
        self._size = left

    def poll_bytes(self):
        return self._out.head()

    def sent(self, n):
        self._out.drop(n)

    @property
    def backlog(self):
        """How many bytes wait to be sent."""
        return self._out.size

    def poll_timeout(self):
        return min([request.until for request in self._requests.values()]) if self._requests else None

    def handle_timeout(self, now):
        if not self._requests:
            return  # nearly always, and this is asked in each turn of the loop
        for seq, request in list(self._requests.items()):
            if now >= request.until:
                self._end(seq, TIMEOUT)

    def close(self):
        """It is lost: nothing that was asked will be answered."""
        for seq in list(self._requests):
            self._end(seq, CONNECTION_FAILED)

    def poll_event(self):
        return self._events.pop(0) if self._events else None

    # --- requests

    def _ask(self, type, peer, body, until, finish):
        """`finish(status, attributes of the last DATA, in a list, or nothing)` is called once."""
        if len(self._requests) >= REQUESTS_MAX:
            finish(STATUSES[11], ())
            return
        self._seq = self._seq + 1 & 0xFFFF
        while self._seq in self._requests:
            self._seq = self._seq + 1 & 0xFFFF
        try:
            self._send(type, self._seq, peer, body)
        except Rejected:  # too long
            finish(INVALID_ARGUMENT, ())
            return
        self._requests[self._seq] = _Request(peer, until, [], finish)

    def _end(self, seq, status):
        request = self._requests.pop(seq)
        request.finish(status, request.datas)

    def _event_object(self, method, table, until, finish):
        body = blob.put_number(_OBJID, _EVENT_OBJECT) + blob.put_text(_METHOD, method)
        self._ask(INVOKE, _EVENT_OBJECT, body + blob.put(_DATA, blob.pack(table)), until, finish)

    def _keep_object(self, name, datas):
        """Know the object that ubusd has added for us; returns a status."""
        id = _object_id(datas)
        if id is None:
            return UNKNOWN_ERROR
        self._objects[id] = name
        return OK

    def _send(self, type, seq, peer, body):
        data = struct.pack(">BBHI", 0, type, seq, peer) + blob.put(0, body)
        self._out.put(data)

    # --- what comes in

    def _handle_message(self, data):
        _, type, seq, peer = struct.unpack(">BBHI", data[:8])
        try:
            found = blob.attributes(data[_HEAD:])
            if type == HELLO:
                self._events.append(Greeted())
            elif type == INVOKE:
                self._handle_invoke(seq, peer, found)
            elif type in (STATUS, DATA):
                self._handle_answer(type, seq, peer, found)
            # else ubusd tells of subscribers, and we have none
        except Rejected as rejected:
            self._count(rejected.reason)

    def _handle_answer(self, type, seq, peer, found):
        request = self._requests.get(seq)
        if request is None or request.peer != peer:
            raise Rejected("unasked")
        if type == DATA:
            request.datas[:] = [found]
            return
        code = blob.number(found[_STATUS]) if _STATUS in found else STATUSES.index(INVALID_ARGUMENT)
        self._end(seq, STATUSES[code] if code < len(STATUSES) else UNKNOWN_ERROR)

    def _handle_invoke(self, seq, peer, found):
        if _OBJID not in found:
            raise Rejected("no-object")
        ticket = _Ticket(seq, peer, blob.number(found[_OBJID]))
        is_answered = peer != 0 and found.get(_NO_REPLY, b"\0") == b"\0"
        try:
            if _METHOD not in found or _DATA not in found:
                raise Rejected("no-method")
            method, table = blob.text(found[_METHOD]), blob.unpack(found[_DATA])
        except Rejected:
            if is_answered:
                self.refuse(ticket, INVALID_ARGUMENT)
            raise
        name = self._objects.get(ticket.object)
        if name is not None:
            self._events.append(Invoked(name, method, table, ticket if is_answered else None))
        elif ticket.object in self._objects:
            self._events.append(Heard(method, table))
        elif is_answered:
            self.refuse(ticket, NOT_FOUND)


def _object_id(datas):
    """The object's number in an answer, or None."""
    id = datas[-1].get(_OBJID) if datas else None
    return blob.number(id) if id is not None and len(id) == 4 else None


def _length(data, at):
    """Of the message that begins there. Raises Rejected when it can't be one."""
    if data[at]:
        raise Rejected("bad-version")
    length = int.from_bytes(data[at + 9 : at + 12], "big")
    if not 4 <= length <= blob.MESSAGE_MAX:
        raise Rejected("bad-length")
    return 8 + length
