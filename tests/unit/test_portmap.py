"""A router that can be asked for a port mapping gives one, and we notice when it is gone."""

import struct

from pair import Dice, RepeatableCrypto

from ipop.errors import Rejected
from ipop.overlay.portmap import (
    ASKING,
    GAP_MAX,
    HURRY_GAP,
    LIFETIME,
    MAPPED,
    NATPMP,
    NO_ROUTER,
    PCP,
    REFUSED,
    SILENT,
    PortMapper,
)
from ipop.wire import pcp
from ipop.wire.address import MAPPED as IPV4

GATEWAY, OWN, OUTSIDE = "192.168.1.1", "192.168.1.2", "203.0.113.7"
ROUTER = (GATEWAY, 5351)
STRANGER = ("192.168.1.66", 5351)
SECRET = bytes(range(32))


class Router:
    """One that speaks these versions, and whose words can be bent."""

    def __init__(self, versions=(PCP, NATPMP)):
        self.versions = versions
        self.booted_at = 0
        self.outside = bytes((203, 0, 113, 7))
        self.lifetime = LIFETIME
        self.result, self.result_lifetime = 0, 0
        self.is_up = True
        self.mappings = {1: (b"", 51820)}  # internal port -> (nonce, external port); somebody has ours already

    def restart(self, now):
        self.mappings = {}
        self.booted_at = now

    def epoch(self, now):
        return (now - self.booted_at) // 1_000

    def answers(self, data, now):
        if not self.is_up:
            return []
        if data[0] == 0:
            return [self._natpmp(data, now)] if NATPMP in self.versions else []
        if PCP in self.versions:
            return [self._pcp(data, now)]
        return [struct.pack(">BBHI", 0, 128 | data[1], 1, self.epoch(now))] if NATPMP in self.versions else []

    def announce(self, now):
        if PCP in self.versions:
            return struct.pack(">BBBBII", 2, 128, 0, 0, 0, self.epoch(now)) + bytes(12)
        return self._natpmp(b"\0\0", now)

    def _pcp(self, data, now):
        assert len(data) == 60 and data[:4] == b"\2\1\0\0" and data[8:24] == IPV4 + bytes((192, 168, 1, 2))
        assert data[36:40] == b"\x11\0\0\0" and data[44:60] == IPV4 + bytes(4)
        nonce = data[24:36]
        port, wanted = struct.unpack_from(">HH", data, 40)
        result, lifetime = self.result, self.result_lifetime
        if self.mappings.get(port, (nonce,))[0] != nonce:
            result, lifetime = 2, self.lifetime
        if result:
            return struct.pack(">BBBBII", 2, 129, 0, result, lifetime, self.epoch(now)) + bytes(12) + data[24:]
        lifetime = min(struct.unpack_from(">I", data, 4)[0], self.lifetime)
        self._map(port, wanted, nonce, lifetime)
        head = struct.pack(">BBBBII", 2, 129, 0, 0, lifetime, self.epoch(now)) + bytes(12)
        external = self.mappings.get(port, (nonce, 0))[1]
        return head + nonce + struct.pack(">BBHHH", 17, 0, 0, port, external) + IPV4 + self.outside

    def _natpmp(self, data, now):
        if data[1] == 0:
            return struct.pack(">BBHI", 0, 128, self.result, self.epoch(now)) + self.outside
        assert len(data) == 12
        port, wanted, lifetime = struct.unpack_from(">HHI", data, 4)
        if not self.result:
            self._map(port, wanted, b"", lifetime)
        external = self.mappings.get(port, (b"", 0))[1]
        granted = min(lifetime, self.lifetime)
        return struct.pack(">BBHIHHI", 0, 129, self.result, self.epoch(now), port, external, granted)

    def _map(self, port, wanted, nonce, lifetime):
        if lifetime:
            taken = [external for _, external in self.mappings.values()]
            self.mappings.setdefault(port, (nonce, 40_000 if wanted in taken else wanted))
        else:
            self.mappings.pop(port, None)


