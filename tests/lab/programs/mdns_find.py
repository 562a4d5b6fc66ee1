"""What a TV does to find a media server: a multicast DNS question (RFC 6762) and the answers to it.

    mdns_find.py TYPE SECONDS    such as _http._tcp.local; prints the first service as JSON, status 1 if none
"""

import json
import socket
import struct
import sys
import time

GROUP = ("224.0.0.251", 5353)
A, PTR, SRV = 1, 12, 33
ASK_EVERY = 1.0


def find(service, seconds):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        membership = struct.pack("4s4s", socket.inet_aton(GROUP[0]), bytes(4))
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        # From port 5353: so the answer is multicast as well, and both directions are shown to cross.
        udp.bind(("", GROUP[1]))
        records, end = {}, time.monotonic() + seconds
        while time.monotonic() < end:
            asked = time.monotonic()
            udp.sendto(question(service), GROUP)
            while (left := asked + ASK_EVERY - time.monotonic()) > 0:
                udp.settimeout(left)
                try:
                    records.update(answers(udp.recv(9000)))
                except TimeoutError:
                    break
                if found := resolve(service, records):
                    print(json.dumps({**found, "ms": round((time.monotonic() - asked) * 1000, 3)}))
                    return 0
    return 1


def resolve(service, records):
    instance = records.get((service, PTR))
    target = records.get((instance, SRV))
    if target and (address := records.get((target[0], A))):
        return {"service": instance.removesuffix("." + service), "address": address, "port": target[1]}


def question(name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", PTR, 1)


def answers(packet):
    """(name, type) -> data of every record in the packet."""
    _, _, questions, *counts = struct.unpack_from("!6H", packet)
    offset, records = 12, {}
    for _ in range(questions):
        offset = read_name(packet, offset)[1] + 4
    for _ in range(sum(counts)):
        name, offset = read_name(packet, offset)
        kind, _, _, length = struct.unpack_from("!HHIH", packet, offset)
        offset += 10
        if kind == A:
            records[name, A] = socket.inet_ntoa(packet[offset:offset + 4])
        elif kind == PTR:
            records[name, PTR] = read_name(packet, offset)[0]
        elif kind == SRV:
            port, = struct.unpack_from("!H", packet, offset + 4)
            records[name, SRV] = (read_name(packet, offset + 6)[0], port)
        offset += length
    return records


def read_name(packet, offset):
    """The name at this place, and the offset after it; names may go on elsewhere (RFC 1035, 4.1.4)."""
    labels, after = [], None
    while length := packet[offset]:
        if length >= 0xC0:
            after = after or offset + 2
            offset = struct.unpack_from("!H", packet, offset)[0] & 0x3FFF
        else:
            labels.append(packet[offset + 1:offset + 1 + length].decode())
            offset += 1 + length
    return ".".join(labels), after or offset + 1


if __name__ == "__main__":
    sys.exit(find(sys.argv[1], float(sys.argv[2])))
