"""Bytes to and from a server, without waiting: a descriptor in the poller, and how a TCP connection comes to be.

    stream = Tcp(server, poller, handler, now)  # or Tls: `handler` is called when there is something to do
    stream.turn(now)                            # until it `is_open`; raises Failure
    stream.receive(buffer), stream.send(data)
"""

import errno
import os
import socket
import struct

from ...wire import address
from . import libc
from .kernel import sockaddr
from .mqtt import NO_ANSWER, Failure
from .resolver import Lookup

CONNECT_MAX = 10_000  # ms
UNKNOWN_NAME = "its name can't be resolved"
_IPPROTO_TCP, _TCP_NODELAY = 6, 1


class Stream:
    """`source` is what the descriptor is of: something with `fileno` and `close`. It has to be open at `until` (ms)."""

    def __init__(self, poller, handler, until):
        self.is_open = False
        self._poller = poller
        self._handler = handler
        self._until = until
        self._source = None

    def fileno(self):
        return self._source.fileno()

    def poll_timeout(self):
        """When `turn` has to be called (ms), or None."""
        return None if self.is_open else self._until

    def receive(self, buffer):
        """How many bytes came, 0 at the end, None when nothing is there yet."""
        n = libc.recv(self.fileno(), buffer, len(buffer), libc.MSG_DONTWAIT)
        return n if n >= 0 else None if os.errno() == errno.EAGAIN else 0

    def send(self, data):
        """How many bytes were taken; 0 when there is no room, or nobody there any more, as `receive` will show."""
        n = libc.send(self.fileno(), data, len(data), libc.MSG_DONTWAIT | libc.MSG_NOSIGNAL)
        return max(n, 0)

    def watch_writable(self, wanted):
        self._poller.watch_writable(self.fileno(), wanted)

    def close(self):
        if self._source is not None:
            self._poller.forget(self.fileno())
            self._source.close()
            self._source = None

    def _use(self, source):
        self.close()
        self._source = source
        self._poller.watch(source.fileno(), self._handler)


class Tcp(Stream):
    """To the host of a `server`, anything with host and port (and `ca` for Tls): to each of its addresses in turn."""

    def __init__(self, server, poller, handler, now):
        Stream.__init__(self, poller, handler, now + CONNECT_MAX)
        self._lookup = None
        self._addresses = []  # that have not been tried
        self._address = None  # the one that is being tried, as connect takes it
        self._give_up_at = now  # on that one
        self._reason = NO_ANSWER  # why the last one failed
        if address.is_ip(server.host):
            self._addresses.append((server.host, server.port))
        else:
            self._lookup = Lookup(server.host, server.port, socket.SOCK_STREAM)
            self._use(self._lookup)

    def poll_timeout(self):
        return None if self.is_open else self._until if self._lookup is not None else self._give_up_at

    def turn(self, now):
        """Go on towards being open."""
        if self._lookup is not None:
            self._look_up(now)
        if self._address is not None:
            self._look_at_connect(now)
        while self._address is None and self._lookup is None:
            if not self._addresses:
                raise Failure(self._reason)
            self._try(self._addresses.pop(0), now)

    def _look_up(self, now):
        found = self._lookup.poll()
        if found is None and now < self._until:
            return
        if not found:
            raise Failure(UNKNOWN_NAME)
        self._addresses = found
        self._lookup = None
        self._until = now + CONNECT_MAX

    def _try(self, addr, now):
        """Each address gets its part of the time that is left."""
        self._give_up_at = now + (self._until - now) // (len(self._addresses) + 1)
        self._address = sockaddr(*addr)
        try:
            self._use(_socket(self._address))
        except OSError as error:
            self._fail(why(error))
            return
        self._look_at_connect(now)
        if not self.is_open and self._address is not None:
            self.watch_writable(True)

    def _look_at_connect(self, now):
        """What has become of it: asked again, Linux says so."""
        try:
            self._source.connect(self._address)
            self.watch_writable(False)
            self.is_open = True
        except OSError as error:
            if error.errno not in (errno.EINPROGRESS, errno.EALREADY):
                self._fail(why(error))
            elif now >= self._give_up_at:
                self._fail(NO_ANSWER)

    def _fail(self, reason):
        self._reason = reason
        self._address = None


def why(error):
    """An OSError of the C library, in words."""
    return NO_ANSWER if error.errno == errno.ETIMEDOUT else libc.strerror(error.errno).lower()


def _socket(addr):
    (family,) = struct.unpack("H", addr[:2])
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    send_at_once(sock)
    return sock


def send_at_once(sock):
    """Else the kernel holds a message back until the last one is confirmed, for 40 ms (RFC 896)."""
    sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
