"""Questions for addresses wake nobody who need not be woken, and get the true answer."""

from binascii import unhexlify

from homes import PREFIX, SUBNET, Device, Group, dad, read

from ipop.errors import Rejected
from ipop.lan.bindings import FRESH, LIFE, RECENT, Bindings
from ipop.lan.neighbours import ALL, ASK_GAP, ASKS_AGAIN, ASKS_SHARE, FRAMES_MAX
from ipop.wire import ethernet, ip


def homes(n=4):
    group = Group(n)
    return [group] + group.homes


def known(group, *devices):
    """All have heard of these, and nothing is waiting."""
    for device in devices:
        device.broadcasts()
        device.multicasts(device.ipv6)
        device.multicasts()
    for home in group.homes:
        home.sent = []
        home.wakeups = 0
        for device in home.devices:
            device.heard = []


def asked(home, frame):
    """What the router says to a question of its LAN."""
    packet, mem = read(frame)
    try:
        home.neighbours.check_out(packet, mem, home.group.now)
        return home.neighbours.answer_out(packet, mem, home.group.now)
    except Rejected as rejected:
        return rejected.reason


# --- our LAN asks


def test_what_is_known_is_answered_at_home_with_the_true_mac_address():
    group, a, b, c, d = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    known(group, laptop, tv)
    for address in (tv.ipv4, tv.ipv6, tv.local):
        laptop.asks(address)
    group.settle()
    assert laptop.answers() == [(address, tv.mac) for address in (tv.ipv4, tv.ipv6, tv.local)]
    assert a.sent == [] and tv.heard == []
    assert all(frame[6:12] == tv.mac and frame[:6] == laptop.mac for frame in laptop.heard)


def test_the_answers_bytes():
    """As tcpdump shows a host's: RFC 826, and RFC 4861 section 4.4 with solicited and override set."""
    group, a, b, _, _ = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    known(group, tv)
    laptop.asks(tv.ipv4)
    laptop.asks(tv.ipv6)
    assert a.neighbours.poll_frame() == unhexlify(
        "02de00000007" "02de00000008" "0806" "0001080006040002" "02de00000008" "0a4d0208" "02de00000007" "0a4d0107"
    )
    answer = a.neighbours.poll_frame()
    assert answer[:54] == unhexlify("02de0000000702de0000000886dd" "6000000000203aff") + tv.ipv6 + laptop.ipv6
    assert answer[54:56] == b"\x88\0" and answer[58:] == unhexlify("60000000") + tv.ipv6 + b"\2\1" + tv.mac
    assert a.neighbours.poll_frame() is None


def test_an_unknown_ipv4_address_is_asked_for_in_the_one_home_where_it_can_be():
    group, a, b, c, d = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    laptop.asks(tv.ipv4)
    assert [home for home, _ in a.sent] == [b]
    assert laptop.answers() == [(tv.ipv4, tv.mac)]
    assert c.wakeups == d.wakeups == 0


def test_an_unknown_ipv6_address_is_asked_for_everywhere():
    group, a, b, c, d = homes()
    laptop, tv = Device(a, 7), Device(c, 8)
    laptop.asks(tv.ipv6)
    assert {home for home, _ in a.sent} == {b, c, d}
    assert laptop.answers() == [(tv.ipv6, tv.mac)]


def test_questions_for_our_own_addresses_never_leave():
    group, a, _, _, _ = homes()
    laptop, printer = Device(a, 7), Device(a, 8)
    assert laptop.asks(SUBNET + b"\1\x63") == laptop.asks(printer.ipv4) == "stays-local"
    known(group, printer)
    assert laptop.asks(printer.ipv6) == "stays-local"
    assert a.sent == []


def test_an_address_in_nobodys_slice_is_asked_for_nowhere():
    _, a, _, _, _ = homes()
    laptop = Device(a, 7)
    assert laptop.asks(SUBNET + b"\x63\1") == laptop.asks(b"\xc0\xa8\1\1") == "no-such-address"


