"""Names to addresses, in a child process, because getaddrinfo may take as long as it likes.

As ports/cpython/resolver.py. One name is looked up at a time; the others wait.
"""

import json
import socket

from . import libc
from .child import Child, socket_pair

LOOKUP_MAX = 20  # s
ANSWER_MAX = 4096  # bytes of what a child tells


class Resolver:
    def __init__(self):
        self._idle = socket_pair()  # nothing comes of the first one, but where there is no child
        self._fd = libc.checked(libc.dup(self._idle[0]))
        self._questions = []
        self._token = None
        self._lookup = None

    def fileno(self):
        return self._fd

    def ask(self, token, host, port):
        self._questions.append((token, host, port))
        self._begin()

    def poll(self):
        found = self._lookup.poll() if self._lookup is not None else None
        if found is None:
            return None
        token = self._token
        self._lookup.close()
        self._lookup = None
        libc.dup2(self._idle[0], self._fd)
        libc.recv(self._fd, bytearray(1), 1, libc.MSG_DONTWAIT)
        self._begin()
        return token, found

    def _begin(self):
        """Look the next one up, if it is its turn."""
        if self._lookup is None and self._questions:
            self._token, host, port = self._questions.pop(0)
            try:
                self._lookup = Lookup(host, port, socket.SOCK_DGRAM)
                libc.dup2(self._lookup.fileno(), self._fd)  # so that what is being watched keeps its number
            except OSError:
                self._lookup = _NoLookup()
                libc.send(self._idle[1], b"!", 1, libc.MSG_DONTWAIT)


class Lookup:
    """One question, of `kind` SOCK_STREAM or SOCK_DGRAM. When its `fileno` is readable, `poll` knows more.

    Raises OSError."""

    def __init__(self, host, port, kind):
        self._child = Child(lambda line: _tell(line, look_up(host, port, kind)), LOOKUP_MAX)
        self._answer = b""

    def fileno(self):
        return self._child.fileno()

    def poll(self):
        """[address, ...], best first and empty if there is none, or None if the answer is not there yet."""
        data = bytearray(ANSWER_MAX)
        n = libc.recv(self.fileno(), data, len(data), libc.MSG_DONTWAIT)
        if n < 0:
            return None
        self._answer += data[:n]
        if n > 0:
            return None  # the child closes its end after the answer
        try:
            return [tuple(addr) for addr in json.loads(self._answer)]
        except ValueError:
            return []  # its time was over

    def close(self):
        self._child.close()


class _NoLookup:
    """There is no memory for a child."""

    def poll(self):
        return []

    def close(self):
        pass


def look_up(host, port, kind):
    """[address, ...], best first; takes its time."""
    try:
        found = socket.getaddrinfo(host, port, 0, kind)
    except OSError:
        return []
    addresses = []
    for _, _, _, _, raw in found:
        decoded = socket.sockaddr(raw)
        addresses.append((socket.inet_ntop(decoded[0], decoded[1]), decoded[2]))
    return addresses


def _tell(line, addresses):
    data = json.dumps(addresses)
    libc.send(line, data, len(data), libc.MSG_NOSIGNAL)
