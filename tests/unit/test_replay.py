"""A packet that somebody recorded and sends again must not reach the LAN twice; one that is merely late must."""

from pair import Dice

from ipop.wg.replay import WINDOW, ReplayWindow


def accepted(*counters):
    window = ReplayWindow()
    return [counter for counter in counters if window.accept(counter)]


def test_each_counter_is_let_in_once():
    assert accepted(0, 0, 1, 1, 2, 0, 2, 3) == [0, 1, 2, 3]


def test_late_packets_are_let_in_once():
    assert accepted(10, 9, 8, 9, 10, 0, 0) == [10, 9, 8, 0]


def test_the_window_ends_sharply():
    for highest in range(100_000, 100_064):
        assert accepted(highest, highest - WINDOW + 1) == [highest, highest - WINDOW + 1]
        assert accepted(highest, highest - WINDOW) == [highest]


def test_a_jump_of_any_length_forgets_nothing_and_blocks_nothing():
    for jump in (1, 7, 8, 9, 63, 64, 65, 1000, WINDOW - 1, WINDOW, WINDOW + 8, 8192, 8193, 50_000, 1 << 40):
        window = ReplayWindow()
        for counter in range(20):
            assert window.accept(counter)
        highest = 19 + jump
        assert window.accept(highest)
        assert not window.accept(highest)
        for counter in range(max(20, highest - WINDOW + 1), highest, 97):
            assert window.accept(counter), (jump, counter)
            assert not window.accept(counter), (jump, counter)
        for counter in range(20):
            assert not window.accept(counter), (jump, counter)


def test_counters_up_to_the_last_one():
    last = (1 << 64) - 1
    assert accepted(last, last, last - 1, 5) == [last, last - 1]


def test_against_a_window_that_remembers_everything():
    dice = Dice(7)
    window = ReplayWindow()
    seen = set()
    highest = -1
    base = 0
    for _ in range(20_000):
        step = dice.below(100)
        base += 3 if step < 90 else dice.below(2_000) if step < 99 else dice.below(20_000)
        counter = max(0, base - dice.below(WINDOW + 200) * (dice.below(4) == 0))
        new = counter not in seen and counter > highest - WINDOW
        assert window.accept(counter) == new, counter
        if new:
            seen.add(counter)
        highest = max(highest, counter)
