"""Whatever is thrown at a node is dropped under its own word, which `ipop status` shows, and the session goes on.

`recorded` gives a pair with a session and a genuine message of each type that has not arrived yet. The tables say
what happens to it when it is changed, cut, made longer, made with another key, or sent twice.
"""

import struct

from pair import COOKIE, DATA, ELSEWHERE, INITIATION, OTHER, RESPONSE, SUITES, Dice, Pair, ethernet, everything, ipv4

from ipop.ports import crypto
from ipop.wg.cookie import CookieJar
from ipop.wg.messages import TRANSPORT_MAX
from ipop.wg.suites import suites
from ipop.wire import ethernet as wire_ethernet
from ipop.wire import ip, payload

KINDS = (INITIATION, RESPONSE, COOKIE, DATA)
ALL = 1 << 30  # beyond the end of any message
BEFORE_MAC2 = -16

# byte by byte: what a flipped bit makes of a message, up to (not including) an offset
FLIPPED = {
    INITIATION: ((4, "unknown-type"), (132, "bad-mac")),  # mac2, the rest, counts only under load
    RESPONSE: ((4, "unknown-type"), (8, "bad-mac"), (12, "unexpected-response"), (76, "bad-mac")),
    COOKIE: ((4, "unknown-type"), (8, "unexpected-cookie"), (ALL, "bad-cookie")),
    DATA: ((4, "unknown-type"), (8, "unknown-session"), (ALL, "forged")),
}
SENT_TWICE = {
    INITIATION: "replayed-initiation",
    RESPONSE: "unexpected-response",
    COOKIE: "bad-cookie",
    DATA: "replayed",
}
OF_ANOTHER_PAIR = {
    INITIATION: "bad-mac",
    RESPONSE: "unexpected-response",
    COOKIE: "unexpected-cookie",
    DATA: "unknown-session",
}
WITH_ANOTHER_KEY = {RESPONSE: "bad-handshake", COOKIE: "bad-cookie", DATA: "forged"}
RECEIVER_AT = {RESPONSE: 8, COOKIE: 4, DATA: 4}


def set_budget(side, suite, handshakes):
    """That many handshake messages are taken now."""
    budget = side.node._tunnel._budgets[suite]
    budget._level, budget._at = 1000 * handshakes, side.net.now


def recorded(suite, kind, seed=1):
    """(pair, whom it is for, the message): the pair has a session, and renews its keys with the handshake messages."""
    pair = Pair(suite, both=True, seed=seed)
    pair.lose = lambda sent: sent.sender == "b" and sent.kind == INITIATION
    pair.connect()
    pair.run_until(110_000 if kind == DATA else 125_000)
    if kind == COOKIE:
        set_budget(pair.b, suite, 0)
    lost_from = "b" if kind in (RESPONSE, COOKIE) else "a"
    pair.lose = lambda sent: sent.sender == lost_from and sent.kind == kind
    pair.a.say(b"to b")
    pair.collect()
    while pair._flights:  # not a millisecond passes
        pair.run()
    pair.lose = None
    victim = pair.a if lost_from == "b" else pair.b
    pair.b.got.clear()
    return pair, victim, pair.last(pair.other(victim), kind)


def in_all_cases(story):
    for suite in SUITES:
        for kind in KINDS:
            pair, victim, message = recorded(suite, kind)
            story(kind, victim, message)
            set_budget(pair.a, suite, 10)
            set_budget(pair.b, suite, 10)
            pair.run(1)
            assert pair.carries(), (suite, kind)
            pair.run(20_000)
            assert pair.carries(), (suite, kind)


def flipped(message, i):
    return message[:i] + bytes([message[i] ^ 0x80]) + message[i + 1 :]


# --- the table


def test_the_recorded_messages_are_genuine():
    def story(kind, victim, message):
        assert victim.verdict(message) == "", kind

    in_all_cases(story)


def test_a_flipped_bit():
    def story(kind, victim, message):
        i = 0
        for end, reason in FLIPPED[kind]:
            while i < min(end, len(message)):
                assert victim.verdict(flipped(message, i)) == reason, (kind, i)
                i += 1

    in_all_cases(story)


def test_a_truncated_message():
    def story(kind, victim, message):
        for n in range(len(message)):
            reason = "forged" if kind == DATA and n >= 32 else "truncated"
            assert victim.verdict(message[:n]) == reason, (kind, n)

    in_all_cases(story)


