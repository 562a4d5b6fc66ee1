"""Several brokers: the members find each other at the best one that works, and a dead one is not run over."""

from pair import Dice

from ipop.signal.failover import PAUSE_FIRST, PAUSE_MAX, RETURN_FIRST, RETURN_MAX, STEADY, FailOver


class Story:
    """A member, and brokers of which some are `up`."""

    def __init__(self, count, up=(), seed=1):
        self.now = 1_000
        self.up = set(up)
        self.calls = []  # (when, which)
        self.failover = FailOver(count, Dice(seed).bytes, self.now)

    def run(self, ms):
        end = self.now + ms
        while self.failover.poll_timeout() is not None and self.failover.poll_timeout() <= end:
            self.now = max(self.now, self.failover.poll_timeout())
            index = self.failover.poll_call(self.now)
            self.calls.append((self.now, index))
            if index in self.up:
                self.failover.handle_connected(self.now)
            else:
                self.failover.handle_failed(self.now)
        self.now = end
        return self

    def lose(self):
        self.up.discard(self.failover.current)
        self.failover.handle_lost(self.now)

    def pauses(self):
        """ms between two rounds"""
        times = [when for when, index in self.calls if index == 0]
        return [times[i + 1] - times[i] for i in range(len(times) - 1)]


def test_the_first_that_answers_is_taken():
    assert Story(3, [0, 1, 2]).run(0).calls == [(1_000, 0)]
    assert Story(3, [1, 2]).run(0).calls == [(1_000, 0), (1_000, 1)]
    story = Story(3, [2]).run(0)
    assert story.calls == [(1_000, 0), (1_000, 1), (1_000, 2)] and story.failover.current == 2


def test_nobody_is_called_while_the_best_one_is_in_use():
    story = Story(3, [0, 1, 2]).run(3_600_000)
    assert len(story.calls) == 1 and story.failover.poll_timeout() is None


def test_the_pauses_grow_and_end_growing():
    story = Story(2).run(1_000_000)
    pauses = story.pauses()
    for i, pause in enumerate(pauses):
        whole = min(PAUSE_FIRST << i, PAUSE_MAX)
        assert whole // 2 <= pause <= whole
    assert len(pauses) > 16 and max(pauses) > PAUSE_MAX // 2


def test_two_members_do_not_call_at_the_same_time():
    assert Story(1, seed=1).run(100_000).pauses() != Story(1, seed=2).run(100_000).pauses()


def test_a_broker_that_comes_back_is_found():
    story = Story(1, [0]).run(STEADY)
    story.lose()
    story.up.add(0)
    story.run(PAUSE_FIRST)
    assert story.failover.current == 0


def test_a_lost_one_is_replaced_by_the_next():
    story = Story(2, [0, 1]).run(STEADY)
    story.lose()
    story.run(PAUSE_FIRST)
    assert story.failover.current == 1


def test_a_broker_that_throws_all_out_is_not_called_again_and_again():
    story = Story(1, [0]).run(0)
    for _ in range(20):
        story.failover.handle_lost(story.now)
        story.run(PAUSE_MAX)
    times = [when for when, _ in story.calls]
    assert times[-1] - times[0] > 10 * PAUSE_MAX
    story.run(STEADY)
    story.failover.handle_lost(story.now)
    assert story.failover.poll_timeout() <= story.now + PAUSE_FIRST


def test_a_broker_that_throws_all_out_is_not_the_best():
    """It takes connections, so it looks like one: the next in the list is better, and is left less and less often."""
    story = Story(2, [0, 1])
    for _ in range(10_000):
        story.run(1_000)
        if story.failover.current == 0:
            story.failover.handle_lost(story.now)
    assert story.failover.current == 1
    assert [index for _, index in story.calls[:4]] == [0, 1, 0, 1]
    pauses = story.pauses()
    assert pauses[0] <= 2 * RETURN_FIRST and min(pauses[5:]) >= RETURN_MAX // 2


def test_who_is_at_a_worse_one_goes_back():
    """Else the members stay apart when each lost the best broker at another time."""
    story = Story(3, [2]).run(0)
    story.up.add(1)
    story.run(RETURN_FIRST)
    assert story.failover.current == 1 and story.failover.poll_timeout() is not None
    story.up.add(0)
    story.run(2 * RETURN_FIRST)
    assert story.failover.current == 0 and story.failover.poll_timeout() is None


def test_it_tries_to_go_back_less_and_less_and_stays_where_it_is():
    story = Story(2, [1]).run(20 * RETURN_MAX)
    assert story.failover.current == 1
    pauses = story.pauses()
    assert RETURN_FIRST // 2 <= pauses[0] <= RETURN_FIRST and RETURN_FIRST <= pauses[1] <= 2 * RETURN_FIRST
    assert RETURN_MAX // 2 <= min(pauses[6:]) and max(pauses) <= RETURN_MAX
    assert [index for _, index in story.calls] == [0, 1] + [0] * (len(pauses))


def test_a_new_address_is_reason_to_hurry():
    story = Story(2).run(300_000)
    story.failover.hurry(story.now)
    assert story.failover.poll_call(story.now) == 0
    story.up.add(0)
    story.run(0)
    story.failover.hurry(story.now)
    assert story.failover.poll_call(story.now) is None  # nothing to hurry for
