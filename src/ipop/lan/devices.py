"""Who is on the group's LAN: each member names the devices of its own home, and tells the others.

What a member tells is a set of entries (own_devices.py), one for each device. Its digest stands for the whole. There
are three messages, and no clock ticks in between: while nothing changes, nothing is sent.

    HAVE      0 | whether that is to be answered 1 | digest 8 of what the sender holds of the receiver's set
    ALL       1 | digest 8 | part 1, parts 1 | entries: the part of a whole set
    CHANGE    2 | digest before 8, after 8 | number 1 of devices that are gone, their MACs | entries that are new

Who connects asks by HAVE. Who hears that the other holds something else tells: a CHANGE where that is enough, or ALL.
What was told is answered by HAVE; without that it is told again, at longer and longer intervals, and given up until
something changes or the other connects again: it may be of a release that knows nothing of names.

A member may be hostile. It names only addresses of its own slice, and IPv6 addresses of the group's prefix that nobody
else had named before; they stand below its own name only, which the roster gave it; and of our memory it has a share.
"""

from ..deadlines import earlier
from ..errors import Rejected
from ..ordering import ordered
from ..wire import ip
from . import directory
from .directory import Home
from .own_devices import DEVICES_MAX, OwnDevices, entry, read_entry, unpack
from .pace import Pace

MESSAGE_MAX = 1_080  # bytes
PARTS_MAX = 40  # 256 devices of the largest kind
BUDGET = 65_536  # bytes for what the others have told, by default
GAP = 1_000  # ms between two tellings, at least,
BURST, EVERY = 12, 5_000  # and so many at once, then one in so many ms
TRIES_MAX = 6  # after 1, 2, 4, … s
FLOOD_BURST, FLOOD_EVERY = 2 * PARTS_MAX, 50  # messages of one member that are looked at; ms

_HAVE, _ALL, _CHANGE = 0, 1, 2
_DIGEST = 8
_UNKNOWN = bytes(_DIGEST)
_ALL_HEAD, _CHANGE_HEAD = 1 + _DIGEST + 2, 1 + 2 * _DIGEST + 1
_COST = 150  # bytes that an entry takes besides its own, about; and one for each IPv6 address in it
_COST_IPV6 = 96


_TELLING = Pace(BURST, EVERY)
_HEARING = Pace(FLOOD_BURST, FLOOD_EVERY)


class _Member:
    """Another member: what it has told us, and how far we are with telling it."""

    def __init__(self, link, slice, empty):
        self.link = link
        self.slice = slice
        self.entries = {}  # MAC -> entry, of what counts
        self.cost = 0
        self.is_cut = False  # whether there was no room for something
        self.held = empty  # the digest of the set that it has told; _UNKNOWN while one is arriving
        self.arriving = None  # that set's digest
        self.parts = None  # those that are here (a set),
        self.fresh = None  # and the MACs in them
        self.heard = 0  # by the pace of _HEARING
        self.holds = None  # the digest of our set that it holds, as it said last
        self.tries = 0
        self.due = None
        self.told = 0  # by the pace of _TELLING
        self.asks = self.answers = False  # a HAVE is to go out
        self.out = None  # a list of messages that are to go out


