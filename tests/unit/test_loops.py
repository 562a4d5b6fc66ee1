"""Two homes' LANs are cabled together by mistake: in seconds the loop is cut and named; it heals when it is undone.

A street of homes in virtual time: each has a LAN (all that is sent there is heard by all), a LoopWatch behind its TAP,
tunnels to all others, and a device that broadcasts once a second. Cables between LANs can be plugged and pulled.
"""

import heapq
from collections import namedtuple

from pair import Dice, ethernet

from ipop.errors import Rejected
from ipop.lan import loops
from ipop.lan.loops import (
    BURST,
    CUT,
    DESTINATION,
    ETHERTYPE,
    GAP,
    HOLD,
    LOOPED_HERE,
    MENDED,
    MESSAGE_BURST,
    PASSED_OVER,
    ROTATE,
    ROUTINE,
    SPACING,
    TAKEN_BACK,
    LoopWatch,
    explain,
)
from ipop.lan.switch import LAN
from ipop.ports import crypto
from ipop.wire.dissect import dissect

Config = namedtuple("Config", ("name", "public_key"))
IN_FLIGHT_MAX = 40  # frames in one cable: a storm fills it
CABLE = 1  # ms


class Crypto:
    def __init__(self, seed):
        self.random = Dice(seed).bytes
        self.sha256 = crypto.sha256


class Link:
    def __init__(self, home):
        self.config = Config(home.name, home.key)
        self.home = home
        self.is_up = False


class Cable:
    def __init__(self, one, other, loss, is_one_way):
        self.ends = one, other
        self.loss = loss
        self.is_one_way = is_one_way
        self.is_plugged = True
        self.in_flight = 0


class Home:
    def __init__(self, street, name, key):
        self.street, self.name, self.key = street, name, key
        self.device = b"\x02" + key[:1] + b"dev."
        self.watch = LoopWatch(Crypto(key[0]), key, street.now)
        self.links = {}
        self.cables = []
        self.table = {}
        self.heard = []  # (when, frame) that the devices hear
        self.events = []  # (when, kind, name)
        self.probes = []  # when one was shown
        self.rejected = []
        self.is_old = False  # its daemon knows nothing of loops
        self.is_chatty = True
        self.serial = 0
        self.wake_at = None

    def connect(self, other):
        self.links[other].is_up = True
        if not self.is_old:
            self.watch.note_connected(self.links[other], self.street.now)
            self.pump()

    def chatter(self):
        if self.is_chatty:
            self.serial += 1
            self.say(self.device, b"%s %d" % (self.name.encode(), self.serial))
            self.street.after(1_000, self.chatter)

    def say(self, mac, data):
        self.emit(ethernet(b"\xff" * 6, mac, 0x9000, data + bytes(46)), None)

    def emit(self, frame, source):
        """A frame is on the LAN, from the TAP (LAN), a cable or a device (None)."""
        if frame[:6] != DESTINATION:
            self.heard.append((self.street.now, frame))
        for cable in self.cables:
            if cable is not source:
                self.street.over_cable(cable, self, frame)
        if source is not LAN:
            self.from_tap(frame)

    def from_tap(self, frame):
        now = self.street.now
        try:
            packet = dissect(frame, 0, len(frame))
        except Rejected:
            return
        if not self.is_old and self.watch.handle_lan_frame(packet, frame, now):
            self.pump()
            return
        self.learn(packet.source, LAN)
        for link in self.links.values():
            if self.watch.is_cut(link):
                self.rejected.append("loop")
            elif link.is_up:
                self.street.through_tunnel(self, link, link.home.from_tunnel, frame)

    def from_tunnel(self, link, frame):
        packet = dissect(frame, 0, len(frame))
        if not self.is_old:
            try:
                self.watch.handle_peer_frame(link, packet, frame, self.street.now)
            except Rejected as rejected:
                self.rejected.append(rejected.reason)
                self.pump()
                return
            if self.watch.is_cut(link):
                self.rejected.append("loop")
                return
        self.learn(packet.source, link)
        self.emit(frame, LAN)

    def from_message(self, link, content):
        assert len(content) < 1_100
        if not self.is_old:
            try:
                self.watch.handle_message(link, content, self.street.now)
            except Rejected as rejected:
                self.rejected.append(rejected.reason)
            self.pump()

    def learn(self, mac, port):
        before = self.table.get(mac, port)
        self.table[mac] = port
        if before is not port and not self.is_old:
            self.watch.note_move(mac, before, port, self.street.now)
            self.pump()

    def pump(self):
        frame = self.watch.poll_frame()
        while frame is not None:
            assert 60 <= len(frame) <= 1514 and frame[:6] == DESTINATION
            self.probes.append(self.street.now)
            self.emit(frame, LAN)
            frame = self.watch.poll_frame()
        message = self.watch.poll_message()
        while message is not None:
            link, content = message
            self.street.messages += 1
            self.street.through_tunnel(self, link, link.home.from_message, content)
            message = self.watch.poll_message()
        event = self.watch.poll_event()
        while event is not None:
            name = None if event.link is None else event.link.config.name
            self.events.append((self.street.now, event.kind, name))
            event = self.watch.poll_event()
        when = max(self.watch.poll_timeout(), self.street.now + 1)
        if self.wake_at is None or when < self.wake_at:
            self.wake_at = when
            self.street.after(when - self.street.now, self.wake, when)

    def wake(self, when):
        if self.wake_at == when:
            self.wake_at = None
            if not self.is_old:
                self.watch.handle_timeout(self.street.now)
                self.pump()

    # --- what a story asks

    def problems(self):
        return sorted(["here" if link is None else link.config.name for link in self.watch.problems()])

    def cuts(self):
        return sorted([link.config.name for link in self.links.values() if self.watch.is_cut(link)])

    def happened(self, kind, since=0):
        return [name for at, what, name in self.events if what == kind and at >= since]

    def copies(self, home, since):
        """How often the devices here have heard each frame of that home's device lately, the most and the least."""
        counts = {}
        for at, frame in self.heard:
            if at >= since and frame[6:12] == home.device:
                counts[frame] = counts.get(frame, 0) + 1
        return sorted(set(counts.values()))


