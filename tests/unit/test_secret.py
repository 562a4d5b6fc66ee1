"""A new secret reaches all who are still in, wherever they are, and nobody who is out."""

from pair import Dice

from ipop.errors import Rejected
from ipop.group import secret
from ipop.group.identity import Identity
from ipop.group.roster import Roster
from ipop.group.secret import KEPT, LEAP, PATIENCE, GroupSecret
from ipop.ports import crypto


def person(name):
    return Identity(crypto, crypto.sha256(name.encode()))


HOME, ANN, BOB, DEN, EVE, FOX = [person(name) for name in ("home", "ann", "bob", "den", "eve", "fox")]


class Group:
    """Who is an admin, and what each node has for a secret."""

    def __init__(self, *admins):
        self.revoked = (0, bytes(8))
        self.admins = {HOME.public}
        self.admins.update([admin.public for admin in admins])
        self.start = self.node()
        self.start.rotate(HOME, 0)

    def node(self, offer=None):
        return GroupSecret(crypto, HOME.public, lambda key: key in self.admins, offer, lambda: self.revoked)

    def nodes(self, count):
        """Nodes that have the group's first secret."""
        return [self.node(self.start.offer) for _ in range(count)]


def answer(node, offer, now=0):
    try:
        return node.add(offer, now)
    except Rejected as rejected:
        return rejected.reason


def made(signer, epoch, content, group_key=HOME.public, version=1):
    """An offer that no honest node would make."""
    body = bytes([version]) + epoch.to_bytes(8, "big") + bytes(12) + content + signer.public
    return body + signer.sign(secret.CONTEXT + group_key + body)


def test_the_first_secret_is_the_owners():
    node = Group().node()
    assert (node.epoch, node.secret, node.offer, node.secrets(0)) == (0, None, None, [])
    assert node.is_orphaned
    offer = node.rotate(HOME, 0)
    assert node.epoch == 1 and len(node.secret) == 32 and node.offer == offer
    assert not node.is_orphaned


def test_a_new_secret_is_passed_on_by_anybody():
    a, b, c = Group(ANN).nodes(3)
    offer = a.rotate(ANN, 0)
    assert answer(b, offer) is True
    assert answer(c, b.offer) is True
    assert answer(c, b.offer) is False
    assert a.secret == b.secret == c.secret and a.epoch == c.epoch == 2


def test_what_was_kept_is_loaded_again():
    group = Group(ANN)
    (node,) = group.nodes(1)
    node.rotate(ANN, 0)
    assert group.node(node.offer).secrets(0) == [(2, node.secret)]


def test_members_who_have_not_heard_of_it_are_still_understood_for_an_hour():
    (node,) = Group().nodes(1)
    old = node.secret
    node.rotate(HOME, 1000)
    assert node.secrets(1000) == [(2, node.secret), (1, old)]
    assert node.secrets(999 + KEPT) == [(2, node.secret), (1, old)]
    assert node.secrets(1000 + KEPT) == [(2, node.secret)]
    for now in range(10):
        node.rotate(HOME, 1000 + KEPT + now)
    assert [epoch for epoch, _ in node.secrets(1010 + KEPT)] == [12, 11, 10, 9, 8]


def test_of_two_for_one_epoch_the_lower_hash_counts():
    """Two admins revoke somebody at the same time."""
    a, b, c = Group(ANN, BOB).nodes(3)
    offers = [a.rotate(ANN, 0), b.rotate(BOB, 0)]
    assert answer(c, offers[0]) is True
    won = answer(a, offers[1])
    assert answer(b, offers[0]) is (not won) and answer(c, offers[1]) is won
    assert a.secret == b.secret == c.secret
    assert crypto.sha256(a.secret) == min([crypto.sha256(offer[21:53]) for offer in offers])


def test_there_is_no_way_back():
    """The one who was revoked kept the secret of before, and the broker everything that it ever carried."""
    a, b = Group(ANN).nodes(2)
    first = a.offer
    second = a.rotate(ANN, 0)
    third = a.rotate(ANN, 0)
    assert answer(b, third) is True
    assert answer(b, second) is False and answer(b, first) is False and b.epoch == 3


