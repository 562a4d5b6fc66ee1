"""The ways to peers, as the node holds them: to one of our own nodes go Ethernet frames, to a stock peer IP packets."""

from .errors import Rejected
from .overlay.fitting import Fitting
from .overlay.wayfinder import Search
from .wire import ethernet, payload


class NodeLink:
    """To one of our own nodes."""

    def __init__(self, config, peer, finder, crypto, deadlines):
        self.config = config
        self.peer = peer
        self.is_up = False  # as last told to the shell
        self.has_missed = False  # something that it was to be told
        self.release = None  # what it runs, from its HELLO
        self.search = Search(finder, self)
        self.fitting = Fitting(crypto, deadlines, peer, self.search.is_detour, self.search.handle_dead)

    @property
    def mtu(self):
        """The largest IP packet that goes in one datagram."""
        return self.fitting.room.packet

    def want_room(self, now):
        """There is traffic: what the path carries is worth being known."""
        self.fitting.want(now)

    def wrap(self, mem, at, n, now):
        """Make the frame of `n` bytes at `at` what the tunnel carries: (start, length); or send it in pieces: None."""
        if n > self.fitting.room.frame:
            self.send(mem[at : at + n], now)
            return None
        payload.write_header(mem, at - payload.HEADER, payload.FRAME, n)
        return at - payload.HEADER, n + payload.HEADER

    def tell(self, kind, content, now):
        """Send a control message that passes only where frames do. It wants no answer, and nobody is called for it: who
        `has_missed` something hears all of it when it is there again."""
        peer, message = self.peer, payload.control(kind, content)
        if peer.session_to_send(now) is not None:
            peer.tunnel.transmit(peer.enclose(message, now), peer.endpoint)
        elif peer.current is not None and peer.current.is_usable(now):
            peer.stage(message, now)
        else:
            self.has_missed = True

    def send(self, frame, now):
        """Send a frame (bytes or memoryview) by the queue, in pieces where it is too large. Returns the number of
        bytes."""
        n = len(frame)
        if self.peer.endpoint is not None and self.search.is_detour(self.peer.endpoint):
            self.fitting.want(now)  # who hands on what is small may not hand on this
        if n <= self.fitting.room.frame:
            self.peer.send(payload.framed(payload.FRAME, frame), now)
        else:
            for content in self.fitting.cut(frame):
                self.peer.send(payload.framed(payload.PIECE, content), now)
            self.fitting.want(now)
        return n


class HostLink:
    """To a stock WireGuard peer."""

    release = None
    mtu = 1420  # wg-quick's, which fits everywhere where 1500 does

    def __init__(self, config, peer, host):
        self.config = config
        self.peer = peer
        self.host = host
        self.is_up = False

    def want_room(self, now):
        pass  # stock peers answer no questions

    def wrap(self, mem, at, n, now):
        if ethernet.ethertype(mem, at) not in (ethernet.IPV4, ethernet.IPV6):
            raise Rejected("not-ip")
        return at + ethernet.HEADER, n - ethernet.HEADER
