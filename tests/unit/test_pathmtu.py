"""What a path carries is found in seconds, one that shrinks stalls nobody for long, and an idle pair sends nothing."""

from pair import Dice

from ipop.overlay.pathmtu import (
    BASE,
    BUSY,
    COMPLETE,
    CONFIRM,
    ERROR_GAP,
    GREW,
    LOOK,
    LOOK_IDLE,
    MAX_PROBES,
    MIN,
    MOST_DETOUR,
    OVERHEAD,
    PROBE_TIMER,
    RAISE,
    SAFE,
    SAFE_DETOUR,
    SHRANK,
    STEP,
    WHOLE,
    PathMtu,
    probe_content,
    room,
)
from ipop.wire import payload

RTT = 40  # ms
MUCH = 1_000_000  # bytes a second
UDP_V4, UDP_V6 = 28, 48


class Path:
    """A PathMtu and a path of `mtu` bytes of IP; `interface` is our own kernel's MTU; `loss` in percent, each way."""

    def __init__(self, mtu, is_ipv6=False, is_detour=False, interface=1500, loss=0, seed=1):
        self.mtu = mtu
        self.interface = interface
        self.loss = loss
        self.rtt = RTT
        self.headers = UDP_V6 if is_ipv6 else UDP_V4
        self.now = 1_000
        self.sent = 0  # bytes of the user's
        self.probes = []  # (when, size) of those that our kernel let out
        self.events = []
        self._dice = Dice(seed)
        self._answers = []
        self.path = PathMtu(self._random, lambda: self.sent)
        self.path.begin(self.now, is_ipv6, is_detour)

    def carries(self, size):
        return size + self.headers <= self.mtu

    @property
    def most(self):
        """The largest multiple of 16 that passes, as far as it makes a difference."""
        return min(self.mtu - self.headers, self.path._most) // STEP * STEP

    def run(self, ms, rate=0, wants=False):
        """Time passes; the user sends `rate` bytes a second, `wants` large frames."""
        end = self.now + ms
        while self.now < end:
            if wants:
                self.path.want(self.now)
            self._send_probes()
            times = [end, self.now + 100 if rate or wants else end] + [when for when, _ in self._answers]
            timeout = self.path.poll_timeout()
            if timeout is not None:
                times.append(timeout)
            before, self.now = self.now, max(min(times), self.now)
            self.sent += rate * (self.now - before) // 1000
            while self._answers and self._answers[0][0] <= self.now:
                self.path.handle_answer(self._answers.pop(0)[1], self.now)
            timeout = self.path.poll_timeout()
            if timeout is not None and timeout <= self.now:
                self.path.handle_timeout(self.now)
                timeout = self.path.poll_timeout()
                assert timeout is None or timeout > self.now
            self._note_event()
        self._send_probes()
        return self

    def transfer(self, size):
        """The user sends a datagram of `size` bytes: does it pass?"""
        if size + self.headers > self.interface:
            self.path.handle_too_large(size, self.now)
        return self.carries(size) and size + self.headers <= self.interface

    def bytes(self):
        return sum([size + self.headers for _, size in self.probes])

    def _send_probes(self):
        probe = self.path.poll_probe()
        while probe is not None:
            size, nonce = probe
            assert len(payload.control(payload.PING, probe_content(size, nonce))) + OVERHEAD == size
            if size + self.headers > self.interface:
                self.path.handle_too_large(size, self.now)
            else:
                self.probes.append((self.now, size))
                lost = self._dice.below(100) < self.loss or self._dice.below(100) < self.loss
                if self.carries(size) and not lost:
                    self._answers.append((self.now + self.rtt, nonce))
            probe = self.path.poll_probe()
        self._note_event()

    def _note_event(self):
        event = self.path.poll_event()
        if event is not None:
            assert event.size == self.path.size
            self.events.append(event)

    def _random(self, n):
        return bytes([self._dice.below(256) for _ in range(n)])


def found(mtu, **options):
    """A path that was searched."""
    path = Path(mtu, **options)
    path.path.want(path.now)
    path.run(60_000)
    assert path.path.state == COMPLETE
    return path


# --- what fits