class Street:
    def __init__(self, *names, delay=20, loss=0, old=(), seed=1):
        self.now = 1_000
        self.delay, self.loss = delay, loss
        self.messages = 0
        self._dice = Dice(seed)
        self._due, self._given = [], 0
        self.homes = [Home(self, name, bytes([16 * (i + 1)]) + name.encode() + bytes(31 - len(name)))
                      for i, name in enumerate(names)]
        for home in self.homes:
            home.is_old = home.name in old
            home.links = {other: Link(other) for other in self.homes if other is not home}
        for home in self.homes:
            for other in home.links:
                home.connect(other)
        for i, home in enumerate(self.homes):
            self.after(137 * i, home.chatter)

    def hush(self):
        for home in self.homes:
            home.is_chatty = False
        self.run(1_000)

    def after(self, delay, action, *args):
        self._given += 1
        heapq.heappush(self._due, (self.now + delay, self._given, action, args))

    def run(self, ms):
        end = self.now + ms
        while self._due and self._due[0][0] <= end:
            self.now, _, action, args = heapq.heappop(self._due)
            action(*args)
        self.now = end

    def run_until(self, condition, limit):
        """How long it took."""
        start = self.now
        while not condition():
            assert self.now - start < limit, "it never came"
            self.run(10)
        return self.now - start

    def until_open(self, limit):
        """Until the circle is open: somebody has cut."""
        return self.run_until(lambda: any(home.cuts() for home in self.homes), limit)

    def until_cut(self, limit):
        return self.run_until(lambda: all(home.cuts() for home in self.homes), limit)

    def until_mended(self, limit):
        return self.run_until(lambda: not any(home.cuts() for home in self.homes), limit)

    def lost(self, percent):
        return self._dice.below(100) < percent

    def through_tunnel(self, home, link, action, data):
        back = link.home.links[home]
        if link.is_up and back.is_up and not self.lost(self.loss):
            self.after(self.delay, action, back, data)

    def plug(self, one, other, loss=0, is_one_way=False):
        cable = Cable(one, other, loss, is_one_way)
        one.cables.append(cable)
        other.cables.append(cable)
        return cable

    def pull(self, cable):
        cable.is_plugged = False
        for home in cable.ends:
            home.cables.remove(cable)

    def over_cable(self, cable, home, frame):
        if cable.is_one_way and home is cable.ends[1]:
            return
        if cable.in_flight >= IN_FLIGHT_MAX or self.lost(cable.loss):
            return
        cable.in_flight += 1
        self.after(CABLE, self._arrive, cable, cable.ends[home is cable.ends[0]], frame)

    def _arrive(self, cable, home, frame):
        cable.in_flight -= 1
        if cable.is_plugged:
            home.emit(frame, cable)

    def disconnect(self, one, other):
        one.links[other].is_up = other.links[one].is_up = False

    def restart(self, home):
        """Its router: all that it knew is gone."""
        home.watch = LoopWatch(Crypto(home.key[0] + 100), home.key, self.now)
        home.table = {}
        home.links = {other: Link(other) for other in home.links}
        for other in home.links:
            home.connect(other)


