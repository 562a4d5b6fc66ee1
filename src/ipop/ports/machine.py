"""What can be seen of this machine from outside the daemon, by sysfs and by programs; it may wait."""

import select

from . import clock, files, kernel, programs

_TUN = "/dev/net/tun"


def why_no_tun():
    """None where TAP devices can be had, else the number of the error."""
    try:
        with open(_TUN, "rb") as _:
            return None
    except OSError as error:
        return error.errno


def mtu(device):
    """Bytes, or None where there is no such device."""
    try:
        return int(files.read("/sys/class/net/%s/mtu" % device).decode())
    except (OSError, ValueError):
        return None


def exists(path):
    return kernel.exists(path)


def output(argv, patience):
    """(exit status, what it printed as text) of a program that needs no longer than `patience` (ms), else None."""
    try:
        program = programs.Program(argv)
    except OSError:
        return None
    poll = select.poll()
    poll.register(program.fileno(), select.POLLIN)
    until, parts, data = clock.monotonic() + patience, [], None
    while data != b"" and clock.monotonic() < until:
        poll.poll(max(until - clock.monotonic(), 0))
        data = program.read()
        if data:
            parts.append(data)
    poll.unregister(program.fileno())
    program.close()
    if data != b"":
        program.kill("SIGKILL")
        return None
    while program.status() is None and clock.monotonic() < until:
        poll.poll(10)
    return program.status(), _text(b"".join(parts))


def _text(data):
    try:
        return data.decode()
    except ValueError:
        return ""
