"""A broker that is trusted with nothing: what it carries it can't read, alter, move or invent."""

from members import Group
from pair import Dice, RepeatableCrypto

from ipop.errors import Rejected
from ipop.group.identity import Identity
from ipop.signal import sealed
from ipop.signal.sealed import ANNOUNCEMENT, LETTER, NOTE, PAYLOAD_MAX, WILL, Sealer, Slot

crypto = RepeatableCrypto(Dice(1))
GROUP, SECRET = bytes(range(32)), bytes(range(100, 132))
DEN, CABIN = Identity(crypto, b"\x01" * 32), Identity(crypto, b"\x02" * 32)
SLOTS = (
    sealed.for_everybody(ANNOUNCEMENT, DEN.public),
    sealed.for_everybody(WILL, DEN.public),
    Slot(NOTE, DEN.public, CABIN.public, "meet"),
    Slot(LETTER, DEN.public, CABIN.public, "meet"),
)
sealer = Sealer(crypto, SECRET)


def said(slot, content, identity=DEN, sequence=7, group=GROUP):
    """(topic, payload)"""
    topic = sealer.topic(slot)
    return topic, sealer.seal(topic, sealed.sign(identity, group, slot, sequence, sealed.encode(content)))


def heard(topic, payload, sealer=sealer):
    """What a reader makes of it: the Opened and its content, or the word under which it is dropped."""
    try:
        opened = sealer.open(topic, payload)
        return opened, sealed.verify(crypto, GROUP, opened)
    except Rejected as rejected:
        return rejected.reason


def test_what_is_sealed_is_opened():
    for slot in SLOTS:
        opened, content = heard(*said(slot, {"a": [1, "é"]}))
        assert (opened.slot, opened.sequence, content) == (slot, 7, {"a": [1, "é"]})


def test_topics():
    """A router that is upgraded must find the others: these never change."""
    topics = [sealer.topic(slot) for slot in SLOTS]
    assert len(set(topics)) == 4
    for topic, reader in zip(topics, (b"", b"", CABIN.public, CABIN.public)):
        start, room, name = topic.split("/")
        assert start == "ipop" and len(room) == len(name) == 26 and topic == topic.lower()
        assert sealer.room(reader) == "ipop/" + room
    assert topics[0] == "ipop/62ghj5evmjpbfmd5njz8nmgrtb/e863y9cf6sxzd8720ezanc8eww"


def test_the_format_to_the_byte():
    slot = Slot(LETTER, DEN.public, CABIN.public, "meet")
    topic, payload = said(slot, {"a": 1}, sequence=0x0102030405060708)
    key = crypto.hmac_sha256(SECRET, b"seal")
    body = crypto.xunseal(key, payload[:24], topic.encode(), payload[24:])
    signed = b"\1\2\3\4\5\6\7\x08" + b"\x45" + b"\4" + DEN.public + CABIN.public + b"meet" + b'{"a": 1}'
    assert body[64:] == signed
    assert crypto.verify(DEN.public, b"ipop signal 1" + GROUP + signed, body[:64])


def test_the_same_thing_said_twice_looks_different():
    assert said(SLOTS[0], {})[1] != said(SLOTS[0], {})[1]


def test_one_altered_bit():
    topic, payload = said(SLOTS[0], {"a": 1})
    for i in range(len(payload)):
        altered = bytearray(payload)
        altered[i] ^= 1 << i % 8
        assert heard(topic, bytes(altered)) == "signal-forged"


def test_every_length_and_garbage():
    topic, payload = said(SLOTS[0], {"a": 1})
    for n in range(len(payload)):
        assert heard(topic, payload[:n]) == "signal-forged"
    assert heard(topic, payload + b"\0") == "signal-forged"
    dice = Dice(5)
    for _ in range(200):
        assert heard(topic, dice.bytes(dice.below(300))) == "signal-forged"
    assert heard(topic, bytes(PAYLOAD_MAX + 1)) == "signal-oversized"
    assert heard(topic, bytes(1 << 20)) == "signal-oversized"


