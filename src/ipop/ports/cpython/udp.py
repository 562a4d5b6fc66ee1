"""The data sockets: one UDP port, IPv4 and IPv6. Addresses are (text, port)."""

import errno
import socket

from ...errors import UserError

_BUFFER = 4 << 20  # bytes that may wait in the kernel
_IP_MTU_DISCOVER, _IP_PMTUDISC_DONT = 10, 0  # linux/in.h
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 33, 32

_WORDS = {
    errno.EAGAIN: "send-buffer-full",
    errno.ENOBUFS: "send-buffer-full",
    errno.EMSGSIZE: "too-large",
    errno.ENETUNREACH: "no-route",
    errno.EHOSTUNREACH: "no-route",
    errno.EPERM: "firewall",
    errno.EACCES: "firewall",
}


class Udp:
    """Binds `port` (0: any) on all addresses; where the kernel has no IPv6, IPv4 alone will do. Raises UserError."""

    def __init__(self, port):
        self._v4 = _bind(socket.AF_INET, port)
        self.port = self._v4.getsockname()[1]
        try:
            self._v6 = _bind(socket.AF_INET6, self.port) if socket.has_ipv6 else None
        except UserError:
            self._v4.close()
            raise

    def sockets(self):
        """Those to wait for; each can be given to `receive`."""
        return [s for s in (self._v4, self._v6) if s is not None]

    def receive(self, udp_socket, batch):
        """Fill the batch with the datagrams that are there."""
        room = batch.room
        is_v6 = udp_socket is self._v6
        recvfrom_into = udp_socket.recvfrom_into
        while batch.count < batch.slots:
            try:
                n, addr = recvfrom_into(room[batch.count])
            except BlockingIOError:
                return
            except OSError:  # an ICMP error for something that was sent earlier
                continue
            batch.add(n, addr[:2] if is_v6 else addr)

    def send(self, datagram, addr):
        """Send one datagram. Returns None, or a word for why it was lost."""
        udp_socket = self._v6 if ":" in addr[0] else self._v4
        if udp_socket is None:
            return "no-route"
        try:
            udp_socket.sendto(datagram, addr)
        except OSError as error:
            return _WORDS.get(error.errno, "send-failed")
        return None

    def close(self):
        for udp_socket in self.sockets():
            udp_socket.close()


def _bind(family, port):
    try:
        udp_socket = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        if family == socket.AF_INET6 and error.errno == errno.EAFNOSUPPORT:
            return None
        raise UserError("no UDP socket can be had: %s" % error.strerror)
    try:
        udp_socket.setblocking(False)
        for force, plain in (
            (_SO_RCVBUFFORCE, socket.SO_RCVBUF),
            (_SO_SNDBUFFORCE, socket.SO_SNDBUF),
        ):
            try:
                udp_socket.setsockopt(socket.SOL_SOCKET, force, _BUFFER)
            except OSError:  # not root: as much as the system allows
                udp_socket.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)
        if family == socket.AF_INET6:
            udp_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        else:
            # a frame of 1500 bytes makes a datagram that is larger: let IP fragment it wherever it has to be
            udp_socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        udp_socket.bind(("", port))
        return udp_socket
    except OSError as error:
        udp_socket.close()
        if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
            return None  # IPv6 is switched off
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                "UDP port %d is in use: is ipopd running already? Else set another one with option 'port'" % port
            )
        if error.errno == errno.EACCES:
            raise UserError("UDP port %d needs root: run ipopd as root or set one above 1023" % port)
        raise UserError("UDP port %d can't be opened: %s" % (port, error.strerror))
