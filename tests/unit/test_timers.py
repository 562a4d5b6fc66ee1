"""When a session is renewed, when silence is noticed, when a peer is given up: whitepaper section 6, told as stories.

Times are milliseconds from the moment when the peers were configured; nothing here takes time itself. The constants are
typed from the paper, so that a change of ours shows.
"""

from pair import DATA, INITIATION, KEEPALIVE, RESPONSE, SUITES, Pair, everything

from ipop.node import PeerConfig

SECOND = 1_000
REKEY_AFTER_TIME = 120 * SECOND
REJECT_AFTER_TIME = 180 * SECOND
REKEY_ATTEMPT_TIME = 90 * SECOND
REKEY_TIMEOUT = 5 * SECOND
KEEPALIVE_TIMEOUT = 10 * SECOND
JITTER = 334  # at most that much is added to REKEY_TIMEOUT


def connected(suite, **options):
    """A pair whose session was begun by `a`, at time 0 if nothing takes time."""
    pair = Pair(suite, **options).connect()
    assert pair.sent(pair.a, INITIATION)[0] == 0
    assert pair.sent(pair.b, INITIATION) == []
    return pair


def in_both_suites(story):
    for suite in SUITES:
        story(connected(suite))


def quiet(pair):
    """Let all timers of the greeting run out."""
    pair.run_until(30 * SECOND)
    pair.log.clear()


# --- new keys (6.2)


def test_who_began_renews_the_keys_when_it_sends_after_120_s():
    def story(pair):
        pair.run_until(REKEY_AFTER_TIME - 1)
        pair.a.say(b"early")
        pair.run()
        assert pair.sent(pair.a, INITIATION) == [0]
        pair.run(1)
        pair.a.say(b"due")
        pair.run()
        assert pair.sent(pair.a, INITIATION) == [0, REKEY_AFTER_TIME]
        assert pair.b.got == [b"early", b"due"]
        assert pair.carries()
        assert pair.sent(pair.a, INITIATION) == [0, REKEY_AFTER_TIME]

    in_both_suites(story)


def test_who_answered_leaves_that_to_the_other():
    """Were both to begin, they would do all the work twice."""

    def story(pair):
        pair.run_until(REKEY_AFTER_TIME + 20 * SECOND)
        pair.b.say(b"news")
        pair.run()
        assert pair.sent(pair.b, INITIATION) == []
        assert pair.a.got == [b"news"]

    in_both_suites(story)


def test_who_began_renews_the_keys_when_it_hears_after_165_s():
    """It may be one that only ever listens: a screen, fed by a camera."""

    def story(pair):
        pair.lose = lambda sent: sent.sender == "b" and sent.kind == INITIATION  # our own would be earlier
        pair.run_until(165 * SECOND - 1)
        pair.b.say(b"early")
        pair.run()
        assert pair.sent(pair.a, INITIATION) == [0]
        pair.run(1)
        pair.b.say(b"due")
        pair.run()
        assert pair.sent(pair.a, INITIATION) == [0, 165 * SECOND]
        assert pair.a.got == [b"early", b"due"]

    in_both_suites(story)


def test_who_answered_a_stock_peer_never_renews_the_keys_for_what_it_hears_or_says():
    pair = connected("blake2s")
    pair.lose = lambda sent: sent.sender == "a" and sent.kind == INITIATION
    pair.run_until(110 * SECOND)
    pair.talk(69 * SECOND)
    assert len(pair.sent(pair.a, INITIATION)) > 5
    assert pair.sent(pair.b, INITIATION) == []


def test_our_own_node_renews_the_keys_at_150_s_if_the_other_side_has_not():
    """Ours: the initiator may have nothing to say, and no frame should have to wait for new keys at 180 s."""
    pair = connected("sha256")
    pair.run_until(150 * SECOND - 1)
    pair.b.say(b"early")
    pair.run()
    assert pair.sent(pair.b, INITIATION) == []
    pair.run(1)
    pair.b.say(b"due")
    pair.run()
    assert pair.sent(pair.b, INITIATION) == [150 * SECOND]
    assert pair.a.got == [b"early", b"due"]
    assert pair.carries()


