"""A group as one router knows it: what people do with it, what follows by itself, and what outlives the process."""

import json

from ipop.errors import Rejected, UserError
from ipop.group import charter, secret
from ipop.group.entry import ADMIN, MEMBER, REVOKED, signer_of
from ipop.group.formers import FORMERS_MAX, KEPT, LINGER
from ipop.group.group import ADMITTED, BOX_GRACE, BROKERS, REMOVED, ROTATE_GAP, WAITING, Group
from ipop.group.identity import Identity
from ipop.group.invite import parse
from ipop.group.join import Joiner
from ipop.group.places import sign as sign_place
from ipop.group.roster import Roster
from ipop.group.secret import PATIENCE, GroupSecret
from ipop.ports import crypto
from ipop.values import key_text

HOME, CABIN, DEN, SHED = [Identity(crypto, bytes([number]) * 32) for number in range(1, 5)]
NOON = 1_790_000_000_000  # ms since 1970
HERE, THERE = ("192.0.2.1", 51820), ("192.0.2.2", 51820)


class Gossip:
    """Notes what it is to tell."""

    def __init__(self):
        self.entries = []
        self.places = []
        self.secrets = 0
        self.charters = 0

    def tell_entries(self, entries, now):
        self.entries += entries

    def tell_place(self, member, now):
        self.places.append(member)

    def tell_secret(self, now):
        self.secrets += 1

    def tell_charter(self, now):
        self.charters += 1


class Clock:
    stamp = NOON

    def next(self):
        self.stamp += 1
        return self.stamp


def founded():
    """What the owner keeps of a group with home (the owner), the cabin (an admin) and the den."""
    clock = Clock()
    roster = Roster(crypto, HOME.public)
    for slice, (who, name, role) in enumerate(((HOME, "home", ADMIN), (CABIN, "cabin", ADMIN), (DEN, "den", MEMBER))):
        roster.add(roster.signed(HOME, who.public, clock.next(), name, role, (slice + 1, 24)))
    made = GroupSecret(crypto, HOME.public, roster.is_admin, None, roster.revocations)
    made.rotate(HOME, 0)
    data = charter.sign(HOME, "friends", (b"\x0a\x4d\0\0", 16), 24, b"\xfd" + bytes(7), ["mqtt://broker.example"], 1)
    return {"group": HOME.public, "charter": data, "entries": roster.entries(), "secret": made.offer}


FOUNDED = founded()


def addresses_of(router):
    """{WireGuard key: addresses} of those who have said where they are."""
    return {key: addresses for key, addresses, _, _ in router.group.candidates()}


def shed_by(who):
    """The entry that lets the shed in."""
    roster = Roster(crypto, HOME.public)
    for entry in FOUNDED["entries"]:
        roster.add(entry)
    return roster.signed(who, SHED.public, NOON, "shed", MEMBER, (9, 24))


class Router:
    """One member's Group, connected to nobody unless it is told so."""

    def __init__(self, me, kept=None):
        self.clock = Clock()
        self.now = 0
        self.dropped = []
        self.gossip = Gossip()
        self.group = Group(crypto, me, kept or FOUNDED, "0.1.0", self.clock.next, self.dropped.append)
        self.group.attach(self.gossip, 0, NOON)

    @property
    def wall(self):
        return NOON + self.now

    def do(self, action, *about):
        getattr(self.group, action)(*about, self.now, self.wall)

    def refuses(self, action, *about):
        """What the person is told."""
        try:
            self.do(action, *about)
        except UserError as error:
            return str(error)
        return None

    def hears(self, *entries):
        """News by a tunnel."""
        for entry in entries:
            self.group.roster.add(entry)
        self.group.handle_news(self.now, self.wall)

    def names(self):
        return [name for name, _ in sorted(self.group.peers())]

    def role(self, who):
        return self.group.roster.member(who.public).role

    def signer(self, who):
        return signer_of(self.group.roster.member(who.public).entry)

    def events(self):
        events = []
        event = self.group.poll_event()
        while event is not None:
            events.append(event)
            event = self.group.poll_event()
        return events

    def published(self):
        """{topic: payload} of what the broker is told now."""
        change = self.group.poll_subscribe()
        while change is not None:
            change = self.group.poll_subscribe()
        told = {}
        publish = self.group.poll_publish()
        while publish is not None:
            told[publish.topic] = publish.payload
            publish = self.group.poll_publish()
        return told

    def wait(self, ms):
        """Time passes, as a shell lets it."""
        end = self.now + ms
        while self.group.poll_timeout() <= end:
            self.now = max(self.now + 1, self.group.poll_timeout())
            self.group.handle_timeout(self.now, self.wall)
        self.now = end


