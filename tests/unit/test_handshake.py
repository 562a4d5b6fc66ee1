"""How two nodes come to a session: who may send when, what happens when both call at once, when one was restarted."""

import sys

from pair import DATA, ELSEWHERE, INITIATION, KEEPALIVE, RESPONSE, SUITES, Pair, everything

SECOND = 1_000


def in_both_suites(story, **options):
    for suite in SUITES:
        story(Pair(suite, **options))


# --- one side calls


def test_our_own_nodes_are_called_at_once_and_stock_peers_when_there_is_traffic():
    ours, stock = Pair("sha256"), Pair("blake2s")
    for pair in (ours, stock):
        pair.run(SECOND)
    assert ours.sent(ours.a, INITIATION) == [0]
    assert stock.log == []


def test_it_takes_one_round_trip_and_the_first_packet_goes_with_the_confirmation():
    def story(pair):
        pair.a.say(b"first")
        pair.run(SECOND)
        assert pair.sent(pair.a, INITIATION) == [0]
        assert pair.sent(pair.b, RESPONSE) == [40]
        assert pair.sent(pair.a, DATA)[0] == 80
        assert pair.b.got == [b"first"]

    in_both_suites(story, delay=40)


def test_without_a_packet_an_empty_one_confirms():
    """A rekey while nothing is said: the other side must learn that its new keys are good."""
    pair = Pair("blake2s", keepalive=25)
    pair.run(SECOND)
    assert [sent.kind for sent in pair.log] == [INITIATION, RESPONSE, KEEPALIVE]
    assert pair.b.peer()["state"] == "connected"


def test_a_packet_of_the_same_millisecond_under_the_old_keys_confirms_nothing():
    pair = Pair("blake2s", delay=40).connect()
    began = pair.session(pair.a).created + 120 * SECOND
    pair.run_until(began)
    pair.a.say(b"this asks for new keys")
    pair.run(79)
    pair.now += 1  # the answer is there, but a frame comes first
    pair.a.node.handle_frame(pair.a.frame(b"with the old keys"), pair.now)
    pair.run(40)
    new = pair.session(pair.a)
    assert new.created == began + 80
    assert pair.session(pair.b)._remote_index == new.local_index


def test_who_answered_does_not_send_before_the_keys_are_confirmed():
    """Whitepaper section 5.1: the answer may have gone to a replayer; only the first packet shows that it hasn't."""

    def story(pair):
        pair.lose = lambda sent: sent.kind in (DATA, KEEPALIVE)
        pair.a.say(b"lost on the way")
        pair.run(200)
        assert pair.sent(pair.b, RESPONSE) == [40]
        assert pair.session(pair.b) is None
        pair.b.say(b"waits")
        pair.run()
        assert pair.sent(pair.b, DATA) == []
        pair.lose = None
        pair.a.say(b"confirms")
        pair.run(100)
        assert pair.b.got == [b"confirms"]
        assert pair.a.got == [b"waits"]

    in_both_suites(story, delay=40)


def test_renewing_the_keys_loses_nothing():
    """A video call: a packet each way every 5 ms, 30 ms on the way, through the change of keys and well beyond."""

    def story(pair):
        pair.connect()
        due = pair.session(pair.a).created + 120 * SECOND
        pair.run_until(due - SECOND)
        sent = 0
        while pair.now < due + SECOND:
            pair.a.say(b"%d" % sent)
            pair.b.say(b"%d" % sent)
            sent += 1
            pair.run(5)
        pair.run(SECOND)
        expected = [b"%d" % n for n in range(sent)]
        assert pair.a.got == expected and pair.b.got == expected
        assert pair.a.dropped == pair.b.dropped == {}
        assert pair.sent(pair.a, INITIATION, since=SECOND) == [due]
        assert pair.sent(pair.b, INITIATION) == []

    in_both_suites(story, delay=30)


def test_late_packets_of_the_session_before_are_still_taken():
    def story(pair):
        pair.connect()
        pair.run_until(119 * SECOND)
        held = []
        pair.lose = lambda sent: held.append(sent.data) or True
        pair.a.say(b"delayed")
        pair.lose = None
        pair.run_until(120 * SECOND)
        assert pair.carries()
        assert pair.session(pair.a).created == 120 * SECOND
        assert pair.b.verdict(held[0]) == ""
        assert pair.b.got == [b"delayed"]

    in_both_suites(story)


def test_a_preshared_key_must_be_the_same():
    for suite in SUITES:
        assert Pair(suite, psk=b"k" * 32).connect().carries()
        pair = Pair(suite, psk=b"k" * 32)
        pair.b.configure([])
        pair.b.knows(pair.a, suite, psk=b"x" * 32)
        pair.a.say(b"hello")
        pair.run(SECOND)
        assert pair.b.got == []
        assert set(pair.a.dropped) == {"bad-handshake"}


