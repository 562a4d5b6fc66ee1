"""The data sockets: one UDP port, IPv4 and IPv6. Addresses are (text, port).

No datagram is ever fragmented: one that is too large for the interface is refused with the word "too-large", and one
that is too large further on is lost. What passes is found out by overlay/pathmtu.py."""

import socket

from ..errors import UserError
from ..words import why
from . import kernel

codes = kernel.codes

_WORDS = {
    codes.EAGAIN: "send-buffer-full",
    codes.ENOBUFS: "send-buffer-full",
    codes.EMSGSIZE: "too-large",
    codes.ENETUNREACH: "no-route",
    codes.EHOSTUNREACH: "no-route",
    codes.EPERM: "firewall",
    codes.EACCES: "firewall",
}


class Udp:
    """Binds `port` (0: any) on all addresses; where the kernel has no IPv6, IPv4 alone will do. Raises UserError."""

    def __init__(self, port):
        self._v4 = _bind(socket.AF_INET, port)
        self.port = self._v4.port
        try:
            self._v6 = _bind(socket.AF_INET6, self.port)
        except UserError:
            self._v4.close()
            raise

    def sockets(self):
        """Those to wait for: each has fileno() and receive(batch), which takes the datagrams that are there."""
        return [s for s in (self._v4, self._v6) if s is not None]

    def send_batch(self, batch, count, too_large=None):
        """Send the datagrams of a batch to their addresses; `count(word)` is told why one was lost.

        `too_large(size, addr)` is told as well of each that the interface doesn't carry."""

        def failed(number, i):
            count(_word(number))
            if number == codes.EMSGSIZE and too_large is not None:
                too_large(batch.length[i], batch.addr[i])

        kernel.send_packets(self._v4, self._v6, batch, failed)

    def send(self, datagram, addr):
        """Send one datagram. Returns None, or a word for why it was lost."""
        udp_socket = self._v6 if ":" in addr[0] else self._v4
        number = udp_socket.send(datagram, addr) if udp_socket is not None else codes.ENETUNREACH
        return _word(number) if number else None

    def close(self):
        for udp_socket in self.sockets():
            udp_socket.close()


def _word(number):
    return _WORDS.get(number, "send-failed")


def _bind(family, port):
    try:
        return kernel.UdpSocket(family, port)
    except OSError as error:
        # the kernel has no IPv6, or it is switched off
        if family == socket.AF_INET6 and error.errno in (codes.EAFNOSUPPORT, codes.EADDRNOTAVAIL):
            return None
        if error.errno == codes.EADDRINUSE:
            raise UserError(
                "UDP port %d is in use: is ipopd running already? Else set another one with option 'port'" % port
            )
        if error.errno == codes.EACCES:
            raise UserError("UDP port %d needs root: run ipopd as root or set one above 1023" % port)
        raise UserError("UDP port %d can't be opened: %s" % (port, why(error)))
