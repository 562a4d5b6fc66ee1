"""Chance that repeats: Marsaglia's xorshift32, which gives the same numbers on every interpreter.

A simulation has one seed and forks a generator for each thing that needs chance, so that a node more or a
rule of weather more does not change the fate of the others.
"""

_MASK = 0xFFFFFFFF


class Random:
    """Unsigned 32-bit numbers; far too weak for keys that matter, which is the point: they repeat."""

    def __init__(self, seed):
        self._state = (seed * 2654435761 + 0x9E3779B9) & _MASK or 1
        for _ in range(4):  # neighbouring seeds start out alike
            self.next()

    def below(self, bound):
        """A number from 0 to bound - 1."""
        return self.next() % bound

    def percent(self, chance):
        """True that many times in a hundred."""
        return self.next() % 100 < chance

    def bytes(self, count):
        out = bytearray()
        while len(out) < count:
            out.extend(self.next().to_bytes(4, "big"))
        return bytes(out[:count])

    def fork(self):
        return Random(self.next())

    def next(self):
        x = self._state
        x ^= (x << 13) & _MASK
        x ^= x >> 17
        x ^= (x << 5) & _MASK
        self._state = x
        return x
