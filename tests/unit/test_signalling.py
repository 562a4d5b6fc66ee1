"""Members find each other through a broker that may do what it likes: it can drop and delay, and nothing else."""

from members import Group
from pair import Dice

from ipop.signal import sealed
from ipop.signal.holdings import KEPT_MAX, QUEUE_MAX, REPAIR_FIRST, REPAIR_MAX
from ipop.signal.sealed import ANNOUNCEMENT, LETTER, MOVED, Sealer, Slot
from ipop.signal.signalling import (
    ANNOUNCE_GAP,
    EVENTS_MAX,
    INTRODUCTIONS_EVERY,
    INTRODUCTIONS_MAX,
    MESSAGE_MAX,
    REFRESH,
    STRANGERS_MAX,
    Announced,
    Arrived,
    Introduced,
    Mailed,
    Vanished,
)

HOME, HOTEL = {"at": ["203.0.113.7:51820"]}, {"at": ["198.51.100.9:51820"]}


def contents(events):
    return [event.content for event in events]


def two(**options):
    """Two members who are connected and have announced themselves."""
    group = Group("den", "cabin", **options).connect()
    for member in group.members:
        member.announce({"name": member.name})
    group.run(ANNOUNCE_GAP)
    for member in group.members:
        member.heard = []
    return group, group.members[0], group.members[1]


def announcement(group, member):
    """(topic, payload) of what stands at the broker."""
    topic = Sealer(group.crypto, group.secrets[0]).topic(sealed.for_everybody(ANNOUNCEMENT, member.key))
    return topic, group.broker.retained.get(topic)


# --- announcements


def test_who_is_there_hears_it_and_who_comes_later():
    group = Group("den", "cabin", "shed")
    den, cabin, shed = group.members
    den.connect()
    cabin.connect()
    den.announce(HOME)
    assert [(event.sender, event.content) for event in cabin.take(Announced)] == [(den.key, HOME)]
    den.disconnect()
    group.run(REFRESH)
    shed.connect()
    assert contents(shed.take(Announced)) == [HOME]
    assert den.dropped == cabin.dropped == shed.dropped == {} and not den.heard


def test_what_is_announced_before_there_is_a_connection_is_not_lost():
    group = Group("den", "cabin")
    den, cabin = group.members
    den.announce(HOTEL)
    den.announce(HOME)
    group.run(60_000)
    group.connect()
    assert contents(cabin.take(Announced)) == [HOME]


