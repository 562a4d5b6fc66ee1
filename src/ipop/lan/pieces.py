"""A frame that is too large for the path is cut into pieces, and put together at the far end.

Devices use 1500 bytes, and few paths carry that and a tunnel's headers. IP could fragment the datagrams, but many NATs
and firewalls drop fragments, nobody notices, and the sender can't find out what would pass. So datagrams have DF set
and we cut ourselves, inside the tunnel: every piece is sealed, so that only the member itself can make one, and none
twice (the session's replay window). The content of payload type 0x02 (wire/payload.py):

    number 2 | index 1 | count 1 | part           big-endian; payload kind 0

    number   of the frame: the next one for each frame that is cut, modulo 2^16
    index    of the piece: 0 to count - 1
    count    of the frame's pieces: 2 to PIECES_MAX
    part     1 byte or more; all the parts in a row are the frame, at most FRAME_MAX bytes

A part has a place, no offset: nothing can overlap, and there is no hole to look for (what RFC 8900 and RFC 5722 tell of
IP's way). The sender makes all parts equally long, give or take a byte. A full one with a tiny one behind costs as many
datagrams, but then the first is lost as soon as the path carries a little less, and the second, in queues that favour
small packets, overtakes it. The receiver doesn't rely on it.

What of a frame doesn't come within LIFE is lost, and so is what waits while WINDOW later frames have begun, so that a
number that comes round again meets nothing old. A member has a share of FRAMES and BYTES, its oldest frames go first,
and where TOTAL is reached, those of the member with the most. So a hostile one can make us keep 16 kB and lose its own.

    word             the piece or frame that was thrown away
    bad-piece        isn't made as above; a frame of which two pieces say different things is gone with it
    piece-repeated   was there already
    piece-lost       a frame whose other pieces didn't come in time
    piece-limit      a frame that had to give way
"""

from ..errors import Rejected
from ..wire import ethernet

HEADER = 4
PIECES_MAX = 8
FRAME_MAX = ethernet.FRAME_MAX
LIFE = 1_000  # ms
WINDOW = 1_024
FRAMES, BYTES = 16, 16_000  # that wait, for one link
TOTAL = 64  # frames that wait, for all

_HALF = 0x8000


class Cutter:
    """The sender's part: one for each link, because of the numbers."""

    def __init__(self, number=0):
        self._number = number

    def cut(self, frame, room, front=0, behind=0):
        """The contents (bytearrays), each at most `room` bytes long, for a frame (bytes or memoryview) too large.

        Each has so many bytes of room in `front` and `behind` besides, so that it can be sealed where it lies. Raises
        Rejected: "too-large", where the path carries so little that it would be more than PIECES_MAX."""
        n = len(frame)
        count = max(-(-n // (room - HEADER)), 2) if room > HEADER else PIECES_MAX + 1
        if count > PIECES_MAX or n > FRAME_MAX or n < count:
            raise Rejected("too-large")
        number = self._number
        self._number = number + 1 & 0xFFFF
        pieces, at = [], 0
        for index in range(count):
            end = n * (index + 1) // count
            start = front + HEADER
            piece = bytearray(start + end - at + behind)
            piece[front], piece[front + 1], piece[front + 2], piece[front + 3] = number >> 8, number & 255, index, count
            piece[start : start + end - at] = frame[at:end]
            pieces.append(piece)
            at = end
        return pieces


class _Partial:
    """A frame of which some pieces are there."""

    def __init__(self, number, count, now):
        self.number = number
        self.parts = [None] * count
        self.missing = count
        self.size = 0
        self.since = now


class Assembler:
    """The receiver's part, for all links. `count(word)` is told of each frame that is given up."""

    def __init__(self, count):
        self._count = count
        self._links = {}  # link -> its _Partials, those that began first in front; only links that have some
        self._total = 0

    def handle_piece(self, link, content, now):
        """The frame (bytes) that is whole with this content (bytes or memoryview), or None. Raises Rejected."""
        n = len(content) - HEADER
        if n < 1:
            raise Rejected("bad-piece")
        index, count = content[2], content[3]
        if count < 2 or count > PIECES_MAX or index >= count or n > FRAME_MAX:
            raise Rejected("bad-piece")
        partials = self._links.get(link)
        partial = self._find(link, partials, content[0] << 8 | content[1], now) if partials else None
        if partial is None:
            partial = self._begin(link, content[0] << 8 | content[1], count, now)
        elif len(partial.parts) != count or partial.size + n > FRAME_MAX:
            self._remove(link, partial)
            raise Rejected("bad-piece")
        elif partial.parts[index] is not None:
            raise Rejected("piece-repeated")
        partial.parts[index] = bytes(content[HEADER:])
        partial.size += n
        partial.missing -= 1
        if partial.missing == 0:
            self._remove(link, partial)
            return b"".join(partial.parts)
        self._keep_share(link)
        return None

    def forget(self, link):
        """A member is gone."""
        self._total -= len(self._links.pop(link, ()))

    def handle_timeout(self, now):
        """Give up what has waited too long."""
        for link in list(self._links):
            self._expire(link, now)

    def poll_timeout(self):
        """When `handle_timeout` has something to do (ms), or None."""
        when = None
        for partials in self._links.values():
            since = partials[0].since
            if when is None or since < when:
                when = since
        return None if when is None else when + LIFE

    @property
    def waiting(self):
        """How many frames wait for the rest of them."""
        return self._total

    def _find(self, link, partials, number, now):
        if now - partials[0].since >= LIFE:
            self._expire(link, now)
        for partial in partials:
            if partial.number == number:
                return partial
        return None

    def _begin(self, link, number, count, now):
        partials = self._links.get(link)
        if partials is not None:
            for old in [old for old in partials if WINDOW <= (number - old.number & 0xFFFF) < _HALF]:
                self._lose(link, old, "piece-lost")
        if self._total >= TOTAL:
            self._make_room()
        partial = _Partial(number, count, now)
        if link in self._links:
            self._links[link].append(partial)
        else:
            self._links[link] = [partial]
        self._total += 1
        return partial

    def _keep_share(self, link):
        partials = self._links[link]
        while len(partials) > FRAMES or len(partials) > 1 and sum([each.size for each in partials]) > BYTES:
            self._lose(link, partials[0], "piece-limit")

    def _make_room(self):
        """The member that keeps most here gives up its oldest; among equals it is the oldest of all."""
        most = None
        for link, partials in self._links.items():
            rank = len(partials), -partials[0].since
            if most is None or rank > most[0]:
                most = rank, link
        self._lose(most[1], self._links[most[1]][0], "piece-limit")

    def _expire(self, link, now):
        for old in [old for old in self._links[link] if now - old.since >= LIFE]:
            self._lose(link, old, "piece-lost")

    def _lose(self, link, partial, word):
        self._remove(link, partial)
        self._count(word)

    def _remove(self, link, partial):
        partials = self._links[link]
        partials.remove(partial)
        self._total -= 1
        if not partials:
            del self._links[link]
