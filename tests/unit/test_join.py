"""A friend pastes the line and is in; until then he is told what he waits for, and if it fails, why."""

import json

from ipop.errors import Rejected, UserError
from ipop.group import charter, entry, identity, invite
from ipop.group.issuer import (
    CROWD,
    ENTRIES_MAX,
    INVITES_MAX,
    KEPT,
    PLACES_MAX,
    REQUESTS_EVERY,
    REQUESTS_MAX,
    Admitted,
    Issuer,
    Shown,
    Waiting,
)
from ipop.group.join import FIRST_RETRY, LAST_RETRY, PATIENCE, Joiner
from ipop.group.places import Places
from ipop.group.places import sign as sign_place
from ipop.group.roster import Roster
from ipop.group.secret import GroupSecret
from ipop.ports import crypto

OWNER = identity.Identity(crypto, bytes(32))
ADMIN = identity.Identity(crypto, b"\x01" * 32)
OTHER_ADMIN = identity.Identity(crypto, b"\x02" * 32)
NOON = 1_790_000_000_000  # ms since 1970
HOUR, DAY = 3_600, 86_400  # s


class Group:
    """What an issuer's router knows of its group: the owner's two admins, and itself."""

    def __init__(self, me=OWNER, subnet=(b"\x0a\x4d\0\0", 16), brokers=("mqtt://broker.example",)):
        self.identity = me
        self.stamp = NOON
        self.charter = charter.parse(
            crypto,
            OWNER.public,
            charter.sign(OWNER, "friends", subnet, 24, b"\xfd" + bytes(7), brokers, 1),
        )
        self.roster = Roster(crypto, OWNER.public)
        for key, name, slice in ((OWNER, "home", 1), (ADMIN, "office", 2), (OTHER_ADMIN, "shop", 3)):
            self.add(key.public, name, slice, entry.ADMIN)
        self.secret = GroupSecret(crypto, OWNER.public, self.roster.is_admin)
        self.secret.rotate(OWNER, 0)
        self.places = Places(crypto, OWNER.public, lambda key: self.roster.member(key) is not None)
        self.places.add(sign_place(crypto, OWNER.public, OWNER.seed, 5, "0.1.0", [("192.0.2.1", 51820)]))

    def next_stamp(self):
        self.stamp += 1
        return self.stamp

    def add(self, key, name, slice, role=entry.MEMBER, by=OWNER):
        self.roster.add(
            self.roster.signed(by, key, self.next_stamp(), name=name, role=role, slice=(slice, 24))
        )

    def revoke(self, key, by=OWNER):
        self.roster.add(self.roster.signed(by, key, self.next_stamp(), role=entry.REVOKED))

    def slice_of(self, key):
        return self.roster.member(key).slice


class Broker:
    """Hands on what it is given. What is retained waits for who comes later."""

    def __init__(self):
        self.retained = {}
        self.seen = []  # (topic, payload) of all messages

    def carry(self, publish, *ends):
        topic, payload, retain = publish
        self.seen.append((topic, payload))
        if retain:
            self.retained[topic] = payload
            if not payload:
                del self.retained[topic]
        for end in ends:
            if end.listens(topic):
                end.take(topic, payload)


class Desk:
    """The issuer's router. It starts anew from what it has kept, whenever it is switched on."""

    def __init__(self, group=None):
        self.group = group or Group()
        self.now = 0
        self.wall = NOON
        self.dropped = []
        self.events = []
        self.issuer = Issuer(crypto, self.group)

    def listens(self, topic):
        return topic.rpartition("/")[0] + "/+" in self.issuer.topics()

    def restart(self):
        kept = self.issuer.saved()
        self.issuer = Issuer(crypto, self.group, json.loads(json.dumps(kept)))
        again = self.issuer.saved()
        for name in kept:
            assert sorted(map(json.dumps, again[name])) == sorted(map(json.dumps, kept[name]))

    def line(self, uses=1, expires_in=DAY, approve=False):
        return self.issuer.invite(uses, expires_in, approve, self.wall)[1]

    def take(self, topic, payload):
        before = json.dumps(self.issuer.saved()), self.issuer.revision
        try:
            self.issuer.handle_message(topic, payload, self.now, self.wall)
        except Rejected as rejected:
            self.dropped.append(rejected.reason)
        assert json.dumps(self.issuer.saved()) == before[0] or self.issuer.revision > before[1], "it would not be kept"
        self.drain()

    def drain(self):
        event = self.issuer.poll_event()
        while event is not None:
            self.events.append(event)
            event = self.issuer.poll_event()


