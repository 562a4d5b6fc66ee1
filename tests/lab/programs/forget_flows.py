"""Empties the kernel's table of flows (conntrack) of this namespace, as `conntrack --flush` does."""

import os
import socket
import struct

NETLINK_NETFILTER, DELETE_FLOWS = 12, 1 << 8 | 2  # linux/netfilter/nfnetlink_conntrack.h
REQUEST, ACK = 1, 4

with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
    netlink.send(struct.pack("IHHIIBBH", 20, DELETE_FLOWS, REQUEST | ACK, 1, 0, 0, 0, 0))
    error, = struct.unpack_from("i", netlink.recv(4096), 16)
    if error:
        raise OSError(-error, os.strerror(-error))
