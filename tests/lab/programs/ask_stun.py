"""What a router learns of its NAT: a StunClient on a real socket. Prints a line of JSON whenever that changes.

    ask_stun.py PORT OWN_ADDRESS SERVER:PORT...
"""

import json
import os
import select
import socket
import sys
import time

from ipop.overlay.stun import StunClient
from ipop.wire import address


def now():
    return time.monotonic_ns() // 1_000_000


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    port = int(sys.argv[1])
    udp.bind(("0.0.0.0", port))
    client = StunClient(os.urandom, port)
    client.set_servers([address.parse(server) for server in sys.argv[3:]], now())
    client.gather([sys.argv[2]], now())
    before = None
    while True:
        while transmit := client.poll_transmit():
            udp.sendto(*transmit)
        found = [one._asdict() for one in client.findings()]
        if found != before:
            print(json.dumps(found[0]), flush=True)
            before = found
        if select.select([udp], [], [], max(client.poll_timeout() - now(), 0) / 1000)[0]:
            data, addr = udp.recvfrom(2048)
            client.handle_datagram(data, addr, now())
        client.handle_timeout(now())