def test_what_is_refused():
    (node,) = Group(ANN).nodes(1)
    good = made(ANN, 2, bytes(32))
    for offer, reason in (
        (b"", "bad-secret"),
        (good[:-1], "bad-secret"),
        (good + b"\0", "bad-secret"),
        (made(ANN, 2, bytes(32), version=2), "bad-secret"),
        (made(ANN, 0, bytes(32)), "bad-secret"),
        (made(ANN, 2, bytes(32), group_key=BOB.public), "bad-signature"),
        (good[:20] + b"!" + good[21:], "bad-signature"),
        (made(DEN, 2, bytes(32)), "not-admin"),
        (made(ANN, 2 + LEAP, bytes(32)), "epoch-leap"),
    ):
        assert answer(node, offer) == reason
        assert node.epoch == 1
    for at in range(len(good)):
        assert isinstance(answer(node, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]), str), at
    assert answer(node, good) is True


def test_what_was_kept_damaged_is_not_loaded():
    group = Group()
    for offer in (b"", group.start.offer[:-1] + b"!", made(HOME, 1, bytes(32), group_key=BOB.public)):
        try:
            group.node(offer)
        except Rejected:
            continue
        raise AssertionError(offer)


def test_an_admin_cant_use_up_all_epochs():
    group = Group(ANN)
    a, b, asleep = group.nodes(3)
    for n in (1, 2):
        far = made(ANN, 1 + n * LEAP, bytes(32))
        assert answer(a, far) is True and answer(b, far) is True
    group.admins.remove(ANN.public)
    assert a.is_orphaned
    offer = a.rotate(HOME, 0)
    assert a.epoch == 2 + 2 * LEAP
    assert answer(b, offer) is True and answer(asleep, offer) is True


def test_a_secret_made_by_a_demoted_admin_is_left_behind():
    """Some had taken it up before they heard of the demotion; others refused it."""
    group = Group(ANN, BOB)
    early, late, bobs = group.nodes(3)
    offer = made(ANN, 3, bytes(32))
    assert answer(early, offer) is True
    group.admins.remove(ANN.public)
    assert answer(late, offer) == "not-admin" and answer(bobs, offer) == "not-admin"
    assert early.is_orphaned and bobs.is_orphaned
    new = bobs.rotate(BOB, 0)
    assert answer(early, new) is True and answer(late, new) is True
    assert early.secret == late.secret == bobs.secret
    assert not early.is_orphaned and not bobs.is_orphaned
    assert answer(early, offer) == "not-admin" and not early.is_orphaned


def test_for_one_epoch_a_present_admins_word_counts_whatever_its_hash():
    for n in range(6):
        group = Group(ANN, BOB)
        early, bobs = group.nodes(2)
        assert answer(early, made(ANN, 2, bytes([n]) * 32)) is True
        group.admins.remove(ANN.public)
        new = bobs.rotate(BOB, 0)
        assert bobs.epoch == 2
        assert answer(early, new) is True


