"""Stock WireGuard peers as hosts on our LAN.

A stock peer (a phone with the WireGuard app, a server) speaks IP and knows nothing of Ethernet. Here each gets a MAC
address of its own, made from its key, and the node answers ARP and neighbour solicitations for the addresses that
it may use (`allowed_ips`, WireGuard's cryptokey routing). So the LAN's devices see one more device.

`handle_lan_frame` looks at the ARP and neighbour discovery of the LAN; `to_frame` turns a packet from a peer into a
frame; what has to be asked or answered on the LAN comes out of `poll_frame`. What is too large for a peer's tunnel is
answered as a router does it (`refuse`), for the peer puts no pieces together.
"""

from collections import deque

from ..errors import Rejected
from ..wire import ethernet, ip

NEIGHBOUR_LIFE = 300_000  # ms
NEIGHBOURS_MAX = 1024
WAITING_MAX = 16  # packets that wait for a neighbour's MAC address
WAITING_TIME = 3_000  # ms, as long as a host asks for one (RFC 4861's 3 solicitations of 1 s)
ASK_GAP = 1_000  # ms between two questions for one address
FRAMES_MAX = 64
_UNSPECIFIED = bytes(16)


class Host:
    """One stock peer: `prefixes` are (address, length) pairs."""

    def __init__(self, mac, prefixes):
        self.mac = mac
        self.prefixes = prefixes

    def owns(self, address):
        for prefix, length in self.prefixes:
            if ip.contains(prefix, length, address):
                return True
        return False


def host_mac(crypto, public_key):
    """A locally administered unicast MAC address that is always the same for a key."""
    digest = crypto.sha256(b"ipop host " + public_key)
    return bytes([digest[0] & 0xFC | 0x02]) + digest[1:6]


class Hosts:
    """`count(reason)` is told what is thrown away."""

    def __init__(self, count):
        self._count = count
        self._hosts = []
        self._neighbours = {}  # address -> (MAC, when seen)
        self._asked = {}  # address -> when
        self._waiting = deque((), WAITING_MAX)  # (destination, frame without its destination MAC, since when)
        self._frames = deque((), FRAMES_MAX)

    def add(self, host):
        self._hosts.append(host)

    def remove(self, host):
        self._hosts.remove(host)

    def poll_frame(self):
        """The next frame for the LAN, or None."""
        return self._frames.popleft() if self._frames else None

    def handle_lan_frame(self, ethertype, frame, now):
        """An ARP or IPv6 frame (bytes) of the LAN: learns who is where, answers for our hosts.

        Returns whether it was such a message, which is nothing for a host itself."""
        if ethertype == ethernet.ARP:
            return self._handle_arp(frame, now)
        return self._handle_neighbour(frame, now)

    def to_frame(self, host, mem, at, n, now):
        """The packet of `n` bytes at `at` came from `host`: put an Ethernet header before it.

        Returns the packet's own length, or 0 when it has to wait for its neighbour's MAC address. Raises Rejected."""
        source, destination, n = ip.addresses(mem, at, n)
        if not host.owns(source):
            raise Rejected("not-allowed")
        if n > ethernet.FRAME_MAX - ethernet.HEADER:
            raise Rejected("bad-packet")
        kind = ethernet.IPV4 if len(source) == 4 else ethernet.IPV6
        mac = self._find(destination, now)
        if mac is None:
            self._wait(destination, ethernet.header(b"", host.mac, kind) + bytes(mem[at : at + n]), now)
            self._ask(host, source, destination, now)
            return 0
        mem[at - ethernet.HEADER : at] = ethernet.header(mac, host.mac, kind)
        return n

    def refuse(self, host, frame, mtu):
        """A frame (bytes) of the LAN is too large for `host`, to which `mtu` bytes can be sent: its sender is told.

        Raises Rejected."""
        told = ip.too_big(frame[ethernet.HEADER :], mtu)
        if told is not None:
            self._emit(ethernet.header(frame[6:12], host.mac, ethernet.ethertype(frame, 0)) + told)
        raise Rejected("too-large")

    def _find(self, address, now):
        if ip.is_multicast(address):
            return ip.multicast_mac(address)
        if address == b"\xff\xff\xff\xff":
            return ethernet.BROADCAST
        mac, seen = self._neighbours.get(address, (None, 0))
        return mac if mac is not None and now - seen < NEIGHBOUR_LIFE else None

    def _wait(self, destination, frame, now):
        if len(self._waiting) == WAITING_MAX:
            self._waiting.popleft()
            self._count("no-neighbour")
        self._waiting.append((destination, frame, now))

    def _ask(self, host, source, destination, now):
        if now - self._asked.get(destination, now - ASK_GAP) < ASK_GAP:
            return
        if len(self._asked) >= NEIGHBOURS_MAX:
            self._asked.clear()
        self._asked[destination] = now
        if len(destination) == 4:
            self._emit(ip.arp(ip.ARP_REQUEST, host.mac, source, bytes(6), destination))
        else:
            self._emit(ip.solicitation(host.mac, source, destination))

    def _emit(self, frame):
        if len(self._frames) == FRAMES_MAX:
            self._count("lan-queue-full")
        else:
            self._frames.append(frame)

    def _learn(self, address, mac, now):
        if address not in self._neighbours and len(self._neighbours) >= NEIGHBOURS_MAX:
            self._neighbours.clear()
        self._neighbours[address] = (mac, now)
        for _ in range(len(self._waiting)):
            destination, rest, since = self._waiting.popleft()
            if now - since >= WAITING_TIME:
                self._count("no-neighbour")
            elif destination == address:
                self._emit(mac + rest)
            else:
                self._waiting.append((destination, rest, since))

    def _handle_arp(self, frame, now):
        parsed = ip.parse_arp(frame)
        if parsed is None:
            return True
        operation, mac, sender, target = parsed
        if sender != bytes(4):
            self._learn(sender, mac, now)
        if operation == ip.ARP_REQUEST and sender != target:
            for host in self._hosts:
                if host.owns(target):
                    self._emit(ip.arp(ip.ARP_REPLY, host.mac, target, mac, sender))
        return True

    def _handle_neighbour(self, frame, now):
        parsed = ip.parse_neighbour(frame)
        if parsed is None:
            return False
        kind, source, target, mac = parsed
        if source != _UNSPECIFIED:  # else somebody checks whether the address is free
            self._learn(source if kind == ip.SOLICITATION else target, mac, now)
        if kind == ip.SOLICITATION:
            for host in self._hosts:
                if host.owns(target):
                    self._emit(ip.advertisement(host.mac, target, mac, source))
        return True
