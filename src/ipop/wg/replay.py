"""The sliding window that lets each counter through once (whitepaper section 5.4.6; the algorithm is RFC 6479's).

A ring of bits: to move forward, whole bytes are cleared, and nothing is ever shifted. One byte of the ring is always
in the making, so that the window covers `WINDOW` counters below the highest one seen.
"""

_RING = 1024  # bytes
WINDOW = (_RING - 1) * 8


class ReplayWindow:
    def __init__(self):
        self._ring = bytearray(_RING)
        self._highest = -1

    def accept(self, counter):
        """Whether an authenticated packet's counter is new; from now on it isn't."""
        highest = self._highest
        ring = self._ring
        block = counter >> 3
        if counter > highest:
            ahead = block - (highest >> 3)
            if ahead:
                for i in range(1, min(ahead, _RING) + 1):
                    ring[(highest >> 3) + i & _RING - 1] = 0
            self._highest = counter
        elif highest - counter >= WINDOW:
            return False
        at = block & _RING - 1
        bit = 1 << (counter & 7)
        if ring[at] & bit:
            return False
        ring[at] |= bit
        return True
