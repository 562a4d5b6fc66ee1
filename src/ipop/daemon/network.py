"""One node and its TAP device: how packets get from the one to the other and out, a batch at a time."""

from .. import log
from ..errors import UserError
from ..lan.claims import KEPT, OVER
from ..lan.lan import LOOP, NOWHERE, PLENTY, SCARCE, Home
from ..lan.loops import LOOPED_HERE
from ..node import CONNECTED, LAN_NEWS, MOVED, UNREACHABLE
from ..ports import bridges, clock, crypto, interfaces, links, memory
from ..wg.messages import TRANSPORT_MAX
from ..wire.batch import Batch

SLOTS = 32  # packets of one kind in one turn of the loop
COLD_MAX = 64  # queued datagrams sent in one turn, so that a flood leaves room for the rest
LOOK_AFTER_TAP = 5_000  # ms
CONFLICT = "conflict"  # the kind of an event: an address that was used in two homes
ASK_AGAIN = 300_000  # ms between two times that root is asked for our device
LAN, RELEARN = "lan", "relearn"  # what root can be asked to do: actions of the init script
TOO_LARGE = "too-large"  # the word of a datagram that the interface doesn't carry
# the ends of problems' topics
IN_BRIDGE, DEAF, NO_MEMORY, LOOPED = " in its bridge", " hears not everything", " has no memory", " is looped"
CLAIMED, CLAIMS_SHOWN = " has addresses of two homes", 3
LIMITS = PLENTY if memory.IS_PLENTY else SCARCE  # for a Node


def new_batch():
    """Room for what is read from a device or socket in one turn; one byte more than is allowed shows what is cut."""
    return Batch(crypto.pointer, SLOTS, TRANSPORT_MAX + 1)


class Network:
    """`uplink` is what datagrams are sent by.

    `set_problem(topic, text)` shows what is wrong; the node's events go to `on_event(event, now)`. `group` is the name
    of the group that it is the network of, or ""."""

    def __init__(self, node, tap, uplink, poller, set_problem, on_event, group=""):
        self.node = node
        self.tap = tap
        self._uplink = uplink
        self._poller = poller
        self._set_problem = set_problem
        self._on_event = on_event
        self._group = group
        self._frames = new_batch()
        self._has_more = False  # whether queued datagrams were left for the next turn
        self._tap_at = clock.monotonic() + LOOK_AFTER_TAP
        self._errands = []  # of those
        self._ask_at = clock.monotonic()
        self._home = NOWHERE
        set_problem(tap.name + IN_BRIDGE, tap.problem)
        if not tap.is_gone:
            poller.watch(tap.fileno(), self._on_tap)
            self._set_problem(tap.name + DEAF, bridges.hear_everything(tap.name))
        self.look_at_router(clock.monotonic())

    def close(self):
        if not self.tap.is_gone:
            self._poller.forget(self.tap.fileno())
        self.tap.close()
        for end in ("", IN_BRIDGE, DEAF, NO_MEMORY, LOOPED, CLAIMED):
            self._set_problem(self.tap.name + end, None)

    def configure(self, peers, now):
        """Make these PeerConfigs the node's peers."""
        self.node.configure(peers, now)
        names = self.node.left_out
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        text = "this router has no memory for %d of the %d peers of %s: %s"
        text = text % (len(names), len(peers), self.tap.name, shown) if names else None
        self._set_problem(self.tap.name + NO_MEMORY, text)

    def set_place(self, slices, others, prefix, name, now):
        """Our place in a group: see Home; `others` are by WireGuard key."""
        self._set_home(Home(slices, others, prefix, name, *self._home[4:]), now)

    def set_routed(self, routed, now):
        """Which networks of the group lead to devices of this home beyond the bridge: [(network, length)]."""
        self._set_home(Home(*self._home[:7], routed), now)

    def look_at_router(self, now):
        """This machine's addresses may be others than before, or those of the bridge; or root has made our device."""
        if self.tap.is_gone and links.index(self.tap.name):
            self._tap_at = now
        owner = bridges.bridge_of(self.tap.name) or self.tap.bridge or self.tap.name
        try:
            addresses = interfaces.all_addresses()
        except OSError:
            return  # it is asked again soon
        macs = bridges.mac(owner), bridges.mac(self.tap.name)
        self._set_home(Home(*self._home[:4], *macs, addresses, self._home.routed), now)

    def _set_home(self, home, now):
        if home != self._home:
            self._home = home
            self.node.set_home(home, now)

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
                log.info(_SAYINGS[event.kind] % (event.name, _at(self.node.way(event.addr))), event.kind, self._group)
            if event.kind == LAN_NEWS:
                self._handle_lan_news(event.token)
            else:
                self._on_event(event, now)
            event = self.node.poll_event()
        self._send_queued()

    def poll_errand(self):
        """What root is to do for us, where there is a root who does that; or None."""
        return self._errands.pop(0) if self._errands else None

    def _handle_lan_news(self, news):
        """A loop, or an address that was used in two homes."""
        if news.topic == LOOP:
            texts = [text + self._at_port(mac) for text, mac in self.node.lan.problems()]
            self._set_problem(self.tap.name + LOOPED, "; ".join(texts) or None)
        else:
            if news.text is not None:
                log.info(news.text, CONFLICT, self._group)
            texts = self.node.lan.conflicts()
            shown, more = texts[:CLAIMS_SHOWN], len(texts) - CLAIMS_SHOWN
            shown += ["and %d more" % more] if more > 0 else []
            self._set_problem(self.tap.name + CLAIMED, "; ".join(shown) or None)
        if news.kind not in (LOOPED_HERE, KEPT, OVER):  # who was reached by the tunnel is not now, or the reverse
            if not bridges.forget_learned(self.tap.name):
                self._errands.append(RELEARN)

    def _at_port(self, mac):
        bridge = bridges.bridge_of(self.tap.name)
        port = bridges.port_of(bridge, mac) if mac is not None and bridge is not None else None
        return " (it comes in at port %s)" % port if port is not None else ""

    def _on_tap(self):
        """The TAP can be read, or has been deleted."""
        fd = self.tap.fileno()
        batch = self._frames
        batch.clear()
        self._send_queued()  # what opens a session at its other end goes before what passes it
        self._set_problem(self.tap.name, self.tap.receive(batch))
        self.node.handle_frames(batch, clock.monotonic())
        self._uplink.send_batch(batch, self.node.count, self._handle_too_large)
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
                self._set_problem(self.tap.name, None)
                log.info("device %s is there" % self.tap.name)
            self.tap.join_bridge()
            self._set_problem(self.tap.name + DEAF, bridges.hear_everything(self.tap.name))
            self._set_problem(topic, None)
        except UserError as error:
            self._set_problem(topic, error.message)
            if self.tap.is_gone and now >= self._ask_at:
                self._ask_at = now + ASK_AGAIN
                self._errands.append(LAN)
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
            reason = self._uplink.send(item[0], item[1])
            self._count(reason)
            if reason == TOO_LARGE:
                self._handle_too_large(len(item[0]), item[1])
        self._has_more = item is not None

    def _handle_too_large(self, size, addr):
        self.node.handle_too_large(size, addr, clock.monotonic())

    def _count(self, reason):
        if reason is not None:
            self.node.count(reason)


_SAYINGS = {
    CONNECTED: "%s: connected, %s",
    UNREACHABLE: "%s: no answer %s for 90 s; still trying when there is something to send",
    MOVED: "%s: now %s",
}


def _at(way):
    """A way as it stands in a sentence: "at 203.0.113.7:51820", "through den"."""
    return way if way is None or way.startswith("through ") else "at " + way
