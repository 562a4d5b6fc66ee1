"""The few fields of IP, ARP and neighbour discovery that a stock peer needs to look like a device."""

from binascii import unhexlify

from ipop.errors import Rejected
from ipop.wire import ethernet, ip

MAC = b"\x02\x11\x22\x33\x44\x55"
OTHER_MAC = b"\x02\xaa\xbb\xcc\xdd\xee"
V4, OTHER_V4 = b"\x0a\0\0\x01", b"\x0a\0\0\x02"
V6 = unhexlify("20010db8000000000000000000000001")
OTHER_V6 = unhexlify("20010db80000000000000000abcdef02")


def rejection(act, *args):
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


# --- packets


def packet4(total=20, version=4):
    return bytes([version << 4 | 5, 0, total >> 8, total & 255]) + bytes(8) + V4 + OTHER_V4 + bytes(20)


def packet6(content=0):
    return b"\x60\0\0\0" + bytes([content >> 8, content & 255]) + b"\x3a\x40" + V6 + OTHER_V6 + bytes(20)


def test_addresses_of_ipv4():
    assert ip.addresses(packet4(25), 0, 32) == (V4, OTHER_V4, 25)
    assert ip.addresses(b"..." + packet4(20), 3, 20) == (V4, OTHER_V4, 20)


def test_addresses_of_ipv6():
    assert ip.addresses(packet6(9), 0, 64) == (V6, OTHER_V6, 49)


def test_the_packets_own_length_counts_but_not_beyond_what_is_there():
    """WireGuard pads with zeros, which must not reach the LAN; and a packet must not tell of bytes it hasn't."""
    assert rejection(ip.addresses, packet4(33), 0, 32) == "bad-packet"
    assert rejection(ip.addresses, packet4(19), 0, 32) == "bad-packet"
    assert rejection(ip.addresses, packet6(10), 0, 49) == "bad-packet"
    for n in range(1, 20):
        assert rejection(ip.addresses, packet4(), 0, n) == "bad-packet"
    for n in range(1, 40):
        assert rejection(ip.addresses, packet6(), 0, n) == "bad-packet"


def test_prefixes():
    def contains(prefix, length, address):
        return ip.contains(bytes(prefix), length, bytes(address))

    assert contains((10, 1, 2, 3), 32, (10, 1, 2, 3))
    assert not contains((10, 1, 2, 3), 32, (10, 1, 2, 2))
    assert contains((10, 1, 2, 0), 23, (10, 1, 3, 255))
    assert not contains((10, 1, 2, 0), 23, (10, 1, 4, 0))
    assert contains((10, 1, 2, 2), 31, (10, 1, 2, 3))
    assert contains((0, 0, 0, 0), 0, (192, 0, 2, 1))
    assert contains((128, 0, 0, 0), 1, (192, 0, 2, 1))
    assert not contains((128, 0, 0, 0), 1, (127, 0, 2, 1))
    assert ip.contains(V6, 64, OTHER_V6)
    assert not ip.contains(V6, 128, OTHER_V6)
    assert not ip.contains(bytes(4), 0, V6)
    assert not ip.contains(bytes(16), 0, V4)


# --- groups


def test_groups_have_mac_addresses_of_their_own():
    """RFC 1112 section 6.4, RFC 2464 section 7."""
    assert ip.is_multicast(b"\xe0\0\0\xfb") and ip.is_multicast(b"\xef\xff\xff\xfa")
    assert not ip.is_multicast(V4) and not ip.is_multicast(b"\xff\xff\xff\xff")
    assert ip.multicast_mac(b"\xe0\x81\x02\x03") == b"\x01\0\x5e\x01\x02\x03"
    group = unhexlify("ff0200000000000000000000000000fb")
    assert ip.is_multicast(group) and not ip.is_multicast(V6)
    assert ip.multicast_mac(group) == b"\x33\x33\0\0\0\xfb"


# --- ARP, RFC 826


def test_an_arp_request_goes_to_all_and_an_answer_to_who_asked():
    request = ip.arp(ip.ARP_REQUEST, MAC, V4, bytes(6), OTHER_V4)
    assert request == ethernet.BROADCAST + MAC + unhexlify("08060001080006040001") + MAC + V4 + bytes(6) + OTHER_V4
    answer = ip.arp(ip.ARP_REPLY, OTHER_MAC, OTHER_V4, MAC, V4)
    assert answer[:6] == MAC
    assert ip.parse_arp(request) == (ip.ARP_REQUEST, MAC, V4, OTHER_V4)
    assert ip.parse_arp(answer + bytes(18)) == (ip.ARP_REPLY, OTHER_MAC, OTHER_V4, V4)


