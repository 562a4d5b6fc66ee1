"""A learning switch (IEEE 802.1Q section 8) with one port on the LAN and one for each peer.

The overlay is a full mesh, and every frame that comes out of it goes to the LAN only. So the switch has nothing to
decide but where a frame of the LAN goes: to the one peer behind whom its destination was last seen, to all of them,
or nowhere because the destination is on the LAN as well. What came out of a tunnel never goes into another.
"""

from ..errors import Rejected
from ..wire import ethernet

AGEING_TIME = 300_000  # ms, the standard's default
TABLE_MAX = 4096
SHARE_MAX = 1024  # of the table for one port, so that none can push out the others

LAN = "lan"
FLOOD = "flood"


class _Entry:
    def __init__(self, port, seen):
        self.port = port
        self.seen = seen


class Switch:
    """Ports are `LAN` and whatever objects the caller takes for peers. `on_move(mac, old port, new port, now)` is told
    of a device that is seen elsewhere than before."""

    def __init__(self, on_move=None):
        self._on_move = on_move
        self.revision = 0  # grows when a device is learned, has moved or is forgotten
        self._table = {}
        self._shares = {}

    def handle_lan_frame(self, destination, source, now):
        """Where a frame of the LAN goes: a peer's port, FLOOD, or LAN. Raises Rejected."""
        self.learn(source, LAN, now)
        if ethernet.is_group(destination):
            if ethernet.is_link_local(destination):
                raise Rejected("link-local")
            return FLOOD
        return self.find(destination, now)

    def find(self, mac, now):
        """The port at which a device is, or FLOOD where that isn't known."""
        entry = self._table.get(mac)
        if entry is None or now - entry.seen >= AGEING_TIME:
            return FLOOD
        return entry.port

    def port_of(self, mac):
        """The port at which a device was seen last, or None."""
        entry = self._table.get(mac)
        return None if entry is None else entry.port

    def handle_peer_frame(self, destination, source, port, now):
        """A frame that came from a peer, for the LAN. Raises Rejected."""
        if ethernet.is_link_local(destination):
            raise Rejected("link-local")
        self.learn(source, port, now)

    def learn(self, mac, port, now):
        """`mac` was seen on `port`. A device that moved is found at its new place at once. Raises Rejected."""
        entry = self._table.get(mac)
        if entry is not None and entry.port is port:
            entry.seen = now
            return
        if ethernet.is_group(mac):
            raise Rejected("bad-source")
        self.revision += 1
        if entry is not None:
            self._shares[entry.port] -= 1
            del self._table[mac]
            if self._on_move is not None:
                self._on_move(mac, entry.port, port, now)
        share = self._shares.get(port, 0)
        if share >= SHARE_MAX or len(self._table) >= TABLE_MAX:
            return  # frames to it are flooded, as to any that isn't known
        self._table[mac] = _Entry(port, now)
        self._shares[port] = share + 1

    def forget_port(self, port):
        """A peer is gone: what was behind it is unknown."""
        self.revision += 1
        for mac in [mac for mac, entry in self._table.items() if entry.port is port]:
            del self._table[mac]
        self._shares.pop(port, None)

    def age(self, now):
        """Drop what hasn't been seen for AGEING_TIME; to be called now and then."""
        self.revision += 1
        for mac in [mac for mac, entry in self._table.items() if now - entry.seen >= AGEING_TIME]:
            self._shares[self._table[mac].port] -= 1
            del self._table[mac]

    def devices(self):
        """(MAC, port, when last seen) of each known device."""
        return [(mac, entry.port, entry.seen) for mac, entry in self._table.items()]
