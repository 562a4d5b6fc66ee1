"""Who is in: entries signed by admins, merged member by member, so that all who have the same entries agree.

A group is its owner's key. The owner is always an admin and can't be revoked; who else is one, the owner alone says. So
there are two steps, and they can't go round in a circle:

1. Of what the owner says about a member one entry counts: a revocation before all else, then the higher serial, then
   the lower hash. Those of whom it says "admin" are the admins.
2. Of what each admin says about a member one entry is held, by the same order. Of all that is held about a member one
   is in force: the owner's "admin" if there is one, else the first in that order.

Only a signer who is an admin now is heard ("not-admin"). Who was refused for that comes again with the next comparison
of rosters, when the promotion has arrived too. When an admin is demoted or revoked, all that this key ever signed stops
counting, whatever its date: nobody can tell when it was really signed. What was in force of it comes out of
`poll_orphans`, and the owner's node says it again as its own (`say_again`).

An admin's word about another admin is held without being in force, for the day on which that one is no admin any more.
A revoked key stays revoked as long as whoever revoked it is an admin, or the owner has said it again.

The state is the set of held entries. Both steps take a maximum, so halves that were apart agree when they have told
each other what they hold, in any order and any number of times.

A serial is the time of signing, or one more than what it has to beat, but nobody follows a serial that is a century
ahead. So the highest serial of all makes a name stay only until its signer is demoted.
"""

from collections import namedtuple

from ..errors import Rejected
from ..lan.names import label
from .entry import (
    ADMIN,
    MEMBER,
    NAME_MAX,
    NO_SLICE,
    REVOKED,
    Entry,
    beats,
    is_name,
    is_signed,
    is_slice,
    member_of,
    parse,
    role_of,
    serial_of,
    sign,
    signer_of,
)
from .identity import fingerprint, wg_key
from .slices import Claims

OWNER = "owner"
MEMBERS_MAX = 4096
BUCKETS = 16
CENTURY = 3_155_760_000_000  # ms
REST = 7 * 24 * 3_600_000  # ms in which the slice of a revoked member is not given to another

# key, wg_key: 32 bytes; role: OWNER, ADMIN, MEMBER or REVOKED; slice (index) and slice_length are 0 for a member that
# has none, be it that another keeps the slice it claims; entry: the bytes in force
Member = namedtuple("Member", ("key", "name", "role", "slice", "slice_length", "serial", "wg_key", "entry"))


class _Record:
    """What is held about one member: entries (bytes), and the one of them in force."""

    def __init__(self, wg_key):
        self.wg_key = wg_key
        self.entries = []
        self.in_force = None

    def by(self, signer):
        for data in self.entries:
            if signer_of(data) == signer:
                return data
        return None


