"""Somebody who can be reached at a TURN server only: whatever peers send to it there, it sends back in capitals.

    through_turn.py udp|tcp PORT SERVER:PORT USER PASSWORD PEER_HOST...

Prints a line of JSON for each event and each datagram; asks the server every second whether it still knows us.
"""

import json
import select
import socket
import sys
import time

from ipop.errors import Rejected
from ipop.overlay.turn import TurnClient
from ipop.ports import crypto
from ipop.wire import address


def now():
    return time.monotonic_ns() // 1_000_000


def say(**what):
    print(json.dumps(what), flush=True)


transport, port, server, user, password, *hosts = sys.argv[1:]
server = address.parse(server)
is_stream = transport == "tcp"
with socket.socket(socket.AF_INET, socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM) as wire:
    wire.bind(("0.0.0.0", int(port)))
    client = TurnClient(crypto, server, user, password, is_stream, lambda word: say(dropped=word))
    if is_stream:
        wire.connect(server)
    client.connect(now())
    client.permit(hosts, now())
    check_at = now() + 1000
    while True:
        while transmit := client.poll_transmit():
            wire.sendall(transmit[0]) if is_stream else wire.sendto(*transmit)
        while event := client.poll_event():
            say(event=event.kind, detail=event.detail)
        wait = min(client.poll_timeout(), check_at) - now()
        if select.select([wire], [], [], max(wait, 0) / 1000)[0]:
            if is_stream:
                client.handle_bytes(wire.recv(7), now())
            else:
                try:
                    client.handle_datagram(*wire.recvfrom(2048), now())
                except Rejected as rejection:
                    say(dropped=rejection.reason)
        while received := client.poll_received():
            data, peer = received
            say(received=data.decode(), peer=peer)
            client.send(data.upper(), peer, now())
        client.handle_timeout(now())
        if now() >= check_at:
            check_at = now() + 1000
            client.check(now())
