"""A phone with the WireGuard app looks like one more device on the LAN: it is asked for and found like any other."""

from binascii import unhexlify

from pair import ethernet, ipv4

from ipop.errors import Rejected
from ipop.lan.hosts import (
    ASK_GAP,
    FRAMES_MAX,
    NEIGHBOUR_LIFE,
    NEIGHBOURS_MAX,
    WAITING_MAX,
    WAITING_TIME,
    Host,
    Hosts,
    host_mac,
)
from ipop.ports import crypto
from ipop.wire import ip

PHONE = bytes([10, 0, 0, 50])
TV, TV_MAC = bytes([10, 0, 0, 7]), b"\x02tv..."
PRINTER, PRINTER_MAC = bytes([10, 0, 0, 8]), b"\x02prin."
PHONE6 = unhexlify("fd000000000000000000000000000050")
TV6 = unhexlify("fd000000000000000000000000000007")
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD


class Lan:
    """One phone, and what the hosts' module sends into the LAN."""

    def __init__(self):
        self.dropped = []
        self.hosts = Hosts(self.dropped.append)
        self.phone = Host(b"\x02phon.", [(PHONE, 32), (PHONE6, 128)])
        self.hosts.add(self.phone)

    def hears(self, frame, now=0):
        """A frame of the LAN; returns whether it was about addresses."""
        return self.hosts.handle_lan_frame(frame[12] << 8 | frame[13], frame, now)

    def sends(self, packet, now=0):
        """A packet of the phone's: the frame that it became at once, None if it has to wait, or why it was refused."""
        buffer = bytearray(20) + bytearray(packet) + bytearray(16)
        try:
            n = self.hosts.to_frame(self.phone, memoryview(buffer), 20, len(packet), now)
        except Rejected as rejected:
            return rejected.reason
        return bytes(buffer[6 : 20 + n]) if n else None

    def frames(self):
        frames = []
        frame = self.hosts.poll_frame()
        while frame is not None:
            frames.append(frame)
            frame = self.hosts.poll_frame()
        return frames


def ipv6(source, destination, content=b""):
    return b"\x60\0\0\0" + bytes([0, len(content), 17, 64]) + source + destination + content


def tv_asks_for(address):
    return ip.arp(ip.ARP_REQUEST, TV_MAC, TV, bytes(6), address)


def tv_says_where_it_is():
    return ip.arp(ip.ARP_REPLY, TV_MAC, TV, b"\xff" * 6, TV)


# --- the LAN asks


def test_who_asks_for_the_phone_is_answered_on_its_behalf():
    lan = Lan()
    assert lan.hears(tv_asks_for(PHONE))
    assert lan.frames() == [ip.arp(ip.ARP_REPLY, lan.phone.mac, PHONE, TV_MAC, TV)]


def test_who_asks_for_somebody_else_is_not():
    lan = Lan()
    assert lan.hears(tv_asks_for(PRINTER))
    assert lan.frames() == []


def test_a_device_that_takes_the_phones_address_is_told():
    """Before it uses an address a device asks for it, from no address (RFC 5227): DHCP gave the same one twice."""
    lan = Lan()
    lan.hears(ip.arp(ip.ARP_REQUEST, TV_MAC, bytes(4), bytes(6), PHONE))
    assert lan.frames() == [ip.arp(ip.ARP_REPLY, lan.phone.mac, PHONE, TV_MAC, bytes(4))]


def test_an_announcement_is_not_a_question():
    lan = Lan()
    lan.hears(ip.arp(ip.ARP_REQUEST, TV_MAC, TV, bytes(6), TV))
    lan.hears(tv_says_where_it_is())
    assert lan.frames() == []


def test_a_neighbour_solicitation_is_answered():
    lan = Lan()
    assert lan.hears(ip.solicitation(TV_MAC, TV6, PHONE6))
    assert lan.frames() == [ip.advertisement(lan.phone.mac, PHONE6, TV_MAC, TV6)]
    assert lan.hears(ip.solicitation(TV_MAC, TV6, TV6[:15] + b"\x08"))
    assert lan.frames() == []


