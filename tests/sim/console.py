"""Devices on a home's LAN, as far as a story needs them: they speak ARP and UDP over Ethernet, and remember.

The frames are made here by hand rather than with the daemon's own code, so that a mistake there can't hide.
"""

import struct

BROADCAST = b"\xff" * 6
LOOP_PROBE = b"\x03ipop\x01"
ARP, IPV4 = 0x0806, 0x0800
_REQUEST, _REPLY = 1, 2
_UDP = 17
_PORT = 27015


def ethernet(destination, source, ethertype, payload):
    frame = destination + source + struct.pack(">H", ethertype) + payload
    return frame + bytes(max(0, 60 - len(frame)))


def ip_bytes(text):
    return bytes([int(part) for part in text.split(".")])


def ip_text(packed):
    return ".".join([str(part) for part in packed])


def udp(source_ip, destination_ip, source_port, destination_port, payload):
    """An IPv4 packet."""
    length = 28 + len(payload)
    addresses = ip_bytes(source_ip) + ip_bytes(destination_ip)
    header = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, _UDP, 0) + addresses
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack(">H", ~total & 0xFFFF) + addresses
    return header + struct.pack(">HHHH", source_port, destination_port, length - 20, 0) + payload


def arp(operation, mac, ip, target_mac, target_ip):
    addresses = mac + ip_bytes(ip) + target_mac + ip_bytes(target_ip)
    return struct.pack(">HHBBH", 1, IPV4, 6, 4, operation) + addresses


class Console:
    """One device. `received` holds (sender's IP, payload) of the UDP that came for it or for all."""

    def __init__(self, name, mac, ip, plug):
        self.name = name
        self.mac = mac
        self.ip = ip
        self.received = []
        self.frames = 0  # all that reached its port, whatever they were
        self.neighbours = {}  # what ARP told: IP -> MAC
        self.on_udp = None  # if set, called with (sender's IP, payload) instead
        self._plug = plug

    def broadcast(self, payload, port=_PORT):
        self._udp(BROADCAST, "255.255.255.255", payload, port)

    def send(self, other, payload, port=_PORT):
        """To another console, whose MAC is known already."""
        self._udp(other.mac, other.ip, payload, port)

    def ask_for(self, ip):
        """Ask by ARP who has an address; the answer comes to `neighbours`."""
        request = arp(_REQUEST, self.mac, self.ip, bytes(6), ip)
        self.send_frame(ethernet(BROADCAST, self.mac, ARP, request))

    def send_frame(self, frame):
        self._plug(frame, self)

    def handle_frame(self, frame):
        if frame[:6] == LOOP_PROBE:  # which routers mean for each other
            return
        self.frames += 1
        if frame[:6] not in (self.mac, BROADCAST):
            return
        (ethertype,) = struct.unpack(">H", frame[12:14])
        if ethertype == ARP:
            self._handle_arp(frame[14:42])
        elif ethertype == IPV4 and frame[23] == _UDP:
            self._handle_udp(frame[14:])

    def _udp(self, mac, ip, payload, port):
        self.send_frame(ethernet(mac, self.mac, IPV4, udp(self.ip, ip, port, port, payload)))

    def _handle_arp(self, packet):
        (operation,) = struct.unpack(">H", packet[6:8])
        mac, ip, target = packet[8:14], ip_text(packet[14:18]), ip_text(packet[24:28])
        if target == self.ip:
            self.neighbours[ip] = mac
            if operation == _REQUEST:
                self.send_frame(ethernet(mac, self.mac, ARP, arp(_REPLY, self.mac, self.ip, mac, ip)))

    def _handle_udp(self, packet):
        (length,) = struct.unpack(">H", packet[2:4])
        sender, payload = ip_text(packet[12:16]), packet[28:length]
        if self.on_udp is not None:
            self.on_udp(sender, payload)
        else:
            self.received.append((sender, payload))


class Lan:
    """A home's Ethernet: its consoles, and one port that leads to the daemon's TAP; maybe a cable to another one."""

    def __init__(self, agenda, tap):
        self.consoles = []
        self.cable = None
        self._agenda = agenda
        self._tap = tap

    def add(self, name, mac, ip):
        console = Console(name, mac, ip, self._from_console)
        self.consoles.append(console)
        return console

    def from_tap(self, frame):
        for console in self.consoles:
            if console.mac == frame[:6] or frame[0] & 1:
                console.handle_frame(frame)
        if self.cable is not None:
            self._agenda.at(self._agenda.now, self.cable.from_cable, frame)

    def from_cable(self, frame):
        if self.cable is not None:  # else somebody has just pulled it
            for console in self.consoles:
                if console.mac == frame[:6] or frame[0] & 1:
                    console.handle_frame(frame)
            self._agenda.at(self._agenda.now, self._tap, frame)

    def _from_console(self, frame, sender):
        is_local = False
        for console in self.consoles:
            if console.mac == frame[:6]:
                is_local = True
            if console is not sender and (console.mac == frame[:6] or frame[0] & 1):
                console.handle_frame(frame)
        if not is_local:
            self._agenda.at(self._agenda.now, self._tap, frame)  # not from within the daemon's own turn
            if self.cable is not None:
                self._agenda.at(self._agenda.now, self.cable.from_cable, frame)


def join(one, other):
    """A cable from LAN to LAN; it is pulled by `part`."""
    one.cable, other.cable = other, one


def part(one, other):
    one.cable = other.cable = None


class Talk:
    """One console sends another a numbered datagram every so often; what came of them.

    `sent` and `arrived` map a number to when it was sent and when it first came; `doubled` are the numbers that
    came more than once, and `strange` counts what was never sent."""

    def __init__(self, agenda, speaker, listener, every, size=100):
        self.sent = {}
        self.arrived = {}
        self.doubled = []
        self.strange = 0
        self._agenda = agenda
        self._speaker = speaker
        self._listener = listener
        self._every = every
        self._size = size
        self._talking = True
        listener.on_udp = self._hear
        self._say()

    def stop(self):
        self._talking = False

    def missing(self):
        return [number for number in sorted(self.sent) if number not in self.arrived]

    def is_clean(self):
        """Whether nothing arrived twice, and nothing that wasn't sent."""
        return not self.doubled and not self.strange

    def is_whole(self):
        """Whether moreover all of it arrived."""
        return self.is_clean() and not self.missing()

    def resumed_after(self, when):
        """How long after `when` the first of what was sent from then on arrived, or None."""
        times = [at for number, at in self.arrived.items() if self.sent[number] > when]
        return min(times) - when if times else None

    def _say(self):
        if self._talking:
            number = len(self.sent)
            self.sent[number] = self._agenda.now
            self._speaker.send(self._listener, struct.pack(">I", number) + bytes(self._size - 4))
            self._agenda.at(self._agenda.now + self._every, self._say)

    def _hear(self, sender, payload):
        (number,) = struct.unpack(">I", payload[:4])
        if sender != self._speaker.ip or number not in self.sent:
            self.strange += 1
        elif number in self.arrived:
            self.doubled.append(number)
        else:
            self.arrived[number] = self._agenda.now