class Den:
    """The router that wants in."""

    def __init__(self, line, name="den", seed=b"\x07" * 32):
        self.me = identity.Identity(crypto, seed)
        self.joiner = Joiner(crypto, invite.parse(crypto, line), self.me, name, "0.1.0")
        self.now = 0
        self.wants = set()
        self.dropped = []
        self.told = []

    def listens(self, topic):
        return topic in self.wants

    def take(self, topic, payload):
        try:
            self.joiner.handle_message(topic, payload, self.now)
        except Rejected as rejected:
            self.dropped.append(rejected.reason)

    def poll(self):
        """What it publishes now."""
        change = self.joiner.poll_subscribe()
        while change is not None:
            (self.wants.add if change[1] else self.wants.discard)(change[0])
            change = self.joiner.poll_subscribe()
        out = []
        publish = self.joiner.poll_publish()
        while publish is not None:
            out.append(publish)
            publish = self.joiner.poll_publish()
        event = self.joiner.poll_event()
        while event is not None:
            self.told.append(event)
            event = self.joiner.poll_event()
        return out

    @property
    def state(self):
        return self.joiner.state

    @property
    def text(self):
        return self.joiner.text(self.now)


class World:
    def __init__(self, desk, *dens):
        self.broker = Broker()
        self.desk = desk
        self.dens = dens
        self.is_desk_on = True
        for den in dens:
            den.joiner.handle_connected(den.now)
        self.settle()

    def settle(self):
        """Let all that was said arrive."""
        is_quiet = False
        while not is_quiet:
            is_quiet = True
            publish = self.desk.issuer.poll_publish()
            while publish is not None:
                self.broker.carry(publish, *self.dens)
                publish = self.desk.issuer.poll_publish()
            for den in self.dens:
                for publish in den.poll():
                    is_quiet = False
                    self.broker.carry(publish, *([self.desk] if self.is_desk_on else []))

    def wait(self, ms):
        for den in self.dens:
            end = den.now + ms
            while den.joiner.poll_timeout() is not None and den.joiner.poll_timeout() <= end:
                self.desk.now = den.now = den.joiner.poll_timeout()
                den.joiner.handle_timeout(den.now)
                self.settle()
            den.now = end

    def switch_on(self):
        """The issuer's router comes back and is shown what the broker retains."""
        self.is_desk_on = True
        self.desk.restart()
        for topic, payload in list(self.broker.retained.items()):
            if self.desk.listens(topic):
                self.desk.take(topic, payload)
        self.settle()


def joined(desk, **rest):
    """A den that has asked, and the desk has answered."""
    den = Den(desk.line(**rest))
    World(desk, den)
    return den


def complaint(call, *args):
    try:
        call(*args)
    except UserError as error:
        return error.message
    raise AssertionError("accepted")


# --- the good way


def test_a_pasted_line_is_enough():
    desk = Desk()
    den = joined(desk)
    assert den.state == "welcome" and den.text == "in: this router is 'den' in 'friends'"
    assert [state for state, _ in den.told] == ["asking", "welcome"]
    welcome = den.joiner.welcome
    assert charter.parse(crypto, OWNER.public, welcome.charter).name == "friends"
    roster = Roster(crypto, OWNER.public)
    for data in welcome.entries:
        assert roster.add(data)
    me = roster.member(den.me.public)
    assert (me.name, me.role) == ("den", "member") and me.slice not in (0, 1, 2, 3)
    assert welcome.secret == desk.group.secret.offer
    assert len(welcome.places) == 1
    assert roster.entries() == desk.group.roster.entries()
    assert desk.events == [Admitted(den.me.public, "den", me.entry)]
    assert den.dropped == desk.dropped == []


def test_the_broker_keeps_nothing_and_has_seen_nothing():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk, den)
    assert world.broker.retained == {}
    assert len(world.broker.seen) == 3, "a request, an answer, a request cleared"
    for topic, payload in world.broker.seen:
        for part in (b"den", b"friends", b"home", b"example", den.me.public, OWNER.public, desk.group.secret.secret):
            assert part not in payload and part not in topic.encode()


def test_an_admin_invites_too():
    desk = Desk(Group(ADMIN))
    den = joined(desk)
    assert den.state == "welcome"
    assert entry.signer_of(desk.group.roster.member(den.me.public).entry) == ADMIN.public


