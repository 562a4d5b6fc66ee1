"""Somebody on the way who writes down what passes: a line of JSON for each UDP datagram.

    capture.py INTERFACE
"""

import json
import socket
import struct
import sys

ETH_P_ALL = 3
IPV4, UDP = b"\x08\x00", 17

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as wire:
    wire.bind((sys.argv[1], 0))
    print("listening", flush=True)
    while True:
        frame = wire.recv(65536)
        packet = frame[14:]
        if frame[12:14] != IPV4 or packet[9] != UDP:
            continue
        header = (packet[0] & 15) * 4
        end, = struct.unpack_from("!H", packet, header + 4)
        print(json.dumps({"from": socket.inet_ntoa(packet[12:16]), "to": socket.inet_ntoa(packet[16:20]),
                          "data": packet[header + 8:header + end].hex()}), flush=True)
