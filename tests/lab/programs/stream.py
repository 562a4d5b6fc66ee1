"""A stream by IPv4 multicast, which goes on.

    stream.py send        ten numbered datagrams a second
    stream.py receive     prints the number and the time of each that arrives
"""

import socket
import struct
import sys
import time
from itertools import count

GROUP, PORT = "239.77.1.2", 5004
EVERY = 0.1  # s

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    if sys.argv[1] == "send":
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        for number in count():
            udp.sendto(struct.pack("!I", number) + bytes(1000), (GROUP, PORT))
            time.sleep(EVERY)
    udp.bind((GROUP, PORT))
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4s4s", socket.inet_aton(GROUP), bytes(4)))
    print("ready", flush=True)
    while True:
        number, = struct.unpack_from("!I", udp.recv(2000))
        print(number, time.monotonic(), flush=True)
