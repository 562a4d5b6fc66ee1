"""Sockets of the test itself, each in the namespace of a host of the lab."""

import ctypes
import os
import socket
import threading

from netns import wait_for

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
SILENCE = 0.5  # s after which nothing comes any more that only the kernel sends on
THROUGH_A_TUNNEL = 5  # s; less than a busy machine needs for a frame that two daemons handle is no sign of a loss


class Udp:
    """A UDP socket of ours in a host's namespace."""

    def __init__(self, host, port, ipv6=False):
        self.address = host.address6 if ipv6 else host.address, port
        self._socket = opened_in(host, socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", port))
        self._socket.settimeout(SILENCE)

    def send(self, address):
        self._socket.sendto(b"hello", address)

    def heard_from(self):
        """Whom the next datagram came from, or None."""
        try:
            return self._socket.recvfrom(100)[1][:2]
        except TimeoutError:
            return None

    def gets(self, other, size):
        """Whether so many bytes that the other sends here arrive as they were sent; it may be through a tunnel."""
        data = os.urandom(size)
        other._socket.sendto(data, self.address)
        self._socket.settimeout(THROUGH_A_TUNNEL)
        try:
            while self._socket.recv(65536) != data:
                pass  # late, of an earlier time
            return True
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(SILENCE)

    def hears(self, other, at):
        """Whether what the other sends to `at` arrives."""
        other.send(at)
        return self.heard_from() == other.address

    def seen_by(self, other):
        """The address that what we send has when it gets to the other."""
        self.send(other.address)
        return other.heard_from()


class Wire:
    """Whole frames at a host's interface."""

    def __init__(self, host, interface="eth0"):
        self._socket = opened_in(host, socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.settimeout(SILENCE)

    def send(self, frame):
        self._socket.send(frame)

    def heard(self):
        """The frames that have come since it was opened, or since it was asked."""
        found = []
        try:
            while True:
                frame, (_, _, direction, _, _) = self._socket.recvfrom(65536)
                if direction != socket.PACKET_OUTGOING:
                    found.append(frame)
        except TimeoutError:
            return found

    def heard_up_to(self, last):
        """The same, until this one has come."""
        found = []
        wait_for(lambda: found.extend(self.heard()) or any(last in frame for frame in found), 5, "the last frame")
        return found


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
