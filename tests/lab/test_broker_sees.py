"""The broker is trusted with nothing: who sits there learns no content, name or key, and harms nobody.

A client at a real mosquitto hears everything. First it looks through all that it has heard of a group's life; then it
says all of it again, in every wrong way, to a group at play.
"""

import base64
import ipaddress
import json
import os
import re
from collections import namedtuple

import pytest
from brokers import Mosquitto
from groups import asked, console_of, create, group_of, invite, join, new_home, on_flash, wait_connected
from lab import PORT
from netns import BIN, PROGRAMS, wait_for

from ipop.errors import Rejected
from ipop.group import entry, identity, secret
from ipop.group import invite as invites
from ipop.ports import crypto
from ipop.signal import sealed

GROUP = "sunday-players"
NAMES = {"den": "Lighthouse", "cabin": "Grandmother's", "lodge": "Weekend-hut", "shed": "Allotment",
         "annex": "Cellar-bar"}
RENAMED = "Boathouse-9"
SAID = b"only for the TV!"  # what the consoles tell each other: 16 bytes that ping repeats

Message = namedtuple("Message", "topic payload retain")


class Gossip(Mosquitto):
    """A mosquitto with the configuration that `ipop broker` prints, but one that writes down who says what."""

    def start(self):
        path = self.host.lab.folder / "mosquitto.conf"
        said = self.host.run([BIN / "ipop", "broker"]).stdout
        path.write_text(said + "log_type debug\nlog_type notice\nconnection_messages true\n")
        self.process = self.host.spawn(["/usr/sbin/mosquitto", "-c", path])
        wait_for(self._listens, 5, "mosquitto listening")

    def senders(self):
        """{topic: the addresses from which something was published there}"""
        log = self.process.output
        address_of = {client: address for address, client in re.findall(r"connected from (\S+):\d+ as (\S+) ", log)}
        senders = {}
        for client, topic in re.findall(r"Received PUBLISH from (\S+) \(.*?, '(.*?)',", log):
            senders.setdefault(topic, set()).add(address_of[client])
        return senders


class Enemy:
    """A stranger with a client of its own at the broker."""

    def __init__(self, lab, broker):
        self._host = lab.add_host("enemy")
        self._client = [BIN / "python", PROGRAMS / "broker_client.py", broker.host.address]
        self._ear = self._host.spawn([*self._client, "listen"])
        self._ear.wait_for_output("listening")

    def heard(self):
        """All Messages so far."""
        lines = self._ear.output.splitlines(keepends=True)[1:]
        seen = [json.loads(line) for line in lines if line.endswith("\n")]
        return [Message(each["topic"], bytes.fromhex(each["payload"]), each["retain"]) for each in seen]

    def kept(self):
        """{topic: payload} of what the broker keeps."""
        latest = {each.topic: each.payload for each in self.heard() if each.retain}
        return {topic: payload for topic, payload in latest.items() if payload}

    def say(self, messages):
        lines = [json.dumps(dict(each._asdict(), payload=each.payload.hex())) for each in messages]
        self._host.run([*self._client, "publish"], input="\n".join(lines), stdin=None)


@pytest.fixture
def broker(lab):
    return Gossip(lab.add_host("broker"))


@pytest.fixture
def enemy(lab, broker):
    return Enemy(lab, broker)


# --- what it hears


