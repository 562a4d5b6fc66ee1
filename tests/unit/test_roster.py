"""Who is in the group must be the same for everybody, whoever heard what first, whoever lies."""

import gc

from pair import Dice

from ipop.errors import Rejected
from ipop.group import entry, roster
from ipop.group.entry import ADMIN, MEMBER, NO_SLICE, REVOKED, SERIAL_MAX
from ipop.group.identity import Identity, fingerprint
from ipop.group.roster import CENTURY, OWNER, REST, Roster
from ipop.ports import crypto

IN_2025 = 1_750_000_000_000
YEAR = CENTURY // 100
DAY = 24 * 3_600_000


def person(name):
    return Identity(crypto, crypto.sha256(name.encode()))


HOME = person("the owner's router")
ANN, BOB, CAB, DEN, EVE = [person(name) for name in ("ann", "bob", "cab", "den", "eve")]
STRANGER = person("stranger")


class Place:
    """One replica, with a clock of its own, and how stories are told about it."""

    def __init__(self, clock=IN_2025):
        self.roster = Roster(crypto, HOME.public)
        self.clock = clock

    def says(self, signer, about, **what):
        """The signer does this here; the entry comes back for others."""
        self.clock += 1
        data = self.roster.signed(signer, about.public, self.clock, **what)
        self.roster.add(data)
        return data

    def hears(self, *entries):
        """What the roster answers to each: True, False, or the reason why it is refused."""
        answers = [answer(self.roster, data) for data in entries]
        return answers[0] if len(answers) == 1 else answers

    def demotes(self, admin, role=MEMBER):
        """As the owner's node does it."""
        self.clock += 1
        told = self.roster.say_again(HOME, self.roster.signed_by(admin.public), self.clock)
        self.hears(*told)
        return told + [self.says(HOME, admin, role=role)]

    def names(self):
        return sorted([member.name for member in self.roster.members()])

    def get(self, someone):
        return self.roster.member(someone.public)


def answer(target, data):
    try:
        return target.add(data)
    except Rejected as rejected:
        return rejected.reason


def refusal(function, *arguments, **options):
    """The reason with which something is refused."""
    try:
        function(*arguments, **options)
    except Rejected as rejected:
        return rejected.reason
    return None


def group(*admins, clock=IN_2025):
    place = Place(clock)
    place.says(HOME, HOME, name="home", slice=(1, 24))
    for n, admin in enumerate(admins):
        place.says(HOME, admin, name="admin %d" % n, role=ADMIN)
    return place


def copy(place):
    other = Place(place.clock)
    other.hears(*place.roster.entries())
    return other


def merge(a, b):
    """Two meet, and tell each other what they hold."""
    from_a, from_b = a.roster.entries(), b.roster.entries()
    b.hears(*from_a)
    a.hears(*from_b)


def raw(signer, about, name="x", role=MEMBER, slice=NO_SLICE, serial=1, signed_at=0, group_key=HOME.public):
    """An entry that no honest node would sign."""
    return entry.sign(signer, group_key, about.public, name, role, slice, serial, signed_at)


# --- one roster


def test_the_owner_makes_a_group_and_lets_somebody_in():
    place = group()
    place.says(HOME, DEN, name="den", slice=(7, 24))
    home, den = place.get(HOME), place.get(DEN)
    assert (home.name, home.role, home.slice, home.slice_length) == ("home", OWNER, 1, 24)
    assert (den.name, den.role, den.slice, den.slice_length) == ("den", MEMBER, 7, 24)
    assert place.roster.by_wg_key(DEN.wg_public) == den
    assert place.roster.members() == sorted([home, den])
    assert place.roster.is_admin(HOME.public) and not place.roster.is_admin(DEN.public)


def test_nobody_is_in_before_anything_was_heard():
    place = Place()
    assert place.roster.members() == [] and place.get(HOME) is None
    assert place.roster.by_wg_key(HOME.wg_public) is None
    assert place.roster.is_admin(HOME.public)


def test_an_admin_lets_in_renames_and_revokes():
    place = group(ANN)
    place.says(ANN, DEN, name="den", slice=(7, 24))
    place.says(ANN, DEN, name="cabin")
    assert (place.get(DEN).name, place.get(DEN).slice) == ("cabin", 7)
    place.says(ANN, DEN, role=REVOKED)
    assert place.get(DEN).role == REVOKED and place.get(DEN).slice == 0
    assert place.roster.by_wg_key(DEN.wg_public) is None
    assert [member.key for member in place.roster.revoked()] == [DEN.public]
    assert place.names() == ["admin 0", "home"]


