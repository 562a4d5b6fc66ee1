"""One group as a member knows it, and what follows when any of it changes. No I/O.

    the broker    handle_connected, handle_message ... -> poll_subscribe, poll_publish
    former ones   the same on each of `former_lines`
    the tunnels   the node's gossip fills `roster`, `places`, `secret` and `charters`, then `handle_news`
    people        invite, approve, rename, revoke ...

Whatever has happened, `_settle` puts the rest in order: an admin replaces a secret whose maker is no admin any more,
the owner says again what such a one had signed, lost slices are replaced, strangers are forgotten, everybody is told.
So an action only changes the roster. `revision` differs when there is something to keep; `poll_event` says what a
person may want to know.
"""

from collections import deque, namedtuple

from ..deadlines import earlier
from ..errors import Rejected, UserError
from ..signal.sealed import ANNOUNCEMENT, MOVED
from ..signal.signalling import Announced, Arrived, Introduced, Signalling
from ..values import key_text, parse_bytes
from . import charter, places, secret
from .charter import Charters
from .entry import ADMIN, MEMBER, REVOKED
from .formers import FEW, Formers
from .identity import base32
from .issuer import Admitted, Issuer, Waiting
from .places import Places
from .roster import OWNER, Roster
from .secret import GroupSecret
from .who import find

GROUNDS_MAX = 16_000  # bytes of entries that go with a new secret
BOX_GRACE = 60_000  # ms in which those on line take up a new secret
BOX_AGAIN = 3_600_000  # ms after which it is looked for others
NEWS_MAX = 8  # roster entries that an announcement carries besides our own
SETTLE_SOON, SETTLE_EVERY = 5_000, 60_000  # ms, for what follows from the time alone
OUTDONE_GAP = 3_600_000  # ms by which the clock has to be set forward before the same place is said again
ROTATE_GAP = 60_000  # ms between two new secrets that nobody has asked for

# `member` is the WireGuard key of who has announced itself at a broker, and else None
GroupEvent = namedtuple("GroupEvent", ("kind", "name", "member"))
ADMITTED, WAITING, REMOVED, BROKERS, ANNOUNCED = "admitted", "waiting", "removed", "brokers", "announced"


