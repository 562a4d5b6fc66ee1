"""The group's broker, in a thread of its own: names, TLS and paho-mqtt may take as long as they like there.

    the loop    publish, subscribe ...  -> a queue and a wake-up byte ->   the thread, which has the Connection
                poll                    <- a queue and a wake-up byte <-   and calls another broker when it is lost

Nothing else passes between them but a few flags. Both queues are bounded: who publishes too much is told so, and the
thread reads no more from the broker than the loop takes. What the loop said before it knew of a connection is not meant
for that one, and is forgotten.
"""

import os
import queue
import threading
from collections import namedtuple

from ..events import Connected

COMMANDS_MAX = 16_384

# What passes between loop and thread: `connection` is its number
Command = namedtuple("Command", ("connection", "verb", "args"))
Accepted = namedtuple("Accepted", ("connection", "broker"))
Dropped = namedtuple("Dropped", ("reason",))


class Broker:
    """Stays connected to one of `urls` (Url), the best first. `count(reason)` takes note of what is thrown away.

    `will` is a Publish or None, for the first connection; each connection needs another one. `handler()` is called by
    the Poller when `poll` may have something."""

    def __init__(self, urls, will, count, poller, handler):
        self._commands = Queue()
        self._events = Queue()
        self._count = count
        self._connection = 0  # the number of the one that the loop knows of
        from .caller import Caller  # and with it paho-mqtt, which takes time and memory: not for who has no group

        self._caller = Caller(urls, will, self._commands, self._events)
        threading.Thread(target=self._caller.run, daemon=True).start()
        self._poller = poller
        poller.watch(self._events.fileno(), handler)

    def poll(self):
        """Connected, Disconnected, Message, or None when there is nothing more."""
        event = self._events.get()
        while isinstance(event, Dropped):
            self._count(event.reason)
            event = self._events.get()
        if isinstance(event, Accepted):
            self._connection = event.connection
            return Connected(event.broker)
        return event

    def poll_timeout(self):
        """When `handle_timeout` has to be called (ms): never here, as the thread has its own clock."""
        return None

    def handle_timeout(self, now):
        """The time has come."""

    @property
    def has_room(self):
        """Whether something can be published, subscribed to or unsubscribed from now."""
        return len(self._commands) < COMMANDS_MAX

    def publish(self, publish):
        """Returns whether there was room."""
        return self._tell("publish", publish.topic, publish.payload, publish.retain)

    def subscribe(self, topic):
        return self._tell("subscribe", topic)

    def unsubscribe(self, topic):
        return self._tell("unsubscribe", topic)

    def set_will(self, will):
        """What the broker is to publish when the next connection breaks off: a Publish, or None."""
        self._caller.will = will

    def reconnect(self):
        """Connect anew, at once: our address has changed."""
        self._caller.is_stale = True
        self._commands.wake()

    def close(self):
        """Hang up once all is said, without waiting for that. Afterwards nothing may be asked any more."""
        self._poller.forget(self._events.fileno())
        self._caller.is_closing = True
        self._commands.close_writer()
        self._events.close_reader()

    def _tell(self, verb, *args):
        if len(self._commands) >= COMMANDS_MAX:
            self._count("broker-overrun")
            return False
        self._commands.put(Command(self._connection, verb, args))
        return True


class Queue:
    """A queue with a descriptor that is readable when something is in it. One thread puts, another gets."""

    def __init__(self):
        self._items = queue.SimpleQueue()
        self._reader, self._writer = os.pipe()  # a byte for each item
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
        """Make the descriptor readable once, without an item."""
        try:
            os.write(self._writer, b"!")
        except OSError:
            pass  # nobody reads any more

    def get(self):
        """The next item, or None: the descriptor is readable as long as there are others."""
        try:
            os.read(self._reader, 1)
            return self._items.get_nowait()
        except (BlockingIOError, queue.Empty):
            return None

    def close_reader(self):
        os.close(self._reader)

    def close_writer(self):
        os.close(self._writer)