def test_other_things_than_arp_for_ipv4_on_ethernet_are_none():
    request = ip.arp(ip.ARP_REQUEST, MAC, V4, bytes(6), OTHER_V4)
    for n in range(42):
        assert ip.parse_arp(request[:n]) is None
    for i in range(14, 20):
        assert ip.parse_arp(request[:i] + b"\x77" + request[i + 1 :]) is None


# --- neighbour discovery, RFC 4861


def test_checksum():
    """The example of RFC 1071 section 3, and an odd length."""
    assert ip.checksum(unhexlify("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert ip.checksum(b"\x01") == 0xFFFF - 0x0100


def check_icmpv6_sum(frame):
    """The sum over the pseudo-header (RFC 8200 section 8.1) and the message, its checksum included, is zero."""
    length = frame[18] << 8 | frame[19]
    pseudo = frame[22:54] + bytes([0, 0, length >> 8, length & 255, 0, 0, 0, 58])
    assert len(frame) == 54 + length
    assert ip.checksum(pseudo + frame[54:]) == 0


def test_a_solicitation():
    frame = ip.solicitation(MAC, V6, OTHER_V6)
    assert frame[:14] == b"\x33\x33\xff\xcd\xef\x02" + MAC + b"\x86\xdd"
    assert frame[38:54] == unhexlify("ff0200000000000000000001ffcdef02")
    assert frame[21] == 255
    check_icmpv6_sum(frame)
    assert ip.parse_neighbour(frame) == (ip.SOLICITATION, V6, OTHER_V6, MAC)


def test_an_advertisement():
    frame = ip.advertisement(MAC, V6, OTHER_MAC, OTHER_V6)
    assert frame[:14] == OTHER_MAC + MAC + b"\x86\xdd"
    assert frame[22:54] == V6 + OTHER_V6
    check_icmpv6_sum(frame)
    assert frame[58] == 0x60  # solicited, override
    assert ip.parse_neighbour(frame) == (ip.ADVERTISEMENT, V6, V6, MAC)


def test_neighbour_discovery_from_beyond_a_router_is_ignored():
    """Its hop limit is no longer 255: nobody outside may redirect our traffic."""
    frame = bytearray(ip.advertisement(MAC, V6, OTHER_MAC, OTHER_V6))
    frame[21] = 254
    assert ip.parse_neighbour(bytes(frame)) is None


def test_other_ipv6_is_not_taken_for_neighbour_discovery():
    frame = ip.solicitation(MAC, V6, OTHER_V6)
    for n in range(78):
        assert ip.parse_neighbour(frame[:n]) is None
    for n in range(78, 86):
        assert ip.parse_neighbour(frame[:n]) == (ip.SOLICITATION, V6, OTHER_V6, MAC)
    for kind in (128, 133, 134, 137):
        assert ip.parse_neighbour(frame[:54] + bytes([kind]) + frame[55:]) is None
    assert ip.parse_neighbour(frame[:20] + b"\x11" + frame[21:]) is None


def test_one_neighbour_alone_can_be_asked():
    """Whether it is still there: RFC 1122 section 2.3.2.1, RFC 4861 section 7.3."""
    request = ip.arp(ip.ARP_REQUEST, MAC, V4, bytes(6), OTHER_V4, OTHER_MAC)
    assert request[:6] == OTHER_MAC and ip.parse_arp(request) == (ip.ARP_REQUEST, MAC, V4, OTHER_V4)
    frame = ip.solicitation(MAC, V6, OTHER_V6, OTHER_MAC)
    assert frame[:6] == OTHER_MAC and frame[38:54] == OTHER_V6
    check_icmpv6_sum(frame)


def test_messages_are_read_where_they_stand():
    arp = b"..." + ip.arp(ip.ARP_REPLY, OTHER_MAC, OTHER_V4, MAC, V4)
    assert ip.read_arp(arp, 17, len(arp)) == (ip.ARP_REPLY, OTHER_MAC, OTHER_V4, V4)
    assert ip.read_arp(arp, 17, len(arp) - 1) is None
    for frame, whose in ((ip.solicitation(MAC, V6, OTHER_V6), OTHER_V6), (ip.advertisement(MAC, V6, MAC, V6), V6)):
        assert ip.read_neighbour(b"." + frame, 55, 87) == (whose, MAC)
        assert ip.read_neighbour(b"." + frame, 55, 79) == (whose, None)


def test_neighbour_discovery_that_hosts_ignore():
    """RFC 4861 sections 7.1.1 and 7.1.2: a code, a group as target, an option that has no end."""
    message = ip.solicitation(MAC, V6, OTHER_V6)[54:]

    def parsed(data):
        return ip.read_neighbour(data, 0, len(data))

    nonce = b"\x0e\x01nonce!"  # RFC 3971; options that we don't know are passed over
    assert parsed(message + nonce) == parsed(message[:24] + nonce + message[24:]) == (OTHER_V6, MAC)
    for n in list(range(24)) + list(range(25, 32)):
        assert parsed(message[:n]) is None
    assert parsed(message[:1] + b"\x01" + message[2:]) is None
    assert parsed(message[:8] + b"\xff" + message[9:]) is None
    for length in (0, 2, 255):
        assert parsed(message[:25] + bytes([length]) + message[26:]) is None
    assert parsed(message + message[24:]) is None


def test_addresses_made_from_others():
    """RFC 2464 sections 4 and 7, RFC 4291 section 2.7.1."""
    assert ip.link_local(unhexlify("3456789abcde")) == unhexlify("fe80000000000000365678fffe9abcde")
    assert ip.is_link_local(ip.link_local(MAC)) and ip.is_link_local(b"\xfe\xbf" + bytes(14))
    assert not ip.is_link_local(b"\xfe\xc0" + bytes(14)) and not ip.is_link_local(V6)
    group = ip.solicited_node(unhexlify("4037000000000000" "01020800200e8c6c"))
    assert group == unhexlify("ff0200000000000000000001ff0e8c6c")


# --- Ethernet


def test_ethernet_headers():
    assert ethernet.header(MAC, OTHER_MAC, 0x86DD) == MAC + OTHER_MAC + b"\x86\xdd"
    assert ethernet.ethertype(b"." + MAC + OTHER_MAC + b"\x86\xdd", 1) == 0x86DD
    assert ethernet.text(MAC) == "02:11:22:33:44:55"


def test_group_and_link_local_addresses():
    assert ethernet.is_group(ethernet.BROADCAST) and ethernet.is_group(b"\x01\0\x5e\0\0\x01")
    assert not ethernet.is_group(MAC)
    assert ethernet.is_link_local(b"\x01\x80\xc2\0\0\x0f")
    assert not ethernet.is_link_local(b"\x01\x80\xc2\0\0\x10")
    assert not ethernet.is_link_local(ethernet.BROADCAST)


# --- too large


def test_who_sent_too_large_a_packet_is_told_how_large_it_may_be():
    v4 = b"\x45\0\x05\xdc\0\1\x40\0\x40\x11\0\0" + V4 + OTHER_V4 + bytes(1480)
    told = ip.too_big(v4, 1420)
    assert len(told) == 576 and told[12:20] == OTHER_V4 + V4
    assert told[20:22] == b"\3\4" and told[26:28] == (1420).to_bytes(2, "big") and told[28:] == v4[:548]
    assert ip.checksum(told[:20]) == ip.checksum(told[20:]) == 0
    for at, value in ((6, 0), (7, 1), (9, 1), (16, 224)):  # may be cut, a later fragment, ICMP, to a group
        assert ip.too_big(v4[:at] + bytes([value]) + v4[at + 1 :], 1420) is None
    v6 = b"\x60\0\0\0\x05\xb4\x11\x40" + V6 + OTHER_V6 + bytes(1460)
    told = ip.too_big(v6, 1420)
    assert len(told) == 1280 and told[8:40] == OTHER_V6 + V6 and told[40:42] == b"\2\0"
    assert told[44:48] == (1420).to_bytes(4, "big") and told[48:] == v6[:1232]
    assert ip.checksum(told[8:40] + (len(told) - 40).to_bytes(4, "big") + b"\0\0\0\x3a" + told[40:]) == 0
    assert ip.too_big(v6[:24] + b"\xff" + v6[25:], 1420) is None
