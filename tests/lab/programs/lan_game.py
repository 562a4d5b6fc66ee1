"""The lobby of a LAN game: who looks for a game asks everybody by broadcast, who hosts one answers.

    lan_game.py host NAME       answers until it is stopped
    lan_game.py seek SECONDS    prints the first game found as JSON; status 1 if there was none
"""

import json
import socket
import sys
import time

EVERYBODY = ("255.255.255.255", 26000)
QUESTION = b"anybody playing?"
ASK_EVERY = 0.5


def host(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(EVERYBODY)
        # Bound to the broadcast address it hears broadcasts alone; it answers from an address of its own.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answers:
            while True:
                question, seeker = udp.recvfrom(2048)
                if question == QUESTION:
                    answers.sendto(name.encode(), seeker)


def seek(seconds):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.settimeout(ASK_EVERY)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            asked = time.monotonic()
            udp.sendto(QUESTION, EVERYBODY)
            try:
                game, (address, _) = udp.recvfrom(2048)
            except TimeoutError:
                continue
            ms = round((time.monotonic() - asked) * 1000, 3)
            print(json.dumps({"game": game.decode(), "address": address, "ms": ms}))
            return 0
    return 1


if __name__ == "__main__":
    role, argument = sys.argv[1:]
    sys.exit(host(argument) if role == "host" else seek(float(argument)))
