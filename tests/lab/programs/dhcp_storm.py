"""A device that has gone mad: it asks for addresses under ever new MAC addresses.

    dhcp_storm.py INTERFACE SECONDS PER_SECOND
"""

import os
import socket
import struct
import sys
import time

BROADCAST = b"\xff" * 6
HIDDEN = b"\x63\x82\x53\x63"  # RFC 2131 section 3


def discover(mac):
    bootp = struct.pack("!BBBB4sHH16s", 1, 1, 6, 0, os.urandom(4), 0, 0x8000, bytes(16)) + mac + bytes(10 + 64 + 128)
    payload = bootp + HIDDEN + b"\x35\x01\x01\xff" + bytes(60)
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF) + header[12:]
    return BROADCAST + mac + b"\x08\x00" + header + udp


interface, seconds, per_second = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
    wire.bind((interface, 0))
    began, sent = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        while sent < now * per_second:
            wire.send(discover(b"\x02\xdd" + os.urandom(4)))
            sent += 1
        time.sleep(0.01)
print(sent)
