"""Facts about this machine."""

import socket


def host_name():
    """What this machine is called, without its domain."""
    return socket.gethostname().split(".")[0]