def test_after_180_s_nothing_is_sent_with_old_keys_nor_believed():
    def story(pair):
        pair.lose = lambda sent: sent.kind != DATA
        pair.run_until(1)
        pair.a.say(b"overheard and kept")
        recorded = pair.last(pair.a, DATA)
        for now in (REJECT_AFTER_TIME - 1, REJECT_AFTER_TIME):
            pair.run_until(now)
            pair.b.got.clear()
            pair.log.clear()
            pair.a.say(b"frame")
            pair.run()
            if now < REJECT_AFTER_TIME:
                assert pair.b.got == [b"frame"]
            else:
                assert pair.b.got == []
                assert pair.sent(pair.a, DATA) == []
        assert pair.b.verdict(recorded) == "expired"
        assert pair.a.peer()["state"] == "connecting"

    in_both_suites(story)


def test_an_idle_peer_costs_nothing():
    """No traffic wanted, none made: for an hour not a packet, and the first frame after it gets through."""

    def story(pair):
        quiet(pair)
        pair.run(3_600 * SECOND)
        assert pair.log == []
        assert pair.carries()

    in_both_suites(story)


# --- lost handshakes (6.4)


def gaps(times):
    return [b - a for a, b in zip(times, times[1:])]


def test_a_stock_peer_is_called_every_5_s_for_90_s():
    pair = Pair("blake2s")
    pair.lose = everything
    pair.a.say(b"hello?")
    pair.run(200 * SECOND)
    calls = pair.sent(pair.a, INITIATION)
    assert all(REKEY_TIMEOUT <= gap < REKEY_TIMEOUT + JITTER for gap in gaps(calls))
    assert len(set(gaps(calls))) > 3  # else two that call each other might stay in step
    assert REKEY_ATTEMPT_TIME - REKEY_TIMEOUT - JITTER < calls[-1] < REKEY_ATTEMPT_TIME + REKEY_TIMEOUT + JITTER


def test_our_own_nodes_are_called_sooner():
    pair = Pair("sha256")
    pair.lose = everything
    pair.a.say(b"hello?")
    pair.run(200 * SECOND)
    calls = pair.sent(pair.a, INITIATION)
    assert calls[:4] == [0, 500, 1_500, 3_500]
    assert all(REKEY_TIMEOUT <= gap < REKEY_TIMEOUT + JITTER for gap in gaps(calls[3:]))
    assert REKEY_ATTEMPT_TIME - REKEY_TIMEOUT - JITTER < calls[-1] < REKEY_ATTEMPT_TIME + REKEY_TIMEOUT + JITTER


def unanswered_calls(suite, ms):
    pair = Pair(suite)
    pair.lose = everything
    pair.a.say(b"hello?")
    pair.run(ms)
    return [sent.data for sent in pair.log]


def test_each_call_to_a_stock_peer_is_a_new_one():
    """A repeated one would be a replay."""
    calls = unanswered_calls("blake2s", 80 * SECOND)
    assert len(calls) > 10
    assert len({data[4:8] for data in calls}) == len(calls)
    assert len({data[8:40] for data in calls}) == len(calls)


def test_our_own_are_called_in_the_same_words_for_a_while():
    """Ours: an answer that takes seconds, on a satellite link, still fits the question."""
    calls = unanswered_calls("sha256", 80 * SECOND)
    assert len(set(calls[:6])) == 1
    assert len(set(calls)) == (len(calls) + 5) // 6


def test_a_far_away_node_is_reached():
    """A second each way: calls are repeated before the first answer is back, and silence is not taken for an end."""
    pair = Pair("sha256", delay=1_000)
    pair.a.say(b"hello from afar")
    pair.run(5 * SECOND)
    assert pair.b.got == [b"hello from afar"]
    pair.talk(10 * SECOND)
    pair.log.clear()
    pair.talk(60 * SECOND)
    assert pair.sent(pair.a, INITIATION) == pair.sent(pair.b, INITIATION) == []