# --- both call


class Schedule:
    """Decides the fate of each of the first datagrams: which side's next one arrives, or is lost.

    `choices` is a number whose digits, base 4, are the decisions; after the last one everything arrives in order."""

    def __init__(self, suite, a_leads, choices, depth):
        self.pair = Pair(suite, both=True, a_leads=a_leads)
        self.pair.lose = self._hold
        self._held = {"a": [], "b": []}
        self.pair.a.say(b"from a")
        self.pair.b.say(b"from b")
        for _ in range(depth):
            choices, choice = divmod(choices, 4)
            self._step(self._held["ab"[choice & 1]], choice & 2)
            self.pair.collect()
        self.pair.lose = None
        for name in ("a", "b"):
            for sent in self._held[name]:
                self._arrive(sent)

    def _hold(self, sent):
        self._held[sent.sender].append(sent)
        return True

    def _step(self, queue, lost):
        if not queue:  # nothing is on the way: a little time passes, and with it perhaps a timer
            self.pair.run(250)
        elif lost:
            queue.pop(0)
        else:
            self._arrive(queue.pop(0))

    def _arrive(self, sent):
        source = self.pair.a.addr if sent.sender == "a" else self.pair.b.addr
        self.pair.deliver(sent.data, source, sent.to)


def check_all_schedules(suite, depth):
    """Whatever the internet does to their first datagrams, nothing is lost of a talk; of three, one is long."""
    step = 5 if sys.implementation.name == "micropython" else 1  # some of them will do there
    for a_leads in (True, False):
        for choices in range(0, 4**depth, step):
            pair = Schedule(suite, a_leads, choices, depth).pair
            pair.delay = 20
            for _ in range(30):
                if pair.carries():
                    break
                pair.run(SECOND)
            calls = len(pair.sent(pair.a, INITIATION)) + len(pair.sent(pair.b, INITIATION))
            assert calls < 12, (suite, a_leads, choices, calls)
            lost = pair.talk(SECOND * (60 if choices % 3 else 600), 13_700)
            assert lost == 0, (suite, a_leads, choices, lost)
            calls = len(pair.sent(pair.a, INITIATION)) + len(pair.sent(pair.b, INITIATION)) - calls
            assert calls < (7 if suite == "sha256" else 14), (suite, a_leads, choices, calls)


def test_two_that_call_each_other_at_once_agree_whatever_gets_lost():
    check_all_schedules("sha256", 4)


def test_so_do_stock_peers():
    check_all_schedules("blake2s", 3)


def test_two_that_call_each_other_at_once_end_up_with_one_session():
    for a_leads in (True, False):
        pair = Pair(both=True, a_leads=a_leads, delay=30).connect()
        leader, other = (pair.a, pair.b) if a_leads else (pair.b, pair.a)
        assert pair.session(leader).initiator and not pair.session(other).initiator
        assert pair.session(leader).local_index == pair.session(other)._remote_index


def test_two_stock_peers_that_call_each_other_at_once_each_renew_what_they_began():
    """Were each to send on the other's session, neither would be the one who has to renew it."""
    pair = Pair("blake2s", both=True, delay=30)
    pair.a.say(b"from a")
    pair.b.say(b"from b")
    pair.run(SECOND)
    assert pair.a.got == [b"from b"] and pair.b.got == [b"from a"]
    assert pair.session(pair.a).initiator and pair.session(pair.b).initiator
    assert pair.talk(130 * SECOND) == 0
    assert 120 * SECOND <= pair.sent(pair.a, INITIATION, since=SECOND)[0] < 125 * SECOND


def test_a_call_is_not_repeated_when_the_other_sides_was_quicker():
    for suite in SUITES:
        pair = Pair(suite, both=True, a_leads=True)
        pair.lose = lambda sent: sent.sender == "a" and sent.kind == INITIATION
        pair.a.say(b"from a")
        pair.run(5)
        pair.b.say(b"from b")
        pair.run(5)
        assert pair.a.got == [b"from b"] and pair.b.got == [b"from a"]
        pair.run(20 * SECOND)
        assert len(pair.sent(pair.a, INITIATION)) == len(pair.sent(pair.b, INITIATION)) == 1