def test_an_oversized_message():
    def story(kind, victim, message):
        for more in (1, 16, 1000):
            reason = "forged" if kind == DATA else "oversized"
            assert victim.verdict(message + bytes(more)) == reason, (kind, more)
        for size in (TRANSPORT_MAX + 1, 9000, 65507):
            assert victim.verdict(message + bytes(size - len(message))) == "oversized", (kind, size)

    in_all_cases(story)


def test_a_repeated_message():
    def story(kind, victim, message):
        assert victim.verdict(message) == ""
        victim.net.run()
        for addr in (None, ELSEWHERE):
            assert victim.verdict(message, addr) == SENT_TWICE[kind], kind

    in_all_cases(story)


def test_a_message_of_another_pair():
    for suite in SUITES:
        for kind in KINDS:
            _, _, message = recorded(suite, kind, seed=77)
            pair, victim, _ = recorded(suite, kind)
            assert victim.verdict(message) == OF_ANOTHER_PAIR[kind], (suite, kind)
            assert pair.carries()


def test_a_message_made_with_another_key_but_addressed_rightly():
    """Indices are sent in clear and our public key is no secret: anybody can use both."""
    for suite in SUITES:
        for kind, reason in WITH_ANOTHER_KEY.items():
            _, _, message = recorded(suite, kind, seed=77)
            pair, victim, true = recorded(suite, kind)
            at = RECEIVER_AT[kind]
            forged = message[:at] + true[at : at + 4] + message[at + 4 :]
            if kind == RESPONSE:
                forged = signed(forged, suite, victim)
            assert victim.verdict(forged) == reason, (suite, kind)
            assert victim.verdict(true) == "", (suite, kind)
            assert pair.carries()


def test_a_call_from_somebody_who_is_not_configured():
    for suite in SUITES:
        pair = Pair(suite)
        pair.b.configure([])
        if suite == "blake2s":
            pair.b.knows(Pair(suite, seed=77).a, suite)  # without any stock peer it would not be looked at
        pair.a.say(b"let me in")
        pair.run()
        assert pair.b.dropped == {"unknown-peer": 1}
        assert pair.sent(pair.b, RESPONSE) == []


def test_a_call_in_the_other_suite():
    """Whoever is configured as one of ours is not let in as a stock peer, nor the other way round."""
    for ours, theirs in (("sha256", "blake2s"), ("blake2s", "sha256")):
        pair = Pair(ours)
        pair.b.configure([])
        pair.b.knows(pair.a, theirs)
        pair.b.knows(Pair(seed=77).a, "blake2s")
        pair.a.say(b"let me in")
        pair.run()
        assert pair.b.dropped == {"unknown-peer": 1}


def test_stock_messages_where_no_stock_peer_is_configured():
    """On a small router each would cost up to a second; they are not even looked at."""
    pair = Pair("blake2s")
    pair.b.configure([])
    pair.b.knows(Pair(seed=77).a, "sha256")
    pair.a.say(b"let me in")
    pair.run()
    assert pair.b.dropped == {"no-stock-peers": 1}


def signed(message, suite, receiver):
    """A handshake message with a true mac1, which anybody can make who knows whom it is for."""
    return CookieJar(suites(crypto)[suite], crypto, receiver.public_key).sign(message[:-32], 0)


def test_a_flipped_bit_under_a_true_mac1():
    """One who knows our public key gets to the next gate and no further."""
    for suite in SUITES:
        for kind, begin, end in ((INITIATION, 8, 116), (RESPONSE, 12, 60)):
            pair, victim, message = recorded(suite, kind)
            for i in range(begin, end):
                set_budget(victim, suite, 5)
                forged = signed(flipped(message, i), suite, victim)
                assert victim.verdict(forged) == "bad-handshake", (kind, i)
            assert victim.verdict(message) == ""
            assert pair.carries()


def test_a_key_of_low_order_under_a_true_mac1():
    for suite in SUITES:
        for kind, at in ((INITIATION, 8), (RESPONSE, 12)):
            pair, victim, message = recorded(suite, kind)
            forged = signed(message[:at] + bytes(32) + message[at + 32 :], suite, victim)
            assert victim.verdict(forged) == "bad-key", (suite, kind)
            assert pair.carries()


