"""How others can reach us: where our peers see us, and which of them forward for us.

Each answer to a question of ours (paths.py) tells where the question came from. That may well differ with the address
that was asked: some NATs give each destination a mapping of its own, and a peer in the same home sees us inside it and,
by way of the NAT, outside. So it is kept for each address, and one peer has one vote: what is seen where we send to it,
for there the mapping is kept open. What most of them say goes first; a peer that says something else each time is heard
once in SEEN_GAP on average.
"""

from ..wire import address
from .relay import is_relayed

SEEN_MAX = 2  # of each family
PATHS_MAX = 16  # addresses of one peer for which it is kept
SEEN_GAP, SEEN_BURST = 30_000, 4  # ms between two news of one peer on where it sees us; so many at once
RELAY_GAIN = 20  # ms that another one has to be quicker, besides half the time
RELAYS = 2  # that others are told to reach us through


class Reachability:
    """`links` are those with our own nodes, the node's own list: each has `peer`, `search` and `is_up`; `tunnel` is the
    node's."""

    def __init__(self, links, tunnel):
        self._links = links
        self._tunnel = tunnel
        self._seen = {}  # link -> _Sightings
        self._relays = []  # the keys of those that were chosen last

    def forget(self, link):
        self._seen.pop(link, None)

    def note_seen(self, link, asked, addr, is_new, now):
        """A peer that was asked at one address says that it sees us at `addr`; `is_new`: only now do we send there.

        Returns whether that is news, and where it saw us before, if that is a mapping that was in use, or None."""
        if address.is_private(addr[0]) and not address.is_private(asked[0]):
            return False, None  # nobody out there can reach us inside
        if link not in self._seen:
            self._seen[link] = _Sightings()
        return self._seen[link].note(asked, addr, asked == link.peer.endpoint and not is_new, now)

    def seen_at(self):
        """The addresses at which those who are reached directly see us: IPv6 first, then what is good everywhere, then
        what most of them say."""
        return self._most_said(True) + self._most_said(False)

    def _most_said(self, is_ipv6):
        votes = {}
        for link, sightings in self._seen.items():
            addr = sightings.vote(link.peer.endpoint, is_ipv6) if link.is_up else None
            if addr is not None:
                votes[addr] = votes.get(addr, 0) + 1
        ranked = sorted([(address.is_private(addr[0]), -n, addr) for addr, n in votes.items()])
        return [addr for _, _, addr in ranked[:SEEN_MAX]]

    def choose_relays(self, willing, now):
        """Up to RELAYS of the nodes with these keys to be reached through: those to whom there is a direct way, the
        quickest first. Who was chosen stays where it is until it is gone or another is much quicker: each change is
        told to all."""
        known = [link for link in self._links if link.peer.public_key in willing and link.peer.is_connected(now)]
        known = [link for link in known if not is_relayed(link.peer.endpoint) and not link.peer.is_silent(now)]
        times = {link.peer.public_key: link.search.rtt or 0 for link in known}
        stays = [key for key in self._relays if key in times]
        others = sorted([(rtt, key) for key, rtt in times.items() if key not in stays])
        if len(stays) == RELAYS and others:
            slowest, key = max([(times[key], key) for key in stays])
            if 2 * others[0][0] + RELAY_GAIN < slowest:
                stays.remove(key)
        self._relays = stays + [key for _, key in others[: RELAYS - len(stays)]]
        return self._relays

    @property
    def needs_relays(self):
        """Whether somebody may not be able to reach us: nobody has called us yet from where we had not sent anything,
        and there are some who are not connected."""
        return not self._tunnel.was_called and any(not link.is_up for link in self._links)


class _Sightings:
    """Where one peer sees us."""

    def __init__(self):
        self._paths = []  # (where it was asked, where it saw us), what was said last at the end
        self._news_at = []  # when it said something new lately

    def note(self, asked, addr, is_in_use, now):
        """See Reachability.note_seen."""
        before = None
        for path, seen in self._paths:
            if path == asked:
                before = seen
        if before == addr:
            return False, None
        is_news = before is not None or all(seen != addr for _, seen in self._paths)
        if is_news:
            self._news_at = [when for when in self._news_at if now - when < SEEN_BURST * SEEN_GAP]
            if len(self._news_at) >= SEEN_BURST:
                return False, None
            self._news_at.append(now)
        gone = before if is_in_use else None  # and so for the other addresses too
        others = [each for each in self._paths if each[0] != asked and each[1] != gone]
        self._paths = others[-(PATHS_MAX - 1) :] + [(asked, addr)]
        return is_news, gone

    def vote(self, endpoint, is_ipv6):
        """Where it sees us what we send to its endpoint, or else what was said last; None if it said nothing."""
        said = [each for each in self._paths if (":" in each[1][0]) == is_ipv6]
        for asked, seen in said:
            if asked == endpoint:
                return seen
        return said[-1][1] if said else None
