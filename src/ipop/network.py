"""One node and its TAP device: how packets get from the one to the other and out, a batch at a time."""

from . import log
from .errors import UserError
from .node import CONNECTED, MOVED, UNREACHABLE
from .ports import clock, crypto
from .wg.messages import TRANSPORT_MAX
from .wire.batch import Batch

SLOTS = 32  # packets of one kind in one turn of the loop
COLD_MAX = 64  # queued datagrams sent in one turn, so that a flood leaves room for the rest
LOOK_AFTER_TAP = 5_000  # ms
IN_BRIDGE, NO_MEMORY = " in its bridge", " has no memory"  # the end of a problem's topic


def new_batch():
    """Room for what is read from a device or socket in one turn; one byte more than is allowed shows what is cut."""
    return Batch(crypto.pointer, SLOTS, TRANSPORT_MAX + 1)


class Network:
    """`uplink` is what datagrams are sent by.

    `set_problem(topic, text)` shows what is wrong; the node's events go to `on_event(event, now)`."""

    def __init__(self, node, tap, uplink, poller, set_problem, on_event):
        self.node = node
        self.tap = tap
        self._uplink = uplink
        self._poller = poller
        self._set_problem = set_problem
        self._on_event = on_event
        self._frames = new_batch()
        self._has_more = False  # whether queued datagrams were left for the next turn
        self._tap_at = clock.monotonic() + LOOK_AFTER_TAP
        poller.watch(tap.fileno(), self._on_tap)

    def close(self):
        if not self.tap.is_gone:
            self._poller.forget(self.tap.fileno())
        self.tap.close()
        for topic in (self.tap.name, self.tap.name + IN_BRIDGE, self.tap.name + NO_MEMORY):
            self._set_problem(topic, None)

    def configure(self, peers, now):
        """Make these PeerConfigs the node's peers."""
        self.node.configure(peers, now)
        names = self.node.left_out
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        text = "this router has no memory for %d of the %d peers of %s: %s"
        text = text % (len(names), len(peers), self.tap.name, shown) if names else None
        self._set_problem(self.tap.name + NO_MEMORY, text)

    def poll_timeout(self):
        """When `handle_turn` has to be called next (ms); 0 for at once."""
        return 0 if self._has_more else min(self.node.poll_timeout(), self._tap_at)

    def handle_turn(self, now):
        """What is to be done in each turn of the loop: what the time brings, and what is queued."""
        if now >= self.node.poll_timeout():
            self.node.handle_timeout(now)
        if now >= self._tap_at:
            self._look_after_tap(now)
        event = self.node.poll_event()
        while event is not None:
            if event.kind in _SAYINGS:
                log.info(_SAYINGS[event.kind] % (event.name, self.node.way(event.addr)))
            self._on_event(event, now)
            event = self.node.poll_event()
        self._send_queued()

    def _on_tap(self):
        """The TAP can be read, or has been deleted."""
        fd = self.tap.fileno()
        batch = self._frames
        batch.clear()
        self._set_problem(self.tap.name, self.tap.receive(batch))
        self.node.handle_frames(batch, clock.monotonic())
        self._uplink.send_batch(batch, self.node.count)
        if self.tap.is_gone:
            self._poller.forget(fd)

    def handle_datagrams(self, batch, first, last, now):
        """The datagrams from `first` up to `last` of a batch are for this node."""
        self.node.handle_datagrams(batch, now, first, last)
        self.tap.send_batch(batch, first, last, self.node.count)

    def _look_after_tap(self, now):
        """Make a device again that was deleted, and put it back into its bridge."""
        self._tap_at = now + LOOK_AFTER_TAP
        topic = self.tap.name + IN_BRIDGE
        try:
            if self.tap.is_gone:
                self.tap.open()
                self._poller.watch(self.tap.fileno(), self._on_tap)
                log.info("device %s is there again" % self.tap.name)
            self.tap.join_bridge()
            self._set_problem(topic, None)
        except UserError as error:
            self._set_problem(topic, error.message)
        except OSError as error:  # it was deleted at this moment
            self._set_problem(topic, "device %s: %s" % (self.tap.name, error))

    def _send_queued(self):
        """Send what is rare: handshakes, floods, ARP answers."""
        frame = self.node.poll_frame()
        while frame is not None:
            self._count(self.tap.send(frame))
            frame = self.node.poll_frame()
        for _ in range(COLD_MAX):
            item = self.node.poll_transmit()
            if item is None:
                break
            self._count(self._uplink.send(item[0], item[1]))
        self._has_more = item is not None

    def _count(self, reason):
        if reason is not None:
            self.node.count(reason)


_SAYINGS = {
    CONNECTED: "%s: connected, at %s",
    UNREACHABLE: "%s: no answer from %s for 90 s; still trying when there is something to send",
    MOVED: "%s: moved to %s",
}
