"""The thread's end of a Broker (broker.py): it has the Connection, and does with it what the loop says.

Which broker to call, and when, FailOver knows. A better one is called while the connection to a worse one stays. Who is
connected to none hears from each call why it failed.
"""

import os
import select

from ...signal.failover import FailOver
from ...signal.url import shown
from ..events import Disconnected, Message
from . import clock
from .broker import Accepted, Dropped
from .mqtt import MQTT_3_1_1, MQTT_5, Connection, Unanswered
from .stream import Failure

EVENTS_MAX = 256  # that the loop has not taken; then no more is read
PAUSE_WHEN_FULL = 20  # ms
LAST_WORDS_MAX = 2_000  # ms for what was said before `close`
TURN_MAX = 10_000  # ms after which paho has to look at its clock


class Caller:
    """`will`, `is_stale` and `is_closing` are set by the loop at any time."""

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
        self._hang_up()
        self._commands.close_reader()
        self._events.close_writer()

    def _hang_up(self):
        """Once all is said that the loop had to say."""
        until = clock.monotonic() + LAST_WORDS_MAX
        while self._connection is not None and clock.monotonic() < until:
            self._obey()  # before anything is waited for
            if not len(self._commands) and not self._connection.is_busy:
                break
            self._turn()
        if self._connection is not None:
            self._connection.close()

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
        self._events.put(Accepted(self._number, shown(self._urls[index])))

    def _connect(self, index):
        """A Connection, if need be with the other version of MQTT. Raises Failure."""
        try:
            return self._connect_as(index, self._versions[index])
        except Unanswered:
            pass
        other = MQTT_3_1_1 if self._versions[index] == MQTT_5 else MQTT_5
        connection = self._connect_as(index, other)
        self._versions[index] = other
        return connection

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
        is_readable = self._wait(connection, is_full)
        self._obey()
        if self.is_stale:
            self._start_over()
        elif connection is not None:
            try:
                connection.turn(is_readable)
            except Failure as failure:
                self._lose(failure)

    def _wait(self, connection, is_full):
        """Until there is something to do. Returns whether something is to be read from the broker."""
        poll = select.poll()
        if (connection is None or connection.has_room) and not self.is_closing:
            poll.register(self._commands.fileno(), select.POLLIN)
        if connection is None:
            poll.poll(self._timeout())
            return False
        wanted = (0 if is_full else select.POLLIN) | (select.POLLOUT if connection.wants_to_write else 0)
        if wanted:
            poll.register(connection.fileno(), wanted)
        if is_full:
            poll.poll(PAUSE_WHEN_FULL)
            return False
        if connection.has_more:
            return True
        return any(fd == connection.fileno() and events & ~select.POLLOUT for fd, events in poll.poll(self._timeout()))

    def _timeout(self):
        """ms"""
        if self.is_closing:
            return LAST_WORDS_MAX
        call_at = self._failover.poll_timeout()
        return TURN_MAX if call_at is None else min(max(call_at - clock.monotonic(), 0), TURN_MAX)

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
        self._events.put(Dropped(reason))
