"""Sockets of the test itself, each in the namespace of a host of the lab."""

import ctypes
import os
import socket
import threading

CLONE_NEWNET = 0x40000000
PATIENCE = 0.3  # s in which a datagram arrives, if it does


class Udp:
    """A UDP socket of ours in a host's namespace."""

    def __init__(self, host, port, ipv6=False):
        self.address = host.address6 if ipv6 else host.address, port
        self._socket = opened_in(host, socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", port))
        self._socket.settimeout(PATIENCE)

    def send(self, address):
        self._socket.sendto(b"hello", address)

    def heard_from(self):
        """Whom the next datagram came from, or None."""
        try:
            return self._socket.recvfrom(100)[1][:2]
        except TimeoutError:
            return None

    def hears(self, other, at):
        """Whether what the other sends to `at` arrives."""
        other.send(at)
        return self.heard_from() == other.address

    def seen_by(self, other):
        """The address that what we send has when it gets to the other."""
        self.send(other.address)
        return other.heard_from()


def opened_in(host, family, kind):
    """A socket in the host's namespace: a thread of ours goes there and opens it."""
    found = []

    def work():
        namespace = os.open(f"/run/netns/{host.netns}", os.O_RDONLY)
        ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET)
        os.close(namespace)
        found.append(socket.socket(family, kind))
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return found[0]
