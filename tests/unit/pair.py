"""Two nodes, a wire between them and a device behind each, in virtual time: what most of these tests are made of.

    pair = Pair()                       # both are configured, and nothing has been said yet
    pair.a.say(b"hello")                # a's device sends to b's
    pair.run(1_000)                     # a second passes: datagrams travel, timers fire
    assert pair.b.got == [b"hello"]

`pair.log` holds every datagram that was sent, `pair.lose` decides which ones get lost. With the suite "blake2s" each
node takes the other for a stock WireGuard peer, so that the same story can be told for both suites.
"""

import heapq
import struct
from collections import namedtuple

from ipop.lan.hosts import host_mac
from ipop.lan.loops import DESTINATION as LOOP_PROBE
from ipop.node import SEEN, Node, PeerConfig
from ipop.ports import crypto
from ipop.wg.timestamps import Timestamps
from ipop.wire import ip

SUITES = ("sha256", "blake2s")
WALL = 1_750_000_000_000  # the clock (ms since 1970) when a story begins
OTHER = 0x88B6  # an ethertype that is nobody's: what such a frame holds doesn't matter
ELSEWHERE = ("198.51.100.66", 666)  # an address that nobody here has

INITIATION, RESPONSE, COOKIE, KEEPALIVE, DATA = "initiation", "response", "cookie", "keepalive", "data"

# a datagram on the wire: when, the name of the side that sent it, what it is, the bytes, to which address
Sent = namedtuple("Sent", ("at", "sender", "kind", "data", "to"))


def kind_of(datagram):
    if datagram[0] == 4:
        return KEEPALIVE if len(datagram) == 32 else DATA
    return {1: INITIATION, 2: RESPONSE, 3: COOKIE}[datagram[0]]


def everything(sent):
    """For `pair.lose`: a cut cable."""
    return True


