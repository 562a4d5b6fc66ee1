"""One member's part in a group's signalling: what it tells the others, what it hears from them.

    what the owner says: announce, mail, publish ...      -> poll_subscribe, poll_publish -> the broker
    the broker: handle_connected, handle_message, handle_disconnected -> poll_event
    the time: handle_timeout, poll_timeout

Each member has one announcement at the broker, kept for those who come later. It is made anew when its content changes,
at each connection, and rarely besides; then all else that is kept is told again, too. A letter is kept until its reader
has it, who then clears it; a note reaches only who is there. A will is handed over with the connection, and published
when that breaks off: a hint that a member may be gone, never more.

The broker is trusted with nothing. Whatever it shows is opened (see sealed.py), compared with what was heard before,
and handed on, or counted under one word. It may be another broker after each connection, or the same one with nothing
left (see holdings.py).

An announcement may come from somebody of whom we have not heard: the group has grown, and what shows it is in the
announcement. It is handed on as Introduced, and kept. The owner looks into it and then calls `handle_members`; if the
sender is a member now, the announcement counts.

A new secret moves everything to new topics. Ours under the old one are cleared, those of others still listened to.

At a broker that the group has left, a member says where it has moved to (MOVED): to all who come there and have not
heard of it, itself included, should it be restored from a backup. That has a slot of its own, because the broker may be
one of those where the group is now.
"""

from collections import deque, namedtuple

from ..deadlines import earlier
from ..errors import Rejected
from . import sealed
from .holdings import Holdings, Publish
from .sealed import ANNOUNCEMENT, LETTER, MOVED, NOTE, WILL, Sealer, Slot

MESSAGE_MAX = 65_536  # bytes of a payload on a topic of the owner's
ANNOUNCE_GAP = 3_000  # ms between two announcements, however often the content changes
REFRESH = 3_600_000  # ms after which one is made anew, and up to half as much more
STRANGERS_MAX = 32  # whose announcements are kept
INTRODUCTIONS_MAX, INTRODUCTIONS_EVERY = 32, 10_000  # so many in so many ms
EVENTS_MAX = 256

# What happened. `content` is a dict that its sender has signed; nothing more is known about it.
Announced = namedtuple("Announced", ("sender", "sequence", "content"))
Introduced = namedtuple("Introduced", ("sender", "sequence", "content"))  # the same, of a stranger
Mailed = namedtuple("Mailed", ("sender", "purpose", "sequence", "content"))
Vanished = namedtuple("Vanished", ("sender",))  # says the broker
Arrived = namedtuple("Arrived", ("topic", "payload"))  # on a topic of the owner's


