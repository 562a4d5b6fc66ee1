"""Homes of one group, in virtual time: devices that answer as devices do, and between them the routers' Neighbours."""

from collections import deque

from ipop.errors import Rejected
from ipop.lan.neighbours import ALL, Neighbours
from ipop.wire import ethernet, ip
from ipop.wire.dissect import dissect

PREFIX = b"\xfd\x1a\x2b\x3c\x4d\x5e\x00\x01"
SUBNET = b"\x0a\x4d"  # 10.77.0.0/16; the slice of home n is 10.77.n.0/24
UNSPECIFIED = bytes(16)
UDP = 17


def udp4(source, destination, body=b"game"):
    length = 28 + len(body)
    head = b"\x45\0" + length.to_bytes(2, "big") + b"\0\1\0\0\x40\x11\0\0" + source + destination
    return head + b"\x10\0\x10\0" + (8 + len(body)).to_bytes(2, "big") + b"\0\0" + body


def packet6(source, destination, body, protocol=UDP, hops=64):
    return b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes([protocol, hops]) + source + destination + body


def dad(mac, target):
    """A question for duplicates: from no address, without the option (RFC 4862 section 5.4.2)."""
    group = ip.solicited_node(target)
    body = b"\x87\0\0\0" + bytes(4) + target
    return ethernet.header(ip.multicast_mac(group), mac, ethernet.IPV6) + packet6(UNSPECIFIED, group, body, 58, 255)


def read(frame):
    """The Packet of a frame, and the memory it is in."""
    mem = memoryview(bytearray(b"####" + frame + b"####"))
    return dissect(mem, 4, len(frame)), mem


class Config:
    def __init__(self, name):
        self.name = name


class Link:
    def __init__(self, name):
        self.config = Config(name)
        self.is_up = True


class Device:
    """It has a MAC address and by it a link-local and a global IPv6 address; `home` is where it is."""

    def __init__(self, home, n, ipv4=None):
        self.home = home
        self.mac = b"\x02\xde\x00\x00\x00" + bytes([n])
        self.ipv4 = ipv4 or SUBNET + bytes([home.number, n])
        self.local = ip.link_local(self.mac)
        self.ipv6 = PREFIX + self.local[8:]
        self.sleeps = False
        self.heard = []
        home.devices.append(self)

    def carry(self, home):
        """To another home, where DHCP gives it another address."""
        self.home.devices.remove(self)
        home.devices.append(self)
        self.home = home
        self.ipv4 = SUBNET + bytes([home.number, self.mac[5]])

    def send(self, frame):
        """What became of it: a reason, or None."""
        return self.home.send(frame)

    def asks(self, address):
        if len(address) == 4:
            return self.send(ip.arp(ip.ARP_REQUEST, self.mac, self.ipv4, bytes(6), address))
        return self.send(ip.solicitation(self.mac, self.ipv6, address))

    def broadcasts(self, source=None):
        packet = udp4(source or self.ipv4, SUBNET + b"\xff\xff")
        return self.send(ethernet.header(ethernet.BROADCAST, self.mac, ethernet.IPV4) + packet)

    def multicasts(self, source=None):
        group = b"\xff\x02" + bytes(13) + b"\xfb"
        packet = packet6(source or self.local, group, bytes(8))
        return self.send(ethernet.header(ip.multicast_mac(group), self.mac, ethernet.IPV6) + packet)

    def wakes(self):
        """What a device does on a new network, as far as others see it."""
        self.send(dad(self.mac, self.local))
        self.send(dad(self.mac, self.ipv6))
        self.send(ip.arp(ip.ARP_REQUEST, self.mac, self.ipv4, bytes(6), self.ipv4))

    def receive(self, frame):
        if frame[6:12] == self.mac or not (frame[0] & 1 or frame[:6] == self.mac) or self.sleeps:
            return
        self.heard.append(frame)
        arp = ip.parse_arp(frame) if ethernet.ethertype(frame, 0) == ethernet.ARP else None
        if arp is not None and arp[0] == ip.ARP_REQUEST and arp[3] == self.ipv4:
            self.send(ip.arp(ip.ARP_REPLY, self.mac, self.ipv4, frame[6:12], arp[2]))
        asked = ip.parse_neighbour(frame) if ethernet.ethertype(frame, 0) == ethernet.IPV6 else None
        if asked is not None and asked[0] == ip.SOLICITATION and asked[2] in (self.local, self.ipv6):
            self.send(ip.advertisement(self.mac, asked[2], frame[6:12], asked[1]))

    def answers(self):
        """(address, MAC) of each answer to its questions."""
        found = []
        for frame in self.heard:
            said = ip.parse_arp(frame) or ip.parse_neighbour(frame)
            if said is not None and len(said[1]) == 6 and said[0] == ip.ARP_REPLY:
                found.append((said[2], said[1]))
            elif said is not None and said[0] == ip.ADVERTISEMENT:
                found.append((said[2], said[3]))
        return found