def test_a_change_is_told_at_once_and_many_changes_now_and_then():
    group, den, cabin = two()
    den.announce(HOME)
    assert contents(cabin.take(Announced)) == [HOME]
    for i in range(30):
        den.announce({"i": i})
        group.run(ANNOUNCE_GAP // 10)
    assert [content["i"] for content in contents(cabin.take(Announced))] == [9, 19, 29]
    den.announce({"i": 29})
    group.run(ANNOUNCE_GAP)
    assert cabin.take(Announced) == []


def test_it_is_refreshed_rarely_and_not_by_all_at_once():
    group, den, cabin = two()
    group.broker.log = []
    group.run(REFRESH - ANNOUNCE_GAP)
    assert not group.broker.log
    times = []
    for member in group.members:
        times.append(member.signalling.poll_timeout())
    assert times[0] != times[1]
    group.run(REFRESH // 2 + ANNOUNCE_GAP)
    assert len(group.broker.log) == 2 and len(cabin.take(Announced)) == 1


def test_a_broker_that_lost_all_gets_all_again():
    group, den, cabin = two()
    den.mail(cabin, "meet", {}, keep=True)
    cabin.disconnect()
    den.mail(cabin, "relay", {"call": 1}, keep=True)
    den.signalling.publish("ipop/box", b"for the shed", True)
    den.signalling.publish("ipop/gone", b"x", True)
    group.collect()
    den.signalling.publish("ipop/gone", b"", True)
    group.collect()
    den.disconnect()
    group.broker.retained = {}
    den.connect()
    assert len(group.broker.retained) == 3 and group.broker.retained["ipop/box"] == b"for the shed"
    cabin.connect()
    assert contents(cabin.take(Announced)) == [{"name": "den"}]
    assert contents(cabin.take(Mailed)) == [{}, {"call": 1}]
    assert cabin.dropped == den.dropped == {}


def test_who_restarts_hears_all_again():
    group, den, cabin = two()
    cabin.disconnect()
    cabin.start()
    cabin.announce(HOTEL)
    cabin.connect()
    assert contents(cabin.take(Announced)) == [{"name": "den"}] and contents(den.take(Announced)) == [HOTEL]
    group.run(REPAIR_FIRST * 2)
    assert cabin.dropped == {} and len(group.broker.log) == 3  # its old announcement is nobody's attack


def test_a_connection_that_comes_and_goes_is_no_replay():
    group, den, cabin = two()
    for _ in range(5):
        for member in (cabin, den):
            member.disconnect()
            group.run(100)
            member.connect()
    assert den.dropped == cabin.dropped == {}


def test_the_group_grows():
    """The newcomer's own announcement brings what shows that it is a member."""
    group, den, cabin = two()
    shed = group.add("shed")
    shed.connect()
    assert len(shed.take(Announced)) == 2
    shed.announce(HOME)
    assert [(event.sender, event.content) for event in den.take(Introduced)] == [(shed.key, HOME)]
    group.roster.append(shed.key)
    den.signalling.handle_members()
    group.collect()
    assert contents(den.take(Announced)) == [HOME] and den.dropped == {}
    cabin.take(Introduced)
    shed.announce(HOTEL)
    group.run(ANNOUNCE_GAP)
    assert contents(den.take(Announced)) == [HOTEL]
    assert contents(cabin.take(Announced)) == [HOTEL] and not cabin.take(Introduced)


def test_where_the_group_has_moved_is_heard_by_all_who_come_the_writer_too():
    group, den, cabin = two()
    farewell = den.signalling.farewell({"charters": ["x"]})
    assert farewell.retain
    group.broker.publish(farewell)
    group.collect()
    for member in (den, cabin):
        assert member.take(Announced) == [Announced(den.key, group._sequence, {"charters": ["x"]})]
        assert group.broker.show(member, farewell.topic, farewell.payload) == "signal-replayed"
    for member in (den, cabin):
        member.start()
        member.connect()
        assert {"charters": ["x"]} in contents(member.take(Announced))
    shed = group.add("shed")
    group.broker.publish(shed.signalling.farewell({"charters": ["y"]}))
    group.collect()
    assert contents(den.take(Introduced)) == [{"charters": ["y"]}] and not den.take(Announced)


def test_who_says_where_the_group_has_moved_may_be_at_the_same_broker_as_a_member_too():
    """Neither writes over what the other says, and what somebody else writes over it is put back."""
    group = Group("den", "cabin")
    den, cabin = group.members
    den.start(says=MOVED)
    group.connect()
    den.announce({"charters": ["x"]})
    cabin.announce({"name": "cabin"})
    group.run(ANNOUNCE_GAP)
    (topic,) = [topic for topic in group.broker.retained if topic == den.signalling._announced_on]
    assert contents(cabin.take(Announced)) == [{"charters": ["x"]}]
    assert not cabin.signalling.has_moved(den.key), "that it has the secret is told by what it says as a member"
    group.inject(topic, b"junk")
    group.run(2 * REPAIR_FIRST)
    assert den.dropped == {"signal-overwritten": 1} and group.broker.retained[topic] != b"junk"
    den.signalling.retire()
    group.collect()
    assert topic not in group.broker.retained


def test_a_stranger_stays_one():
    group, den, cabin = two()
    thief = group.add("thief").connect()
    thief = group.members[2]
    thief.announce(HOME)
    assert len(den.take(Introduced)) == 1
    den.signalling.handle_members()
    den.signalling.handle_members()
    assert den.dropped == {"signal-stranger": 1}
    topic, payload = announcement(group, thief)
    assert group.broker.show(den, topic, payload) == "signal-stranger"
    thief.mail(den, "meet", {})
    thief.mail(den, "meet", {}, keep=True)
    group.inject(*thief.signalling.will())
    assert den.heard == [] and den.dropped == {"signal-stranger": 5}


def test_strangers_without_end():
    """A member who was put out still has the secret, and makes up keys."""
    group, den, cabin = two()
    cabin.disconnect()
    for _ in range(3):
        for _ in range(2 * INTRODUCTIONS_MAX):
            thief = group.add("thief")
            thief.connect()
            thief.announce(HOME)
            thief.disconnect()
            group.members.pop()
            group.broker.retained = {}
        assert len(den.take(Introduced)) == INTRODUCTIONS_MAX
        den.signalling.handle_members()
        group.run(INTRODUCTIONS_EVERY)
    assert den.dropped == {"signal-stranger": 6 * INTRODUCTIONS_MAX}
    assert len(den.signalling._strangers) <= STRANGERS_MAX
    cabin.connect()
    assert len(den.take(Announced)) == 1  # who is known is heard all the same


def test_who_is_put_out_is_heard_no_more():
    group, den, cabin = two()
    topic, payload = announcement(group, cabin)
    group.roster.remove(cabin.key)
    den.signalling.handle_members()
    cabin.announce(HOME)
    cabin.mail(den, "meet", {})
    assert den.dropped == {"signal-stranger": 1}
    assert len(den.take(Introduced)) == 1 and not den.heard
    group.broker.show(den, topic, payload)
    group.collect()
    assert not den.heard


# --- mail


def test_a_note_reaches_who_is_there():
    group, den, cabin = two()
    assert den.mail(cabin, "meet", {"call": 1})
    event = cabin.take(Mailed)[0]
    assert (event.sender, event.purpose, event.content) == (den.key, "meet", {"call": 1})
    cabin.disconnect()
    assert den.mail(cabin, "meet", {"call": 2})
    cabin.connect()
    assert cabin.take(Mailed) == [] and den.dropped == cabin.dropped == {}
    den.disconnect()
    assert not den.mail(cabin, "meet", {"call": 3})


def test_a_letter_waits_and_is_cleared_when_read():
    group, den, cabin = two()
    cabin.disconnect()
    kept = len(group.broker.retained)
    assert den.mail(cabin, "meet", {"call": 1}, keep=True)
    assert den.mail(cabin, "meet", {"call": 2}, keep=True)  # instead of the first
    assert den.mail(cabin, "relay", {"call": 3}, keep=True)
    assert len(group.broker.retained) == kept + 2
    cabin.connect()
    assert sorted([content["call"] for content in contents(cabin.take(Mailed))]) == [2, 3]
    assert len(group.broker.retained) == kept
    cabin.disconnect()
    cabin.connect()
    den.disconnect()
    den.connect()
    assert not cabin.take(Mailed) and len(group.broker.retained) == kept
    assert den.dropped == cabin.dropped == {}


def test_a_letter_taken_back():
    group, den, cabin = two()
    cabin.disconnect()
    den.mail(cabin, "meet", {}, keep=True)
    den.signalling.recall(cabin.key, "meet")
    den.signalling.recall(cabin.key, "relay")
    group.collect()
    cabin.connect()
    assert not cabin.take(Mailed) and len(group.broker.retained) == 2


def test_a_letter_taken_back_stays_away():
    """Even if somebody wrote over it, or the secret changes afterwards."""
    group, den, cabin = two()
    cabin.disconnect()
    den.mail(cabin, "meet", {}, keep=True)
    topic = group.broker.log[-1].topic
    group.inject(topic, b"garbage")
    den.signalling.recall(cabin.key, "meet")
    group.collect()
    assert topic not in group.broker.retained and topic not in group.broker.listened(den)
    group.run(2 * REPAIR_FIRST)
    group.rotate()
    cabin.connect()
    assert not cabin.take(Mailed) and den.dropped == cabin.dropped == {}


def test_notes_of_an_old_connection():
    group, den, cabin = two()
    assert den.signalling.mail(cabin.key, "meet", {})
    den.disconnect()
    den.connect()
    assert not cabin.take(Mailed)


def test_letters_to_who_is_put_out():
    group, den, cabin = two()
    cabin.disconnect()
    den.mail(cabin, "meet", {}, keep=True)
    group.roster.remove(cabin.key)
    den.signalling.handle_members()
    group.collect()
    assert len(group.broker.retained) == 2


def test_mail_for_a_purpose_that_we_do_not_know():
    """A newer release has more of them."""
    group, den, cabin = two()
    den.mail(cabin, "future", {})
    assert not cabin.take(Mailed) and cabin.dropped == {"signal-unknown-purpose": 1}


def test_mail_is_for_its_reader_alone():
    group = Group("den", "cabin", "shed").connect()
    den, cabin, shed = group.members
    den.mail(cabin, "meet", {})
    assert len(cabin.take(Mailed)) == 1 and not shed.heard and shed.dropped == {}


# --- wills


def test_a_will_is_a_hint():
    group, den, cabin = two()
    will = den.signalling.will()
    assert not will.retain
    group.inject(*will)
    assert cabin.take(Vanished) == [Vanished(den.key)]
    group.inject(*will)
    assert cabin.take(Vanished) == [] and cabin.dropped == {"signal-replayed": 1}
    assert not den.heard and not den.dropped
    group.inject(*den.signalling.will())  # of the next connection
    assert len(cabin.take(Vanished)) == 1


# --- a hostile broker


def test_what_was_recorded_is_of_no_use():
    """All that was ever published, shown again in another order, to all: nobody is told anything."""
    group, den, cabin = two()
    for i in range(5):
        den.announce({"i": i})
        cabin.announce({"i": i})
        den.mail(cabin, "meet", {"i": i})
        cabin.mail(den, "relay", {"i": i}, keep=True)
        group.run(ANNOUNCE_GAP)
    group.inject(*den.signalling.will())
    for member in group.members:
        member.heard = []
        member.dropped = {}
    log = group.broker.log
    dice = Dice(3)
    for _ in range(500):
        seen = log[dice.below(len(log))]
        for member in group.members:
            group.broker.show(member, seen.topic, seen.payload)
        group.collect()
    assert not den.heard and not cabin.heard
    assert cabin.dropped["signal-replayed"] > 100 and den.dropped["signal-replayed"] > 30


def test_payloads_swapped_between_topics():
    group, den, cabin = two()
    den.mail(cabin, "meet", {}, keep=True)
    cabin.heard = []
    log = [seen for seen in group.broker.log if seen.payload]
    cabin.signalling.subscribe("ipop/raw")
    for first in log:
        for second in log:
            if first.topic != second.topic:
                word = group.broker.show(cabin, first.topic, second.payload)
                assert word in ("", "signal-forged")  # "" on its own topic, which it will repair
    assert not cabin.take(Announced) and not cabin.take(Mailed)


def test_any_bytes_on_any_topic():
    group, den, cabin = two()
    cabin.signalling.subscribe("ipop/raw")
    dice = Dice(4)
    payloads = [b"", b"\0", bytes(1 << 20), bytes(MESSAGE_MAX), dice.bytes(500)]
    topics = [seen.topic for seen in group.broker.log]
    room = topics[0].rpartition("/")[0]
    topics += ["", "/", "ipop", "ipop/raw", room, room + "/x", room + "/", "ipop/x/y", "\x00", "é" * 100, room + "/+"]
    for topic in topics:
        for payload in payloads:
            group.broker.show(cabin, topic, payload)
            group.collect()
    assert not cabin.take(Announced) and not cabin.take(Mailed)
    assert [len(event.payload) for event in cabin.take(Arrived)] == [0, 1, MESSAGE_MAX, 500]
    assert set(cabin.dropped) == {"signal-forged", "signal-oversized", "signal-unknown-topic"}


def test_an_old_announcement_kept_at_another_broker():
    """After a fail-over the second broker has what stood there a week ago."""
    group, den, cabin = two()
    topic, old = announcement(group, den)
    den.announce(HOME)
    den.disconnect()
    cabin.disconnect()
    group.broker.retained = {topic: old}
    cabin.take(Announced)
    cabin.connect()
    assert not cabin.take(Announced) and cabin.dropped == {"signal-replayed": 1}


def test_a_slot_of_ours_that_somebody_writes_over_is_put_back():
    for payload in (b"", b"garbage", bytes(2000)):
        group, den, cabin = two()
        topic, _ = announcement(group, den)
        group.inject(topic, payload)
        group.run(REPAIR_FIRST)
        assert den.dropped == {"signal-overwritten": 1}
        cabin.disconnect()
        cabin.start()
        cabin.connect()
        assert contents(cabin.take(Announced)) == [{"name": "den"}] and cabin.dropped == {}


def test_a_letter_that_somebody_writes_over_is_put_back():
    group, den, cabin = two()
    cabin.disconnect()
    den.mail(cabin, "meet", {"call": 1}, keep=True)
    group.inject(group.broker.log[-1].topic, b"garbage")
    group.run(REPAIR_FIRST)
    cabin.connect()
    assert contents(cabin.take(Mailed)) == [{"call": 1}]
    assert den.dropped == {"signal-overwritten": 1} and cabin.dropped == {}


def test_a_slot_is_looked_at_again_before_it_is_put_back():
    """What stands there may be overtaken by our own word; and who writes again and again gains no time."""
    group, den, cabin = two()
    topic, payload = announcement(group, den)
    group.broker.show(den, topic, b"garbage")
    group.run(REPAIR_FIRST // 2)
    den.signalling.handle_timeout(group.now)
    group.broker.show(den, topic, payload)
    group.run(REPAIR_FIRST)
    assert den.dropped == {}
    for _ in range(4):
        group.inject(topic, b"garbage")
        group.run(REPAIR_FIRST // 4)
    assert den.dropped == {"signal-overwritten": 1}


def test_writing_over_without_end_is_answered_less_and_less():
    """There may be two routers with one key, restored from one backup: they must not shout at each other for ever."""
    group, den, cabin = two()
    topic, _ = announcement(group, den)
    group.broker.log = []
    for _ in range(6000):
        if group.broker.retained[topic] != b"garbage":
            group.inject(topic, b"garbage")
        group.run(1_000)
    repairs = den.dropped["signal-overwritten"]
    assert 6000_000 // REPAIR_MAX <= repairs < 6000_000 // REPAIR_MAX + 10
    den.disconnect()
    den.connect()
    group.inject(topic, b"garbage")
    group.run(REPAIR_FIRST)
    assert den.dropped["signal-overwritten"] == repairs + 1


def test_after_a_long_peace_a_slot_is_put_back_soon():
    group, den, cabin = two()
    topic, _ = announcement(group, den)
    for count in range(1, 12):
        group.inject(topic, b"garbage")
        group.run(REPAIR_FIRST)
        assert den.dropped == {"signal-overwritten": count}
        group.run(REPAIR_MAX + 1)


def test_what_is_overwritten_where_we_do_not_listen_is_there_again_within_hours():
    group, den, cabin = two()
    den.signalling.publish("ipop/box", b"for a member who is away", True)
    group.run(1_000)
    group.inject("ipop/box", b"garbage")
    for i in range(2 * REFRESH // 600_000):  # although the announcement is made anew more often
        den.announce({"i": i})
        group.run(600_000)
    assert group.broker.retained["ipop/box"] == b"for a member who is away"


def test_a_member_who_writes_as_another():
    group, den, cabin = two()
    slot = sealed.for_everybody(ANNOUNCEMENT, den.key)
    sealer = Sealer(group.crypto, group.secrets[0])
    topic = sealer.topic(slot)
    thief = group.add("thief")
    payload = sealer.seal(topic, sealed.sign(thief.identity, group.key, slot, 1 << 63, b"{}"))
    assert group.broker.show(cabin, topic, payload) == "signal-bad-signature"
    den.announce(HOME)
    assert contents(cabin.take(Announced)) == [HOME]


def test_the_highest_sequence_there_is():
    group, den, cabin = two()
    slot = sealed.for_everybody(ANNOUNCEMENT, den.key)
    sealer = Sealer(group.crypto, group.secrets[0])
    topic = sealer.topic(slot)
    payload = sealer.seal(topic, sealed.sign(den.identity, group.key, slot, (1 << 64) - 1, b"{}"))
    assert group.broker.show(cabin, topic, payload) == ""
    den.announce(HOME)
    assert cabin.dropped == {"signal-replayed": 1}  # who uses up its own sequences harms itself


def test_an_owner_who_does_not_listen():
    group, den, cabin = two()
    cabin.signalling.subscribe("ipop/raw")
    for i in range(EVENTS_MAX + 10):
        cabin.signalling.handle_message("ipop/raw", b"%d" % i, group.now)
    assert cabin.dropped == {"signal-overrun": 10}
    group.collect()
    assert len(cabin.take(Arrived)) == EVENTS_MAX
    den.announce(HOME)
    assert contents(cabin.take(Announced)) == [HOME]


# --- the owner's topics


def test_raw_topics():
    group, den, cabin = two()
    cabin.signalling.subscribe("ipop/join")
    cabin.signalling.publish("ipop/join", b"mine", True)
    group.collect()
    den.signalling.publish("ipop/join", b"not yours", False)
    group.collect()
    group.inject("ipop/join", b"")
    assert cabin.take(Arrived) == [Arrived("ipop/join", b"not yours"), Arrived("ipop/join", b"")]
    cabin.signalling.unsubscribe("ipop/join")
    cabin.signalling.unsubscribe("ipop/join")
    group.collect()
    assert "ipop/join" not in group.broker.listened(cabin)
    assert group.broker.show(cabin, "ipop/join", b"x") == "signal-unknown-topic"


def test_there_is_an_end_to_what_is_kept():
    group = Group("den")
    den = group.members[0]
    for i in range(KEPT_MAX):
        assert den.signalling.publish("ipop/%d" % i, b"x", True)
    assert not den.signalling.publish("ipop/more", b"x", True)
    assert not den.signalling.mail(bytes(32), "meet", {}, keep=True)
    assert den.signalling.publish("ipop/7", b"y", True)
    den.signalling.publish("ipop/8", b"", True)
    assert den.signalling.publish("ipop/more", b"x", True)
    den.signalling.handle_connected(0)
    for _ in range(QUEUE_MAX):
        assert den.signalling.publish("ipop/x", b"x", False)
    assert not den.signalling.publish("ipop/x", b"x", False)


# --- a new secret


def test_a_new_secret_moves_all_to_new_topics():
    group, den, cabin = two()
    cabin.disconnect()
    den.mail(cabin, "meet", {"call": 1}, keep=True)
    before = set(group.broker.retained)
    cabin.connect()
    cabin.disconnect()
    den.mail(cabin, "meet", {"call": 2}, keep=True)
    group.rotate()
    after = set(group.broker.retained)
    assert len(after) == 3 and before - after == before - {announcement_topic_of_old(group, cabin)}
    cabin.take(Mailed)
    cabin.connect()
    assert contents(cabin.take(Mailed)) == [{"call": 2}]
    assert len(group.broker.retained) == 2  # cabin's old announcement went when it came back
    assert den.dropped == cabin.dropped == {}
    den.announce(HOME)
    group.run(ANNOUNCE_GAP)
    assert contents(cabin.take(Announced))[-1] == HOME


def announcement_topic_of_old(group, member):
    return Sealer(group.crypto, group.secrets[1]).topic(sealed.for_everybody(ANNOUNCEMENT, member.key))


def test_who_has_not_heard_of_the_new_secret_is_still_understood():
    group, den, cabin = two()
    old, new = group.secrets[0], bytes(32)
    den.signalling.set_secrets([new, old], group.now)
    group.collect()
    cabin.announce(HOME)
    cabin.mail(den, "meet", {"call": 1})
    assert contents(den.take(Announced)) == [HOME] and contents(den.take(Mailed)) == [{"call": 1}]
    den.announce(HOTEL)
    group.run(ANNOUNCE_GAP)
    assert not cabin.take(Announced) and cabin.dropped == {}
    cabin.signalling.set_secrets([new, old], group.now)
    group.collect()
    assert contents(cabin.take(Announced)) == [HOTEL]
    said = len(group.broker.log)
    den.signalling.set_secrets([new], group.now)
    cabin.signalling.set_secrets([new], group.now)
    group.collect()
    assert len(group.broker.log) == said
    assert len(group.broker.listened(den)) == 2
    assert group.broker.show(den, announcement(group, cabin)[0], b"x") == "signal-unknown-topic"


def test_a_letter_that_was_read_is_the_same_under_the_new_secret():
    """Its reader has taken it, and before its writer sees that the secret changes: it is not read twice."""
    group, den, cabin = two()
    den.signalling.mail(cabin.key, "meet", {"call": 1}, keep=True)
    letter = den.signalling.poll_publish()
    group.broker.show(cabin, letter.topic, letter.payload)
    group.rotate()
    assert contents(cabin.take(Mailed)) == [{"call": 1}]


def test_before_there_is_a_secret():
    """A router that joins can ask and listen, and has nothing to tell yet."""
    group = Group("den", "cabin")
    secrets, group.secrets = group.secrets, []
    shed = group.add("shed")
    group.secrets = secrets
    group.roster.append(shed.key)
    group.connect()
    shed.announce(HOME)
    assert not shed.mail(group.members[0], "meet", {}) and not shed.mail(group.members[0], "meet", {}, keep=True)
    assert shed.signalling.will() is None
    shed.signalling.publish("ipop/join", b"let me in", True)
    group.collect()
    group.run(60_000)
    assert list(group.broker.retained) == ["ipop/join"]
    shed.signalling.set_secrets(secrets, group.now)
    group.collect()
    assert contents(group.members[0].take(Announced)) == [HOME]


# --- leaving


def test_who_leaves_takes_all_away():
    group, den, cabin = two()
    cabin.disconnect()
    den.mail(cabin, "meet", {}, keep=True)
    den.signalling.publish("ipop/box", b"x", True)
    group.collect()
    den.signalling.retire()
    group.collect()
    assert list(group.broker.retained) == [announcement(group, cabin)[0]]
    group.run(2 * REFRESH)
    assert len(group.broker.retained) == 1 and den.signalling.poll_timeout() is None


def test_a_letter_is_bound_to_its_reader():
    group, den, cabin = two()
    shed = group.add("shed")
    group.roster.append(shed.key)
    shed.connect()
    sealer = Sealer(group.crypto, group.secrets[0])
    slot = Slot(LETTER, den.key, shed.key, "meet")
    topic = sealer.topic(Slot(LETTER, den.key, cabin.key, "meet"))
    payload = sealer.seal(topic, sealed.sign(den.identity, group.key, slot, 1 << 60, b"{}"))
    assert group.broker.show(cabin, topic, payload) == "signal-misplaced"