def test_a_peer_that_was_given_up_is_called_again_for_new_traffic():
    for suite in SUITES:
        pair = Pair(suite)
        pair.lose = everything
        pair.a.say(b"too early")
        pair.run(200 * SECOND)
        assert [event.kind for event in pair.a.events] == ["unreachable"]
        assert pair.a.peer()["state"] == "idle"
        assert pair.a.dropped == {"no-answer": 1}
        pair.lose = None
        pair.a.say(b"in time")
        pair.run()
        assert pair.b.got == [b"in time"]
        assert [event.kind for event in pair.a.events] == ["unreachable", "connected"]
        assert pair.a.peer()["state"] == "connected"


def test_who_goes_on_talking_goes_on_calling():
    """Whitepaper: the 90 s begin again with each packet. The user is told that nobody answers, once."""
    for suite in SUITES:
        pair = Pair(suite)
        pair.lose = everything
        for _ in range(60):
            pair.a.say(b"hello?")
            pair.run(5 * SECOND)
        assert pair.sent(pair.a, INITIATION)[-1] > 290 * SECOND
        assert [event.kind for event in pair.a.events] == ["unreachable"]
        pair.lose = None
        pair.run(6 * SECOND)
        assert pair.a.peer()["state"] == "connected"
        assert [event.kind for event in pair.a.events] == ["unreachable", "connected"]


def test_what_waits_for_a_session_goes_out_in_order():
    for suite in SUITES:
        pair = Pair(suite, delay=40)
        frames = [b"%d" % n for n in range(10)]
        for frame in frames:
            pair.a.say(frame)
        pair.run(200)
        assert pair.b.got == frames
        assert pair.a.dropped == {}


def test_of_too_many_that_wait_the_oldest_go():
    pair = Pair("sha256", delay=40)
    for n in range(40):
        pair.a.say(b"%d" % n)
    pair.run(200)
    assert pair.b.got == [b"%d" % n for n in range(8, 40)]
    assert pair.a.dropped == {"staged-full": 8}


# --- keep-alives (6.5)


def test_who_has_heard_and_has_nothing_to_say_says_so_after_10_s():
    def story(pair):
        quiet(pair)
        began = pair.now
        pair.a.say(b"heard?")
        pair.run()
        pair.lose = lambda sent: sent.sender == "a"  # our own would ask again
        pair.run(KEEPALIVE_TIMEOUT - 1)
        assert pair.sent(pair.b, KEEPALIVE) == []
        pair.run(60 * SECOND)
        assert pair.sent(pair.b, KEEPALIVE) == [began + KEEPALIVE_TIMEOUT]
        assert pair.sent(pair.a, KEEPALIVE) == []  # nobody answers a keep-alive

    in_both_suites(story)


def test_what_nodes_say_to_each_other_owes_no_keep_alive():
    """Greetings are exchanged with all new keys, for years."""
    pair = connected("sha256")
    pair.run(SECOND)
    pair.log.clear()
    pair.run(60 * SECOND)
    assert pair.log == []


def test_who_answers_owes_no_keep_alive():
    def story(pair):
        quiet(pair)
        for _ in range(20):
            pair.a.say(b"question")
            pair.run()
            pair.b.say(b"answer")
            pair.run(SECOND)
        assert pair.sent(pair.b, KEEPALIVE) == []

    in_both_suites(story)


def test_a_stream_one_way_is_answered_every_10_s():
    """A camera that only sends must not take the silence of its viewer for a dead line."""
    pair = connected("blake2s")
    quiet(pair)
    began = pair.now
    for _ in range(65):
        pair.a.say(b"picture")
        pair.run(SECOND)
    answers = pair.sent(pair.b, KEEPALIVE)
    assert len(answers) == 6
    assert all(KEEPALIVE_TIMEOUT <= gap <= KEEPALIVE_TIMEOUT + SECOND for gap in gaps([began] + answers))
    assert pair.sent(pair.a, INITIATION) == []


