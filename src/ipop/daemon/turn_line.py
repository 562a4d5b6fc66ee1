"""The line to a TURN server (overlay/turn.py), for routers that nobody can reach and networks that block UDP.

One for a router, whatever groups it is in: by UDP on the data socket, by TCP or TLS on a stream of its own. The servers
of the configuration are called one after the other until one of them gives us an address, and again when that is gone
(signal/failover.py has the pauses); who answered stays.

An address is held all the time, and not only once there is nothing else: who needs it can't be found without it, and a
spare one costs a few bytes per second. It is announced as any other of ours. What comes to it, and what is to leave
from it, the node knows by addresses of a kind of their own (wire/ways.py); it prefers direct ways, so traffic takes
this one as the last.

A server that falls silent while something is sent through it is asked whether it knows us, and left if it doesn't say.
"""

from .. import log
from ..deadlines import earlier
from ..errors import Rejected
from ..overlay import turn
from ..overlay.turn import TurnClient
from ..overlay.turn_url import TLS, UDP, shown
from ..ports import clock, crypto
from ..signal.failover import FailOver
from ..wire import address, stun
from ..words import why

DOUBT, GIVE_UP = 5_000, 10_000  # ms of silence, after something was sent
GIVE_UP_SOON = 2_000  # the same, after the network has changed
CHUNK = 4_096  # bytes that are read at a time
READS_MAX = 16  # of them in one turn of the loop
PROBLEM = "turn"
_BROKEN_OFF, _NO_ANSWER, _NOT_TURN = "the connection broke off", "no answer any more", "sends what is not TURN"