def test_a_member_can_not_invite():
    group = Group()
    group.identity = identity.Identity(crypto, b"\x09" * 32)
    assert "only an admin can invite" in complaint(Issuer(crypto, group).invite, 1, DAY, False, NOON)


def test_an_invite_lets_in_as_many_as_it_says():
    desk = Desk()
    line = desk.line(uses=2)
    dens = [Den(line, "den%d" % i, bytes([i + 20]) * 32) for i in range(3)]
    World(desk, *dens)
    assert sorted([den.state for den in dens]) == ["refused", "welcome", "welcome"]
    members = [desk.group.roster.member(den.me.public) for den in dens]
    assert len({member.slice for member in members if member}) == 2


# --- waiting


def test_it_waits_for_a_router_that_is_away():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk)
    world.dens = (den,)
    world.is_desk_on = False
    den.joiner.handle_connected(0)
    world.settle()
    assert den.text == "asked; waiting for the router that made the invite"
    world.wait(PATIENCE)
    assert den.text.startswith("the router that made the invite doesn't answer, it may be off; asking goes on")
    world.wait(3 * HOUR * 1000)
    world.switch_on()
    assert den.state == "welcome"


def test_it_asks_again_ever_more_slowly():
    den = Den(Desk().line())
    den.joiner.handle_connected(0)
    asked = [(0, den.joiner.poll_publish())]
    while len(asked) < 10:
        now = den.joiner.poll_timeout()
        den.joiner.handle_timeout(now - 1)
        assert den.joiner.poll_publish() is None
        den.joiner.handle_timeout(now)
        asked.append((now, den.joiner.poll_publish()))
    assert [now // 1000 for now, _ in asked] == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert asked[-1][0] - asked[-2][0] == LAST_RETRY
    assert len({publish.payload for _, publish in asked}) == 1 and asked[0][1].retain


def test_it_tells_that_no_broker_is_there_and_asks_at_once_when_one_is():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk)
    world.dens = (den,)
    assert (den.state, den.text) == ("offline", "no broker of the group can be reached yet; trying")
    assert den.joiner.poll_timeout() is None
    world.is_desk_on = False
    den.joiner.handle_connected(0)
    world.settle()
    den.joiner.handle_disconnected(500)
    assert den.state == "offline" and den.joiner.poll_timeout() is None
    world.is_desk_on = True
    den.joiner.handle_connected(90_000)
    world.settle()
    assert den.state == "welcome"


def test_lost_messages_are_said_again():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk)
    world.dens = (den,)
    den.joiner.handle_connected(0)
    assert den.poll()[0].retain  # and the broker loses it
    world.broker.carry = lambda publish, *ends: Broker.carry(world.broker, publish, *(e for e in ends if e is not den))
    world.wait(1_000)  # the answer is lost
    assert den.state == "asking"
    slice = desk.group.slice_of(den.me.public)
    del world.broker.carry
    world.wait(2_000)
    assert den.state == "welcome" and desk.group.slice_of(den.me.public) == slice
    assert len(desk.group.roster.members()) == 4


def test_a_router_that_starts_anew_while_it_asks_gets_what_it_was_given():
    desk = Desk()
    line = desk.line()
    first, second = Den(line), Den(line)
    World(desk, first)
    slice = desk.group.slice_of(first.me.public)
    World(desk, second)
    assert second.state == "welcome" and desk.group.slice_of(second.me.public) == slice


# --- approval


def waiting(desk, **rest):
    den = Den(desk.line(approve=True), **rest)
    return den, World(desk, den)


def test_approval():
    desk = Desk()
    den, world = waiting(desk)
    assert den.state == "pending"
    assert den.text == (
        "waiting for approval: whoever made the invite sees 'den', %s in LuCI, or with 'ipop requests'"
        % den.me.fingerprint
    )
    assert desk.events == [Waiting(den.me.public, "den")]
    world.wait(5_000)
    assert desk.events == [Waiting(den.me.public, "den")], "who asks again is one request"
    ((request, since),) = desk.issuer.requests()
    assert (request.name, request.member, request.release, since) == ("den", den.me.public, "0.1.0", NOON)
    assert desk.issuer.approve("den", NOON).member == den.me.public
    world.settle()
    assert den.state == "welcome" and desk.issuer.requests() == []