def test_persistent_keep_alives_hold_a_nat_open():
    for suite in SUITES:
        pair = Pair(suite, keepalive=25)
        pair.run(1)  # the first is due at once, and calls
        assert pair.sent(pair.b, RESPONSE) == [0]
        pair.run(600 * SECOND)
        times = [sent.at for sent in pair.log if sent.sender == "a"]
        assert all(gap <= 25 * SECOND for gap in gaps(times))
        assert len(times) < 80
        assert pair.a.peer()["state"] == "connected"


def test_traffic_makes_persistent_keep_alives_needless():
    for suite in SUITES:
        pair = Pair(suite, keepalive=25).connect()
        quiet(pair)
        for _ in range(10):
            pair.a.say(b"traffic")
            pair.run()
            pair.b.say(b"traffic")
            pair.run(9 * SECOND)
        assert pair.sent(pair.a, KEEPALIVE) == []


def test_persistent_keep_alives_can_be_turned_on_and_off():
    pair = connected("sha256")
    quiet(pair)
    config = pair.a.configs[0]
    pair.a.configure([PeerConfig(*config[:-1], 5)])
    pair.run(20 * SECOND)
    assert len(pair.sent(pair.a, KEEPALIVE)) == 5
    pair.a.configure([config])
    pair.log.clear()
    pair.run(100 * SECOND)
    assert pair.log == []


# --- silence (6.5)


def test_15_s_of_silence_call_a_stock_peer():
    pair = connected("blake2s")
    quiet(pair)
    began = pair.now
    pair.lose = everything
    for _ in range(30):
        pair.a.say(b"are you there?")
        pair.run(SECOND)
    calls = pair.sent(pair.a, INITIATION)
    assert calls[0] == began + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT
    assert REKEY_TIMEOUT <= calls[1] - calls[0] < REKEY_TIMEOUT + JITTER


def test_a_second_of_silence_probes_our_own_and_half_a_second_more_calls_them():
    pair = connected("sha256").know_the_path()
    quiet(pair)
    began = pair.now
    pair.lose = everything
    pair.a.say(b"are you there?")
    pair.run(SECOND - 1)
    assert len(pair.log) == 1
    pair.run(1)
    assert [sent.kind for sent in pair.log] == [DATA] * 3  # asked whether it is there, and whether large ones pass
    assert sorted([len(sent.data) for sent in pair.log[1:]])[0] == 48
    pair.run(3 * SECOND)
    assert pair.sent(pair.a, INITIATION)[:2] == [began + 1_500, began + 2_000]


def test_an_answer_in_time_calls_nobody():
    pair = connected("sha256", delay=20)
    quiet(pair)
    for _ in range(30):
        pair.a.say(b"a broadcast that nobody answers")
        pair.run(5 * SECOND)
    assert len(pair.sent(pair.a, INITIATION)) == 1  # the new keys after two minutes
    assert pair.a.peer()["state"] == "connected"


def test_a_far_away_peer_is_given_time_to_answer():
    """It takes 1.4 s; were it called each time, there would be more handshakes than frames."""
    pair = connected("sha256", delay=700)
    for _ in range(20):
        pair.a.say(b"a broadcast that nobody answers")
        pair.run(5 * SECOND)
    assert len(pair.sent(pair.a, INITIATION)) <= 4  # those of the start, before the time was known


def test_a_dead_peer_is_not_shown_as_connected():
    """The page that answers "am I connected?" must not say yes for the three minutes that the keys last."""
    for suite in SUITES:
        pair = connected(suite)
        quiet(pair)
        pair.b.kill()
        states = []
        for _ in range(300):
            pair.a.say(b"are you there?")
            pair.run(SECOND)
            states.append(pair.a.peer()["state"])
        first = states.index("connecting")
        assert first <= (6 if suite == "sha256" else 16)
        assert "connected" not in states[first:]
        assert [event.kind for event in pair.a.events] == ["connected", "unreachable"]


