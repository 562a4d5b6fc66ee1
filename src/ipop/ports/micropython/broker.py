"""The group's broker, with nothing that waits: MQTT 3.1.1 (mqtt.py) over a stream that is in the poller (stream.py).

Which broker to call, and when, FailOver knows. A better one is called while the connection to a worse one stays. Who is
connected to none hears from each call why it failed.

What comes is read when the loop takes it, and little in each turn: packets pass meanwhile.
"""

import binascii
import os
import select
from collections import deque

from ...signal.failover import FailOver
from ...signal.url import shown
from ..events import Connected, Disconnected
from . import clock
from .child import Child
from .mqtt import Failure, Session
from .stream import Tcp, why
from .tls import Tls

CHUNK = 4096  # bytes that are read at a time
READS_MAX = 4  # of them in one turn of the loop
LAST_WORDS_MAX = 2  # s for what was said before we hung up
TROUBLES_MAX = 4  # of which the loop has not been told


class Broker:
    """As in ports/cpython/broker.py."""

    def __init__(self, urls, will, count, poller, handler):
        self._urls = urls
        self._will = will
        self._count = count
        self._poller = poller
        self._handler = handler
        self._failover = FailOver(len(urls), os.urandom, clock.monotonic())
        self._call = None  # the Connection that is being made
        self._connection = None  # the one in use
        self._troubles = deque((), TROUBLES_MAX)  # Disconnected
        self._has_more = False  # whether `poll` had something when it was last asked

    def poll(self):
        """Connected, Disconnected, Message, or None when there is nothing more."""
        event = self._poll(clock.monotonic())
        self._has_more = event is not None
        return event

    def poll_timeout(self):
        """When `handle_timeout` has to be called (ms), or None."""
        if self._has_more or self._troubles:
            return 0
        call_at = self._failover.poll_timeout() if self._call is None else self._call.poll_timeout()
        if self._connection is None:
            return call_at
        when = self._connection.poll_timeout()
        return when if call_at is None else min(when, call_at)

    def handle_timeout(self, now):
        """The time has come."""
        if self._connection is not None:
            self._connection.handle_timeout(now)
        if self._call is not None:
            self._call.handle_timeout(now)
        else:
            self._begin_call(now)
        self._handler()

    @property
    def has_room(self):
        return self._connection is not None and self._connection.has_room

    def publish(self, publish):
        """Returns whether there was room."""
        return self._say(Session.publish, publish)

    def subscribe(self, topic):
        return self._say(Session.subscribe, topic)

    def unsubscribe(self, topic):
        return self._say(Session.unsubscribe, topic)

    def set_will(self, will):
        """What the broker is to publish when the next connection breaks off: a Publish, or None."""
        self._will = will

    def reconnect(self):
        """Connect anew, at once: our address has changed."""
        now = clock.monotonic()
        self._drop_call()
        if self._connection is not None:
            self._connection.hang_up(now)
            self._troubles.append(self._lost(Failure("our address has changed"), now))
        self._failover.hurry(now)

    def close(self):
        """Hang up once all is said, without waiting for that. Afterwards nothing may be asked any more."""
        self._drop_call()
        if self._connection is not None:
            self._connection.hang_up(clock.monotonic())
            self._connection = None

    def _poll(self, now):
        if self._troubles:
            return self._troubles.popleft()
        event = self._poll_call(now) if self._call is not None else None
        if event is None and self._connection is not None:
            try:
                event = self._connection.poll(now)
            except Failure as failure:
                self._connection.drop()
                event = self._lost(failure, now)
        return event

    def _poll_call(self, now):
        """Connected, Disconnected or None."""
        try:
            if self._call.poll(now) is None:
                return None
        except Failure as failure:
            url = self._call.url
            self._drop_call()
            return self._failed(url, failure, now)
        if self._connection is not None:
            self._connection.hang_up(now)
        self._connection, self._call = self._call, None
        self._failover.handle_connected(now)
        return Connected(shown(self._connection.url))

    def _begin_call(self, now):
        index = self._failover.poll_call(now)
        if index is None:
            return
        url = self._urls[index]
        try:
            self._call = Connection(url, self._will, self._count, self._poller, self._handler, now)
        except OSError as error:  # no child, no descriptor
            trouble = self._failed(url, Failure(why(error)), now)
            if trouble is not None:
                self._troubles.append(trouble)

    def _drop_call(self):
        if self._call is not None:
            self._call.drop()
            self._call = None

    def _failed(self, url, failure, now):
        """A call came to nothing. Who has a connection need not know."""
        self._failover.handle_failed(now)
        return _trouble(url, failure) if self._connection is None else None

    def _lost(self, failure, now):
        url = self._connection.url
        self._connection = None
        self._failover.handle_lost(now)
        return _trouble(url, failure)

    def _say(self, verb, what):
        if self._connection is None:
            return False
        if not self._connection.say(verb, what, clock.monotonic()):
            self._count("broker-overrun")
            return False
        return True