def test_no_padding_makes_a_datagram_larger_than_the_path():
    for size in list(range(MIN, WHOLE + 1)):
        each = room(size)
        plaintext = each.frame + payload.HEADER
        assert plaintext + -plaintext % 16 + OVERHEAD <= size
        assert plaintext % 16 == 0 and size - plaintext - OVERHEAD < 16
        assert each.packet == each.frame - 14 and (each.mss_v4, each.mss_v6) == (each.packet - 40, each.packet - 60)


def test_what_the_usual_paths_carry():
    assert room(1500 - UDP_V4) == (1436, 1422, 1382, 1362)
    assert room(1492 - UDP_V4) == (1420, 1406, 1366, 1346)
    assert room(1500 - UDP_V6) == (1404, 1390, 1350, 1330)
    assert room(SAFE) == (1196, 1182, 1142, 1122)
    assert room(SAFE_DETOUR) == (1148, 1134, 1094, 1074)
    assert room(WHOLE).frame >= 1514
    assert room(SAFE).frame - 12 >= SAFE_DETOUR  # a relay's header in a datagram of the safe size


# --- the search


def test_a_usual_path_is_known_after_two_round_trips():
    path = Path(1500)
    path.path.want(path.now)
    path.run(2 * RTT + 1)
    assert path.path.state == COMPLETE and path.path.size == 1472
    assert [size for _, size in path.probes] == [SAFE, 1472]
    assert path.events == [(GREW, 1472)]


def test_pppoe_costs_three_probes_more():
    path = found(1492)
    assert path.path.size == 1456
    assert [size for _, size in path.probes] == [SAFE, 1472, 1472, 1472, 1456]
    assert path.probes[-1][0] - path.probes[0][0] <= MAX_PROBES * PROBE_TIMER + RTT


def test_where_our_own_interface_says_so_it_costs_none():
    path = found(1492, interface=1492)
    assert path.path.size == 1456 and [size for _, size in path.probes] == [SAFE, 1456]


def test_every_size_is_found():
    for mtu in list(range(1280, 1501, 4)):
        for is_ipv6 in (False, True):
            path = found(mtu, is_ipv6=is_ipv6)
            assert path.path.size == path.most, (mtu, is_ipv6)
            assert len(path.probes) <= 2 + 6 * MAX_PROBES
            assert path.probes[-1][0] - path.probes[0][0] < 15_000
            assert path.bytes() < 28_000


def test_a_whole_frame_passes_within_a_cloud():
    for is_ipv6 in (False, True):
        path = found(9000, is_ipv6=is_ipv6, interface=9000)
        assert path.path.size == WHOLE and len(path.probes) == 2
    path = found(1500, interface=9000)
    assert path.path.size == 1472 and len(path.probes) == 2 + MAX_PROBES  # and nothing between


def test_a_detour_begins_with_less_and_has_less():
    path = Path(1500, is_detour=True)
    assert path.path.size == SAFE_DETOUR
    path = found(1500, is_detour=True)
    assert path.path.size == MOST_DETOUR and len(path.probes) == 2
    for inner in range(SAFE_DETOUR, MOST_DETOUR + 1):
        path = found(inner + UDP_V4, is_detour=True)
        assert path.path.size == inner // 16 * 16


def test_one_in_twenty_lost_changes_nothing():
    right = 0
    for seed in range(1, 41):
        for mtu in (1500, 1492, 1420, 1280):
            path = Path(mtu, loss=5, seed=seed)
            path.run(30_000, rate=10_000, wants=True)
            assert path.carries(path.path.size)
            right += path.path.size == path.most
    assert right >= 155


def test_an_answer_that_takes_seconds_counts():
    path = Path(1500)
    path.rtt = 2_500
    path.path.want(path.now)
    path.run(10_000)
    assert path.path.size == 1472


def test_nothing_is_probed_until_somebody_wants_more():
    path = Path(1500)
    path.run(3_600_000, rate=100_000)
    assert path.probes == [] and path.path.state == BASE and path.path.size == SAFE