def test_what_an_honest_node_does_not_even_sign():
    place = group(ANN, BOB)
    place.says(ANN, DEN, name="den")
    place.says(ANN, EVE, name="eve")
    place.says(ANN, EVE, role=REVOKED)

    def refused(signer, about, **what):
        return refusal(place.roster.signed, signer, about.public, place.clock + 1, **what)

    assert refused(DEN, CAB, name="cab") == "not-admin"
    assert refused(STRANGER, CAB, name="cab") == "not-admin"
    assert refused(ANN, DEN, role=ADMIN) == "not-owner"
    assert refused(ANN, BOB, role=REVOKED) == "not-owner"
    assert refused(ANN, BOB, name="bobby") == "not-owner"
    assert refused(ANN, ANN, name="anna") == "not-owner"
    assert refused(ANN, HOME, name="mine") == "not-owner"
    assert refused(HOME, HOME, role=REVOKED) == "owner-revoked"
    assert refused(HOME, HOME, role=MEMBER) == "not-owner"
    assert refused(ANN, EVE, role=MEMBER) == "revoked"
    assert refused(HOME, EVE, role=ADMIN) == "revoked"
    assert refused(ANN, DEN, name="") == "bad-name"
    assert refused(ANN, CAB) == "bad-name"
    assert refused(ANN, DEN, slice=(1, 8)) == "bad-slice"


def test_what_is_refused_when_it_comes_all_the_same():
    place = group(ANN, BOB)
    refused = [
        (raw(DEN, CAB), "not-admin"),
        (raw(ANN, DEN, role=ADMIN), "not-owner"),
        (raw(ANN, ANN), "not-owner"),
        (raw(DEN, DEN), "not-owner"),
        (raw(ANN, HOME), "not-owner"),
        (raw(ANN, HOME, role=ADMIN), "not-owner"),
        (raw(ANN, HOME, role=REVOKED, serial=SERIAL_MAX), "owner-revoked"),
        (raw(HOME, HOME, role=REVOKED, serial=SERIAL_MAX), "owner-revoked"),
        (raw(HOME, HOME, role=MEMBER, serial=SERIAL_MAX), "not-owner"),
        (raw(HOME, DEN, group_key=STRANGER.public), "bad-signature"),
    ]
    before = place.roster.digest()
    for data, reason in refused:
        assert place.hears(data) == reason
    assert place.roster.digest() == before


def test_bytes_of_all_kinds_are_refused_with_a_reason():
    place = group(ANN)
    good = raw(ANN, DEN, name="den", slice=(5, 24), serial=5)
    before = place.roster.digest()
    for end in range(len(good)):
        assert place.hears(good[:end]) == "bad-entry"
    assert place.hears(good + b"\0") == "bad-entry"
    for at in range(len(good)):
        for bit in (1, 0x80):
            altered = good[:at] + bytes([good[at] ^ bit]) + good[at + 1 :]
            assert isinstance(place.hears(altered), str), at
    dice = Dice(5)
    for _ in range(300):
        assert isinstance(place.hears(dice.bytes(dice.below(400))), str)
        noise = good[:2] + dice.bytes(len(good) - 2)
        assert isinstance(place.hears(noise), str)
    assert place.roster.digest() == before
    assert place.hears(good) is True


def test_an_entry_is_news_once():
    place = group(ANN)
    old = raw(ANN, DEN, name="old", serial=5)
    new = raw(ANN, DEN, name="new", serial=6)
    assert place.hears(old, new, new, old, bytearray(new)) == [True, True, False, False, False]
    assert place.get(DEN).name == "new"


def test_no_key_has_a_twin_with_the_same_wireguard_key():
    """The negative of a point has the same image on curve25519: somebody could be let in under another's key."""
    place = group(ANN)
    place.says(ANN, DEN, name="den")
    twin = DEN.public[:31] + bytes([DEN.public[31] | 0x80])
    assert crypto.curve_public(twin) == DEN.wg_public
    for key in (twin, bytes(32), b"\1" + bytes(31), b"\xee" + b"\xff" * 30 + b"\x7f", b"\2" * 32):
        data = entry.sign(ANN, HOME.public, key, "den", MEMBER, NO_SLICE, 9, 9)
        assert place.hears(data) == "bad-key"
        assert refusal(place.roster.signed, ANN, key, place.clock + 1, name="den") == "bad-key"


# --- names


def test_names_that_look_like_others_are_refused():
    for name in ("den", "Ann's cabin", "Küche", "日本", "🏠", "a" * 63, "ü" * 31):
        assert entry.is_name(name), name
        assert entry.parse(raw(ANN, DEN, name=name)).name == name
    bad = ["", " ", " den", "den ", "a" * 64, "ü" * 32, "den~7QK2", "d\0en", "den\n", "\x1b[2J", "d\x85n", "d\xa0n"]
    bad += ["d\u202en", "d\u200bn", "d\ufeffn", "d\u2028n", "d\u3000n", "d\xadn", "\ufffd", "\U000e0041"]
    for name in bad:
        assert not entry.is_name(name), name


