"""Two use one address: the first keeps it while its device answers, and a carried device works within seconds."""

from homes import Device, Group

from ipop.errors import Rejected
from ipop.lan.bindings import LIFE
from ipop.lan.claims import ASK, CLAIMS_SHARE, GONE, HERE, HOLD_MAX, KEPT, MOVED, OVER, PROBES_SHARE
from ipop.wire import ethernet, ip


def homes(n=3):
    group = Group(n)
    return [group] + group.homes


def at_home(group, device):
    """The device is known to all, and was silent for a while."""
    device.wakes()
    device.broadcasts()
    device.multicasts()
    device.multicasts(device.ipv6)
    group.wait(10_000)


def seconds_until(group, works, limit=6_000):
    start = group.now
    while not works():
        assert group.now - start < limit, "it never does"
        group.wait(250)
    return group.now - start


# --- carried devices


def test_a_carried_device_works_again_within_five_seconds():
    """Its Wi-Fi moves from home A to home B; MAC and IPv6 addresses come along, DHCP gives another IPv4 address."""
    group, a, b, c = homes()
    phone, tv = Device(a, 7), Device(c, 8)
    at_home(group, phone)
    phone.carry(b)
    phone.wakes()
    assert phone.broadcasts() == "claimed"
    took = seconds_until(group, lambda: phone.broadcasts() is None and phone.multicasts(phone.ipv6) is None)
    assert took <= 1_500
    took += seconds_until(group, lambda: (phone.broadcasts(), len(tv.heard))[1] and c.owner(phone.mac) is b)
    took += seconds_until(group, lambda: (phone.multicasts(phone.ipv6), c.owner(phone.ipv6) is b)[1])
    assert took < 5_000
    assert [home.owner(phone.mac) for home in (a, b, c)] == [b, b, b]
    assert a.owner(phone.ipv6) is b
    assert b.neighbours.poll_event()[0] == MOVED


def test_and_back_again():
    group, a, b, c = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    for home in (b, a, c, a, b):
        phone.carry(home)
        assert seconds_until(group, lambda: phone.broadcasts() is None) < 5_000
        group.wait(20_000)
        phone.broadcasts()
        group.wait(2_000)
        phone.broadcasts()
        assert [each.owner(phone.mac) for each in (a, b, c)] == [home] * 3


def test_the_carried_device_is_not_told_that_it_is_its_own_duplicate():
    """RFC 4862 section 5.4.5: it would switch IPv6 off."""
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    phone.carry(b)
    phone.heard = []
    phone.wakes()
    group.wait(5_000)
    assert phone.answers() == []


def test_messages_that_get_lost_are_repeated():
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    lost = []

    def lose(source, target, content):
        lost.append(content)
        return len(lost) % 3 != 0

    group.lose = lose
    phone.carry(b)
    assert phone.broadcasts() == "claimed"
    assert seconds_until(group, lambda: phone.broadcasts() is None) < 5_000


def test_the_first_ones_router_is_gone():
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    phone.carry(b)
    b.neighbours.forget(b.links[a])
    assert phone.broadcasts() is None
    assert b.owner(phone.mac) is b and b.owner(phone.ipv6) is None


def test_the_first_ones_router_is_known_to_be_down():
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    phone.carry(b)
    b.links[a].is_up = False
    assert phone.broadcasts() is None


def test_the_first_ones_router_is_forgotten_while_it_is_asked():
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    phone.carry(b)
    assert phone.broadcasts() == "claimed"
    b.neighbours.forget(b.links[a])
    assert phone.broadcasts() is None
    group.wait(10_000)
    assert b.owner(phone.mac) is b


def test_a_router_that_never_answers_gives_up_what_it_does_not_use():
    """It runs a release without claims, or is about to be found dead."""
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    group.lose = lambda source, target, content: source is a
    phone.carry(b)
    assert phone.broadcasts() == "claimed"
    assert 4_000 < seconds_until(group, lambda: phone.broadcasts() is None) < 5_000