class Story:
    """A mapper and the router before it, which are a millisecond apart."""

    def __init__(self, router=None, secret=SECRET, seed=1):
        self.now = 1_000_000
        self.router = router or Router()
        self.requests = []  # (when, datagram)
        self.events = []
        self.mapper = PortMapper(RepeatableCrypto(Dice(seed)), secret, 51820)
        self.mapper.set_gateway(GATEWAY, OWN, self.now)

    def run(self, ms):
        end = self.now + ms
        while self.mapper.poll_timeout() is not None and self.mapper.poll_timeout() <= end:
            self.now = max(self.now, self.mapper.poll_timeout())
            self.mapper.handle_timeout(self.now)
            self.exchange()
        self.now = end
        return self

    def exchange(self):
        sent = self.mapper.poll_transmit()
        while sent is not None:
            data, addr = sent
            assert addr == ROUTER
            self.requests.append((self.now, data))
            for answer in self.router.answers(data, self.now):
                self.hear(answer)
            sent = self.mapper.poll_transmit()
        event = self.mapper.poll_event()
        if event is not None:
            self.events.append(event.external)

    def hear(self, data, addr=ROUTER):
        """Returns None, or why it was not let in; False when it was not for the mapper."""
        try:
            return None if self.mapper.handle_datagram(data, addr, self.now) else False
        except Rejected as rejected:
            return rejected.reason

    def announce(self):
        self.hear(self.router.announce(self.now))
        return self

    def gaps(self):
        """ms between the requests, of which NAT-PMP's are two at a time."""
        times = [self.requests[0][0]]
        for when, _ in self.requests:
            if when != times[-1]:
                times.append(when)
        return [times[i + 1] - times[i] for i in range(len(times) - 1)]


def in_both_protocols(story):
    for protocol in (PCP, NATPMP):
        story(Router((protocol,)))


def about(value, expected):
    return expected * 9 // 10 <= value <= expected * 11 // 10


# --- a router that answers


def test_a_router_is_asked_and_gives_a_mapping():
    def story(router):
        story = Story(router).run(0)
        assert story.mapper.external == (OUTSIDE, 40_000) and story.mapper.state == MAPPED
        assert story.mapper.protocol == router.versions[0]
        assert story.events == [(OUTSIDE, 40_000)]
        assert "203.0.113.7:40000" in story.mapper.findings()

    in_both_protocols(story)


def test_a_mapping_is_renewed_at_half_its_life_and_a_little_later_by_some():
    def story(router):
        story = Story(router).run(0)
        story.requests.clear()
        story.run(24 * 3_600_000)
        gaps = story.gaps()
        assert len(gaps) > 15 and min(gaps) >= LIFETIME * 500 and max(gaps) <= LIFETIME * 625
        assert max(gaps) - min(gaps) > 60_000
        assert story.events == [(OUTSIDE, 40_000)]

    in_both_protocols(story)


def test_a_renewal_that_gets_lost_is_tried_again_in_time():
    def story(router):
        story = Story(router).run(0)
        router.is_up = False
        story.run(LIFETIME * 990)
        assert len(story.gaps()) > 3
        router.is_up = True
        story.run(LIFETIME * 100)
        assert story.events == [(OUTSIDE, 40_000)] and story.mapper.state == MAPPED

    in_both_protocols(story)


def test_a_mapping_that_nobody_renews_is_told_to_be_gone():
    def story(router):
        story = Story(router).run(0)
        router.is_up = False
        story.run(LIFETIME * 1_000 + 200_000)
        assert story.events == [(OUTSIDE, 40_000), None] and story.mapper.state == SILENT

    in_both_protocols(story)


def test_a_new_address_outside_is_news():
    def story(router):
        story = Story(router).run(0)
        router.outside = bytes((198, 51, 100, 9))
        story.run(LIFETIME * 1_000)
        assert story.events == [(OUTSIDE, 40_000), ("198.51.100.9", 40_000)]

    in_both_protocols(story)


# --- a router that restarts


def test_a_router_that_restarted_is_asked_at_once_and_gives_the_same_port():
    """Else the mapping would be gone until its renewal, an hour later."""

    def story(router):
        story = Story(router).run(600_000)
        router.restart(story.now)
        story.run(3_000).announce().run(0)
        assert router.mappings[51820][1] == 40_000
        assert story.events == [(OUTSIDE, 40_000)]

    in_both_protocols(story)


