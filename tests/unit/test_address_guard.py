"""Nobody speaks for others: what a device or another member's router sends bears its own addresses, or goes nowhere."""

from homes import PREFIX, SUBNET, UDP, Device, Group, dad, packet6, read, udp4

from ipop.errors import Rejected
from ipop.lan.address_guard import NOBODY, Slices
from ipop.wire import ethernet, ip

ROUTER = b"\x02\xee\0\0\0\x01"


def homes(n=2):
    group = Group(n)
    return [group] + group.homes


def in4(mac, source, destination=SUBNET + b"\xff\xff"):
    return ethernet.header(ethernet.BROADCAST, mac, ethernet.IPV4) + udp4(source, destination)


def in6(mac, source, body=bytes(8), protocol=UDP, hops=64, destination=b"\xff\x02" + bytes(13) + b"\x01"):
    header = ethernet.header(ip.multicast_mac(destination), mac, ethernet.IPV6)
    return header + packet6(source, destination, body, protocol, hops)


def arp(operation, mac, sender, target, stated=None):
    frame = ip.arp(operation, stated or mac, sender, bytes(6), target, ethernet.BROADCAST)
    return frame[:6] + mac + frame[12:]


# --- IPv4 is the slice's


def test_slices_say_whose_an_address_is():
    slices = Slices()
    assert slices.owner_of(b"\x0a\0\0\1") is NOBODY
    slices.set([(b"\x0a\x10\0\0", 20)], {"cabin": [(b"\x0a\x10\x10\0", 20), (b"\x0a\x20\0\0", 24)], "new": None})
    assert slices.owner_of(b"\x0a\x10\x0f\xff") is None
    assert slices.owner_of(b"\x0a\x10\x10\0") == slices.owner_of(b"\x0a\x20\0\x07") == "cabin"
    assert slices.owner_of(b"\x0a\x20\1\0") is NOBODY and slices.owner_of(b"\xc0\xa8\1\1") is NOBODY
    slices.set(None, {"all": [(bytes(4), 0)]})
    assert slices.owner_of(b"\xc0\xa8\1\1") == "all"


def test_packets_bear_an_address_of_their_members_slice():
    """A hostile member can't send from another's address, nor from one outside the group."""
    _, ours, theirs = homes()
    mac = ROUTER
    assert theirs.tunnel(ours, in4(mac, SUBNET + b"\2\x07")) is None
    for foreign in (SUBNET + b"\1\x07", SUBNET + b"\3\x07", b"\xc0\xa8\1\x07", bytes(4), b"\xff" * 4, b"\xe0\0\0\1"):
        assert theirs.tunnel(ours, in4(mac, foreign)) == "foreign-address"
    assert ours.out(in4(mac[:5] + b"\2", SUBNET + b"\1\x07")) is None


def test_a_device_with_an_address_of_an_overlapping_home_lan_is_not_let_out():
    """Both homes use 192.168.1.0/24: neither's ARP may poison the other's devices."""
    _, ours, theirs = homes()
    laptop = Device(ours, 9, b"\xc0\xa8\1\x09")
    tv = Device(theirs, 8)
    assert laptop.asks(b"\xc0\xa8\1\1") == laptop.broadcasts() == "foreign-address"
    assert laptop.send(arp(ip.ARP_REQUEST, laptop.mac, bytes(4), laptop.ipv4)) == "foreign-address"
    assert laptop.send(arp(ip.ARP_REPLY, laptop.mac, b"\xa9\xfe\1\1", b"\xa9\xfe\1\1")) == "foreign-address"
    assert tv.heard == [] and ours.neighbours.table() == []


def test_an_arp_spoof_out_of_a_tunnel():
    """The classic: "the gateway of this home, and its NAS, are at my MAC address"."""
    _, ours, theirs = homes()
    assert theirs.tunnel(ours, arp(ip.ARP_REPLY, ROUTER, SUBNET + b"\1\1", SUBNET + b"\1\1")) == "foreign-address"
    assert theirs.tunnel(ours, arp(ip.ARP_REQUEST, ROUTER, SUBNET + b"\1\1", SUBNET + b"\1\2")) == "foreign-address"
    nas = Device(theirs, 7)
    spoof = arp(ip.ARP_REPLY, ROUTER, nas.ipv4, nas.ipv4, stated=nas.mac)
    assert theirs.tunnel(ours, spoof) == "bad-neighbour"