def test_a_device_that_takes_the_phones_ipv6_address_is_told():
    """RFC 4862 section 5.4.3, RFC 4861 section 7.2.4: it asks from no address, and the answer goes to all nodes."""
    lan = Lan()
    question = ip.solicitation(TV_MAC, bytes(16), PHONE6)[:78]  # without its own MAC address
    lan.hears(question[:18] + b"\0\x18" + question[20:])
    (answer,) = lan.frames()
    assert answer[:6] == b"\x33\x33\0\0\0\x01"
    kind, source, target, mac = ip.parse_neighbour(answer)
    assert (kind, source, target, mac) == (ip.ADVERTISEMENT, PHONE6, PHONE6, lan.phone.mac)
    assert answer[38:54] == unhexlify("ff020000000000000000000000000001")
    assert not answer[58] & 0x40  # nobody solicited it
    assert lan.hosts._neighbours == {}


def test_who_asks_whether_the_phone_is_still_there_need_not_say_its_own_mac_address():
    """RFC 4861 section 4.3: a solicitation to one address may leave it out."""
    lan = Lan()
    question = ip.solicitation(TV_MAC, TV6, PHONE6)[:78]
    question = lan.phone.mac + question[6:18] + b"\0\x18" + question[20:]
    lan.hears(question)
    assert lan.frames() == [ip.advertisement(lan.phone.mac, PHONE6, TV_MAC, TV6)]


def test_ordinary_packets_are_none_of_its_business():
    lan = Lan()
    assert not lan.hears(ethernet(lan.phone.mac, TV_MAC, IPV6, ipv6(TV6, PHONE6, bytes(40))))
    assert lan.frames() == []


def test_a_phone_that_is_removed_is_not_found_any_more():
    lan = Lan()
    lan.hosts.remove(lan.phone)
    lan.hears(tv_asks_for(PHONE))
    assert lan.frames() == []


# --- the phone sends


def test_a_packet_for_a_known_device_goes_at_once():
    lan = Lan()
    lan.hears(tv_says_where_it_is())
    packet = ipv4(PHONE, TV, b"play")
    assert lan.sends(packet) == ethernet(TV_MAC, lan.phone.mac, IPV4, packet)


def test_a_packet_for_an_unknown_device_waits_for_the_answer():
    lan = Lan()
    packet = ipv4(PHONE, TV, b"play")
    assert lan.sends(packet) is None
    assert lan.frames() == [ip.arp(ip.ARP_REQUEST, lan.phone.mac, PHONE, bytes(6), TV)]
    lan.hears(ip.arp(ip.ARP_REPLY, TV_MAC, TV, lan.phone.mac, PHONE))
    assert lan.frames() == [ethernet(TV_MAC, lan.phone.mac, IPV4, packet)]


def test_the_same_for_ipv6():
    lan = Lan()
    packet = ipv6(PHONE6, TV6, b"play")
    assert lan.sends(packet) is None
    assert lan.frames() == [ip.solicitation(lan.phone.mac, PHONE6, TV6)]
    lan.hears(ip.advertisement(TV_MAC, TV6, lan.phone.mac, PHONE6))
    assert lan.frames() == [ethernet(TV_MAC, lan.phone.mac, IPV6, packet)]
    assert lan.sends(packet) == ethernet(TV_MAC, lan.phone.mac, IPV6, packet)


def test_only_those_that_waited_for_it_go_out_and_in_order():
    lan = Lan()
    for destination in (TV, PRINTER, TV):
        lan.sends(ipv4(PHONE, destination, b"%d" % len(lan.hosts._waiting)))
    assert len(lan.frames()) == 2
    lan.hears(tv_says_where_it_is())
    assert [frame[42:] for frame in lan.frames()] == [b"0", b"2"]
    lan.hears(ip.arp(ip.ARP_REPLY, PRINTER_MAC, PRINTER, lan.phone.mac, PHONE))
    assert [frame[42:] for frame in lan.frames()] == [b"1"]


def test_a_device_is_asked_for_once_a_second():
    """A phone that scans the network must not make a storm of broadcasts."""
    lan = Lan()
    for now in (0, 1, ASK_GAP - 1):
        assert lan.sends(ipv4(PHONE, TV, b""), now) is None
    assert len(lan.frames()) == 1
    lan.sends(ipv4(PHONE, TV, b""), ASK_GAP)
    assert len(lan.frames()) == 1


def test_what_waited_too_long_is_dropped():
    lan = Lan()
    lan.sends(ipv4(PHONE, TV, b"old"), 0)
    lan.sends(ipv4(PHONE, TV, b"new"), 2_000)
    lan.frames()
    lan.hears(tv_says_where_it_is(), WAITING_TIME)
    assert [frame[42:] for frame in lan.frames()] == [b"new"]
    assert lan.dropped == ["no-neighbour"]


