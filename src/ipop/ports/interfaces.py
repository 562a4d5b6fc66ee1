"""This machine's own addresses, asked of the kernel by netlink (rtnetlink(7))."""

import select
import socket
import struct

from . import kernel

_AF_NETLINK, _RTM_NEWADDR, _RTM_GETADDR, _NLMSG_DONE, _NLMSG_ERROR = 16, 20, 22, 3, 2
_NLM_F_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_SCOPE_GLOBAL = 0
_NOT_USABLE = 0x08 | 0x20 | 0x40  # duplicate, deprecated, tentative (linux/if_addr.h)
_PATIENCE = 1_000  # ms


def addresses():
    """[(interface, IP address as text)] that others may reach, IPv6 first; nothing of the loopback or link-local.

    Raises OSError."""
    found = []
    netlink = socket.socket(_AF_NETLINK, socket.SOCK_RAW, 0)
    try:
        netlink.send(struct.pack("IHHIIQ", 24, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0, 0))
        poll = select.poll()
        poll.register(netlink, select.POLLIN)
        is_done = False
        while not is_done and poll.poll(_PATIENCE):
            data = netlink.recv(16_384)
            at = 0
            while at + 16 <= len(data):
                n, kind = struct.unpack_from("IH", data, at)
                is_done = is_done or kind in (_NLMSG_DONE, _NLMSG_ERROR)
                if kind == _RTM_NEWADDR:
                    found += _address(data[at + 16 : at + n])
                at += (max(n, 16) + 3) & ~3
    finally:
        netlink.close()
    return sorted(found, key=lambda entry: ":" not in entry[1])


def _address(message):
    """[(interface, address)] of one ifaddrmsg, or []."""
    family, _, flags, scope, index = struct.unpack_from("BBBBI", message, 0)
    if scope != _SCOPE_GLOBAL or flags & _NOT_USABLE:
        return []
    attributes = {}
    at = 8
    while at + 4 <= len(message):
        n, kind = struct.unpack_from("HH", message, at)
        attributes[kind] = message[at + 4 : at + n]
        at += (max(n, 4) + 3) & ~3
    packed = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
    try:
        return [(kernel.interface_name(index), socket.inet_ntop(family, packed))]
    except (OSError, TypeError, ValueError):  # the interface has gone meanwhile
        return []