def den_and_cabin(**conditions):
    street = Street("den", "cabin", **conditions)
    street.run(10_000)
    return street, street.homes[0], street.homes[1]


def probes_since(home, when):
    return len([at for at in home.probes if at >= when])


# --- a loop


def test_a_cable_between_two_homes_is_cut_in_time_and_named_in_both():
    """Whatever the moment, with a broadcast of each home a second: less than 3 s of storm."""
    for moment in range(0, 1_000, 95):
        street, den, cabin = den_and_cabin(seed=moment + 1)
        street.run(moment)
        street.plug(den, cabin)
        took = street.until_open(3_000)
        assert took < 1_200
        street.run(200)
        assert den.cuts() == den.problems() == ["cabin"] and den.happened(CUT) == ["cabin"]
        assert cabin.cuts() == cabin.problems() == ["den"] and cabin.happened(CUT) == ["den"]
        assert explain(cabin.watch.problems()[0]).startswith("the LAN of den and this one are connected by a cable")


def test_only_one_device_speaks_once_a_second():
    for chatty in (0, 1):
        street, den, cabin = den_and_cabin()
        street.homes[1 - chatty].is_chatty = False
        street.run(700)
        street.plug(den, cabin)
        assert street.until_cut(3_000) < 1_200


def test_after_the_cut_each_frame_is_heard_once_and_by_way_of_the_cable():
    street, den, cabin = den_and_cabin()
    street.plug(den, cabin)
    street.run(3_000)
    since = street.now
    street.run(20_000)
    for home in (den, cabin):
        assert home.copies(den, since) == home.copies(cabin, since) == [1]
        assert "loop" in home.rejected


def test_far_apart_and_with_losses_it_takes_a_little_longer():
    worst = 0
    for seed in range(1, 13):
        street, den, cabin = den_and_cabin(delay=120, loss=20, seed=seed)
        street.run(77 * seed)
        street.plug(den, cabin, loss=30)
        worst = max(worst, street.until_open(3_000))
        street.run(8_000)
        assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]
    assert worst < 3_000


def test_a_bridge_that_passes_frames_one_way_only():
    for first in (0, 1):
        street, den, cabin = den_and_cabin()
        cable = street.plug(street.homes[first], street.homes[1 - first], is_one_way=True)
        street.run(3_000)
        assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]
        street.run(300_000)
        assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]
        street.pull(cable)
        street.until_mended(700_000)


def test_a_cable_that_was_there_before_the_homes_met():
    street, den, cabin = den_and_cabin()
    street.disconnect(den, cabin)
    street.plug(den, cabin)
    street.hush()
    street.run(10_000)
    den.connect(cabin)
    cabin.connect(den)
    assert street.until_cut(3_000) < 1_500


def test_a_silent_loop_is_found_when_somebody_speaks():
    street, den, cabin = den_and_cabin()
    street.hush()
    street.plug(den, cabin)
    street.run(20_000)
    cabin.say(b"\x02quiet", b"hello")
    assert street.until_cut(3_000) < 200


