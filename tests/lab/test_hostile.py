"""An enemy who hears everything on the internet, and sends what it likes: dropped, counted, and nobody notices.

The enemy has captured one message of each type on its way to the den. It cuts them, changes them, lengthens them,
repeats them and makes up its own.
"""

import base64
import json
import os
import random
import struct
import sys

import pytest
from lab import PORT
from netns import BIN, PROGRAMS, parse_ping, wait_for

from ipop.ports import crypto
from ipop.wg import messages
from ipop.wg.cookie import CookieJar
from ipop.wg.noise import Initiator
from ipop.wg.peer import PROLOGUE
from ipop.wg.suites import suites

pytestmark = pytest.mark.timeout(90)

SUITE = suites(crypto)["sha256"]
TYPES = {1: "initiation", 2: "response", 3: "cookie", 4: "transport"}


@pytest.fixture
def story(lab):
    """Three homes that talk, and what was captured of it.

    The den calls the lodge, which is busy, so that a cookie and a response come to the den; the cabin calls the den.
    """
    den, cabin, lodge = lab.add_home("den"), lab.add_home("cabin", nat=True), lab.add_home("lodge")
    pc, tv, phone = den.add_console("pc"), cabin.add_console("tv"), lodge.add_console("phone")
    lab.introduce(den, cabin)
    den.add_peer(lodge)
    lodge.add_peer(den, endpoint=None)
    enemy = lab.add_host("enemy")
    tap = lab.internet.spawn([BIN / "python", PROGRAMS / "capture.py", den.router.name])
    tap.wait_for_output("listening")
    lodge.start_daemon()
    flood = enemy.spawn([sys.executable, PROGRAMS / "flood.py", lodge.router.address, PORT, "sha256",
                         lodge.public_key, 30])
    wait_for(lambda: lodge.daemon.status()["dropped"].get("under-load"), 10, "a busy lodge")
    den.start_daemon()
    cabin.start_daemon()
    wait_for(lambda: phone.ping(pc.address, count=1).received, 20, "the lodge, busy as it is")
    flood.kill()
    assert tv.ping(pc.address).received
    return Story(den, enemy, captured(tap, den), tv.start_ping(pc.address))


class Story:
    def __init__(self, den, enemy, captured, playing):
        self.den = den
        self.enemy = enemy
        self.captured = captured
        self.playing = playing

    def drops(self):
        return self.den.daemon.status()["dropped"]

    def next_drop(self, before):
        """The reason of the first drop since the counters were these."""
        drops = wait_for(lambda: (drops := self.drops()) != before and drops, 3, "a drop")
        return next(reason for reason in drops if drops[reason] != before.get(reason))

    def send(self, data):
        """From the enemy to the den."""
        self.enemy.run([BIN / "python", "-c", "import socket; socket.socket(type=socket.SOCK_DGRAM)"
                        f".sendto(bytes.fromhex('{data.hex()}'), ('{self.den.router.address}', {PORT}))"])


def captured(tap, den):
    """Type -> the last message of it that came to the den."""
    lines = [json.loads(line) for line in tap.output.splitlines()[1:]]
    seen = [bytes.fromhex(line["data"]) for line in lines if line["to"] == den.router.address]
    return {TYPES[data[0]]: data for data in seen if data[3] == 1}


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def made_up(kind, story):
    """A message of this type whose form is right, by somebody who has none of the keys."""
    den = base64.b64decode(story.den.public_key)
    session, = struct.unpack_from("<I", story.captured["transport"], 4)
    if kind == "initiation":
        noise = Initiator(SUITE, crypto, os.urandom(32), den, bytes(32), PROLOGUE)
        message = messages.initiation(SUITE, 7, noise.write(os.urandom(32), b"\xff" * 12))
        return CookieJar(SUITE, crypto, den).sign(message, 0)
    if kind == "response":
        return CookieJar(SUITE, crypto, den).sign(messages.response(SUITE, 7, session, os.urandom(48)), 0)
    if kind == "cookie":
        return messages.cookie_reply(SUITE, session, os.urandom(24), os.urandom(32))
    return struct.pack("<IIQ", messages.TRANSPORT + SUITE.header, session, 1 << 40) + os.urandom(64)


ATTACKS = {
    "truncated": lambda data, kind, story: data[:-1] if kind != "transport" else data[:31],
    "oversized": lambda data, kind, story: data + (bytes(1) if kind != "transport" else bytes(2000)),
    "flipped": lambda data, kind, story: flipped(data, 20),
    "replayed": lambda data, kind, story: data,
    "wrong key": lambda data, kind, story: made_up(kind, story),
}

# What each attack is dropped as. A cookie answers one initiation, whose number is not in use any more.
REASONS = {
    "truncated": dict.fromkeys(TYPES.values(), "truncated"),
    "oversized": dict.fromkeys(TYPES.values(), "oversized"),
    "flipped": {"initiation": "bad-mac", "response": "bad-mac", "cookie": "unexpected-cookie", "transport": "forged"},
    "replayed": {"initiation": "replayed-initiation", "response": "unexpected-response",
                 "cookie": "unexpected-cookie", "transport": "replayed"},
    "wrong key": {"initiation": "unknown-peer", "response": "unexpected-response", "cookie": "bad-cookie",
                  "transport": "forged"},
}


def test_every_attack_is_dropped_for_its_own_reason(story):
    assert set(story.captured) == set(TYPES.values())
    for attack, disguise in ATTACKS.items():
        for kind, reason in REASONS[attack].items():
            before = story.drops()
            story.send(disguise(story.captured[kind], kind, story))
            assert story.next_drop(before) == reason, f"{attack} {kind}"
    ping = parse_ping(story.playing.interrupt())
    assert ping.received == ping.sent
    assert all(peer["state"] == "connected" for peer in story.den.daemon.peers().values())


def test_noise_is_dropped(story):
    chance = random.Random(1)
    before = sum(story.drops().values())
    datagrams = [chance.randbytes(chance.randrange(1, 300)) for _ in range(50)]
    for data in datagrams:
        story.send(data)
    wait_for(lambda: sum(story.drops().values()) >= before + len(datagrams), 3, "the noise in the counters")
    ping = parse_ping(story.playing.interrupt())
    assert ping.received == ping.sent