def rejection(act, *args):
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


# --- what is kept


def test_a_router_that_restarts_is_in_the_same_group():
    home = Router(HOME)
    _, line = home.group.issuer.invite(3, 3_600, True, NOON)
    home.do("rename", "den", "hut")
    home.group.set_place([HERE], 0)
    home.group.places.add(sign_place(crypto, HOME.public, DEN.seed, 5, "0.1.0", [THERE]))
    again = Router(HOME, home.group.saved())
    assert again.group.roster.entries() == home.group.roster.entries()
    assert again.group.secret.offer == home.group.secret.offer and again.group.charter == home.group.charter
    assert addresses_of(again) == {HOME.wg_public: [HERE], DEN.wg_public: [THERE]}
    assert again.group.issuer.topics() == home.group.issuer.topics() and len(line) > 100
    assert json.dumps(again.group.saved()["issuer"]) == json.dumps(home.group.saved()["issuer"])


def test_the_revision_tells_when_there_is_something_to_keep():
    home = Router(HOME)
    seen = [home.group.revision]
    home.group.set_place([HERE], 0)  # not for this: flash wears out
    assert home.group.revision == seen[0]
    for act in (
        lambda: home.do("rename", "den", "hut"),
        lambda: home.group.issuer.invite(1, 0, False, NOON),
        lambda: home.do("revoke", "hut"),
    ):
        act()
        assert home.group.revision not in seen
        seen.append(home.group.revision)
    while home.group.secret.offer == seen[-1][1]:  # another for the same epoch, until one beats it
        other = GroupSecret(crypto, HOME.public, home.group.roster.is_admin, None, home.group.roster.revocations)
        while other.epoch < home.group.secret.epoch:
            other.rotate(HOME, 0)
        home.group.secret.add(other.offer, 0)
    assert home.group.revision not in seen


def test_what_is_of_another_group_is_refused():
    for damage in ("charter", "secret"):
        kept = dict(FOUNDED)
        kept["group"] = CABIN.public
        kept["entries"] = []
        if damage == "secret":
            kept["charter"] = charter.sign(CABIN, "f", (b"\x0a\x4d\0\0", 16), 24, b"\xfd" + bytes(7), [], 1)
        assert rejection(Router, CABIN, kept) == "bad-signature", damage


# --- the brokers

NEW = "mqtt://new.example"


def test_only_the_owner_has_them_meet_elsewhere():
    den, cabin, home = Router(DEN), Router(CABIN), Router(HOME)
    for router in (den, cabin):
        assert router.refuses("set_brokers", [NEW]) == "only the group's owner can do that"
    for wrong, word in (
        (["http://x"], "mqtt://HOST"),
        (["mqtt://a%d" % n for n in range(9)], "up to 8"),
        (["mqtt://%s%d" % ("a" * 240, n) for n in range(5)], "too long together"),
    ):
        assert word in home.refuses("set_brokers", wrong)
    for router in (den, cabin, home):
        assert router.gossip.charters == 0 and router.group.brokers == ("mqtt://broker.example",)


def test_the_owner_says_it_once_and_keeps_it():
    home = Router(HOME)
    before = home.group.revision
    home.do("set_brokers", [NEW, "mqtt://broker.example"])
    assert home.group.revision != before and home.gossip.charters == 1
    assert [(event.kind, event.name) for event in home.events()] == [(BROKERS, "friends")]
    again = Router(HOME, home.group.saved())
    for router in (home, again):
        assert router.group.charter.brokers == router.group.brokers == (NEW, "mqtt://broker.example")
        assert list(router.group.former_lines) == ["mqtt://broker.example"]
    home.do("set_brokers", [NEW, "mqtt://broker.example"])
    assert home.gossip.charters == 1 and home.events() == again.events() == []


def test_one_whose_clock_is_behind_is_heard_too():
    home = Router(HOME)
    home.do("set_brokers", [NEW])
    serial = home.group.charter.serial
    again = Router(HOME, home.group.saved())
    again.group.next_stamp = lambda: 5
    again.do("set_brokers", ["mqtt://third.example"])
    assert again.group.charter.serial == serial + 1


def test_who_hears_of_other_brokers_goes_there_and_knows_the_way_back():
    home, den = Router(HOME), Router(DEN)
    home.do("set_brokers", [NEW])
    den.group.charters.add(home.group.charter.data)
    den.hears()
    assert den.group.brokers == (NEW, "mqtt://broker.example") and not den.group.former_lines
    assert [event.kind for event in den.events()] == [BROKERS]
    again = Router(DEN, den.group.saved())
    assert again.group.brokers == (NEW, "mqtt://broker.example")
    again.now = KEPT + 1_000_000
    again.hears()
    assert again.group.brokers == (NEW,), "nobody comes to the old one any more"


