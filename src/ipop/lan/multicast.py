"""Multicast goes only where somebody listens: IGMP and MLD snooping (RFC 4541), and the querier that it needs.

A video for one screen is not to fill the uplinks of a hundred sites. So each member knows which groups are listened to
on its own LAN, tells the others, and sends them what they listen to.

- **Who listens here.** Listeners report when they begin, and when they are asked (RFC 3376, RFC 3810). A group that
  nobody has reported for MEMBERSHIP_LIFE, though it was asked twice, is over; one that somebody leaves is asked for
  at once and is over in LEAVE_TIME if nobody answers. Who is never asked is never taken for gone.
- **The querier.** Listeners are silent unless asked, so every home needs somebody who asks: us, under addresses of our
  own. Those of the router's bridge won't do: Linux takes what comes to it under its own IPv4 address for forged, so
  that the router's own programs would not be asked. If there is another querier with a lower address on our LAN, we
  are silent (RFC 3376 section 6.6.2). Then switches send the reports to that one and maybe not to us, so we can't know
  all: we listen to everything. `is_querier` False: the bridge of this router asks (Linux: multicast_querier), under
  its own addresses or 0.0.0.0; we count on its questions and ask none.
- **What stays at home.** Queries, and what else makes a switch look for a multicast router there: one home has nothing
  to ask in another. Reports stay too. Members tell each other what they would say; and a host that hears another's
  report keeps its own to itself (IGMPv1, v2, MLDv1), so that its own home would never learn of it.
- **What always goes to all.** What is made for finding each other: link-local groups, mDNS, SSDP, WS-Discovery. And
  everything, to a member that has told nothing, or has more groups than fit in a message: never prune on ignorance.

Members tell their groups whole, in one message, for a home has few. What got lost is told again until it is confirmed,
then every REFRESH; what wasn't told for KNOWN_FOR counts no more:

    number 4 | heard 4 | flags 1 | IPv4 groups 1 | IPv6 groups 1 | the groups

`number` is another one when the groups are; `heard` is the number of the receiver that the sender holds, 0 for none.
Flags: 1, 2: listens to all of IPv4, of IPv6; 4: the sender doesn't know that the receiver holds this, and wants an
answer, which is the same message the other way. Later versions may add to its end.
"""

import struct
from collections import deque

from ..errors import Rejected
from ..wire import ethernet, igmp, ip

# ms. RFC 3376 section 8, RFC 3810 section 9: the defaults.
QUERY_INTERVAL, STARTUP_INTERVAL = 125_000, 31_250
ROBUSTNESS = 2
RESPONSE_TIME, LAST_MEMBER_TIME = 10_000, 1_000
MEMBERSHIP_LIFE = ROBUSTNESS * QUERY_INTERVAL + RESPONSE_TIME
OTHER_LIFE = ROBUSTNESS * QUERY_INTERVAL + RESPONSE_TIME // 2

GRACE = 1_000  # ms on top of the time for an answer: Wi-Fi holds multicast back for devices that sleep
LEAVE_TIME = ROBUSTNESS * LAST_MEMBER_TIME + GRACE

GROUPS_MAX = {4: 128, 16: 32}  # by the length of an address: both together fit in a message
LEAVING_MAX = 16  # groups that are asked for at a time because somebody left; others just age
FRAMES_MAX = 64
FOUND_MAX = 128

TELL_GAP = 1_000  # ms between two messages to one member
AGAIN_FIRST = 2_000  # ms until what isn't confirmed is told again; the gap doubles
REFRESH = 600_000  # ms
KNOWN_FOR = 2 * REFRESH + 60_000

_ALL = {4: 1, 16: 2}  # flags
_WANTS_ANSWER = 4
_HEAD = 11
_EVERYTHING = bytes([_ALL[4] | _ALL[16], 0, 0])

_SSDP = b"\xef\xff\xff\xfa"  # WS-Discovery has the same
_FINDING6 = (b"\x0c", b"\xfb")  # the end of FF0X::C (SSDP, WS-Discovery) and of FF0X::FB (mDNS), in any scope

_WORDS = {igmp.QUERY: "querier", igmp.ROUTING: "querier", igmp.REPORT: "stays-local"}
_NEVER = 1 << 62


def is_for_all(group):
    """Whether what is sent to an IP address (bytes) goes to all, because it is no group or one for finding others."""
    if len(group) == 4:
        return not ip.is_multicast(group) or group[:3] == b"\xe0\0\0" or group == _SSDP
    if not ip.is_multicast(group) or group[1] & 15 <= 2:  # scopes up to link-local (RFC 4291 section 2.7)
        return True
    return group[1] < 16 and group[2:15] == bytes(13) and group[15:] in _FINDING6


