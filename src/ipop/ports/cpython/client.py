"""The control socket's client side."""

import select
import socket


class Client:
    """Connects to the socket at `path`. Raises OSError, as all of its methods do."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def read(self, timeout):
        """Bytes, b"" when the other side has closed, or None when `timeout` ms have passed."""
        readable, _, _ = select.select([self._socket], [], [], timeout / 1000)
        return self._socket.recv(65536) if readable else None

    def write(self, data):
        """How many bytes were taken."""
        return self._socket.send(data)

    def close(self):
        self._socket.close()