def test_a_path_below_the_minimum_of_ipv6():
    """Not even 1280 bytes: everything still passes, in more pieces."""
    for mtu in (576, 700, 1006, 1200):
        path = found(mtu)
        assert path.path.size == path.most and path.events[0] == (SHRANK, MIN)
    path = Path(1000, interface=1000)
    assert not path.transfer(SAFE)
    path.run(60_000)
    assert path.path.size == path.most
    assert path.transfer(path.path.size)


# --- afterwards


def test_an_idle_pair_sends_no_probes():
    path = found(1500)
    before = len(path.probes)
    path.run(3_600_000)
    assert len(path.probes) == before
    path.run(24 * 3_600_000, rate=1)
    assert len(path.probes) - before <= 10
    assert path.bytes() < 36_000  # a thousandth of what a day's budget allows


def test_a_quiet_flow_is_confirmed_now_and_then_and_a_loud_one_soon():
    path = found(1500)
    before = len(path.probes)
    path.run(6 * CONFIRM, rate=100)
    assert 4 <= len(path.probes) - before <= 6
    before = len(path.probes)
    path.run(60_000, rate=MUCH)
    assert 60_000 // LOOK - 1 <= len(path.probes) - before <= 60_000 // LOOK + 1
    assert path.path.state == COMPLETE and path.path.size == 1472


def test_a_black_hole_ends_within_seconds():
    """The path carries less all of a sudden, and no router says so."""
    for mtu in (1280, 1380, 1492):
        path = found(1500)
        path.run(60_000, rate=MUCH)
        path.mtu = mtu
        path.run(LOOK + MAX_PROBES * PROBE_TIMER + 200, rate=MUCH)
        assert path.path.size == SAFE or path.carries(path.path.size)
        path.run(30_000, rate=MUCH, wants=True)
        assert path.path.size == path.most, mtu
        assert (SHRANK, SAFE) in path.events


def test_it_does_so_for_who_is_stuck_and_sends_little():
    """A TCP connection sends one segment again and again, at longer and longer intervals, and no more."""
    for idle in (0, 3_000, 3_600_000):  # before it
        path = found(1500)
        path.run(60_000, rate=MUCH)
        path.run(idle)
        path.mtu, start = 1400, path.now
        path.sent += 4 * 1448  # a web page's first
        for wait in (200, 400, 800, 1_600, 3_200, 6_400, 12_800):
            path.path.want(path.now)  # as for all that passes
            path.sent += 1448
            path.run(wait)
            if path.path.size == SAFE:
                break
        assert path.path.size == SAFE and path.now - start < 13_000, idle


