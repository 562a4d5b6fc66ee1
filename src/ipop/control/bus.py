"""ubus in the daemon's poll loop: the connection to ubusd, what we serve there, and what we ask of others.

Where there is no ubusd, as on plain Linux, a look every few seconds is all that happens. One that dies takes what was
being asked along; when it is there again, our objects are added again. Nothing here waits.
"""

from ..deadlines import earlier
from ..errors import Rejected
from ..ports import clock, unix
from ..ubus.connection import CONNECTION_FAILED, INVALID_ARGUMENT, OK, Added, Answered, Connection, Greeted, Invoked
from ..words import why
from .bus_object import NAMES, BusObject, error

LOOK_AGAIN = 3_000  # ms between two looks for ubusd
ADD_AGAIN = 10_000  # ms after it refused our objects
TIMEOUT = 5_000  # ms in which ubusd, or somebody there, has to answer
LONGEST = 1 << 17  # bytes of a message; a longer one is passed over: a small router has no room for it
BACKLOG_MAX = 1 << 16  # bytes that wait to be sent, with which no more is said unasked
STUCK = 1 << 21  # bytes with which ubusd doesn't read any more
PROBLEM, FAULT = "ubus", "ubus fault"  # topics
ENOENT, ECONNREFUSED = 2, 111