def test_after_a_minute_the_answer_is_checked_and_after_five_it_is_none():
    group, a, b, c, d = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    known(group, laptop, tv)
    tv.sleeps = True
    group.wait(RECENT - 1)
    laptop.asks(tv.ipv4)
    group.settle()
    assert laptop.answers() == [(tv.ipv4, tv.mac)] and a.sent == []
    group.wait(1)
    laptop.asks(tv.ipv4)
    laptop.asks(tv.ipv6)
    group.settle()
    assert laptop.answers()[1:] == [(tv.ipv4, tv.mac), (tv.ipv6, tv.mac)]
    assert [home for home, _ in a.sent] == [b, b]
    group.wait(FRESH - RECENT)
    assert [home for home, _ in a.sent][2:] == [b] * ASKS_AGAIN  # its answer led to nothing
    laptop.heard = []
    laptop.asks(tv.ipv4)
    laptop.asks(tv.ipv6)
    group.settle()
    assert laptop.answers() == []
    assert [home for home, _ in a.sent][2 + ASKS_AGAIN :] == [b, b, c, d]


def test_a_changed_mac_address_is_learned():
    """The TV was replaced, and DHCP gave the new one the same address."""
    group, a, b, _, _ = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    known(group, laptop, tv)
    b.devices = []
    new = Device(b, 9, tv.ipv4)
    group.wait(RECENT)
    laptop.asks(tv.ipv4)
    group.settle()
    assert (tv.ipv4, new.mac) in laptop.answers()
    laptop.heard = []
    laptop.asks(tv.ipv4)
    group.settle()
    assert laptop.answers() == [(tv.ipv4, new.mac)]


def test_announcements_are_no_questions():
    """Gratuitous ARP, unsolicited advertisements: everybody is to hear them, and nobody answers."""
    group, a, b, _, _ = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    known(group, laptop, tv)
    everybody = b"\xff\2" + bytes(13) + b"\1"
    for frame in (
        ip.arp(ip.ARP_REQUEST, laptop.mac, laptop.ipv4, bytes(6), laptop.ipv4),
        ip.arp(ip.ARP_REPLY, laptop.mac, laptop.ipv4, ethernet.BROADCAST, laptop.ipv4),
        ip.advertisement(laptop.mac, laptop.ipv6, ip.multicast_mac(everybody), everybody),
    ):
        assert asked(a, frame) is None
        assert a.tunnel(b, frame) is None
    assert a.neighbours.poll_frame() is None and b.neighbours.poll_reply() is None
    assert b.wakeups == 3


def test_other_frames_are_no_questions():
    group, a, b, _, _ = homes()
    laptop = Device(a, 7)
    assert laptop.broadcasts() is None
    assert asked(a, ethernet.header(ethernet.BROADCAST, laptop.mac, 0x88B5) + bytes(46)) is None
    question = ip.arp(ip.ARP_REQUEST, laptop.mac, laptop.ipv4, bytes(6), SUBNET + b"\2\1")
    assert asked(a, question[:12] + b"\x81\0\0\5" + question[12:]) is None


def test_frames_to_our_own_mac_address_end_here():
    _, a, _, _, _ = homes()
    laptop = Device(a, 7)
    assert asked(a, ip.arp(ip.ARP_REPLY, laptop.mac, laptop.ipv4, b"\x06home\1", bytes(4))) is True


# --- duplicates


def test_a_question_for_duplicates_goes_to_all_and_is_not_answered_for_a_new_address():
    """RFC 4862 section 5.4."""
    group, a, b, c, d = homes()
    laptop = Device(a, 7)
    known(group, Device(b, 8))
    assert asked(a, dad(laptop.mac, laptop.ipv6)) is ALL
    assert asked(a, dad(laptop.mac, laptop.ipv6)) is ALL  # it may ask several times
    laptop.wakes()
    group.wait(2_000)
    assert laptop.answers() == []
    assert b.owner(laptop.ipv6) is c.owner(laptop.local) is a


def test_who_takes_an_ipv6_address_that_is_anothers_is_told_at_once():
    group, a, b, _, _ = homes()
    laptop, nas = Device(a, 7), Device(b, 8)
    nas.ipv6 = laptop.ipv6 = PREFIX + bytes(7) + b"\x10"  # both were set by hand
    known(group, nas)
    assert laptop.send(dad(laptop.mac, laptop.ipv6)) == "claimed"
    group.settle()
    (answer,) = [frame for frame in laptop.heard if frame[54] == ip.ADVERTISEMENT]
    assert answer[:6] == b"\x33\x33\0\0\0\1" and not answer[58] & 0x40
    assert ip.parse_neighbour(answer)[2:] == (nas.ipv6, nas.mac)


