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
chown = _libc.func("i", "chown", "sII")
chmod = _libc.func("i", "chmod", "si")
geteuid = _libc.func("I", "geteuid", "")
fsync = _libc.func("i", "fsync", "i")
open_file = _libc.func("i", "open", "sii")
close = _libc.func("i", "close", "i")
umask = _libc.func("i", "umask", "i")
read = _libc.func("l", "read", "ipL")
write = _libc.func("l", "write", "ipL")
memfd_create = _libc.func("i", "memfd_create", "sI")
execvp = _libc.func("i", "execvp", "pp")
memcmp = _libc.func("i", "memcmp", "ppL")
clock_gettime = _libc.func("i", "clock_gettime", "ip")
if_indextoname = _libc.func("L", "if_indextoname", "Ip")
if_nametoindex = _libc.func("I", "if_nametoindex", "s")


def checked(result):
    """The result of a call. Raises OSError when it is -1."""
    if result == -1:
        raise OSError(os.errno())
    return result


# --- sockets and children

socketpair = _libc.func("i", "socketpair", "iiip")
getsockname = _libc.func("i", "getsockname", "ipp")
recvfrom = _libc.func("l", "recvfrom", "ipLipp")
sendto = _libc.func("l", "sendto", "ipLipI")
recv = _libc.func("l", "recv", "ipLi")
send = _libc.func("l", "send", "ipLi")
strerror = _libc.func("s", "strerror", "i")
fork = _libc.func("i", "fork", "")
waitpid = _libc.func("i", "waitpid", "ipi")
alarm = _libc.func("I", "alarm", "I")
dup = _libc.func("i", "dup", "i")
dup2 = _libc.func("i", "dup2", "ii")
kill = _libc.func("i", "kill", "ii")
setsid = _libc.func("i", "setsid", "")
exit_now = _libc.func("v", "_exit", "i")

madvise = _libc.func("i", "madvise", "PLi")

# --- signals

sigemptyset = _libc.func("i", "sigemptyset", "p")
sigaddset = _libc.func("i", "sigaddset", "pi")
sigprocmask = _libc.func("i", "sigprocmask", "ipp")
signalfd = _libc.func("i", "signalfd", "ipi")

MSG_DONTWAIT, MSG_NOSIGNAL = 0x40, 0x4000  # asm-generic/socket.h, and MIPS's