def test_a_storm_that_no_move_tells_of_is_a_reason_to_look():
    """When the switch's table is full it learns no more."""
    street, den, cabin = den_and_cabin()
    street.hush()
    street.plug(den, cabin)
    street.run(1_000)
    den.watch.note_storm(street.now)
    den.pump()
    assert street.until_cut(3_000) < 100


# --- and its end


def test_when_the_cable_is_pulled_soon_it_heals_within_seconds():
    street, den, cabin = den_and_cabin()
    for after in (1_500, 6_000, 20_000):
        cable = street.plug(den, cabin)
        street.run(after)
        assert den.cuts() and cabin.cuts()
        street.pull(cable)
        assert street.until_mended(20_000) < 10_000
        assert den.problems() == cabin.problems() == []
        since = street.now + 500
        street.run(5_000)
        assert den.copies(cabin, since) == cabin.copies(den, since) == [1]
        street.run(700_000)
    assert den.happened(MENDED) == ["cabin"] * 3 and cabin.happened(MENDED) == ["den"] * 3


def test_both_homes_mend_together():
    street, den, cabin = den_and_cabin()
    cable = street.plug(den, cabin)
    street.run(400_000)
    since = street.now
    street.run(200_000)
    assert probes_since(den, since) > 2 and probes_since(cabin, since) <= 1  # that of five minutes; one of them looks
    street.pull(cable)
    street.run_until(lambda: not den.watch._members[den.links[cabin]].cut, 100_000)
    assert street.until_mended(10_000) < 1_000


def test_homes_that_lost_each_other_look_when_they_meet_again():
    street, den, cabin = den_and_cabin()
    cable = street.plug(den, cabin)
    street.run(3_000)
    street.disconnect(den, cabin)
    street.run(100_000)
    assert den.problems() == []  # not that anybody knows
    street.pull(cable)
    den.connect(cabin)
    cabin.connect(den)
    assert den.cuts() and street.until_mended(100_000) < 3_000


def test_an_answer_to_an_earlier_question_mends_nothing():
    street, den, cabin = den_and_cabin()
    street.plug(den, cabin)
    street.run(3_000)
    member = den.watch._members[den.links[cabin]]
    street.run_until(lambda: member.cut.stage is loops.TELLING, 10_000)
    den.cables, cabin.cables = [], []
    street.run_until(lambda: member.cut.stage is loops.ASKING, 10_000)
    late = bytes([0, 0, 0, 1]) + bytes([member.number - 1 >> 8, member.number - 1 & 255]) + b"a token." + member.token
    den.from_message(den.links[cabin], late)
    den.from_message(den.links[cabin], late[:4] + bytes([member.number >> 8, member.number & 255]) + bytes(16))
    assert member.cut is not None and member.cut.stage is loops.ASKING
    street.until_mended(3_000)


def test_when_it_was_there_for_long_it_heals_within_a_minute():
    street, den, cabin = den_and_cabin()
    street.hush()
    cable = street.plug(den, cabin)
    den.say(den.device, b"hello")
    street.run(1_500_000)
    assert den.happened(CUT) == ["cabin"] and not den.happened(MENDED)
    since = street.now
    street.run(600_000)
    assert probes_since(den, since) + probes_since(cabin, since) <= 20
    street.pull(cable)
    assert street.until_mended(100_000) < 65_000


def test_it_is_not_mended_while_it_is_there_even_if_frames_get_lost():
    street, den, cabin = den_and_cabin(loss=20)
    street.plug(den, cabin, loss=20)
    street.run(600_000)
    assert len(den.happened(CUT)) + len(cabin.happened(CUT)) <= 4
    assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]


def test_a_bridge_that_comes_and_goes_is_held_back_for_longer_each_time():
    street, den, cabin = den_and_cabin()
    lengths = []
    for _ in range(4):
        cable = street.plug(den, cabin)
        street.until_cut(3_000)
        street.run(1_000)
        street.pull(cable)
        lengths.append(street.until_mended(700_000))
    assert lengths[0] < 10_000 < HOLD - 2_000 < lengths[1] < lengths[2] < lengths[3]