def test_and_if_it_was_not_heard_lately_after_it_was_asked():
    group, a, b, _, _ = homes()
    laptop, nas = Device(a, 7), Device(b, 8)
    nas.ipv6 = laptop.ipv6 = PREFIX + bytes(7) + b"\x10"
    known(group, nas)
    group.wait(RECENT)
    assert laptop.send(dad(laptop.mac, laptop.ipv6)) == "claimed"
    assert laptop.answers() == []
    group.wait(1_500)
    assert laptop.answers() == [(nas.ipv6, nas.mac)]
    assert a.owner(nas.ipv6) is b


# --- others ask our LAN


def test_a_sleeping_sensor_is_not_woken_by_a_hundred_sites():
    group, a, b, c, d = homes()
    sensor = Device(a, 7)
    known(group, sensor)
    for _ in range(25):
        for home in (b, c, d):
            question = ip.arp(ip.ARP_REQUEST, b"\2site" + bytes([home.number]), SUBNET + bytes([home.number, 1]),
                              bytes(6), sensor.ipv4)
            assert home.tunnel(a, question) is None
            reply = a.neighbours.poll_reply()
            assert reply[0] is a.links[home] and ip.parse_arp(reply[1])[:3] == (ip.ARP_REPLY, sensor.mac, sensor.ipv4)
    assert sensor.heard == [] and a.wakeups == 0


def test_who_was_not_heard_is_asked_once_a_second():
    group, a, b, c, d = homes()
    sensor = Device(a, 7)
    sensor.sleeps = True
    group.wait(RECENT)
    questions = {}
    for home in (b, c, d):
        mac = b"\2site" + bytes([home.number])
        questions[home] = (
            ip.arp(ip.ARP_REQUEST, mac, SUBNET + bytes([home.number, 1]), bytes(6), sensor.ipv4),
            ip.solicitation(mac, ip.link_local(mac), sensor.local),
        )
    for _ in range(2):
        for kind in (0, 1):
            reasons = [home.tunnel(a, questions[home][kind]) for home in (b, c, d)]
            assert reasons == [None, "ask-limit", "ask-limit"]
        group.wait(ASK_GAP)
    assert a.wakeups == 4
    sensor.sleeps = False
    sensor.broadcasts()
    assert b.tunnel(a, questions[b][0]) is None and a.neighbours.poll_reply() is not None


def test_a_member_that_scans_a_home():
    group, a, b, c, _ = homes()
    mac = b"\2scans"
    reasons = {}
    for n in range(2_000):
        frame = ip.solicitation(mac, ip.link_local(mac), PREFIX + bytes(6) + bytes([n >> 8, n & 255]))
        reason = b.tunnel(a, frame)
        reasons[reason] = reasons.get(reason, 0) + 1
    assert reasons == {None: ASKS_SHARE, "ask-limit": 2_000 - ASKS_SHARE}
    tv = Device(c, 8)
    assert c.tunnel(a, ip.arp(ip.ARP_REQUEST, tv.mac, tv.ipv4, bytes(6), SUBNET + b"\1\7")) is None
    assert len(a.neighbours._asked) == ASKS_SHARE + 1


def test_questions_for_what_is_not_here_do_not_reach_the_lan():
    group, a, b, c, _ = homes()
    tv, nas = Device(c, 8), Device(b, 9)
    known(group, tv, nas)
    assert b.tunnel(a, ip.arp(ip.ARP_REQUEST, nas.mac, nas.ipv4, bytes(6), tv.ipv4)) == "not-here"
    assert b.tunnel(a, ip.solicitation(nas.mac, nas.ipv6, tv.ipv6)) == "not-here"
    assert a.wakeups == 0