def test_mac2_counts_under_load_only():
    for suite in SUITES:
        pair, victim, message = recorded(suite, INITIATION)
        forged = message[:-16] + b"?" * 16
        set_budget(victim, suite, 0)
        assert victim.verdict(forged) == "under-load"
        set_budget(victim, suite, 1)
        assert victim.verdict(forged) == ""
        assert pair.carries()


def test_types_that_nobody_knows():
    pair = Pair("sha256", both=True).connect()
    for n in list(range(1, 4)) + [32, 64, 92, 148, 1500]:
        for first in [0] + list(range(5, 256)):
            assert pair.b.verdict(bytes([first]) + bytes(n)) in ("unknown-type", "truncated"), (first, n)
    stun = struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12)
    assert pair.b.verdict(stun) == "unknown-type"
    assert pair.b.verdict(b"") == "truncated"
    assert pair.b.dropped["unknown-type"] > 1000
    assert pair.carries()


def test_what_was_recorded_in_an_earlier_life_is_worthless():
    """All of a session's datagrams, sent again to both sides a long time after."""
    for suite in SUITES:
        pair = Pair(suite, both=True).connect()
        pair.talk(5_000)
        old = [(sent.sender, sent.data) for sent in pair.log]
        pair.run(600_000)
        pair.talk(3_000)
        pair.a.got.clear()
        pair.b.got.clear()
        for sender, data in old:
            victim = pair.b if sender == "a" else pair.a
            assert victim.verdict(data) != ""
        assert pair.a.got == pair.b.got == []
        assert pair.carries()


# --- a member that is hostile: its packets are genuine, what they carry is not


def sealed(session, plaintext):
    """A transport message as somebody makes it who does not pad."""
    counter = struct.pack("<Q", session.counter)
    session.counter += 1
    key = bytes(session._keys[:32])
    content = crypto.seal(key, bytes(4) + counter, b"", plaintext)
    return struct.pack("<II", session.header, session._remote_index) + counter + content


def carried(pair, plaintext):
    """What becomes of it when `a` sends this inside the session: (verdict, frames that reached b's LAN)."""
    pair.b.frames.clear()
    word = pair.b.verdict(sealed(pair.session(pair.a), plaintext))
    pair.run()
    return word, list(pair.b.frames)


def frame_payload(frame, length=None):
    return struct.pack(">BBH", payload.FRAME, 0, len(frame) if length is None else length) + frame


def test_what_a_member_may_not_put_into_a_tunnel():
    pair = Pair("sha256", both=True).connect()
    good = ethernet(pair.b.mac, pair.a.mac, OTHER, bytes(46))
    stp = ethernet(b"\x01\x80\xc2\0\0\0", pair.a.mac, OTHER, bytes(46))
    group = ethernet(pair.b.mac, b"\xff" * 6, OTHER, bytes(46))
    for plaintext, reason in (
        (frame_payload(good, 200), "bad-payload"),
        (frame_payload(good, 0xFFFF), "bad-payload"),
        (frame_payload(b""), "bad-frame"),
        (frame_payload(good[:13]), "bad-frame"),
        (frame_payload(good + bytes(1522)), "bad-frame"),
        (frame_payload(stp), "guard-control"),
        (frame_payload(group), "bad-source"),
        (b"\x45" + bytes(31), "unknown-payload"),
        (b"\0" * 16, "unknown-payload"),
        (b"\x02" + bytes(31), "bad-piece"),
        (b"\x05" + bytes(31), "unknown-payload"),
        (b"\x03" + bytes(31), "bad-payload"),
        (b"\x03\x01\x00\x08" + bytes(28), "bad-payload"),
        (b"\x03\x01\x00\x09" + bytes(28), "relay-unwilling"),
        (b"\x03\x01\xff\xff" + bytes(28), "bad-payload"),
        (b"\x01", "bad-payload"),
        (b"\x04\x01\x00", "bad-payload"),
        (b"\x04\x00\x00\x00", "unknown-control"),
        (b"\x04\x63\x00\x00", "unknown-control"),
        (b"\x04\x01\x00\x04" + bytes(12), "bad-payload"),
        (b"\x04\x02\x00\x07" + bytes(12), "bad-payload"),
        (b"\x04\x03\x00\x08" + bytes(12), "unexpected-pong"),
        (b"\x04\x03\x00\x00" + bytes(12), "unexpected-pong"),
        (b"\x04\x02\xff\xff" + bytes(12), "bad-payload"),
    ):
        assert carried(pair, plaintext) == (reason, []), (reason, plaintext[:4])
    assert carried(pair, frame_payload(good)) == ("", [good])
    assert carried(pair, frame_payload(good + bytes(1522 - len(good)))) == ("", [good + bytes(1522 - len(good))])
    assert pair.carries()


