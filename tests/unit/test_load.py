"""A router that is flooded with calls still lets its own people in, and does little for the others.

Whitepaper section 5.3: past its budget a node answers with cookies, and takes the calls that show one.
"""

from pair import COOKIE, ELSEWHERE, INITIATION, RESPONSE, SUITES, Pair, everything

from ipop.ports import crypto
from ipop.wg.cookie import CookieJar
from ipop.wg.suites import suites
from ipop.wg.tunnel import ADDRESSES_MAX, BUDGETS

SECOND = 1_000
PER_ADDRESS = 20


class Exhausted:
    """The budget of a node whose flood never ends."""

    def is_empty(self, now):
        return True

    def take(self, now):
        return False


def exhaust(side, suite):
    side.node._tunnel._budgets[suite] = Exhausted()


def calls(pair, count):
    """Genuine calls of `a`, none of which has arrived: no two have the same timestamp."""
    peer = pair.a.node._links[pair.b.public_key].peer
    pair.lose = everything
    pair.collect()
    pair.log.clear()
    for _ in range(count):
        peer._end_attempt()
        peer._call(pair.now)
    pair.collect()
    pair.lose = None
    return [sent.data for sent in pair.log if sent.kind == INITIATION]


def spent(pair, suite):
    """Use up what `b` takes in a second, by calls that come from many addresses; returns how many that were."""
    flood = calls(pair, BUDGETS[suite] + 10)
    taken = 0
    for n, data in enumerate(flood):
        word = pair.b.verdict(data, ("203.0.113.%d" % n, 1))
        if word == "under-load":
            return taken
        assert word in ("", "flood")  # genuine calls come too thick and fast here, but they were looked at
        taken += 1


def flooded(suite):
    """A pair whose `b` has no budget left."""
    pair = Pair(suite)
    assert spent(pair, suite) == BUDGETS[suite]
    pair.run()
    pair.log.clear()
    return pair


def with_cookie(suite, data, reply, receiver):
    """The call once more, with the mac2 that a cookie reply to it makes possible."""
    suite = suites(crypto)[suite]
    jar = CookieJar(suite, crypto, receiver.public_key)
    jar.sign(data[:-32], 0)
    assert jar.keep(reply[8:32], reply[32:], 0)
    return jar.sign(data[:-32], 0)


def cookie_for(pair, data, addr):
    """The cookie reply that `b` sends for a call from an address."""
    assert pair.b.verdict(data, addr) == "under-load"
    data, to = pair.b.node.poll_transmit()
    assert to == addr and data[0] == 3
    return data


def test_past_the_budget_a_caller_gets_a_cookie_and_nothing_else():
    for suite in SUITES:
        pair = flooded(suite)
        call = calls(pair, 1)[0]
        reply = cookie_for(pair, call, ELSEWHERE)
        assert len(reply) == 64 < len(call)  # nobody is flooded by our answers
        assert pair.b.node.poll_transmit() is None


def test_the_flood_of_one_stranger_ends_before_anything_is_computed():
    """So a small router answers the others; who has a cookie is heard at that address too."""
    for suite in SUITES:
        pair = flooded(suite)
        exhaust(pair.b, suite)
        call = calls(pair, 1)[0]
        for _ in range(100):
            assert pair.b.verdict(call, ELSEWHERE) == "under-load"
        replies = []
        while (sent := pair.b.node.poll_transmit()) is not None:
            replies.append(sent)
        assert [addr for _, addr in replies] == [ELSEWHERE] * PER_ADDRESS
        cookie_for(pair, call, pair.a.addr)  # another is answered all the same
        pair.run(30)
        assert pair.b.verdict(with_cookie(suite, call, replies[0][0], pair.b), ELSEWHERE) == ""


def test_a_flood_that_is_over_is_over():
    for suite in SUITES:
        pair = flooded(suite)
        pair.a.say(b"hello")
        pair.run(6 * SECOND)
        assert pair.b.got == [b"hello"]
        assert "under-load" not in pair.a.dropped


def test_who_shows_the_cookie_gets_in():
    for suite in SUITES:
        pair = flooded(suite)
        call = calls(pair, 1)[0]
        reply = cookie_for(pair, call, pair.a.addr)
        pair.run(30)  # the one before was too close
        exhaust(pair.b, suite)
        assert pair.b.verdict(with_cookie(suite, call, reply, pair.b), pair.a.addr) == ""
        assert pair.b.node.poll_transmit()[0][0] == 2


def test_a_node_that_gets_a_cookie_shows_it_in_its_next_call():
    """The user waits half a second longer, and that is all, however heavy the flood."""
    for suite in SUITES:
        pair = Pair(suite, delay=10)
        exhaust(pair.b, suite)
        pair.a.say(b"hello")
        pair.run(6 * SECOND)
        assert pair.b.got == [b"hello"]
        assert len(pair.sent(pair.a, INITIATION)) == 2
        assert len(pair.sent(pair.b, COOKIE)) == 1
        assert pair.b.dropped == {"under-load": 1}


def test_a_caller_that_is_flooded_itself_gets_its_answer():
    """It asks for a cookie in its turn, and the answer to its next call shows one."""
    for suite in SUITES:
        pair = Pair(suite, delay=10)
        exhaust(pair.a, suite)
        pair.a.say(b"hello")
        pair.run(6 * SECOND)
        assert pair.b.got == [b"hello"]
        assert len(pair.sent(pair.b, RESPONSE)) == 2
        assert len(pair.sent(pair.a, COOKIE)) == 1
        assert pair.a.dropped == {"under-load": 1}


