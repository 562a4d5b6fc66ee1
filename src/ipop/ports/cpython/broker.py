"""The group's broker, in a thread of its own: names, TLS and paho-mqtt may take as long as they like there.

    the loop    publish, subscribe ...  -> a queue and a wake-up byte ->   the thread, which has the Connection
                poll                    <- a queue and a wake-up byte <-   and calls another broker when it is lost

Nothing else passes between them but a few flags. Both queues are bounded: who publishes too much is told so, and the
thread reads no more from the broker than the loop takes. What the loop said before it knew of a connection is not meant
for that one, and is forgotten.
"""

import os
import queue
import select
import threading
from collections import namedtuple

from ...signal.failover import FailOver
from ...signal.url import shown
from . import clock
from .mqtt import MQTT_3_1_1, MQTT_5, Connection, Failure

COMMANDS_MAX = 16_384
EVENTS_MAX = 256
TURN_MAX = 1_000  # ms after which paho wants to look at its clock
PAUSE_WHEN_FULL = 20  # ms

# What happened. `broker` and `reason` are for people: "192.0.2.1:1883", "broker 192.0.2.1:1883: connection refused"
Connected = namedtuple("Connected", ("broker",))
Disconnected = namedtuple("Disconnected", ("reason",))  # or not connected in the first place
Message = namedtuple("Message", ("topic", "payload"))


class Broker:
    """Stays connected to one of `urls` (Url), the best first. `count(reason)` takes note of what is thrown away.

    `will` is a Publish or None, for the first connection; each connection needs another one."""

    def __init__(self, urls, will, count):
        self._commands = _Queue()
        self._events = _Queue()
        self._count = count
        self._connection = 0  # the number of the one that the loop knows of
        self._line = _Line(urls, will, self._commands, self._events)
        threading.Thread(target=self._line.run, daemon=True).start()

    def fileno(self):
        """Readable when `poll` has something."""
        return self._events.fileno()

    def poll(self):
        """Connected, Disconnected, Message, or None when there is nothing more."""
        event = self._events.get()
        while isinstance(event, _Dropped):
            self._count(event.reason)
            event = self._events.get()
        if isinstance(event, _Connected):
            self._connection = event.number
            return Connected(event.broker)
        return event

    def publish(self, publish):
        """Returns whether there was room."""
        return self._tell("publish", publish.topic, publish.payload, publish.retain)

    def subscribe(self, topic):
        return self._tell("subscribe", topic)

    def unsubscribe(self, topic):
        return self._tell("unsubscribe", topic)

    def set_will(self, will):
        """What the broker is to publish when the next connection breaks off: a Publish, or None."""
        self._line.will = will

    def reconnect(self):
        """Connect anew, at once: our address has changed."""
        self._line.is_stale = True
        self._commands.wake()

    def close(self):
        """Hang up, without waiting for it. Afterwards nothing else may be asked, nor the descriptor be watched."""
        self._line.is_closing = True
        self._commands.close_writer()
        self._events.close_reader()

    def _tell(self, verb, *args):
        if len(self._commands) >= COMMANDS_MAX:
            self._count("broker-overrun")
            return False
        self._commands.put(_Command(self._connection, verb, args))
        return True


_Command = namedtuple("_Command", ("connection", "verb", "args"))
_Connected = namedtuple("_Connected", ("number", "broker"))
_Dropped = namedtuple("_Dropped", ("reason",))


