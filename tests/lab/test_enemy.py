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
from netns import BIN, PROGRAMS, wait_for

from ipop.ports import crypto
from ipop.wg import messages
from ipop.wg.cookie import CookieJar
from ipop.wg.noise import Initiator
from ipop.wg.peer import PROLOGUE
from ipop.wg.suites import suites

SUITE = suites(crypto)["sha256"]
OWN = ("stays-local", "querier", "too-large", "no-endpoint")
TYPES = {1: "initiation", 2: "response", 3: "cookie", 4: "transport"}


@pytest.fixture
def story(lab):
    """Three homes that talk, and what was captured of it.

    The den calls the lodge, which is busy, so that a cookie and a response come to the den; the cabin calls the den.
    And there is somebody whom the den calls in vain, all the time.
    """
    den, cabin, lodge = lab.add_home("den"), lab.add_home("cabin", nat=True), lab.add_home("lodge")
    silent = lab.add_home("silent")
    pc, tv, phone = den.add_console("pc"), cabin.add_console("tv"), lodge.add_console("phone")
    lab.introduce(den, cabin)
    den.add_peer(lodge)
    den.add_peer(silent)
    lodge.add_peer(den, endpoint=None)
    enemy = lab.add_host("enemy")
    story = Story(den, silent, enemy)
    lodge.start_daemon()
    flood = enemy.spawn([sys.executable, PROGRAMS / "flood.py", lodge.router.address, PORT, "sha256",
                         lodge.public_key, 300])
    wait_for(lambda: lodge.daemon.status()["dropped"].get("under-load"), 10, "a busy lodge")

    def den_was_handed_a_cookie():  # now and then a call finds room in the budget, and needs none
        if den.daemon:
            den.daemon.kill()
        den.start_daemon()
        return "cookie" in story.captured()
    wait_for(den_was_handed_a_cookie, 10, "a cookie")
    flood.kill()  # how much of it leaves room for others depends on the machine
    cabin.start_daemon()
    wait_for(lambda: phone.ping(pc.address, count=1).received, 45, "the lodge")
    assert tv.reaches(pc.address)
    story.playing = tv.start_ping(pc.address)
    return story


class Story:
    def __init__(self, den, silent, enemy):
        self.den = den
        self.enemy = enemy
        self.playing = None
        self._silent = silent
        self._tap = den.lab.internet.spawn([BIN / "python", PROGRAMS / "capture.py", den.router.name])
        self._tap.wait_for_output("listening")

    def captured(self):
        """Type -> the last message of it that a friend sent to the den."""
        return self._last_messages(lambda line: line["to"] == self.den.router.address
                                   and line["from"] != self.enemy.address)

    def call_under_way(self):
        """The index by which the den awaits the answer of somebody who is silent."""
        calls = self._last_messages(lambda line: line["to"] == self._silent.router.address)
        return messages.parse_initiation(calls["initiation"])[0]

    def _last_messages(self, chosen):
        lines = [json.loads(line) for line in self._tap.output.splitlines(keepends=True)[1:] if line.endswith("\n")]
        seen = [bytes.fromhex(line["data"]) for line in lines if chosen(line)]
        return {TYPES[data[0]]: data for data in seen if data[3] == 1}

    def drops(self):
        """What the den threw away, but for what its own devices bring about, and its search for the path's size."""
        dropped = self.den.daemon.status()["dropped"]
        return {word: n for word, n in dropped.items() if word not in OWN and not word.startswith(("guard-", "stays-"))}

    def next_drop(self, before):
        """The reason of the first drop since the counters were these."""
        drops = wait_for(lambda: (drops := self.drops()) != before and drops, 3, "a drop")
        return next(reason for reason in drops if drops[reason] != before.get(reason))

    def dropped_as(self, attack, kind):
        """The reasons for which this attack was dropped; the call that it answers may just have been made anew."""
        reasons = []
        for _ in range(1 if kind in ("initiation", "transport") else 3):
            before = self.drops()
            self.send(attack(kind, self))
            reasons.append(self.next_drop(before))
        return reasons

    def send(self, data):
        """From the enemy to the den."""
        self.enemy.run([BIN / "python", "-c", "import socket; socket.socket(type=socket.SOCK_DGRAM)"
                        f".sendto(bytes.fromhex('{data.hex()}'), ('{self.den.router.address}', {PORT}))"])


