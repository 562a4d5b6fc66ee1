"""A stream goes to the homes where somebody watches it, keeps flowing for as long as they do, and to no other home."""

from ipop.errors import Rejected
from ipop.lan.multicast import (
    GROUPS_MAX,
    KNOWN_FOR,
    LEAVE_TIME,
    LEAVING_MAX,
    MEMBERSHIP_LIFE,
    REFRESH,
    Multicast,
    is_for_all,
)
from ipop.wire import ethernet, igmp, ip
from ipop.wire.dissect import dissect

VIDEO, RADIO = b"\xef\1\2\3", b"\xef\1\2\4"
VIDEO6 = b"\xff\x15" + bytes(13) + b"\x07"
NOBODY, NOBODY6 = bytes(4), bytes(16)
GAME = b"\x0a\x4d\1\x0a"
BRIDGE = b"\2\0\0\0\1\1"
BRIDGE_IP, BRIDGE_IP6 = b"\x0a\x4d\1\1", b"\xfe\x80" + bytes(13) + b"\1"
SWITCH_IP, ISP_IP = b"\x0a\x4d\1\xf0", b"\x0a\x4d\0\1"
HOST_MAC = b"\2hosts"
LEARNED = 31_250 + 11_000  # ms until a home has asked twice, and all had the time to answer


def frame_of(source, group, body, protocol=None, hop_limit=1):
    """An IP packet to a group in a frame."""
    if len(group) == 4:
        head = b"\x45\0" + (20 + len(body)).to_bytes(2, "big") + bytes(4) + bytes([hop_limit, protocol or 2]) + b"\0\0"
    else:
        head = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes([protocol or 58, hop_limit])
    kind = ethernet.IPV4 if len(group) == 4 else ethernet.IPV6
    return ethernet.header(ip.multicast_mac(group), HOST_MAC, kind) + head + source + group + body


def igmp_frame(body, group, source=GAME):
    body = body[:2] + ip.checksum(body[:2] + b"\0\0" + body[4:]).to_bytes(2, "big") + body[4:]
    return frame_of(source, group, body)


def v1_report(group):
    return igmp_frame(b"\x12\0\0\0" + group, group)


def v2_report(group):
    return igmp_frame(b"\x16\0\0\0" + group, group)


def v2_leave(group):
    return igmp_frame(b"\x17\0\0\0" + group, b"\xe0\0\0\2")


def v3_report(*records):
    """Each: (kind, group, sources)."""
    rest = [bytes([kind, 0, 0, sources]) + group + bytes(4 * sources) for kind, group, sources in records]
    return igmp_frame(b"\x22\0\0\0\0\0" + len(records).to_bytes(2, "big") + b"".join(rest), b"\xe0\0\0\x16")


def mld_report(kind, group):
    """MLDv2, one record."""
    source, destination = b"\xfe\x80" + bytes(13) + b"\x0a", b"\xff\2" + bytes(13) + b"\x16"
    body = b"\x8f\0\0\0\0\0\0\1" + bytes([kind, 0, 0, 0]) + group
    checksum = ip.checksum(source + destination + bytes([0, 0, 0, len(body), 0, 0, 0, 58]) + body)
    return frame_of(source, destination, body[:2] + checksum.to_bytes(2, "big") + body[4:])


def stream(group):
    return frame_of(bytes(len(group)), group, bytes(100), protocol=17, hop_limit=8)