def test_denial():
    desk = Desk()
    den, world = waiting(desk)
    assert desk.issuer.deny(den.me.fingerprint.lower(), NOON).name == "den"
    world.settle()
    assert (den.state, den.text) == ("refused", "whoever made the invite looked at this request and denied it")
    assert desk.issuer.requests() == [] and desk.group.roster.member(den.me.public) is None


def test_who_was_denied_hears_it_even_if_the_answer_was_lost():
    desk = Desk()
    den, world = waiting(desk)
    desk.issuer.deny("den", NOON)
    desk.issuer.poll_publish()
    desk.restart()
    world.wait(1_000)
    assert den.state == "refused"


def test_approval_outlives_restarts_and_the_invite():
    desk = Desk()
    den, world = waiting(desk)
    desk.wall += 2 * DAY * 1000
    desk.restart()
    world.wait(60_000)
    assert den.state == "pending", "it asked in time"
    desk.issuer.approve(den.me.fingerprint[:4], desk.wall)
    world.settle()
    assert den.state == "welcome"


def test_who_came_in_another_way_needs_no_approval():
    desk = Desk()
    den, world = waiting(desk)
    desk.group.add(den.me.public, "den", 9)
    desk.issuer.approve("den", NOON)
    world.settle()
    assert den.state == "welcome" and desk.group.slice_of(den.me.public) == 9


def test_an_admin_who_was_demoted_meanwhile_approves_nobody():
    desk = Desk(Group(ADMIN))
    den, world = waiting(desk)
    group = desk.group
    group.roster.add(group.roster.signed(OWNER, ADMIN.public, group.next_stamp(), role=entry.MEMBER))
    assert "may not let anybody in" in complaint(desk.issuer.approve, "den", NOON)


def test_approvals_do_not_exceed_the_uses():
    desk = Desk()
    line = desk.line(approve=True)
    first, second = Den(line, "den"), Den(line, "stranger", b"\x08" * 32)
    world = World(desk, first, second)
    desk.issuer.approve("den", NOON)
    world.settle()
    assert (first.state, second.state) == ("welcome", "refused")
    assert second.text == "the invite has been used up: ask for another"
    assert complaint(desk.issuer.approve, "stranger", NOON) == "nobody waits for approval"


def test_requests_are_found_by_what_people_type():
    desk = Desk()
    line = desk.line(uses=3, approve=True)
    dens = [Den(line, name, bytes([i + 20]) * 32) for i, name in enumerate(("den", "den", "cabin"))]
    World(desk, *dens)
    assert desk.issuer.deny("CAB", NOON).member == dens[2].me.public
    message = complaint(desk.issuer.deny, "den", NOON)
    assert message.startswith("'den' could be any of: den ") and dens[0].me.fingerprint in message
    assert complaint(desk.issuer.approve, "dne", NOON) == "there is no request by 'dne'; did you mean 'den'?"
    assert desk.issuer.approve(dens[1].me.fingerprint.replace("-", "")[:6], NOON).member == dens[1].me.public


def test_two_who_ask_while_the_issuer_is_away_are_both_let_in():
    desk = Desk()
    line = desk.line(uses=2)
    dens = Den(line), Den(line, "cabin", b"\x08" * 32)
    world = World(desk)
    world.dens, world.is_desk_on = dens, False
    for den in dens:
        den.joiner.handle_connected(0)
    world.settle()
    assert len(world.broker.retained) == 2
    dens[1].joiner.cancel(1)
    world.settle()
    assert len(world.broker.retained) == 1, "who gives up takes nobody else's request away"
    dens[1].joiner.handle_connected(2)
    world.settle()
    world.switch_on()
    assert [den.state for den in dens] == ["welcome", "welcome"]
    assert world.broker.retained == {}


def test_nobody_passes_for_another_by_a_name_that_reads_like_a_fingerprint():
    desk = Desk()
    line = desk.line(uses=3, approve=True)
    honest = Den(line, "den", b"\x15" * 32)
    whole = honest.me.fingerprint
    liars = [Den(line, name, bytes([i + 22]) * 32) for i, name in enumerate((whole[:4], whole))]
    World(desk, honest, *liars)
    assert "could be any of" in complaint(desk.issuer.approve, whole[:4], NOON)
    assert desk.issuer.approve(whole, NOON).member == honest.me.public
    assert desk.issuer.deny(liars[0].me.fingerprint, NOON).member == liars[0].me.public


# --- refusals


def refusal(den):
    assert den.state == "refused" and den.joiner.welcome is None
    return den.text


