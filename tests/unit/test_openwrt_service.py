"""A Plan on OpenWrt is made true by others: the daemon says what it wants, looks whether it is so, and asks again."""

from test_wishes import LAN, Told, plan

from ipop.openwrt import service
from ipop.openwrt.service import ASK_EVERY, PATIENCE, OpenWrtService

THERE = [("br-ipop0", "10.77.5.1", 16)]


class Router(Told):
    def __init__(self):
        Told.__init__(self)
        self.there = []
        service.interfaces = self
        self.service = OpenWrtService("friends", "ipop0", self.wishes, self._set_problem)
        self.service.configure(plan("friends", "ipop0"), 0)

    def networks(self):
        return self.there

    def pass_time(self, ms):
        """The errands meanwhile."""
        errands = []
        until = self.now + ms
        while self.now < until:
            errands += self.later()[1]
            if self.service.poll_timeout() is not None and self.now >= self.service.poll_timeout():
                self.service.handle_turn(self.now)
        return errands


def test_what_comes_soon_is_asked_for_once():
    router = Router()
    assert router.pass_time(2_000) == [LAN]
    router.there = THERE
    assert router.pass_time(10 * ASK_EVERY) == [] and router.problems == {}


def test_what_does_not_come_is_told_and_asked_for_again():
    router = Router()
    router.pass_time(PATIENCE - 1_000)
    assert router.problems == {}
    assert router.pass_time(2 * ASK_EVERY + 20_000).count(LAN) == 3
    assert router.problems["friends bridge"][:58] == "friends: br-ipop0 has not got the address 10.77.5.1 yet: '"
    router.there = THERE
    router.pass_time(11_000)
    assert router.problems == {}


def test_what_somebody_takes_away_is_noticed():
    router = Router()
    router.there = THERE
    router.pass_time(60_000)
    router.there = []
    assert router.pass_time(2 * PATIENCE) == [LAN] and "friends bridge" in router.problems


def test_an_end_takes_nothing_away_and_leaving_does():
    router = Router()
    router.pass_time(1_000)
    router.service.close()
    router.wishes.close()
    assert router.later()[0] == ["friends"]
    router.service.configure(None, router.now)
    assert router.later() == ([], [LAN]) and router.service.poll_timeout() is None