class Group:
    """`kept` is what `saved` gave, or what a Welcome has: {"charter", "entries", "secret"} and more.

    `release` is what this node runs; `next_stamp()` gives the time in ms since 1970, higher at each call;
    `count(reason)` takes note of what is thrown away. Raises Rejected for what can't be this group's."""

    def __init__(self, crypto, identity, kept, release, next_stamp, count):
        self.identity = identity
        self._release = release
        self.next_stamp = next_stamp
        self._crypto = crypto
        self._count = count
        self.charters = Charters(crypto, kept["group"], kept["charter"])
        self.roster = Roster(crypto, kept["group"])
        for entry in kept["entries"]:
            self._hear(self.roster.add, entry)
        self.places = Places(crypto, kept["group"], self._is_member)
        for place in kept.get("places", ()):
            self._hear(self.places.add, place)
        self.secret = GroupSecret(crypto, kept["group"], self.roster.is_admin, kept["secret"], self.roster.revocations)
        self.issuer = Issuer(crypto, self, kept.get("issuer"))
        self.signalling = self._new_signalling(ANNOUNCEMENT, [self.secret.secret])
        self._formers = Formers(kept.get("former", ()), self._open_line)
        self.lines = [self.signalling]  # the Signallings at the brokers of now and then; another list when they change
        self.brokers = self.charter.brokers  # where to go, the best first: with the way back
        self._seen_charter = self.charter
        self._gossip = None
        self._boxes = {}  # topic -> the admin who may leave a new secret for us there
        self._issuer_topics = set()
        self._untold = []  # entries (bytes) of ours that nobody has been told yet
        self._news = deque((), NEWS_MAX)  # the last of those that not everybody may have heard of
        self._ways = None  # what `set_place` was told last
        self._place = None
        self._placed_at = 0  # its sequence
        self._rotated_at = None
        self._settled_at = None
        self._pairs = {}  # admin's key -> (slot, key) of the box in which it may leave us a new secret
        self._listening_since = None  # the revisions of roster and issuer that `_listen` has seen
        self._left = {}  # member's key -> topic of the box that we have left for it
        self._boxed = None  # the offer that is in these boxes
        self._boxes_at = None  # when to look who doesn't speak under that secret yet
        self._events = deque((), 64)
        self._seen_revision = self.roster.revision

    def attach(self, gossip, now, wall):
        """Begin: from now on the members who are connected are told what is new."""
        self._gossip = gossip
        self._boxed, self._boxes_at = self.secret.offer, now + BOX_GRACE
        self._settle(now, wall)

    # --- what is so

    @property
    def revision(self):
        """What differs when there is something to keep."""
        return (
            self.roster.revision,
            self.secret.offer,
            self.issuer.revision,
            self.charters.digest,
            self._formers.revision,
        )

    @property
    def charter(self):
        """The Charter that counts."""
        return self.charters.current

    @property
    def former_lines(self):
        """{URL of a broker that the group has left: the Signalling to take part there}"""
        return self._formers.lines

    @property
    def name(self):
        return self.charter.name

    @property
    def is_member(self):
        """False once we have been revoked.

        True also while nobody's word for us is known: who let us in is no admin any more, and others know who has said
        it again."""
        member = self.roster.member(self.identity.public)
        return member is None or member.role != REVOKED

    def peers(self):
        """[(name as it is shown, WireGuard key)] of the other members; nobody's once we have been revoked."""
        labels = self.roster.labels()
        others = [member for member in self.roster.members() if member.key != self.identity.public]
        return [(labels[member.key], member.wg_key) for member in others] if self.is_member else []

    def own(self):
        """The Member that we are, or None as long as nobody's word for us is known."""
        return self.roster.member(self.identity.public)

    def slices(self):
        """(ours, {WireGuard key: the other member's}): the slice of its devices and the one of its home's ordinary LAN,
        each (network, prefix length); or None where there is none that counts."""
        found = {member.wg_key: self._slices(member) for member in self.roster.members()}
        own = found.pop(self.identity.wg_public, None)
        return own, found

    def _slices(self, member):
        network, length = charter.network(self.charter, member.slice, member.slice_length), member.slice_length
        return None if network is None else ((network, length), (charter.mirror(self.charter, network), length))

    def candidates(self, since=0):
        """[(WireGuard key, addresses, relays, addresses at TURN servers)] of those who have said where they are; only
        those who have said it after a revision of `places`."""
        known = [(self.roster.member(place.member), place) for place in self.places.changed(since)]
        known = [(member, place) for member, place in known if member is not None]
        return [(member.wg_key, place.addresses, place.relays, place.at_turn) for member, place in known]

    def relays(self):
        """The WireGuard keys of the others who forward for members."""
        known = [self.roster.member(key) for key in self.places.relays]
        return [member.wg_key for member in known if member is not None and member.key != self.identity.public]

    def saved(self):
        """What has to be kept, as `kept`."""
        return {
            "group": self.roster.group_key,
            "charter": self.charter.data,
            "entries": self.roster.entries(),
            "secret": self.secret.offer,
            "places": [place.data for place in self.places.all()],
            "issuer": self.issuer.saved(),
            "former": self._formers.saved(),
        }

    # --- what people do; each raises UserError

    def find_member(self, wanted):
        """The Member with this name or fingerprint, or the beginning of one."""
        labels = self.roster.labels()
        candidates = [(member, labels[member.key], member.key) for member in self.roster.members()]
        return find(self._crypto, wanted, candidates, "member")

    def rename(self, wanted, name, now, wall):
        self._say(self.find_member(wanted).key, now, wall, name=name)

    def promote(self, wanted, now, wall):
        self._say(self.find_member(wanted).key, now, wall, role=ADMIN)

    def demote(self, wanted, now, wall):
        member = self.find_member(wanted)
        self._say_again(member, wall)
        self._say(member.key, now, wall, role=MEMBER)

    def revoke(self, wanted, now, wall):
        member = self.find_member(wanted)
        self._say_again(member, wall)
        self._say(member.key, now, wall, role=REVOKED)
        self._rotate(now)
        self._settle(now, wall)

    def _rotate(self, now):
        """A new secret, which those who are out don't get to know."""
        self.secret.rotate(self.identity, now)
        self._rotated_at = now
        self._gossip.tell_secret(now)

    def _say_again(self, member, wall):
        """Before an admin ceases to be one: what it signed is signed by the owner."""
        if member.role == ADMIN and self._is_owner:
            signed = self.roster.signed_by(member.key)
            for entry in self.roster.say_again(self.identity, signed, self.next_stamp()):
                self._add_own(entry)

    def _say(self, key, now, wall, **change):
        try:
            entry = self.roster.signed(self.identity, key, self.next_stamp(), **change)
        except Rejected as rejected:
            raise UserError(_WHY_NOT.get(rejected.reason, rejected.reason))
        self._add_own(entry)
        self._settle(now, wall)

    def _add_own(self, entry):
        if self.roster.add(entry):
            self._untold.append(entry)

    def set_brokers(self, brokers, now, wall):
        """From now on the members meet at these (URLs, the best first)."""
        if not self._is_owner:
            raise UserError(_WHY_NOT["not-owner"])
        if tuple(brokers) == self.charter.brokers:
            return
        try:
            self.charters.revise(self.identity, brokers, self.next_stamp())
        except Rejected as rejected:
            raise UserError(_WHY_NOT.get(rejected.reason, rejected.reason))
        self._gossip.tell_charter(now)
        self._settle(now, wall)

    def farewell(self):
        """The Publish that stays at a broker when the group leaves it, or None: in a large group others do that."""
        if self._is_admin or len(self.roster.members()) <= FEW:
            return self.signalling.farewell(self._moved())
        return None

    def retire(self):
        """Take what is ours from all brokers."""
        for line in self.lines:
            line.retire()

    def set_place(self, addresses, now, is_relay=False, relays=(), at_turn=()):
        """Where this node can be reached: (ip, port), the best first; whether it forwards for others; through which
        members it can be reached besides (their WireGuard keys, the best first), and at which addresses of TURN
        servers."""
        ways = addresses, is_relay, relays, at_turn
        if ways == self._ways and self._place is not None and not self._is_outdone():
            return
        self._ways = ways
        group_key, stamp = self.roster.group_key, self.next_stamp()
        self._placed_at = stamp
        self._place = places.sign(self._crypto, group_key, self.identity.seed, stamp, self._release, *ways)
        self._hear(self.places.add, self._place)
        self._gossip.tell_place(self.identity.public, now)
        self._announce(now)

    def _is_outdone(self):
        """Whether the others go by a newer place of ours, and we can say another: our clock is right again."""
        known = self.places.get(self.identity.public)
        if known is None or known.data == self._place:
            return False
        return self.next_stamp() > max(known.sequence, self._placed_at + OUTDONE_GAP)

    # --- what happens

    def handle_connected(self, now):
        self.signalling.handle_connected(now)

    def handle_disconnected(self, now):
        self.signalling.handle_disconnected(now)

    def handle_message(self, topic, payload, now, wall):
        """A broker shows `payload` on `topic`."""
        self.signalling.handle_message(topic, payload, now)
        self._drain(self.signalling, now, wall)

    def handle_former_message(self, url, topic, payload, now, wall):
        """The same, by a broker that the group has left."""
        line = self.former_lines.get(url)
        if line is not None:
            line.handle_message(topic, payload, now)
            self._drain(line, now, wall)

    def handle_timeout(self, now, wall):
        for line in self.lines:
            line.handle_timeout(now)
        if now >= self._settled_at + SETTLE_SOON:
            self._settle(now, wall)
        is_time = self._rotated_at is None or now - self._rotated_at >= ROTATE_GAP
        if is_time and self._is_admin and self.secret.wants_rotation(now):
            self._rotate(now)
            self._settle(now, wall)

    def handle_news(self, now, wall):
        """Something came through a tunnel."""
        self._settle(now, wall)

    # --- what comes out

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms)."""
        is_urgent = self._is_admin and self.secret.is_orphaned
        due = self._settled_at + (SETTLE_SOON if is_urgent else SETTLE_EVERY)
        for line in self.lines:
            due = earlier(due, line.poll_timeout())
        return due

    def poll_subscribe(self):
        return self.signalling.poll_subscribe()

    def poll_publish(self):
        return self.signalling.poll_publish()

    def poll_event(self):
        return self._events.popleft() if self._events else None

    # --- how it works

    @property
    def _is_owner(self):
        return self.identity.public == self.roster.group_key

    @property
    def _is_admin(self):
        return self.roster.is_admin(self.identity.public)

    def _is_member(self, key):
        member = self.roster.member(key)
        return member is not None and member.role != REVOKED

    def _hear(self, add, data, *more):
        """Whether what somebody else brought is news; what is refused is counted."""
        try:
            return add(data, *more)
        except Rejected as rejected:
            self._count(rejected.reason)
            return False

    def _new_signalling(self, says, secrets):
        about = self._crypto, self.identity, self.roster.group_key, secrets, ()
        return Signalling(*about, self._is_member, self.next_stamp, self._count, says)

    def _open_line(self):
        line = self._new_signalling(MOVED, [])
        for topic in set(self._boxes) | self._issuer_topics:
            line.subscribe(topic)
        return line

    def _moved(self):
        """What is said at a broker that the group has left."""
        return {"charters": [key_text(self.charter.data)]}

    def _drain(self, line, now, wall):
        event = line.poll_event()
        while event is not None:
            if isinstance(event, (Announced, Introduced)):
                self._handle_announcement(event.content, now)
                self._take_box_away(event.sender)
                self._tell_of(event.sender)
            elif isinstance(event, Arrived):
                self._handle_arrival(event.topic, event.payload, now, wall)
            self._settle(now, wall)
            event = line.poll_event()

    def _handle_announcement(self, content, now):
        news = [entry for entry in _bytes_in(content, "entries") if self._hear(self.roster.add, entry)]
        if news:
            self._gossip.tell_entries(news, now)
        for place in _bytes_in(content, "places"):
            self._hear(self.places.add, place)
        for data in _bytes_in(content, "charters"):
            if self._hear(self.charters.add, data):
                self._gossip.tell_charter(now)

    def _tell_of(self, key):
        member = self.roster.member(key)
        if member is not None:
            self._events.append(GroupEvent(ANNOUNCED, member.name, member.wg_key))

    def _handle_arrival(self, topic, payload, now, wall):
        if topic in self._boxes:
            self._hear(self._open_box, payload, self._boxes[topic], now)
        elif payload:
            self._hear(self.issuer.handle_message, topic, payload, now, wall)

    def _open_box(self, box, admin, now):
        if box:
            offer, entries = secret.unbox(self._crypto, self._pairs[admin], box)
            for entry in entries:
                self._hear(self.roster.add, entry)
            self.secret.add(offer, now)

    def _settle(self, now, wall):
        """Put in order what follows from the charter, the roster, the places, the secret and the invites."""
        self._settled_at = now
        self._settle_brokers(now, wall)
        self._relay_issuer()
        if self.roster.revision != self._seen_revision:
            self._settle_roster(now, wall)
        secrets = [s for _, s in self.secret.secrets(now)]
        for line in self.lines:
            line.set_secrets(secrets, now)
            line.handle_members()
        self._see_to_boxes(now)
        self._listen()
        self._announce(now)

    def _settle_brokers(self, now, wall):
        before, self._seen_charter = self._seen_charter, self.charter
        if before.brokers != self.charter.brokers:
            self._formers.handle_change(before.brokers, self.charter.brokers, self.charter.serial)
            self._events.append(GroupEvent(BROKERS, self.name, None))
        brokers, left = self.charter.brokers, self._formers.urls(wall)
        self.brokers = brokers + tuple([url for url in left if url not in brokers])
        wanted = (left if self._is_owner else []) + self.issuer.brokers(wall)
        if self._formers.settle([url for url in wanted if url not in brokers[:1]], now):
            self.lines = [self.signalling] + list(self.former_lines.values())

    def _settle_roster(self, now, wall):
        orphans = self.roster.poll_orphans()
        if self._is_owner and orphans:
            for entry in self.roster.say_again(self.identity, orphans, self.next_stamp()):
                self._add_own(entry)
        elif orphans:
            self._gossip.ask_some(now)  # who has said it again?
        self._untold += self.issuer.settle(wall)
        self.places.forget_strangers()
        self.secret.handle_roster(now)
        self._seen_revision = self.roster.revision
        self._boxes_at = min(self._boxes_at, now + BOX_GRACE)
        if self._untold:
            self._gossip.tell_entries(self._untold, now)
            self._news.extend(self._untold[-NEWS_MAX:])
            self._untold = []
        if not self.is_member:
            self._events.append(GroupEvent(REMOVED, self.name, None))

    def _relay_issuer(self):
        """What the issuer says goes out by way of the signalling."""
        event = self.issuer.poll_event()
        while event is not None:
            if isinstance(event, Admitted):
                self._untold.append(event.entry)
                self._events.append(GroupEvent(ADMITTED, event.name, None))
            elif isinstance(event, Waiting):
                self._events.append(GroupEvent(WAITING, event.name, None))
            event = self.issuer.poll_event()
        message = self.issuer.poll_publish()
        while message is not None:
            self._publish(message.topic, message.payload, message.retain)
            message = self.issuer.poll_publish()

    def _publish(self, topic, payload, retain):
        """At all brokers: who looks for it may have come to a former one."""
        for line in self.lines:
            line.publish(topic, payload, retain)

    def _listen(self):
        """Subscribe to the topics on which invites are answered and new secrets wait."""
        cause = self.roster.revision, self.issuer.revision
        if cause == self._listening_since:
            return
        self._listening_since = cause
        boxes = {}
        for member in self.roster.members():
            if member.role in (OWNER, ADMIN) and member.key != self.identity.public:
                if member.key not in self._pairs:
                    keys = self.roster.group_key, self.identity, member.key, self.identity.public
                    self._pairs[member.key] = secret.pair(self._crypto, *keys)
                boxes[_box_topic(self._pairs[member.key][0])] = member.key
        wanted = set(boxes) | self.issuer.topics()
        listening = set(self._boxes) | self._issuer_topics
        for line in self.lines:
            for topic in listening - wanted:
                line.unsubscribe(topic)
            for topic in wanted - listening:
                line.subscribe(topic)
        self._boxes, self._issuer_topics = boxes, self.issuer.topics()

    def _see_to_boxes(self, now):
        """A new secret waits for each member where only it can find and open it.

        Who made it leaves it; when there was time to take it up, the owner too for those who have not. Both look again
        when the roster has changed: somebody may have been let in under the old one."""
        is_new, is_ours = self.secret.offer != self._boxed, self.secret.signer == self.identity.public
        is_due = now >= self._boxes_at
        if is_new:
            self._boxed, self._boxes_at = self.secret.offer, now + BOX_GRACE
            for key in list(self._left):
                self._clear_box(key)
        elif is_due:
            self._boxes_at = now + BOX_AGAIN
        if is_new and is_ours or is_due and not is_new and (is_ours or self._is_owner):
            self._leave_boxes()

    def _leave_boxes(self):
        grounds = self._grounds()
        for member in self.roster.members():
            has_it = member.key == self.identity.public or self._has_secret(member.key)
            if not has_it and member.key not in self._left:
                entries = [member.entry] + [entry for entry in grounds if entry != member.entry]
                slot, box = self.secret.box(self.identity, member.key, entries)
                self._left[member.key] = _box_topic(slot)
                self._publish(_box_topic(slot), box, True)

    def _has_secret(self, member):
        """Whether a member has said something under the secret in use."""
        return any(line.has_moved(member) for line in self.lines)

    def _take_box_away(self, reader):
        """It says something: if that is under the new secret, it has that."""
        if reader in self._left and self._has_secret(reader):
            self._clear_box(reader)

    def _clear_box(self, reader):
        self._publish(self._left.pop(reader), b"", True)

    def _grounds(self):
        """The entries by which who was away sees why there is a new secret, and that its signer is an admin.

        With them goes the reader's own: who had signed that may be among the revoked."""
        admins = [member for member in self.roster.members() if member.role in (OWNER, ADMIN)]
        revoked = sorted(self.roster.revoked(), key=lambda member: -member.serial)
        entries = [member.entry for member in admins + revoked]
        while sum([len(entry) for entry in entries]) > GROUNDS_MAX:
            entries.pop()
        return entries

    def _announce(self, now):
        """Tell by the broker who we are, who signed that, where we are, and what is new."""
        own = self.roster.member(self.identity.public)
        if own is None or self._place is None:
            return
        signer = self.roster.member(_signer(own.entry))
        entries = [own.entry] if signer is None or signer.key == own.key else [signer.entry, own.entry]
        entries += [entry for entry in self._news if entry not in entries]
        content = {"entries": [key_text(entry) for entry in entries], "places": [key_text(self._place)]}
        self.signalling.announce(content, now)
        for line in self.former_lines.values():
            line.announce(self._moved(), now)


def _signer(entry):
    return entry[34:66]


def _box_topic(slot):
    return "ipop/" + base32(slot)[:26].lower()


def _bytes_in(content, name):
    """The list of base64 texts under a name, as bytes; what is none is passed over."""
    found = []
    items = content.get(name)
    for text in items if isinstance(items, list) else ():
        try:
            found.append(parse_bytes(text))
        except (AttributeError, TypeError, ValueError):
            pass
    return found


_WHY_NOT = {
    "not-admin": "only an admin can do that: ask the group's owner to run 'ipop promote' for this router",
    "not-owner": "only the group's owner can do that",
    "owner-revoked": "the owner is the group: it can't be revoked, it can only leave",
    "revoked": "this member was revoked, which is final: it can join again with a new invite",
    "bad-name": "a name has 1 to 63 letters, and nothing that can't be seen",
    "bad-charter": "a broker is mqtt://HOST or mqtts://HOST, and a group has up to 8 of them",
    "long-charter": "the brokers' addresses are too long together: leave one out, or write them shorter",
    "outdone": "an admin has signed this with absurd serials: the owner has to demote that admin first",
}