def test_a_groups_whole_life_gives_nothing_away(lab, broker, enemy):
    """Nobody but the members can read along, and who is a member can't be told from the messages."""
    den, cabin, lodge = new_home(lab, "den"), new_home(lab, "cabin", nat=True), new_home(lab, "lodge")
    words = {GROUP, RENAMED, SAID, *NAMES.values()}
    create(den, GROUP, broker.url, name=NAMES["den"])
    for home in (cabin, lodge):
        line = invite(den)
        words |= {line, invites.parse(crypto, line).secret}
        join(home, line, name=NAMES[home.name])
    pc, tv = console_of(den), console_of(cabin)
    assert tv.run(["ping", "-n", "-c", 3, "-i", 0.1, "-p", SAID.hex(), pc.address]).returncode == 0

    def note():
        for home in (den, cabin, lodge):
            words.update(secrets_of(home))

    note()
    asked(den, "rename", NAMES["lodge"], RENAMED)
    asked(den, "promote", NAMES["cabin"])
    wait_for(lambda: group_of(cabin)["role"] == "admin", 10, "the cabin's promotion")
    note()
    asked(cabin, "revoke", RENAMED)  # and with it there is a new secret
    cabin.daemon.kill()
    cabin.start_daemon()
    wait_connected(cabin, NAMES["den"])
    note()
    before = len(enemy.heard())
    asked(cabin, "leave")
    wait_for(lambda: any(not each.payload for each in enemy.heard()[before:]), 5, "the cabin clearing its place")

    heard = enemy.heard()
    everything = b"\n".join(each.topic.encode() + b" " + each.payload for each in heard)
    topics = {each.topic for each in heard}
    print(f"{len(heard)} messages, {len(topics)} topics, {len(everything)} bytes; {len(words)} words looked for")
    assert len(heard) >= 15 and len(topics) >= 10 and len(everything) > 8_000 and len(words) > 40
    assert [word for word in words if is_in(everything, word)] == []
    senders = broker.senders()
    assert len(topics - senders.keys()) <= 1  # the cabin's will, which the broker said itself
    assert {topic: addresses for topic, addresses in senders.items() if len(addresses) > 1} == {}


def secrets_of(home):
    """Whatever the home's router knows of its group and of where its members are: bytes and texts."""
    saved = on_flash(home, GROUP)
    own, kept = identity.Identity(crypto, saved.seed), saved.kept
    words = {saved.seed, own.wg_private, kept["group"], kept["charter"], kept["secret"], *kept["entries"]}
    words.add(secret.parse(crypto, kept["group"], kept["secret"]).secret)
    for each in map(entry.parse, kept["entries"]):
        words |= {each.member, identity.wg_key(crypto, each.member), identity.fingerprint(crypto, each.member)}
    for address in {"192.168.1.2", *(other.gateway.address for other in home.lab.homes)}:
        words |= {f"{address}:{PORT}", ipaddress.ip_address(address).packed + PORT.to_bytes(2, "big")}
    return words | set(kept["places"])


def is_in(text, word):
    """Whether the word is in there: as it is, or as hex or base64 would have it, alone or in the middle of more."""
    if isinstance(word, str):
        return word.encode().lower() in text.lower() or is_in(text, word.encode())
    forms = {word, word.hex().encode(), word.hex().upper().encode()}
    for before in range(3):
        base64_form = base64.b64encode(bytes(before) + word).rstrip(b"=")
        middle = base64_form[before and before + 1 : -1]
        forms |= {middle, middle.replace(b"+", b"-").replace(b"/", b"_")}
    return any(form in text for form in forms)


def test_what_is_looked_for_would_be_found():
    key = os.urandom(32)
    for text in (key, key.hex(), key.hex().upper(), base64.b64encode(key), base64.urlsafe_b64encode(key),
                 base64.b64encode(b"1" + key + b"2"), base64.b64encode(b"12" + key + b"3")):
        text = text.encode() if isinstance(text, str) else text
        assert is_in(b"before " + text + b" after", key)
    assert is_in(b"the LIGHTHOUSE is there", NAMES["den"]) and not is_in(os.urandom(50_000), key)


# --- what it can do


def replayed(enemy):
    return enemy.heard()


def in_reverse_order(enemy):
    return enemy.heard()[::-1]


def altered(enemy):
    """One bit of each."""
    return [Message(each.topic, flipped(each.payload), each.retain) for each in enemy.heard() if each.payload]


def flipped(payload):
    at = len(payload) // 2
    return payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]


def swapped(enemy):
    """In each place that is kept, what was kept in another."""
    topics, payloads = zip(*enemy.kept().items(), strict=True)
    return [Message(*each, True) for each in zip(topics, payloads[1:] + payloads[:1], strict=True)]


def invented(enemy):
    """In each place and beside it."""
    places = {each.topic for each in enemy.heard()}
    beside = {place.rpartition("/")[0] + "/" + "0123456789abcdefghjkmnpqrs" for place in places}
    messages = [Message(topic, os.urandom(300), False) for topic in places | beside]
    return messages + [Message(topic, os.urandom(sealed.PAYLOAD_MAX + 1), False) for topic in beside]