def test_a_clock_that_is_not_set_ends_nothing():
    home = Router(HOME)
    home.do("set_brokers", [NEW])
    again = Router(HOME, home.group.saved())
    again.now = -NOON
    again.hears()
    assert list(again.group.former_lines) == ["mqtt://broker.example"]


def test_a_farewell_is_sealed_and_says_what_the_owner_has_signed():
    home, den, cabin = Router(HOME), Router(DEN), Router(CABIN)
    home.do("set_brokers", [NEW])
    den.group.charters.add(home.group.charter.data)
    farewell = den.group.farewell()
    assert farewell.retain and b"new.example" not in farewell.payload
    cabin.group.handle_message(farewell.topic, farewell.payload, 0, NOON)
    assert cabin.group.brokers[0] == NEW and cabin.gossip.charters == 1 and cabin.dropped == []
    cabin.group.handle_message(farewell.topic, farewell.payload, 0, NOON)
    assert cabin.dropped == ["signal-replayed"]


def test_there_is_an_end_to_the_brokers_that_are_remembered():
    home = Router(HOME)
    for n in range(3 * FORMERS_MAX):
        home.do("set_brokers", ["mqtt://b%d" % n])
    assert len(home.group.saved()["former"]) == len(home.group.former_lines) == FORMERS_MAX
    assert json.dumps(home.group.saved()["former"])


def test_an_invite_that_names_another_keeps_its_maker_there_until_it_is_used_or_over():
    cabin, home = Router(CABIN), Router(HOME)
    id, _ = cabin.group.issuer.invite(1, 0, False, NOON)
    home.do("set_brokers", [NEW])
    cabin.group.charters.add(home.group.charter.data)
    cabin.hears()
    again = Router(CABIN, cabin.group.saved())
    for router in (cabin, again):
        assert list(router.group.former_lines) == ["mqtt://broker.example"]
        router.group.issuer.invite(1, 0, False, NOON)
        router.group.issuer.take_back(id, NOON)
        router.hears()
        router.wait(2 * LINGER)
        assert not router.group.former_lines


def test_an_invite_of_an_earlier_release_names_what_the_group_had():
    home = Router(HOME)
    home.group.issuer.invite(1, 0, False, NOON)
    kept = home.group.saved()
    del kept["issuer"]["invites"][0]["brokers"], kept["former"]
    again = Router(HOME, kept)
    assert not again.group.former_lines
    again.do("set_brokers", [NEW])
    assert again.group.issuer.brokers(NOON) == ["mqtt://broker.example"]


# --- what people do


def test_names_are_shown_so_that_no_two_are_alike():
    home = Router(HOME)
    assert home.names() == ["cabin", "den"] and home.group.name == "friends"
    home.do("rename", "den", "cabin")
    assert len(set(home.names())) == 2 and all(name.startswith("cabin~") for name in home.names())


def test_who_may_not_is_told_what_to_do():
    den, cabin, home = Router(DEN), Router(CABIN), Router(HOME)
    den.group.roster.add(shed_by(HOME))
    assert "ipop promote" in den.refuses("rename", "shed", "x")
    assert "ipop promote" in den.refuses("revoke", "shed")
    assert "owner" in den.refuses("revoke", "cabin")
    assert "owner" in cabin.refuses("promote", "den")
    assert "owner" in cabin.refuses("demote", "cabin")
    assert "can't be revoked" in home.refuses("revoke", "home")
    assert "there is no member" in home.refuses("revoke", "nobody")
    assert "letters" in home.refuses("rename", "den", "")
    for router in (den, cabin, home):
        assert router.gossip.entries == [] and router.gossip.secrets == 0


def test_what_is_done_is_told_to_all_who_are_connected():
    home = Router(HOME)
    home.do("rename", "den", "hut")
    assert home.gossip.entries == [home.group.roster.member(DEN.public).entry]
    home.do("promote", "hut")
    assert home.role(DEN) == ADMIN and home.gossip.entries[-1] == home.group.roster.member(DEN.public).entry
    assert home.gossip.secrets == 0


def test_who_revokes_makes_a_new_secret_for_the_others():
    cabin = Router(CABIN)
    old = cabin.group.secret.secret
    cabin.do("revoke", "den")
    assert cabin.role(DEN) == REVOKED and cabin.names() == ["home"]
    assert cabin.group.secret.epoch == 2 and cabin.group.secret.secret != old and cabin.gossip.secrets >= 1
    assert cabin.group.secret.offer in [cabin.group.saved()["secret"]]