def test_silence_is_no_proof():
    """The tunnel is up but nothing comes through it: that tells nothing about the cable."""
    street, den, cabin = den_and_cabin()
    cable = street.plug(den, cabin)
    street.run(3_000)
    street.loss = 100
    street.pull(cable)
    street.run(100_000)
    assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]
    street.loss = 0
    street.until_mended(70_000)


def test_a_router_that_restarts_brings_no_storm_back():
    street, den, cabin = den_and_cabin()
    cable = street.plug(den, cabin)
    street.run(3_000)
    for home in (den, cabin, den):
        street.restart(home)
        street.run(200)
        assert den.problems() == ["cabin"] and cabin.problems() == ["den"]
        street.run(60_000)
        assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]
        assert den.problems() == ["cabin"] and cabin.problems() == ["den"]
    street.pull(cable)
    street.until_mended(70_000)


def test_a_member_that_is_put_out_takes_its_cut_along():
    street, den, cabin = den_and_cabin()
    street.plug(den, cabin)
    street.run(3_000)
    den.watch.forget(den.links[cabin])
    assert den.problems() == [] and den.cuts() == [] and den.watch.poll_message() is None
    assert den.watch._theirs == {}


# --- more homes


def test_the_other_homes_hear_everything_once_by_way_of_one_of_the_two():
    """Else a third home would get its own devices' frames back through the other, and lose them in its own LAN."""
    street = Street("den", "cabin", "attic", "shed")
    den, cabin, attic, shed = street.homes
    street.run(10_000)
    cable = street.plug(cabin, den)
    street.run(3_000)
    since = street.now
    street.run(30_000)
    for home in street.homes:
        for other in street.homes:
            assert home.copies(other, since + 500) == [1], (home.name, other.name)
    assert attic.cuts() == shed.cuts() == ["cabin"] and attic.problems() == []
    ((link, carrier),) = attic.watch.held_back().items()
    assert (link.config.name, carrier.config.name) == ("cabin", "den")
    assert [(link.config.name, way) for link, way in den.watch.held_back().items()] == [("cabin", LAN)]
    assert set(cabin.watch.held_back().values()) == {None}
    assert attic.happened(PASSED_OVER) == ["cabin"] and not attic.happened(CUT)
    assert cabin.cuts() == ["attic", "den", "shed"] and cabin.problems() == ["den"]
    street.hush()
    street.run(600_000)  # and it stays so
    assert attic.happened(PASSED_OVER) == ["cabin"] and attic.cuts() == ["cabin"]
    street.pull(cable)
    street.until_mended(70_000)
    assert attic.happened(TAKEN_BACK) == ["cabin"]


def test_it_does_not_matter_which_of_the_two_was_suspicious():
    for suspicious in ("den", "cabin"):
        street = Street("den", "cabin", "attic")
        den, cabin, attic = street.homes
        street.run(10_000)
        street.hush()
        street.plug(cabin, den)
        for home in (den, cabin):
            if home.name == suspicious:
                home.watch.note_storm(street.now)
                home.pump()
        street.run(500)
        assert attic.cuts() == ["cabin"], suspicious


def test_if_the_one_that_carries_fails_the_other_takes_over():
    street = Street("den", "cabin", "attic")
    den, cabin, attic = street.homes
    street.run(10_000)
    street.plug(cabin, den)
    street.run(10_000)
    street.disconnect(den, attic)
    assert street.run_until(lambda: not attic.cuts() and cabin.cuts() == ["den"], 5_000) < 3_000
    since = street.now
    street.run(5_000)
    assert attic.copies(den, since + 500) == attic.copies(cabin, since + 500) == [1]
    den.connect(attic)
    attic.connect(den)
    assert street.run_until(lambda: attic.cuts() == ["cabin"], 5_000) < 3_000


def test_three_homes_in_a_row():
    street = Street("den", "cabin", "attic", "shed")
    den, cabin, attic, shed = street.homes
    street.run(10_000)
    first = street.plug(den, cabin)
    second = street.plug(cabin, attic)
    street.run(3_000)
    assert den.problems() == ["attic", "cabin"] and cabin.problems() == ["attic", "den"]
    assert shed.cuts() == ["attic", "cabin"] and shed.problems() == []
    since = street.now
    street.run(20_000)
    for home in street.homes:
        for other in street.homes:
            assert home.copies(other, since + 500) == [1], (home.name, other.name)
    street.pull(second)
    street.run_until(lambda: den.problems() == ["cabin"] and attic.cuts() == ["cabin"], 70_000)
    street.pull(first)
    street.until_mended(70_000)