class Roster:
    """`group_key` is the owner's. `revision` grows with every change."""

    def __init__(self, crypto, group_key):
        self.group_key = group_key
        self.revision = 0
        self._crypto = crypto
        self._records = {}  # member's key -> _Record
        self._by_wg = {}  # WireGuard key -> key, of those who are not revoked
        self._admins = {group_key}
        self._claims = Claims(crypto)
        self._orphans = {}  # member's key -> the entry that was in force
        self._views = {}  # member's key -> Member, as of the revision `_viewed_at`
        self._viewed_at = 0
        self._digests = [None] * BUCKETS  # None where it has to be computed

    # --- what comes in

    def add(self, data):
        """True if the entry is news, False if it or a better one is known. Raises Rejected:

        "bad-entry", "owner-revoked", "not-owner" (what the owner alone may say), "not-admin", "bad-signature" (also for
        an entry of another group), "bad-key", "roster-full"."""
        data = bytes(data)
        entry = parse(data)
        self._check_right(entry.signer, entry.member, entry.role)
        record = self._records.get(entry.member)
        known = record.by(entry.signer) if record else None
        if known is not None and not beats(self._crypto, data, known):
            return False
        if not is_signed(self._crypto, self.group_key, data):
            raise Rejected("bad-signature")
        if record is None:
            record = self._admit(entry)
        record.entries = self._replaced(record, entry.signer, data)
        self._settle(entry.member)
        return True

    def poll_orphans(self):
        """Entries that were in force until their signer ceased to be an admin, since the last call."""
        orphans = sorted(self._orphans.values())
        self._orphans = {}
        return orphans

    # --- what is in force

    def members(self):
        """All Members but the revoked, in the order of their keys."""
        return [self._view(key) for key in sorted(self._by_wg.values())]

    def revoked(self):
        """Members that are none any more, in the order of their keys."""
        return [self._view(key) for key in sorted(self._records) if self._is_revoked(key)]

    def revocations(self):
        """(number, 8 bytes that are the same where the same keys are revoked)"""
        revoked = sorted([key for key in self._records if self._is_revoked(key)])
        return len(revoked), self._crypto.sha256(b"".join(revoked))[:8]

    def member(self, key):
        """The Member with this key, revoked or not, or None."""
        return self._view(key) if key in self._records else None

    def by_wg_key(self, key):
        """The Member that speaks with this WireGuard key, or None: a revoked one does no more."""
        member = self._by_wg.get(key)
        return self._view(member) if member is not None else None

    def is_admin(self, key):
        return key in self._admins

    def labels(self):
        """{key: name} of all, as they are shown: "den"; "den~7QK2" where two are called so, and for a revoked one."""
        labels = {}
        for digits in (0, 4, 19):  # none, the first block, all of the fingerprint
            shown = {}
            for key, record in self._records.items():
                if key not in labels and (digits or not self._is_revoked(key)):
                    end = "~" + fingerprint(self._crypto, key)[:digits] if digits else ""
                    label = parse(record.in_force).name + end
                    shown.setdefault(label.lower(), []).append((key, label))
            for alike in shown.values():
                if len(alike) == 1 or digits == 19:
                    labels.update(alike)
        return labels

    def free_name(self, wanted, member):
        """A name for a member's key: the one that is wanted, or "den-2" where another is "den", or looks like it in the
        names of devices."""
        others = [key for key in self._records if key != member and not self._is_revoked(key)]
        taken = {_look(parse(self._records[key].in_force).name) for key in others}
        name, n = wanted, 1
        while _look(name) in taken:
            n += 1
            name = wanted
            while len(name.encode()) > NAME_MAX - 6:
                name = name[:-1]
            name = "%s-%d" % (name.strip(), n)
        return name

    # --- what is held, and how it is compared

    def entries(self):
        """All that is held (list of bytes), so that whoever adds it in this order knows each signer in time.

        That is the owner's entries as they were signed, then the others'."""
        return self._sorted(self._records)

    def entries_in(self, *buckets):
        """The same for members whose keys begin with one of these four bits."""
        return self._sorted([key for key in self._records if key[0] >> 4 in buckets])

    def digests(self):
        """BUCKETS times 8 bytes: what is held about the members whose keys begin with these four bits."""
        return [digest[:8] for digest in self._full_digests()]

    def digest(self):
        """32 bytes that are the same where the same is held."""
        return self._crypto.sha256(b"".join(self._full_digests()))

    # --- what an admin's node says

    def signed(self, identity, member, stamp, name=None, role=None, slice=None):
        """A new entry (bytes) about a member's key; what is not given stays as it is. It has still to be added.

        `stamp` is the time in ms since 1970, higher than in any earlier entry of this signer; `slice` is (index, prefix
        length). Raises Rejected when it would be in vain: "not-admin", "not-owner", "owner-revoked", "revoked",
        "bad-key", "bad-name", "bad-slice", "outdone" (by an admin with absurd serials, who has to be demoted)."""
        record = self._records.get(member)
        if record is not None:
            old = parse(record.in_force)
        elif wg_key(self._crypto, member) is not None:
            old = Entry(member, "", ADMIN if member == self.group_key else MEMBER, NO_SLICE, None, 0, 0)
        else:
            raise Rejected("bad-key")
        new_name = old.name if name is None else name
        new_role = old.role if role is None else role
        new_slice = old.slice if slice is None else slice
        if old.role == ADMIN and identity.public != self.group_key:
            raise Rejected("not-owner")
        self._check_right(identity.public, member, new_role)
        if old.role == REVOKED:
            raise Rejected("revoked")
        if not is_name(new_name):
            raise Rejected("bad-name")
        if not is_slice(new_slice):
            raise Rejected("bad-slice")
        serial = self.next_serial(member, stamp)
        data = sign(identity, self.group_key, member, new_name, new_role, new_slice, serial, stamp)
        after = parse(self._first(self._replaced(record, identity.public, data)))
        is_done = (name in (None, after.name)) and (role in (None, after.role)) and (slice in (None, after.slice))
        if not is_done and after.role != REVOKED:
            raise Rejected("outdone")
        return data

    def signed_by(self, admin):
        """Entries (bytes) in force because this admin signed them: what its demotion would take away."""
        found = [record.in_force for record in self._records.values()]
        return sorted([data for data in found if signer_of(data) == admin])

    def say_again(self, owner, entries, stamp):
        """What an admin signed, now signed by the owner's Identity (list of bytes): what a demotion must not undo.

        Told before the demotion it leaves no moment in which anybody is out. `stamp` as in `signed`."""
        again = []
        for data in entries:
            entry = parse(data)
            now = self._records.get(entry.member)
            if now and signer_of(now.in_force) == owner.public and parse(now.in_force)[:4] == entry[:4]:
                continue  # the owner has said so already
            serial = self.next_serial(entry.member, stamp, [entry.serial])
            signed_at = min(entry.signed_at, stamp)
            again.append(
                sign(owner, self.group_key, entry.member, entry.name, entry.role, entry.slice, serial, signed_at)
            )
        return again

    def next_serial(self, member, stamp, others=()):
        """The serial of a new entry about a member, signed at `stamp` (ms since 1970): above all that is held, and
        `others`, but for those that are absurd."""
        record = self._records.get(member)
        held = [serial_of(data) for data in record.entries] if record else []
        return max([stamp] + [serial + 1 for serial in held + list(others) if serial < stamp + CENTURY])

    def newest(self):
        """When the last entry that is in force was signed, by its signer's clock (ms since 1970)."""
        return max([0] + [parse(record.in_force).signed_at for record in self._records.values()])

    def free_slice(self, member, count, length, wall):
        """A slice for a member: (index, prefix length), or None when all `count` are taken.

        Where to look first is a hash of the key, so that admins who can't hear each other choose different ones. What
        was revoked within REST of `wall` (ms since 1970) is taken last: some may still send there."""
        resting, rested_longest = Claims(self._crypto), []
        for key, record in self._records.items():
            entry = parse(record.in_force) if self._is_revoked(key) else None
            if entry and entry.slice != NO_SLICE and entry.signed_at > wall - REST:
                resting.add(entry.slice, key)
                rested_longest.append((entry.signed_at, entry.slice))
        start = int.from_bytes(self._crypto.sha256(member)[:3], "big")
        usable = min(count, 1 << 16) - 1  # the first one stays free: its index means none
        for i in range(usable):
            slice = (1 + (start + i) % usable, length)
            if not self._claims.overlaps(slice) and not resting.overlaps(slice):
                return slice
        for _, slice in sorted(rested_longest):
            if slice[1] == length and slice[0] <= usable and not self._claims.overlaps(slice):
                return slice
        return None

    # --- how it works

    def _check_right(self, signer, member, role):
        """Whether this signer may say this of that member."""
        if member == self.group_key:
            if role == REVOKED:
                raise Rejected("owner-revoked")
            if signer != self.group_key or role != ADMIN:
                raise Rejected("not-owner")
        elif signer != self.group_key:
            if role == ADMIN or signer == member:
                raise Rejected("not-owner")
            if signer not in self._admins:
                raise Rejected("not-admin")

    def _admit(self, entry):
        """A record for a new member. Where there are too many, one has to go: the same one everywhere."""
        wg = wg_key(self._crypto, entry.member)
        if wg is None:
            raise Rejected("bad-key")
        if len(self._records) >= MEMBERS_MAX:
            rank = (entry.role != REVOKED, entry.member)
            last = max([self._eviction_rank(key) for key in self._records])
            if entry.signer != self.group_key and rank > last:
                raise Rejected("roster-full")
            if last[1]:
                self._drop(last[1])
        record = self._records[entry.member] = _Record(wg)
        return record

    def _eviction_rank(self, key):
        """The highest one goes first, revocations after the others. Whom the owner has signed stays: an empty key."""
        if self._records[key].by(self.group_key) is not None:
            return (False, b"")
        return (not self._is_revoked(key), key)

    def _drop(self, member):
        self._records[member].entries.clear()
        self._settle(member)

    def _settle(self, member):
        """The entries about a member have changed: so does what follows from them."""
        record = self._records[member]
        before, after = record.in_force, self._first(record.entries)
        self.revision += 1
        self._digests[member[0] >> 4] = None
        if after == before:
            return
        if before is not None and role_of(before) != REVOKED:
            del self._by_wg[record.wg_key]
            self._claim(self._claims.remove, before)
        record.in_force = after
        if after is None:
            del self._records[member]
        elif role_of(after) != REVOKED:
            self._by_wg[record.wg_key] = member
            self._claim(self._claims.add, after)
        if member != self.group_key:
            self._seat(member, after is not None and role_of(after) == ADMIN)

    def _claim(self, change, data):
        slice = parse(data).slice
        if slice != NO_SLICE:
            change(slice, member_of(data))

    def _seat(self, member, is_admin):
        if is_admin:
            self._admins.add(member)
        elif member in self._admins:
            self._admins.remove(member)
            self._unhear(member)

    def _unhear(self, signer):
        """What this key has signed counts no more. None of it made anybody an admin."""
        for key, record in list(self._records.items()):
            data = record.by(signer)
            if data is not None:
                was_in_force = record.in_force
                record.entries.remove(data)
                self._settle(key)
                if data == was_in_force:
                    self._orphans[key] = data

    def _replaced(self, record, signer, data):
        """The entries about a member after this one of that signer has come: the better one of each signer stays."""
        entries = list(record.entries) if record else []
        known = record.by(signer) if record else None
        if known is not None:
            if not beats(self._crypto, data, known):
                return entries
            entries.remove(known)
        return entries + [data]

    def _first(self, entries):
        """The entry in force among those about one member, or None."""
        first = None
        for data in entries:
            if role_of(data) == ADMIN:  # the owner's: nobody else may say so
                return data
            if first is None or beats(self._crypto, data, first):
                first = data
        return first

    def _is_revoked(self, key):
        return role_of(self._records[key].in_force) == REVOKED

    def _view(self, key):
        if self._viewed_at != self.revision:
            self._viewed_at, self._views = self.revision, {}
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = self._new_view(key)
        return view

    def _new_view(self, key):
        record = self._records[key]
        entry = parse(record.in_force)
        is_kept = entry.slice != NO_SLICE and entry.role != REVOKED and self._claims.keeps(entry.slice, key)
        index, length = entry.slice if is_kept else NO_SLICE
        role = OWNER if key == self.group_key else entry.role
        return Member(key, entry.name, role, index, length, entry.serial, record.wg_key, record.in_force)

    def _sorted(self, keys):
        return sorted([data for key in keys for data in self._records[key].entries], key=self._order)

    def _order(self, data):
        # By time, because what is said again of a demoted admin's has to come before the demotion.
        if signer_of(data) == self.group_key:
            return b"\0" + data[74:82] + data[66:74] + member_of(data)
        return b"\1" + member_of(data) + signer_of(data)

    def _full_digests(self):
        for bucket in range(BUCKETS):
            if self._digests[bucket] is None:
                digest = bytes(32)
                for data in self.entries_in(bucket):  # one by one: no large piece of memory is needed
                    digest = self._crypto.sha256(digest + data)
                self._digests[bucket] = digest
        return self._digests


def _look(name):
    """What is the same for names that people take for one another."""
    return label(name) or name.lower()