def test_two_that_renew_their_keys_at_once_lose_nothing():
    """Both have heard nothing for a second and a half while a line was down: both call when it is back."""
    for a_leads in (True, False):
        pair = Pair(both=True, a_leads=a_leads, delay=30).connect()
        pair.run_until(60 * SECOND)
        pair.lose = everything
        pair.a.say(b"lost")
        pair.b.say(b"lost")
        pair.run(1_490)
        pair.lose = None
        assert pair.sent(pair.a, INITIATION, since=SECOND) == pair.sent(pair.b, INITIATION, since=SECOND) == []
        pair.log.clear()
        for n in range(200):
            pair.a.say(b"%d" % n)
            pair.b.say(b"%d" % n)
            pair.run(5)
        pair.run(SECOND)
        expected = [b"%d" % n for n in range(200)]
        calls = pair.sent(pair.a, INITIATION) + pair.sent(pair.b, INITIATION)
        assert pair.a.got == expected, (a_leads, pair.a.dropped, len(pair.a.got))
        assert pair.b.got == expected, (a_leads, pair.b.dropped, len(pair.b.got))
        assert len(calls) <= 2, calls


# --- one side is restarted


def test_a_restarted_node_calls_those_whose_address_it_knows():
    pair = Pair(both=True).connect()
    pair.run(10 * SECOND)
    pair.b.restart()
    pair.run()
    assert pair.sent(pair.b, INITIATION, since=SECOND) == [10 * SECOND]
    assert pair.carries()


def test_a_node_that_lost_its_sessions_is_back_before_anybody_notices():
    """It knows no address to call; the other side's traffic goes unanswered for a second and a half."""
    pair = Pair(delay=20).connect().know_the_path()
    pair.run_until(30 * SECOND)
    pair.b.restart()
    pair.a.say(b"lost")
    pair.run(1_700)
    assert pair.carries()
    assert pair.b.dropped == {"unknown-session": 4}  # the frame, and questions


def test_a_packet_of_an_unknown_session_makes_a_node_call_at_once():
    """It knows the address, but its first call was lost: it need not wait for the other side to notice."""
    pair = Pair(both=True, delay=20).connect()
    pair.run_until(30 * SECOND)
    pair.lose = everything
    pair.b.restart()
    pair.run_until(31 * SECOND)
    pair.b.node._links[pair.a.public_key].peer._end_attempt()  # nothing is under way
    pair.lose = None
    pair.log.clear()
    pair.a.say(b"lost")
    pair.run(100)
    assert pair.sent(pair.b, INITIATION) == [31_020]
    assert pair.carries()


def test_strangers_can_make_a_node_call_only_every_5_s():
    """Anybody can send a false packet from a peer's address."""
    pair = Pair(both=True).connect()
    pair.run_until(30 * SECOND)
    pair.log.clear()
    false = b"\x04\0\0\x01" + bytes(28)
    for _ in range(200):
        assert pair.b.verdict(false) == "unknown-session"
        pair.run(100)
    assert 3 <= len(pair.sent(pair.b, INITIATION)) <= 5
    assert pair.carries()


