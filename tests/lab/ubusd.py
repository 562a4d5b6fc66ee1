"""ubus in a lab: a ubusd, the real one or the stand-in, and somebody who asks and listens there."""

import shutil
import socket
import sys
import threading
from pathlib import Path

from netns import wait_for

from ipop.control.ubus_client import Ubus, UbusError
from ipop.ports import Client, clock
from ipop.ubus.connection import Added, Answered, Connection, Heard, Invoked

STAND_IN = "stand-in"
REAL = "ubusd"
KINDS = (STAND_IN, REAL)
_COMMANDS = {STAND_IN: [sys.executable, Path(__file__).parent / "programs/ubusd.py"], REAL: [REAL]}


def is_there(kind):
    return shutil.which(str(_COMMANDS[kind][0])) is not None


class Ubusd:
    """On a host of the lab, at a socket in the lab's folder."""

    def __init__(self, kind, host):
        self.kind = kind
        self.host = host
        self.path = host.lab.folder / "ubus.sock"
        self.process = None

    def start(self):
        self.process = self.host.spawn([*_COMMANDS[self.kind], "-s", self.path])
        wait_for(self._answers, 5, "ubusd")

    def kill(self):
        self.process.kill()

    def call(self, object, method, timeout=5000, **arguments):
        ubus = Ubus(str(self.path))
        try:
            return ubus.call(object, method, arguments, timeout)
        finally:
            ubus.close()

    def wait_for(self, object, seconds=10):
        """Until somebody serves it."""
        def is_served():
            try:
                return self.call(object, "status")
            except UbusError:
                return None
        return wait_for(is_served, seconds, f"{object} on ubus")

    def _answers(self):
        try:
            self.call("nobody", "x")
        except UbusError as error:
            return error.code == "not-found"


class Guest:
    """Somebody else on ubus, who asks, serves and listens."""

    def __init__(self, ubusd):
        self._client = Client(str(ubusd.path))
        self._connection = Connection(lambda reason: None)

    def serve(self, name):
        """What ubusd says to an object of that name."""
        self._connection.add_object(name, {}, clock.monotonic() + 5000)
        return self._next(Added, 5).status

    def be_asked(self, seconds=5):
        """(method, arguments) of the next question to what it serves; it is answered with nothing."""
        question = self._next(Invoked, seconds)
        if question.ticket is not None:
            self._connection.reply(question.ticket, {})
        return question.method, question.table

    def listen(self, pattern):
        self._connection.listen(pattern, clock.monotonic() + 5000)
        return self._next(Added, 5).status

    def hear(self, type, seconds=5):
        """The data of the next event of a type."""
        while True:
            event = self._next(Heard, seconds)
            if event.type == type:
                return event.table

    def ask(self, object, method, **arguments):
        self._connection.call(object, method, arguments, self, clock.monotonic() + 5000)

    def hear_answer(self):
        """The table of the next answer."""
        answer = self._next(Answered, 6)
        assert answer.status == "ok", answer
        return answer.table

    def close(self):
        self._client.close()

    def _next(self, kind, seconds):
        def arrived():
            data = self._connection.poll_bytes()
            while data:
                self._connection.sent(self._client.write(data))
                data = self._connection.poll_bytes()
            event = self._connection.poll_event()
            while event is not None:
                if isinstance(event, kind):
                    return event
                event = self._connection.poll_event()
            data = self._client.read(50)
            if data:
                self._connection.handle_bytes(data)
        return wait_for(arrived, seconds, kind.__name__)


class HostileUbusd:
    """Says one of `speeches` to each who connects, in turn, and nothing more. `heard` counts those who have gone."""

    def __init__(self, path, speeches):
        self.heard = 0
        self._speeches = speeches
        self._path = path
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(4)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        for speech in self._speeches:
            client, _ = self._listener.accept()
            with client:
                client.settimeout(1)
                try:
                    client.sendall(speech)
                    while client.recv(4096):
                        pass
                except OSError:
                    pass  # it has hung up in the middle, or not in time
            self.heard += 1
        self._listener.close()
        self._path.unlink()
