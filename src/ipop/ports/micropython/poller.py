"""The one place where the daemon waits. As ports/cpython/poller.py; there is no module `signal`, but signalfd(2)."""

import select
import sys

from . import codes, libc

_NUMBERS = {"SIGHUP": 1, "SIGINT": 2, "SIGUSR1": codes.SIGUSR1, "SIGTERM": 15}
_SIGSET = 128  # bytes
_SIGNALFD_SIGINFO = 128  # bytes; the signal's number is the first word


class Poller:
    def __init__(self):
        self._poll = select.poll()
        self._handlers = {}
        self._ready = []

    def watch(self, fd, handler):
        self._handlers[fd] = handler
        self._poll.register(fd, select.POLLIN)

    def watch_writable(self, fd, wanted):
        self._poll.modify(fd, select.POLLIN | select.POLLOUT if wanted else select.POLLIN)

    def forget(self, fd):
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def watch_signals(self, handlers):
        wanted = {_NUMBERS[name]: handler for name, handler in handlers.items()}
        mask = bytearray(_SIGSET)
        libc.sigemptyset(mask)
        for number in wanted:
            libc.sigaddset(mask, number)
        libc.checked(libc.sigprocmask(codes.SIG_BLOCK, mask, None))
        fd = libc.checked(libc.signalfd(-1, mask, codes.SFD_NONBLOCK))
        info = bytearray(_SIGNALFD_SIGINFO)

        def read():
            if libc.read(fd, info, len(info)) == len(info):
                wanted[int.from_bytes(info[:4], sys.byteorder)]()

        self.watch(fd, read)

    def wait(self, timeout):
        ready = self._ready
        for fd, _ in self._poll.ipoll(-1 if timeout is None else timeout):
            ready.append(fd)  # a handler may change what is watched
        for fd in ready:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler()
        ready.clear()