def test_all_interpreters_refuse_the_same_bytes_as_names():
    """Python and MicroPython don't agree on what UTF-8 is, and members on different ones must agree on the roster."""
    place = group(ANN)
    ends = [b"\xc0\x80", b"\xc1\xa1", b"\xe0\x81\xa1", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x80\x81\xa1"]
    ends += [b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xff", b"\x80", b"\xc3", b"\xe2\x82"]
    for end in ends:
        good = raw(ANN, DEN, name="x" * len(end))
        body = good[: -64 - len(end)] + end
        data = body + ANN.sign(entry.CONTEXT + HOME.public + body)
        assert place.hears(data) == "bad-entry", end


def test_two_of_one_name_are_shown_with_their_fingerprints():
    place = group()
    for someone, name in ((ANN, "den"), (BOB, "den"), (CAB, "Den"), (EVE, "eve")):
        place.says(HOME, someone, name=name)
    labels = place.roster.labels()
    assert labels[EVE.public] == "eve" and labels[HOME.public] == "home"
    for someone, name in ((ANN, "den"), (BOB, "den"), (CAB, "Den")):
        assert labels[someone.public] == name + "~" + someone.fingerprint[:4]


def test_a_router_that_replaces_a_revoked_one_has_its_name_alone():
    place = group()
    place.says(HOME, ANN, name="den")
    place.says(HOME, ANN, role=REVOKED)
    place.says(HOME, BOB, name="den")
    assert place.roster.labels()[BOB.public] == "den"
    assert place.roster.labels()[ANN.public] == "den~" + fingerprint(crypto, ANN.public)[:4]


def test_who_comes_with_the_name_of_another_gets_one_that_is_free():
    place = group()
    place.says(HOME, ANN, name="den")
    names = place.roster.free_name
    assert names("hut", BOB.public) == "hut" and names("den", ANN.public) == "den"
    assert names("den", BOB.public) == "den-2" and names("DEN!", BOB.public) == "DEN!-2"
    place.says(HOME, CAB, name="den-2")
    assert names("Den", BOB.public) == "Den-3"
    long = "d" * 63
    place.says(HOME, CAB, name=long)
    assert names(long, BOB.public) == "d" * 57 + "-2"
    place.says(HOME, ANN, role=REVOKED)
    assert names("den", BOB.public) == "den"


# --- what counts


def test_the_higher_serial_counts_then_the_lower_hash():
    place = group(ANN, BOB)
    late = raw(ANN, DEN, name="late", serial=9)
    early = raw(BOB, DEN, name="early", serial=8)
    place.hears(late, early)
    assert place.get(DEN).name == "late"
    same = [raw(ANN, EVE, name="a", serial=9), raw(BOB, EVE, name="b", serial=9)]
    place.hears(*same)
    assert place.get(EVE).entry == min(same, key=crypto.sha256)


def test_revocation_is_final():
    """Whatever the revoked one kept, and whatever its friends among the admins sign."""
    place = group(ANN, BOB)
    kept = place.says(ANN, DEN, name="den")
    place.says(BOB, DEN, role=REVOKED)
    for data in (
        kept,
        raw(ANN, DEN, name="back", serial=SERIAL_MAX),
        raw(BOB, DEN, name="back", serial=SERIAL_MAX),
        raw(HOME, DEN, name="back", serial=SERIAL_MAX),
        raw(ANN, DEN, name="back", serial=IN_2025 + 50 * YEAR, signed_at=IN_2025 + 50 * YEAR),
        raw(DEN, DEN, name="back", serial=SERIAL_MAX),
    ):
        place.hears(data)
        assert place.get(DEN).role == REVOKED
        assert place.roster.by_wg_key(DEN.wg_public) is None


def test_a_revoked_admin_is_out_with_all_it_signed():
    place = group(ANN)
    place.says(ANN, DEN, name="den")
    place.says(HOME, ANN, role=REVOKED)
    assert place.names() == ["home"]
    assert place.hears(raw(ANN, EVE, serial=SERIAL_MAX), raw(HOME, ANN, role=ADMIN, serial=SERIAL_MAX)) == [
        "not-admin",
        False,
    ]
    assert place.names() == ["home"] and not place.roster.is_admin(ANN.public)


def test_an_admin_can_be_revoked_by_the_owner_alone():
    place = group(ANN, BOB)
    place.hears(raw(ANN, BOB, role=REVOKED, serial=SERIAL_MAX))
    assert place.get(BOB).role == ADMIN and place.roster.is_admin(BOB.public)
    place.says(HOME, BOB, role=REVOKED)
    assert place.get(BOB).role == REVOKED


def test_clocks_years_ahead_are_followed():
    """One admin's router believes that it is 2075; the others can still rename what it named."""
    place = group(ANN, BOB)
    place.clock = IN_2025 + 50 * YEAR
    place.says(ANN, DEN, name="den")
    place.clock = IN_2025 + 1000
    place.says(BOB, DEN, name="cabin")
    assert place.get(DEN).name == "cabin"


def test_the_highest_serial_of_all_lasts_until_its_signer_is_demoted():
    place = group(ANN, BOB)
    place.says(BOB, DEN, name="den")
    place.hears(raw(ANN, DEN, name="mine for ever", serial=SERIAL_MAX))
    assert refusal(place.roster.signed, BOB, DEN.public, place.clock + 1, name="den") == "outdone"
    assert refusal(place.roster.signed, HOME, DEN.public, place.clock + 1, name="den") == "outdone"
    for data in place.demotes(ANN):
        assert entry.serial_of(data) < IN_2025 + YEAR
    assert place.get(DEN).name == "mine for ever"  # the owner's node said it again
    place.says(BOB, DEN, name="den")
    assert place.get(DEN).name == "den"


def test_the_highest_serial_stops_neither_promotion_nor_demotion_nor_revocation():
    place = group(ANN)
    place.hears(raw(ANN, DEN, name="x", serial=SERIAL_MAX))
    place.says(HOME, DEN, role=ADMIN)
    assert place.roster.is_admin(DEN.public)
    place.says(HOME, DEN, role=MEMBER)
    assert not place.roster.is_admin(DEN.public)
    place.says(HOME, DEN, role=REVOKED)
    assert place.get(DEN).role == REVOKED


# --- admins come and go


def test_what_a_demoted_admin_signed_is_said_again_by_the_owner():
    """Nobody whom that admin let in loses the connection, and nobody whom it revoked comes back."""
    place = group(ANN)
    place.says(ANN, DEN, name="den", slice=(9, 24))
    place.says(ANN, EVE, name="eve", slice=(8, 24))
    place.says(ANN, EVE, role=REVOKED)
    before = [(m.key, m.name, m.slice) for m in place.roster.members()]
    other = copy(place)
    for data in place.demotes(ANN):
        assert other.hears(data) is True
        assert [(m.key, m.name, m.slice) for m in other.roster.members()] == before
        assert other.get(EVE).role == REVOKED
    assert other.get(ANN).role == MEMBER
    assert place.roster.digest() == other.roster.digest()
    assert place.roster.signed_by(ANN.public) == [] and other.roster.poll_orphans() == []


def test_the_owners_other_device_says_again_what_only_it_knew():
    """The demotion comes from a device that had not heard of den yet."""
    here = group(ANN)
    there = copy(here)
    den = there.says(ANN, DEN, name="den")
    demotion = here.demotes(ANN)
    there.hears(*demotion)
    assert there.get(DEN) is None
    orphans = there.roster.poll_orphans()
    assert orphans == [den] and there.roster.poll_orphans() == []
    told = there.roster.say_again(HOME, orphans, there.clock + 1)
    there.hears(*told)
    assert there.get(DEN).name == "den"
    assert there.roster.say_again(HOME, orphans, there.clock + 2) == []
    merge(here, there)
    assert here.roster.members() == there.roster.members()


def test_what_is_signed_after_a_demotion_does_not_count_however_it_is_dated():
    place = group(ANN)
    place.demotes(ANN)
    for stamp in (1, IN_2025 - YEAR, IN_2025, IN_2025 + YEAR, SERIAL_MAX):
        assert place.hears(raw(ANN, DEN, serial=stamp, signed_at=stamp)) == "not-admin"
        assert place.hears(raw(ANN, DEN, role=REVOKED, serial=stamp, signed_at=stamp)) == "not-admin"


def test_an_entry_that_came_before_its_signers_promotion_comes_again():
    place, late = group(ANN), group()
    late.hears(*place.roster.entries()[:1])
    den = place.says(ANN, DEN, name="den")
    assert late.hears(den) == "not-admin"
    merge(place, late)
    assert late.get(DEN).name == "den" and late.roster.digest() == place.roster.digest()


def test_an_admin_demoted_and_promoted_again_is_heard_again():
    place = group(ANN)
    asleep = copy(place)
    asleep.hears(place.says(ANN, DEN, name="den"))
    place.says(HOME, ANN, role=MEMBER)
    assert place.get(DEN) is None
    place.says(HOME, ANN, role=ADMIN)
    place.says(ANN, EVE, name="eve")
    merge(place, asleep)
    assert place.names() == asleep.names() == ["admin 0", "den", "eve", "home"]
    assert place.roster.digest() == asleep.roster.digest()


def test_a_member_keeps_what_the_owner_said_of_it_in_another_role():
    """Promoted and demoted, it is the member it was."""
    place = group(ANN)
    place.says(ANN, DEN, name="den", slice=(9, 24))
    place.says(HOME, DEN, role=ADMIN)
    assert (place.get(DEN).name, place.get(DEN).slice, place.get(DEN).role) == ("den", 9, ADMIN)
    place.says(HOME, DEN, role=MEMBER)
    assert (place.get(DEN).name, place.get(DEN).slice, place.get(DEN).role) == ("den", 9, MEMBER)
    place.says(ANN, DEN, name="cabin")
    assert place.get(DEN).name == "cabin"


def test_revoked_here_while_promoted_there():
    """The owner's word stands as long as it says "admin"; once it doesn't, the revocation does."""
    here = group(ANN)
    here.says(ANN, DEN, name="den")
    there = copy(here)
    here.says(ANN, DEN, role=REVOKED)
    there.says(HOME, DEN, role=ADMIN)
    merge(here, there)
    assert here.get(DEN).role == there.get(DEN).role == ADMIN
    there.says(HOME, DEN, role=MEMBER)
    merge(here, there)
    assert here.get(DEN).role == there.get(DEN).role == REVOKED


def test_what_the_owner_says_again_outlives_what_it_replaces():
    """The admin's clock was years ahead. One who slept through its demotion, and wakes when it is an admin again,
    brings back what it signed then."""
    for is_said_before in (True, False):
        place = group(ANN)
        asleep = copy(place)
        place.hears(raw(ANN, DEN, name="old", serial=IN_2025 + 40 * YEAR))
        merge(place, asleep)
        if is_said_before:
            place.demotes(ANN)
        else:
            place.says(HOME, ANN, role=MEMBER)
            place.hears(*place.roster.say_again(HOME, place.roster.poll_orphans(), place.clock))
        place.says(HOME, ANN, role=ADMIN)
        place.says(HOME, DEN, name="new")
        merge(place, asleep)
        assert place.get(DEN).name == asleep.get(DEN).name == "new"


def test_who_hears_of_a_demotion_entry_by_entry_never_loses_anybody():
    """Comparisons of rosters come in several datagrams; here the admin's clock is years ahead, too."""
    place = group(ANN)
    ahead = IN_2025 + 40 * YEAR
    place.hears(*[raw(ANN, person("m%d" % n), "m", serial=ahead, signed_at=ahead) for n in range(20)])
    other = copy(place)
    place.demotes(ANN)
    for data in place.roster.entries():
        other.hears(data)
        assert len(other.roster.members()) == 22
    assert other.roster.digest() == place.roster.digest()


def test_the_owner_is_told_when_a_broken_clock_of_its_own_stands_in_the_way():
    place = group()
    place.hears(raw(HOME, DEN, name="den", serial=SERIAL_MAX))
    assert refusal(place.roster.signed, HOME, DEN.public, place.clock + 1, name="cabin") == "outdone"
    place.says(HOME, DEN, role=REVOKED)
    assert place.get(DEN).role == REVOKED


def test_two_devices_with_the_owners_key_act_at_once():
    """One was restored from a backup while the other still runs."""
    here = group(ANN)
    there = copy(here)
    here.says(HOME, ANN, role=MEMBER)
    there.says(HOME, ANN, name="admin ann")
    assert entry.serial_of(here.get(ANN).entry) == entry.serial_of(there.get(ANN).entry)
    winner = min(here.get(ANN).entry, there.get(ANN).entry, key=crypto.sha256)
    merge(here, there)
    assert here.get(ANN).entry == there.get(ANN).entry == winner
    here.says(HOME, ANN, role=REVOKED)
    there.says(HOME, ANN, role=ADMIN)
    there.says(HOME, ANN, name="ann")
    merge(here, there)
    assert here.get(ANN).role == there.get(ANN).role == REVOKED


# --- slices


def test_of_two_claims_to_a_slice_one_stays_and_a_new_name_does_not_change_which():
    here = group(ANN, BOB)
    there = copy(here)
    here.says(ANN, DEN, name="den", slice=(9, 24))
    there.says(BOB, EVE, name="eve", slice=(9, 24))
    merge(here, there)
    kept = [member.slice for member in (here.get(DEN), here.get(EVE))]
    assert sorted(kept) == [0, 9]
    for n in range(8):
        here.says(BOB, DEN, name="den %d" % n)
        here.says(ANN, EVE, name="eve %d" % n)
        merge(here, there)
        assert kept == [member.slice for member in (there.get(DEN), there.get(EVE))]
    loser = DEN if kept[0] == 0 else EVE
    there.says(ANN, loser, slice=(10, 24))
    merge(here, there)
    assert sorted([here.get(DEN).slice, here.get(EVE).slice]) == [9, 10]


def test_slices_of_different_sizes_overlap():
    for small in ((0x900, 24), (0x9FF, 24), (0x480, 23), (0x240 * 2 + 1, 23)):
        place = group()
        place.says(HOME, DEN, name="den", slice=(9, 16))
        place.says(HOME, EVE, name="eve", slice=small)
        assert sorted([place.get(DEN).slice, place.get(EVE).slice])[0] == 0, small
    place.says(HOME, EVE, slice=(0xA00, 24))
    assert (place.get(DEN).slice, place.get(EVE).slice) == (9, 0xA00)


def test_a_revoked_members_slice_is_free_for_who_claims_it():
    place = group()
    place.says(HOME, DEN, name="den", slice=(9, 24))
    place.says(HOME, EVE, name="eve", slice=(9, 24))
    first, second = (DEN, EVE) if place.get(DEN).slice else (EVE, DEN)
    place.says(HOME, first, role=REVOKED)
    assert place.get(second).slice == 9


def test_a_free_slice_is_one_that_nobody_has():
    place = group()
    given = [(1, 24)]
    for n in range(14):
        someone = person("member %d" % n)
        slice = place.roster.free_slice(someone.public, 16, 24, place.clock)
        assert slice not in given and slice[1] == 24 and 0 < slice[0] < 16
        given.append(slice)
        place.says(HOME, someone, name="m", slice=slice)
        assert place.get(someone).slice == slice[0]
    assert place.roster.free_slice(ANN.public, 16, 24, place.clock) is None


def test_admins_apart_from_each_other_rarely_give_the_same_slice():
    here, there = group(ANN, BOB), group(ANN, BOB)
    for n in range(10):
        for place, signer, name in ((here, ANN, "here"), (there, BOB, "there")):
            someone = person("%s %d" % (name, n))
            place.says(signer, someone, name=name, slice=place.roster.free_slice(someone.public, 256, 24, IN_2025))
    merge(here, there)
    assert len([member for member in here.roster.members() if member.slice == 0]) <= 4  # two of them are admins


def test_the_slice_of_a_revoked_member_rests():
    place = group()
    place.says(HOME, DEN, name="den", slice=place.roster.free_slice(DEN.public, 256, 24, place.clock))
    slice = (place.get(DEN).slice, 24)
    place.says(HOME, DEN, role=REVOKED)
    free = place.roster.free_slice
    assert free(DEN.public, 256, 24, place.clock) != slice
    assert free(DEN.public, 256, 24, place.clock + REST - DAY) != slice
    assert free(DEN.public, 256, 24, 0) != slice  # a router without a clock
    assert free(DEN.public, 256, 24, place.clock + REST) == slice


def test_when_all_slices_are_taken_the_one_that_rests_longest_is_given():
    place = group()
    members = [person("member %d" % n) for n in range(6)]
    for n, someone in enumerate(members):
        place.says(HOME, someone, name="m", slice=(n + 2, 24))
    for someone in (members[4], members[1], members[2]):
        place.says(HOME, someone, role=REVOKED)
    assert place.roster.free_slice(ANN.public, 8, 24, place.clock) == (6, 24)
    place.says(HOME, ANN, name="ann", slice=(6, 24))
    assert place.roster.free_slice(BOB.public, 8, 24, place.clock) == (3, 24)


# --- comparing


def test_digests_tell_where_two_rosters_differ():
    here = group(ANN)
    there = copy(here)
    assert here.roster.digests() == there.roster.digests()
    here.says(ANN, DEN, name="den")
    differing = [n for n in range(16) if here.roster.digests()[n] != there.roster.digests()[n]]
    assert differing == [DEN.public[0] >> 4]
    assert here.roster.digest() != there.roster.digest()
    assert DEN.public in [entry.member_of(data) for data in here.roster.entries_in(*differing)]
    there.hears(*here.roster.entries_in(*differing))
    assert here.roster.digest() == there.roster.digest()
    assert all(len(digest) == 8 for digest in here.roster.digests()) and len(here.roster.digest()) == 32


def test_digests_tell_of_what_is_held_without_being_in_force():
    """It will be when the one in force falls away, and then all must have it."""
    here = group(ANN, BOB)
    here.says(BOB, DEN, name="den")
    there = copy(here)
    members = here.roster.members()
    here.hears(raw(ANN, DEN, name="older"), raw(ANN, BOB, role=REVOKED))
    assert here.roster.members() == members
    assert here.roster.digests()[DEN.public[0] >> 4] != there.roster.digests()[DEN.public[0] >> 4]
    assert here.roster.digests()[BOB.public[0] >> 4] != there.roster.digests()[BOB.public[0] >> 4]
    merge(here, there)
    assert here.roster.digest() == there.roster.digest()


def test_what_is_held_is_added_in_one_pass_elsewhere():
    """Also what an admin signed whose key comes last."""
    place = group(ANN, BOB, CAB)
    for n in range(20):
        place.says((ANN, BOB, CAB, HOME)[n % 4], person("member %d" % n), name="m", slice=(n + 2, 24))
    other = Place()
    assert all(answer is True for answer in other.hears(*place.roster.entries()))
    assert other.roster.entries() == place.roster.entries()
    assert sorted(place.roster.entries_in(*range(16))) == sorted(place.roster.entries())
    assert place.roster.entries_in(*range(16)) == place.roster.entries()


def test_revocations_are_the_same_where_the_same_keys_are_revoked():
    here = group(ANN, BOB)
    here.says(HOME, DEN, name="den")
    there = copy(here)
    none = here.roster.revocations()
    assert none[0] == 0 and len(none[1]) == 8
    here.says(ANN, DEN, role=REVOKED)
    there.says(BOB, DEN, role=REVOKED)
    assert here.roster.revocations() == there.roster.revocations() != none
    here.says(ANN, EVE, name="eve")
    assert here.roster.revocations()[0] == 1
    here.says(ANN, EVE, role=REVOKED)
    assert here.roster.revocations()[0] == 2
    merge(here, there)
    assert here.roster.revocations() == there.roster.revocations()


def test_the_revision_grows_with_changes_alone():
    place = group(ANN)
    data = raw(ANN, DEN, name="den")
    before = place.roster.revision
    place.hears(raw(EVE, DEN), data[:-1])
    assert place.roster.revision == before
    place.hears(data)
    assert place.roster.revision > before
    before = place.roster.revision
    place.hears(data)
    assert place.roster.revision == before


# --- whatever happens, all agree


class World:
    """Some nodes, and all that was ever signed in their group."""

    KEYS = [HOME, ANN, BOB, CAB, DEN, EVE, person("fay"), person("gil"), person("hob")]

    def __init__(self, seed):
        self.dice = Dice(seed)
        self.places = [Place(IN_2025 + self.dice.below(5) * 1000) for _ in range(6)]
        # two devices of the owner; the others' nodes; the last one's clock is years ahead
        self.owners = [HOME, HOME, ANN, BOB, CAB, DEN]
        self.places[3].clock = IN_2025 + 40 * YEAR
        self.ever = []
        first = self.places[0]
        self.ever.append(first.says(HOME, HOME, name="home", slice=(1, 24)))
        for admin in (ANN, BOB):
            self.ever.append(first.says(HOME, admin, name="admin", role=ADMIN))

    def any(self, things):
        return things[self.dice.below(len(things))]

    def step(self):
        chance = self.dice.below(100)
        if chance < 45:
            self.act()
        elif chance < 60:
            self.ever.append(self.lie())
        elif chance < 85:
            self.any(self.places).hears(self.any(self.ever))
        else:
            merge(self.any(self.places), self.any(self.places))

    def act(self):
        """Somebody does on their own node what it lets them do."""
        n = self.dice.below(len(self.places))
        place, me, about = self.places[n], self.owners[n], self.any(self.KEYS)
        what = self.any(
            [
                {"name": "name %d" % self.dice.below(4)},
                {"name": "m", "slice": (1 + self.dice.below(4), 24)},
                {"name": "m", "slice": (1 + self.dice.below(8), 25)},
                {"role": ADMIN, "name": "m"},
                {"role": MEMBER, "name": "m"},
                {"role": self.any([REVOKED, MEMBER, MEMBER, ADMIN])},
            ]
        )
        if me is HOME and what.get("role") == MEMBER and self.dice.below(2):
            for data in place.roster.say_again(HOME, place.roster.signed_by(about.public), place.clock + 1):
                place.hears(data)
                self.ever.append(data)
        try:
            self.ever.append(place.says(me, about, **what))
        except Rejected:
            pass
        orphans = place.roster.poll_orphans()
        if me is HOME:
            place.clock += 1
            self.ever += place.roster.say_again(HOME, orphans, place.clock)

    def lie(self):
        """Anybody signs anything, dated as they like; or it is altered on the way."""
        dice = self.dice
        serial = self.any([0, 1, IN_2025, IN_2025 + dice.below(200), IN_2025 + 3 * YEAR, SERIAL_MAX])
        role = self.any([MEMBER, MEMBER, ADMIN, REVOKED])
        slice = self.any([NO_SLICE, (1 + dice.below(4), 24), (1, 16)])
        signer = self.any(self.KEYS[1:])
        data = raw(signer, self.any(self.KEYS), "lie %d" % dice.below(9), role, slice, serial, IN_2025 - dice.below(9))
        if dice.below(6) == 0:
            at = dice.below(len(data))
            data = data[:at] + bytes([data[at] ^ (1 << dice.below(8))]) + data[at + 1 :]
        return data

    def shuffled(self, things):
        things = list(things)
        for i in range(len(things) - 1, 0, -1):
            j = self.dice.below(i + 1)
            things[i], things[j] = things[j], things[i]
        return things

    def meet(self):
        """Each two of them, in some order, until nobody learns anything more."""
        pairs = [(a, b) for a in self.places for b in self.places if a is not b]
        for _ in range(3):
            for a, b in self.shuffled(pairs):
                merge(a, b)

    def assert_agreed(self):
        first = self.places[0].roster
        for place in self.places[1:]:
            assert place.roster.digest() == first.digest()
            assert place.roster.entries() == first.entries()
            assert place.roster.members() == first.members()
            assert place.roster.revoked() == first.revoked()
            assert place.roster.labels() == first.labels()


def best(entries):
    """The rule, told once more and without any haste."""
    return min([(data[1] != 0, SERIAL_MAX - entry.serial_of(data), crypto.sha256(data), data) for data in entries])[3]


def expected(ever):
    """{member: entry in force}, and the admins, from all that was ever signed."""
    valid = {}
    for data in ever:
        try:
            said = entry.parse(data)
        except Rejected:
            continue
        is_owners = said.signer == HOME.public
        if said.member == HOME.public and not (is_owners and said.role == ADMIN):
            continue
        if not is_owners and (said.role == ADMIN or said.signer == said.member):
            continue
        if entry.is_signed(crypto, HOME.public, data):
            valid.setdefault(said.member, []).append(data)
    owners = {}
    for member, entries in valid.items():
        by_owner = [data for data in entries if entry.signer_of(data) == HOME.public]
        if by_owner:
            owners[member] = best(by_owner)
    admins = [member for member, data in owners.items() if entry.role_of(data) == ADMIN]
    in_force = {}
    for member, entries in valid.items():
        if member in admins:
            in_force[member] = owners[member]
            continue
        counting = [data for data in entries if entry.signer_of(data) in admins and data[34:66] != HOME.public]
        counting += [owners[member]] if member in owners else []
        if counting:
            in_force[member] = best(counting)
    return in_force, admins


def in_force(place):
    everybody = place.roster.members() + place.roster.revoked()
    return {member.key: member.entry for member in everybody}


def test_whoever_met_whom_in_the_end_all_agree():
    for seed in range(25):
        world = World(seed)
        for _ in range(70):
            world.step()
        world.meet()
        world.assert_agreed()
        for data in world.places[0].roster.entries():
            assert world.places[0].roster.is_admin(entry.signer_of(data))


def test_who_has_heard_all_has_the_same_in_any_order_and_what_the_rule_says():
    """All that was ever signed, as often as somebody may care to replay it."""
    for seed in range(100, 120):
        world = World(seed)
        for _ in range(70):
            world.step()
        late = Place()
        world.places.append(late)
        for place in world.places:
            for _ in range(3):
                place.hears(*world.shuffled(world.ever))
        world.assert_agreed()
        entries, admins = expected(world.ever)
        assert in_force(late) == entries
        assert sorted(admins) == sorted([m.key for m in late.roster.members() if late.roster.is_admin(m.key)])


def test_a_revoked_key_never_comes_back_whatever_is_replayed():
    """At no node, at no time: as long as the one who revoked it may revoke."""
    revocations = 0
    for seed in range(200, 215):
        world = World(seed)
        revoked = [{} for _ in world.places]  # key -> the revocation
        for _ in range(90):
            world.step()
            for place, known in zip(world.places, revoked):
                for key, data in known.items():
                    member = place.roster.member(key)
                    still_counts = place.roster.is_admin(entry.signer_of(data)) and not place.roster.is_admin(key)
                    if still_counts or entry.signer_of(data) == HOME.public:
                        assert member.role == REVOKED
                        assert member.wg_key not in [m.wg_key for m in place.roster.members()]
                known.clear()
                known.update({member.key: member.entry for member in place.roster.revoked()})
                revocations += len(known)
    assert revocations > 1000


def test_no_two_members_have_overlapping_slices():
    collisions = 0
    for seed in range(300, 310):
        world = World(seed)
        for _ in range(60):
            world.step()
        for place in world.places:
            kept = [(m.slice << (32 - m.slice_length), m.slice_length) for m in place.roster.members() if m.slice]
            for n, (start, length) in enumerate(kept):
                for other, other_length in kept[n + 1 :]:
                    assert start >> (32 - min(length, other_length)) != other >> (32 - min(length, other_length))
            claimed = [m for m in place.roster.members() if entry.parse(m.entry).slice != NO_SLICE]
            collisions += len(claimed) - len(kept)
    assert collisions > 10


def test_a_full_roster_agrees_too():
    """An admin fills the roster on one side while the other lets somebody in: the same ones have to go everywhere."""
    before = roster.MEMBERS_MAX
    roster.MEMBERS_MAX = 8
    try:
        for seed in range(400, 410):
            world = World(seed)
            for _ in range(30):
                world.step()
            for n in range(12):
                for place, signer in ((world.places[2], ANN), (world.places[3], BOB)):
                    someone = person("filler %d %d" % (n, world.dice.below(9)))
                    place.hears(raw(signer, someone, serial=n, role=world.any([MEMBER, MEMBER, REVOKED])))
                world.step()
            world.meet()
            world.assert_agreed()
            owners = [data for data in world.places[0].roster.entries() if entry.signer_of(data) == HOME.public]
            known = world.places[0].roster.members() + world.places[0].roster.revoked()
            assert len(known) <= max(8, len(owners))
    finally:
        roster.MEMBERS_MAX = before


def test_a_full_roster_says_so_and_still_hears_the_owner():
    before = roster.MEMBERS_MAX
    roster.MEMBERS_MAX = 4
    try:
        place = group(ANN)
        keys = sorted([person("m %d" % n).public for n in range(5)])
        for key in keys[1:3]:
            place.roster.add(entry.sign(ANN, HOME.public, key, "m", MEMBER, NO_SLICE, 1, 1))
        assert place.hears(entry.sign(ANN, HOME.public, keys[4], "m", MEMBER, NO_SLICE, 1, 1)) == "roster-full"
        assert place.hears(entry.sign(ANN, HOME.public, keys[1], "renamed", MEMBER, NO_SLICE, 2, 1)) is True
        assert place.hears(entry.sign(HOME, HOME.public, keys[4], "m", MEMBER, NO_SLICE, 1, 1)) is True
        assert place.roster.member(keys[2]) is None
        place.demotes(ANN)
        assert len(place.roster.members()) == 4
    finally:
        roster.MEMBERS_MAX = before


# --- size


def test_two_hundred_members_fit_a_small_heap():
    if not hasattr(gc, "mem_alloc"):  # MicroPython can tell
        return
    entries = group(ANN).roster.entries()
    entries += [raw(ANN, person("member %d" % n), "somebody's router", slice=(n + 2, 24)) for n in range(200)]
    place = Place()
    gc.collect()
    before = gc.mem_alloc()
    place.hears(*entries)
    place.roster.digest()
    gc.collect()
    used = gc.mem_alloc() - before
    assert used < 150_000, used
