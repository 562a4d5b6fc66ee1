"""What the Linux kernel is asked for, by the standard library; TAP devices by pytun, where that is installed.

Packets are read into and written from a Batch (wire/batch.py). What fails is told by the number of the error: most of
it is no exception, but something that happens to packets.
"""

import errno
import fcntl
import os
import socket
import struct

try:
    import pytun
except ImportError:  # it has to be compiled: packages that fit every router do without
    pytun = None

codes = errno
BUFFER = 4 << 20  # bytes that may wait in a data socket
_SO_RCVBUFFORCE, _SO_SNDBUFFORCE = 33, 32
# linux/in.h and in6.h
_IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE = 10, 3
_IPV6_MTU_DISCOVER, _IPV6_PMTUDISC_PROBE = 23, 3
# linux/if_tun.h: _IOW('T', …, int), where the direction's bit is another on MIPS and PowerPC
_IS_ODD = os.uname().machine.startswith(("mips", "ppc"))
_IOW = 0x80040000 if _IS_ODD else 0x40040000
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOWNER = _IOW | 0x54CA, _IOW | 0x54CB, _IOW | 0x54CC
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000

umask = os.umask
user_id = os.geteuid


def exists(path):
    return os.path.exists(path)


def share(path, group, mode):
    """Give a file to a group, by its number, with these permissions. Raises OSError."""
    os.chown(path, -1, group)
    os.chmod(path, mode)


def link_target(path):
    """The name at the end of a symbolic link, or None where there is none."""
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return None


def interface_name(index):
    """Raises OSError."""
    return socket.if_indextoname(index)


def control_interface(request, data):
    """An ioctl about a network interface: what the kernel makes of the bytes of a struct ifreq. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control, request, data)


def unix_address(path):
    """What a Unix socket is bound or connected to."""
    return path


def netlink_address(groups):
    """What a netlink socket is bound to."""
    return 0, groups


# --- TAP devices


class _Device:
    """What pytun.TunTapDevice is to us."""

    def __init__(self, name):
        self._file = open("/dev/net/tun", "r+b", buffering=0)
        try:
            fcntl.ioctl(self._file, _TUNSETIFF, struct.pack("16sH22s", name.encode(), _IFF_TAP | _IFF_NO_PI, b""))
        except OSError:
            self._file.close()
            raise

    def fileno(self):
        return self._file.fileno()

    def close(self):
        self._file.close()


def open_tap(name):
    """Something with fileno() and close(). Raises OSError."""
    if pytun is None:
        device = _Device(name)
    else:
        try:
            device = pytun.TunTapDevice(name=name, flags=pytun.IFF_TAP | pytun.IFF_NO_PI)
        except pytun.Error as error:
            raise OSError(error.args[0] if error.args else 0, str(error))
    os.set_blocking(device.fileno(), False)
    return device


def keep_tap(fd, owner):
    """The TAP device stays when it is closed, and this user (a number) may open it. Raises OSError."""
    fcntl.ioctl(fd, _TUNSETOWNER, owner)
    fcntl.ioctl(fd, _TUNSETPERSIST, 1)


def drop_tap(fd):
    """The TAP device goes when it is closed. Raises OSError."""
    fcntl.ioctl(fd, _TUNSETPERSIST, 0)


def read_packets(fd, batch):
    """Fill the batch with what is there. Returns 0, or an error's number."""
    room, readv = batch.room, os.readv
    try:
        while batch.count < batch.slots:
            batch.add(readv(fd, (room[batch.count],)), None)
    except OSError as error:
        return 0 if error.errno == errno.EAGAIN else error.errno
    return 0


def write_packets(fd, batch, first, last, failed):
    """Write those from `first` up to `last`; `failed(number)` is told of each that could not be written."""
    mem, start, length, write = batch.mem, batch.start, batch.length, os.write
    for i in range(first, last):
        n = length[i]
        if n:
            at = start[i]
            try:
                write(fd, mem[at : at + n])
            except OSError as error:
                failed(error.errno)


def write_packet(fd, data):
    """Returns 0, or an error's number."""
    try:
        os.write(fd, data)
    except OSError as error:
        return error.errno
    return 0


# --- data sockets


class UdpSocket:
    """Of one family, AF_INET or AF_INET6; addresses are (text, port). Raises OSError."""

    def __init__(self, family, port):
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._is_v6 = family == socket.AF_INET6
        try:
            self._socket.setblocking(False)
            self._set_options()
            self._socket.bind(("", port))
        except OSError:
            self._socket.close()
            raise
        self.port = self._socket.getsockname()[1]

    def fileno(self):
        return self._socket.fileno()

    def receive(self, batch):
        """Fill the batch with the datagrams that are there."""
        room, recvfrom_into, is_v6 = batch.room, self._socket.recvfrom_into, self._is_v6
        while batch.count < batch.slots:
            try:
                n, addr = recvfrom_into(room[batch.count])
            except BlockingIOError:
                return
            except OSError:  # an ICMP error for something that was sent earlier
                continue
            batch.add(n, addr[:2] if is_v6 else addr)

    def send(self, data, addr):
        """Returns 0, or an error's number."""
        try:
            self._socket.sendto(data, addr)
        except OSError as error:
            return error.errno
        return 0

    def close(self):
        self._socket.close()

    def _set_options(self):
        for force, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, force, BUFFER)
            except OSError:  # not root: as much as the system allows
                self._socket.setsockopt(socket.SOL_SOCKET, plain, BUFFER)
        if self._is_v6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _IPV6_PMTUDISC_PROBE)
        else:
            # nobody fragments what we send, and no ICMP message tells us what passes: overlay/pathmtu.py finds out
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)


def send_packets(v4, v6, batch, failed):
    """Send a batch by the UdpSocket of each address's family (`v6` may be None).

    `failed(number, i)` is told of each packet that could not be sent."""
    mem, start, length, addr = batch.mem, batch.start, batch.length, batch.addr
    for i in range(batch.count):
        n = length[i]
        if n:
            at, to = start[i], addr[i]
            udp_socket = v6 if ":" in to[0] else v4
            number = udp_socket.send(mem[at : at + n], to) if udp_socket is not None else errno.ENETUNREACH
            if number:
                failed(number, i)