def test_expired():
    desk = Desk()
    den = Den(desk.line(expires_in=HOUR))
    desk.wall += HOUR * 1000
    World(desk, den)
    assert refusal(den) == "the invite has expired: ask for another"


def test_a_clock_that_is_not_set_ends_nothing():
    desk = Desk()
    den = Den(desk.line(expires_in=HOUR))
    desk.wall = 60_000
    World(desk, den)
    assert den.state == "welcome"
    assert "clock is not set" in complaint(desk.line)
    assert invite.parse(crypto, desk.line(expires_in=0)).expires == 0


def test_used_up():
    desk = Desk()
    line = desk.line()
    World(desk, Den(line))
    late = Den(line, "late", b"\x08" * 32)
    desk.restart()
    World(desk, late)
    assert refusal(late) == "the invite has been used up: ask for another"


def test_an_invite_can_be_taken_back():
    desk = Desk()
    ids, lines = zip(*[desk.issuer.invite(2, expires, True, NOON) for expires in (2 * DAY, DAY, 0)])
    dens = [Den(line, "den%d" % i, bytes([i + 20]) * 32) for i, line in enumerate(lines)]
    world = World(desk, *dens)
    assert desk.issuer.invites(NOON) == [
        Shown(ids[1], 2, 0, 1, DAY, True),
        Shown(ids[0], 2, 0, 1, 2 * DAY, True),
        Shown(ids[2], 2, 0, 1, 0, True),
    ]
    desk.issuer.approve("den0", NOON)
    assert desk.issuer.take_back(ids[0].lower(), NOON) == [ids[0]]
    world.settle()
    assert [den.state for den in dens] == ["welcome", "pending", "pending"], "who is in stays in"
    assert complaint(desk.issuer.take_back, ids[0], NOON) == "there is no invite '%s' that is good; known: %s, %s" % (
        (ids[0],) + tuple(sorted(ids[1:]))
    )
    desk.restart()
    late = Den(lines[0], "late", b"\x08" * 32)
    World(desk, late)
    assert refusal(late) == "the invite was taken back: ask for another"
    world.wait(LAST_RETRY)  # the dens have to ask again: their nonces are not on flash
    assert desk.issuer.take_back("all", NOON) == sorted(ids[1:]) and desk.issuer.invites(NOON) == []
    world.settle()
    assert [refusal(den) for den in dens[1:]] == ["the invite was taken back: ask for another"] * 2
    assert desk.issuer.requests() == []
    assert complaint(desk.issuer.take_back, "all", NOON) == "there is no invite 'all' that is good; known: none"


def test_invites_that_are_over_are_no_good():
    desk = Desk()
    (id, _), (_, used), (_, expired) = [desk.issuer.invite(1, expires, False, NOON) for expires in (0, 0, HOUR)]
    World(desk, Den(used))
    assert expired and [shown.id for shown in desk.issuer.invites(NOON + HOUR * 1000)] == [id]


def test_there_is_room_for_another_invite_when_one_is_over():
    desk = Desk()
    ids = [desk.issuer.invite(1, 0, False, NOON)[0] for _ in range(INVITES_MAX)]
    assert "'ipop uninvite'" in complaint(desk.line)
    desk.issuer.take_back(ids[0], NOON)
    desk.line()
    assert len(desk.issuer.topics()) == INVITES_MAX and "'ipop uninvite'" in complaint(desk.line)


def test_a_late_joiner_hears_why_for_a_month():
    desk = Desk()
    line = desk.line(expires_in=HOUR)
    desk.wall += HOUR * 1000
    desk.line()  # notes that the first has ended
    for wait, state in ((KEPT - 1, "refused"), (KEPT + 1, "asking")):
        late = Den(line)
        desk.wall = NOON + HOUR * 1000 + wait
        World(desk, late)
        assert late.state == state
    desk.take("ipop/any", b"")
    assert len(desk.issuer.topics()) == 1, "the other one has expired later"


def test_revoked():
    desk = Desk()
    line = desk.line(uses=5)
    den = Den(line)
    World(desk, den)
    desk.group.revoke(den.me.public)
    back = Den(line)
    World(desk, back)
    assert refusal(back).startswith("this key was removed from the group")
    new = Den(line, "den", b"\x08" * 32)
    World(desk, new)
    assert new.state == "welcome", "another key, for which somebody gave an invite"


