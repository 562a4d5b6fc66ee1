"""One line lets a friend in: it survives being copied, and when it was damaged on the way it says so. What is asked and
answered with it, only the two routers can read."""

from ipop.errors import Rejected, UserError
from ipop.group import identity, invite, line
from ipop.group.invite import Invite
from ipop.ports import crypto

OWNER = identity.Identity(crypto, bytes(32))
ADMIN = identity.Identity(crypto, b"\x01" * 32)
DEN = identity.Identity(crypto, b"\x02" * 32)
SECRET = bytes(range(16))
NONCE = b"n" * 16
BROKER = "mqtts://home.example:8883"
TOPIC = invite.request_topic(crypto, SECRET, DEN.public)
NOON = 1_790_000_000_000  # ms since 1970
FACTS = {
    "group": OWNER.public,
    "issuer": OWNER.public,
    "secret": SECRET,
    "expires": NOON // 1000 + 3600,
    "name": "friends",
    "brokers": [BROKER],
}


def made(**changes):
    return Invite(**dict(FACTS, **changes))


BY_OWNER = made()
BY_ADMIN = made(issuer=ADMIN.public, expires=0, brokers=[BROKER, "mqtt://192.0.2.1"])


def complaint(text):
    try:
        invite.parse(crypto, text)
    except UserError as error:
        return error.message
    raise AssertionError("accepted: " + text)


def refused(call, *args):
    try:
        call(*args)
    except Rejected as rejected:
        return rejected.reason
    raise AssertionError("accepted")


# --- the line


def test_what_was_written_is_read():
    for each in (BY_OWNER, BY_ADMIN, made(brokers=[]), made(name="x" * 63)):
        assert invite.parse(crypto, invite.encode(crypto, each)) == each


def test_it_fits_into_a_chat():
    text = invite.encode(crypto, BY_OWNER)
    assert text.startswith("ipop1-") and len(text) < 160
    assert not text.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_chat_may_break_it():
    text = invite.encode(crypto, BY_OWNER)
    assert invite.parse(crypto, " " + text[:70] + "\r\n  " + text[70:] + "\n") == BY_OWNER


def test_one_wrong_letter_is_told():
    text = invite.encode(crypto, BY_ADMIN)
    for i in range(len(text)):
        for letter in "Ax-":
            wrong = text[:i] + letter + text[i + 1 :]
            if wrong != text:
                told = "the invite is damaged" if i > 3 else "this is no invite"
                assert told in complaint(wrong), wrong


def test_a_part_of_it_is_told():
    text = invite.encode(crypto, BY_OWNER)
    for part in (text[:-1], text[:40], text[:7], "ipop1-", text + "A", text + text[6:]):
        assert "the invite is damaged: a letter of it is wrong or missing" in complaint(part), part
    for part in ("", "hello", text[6:]):
        assert "this is no invite: one begins with 'ipop1-'" in complaint(part), part


def test_other_lines_are_told_apart():
    recovery = line.encode(crypto, line.RECOVERY, bytes(40))
    assert complaint(recovery).endswith("try 'ipop restore'")
    body = b"\x02" + bytes(40)
    newer = "ipop2-" + line._base64(body + crypto.sha256(body)[:4])
    assert "is of version 2, and this ipop knows version 1: upgrade it" in complaint(newer)


def test_what_nobody_can_have_meant_is_refused():
    good = line.decode(crypto, line.INVITE, invite.encode(crypto, BY_OWNER))
    wrong = [b"", good[:-1], good + b"\x00", b"\x01" + b"\x02" + bytes(31) + good[33:], b"\x00" + good[1:]]
    for name in ("", " a", "x~new", "\x1b[2J"):
        wrong.append(line.decode(crypto, line.INVITE, invite.encode(crypto, made(name=name))))
    for brokers in ([BROKER] * 9, ["http://home.example"], ["mqtt://"]):
        wrong.append(line.decode(crypto, line.INVITE, invite.encode(crypto, made(brokers=brokers))))
    for body in wrong:
        assert "makes no sense" in complaint(again(body)), body


def again(body):
    """A line with a checksum that is right."""
    return line.encode(crypto, line.INVITE, body)


