"""A TCP connection that goes on at an even pace, and what came of it as JSON.

    transfer.py take            takes one, until its end
    transfer.py give ADDRESS    gives numbered pieces, until it is told to stop
"""

import json
import signal
import socket
import struct
import sys
import time

PORT = 5001
PIECE, EVERY = 2_500, 0.01  # bytes, s: 2 Mbit/s


def take():
    """The connection may stand still for a while, but nothing may be missing."""
    server = socket.create_server(("", PORT))
    print("ready", flush=True)
    connection, _ = server.accept()
    stream, count, pause, last = connection.makefile("rb"), 0, 0, time.monotonic()
    while (data := stream.read(PIECE)) == piece(count):
        count, pause, last = count + 1, max(pause, time.monotonic() - last), time.monotonic()
    print(json.dumps({"pieces": count, "intact": data == b"", "pause": pause}), flush=True)


def give(address):
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with socket.create_connection((address, PORT)) as connection:
        count = 0
        while not stopped:
            connection.sendall(piece(count))
            count += 1
            time.sleep(EVERY)
    print(json.dumps({"pieces": count}), flush=True)


def piece(number):
    return struct.pack("!I", number) * (PIECE // 4)


globals()[sys.argv[1]](*sys.argv[2:])
