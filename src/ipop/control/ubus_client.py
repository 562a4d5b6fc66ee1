"""Asking others on ubus and waiting for it, for the command: the daemon does it in bus.py, which never waits."""

from ..errors import Rejected, UserError
from ..ports import Client, clock
from ..ubus.connection import (
    CONNECTION_FAILED,
    INVALID_ARGUMENT,
    NOT_FOUND,
    OK,
    PERMISSION_DENIED,
    TIMEOUT,
    Answered,
    Connection,
)
from ..words import why

PATH = "/var/run/ubus/ubus.sock"
PATIENCE = 10_000  # ms
_EACCES = 13


class UbusError(UserError):
    """`code` is for programs, one of STATUSES in ubus/connection.py; `message` is for people."""

    def __init__(self, status, message):
        super().__init__(message)
        self.code = status


class Ubus:
    """Talks with the ubusd at `path`. Raises UbusError, as all of its methods do."""

    def __init__(self, path=PATH):
        try:
            self._client = Client(path)
        except OSError as error:
            remedy = "run this as root" if error.errno == _EACCES else "is this OpenWrt, and does ubusd run?"
            raise UbusError(CONNECTION_FAILED, "no ubus at %s (%s): %s" % (path, why(error), remedy))
        self._connection = Connection(lambda reason: None)  # what isn't understood is no answer, and times out

    def call(self, object, method, arguments=None, timeout=PATIENCE):
        """What an object answers, a dict."""
        what = "ubus call %s %s" % (object, method)
        until = clock.monotonic() + timeout
        try:
            self._connection.call(object, method, arguments or {}, self, until)
        except Rejected as rejected:
            raise UbusError(INVALID_ARGUMENT, "%s: its arguments can't be said (%s)" % (what, rejected.reason))
        try:
            answer = self._wait(until)
        except (OSError, Rejected):
            raise UbusError(CONNECTION_FAILED, "%s: ubusd went away before the answer came" % what)
        if answer.status != OK:
            reason = _WHY.get(answer.status) or answer.status.replace("-", " ")
            raise UbusError(answer.status, "%s: %s" % (what, reason))
        return answer.table

    def close(self):
        self._client.close()

    def _wait(self, until):
        """The Answered. Raises OSError or Rejected."""
        connection = self._connection
        while True:
            data = connection.poll_bytes()
            while data:
                connection.sent(self._client.write(data))
                data = connection.poll_bytes()
            event = connection.poll_event()
            while event is not None:
                if isinstance(event, Answered):
                    return event
                event = connection.poll_event()
            now = clock.monotonic()
            connection.handle_timeout(now)
            data = self._client.read(max(until - now, 0))
            if data == b"":
                connection.close()
            elif data is not None:
                connection.handle_bytes(data)


_WHY = {
    NOT_FOUND: "there is no such object, or this user may not use it",
    PERMISSION_DENIED: "this user may not do that: run this as root",
    TIMEOUT: "no answer in time",
    CONNECTION_FAILED: "ubusd went away before the answer came",
}
