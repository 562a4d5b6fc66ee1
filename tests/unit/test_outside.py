"""What our peers see of us tells when to look again at what stands before us."""

from ipop.overlay.outside import KEEPALIVE_MAX, Outside
from ipop.overlay.stun import SAFE
from ipop.ports import crypto
from ipop.wire import stun

PORT = 51820
SERVER, SERVER6 = ("198.51.100.1", 3478), ("2001:db8::1", 3478)
MAPPED, MAPPED6 = ("203.0.113.7", 40000), ("2001:db8::7", 40000)


def behind_nat(*servers):
    """An Outside whose servers have answered. Returns it and what it counts."""
    dropped = []
    outside = Outside(crypto, bytes(32), PORT, dropped.append)
    outside.set_servers(list(servers), 0)
    outside.set_network(["192.168.1.2", "fd00::2"], None, 0)
    answer(outside, 0)
    return outside, dropped


def answer(outside, now, mapped=MAPPED):
    """Answer all questions under way. Returns whom they were for."""
    asked = []
    transmit = outside.poll_transmit()
    while transmit is not None:
        data, addr = transmit
        asked.append(addr)
        attributes = [(stun.XOR_MAPPED_ADDRESS, MAPPED6 if ":" in addr[0] else mapped)]
        transaction = stun.parse(data).transaction
        assert outside.handle_datagram(stun.build(stun.SUCCESS, stun.BINDING, transaction, attributes), addr, now)
        transmit = outside.poll_transmit()
    return asked


def learn_life(outside, life):
    """As if it had been measured, for each family: what is measured takes minutes (tests/sim/test_stun_client.py)."""
    for family in outside._stun._families:
        family._life = life
        family._is_measured = True
        family._learn()


def test_another_address_makes_us_ask_again_and_nothing_more():
    outside, dropped = behind_nat(SERVER)
    learn_life(outside, 110_000)
    assert outside.keepalive == KEEPALIVE_MAX
    outside.handle_seen_elsewhere(MAPPED, ("203.0.113.8", 40000), 1_000)
    assert answer(outside, 1_000) == [SERVER]
    assert outside.keepalive == KEEPALIVE_MAX and not dropped


def test_another_port_says_that_the_keep_alive_was_too_long_in_that_family_only():
    outside, dropped = behind_nat(SERVER, SERVER6)
    learn_life(outside, 110_000)
    outside.handle_seen_elsewhere(MAPPED6, (MAPPED6[0], 40001), 1_000)
    assert sorted(answer(outside, 1_000)) == [SERVER, SERVER6] and not dropped
    ipv4, ipv6 = outside.findings()[0]
    assert (ipv4.keepalive, ipv6.keepalive) == (100_000, SAFE)
    assert outside.keepalive == SAFE
    outside.handle_seen_elsewhere(MAPPED, (MAPPED[0], 40001), 2_000)
    assert outside.findings()[0][0].keepalive == SAFE


def test_word_that_the_way_out_may_be_another_has_everybody_asked_again():
    outside, dropped = behind_nat(SERVER, SERVER6)
    learn_life(outside, 110_000)
    outside.gather(1_000)
    assert sorted(answer(outside, 1_000)) == [SERVER, SERVER6] and not dropped
    assert outside.keepalive == KEEPALIVE_MAX


def test_the_router_before_us_is_asked_again_too():
    outside, _ = behind_nat()
    outside.set_network(["192.168.1.2"], ("192.168.1.1", "192.168.1.2"), 0)
    outside.handle_timeout(0)
    assert outside.poll_transmit()[1] == ("192.168.1.1", 5351) and outside.poll_transmit() is None
    outside.gather(60_000)
    outside.handle_timeout(60_000)
    assert outside.poll_transmit()[1] == ("192.168.1.1", 5351)