def test_two_ports_of_one_home_cabled_together():
    """The bridge storms by itself. All that can be done is to say so."""
    street, den, cabin = den_and_cabin()
    street.hush()
    cable = street.plug(den, den)
    den.watch.note_storm(street.now)
    den.pump()
    street.run(200)
    assert den.problems() == ["here"] and den.happened(LOOPED_HERE) == [None]
    assert "unplug" in explain(None)
    assert den.cuts() == cabin.cuts() == cabin.problems() == []
    street.run(90_000)
    assert den.happened(LOOPED_HERE) == [None] and den.problems() == ["here"]
    street.pull(cable)
    street.run(40_000)
    assert den.problems() == [] and den.happened(MENDED) == [None]


# --- no loop


def test_homes_that_are_quiet_are_left_in_peace():
    """Sensors sleep: one probe in five minutes, and no message but one an hour each way."""
    street = Street("den", "cabin", "attic", "shed")
    street.hush()
    street.run(60_000)
    messages, probes, hours = street.messages, [len(home.probes) for home in street.homes], 4
    street.run(hours * ROTATE)
    for home, before in zip(street.homes, probes):
        assert len(home.probes) - before <= hours * ROTATE // ROUTINE
        gaps = [later - earlier for earlier, later in zip(home.probes[before:], home.probes[before + 1 :])]
        assert min(gaps) >= ROUTINE
        assert home.happened(CUT) == home.cuts() == []
    assert street.messages - messages <= hours * 12 * 4


def test_a_device_that_is_carried_from_one_home_to_the_other_cuts_nothing():
    street, den, cabin = den_and_cabin()
    since = street.now
    for i in range(10):
        street.homes[i % 2].say(b"\x02phone", b"%d" % i)
        street.run(20_000)
    assert den.events == cabin.events == []
    assert 0 < probes_since(den, since) <= 12


def test_a_spoofer_cuts_nothing_and_wakes_nobody_much():
    street, den, cabin = den_and_cabin()
    since = street.now
    for i in range(6_000):
        cabin.say(den.device, b"%d" % i)
        den.say(den.device, b"%d" % i)
        street.run(10)
    assert den.events == cabin.events == []
    allowed = BURST + 60_000 // GAP + 1
    assert probes_since(den, since) <= allowed and probes_since(cabin, since) <= allowed
    for home in (den, cabin):
        assert min([later - earlier for earlier, later in zip(home.probes, home.probes[1:])]) >= SPACING


def test_a_spoofer_can_not_hide_a_loop():
    street, den, cabin = den_and_cabin()
    for i in range(3_000):
        cabin.say(den.device, b"%d" % i)
        street.run(10)
    street.plug(den, cabin)
    for i in range(300):
        cabin.say(den.device, b"%d" % i)
        street.run(10)
    assert den.cuts() == ["cabin"] and cabin.cuts() == ["den"]


# --- enemies


def a_probe(home, street):
    """One that the home has just shown on its LAN."""
    shown = []
    home.emit, emit = lambda frame, source: shown.append(frame), home.emit
    home.watch.note_storm(street.now)
    street.run(GAP)
    home.pump()
    home.emit = emit
    return [frame for frame in shown if frame[:6] == DESTINATION][0]


def test_what_was_seen_on_one_lan_proves_once_on_another():
    """A device records a probe and replays it elsewhere: that is a cable, but a short one."""
    street, den, cabin = den_and_cabin()
    probe = a_probe(den, street)
    cabin.emit(probe, None)
    street.run(100)
    assert cabin.cuts() == ["den"] and den.cuts() == ["cabin"]
    for _ in range(100):
        cabin.emit(probe, None)
        street.run(100)
    street.run(2_000)
    assert den.cuts() == cabin.cuts() == []
    cabin.emit(probe, None)
    street.run(2_000)
    assert den.cuts() == cabin.cuts() == []


