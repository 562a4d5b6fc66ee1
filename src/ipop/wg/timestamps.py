"""TAI64N timestamps that never go back, on routers that have no clock at boot.

A peer takes an initiation only if its timestamp is higher than the last one (whitepaper section 5.1). So ours are
max(wall clock, last one, a mark on flash): the mark is reserved an hour ahead of what is in use, and a node that
starts in 1970 goes on from there.
"""

import struct

RESERVE = 3_600_000  # ms ahead of the clock
RESERVE_AHEAD = 60_000  # ms ahead of an older mark: those timestamps advance by 1 ms for each handshake only
JUMP = 1_000  # ms; less is a clock that is being slewed
_TAI_EPOCH = (1 << 62) + 10  # 1970-01-01 as a TAI64 label


class Timestamps:
    """`wall` is the wall clock (ms since 1970) at `now`; `mark` what was last reserved on flash."""

    def __init__(self, wall, mark, now):
        self._last = mark
        self._offset = wall - now
        self.mark = max(wall + RESERVE, mark + RESERVE_AHEAD)
        self.era = 0  # counts the jumps of the wall clock: what was stamped before one may be too old by far

    def set_clock(self, wall, now):
        """The wall clock as it is at `now`: it may jump either way."""
        if abs(wall - now - self._offset) > JUMP:
            self.era += 1
        self._offset = wall - now

    def reach(self, stamp):
        """Nothing from now on may be stamped earlier than this (ms since 1970)."""
        self._last = max(self._last, stamp)

    def next(self, now):
        """12 bytes, higher than any before. `mark` may have moved: it must then be kept on flash."""
        last = self.stamp(now)
        return struct.pack(">QI", _TAI_EPOCH + last // 1000, last % 1000 * 1_000_000)

    def stamp(self, now):
        """The same as a number: ms since 1970."""
        self._last = last = max(self._last + 1, now + self._offset)
        if last > self.mark - RESERVE_AHEAD // 4:
            self.mark = max(now + self._offset + RESERVE, last + RESERVE_AHEAD)
        return last