class Multicast:
    """Links are told by `add_link` and `remove_link`; `handle_connected` when one has come up, each time."""

    def __init__(self, is_querier=True):
        self._families = {size: _Family(size, is_querier, self._emit) for size in (4, 16)}
        self._frames = deque((), FRAMES_MAX)
        self._members = {}  # link -> _Member
        self._outbox = []  # links that are to be told
        self._number = 1
        self._groups = _EVERYTHING  # of ours, as they stand in a message
        self._found = {}  # group -> the links that listen to it
        self._wake_at = None

    def set_router(self, mac, ipv4, ipv6, now):
        """The querier's addresses (bytes); `ipv6` is link-local. None where there is none: then nobody is asked.

        With `is_querier` False those of the bridge, else some that nobody has: in our slice, and made from the MAC."""
        self._families[4].set_router(mac, ipv4, now)
        self._families[16].set_router(mac, ipv6, now)
        self._wake(now)

    def add_link(self, link):
        self._members[link] = _Member()
        self._found = {}

    def remove_link(self, link):
        self._members.pop(link, None)
        self._found = {}

    def handle_connected(self, link, now):
        """A member is reached, maybe another run of it: nothing is known on either side until it is told."""
        member = self._members[link]
        member.forget()
        member.tell_soon(now)
        self._found = {}
        self._wake(member.tell_at)

    # --- frames

    def check_out(self, packet, mem, link, now):
        """A frame of our LAN (dissect.Packet) on its way into tunnels: learns from it. Raises Rejected."""
        subject = igmp.subject(packet, mem)
        if subject is None:
            return
        if subject is not igmp.ROUTING:
            self._learn(packet, igmp.parse(packet, mem), now)
        raise Rejected(_WORDS[subject])

    def check_in(self, packet, mem, link, now):
        """A frame (dissect.Packet) that came from a member. Raises Rejected."""
        subject = igmp.subject(packet, mem)
        if subject is not None:
            raise Rejected(_WORDS[subject])

    def targets(self, packet, mem, now):
        """Where a frame of our LAN to a group MAC address goes: a list of links, or None for all of them."""
        group = packet.destination_ip
        links = self._found.get(group)
        if links is None:
            if group is None or is_for_all(group):
                return None
            if len(self._found) >= FOUND_MAX:
                self._found = {}
            links = self._found[group] = [link for link, each in self._members.items() if each.listens_to(group)]
        return links

    def poll_frame(self):
        """The next frame (bytes) for our LAN, or None."""
        return self._frames.popleft() if self._frames else None

    # --- messages

    def handle_message(self, link, content, now):
        """What a member has told (bytes). Raises Rejected."""
        member = self._members.get(link)
        if member is None:
            raise Rejected("unknown-peer")
        if member.handle_message(content, self._number, now):
            self._found = {}
        self._wake(min(member.tell_at, member.known_until))

    def poll_message(self):
        """The next (link, content) for a member, or None."""
        while self._outbox:
            link = self._outbox.pop(0)
            member = self._members.get(link)
            if member is not None and member.is_queued:
                return link, member.message(self._number, self._groups)
        return None

    # --- time

    def handle_timeout(self, now):
        if self._wake_at is None or now < self._wake_at:
            return
        self._wake_at = None
        for family in self._families.values():
            family.handle_timeout(now)
            self._wake(family.next_at(now))
        self._note_change(now)
        for link, member in self._members.items():
            if now >= member.known_until:
                member.forget()
                self._found = {}
            if now >= member.tell_at:
                if not link.is_up:  # who can't be reached is told when it has connected
                    member.tell_at = _NEVER
                else:
                    member.note_told(self._number, now)
                    if not member.is_queued:
                        member.is_queued = True
                        self._outbox.append(link)
            self._wake(min(member.tell_at, member.known_until))

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms), or None."""
        return self._wake_at

    # --- what can be seen from outside

    def status(self, now):
        """Our own LAN: its groups (packed), whether those are all, and whether it is us who asks; for each family."""
        return {
            name: {
                "groups": sorted(family.groups),
                "is_complete": family.is_complete(now),
                "is_querier": family.is_asking,
            }
            for name, family in (("ipv4", self._families[4]), ("ipv6", self._families[16]))
        }

    def _learn(self, packet, message, now):
        family = self._families[len(packet.source_ip)]
        if isinstance(message, igmp.Report):
            has_changed = family.handle_report(message, now)
        else:
            has_changed = ethernet.is_group(packet.destination) and family.handle_query(message, packet.source_ip, now)
        if has_changed:
            self._wake(now)

    def _emit(self, frame):
        if len(self._frames) < FRAMES_MAX:
            self._frames.append(frame)

    def _note_change(self, now):
        """Our groups are maybe others than before: tell all."""
        flags, listed = 0, {}
        for size, family in self._families.items():
            listed[size] = b"".join(sorted(family.groups)) if family.is_complete(now) else b""
            if not family.is_complete(now):
                flags |= _ALL[size]
        groups = bytes([flags, len(listed[4]) // 4, len(listed[16]) // 16]) + listed[4] + listed[16]
        if groups != self._groups:
            self._groups = groups
            self._number += 1
            for link, member in self._members.items():
                if link.is_up:
                    member.tell_soon(now)

    def _wake(self, when):
        if when < _NEVER and (self._wake_at is None or when < self._wake_at):
            self._wake_at = when


class _Member:
    """What one member listens to, and what it knows of us."""

    def __init__(self):
        self.tell_at = _NEVER
        self.is_queued = False
        self._told_at = None
        self._gap = AGAIN_FIRST
        self.forget()

    def forget(self):
        """It has told nothing, and holds nothing of ours."""
        self.known_until = _NEVER
        self._heard = 0  # the number of what it told
        self._flags = _ALL[4] | _ALL[16]
        self._groups = {4: b"", 16: b""}
        self._confirmed = 0  # the number of ours that it holds
        self._owes_answer = False

    def listens_to(self, group):
        size = len(group)
        if self._flags & _ALL[size]:
            return True
        groups = self._groups[size]
        at = groups.find(group)
        while at >= 0 and at % size:
            at = groups.find(group, at + 1)
        return at >= 0

    def tell_soon(self, now):
        """There is something new to tell."""
        self._gap = AGAIN_FIRST
        self.tell_at = min(self.tell_at, now if self._told_at is None else max(now, self._told_at + TELL_GAP))

    def handle_message(self, content, number, now):
        """`number` is our own. Returns whether it listens to other groups than before. Raises Rejected."""
        if len(content) < _HEAD:
            raise Rejected("bad-payload")
        theirs, ours, flags, n4, n6 = struct.unpack_from(">IIBBB", content, 0)
        middle, end = _HEAD + n4 * 4, _HEAD + n4 * 4 + n6 * 16
        if theirs == 0 or n4 > GROUPS_MAX[4] or n6 > GROUPS_MAX[16] or len(content) < end:
            raise Rejected("bad-payload")
        before = self._flags, self._groups
        self._heard, self._flags = theirs, flags & (_ALL[4] | _ALL[16])
        self._groups = {4: content[_HEAD:middle], 16: content[middle:end]}
        self.known_until = now + KNOWN_FOR
        self._confirmed = ours
        self._owes_answer = self._owes_answer or bool(flags & _WANTS_ANSWER)
        if self._owes_answer or ours != number:
            self.tell_soon(now)
        elif self._told_at is not None:
            self.tell_at = self._told_at + REFRESH
        return before != (self._flags, self._groups)

    def note_told(self, number, now):
        """It is told now; when is the next time?"""
        self._told_at = now
        if self._confirmed == number:
            self.tell_at = now + REFRESH
        else:
            self.tell_at = now + self._gap
            self._gap = min(2 * self._gap, REFRESH)

    def message(self, number, groups):
        self.is_queued = self._owes_answer = False
        flags = groups[0] | (0 if self._confirmed == number else _WANTS_ANSWER)
        return struct.pack(">IIB", number, self._heard, flags) + groups[1:]


class _Group:
    def __init__(self):
        self.expires_at = 0
        self.unanswered = 0  # general queries since it was reported
        self.deaf_until = 0  # an IGMPv1 listener understands no query for one group


class _Family:
    """IGMP or MLD on our own LAN. `emit(frame)` sends there."""

    def __init__(self, size, is_querier, emit):
        self.groups = {}  # group -> _Group
        self._size = size
        self._is_querier = is_querier
        self._emit = emit
        self._mac = self._address = None
        self._version = igmp.NEWEST[size]  # as old as the oldest querier here (RFC 3376 section 7.3.1)
        self._ask_at = _NEVER
        self._startup_left = 0
        self._other_until = 0  # another querier counts
        self._rounds = 0  # general queries in a row
        self._asked_at = 0
        self._complete_at = _NEVER  # all have had the time to answer twice
        self._full_until = 0  # there are more groups than we remember
        self._leaving = {}  # group -> when it is asked for again

    @property
    def is_asking(self):
        return self._ask_at < _NEVER

    def is_complete(self, now):
        """Whether `groups` are all that are listened to."""
        return self._complete_at <= now < self._asked_at + MEMBERSHIP_LIFE + GRACE and now >= self._full_until

    def set_router(self, mac, address, now):
        if (mac, address) != (self._mac, self._address):
            self._mac, self._address = mac, address
            self._begin(now)

    def handle_report(self, report, now):
        """Returns whether `groups`, or what is known of them, may have changed."""
        has_changed = False
        for kind, group, sources in report.records:
            if is_for_all(group):
                continue
            if kind == igmp.TO_INCLUDE and not sources:
                has_changed = self._leave(group, now) or has_changed
            elif kind in (igmp.IS_EXCLUDE, igmp.TO_EXCLUDE) or sources and kind != igmp.BLOCK:
                has_changed = self._join(group, report.version, now) or has_changed
        return has_changed

    def handle_query(self, query, source, now):
        """A query that all of our LAN have seen. Returns whether that changes anything."""
        self._version = max(min(self._version, query.version), 2 if self._size == 4 else 1)
        if source in (self._address, bytes(self._size)):
            if self._is_querier or query.group is not None:
                return False  # ours that came back, or a switch's that is no querier (RFC 4541 section 2.1.1)
            self._note_asked(query.max_response, now)
            return True
        if self._is_querier and self._address is not None and source > self._address:
            return False  # it will hear us
        self._other_until = now + OTHER_LIFE
        self._ask_at, self._rounds, self._complete_at = _NEVER, 0, _NEVER
        self._leaving = {}
        return True

    def handle_timeout(self, now):
        if self._other_until and now >= self._other_until:
            self._begin(now)
        if now >= self._ask_at:
            self._startup_left -= 1
            self._ask_at = now + (STARTUP_INTERVAL if self._startup_left > 0 else QUERY_INTERVAL)
            self._ask(None, RESPONSE_TIME)
            self._note_asked(RESPONSE_TIME, now)
        for group in [group for group, when in self._leaving.items() if now >= when]:
            del self._leaving[group]
            self._ask(group, LAST_MEMBER_TIME)
        for group in [group for group, each in self.groups.items() if _is_over(each, now)]:
            del self.groups[group]

    def next_at(self, now):
        """When `handle_timeout` has to be called, or something else is known."""
        times = [self._ask_at, self._other_until, self._complete_at, self._full_until]
        times.append(self._asked_at + MEMBERSHIP_LIFE + GRACE)
        times += [each.expires_at for each in self.groups.values() if each.unanswered >= ROBUSTNESS]
        times += self._leaving.values()
        return min([when for when in times if when > now] + [_NEVER])

    def _begin(self, now):
        """Become the querier, if that is ours: as at its start (RFC 3376 section 6.6.2)."""
        self._other_until = 0
        self._leaving = {}
        self._startup_left = ROBUSTNESS
        self._ask_at = now if self._is_querier and self._address is not None else _NEVER

    def _ask(self, group, max_response):
        self._emit(igmp.query(self._mac, self._address, group, max_response, self._version))

    def _note_asked(self, max_response, now):
        """All listeners of our LAN are asked now: who stays silent twice is gone, if it had the time to answer."""
        if now >= self._asked_at + MEMBERSHIP_LIFE + GRACE:
            self._rounds, self._complete_at = 0, _NEVER
        self._rounds += 1
        self._asked_at = now
        answered = now + max_response + GRACE
        if self._rounds == ROBUSTNESS:
            self._complete_at = answered
        for each in self.groups.values():
            each.unanswered += 1
            if each.unanswered == ROBUSTNESS:
                each.expires_at = max(each.expires_at, answered)

    def _join(self, group, version, now):
        known = self.groups.get(group)
        is_new = known is None
        if is_new:
            if len(self.groups) >= GROUPS_MAX[self._size]:
                was_full, self._full_until = now < self._full_until, now + MEMBERSHIP_LIFE + GRACE
                return not was_full
            known = self.groups[group] = _Group()
        known.expires_at = now + MEMBERSHIP_LIFE
        known.unanswered = 0
        if self._size == 4 and version == 1:
            known.deaf_until = known.expires_at
        return is_new

    def _leave(self, group, now):
        """Somebody has left: does anybody else listen? Only the querier asks."""
        known = self.groups.get(group)
        if known is None or not self.is_asking or now < known.deaf_until:
            return False
        if group not in self._leaving:
            if len(self._leaving) >= LEAVING_MAX:
                return False
            self._leaving[group] = now + LAST_MEMBER_TIME
            self._ask(group, LAST_MEMBER_TIME)
        known.unanswered = ROBUSTNESS
        known.expires_at = min(known.expires_at, now + LEAVE_TIME)
        return True


def _is_over(group, now):
    return group.unanswered >= ROBUSTNESS and now >= group.expires_at
