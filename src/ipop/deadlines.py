"""When does anything have to happen next? One heap for all the machines of a node.

An owner (anything with `wake_at` and `handle_timeout(now)`) may ask to be woken earlier than it had asked before;
it can't ask for later. Woken too early, it looks, finds nothing due, and asks again. So the packet path never
touches the heap: it stores a time of its own and leaves the rest to the next wake-up.
"""

import heapq

_SLACK = 64  # entries that may be stale before the heap is swept


def earlier(a, b):
    """The earlier of two times (ms), either of which may be None. It makes no garbage: the loop asks at each turn."""
    return a if b is None or a is not None and a <= b else b


class Deadlines:
    def __init__(self):
        self._heap = []
        self._sweep_at = _SLACK
        self._tie = 0  # owners can't be compared; equal times are served in the order of asking

    def wake(self, owner, when):
        """Call `owner.handle_timeout` at `when` (ms) or before."""
        if owner.wake_at is None or when < owner.wake_at:
            owner.wake_at = when
            self._tie += 1
            heapq.heappush(self._heap, (when, self._tie, owner))
            if len(self._heap) > self._sweep_at:
                self._sweep()

    def handle_timeout(self, now):
        while self._heap and self._heap[0][0] <= now:
            when, _, owner = heapq.heappop(self._heap)
            if owner.wake_at == when:
                owner.wake_at = None
                owner.handle_timeout(now)

    def poll_timeout(self):
        """The time (ms) of the next call to `handle_timeout`, or None."""
        heap = self._heap
        while heap and heap[0][2].wake_at != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _sweep(self):
        """Keep one entry for each owner: the one that it waits for."""
        due = {id(entry[2]): entry for entry in self._heap if entry[2].wake_at == entry[0]}
        self._heap = list(due.values())
        heapq.heapify(self._heap)
        self._sweep_at = 2 * len(self._heap) + _SLACK
