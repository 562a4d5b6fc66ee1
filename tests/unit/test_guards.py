"""Two homes on one LAN stay two homes: each has its own DHCP, routers, switches and ports that it opens or not.

All tables here are run in both directions, in IPv4 and IPv6 where there are both, and once more under a VLAN tag."""

from binascii import unhexlify

from ipop.errors import Rejected
from ipop.lan.guards import GUARDS, Guards
from ipop.wire import ethernet, ip
from ipop.wire.dissect import ICMP, ICMPV6, TCP, UDP, dissect

TV, CONSOLE = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
BRIDGE, PORT = b"\x02\0\0\0\0\xfe", b"\x02\0\0\0\0\xfd"
TV4, CONSOLE4 = b"\x0a\x4d\x01\x0a", b"\x0a\x4d\x02\x0a"
TV6, CONSOLE6 = b"\xfd" + bytes(14) + b"\x01", b"\xfd" + bytes(14) + b"\x02"
ROUTER4, HOME4 = b"\x0a\x4d\x01\x01", b"\xc0\xa8\x01\x01"
ROUTER6 = b"\xfd" + bytes(14) + b"\xfe"
LINK_LOCAL6 = b"\xfe\x80" + bytes(13) + b"\xfe"
ELSEWHERE4, ELSEWHERE6 = b"\x08\x08\x08\x08", b"\x20\x01" + bytes(14)
MDNS4, SSDP4 = b"\xe0\0\0\xfb", b"\xef\xff\xff\xfa"
ALL_NODES = b"\xff\x02" + bytes(13) + b"\x01"

TAG = b"\x81\0\0\0"  # a priority tag: VLAN 0
HOP_BY_HOP, FRAGMENT, TARGET = 0, 44, 60

DHCP_DISCOVER = unhexlify("0101060012345678" + "00" * 228 + "63825363350101ff")
DHCP_OFFER = unhexlify("0201060012345678" + "00" * 228 + "638253633501023604c0a80101ff")
DHCPV6_SOLICIT = unhexlify("01123456000100000000000a000300010200000000020006000400170018")
MDNS_QUERY = unhexlify("000000000001000000000000095f7365727669636573075f646e732d7364045f756470056c6f63616c00000c0001")
DNS_QUERY = unhexlify("1234010000010000000000000463616269" + "6e00" + "00010001")
PROBE = b'<?xml version="1.0"?><s:Envelope><s:Body><d:Probe><d:Types>wsdp:Device</d:Types></d:Probe></s:Body>'
NATPMP_MAP, PCP_MAP = unhexlify("00010000270f270f00000e10"), unhexlify("02010000" + "00000e10" + "00" * 52)
# Type, code, checksum, hop limit, flags, lifetime 1800 s; the router's MAC address; its prefix.
ADVERTISEMENT = unhexlify(
    "8600000040000708" + "00" * 8 + "01010200000000020304" + "40c0" + "ff" * 8 + "00" * 4 + "20" * 16
)
SOLICITATION = unhexlify("8500000000000000" + "0101020000000002")
REDIRECT = bytes([137, 0, 0, 0]) + bytes(4) + TV6 + CONSOLE6


def udp(source, destination, data=b"data"):
    return (
        source.to_bytes(2, "big") + destination.to_bytes(2, "big") + (8 + len(data)).to_bytes(2, "big") + b"\0\0" + data
    )


def tcp(source, destination):
    return source.to_bytes(2, "big") + destination.to_bytes(2, "big") + bytes(8) + b"\x50\x02\xff\xff" + bytes(4)


