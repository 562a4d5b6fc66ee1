"""What is sent to a peer is made to fit the path to it: its size is found (pathmtu.py), what is larger is cut.

One for each of our own nodes. A path is new with each endpoint, and when a peer is there again that was lost.
"""

from ..lan.pieces import Cutter
from ..wire import payload
from .pathmtu import DEAD, PathMtu, probe_content, room


class Fitting:
    """For the peer of one link. `is_detour(addr)` says whether somebody else hands on what goes to an endpoint;
    `on_dead(now)` is called when the path carries nothing any more but what is small."""

    def __init__(self, crypto, deadlines, peer, is_detour, on_dead):
        self._deadlines = deadlines
        self._peer = peer
        self._is_detour = is_detour
        self._on_dead = on_dead
        self._path = PathMtu(crypto.random, lambda: peer.bytes_out)
        self._cutter = Cutter()
        self.room = room(self._path.size)  # what one datagram carries
        self.wake_at = None

    def begin(self, now):
        """There is a path that we don't know."""
        addr = self._peer.endpoint
        if addr is not None:
            self._path.begin(now, ":" in addr[0], self._is_detour(addr))
            self._settle(now)

    def want(self, now):
        """Something is on its way that could use a larger path."""
        if self._peer.session_to_send(now) is not None:
            self._path.want(now)
            self._settle(now)

    def cut(self, frame):
        """The contents of the pieces of a frame (bytes or memoryview) that is larger than `room`. Raises Rejected."""
        return self._cutter.cut(frame, self.room.frame)

    def handle_answer(self, nonce, now):
        """Whether an answer was for a probe of ours."""
        if not self._path.handle_answer(nonce, now):
            return False
        self._settle(now)
        return True

    def handle_silent(self, now):
        """Something that wants an answer had none."""
        self._path.handle_silent(now)
        self._settle(now)

    def handle_too_large(self, size, now):
        """The kernel didn't send a datagram of `size` bytes."""
        self._path.handle_too_large(size, now)
        self._settle(now)

    def handle_timeout(self, now):
        self._path.handle_timeout(now)
        self._settle(now)

    def _settle(self, now):
        event = self._path.poll_event()
        if event is not None:
            self.room = room(self._path.size)
        probe = self._path.poll_probe()
        if probe is not None and self._peer.session_to_send(now) is not None:
            ping = payload.control(payload.PING, probe_content(*probe))
            self._peer.tell(ping, now, wants_answer=False, addr=self._peer.endpoint)
        when = self._path.poll_timeout()
        if when is not None:
            self._deadlines.wake(self, when)
        if event is not None and event.kind == DEAD:
            self._on_dead(now)