class Dice:
    """Chance that repeats (xorshift32): a test that fails, fails again."""

    def __init__(self, seed):
        self._state = seed * 2654435761 + 1 & 0xFFFFFFFF or 1
        for _ in range(4):
            self.roll()

    def roll(self):
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x

    def below(self, bound):
        return self.roll() % bound

    def bytes(self, n):
        words = [self.roll() for _ in range((n + 3) // 4)]
        return struct.pack("<%dI" % len(words), *words)[:n]


class RepeatableCrypto:
    """The port's cryptography, with dice for its randomness."""

    def __init__(self, dice):
        for name in dir(crypto):
            if not name.startswith("_"):
                setattr(self, name, getattr(crypto, name))
        self.random = dice.bytes


def ipv4(source, destination, data):
    """An IPv4 packet of UDP, without checksums."""
    udp = struct.pack(">HHHH", 27015, 27015, 8 + len(data), 0) + data
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + source + destination + udp


def ethernet(destination, source, ethertype, content):
    return destination + source + struct.pack(">H", ethertype) + content


class Side:
    """A node, the address it sends from, and one device on its LAN."""

    def __init__(self, net, name, number, private_key):
        self.net = net
        self.name = name
        self.addr = ("192.0.2.%d" % number, 51820)
        self.private_key = private_key
        self.public_key = crypto.dh_base(private_key)
        self.mac = bytes([2, 0, 0, 0, 0, number])
        self.ip = bytes([10, 0, 0, number])
        self.configs = []
        self.got = []  # what other devices said to this one
        self.frames = []  # all that the node sent into the LAN
        self.events = []
        self.node = None
        self.start(0)

    # --- the router's life

    def start(self, mark, wall=None):
        """`wall` is what its clock says, if that isn't right."""
        now = self.net.now
        wall = self.net.wall if wall is None else wall
        self.timestamps = Timestamps(wall, mark, now)
        self.node = Node(self.private_key, self.net.crypto, self.timestamps, now, "1.0-" + self.name)
        self.configure(self.configs)

    def kill(self):
        self.node = None

    def restart(self):
        """SIGKILL and a new start: only the mark outlives it."""
        mark = self.timestamps.mark
        self.kill()
        self.start(mark)

    def configure(self, configs):
        self.configs = configs
        self.node.configure(configs, self.net.now)

    def knows(self, other, suite, endpoint=None, psk=None, keepalive=0):
        """Put another side into this one's configuration."""
        allowed_ips = [(other.ip, 32)] if suite == "blake2s" else []
        config = PeerConfig(other.name, other.public_key, endpoint, psk, suite, allowed_ips, keepalive)
        self.configure(self.configs + [config])

    # --- its device

    def say(self, data, to=None):
        """Something (bytes) for another side's device."""
        self.send_frame(self.frame(data, to))

    def frame(self, data, to=None):
        to = to or self.net.other(self)
        mac = to.mac
        for config in self.configs:
            if config.public_key == to.public_key and config.suite == "blake2s":
                mac = host_mac(crypto, to.public_key)
        return ethernet(mac, self.mac, 0x0800, ipv4(self.ip, to.ip, data))

    def broadcast(self, data):
        self.send_frame(ethernet(b"\xff" * 6, self.mac, 0x0800, ipv4(self.ip, b"\xff" * 4, data)))

    def send_frame(self, frame):
        self.node.handle_frame(frame, self.net.now)
        self.net.collect()

    def take_frame(self, frame):
        if frame[:6] == LOOP_PROBE:  # which no device looks at
            return
        self.frames.append(frame)
        if frame[12:14] == b"\x08\x00" and frame[:6] in (self.mac, b"\xff" * 6):
            end = 14 + (frame[16] << 8 | frame[17])
            self.got.append(frame[42:end])
        elif frame[12:14] == b"\x08\x06" and frame[38:42] == self.ip:
            asker, asker_ip = frame[22:28], frame[28:32]
            self.send_frame(ip.arp(ip.ARP_REPLY, self.mac, self.ip, asker, asker_ip))

    # --- what can be seen of its node

    def peer(self, other=None):
        """What the node says about another side: a dictionary."""
        other = other or self.net.other(self)
        for peer in self.node.peers(self.net.now):
            if peer["public_key"] == other.public_key:
                return peer

    @property
    def dropped(self):
        return self.node.dropped

    def verdict(self, datagram, addr=None):
        """Hand the node a datagram, from the other side's address if none is given: under which words was it dropped?

        "reason", "reason+reason", or "" when it was taken."""
        addr = addr or self.net.other(self).addr
        before = dict(self.node.dropped)
        frame = self.node.handle_datagram(datagram, addr, self.net.now)
        if frame is not None:
            self.take_frame(frame)
        after = self.node.dropped
        words = [word for word in after for _ in range(after[word] - before.get(word, 0))]
        return "+".join(sorted(words))


class Net:
    """Sides that can all reach each other, if nothing is lost on the way."""

    def __init__(self, names, seed=1, delay=0):
        self.now = 0
        self.delay = delay  # ms that a datagram takes
        self.lose = None  # Sent -> whether it gets lost
        self.log = []  # Sent
        self.crypto = RepeatableCrypto(Dice(seed))
        self._flights = []
        dice = Dice(seed + 1)
        self.sides = [Side(self, name, i + 1, dice.bytes(32)) for i, name in enumerate(names)]

    @property
    def wall(self):
        """The true time, in ms since 1970."""
        return WALL + self.now

    def other(self, side):
        return self.sides[1] if side is self.sides[0] else self.sides[0]

    def run(self, ms=0):
        """Let time pass."""
        end = self.now + ms
        turns = 0
        self.collect()
        due = self._due()
        while due <= end:
            turns = 0 if due > self.now else turns + 1
            assert turns < 10_000, "the nodes never come to rest at %d" % self.now
            self.now = max(self.now, due)
            while self._flights and self._flights[0][0] <= self.now:
                self.deliver(*heapq.heappop(self._flights)[2:])
            for side in self.sides:
                if side.node is not None and side.node.poll_timeout() <= self.now:
                    side.node.handle_timeout(self.now)
            self.collect()
            due = self._due()
        self.now = end

    def run_until(self, when):
        self.run(when - self.now)

    def _due(self):
        times = [side.node.poll_timeout() for side in self.sides if side.node is not None]
        if self._flights:
            times.append(self._flights[0][0])
        return min(times)

    def collect(self):
        """Take what the nodes want sent, delivered and told."""
        for side in self.sides:
            node = side.node
            if node is None:
                continue
            item = node.poll_transmit()
            while item is not None:
                self._send(side, *item)
                item = node.poll_transmit()
            frame = node.poll_frame()
            while frame is not None:
                side.take_frame(frame)
                frame = node.poll_frame()
            event = node.poll_event()
            while event is not None:
                if event.kind != SEEN:  # which nobody is told
                    side.events.append(event)
                event = node.poll_event()

    def _send(self, side, data, to):
        sent = Sent(self.now, side.name, kind_of(data), data, to)
        self.log.append(sent)
        if self.lose is None or not self.lose(sent):
            heapq.heappush(self._flights, (self.now + self.delay, len(self.log), data, side.addr, to))

    def deliver(self, data, source, to):
        for side in self.sides:
            if side.addr == to and side.node is not None:
                frame = side.node.handle_datagram(data, source, self.now)
                if frame is not None:
                    side.take_frame(frame)
                self.collect()

    def sent(self, side, kind, since=0):
        """When a side sent datagrams of a kind."""
        return [sent.at for sent in self.log if sent.sender == side.name and sent.kind == kind and sent.at >= since]

    def last(self, side, kind):
        """The last datagram of a kind that a side sent (bytes)."""
        return [sent.data for sent in self.log if sent.sender == side.name and sent.kind == kind][-1]


class Pair(Net):
    """Sides `a` and `b`. As long as `b` doesn't know where `a` is, it is `a` who calls (`both` makes them both call).

    `a_leads` says whose key is higher, and so whose handshake wins when both have begun one."""

    def __init__(self, suite="sha256", both=False, a_leads=True, psk=None, keepalive=0, seed=1, delay=0):
        super().__init__("ab", seed, delay)
        self.suite = suite
        a, b = self.sides
        if (a.public_key > b.public_key) != a_leads:
            a.private_key, b.private_key = b.private_key, a.private_key
            a.public_key, b.public_key = b.public_key, a.public_key
            a.start(0)
            b.start(0)
        self.a, self.b = a, b
        b.knows(a, suite, a.addr if both else None, psk)
        a.knows(b, suite, b.addr, psk, keepalive)

    def connect(self):
        """One frame each way, so that each has heard the other; returns the pair."""
        self.run(4 * self.delay)
        self.a.say(b"hello")
        self.run(4 * self.delay)
        self.b.say(b"welcome")
        self.run(4 * self.delay)
        assert self.a.got == [b"welcome"] and self.b.got == [b"hello"], (self.a.dropped, self.b.dropped)
        self.a.got, self.b.got = [], []
        return self

    def know_the_path(self):
        """Both sides have found out what the path carries: nothing is probed any more. Returns the pair."""
        for side, other in ((self.a, self.b), (self.b, self.a)):
            side.node._links[other.public_key].fitting.want(self.now)
        self.run(16 * self.delay)
        return self

    def carries(self):
        """Whether a frame gets through, each way; a user's ping."""
        self.a.got, self.b.got = [], []
        self.a.say(b"ping")
        self.run(2 * self.delay)
        self.b.say(b"pong")
        self.run(2 * self.delay)
        carried = self.b.got == [b"ping"] and self.a.got == [b"pong"]
        self.a.got, self.b.got = [], []
        return carried

    def talk(self, ms, every=1_000):
        """A frame each way every so often; returns how many got lost."""
        end = self.now + ms
        lost = 0
        self.a.got, self.b.got = [], []
        while self.now < end:
            self.a.say(b"%d" % self.now)
            self.b.say(b"%d" % self.now)
            self.run(every)
            lost += 2 - len(self.a.got) - len(self.b.got)
            self.a.got, self.b.got = [], []
        return lost

    def session(self, side):
        """The session that a side sends on: for what can't be seen from outside."""
        link = side.node._links[self.other(side).public_key]
        return link.peer.current