def ipv4(protocol, body, to=TV4, mac=TV, word=0, options=b""):
    length = 20 + len(options) + len(body)
    head = bytes([0x40 | (20 + len(options)) // 4, 0]) + length.to_bytes(2, "big") + b"\0\1" + word.to_bytes(2, "big")
    head += bytes([64, protocol]) + b"\0\0" + CONSOLE4 + to + options
    return ethernet.header(mac_of(to, mac), CONSOLE, ethernet.IPV4) + head + body


def ipv6(protocol, body, to=TV6, mac=TV):
    head = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes([protocol, 255]) + CONSOLE6 + to
    return ethernet.header(mac_of(to, mac), CONSOLE, ethernet.IPV6) + head + body


def mac_of(address, mac):
    if address == b"\xff" * 4:
        return ethernet.BROADCAST
    return ip.multicast_mac(address) if ip.is_multicast(address) else mac


def fragment(protocol, offset, more, body):
    """An IPv6 fragment header, and what is behind it; `offset` counts 8 bytes."""
    return bytes([protocol, 0]) + (offset << 3 | more).to_bytes(2, "big") + b"\0\0\0\7" + body


def ssdp(text):
    return text.replace("\n", "\r\n").encode() + b"\r\n\r\n"


def search(target):
    return ssdp('M-SEARCH * HTTP/1.1\nHOST: 239.255.255.250:1900\nMAN: "ssdp:discover"\nMX: 2\nST: ' + target)


def notify(target):
    return ssdp("NOTIFY * HTTP/1.1\nHOST: 239.255.255.250:1900\nNTS: ssdp:alive\nNT: " + target)


def response(target):
    return ssdp("HTTP/1.1 200 OK\nEXT:\nLOCATION: http://10.77.2.10:5000/rootDesc.xml\nST: " + target)


def guards(off=()):
    home = Guards(off)
    home.set_router((BRIDGE, PORT), [ROUTER4, HOME4, ROUTER6, LINK_LOCAL6])
    return home


def verdicts(frame, home=None):
    """The words under which a frame is refused on its way (out, in); None where it passes."""
    home = home or guards()
    mem = memoryview(b"####" + frame + b"####")
    return verdict(home.check_out, mem, len(frame)), verdict(home.check_in, mem, len(frame))


def verdict(check, mem, n):
    try:
        check(dissect(mem, 4, n), mem)
    except Rejected as rejected:
        return rejected.reason
    return None


def tagged(frame, tags=TAG):
    return frame[:12] + tags + frame[12:]


def never_crosses(word, frames):
    for frame in frames:
        for each in (frame, tagged(frame), tagged(frame, b"\x88\xa8\0\5")):
            assert verdicts(each) == (word, word), (frame, verdicts(each))


def crosses(frames):
    for frame in frames:
        for each in (frame, tagged(frame)):
            assert verdicts(each) == (None, None), (frame, verdicts(each))


def both(body, to4=TV4, to6=TV6):
    """The same over IPv4 and over IPv6."""
    return [ipv4(UDP, body, to4), ipv6(UDP, body, to6)]


# --- what never crosses


def test_no_device_gets_its_address_from_another_home():
    for source, destination, data in ((68, 67, DHCP_DISCOVER), (67, 68, DHCP_OFFER), (67, 67, DHCP_OFFER)):
        never_crosses("guard-dhcp", [ipv4(UDP, udp(source, destination, data), to) for to in (b"\xff" * 4, TV4)])
    never_crosses("guard-dhcp", [ipv4(UDP, udp(4000, 67)), ipv4(UDP, udp(68, 4000)), ipv4(UDP, udp(67, 4000))])
    never_crosses("guard-dhcp", [ipv4(UDP, udp(68, 67, DHCP_DISCOVER), options=b"\x94\x04\0\0")])


def test_nor_its_ipv6_address():
    servers = b"\xff\x02" + bytes(10) + b"\0\x01\0\x02"
    never_crosses("guard-dhcpv6", [ipv6(UDP, udp(546, 547, DHCPV6_SOLICIT), servers)])
    never_crosses("guard-dhcpv6", [ipv6(UDP, udp(547, 546)), ipv6(UDP, udp(4000, 547)), ipv6(UDP, udp(547, 547))])


def test_no_router_of_another_home_announces_itself():
    never_crosses("guard-ra", [ipv6(ICMPV6, body, ALL_NODES) for body in (ADVERTISEMENT, SOLICITATION)])
    never_crosses("guard-ra", [ipv6(ICMPV6, ADVERTISEMENT), ipv6(ICMPV6, bytes([134, 0, 0, 0]))])
    never_crosses("guard-ra", [ipv4(ICMP, bytes([kind, 0, 0, 0]) + bytes(12)) for kind in (9, 10)])


def test_a_router_advertisement_is_found_behind_extension_headers():
    """The ways around RA guards that RFC 7113 lists."""
    options = bytes([ICMPV6, 0, 1, 4]) + bytes(4)
    frames = [
        ipv6(TARGET, options + ADVERTISEMENT, ALL_NODES),
        ipv6(HOP_BY_HOP, bytes([TARGET, 0, 1, 4]) + bytes(4) + options + ADVERTISEMENT, ALL_NODES),
        ipv6(FRAGMENT, fragment(ICMPV6, 0, 0, ADVERTISEMENT), ALL_NODES),
        ipv6(FRAGMENT, fragment(ICMPV6, 0, 1, ADVERTISEMENT), ALL_NODES),
        ipv6(FRAGMENT, fragment(TARGET, 0, 1, options + ADVERTISEMENT), ALL_NODES),
    ]
    never_crosses("guard-ra", frames)


def test_nobody_is_told_to_send_by_another_way():
    never_crosses("guard-redirect", [ipv6(ICMPV6, REDIRECT), ipv4(ICMP, b"\5\1\0\0" + CONSOLE4 + bytes(28))])


def test_what_switches_say_to_each_other_stays_at_home():
    stp = b"\x42\x42\x03\0\0\0\0\0" + bytes(30)
    macs = [b"\x01\x80\xc2\0\0" + bytes([last]) for last in (0, 1, 2, 3, 0xE, 0xF, 0x21)]
    frames = [mac + CONSOLE + b"\0\x26" + stp for mac in macs]
    frames += [mac + CONSOLE + b"\x08\x00" + ipv4(UDP, udp(1, 2))[14:] for mac in macs]
    frames += [b"\x01\0\x0c\xcc\xcc" + last + CONSOLE + b"\0\x26\xaa\xaa\x03" + stp for last in (b"\xcc", b"\xcd")]
    frames += [TV + CONSOLE + b"\0\x26" + stp, TV + CONSOLE + b"\x05\xff" + stp, TV + CONSOLE + b"\0\0"]
    ethertypes = (0x8808, 0x8809, 0x888E, 0x88C7, 0x88CC, 0x8899, 0x9000, 0x887B, 0x88E1, 0x8912, 0x893A)
    frames += [ethernet.header(TV, CONSOLE, kind) + bytes(46) for kind in ethertypes]
    never_crosses("guard-control", frames)


def test_nobody_dials_up_through_another_home():
    frames = [ethernet.header(ethernet.BROADCAST, CONSOLE, 0x8863) + b"\x11\x09\0\0\0\4\1\1\0\0" + bytes(36)]
    never_crosses("guard-pppoe", frames + [ethernet.header(TV, CONSOLE, 0x8864) + b"\x11\0\0\1\0\4\xc0\x21"])


def test_a_console_opens_no_ports_in_another_home():
    for source, destination, data in (
        (4000, 5351, NATPMP_MAP),
        (4000, 5351, PCP_MAP),
        (5351, 4000, b""),
        (5351, 5350, b""),
    ):
        never_crosses("guard-portmap", both(udp(source, destination, data)))
    targets = (
        "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
        "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
        "urn:schemas-upnp-org:device:WANDevice:1",
        "urn:schemas-upnp-org:device:WANConnectionDevice:1",
        "urn:schemas-upnp-org:service:WANIPConnection:1",
        "urn:schemas-upnp-org:service:WANPPPConnection:1",
        "urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1",
        "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
        "urn:schemas-upnp-org:service:Layer3Forwarding:1",
        "URN:SCHEMAS-UPNP-ORG:DEVICE:INTERNETGATEWAYDEVICE:1",
        "uuid:6b2b1e35-0001-4000-8000-000000000000::urn:schemas-upnp-org:device:internetgatewaydevice:1",
    )
    groups = SSDP4, b"\xff\x02" + bytes(13) + b"\x0c"
    for target in targets:
        never_crosses("guard-igd", both(udp(50000, 1900, search(target)), *groups))
        never_crosses("guard-igd", both(udp(1900, 1900, notify(target)), *groups))
        never_crosses("guard-igd", both(udp(1900, 50000, response(target))))


# --- what hides


def test_who_hides_the_transport_header_is_not_let_through():
    frames = [
        ipv4(UDP, udp(68, 67)[:7]),
        ipv4(UDP, b"", word=0x2000),
        ipv4(ICMP, b"\5\1"),
        ipv4(TCP, tcp(1, 80)[:8], word=0x2000),
        ipv6(UDP, udp(546, 547)[:7]),
        ipv6(ICMPV6, b"\x86"),
        ipv6(FRAGMENT, fragment(ICMPV6, 0, 1, b"")),
        ipv6(FRAGMENT, fragment(TARGET, 0, 1, bytes([ICMPV6, 0]) + bytes(6))),
        ipv6(FRAGMENT, fragment(TARGET, 0, 1, bytes([ICMPV6, 20]) + bytes(14))),
        ipv6(HOP_BY_HOP, (bytes([HOP_BY_HOP, 0]) + bytes(6)) * 9 + ADVERTISEMENT),
        ipv6(TARGET, bytes([ICMPV6, 200]) + bytes(30)),
        ipv6(TARGET, b""),
        ipv6(TARGET, bytes([50, 200]) + bytes(30)),
    ]
    never_crosses("guard-unparsed", frames)


def test_neighbour_discovery_in_fragments_is_refused():
    """RFC 6980 section 5: an honest one fits into one packet, and hosts don't accept it otherwise."""
    for kind in (135, 136):
        never_crosses("guard-unparsed", [ipv6(FRAGMENT, fragment(ICMPV6, 0, 1, bytes([kind, 0, 0, 0]) + TV6))])


def test_a_search_in_fragments_is_refused():
    body = udp(50000, 1900, search("urn:schemas-upnp-org:device:InternetGatewayDevice:1"))
    frames = [ipv4(UDP, body[:64], SSDP4, word=0x2000), ipv6(FRAGMENT, fragment(UDP, 0, 1, body[:64]))]
    never_crosses("guard-unparsed", frames)
    never_crosses("guard-igd", [ipv6(FRAGMENT, fragment(UDP, 0, 0, body))])


def test_stacked_tags_hide_nothing():
    inner = ipv4(UDP, udp(50000, 6112))
    for tags in (TAG + TAG, b"\x88\xa8\0\5" + TAG):
        assert verdicts(tagged(inner, tags)) == ("guard-unparsed", "guard-unparsed")
    assert verdicts(tagged(inner, TAG * 3)) == ("bad-frame", "bad-frame")
    never_crosses("guard-unparsed", [tagged(inner, old + b"\0\5") for old in (b"\x91\0", b"\x92\0", b"\x93\0")])


def test_ip_in_llc_frames_is_refused_even_where_switches_may_speak():
    """Some hosts take IP out of LLC/SNAP, where the other guards would not look for it."""
    packet = ipv6(ICMPV6, ADVERTISEMENT)[14:]
    for mac in (TV, b"\x33\x33\0\0\0\x01"):
        frame = mac + CONSOLE + (len(packet) + 8).to_bytes(2, "big") + b"\xaa\xaa\x03\0\0\0\x86\xdd" + packet
        never_crosses("guard-unparsed", [frame, frame[:12] + b"\x88\x70" + frame[14:]])
        assert verdicts(frame, guards(off=("control",))) == ("guard-unparsed", "guard-unparsed")
    stp = b"\x01\x80\xc2\0\0\0" + CONSOLE + b"\0\x26\x42\x42\x03" + bytes(35)
    assert verdicts(stp, guards(off=("control",))) == (None, None)


# --- what must pass


def test_media_games_and_everything_else_pass():
    crosses(
        both(udp(5353, 5353, MDNS_QUERY), MDNS4, b"\xff\x02" + bytes(13) + b"\xfb")
        + both(udp(50000, 3702, PROBE), SSDP4, b"\xff\x02" + bytes(13) + b"\x0c")
        + both(udp(50000, 5355))
        + both(udp(6112, 6112, b"Warcraft"))
        + both(udp(50000, 27015, b"\xff\xff\xff\xffTSource Engine Query\0"))
        + both(udp(123, 123) + bytes(44))
        + [ipv4(UDP, udp(19132, 19132), b"\xff" * 4), ipv4(UDP, udp(137, 137), b"\x0a\x4d\xff\xff", ethernet.BROADCAST)]
        + [ipv4(TCP, tcp(50000, port)) for port in (80, 67, 547, 1900, 5351)]
        + [ipv6(TCP, tcp(50000, port)) for port in (80, 67, 547, 1900, 5351)]
        + [ipv4(ICMP, bytes([kind]) + bytes(7)) for kind in (0, 3, 8, 11, 12)]
        + [ipv6(ICMPV6, bytes([kind]) + bytes(7)) for kind in (1, 2, 3, 4, 128, 129, 130, 131, 143)]
        + [ip.solicitation(CONSOLE, CONSOLE6, TV6), ip.advertisement(CONSOLE, CONSOLE6, TV, TV6)]
        + [ip.arp(ip.ARP_REQUEST, CONSOLE, CONSOLE4, bytes(6), TV4), ip.arp(ip.ARP_REPLY, CONSOLE, CONSOLE4, TV, TV4)]
        + [ipv4(2, b"\x16\0\0\0" + MDNS4, MDNS4, options=b"\x94\x04\0\0")]
        + [ipv4(protocol, bytes(24)) for protocol in (47, 50, 132)]
        + [ipv6(protocol, bytes(24)) for protocol in (47, 50, 59, 132)]
        + [ethernet.header(ethernet.BROADCAST, CONSOLE, kind) + bytes(46) for kind in (0x8137, 0x0842, 0x88A2)]
    )


def test_a_tv_finds_its_media_server():
    targets = (
        "ssdp:all",
        "upnp:rootdevice",
        "urn:schemas-upnp-org:device:MediaServer:1",
        "urn:schemas-upnp-org:service:ContentDirectory:1",
        "urn:dial-multiscreen-org:service:dial:1",
        "urn:schemas-wifialliance-org:device:WFADevice:1",
    )
    for target in targets:
        crosses(both(udp(50000, 1900, search(target)), SSDP4))
        crosses(both(udp(1900, 1900, notify(target)), SSDP4))
        crosses(both(udp(1900, 50000, response(target))))
    crosses(both(udp(50000, 1900, b"")))


def test_a_datagram_of_9000_bytes_that_its_host_cut_up_arrives_whole():
    body = udp(50000, 6000, bytes(range(256)) * 36)
    pieces = range(0, len(body), 1480)
    crosses([ipv4(UDP, body[at : at + 1480], word=0x2000 | at // 8) for at in pieces])
    crosses([ipv6(FRAGMENT, fragment(UDP, at // 8, 1, body[at : at + 1480])) for at in pieces])
    ping = bytes([128, 0, 0, 0]) + bytes(2996)
    crosses([ipv6(FRAGMENT, fragment(ICMPV6, at // 8, 1, ping[at : at + 1480])) for at in (0, 1480)])
    crosses([ipv4(UDP, b"\0\x44\0\x43" + bytes(60), word=0x2001)])  # data that looks like ports


# --- our own router


def to_router(frames4, frames6):
    """What other members' devices send to each address of the router."""
    frames = [ipv4(protocol, body, to, BRIDGE) for protocol, body in frames4 for to in (ROUTER4, HOME4)]
    return frames + [ipv6(protocol, body, to, BRIDGE) for protocol, body in frames6 for to in (ROUTER6, LINK_LOCAL6)]


def test_the_router_answers_pings_and_questions_for_names():
    names = [(UDP, udp(50000, 53, DNS_QUERY)), (TCP, tcp(50000, 53)), (UDP, udp(5353, 5353, MDNS_QUERY))]
    frames = to_router([(ICMP, bytes([kind]) + bytes(63)) for kind in (0, 8)] + names, names)
    frames += to_router([], [(ICMPV6, bytes([kind]) + bytes(63)) for kind in (128, 129, 135, 136)])
    frames += [ip.arp(ip.ARP_REPLY, CONSOLE, CONSOLE4, BRIDGE, ROUTER4), ip.solicitation(CONSOLE, CONSOLE6, ROUTER6)]
    frames += [ipv4(ICMP, bytes(64), ROUTER4, BRIDGE, word=0x2001)]  # the rest of a large ping
    unknown = b"\xfe\x80" + bytes(13) + b"\x77"
    frames += [ipv6(ICMPV6, bytes([135]) + bytes(23), unknown, BRIDGE)]
    crosses(frames)


def test_and_nothing_else():
    refused = [(TCP, tcp(50000, port)) for port in (22, 80, 443, 5000, 5353)]
    refused += [
        (TCP, tcp(53, 22)),
        (UDP, udp(53, 161)),
        (UDP, udp(5353, 69)),
        (UDP, udp(50000, 51820)),
        (47, bytes(24)),
    ]
    frames = to_router(refused, refused)
    frames += to_router([(ICMP, bytes([kind]) + bytes(7)) for kind in (3, 13, 17)], [(ICMPV6, bytes([4]) + bytes(7))])
    frames += [ethernet.header(BRIDGE, CONSOLE, kind) + bytes(46) for kind in (0x8847, 0x88E5, 0x4305)]
    frames += [ipv4(ICMP, b"\x08" + bytes(7), ROUTER4, BRIDGE, options=b"\x83\x07\x04\x08\x08\x08\x08\0")]
    frames += [ipv4(UDP, udp(50000, 69), to, ethernet.BROADCAST) for to in (ROUTER4, HOME4)]
    frames += [ipv4(UDP, udp(50000, 69), ROUTER4, TV)]
    for frame in frames:
        for each in (frame, tagged(frame)):
            assert verdicts(each) == (None, "guard-router"), frame


def test_nor_at_the_addresses_that_all_routers_have():
    """The first one of each prefix is the subnet's routers' (RFC 4291): Linux takes it out of a frame for all."""
    for address in (CONSOLE6[:8] + bytes(8), b"\xfe\x80" + bytes(14)):
        for mac in (ethernet.BROADCAST, ip.multicast_mac(ALL_NODES), BRIDGE, PORT):
            for protocol, body in ((UDP, udp(50000, 161)), (TCP, tcp(50000, 22))):
                assert verdicts(ipv6(protocol, body, address, mac)) == (None, "guard-router")


def test_another_members_device_has_no_way_out_through_this_home():
    frames = [ipv4(protocol, body, ELSEWHERE4, BRIDGE) for protocol, body in ((UDP, udp(5, 53)), (TCP, tcp(5, 443)))]
    frames += [ipv6(ICMPV6, bytes([128]) + bytes(7), ELSEWHERE6, BRIDGE), ipv4(ICMP, b"\x08" + bytes(7), TV4, BRIDGE)]
    frames += [ipv4(UDP, bytes(64), ELSEWHERE4, BRIDGE, word=0x2001)]
    for frame in frames:
        assert verdicts(frame) == (None, "guard-router"), frame
        assert verdicts(PORT + frame[6:]) == (None, "guard-router"), frame


def test_but_to_what_the_router_is_asked_to_route():
    home = guards()
    home.set_router((BRIDGE, PORT), [ROUTER4], routed=[(b"\x0a\x4d\x63\0", 24)])
    assert verdicts(ipv4(TCP, tcp(5, 80), b"\x0a\x4d\x63\x07", BRIDGE), home) == (None, None)
    assert verdicts(ipv4(TCP, tcp(5, 80), b"\x0a\x4d\x64\x07", BRIDGE), home) == (None, "guard-router")
    assert verdicts(ipv4(UDP, udp(5, 67), b"\x0a\x4d\x63\x07", BRIDGE), home) == ("guard-dhcp", "guard-dhcp")


def test_what_is_for_all_may_be_sent_to_one_device():
    frames = ipv4(UDP, udp(5353, 5353, MDNS_QUERY), MDNS4), ipv4(UDP, udp(19132, 19132), b"\xff" * 4)
    crosses([BRIDGE + frame[6:] for frame in frames])


def test_before_the_router_has_an_address_devices_are_reached():
    assert verdicts(ipv4(TCP, tcp(5, 22)), Guards()) == (None, None)


# --- switched off


def test_each_guard_can_be_switched_off_alone():
    samples = {
        "dhcp": ipv4(UDP, udp(68, 67, DHCP_DISCOVER)),
        "dhcpv6": ipv6(UDP, udp(546, 547)),
        "ra": ipv6(ICMPV6, ADVERTISEMENT),
        "redirect": ipv6(ICMPV6, REDIRECT),
        "control": ethernet.header(TV, CONSOLE, 0x88CC) + bytes(46),
        "pppoe": ethernet.header(TV, CONSOLE, 0x8863) + bytes(46),
        "igd": ipv4(UDP, udp(50000, 1900, search("urn:schemas-upnp-org:device:WANDevice:1"))),
        "portmap": ipv4(UDP, udp(50000, 5351)),
        "router": ipv4(TCP, tcp(5, 22), ROUTER4, BRIDGE),
        "unparsed": ipv4(UDP, b"", word=0x2000),
    }
    assert {guard.name for guard in GUARDS} == set(samples)
    for guard in GUARDS:
        for name, frame in samples.items():
            expected = None if name == guard.name else [each.word for each in GUARDS if each.name == name][0]
            assert verdicts(frame, guards(off=(guard.name,)))[1] == expected, (guard.name, name)
    everything = guards(off=[guard.name for guard in GUARDS])
    assert all(verdicts(frame, everything) == (None, None) for frame in samples.values())


def test_what_people_read_is_a_sentence():
    for guard in GUARDS:
        assert guard.word.startswith("guard-") and " " not in guard.word and guard.text.endswith(".")
    assert len({guard.word for guard in GUARDS}) == len(GUARDS)
    try:
        Guards(off=("dcp",))
    except KeyError:
        return
    raise AssertionError("a misspelt name switches nothing off, and nobody is told")


# --- any bytes


def test_any_bytes_pass_or_are_refused():
    words = [guard.word for guard in GUARDS] + ["bad-frame", "bad-packet", None]
    options = bytes([FRAGMENT, 0]) + bytes(6)
    frames = (
        ipv4(UDP, udp(50000, 1900, search("ssdp:all")), options=b"\x94\x04\0\0"),
        tagged(ipv4(ICMP, b"\x08" + bytes(7), ROUTER4, BRIDGE)),
        ipv6(HOP_BY_HOP, options + fragment(ICMPV6, 0, 1, SOLICITATION), ROUTER6, BRIDGE),
        ipv6(TCP, tcp(5, 53), LINK_LOCAL6, BRIDGE),
        TV + CONSOLE + b"\0\x26" + bytes(38),
    )
    homes = guards(), guards(off=("unparsed", "control"))
    state = 1
    for frame in frames:
        for _ in range(1500):
            damaged = bytearray(frame)
            for _ in range(2):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                damaged[(state >> 8) % len(frame)] = state & 255
            damaged = bytes(damaged[: len(frame) - (state >> 20) % 3 * 5])
            for home in homes:
                assert all(word in words for word in verdicts(damaged, home))


def test_no_way_of_cutting_up_a_guarded_datagram_delivers_it():
    """Whatever the sizes of the pieces, one of them does not cross: that with the first 8 bytes."""
    body = udp(68, 67, DHCP_DISCOVER)
    for size in range(8, 64, 8):
        pieces = [(at, body[at : at + size]) for at in range(0, len(body), size)]
        for frames in (
            [ipv4(UDP, piece, word=0x2000 | at // 8) for at, piece in pieces],
            [ipv6(FRAGMENT, fragment(UDP, at // 8, 1, piece)) for at, piece in pieces],
        ):
            assert [verdicts(frame) == (None, None) for frame in frames] == [at > 0 for at, _ in pieces]
