"""The control socket's server side: a Unix stream socket that only its owner can use."""

import errno
import os
import socket
import stat

from ...errors import UserError


class Listener:
    """Listens at `path`. A socket that a dead daemon left is replaced. Raises UserError."""

    def __init__(self, path):
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._bind(path)
            self._socket.listen(16)
        except OSError as error:
            self._socket.close()
            raise UserError("control socket '%s': %s" % (path, error.strerror or error))
        except UserError:
            self._socket.close()
            raise
        self._inode = os.stat(path).st_ino

    def _bind(self, path):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        mask = os.umask(0o177)
        try:
            try:
                self._socket.bind(path)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                if not stat.S_ISSOCK(os.stat(path).st_mode):
                    raise UserError("control socket '%s': there is a file of that name that is no socket" % path)
                if _is_answered(path):
                    raise UserError(
                        "another ipopd answers at '%s': stop it first, or set another path with option 'control'"
                        % path
                    )
                os.unlink(path)
                self._socket.bind(path)
        finally:
            os.umask(mask)

    def fileno(self):
        return self._socket.fileno()

    def accept(self):
        """The next Connection, or None."""
        try:
            return Connection(self._socket.accept()[0])
        except OSError:
            return None

    def close(self):
        """Stop listening and remove the socket, if it is still ours."""
        self._socket.close()
        try:
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except FileNotFoundError:
            pass


class Connection:
    """One client."""

    def __init__(self, client):
        client.setblocking(False)
        self._socket = client

    def fileno(self):
        return self._socket.fileno()

    def read(self):
        """Bytes, b"" at the end, or None when nothing is there yet."""
        try:
            return self._socket.recv(4096)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data):
        """How many bytes were taken; 0 when the client doesn't read, -1 when it is gone."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return -1

    def close(self):
        self._socket.close()


def _is_answered(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True
