"""One node and its TAP device: how packets get from the one to the other and out, a batch at a time."""

from .ports import crypto
from .wg.messages import TRANSPORT_MAX
from .wire.batch import Batch

SLOTS = 32  # packets of one kind in one turn of the loop
COLD_MAX = 64  # queued datagrams sent in one turn, so that a flood leaves room for the rest


def new_batch():
    """Room for what is read from a device or socket in one turn; one byte more than is allowed shows what is cut."""
    return Batch(crypto.pointer, SLOTS, TRANSPORT_MAX + 1)


class Network:
    """`udp` is the daemon's sockets, which may be exchanged at any time."""

    def __init__(self, node, tap, udp):
        self.node = node
        self.tap = tap
        self.udp = udp
        self.has_more = False  # whether `send_queued` left something for the next turn
        self._frames = new_batch()

    def handle_tap(self, now):
        """The TAP can be read. Returns None, or what is wrong with it."""
        batch = self._frames
        batch.clear()
        problem = self.tap.receive(batch)
        self.node.handle_frames(batch, now)
        mem, start, length, addr, send = batch.mem, batch.start, batch.length, batch.addr, self.udp.send
        for i in range(batch.count):
            n = length[i]
            if n:
                at = start[i]
                self._count(send(mem[at : at + n], addr[i]))
        return problem

    def handle_datagrams(self, batch, first, last, now):
        """The datagrams from `first` up to `last` of a batch are for this node."""
        self.node.handle_datagrams(batch, now, first, last)
        mem, start, length, send = batch.mem, batch.start, batch.length, self.tap.send
        for i in range(first, last):
            n = length[i]
            if n:
                at = start[i]
                self._count(send(mem[at : at + n]))

    def send_queued(self):
        """Send what is rare: handshakes, floods, ARP answers."""
        frame = self.node.poll_frame()
        while frame is not None:
            self._count(self.tap.send(frame))
            frame = self.node.poll_frame()
        for _ in range(COLD_MAX):
            item = self.node.poll_transmit()
            if item is None:
                break
            self._count(self.udp.send(item[0], item[1]))
        self.has_more = item is not None

    def _count(self, reason):
        if reason is not None:
            self.node.count(reason)
