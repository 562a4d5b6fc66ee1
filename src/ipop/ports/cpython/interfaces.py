"""This machine's own addresses, asked of the kernel by netlink (rtnetlink(7))."""

import socket
import struct

_RTM_NEWADDR, _RTM_GETADDR, _NLMSG_DONE, _NLMSG_ERROR = 20, 22, 3, 2
_NLM_F_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_SCOPE_GLOBAL = 0
_NOT_USABLE = 0x08 | 0x20 | 0x40  # duplicate, deprecated, tentative (linux/if_addr.h)


def addresses():
    """[(interface, IP address as text)] that others may reach, IPv6 first; nothing of the loopback or link-local."""
    request = struct.pack("=IHHIIB7x", 24, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0, socket.AF_UNSPEC)
    found = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.settimeout(1)
        netlink.send(request)
        is_done = False
        while not is_done:
            data = netlink.recv(65536)
            at = 0
            while at < len(data):
                n, kind = struct.unpack_from("=IH", data, at)
                is_done = is_done or kind in (_NLMSG_DONE, _NLMSG_ERROR)
                if kind == _RTM_NEWADDR:
                    found += _address(data[at + 16 : at + n])
                at += n + 3 & ~3
    return sorted(found, key=lambda entry: ":" not in entry[1])


def _address(message):
    """[(interface, address)] of one ifaddrmsg, or []."""
    family, _, flags, scope, index = struct.unpack_from("=BBBBI", message, 0)
    if scope != _SCOPE_GLOBAL or flags & _NOT_USABLE:
        return []
    attributes = {}
    at = 8
    while at + 4 <= len(message):
        n, kind = struct.unpack_from("=HH", message, at)
        attributes[kind] = message[at + 4 : at + n]
        at += max(n, 4) + 3 & ~3
    packed = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
    try:
        return [(socket.if_indextoname(index), socket.inet_ntop(family, packed))]
    except (OSError, TypeError, ValueError):  # the interface has gone meanwhile
        return []