class Signalling:
    """`identity` is ours, `group` the group's key, `secrets` what its members share (see `set_secrets`).

    `purposes`: the mail that we read. `is_member(key)` says who is one, `next_sequence()` gives a number higher than
    all before, `count(reason)` takes note of what is thrown away. What we announce is of the kind `says`: an
    ANNOUNCEMENT or MOVED."""

    def __init__(self, crypto, identity, group, secrets, purposes, is_member, next_sequence, count, says=ANNOUNCEMENT):
        self._crypto = crypto
        self._identity = identity
        self._public = identity.public
        self._announcement = sealed.for_everybody(says, identity.public)
        self._group = group
        self._purposes = purposes
        self._is_member = is_member
        self._next_sequence = next_sequence
        self._count = count
        self._holdings = Holdings()
        self._sealers = []  # for each secret
        self._rooms = {}  # how the topics in a room begin -> the Sealer
        self._topics = set()  # the owner's; "x/+" is all in a room
        self._content = None  # of our announcement, as bytes
        self._announced_on = None  # its topic
        self._announced_at = None
        self._announce_at = None
        self._told_at = 0  # when the broker was told all that it is to keep
        self._letters = {}  # topic -> (slot, body)
        self._connection = 0  # counts them
        self._newest = {}  # slot -> (sequence, connection in which it was last shown)
        self._moved = set()  # those who have announced something under the secret in use
        self._strangers = {}  # key -> (their announcement as Opened, whether it was counted)
        self._introductions = 0
        self._introductions_since = 0
        self._events = deque((), EVENTS_MAX + STRANGERS_MAX)
        self._enter(secrets)

    @property
    def is_connected(self):
        return self._holdings.is_connected

    # --- what the owner says

    def announce(self, content, now):
        """Tell everybody (a dict). Raises ValueError where that is too large."""
        data = sealed.encode(content)
        if data == self._content:
            return
        self._content = data
        self._announce_at = now if self._announced_at is None else max(now, self._announced_at + ANNOUNCE_GAP)
        self._announce_if_due(now)

    def mail(self, reader, purpose, content, keep=False):
        """Tell one member (a dict). With `keep` it waits for its reader, and replaces what waited there before.

        Returns whether that could be done: nobody keeps the rest. Raises ValueError where the content is too large."""
        if self._sealer is None:
            return False
        slot = Slot(LETTER if keep else NOTE, self._public, reader, purpose)
        topic = self._sealer.topic(slot)
        body = self._sign(slot, sealed.encode(content))
        if keep:
            return self._put(topic, slot, body)
        return self._holdings.send(topic, self._sealer.seal(topic, body))

    def recall(self, reader, purpose):
        """Take a letter back."""
        self._withdraw(self._sealer.topic(Slot(LETTER, self._public, reader, purpose)))

    def will(self):
        """The Publish that the broker is to make when the next connection breaks off, or None before we joined."""
        return self._said_once(WILL, {}, False)

    def farewell(self, content):
        """The Publish that tells who comes to this broker when we are gone where the group is (a dict), or None before
        we joined."""
        return self._said_once(MOVED, content, True)

    def _said_once(self, kind, content, retain):
        if self._sealer is None:
            return None
        slot = sealed.for_everybody(kind, self._public)
        topic = self._sealer.topic(slot)
        return Publish(topic, self._sealer.seal(topic, self._sign(slot, sealed.encode(content))), retain)

    def subscribe(self, topic):
        """Hand on whatever comes on a topic, or in a room (room + "/+"), as Arrived."""
        self._topics.add(topic)
        self._holdings.listen(topic)

    def unsubscribe(self, topic):
        self._topics.discard(topic)
        self._holdings.stop_listening(topic)

    def publish(self, topic, payload, retain):
        """Publish bytes as they are. With `retain` they are kept, at this broker and at the next, until b"" is.

        Returns whether that could be done."""
        if not retain:
            return self._holdings.send(topic, payload)
        if payload:
            return self._holdings.keep(topic, payload)
        self._holdings.clear(topic)
        return True

    def set_secrets(self, secrets, now):
        """The one in use (32 bytes), then those that some have not left yet. Who still has to join has none."""
        if secrets == [sealer.secret for sealer in self._sealers]:
            return
        if secrets[:1] != [sealer.secret for sealer in self._sealers[:1]]:
            self._move(secrets, now)
        else:
            self._enter(secrets)

    def _move(self, secrets, now):
        """Take what is ours from the topics under one secret to those under another."""
        letters = list(self._letters.values())
        self._withdraw_all()
        self._enter(secrets)
        self._moved = set()
        for slot, body in letters:
            self._put(self._sealer.topic(slot), slot, body)
        self._announce_at = now
        self._announce_if_due(now)

    def has_moved(self, member):
        """Whether a member has announced something under the secret in use: it has that."""
        return member in self._moved

    def handle_members(self):
        """The owner has looked at the roster: it may have changed."""
        for key, (opened, is_counted) in list(self._strangers.items()):
            if self._is_member(key):
                del self._strangers[key]
                self._commit(opened, Announced(key, opened.sequence, sealed.content_of(opened.body)))
            elif not is_counted:
                self._strangers[key] = opened, True
                self._count("signal-stranger")
        for slot in [slot for slot in self._newest if not self._is_member(slot.writer)]:
            del self._newest[slot]
        self._moved = {key for key in self._moved if self._is_member(key)}
        for topic in [topic for topic, letter in self._letters.items() if not self._is_member(letter[0].reader)]:
            self._withdraw(topic)

    def retire(self):
        """Clear all that is ours at the broker, and announce nothing more."""
        self._content = None
        self._withdraw_all()
        self._holdings.clear_all()

    # --- what the broker does

    def handle_connected(self, now):
        """There is a connection: the first, or another one, perhaps to another broker."""
        self._connection += 1
        self._holdings.handle_connected()
        self._told_at = now
        self._announce_at = now
        self._announce_if_due(now)

    def handle_disconnected(self, now):
        self._holdings.handle_disconnected()

    def handle_message(self, topic, payload, now):
        """The broker shows `payload` (bytes) on `topic` (text)."""
        try:
            self._take(topic, payload, now)
        except Rejected as rejected:
            self._count(rejected.reason)

    def _take(self, topic, payload, now):
        if len(self._events) >= EVENTS_MAX:
            raise Rejected("signal-overrun")
        if len(payload) > MESSAGE_MAX:
            raise Rejected("signal-oversized")
        room = topic.rpartition("/")[0]
        if topic in self._topics or room + "/+" in self._topics:
            if not self._holdings.has(topic, payload):  # else it is our own
                self._events.append(Arrived(topic, payload))
        elif topic in self._letters and not payload:
            self._handle_taken(topic)
        elif topic in self._letters or topic == self._announced_on:
            self._holdings.handle_shown(topic, payload, now)
        else:
            sealer = self._rooms.get(room)
            if sealer is None:
                raise Rejected("signal-unknown-topic")
            if payload:  # else its writer has taken it away
                opened = sealer.open(topic, payload)
                self._take_sealed(opened, topic, now)
                if opened.slot.kind == ANNOUNCEMENT and sealer is self._sealer:
                    self._moved.add(opened.slot.writer)

    def _take_sealed(self, opened, topic, now):
        slot, sequence = opened.slot, opened.sequence
        if slot.writer == self._public and slot.kind != MOVED:
            return  # our will, or what we said once
        newest, shown_in = self._newest.get(slot, (-1, 0))
        if sequence < newest or sequence == newest and shown_in == self._connection:
            raise Rejected("signal-replayed")
        if sequence == newest:  # kept from before the connection
            self._newest[slot] = sequence, self._connection
        else:
            content = sealed.verify(self._crypto, self._group, opened)
            if not self._is_member(slot.writer):
                self._introduce(opened, content, now)
                return
            self._commit(opened, self._event(opened, content))
        if slot.kind == LETTER:
            self._holdings.clear(topic)

    def _event(self, opened, content):
        sender, purpose, sequence = opened.slot.writer, opened.slot.purpose, opened.sequence
        if opened.slot.kind in (ANNOUNCEMENT, MOVED):
            return Announced(sender, sequence, content)
        if opened.slot.kind == WILL:
            return Vanished(sender)
        if purpose not in self._purposes:
            raise Rejected("signal-unknown-purpose")
        return Mailed(sender, purpose, sequence, content)

    def _commit(self, opened, event):
        self._newest[opened.slot] = opened.sequence, self._connection
        self._events.append(event)

    def _introduce(self, opened, content, now):
        """Somebody who is no member yet has said something: only an announcement is of interest."""
        key = opened.slot.writer
        if now - self._introductions_since >= INTRODUCTIONS_EVERY:
            self._introductions_since, self._introductions = now, 0
        known = self._strangers.get(key)
        is_older = known is not None and opened.sequence <= known[0].sequence
        is_heard = opened.slot.kind in (ANNOUNCEMENT, MOVED)
        if not is_heard or is_older or self._introductions >= INTRODUCTIONS_MAX:
            raise Rejected("signal-stranger")
        if known is None and len(self._strangers) >= STRANGERS_MAX:
            _, (_, is_counted) = self._strangers.popitem()
            if not is_counted:
                self._count("signal-stranger")
        self._introductions += 1
        self._strangers[key] = opened, False
        self._events.append(Introduced(key, opened.sequence, content))

    # --- time, and what comes out

    def handle_timeout(self, now):
        self._announce_if_due(now)
        topic = self._holdings.poll_damaged(now)
        while topic is not None:
            self._repair(topic, now)
            topic = self._holdings.poll_damaged(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms), or None."""
        due = self._holdings.poll_timeout()
        if self._content is not None and self._sealer is not None and self.is_connected:
            due = earlier(due, self._announce_at)
        return due

    def poll_subscribe(self):
        """The next (topic, whether it is wanted) for the broker, or None. To be asked before `poll_publish`."""
        return self._holdings.poll_subscribe()

    def poll_publish(self):
        """The next Publish for the broker, or None."""
        return self._holdings.poll_publish()

    def poll_event(self):
        """The next event (see above), or None."""
        return self._events.popleft() if self._events else None

    # --- what is ours

    def _sign(self, slot, data):
        return sealed.sign(self._identity, self._group, slot, self._next_sequence(), data)

    def _announce_if_due(self, now):
        if self._content is not None and self._sealer is not None and self.is_connected and now >= self._announce_at:
            self._publish_announcement(now)

    def _publish_announcement(self, now):
        topic = self._announced_on = self._sealer.topic(self._announcement)
        self._holdings.keep(topic, self._sealer.seal(topic, self._sign(self._announcement, self._content)))
        jitter = int.from_bytes(self._crypto.random(2), "big") * (REFRESH // 2) // 65_536
        self._announced_at, self._announce_at = now, now + REFRESH + jitter
        if now - self._told_at >= REFRESH:
            self._told_at = now
            self._holdings.tell_again()

    def _put(self, topic, slot, body):
        """Leave a letter at its topic. Returns whether there was room."""
        if not self._holdings.keep(topic, self._sealer.seal(topic, body)):
            return False
        self._letters[topic] = slot, body
        self._holdings.listen(topic)  # to see it taken, or written over
        return True

    def _handle_taken(self, topic):
        """Its reader has a letter."""
        del self._letters[topic]
        self._holdings.stop_listening(topic)
        self._holdings.forget(topic)

    def _withdraw(self, topic):
        if topic in self._letters:
            self._handle_taken(topic)
            self._holdings.clear(topic)

    def _withdraw_all(self):
        for topic in list(self._letters):
            self._withdraw(topic)
        if self._announced_on is not None:
            self._holdings.clear(self._announced_on)
            self._announced_on = None

    def _repair(self, topic, now):
        """Somebody has written over a slot of ours."""
        self._count("signal-overwritten")
        if topic in self._letters:
            slot, body = self._letters[topic]
            self._put(topic, slot, body)
        else:
            self._publish_announcement(now)

    @property
    def _sealer(self):
        return self._sealers[0] if self._sealers else None

    def _enter(self, secrets):
        """Listen to what comes under these secrets."""
        self._sealers = [Sealer(self._crypto, secret) for secret in secrets]
        rooms = {}
        for sealer in self._sealers:
            for reader in (b"", self._public):
                rooms[sealer.room(reader)] = sealer
        for room in self._rooms:
            if room not in rooms:
                self._holdings.stop_listening(room + "/+")
        for room in rooms:
            self._holdings.listen(room + "/+")
        self._rooms = rooms
