"""Names to addresses, in a thread, because getaddrinfo may take as long as it likes."""

import os
import queue
import socket
import threading


class Resolver:
    """`ask` a question, wait for `fileno` to be readable, `poll` the answers."""

    def __init__(self):
        self._questions = queue.SimpleQueue()
        self._answers = queue.SimpleQueue()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._thread = None

    def fileno(self):
        return self._reader

    def ask(self, token, host, port):
        """Look up a name for UDP; `token` comes back with the answer."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._questions.put((token, host, port))

    def poll(self):
        """The next (token, [address, ...]), best first and empty if there is none, or None if no answer is there."""
        try:
            os.read(self._reader, 64)
        except BlockingIOError:
            pass
        try:
            return self._answers.get_nowait()
        except queue.Empty:
            return None

    def _run(self):
        while True:
            token, host, port = self._questions.get()
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            except (OSError, UnicodeError):
                found = []
            self._answers.put((token, [entry[4][:2] for entry in found]))
            try:
                os.write(self._writer, b"!")
            except BlockingIOError:
                pass
