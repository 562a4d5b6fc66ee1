"""Other programs."""

import os
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
