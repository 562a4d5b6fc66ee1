"""procd ends us when our loop is stuck, and only then."""

from ipop.daemon.watchdog import Watchdog


def kicks(seconds, until, answer=None):
    """What a loop says that turns whenever it has to: [(ms, arguments)]."""
    said = []

    def call(object, method, arguments, on_answer):
        assert (object, method) == ("service", "watchdog")
        said.append((now, arguments))
        if answer is not None:
            on_answer(answer, {})

    now = 1000
    watchdog = Watchdog(call, seconds, now)
    while watchdog.poll_timeout() is not None and watchdog.poll_timeout() <= until:
        now = max(now, watchdog.poll_timeout())
        watchdog.handle_turn(now)
    return said


def test_it_is_kicked_often_enough_that_some_may_be_lost():
    said = kicks("30", 31_000)
    assert [when for when, _ in said] == [1000, 8500, 16_000, 23_500, 31_000]
    for _, arguments in said:
        assert arguments == {"name": "ipop", "instance": "main", "mode": 1, "timeout": 30}


def test_a_refusal_is_no_reason_to_stop():
    assert kicks("30", 31_000, answer=4) == kicks("30", 31_000, answer=0)


def test_where_nobody_watches_nothing_is_said():
    for seconds in (None, "", "0", "soon", "-3"):
        assert kicks(seconds, 100_000) == []