def test_arp_probes_are_for_addresses_of_the_own_slice():
    """RFC 5227: who checks whether an address is free says none of its own."""
    _, ours, theirs = homes()
    assert ours.out(arp(ip.ARP_REQUEST, ROUTER, bytes(4), SUBNET + b"\1\x09")) == "stays-local"
    assert ours.out(arp(ip.ARP_REQUEST, ROUTER, bytes(4), SUBNET + b"\2\x09")) == "foreign-address"
    assert theirs.tunnel(ours, arp(ip.ARP_REQUEST, ROUTER, bytes(4), SUBNET + b"\1\x09")) == "foreign-address"
    assert theirs.tunnel(ours, arp(ip.ARP_REPLY, ROUTER, bytes(4), SUBNET + b"\2\x09")) == "bad-neighbour"


def test_a_device_set_by_hand_to_anothers_address_learns_that_it_is_taken():
    group, ours, theirs = homes()
    tv, laptop = Device(theirs, 8), Device(ours, 9)
    tv.broadcasts()
    assert laptop.send(arp(ip.ARP_REQUEST, laptop.mac, bytes(4), tv.ipv4)) == "foreign-address"
    group.settle()
    assert laptop.answers() == [(tv.ipv4, tv.mac)]


def test_arp_that_is_none():
    _, ours, theirs = homes()
    good = arp(ip.ARP_REQUEST, ROUTER, SUBNET + b"\2\1", SUBNET + b"\1\1")
    assert theirs.tunnel(ours, good) is None
    for n in range(14, 42):
        assert theirs.tunnel(ours, good[:n]) == "bad-neighbour"
    for i in range(14, 20):
        assert theirs.tunnel(ours, good[:i] + b"\x77" + good[i + 1 :]) == "bad-neighbour"
    for operation in (0, 3, 8, 255):
        assert theirs.tunnel(ours, good[:21] + bytes([operation]) + good[22:]) == "bad-neighbour"


def test_slices_that_change_take_their_devices_along():
    _, ours, theirs = homes()
    tv = Device(theirs, 8)
    tv.broadcasts()
    before = ours.neighbours.revision
    ours.neighbours.set_slices([(SUBNET + b"\1\0", 24)], {ours.links[theirs]: [(SUBNET + b"\x05\0", 24)]})
    assert ours.neighbours.revision != before
    assert [row for row in ours.neighbours.table() if len(row[0]) == 4] == []
    assert theirs.tunnel(ours, in4(tv.mac, tv.ipv4)) == "foreign-address"
    assert theirs.tunnel(ours, in4(tv.mac, SUBNET + b"\x05\x08")) is None


# --- IPv6 is link-local or has the group's prefix


def test_ipv6_of_another_network_stays_out():
    _, ours, theirs = homes()
    local = ip.link_local(ROUTER)
    assert theirs.tunnel(ours, in6(ROUTER, local)) is None
    assert theirs.tunnel(ours, in6(ROUTER, PREFIX + local[8:])) is None
    for foreign in (b"\x20\1\x0d\xb8" + bytes(11) + b"\1", b"\xfd" + bytes(14) + b"\1", bytes(15) + b"\1", bytes(16)):
        assert theirs.tunnel(ours, in6(ROUTER, foreign)) == "foreign-address"
    assert theirs.tunnel(ours, in6(ROUTER, b"\xff\2" + bytes(13) + b"\1")) == "foreign-address"
    ours.neighbours.set_prefix(None)
    assert theirs.tunnel(ours, in6(ROUTER, PREFIX + local[8:])) == "foreign-address"