def test_a_probe_that_circles_in_a_home_is_told_of_once():
    street, den, cabin = den_and_cabin()
    probe = a_probe(den, street)
    before = street.messages
    for _ in range(1_000):
        cabin.emit(probe, None)
    assert street.messages - before == 1


def test_a_token_that_is_being_changed_proves_as_well():
    street, den, cabin = den_and_cabin()
    street.hush()
    street.loss = 100
    street.run_until(lambda: den.watch._members[den.links[cabin]].old_token, ROTATE + 100_000)
    street.plug(den, cabin)
    den.watch.note_storm(street.now)
    den.pump()
    street.run(100)
    assert cabin.cuts() == ["den"]


def test_no_probe_comes_out_of_a_tunnel():
    """A hostile member sends what it saw on its LAN, and what it makes up."""
    street, den, cabin = den_and_cabin()
    probe = a_probe(den, street)
    tagged = probe[:12] + b"\x81\0\0\1" + probe[12:]
    in_llc = probe[:12] + b"\0\x40\xaa\xaa\3\0\0\0" + probe[12:]
    made_up = ethernet(b"\xff" * 6, den.device, ETHERTYPE, b"ipop\x01\x00" + bytes(40))
    before = len(cabin.heard)
    for frame in (probe, tagged, in_llc, made_up):
        cabin.from_tunnel(cabin.links[den], frame)
    assert cabin.rejected == ["loop-probe"] * 4 and len(cabin.heard) == before
    assert cabin.cuts() == []


def test_others_may_use_the_experimental_ethertype():
    street, den, cabin = den_and_cabin()
    frame = ethernet(b"\xff" * 6, den.device, ETHERTYPE, b"someone else's" + bytes(40))
    cabin.from_tunnel(cabin.links[den], frame)
    assert cabin.rejected == [] and cabin.heard[-1][1] == frame


def test_a_daemon_that_knows_nothing_of_loops():
    """It sends our own probe back through the tunnel: that is a proof too."""
    street, den, cabin = den_and_cabin(old=("cabin",))
    street.run(60_000)
    street.hush()
    calm = street.messages
    street.run(3_000_000)
    assert street.messages - calm <= 12  # it is asked once in a while
    cable = street.plug(den, cabin)
    cabin.say(cabin.device, b"hello")
    assert street.run_until(lambda: den.cuts(), 3_000) < 1_500
    street.run(60_000)
    assert den.cuts() == ["cabin"]
    street.pull(cable)
    street.run_until(lambda: not den.cuts(), 800_000)


def test_a_member_that_lies_is_cut_off_and_nobody_else():
    """It claims to have seen our token, and that it stands for others, or others for it."""
    street = Street("den", "cabin", "attic", "liar")
    den, cabin, attic, liar = street.homes
    street.run(10_000)
    link = den.links[liar]
    for flags in (loops._SEEN, loops._LOOP, loops._ASIDE, 255):
        for told in (den, cabin, attic):
            token = den.watch._members[link].token
            behind = told.key[:8] + liar.key[:8] + bytes(8)
            content = bytes([flags & ~1, 3, 0, 9, 0, 0]) + b"a token." + token + behind
            den.from_message(link, content)
            street.run(1_000)
            assert den.cuts() in (["liar"], []), den.cuts()
            assert cabin.cuts() == attic.cuts() == []
    for probe in [a_probe(den, street)]:
        den.from_tunnel(link, probe)  # it can't know this one's own token, but let it
        assert den.cuts() == ["liar"]


def a_lie(home, link, echo=None):
    """A message of `link` that claims to have seen what the home told it."""
    return bytes([loops._SEEN, 0, 0, 9, 0, 0]) + b"a token." + (echo or home.watch._members[link].token)


def test_a_lie_takes_nobody_else_away_from_the_group():
    """Even if the liar's key is the lowest: who only heard of a loop stays connected to all others."""
    street = Street("liar", "den", "cabin")
    liar, den, cabin = street.homes
    street.run(10_000)
    link = den.links[liar]
    den.from_message(link, a_lie(den, link, b"invented"))
    assert den.cuts() == []
    for _ in range(100):
        den.from_message(link, a_lie(den, link))
        street.run(1_000)
        assert den.cuts() == ["liar"] and cabin.cuts() == []


