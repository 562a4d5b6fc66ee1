"""The control socket's client side. As ports/cpython/client.py."""

import select
import socket
import struct


class Client:
    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(struct.pack("H", socket.AF_UNIX) + path.encode() + b"\0")
        except OSError:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def read(self, timeout):
        return self._socket.recv(4096) if self._poll.poll(timeout) else None

    def write(self, data):
        return self._socket.send(data)

    def close(self):
        self._socket.close()