def test_our_routers_addresses_are_nobody_elses():
    """Its devices ask it for names by IPv6; that it has said nothing yet, or for long, makes nobody else the first."""
    group, ours, theirs = homes()
    global6, local = PREFIX + bytes(5) + b"\1\0\1", ip.link_local(b"\x02\xee\0\0\0\x02")
    spoofs = [ip.advertisement(ROUTER, address, None, bytes(16)) for address in (global6, local)]
    assert theirs.tunnel(ours, spoofs[0]) is None  # before it is known to be ours
    ours.neighbours.set_router([SUBNET + b"\1\1", global6, local])
    assert ours.owner(global6) is None
    spoofs += [ip.solicitation(ROUTER, global6, PREFIX + bytes(8)), in6(ROUTER, local), dad(ROUTER, global6)]
    for spoof in spoofs:
        assert theirs.tunnel(ours, spoof) == "foreign-address"
    assert ours.out(dad(b"\x02\xee\0\0\0\x02", global6)) is None and ours.owner(global6) is ours
    group.wait(7_200_000)
    assert theirs.tunnel(ours, spoofs[0]) == "foreign-address"
    assert theirs.tunnel(ours, ip.solicitation(ROUTER, ip.link_local(ROUTER), global6)) is None  # they may ask for it


def test_who_has_no_address_yet_may_join_groups():
    """RFC 3590: multicast listeners report before their first address is checked."""
    _, ours, _ = homes()
    for kind in (131, 132, 143):
        assert ours.out(in6(ROUTER, bytes(16), bytes([kind]) + bytes(27), 58)) is None
    assert ours.out(in6(ROUTER, bytes(16), b"\x80" + bytes(7), 58)) == "foreign-address"


def test_neighbour_discovery_says_what_the_frame_says():
    """RFC 4861: whose MAC address it states is who sends it, and it hasn't passed a router."""
    _, ours, theirs = homes()
    local, other = ip.link_local(ROUTER), PREFIX + bytes(7) + b"\x09"
    for good in (ip.solicitation(ROUTER, local, other), ip.advertisement(ROUTER, local, ROUTER[:5] + b"\2", other)):
        assert theirs.tunnel(ours, good) is None
        assert theirs.tunnel(ours, good[:80] + b"\x02spoof" + good[86:]) == "bad-neighbour"
        assert theirs.tunnel(ours, good[:21] + b"\xfe" + good[22:]) == "bad-neighbour"  # the hop limit
        assert theirs.tunnel(ours, good[:55] + b"\1" + good[56:]) == "bad-neighbour"  # the code
        assert theirs.tunnel(ours, good[:79] + b"\0" + good[80:]) == "bad-neighbour"  # an option without length
        assert theirs.tunnel(ours, good[:79] + b"\2" + good[80:]) == "bad-neighbour"
        assert theirs.tunnel(ours, good[:62] + b"\x20" + good[63:]) == "foreign-address"  # the target
    question = dad(ROUTER, local)
    assert theirs.tunnel(ours, question) is None
    with_option = question[:18] + b"\0\x20" + question[20:] + b"\1\1" + ROUTER
    assert theirs.tunnel(ours, with_option) == "bad-neighbour"
    to_all = question[:38] + b"\xff\2" + bytes(13) + b"\1" + question[54:]
    assert theirs.tunnel(ours, to_all) == "bad-neighbour"


def test_neighbour_discovery_in_fragments_is_none():
    """RFC 6980; and what can't be read at all might be it."""
    _, ours, _ = homes()
    local = ip.link_local(ROUTER)
    message = ip.advertisement(ROUTER, local, ROUTER, local)[54:]
    first = bytes([58, 0, 0, 1]) + bytes(4)
    assert ours.out(in6(ROUTER, local, first + message, 44, 255)) == "bad-neighbour"
    assert ours.out(in6(ROUTER, local, first + message[:2], 44, 255)) == "bad-neighbour"
    assert ours.out(in6(ROUTER, local, first + b"\x80" + bytes(7), 44)) is None
    assert ours.out(in6(ROUTER, local, bytes([17, 0, 0, 9]) + bytes(12), 44)) is None
    assert ours.out(in6(ROUTER, local, (bytes([0, 0]) + bytes(6)) * 9, 0)) == "bad-neighbour"
    options = bytes([58, 0, 1, 4, 0, 0, 0, 0])
    assert ours.out(in6(ROUTER, local, options + message, 60, 255)) is None