def test_a_cable_that_is_gone_can_be_lied_about_for_three_minutes():
    street = Street("liar", "den", "cabin")
    liar, den, cabin = street.homes
    street.run(10_000)
    cable = street.plug(liar, den)
    street.run(3_000)
    assert cabin.cuts() == ["den"]
    street.pull(cable)
    for _ in range(180):
        den.from_message(den.links[liar], a_lie(den, den.links[liar]))
        street.run(1_000)
    assert den.cuts() == ["liar"] and cabin.cuts() == []


def test_nobody_can_take_anothers_token():
    street = Street("den", "cabin", "liar")
    den, cabin, liar = street.homes
    street.run(10_000)
    street.hush()
    token = den.watch._members[den.links[cabin]].theirs
    den.from_message(den.links[liar], bytes([0, 0, 0, 9, 0, 0]) + token + bytes(8))
    street.plug(den, cabin)
    cabin.watch.note_storm(street.now)
    cabin.pump()
    street.run(500)
    assert den.cuts() == ["cabin"]


def test_who_says_that_it_stands_behind_a_higher_key_is_not_believed():
    """So that no two can be passed over for each other."""
    street = Street("den", "cabin", "attic")
    den, cabin, attic = street.homes
    street.run(10_000)
    for carrier in (cabin, attic, den):
        attic.from_message(attic.links[den], bytes([0, 1, 0, 1, 0, 0]) + bytes(16) + carrier.key[:8])
        assert attic.cuts() == []


def test_a_member_that_talks_without_end_is_not_listened_to():
    street, den, cabin = den_and_cabin()
    refused = 0
    for i in range(1_000):
        try:
            den.watch.handle_message(den.links[cabin], bytes([1, 0, 0, i & 255]) + bytes(18), street.now)
        except Rejected as rejected:
            refused += rejected.reason == "loop-messages"
    assert refused >= 1_000 - MESSAGE_BURST
    den.pump()
    street.run(60_000)
    street.plug(den, cabin)
    assert street.until_cut(3_000) < 1_500


def test_any_bytes_are_handled():
    street, den, cabin = den_and_cabin()
    dice = Dice(6)
    probe, link = a_probe(cabin, street), den.links[cabin]
    for _ in range(3_000):
        content = dice.bytes(dice.below(120))
        frame = bytearray(probe[: 14 + dice.below(len(probe) - 13)])
        for _ in range(dice.below(4)):
            frame[dice.below(len(frame))] = dice.below(256)
        street.now += 250
        for attempt in (
            lambda content=content: den.watch.handle_message(link, content, street.now),
            lambda frame=frame: den.watch.handle_lan_frame(dissect(frame, 0, len(frame)), frame, street.now),
            lambda frame=frame: den.watch.handle_peer_frame(link, dissect(frame, 0, len(frame)), frame, street.now),
        ):
            try:
                attempt()
            except Rejected:
                pass
        den.watch.handle_timeout(street.now)
        while den.watch.poll_message():
            pass
    assert len(den.watch._theirs) <= 1 and len(den.watch._to_tell) <= 1 and len(den.watch._own) <= 4


# --- a large group


def test_a_large_group_takes_more_than_one_probe():
    """Two hundred members: four frames of less than 1,500 bytes."""
    home = Home(Street("den"), "hub", b"\x80" * 32)
    for i in range(200):
        other = Home(home.street, "site%d" % i, bytes([i]) + b"s" * 31)
        home.links[other] = Link(other)
        home.links[other].is_up = True
        home.watch.note_connected(home.links[other], 1_000)
    told = 0
    while home.watch.poll_message():
        told += 1
    assert told == 200
    home.watch.note_storm(1_000)
    frames = [home.watch.poll_frame() for _ in range(5)]
    assert [frame is None for frame in frames] == [False] * 4 + [True]
    assert max([len(frame) for frame in frames if frame]) <= 14 + 1_500