def test_what_a_stock_peer_may_not_send():
    pair = Pair("blake2s", both=True).connect()
    a, b = pair.a.ip, pair.b.ip
    stranger = b"\xc0\xa8\x01\x01"
    good = ipv4(a, b, b"good")
    ipv6 = struct.pack(">IHBB", 6 << 28, 8, 58, 255) + bytes(15) + b"\x01" + bytes(15) + b"\x02" + bytes(8)
    for plaintext, reason in (
        (ipv4(stranger, b, b"forged"), "not-allowed"),
        (ipv6, "not-allowed"),
        (good[:19], "bad-packet"),
        (good[:1], "bad-packet"),
        (ipv6[:39], "bad-packet"),
        (b"\x45\0\xff\xff" + good[4:], "bad-packet"),
        (b"\x45\0\0\x13" + good[4:], "bad-packet"),
        (ipv4(a, b, bytes(1600)), "bad-packet"),
        (b"\x01\0\0\x0e" + bytes(28), "unknown-payload"),
        (payload.control(payload.PING, bytes(8)), "unknown-payload"),
        (b"\x04\x01\0\x05" + bytes(12), "unknown-payload"),
        (b"\x50" + good[1:], "unknown-payload"),
        (bytes(16), "unknown-payload"),
    ):
        assert carried(pair, plaintext) == (reason, []), (reason, plaintext[:4])
    word, frames = carried(pair, good)
    assert word == "" and [frame[14:] for frame in frames] == [good]
    assert frames[0][:6] == pair.b.mac
    assert pair.carries()


# --- chance

ROUNDS = 3_000


def one_more(node, before):
    after = sum(node.dropped.values())
    return after - before


def test_noise():
    """Thousands of datagrams without sense: each is one more in `dropped`, and nothing else happens."""
    dice = Dice(2024)
    pair = Pair("sha256", both=True).connect()
    pair.b.knows(Pair(seed=77).a, "blake2s")
    sizes = (0, 1, 3, 4, 8, 31, 32, 48, 64, 92, 148, 149, 1400, 2000, 2001)
    heads = (b"", b"\x01\0\0\x01", b"\x01\0\0\0", b"\x02\0\0\x01", b"\x02\0\0\0", b"\x03\0\0\x01", b"\x04\0\0\x01",
             b"\x04\0\0\0", b"\x05\0\0\x01")
    for _ in range(ROUNDS):
        size = sizes[dice.below(len(sizes))] if dice.below(2) else dice.below(200)
        head = heads[dice.below(len(heads))]
        noise = (head + dice.bytes(size))[:size]
        before = sum(pair.b.dropped.values())
        assert pair.b.node.handle_datagram(noise, ELSEWHERE, pair.now) is None
        assert one_more(pair.b.node, before) == 1, noise
    pair.log.clear()
    pair.run()
    assert pair.log == []
    assert pair.carries()


def mutated(dice, data, other):
    """A genuine datagram, spoilt in one of several ways."""
    data = bytearray(data)
    way = dice.below(5)
    if way == 0:
        for _ in range(1 + dice.below(4)):
            data[dice.below(len(data))] ^= 1 << dice.below(8)
    elif way == 1:
        data = data[: dice.below(len(data))]
    elif way == 2:
        data = data + dice.bytes(1 + dice.below(64))
    elif way == 3:
        cut = dice.below(min(len(data), len(other)))
        data = data[:cut] + other[cut:]
    else:
        at = dice.below(len(data))
        data = data[:at] + dice.bytes(4) + data[at + 4 :]
    return bytes(data)


