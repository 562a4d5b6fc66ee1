"""MACs and cookies: how a responder under load makes a caller prove its address.

Whitepaper sections 5.3, 5.4.4 and 5.4.7.

mac1 shows that the caller knows our public key, so that strangers hear nothing from us. mac2 is made with a cookie,
which we hand to the caller's address and don't have to remember: it is a MAC over that address under a secret
of ours that changes every two minutes.
"""

from . import messages

COOKIE_LIFE = 120_000  # ms, the whitepaper's COOKIE_REFRESH_TIME
_NO_MAC = bytes(16)


def _address_bytes(addr):
    return ("%s %d" % (addr[0], addr[1])).encode()


class CookieChecker:
    """The responder's side, for one public key and suite."""

    def __init__(self, suite, crypto, public):
        self._suite = suite
        self._crypto = crypto
        self._mac1_key = suite.hash(b"mac1----" + public)
        self._cookie_key = suite.hash(b"cookie--" + public)
        self._secret = None
        self._secret_born = 0

    def is_for_us(self, message):
        """Whether mac1 of an initiation or response was made with our public key."""
        mac1 = self._suite.mac(self._mac1_key, message[: messages.MAC1])
        return self._crypto.equal(mac1, message[messages.MAC1 : messages.MAC2])

    def proves_address(self, message, addr, now):
        """Whether mac2 was made with the cookie that `addr` got from us."""
        mac2 = self._suite.mac(self._cookie(addr, now), message[: messages.MAC2])
        return self._crypto.equal(mac2, message[messages.MAC2 :])

    def reply(self, message, addr, now):
        """The cookie reply to an initiation or response that came from `addr`."""
        nonce = self._crypto.random(24)
        mac1 = message[messages.MAC1 : messages.MAC2]
        sealed = self._crypto.xseal(self._cookie_key, nonce, mac1, self._cookie(addr, now))
        sender = messages.parse_initiation(message)[0]  # a response has its sender in the same place
        return messages.cookie_reply(self._suite, sender, nonce, sealed)

    def _cookie(self, addr, now):
        if self._secret is None or now - self._secret_born >= COOKIE_LIFE:
            self._secret = self._crypto.random(32)
            self._secret_born = now
        return self._suite.mac(self._secret, _address_bytes(addr))


class CookieJar:
    """The caller's side, for one peer: appends the macs and keeps the cookie that the peer handed out."""

    def __init__(self, suite, crypto, remote):
        self._suite = suite
        self._crypto = crypto
        self._mac1_key = suite.hash(b"mac1----" + remote)
        self._cookie_key = suite.hash(b"cookie--" + remote)
        self._cookie = None
        self._cookie_born = 0
        self._last_mac1 = None

    def sign(self, message, now):
        """The message with both macs."""
        mac1 = self._last_mac1 = self._suite.mac(self._mac1_key, message)
        message += mac1
        if self._cookie is None or now - self._cookie_born >= COOKIE_LIFE:
            return message + _NO_MAC
        return message + self._suite.mac(self._cookie, message)

    def expect_none(self):
        """Our last message was answered: a cookie that comes now is late or a replay."""
        self._last_mac1 = None

    def keep(self, nonce, sealed, now):
        """A cookie reply's content. Returns False, and keeps what it has, if that doesn't answer our last message."""
        if self._last_mac1 is None:
            return False
        cookie = self._crypto.xunseal(self._cookie_key, nonce, self._last_mac1, sealed)
        if cookie is None:
            return False
        self._cookie = cookie
        self._cookie_born = now
        self._last_mac1 = None
        return True
