"""Work that may take long, in a child process: there are no threads here.

The child is a copy of this process with a line to it, a stream socket, and little else open but what was 0, 1 and 2. It
ends with its work, or when its time is over; its end of the line is closed then, and that is how we know. Signals
stay blocked in it as they are here: one that was sent to all of us at a terminal must not cut off our last words.
"""

import gc
import os
import socket
import sys

from . import libc

HEAP_STEP = 16_384  # bytes after which the child collects: the less of the heap it touches, the less is copied for it
READY = b"!"
_NO_WAIT = 1  # WNOHANG

_pids = []  # of children that may have ended and were not waited for


class Child:
    """Has `work(line)` done, for at most `seconds` unless it sets another limit; what it sends comes out of `fileno`.

    The descriptor `keep` stays open in it, if there is one. Raises OSError."""

    def __init__(self, work, seconds, keep=None):
        reap()
        ours, theirs = socket_pair()
        pid = libc.fork()
        if pid == 0:
            _do(work, theirs, seconds, keep)
        libc.close(theirs)
        if pid == -1:
            libc.close(ours)
            raise OSError(os.errno())
        # Wait until it has let go of our devices and sockets, a millisecond: else they stay in use when we close them.
        libc.recv(ours, bytearray(1), 1, 0)
        self._fd = ours
        _pids.append(pid)

    def fileno(self):
        return self._fd

    def close(self):
        """Take no more interest in it."""
        libc.close(self._fd)
        reap()


def socket_pair():
    """The two ends of a stream. Raises OSError."""
    both = bytearray(8)
    libc.checked(libc.socketpair(socket.AF_UNIX, socket.SOCK_STREAM, 0, both))
    return int.from_bytes(both[:4], sys.byteorder), int.from_bytes(both[4:], sys.byteorder)


def reap():
    """Let go of the children that have ended."""
    for pid in list(_pids):
        if libc.waitpid(pid, None, _NO_WAIT) != 0:
            _pids.remove(pid)


def _do(work, line, seconds, keep):
    """In the child."""
    try:
        libc.alarm(seconds)  # the kernel ends it then
        gc.threshold(HEAP_STEP)
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) not in (line, keep):
                libc.close(int(name))
        libc.send(line, READY, 1, libc.MSG_NOSIGNAL)
        work(line)
    except Exception as error:
        sys.print_exception(error, sys.stderr)
    finally:
        libc.exit_now(0)