def test_who_is_revoked_has_no_peers_and_its_person_is_told():
    home, den = Router(HOME), Router(DEN)
    home.do("revoke", "den")
    assert den.group.is_member and den.names() == ["cabin", "home"]
    den.hears(*home.group.roster.entries())
    assert not den.group.is_member and den.names() == []
    assert [(event.kind, event.name) for event in den.events()] == [(REMOVED, "friends")]
    again = Router(DEN, den.group.saved())
    assert again.names() == []


def test_whom_a_demoted_admin_let_in_stays_in():
    home, cabin = Router(HOME), Router(CABIN)
    for router in (home, cabin):
        router.hears(shed_by(CABIN))
    assert home.signer(SHED) == CABIN.public
    home.do("demote", "cabin")
    assert home.role(CABIN) == MEMBER and home.signer(SHED) == HOME.public
    assert home.group.roster.member(SHED.public).slice == 9
    cabin.hears(*home.group.roster.entries())
    assert cabin.names() == ["den", "home", "shed"] and cabin.refuses("rename", "den", "x")


def test_a_secret_by_one_who_is_no_admin_any_more_is_replaced():
    home, cabin = Router(HOME), Router(CABIN)
    cabin.do("revoke", "den")
    home.hears(*cabin.group.roster.entries())
    home.group.secret.add(cabin.group.secret.offer, 0)
    home.do("demote", "cabin")
    home.wait(PATIENCE + ROTATE_GAP)
    assert home.group.secret.epoch == 3 and home.role(DEN) == REVOKED


def test_halves_that_each_revoked_somebody_get_a_secret_that_neither_knows():
    home, cabin = Router(HOME), Router(CABIN)
    for router in (home, cabin):
        router.hears(shed_by(HOME))
    home.do("revoke", "den")
    cabin.do("revoke", "shed")
    known = [router.group.secret.secret for router in (home, cabin)]
    home.hears(*cabin.group.roster.entries())
    cabin.hears(*home.group.roster.entries())
    with_lower, other = sorted((home, cabin), key=lambda router: crypto.sha256(router.group.secret.secret))
    try:
        other.group.secret.add(with_lower.group.secret.offer, 0)
        raise AssertionError
    except Rejected as rejected:
        assert rejected.reason == "early"
    home.wait(PATIENCE + ROTATE_GAP)
    cabin.group.secret.add(home.group.secret.offer, home.now)
    cabin.group.handle_news(cabin.now, cabin.wall)
    assert cabin.group.secret.secret == home.group.secret.secret not in known
    epoch = home.group.secret.epoch
    home.wait(3_600_000)
    assert home.group.secret.epoch == epoch  # and then it is quiet


def test_a_plain_member_never_makes_a_secret():
    home, den = Router(HOME), Router(DEN)
    home.do("revoke", "cabin")
    den.hears(*home.group.roster.entries())
    den.wait(600_000)
    assert den.group.secret.epoch == 1 and den.gossip.secrets == 0


# --- where we are


def test_the_same_addresses_are_told_once():
    home = Router(HOME)
    for addresses in ([HERE], [HERE], [THERE, HERE], [THERE, HERE]):
        home.group.set_place(addresses, 0)
    assert len(home.gossip.places) == 2
    assert home.group.places.get(HOME.public).addresses == [THERE, HERE]


def test_a_router_that_gets_the_time_late_says_again_where_it_is():
    home = Router(HOME)
    later = NOON + 30 * 86_400_000
    home.group.places.add(sign_place(crypto, HOME.public, HOME.seed, later, "0.1.0", [THERE]))  # from before
    for _ in range(3):
        home.group.set_place([HERE], 0)
    assert len(home.gossip.places) == 1 and home.group.places.get(HOME.public).addresses == [THERE]
    home.clock.stamp = later
    for _ in range(3):
        home.group.set_place([HERE], 0)
    assert len(home.gossip.places) == 2 and home.group.places.get(HOME.public).addresses == [HERE]


def test_two_routers_with_one_key_do_not_shout_at_each_other():
    home = Router(HOME)
    home.group.set_place([HERE], 0)
    for _ in range(100):
        twins = sign_place(crypto, HOME.public, HOME.seed, home.clock.next(), "0.1.0", [THERE])
        home.group.places.add(twins)
        home.group.set_place([HERE], 0)
    assert len(home.gossip.places) == 1


def test_a_router_that_knows_no_address_of_its_own_says_that_too():
    home = Router(HOME)
    home.group.set_place([], 0)
    assert len(home.gossip.places) == 1 and addresses_of(home) == {HOME.wg_public: []}