def test_but_keeps_what_it_uses():
    group, a, b, c = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    group.lose = lambda source, target, content: source is a
    frame = ip.arp(ip.ARP_REQUEST, phone.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63")
    assert b.tunnel(c, frame) == "claimed"
    group.wait(2_000)
    a.tunnel(c, ip.arp(ip.ARP_REQUEST, phone.mac, phone.ipv4, bytes(6), phone.ipv4))
    group.wait(8_000)
    assert c.owner(phone.mac) is a


# --- spoofers


def test_a_spoofer_gets_nothing():
    """A hostile member sends with the MAC and the IPv6 address of another's device, to a third and to its owner."""
    group, a, b, c = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    claims = [
        ip.arp(ip.ARP_REQUEST, nas.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63"),
        ip.advertisement(b"\2spoof", nas.ipv6, ethernet.BROADCAST, b"\xff\2" + bytes(13) + b"\1"),
        ip.solicitation(b"\2spoof", nas.local, nas.ipv6),
    ]
    for _ in range(100):
        for victim in (a, c):
            for frame in claims:
                assert b.tunnel(victim, frame) == "claimed"
        group.wait(437)
    for home in (a, c):
        assert home.owner(nas.mac) is home.owner(nas.ipv6) is home.owner(nas.local) is a
        event = home.neighbours.poll_event()
        assert event.kind == KEPT and event.claimant is home.links[b]
    assert nas.broadcasts() is None and nas.multicasts(nas.ipv6) is None


def test_who_goes_on_is_named_until_he_has_stopped():
    group, a, b, c = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    frame = ip.arp(ip.ARP_REQUEST, nas.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63")
    b.tunnel(c, frame)
    group.wait(2_500)
    assert c.neighbours.stubborn_claims() == []  # so far it may be one that was carried
    for _ in range(10):
        b.tunnel(c, frame)
        group.wait(2_500)
    assert c.neighbours.stubborn_claims() == [(nas.mac, c.links[a], c.links[b])]
    group.wait(4 * HOLD_MAX)
    assert c.neighbours.stubborn_claims() == []
    kinds, event = [], c.neighbours.poll_event()
    while event is not None:
        kinds.append(event.kind)
        event = c.neighbours.poll_event()
    assert kinds[-1] == OVER and set(kinds[:-1]) == {KEPT}


def test_nor_by_patience():
    """The device itself says nothing for longer than anybody is remembered."""
    group, a, b, c = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    frame = ip.arp(ip.ARP_REQUEST, nas.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63")
    for _ in range(2 * LIFE // 10_000):
        assert b.tunnel(c, frame) == "claimed"
        group.wait(10_000)


def test_it_can_not_keep_the_owner_busy():
    """Each refusal doubles the time until the next question; 20 minutes of spoofing are a few dozen."""
    group, a, b, c = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    nas.heard = []
    group.messages = 0
    frame = ip.arp(ip.ARP_REQUEST, nas.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63")
    for _ in range(2_400):
        b.tunnel(c, frame)
        group.wait(500)
    assert group.messages < 100 and len(nas.heard) < 100


def test_a_spoofer_in_the_way_does_not_stop_the_carried_device():
    group, a, b, c = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    frame = ip.arp(ip.ARP_REQUEST, phone.mac, b"\x0a\x4d\3\x63", bytes(6), b"\x0a\x4d\3\x63")
    for _ in range(30):  # c spoofs for a while
        c.tunnel(a, frame)
        c.tunnel(b, frame)
        group.wait(1_000)
    phone.carry(b)
    assert seconds_until(group, lambda: phone.broadcasts() is None) < 5_000


def lie(group, liar, address):
    """It says to everybody who asks that this is with it."""
    for home in group.homes:
        if home is not liar:
            home.neighbours.handle_message(home.links[liar], bytes([HERE]) + address, group.now)


def test_what_was_taken_from_a_sleeping_device_is_its_own_again_when_it_wakes():
    group, a, b, c = homes()
    sensor = Device(a, 7)
    at_home(group, sensor)
    sensor.sleeps = True
    frames = [ip.advertisement(sensor.mac, address, None, bytes(16)) for address in (sensor.ipv6, sensor.local)]
    for _ in range(8):
        for victim in (a, c):
            for frame in frames:
                b.tunnel(victim, frame)
        group.wait(500)
    addresses = sensor.mac, sensor.ipv6, sensor.local
    assert [home.owner(each) for home in (a, c) for each in addresses] == [b] * 6
    sensor.sleeps = False
    for _ in range(3):
        assert sensor.broadcasts() is None and sensor.multicasts(sensor.ipv6) is None and sensor.multicasts() is None
        for each in addresses:
            lie(group, b, each)
        assert [home.owner(each) for home in (a, c) for each in addresses] == [a] * 6
        for frame in frames:
            assert b.tunnel(a, frame) == b.tunnel(c, frame) == "claimed"
        group.wait(2_000)


def test_what_is_on_our_own_lan_is_not_given_back_without_a_look():
    """The phone has come here from a home whose router is hostile and wants it back."""
    group, a, b, _ = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    phone.carry(b)
    seconds_until(group, lambda: phone.broadcasts() is None)
    group.wait(10_000)
    assert a.tunnel(b, ip.advertisement(phone.mac, phone.ipv6, None, bytes(16))) == "claimed"
    group.wait(2_000)
    assert b.owner(phone.mac) is b


def test_who_waits_for_a_router_to_restart_has_its_devices_addresses_only_for_so_long():
    group, a, b, c = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    spoof = ip.advertisement(nas.mac, nas.ipv6, None, bytes(16))
    c.links[a].is_up = False
    c.neighbours.handle_lost(c.links[a], group.now)
    assert b.tunnel(c, spoof) is None and c.owner(nas.mac) is b
    c.links[a].is_up = True
    assert nas.broadcasts() is None and nas.multicasts(nas.ipv6) is None
    assert c.owner(nas.mac) is c.owner(nas.ipv6) is a
    assert b.tunnel(c, spoof) == "claimed"
    c.neighbours.forget(c.links[a])
    assert c.owner(nas.mac) is None and b.tunnel(c, spoof) is None  # who is no member any more has nothing


def test_who_waits_for_our_own_restart_can_not_shut_out_devices_that_have_our_leases():
    """It is the first that is heard with a MAC address of ours, and says ever after that the device is there."""
    for is_known in (False, True):
        group, a, b, _ = homes()
        nas = Device(a, 7)
        if is_known:
            a.neighbours.set_leased([nas.mac])
        spoof = ip.arp(ip.ARP_REQUEST, nas.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63")
        assert b.tunnel(a, spoof) is None and a.owner(nas.mac) is b
        a.neighbours.set_leased([nas.mac])
        assert nas.broadcasts() is None and a.owner(nas.mac) is a
        group.wait(2_000)
        assert b.tunnel(a, spoof) == "claimed"


def test_only_its_owner_can_give_an_address_away():
    group, a, b, c = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    group.lose = lambda source, target, content: source is a
    b.tunnel(c, ip.arp(ip.ARP_REQUEST, nas.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63"))
    for address in (nas.mac, nas.ipv6, nas.local):
        for kind in (GONE, HERE):
            for home in (a, c):
                home.neighbours.handle_message(home.links[b], bytes([kind]) + address, group.now)
    assert c.owner(nas.mac) is c.owner(nas.ipv6) is a
    assert a.owner(nas.mac) is a.owner(nas.ipv6) is a


def test_a_router_that_lies_keeps_only_what_it_had():
    """It says that the phone is still there. So the phone can't be reached by those who knew it there: no more."""
    group, a, b, c = homes()
    phone, tv = Device(a, 7), Device(b, 8)
    at_home(group, phone)
    at_home(group, tv)
    phone.carry(b)
    for _ in range(20):
        phone.broadcasts()
        b.neighbours.handle_message(b.links[a], bytes([HERE]) + phone.mac, group.now)
    group.wait(100)
    assert b.owner(phone.mac) is a
    assert b.owner(tv.mac) is b and tv.broadcasts() is None


# --- at once, and both at home


def test_two_homes_have_devices_with_one_mac_address():
    """A cloned MAC, seen first by both at the same time: each keeps its own, nothing flaps, and messages end."""
    group, a, b, c = homes()
    one, other = Device(a, 7), Device(b, 7)
    a.out(ip.arp(ip.ARP_REQUEST, one.mac, one.ipv4, bytes(6), b"\x0a\x4d\3\1"))  # before either hears of the other
    b.out(ip.arp(ip.ARP_REQUEST, other.mac, other.ipv4, bytes(6), b"\x0a\x4d\3\1"))
    for _ in range(40):
        one.broadcasts()
        other.broadcasts()
        group.wait(1_500)
    assert a.owner(one.mac) is a and b.owner(one.mac) is b
    assert c.owner(one.mac) is a
    group.messages = 0
    group.wait(10_000)
    assert group.messages == 0


def test_both_routers_see_the_claim_at_once():
    """The phone speaks up in its new home, and all of the others hear it before anybody has asked."""
    group, a, b, c = homes()
    phone = Device(a, 7)
    at_home(group, phone)
    phone.carry(b)
    frame = ip.arp(ip.ARP_REQUEST, phone.mac, phone.ipv4, bytes(6), phone.ipv4)
    assert b.out(frame) == "claimed"
    assert b.tunnel(a, frame) == b.tunnel(c, frame) == "claimed"
    group.wait(1_500)
    assert [home.owner(phone.mac) for home in (a, b, c)] == [b, b, b]
    assert b.out(frame) is None


def test_each_believes_that_it_is_the_others():
    group, a, b, _ = homes()
    phone = Device(a, 7)
    frame = ip.arp(ip.ARP_REQUEST, phone.mac, b"\x0a\x4d\2\7", bytes(6), b"\x0a\x4d\2\7")
    b.tunnel(a, frame)
    a.tunnel(b, ip.arp(ip.ARP_REQUEST, phone.mac, phone.ipv4, bytes(6), phone.ipv4))
    assert a.owner(phone.mac) is b and b.owner(phone.mac) is a
    assert phone.broadcasts() == "claimed"
    group.wait(100)
    assert phone.broadcasts() is None
    assert a.owner(phone.mac) is b.owner(phone.mac) is a


# --- how the LAN is asked


def test_a_device_is_looked_for_where_it_was_seen():
    group, a, b, _ = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    a.devices.remove(nas)
    a.neighbours.handle_message(a.links[b], bytes([ASK]) + nas.mac, group.now)
    arp, question = a.neighbours.poll_frame(), a.neighbours.poll_frame()
    assert arp[:6] == question[:6] == nas.mac
    assert ip.parse_arp(arp) == (ip.ARP_REQUEST, b"\x06home\1", b"\x0a\x4d\1\x63", nas.ipv4)
    assert ip.parse_neighbour(question)[0] == ip.SOLICITATION and question[38:54] in (nas.ipv6, nas.local)
    assert question[22:38] == ip.link_local(b"\x06home\1")  # not a question for duplicates
    a.neighbours.handle_message(a.links[b], bytes([ASK]) + nas.mac, group.now)  # repeated, it starts nothing anew
    assert a.neighbours.poll_frame() is None
    a.neighbours.handle_message(a.links[b], bytes([ASK]) + nas.ipv6, group.now)
    assert a.neighbours.poll_frame()[:6] == nas.mac
    a.neighbours.handle_timeout(group.now + 300)
    for _ in range(2):
        a.neighbours.poll_frame()
    assert a.neighbours.poll_frame()[:6] == ip.multicast_mac(ip.solicited_node(nas.ipv6))
    assert a.neighbours.poll_message() is None
    a.neighbours.handle_timeout(group.now + 1_000)
    told = {a.neighbours.poll_message()[1] for _ in range(2)}
    assert told == {bytes([GONE]) + nas.mac, bytes([GONE]) + nas.ipv6}
    assert a.owner(nas.mac) is None and a.owner(nas.ipv6) is None


def test_who_is_asked_is_not_told_that_its_address_is_taken():
    """It may be checking that itself just now: a question from 0.0.0.0, or from an address that is its own, would make
    it give that up (RFC 5227 sections 2.1.1 and 2.4)."""
    group, a, b, _ = homes()
    nas, other = Device(a, 7), Device(a, 99)
    for _ in range(2):
        at_home(group, nas)
        at_home(group, other)
        for device in (nas, other):
            device.heard = []
            a.neighbours.handle_message(a.links[b], bytes([ASK]) + device.mac, group.now)
            group.settle()
            asked = [ip.parse_arp(frame) for frame in device.heard if ethernet.ethertype(frame, 0) == ethernet.ARP]
            assert [said[2] for said in asked] == [b"\x0a\x4d\1\x62"], asked


def test_who_was_heard_this_second_is_not_asked():
    group, a, b, _ = homes()
    nas = Device(a, 7)
    nas.broadcasts()
    a.neighbours.handle_message(a.links[b], bytes([ASK]) + nas.mac, group.now)
    assert a.neighbours.poll_message() == (a.links[b], bytes([HERE]) + nas.mac)
    assert a.neighbours.poll_frame() is None


def test_who_asks_for_what_is_not_here_is_told_at_once():
    group, a, b, c = homes()
    tv = Device(c, 8)
    tv.broadcasts()
    for address in (tv.mac, b"\2none.", tv.ipv6):
        a.neighbours.handle_message(a.links[b], bytes([ASK]) + address, group.now)
        assert a.neighbours.poll_message() == (a.links[b], bytes([GONE]) + address)


# --- bounds


def rejection(home, link, content):
    try:
        home.neighbours.handle_message(link, content, home.group.now)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_messages_that_are_none():
    group, a, b, _ = homes()
    for content in (b"", b"\1", b"\1" + bytes(5), b"\1" + bytes(7), b"\0" + bytes(6), b"\4" + bytes(16), bytes(1_000)):
        assert rejection(a, a.links[b], content) == "bad-claim"


def test_another_member_makes_our_router_look_for_so_many_at_once():
    group, a, b, c = homes()
    devices = [Device(a, n) for n in range(1, PROBES_SHARE + 9)]
    for device in devices:
        device.broadcasts()
    group.wait(5_000)
    a.devices = []
    reasons = [rejection(a, a.links[b], bytes([ASK]) + device.mac) for device in devices]
    assert reasons == [None] * PROBES_SHARE + ["claim-limit"] * 8
    assert rejection(a, a.links[c], bytes([ASK]) + devices[-1].mac) is None


def test_a_member_that_claims_everything_holds_up_nobody_else():
    group, a, b, c = homes()
    devices = [Device(a, n) for n in range(1, 100)]
    for device in devices:
        device.broadcasts()
        device.multicasts()
    group.wait(5_000)
    group.messages = 0
    for _ in range(5):
        for device in devices:
            frame = ip.arp(ip.ARP_REQUEST, device.mac, b"\x0a\x4d\2\x63", bytes(6), b"\x0a\x4d\2\x63")
            assert b.tunnel(c, frame) == "claimed"
        group.wait(200)
    assert group.messages <= 8 * CLAIMS_SHARE
    devices[50].carry(c)
    assert seconds_until(group, lambda: devices[50].broadcasts() is None) < 5_000
    group.wait(60_000 + 2 * HOLD_MAX)
    assert not c.neighbours._claims._claims or len(c.neighbours._claims._claims) <= CLAIMS_SHARE


def test_any_message_is_handled():
    group, a, b, _ = homes()
    nas = Device(a, 7)
    at_home(group, nas)
    seed = 7
    for n in range(4_000):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        address = (nas.mac, nas.ipv6, nas.local, seed.to_bytes(6, "big"), bytes(n % 20))[seed >> 8 & 3]
        content = bytes([seed >> 16 & 3]) + address
        assert rejection(a, a.links[b], content) in (None, "bad-claim", "claim-limit")
        if n % 50 == 0:
            group.wait(400)
    assert a.owner(nas.mac) is a
