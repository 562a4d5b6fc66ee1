"""STUN requests under way: sent again until an answer comes, or given up (RFC 8489 section 6.2.1).

An answer counts when it has the random transaction of a request, is for the same method, and comes from where it was
expected. So whoever can't see our requests can't answer them, and each is answered once.
"""

from collections import deque

from ..wire import stun

# ms to wait after each datagram, before the next or the end
PATIENT = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 8_000)  # the RFC's: RTO 500 ms, Rc 7, Rm 16
QUICK = (500, 1_000, 2_000, 2_000)  # where silence is an answer too
ONCE = (39_500,)  # over a stream, which repeats by itself

TRANSMIT_MAX = 256  # datagrams that wait to be sent; past that the oldest is dropped, and sent again later


class _Request:
    def __init__(self, method, transaction, data, addr, sources, then, waits):
        self.method = method
        self.transaction = transaction
        self.data = data
        self.addr = addr
        self.sources = sources
        self.then = then
        self.waits = waits
        self.sent = 0
        self.wake_at = 0


class Requests:
    """`random(n)` gives n bytes."""

    def __init__(self, random):
        self._random = random
        self._open = {}  # transaction -> _Request
        self._transmits = deque((), TRANSMIT_MAX)

    @property
    def room(self):
        """How many datagrams more may wait."""
        return TRANSMIT_MAX - len(self._transmits)

    def begin(self, method, attributes, addr, then, now, seal=None, sources=None, waits=PATIENT):
        """Ask `addr`; `then(answer, source, now)` is called with its Message, or with None when none came in time.

        `seal(message)` is what has to be appended; the answer may come from any of `sources` (else from `addr`)."""
        transaction = self._random(stun.TRANSACTION)
        data = stun.build(stun.REQUEST, method, transaction, attributes)
        if seal is not None:
            data = seal(data)
        request = _Request(method, transaction, data, addr, sources or (addr,), then, waits)
        self._open[transaction] = request
        self._send(request, now)

    def match(self, message, source):
        """The request that this Message from `source` answers, or None. It goes on until `end`."""
        request = self._open.get(message.transaction)
        if (
            request is None
            or message.kind not in (stun.SUCCESS, stun.ERROR)
            or message.method != request.method
            or source not in request.sources
        ):
            return None
        return request

    def end(self, request):
        del self._open[request.transaction]

    def clear(self):
        """Forget all, and what waits to be sent."""
        self._open.clear()
        while self._transmits:
            self._transmits.popleft()

    def transmit(self, data, addr):
        """Send something that needs no answer, in its turn."""
        self._transmits.append((data, addr))

    def handle_timeout(self, now):
        for request in [request for request in self._open.values() if now >= request.wake_at]:
            if request.transaction not in self._open:  # what another one called has ended it
                continue
            if request.sent < len(request.waits):
                self._send(request, now)
            else:
                self.end(request)
                request.then(None, None, now)

    def poll_timeout(self):
        return min([request.wake_at for request in self._open.values()]) if self._open else None

    def poll_transmit(self):
        """The next (datagram, address) to send, or None."""
        return self._transmits.popleft() if self._transmits else None

    def _send(self, request, now):
        self._transmits.append((request.data, request.addr))
        request.wake_at = now + request.waits[request.sent]
        request.sent += 1