# --- MAC addresses


def test_mac_addresses_that_nobody_has():
    _, ours, theirs = homes()
    for mac in (ethernet.BROADCAST, b"\1\0\x5e\0\0\1", bytes(6), b"\x06home\1"):
        assert theirs.tunnel(ours, in4(mac, SUBNET + b"\2\1")) == "bad-source"


def test_a_member_that_invents_thousands_of_addresses_fills_only_its_share():
    group, ours, theirs, third = homes(3)
    reasons = set()
    for n in range(5_000):
        mac = b"\x02\xbb\0\0" + bytes([n >> 8, n & 255])
        reasons.add(theirs.tunnel(ours, in6(mac, ip.link_local(mac))))
    assert reasons == {None, "table-full"}
    assert len(ours.neighbours._bindings) <= 512
    tv, laptop = Device(third, 8), Device(ours, 9)
    assert tv.broadcasts() is None and laptop.broadcasts() is None
    assert ours.owner(tv.mac) is third and ours.owner(laptop.mac) is ours
    group.wait(300_000)
    assert theirs.tunnel(ours, in4(ROUTER, SUBNET + b"\2\1")) is None  # its own devices work again when it has stopped


def test_nor_does_it_make_us_forget_who_sleeps():
    """A sensor sleeps for a quarter of an hour: else its MAC address would be free for whoever fills his own share."""
    group, ours, theirs, third = homes(3)
    sensor, meter = Device(ours, 7), Device(third, 8)
    assert sensor.broadcasts() is None and meter.broadcasts() is None
    for n in range(512):
        theirs.tunnel(ours, in6(b"\x02\xbb\0\0" + bytes([n >> 8, n & 255]), ip.link_local(ROUTER)))
    group.wait(300_001)
    assert theirs.tunnel(ours, in4(ROUTER, SUBNET + b"\2\1")) is None  # there is room again in its own share
    assert ours.owner(sensor.mac) is ours and ours.owner(meter.mac) is third
    assert theirs.tunnel(ours, in4(sensor.mac, SUBNET + b"\2\1")) == "claimed"


def test_any_bytes_are_answered_or_refused():
    group, ours, theirs = homes()
    tv, laptop = Device(theirs, 8), Device(ours, 9)
    tv.wakes()
    laptop.wakes()
    frames = [
        ip.arp(ip.ARP_REQUEST, tv.mac, tv.ipv4, bytes(6), laptop.ipv4),
        ip.solicitation(tv.mac, tv.ipv6, laptop.ipv6),
        ip.advertisement(tv.mac, tv.ipv6, laptop.mac, laptop.ipv6),
        dad(tv.mac, tv.ipv6),
        in4(tv.mac, tv.ipv4),
    ]
    seed = 1
    for n in range(6_000):
        frame = bytearray(frames[n % len(frames)])
        for _ in range(1 + n % 4):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            frame[(seed >> 8) % len(frame)] = seed >> 16 & 0xFF
        if n % 3 == 0:
            frame = frame[: 14 + (seed >> 4) % (len(frame) - 13)]
        try:
            (theirs.tunnel(ours, bytes(frame)), ours.out(bytes(frame)))
        except Rejected as rejected:  # by the dissection
            assert rejected.reason in ("bad-frame", "bad-packet")
        if n % 16 == 0:
            group.wait(100)
    assert len(ours.neighbours._bindings) <= 1_024


def test_frames_that_are_neither_ip_nor_arp_have_only_a_mac_address():
    _, ours, theirs = homes()
    assert theirs.tunnel(ours, ethernet.header(ethernet.BROADCAST, ROUTER, 0x88B5) + bytes(46)) is None
    packet, mem = read(ethernet.header(ethernet.BROADCAST, ROUTER, 0x88B5))
    try:
        ours.neighbours.check_out(packet, mem, 0)
        raise AssertionError("it is another member's")
    except Rejected as rejected:
        assert rejected.reason == "claimed"