class Home:
    def __init__(self, group, number):
        self.group = group
        self.number = number
        self.devices = []
        self.dropped = {}  # reason -> how many frames
        self.sent = []  # (home, frame) that went into a tunnel
        self.wakeups = 0  # frames of others that reached this LAN
        self.neighbours = Neighbours(b"\x06home" + bytes([number]), self.count)
        self.links = {}  # home -> Link

    def count(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def send(self, frame):
        """A frame on this LAN: other devices hear it, and so does the router."""
        reason = self.out(frame)
        for device in list(self.devices):
            device.receive(frame)
        return reason

    def out(self, frame):
        packet, mem = read(frame)
        try:
            self.neighbours.check_out(packet, mem, self.group.now)
            to = self.neighbours.answer_out(packet, mem, self.group.now)
        except Rejected as rejected:
            self.count(rejected.reason)
            return rejected.reason
        if to is None or to is ALL:
            known = self.neighbours._bindings.get(packet.destination)
            to = list(self.links.values()) if known is None else [known.owner]
        elif to is True:
            to = []
        else:
            to = [to]
        for home, link in self.links.items():
            if link in to:
                self.tunnel(home, frame)
        return None

    def tunnel(self, home, frame):
        """Put a frame into the tunnel to another home; a hostile router does so unguarded."""
        self.sent.append((home, frame))
        return home.into(self, frame)

    def into(self, source, frame):
        packet, mem = read(frame)
        link = self.links[source]
        try:
            self.neighbours.check_in(packet, mem, link, self.group.now)
            if self.neighbours.answer_in(packet, mem, link, self.group.now):
                return None
        except Rejected as rejected:
            self.count(rejected.reason)
            return rejected.reason
        self.wakeups += 1
        for device in list(self.devices):
            device.receive(frame)
        return None

    def owner(self, address):
        """The home in which an address is, by this one's router; None: nobody's."""
        binding = self.neighbours._bindings.get(address)
        if binding is None:
            return None
        for home, link in self.links.items():
            if link is binding.owner:
                return home
        return self


class Group:
    """`lose(source, target, content)` says which messages get lost."""

    def __init__(self, n):
        self.now = 1_000_000
        self.messages = 0
        self.lose = lambda source, target, content: False
        self.homes = [Home(self, number) for number in range(1, n + 1)]
        for home in self.homes:
            home.links = {other: Link("home%d" % other.number) for other in self.homes if other is not home}
            others = {link: [(SUBNET + bytes([other.number, 0]), 24)] for other, link in home.links.items()}
            home.neighbours.set_slices([(SUBNET + bytes([home.number, 0]), 24)], others)
            home.neighbours.set_prefix(PREFIX)
            home.neighbours.handle_timeout(self.now)

    def settle(self):
        """Whatever waits goes where it has to."""
        is_busy = True
        while is_busy:
            is_busy = False
            for home in self.homes:
                frame = home.neighbours.poll_frame()
                while frame is not None:
                    is_busy = True
                    for device in list(home.devices):
                        device.receive(frame)
                    frame = home.neighbours.poll_frame()
                reply = home.neighbours.poll_reply()
                while reply is not None:
                    is_busy = True
                    for other, link in home.links.items():
                        if link is reply[0]:
                            home.tunnel(other, reply[1])
                    reply = home.neighbours.poll_reply()
                is_busy = self.deliver(home) or is_busy

    def deliver(self, home):
        waiting = deque((), 1000)
        message = home.neighbours.poll_message()
        while message is not None:
            waiting.append(message)
            message = home.neighbours.poll_message()
        is_any = bool(waiting)
        while waiting:
            link, content = waiting.popleft()
            self.messages += 1
            for other, its in home.links.items():
                if its is link and not self.lose(home, other, content):
                    try:
                        other.neighbours.handle_message(other.links[home], content, self.now)
                    except Rejected as rejected:
                        other.count(rejected.reason)
        return is_any

    def wait(self, ms):
        until = self.now + ms
        self.settle()
        while True:
            due = min([home.neighbours.poll_timeout() for home in self.homes])
            if due > until:
                break
            self.now = max(self.now, due)
            for home in self.homes:
                if home.neighbours.poll_timeout() <= self.now:
                    home.neighbours.handle_timeout(self.now)
            self.settle()
        self.now = until
