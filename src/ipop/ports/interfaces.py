"""This machine's own addresses and routes, asked of the kernel by netlink (rtnetlink(7)), and word of their changes."""

import select
import socket
import struct

from . import kernel

codes = kernel.codes

_AF_NETLINK, _NLMSG_DONE, _NLMSG_ERROR = 16, 3, 2
_RTM_NEWADDR, _RTM_GETADDR, _RTM_NEWROUTE, _RTM_GETROUTE = 20, 22, 24, 26
_NLM_F_REQUEST_DUMP = 0x301
_IFADDRMSG, _RTMSG = 8, 12  # bytes before the attributes
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY = 4, 5, 6
_SCOPE_GLOBAL, _SCOPE_HOST = 0, 254
_NOT_USABLE = 0x08 | 0x20 | 0x40  # duplicate, deprecated, tentative (linux/if_addr.h)
_TABLE_MAIN, _UNICAST = 254, 1
_RTMGRP = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # links, IPv4 addresses and routes, IPv6 addresses and routes
_PATIENCE = 1_000  # ms
_ROOM = 16_384  # bytes of messages at once


def addresses():
    """[(interface, IP address as text)] that others may reach, IPv6 first; nothing of the loopback or link-local.

    Raises OSError."""
    return [entry[:2] for entry in networks()]


def networks():
    """[(interface, IP address as text, prefix length)] of the same addresses. Raises OSError."""
    found = []
    for message in _dump(_RTM_GETADDR, _RTM_NEWADDR):
        found += _address(message)
    return sorted(found, key=lambda entry: ":" not in entry[1])


def all_addresses():
    """The same and all others of this machine, packed, but for the loopback's. Raises OSError."""
    found = []
    for message in _dump(_RTM_GETADDR, _RTM_NEWADDR):
        attributes = _attributes(message, _IFADDRMSG)
        packed = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
        if message[3] != _SCOPE_HOST and packed is not None:
            found.append(packed)
    return sorted(set(found))


def gateway():
    """[(interface, the router's IP address as text)] of the default routes, IPv6 first, then the preferred first.

    An IPv6 router's address is usually link-local. Raises OSError."""
    found = []
    for message in _dump(_RTM_GETROUTE, _RTM_NEWROUTE):
        found += _default_route(message)
    return [(interface, router) for _, _, interface, router in sorted(found)]


class Changes:
    """Can be read from when links, addresses or routes have changed. Raises OSError."""

    def __init__(self):
        self._netlink = socket.socket(_AF_NETLINK, socket.SOCK_RAW, 0)
        try:
            self._netlink.setblocking(False)
            self._netlink.bind(kernel.netlink_address(_RTMGRP))
        except OSError:
            self._netlink.close()
            raise

    def fileno(self):
        return self._netlink.fileno()

    def poll(self):
        """Whether anything has changed since the last time. However much it was, it is told once."""
        has_changed = False
        while True:
            try:
                has_changed = bool(self._netlink.recv(_ROOM)) or has_changed
            except OSError as error:
                if error.errno == codes.EAGAIN:
                    return has_changed
                has_changed = True  # there was more than the kernel kept for us

    def close(self):
        self._netlink.close()


def _dump(request, kind):
    """The messages of this kind, without their headers, that answer a request. Raises OSError."""
    messages = []
    netlink = socket.socket(_AF_NETLINK, socket.SOCK_RAW, 0)
    try:
        netlink.send(struct.pack("IHHIIIII", 28, request, _NLM_F_REQUEST_DUMP, 1, 0, 0, 0, 0))
        poll = select.poll()
        poll.register(netlink, select.POLLIN)
        is_done = False
        while not is_done and poll.poll(_PATIENCE):
            data = netlink.recv(_ROOM)
            at = 0
            while at + 16 <= len(data):
                n, answer = struct.unpack_from("IH", data, at)
                is_done = is_done or answer in (_NLMSG_DONE, _NLMSG_ERROR)
                if answer == kind:
                    messages.append(data[at + 16 : at + n])
                at += (max(n, 16) + 3) & ~3
    finally:
        netlink.close()
    return messages


def _address(message):
    """[(interface, address, prefix length)] of one ifaddrmsg, or []."""
    family, length, flags, scope, index = struct.unpack_from("BBBBI", message, 0)
    if scope != _SCOPE_GLOBAL or flags & _NOT_USABLE:
        return []
    attributes = _attributes(message, _IFADDRMSG)
    packed = attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS))
    try:
        return [(kernel.interface_name(index), socket.inet_ntop(family, packed), length)]
    except (OSError, TypeError, ValueError):  # the interface has gone meanwhile
        return []


def _default_route(message):
    """[(whether it is IPv4, metric, interface, router)] of one rtmsg, or []."""
    family, prefix_length, _, _, table, _, _, kind = struct.unpack_from("BBBBBBBB", message, 0)
    if prefix_length or table != _TABLE_MAIN or kind != _UNICAST:
        return []
    attributes = _attributes(message, _RTMSG)
    try:
        interface = kernel.interface_name(_number(attributes[_RTA_OIF]))
        router = socket.inet_ntop(family, attributes[_RTA_GATEWAY])
    except (KeyError, OSError, ValueError):  # it leads to a link and no router, or the interface has gone meanwhile
        return []
    return [(family == socket.AF_INET, _number(attributes.get(_RTA_PRIORITY, bytes(4))), interface, router)]


def _attributes(message, at):
    """{type: content} of the attributes from here on."""
    found = {}
    while at + 4 <= len(message):
        n, kind = struct.unpack_from("HH", message, at)
        found[kind] = message[at + 4 : at + n]
        at += (max(n, 4) + 3) & ~3
    return found


def _number(packed):
    return struct.unpack("I", packed)[0]
