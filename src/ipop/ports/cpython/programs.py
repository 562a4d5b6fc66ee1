"""Other programs."""

import os
import signal
import subprocess
import sys

_CLASSIC_MAX = 60  # s
_NOT_INSTALLED = 3
_CLASSIC = """
import sys
try:
    import stun
except ImportError:
    sys.exit(3)
print(stun.get_ip_info("0.0.0.0", 0, sys.argv[1], int(sys.argv[2]))[0])
"""


class Program:
    """A program, found in PATH, that runs beside this one; what it prints can be read from `fileno`.

    It is deaf to what a terminal sends, and outlives us unless it is told to end. Raises OSError: ENOENT when it isn't
    there."""

    def __init__(self, argv):
        self._popen = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.set_blocking(self.fileno(), False)
        self.pid = self._popen.pid

    def fileno(self):
        return self._popen.stdout.fileno()

    def read(self):
        """What it has printed meanwhile (bytes), empty when it will print no more; None: nothing new."""
        try:
            return os.read(self.fileno(), 4096)
        except BlockingIOError:
            return None

    def status(self):
        """Its exit status, negative for the signal that ended it; None while it runs."""
        return self._popen.poll()

    def kill(self, name="SIGTERM"):
        """Send it a signal, unless it has ended."""
        if self.status() is None:
            kill(self.pid, name)

    def close(self):
        """Take no more interest in what it prints."""
        self._popen.stdout.close()


def kill(pid, name):
    """Send a signal, such as "SIGTERM", to a process. Raises OSError."""
    os.kill(pid, getattr(signal, name))


def file_in_memory(data):
    """The path of a file with these bytes, for this process and what it becomes."""
    fd = os.memfd_create("ipop", 0)  # without MFD_CLOEXEC
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    return "/proc/self/fd/%d" % fd


def classic_nat_name(host, port):
    """What RFC 3489 calls the NAT, by pystun3 and a STUN server; "unknown" where it can't tell, None where it isn't
    installed. In a child: it waits, and it fails with servers that speak RFC 8489 only."""
    call = [sys.executable, "-c", _CLASSIC, host, str(port)]
    try:
        done = subprocess.run(call, capture_output=True, timeout=_CLASSIC_MAX, text=True)
    except subprocess.TimeoutExpired:
        return "unknown"
    if done.returncode == _NOT_INSTALLED:
        return None
    return done.stdout.strip() if done.returncode == 0 and done.stdout.strip() else "unknown"


def become(argv):
    """Run a program, found in PATH, in place of this one. Raises OSError: ENOENT when it isn't there."""
    os.execvp(argv[0], argv)
