"""This machine's network devices, changed by ioctl and netlink (rtnetlink(7)): bridges, addresses, routes.

The kernel answers at once; no other program is needed. All raise OSError."""

import socket
import struct

from . import kernel

codes = kernel.codes

_SIOCSIFFLAGS, _SIOCGIFFLAGS, _SIOCSIFHWADDR = 0x8914, 0x8913, 0x8924  # linux/sockios.h
_SIOCGIFINDEX, _SIOCBRADDBR, _SIOCBRDELBR = 0x8933, 0x89A0, 0x89A1
_IFF_UP, _ARPHRD_ETHER = 1, 1
_AF_NETLINK, _NLMSG_ERROR = 16, 2
_RTM_NEWADDR, _RTM_DELADDR, _RTM_NEWROUTE, _RTM_DELROUTE = 20, 21, 24, 25
_REQUEST, _ACK, _CREATE, _REPLACE = 0x001, 0x004, 0x400, 0x100
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF = 1, 4
_TABLE_LOCAL, _PROT_STATIC, _SCOPE_HOST, _RTN_LOCAL = 255, 4, 254, 2

_FORWARDING, _ACCEPT_RA = "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/%s/accept_ra"


def index(name):
    """The number of a device: another one when it has been made again. 0 where there is none."""
    try:
        return struct.unpack_from("i", kernel.control_interface(_SIOCGIFINDEX, _request(name)), 16)[0]
    except OSError:
        return 0


def make_bridge(name, mac=None):
    """`mac` is 6 bytes; without one it has that of one of its ports, and another when that is gone."""
    kernel.control_interface(_SIOCBRADDBR, _request(name))
    if mac is not None:
        kernel.control_interface(_SIOCSIFHWADDR, struct.pack("16sH6s16s", name.encode(), _ARPHRD_ETHER, mac, b""))


def delete_bridge(name):
    bring_up(name, False)
    kernel.control_interface(_SIOCBRDELBR, _request(name))


def bring_up(name, is_up=True):
    (flags,) = struct.unpack_from("H", kernel.control_interface(_SIOCGIFFLAGS, _request(name)), 16)
    wanted = flags | _IFF_UP if is_up else flags & ~_IFF_UP & 0xFFFF
    if wanted != flags:
        kernel.control_interface(_SIOCSIFFLAGS, struct.pack("16sH22s", name.encode(), wanted, b""))


def add_address(link, packed, length):
    """Give the device with this index an address. It is nobody else's: an IPv6 one can be used at once."""
    _change(_RTM_NEWADDR, _CREATE | _REPLACE, _address(link, packed, length))


def remove_address(link, packed, length):
    _change(_RTM_DELADDR, 0, _address(link, packed, length))


def add_local(link, packed, length):
    """Answer for all IPv4 addresses of a network on this device, as if they were our own."""
    _change(_RTM_NEWROUTE, _CREATE | _REPLACE, _local(link, packed, length))


def remove_local(link, packed, length):
    _change(_RTM_DELROUTE, 0, _local(link, packed, length))


def is_forwarding():
    """Whether this machine is a router for IPv4."""
    return _read(_FORWARDING) == "1"


def set_forwarding(is_on):
    _write(_FORWARDING, "1" if is_on else "0")


def listens_to_routers(name):
    """Whether the device takes what router advertisements say for itself too; where that is by default."""
    try:
        return _read(_ACCEPT_RA % name) == "1"
    except OSError:
        return False  # there is no IPv6


def listen_to_routers(name, is_on):
    _write(_ACCEPT_RA % name, "1" if is_on else "0")


def _read(path):
    with open(path) as file:
        return file.read().strip()


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


def _request(name):
    return struct.pack("16s24s", name.encode(), b"")


def _address(link, packed, length):
    family, flags = (socket.AF_INET, 0) if len(packed) == 4 else (socket.AF_INET6, _IFA_F_NODAD)
    message = struct.pack("BBBBI", family, length, flags, 0, link)
    return message + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)


def _local(link, packed, length):
    head = (socket.AF_INET, length, 0, 0, _TABLE_LOCAL, _PROT_STATIC, _SCOPE_HOST, _RTN_LOCAL, 0)
    return struct.pack("BBBBBBBBI", *head) + _attribute(_RTA_DST, packed) + _attribute(_RTA_OIF, struct.pack("I", link))


def _attribute(kind, content):
    return struct.pack("HH", 4 + len(content), kind) + content  # all are multiples of 4 bytes


def _change(kind, flags, message):
    netlink = socket.socket(_AF_NETLINK, socket.SOCK_RAW, 0)
    try:
        netlink.send(struct.pack("IHHII", 16 + len(message), kind, _REQUEST | _ACK | flags, 1, 0) + message)
        answer = netlink.recv(4096)
    finally:
        netlink.close()
    _, kind, _, _, _, error = struct.unpack_from("IHHIIi", answer, 0)
    if kind == _NLMSG_ERROR and error:
        raise OSError(-error)
