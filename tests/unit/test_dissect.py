"""Frames taken apart: honest ones are read right, and no hostile one makes us read beside it."""

from ipop.errors import Rejected
from ipop.wire import ethernet
from ipop.wire.dissect import FIRST, ICMPV6, LATER, TCP, UDP, Packet, dissect

A, B = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
IP_A, IP_B = b"\x0a\x4d\x01\x0a", b"\x0a\x4d\x02\x0a"
V6_A, V6_B = b"\xfd" + bytes(14) + b"\x01", b"\xfd" + bytes(14) + b"\x02"


def ipv4(protocol, body, word=0, options=b""):
    length = 20 + len(options) + len(body)
    head = bytes([0x40 | (20 + len(options)) // 4, 0]) + length.to_bytes(2, "big") + b"\0\1" + word.to_bytes(2, "big")
    return ethernet.header(A, B, ethernet.IPV4) + head + bytes([64, protocol]) + b"\0\0" + IP_B + IP_A + options + body


def ipv6(protocol, body):
    head = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes([protocol, 64])
    return ethernet.header(A, B, ethernet.IPV6) + head + V6_B + V6_A + body


def read(frame):
    return dissect(memoryview(b"####" + frame + b"####"), 4, len(frame))


def rejection(frame):
    try:
        read(frame)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_ipv4_with_and_without_options():
    for options in (b"", b"\x94\x04\0\0"):
        packet = read(ipv4(UDP, bytes(8) + b"data", options=options))
        assert (packet.destination, packet.source, packet.ethertype) == (A, B, ethernet.IPV4)
        assert (packet.source_ip, packet.destination_ip, packet.protocol) == (IP_B, IP_A, UDP)
        assert packet.transport == 4 + 14 + 20 + len(options) and packet.end == packet.transport + 12
        assert packet.has_options == bool(options) and packet.fragment is None


def test_padding_behind_a_short_packet_is_not_its():
    packet = read(ipv4(UDP, bytes(8)) + bytes(30))
    assert packet.end == packet.transport + 8


def test_tags_are_looked_through():
    frame = ipv4(TCP, bytes(20))
    for tags in (b"\x81\0\0\x05", b"\x88\xa8\0\x05\x81\0\0\x06"):
        packet = read(frame[:12] + tags + frame[12:])
        assert (packet.tags, packet.ethertype, packet.protocol) == (len(tags) // 4, ethernet.IPV4, TCP)
        assert packet.transport == 4 + len(tags) + 34
    assert rejection(frame[:12] + b"\x81\0\0\x05" * 3 + frame[12:]) == "bad-frame"


def test_fragments_have_a_transport_header_only_where_it_is_whole():
    first, later = read(ipv4(UDP, bytes(8), 0x2000)), read(ipv4(UDP, bytes(64), 0x2001))
    assert (first.fragment, first.transport is None) == (FIRST, False)
    assert (later.fragment, later.transport) == (LATER, None)
    assert read(ipv4(UDP, bytes(7), 0x2000)).transport is None


def test_extension_headers_are_followed():
    hop, routing, target = bytes([43, 0]) + bytes(6), bytes([60, 1]) + bytes(14), bytes([ICMPV6, 0]) + bytes(6)
    packet = read(ipv6(0, hop + routing + target + b"\x86\0\0\0"))
    assert (packet.protocol, packet.transport, packet.has_options) == (ICMPV6, 4 + 54 + 32, True)
    assert (packet.source_ip, packet.destination_ip) == (V6_B, V6_A)
    head = bytes([UDP, 0]) + b"\0\x01" + bytes(4)
    assert read(ipv6(44, head + bytes(8))).fragment is FIRST
    later = read(ipv6(44, bytes([UDP, 0]) + b"\0\x08" + bytes(4) + bytes(8)))
    assert (later.protocol, later.transport, later.fragment) == (UDP, None, LATER)
    assert read(ipv6(44, bytes([UDP, 0]) + bytes(6) + bytes(8))).fragment is None  # an atomic one (RFC 6946)
    authentication = bytes([UDP, 4]) + bytes(22)
    assert read(ipv6(51, authentication + bytes(8))).transport == 4 + 54 + 24


def test_a_chain_that_has_no_end_here_has_no_protocol():
    assert read(ipv6(0, (bytes([0, 0]) + bytes(6)) * 9)).protocol is None
    assert read(ipv6(60, bytes([UDP, 200]) + bytes(6))).transport is None
    assert read(ipv6(0, b"\x3c")).protocol is None


def test_one_packet_serves_for_many_frames():
    """Nothing of the frame before it is left in it."""
    packet = Packet()
    frames = [ipv6(44, bytes([UDP, 0]) + b"\0\x09" + bytes(12)), ipv4(UDP, bytes(8), options=b"\x94\x04\0\0")]
    frames += [ethernet.header(A, B, ethernet.ARP) + bytes(28), ipv6(0, b"\x3c" + bytes(7)), ipv4(UDP, bytes(8))]
    for frame in frames + frames[::-1]:
        assert vars_of(dissect(memoryview(b"####" + frame), 4, len(frame), packet)) == vars_of(read(frame))


def vars_of(packet):
    return [(name, getattr(packet, name)) for name in sorted(dir(packet)) if name[0] != "_"]


def test_what_is_cut_off_or_lies_about_its_length_is_refused():
    assert rejection(bytes(13)) == "bad-frame"
    for frame in (ipv4(TCP, bytes(20)), ipv6(UDP, bytes(8))):
        for n in range(14, len(frame)):
            assert rejection(frame[:n]) == "bad-packet", n
    for version in (0x35, 0x55, 0x44):
        frame = bytearray(ipv4(TCP, bytes(20)))
        frame[14] = version
        assert rejection(bytes(frame)) == "bad-packet"


def test_any_bytes_are_read_or_refused():
    state = 1
    for frame in (ipv4(UDP, bytes(12)), ipv6(0, bytes([44, 0]) + bytes(6) + bytes([58, 0, 0, 1]) + bytes(12))):
        for _ in range(3000):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            damaged = bytearray(frame)
            damaged[12 + (state >> 8) % (len(frame) - 12)] = state & 255
            try:
                packet = read(bytes(damaged))
            except Rejected:
                continue
            assert packet.transport is None or packet.at <= packet.transport <= packet.end <= 4 + len(frame)