def test_a_payload_on_another_topic():
    topics = [sealer.topic(slot) for slot in SLOTS]
    for slot in SLOTS:
        topic, payload = said(slot, {})
        assert [heard(other, payload) for other in topics if other != topic] == ["signal-forged"] * 3


def test_a_member_who_writes_where_it_should_not():
    """It has the secret, so it can seal anything for any topic."""
    for slot in SLOTS:
        for other in SLOTS:
            if slot is not other:
                body = sealed.sign(DEN, GROUP, slot, 7, b"{}")
                topic = sealer.topic(other)
                assert heard(topic, sealer.seal(topic, body)) == "signal-misplaced"


def test_a_member_who_writes_as_another():
    for slot in SLOTS:
        assert heard(*said(slot, {}, identity=CABIN)) == "signal-bad-signature"


def test_what_was_said_in_another_group():
    assert heard(*said(SLOTS[0], {}, group=bytes(32))) == "signal-bad-signature"


def test_a_member_who_alters_what_another_said():
    topic = sealer.topic(SLOTS[0])
    body = sealed.sign(DEN, GROUP, SLOTS[0], 7, b'{"a": 1}')
    for i in range(len(body)):
        altered = bytearray(body)
        altered[i] ^= 1
        word = heard(topic, sealer.seal(topic, bytes(altered)))
        assert word in ("signal-bad-signature", "signal-misplaced", "signal-unknown-slot", "signal-bad-content"), i
        cut = heard(topic, sealer.seal(topic, body[:i]))
        assert cut in ("signal-bad-signature", "signal-unknown-slot", "signal-bad-content"), i


def test_slots_that_nobody_has():
    topic = sealer.topic(SLOTS[0])
    for packed in (b"", b"\1", b"\1" + bytes(31), b"\1" + bytes(33), b"\3" + bytes(64), b"\4" + bytes(64) + b"A",
                   b"\4" + bytes(64) + b"\xff", b"\3" + bytes(64) + b"a" * 33, b"\0" + bytes(32), b"\6" + bytes(32)):
        body = bytes(64) + bytes(8) + bytes([len(packed)]) + packed + b"{}"
        assert heard(topic, sealer.seal(topic, body)) == "signal-unknown-slot", packed


def test_content_that_is_no_object():
    """From a member whose program is another, or that means harm."""
    contents = [b"", b"[]", b"5", b"null", b'"x"', b"\xff\xfe", b"{x", b"[" * 15_000, b'{"a":' * 3000, b"9" * 15_000]
    for data in contents:
        topic = sealer.topic(SLOTS[0])
        body = sealed.sign(DEN, GROUP, SLOTS[0], 7, data)
        assert heard(topic, sealer.seal(topic, body)) == "signal-bad-content", data[:9]


def test_too_much_to_say():
    assert len(said(Slot(LETTER, DEN.public, CABIN.public, "p" * 32), {"x": "y" * 15_991})[1]) <= PAYLOAD_MAX
    try:
        said(SLOTS[0], {"x": "y" * 15_992})
        refused = None
    except ValueError as error:
        refused = str(error)
    assert refused == "16001 bytes are too many for one message"


def test_another_secret_is_another_world():
    other = Sealer(crypto, bytes(32))
    for slot in SLOTS:
        topic, payload = said(slot, {})
        assert other.topic(slot) != topic and other.room(slot.reader) != sealer.room(slot.reader)
        assert heard(topic, payload, other) == "signal-forged"


def test_nothing_shows_who_it_is():
    """All that the broker ever gets, in one string: it has no key, no name and no word of what was said."""
    group = Group("den", "cabin").connect()
    den, cabin = group.members
    den.announce({"candidates": ["203.0.113.7:51820"], "release": "0.1.0"})
    den.mail(cabin, "meet", {"please": "call me"}, keep=True)
    den.mail(cabin, "relay", {"please": "call me"})
    group.inject(*den.signalling.will())
    assert len(group.broker.log) == 5  # one clears the letter
    seen = b"".join([publish.topic.encode() + publish.payload for publish in group.broker.log])
    for word in (b"203.0.", b"call", b"meet", b"relay", b"0.1.0", group.key[:8], den.key[:8], cabin.key[:8]):
        assert word not in seen, word
