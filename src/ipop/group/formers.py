"""The brokers that a group has left, for the sake of those who have not heard of it.

A new charter reaches who is connected within a second, inside the tunnels. Who is away comes back to the brokers that
it knows, maybe after weeks. Three things bring it over:

    a farewell    who goes leaves there, retained, what the charter says now: all do in a small group, the admins of a
                  large one
    a line        the owner's router stays there as well for KEPT: so it is said again to a broker that has forgotten it
                  or was away itself; who has made an invite stays as long as that is good, because it names this broker
    a way back    for KEPT each member goes on where it was if none of the new brokers can be reached, as behind all
                  others in its list: a slip of the pen strands nobody

What is said is sealed and signed like all else there (signal/sealed.py), the charter in it by the owner.
"""

from .invite import is_plausible

KEPT = 90 * 24 * 3_600_000  # ms
LINGER = 300_000  # ms for which a line stays that nobody needs any more: the last answer may have to be said again
FORMERS_MAX = 8
FEW = 16  # members of a group in which all leave a farewell


class Formers:
    """`left` is what `saved()` gave once: [(URL, when the group left it, ms since 1970)], the last ones first.

    `open_line()` makes the Signalling of a line."""

    def __init__(self, left, open_line):
        self.revision = 0  # grows with what has to be kept
        self.lines = {}  # URL -> Signalling
        self._left = [(url, when) for url, when in left]
        self._needed = {}  # URL of a line -> when it was needed last
        self._open_line = open_line

    def saved(self):
        return [[url, when] for url, when in self._left]

    def handle_change(self, old, new, when):
        """From these brokers the group has gone to those. Where it meets now nobody has to be told."""
        gone = [(url, when) for url in old]
        gone += [(url, since) for url, since in self._left if url not in old]
        self._left = [(url, since) for url, since in gone if url not in new[:1]][:FORMERS_MAX]
        self.revision += 1

    def urls(self, wall):
        """Those that somebody may still come to. The word of a clock that can't be right ends nothing."""
        return [url for url, when in self._left if not is_plausible(wall) or wall - when < KEPT]

    def settle(self, wanted, now):
        """Have lines to these brokers, to FORMERS_MAX at most, and after a while to no others.

        Returns whether there are other lines than before."""
        before = set(self.lines)
        wanted = wanted[:FORMERS_MAX]
        for url in wanted:
            self._needed[url] = now
            if url not in self.lines:
                self.lines[url] = self._open_line()
        for url in list(self.lines):
            is_crowded = len(self.lines) > FORMERS_MAX and url not in wanted
            if is_crowded or now - self._needed[url] >= LINGER:
                del self.lines[url], self._needed[url]
        return set(self.lines) != before
