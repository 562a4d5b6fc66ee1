"""Virtual time: what is to happen, and when. Milliseconds; things due at the same time happen in the order
given.
"""

import heapq


class Agenda:
    def __init__(self):
        self.now = 0
        self._due = []
        self._given = 0

    def at(self, when, action, *args):
        """Call `action(*args)` when the time comes; what should have happened already happens next."""
        self._given += 1
        heapq.heappush(self._due, (max(when, self.now), self._given, action, args))

    def run_until(self, end):
        while self._due and self._due[0][0] <= end:
            self.now, _, action, args = heapq.heappop(self._due)
            action(*args)
        self.now = end
