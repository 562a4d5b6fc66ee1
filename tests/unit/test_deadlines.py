"""Timers fire when they are due, once, and in order; asking often costs nothing that stays."""

from ipop.deadlines import Deadlines


class Sleeper:
    """Wakes up, notes when, and asks again if it was told to."""

    def __init__(self, deadlines, name="", woken=None):
        self.wake_at = None
        self.name = name
        self.woken = [] if woken is None else woken
        self.again = []
        self._deadlines = deadlines

    def handle_timeout(self, now):
        self.woken.append((now, self.name) if self.name else now)
        if self.again:
            self._deadlines.wake(self, self.again.pop(0))


def test_an_owner_is_woken_once():
    deadlines = Deadlines()
    sleeper = Sleeper(deadlines)
    deadlines.wake(sleeper, 50)
    assert deadlines.poll_timeout() == 50
    deadlines.handle_timeout(49)
    assert sleeper.woken == []
    deadlines.handle_timeout(50)
    deadlines.handle_timeout(51)
    assert sleeper.woken == [50]
    assert deadlines.poll_timeout() is None


def test_an_owner_may_ask_for_earlier_but_not_for_later():
    deadlines = Deadlines()
    sleeper = Sleeper(deadlines)
    for when in (50, 80, 20, 30):
        deadlines.wake(sleeper, when)
    assert deadlines.poll_timeout() == 20
    deadlines.handle_timeout(100)
    assert sleeper.woken == [100]
    assert deadlines.poll_timeout() is None


def test_time_zero_is_a_time():
    deadlines = Deadlines()
    sleeper = Sleeper(deadlines)
    deadlines.wake(sleeper, 0)
    assert deadlines.poll_timeout() == 0
    deadlines.handle_timeout(0)
    assert sleeper.woken == [0]


def test_the_earliest_comes_first_and_equals_in_the_order_of_asking():
    deadlines = Deadlines()
    woken = []
    for name, when in (("c", 30), ("a", 10), ("d", 30), ("b", 20)):
        deadlines.wake(Sleeper(deadlines, name, woken), when)
    deadlines.handle_timeout(30)
    assert woken == [(30, "a"), (30, "b"), (30, "c"), (30, "d")]


def test_who_asks_again_while_being_woken_is_served_when_that_is_due():
    deadlines = Deadlines()
    sleeper = Sleeper(deadlines)
    sleeper.again = [15, 40]
    deadlines.wake(sleeper, 10)
    deadlines.handle_timeout(20)
    assert sleeper.woken == [20, 20]
    assert deadlines.poll_timeout() == 40
    deadlines.handle_timeout(40)
    assert sleeper.woken == [20, 20, 40]


def test_a_chatty_owner_does_not_fill_the_memory():
    """A far deadline, and every second a nearer one that is asked for and comes: for a day."""
    deadlines = Deadlines()
    sleeper = Sleeper(deadlines)
    far = 86_400_000
    deadlines.wake(sleeper, far)
    for now in range(0, far, 10_000):
        deadlines.wake(sleeper, now + 1_000)
        sleeper.again = [far]
        deadlines.handle_timeout(now + 1_000)
    assert len(sleeper.woken) == 8_640
    assert len(deadlines._heap) < 300
    deadlines.handle_timeout(far)
    assert len(sleeper.woken) == 8_641