def test_no_addresses_left():
    desk = Desk(Group(subnet=(b"\x0a\x4d\0\0", 22)))  # four slices, of which the first is nobody's
    assert refusal(joined(desk)) == "the group has no addresses left: one of its members has to be revoked first"


def test_an_issuer_that_is_no_admin_any_more():
    desk = Desk(Group(ADMIN))
    den = Den(desk.line())
    group = desk.group
    group.roster.add(group.roster.signed(OWNER, ADMIN.public, group.next_stamp(), role=entry.MEMBER))
    World(desk, den)
    assert "may not let anybody in any more" in refusal(den)


def test_an_invite_for_another_group():
    desk = Desk()
    good = invite.parse(crypto, desk.line())
    stranger = identity.Identity(crypto, b"\x33" * 32)
    forged = invite.Invite(stranger.public, OWNER.public, good.secret, good.expires, "friends", good.brokers)
    den = Den(invite.encode(crypto, forged))
    World(desk, den)
    assert refusal(den).startswith("the router that made the invite is not in that group any more")


# --- others


def test_hostile_payloads_are_counted_and_change_nothing():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk)
    den.joiner.handle_connected(0)
    topic, payload, _ = den.poll()[0]
    before = json.dumps(desk.issuer.saved())
    for wrong in (b"x", bytes(200), payload[:-1], payload + b"x", payload[:32], payload[32:] + payload[:32]):
        desk.take(topic, wrong)
    desk.take(topic + "x", payload)
    desk.take("ipop/x" + topic[5:], payload)
    assert desk.dropped == ["join-forged"] * 7 + ["join-unexpected"]
    desk.take(topic, b"")
    assert len(desk.dropped) == 8 and json.dumps(desk.issuer.saved()) == before
    assert desk.issuer.poll_publish() is None
    desk.take(topic, payload)
    topic, answer, _ = desk.issuer.poll_publish()
    for wrong in (b"", b"x", bytes(200), answer[:-1], answer + b"x", answer[1:]):
        den.take(topic, wrong)
    den.take(topic + "x", answer)
    assert den.dropped == ["join-forged"] * 6 + ["join-unexpected"] and den.state == "asking"
    den.take(topic, answer)
    assert den.state == "welcome"
    den.take(topic, answer)
    assert den.dropped[7:] == ["join-unexpected"]
    assert world.broker.seen == []


def test_an_old_answer_is_nothing_to_who_asks_anew():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk, den)
    answer = world.broker.seen[1]
    again = Den(desk.line())
    again.joiner.handle_connected(0)
    again.take(again.joiner._answer_topic, answer[1])
    assert again.dropped == ["join-forged"]


def test_a_welcome_that_lets_nobody_in_is_not_believed():
    desk = Desk()
    for spoil in (
        lambda content: content.pop("charter"),
        lambda content: content.pop("places"),
        lambda content: content.update(entries=content["entries"][:3]),
        lambda content: content.update(entries=5),
        lambda content: content.update(entries=["*"]),
        lambda content: content.update(secret="AAAA"),
        lambda content: content.update(charter=content["charter"][4:]),
        lambda content: content.update(result="maybe"),
        lambda content: content.update(result=["welcome"]),
    ):
        den = Den(desk.line())

        def spoiled(key, spoil=spoil):
            content = Issuer._welcome(desk.issuer, key)
            spoil(content)
            return content

        desk.issuer._welcome = spoiled
        World(desk, den)
        assert den.state == "asking" and len(den.dropped) == 1, den.dropped
        assert den.dropped[0] in ("join-bad-content", "bad-secret", "bad-charter", "bad-signature")


def test_only_so_many_can_wait():
    desk = Desk()
    line = desk.line(uses=5, approve=True)
    parsed = invite.parse(crypto, line)
    for i in range(5 + CROWD + 2):
        me = identity.Identity(crypto, b"w" * 30 + bytes([i, 0]))
        topic = invite.request_topic(crypto, parsed.secret, me.public)
        desk.take(topic, invite.seal_request(crypto, parsed, me, b"n" * 16, "w%d" % i, "0.1.0"))
    assert len(desk.issuer.requests()) == 5 + CROWD
    late = Den(line)
    World(desk, late)
    assert late.state == "refused" and "too many wait" in late.text
    other = Den(desk.line(approve=True))  # by another invite there is room
    World(desk, other)
    assert other.state == "pending"