def test_a_peer_that_fell_silent_once_and_was_not_missed_is_not_shown_as_connected():
    pair = connected("sha256")
    quiet(pair)
    pair.b.kill()
    pair.a.say(b"are you there?")
    for _ in range(145):
        pair.run(SECOND)
        if pair.now > 37 * SECOND:
            assert pair.a.peer()["state"] != "connected", pair.now


def test_a_peer_that_is_heard_again_is_connected():
    """Given up after an outage of 95 s, but the old keys are good for 85 s more, and the line is back."""
    for suite in SUITES:
        pair = connected(suite)
        pair.run_until(12 * SECOND)
        pair.lose = everything
        pair.a.say(b"are you there?")
        pair.run(110 * SECOND if suite == "blake2s" else 97 * SECOND)
        assert pair.a.peer()["state"] == "idle"
        pair.lose = None
        assert pair.carries()
        assert pair.a.peer()["state"] == "connected"
        assert [event.kind for event in pair.a.events] == ["connected", "unreachable", "connected"]


def test_a_line_that_comes_back_is_used_again():
    """A WAN that is away for a while: with the old keys if they are still good, else with new ones."""
    for suite in SUITES:
        for outage in (3, 30, 85, 100, 130, 200):
            pair = connected(suite)
            quiet(pair)
            pair.lose = everything
            pair.talk(outage * SECOND)
            pair.lose = None
            pair.talk(6 * SECOND)
            assert pair.talk(300 * SECOND) == 0, (suite, outage)
            assert pair.a.peer()["state"] == pair.b.peer()["state"] == "connected", (suite, outage)
            for side in (pair.a, pair.b):
                kinds = [event.kind for event in side.events]
                assert kinds in (["connected"], ["connected", "unreachable", "connected"]), (suite, outage, kinds)


# --- forgetting (6.3)


def test_keys_are_overwritten_after_540_s():
    def story(pair):
        keys = [pair.session(side)._keys for side in (pair.a, pair.b)]
        assert all(any(key) for key in keys)
        pair.run_until(3 * REJECT_AFTER_TIME - 1)
        assert all(any(key) for key in keys)
        pair.run(1)
        assert not any(any(key) for key in keys)
        assert pair.session(pair.a) is None
        recorded = pair.last(pair.a, DATA)
        assert pair.b.verdict(recorded, ("203.0.113.99", 9)) == "unknown-session"
        assert pair.carries()

    in_both_suites(story)


def test_replaced_keys_are_overwritten_as_soon_as_two_newer_ones_exist():
    def story(pair):
        keys = []
        for _ in range(4):
            keys.append(pair.session(pair.a)._keys)
            pair.run(REKEY_AFTER_TIME + SECOND)
            pair.talk(2 * SECOND)
        assert [any(key) for key in keys] == [False, False, False, True]
        assert len(pair.a.node._tunnel._sessions) == 2
        assert len(pair.b.node._tunnel._sessions) == 2

    in_both_suites(story)


def test_a_day_leaves_nothing_behind():
    """An hour of talk every three hours, with outages: what a router keeps stays small."""
    pair = connected("sha256")
    for _ in range(8):
        pair.talk(600 * SECOND, 10 * SECOND)
        pair.lose = everything
        pair.talk(200 * SECOND, 10 * SECOND)
        pair.lose = None
        pair.run(10_000 * SECOND)
        pair.log.clear()
    for side in (pair.a, pair.b):
        tunnel = side.node._tunnel
        assert len(tunnel._sessions) == len(tunnel._calling) == 0
        assert len(side.node._deadlines._heap) < 150
        assert len(side.node._finder._paths._probes) < 10