def test_false_packets_from_elsewhere_or_of_another_kind_call_nobody():
    pair = Pair(both=True).connect()
    pair.run_until(30 * SECOND)
    pair.log.clear()
    pair.b.verdict(b"\x04\0\0\x01" + bytes(28), ELSEWHERE)
    pair.b.verdict(b"\x04\0\0\0" + bytes(28))
    pair.b.verdict(b"\x04aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    pair.run()
    assert pair.log == []


def test_stock_peers_are_not_called_for_a_false_packet():
    pair = Pair("blake2s", both=True).connect()
    pair.log.clear()
    assert pair.b.verdict(b"\x04\0\0\0" + bytes(28)) == "unknown-session"
    pair.run(SECOND)
    assert pair.sent(pair.b, INITIATION) == []


def test_a_restart_without_a_clock_is_not_locked_out():
    """The mark on flash keeps its timestamps above those from before (see test_timestamps.py)."""
    pair = Pair().connect()
    pair.run(10 * SECOND)
    mark = pair.a.timestamps.mark
    pair.a.kill()
    pair.a.start(mark, wall=0)
    pair.run()
    assert pair.carries()
    assert pair.b.dropped == {}


def test_a_restart_without_clock_and_mark_is_locked_out_until_the_clock_is_set():
    pair = Pair().connect()
    pair.run(10 * SECOND)
    pair.a.kill()
    pair.a.start(0, wall=0)
    pair.run(4 * SECOND)
    assert set(pair.b.dropped) == {"replayed-initiation"}
    pair.a.timestamps.set_clock(pair.wall, pair.now)
    pair.run(6 * SECOND)
    assert pair.carries()


# --- roaming


def test_a_stock_peer_is_followed_to_where_its_last_packet_came_from():
    """Whitepaper section 2.1: a phone that leaves its Wi-Fi."""
    pair = Pair("blake2s").connect()
    pair.a.addr = ("203.0.113.5", 4500)
    pair.a.say(b"from the street")
    pair.run()
    pair.b.say(b"found you")
    pair.run()
    assert pair.a.got == [b"found you"]
    assert pair.b.peer()["endpoint"] == ("203.0.113.5", 4500)


def test_a_stock_peer_is_not_followed_for_a_false_packet_or_a_repeated_one():
    pair = Pair("blake2s").connect()
    recorded = pair.last(pair.a, DATA)
    assert pair.b.verdict(recorded, ELSEWHERE) == "replayed"
    assert pair.b.verdict(recorded[:-1] + b"?", ELSEWHERE) == "forged"
    assert pair.b.peer()["endpoint"] == pair.a.addr


def test_our_own_node_is_followed_when_a_nonce_came_back_from_its_new_address():
    pair = Pair(delay=20).connect()
    pair.a.addr = ("203.0.113.5", 4500)
    pair.b.events.clear()
    pair.a.say(b"from a new address")
    pair.run(20)
    assert pair.b.got == [b"from a new address"]
    assert pair.b.peer()["endpoint"] == ("192.0.2.1", 51820)
    pair.run(40 + 20)  # the answer, and in case the old address answers a little later
    assert pair.b.peer()["endpoint"] == ("203.0.113.5", 4500)
    assert [(event.kind, event.addr) for event in pair.b.events] == [("moved", ("203.0.113.5", 4500))]
    assert pair.carries()
    assert pair.b.peer()["state"] == "connected"


def test_a_withheld_packet_from_elsewhere_moves_nothing():
    """One on the way holds packets back and sends them from his own address: he is asked for a nonce and gets no more.

    He holds back all kinds: calls, answers, frames. None of them draws a frame to him."""
    for kind in (INITIATION, RESPONSE, DATA, KEEPALIVE):
        for sender in ("a", "b"):
            pair = Pair(both=True, delay=5).connect()
            pair.run_until(118 * SECOND)
            held = []

            def hold(sent, kind=kind, sender=sender, held=held):
                if sent.kind == kind and sent.sender == sender:
                    held.append(sent)
                return sent in held

            pair.lose = hold
            pair.talk(70 * SECOND)
            pair.lose = None
            victim = pair.b if sender == "a" else pair.a
            home = pair.other(victim).addr
            for sent in held:
                victim.verdict(sent.data, ELSEWHERE)
                pair.run(10)
            assert victim.peer()["endpoint"] == home, (kind, sender)
            pair.log.clear()
            pair.run(SECOND)
            assert pair.carries()
            drawn = [sent for sent in pair.log if sent.to == ELSEWHERE]
            assert drawn == [], (kind, sender, drawn)


def test_an_answer_that_is_sent_on_from_elsewhere_at_once_moves_nothing():
    pair = Pair(delay=20)
    pair.lose = lambda sent: sent.kind == RESPONSE
    pair.a.say(b"for b alone")
    pair.run(40)
    assert pair.a.verdict(pair.last(pair.b, RESPONSE), ELSEWHERE) == ""
    pair.collect()
    assert pair.a.peer()["endpoint"] == pair.b.addr
    assert [sent for sent in pair.log if sent.to == ELSEWHERE] == []
    pair.run(SECOND)
    assert pair.b.got == [b"for b alone"]


def test_calls_from_a_new_address_are_followed_when_they_are_confirmed_from_there():
    """The WAN address changed while nothing was said; the first sign of it is a call."""
    pair = Pair(delay=20).connect()
    pair.run(200 * SECOND)
    pair.a.addr = ("203.0.113.5", 4500)
    pair.a.say(b"I am here now")
    pair.run(60)
    assert pair.b.got == [b"hello", b"I am here now"][1:]
    assert pair.b.peer()["endpoint"] == ("203.0.113.5", 4500)


def test_who_runs_ahead_with_a_copy_of_a_call_draws_nothing():
    """He forwards it from his own address before the true one arrives, and the node knows no address of the caller."""
    pair = Pair(delay=20)
    pair.collect()
    call = pair.last(pair.a, INITIATION)
    assert pair.b.verdict(call, ELSEWHERE) == ""
    pair.b.say(b"for a alone")
    pair.run(SECOND)
    assert pair.a.got[-1:] == [b"for a alone"]
    assert pair.b.peer()["endpoint"] == pair.a.addr
    assert [sent.kind for sent in pair.log if sent.to == ELSEWHERE and sent.kind == DATA] == []
