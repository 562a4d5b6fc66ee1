"""Sorting that is never slow: MicroPython's `sorted` takes quadratic time for what is nearly in order already."""

import heapq


def ordered(items):
    """A list of the items, the least first. They must be comparable, tuples down to what tells them apart."""
    heap = list(items)
    heapq.heapify(heap)
    return [heapq.heappop(heap) for _ in range(len(heap))]
