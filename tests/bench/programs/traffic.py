"""What devices send each other at full speed, and what came of it as JSON.

    traffic.py sink                           takes it all, until it is told to stop
    traffic.py packets ADDRESS SIZE COUNT     UDP, as fast as it arrives: only so many are on their way at a time
    traffic.py bursts ADDRESS SIZE SECONDS    UDP, faster than it can arrive
    traffic.py stream ADDRESS SECONDS         one TCP connection

SIZE is that of the Ethernet frame.
"""

import json
import select
import signal
import socket
import struct
import sys
import time

PORT = 5201
HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP
WINDOW, STEP = 256, 32  # packets on their way, and packets between two answers
PATIENCE = 0.05  # s
BURST, BURST_EVERY = 1500, 1.0  # packets, s: more than the queue of a TAP holds
CHUNK = 1 << 17  # bytes
SO_RCVBUFFORCE = 33  # asm-generic/socket.h


def sink():
    """After each STEP packets their sender is told the number of the last."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", PORT))
    udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    tcp = socket.create_server(("", PORT))
    connections = []
    buffer = bytearray(CHUNK)
    packets = count = 0
    began = ended = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    try:
        while True:
            for readable in select.select([udp, tcp, *connections], [], [])[0]:
                now = time.monotonic()
                began, ended = began or now, now
                if readable is udp:
                    n, sender = udp.recvfrom_into(buffer)
                    packets += 1
                    if packets % STEP == 0:
                        udp.sendto(buffer[:4], sender)
                elif readable is tcp:
                    connections.append(tcp.accept()[0])
                else:
                    n = readable.recv_into(buffer)
                    count += n
                    if not n:
                        connections.remove(readable)
    finally:
        print(json.dumps({"packets": packets, "bytes": count, "seconds": ended - began if began else 0}), flush=True)


def packets(address, size, count):
    udp, packet = _sender(address, size)
    sent = answered = 0
    while sent < int(count):
        if sent - answered <= WINDOW - STEP:
            for _ in range(STEP):
                sent += 1
                struct.pack_into("<I", packet, 0, sent)
                udp.send(packet)
        try:
            while True:
                is_waiting = sent - answered > WINDOW - STEP
                answered = struct.unpack("<I", udp.recv(4, 0 if is_waiting else socket.MSG_DONTWAIT))[0]
        except BlockingIOError:  # all answers were read, or nothing was answered in PATIENCE: it is lost
            answered = sent if is_waiting else answered


def bursts(address, size, seconds):
    udp, packet = _sender(address, size)
    end = time.monotonic() + float(seconds)
    while (now := time.monotonic()) < end:
        for _ in range(BURST):
            udp.send(packet)
        time.sleep(max(0, now + BURST_EVERY - time.monotonic()))


def stream(address, seconds):
    chunk = bytes(CHUNK)
    end = time.monotonic() + float(seconds)
    with socket.create_connection((address, PORT)) as tcp:
        while time.monotonic() < end:
            tcp.sendall(chunk)


def _sender(address, size):
    """(a socket, room for a packet)"""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect((address, PORT))
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(PATIENCE * 1e6)))
    return udp, bytearray(int(size) - HEADERS)


globals()[sys.argv[1]](*sys.argv[2:])