def test_the_place_of_a_revoked_one_is_forgotten():
    home = Router(HOME)
    home.group.places.add(sign_place(crypto, HOME.public, DEN.seed, 5, "0.1.0", [THERE]))
    home.do("revoke", "den")
    assert home.group.candidates() == []


# --- by the broker


def carry(one, other):
    """What one tells the broker, the other is shown."""
    for topic, data in one.published().items():
        other.group.handle_message(topic, data, other.now, other.wall)


def meet(*routers):
    for router in routers:
        router.group.set_place([HERE], router.now)
        router.group.handle_connected(router.now)
        router.published()


def test_an_announcement_tells_where_and_what_is_new():
    home, den = Router(HOME), Router(DEN)
    meet(home, den)
    home.wait(10_000)
    home.published()
    home.group.set_place([THERE], home.now)
    home.do("rename", "cabin", "hut")
    home.wait(10_000)
    carry(home, den)
    assert den.names() == ["home", "hut"] and addresses_of(den)[HOME.wg_public] == [THERE]
    assert den.gossip.entries  # it tells those whom it can reach


def test_garbage_in_an_announcement_of_a_member_is_passed_over():
    home, den = Router(HOME), Router(DEN)
    meet(home, den)
    good = home.group.roster.signed(HOME, CABIN.public, NOON + 99_999, "hut")
    text = key_text(good)
    for content in (
        {},
        {"entries": 7, "places": {"a": 1}},
        {"entries": [7, None, "", "not base64!", "AAAA", ["x"]], "places": ["AAAA", text]},
        {"entries": ["AAAA", text], "places": None},
    ):
        home.group.signalling.announce(content, home.now)
        home.now += 10_000
        home.group.signalling.handle_timeout(home.now)
        carry(home, den)
    assert den.names() == ["home", "hut"]
    assert set(den.dropped) == {"bad-entry", "bad-place"}, den.dropped


def test_a_new_secret_waits_in_a_box_that_strangers_can_not_use():
    home, den = Router(HOME), Router(DEN)
    meet(home, den)
    home.do("revoke", "cabin")
    told = home.published()
    assert not [data for data in told.values() if home.group.secret.secret in data]
    for topic, data in told.items():
        den.group.handle_message(topic, bytes([data[0] ^ 1]) + data[1:] if data else b"", 0, NOON)
    assert den.group.secret.epoch == 1 and "bad-box" in den.dropped
    for _ in range(2):  # the broker shows everything to everybody, twice
        for topic, data in told.items():
            den.group.handle_message(topic, data, 0, NOON)
    assert den.group.secret.offer == home.group.secret.offer and den.role(CABIN) == REVOKED


def test_somebody_joins():
    home, den = Router(HOME), Router(DEN)
    meet(home, den)
    _, line = home.group.issuer.invite(1, 3_600, True, NOON)
    home.group.handle_news(0, NOON)
    joiner = Joiner(crypto, parse(crypto, line), SHED, "shed", "0.1.0")
    joiner.handle_connected(0)
    ask = joiner.poll_publish()
    home.group.handle_message(ask.topic, ask.payload, 0, NOON)
    assert [event.kind for event in home.events()] == [WAITING]
    home.group.issuer.approve("shed", NOON)
    home.group.handle_news(0, NOON)
    assert [event.kind for event in home.events()] == [ADMITTED]
    assert home.names() == ["cabin", "den", "shed"]
    for topic, data in home.published().items():
        rejection(joiner.handle_message, topic, data, 0)
    welcome = joiner.welcome
    kept = {"group": HOME.public, "charter": welcome.charter, "entries": welcome.entries, "secret": welcome.secret}
    shed = Router(SHED, dict(kept, places=welcome.places))
    assert shed.names() == ["cabin", "den", "home"] and addresses_of(shed) == {HOME.wg_public: [HERE]}


def test_who_was_let_in_under_an_old_secret_finds_the_new_one():
    """An admin that had not heard of it yet let somebody in, who was then switched off for hours."""
    home = Router(HOME)
    home.group.handle_connected(0)
    home.do("revoke", "den")
    home.wait(2 * BOX_GRACE)
    home.published()
    home.hears(shed_by(CABIN))
    home.wait(2 * BOX_GRACE)
    boxes = [payload for payload in home.published().values() if opens(SHED, payload)]
    assert len(boxes) == 1


def opens(who, payload):
    """Whether this is a box from home with the secret in use."""
    try:
        keys = secret.pair(crypto, HOME.public, who, HOME.public, who.public)
        return secret.unbox(crypto, keys, payload)[0] is not None
    except Rejected:
        return False