def test_who_asks_again_and_again_costs_the_flash_of_the_other_nothing():
    desk = Desk()
    parsed = invite.parse(crypto, desk.line(approve=True))
    me = identity.Identity(crypto, b"w" * 32)
    topic, revisions = invite.request_topic(crypto, parsed.secret, me.public), []
    for i in range(10):
        desk.take(topic, invite.seal_request(crypto, parsed, me, bytes([i]) * 16, "w", "0.1.0"))
        revisions.append(desk.issuer.revision)
    assert len(set(revisions)) == 1 and len(desk.issuer.requests()) == 1


def test_what_is_shown_again_at_once_is_answered_once():
    desk = Desk()
    den = Den(desk.line())
    den.joiner.handle_connected(0)
    topic, payload, _ = den.poll()[0]
    for _ in range(3):
        desk.take(topic, payload)
    assert desk.issuer.poll_publish() and desk.issuer.poll_publish() is None
    desk.now += FIRST_RETRY - 200  # sent a second later, and quicker on the way
    desk.take(topic, payload)
    assert desk.issuer.poll_publish()


def test_a_flood_of_requests_costs_little_and_those_who_wait_come_in_later():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk)
    world.dens = (den,)
    den.joiner.handle_connected(0)
    (publish,) = den.poll()
    for i in range(1000):
        desk.take(publish.topic, bytes([i & 255, i >> 8]) * 100)
    assert desk.dropped == ["join-forged"] * REQUESTS_MAX + ["join-too-many"] * (1000 - REQUESTS_MAX)
    world.wait(REQUESTS_EVERY)
    assert den.state == "asking"
    world.wait(REQUESTS_EVERY)
    assert den.state == "welcome"


def test_nobody_is_invited_to_a_group_that_has_no_broker():
    desk = Desk(Group(brokers=[]))
    try:
        desk.line()
        raise AssertionError
    except UserError as error:
        assert "no broker" in error.message


def test_a_cancelled_join_takes_its_request_back():
    desk = Desk()
    den = Den(desk.line())
    world = World(desk)
    world.dens = (den,)
    world.is_desk_on = False
    den.joiner.handle_connected(0)
    world.settle()
    assert len(world.broker.retained) == 1
    den.joiner.cancel(1)
    world.settle()
    assert world.broker.retained == {} and den.wants == set() and den.joiner.poll_timeout() is None


def test_a_large_roster_is_told_in_part_and_whom_to_ask_for_the_rest():
    desk = Desk()
    for i in range(200):
        desk.group.add(identity.Identity(crypto, b"m" * 31 + bytes([i])).public, "m%d" % i, 100 + i)
    den = joined(desk)
    assert den.state == "welcome"
    roster = Roster(crypto, OWNER.public)
    for data in den.joiner.welcome.entries:
        roster.add(data)
    for key in (den.me, OWNER, ADMIN, OTHER_ADMIN):
        assert roster.member(key.public) is not None
    size = sum([len(data) for data in den.joiner.welcome.entries])
    assert ENTRIES_MAX - 200 < size <= ENTRIES_MAX
    assert sum([len(data) for data in den.joiner.welcome.places]) <= PLACES_MAX


# --- two who choose at once


def test_admins_who_chose_the_same_slice_choose_again():
    groups = [Group(ADMIN), Group(OTHER_ADMIN)]
    issuers = [Issuer(crypto, group) for group in groups]
    keys = [identity.Identity(crypto, bytes([i + 40]) * 32).public for i in range(2)]
    for group, key in zip(groups, keys):
        group.add(key, "new", 77, by=group.identity)
    for data in groups[0].roster.entries() + groups[1].roster.entries():
        for group in groups:
            group.roster.add(data)
    slices = [groups[0].slice_of(key) for key in keys]
    assert sorted(slices) == [0, 77]
    loser = slices.index(0)
    assert issuers[1 - loser].settle(NOON) == []
    (moved,) = issuers[loser].settle(NOON)
    groups[1 - loser].roster.add(moved)
    for group in groups:
        assert group.slice_of(keys[loser]) not in (0, 77) and group.slice_of(keys[1 - loser]) == 77
    assert issuers[loser].settle(NOON) == []


def test_damaged_notes_are_told():
    for invites, requests in ((5, []), ([{}], []), ([], [1]), (None, None)):
        saved = {"invites": invites, "requests": requests}
        try:
            Issuer(crypto, Group(), saved)
        except ValueError:
            continue
        raise AssertionError(saved)