class Devices:
    """`sha256` is a port's; `count(reason)` is told what is thrown away; `budget` is for what others tell, in bytes."""

    def __init__(self, sha256, count, budget=BUDGET):
        self.revision = 0  # grows when `records` may say something else
        self._sha256 = sha256
        self._count = count
        self._budget = budget
        self._own_slice = None
        self._own_name = ""
        self._prefix = None
        self._own = OwnDevices(self._may_be_ours)
        self._looked_at = self._own_revision = 0
        self._mine = {}  # MAC -> entry, as it is
        self._told = {}  # the same, as it was told last,
        self._empty = self._digest = self._digest_of(())  # and what stands for that
        self._before = None  # what stood for the set before it, and the
        self._change = None  # CHANGE message between the two
        self._published = 0  # by the pace of _TELLING
        self._publish_at = None
        self._published_at = None
        self._members = {}  # link -> _Member
        self._holders = {}  # IPv6 address -> the _Member that named it
        self._ready = []  # _Members that have something to say
        self._wake_at = None
        self._last_share = budget

    # --- who the members are

    def set_slices(self, slices, own, now, prefix=None, name=""):
        """Whose addresses are whose: {link: (network, length)} of the others, and our own (network, length) or None.

        To be called after every change of the roster, a renamed member's too. `prefix` is the group's (16 bytes,
        length) or None; `name` is what the roster calls us."""
        if (own, prefix) != (self._own_slice, self._prefix):
            self._own_slice, self._prefix = own, prefix
            self._own.forget_strangers()
        self._own_name = name
        for link in [link for link in self._members if link not in slices]:
            self.forget(link)
        for link, slice in slices.items():
            member = self._members.get(link)
            if member is not None and member.slice != slice:
                self.forget(link)
                member = None
            if member is None:
                self._members[link] = _Member(link, slice, self._empty)
                self._expect(self._members[link], now)
        self._share_out()
        self.revision += 1
        self._look(now)

    def forget(self, link):
        """A member is out: its devices' names are nobody's."""
        member = self._members.pop(link, None)
        if member is not None:
            for mac in list(member.entries):
                self._drop(member, mac)
            self.revision += 1

    def handle_connected(self, link, now):
        """A member is connected, maybe again: both sides find out what the other missed."""
        member = self._members.get(link)
        if member is not None:
            self._expect(member, now)

    # --- our own home

    def set_leases(self, leases, now):
        """All leases of our DHCP server: (MAC, address as text or packed, host name or "")."""
        self._own.set_leases(leases)
        self._look(now)

    def hear_mdns(self, message, source, mac, now):
        """The payload (bytes) of a UDP datagram to port 5353 that came from our own LAN, from this packed address and
        MAC. Returns whether it could be read; it goes on its way in any case."""
        is_good = self._own.hear_mdns(message, source, mac, now)
        self._look(now)
        return is_good

    def saw(self, mac, addresses, now):
        """A device of our own LAN has sent something from these packed addresses."""
        self._own.saw(mac, addresses, now)
        self._look(now)

    # --- between members

    def handle_message(self, link, content, now):
        """What a member tells (bytes). Raises Rejected."""
        member = self._members.get(link)
        if member is None:
            raise Rejected("no-slice")
        if _HEARING.next(member.heard, now) > now:
            raise Rejected("names-flood")
        member.heard = _HEARING.take(member.heard, now)
        handler = _HANDLERS.get(content[0]) if content else None
        if handler is None:
            raise Rejected("bad-payload")
        handler(self, member, content, now)
        if member.answers:
            self._enqueue(member)

    def poll_message(self):
        """The next (link, content) that is to be told, or None."""
        while self._ready:
            member = self._ready[0]
            message = self._next_message(member) if self._members.get(member.link) is member else None
            if message is not None:
                return member.link, message
            self._ready.pop(0)
        return None

    def handle_timeout(self, now):
        self._own.handle_timeout(now)
        self._look(now)
        if self._publish_at is not None and now >= self._publish_at:
            self._publish(now)
        if self._wake_at is not None and now >= self._wake_at:
            self._wake_at = None
            for member in self._members.values():
                if member.due is not None and now >= member.due:
                    self._tell(member, now)
                if member.due is not None:
                    self._wake(member.due)

    def poll_timeout(self):
        """When `handle_timeout` has to be called (ms), or None."""
        return earlier(self._own.poll_timeout(), earlier(self._publish_at, self._wake_at))

    # --- what people and programs see

    def records(self, group, suffix):
        """[(IP address as text, name)] for a hosts file: see directory.py, as for the others here."""
        return directory.records(self._homes(), group, suffix)

    def search_domains(self, group, suffix):
        return directory.search_domains(self._homes(), group, suffix)

    def listing(self, now, group, suffix, seen=None, way=None, places=()):
        """The devices as `ipop devices` shows them. `seen` is {MAC: when the switch saw it last (ms)}, `places` {MAC:
        the link behind which it is, None for our LAN}; `way(link)` says how a member is reached, in words, or None."""
        seen = seen or {}

        def seen_at(mac):
            times = [when for when in (self._own.seen_at(mac), seen.get(mac)) if when is not None]
            return max(times) if times else None

        return directory.listing(self._homes(), group, suffix, now, seen_at, way or (lambda link: None), places)

    def _homes(self):
        self._refresh()
        homes = [Home(None, self._own_slice, self._own_name, self._mine)]
        members = self._members.values()
        return homes + [Home(each.link, each.slice, each.link.config.name, each.entries) for each in members]

    # --- telling

    def _look(self, now):
        """Whether our own devices may have changed."""
        if self._looked_at == self._own.revision:
            return
        self._looked_at = self._own.revision
        self.revision += 1
        if self._publish_at is None:
            after = now if self._published_at is None else max(now, self._published_at + GAP)
            self._publish_at = max(after, _TELLING.next(self._published, now))

    def _refresh(self):
        if self._own_revision != self._own.revision:
            self._own_revision = self._own.revision
            self._mine = self._own.entries()

    def _publish(self, now):
        """Tell everybody what has changed."""
        self._publish_at, self._published_at = None, now
        self._refresh()
        if self._mine == self._told:
            return
        self._published = _TELLING.take(self._published, now)
        told, self._told, self._before = self._told, dict(self._mine), self._digest
        self._digest = self._digest_of(self._told.values())
        gone = [mac for mac in told if mac not in self._told]
        new = [each for mac, each in self._told.items() if told.get(mac) != each]
        change = bytes([_CHANGE]) + self._before + self._digest + bytes([len(gone) & 0xFF]) + b"".join(gone + new)
        self._change = change if len(change) <= MESSAGE_MAX else None
        for member in self._members.values():
            member.tries = 0
            member.due = now
        self._wake(now)

    def _expect(self, member, now):
        """Find out what a member that is connected knows of us."""
        member.holds, member.tries = None, 0
        member.due = now
        self._wake(now)

    def _tell(self, member, now):
        member.due = None
        if not member.link.is_up or member.holds == self._digest or member.tries >= TRIES_MAX:
            return
        if member.holds is None:
            member.asks = True
        else:
            due = _TELLING.next(member.told, now)
            if due > now:
                member.due = due
                return
            member.told = _TELLING.take(member.told, now)
            is_small = self._change is not None and member.holds == self._before
            member.out = [self._change] if is_small else self._all()
        member.due = now + (GAP << member.tries)
        member.tries += 1
        self._enqueue(member)

    def _all(self):
        """The ALL messages with our set."""
        parts, part = [], b""
        for mac in ordered(self._told):
            if len(part) + len(self._told[mac]) > MESSAGE_MAX - _ALL_HEAD:
                parts.append(part)
                part = b""
            part += self._told[mac]
        parts.append(part)
        head = bytes([_ALL]) + self._digest
        return [head + bytes([i, len(parts)]) + part for i, part in enumerate(parts)]

    def _next_message(self, member):
        if member.asks or member.answers:
            content = bytes([_HAVE, 1 if member.asks else 0]) + member.held
            member.asks = member.answers = False
            return content
        return member.out.pop(0) if member.out else None

    def _enqueue(self, member):
        if member not in self._ready:
            self._ready.append(member)

    def _wake(self, when):
        if self._wake_at is None or when < self._wake_at:
            self._wake_at = when

    def _digest_of(self, entries):
        return self._sha256(b"".join(ordered(entries)))[:_DIGEST]

    # --- being told

    def _handle_have(self, member, content, now):
        if len(content) < 2 + _DIGEST:
            raise Rejected("bad-payload")
        is_first, member.holds = member.holds is None, content[2 : 2 + _DIGEST]
        if content[1]:
            member.answers = True
            member.tries = 0
        if member.holds == self._digest:
            member.due, member.tries, member.out = None, 0, None
        elif is_first or content[1] or member.due is None:
            member.due = now
            self._wake(now)

    def _handle_all(self, member, content, now):
        if len(content) < _ALL_HEAD:
            raise Rejected("bad-payload")
        digest, part, parts = content[1 : 1 + _DIGEST], content[_ALL_HEAD - 2], content[_ALL_HEAD - 1]
        if part >= parts or parts > PARTS_MAX:
            raise Rejected("bad-payload")
        entries = _read_entries(content, _ALL_HEAD)
        if digest == member.held:
            member.answers = True  # the last answer was lost
            return
        if digest != member.arriving:
            member.arriving, member.held = digest, _UNKNOWN
            member.parts, member.fresh, member.is_cut = set(), set(), False
            member.answers = True
        for each in entries:
            self._put(member, each)
        member.parts.add(part)
        if len(member.parts) == parts:
            for mac in [mac for mac in member.entries if mac not in member.fresh]:
                self._drop(member, mac)
            self._have_heard(member, digest)

    def _handle_change(self, member, content, now):
        if len(content) < _CHANGE_HEAD:
            raise Rejected("bad-payload")
        before, after = content[1 : 1 + _DIGEST], content[1 + _DIGEST : 1 + 2 * _DIGEST]
        at = _CHANGE_HEAD + 6 * content[_CHANGE_HEAD - 1]
        if at > len(content):
            raise Rejected("bad-payload")
        entries = _read_entries(content, at)
        member.answers = True
        if member.held != before or before == after:
            return  # it learns from the answer what we have
        member.fresh = set(member.entries)
        for start in range(_CHANGE_HEAD, at, 6):
            self._drop(member, content[start : start + 6])
        for each in entries:
            self._put(member, each)
        self._have_heard(member, after)

    def _have_heard(self, member, digest):
        member.held, member.arriving = digest, None
        member.parts = member.fresh = None
        member.answers = True
        self.revision += 1

    def _put(self, member, read):
        """Believe of an entry what its member can know."""
        mac, addresses, name = read
        self._drop(member, mac)
        true = [each for each in addresses if self._may_name(member, each)]
        if len(true) < len(addresses):
            self._count("foreign-name")
        if not true:
            return
        new = entry(mac, true, name)
        cost = _cost(new)
        if not self._make_room(member, cost, name):
            member.is_cut = True
            self._count("names-full")
            return
        member.entries[mac] = new
        member.fresh.add(mac)
        member.cost += cost
        for each in true:
            if len(each) == 16:
                self._holders[each] = member

    def _drop(self, member, mac):
        old = member.entries.pop(mac, None)
        if member.fresh:
            member.fresh.discard(mac)
        if old is None:
            return
        member.cost -= _cost(old)
        self.revision += 1
        for each in unpack(old)[1]:
            if self._holders.get(each) is member:
                del self._holders[each]

    def _make_room(self, member, cost, name):
        """Whether another entry finds room in a member's share. What is stale goes first, then, for one with a name,
        one that has none."""
        share = self._share()
        while member.cost + cost > share or len(member.entries) >= DEVICES_MAX:
            stale = [mac for mac in member.entries if mac not in member.fresh]
            if not stale and name:
                stale = [mac for mac, each in member.entries.items() if not unpack(each)[2]]
            if not stale:
                return False
            self._drop(member, min(stale))
        return True

    def _share(self):
        return self._budget // max(len(self._members), 1)

    def _share_out(self):
        """There are more members, or less, and each has a share: who has too much loses some, who may have more is
        asked for what had no room."""
        before, share = self._last_share, self._share()
        self._last_share = share
        for member in self._members.values():
            if member.cost > share:
                self._cut(member, share)
            if member.is_cut and share > before:
                member.held, member.arriving = _UNKNOWN, None
                member.answers = True
                self._enqueue(member)

    def _cut(self, member, share):
        member.is_cut = True
        for _, mac in ordered([(unpack(each)[2], mac) for mac, each in member.entries.items()]):
            if member.cost <= share:
                break
            self._drop(member, mac)  # first those that have no name

    # --- what is true

    def _may_be_ours(self, address):
        if len(address) == 4:
            return self._own_slice is not None and _is_device_in(self._own_slice, address)
        return self._is_in_prefix(address)

    def _may_name(self, member, address):
        if len(address) == 4:
            return _is_device_in(member.slice, address)
        return self._is_in_prefix(address) and self._holders.get(address) in (None, member)

    def _is_in_prefix(self, address):
        return self._prefix is not None and ip.contains(self._prefix[0], self._prefix[1], address)


def _is_device_in(slice, address):
    return ip.contains(slice[0], slice[1], address) and address not in (slice[0], directory.router(slice))


def _cost(entry):
    return _COST + len(entry) + _COST_IPV6 * entry[7]


def _read_entries(data, at):
    """[(MAC, addresses, name)] from `at` to the end. Raises Rejected: "bad-payload"."""
    entries = []
    while at < len(data):
        mac, addresses, name, at = read_entry(data, at)
        entries.append((mac, addresses, name))
    return entries


_HANDLERS = {_HAVE: Devices._handle_have, _ALL: Devices._handle_all, _CHANGE: Devices._handle_change}
