"""What the Linux kernel is asked for, through the C library. As ports/cpython/kernel.py, with no garbage per packet."""

import array
import os
import socket
import struct

from ...wire import address
from . import codes, libc

BUFFER = 1 << 20  # bytes that may wait in a data socket: small routers have little memory
_IOW = 0x80040000 if codes.IS_MIPS else 0x40040000
_TUNSETIFF, _TUNSETPERSIST, _TUNSETOWNER = _IOW | 0x54CA, _IOW | 0x54CB, _IOW | 0x54CC
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE = 0, 10, 3
_IPPROTO_IPV6, _IPV6_V6ONLY, _IPV6_MTU_DISCOVER, _IPV6_PMTUDISC_PROBE = 41, 26, 23, 3
_SOCKADDR = {socket.AF_INET: 16, socket.AF_INET6: 28}  # bytes
_KNOWN_MAX = 1024  # addresses of which both forms are remembered

umask = libc.umask
user_id = libc.geteuid


def exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False


def share(path, group, mode):
    libc.checked(libc.chown(path, 0xFFFFFFFF, group))
    libc.checked(libc.chmod(path, mode))


def link_target(path):
    target = bytearray(256)
    n = libc.readlink(path, target, len(target))
    return None if n < 0 else bytes(target[:n]).decode().rpartition("/")[2]


def interface_name(index):
    name = bytearray(16)
    if libc.if_indextoname(index, name) == 0:
        raise OSError(os.errno())
    return bytes(name).rstrip(b"\0").decode()


def control_interface(request, data):
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        data = bytearray(data)
        libc.checked(libc.ioctl(control.fileno(), request, data))
        return data
    finally:
        control.close()


def unix_address(path):
    return struct.pack("H", socket.AF_UNIX) + path.encode() + b"\0"


def netlink_address(groups):
    return struct.pack("HHII", 16, 0, 0, groups)


# --- TAP devices


class _Device:
    def __init__(self, fd):
        self._fd = fd

    def fileno(self):
        return self._fd

    def close(self):
        libc.close(self._fd)


def open_tap(name):
    fd = libc.checked(libc.open_file("/dev/net/tun", codes.O_RDWR | codes.O_NONBLOCK, 0))
    try:
        request = struct.pack("16sH22s", name.encode(), _IFF_TAP | _IFF_NO_PI, b"")
        libc.checked(libc.ioctl(fd, _TUNSETIFF, request))
    except OSError:
        libc.close(fd)
        raise
    return _Device(fd)


def keep_tap(fd, owner):
    libc.checked(libc.ioctl(fd, _TUNSETOWNER, owner))
    libc.checked(libc.ioctl(fd, _TUNSETPERSIST, 1))


def drop_tap(fd):
    libc.checked(libc.ioctl(fd, _TUNSETPERSIST, 0))


def read_packets(fd, batch):
    room, size, read, count = batch.room, batch.size, libc.read, batch.count
    while count < batch.slots:
        n = read(fd, room[count], size)
        if n < 0:
            number = os.errno()
            return 0 if number == codes.EAGAIN else number
        batch.add(n, None)
        count += 1
    return 0


def write_packets(fd, batch, first, last, failed):
    ptr, start, length, write = batch.ptr, batch.start, batch.length, libc.write
    for i in range(first, last):
        n = length[i]
        if n and write(fd, ptr + start[i], n) < 0:
            failed(os.errno())


def write_packet(fd, data):
    return 0 if libc.write(fd, data, len(data)) >= 0 else os.errno()


# --- data sockets


