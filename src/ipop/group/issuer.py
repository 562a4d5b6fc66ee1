"""The router that made an invite decides who comes in by it.

An invite ends when it has expired, is used up, or is taken back. It is kept for another 30 days, so that who comes late
hears why. The word of a clock that can't be right ends nothing. What needs approval waits until somebody says yes or
no; the invite may expire meanwhile.

Each request that is opened costs work with keys, and brokers are trusted with nothing: only so many are opened in some
time, and who repeats one has been answered already.

Admins who can't hear each other may give away the same slice. The roster then says who keeps it; for the other one its
admin chooses again (`settle`).

An invite names the brokers that the group had when it was made. Should the group have others since, the router stays at
those too as long as somebody may come by it (`brokers`).

What was decided must be on flash before anybody hears of it: when `revision` has grown, keep what `saved` gives, and
the roster; then publish.
"""

from collections import deque, namedtuple

from ..errors import Rejected, UserError
from ..values import key_text, parse_bytes, parse_key
from ..words import quoted
from . import charter, invite, who
from .entry import ADMIN, REVOKED, member_of, signer_of
from .identity import base32, typed_letters
from .invite import Invite, Request
from .join import PENDING, REASONS, REFUSED, WELCOME, Publish
from .roster import OWNER

KEPT = 30 * 24 * 3_600_000  # ms for which an invite is remembered that has ended
INVITES_MAX = 256
WAITING_MAX = 256  # requests that wait for approval
CROWD = 8  # of one invite, besides those whom it would let in
DENIED_MAX = 64  # keys of an invite
REQUESTS_MAX, REQUESTS_EVERY = 32, 10_000  # so many are opened in so many ms
REPEATED = 500  # ms within which the same request is not answered again; joiners wait for longer
ID = 6  # letters
ALL = "all"  # the invites that there are
ENTRIES_MAX = 24_000  # bytes of the roster in a welcome: brokers have limits, and the rest comes through a tunnel
PLACES_MAX = 4_000  # bytes

# An invite that is good. left: how many it still lets in; expires_in: s, 0 for never; waiting: for approval
Shown = namedtuple("Shown", ("id", "left", "admitted", "waiting", "expires_in", "approve"))
# What happened. `key` is the joiner's.
Waiting = namedtuple("Waiting", ("key", "name"))  # it waits for approval
Admitted = namedtuple("Admitted", ("key", "name", "entry"))  # entry: bytes, in the roster already