def test_a_cookie_for_another_address_is_useless():
    for suite in SUITES:
        pair = flooded(suite)
        call = calls(pair, 1)[0]
        reply = cookie_for(pair, call, pair.a.addr)
        shown = with_cookie(suite, call, reply, pair.b)
        assert pair.b.verdict(shown, ELSEWHERE) == "under-load"
        assert pair.b.verdict(shown, (pair.a.addr[0], pair.a.addr[1] + 1)) == "under-load"
        pair.b.node.poll_transmit()


def test_an_expired_cookie_is_useless():
    for suite in SUITES:
        pair = flooded(suite)
        call = calls(pair, 1)[0]
        reply = cookie_for(pair, call, pair.a.addr)
        pair.a.kill()
        pair.run(120 * SECOND)
        exhaust(pair.b, suite)
        assert pair.b.verdict(with_cookie(suite, call, reply, pair.b), pair.a.addr) == "under-load"


def looked_at(suite, addresses):
    """How many calls from these addresses, each with a cookie, a node without budget looks at within a second."""
    pair = Pair(suite)
    pair.b.configure([])
    pair.b.knows(Pair(suite, seed=77).a, suite)  # so that `a` is a stranger
    exhaust(pair.b, suite)
    count = 0
    for call, addr in zip(calls(pair, len(addresses)), addresses):
        assert pair.b.verdict(call, addr) == "under-load"
        reply = pair.b.node.poll_transmit()
        if reply is not None:
            word = pair.b.verdict(with_cookie(suite, call, reply[0], pair.b), addr)
            assert word in ("unknown-peer", "flood")
            count += word == "unknown-peer"
    return count


def test_one_address_gets_in_20_times_a_second_at_most():
    """It may have got a cookie, but it isn't the only one who wants something."""
    for suite in SUITES:
        assert looked_at(suite, [("203.0.113.5", port) for port in range(30)]) == PER_ADDRESS
        assert looked_at(suite, [("203.0.113.%d" % n, 5) for n in range(30)]) == 30


def test_one_home_with_ipv6_has_many_addresses_but_counts_as_one():
    addresses = [("2001:db8:0:1::%x" % n, 5) for n in range(1, 31)]
    assert looked_at("sha256", addresses) == PER_ADDRESS
    assert looked_at("sha256", [("2001:db8:0:%x::1" % n, 5) for n in range(1, 31)]) == 30


def test_the_table_of_callers_has_an_end():
    pair = Pair()
    exhaust(pair.b, "sha256")
    for n, call in enumerate(calls(pair, ADDRESSES_MAX + 50)):
        addr = ("10.9.%d.%d" % (n // 250, n % 250), 5)
        pair.b.verdict(with_cookie("sha256", call, cookie_for(pair, call, addr), pair.b), addr)
        while pair.b.node.poll_transmit() is not None:
            pass
    assert len(pair.b.node._tunnel._per_address) <= ADDRESSES_MAX


def answers(side):
    found = []
    item = side.node.poll_transmit()
    while item is not None:
        found.append(item)
        item = side.node.poll_transmit()
    return found


def test_a_repeated_call_of_a_stock_peer_is_answered_once():
    pair = Pair("blake2s")
    call = calls(pair, 1)[0]
    assert pair.b.verdict(call) == ""
    for _ in range(5):
        assert pair.b.verdict(call) == "replayed-initiation"
    assert len(answers(pair.b)) == 1


def test_a_repeated_call_of_our_own_gets_the_same_answer_until_that_is_understood():
    """Ours: an answer that takes longer than the caller's patience still counts, and no work is done twice."""
    pair = Pair("sha256")
    call = calls(pair, 1)[0]
    for _ in range(3):
        assert pair.b.verdict(call) == ""
    found = answers(pair.b)
    assert len(found) == 3 and len(set(found)) == 1
    assert pair.a.verdict(found[0][0]) == ""
    pair.run()
    for _ in range(3):
        assert pair.b.verdict(call) == "replayed-initiation"
    assert answers(pair.b) == []


def test_an_older_call_is_a_repeated_one():
    pair = Pair()
    old, new = calls(pair, 2)
    assert pair.b.verdict(new) == ""
    pair.now += 100
    assert pair.b.verdict(old) == "replayed-initiation"


def test_calls_of_one_peer_that_come_too_fast_are_a_flood():
    pair = Pair()
    first, second, third = calls(pair, 3)
    assert pair.b.verdict(first) == ""
    pair.now += 19
    assert pair.b.verdict(second) == "flood"
    pair.now += 1
    assert pair.b.verdict(third) == ""


def test_strangers_without_our_key_cost_one_mac_and_hear_nothing():
    for suite in SUITES:
        pair = Pair(suite)
        for call in calls(Pair(suite, seed=77), 30):
            assert pair.b.verdict(call, ELSEWHERE) == "bad-mac"
        assert pair.b.node.poll_transmit() is None
        assert pair.b.node._tunnel._budgets[suite]._level == 1000 * BUDGETS[suite]


def test_a_flood_of_stock_calls_does_not_keep_our_own_nodes_out():
    pair = Pair("sha256")
    stock = Pair("blake2s", seed=77)
    pair.b.knows(stock.a, "blake2s")
    exhaust(pair.b, "blake2s")
    pair.a.say(b"hello")
    pair.run()
    assert pair.b.got == [b"hello"]
    assert pair.b.dropped == {}