def overwritten(enemy):
    return [Message(topic, os.urandom(100), True) for topic in enemy.kept()]


def deleted(enemy):
    return [Message(topic, b"", True) for topic in enemy.kept()]


# What each is dropped as: some of it, by somebody.
TRICKS = {
    replayed: {"signal-replayed", "signal-stranger"},
    in_reverse_order: {"signal-replayed"},
    altered: {"signal-forged", "join-forged", "bad-box"},
    swapped: {"signal-forged", "bad-box"},
    invented: {"signal-forged", "signal-oversized", "join-forged"},
    overwritten: {"signal-forged", "bad-box"},
    deleted: {"signal-overwritten"},
}


def test_whatever_a_stranger_does_at_the_broker_nobody_is_harmed(lab, broker, enemy):
    """Not one ping is lost, nobody's list of members changes, and whoever comes later is let in."""
    den, cabin, lodge = new_home(lab, "den"), new_home(lab, "cabin", nat=True), new_home(lab, "lodge")
    shed = new_home(lab, "shed")
    create(den, GROUP, broker.url, name=NAMES["den"])
    for home in (cabin, lodge, shed):
        join(home, invite(den), name=NAMES[home.name])
    wait_connected(lodge, NAMES["den"], NAMES["cabin"], NAMES["shed"])
    asked(den, "promote", NAMES["cabin"])
    asked(den, "revoke", NAMES["shed"])
    homes = [den, cabin, lodge]
    wait_for(lambda: len({on_flash(home, GROUP).kept["secret"] for home in homes}) == 1, 10, "one secret")
    wait_for(lambda: announcements(enemy, den).keys() == {home.name for home in homes}, 10, "all announcements")
    shed.daemon.stop()
    consoles = [console_of(home) for home in homes]
    assert all(console.reaches(consoles[0].address) for console in consoles)
    playing = [a.start_ping(b.address) for a, b in zip(consoles, consoles[1:] + consoles[:1], strict=True)]
    rosters = [on_flash(home, GROUP).kept["entries"] for home in homes]

    for trick, words in TRICKS.items():
        before = drops(homes)
        enemy.say(trick(enemy))
        wait_dropped(homes, words, before, trick.__name__)

    assert [on_flash(home, GROUP).kept["entries"] for home in homes] == rosters
    for home in homes:
        wait_connected(home, *[NAMES[other.name] for other in homes if other is not home], seconds=0)
    annex = new_home(lab, "annex", nat=True)
    join(annex, invite(den), name=NAMES["annex"])
    assert console_of(annex).reaches(consoles[0].address)
    wait_for(lambda: announcements(enemy, den).keys() >= {home.name for home in homes}, 60, "all put right again")
    assert [ping.lost() for ping in playing] == [0, 0, 0]


def wait_dropped(homes, words, before, what):
    """Until all of these words count more than before."""
    # An owner looks again before it puts something right: the longer, the more often that was needed.
    wait_for(lambda: all(drops(homes).get(word, 0) > before.get(word, 0) for word in words), 30, f"{what}: {words}")


def drops(homes):
    """What was dropped at all of them together."""
    total = {}
    for home in homes:
        for word, count in home.daemon.status()["dropped"].items():
            total[word] = total.get(word, 0) + count
    return total


def announcements(enemy, den):
    """{home's name: its announcement}, of those that the broker keeps and whoever has the secret can read."""
    kept, found = on_flash(den, GROUP).kept, {}
    sealer = sealed.Sealer(crypto, secret.parse(crypto, kept["group"], kept["secret"]).secret)
    names = {name: home for home, name in NAMES.items()}
    retained = enemy.kept()
    for each in map(entry.parse, kept["entries"]):
        slot = sealed.for_everybody(sealed.ANNOUNCEMENT, each.member)
        topic = sealer.topic(slot)
        try:
            opened = sealer.open(topic, retained.get(topic, b""))
            found[names[each.name]] = sealed.verify(crypto, kept["group"], opened)
        except Rejected:
            pass
    return found
