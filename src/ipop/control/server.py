"""The control socket in the daemon's poll loop: who asks, and what has been written of the answer."""

from ..ports import Listener
from .protocol import ControlSession

CLIENTS_MAX = 32


class ControlServer:
    """Listens at `path` and lets `handlers` (see protocol.py) answer. `clock()` gives `now`. Raises UserError."""

    def __init__(self, path, poller, clock, handlers):
        self._poller = poller
        self._clock = clock
        self._handlers = handlers
        self._clients = {}  # descriptor -> (Connection, ControlSession)
        self._listener = Listener(path)
        poller.watch(self._listener.fileno(), self._accept)

    def flush(self):
        """Write what has been answered meanwhile; to be called in each turn of the loop."""
        for fd in list(self._clients):
            self._write(fd)

    def close(self):
        for fd in list(self._clients):
            self._drop(fd)
        self._poller.forget(self._listener.fileno())
        self._listener.close()

    def _accept(self):
        connection = self._listener.accept()
        if connection is None:
            return
        if len(self._clients) >= CLIENTS_MAX:
            self._drop(next(iter(self._clients)))  # the oldest has had its time
        fd = connection.fileno()
        self._clients[fd] = connection, ControlSession(self._handlers)
        self._poller.watch(fd, lambda: self._serve(fd))

    def _serve(self, fd):
        """The client has sent something, has gone, or can take more."""
        connection, session = self._clients[fd]
        if not session.closing:
            data = connection.read()
            if data is not None:
                session.handle_bytes(data, self._clock())
        self._write(fd)

    def _write(self, fd):
        connection, session = self._clients[fd]
        data = session.poll_bytes()
        while data:
            n = connection.write(data)
            if n < 0:
                self._drop(fd)
                return
            if n == 0:
                break
            session.sent(n)
            data = session.poll_bytes()
        if session.is_finished:
            self._drop(fd)
        elif session.closing:
            self._poller.forget(fd)  # it will say no more; `flush` sends what is still to be answered
        else:
            self._poller.watch_writable(fd, bool(data))

    def _drop(self, fd):
        connection, session = self._clients.pop(fd)
        session.close()
        self._poller.forget(fd)
        connection.close()