def truncated(kind, story):
    return story.captured()[kind][:31 if kind == "transport" else -1]


def oversized(kind, story):
    return story.captured()[kind] + bytes(2000 if kind == "transport" else 1)


def flipped(kind, story):
    # A response and a cookie must be awaited, else nobody looks at the rest of them.
    data = made_up(kind, story) if kind in ("response", "cookie") else story.captured()[kind]
    return data[:20] + bytes([data[20] ^ 1]) + data[21:]


def replayed(kind, story):
    return story.captured()[kind]


def made_up(kind, story):
    """A message of this type whose form is right, by somebody who has none of the keys."""
    den = base64.b64decode(story.den.public_key)
    if kind == "initiation":
        noise = Initiator(SUITE, crypto, os.urandom(32), den, bytes(32), PROLOGUE)
        message = messages.initiation(SUITE, 7, noise.write(os.urandom(32), b"\xff" * 12))
        return CookieJar(SUITE, crypto, den).sign(message, 0)
    if kind == "response":
        message = messages.response(SUITE, 7, story.call_under_way(), os.urandom(48))
        return CookieJar(SUITE, crypto, den).sign(message, 0)
    if kind == "cookie":
        return messages.cookie_reply(SUITE, story.call_under_way(), os.urandom(24), os.urandom(32))
    session, = struct.unpack_from("<I", story.captured()["transport"], 4)
    return struct.pack("<IIQ", messages.TRANSPORT + SUITE.header, session, 1 << 40) + os.urandom(64)


def misaddressed(kind, story):
    """For a key, a call or a session that is not the den's."""
    data = bytearray(made_up(kind, story))
    data[{"initiation": -32, "response": 8, "cookie": 4, "transport": 4}[kind]] ^= 1
    return bytes(data)


# What each attack is dropped as. The call that a captured cookie answered may be the last one, or one before it.
REASONS = {
    truncated: dict.fromkeys(TYPES.values(), "truncated"),
    oversized: dict.fromkeys(TYPES.values(), "oversized"),
    flipped: {"initiation": "bad-mac", "response": "bad-mac", "cookie": "bad-cookie", "transport": "forged"},
    replayed: {"initiation": "replayed-initiation", "response": "unexpected-response",
               "cookie": ("bad-cookie", "unexpected-cookie"), "transport": "replayed"},
    made_up: {"initiation": "unknown-peer", "response": "bad-handshake", "cookie": "bad-cookie",
              "transport": "forged"},
    misaddressed: {"initiation": "bad-mac", "response": "unexpected-response", "cookie": "unexpected-cookie",
                   "transport": "unknown-session"},
}


def test_every_attack_is_dropped_for_its_own_reason(story):
    for attack, reasons in REASONS.items():
        for kind, reason in reasons.items():
            allowed = (reason,) if isinstance(reason, str) else reason
            seen = story.dropped_as(attack, kind)
            assert set(seen) & set(allowed), f"{attack.__name__} {kind}: {seen}"
    assert story.playing.lost() == 0
    peers = story.den.daemon.peers()
    assert peers["cabin"]["state"] == peers["lodge"]["state"] == "connected"


def test_noise_is_dropped(story):
    chance = random.Random(1)
    before = sum(story.drops().values())
    datagrams = [chance.randbytes(chance.randrange(1, 300)) for _ in range(50)]
    for data in datagrams:
        story.send(data)
    wait_for(lambda: sum(story.drops().values()) >= before + len(datagrams), 3, "the noise in the counters")
    assert story.playing.lost() == 0