def test_the_reply_into_the_tunnel_is_as_the_devices_own():
    group, a, b, _, _ = homes()
    sensor, collector = Device(a, 7), Device(b, 8)
    known(group, sensor, collector)
    b.neighbours.forget(b.links[a])  # its router has just started
    collector.asks(sensor.ipv4)
    collector.asks(sensor.ipv6)
    group.settle()
    assert sensor.heard == []
    assert collector.answers() == [(sensor.ipv4, sensor.mac), (sensor.ipv6, sensor.mac)]
    assert b.owner(sensor.mac) is a


# --- the table


def test_the_table_lists_devices():
    group, a, b, _, _ = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    laptop.broadcasts()
    tv.broadcasts()
    assert sorted(a.neighbours.table()) == [
        (laptop.ipv4, laptop.mac, None, group.now),
        (tv.ipv4, tv.mac, a.links[b], group.now),
    ]


def test_what_was_not_heard_for_an_hour_is_forgotten():
    group, a, b, _, _ = homes()
    tv = Device(b, 8)
    tv.broadcasts()
    group.wait(LIFE - 1)
    assert a.owner(tv.mac) is b
    before = a.neighbours.revision
    group.wait(61_000)
    assert a.owner(tv.mac) is None and a.neighbours.table() == []
    assert a.neighbours.revision != before


def test_a_member_that_leaves_takes_its_devices_along():
    group, a, b, c, _ = homes()
    tv, nas = Device(b, 8), Device(c, 9)
    known(group, tv, nas)
    a.neighbours.forget(a.links[b])
    assert {row[1] for row in a.neighbours.table()} == {nas.mac}
    assert a.neighbours.poll_reply() is None


def test_a_packet_that_came_through_a_router_says_nothing_about_mac_addresses():
    group, a, b, _, _ = homes()
    tv, router = Device(b, 8), Device(b, 1)
    tv.asks(SUBNET + b"\1\1")
    group.wait(1_000)
    router.broadcasts(tv.ipv4)
    (row,) = [row for row in a.neighbours.table() if row[0] == tv.ipv4]
    assert row[1] == tv.mac and row[3] == group.now - 1_000


def test_the_lan_is_not_flooded_with_answers():
    group, a, b, _, _ = homes()
    laptop, tv = Device(a, 7), Device(b, 8)
    known(group, tv)
    for _ in range(FRAMES_MAX + 5):
        laptop.asks(tv.ipv4)
    assert a.dropped == {"lan-queue-full": 5}
    question = ip.arp(ip.ARP_REQUEST, tv.mac, tv.ipv4, bytes(6), laptop.ipv4)
    reasons = [b.tunnel(a, question) for _ in range(FRAMES_MAX + 5)]
    assert reasons == [None] * FRAMES_MAX + ["ask-limit"] * 5


def test_a_small_table_is_shared_by_many():
    bindings = Bindings(64)
    bindings.set_members(200)
    for owner, share in ((1, 32), (2, 16), (3, 0)):  # a fourth is kept for our own side
        added = [bindings.add(bytes([owner, n, 0, 0, 0, 0]), owner, 0) is not None for n in range(40)]
        assert added == [True] * share + [False] * (40 - share)
    assert bindings.add(b"\4\0\0\0\0\0", None, 0) is not None
    assert bindings.add(b"\3\0\0\0\0\0", 3, FRESH) is not None  # what isn't fresh makes room
    bindings.remove(b"none..")
    assert len(bindings) == 2  # but for our own


def test_in_a_large_group_a_home_with_many_devices_has_room_for_them():
    bindings = Bindings()
    bindings.set_members(120)

    def room(owner, n):
        return sum([bindings.add(bytes([owner, 0, 0, 0, i >> 8, i & 255]), owner or None, 0) is not None
                    for i in range(n)])
    assert room(0, 400) == 400  # ours: a hundred, with a MAC address, an IPv4 and two IPv6 addresses each
    assert room(1, 200) == 200
    hostile = room(2, 2_000)
    assert hostile < 400
    assert room(3, 150) == 150
    assert all(room(owner, 4) == 4 for owner in range(4, 121))


def test_time_comes_when_it_is_asked_for():
    group, a, b, _, _ = homes()
    assert a.neighbours.poll_timeout() == group.now + 60_000
    phone = Device(a, 7)
    phone.broadcasts()
    phone.carry(b)
    phone.broadcasts()
    assert b.neighbours.poll_timeout() == group.now + 500