class TurnLine:
    """`servers` are TurnServers, the best first; `find((host, port))` gives the addresses of a name, None while they
    are being looked up; `send(data, addr)` sends from the data socket, and returns why it couldn't, or None."""

    def __init__(self, servers, find, send, poller, count, set_problem):
        self._servers = servers
        self._find = find
        self._send = send
        self._poller = poller
        self._count = count
        self._set_problem = set_problem
        self._failover = FailOver(len(servers), crypto.random, clock.monotonic())
        self._calls = 0
        self._hosts = []  # that may send to us
        self._server = None  # the one that is being called, or in use
        self._stream = None
        self._is_ready = False  # whether there is something to do for the stream
        self._is_writing = False  # whether the kernel has no room
        self._rest = b""  # of what it took in part
        self._buffer = None
        self._client = None  # a TurnClient, once there is a stream, where there is to be one
        self._doubt_at = self._give_up_at = None
        self._has_changed = False

    # --- what it is for

    @property
    def relayed(self):
        """Our addresses there: [(ip, port)]."""
        return self._client.relayed if self._client is not None else []

    def reaches(self, host):
        """Whether a host (text) can be sent to from there."""
        return any(
            (":" in ip) == (":" in host) and (not address.is_private(host) or address.is_private(ip))
            for ip, _ in self.relayed
        )

    def permit(self, hosts, now):
        """Exactly these hosts (text) may send to us, besides those that we send to ourselves."""
        self._hosts = hosts
        if self.relayed:
            self._client.permit([host for host in hosts if self.reaches(host)], now)

    def send(self, data, peer, now):
        """Send from there to a transport address. Returns None, or a word for why it was lost."""
        if not self.relayed or not self._client.send(data, peer, now):
            return "turn-busy" if self.relayed else "turn-gone"
        if self._give_up_at is None:
            self._doubt_at, self._give_up_at = now + DOUBT, now + GIVE_UP
        self._flush()
        return None

    def poll_received(self):
        """The next (data, peer) that came to us there, or None."""
        return self._client.poll_received() if self._client is not None else None

    def poll_change(self):
        """Whether `relayed` is other than it was."""
        changed, self._has_changed = self._has_changed, False
        return changed

    def text(self):
        """What has become of it, in words for people; None where there are no servers."""
        if not self._servers:
            return None
        if self.relayed:
            return "reached at %s, by way of %s" % (
                " and ".join([address.text(addr) for addr in self.relayed]),
                shown(self._server),
            )
        return "no server has given us an address yet"

    # --- the shell's side

    def handle_datagram(self, data, addr, now):
        """Whether a datagram that came to the data socket was for us."""
        if self._client is None or self._stream is not None:
            return False
        if not stun.is_stun(data) and not stun.is_channel_data(data):
            return False
        try:
            if not self._client.handle_datagram(data, addr, now):
                return False
            self._heard()
        except Rejected as rejected:
            self._count(rejected.reason)
        return True

    def handle_new_network(self, now):
        """Our addresses, or the way out, have changed."""
        self._failover.hurry(now)
        if self.relayed:
            self._client.check(now)
            self._doubt_at, self._give_up_at = None, now + GIVE_UP_SOON

    def handle_new_port(self, now):
        """There is another data socket."""
        if self._client is not None and self._stream is None:
            self._lose(now)
            self._failover.hurry(now)

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        if self._server is None:
            self._call(now)
        if self._is_ready or (self._stream is not None and self._client is None):
            self._handle_stream(now)
        if self._client is not None:
            self._client.handle_timeout(now)
            self._handle_silence(now)
        if self._client is not None:
            self._handle_events(now)
        self._flush()

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms), or None."""
        if not self._servers:
            return None
        if self._is_ready:
            return 0
        if self._server is None:
            return self._failover.poll_timeout()
        if self._client is None:
            return self._stream.poll_timeout()
        return earlier(self._client.poll_timeout(), earlier(self._doubt_at, self._give_up_at))

    def close(self):
        if self._client is not None:
            self._client.close(clock.monotonic())
            self._flush()
        self._hang_up()
        self._set_problem(PROBLEM, None)

    # --- calling

    def _call(self, now):
        """Call the server whose turn it is, if it is time."""
        index = self._failover.poll_call(now) if self._servers else None
        if index is None:
            return
        self._server = server = self._servers[index]
        self._calls += 1
        if server.transport != UDP:
            self._open_stream(server, now)
            return
        found = self._find((server.host, server.port))
        if found:
            self._begin(found[self._calls % len(found)], now)
        elif found is None:
            self._lose(now)
        else:
            self._fail("its name can't be resolved", now)

    def _open_stream(self, server, now):
        from ..ports import streams  # and with it TLS, which takes memory: not for who has no such server

        open_stream = streams.Tls if server.transport == TLS else streams.Tcp
        self._buffer = bytearray(CHUNK)
        try:
            self._stream = open_stream(server, self._poller, self._on_ready, now)
        except OSError as error:  # no child, no descriptor
            self._fail(why(error), now)

    def _begin(self, addr, now):
        login = self._server.user, self._server.password
        self._client = TurnClient(crypto, addr, login[0], login[1], self._stream is not None, self._count)
        self._client.connect(now)

    def _fail(self, reason, now):
        """Nothing came of the call, or the line broke: on to the next one."""
        self._set_problem(PROBLEM, "TURN server %s: %s" % (shown(self._server), reason))
        self._lose(now)

    def _lose(self, now):
        self._has_changed = self._has_changed or bool(self.relayed)
        self._hang_up()
        if self._failover.current is None:
            self._failover.handle_failed(now)
        else:
            self._failover.handle_lost(now)

    def _hang_up(self):
        if self._stream is not None:
            self._stream.close()
        self._server = self._stream = self._client = None
        self._is_ready = self._is_writing = False
        self._rest = b""
        self._heard()

    # --- what comes, and what goes

    def _on_ready(self):
        self._is_ready = True

    def _handle_stream(self, now):
        from ..ports import streams

        self._is_ready = False
        try:
            if self._client is None:
                self._stream.turn(now)
                if self._stream.is_open:
                    self._begin((self._server.host, self._server.port), now)
            if self._client is not None:
                self._read(now)
        except streams.Failure as failure:
            self._fail(failure.args[0], now)
        except Rejected as rejected:
            self._count(rejected.reason)
            self._fail(_NOT_TURN, now)

    def _read(self, now):
        for _ in range(READS_MAX):
            n = self._stream.receive(self._buffer)
            if n is None:
                return
            if n == 0:
                self._fail(_BROKEN_OFF, now)
                return
            self._heard()
            self._client.handle_bytes(bytes(memoryview(self._buffer)[:n]), now)
        self._is_ready = True  # the rest in the next turn; what TLS has taken from the socket is not shown by that

    def _heard(self):
        self._doubt_at = self._give_up_at = None

    def _handle_silence(self, now):
        if self._give_up_at is not None and now >= self._give_up_at:
            self._fail(_NO_ANSWER, now)
        elif self._doubt_at is not None and now >= self._doubt_at:
            self._doubt_at = None
            self._client.check(now)

    def _handle_events(self, now):
        event = self._client.poll_event()
        while event is not None:
            if event.kind == turn.FAILED:
                self._fail(event.detail, now)
                return
            if event.kind == turn.REFUSED:
                self._count("turn-refused")
            else:
                self._has_changed = True
            if event.kind == turn.READY:
                self._handle_address(now)
            event = self._client.poll_event()

    def _handle_address(self, now):
        if self._failover.current is None:
            self._failover.handle_connected(now)
        self._set_problem(PROBLEM, None)
        log.info("TURN: " + self.text())
        self.permit(self._hosts, now)

    def _flush(self):
        """Send what waits; of a stream, as much as the kernel takes."""
        if self._client is None:
            return
        if self._stream is None:
            item = self._client.poll_transmit()
            while item is not None:
                reason = self._send(item[0], item[1])
                if reason is not None:
                    self._count(reason)
                item = self._client.poll_transmit()
            return
        while self._has_rest():
            n = self._stream.send(self._rest)
            if n == 0:
                break
            self._rest = self._rest[n:]
        if self._is_writing != bool(self._rest):
            self._is_writing = not self._is_writing
            self._stream.watch_writable(self._is_writing)

    def _has_rest(self):
        if not self._rest:
            item = self._client.poll_transmit()
            if item is not None:
                self._rest = item[0]
        return bool(self._rest)
