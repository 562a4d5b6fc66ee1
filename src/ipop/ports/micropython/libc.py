"""What MicroPython's own modules lack and the C library has. ffi checks no arguments: they are described here."""

import os

import ffi


def _open():
    for name in ("libc.so.6", "libc.so", None):
        try:
            return ffi.open(name)
        except OSError:
            pass


_libc = _open()

isatty = _libc.func("i", "isatty", "i")
ioctl = _libc.func("i", "ioctl", "iLp")
link = _libc.func("i", "link", "ss")
readlink = _libc.func("l", "readlink", "spL")
mkdir = _libc.func("i", "mkdir", "si")
fsync = _libc.func("i", "fsync", "i")
open_file = _libc.func("i", "open", "sii")
close = _libc.func("i", "close", "i")
umask = _libc.func("i", "umask", "i")
write = _libc.func("l", "write", "ipL")
memfd_create = _libc.func("i", "memfd_create", "sI")
execvp = _libc.func("i", "execvp", "pp")


def checked(result):
    """The result of a call. Raises OSError when it is -1."""
    if result == -1:
        raise OSError(os.errno())
    return result


# --- sockets and children

socketpair = _libc.func("i", "socketpair", "iiip")
recv = _libc.func("l", "recv", "ipLi")
send = _libc.func("l", "send", "ipLi")
strerror = _libc.func("s", "strerror", "i")
fork = _libc.func("i", "fork", "")
waitpid = _libc.func("i", "waitpid", "ipi")
alarm = _libc.func("I", "alarm", "I")
dup = _libc.func("i", "dup", "i")
dup2 = _libc.func("i", "dup2", "ii")
exit_now = _libc.func("v", "_exit", "i")

MSG_DONTWAIT, MSG_NOSIGNAL = 0x40, 0x4000  # asm-generic/socket.h, and MIPS's