def test_of_too_many_that_wait_the_oldest_are_dropped():
    lan = Lan()
    for n in range(WAITING_MAX + 3):
        lan.sends(ipv4(PHONE, TV, b"%d" % n))
    lan.frames()
    lan.hears(tv_says_where_it_is())
    assert [frame[42:] for frame in lan.frames()] == [b"%d" % n for n in range(3, WAITING_MAX + 3)]
    assert lan.dropped == ["no-neighbour"] * 3


def test_a_device_that_moved_to_another_card_is_found_there():
    lan = Lan()
    lan.hears(tv_says_where_it_is())
    lan.hears(ip.arp(ip.ARP_REQUEST, PRINTER_MAC, TV, bytes(6), TV))
    assert lan.sends(ipv4(PHONE, TV, b""))[:6] == PRINTER_MAC


def test_after_five_minutes_a_device_is_asked_for_again():
    lan = Lan()
    lan.hears(tv_says_where_it_is())
    assert lan.sends(ipv4(PHONE, TV, b""), NEIGHBOUR_LIFE - 1) is not None
    assert lan.sends(ipv4(PHONE, TV, b""), NEIGHBOUR_LIFE) is None
    assert len(lan.frames()) == 1


def test_broadcast_and_multicast_need_nobodys_answer():
    lan = Lan()
    assert lan.sends(ipv4(PHONE, b"\xff" * 4, b""))[:6] == b"\xff" * 6
    assert lan.sends(ipv4(PHONE, b"\xe0\0\0\xfb", b""))[:6] == b"\x01\0\x5e\0\0\xfb"
    group = unhexlify("ff0200000000000000000000000000fb")
    assert lan.sends(ipv6(PHONE6, group))[:6] == b"\x33\x33\0\0\0\xfb"


def test_the_phone_can_only_speak_for_itself():
    """WireGuard's cryptokey routing: an address that isn't in `allowed_ips` is somebody else's."""
    lan = Lan()
    lan.hears(tv_says_where_it_is())
    assert lan.sends(ipv4(PRINTER, TV, b"")) == "not-allowed"
    assert lan.sends(ipv6(TV6, PHONE6)) == "not-allowed"
    assert lan.sends(ipv4(PRINTER, PRINTER, b"")) == "not-allowed"
    assert lan.frames() == []


def test_padding_does_not_reach_the_lan():
    lan = Lan()
    lan.hears(tv_says_where_it_is())
    packet = ipv4(PHONE, TV, b"12345")
    assert lan.sends(packet + bytes(7)) == ethernet(TV_MAC, lan.phone.mac, IPV4, packet)


def test_a_packet_longer_than_ethernet_takes_is_refused():
    lan = Lan()
    lan.hears(tv_says_where_it_is())
    assert len(lan.sends(ipv4(PHONE, TV, bytes(1472)))) == 1514
    assert lan.sends(ipv4(PHONE, TV, bytes(1500))) == "bad-packet"


# --- bounds


def test_a_lan_full_of_made_up_devices_fills_no_memory():
    lan = Lan()
    for n in range(3 * NEIGHBOURS_MAX):
        lan.hears(ip.arp(ip.ARP_REPLY, TV_MAC, bytes([10, 9, n >> 8, n & 255]), TV_MAC, TV))
    assert len(lan.hosts._neighbours) <= NEIGHBOURS_MAX
    for n in range(3 * NEIGHBOURS_MAX):
        lan.sends(ipv4(PHONE, bytes([10, 8, n >> 8, n & 255]), b""))
    assert len(lan.hosts._asked) <= NEIGHBOURS_MAX
    assert len(lan.frames()) == FRAMES_MAX
    assert lan.dropped.count("lan-queue-full") == 3 * NEIGHBOURS_MAX - FRAMES_MAX


# --- MAC addresses


def test_a_key_always_has_the_same_mac_address():
    """Unicast, and locally administered, so that it is no vendor's."""
    macs = {host_mac(crypto, bytes([n]) * 32) for n in range(50)}
    assert len(macs) == 50
    assert all(len(mac) == 6 and mac[0] & 3 == 2 for mac in macs)
    assert host_mac(crypto, b"k" * 32) == host_mac(crypto, b"k" * 32)