class Bus:
    """`handlers` are as for a Desk, and looked at when ubusd is found; `jobs` are the daemon's; `count(reason)` notes
    what was not understood."""

    def __init__(self, path, poller, count, set_problem, handlers, jobs):
        self._path = path
        self._poller = poller
        self._count = count
        self._set_problem = set_problem
        self._handlers = handlers
        self._jobs = jobs
        self._object = None
        self._stream = None  # a unix.Connection
        self._connection = None  # what is said on it
        self._is_greeted = False
        self._added = {}  # name of an object of ours -> what ubusd said to it
        self._due = clock.monotonic()  # of the next look, greeting or adding; None: all is well
        self._is_watched = False  # for room to write
        self._unheard = []  # (on_answer, status, table) of calls that ended without ubusd

    def call(self, object, method, arguments, on_answer, timeout=TIMEOUT):
        """Ask another object; `on_answer(status, table)` is called later, always and once, with one of STATUSES in
        ubus/connection.py. The table is {} unless that is OK. Where ubusd is missing it comes at once: whoever asks
        again should wait."""
        if self._connection is None or self._connection.backlog > BACKLOG_MAX:
            self._unheard.append((on_answer, CONNECTION_FAILED, {}))
            return
        try:
            self._connection.call(object, method, arguments, on_answer, clock.monotonic() + timeout)
        except Rejected:
            self._unheard.append((on_answer, INVALID_ARGUMENT, {}))

    def send_event(self, type, data):
        """Tell whoever listens, if somebody does and ubusd is there."""
        if self._is_greeted and self._connection.backlog <= BACKLOG_MAX:
            try:
                self._connection.send_event(type, data, clock.monotonic() + TIMEOUT)
            except Rejected as rejected:
                self._count_dropped(rejected.reason)

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms), or None."""
        if self._unheard:
            return 0
        due = self._connection.poll_timeout() if self._connection is not None else None
        return earlier(due, self._due)

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        if self._due is not None and now >= self._due:
            self._handle_due(now)
        if self._connection is not None:
            self._connection.handle_timeout(now)
            self._handle_events(now)
        if self._unheard:
            unheard, self._unheard = self._unheard, []  # who is told may ask again
            for on_answer, status, table in unheard:
                self._tell(on_answer, status, table)
        if self._connection is not None:
            self._write(now)

    def close(self):
        if self._stream is not None:
            self._poller.forget(self._stream.fileno())
            self._stream.close()
        self._stream = self._connection = None
        self._set_problem(PROBLEM, None)

    # --- the connection

    def _handle_due(self, now):
        self._due = None
        if self._connection is None:
            self._connect(now)
        elif self._is_greeted:
            self._add_objects(now)
        else:
            self._set_problem(PROBLEM, _NOT_UBUSD % self._path)
            self._lose(now)

    def _connect(self, now):
        try:
            self._stream = unix.call(self._path)
        except OSError as failure:
            is_absent = failure.errno in (ENOENT, ECONNREFUSED)
            text = "ubusd can't be reached at %s: %s" % (self._path, why(failure))
            self._set_problem(PROBLEM, None if is_absent else text)
            self._due = now + LOOK_AGAIN
            return
        self._connection = Connection(self._count_dropped, LONGEST)
        self._object = BusObject(self._handlers, self._jobs)
        self._is_greeted = self._is_watched = False
        self._added = {}
        self._due = now + TIMEOUT
        self._poller.watch(self._stream.fileno(), self._on_stream)

    def _on_stream(self):
        """There is something to read, room to write, or ubusd is gone."""
        data = self._stream.read()
        try:
            if data == b"":
                self._lose(clock.monotonic())
            elif data is not None:
                self._connection.handle_bytes(data)
        except Rejected as rejected:
            self._count_dropped(rejected.reason)
            self._set_problem(PROBLEM, _NOT_UBUSD % self._path)
            self._lose(clock.monotonic())
        except MemoryError:  # of the message nothing is left, so the next one isn't found
            self._lose(clock.monotonic())

    def _count_dropped(self, reason):
        self._count("ubus-" + reason)

    def _write(self, now):
        """What there is to say."""
        data = self._connection.poll_bytes()
        if data is None and not self._is_watched:
            return
        while data:
            n = self._stream.write(data)
            if n <= 0:
                break
            self._connection.sent(n)
            data = self._connection.poll_bytes()
        if data and n < 0 or self._connection.backlog > STUCK:
            self._lose(now)
        elif bool(data) != self._is_watched:
            self._is_watched = bool(data)
            self._poller.watch_writable(self._stream.fileno(), self._is_watched)

    def _lose(self, now):
        """Everybody who waits is told, and what was served is served again once ubusd is back."""
        self._poller.forget(self._stream.fileno())
        self._stream.close()
        lost, self._connection, self._stream = self._connection, None, None
        lost.close()
        self._due = now + LOOK_AGAIN
        self._is_greeted = False
        event = lost.poll_event()
        while event is not None:
            if isinstance(event, Answered):
                self._unheard.append((event.token, event.status, event.table))
            event = lost.poll_event()

    # --- what happens there

    def _handle_events(self, now):
        connection = self._connection
        event = connection.poll_event()
        while event is not None:
            if isinstance(event, Invoked):
                self._answer(event, now)
            elif isinstance(event, Answered):
                self._tell(event.token, event.status, event.table)
            elif isinstance(event, Greeted):
                self._is_greeted = True
                self._add_objects(now)
            elif isinstance(event, Added):
                self._handle_added(event, now)
            event = connection.poll_event()

    def _answer(self, event, now):
        table = self._object.answer(event.method, event.table, now)
        if event.ticket is None:
            return
        try:
            self._connection.reply(event.ticket, table)
        except Rejected as rejected:
            table = error("internal", "the answer can't be said on ubus (%s): ask 'ipop' instead" % rejected.reason)
            self._connection.reply(event.ticket, table)

    def _tell(self, on_answer, status, table):
        try:
            on_answer(status, table)
        except Exception as fault:  # what others answer must not take the tunnels along
            self._set_problem(FAULT, "a fault in ipopd, please report it: %r, after %s from ubus" % (fault, status))

    def _add_objects(self, now):
        """Those that aren't served yet."""
        self._due = None
        signature = self._object.signature()
        for name in NAMES:
            if self._added.get(name) != OK:
                self._added.pop(name, None)
                self._connection.add_object(name, signature, now + TIMEOUT)

    def _handle_added(self, event, now):
        self._added[event.name] = event.status
        if len(self._added) < len(NAMES):
            return
        refused = ["%s (%s)" % (name, self._added[name]) for name in NAMES if self._added[name] != OK]
        if refused:
            self._due = now + ADD_AGAIN
        self._set_problem(PROBLEM, _REFUSED % ", ".join(refused) if refused else None)


_NOT_UBUSD = "what answers at %s is not ubusd: set another path with option 'ubus'"
_REFUSED = (
    "ubusd refuses the object %s, so LuCI and 'ubus call' can't see it: have ubusd read "
    "/usr/share/acl.d/ipop.json, of mode 644, with 'kill -HUP $(pidof ubusd)', and see that no other ipopd runs"
)
