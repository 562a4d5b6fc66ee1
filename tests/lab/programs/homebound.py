"""Writes down what should never leave a home, wherever a router meets it: a line of JSON for each such frame that comes
in on any of its interfaces, also on those that are made later.

    homebound.py

"on" is the interface, "from" the frame's MAC address.
"""

import json
import socket
import struct
import sys

ETH_P_ALL = 3
OUTGOING = 4  # packet(7)
IPV4, IPV6 = 0x0800, 0x86DD
UDP, ICMPV6 = 17, 58
PORTS = {67: "dhcp", 68: "dhcp", 546: "dhcpv6", 547: "dhcpv6"}
ICMPV6_TYPES = {133: "router-solicitation", 134: "router-advertisement", 137: "redirect"}
BRIDGES = bytes.fromhex("0180c20000")


def kind(frame):
    """What it is, or None."""
    if frame[:5] == BRIDGES:
        return "stp"
    ethertype, packet = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if ethertype == IPV4 and packet[9] == UDP:
        return PORTS.get(struct.unpack_from("!H", packet, (packet[0] & 15) * 4 + 2)[0])
    if ethertype == IPV6 and packet[6] == UDP:
        return PORTS.get(struct.unpack_from("!H", packet, 42)[0])
    return ICMPV6_TYPES.get(packet[40]) if ethertype == IPV6 and packet[6] == ICMPV6 else None


with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as wire:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    print("listening", flush=True)
    while True:
        frame, (interface, _, direction, _, _) = wire.recvfrom(200)
        if direction == OUTGOING or len(frame) < 60 and frame[12:14] == b"\x86\xdd":
            continue
        found = kind(frame + bytes(60))
        if found:
            print(json.dumps({"on": interface, "kind": found, "from": frame[6:12].hex(":")}), flush=True)
            sys.stdout.flush()
