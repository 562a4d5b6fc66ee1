"""Unix stream sockets: the daemon listens at one that only its owner can use, and the command connects to it; both
connect to ubusd's."""

import os
import select
import socket

from ..errors import UserError
from ..words import why
from . import kernel, shared

codes = kernel.codes

_IS_SOCKET, _KIND = 0o140000, 0o170000  # of a mode
_GONE = -1


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
            raise UserError("control socket '%s': %s" % (path, why(error)))
        except UserError:
            self._socket.close()
            raise
        self._inode = os.stat(path)[1]

    def _bind(self, path):
        folder = path.rpartition("/")[0]
        if folder:
            shared.make_folder(folder)
        mask = kernel.umask(0o177)
        try:
            try:
                self._socket.bind(kernel.unix_address(path))
            except OSError as error:
                if error.errno != codes.EADDRINUSE:
                    raise
                if os.stat(path)[0] & _KIND != _IS_SOCKET:
                    raise UserError("control socket '%s': there is a file of that name that is no socket" % path)
                if _is_answered(path):
                    raise UserError(
                        "another ipopd answers at '%s': stop it first, or set another path with option 'control'"
                        % path
                    )
                os.unlink(path)
                self._socket.bind(kernel.unix_address(path))
        finally:
            kernel.umask(mask)

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
            if os.stat(self._path)[1] == self._inode:
                os.unlink(self._path)
        except OSError:
            pass  # somebody has removed it


class Connection:
    """One side of a stream, which never waits for the other."""

    def __init__(self, stream):
        stream.setblocking(False)
        self._socket = stream

    def fileno(self):
        return self._socket.fileno()

    def read(self):
        """Bytes, b"" at the end, or None when nothing is there yet."""
        try:
            return self._socket.recv(4096)
        except OSError as error:
            return None if error.errno == codes.EAGAIN else b""

    def write(self, data):
        """How many bytes were taken; 0 when the other side doesn't read, -1 when it is gone."""
        try:
            return self._socket.send(data)
        except OSError as error:
            return 0 if error.errno == codes.EAGAIN else _GONE

    def close(self):
        self._socket.close()


def call(path):
    """A Connection to the server at `path`; nothing is waited for. Raises OSError."""
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.setblocking(False)
    try:
        caller.connect(kernel.unix_address(path))
    except OSError:
        caller.close()
        raise
    return Connection(caller)


class Client:
    """Connects to the socket at `path`. Raises OSError, as all of its methods do."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(kernel.unix_address(path))
        except OSError:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def read(self, timeout):
        """Bytes, b"" when the other side has closed, or None when `timeout` ms have passed."""
        return self._socket.recv(4096) if self._poll.poll(timeout) else None

    def write(self, data):
        """How many bytes were taken."""
        return self._socket.send(data)

    def close(self):
        self._socket.close()


def _is_answered(path):
    try:
        Client(path).close()
    except OSError:
        return False
    return True