class UdpSocket:
    def __init__(self, family, port):
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._fd = self._socket.fileno()
        self._size = _SOCKADDR[family]
        self._source = bytearray(self._size)
        self._source_size = array.array("I", [self._size])
        self._last = bytearray(self._size)  # the source before, and its address
        self._last_addr = None
        self._known = {}  # source -> address
        self._sockaddrs = {}  # address -> as the kernel takes it
        self._sent_to = None
        self._sent_sockaddr = None
        try:
            self._set_options(family)
            self._socket.bind(sockaddr("::" if family == socket.AF_INET6 else "0.0.0.0", port))
            libc.checked(libc.getsockname(self._fd, self._source, self._source_size))
        except OSError:
            self._socket.close()
            raise
        self.port = self._source[2] << 8 | self._source[3]

    def fileno(self):
        return self._fd

    def receive(self, batch):
        room, size, count = batch.room, batch.size, batch.count
        fd, source, source_size = self._fd, self._source, self._source_size
        recvfrom, memcmp = libc.recvfrom, libc.memcmp
        while count < batch.slots:
            n = recvfrom(fd, room[count], size, libc.MSG_DONTWAIT, source, source_size)
            if n < 0:
                if os.errno() == codes.EAGAIN:
                    return
                continue  # an ICMP error for something that was sent earlier
            if memcmp(source, self._last, self._size):
                self._look_up_source()
            batch.add(n, self._last_addr)
            count += 1

    def send(self, data, addr):
        to = self._sockaddr_of(addr)
        n = libc.sendto(self._fd, data, len(data), libc.MSG_DONTWAIT, to, len(to))
        return 0 if n >= 0 else os.errno()

    def send_from(self, pointer, n, addr):
        """As `send`, for `n` bytes at an address in memory."""
        if addr is not self._sent_to:
            self._sent_to, self._sent_sockaddr = addr, self._sockaddr_of(addr)
        done = libc.sendto(self._fd, pointer, n, libc.MSG_DONTWAIT, self._sent_sockaddr, self._size)
        return 0 if done >= 0 else os.errno()

    def close(self):
        self._socket.close()

    def _look_up_source(self):
        """Whom a datagram is from that isn't from the same one as the last."""
        source = bytes(self._source)
        addr = self._known.get(source)
        if addr is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known = {}
            addr = self._known[source] = _address(source)
        self._last[:] = source
        self._last_addr = addr

    def _sockaddr_of(self, addr):
        known = self._sockaddrs.get(addr)
        if known is None:
            if len(self._sockaddrs) >= _KNOWN_MAX:
                self._sockaddrs = {}
            known = self._sockaddrs[addr] = sockaddr(addr[0], addr[1])
        return known

    def _set_options(self, family):
        for force, plain in ((codes.SO_RCVBUFFORCE, codes.SO_RCVBUF), (codes.SO_SNDBUFFORCE, codes.SO_SNDBUF)):
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, force, BUFFER)
            except OSError:
                self._socket.setsockopt(socket.SOL_SOCKET, plain, BUFFER)
        if family == socket.AF_INET6:
            self._socket.setsockopt(_IPPROTO_IPV6, _IPV6_V6ONLY, 1)
            self._socket.setsockopt(_IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _IPV6_PMTUDISC_PROBE)
        else:
            self._socket.setsockopt(_IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)


def send_packets(v4, v6, batch, failed):
    ptr, start, length, addr = batch.ptr, batch.start, batch.length, batch.addr
    for i in range(batch.count):
        n = length[i]
        if n:
            to = addr[i]
            udp_socket = v6 if ":" in to[0] else v4
            number = udp_socket.send_from(ptr + start[i], n, to) if udp_socket is not None else codes.ENETUNREACH
            if number:
                failed(number, i)


def sockaddr(host, port):
    """What connect(2) takes: a struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)). fe80::1%eth0 has its interface."""
    host, _, interface = host.partition("%")
    packed, port = address.pack(host), port.to_bytes(2, "big")
    if len(packed) == 4:
        return struct.pack("H", socket.AF_INET) + port + packed + bytes(8)
    index = libc.if_nametoindex(interface) if interface else 0
    return struct.pack("H", socket.AF_INET6) + port + bytes(4) + packed + struct.pack("I", index)


def _address(source):
    """(text, port)"""
    port = source[2] << 8 | source[3]
    if len(source) == 16:
        return "%d.%d.%d.%d" % (source[4], source[5], source[6], source[7]), port
    host = socket.inet_ntop(socket.AF_INET6, source[8:24])
    (index,) = struct.unpack("I", source[24:28])
    try:
        return (host + "%" + interface_name(index) if index else host), port
    except OSError:  # the interface has gone
        return host, port