def test_an_expired_invite_is_told_if_the_clock_can_be_right():
    expired = made(expires=NOON // 1000 - 7200)
    try:
        invite.check_expiry(expired, NOON)
        raise AssertionError
    except UserError as error:
        assert error.message.startswith("the invite expired 2 h ago by this router's clock")
    for wall in (0, 1_000_000, 5_000_000_000_000):  # a router that has just started, or with a broken clock
        invite.check_expiry(expired, wall)
    invite.check_expiry(BY_OWNER, NOON)
    invite.check_expiry(BY_ADMIN, NOON)


def test_an_invite_for_another_group_than_was_meant_is_told():
    for name in ("", "friends"):
        invite.check_group(BY_OWNER, name)
    try:
        invite.check_group(BY_OWNER, "club")
        raise AssertionError
    except UserError as error:
        assert error.message == "this invite is for the group 'friends', not for 'club': nothing was done"


# --- the request


def ask(by=BY_ADMIN, name="den"):
    return invite.seal_request(crypto, by, DEN, NONCE, name, "0.1.0")


def test_a_request_reaches_the_issuer():
    assert invite.open_request(crypto, SECRET, ADMIN, TOPIC, ask()) == (OWNER.public, DEN.public, "den", NONCE, "0.1.0")
    assert invite.open_request(crypto, SECRET, OWNER, TOPIC, ask(BY_OWNER, "grandma's attic")).name == "grandma's attic"


def test_a_request_shows_nothing():
    first, second = ask(), ask()
    for seen in (first, second):
        for part in (DEN.public, OWNER.public, b"den", SECRET, NONCE, DEN.wg_public):
            assert part not in seen
    assert first[:32] != second[:32], "nobody can tell that it is the same router that asks again"


def test_only_the_issuer_can_read_it():
    for secret, reader in ((SECRET, OWNER), (SECRET, DEN), (bytes(16), ADMIN)):
        assert refused(invite.open_request, crypto, secret, reader, TOPIC, ask()) == "join-forged"


def test_no_altered_request_is_read():
    payload = ask()
    for i in range(len(payload)):
        altered = payload[:i] + bytes([payload[i] ^ 0x40]) + payload[i + 1 :]
        assert refused(invite.open_request, crypto, SECRET, ADMIN, TOPIC, altered) == "join-forged"
    for n in (0, 1, 31, 32, 33, 48, 130, len(payload) - 1):
        assert refused(invite.open_request, crypto, SECRET, ADMIN, TOPIC, payload[:n]) == "join-forged"
    low_order = bytes(200)
    assert refused(invite.open_request, crypto, SECRET, ADMIN, TOPIC, low_order) == "join-forged"


def test_a_request_is_good_in_its_own_place_only():
    others = invite.request_topic(crypto, SECRET, ADMIN.public)
    assert refused(invite.open_request, crypto, SECRET, ADMIN, others, ask()) == "join-forged", "a broker moved it"
    own = invite.request_topic
    invite.request_topic = lambda *args: others
    payload = ask()  # somebody with the line sits down in another's place
    invite.request_topic = own
    assert refused(invite.open_request, crypto, SECRET, ADMIN, others, payload) == "join-misplaced"


def test_nobody_asks_in_anothers_name():
    class Thief:
        public = DEN.public
        sign = ADMIN.sign

    payload = invite.seal_request(crypto, BY_ADMIN, Thief, NONCE, "den", "0.1.0")
    assert refused(invite.open_request, crypto, SECRET, ADMIN, TOPIC, payload) == "join-bad-signature"


def test_names_that_could_do_harm_are_refused():
    for name in ("", "x" * 64, "a\nb", "a~b", "\x1b[2J", " a", 5, None):
        assert refused(invite.open_request, crypto, SECRET, ADMIN, TOPIC, ask(name=name)) == "join-bad-content", name


# --- the answer



def request(group=OWNER.public, nonce=NONCE):
    return invite.Request(group, DEN.public, "den", nonce, "0.1.0")


def answer(**changes):
    return invite.seal_answer(crypto, SECRET, ADMIN, request(**changes), {"result": "pending"})


def read(payload, nonce=NONCE, of=BY_ADMIN, reader=DEN):
    return invite.open_answer(crypto, of, reader, nonce, payload)


def test_an_answer_reaches_the_joiner():
    assert read(answer()) == {"result": "pending"}


def test_only_the_joiner_can_read_it_and_only_for_its_own_nonce():
    assert refused(read, answer(), b"m" * 16) == "join-forged"
    assert refused(read, answer(), NONCE, BY_ADMIN, OWNER) == "join-forged"
    assert refused(read, answer(), NONCE, BY_OWNER) == "join-forged"
    assert refused(read, answer(nonce=b"m" * 16)) == "join-forged"
    assert refused(read, answer(group=DEN.public)) == "join-bad-signature"


def test_no_altered_answer_is_read():
    payload = answer()
    for i in range(len(payload)):
        assert refused(read, payload[:i] + bytes([payload[i] ^ 1]) + payload[i + 1 :]) == "join-forged"
        assert refused(read, payload[:i]) == "join-forged"


def test_topics_say_nothing_and_differ():
    topics = [
        TOPIC.rpartition("/")[2],
        invite.request_topic(crypto, SECRET, ADMIN.public).rpartition("/")[2],
        invite.request_room(crypto, SECRET)[5:],
        invite.request_room(crypto, bytes(16))[5:],
        invite.answer_topic(crypto, SECRET, DEN.public)[5:],
        invite.answer_topic(crypto, SECRET, ADMIN.public)[5:],
    ]
    assert len(set(topics)) == 6
    for topic in topics:
        assert len(topic) == 26 and "/" not in topic
    assert TOPIC.rpartition("/")[0] == invite.request_room(crypto, SECRET), "the issuer hears all who ask"