class Host:
    """A device that answers queries as the RFCs say; IGMPv2's keep silent when another has answered."""

    def __init__(self, home, version=3):
        self.home = home
        self.version = version
        self.groups = []
        self.is_mute = False
        self._due = {}  # group -> when it is reported

    def join(self, group):
        self.groups.append(group)
        self.say(group, igmp.TO_EXCLUDE)

    def leave(self, group):
        self.groups.remove(group)
        self.say(group, igmp.TO_INCLUDE)

    def say(self, group, kind):
        if len(group) == 16:
            self.home.hears(mld_report(kind, group))
        elif self.version == 3:
            self.home.hears(v3_report((kind, group, 0)))
        else:
            self.home.hears(v2_leave(group) if kind == igmp.TO_INCLUDE else v2_report(group))

    def hears_query(self, query, size):
        for i, group in enumerate(self.groups):
            if len(group) == size and query.group in (None, group):
                self._due[group] = self.home.now + query.max_response * (9 - i % 5) // 10

    def hears_report(self, report):
        for record in report.records:
            if report.version == 2 == self.version and record.kind == igmp.IS_EXCLUDE and record.group in self._due:
                del self._due[record.group]

    def passes(self):
        for group in [group for group, when in self._due.items() if self.home.now >= when]:
            del self._due[group]
            if group in self.groups and not self.is_mute:
                self.say(group, igmp.IS_EXCLUDE)


class Link:
    def __init__(self, home):
        self.home = home  # the one at its other end
        self.is_up = True


class Home:
    def __init__(self, is_querier=True):
        self.now = 1_000_000
        self.multicast = Multicast(is_querier)
        self.hosts = []
        self.links = []
        self.queries = []  # (when, Query)
        self.words = []
        self.told = 0  # messages

    def starts(self):
        self.multicast.set_router(BRIDGE, BRIDGE_IP, BRIDGE_IP6, self.now)

    def has_host(self, version=3):
        self.hosts.append(Host(self, version))
        return self.hosts[-1]

    def hears(self, frame):
        """A frame of its own LAN on the way into tunnels: passes (None), or why not."""
        packet = dissect(frame, 0, len(frame))
        word = None
        try:
            self.multicast.check_out(packet, frame, None, self.now)
        except Rejected as rejected:
            word = rejected.reason
            self.words.append(word)
        if word == "stays-local":
            report = igmp.parse(packet, frame)
            for host in self.hosts:
                host.hears_report(report)
        return word

    def refuses(self, frame):
        """A frame that came from a member: passes (None), or why not."""
        try:
            self.multicast.check_in(dissect(frame, 0, len(frame)), frame, None, self.now)
        except Rejected as rejected:
            return rejected.reason
        return None

    def sends_to(self, group):
        """The homes that get what a device here sends to a group; "all"."""
        frame = stream(group)
        links = self.multicast.targets(dissect(frame, 0, len(frame)), frame, self.now)
        return "all" if links is None else [link.home for link in links]

    def passes(self):
        """The time has come to what it is: all that is due is done."""
        when = self.multicast.poll_timeout()
        if when is not None and self.now >= when:
            self.multicast.handle_timeout(self.now)
            when = self.multicast.poll_timeout()
            assert when is None or when > self.now
        frame = self.multicast.poll_frame()
        while frame is not None:
            packet = dissect(frame, 0, len(frame))
            query = igmp.parse(packet, frame)
            assert packet.has_options and packet.source == BRIDGE
            self.queries.append((self.now, query))
            for host in self.hosts:
                host.hears_query(query, len(packet.source_ip))
            frame = self.multicast.poll_frame()
        for host in self.hosts:
            host.passes()

    def messages(self):
        messages = []
        message = self.multicast.poll_message()
        while message is not None:
            self.told += 1
            assert len(message[1]) < 1_100
            messages.append(message)
            message = self.multicast.poll_message()
        return messages

    def general(self, version):
        return [at for at, query in self.queries if query.group is None and query.version == version]