def test_a_router_that_restarted_and_knows_no_mappings_any_more_has_taken_ours_along():
    def story(router):
        story = Story(router).run(600_000)
        router.restart(story.now)
        story.announce()
        router.is_up = False
        story.run(140_000)
        assert story.events == [(OUTSIDE, 40_000), None]

    in_both_protocols(story)


def test_a_router_that_only_says_that_it_is_there_is_not_asked():
    def story(router):
        story = Story(router).run(0)
        router.is_up = True
        asked = len(story.requests)
        for _ in range(100):
            story.run(10_000).announce()
        assert len(story.requests) == asked

    in_both_protocols(story)


def test_an_address_that_is_announced_makes_us_ask_and_is_not_believed():
    story = Story(Router((NATPMP,))).run(60_000)
    before = len(story.requests)
    story.hear(struct.pack(">BBHI", 0, 128, 0, story.router.epoch(story.now)) + bytes((198, 51, 100, 66)))
    assert story.mapper.external == (OUTSIDE, 40_000)
    story.run(0)
    assert len(story.requests) == before + 2 and story.events == [(OUTSIDE, 40_000)]


def test_whoever_speaks_in_the_name_of_the_router_can_not_make_us_flood_it():
    def story(router):
        story = Story(router).run(0)
        asked = len(story.requests)
        for i in range(1_000):
            router.restart(story.now - i)
            story.announce().run(10)
        most = 10_000 // HURRY_GAP + 1
        assert len(story.requests) - asked <= most * (2 if router.versions == (NATPMP,) else 1)

    in_both_protocols(story)


# --- a router that doesn't answer, or says no


