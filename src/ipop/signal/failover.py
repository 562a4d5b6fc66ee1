"""Which of several brokers to call, and when.

Members meet only at the same broker, so all of them go down the same list. Those in it are called one after the other,
then there is a pause, which grows, and differs from member to member: a broker that comes back is not run over by all
at once. Who found a place further down calls the better ones from time to time, and moves when one of them answers.

    index = failover.poll_call(now)          # which one to call now, or None
    failover.handle_failed(now)              # it could not be reached
    failover.handle_connected(now)           # it is the one in use from now on
    failover.handle_lost(now)                # the one in use is gone
"""

PAUSE_FIRST, PAUSE_MAX = 1_000, 60_000  # ms between two rounds
RETURN_FIRST, RETURN_MAX = 60_000, 900_000  # ms between two attempts to get back to a better one
STEADY = 30_000  # ms after which a connection was a good one


class FailOver:
    """Among `count` brokers, the best first. `random(n)` gives n bytes."""

    def __init__(self, count, random, now):
        self._count = count
        self._random = random
        self._current = None  # the one in use
        self._since = now
        self._next = 0  # the one to call
        self._call_at = now
        self._pause = PAUSE_FIRST
        self._return_pause = RETURN_FIRST

    @property
    def current(self):
        """The one that is in use, or None."""
        return self._current

    def poll_timeout(self):
        """When to call one (ms), or None: there is no better one than that in use."""
        return self._call_at

    def poll_call(self, now):
        """The one to call now, or None. What came of it has to be told before the next question."""
        return self._next if self._call_at is not None and now >= self._call_at else None

    def handle_failed(self, now):
        self._next += 1
        if self._next == (self._count if self._current is None else self._current):
            self._begin_again(now)

    def handle_connected(self, now):
        self._current, self._since = self._next, now
        self._begin_again(now)

    def handle_lost(self, now):
        last, self._current = self._current, None
        if now - self._since >= STEADY:
            self._pause, self._return_pause = PAUSE_FIRST, RETURN_FIRST
        self._begin_again(now)
        if now - self._since < STEADY and last + 1 < self._count:
            self._next = last + 1  # it takes connections and drops them: others may be better

    def hurry(self, now):
        """There is reason to think that the next call will be answered."""
        if self._call_at is not None:
            self._call_at = now
        self._pause = PAUSE_FIRST

    def _begin_again(self, now):
        """With the best one, after a pause."""
        self._next = 0
        if self._current is None:
            self._call_at = now + self._jittered(self._pause)
            self._pause = min(2 * self._pause, PAUSE_MAX)
        elif self._current > 0:
            self._call_at = now + self._jittered(self._return_pause)
            self._return_pause = min(2 * self._return_pause, RETURN_MAX)
        else:
            self._call_at = None

    def _jittered(self, pause):
        """Between half of it and all of it."""
        return pause - pause * int.from_bytes(self._random(2), "big") // (2 * 65_536)