class Issuer:
    """This router's invites. It asks `group` for what it needs to know at the time:

    identity, roster, charter (a Charter), secret (a GroupSecret), places (Places), and next_stamp(), the time in ms
    since 1970, higher at each call. `saved` is what `saved()` gave once; raises ValueError if it can't be that.

    `wall` is the wall clock in ms since 1970 in all calls, `now` the monotonic one in ms."""

    def __init__(self, crypto, group, saved=None):
        self.revision = 0  # grows with every change that has to be kept
        self._crypto = crypto
        self._group = group
        self._invites = {}  # room of its requests -> _Issued
        self._waiting = {}  # joiner's key -> _Waiter
        self._opened = {}  # topic -> (request as bytes, when it was opened), of those opened lately
        self._opened_since, self._opened_number = 0, 0
        self._out = deque((), 256)
        self._events = deque((), 256)
        if saved is not None:
            self._load(saved)

    # --- what people do

    def invite(self, uses, expires_in, approve, wall):
        """(id, line) of a new invite. `expires_in` s, 0 for never. Raises UserError."""
        group = self._group
        self._forget_old(wall)
        if not group.charter.brokers:
            raise UserError(
                "this group has no broker where others could meet it: name one with 'ipop group brokers --broker URL'"
            )
        if not group.roster.is_admin(group.identity.public):
            raise UserError("only an admin can invite: ask the group's owner to run 'ipop promote' for this router")
        self._make_room()
        if expires_in and not invite.is_plausible(wall):
            raise UserError("this router's clock is not set, so nothing can expire: set it, or say --expires never")
        expires = wall // 1000 + expires_in if expires_in else 0
        brokers = group.charter.brokers
        issued = _Issued(self._crypto, self._crypto.random(invite.SECRET), expires, uses, approve, brokers)
        self._invites[issued.room] = issued
        self.revision += 1
        about, keys = group.charter, (group.roster.group_key, group.identity.public)
        line = invite.encode(self._crypto, Invite(*keys, issued.secret, expires, about.name, brokers))
        return issued.id, line

    def invites(self, wall):
        """Those that are good: [Shown], the first to expire first."""
        good = [issued for issued in self._invites.values() if issued.is_good(wall)]
        good.sort(key=lambda issued: (issued.expires == 0, issued.expires, issued.id))
        return [
            Shown(
                issued.id,
                issued.left,
                len(issued.admitted),
                len(self._waiting_by(issued)),
                max(issued.expires - wall // 1000, 1) if issued.expires else 0,
                issued.approve,
            )
            for issued in good
        ]

    def brokers(self, wall):
        """The URLs in invites by which somebody may still come, where the group has others by now."""
        urls = []
        for issued in self._invites.values():
            is_same = issued.brokers == self._group.charter.brokers
            if not is_same and (issued.is_good(wall) or self._waiting_by(issued)):
                urls += [url for url in issued.brokers if url not in urls]
        return sorted(urls)

    def take_back(self, wanted, wall):
        """End an invite by its id, or ALL that are good: their ids. Raises UserError."""
        good = [issued for issued in self._invites.values() if issued.is_good(wall)]
        chosen = [issued for issued in good if wanted == ALL or issued.id == typed_letters(wanted)]
        if not chosen:
            known = ", ".join(sorted([issued.id for issued in good])) or "none"
            raise UserError(f"there is no invite {quoted(wanted)} that is good; known: {known}")
        for issued in chosen:
            self._end(issued, "taken-back")
        return sorted([issued.id for issued in chosen])

    def requests(self):
        """Those that wait for approval: [(Request, when it first asked, ms since 1970)]."""
        return [(waiter.request, waiter.since) for waiter in self._waiting.values()]

    def approve(self, wanted, wall):
        """Let one in that waits, by its name or fingerprint, or the beginning of one. The Request; raises UserError."""
        waiter = self._find(wanted)
        issued = self._invites[waiter.room]
        word = self._standing(waiter.request) or self._admit(issued, waiter.request, wall)
        if word != WELCOME:
            raise UserError(REASONS[word])
        self._answer(issued, waiter.request, word)
        return waiter.request

    def deny(self, wanted, wall):
        """Say no to one that waits. The Request; raises UserError."""
        waiter = self._find(wanted)
        issued = self._invites[waiter.room]
        issued.denied = issued.denied[1 - DENIED_MAX :] + [waiter.request.member]
        self._forget_waiter(waiter.request.member)
        self._answer(issued, waiter.request, "denied")
        return waiter.request

    # --- what happens

    def handle_message(self, topic, payload, now, wall):
        """Raises Rejected."""
        self._forget_old(wall)
        issued = self._invites.get(topic.rpartition("/")[0])
        if issued is None:
            raise Rejected("join-unexpected")
        if payload and self._is_worth_opening(topic, payload, now):  # an empty one: somebody has cleared it
            request = invite.open_request(self._crypto, issued.secret, self._group.identity, topic, payload)
            self._answer(issued, request, self._decide(issued, request, wall))

    def settle(self, wall):
        """The roster has changed: another slice for those who have lost theirs to somebody else's choice.

        To be seen to by who chose it, or the owner. Returns the new entries (bytes), in the roster already. An invite
        by which somebody came who is out again has ended: that one knows it still."""
        identity, roster = self._group.identity, self._group.roster
        for issued in self._invites.values():
            if issued.over is None and any(self._is_revoked(key) for key in issued.admitted):
                self._end(issued, "taken-back")
        entries = []
        if not roster.is_admin(identity.public):
            return entries
        is_owner = identity.public == roster.group_key
        for member in roster.members():
            if member.slice == 0 and (is_owner or signer_of(member.entry) == identity.public):
                slice = self._free_slice(member.key, wall)
                try:
                    entries += [self._sign(member.key, None, slice)] if slice else []
                except Rejected:
                    pass  # an admin who is up to no good has the last word on this member, until it is demoted
        return entries

    # --- what comes out

    def topics(self):
        """What to subscribe to."""
        return {room + "/+" for room in self._invites}

    def poll_publish(self):
        """The next Publish, or None."""
        return self._out.popleft() if self._out else None

    def poll_event(self):
        return self._events.popleft() if self._events else None

    def saved(self):
        """What has to be kept, made of what JSON has."""
        return {
            "invites": [issued.saved() for issued in self._invites.values()],
            "requests": [waiter.saved() for waiter in self._waiting.values()],
        }

    # --- deciding

    def _is_worth_opening(self, topic, payload, now):
        """Not what has just been answered. Raises Rejected when there are too many."""
        if now - self._opened_since >= REQUESTS_EVERY:
            self._opened_since, self._opened_number = now, 0
            self._opened = {}
        known = self._opened.get(topic)
        if known is not None and known[0] == payload and now - known[1] < REPEATED:
            return False
        if self._opened_number >= REQUESTS_MAX:
            raise Rejected("join-too-many")
        self._opened_number += 1
        self._opened[topic] = payload, now
        return True

    def _decide(self, issued, request, wall):
        """The word for it: WELCOME, PENDING, or why it is refused. Raises Rejected when it isn't worth one."""
        key, standing = request.member, self._standing(request)
        if standing is not None:
            return standing
        if key in issued.denied:
            return "denied"
        if issued.over is not None:
            return issued.over
        if key in self._waiting:
            return self._wait(issued, request, self._waiting[key].since)
        if invite.has_expired(issued.expires, wall):
            return "expired"
        if issued.approve:
            return self._wait(issued, request, wall)
        return self._admit(issued, request, wall)

    def _standing(self, request):
        """The word for who is in already, or can't be let in by us, whatever the invite says; else None."""
        roster = self._group.roster
        if request.group != roster.group_key:
            return "other-group"
        if not roster.is_admin(self._group.identity.public):
            return "not-admin"
        member = roster.member(request.member)
        if member is None:
            return None
        self._forget_waiter(request.member)
        return "revoked" if member.role == REVOKED else WELCOME

    def _wait(self, issued, request, since):
        is_new = request.member not in self._waiting
        if is_new and self._is_crowded(issued):
            return "crowded"
        self._waiting[request.member] = _Waiter(issued.room, request, since)
        if is_new:  # who asks again has another nonce, which isn't worth a write to flash
            self.revision += 1
            self._events.append(Waiting(request.member, request.name))
        return PENDING

    def _is_crowded(self, issued):
        room = min(issued.left, WAITING_MAX // 4) + CROWD
        return len(self._waiting) >= WAITING_MAX or len(self._waiting_by(issued)) >= room

    def _admit(self, issued, request, wall):
        if issued.over is not None:
            return issued.over
        slice = self._free_slice(request.member, wall)
        if slice is None:
            return "full"
        try:
            # not the name of somebody who is in: both would be called otherwise then, and so would their devices
            name = self._group.roster.free_name(request.name, request.member)
            entry = self._sign(request.member, name, slice)
        except Rejected:  # all members that there can be
            return "full"
        self._forget_waiter(request.member)
        issued.left -= 1
        issued.admitted.append(request.member)
        self.revision += 1
        if issued.left == 0:
            self._end(issued, "used-up")
        self._events.append(Admitted(request.member, name, entry))
        return WELCOME

    def _end(self, issued, word):
        """It lets nobody in any more; those who wait are told."""
        issued.over = word
        self.revision += 1
        for waiter in self._waiting_by(issued):
            self._forget_waiter(waiter.request.member)
            self._answer(issued, waiter.request, word)

    def _waiting_by(self, issued):
        return [waiter for waiter in self._waiting.values() if waiter.room == issued.room]

    def _forget_waiter(self, key):
        if self._waiting.pop(key, None) is not None:
            self.revision += 1

    def _free_slice(self, key, wall):
        about = self._group.charter
        return self._group.roster.free_slice(key, charter.slices(about), about.slice_length, wall)

    def _sign(self, key, name, slice):
        """A new entry (bytes), which is in the roster then."""
        roster = self._group.roster
        entry = roster.signed(self._group.identity, key, self._group.next_stamp(), name=name, slice=slice)
        roster.add(entry)
        return entry

    # --- answering

    def _answer(self, issued, request, word):
        content = {"result": word}
        if word == WELCOME:
            content.update(self._welcome(request.member))
        elif word != PENDING:
            content = {"result": REFUSED, "reason": word}
        payload = invite.seal_answer(self._crypto, issued.secret, self._group.identity, request, content)
        self._out.append(Publish(invite.answer_topic(self._crypto, issued.secret, request.member), payload, False))

    def _welcome(self, key):
        group = self._group
        places = sorted(group.places.all(), key=lambda place: self._rank(place.member, key))
        return {
            "charter": key_text(group.charter.data),
            "entries": [key_text(entry) for entry in self._entries(key)],
            "secret": key_text(group.secret.offer),
            "places": [key_text(data) for data in _up_to(PLACES_MAX, [place.data for place in places])],
        }

    def _entries(self, key):
        """What a new member has to know of the roster, and as much of the rest as there is room for."""
        entries = self._group.roster.entries()
        if sum([len(entry) for entry in entries]) <= ENTRIES_MAX:
            return entries
        ranked = sorted(entries, key=lambda entry: self._rank(member_of(entry), key))
        chosen = set(_up_to(ENTRIES_MAX, ranked))
        return [entry for entry in entries if entry in chosen]  # in their order, which `Roster.add` needs

    def _rank(self, about, key):
        """Whom a new member has to know first: itself, us, then the others who sign entries."""
        if about in (key, self._group.identity.public):
            return 0
        member = self._group.roster.member(about)
        return 1 if member is not None and member.role in (OWNER, ADMIN) else 2

    # --- looking up, keeping

    def _is_revoked(self, key):
        member = self._group.roster.member(key)
        return member is not None and member.role == REVOKED

    def _find(self, wanted):
        if not self._waiting:
            raise UserError("nobody waits for approval")
        candidates = [(waiter, waiter.request.name, waiter.request.member) for waiter in self._waiting.values()]
        return who.find(self._crypto, wanted, candidates, "request by")

    def _make_room(self):
        """For another invite: the one that ended first is forgotten. Raises UserError."""
        if len(self._invites) < INVITES_MAX:
            return
        ended = [issued for issued in self._invites.values() if issued.over is not None or issued.ended is not None]
        if not ended:
            raise UserError(f"there are {INVITES_MAX} invites: take back those that nobody needs ('ipop uninvite')")
        self._forget(min(ended, key=lambda issued: issued.ended or 0))

    def _forget_old(self, wall):
        """Drop the invites that ended so long ago that nobody asks for them any more."""
        if not invite.is_plausible(wall):
            return
        for issued in list(self._invites.values()):
            if issued.ended is None and not issued.is_good(wall):
                issued.ended = wall
                self.revision += 1
            if issued.ended is not None and wall - issued.ended > KEPT:
                self._forget(issued)

    def _forget(self, issued):
        for waiter in self._waiting_by(issued):
            del self._waiting[waiter.request.member]
        del self._invites[issued.room]
        self.revision += 1

    def _load(self, saved):
        try:
            for each in saved["invites"]:
                issued = _load_invite(self._crypto, each, self._group.charter.brokers)
                self._invites[issued.room] = issued
            for each in saved["requests"]:
                waiter = _load_waiter(each)
                if waiter.room in self._invites:
                    self._waiting[waiter.request.member] = waiter
        except (KeyError, TypeError, AttributeError):
            raise ValueError("invites or requests are missing")


class _Issued:
    """An invite of ours. `expires` in s since 1970, `ended` in ms, None as long as it is good or no clock was set.

    `brokers`: the URLs in it. `over`: why it lets nobody in any more, whatever the time is, or None."""

    def __init__(self, crypto, secret, expires, left, approve, brokers, over=None, ended=None, denied=(), admitted=()):
        self.secret = secret
        self.id = base32(crypto.hmac_sha256(secret, b"id"))[:ID]
        self.room = invite.request_room(crypto, secret)
        self.expires = expires
        self.left = left
        self.approve = approve
        self.brokers = tuple(brokers)
        self.over = over
        self.ended = ended
        self.denied = list(denied)  # keys
        self.admitted = list(admitted)  # keys

    def is_good(self, wall):
        return self.over is None and not invite.has_expired(self.expires, wall)

    def saved(self):
        return {
            "secret": key_text(self.secret),
            "expires": self.expires,
            "left": self.left,
            "approve": self.approve,
            "brokers": list(self.brokers),
            "over": self.over,
            "ended": self.ended,
            "denied": [key_text(key) for key in self.denied],
            "admitted": [key_text(key) for key in self.admitted],
        }


def _load_invite(crypto, saved, brokers):
    """`brokers`: what it names, if it was kept by a release in which a group had the same for ever."""
    return _Issued(
        crypto,
        parse_bytes(saved["secret"]),
        saved["expires"],
        saved["left"],
        saved["approve"],
        saved.get("brokers", brokers),
        saved["over"],
        saved["ended"],
        [parse_key(key) for key in saved["denied"]],
        [parse_key(key) for key in saved["admitted"]],
    )


class _Waiter:
    """Somebody who waits for approval: what was asked in an invite's room, since when (ms since 1970)."""

    def __init__(self, room, request, since):
        self.room = room
        self.request = request
        self.since = since

    def saved(self):
        request = self.request
        return {
            "room": self.room,
            "since": self.since,
            "group": key_text(request.group),
            "member": key_text(request.member),
            "name": request.name,
            "release": request.release,
        }


def _load_waiter(saved):
    request = Request(
        parse_key(saved["group"]),
        parse_key(saved["member"]),
        saved["name"],
        bytes(invite.NONCE),  # until it asks again, which it does when it isn't answered
        saved["release"],
    )
    return _Waiter(saved["room"], request, saved["since"])


def _up_to(size, pieces):
    """As many of the first ones as fit into so many bytes."""
    chosen = []
    for piece in pieces:
        size -= len(piece)
        if size < 0:
            break
        chosen.append(piece)
    return chosen
