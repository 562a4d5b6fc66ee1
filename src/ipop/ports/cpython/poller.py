"""The one place where the daemon waits."""

import os
import select
import signal


class Poller:
    """Calls a handler for each descriptor that can be read from, and for each signal."""

    def __init__(self):
        self._poll = select.poll()
        self._handlers = {}
        self._signals = {}

    def watch(self, fd, handler):
        """Call `handler()` whenever `fd` has something to read or was closed by the other side."""
        self._handlers[fd] = handler
        self._poll.register(fd, select.POLLIN)

    def watch_writable(self, fd, wanted):
        """Call the handler of `fd` also when it can be written to, or no longer."""
        self._poll.modify(fd, select.POLLIN | select.POLLOUT if wanted else select.POLLIN)

    def forget(self, fd):
        """Stop watching `fd`, if it is being watched."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def watch_signals(self, handlers):
        """{signal's name: handler}; they are called from `wait`, never in the middle of anything."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for name, handler in handlers.items():
            number = getattr(signal, name)
            self._signals[number] = handler
            signal.signal(number, lambda *_: None)

        def read():
            for number in os.read(reader, 64):
                self._signals[number]()

        self.watch(reader, read)

    def wait(self, timeout):
        """Wait up to `timeout` ms (None: as long as it takes) and call the handlers of what happened."""
        for fd, _ in self._poll.poll(timeout):
            handler = self._handlers.get(fd)
            if handler is not None:  # an earlier handler of this turn may have forgotten it
                handler()