def test_confirmations_are_a_small_part_of_the_traffic():
    for rate in (BUSY * 1000 // LOOK, 2_000, 10_000, 100_000):
        path = found(1500)
        path.run(600_000)
        before = path.bytes()
        path.run(600_000, rate=rate)
        assert path.bytes() - before < 600 * rate // 6


def test_who_gets_no_answer_asks_at_once():
    path = found(1500)
    path.run(600_000)
    path.mtu = 1400
    path.path.handle_silent(path.now)
    path.run(MAX_PROBES * PROBE_TIMER + 1)
    assert path.path.size == SAFE
    path.run(20_000, wants=True)
    assert path.path.size == path.most


def test_a_silence_that_had_another_reason_changes_nothing():
    path = found(1500)
    events = len(path.events)
    for _ in range(50):
        path.path.handle_silent(path.now)
        path.run(500)
    assert path.path.size == 1472 and len(path.events) == events


def test_the_kernel_says_too_large():
    """A PPPoE line took the place of another one while the daemon runs."""
    path = found(1500)
    path.mtu = path.interface = 1492
    assert not path.transfer(1472)
    assert path.path.size == SAFE and path.path.poll_probe() is not None
    path = found(1500)
    path.mtu = path.interface = 1492
    path.transfer(1472)
    path.run(5 * RTT)
    assert path.path.size == 1456
    assert path.transfer(1456)
    before = len(path.events)
    assert not path.transfer(1472)  # one that was under way in the daemon: no news
    path.run(10_000)
    assert len(path.events) == before


def test_a_path_that_grows_is_noticed_when_it_matters():
    path = found(1400)
    path.mtu = 1500
    path.run(2 * RAISE, rate=MUCH)
    assert path.path.size == 1360  # nobody wanted more
    path.path.want(path.now)
    path.run(1_000)
    assert path.path.size == 1472


def test_wanting_more_all_the_time_costs_little():
    path = found(1492)
    before = path.bytes()
    path.run(3_600_000, rate=100, wants=True)
    assert path.bytes() - before < 24_000  # 7 bytes a second, the confirmations with them
    assert path.path.size == 1456


def test_trying_for_more_in_vain_confirms_nothing():
    path = found(1400)
    path.run(CONFIRM - 110_000, rate=100)
    path.path.want(path.now)
    path.run(3 * LOOK, rate=100)
    tried = [size for _, size in path.probes][-4:]
    assert min(tried) > path.path.size
    path.run(CONFIRM // 2, rate=100)
    assert path.probes[-1][1] == path.path.size


def test_a_path_that_was_dead_during_the_search_is_searched_again_soon():
    path = Path(1500)
    path.path.want(path.now)
    path.run(RTT + 1)
    path.mtu = 100
    path.run(20_000, wants=True)
    path.mtu = 1500
    path.run(100_000, rate=1_000, wants=True)
    assert path.path.size == 1472


def test_a_dead_path_is_not_probed_for_ever():
    path = found(1500)
    path.mtu = 0
    path.path.handle_silent(path.now)
    path.run(3_600_000)
    assert path.path.state == BASE and path.path.size == SAFE and path.path.poll_timeout() is None
    assert len(path.probes) == 2 + 3 * MAX_PROBES
    before = len(path.probes)
    path.run(60_000, wants=True)
    assert len(path.probes) - before <= 2 * MAX_PROBES * (60_000 // ERROR_GAP)
    path.mtu = 1500
    path.run(ERROR_GAP + 10_000, wants=True)
    assert path.path.size == 1472


def test_another_endpoint_begins_at_the_base():
    path = found(1500)
    path.path.handle_silent(path.now)
    _, nonce = path.path.poll_probe()
    path.events.clear()
    path.path.begin(path.now, is_detour=True)
    assert path.path.size == SAFE_DETOUR and path.path.poll_event() == (SHRANK, SAFE_DETOUR)
    assert path.path.poll_probe() is None and path.path.poll_timeout() is None
    assert not path.path.handle_answer(nonce, path.now)
    path.path.want(path.now)
    path.run(10_000)
    assert path.path.size == MOST_DETOUR
    assert LOOK < LOOK_IDLE


# --- hostile ones


def test_answers_that_nobody_asked_for():
    path = Path(1500)
    path.path.want(path.now)
    for nonce in (b"", bytes(7), bytes(8), bytes(9), bytes(500)):
        assert not path.path.handle_answer(nonce, path.now)
    _, nonce = path.path.poll_probe()
    assert path.path.handle_answer(memoryview(nonce), path.now)
    assert not path.path.handle_answer(nonce, path.now)  # once
    assert path.path.size == SAFE


def test_whatever_happens_it_stays_in_its_bounds():
    for seed in range(1, 16):
        dice = Dice(seed)
        path = Path(1500, loss=20, seed=seed)
        for _ in range(300):
            what = dice.below(8)
            if what == 0:
                path.mtu = (0, 576, 1280, 1400, 1492, 1500, 9000)[dice.below(7)]
                path.interface = (1280, 1492, 1500, 9000)[dice.below(4)]
            elif what == 1:
                path.path.handle_silent(path.now)
            elif what == 2:
                path.path.handle_too_large(dice.below(1600), path.now)
            elif what == 3:
                path.path.begin(path.now, dice.below(2) == 0, dice.below(4) == 0)
            path.run(dice.below(3_000) + 1, rate=dice.below(3) * MUCH // 2, wants=what == 4)
            assert MIN <= path.path.size <= WHOLE and path.path.size % STEP == 0
        path.mtu, path.interface, path.loss = 1500, 1500, 0
        path.path.begin(path.now)
        path.headers = UDP_V4
        path.run(60_000, wants=True)
        assert path.path.size == 1472