def test_lies_about_far_epochs_lead_nobody_away_from_the_rest():
    """A stranger offers an epoch so far ahead that going beyond it would be a leap."""
    a, b = Group(ANN).nodes(2)
    for epoch in (LEAP + 1, LEAP, LEAP // 2, 1 << 63):
        assert answer(a, made(EVE, epoch, bytes(32))) in ("not-admin", "epoch-leap")
    assert answer(b, a.rotate(ANN, 0)) is True


# --- who is out


def rosters(*members):
    """A roster for each of two nodes, who know the same."""
    pair = Roster(crypto, HOME.public), Roster(crypto, HOME.public)
    for n, (someone, role) in enumerate(members):
        data = pair[0].signed(HOME, someone.public, 1 + n, name="m", role=role)
        assert pair[0].add(data) and pair[1].add(data)
    return pair


def secret_for(roster, offer=None):
    return GroupSecret(crypto, HOME.public, roster.is_admin, offer, roster.revocations)


def revoke(roster, admin, someone):
    roster.add(roster.signed(admin, someone.public, 100, role="revoked"))


def compare(a, b):
    for data in a.entries():
        b.add(data)
    for data in b.entries():
        a.add(data)


def test_who_has_not_heard_of_a_revocation_does_not_take_up_the_new_secret():
    """It would pass it on to the one who was revoked."""
    anns, bobs = rosters((ANN, "admin"), (BOB, "member"), (EVE, "member"))
    a = secret_for(anns)
    a.rotate(HOME, 0)
    b = secret_for(bobs, a.offer)
    revoke(anns, ANN, EVE)
    assert a.is_orphaned and not b.is_orphaned
    new = a.rotate(ANN, 0)
    assert answer(b, new) == "early" and b.epoch == 1 and not b.is_orphaned
    assert b.handle_roster(0) is False and b.epoch == 1
    compare(anns, bobs)
    assert b.handle_roster(0) is True and b.secret == a.secret
    assert b.handle_roster(0) is False
    assert not a.is_orphaned and not b.is_orphaned


def test_an_offer_that_came_too_early_is_forgotten_with_its_admin():
    anns, bobs = rosters((ANN, "admin"), (BOB, "member"), (EVE, "member"))
    a = secret_for(anns)
    a.rotate(HOME, 0)
    b = secret_for(bobs, a.offer)
    revoke(anns, ANN, EVE)
    assert answer(b, a.rotate(ANN, 0)) == "early"
    bobs.add(bobs.signed(HOME, ANN.public, 100, role="member"))
    assert b.handle_roster(0) is False and b.epoch == 1


def test_two_halves_that_each_revoked_somebody_make_a_third_secret():
    """The secret of each half is known to the one whom the other revoked."""
    anns, bobs = rosters((ANN, "admin"), (BOB, "admin"), (DEN, "member"), (EVE, "member"))
    a = secret_for(anns)
    a.rotate(HOME, 0)
    b = secret_for(bobs, a.offer)
    revoke(anns, ANN, DEN)
    revoke(bobs, BOB, EVE)
    a.rotate(ANN, 0)
    b.rotate(BOB, 0)
    assert answer(a, b.offer) in ("early", False) and answer(b, a.offer) in ("early", False)
    compare(anns, bobs)
    assert a.is_orphaned and b.is_orphaned
    third = a.rotate(ANN, 0)
    assert answer(b, third) is True
    assert not a.is_orphaned and not b.is_orphaned


def test_who_has_revoked_more_than_an_offer_tells_does_not_take_it_up_at_once():
    """Whom it tells of may be another: the secret overtook the news of that. Without an admin it counts in time."""
    anns, bobs = rosters((ANN, "admin"), (BOB, "admin"), (DEN, "member"), (EVE, "member"), (FOX, "member"))
    a = secret_for(anns)
    a.rotate(HOME, 0)
    b = secret_for(bobs, a.offer)
    revoke(anns, ANN, DEN)
    revoke(anns, ANN, EVE)
    revoke(bobs, BOB, FOX)
    a.rotate(ANN, 0)
    b.rotate(BOB, 0)
    b.rotate(BOB, 0)
    assert answer(a, b.offer) == "early"
    compare(anns, bobs)
    assert a.handle_roster(0) is False and a.secret != b.secret
    assert b.secret in [heard for _, heard in a.secrets(0)]  # meanwhile what is said under it is understood
    a.add(b.offer, PATIENCE)
    assert a.secret == b.secret and a.is_orphaned


def test_other_admins_step_in_when_the_one_who_revoked_somebody_does_not_rotate():
    anns, bobs = rosters((ANN, "admin"), (BOB, "admin"), (EVE, "member"))
    a = secret_for(anns)
    a.rotate(HOME, 0)
    b = secret_for(bobs, a.offer)
    revoke(anns, ANN, EVE)
    compare(anns, bobs)
    assert b.is_orphaned and not b.wants_rotation(5_000)
    assert not b.wants_rotation(4_999 + PATIENCE)
    assert b.wants_rotation(5_000 + PATIENCE)
    answer(b, a.rotate(ANN, 0))
    assert not b.wants_rotation(6_000 + PATIENCE)


def test_nodes_with_the_same_offer_see_it_by_a_digest():
    a, b = Group(ANN, BOB).nodes(2)
    assert a.digest == b.digest and len(a.digest) == 8
    a.rotate(ANN, 0)
    b.rotate(BOB, 0)
    assert a.epoch == b.epoch and a.digest != b.digest
    answer(a, b.offer)
    answer(b, a.offer)
    assert a.digest == b.digest
    assert Group().node().digest == bytes(8)


# --- boxes


def pair(group_key, me, sender):
    return secret.pair(crypto, group_key, me, sender, me.public)


def test_a_box_is_found_and_opened_by_the_one_it_is_for():
    a, b = Group(ANN).nodes(2)
    a.rotate(ANN, 0)
    slot, box = a.box(ANN, DEN.public, [b"an entry", b"another"])
    dens = pair(HOME.public, DEN, ANN.public)
    assert dens[0] == slot and len(slot) == 32
    offer, entries = secret.unbox(crypto, dens, box)
    assert entries == [b"an entry", b"another"]
    assert offer == a.offer and answer(b, offer) is True


def test_nobody_else_finds_or_opens_it():
    (a,) = Group(ANN).nodes(1)
    slot, box = a.box(ANN, DEN.public)
    for group_key, me, sender in (
        (HOME.public, EVE, ANN.public),  # not for eve
        (HOME.public, DEN, BOB.public),  # not from bob
        (BOB.public, DEN, ANN.public),  # not of that group
        (HOME.public, ANN, DEN.public),  # not the other way round
    ):
        other = pair(group_key, me, sender)
        assert other[0] != slot
        try:
            secret.unbox(crypto, other, box)
        except Rejected as rejected:
            assert rejected.reason == "bad-box"
            continue
        raise AssertionError
    assert pair(HOME.public, DEN, bytes(32)) is None, "no key"


def test_a_damaged_box_is_refused():
    (a,) = Group().nodes(1)
    _, box = a.box(HOME, DEN.public)
    for damaged in [box[:n] for n in range(0, len(box), 7)] + [box[:-1] + b"!", b"!" + box[1:], box + b"!"]:
        try:
            secret.unbox(crypto, pair(HOME.public, DEN, HOME.public), damaged)
        except Rejected as rejected:
            assert rejected.reason == "bad-box"
            continue
        raise AssertionError


def test_two_admins_write_to_each_other_in_different_places():
    group = Group(ANN, BOB)
    a, b = group.nodes(2)
    a.rotate(ANN, 0)
    b.rotate(BOB, 0)
    assert a.box(ANN, BOB.public)[0] != b.box(BOB, ANN.public)[0]
    assert a.box(ANN, BOB.public)[1] != a.box(ANN, BOB.public)[1]


# --- whatever happens, all agree


def test_in_the_end_all_have_the_same_secret_and_it_is_an_admins():
    for seed in range(30):
        dice = Dice(seed)
        group = Group(ANN, BOB, DEN)
        people = [HOME, ANN, BOB, DEN]
        nodes = group.nodes(6)
        ever = []
        for _ in range(40):
            n, chance = dice.below(6), dice.below(10)
            someone = people[dice.below(4)]
            if chance < 3 and someone.public in group.admins:
                ever.append(nodes[n].rotate(someone, 0))
            elif chance < 4:
                ever.append(made(someone, 1 + dice.below(8), dice.bytes(32)))
            elif chance < 5 and someone is not HOME:
                if someone.public in group.admins:
                    group.admins.remove(someone.public)
                else:
                    group.admins.add(someone.public)
            elif ever:
                answer(nodes[n], ever[dice.below(len(ever))])
        for _ in range(4):
            for a in nodes:
                for b in nodes:
                    if a is not b:
                        answer(a, b.offer)
            if nodes[0].is_orphaned:
                nodes[0].rotate(HOME, 0)
        assert len({node.offer for node in nodes}) == 1
        assert nodes[0].offer[53:85] in group.admins