class Connection:
    """One call to one broker, and the connection that comes of it. Raises OSError."""

    def __init__(self, url, will, count, poller, handler, now):
        self.url = url
        self._will = will
        self._count = count
        self._handler = handler
        self._session = None  # once the stream is open
        self._chunk = None
        self._reads_left = 0  # in this turn of the loop
        self._is_writing = False  # whether the kernel has no room
        self._stream = (Tls if url.tls else Tcp)(url, poller, self._on_ready, now)

    def poll(self, now):
        """ACCEPTED, a Message or None. Raises Failure."""
        if self._session is None and not self._begin_session(now):
            return None
        event = self._session.poll_event()
        while event is None and self._read(now):
            event = self._session.poll_event()
        if event is None:
            if self._session.ended is not None:
                raise Failure(self._session.ended)
            self._write(now)
        return event

    @property
    def has_room(self):
        return self._session is not None and self._session.has_room

    def poll_timeout(self):
        return (self._session or self._stream).poll_timeout()

    def handle_timeout(self, now):
        self._reads_left = READS_MAX
        if self._session is not None:
            self._session.handle_timeout(now)

    def say(self, verb, what, now):
        """Returns whether there was room."""
        if not verb(self._session, what):
            return False
        self._write(now)
        return True

    def hang_up(self, now):
        """Say good-bye, after all that was said.

        A child stays on the line until the broker hangs up too. Had nobody been there when it answers the first of our
        last words, it would take the connection for broken, and not look at the others."""
        self._session.disconnect()
        self._write(now)
        try:
            Child(lambda _: self._stay(now), LAST_WORDS_MAX, self._stream.fileno()).close()
        except OSError:
            pass  # then without
        self.drop()

    def drop(self):
        self._stream.close()

    def _on_ready(self):
        self._reads_left = READS_MAX
        self._handler()

    def _begin_session(self, now):
        """Returns whether the stream is open. Raises Failure."""
        self._stream.turn(now)
        if not self._stream.is_open:
            return False
        identifier = binascii.hexlify(os.urandom(11))  # 22 letters: every broker takes 23
        self._session = Session(identifier, self.url.user, self.url.password, self._will, self._count, now)
        self._chunk = bytearray(CHUNK)
        return True

    def _read(self, now):
        """Returns whether there is something new."""
        if self._reads_left == 0 or self._session.ended is not None:
            return False
        self._reads_left -= 1
        n = self._stream.receive(self._chunk)
        if n is None:
            return False
        if n == 0:
            self._session.handle_end()
        else:
            self._session.handle_data(memoryview(self._chunk)[:n], now)
        return True

    def _stay(self, now):
        """In the child."""
        poll = select.poll()
        while self._stream.receive(self._chunk) != 0:
            self._write(now)
            poll.register(self._stream.fileno(), select.POLLIN | (select.POLLOUT if self._is_writing else 0))
            poll.poll()

    def _write(self, now):
        """As much as the kernel takes."""
        data = self._session.poll_transmit()
        while data is not None:
            n = self._stream.send(data)
            if n == 0:
                break
            self._session.handle_sent(n, now)
            data = self._session.poll_transmit()
        if self._is_writing != (data is not None):
            self._is_writing = not self._is_writing
            self._stream.watch_writable(self._is_writing)


def _trouble(url, failure):
    return Disconnected("broker %s: %s" % (shown(url), failure.args[0]))
