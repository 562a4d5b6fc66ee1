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