class Group:
    """Homes that are connected, and the time."""

    def __init__(self, n, lose=None):
        self.homes = [Home() for _ in range(n)]
        self.lose = lose
        self._back = {}
        for a in self.homes:
            for b in self.homes:
                if a is not b:
                    self.connect(a, b)
            a.starts()

    def connect(self, a, b):
        link = Link(b)
        a.links.append(link)
        a.multicast.add_link(link)
        a.multicast.handle_connected(link, a.now)

    def run(self, ms, step=250):
        for _ in range(ms // step):
            for home in self.homes:
                home.now += step
                home.passes()
            for home in self.homes:
                for link, content in home.messages():
                    if self.lose is None or not self.lose(home, link.home):
                        back = [each for each in link.home.links if each.home is home][0]
                        link.home.multicast.handle_message(back, content, home.now)


def two_homes_and_a_third():
    group = Group(3)
    group.run(LEARNED + 2_000)
    return (group,) + tuple(group.homes)


# --- what a user notices


def test_a_stream_goes_to_the_home_that_watches_and_to_no_other():
    group, den, cabin, flat = two_homes_and_a_third()
    assert den.sends_to(VIDEO) == [] and den.sends_to(VIDEO6) == []
    tv = cabin.has_host()
    tv.join(VIDEO)
    tv.join(VIDEO6)
    group.run(250)
    assert den.sends_to(VIDEO) == [cabin] and den.sends_to(VIDEO6) == [cabin]
    assert flat.sends_to(VIDEO) == [cabin] and cabin.sends_to(VIDEO) == []
    assert den.sends_to(RADIO) == []


def test_it_still_flows_after_an_hour():
    for version in (2, 3):
        group, den, cabin, _ = two_homes_and_a_third()
        for _ in range(3):
            cabin.has_host(version).join(VIDEO)
        cabin.has_host().join(VIDEO6)
        for _ in range(60):
            group.run(60_000)
            assert den.sends_to(VIDEO) == [cabin] and den.sends_to(VIDEO6) == [cabin], version


def test_when_the_last_one_has_left_it_ends_within_seconds():
    for version in (2, 3):
        group, den, cabin, _ = two_homes_and_a_third()
        tv, tablet = cabin.has_host(version), cabin.has_host(version)
        tv.join(VIDEO)
        tablet.join(VIDEO)
        group.run(20_000)
        tv.leave(VIDEO)
        group.run(20_000)
        assert den.sends_to(VIDEO) == [cabin]  # the tablet has answered
        tablet.leave(VIDEO)
        asked = [query for _, query in cabin.queries if query.group == VIDEO]
        assert asked[-1].max_response == 1_000
        group.run(LEAVE_TIME + 1_500)
        assert den.sends_to(VIDEO) == []


def test_a_device_that_is_unplugged_ages_out():
    group, den, cabin, _ = two_homes_and_a_third()
    tv = cabin.has_host()
    tv.join(VIDEO)
    group.run(100_000)
    cabin.hosts.remove(tv)
    group.run(3 * MEMBERSHIP_LIFE // 2)
    assert den.sends_to(VIDEO) == []


def test_an_old_device_that_reports_only_once_is_served_for_the_life_of_a_membership():
    """Any switch that follows the RFCs would cut it off then. When it reports again, the stream comes again."""
    group, den, cabin, _ = two_homes_and_a_third()
    radio = cabin.has_host(2)
    radio.is_mute = True
    radio.join(RADIO)
    group.run(MEMBERSHIP_LIFE - 2_000)
    assert den.sends_to(RADIO) == [cabin]
    group.run(20_000)
    assert den.sends_to(RADIO) == []
    radio.say(RADIO, igmp.IS_EXCLUDE)
    group.run(250)
    assert den.sends_to(RADIO) == [cabin]


def test_an_answer_that_gets_lost_costs_nothing():
    group, den, cabin, _ = two_homes_and_a_third()
    tv = cabin.has_host()
    tv.join(VIDEO)
    for _ in range(10):
        tv.is_mute = not tv.is_mute
        start = len(cabin.general(3))
        while len(cabin.general(3)) == start:
            group.run(1_000)
        group.run(12_000)
        assert den.sends_to(VIDEO) == [cabin]


def test_where_nobody_asks_nobody_is_taken_for_gone():
    """The bridge has no address yet, or the daemon stood still: all get everything, and what was learned stays."""
    home = Home()
    home.has_host().join(VIDEO)
    for _ in range(60):
        home.now += 60_000
        home.passes()
    assert home.multicast.status(home.now)["ipv4"] == {"groups": [VIDEO], "is_complete": False, "is_querier": False}
    home.starts()
    for _ in range(80):
        home.now += 1_000
        home.passes()
    assert home.multicast.status(home.now)["ipv4"] == {"groups": [VIDEO], "is_complete": True, "is_querier": True}
    home.now += 10 * MEMBERSHIP_LIFE  # a router that slept
    home.passes()
    assert VIDEO in home.multicast.status(home.now)["ipv4"]["groups"]


def test_what_is_made_for_finding_each_other_always_goes_to_all():
    _, den, _, _ = two_homes_and_a_third()
    everywhere = [b"\xe0\0\0\xfb", b"\xe0\0\0\1", b"\xe0\0\0\xfc", b"\xef\xff\xff\xfa", b"\xff\xff\xff\xff", GAME]
    for scope in (b"\xff\2", b"\xff\5", b"\xff\x0e"):
        everywhere += [scope + bytes(13) + b"\x0c", scope + bytes(13) + b"\xfb"]
    everywhere += [b"\xff\2" + bytes(10) + b"\1\xff\1\2", b"\xff\x12" + bytes(14), b"\xff\2" + bytes(11) + b"\1\0\3"]
    everywhere += [BRIDGE_IP6]
    for group in everywhere:
        assert is_for_all(group) and den.sends_to(group) == "all", group
    for group in (b"\xe0\0\1\1", b"\xe0\0\2\x3c", VIDEO, VIDEO6, b"\xff\5" + bytes(13) + b"\1"):
        assert not is_for_all(group)
    frame = ethernet.header(b"\1\0\x5e\0\0\1", HOST_MAC, 0x88CC) + bytes(50)
    assert den.multicast.targets(dissect(frame, 0, len(frame)), frame, den.now) is None


# --- what stays at home


def test_neither_queries_nor_reports_cross_a_tunnel():
    home = Home()
    router = b"\xfe\x80" + bytes(13) + b"\x99"
    for query in (
        igmp.query(BRIDGE, GAME, None, 10_000, 2),
        igmp.query(BRIDGE, GAME, VIDEO, 1_000, 3),
        igmp.query(BRIDGE, router, None, 10_000, 1),
        igmp.query(BRIDGE, router, VIDEO6, 1_000, 2),
        igmp_frame(b"\x30\1\0\0" + bytes(4), b"\xe0\0\0\x6a"),  # multicast router discovery
    ):
        assert home.hears(query) == "querier" and home.refuses(query) == "querier"
    reports = [v1_report(VIDEO), v2_report(VIDEO), v2_leave(VIDEO), v3_report((4, VIDEO, 0)), mld_report(4, VIDEO6)]
    for report in reports:
        assert home.hears(report) == "stays-local" and home.refuses(report) == "stays-local"
    for other in (stream(VIDEO), stream(VIDEO6), ip.solicitation(BRIDGE, BRIDGE_IP6, BRIDGE_IP6)):
        assert home.hears(other) is None and home.refuses(other) is None


def test_what_a_member_reports_is_not_learned():
    home = Home()
    home.starts()
    home.refuses(v2_report(VIDEO))
    assert home.multicast.status(home.now)["ipv4"]["groups"] == []


# --- the querier


def test_it_asks_twice_at_the_start_and_then_every_125_s():
    home = Home()
    start = home.now
    home.starts()
    for _ in range(1_200):
        home.passes()
        home.now += 250
    expected = [0, 31_250, 156_250, 281_250]
    assert [at - start for at in home.general(3)] == expected  # IGMPv3
    assert [at - start for at in home.general(2)] == expected  # MLDv2


def test_it_is_silent_while_another_with_a_lower_address_asks_and_sends_then_for_everything():
    """A switch sends reports to the one who asks, maybe not to us: what we know of our LAN is not all."""
    group, den, cabin, flat = two_homes_and_a_third()
    asked = len(cabin.general(3))
    for _ in range(6):
        assert cabin.hears(igmp.query(HOST_MAC, ISP_IP, None, 10_000, 3)) == "querier"
        group.run(125_000)
        assert den.sends_to(VIDEO) == [cabin]
        assert den.sends_to(VIDEO6) == []  # nobody else asks by MLD
    assert len(cabin.general(3)) == asked
    group.run(131_000)  # that one is gone: ours begins anew
    assert len(cabin.general(3)) > asked
    group.run(60_000)
    assert den.sends_to(VIDEO) == []


def test_others_have_to_be_silent_when_its_address_is_the_lowest():
    home = Home()
    home.starts()
    for source in (SWITCH_IP, NOBODY, BRIDGE_IP):
        home.hears(igmp.query(HOST_MAC, source, None, 10_000, 3))
    far = igmp.query(HOST_MAC, ISP_IP, None, 10_000, 3)
    home.hears(b"\2\0\0\0\0\1" + far[6:])  # which only we have got: no querier's
    for _ in range(160):
        home.now += 1_000
        home.passes()
    assert len(home.general(3)) == 3


def test_it_speaks_as_old_as_the_oldest_querier_at_home():
    """Else that one couldn't read the answers (RFC 3376 section 7.3.1)."""
    home = Home()
    home.starts()
    home.hears(igmp.query(HOST_MAC, SWITCH_IP, None, 10_000, 2))
    home.passes()
    assert [query.version for _, query in home.queries] == [2, 2]  # IGMPv2, MLDv2


def test_where_the_bridge_itself_asks_its_questions_count():
    home = Home(is_querier=False)
    home.starts()
    tv = home.has_host()
    tv.join(VIDEO)
    for source in (BRIDGE_IP, NOBODY):
        for _ in range(3):
            home.hears(igmp.query(BRIDGE, source, None, 10_000, 2))
            tv.hears_query(igmp.Query(2, None, 10_000, False), 4)
            for _ in range(125):
                home.now += 1_000
                home.passes()
        assert home.multicast.status(home.now)["ipv4"] == {"groups": [VIDEO], "is_complete": True, "is_querier": False}
    assert home.queries == []
    for _ in range(200):  # it has stopped
        home.now += 1_000
        home.passes()
    assert not home.multicast.status(home.now)["ipv4"]["is_complete"]


def test_a_device_of_igmpv1_is_not_asked_for_its_group():
    """It wouldn't understand; it must not lose the group because another leaves."""
    home = Home()
    home.starts()
    home.hears(v1_report(VIDEO))
    home.hears(v2_leave(VIDEO))
    for _ in range(60):
        home.now += 1_000
        home.passes()
    assert home.multicast.status(home.now)["ipv4"]["groups"] == [VIDEO]
    assert [query for _, query in home.queries if query.group] == []


def test_sources_don_t_matter_but_for_there_being_any():
    home = Home()
    home.starts()
    for record, is_known in (
        ((igmp.IS_INCLUDE, VIDEO, 1), True),
        ((igmp.TO_INCLUDE, VIDEO, 1), True),
        ((igmp.ALLOW, VIDEO, 1), True),
        ((igmp.IS_EXCLUDE, VIDEO, 2), True),
        ((igmp.IS_INCLUDE, RADIO, 0), False),
        ((igmp.BLOCK, RADIO, 1), False),
    ):
        home.hears(v3_report(record))
        groups = home.multicast.status(home.now)["ipv4"]["groups"]
        assert (record[1] in groups) == is_known
        home.multicast = Multicast()
        home.starts()


# --- members


def test_who_has_told_nothing_gets_everything():
    """An older release, or one whose messages are lost: never prune on ignorance."""
    den, silent = Home(), Home()
    link = Link(silent)
    den.multicast.add_link(link)
    den.multicast.handle_connected(link, den.now)
    den.starts()
    told = 0
    for _ in range(4 * 3_600):
        den.now += 1_000
        den.passes()
        told += len(den.messages())
        assert den.sends_to(VIDEO) == [silent]
    assert 20 < told < 45  # told again and again, but ever more rarely
    den.multicast.remove_link(link)
    assert den.sends_to(VIDEO) == []


def test_what_gets_lost_is_told_again():
    dice = [7]

    def lose(_, __):
        dice[0] = (dice[0] * 1103515245 + 12345) & 0x7FFFFFFF
        return dice[0] >> 16 & 1  # every second one

    group = Group(2, lose)
    den, cabin = group.homes
    group.run(LEARNED + 60_000)
    assert den.sends_to(VIDEO) == []
    for _ in range(20):
        tv = cabin.has_host()
        tv.join(VIDEO)
        group.run(40_000)
        assert den.sends_to(VIDEO) == [cabin]
        tv.leave(VIDEO)
        group.run(40_000)
        assert den.sends_to(VIDEO) == []


def test_all_that_is_known_costs_next_to_nothing_to_keep():
    group, den, cabin, _ = two_homes_and_a_third()
    cabin.has_host().join(VIDEO)
    group.run(60_000)
    before = den.told, cabin.told
    group.run(10 * REFRESH, 1_000)
    # two members; each message makes 92 bytes on the wire: 0.15 B/s to each
    assert den.told - before[0] <= 22 and cabin.told - before[1] <= 22
    assert den.sends_to(VIDEO) == [cabin]


def test_who_falls_silent_gets_everything_again():
    group, den, cabin, flat = two_homes_and_a_third()
    assert den.sends_to(VIDEO) == []
    group.lose = lambda sender, _: sender is cabin
    group.run(KNOWN_FOR, 1_000)
    assert den.sends_to(VIDEO) == [cabin]


def test_a_member_that_restarts_asks_for_everything_until_it_knows_better():
    group, den, cabin, flat = two_homes_and_a_third()
    cabin.has_host().join(VIDEO)
    group.run(2_000)
    cabin.multicast = Multicast()  # another run: it doesn't know its own listeners
    cabin.starts()
    for link in cabin.links:
        cabin.multicast.add_link(link)
        cabin.multicast.handle_connected(link, cabin.now)
    assert len(cabin.sends_to(RADIO)) == 2
    group.run(500)
    assert den.sends_to(RADIO) == [cabin]
    assert cabin.sends_to(RADIO) == []  # the others have told it again, unasked
    group.run(LEARNED + 2_000)
    assert den.sends_to(RADIO) == [] and den.sends_to(VIDEO) == [cabin]


def test_who_is_not_up_is_told_when_it_has_connected():
    group, den, cabin, _ = two_homes_and_a_third()
    link = [link for link in cabin.links if link.home is den][0]
    link.is_up = False
    cabin.has_host().join(VIDEO)
    group.run(3 * REFRESH // 2, 1_000)
    assert den.sends_to(VIDEO) == []
    link.is_up = True
    cabin.multicast.handle_connected(link, cabin.now)
    group.run(500)
    assert den.sends_to(VIDEO) == [cabin]


# --- who means harm


def test_a_device_that_reports_thousands_of_groups_makes_its_home_get_everything_for_a_while():
    group, den, cabin, flat = two_homes_and_a_third()
    for i in range(5_000):
        cabin.hears(v2_report(b"\xef\x55" + i.to_bytes(2, "big")))
        cabin.hears(mld_report(4, b"\xff\x15" + bytes(12) + i.to_bytes(2, "big")))
    group.run(2_000)
    status = cabin.multicast.status(cabin.now)
    assert len(status["ipv4"]["groups"]) == GROUPS_MAX[4] and len(status["ipv6"]["groups"]) == GROUPS_MAX[16]
    assert den.sends_to(VIDEO) == [cabin] and den.sends_to(VIDEO6) == [cabin]
    group.run(2 * MEMBERSHIP_LIFE, 1_000)
    assert den.sends_to(VIDEO) == [] and den.sends_to(VIDEO6) == []


def test_a_full_list_fits_in_a_message_and_is_believed():
    group, den, cabin, _ = two_homes_and_a_third()
    for i in range(GROUPS_MAX[4]):
        cabin.hears(v2_report(b"\xef\x55\1" + bytes([i])))
    for i in range(GROUPS_MAX[16]):
        cabin.hears(mld_report(4, b"\xff\x15" + bytes(13) + bytes([i])))
    group.run(2_000)
    assert den.sends_to(b"\xef\x55\1\x7f") == [cabin] and den.sends_to(b"\x55\1\x7f\xef") == "all"
    assert den.sends_to(b"\xef\x55\2\1") == []
    assert den.sends_to(VIDEO6) == [cabin] and den.sends_to(b"\xff\x15" + bytes(13) + b"\x70") == []


def test_a_device_that_joins_and_leaves_all_the_time_costs_a_message_a_second():
    group, den, cabin, _ = two_homes_and_a_third()
    told, asked = cabin.told, len(cabin.queries)
    for i in range(80):
        for j in range(GROUPS_MAX[4]):
            cabin.hears(v2_leave(b"\xef\x55" + bytes([i % 2, j])))
            cabin.hears(v2_report(b"\xef\x55" + bytes([1 - i % 2, j])))
        group.run(250)
    assert cabin.told - told <= 2 * 22
    assert len(cabin.queries) - asked <= 20 * 2 * LEAVING_MAX + 2


def test_a_member_that_claims_everything_gets_what_it_would_have_got_anyway():
    group, den, cabin, _ = two_homes_and_a_third()
    link = [link for link in den.links if link.home is cabin][0]
    den.multicast.handle_message(link, b"\xff\xff\xff\xff" + bytes(4) + b"\xff\0\0", den.now)
    assert den.sends_to(VIDEO) == [cabin]


def test_a_member_that_wants_answers_all_the_time_gets_one_a_second():
    den = Home()
    link = Link(None)
    den.multicast.add_link(link)
    den.multicast.handle_connected(link, den.now)
    told = 0
    for i in range(1_000):
        den.multicast.handle_message(link, (i + 1).to_bytes(4, "big") + bytes(4) + b"\4\0\0", den.now)
        den.now += 10
        den.passes()
        told += len(den.messages())
    assert told <= 11


def test_messages_of_any_bytes_are_taken_or_refused():
    den = Home()
    link = Link(None)
    state, refused = 1, 0
    for i in range(3_000):
        if i % 100 == 0:
            den.multicast.add_link(link)
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        content = bytearray(b"\0\0\0\7\0\0\0\1\4\2\1" + VIDEO + RADIO + VIDEO6)[: 40 - state % 8]
        content[(state >> 8) % 11] = state >> 16 & 255
        try:
            den.multicast.handle_message(link, bytes(content), den.now)
        except Rejected as rejected:
            assert rejected.reason == "bad-payload"
            refused += 1
        den.now += 100
        den.passes()
        den.messages()
        assert den.sends_to(RADIO) in ([], [None])
    assert refused > 1_000
    try:
        den.multicast.handle_message(Link(None), bytes(11), den.now)
        raise AssertionError("somebody unknown was listened to")
    except Rejected as rejected:
        assert rejected.reason == "unknown-peer"


def test_damaged_reports_are_refused_and_teach_nothing():
    home = Home()
    home.starts()
    frame = bytearray(v2_report(VIDEO))
    frame[-1] ^= 1
    assert home.hears(bytes(frame)) == "bad-packet"
    assert home.hears(frame_of(GAME, VIDEO, b"\x16" + bytes(4))) == "bad-packet"
    assert home.multicast.status(home.now)["ipv4"]["groups"] == []


def test_frames_of_any_bytes_are_answered_or_refused():
    home = Home()
    home.starts()
    router = b"\xfe\x80" + bytes(14)
    frames = [v3_report((4, VIDEO, 1), (3, RADIO, 0)), mld_report(4, VIDEO6), v2_leave(VIDEO)]
    frames += [igmp.query(BRIDGE, GAME, None, 10_000, 3), igmp.query(BRIDGE, router, VIDEO6, 1_000, 2)]
    state, words = 1, []
    for i in range(3_000):
        frame = bytearray(frames[i % 5])
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        frame[14 + (state >> 8) % (len(frame) - 14)] = state & 255
        try:
            packet = dissect(frame, 0, len(frame))
            words.append(home.refuses(frame))
            home.multicast.check_out(packet, frame, None, home.now)
            home.multicast.targets(packet, frame, home.now)
        except Rejected as rejected:
            words.append(rejected.reason)
        home.now += 20
        home.passes()
    assert {word for word in words if word} == {"bad-packet", "querier", "stays-local"}