def test_a_silent_router_is_asked_ever_more_rarely():
    story = Story(Router(())).run(45_000 * 11 // 10)
    assert story.mapper.state == SILENT and story.mapper.external is None
    assert "192.168.1.1" in story.mapper.findings() and "51820" in story.mapper.findings()
    story.run(24 * 3_600_000)
    gaps = story.gaps()
    for i in range(8):
        assert about(gaps[i], 3_000 << i)
    assert len(gaps) < 110 and about(gaps[-1], GAP_MAX)
    assert story.events == []


def test_a_router_that_speaks_natpmp_and_falls_silent_is_asked_nine_times():
    router = Router((NATPMP,))
    story = Story(router)
    story.mapper.handle_timeout(story.now)
    request = story.mapper.poll_transmit()[0]
    story.hear(router.answers(request, story.now)[0])
    router.is_up = False
    story.exchange()
    story.run(3_600_000)
    gaps = story.gaps()
    for i in range(9):
        assert about(gaps[i], 250 << i)
    assert story.requests[18][1][0] == 2 and about(gaps[9], GAP_MAX)
    assert story.mapper.state == SILENT


def test_a_router_that_begins_to_answer_is_found():
    story = Story(Router(())).run(3_600_000)
    story.router.versions = (PCP,)
    story.announce().run(0)
    assert story.mapper.state == MAPPED


def test_a_no_is_told_in_words_and_holds_as_long_as_the_router_says():
    router = Router((PCP,))
    router.result, router.result_lifetime = 8, 300
    story = Story(router).run(299_000)
    assert len(story.requests) == 1 and story.mapper.state == REFUSED
    assert "no room" in story.mapper.findings()
    router.result = 0
    story.run(1_000)
    assert story.mapper.external == (OUTSIDE, 40_000)


def test_a_no_holds_neither_for_ever_nor_for_no_time():
    router = Router((PCP,))
    for lifetime, most in ((0, 121), (0xFFFFFFFF, 3)):
        router.result, router.result_lifetime = 2, lifetime
        story = Story(router).run(3_600_000)
        assert 2 <= len(story.requests) <= most


def test_a_natpmp_router_without_an_address_is_asked_again_soon():
    router = Router((NATPMP,))
    router.result, router.outside = 3, bytes(4)
    story = Story(router).run(10_000)
    assert story.mapper.state == REFUSED and "address outside" in story.mapper.findings()
    router.result, router.outside = 0, bytes((203, 0, 113, 7))
    story.run(30_000)
    assert story.mapper.state == MAPPED


def test_a_no_to_a_renewal_does_not_end_the_mapping_before_its_time():
    router = Router((PCP,))
    story = Story(router).run(0)
    router.result, router.result_lifetime = 8, 1_800
    story.run(LIFETIME * 900)
    assert len(story.requests) > 1 and story.mapper.external == (OUTSIDE, 40_000)
    story.run(LIFETIME * 200 + 1_800_000)
    assert story.events[1:] == [None] and story.mapper.state == REFUSED


def test_an_address_that_is_nobodys_is_no_mapping():
    for outside in (bytes(4), bytes((127, 0, 0, 1)), bytes((224, 0, 0, 1)), b"\xff" * 4):

        def story(router):
            router.outside = outside  # noqa: B023
            story = Story(router).run(10_000)
            assert story.mapper.external is None and story.mapper.state == REFUSED

        in_both_protocols(story)


def test_a_life_too_short_to_be_true_makes_nobody_busy():
    def story(router):
        router.lifetime = 1
        story = Story(router).run(600_000)
        assert len(story.requests) <= 1 + 2 * 151 and story.events == [(OUTSIDE, 40_000)]

    in_both_protocols(story)


def test_a_life_too_long_to_be_true_is_not_believed():
    router = Router((PCP,))
    router._map(51820, 40_000, b"", 1)
    story = Story(router)
    story.mapper.handle_timeout(story.now)
    request = story.mapper.poll_transmit()[0]
    answer = struct.pack(">BBBBII", 2, 129, 0, 0, 0xFFFFFFFF, 1) + bytes(12) + request[24:42] + b"\x9c\x40"
    assert story.hear(answer + IPV4 + router.outside) is None
    assert story.mapper.poll_timeout() - story.now <= 54_000_000


def test_a_mapping_that_the_router_takes_away_is_asked_for_again():
    story = Story(Router((PCP,))).run(60_000)
    request = story.requests[-1][1]
    story.hear(struct.pack(">BBBBII", 2, 129, 0, 0, 0, story.router.epoch(story.now)) + bytes(12) + request[24:])
    story.exchange()
    story.run(0)
    assert story.events == [(OUTSIDE, 40_000), None, (OUTSIDE, 40_000)]


# --- our own life


def test_a_mapping_is_ours_again_after_a_crash():
    """A mapping belongs to its nonce: with another one we would be locked out of our own port for two hours."""
    router = Router((PCP,))
    Story(router).run(0)
    assert Story(router, seed=2).run(0).mapper.external == (OUTSIDE, 40_000)
    assert Story(router, secret=bytes(32), seed=3).run(0).mapper.state == REFUSED


def test_who_goes_gives_the_mapping_back():
    def story(router):
        story = Story(router).run(0)
        story.mapper.close(story.now)
        story.exchange()
        assert 51820 not in router.mappings and story.mapper.external is None
        assert story.mapper.poll_timeout() is None

    in_both_protocols(story)


def test_who_never_asked_has_nothing_to_give_back():
    mapper = PortMapper(RepeatableCrypto(Dice(1)), SECRET, 51820)
    mapper.set_gateway(GATEWAY, OWN, 0)
    mapper.close(0)
    assert mapper.poll_transmit() is None


def test_another_router_is_asked_and_what_the_one_before_gave_is_gone():
    def story(router):
        story = Story(router).run(0)
        story.mapper.set_gateway(GATEWAY, OWN, story.now)  # the same
        assert story.mapper.state == MAPPED
        story.mapper.set_gateway("10.0.0.1", "10.0.0.2", story.now)
        assert story.mapper.external is None and story.mapper.state == ASKING
        story.mapper.handle_timeout(story.now)
        data, addr = story.mapper.poll_transmit()
        assert addr == ("10.0.0.1", 5351) and data[20:24] == bytes((10, 0, 0, 2))
        story.mapper.set_gateway(None, None, story.now)
        assert story.mapper.state == NO_ROUTER and story.mapper.poll_timeout() is None
        assert story.hear(data) is False

    in_both_protocols(story)


# --- those who are not the router


def test_only_the_router_is_listened_to():
    def story(router):
        story = Story(router)
        story.mapper.handle_timeout(story.now)
        request = story.mapper.poll_transmit()[0]
        (answer,) = router.answers(request, story.now)
        assert story.hear(answer, STRANGER) is False
        assert story.hear(answer, (GATEWAY, 5352)) is False
        assert story.mapper.state == ASKING and story.mapper.protocol == PCP

    in_both_protocols(story)


def test_an_answer_with_another_nonce_or_for_another_port_is_not_believed():
    router = Router((PCP,))
    story = Story(router)
    story.mapper.handle_timeout(story.now)
    answer = router.answers(story.mapper.poll_transmit()[0], story.now)[0]
    for at in list(range(24, 36)) + [40, 41]:
        bent = answer[:at] + bytes((answer[at] ^ 1,)) + answer[at + 1 :]
        assert story.hear(bent) == "unexpected-port-mapping"
    assert story.hear(answer[:36] + b"\x06" + answer[37:]) == "bad-port-mapping"  # TCP
    assert story.mapper.state == ASKING
    assert story.hear(answer) is None and story.mapper.state == MAPPED


def test_natpmp_is_not_believed_when_nobody_asked():
    router = Router((NATPMP,))
    story = Story(router).run(60_000)
    unasked = struct.pack(">BBHIHHI", 0, 129, 0, router.epoch(story.now), 51820, 666, 7_200)
    assert story.hear(unasked) == "unexpected-port-mapping"
    assert story.mapper.external == (OUTSIDE, 40_000)


def test_a_router_that_speaks_pcp_is_not_talked_down():
    story = Story(Router((PCP,))).run(60_000)
    assert story.hear(struct.pack(">BBHI", 0, 129, 1, 7)) == "unexpected-port-mapping"
    assert story.hear(b"\1\x81\0\1" + bytes(20)) == "unexpected-port-mapping"
    assert story.mapper.protocol == PCP and story.mapper.state == MAPPED


def test_an_answer_cut_anywhere_harms_nobody():
    def story(router):
        story = Story(router)
        story.mapper.handle_timeout(story.now)
        answers = router.answers(story.mapper.poll_transmit()[0], story.now)
        if router.versions == (NATPMP,):
            story.hear(answers[0])
            answers = []
            sent = story.mapper.poll_transmit()
            while sent is not None:
                answers += router.answers(sent[0], story.now)
                sent = story.mapper.poll_transmit()
        for answer in answers:
            for n in range(len(answer)):
                assert story.hear(answer[:n]) in ("bad-port-mapping", "unexpected-port-mapping")
        assert story.mapper.external is None
        for answer in answers:
            story.hear(answer)
        assert story.mapper.external == (OUTSIDE, 40_000)

    in_both_protocols(story)


def test_noise_from_the_router_harms_nobody():
    dice = Dice(7)
    for versions in ((PCP,), (NATPMP,), ()):
        story = Story(Router(versions)).run(0)
        for _ in range(3_000):
            data = bytearray(dice.bytes(dice.below(80)))
            if len(data) > 4:
                data[0] = (0, 1, 2, 3)[dice.below(4)]
                data[1] = 128 | dice.below(3)
                data[3] = dice.below(15)
            story.hear(bytes(data))
            story.run(dice.below(100))
        assert len(story.requests) < 3_000 * 50 // HURRY_GAP * 2 + 40
        assert story.mapper.external in (None, (OUTSIDE, 40_000))


def test_what_is_sent_is_the_rfcs_to_the_byte():
    nonce = bytes(range(12))
    request = pcp.map_request(OWN, nonce, 51820, 40_000, 7_200)
    assert request == (
        b"\x02\x01\x00\x00\x00\x00\x1c\x20" + bytes(10) + b"\xff\xff\xc0\xa8\x01\x02"
        + nonce + b"\x11\x00\x00\x00\xca\x6c\x9c\x40" + bytes(10) + b"\xff\xff\x00\x00\x00\x00"
    )
    assert pcp.address_request() == b"\0\0"
    assert pcp.natpmp_map_request(51820, 0, 7_200) == b"\0\1\0\0\xca\x6c\0\0\0\0\x1c\x20"