class _Line:
    """What the thread does: it keeps one Connection, and does with it what the loop says."""

    def __init__(self, urls, will, commands, events):
        self.will = will
        self.is_stale = False
        self.is_closing = False
        self._urls = urls
        self._versions = [MQTT_5] * len(urls)  # what each was last known to speak
        self._commands = commands
        self._events = events
        self._failover = FailOver(len(urls), os.urandom, clock.monotonic())
        self._connection = None
        self._number = 0  # of the connection

    def run(self):
        while not self.is_closing:
            index = self._failover.poll_call(clock.monotonic())
            if index is None:
                self._turn()
            else:
                self._call(index)
        if self._connection is not None:
            self._connection.close()
        self._commands.close_reader()
        self._events.close_writer()

    # --- calling

    def _call(self, index):
        """Connect to one of the brokers; the connection that there is stays until then."""
        try:
            connection = self._connect(index)
        except Failure as failure:
            self._failover.handle_failed(clock.monotonic())
            if self._connection is None:
                self._tell_trouble(index, failure)
            return
        if self._connection is not None:
            self._connection.close()
        self._connection = connection
        self._number += 1
        self._failover.handle_connected(clock.monotonic())
        self._events.put(_Connected(self._number, shown(self._urls[index])))

    def _connect(self, index):
        """A Connection with MQTT 5, or with 3.1.1 where that may be the trouble. Raises Failure."""
        try:
            return self._connect_as(index, self._versions[index])
        except Failure as failure:
            if not failure.is_version:
                raise
        self._versions[index] = MQTT_3_1_1 if self._versions[index] == MQTT_5 else MQTT_5
        return self._connect_as(index, self._versions[index])

    def _connect_as(self, index, version):
        return Connection(self._urls[index], version, self.will, self._deliver, self._drop)

    def _lose(self, failure):
        index = self._failover.current
        self._connection = None
        self._failover.handle_lost(clock.monotonic())
        self._tell_trouble(index, failure)

    def _tell_trouble(self, index, failure):
        self._events.put(Disconnected("broker %s: %s" % (shown(self._urls[index]), failure.args[0])))

    # --- one turn of the thread's own loop

    def _turn(self):
        connection = self._connection
        is_full = len(self._events) >= EVENTS_MAX
        ready = self._wait(connection, is_full)
        self._obey()
        if self.is_stale:
            self._start_over()
        elif connection is not None:
            try:
                connection.turn(not is_full and (ready or connection.has_more))
            except Failure as failure:
                self._lose(failure)

    def _wait(self, connection, is_full):
        """Until there is something to do. Returns whether the broker has sent something."""
        poll = select.poll()
        timeout = TURN_MAX if connection is not None else None
        call_at = self._failover.poll_timeout()
        if call_at is not None:
            pause = max(call_at - clock.monotonic(), 0)
            timeout = pause if timeout is None else min(pause, timeout)
        if connection is None:
            poll.register(self._commands.fileno(), select.POLLIN)
            poll.poll(timeout)
            return False
        if connection.has_room:
            poll.register(self._commands.fileno(), select.POLLIN)
        wanted = (0 if is_full else select.POLLIN) | (select.POLLOUT if connection.wants_to_write else 0)
        if wanted:
            poll.register(connection.fileno(), wanted)
        if is_full:
            timeout = min(timeout, PAUSE_WHEN_FULL)
        elif connection.has_more:
            timeout = 0
        return any(fd == connection.fileno() and events & ~select.POLLOUT for fd, events in poll.poll(timeout))

    def _obey(self):
        """Do what the loop said, as far as the broker has confirmed what was said before."""
        while self._connection is None or self._connection.has_room:
            command = self._commands.get()
            if command is None:
                break
            if self._connection is not None and command.connection == self._number:
                getattr(self._connection, command.verb)(*command.args)

    def _start_over(self):
        self.is_stale = False
        if self._connection is not None:
            self._connection.close()
            self._lose(Failure("our address has changed"))
        self._failover.hurry(clock.monotonic())

    def _deliver(self, topic, payload):
        self._events.put(Message(topic, payload))

    def _drop(self, reason):
        self._events.put(_Dropped(reason))


class _Queue:
    """A queue with a descriptor that is readable when something is in it. One thread puts, another gets."""

    def __init__(self):
        self._items = queue.SimpleQueue()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def __len__(self):
        return self._items.qsize()

    def fileno(self):
        return self._reader

    def put(self, item):
        self._items.put(item)
        self.wake()

    def wake(self):
        try:
            os.write(self._writer, b"!")
        except OSError:
            pass  # there are wake-up bytes enough, or nobody reads any more

    def get(self):
        """The next item, or None. The descriptor stays readable while there are others."""
        try:
            return self._items.get_nowait()
        except queue.Empty:
            pass
        try:
            os.read(self._reader, 65_536)
        except BlockingIOError:
            pass
        try:
            item = self._items.get_nowait()  # it came before its byte was read
        except queue.Empty:
            return None
        self.wake()
        return item

    def close_reader(self):
        os.close(self._reader)

    def close_writer(self):
        os.close(self._writer)
