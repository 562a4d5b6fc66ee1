"""Other programs. As ports/cpython/programs.py."""

import array
import os

import uctypes

from . import codes, kernel, libc
from .child import socket_pair

_NO_WAIT = 1  # WNOHANG
_NUMBERS = {"SIGHUP": 1, "SIGKILL": 9, "SIGTERM": 15}
_SIGSET = 128  # bytes


class Program:
    def __init__(self, argv):
        path = _find(argv[0])
        reader, writer = socket_pair()
        self.pid = libc.fork()
        if self.pid == 0:
            _run([path] + argv[1:], writer)
        libc.close(writer)
        if self.pid == -1:
            libc.close(reader)
            raise OSError(os.errno())
        libc.recv(reader, bytearray(1), 1, 0)  # it has let go of our devices and sockets
        self._fd = reader
        self._status = None

    def fileno(self):
        return self._fd

    def read(self):
        data = bytearray(4096)
        n = libc.recv(self._fd, data, len(data), libc.MSG_DONTWAIT)
        return None if n < 0 and os.errno() == codes.EAGAIN else bytes(data[: max(n, 0)])

    def status(self):
        word = array.array("i", [0])
        if self._status is None and libc.waitpid(self.pid, word, _NO_WAIT) != 0:
            number = word[0] & 0x7F
            self._status = -number if number else word[0] >> 8 & 0xFF
        return self._status

    def kill(self, name="SIGTERM"):
        if self.status() is None:
            kill(self.pid, name)

    def close(self):
        libc.close(self._fd)


def kill(pid, name):
    libc.checked(libc.kill(pid, _NUMBERS[name]))


def _find(program):
    """Where it is. The child could not say that there is none."""
    folders = [""] if "/" in program else [folder + "/" for folder in (os.getenv("PATH") or "").split(":")]
    for folder in folders:
        if kernel.exists(folder + program):
            return folder + program
    raise OSError(codes.ENOENT)


def _run(argv, line):
    """In the child."""
    try:
        for name in os.listdir("/proc/self/fd"):
            if int(name) > 2 and int(name) != line:
                libc.close(int(name))
        libc.dup2(libc.open_file("/dev/null", 0, 0), 0)
        libc.dup2(line, 1)
        libc.dup2(line, 2)
        mask = bytearray(_SIGSET)
        libc.sigemptyset(mask)
        libc.sigprocmask(codes.SIG_SETMASK, mask, None)  # signals are blocked here, for `Poller.watch_signals`
        libc.setsid()
        libc.send(line, b"!", 1, libc.MSG_NOSIGNAL)
        libc.close(line)
        become(argv)
    finally:
        libc.exit_now(127)


def file_in_memory(data):
    fd = libc.checked(libc.memfd_create("ipop", 0))
    written = 0
    while written < len(data):
        part = data[written:]
        written += libc.checked(libc.write(fd, part, len(part)))
    return "/proc/self/fd/%d" % fd


def classic_nat_name(host, port):
    """None: no library knows it here."""


def become(argv):
    words = [word.encode() + b"\0" for word in argv]
    pointers = array.array("P", [uctypes.addressof(word) for word in words] + [0])
    libc.checked(libc.execvp(words[0], pointers))