def test_genuine_datagrams_spoilt():
    """Bits flipped, cut, spliced, made longer: the LAN sees nothing that was not said, and the talk goes on."""
    for suite in SUITES:
        dice = Dice(7)
        pair = Pair(suite, both=True).connect()
        for n in range(ROUNDS // 10):
            pair.lose = everything
            pair.log.clear()
            said = b"%d" % n
            pair.a.say(said)
            pair.b.say(said)
            pair.run(0 if n % 3 else 1_000)
            pair.lose = None
            genuine = [(pair.b if sent.sender == "a" else pair.a, sent.data) for sent in pair.log]
            datagrams = [data for _, data in genuine]
            for victim, data in genuine:
                for _ in range(3):
                    spoilt = mutated(dice, data, genuine[dice.below(len(genuine))][1])
                    if spoilt in datagrams or spoilt[:BEFORE_MAC2] == data[:BEFORE_MAC2] and data[0] in (1, 2):
                        continue  # nothing is spoilt, or mac2, which does not count
                    before = sum(victim.dropped.values())
                    assert victim.node.handle_datagram(spoilt, ELSEWHERE, pair.now) is None
                    assert one_more(victim.node, before) == 1, spoilt
            for victim, data in genuine:
                victim.verdict(data)
            pair.run(50)
        pair.run(10_000)
        assert pair.talk(20_000) == 0, suite


def test_a_member_that_sends_noise_through_its_session():
    """It can fill its own share of our tables, and that is all."""
    for suite in SUITES:
        dice = Dice(11)
        pair = Pair(suite, both=True).connect()
        heads = (b"\x01\0", b"\x01\0\0", b"\x04\x01", b"\x04\x02\0\x08", b"\x04\x03\0\x08", b"\x04", b"\x45\0\0",
                 b"\x45\0\0\x20", b"\x60\0\0\0\0\x08", b"")
        for n in range(ROUNDS):
            plaintext = (heads[dice.below(len(heads))] + dice.bytes(dice.below(120)))[: dice.below(120)]
            if dice.below(3) == 0:
                plaintext = ipv4(pair.a.ip, b"\x0a\0" + dice.bytes(2), plaintext)
            before = sum(pair.b.dropped.values())
            frame = pair.b.node.handle_datagram(
                pair.session(pair.a).seal_bytes(plaintext), pair.a.addr, pair.now
            )
            if frame is not None:
                assert wire_ethernet.HEADER <= len(frame) <= wire_ethernet.FRAME_MAX
                assert not frame[6] & 1
            assert one_more(pair.b.node, before) <= 1
            while pair.b.node.poll_frame() is not None:
                pass
            if n % 500 == 0:
                pair.run(10)
        assert len(pair.b.node.lan.devices()) <= 1024 + 10
        pair.run(5_000)
        assert pair.carries(), suite


def test_a_lan_that_sends_noise():
    """Devices may be broken or hostile too: frames of all sizes and kinds, ARP and neighbour discovery among them."""
    dice = Dice(13)
    pair = Pair("blake2s", both=True).connect()
    ours = Pair(seed=77).b
    pair.a.knows(ours, "sha256", ("192.0.2.99", 1))
    host_mac = pair.a.frame(b"")[:6]
    genuine = (
        ip.arp(ip.ARP_REQUEST, pair.a.mac, pair.a.ip, bytes(6), pair.b.ip),
        ip.arp(ip.ARP_REPLY, pair.a.mac, pair.a.ip, host_mac, pair.b.ip),
        ip.solicitation(pair.a.mac, b"\xfd" + bytes(15), b"\xfd" + bytes(14) + b"\x01"),
        ip.advertisement(pair.a.mac, b"\xfd" + bytes(15), host_mac, b"\xfd" + bytes(14) + b"\x01"),
        pair.a.frame(b"to a stock peer"),
        ethernet(b"\xff" * 6, pair.a.mac, 0x0800, ipv4(pair.a.ip, b"\xff" * 4, b"to all")),
        ethernet(host_mac, pair.a.mac, 0x8100, bytes(60)),
    )
    for n in range(ROUNDS):
        frame, other = [genuine[dice.below(len(genuine))] for _ in range(2)]
        frame = mutated(dice, frame, other) if dice.below(8) else dice.bytes(dice.below(2200))
        pair.a.node.handle_frame(frame, pair.now)
        if n % 500 == 0:
            pair.run(10)
            pair.b.node.handle_timeout(pair.now)
    assert pair.a.dropped["bad-frame"] > 10
    pair.run(10_000)
    pair.a.send_frame(genuine[0])
    pair.b.frames.clear()
    assert pair.carries()
