"""Who floods a router with handshakes gets cookies instead of answers; who can show a cookie gets in."""

from pair import SUITES, Dice, RepeatableCrypto

from ipop.ports import crypto as port
from ipop.wg import messages
from ipop.wg.cookie import COOKIE_LIFE, CookieChecker, CookieJar
from ipop.wg.suites import suites

HOME = ("203.0.113.7", 51820)
NEXT_PORT = ("203.0.113.7", 51821)
AWAY = ("2001:db8::7", 51820)
KEY = port.dh_base(bytes(range(32)))


class Exchange:
    """A caller's jar and a responder's checker."""

    def __init__(self, suite):
        self.crypto = RepeatableCrypto(Dice(5))
        self.suite = suites(self.crypto)[suite]
        self.jar = CookieJar(self.suite, self.crypto, KEY)
        self.checker = CookieChecker(self.suite, self.crypto, KEY)

    def call(self, now=0):
        return self.jar.sign(messages.initiation(self.suite, 77, bytes(108)), now)

    def fetch_cookie(self, addr=HOME, now=0):
        reply = self.checker.reply(self.call(now), addr, now)
        _, nonce, sealed = messages.parse_cookie_reply(reply)
        assert self.jar.keep(nonce, sealed, now)


def in_both_suites(story):
    for suite in SUITES:
        story(Exchange(suite))


def test_mac1_shows_that_a_message_is_for_us():
    def story(exchange):
        message = exchange.call()
        assert len(message) == 148
        assert exchange.checker.is_for_us(message)
        another = CookieChecker(exchange.suite, exchange.crypto, port.dh_base(bytes(32)))
        assert not another.is_for_us(message)

    in_both_suites(story)


def test_without_a_cookie_mac2_is_zero_and_proves_nothing():
    def story(exchange):
        message = exchange.call()
        assert message[-16:] == bytes(16)
        assert not exchange.checker.proves_address(message, HOME, 0)

    in_both_suites(story)


def test_a_cookie_proves_the_address_that_it_was_sent_to_and_no_other():
    def story(exchange):
        exchange.fetch_cookie(HOME)
        message = exchange.call()
        assert exchange.checker.proves_address(message, HOME, 0)
        assert not exchange.checker.proves_address(message, NEXT_PORT, 0)
        assert not exchange.checker.proves_address(message, AWAY, 0)
        assert exchange.checker.is_for_us(message)

    in_both_suites(story)


def test_mac2_covers_the_message():
    def story(exchange):
        exchange.fetch_cookie()
        message = bytearray(exchange.call())
        message[40] ^= 1
        assert not exchange.checker.proves_address(bytes(message), HOME, 0)

    in_both_suites(story)


def test_both_sides_forget_a_cookie_after_two_minutes():
    def story(exchange):
        exchange.fetch_cookie(now=0)
        late = exchange.call(COOKIE_LIFE - 1)
        assert exchange.checker.proves_address(late, HOME, COOKIE_LIFE - 1)
        assert not exchange.checker.proves_address(late, HOME, COOKIE_LIFE)
        assert exchange.call(COOKIE_LIFE)[-16:] == bytes(16)

    in_both_suites(story)


def test_a_reply_says_who_it_is_for():
    def story(exchange):
        reply = exchange.checker.reply(exchange.call(), HOME, 0)
        assert len(reply) == 64
        assert reply[:4] == (messages.COOKIE + exchange.suite.header).to_bytes(4, "little")
        assert messages.parse_cookie_reply(reply)[0] == 77

    in_both_suites(story)


def test_a_reply_counts_once_and_only_for_the_last_message():
    """Whoever records replies can't hand us an old cookie, which would keep us out while the responder is busy."""

    def story(exchange):
        old = exchange.checker.reply(exchange.call(), HOME, 0)
        exchange.jar.sign(messages.initiation(exchange.suite, 78, bytes(108)), 0)
        assert not exchange.jar.keep(*messages.parse_cookie_reply(old)[1:], 0)
        new = exchange.checker.reply(exchange.call(), HOME, 0)
        assert exchange.jar.keep(*messages.parse_cookie_reply(new)[1:], 0)
        assert not exchange.jar.keep(*messages.parse_cookie_reply(new)[1:], 0)

    in_both_suites(story)


def test_a_forged_reply_changes_nothing():
    def story(exchange):
        reply = exchange.checker.reply(exchange.call(), HOME, 0)
        for i in range(8, 64):
            forged = reply[:i] + bytes([reply[i] ^ 1]) + reply[i + 1 :]
            assert not exchange.jar.keep(*messages.parse_cookie_reply(forged)[1:], 0)
        assert exchange.jar.keep(*messages.parse_cookie_reply(reply)[1:], 0)

    in_both_suites(story)


def test_a_jar_that_never_sent_anything_takes_nothing():
    def story(exchange):
        assert not exchange.jar.keep(bytes(24), bytes(32), 0)

    in_both_suites(story)
