"""TCP through the tunnel doesn't stall: both ends hear of a segment size that passes, whatever their LAN carries."""

import struct
from binascii import unhexlify

from ipop.errors import Rejected
from ipop.lan.mss import MSS_MIN, clamp
from ipop.wire import ethernet
from ipop.wire.dissect import TCP, dissect

MACS = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"

# options as Linux orders them: MSS, SACK permitted, timestamps, NOP, scale; as Windows does: MSS, NOP, scale, SACK
LINUX = "020405b40402080a2a5c9c1f0000000001030307"
WINDOWS = "020405b40103030801010402"
ODD = "01020405b4000000"  # behind one NOP: the number lies across two words of the sum
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10

# Captured: two Linux hosts open a connection over IPv4 and one over IPv6, SYN and SYN-ACK each.
CAPTURED = (
    "86802a3e94f5b28f960465a808004500003c39c740004006e93d0a4d010a0a4d02148a720050db0e422900000000a002faf0"
    "96e00000020405b40402080a88826df7000000000103030a",
    "b28f960465a886802a3e94f508004500003c00004000400623050a4d02140a4d010a00508a7245d91f4cdb0e422aa012fe88"
    "dc770000020405b40402080a6985e81488826df70103030a",
    "86802a3e94f5b28f960465a886dd600fca5f00280640fd770000000000000000000000000110fd7700000000000000000000"
    "00000220cc02005020ba7ff300000000a002fd20a6e80000020405a00402080a7e91ba56000000000103030a",
    "b28f960465a886802a3e94f586dd600568fb00280640fd770000000000000000000000000220fd7700000000000000000000"
    "000001100050cc0258419f2f20ba7ff4a012fb04837e0000020405a00402080a62c6cb3d7e91ba560103030a",
)


def verify(segment, source, destination):
    """RFC 793: the sum over pseudo-header and segment, by its definition. 0 when it is right."""
    data = source + destination + struct.pack(">II", len(segment), TCP) + segment
    data += b"\0" * (len(data) & 1)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    return total % 0xFFFF


def tcp(flags, options, source, destination, payload=b"", offset=None):
    options = unhexlify(options)
    words = 5 + len(options) // 4 if offset is None else offset
    segment = struct.pack(">HHIIBBHHH", 54321, 80, 0x9A1B2C3D, 0, words << 4, flags, 64240, 0, 0) + options + payload
    total = verify(segment, source, destination)
    return segment[:16] + struct.pack(">H", 0xFFFF - total) + segment[18:]


def frame(segment, source, destination, tags=b""):
    if len(source) == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0x4000, 64, TCP, 0)
        kind = b"\x08\0"
    else:
        head = struct.pack(">IHBB", 6 << 28, len(segment), TCP, 64)
        kind = b"\x86\xdd"
    return MACS + tags + kind + head + source + destination + segment


V4 = bytes([10, 77, 1, 10]), bytes([10, 77, 2, 20])
V6 = b"\xfd" + bytes(14) + b"\x01", b"\xfd" + bytes(14) + b"\x02"


def passed(data, mtu):
    """(was it changed, the frame behind it)"""
    mem = bytearray(b"before" + data + b"behind")
    view = memoryview(mem)
    is_changed = clamp(dissect(view, 6, len(data)), view, mtu)
    assert mem[:6] == b"before" and mem[-6:] == b"behind"
    return is_changed, bytes(mem[6:-6])


def segment_of(data, addresses, tags=b""):
    return data[14 + len(tags) + (20 if len(addresses[0]) == 4 else 40) :]


def mss_in(segment):
    at = segment.find(b"\x02\x04", 20)
    return segment[at + 2] << 8 | segment[at + 3]


def test_a_syn_is_fitted_and_its_checksum_stays_right():
    for addresses, headers in ((V4, 40), (V6, 60)):
        for options in (LINUX, WINDOWS, ODD):
            for flags in (SYN, SYN_ACK, SYN | 0xC0):  # the last asks for ECN
                for mtu in (1134, 1182, 1280, 1422, 1421):
                    data = frame(tcp(flags, options, addresses[0], addresses[1]), addresses[0], addresses[1])
                    assert verify(segment_of(data, addresses), addresses[0], addresses[1]) == 0
                    is_changed, after = passed(data, mtu)
                    segment = segment_of(after, addresses)
                    assert is_changed and mss_in(segment) == mtu - headers
                    assert verify(segment, addresses[0], addresses[1]) == 0
                    there = segment.find(b"\x02\x04", 20) + 2
                    same = segment_of(data, addresses)
                    assert segment[:16] + segment[18:there] + segment[there + 2 :] == (
                        same[:16] + same[18:there] + same[there + 2 :]
                    )


def test_the_checksum_is_right_for_every_size():
    """One's complement has two zeros: RFC 1624 is about the one that RFC 1141 got wrong."""
    for options, old, new in ((LINUX, 1460, 1279), (ODD, 0xB405, 0xFF04)):
        carry = 0x20000 - (0xFFFF - old) - new  # where the sum has one more bit than it seems
        ports = list(range(0, 65536, 509))
        first = tcp(SYN, options, V4[0], V4[1])
        sum_without = (0xFFFF - (first[16] << 8 | first[17]) - 54321) % 0xFFFF
        ports += [(total - sum_without) % 0xFFFF for total in range(carry - 4, carry + 4)]
        for port in ports:
            segment = bytearray(tcp(SYN, options, V4[0], V4[1]))
            segment[0], segment[1], segment[16], segment[17] = port >> 8, port & 255, 0, 0
            total = 0xFFFF - verify(bytes(segment), V4[0], V4[1])
            segment[16], segment[17] = total >> 8, total & 255
            _, after = passed(frame(bytes(segment), V4[0], V4[1]), 1279 + 40)
            assert verify(segment_of(after, V4), V4[0], V4[1]) == 0, port


def test_captured_connections():
    for data in CAPTURED:
        data = unhexlify(data)
        at, ip, n = (34, 26, 4) if data[12] == 8 else (54, 22, 16)
        source, destination = data[ip : ip + n], data[ip + n : ip + 2 * n]
        assert verify(data[at:], source, destination) == 0
        is_changed, after = passed(data, 1422)
        assert is_changed and mss_in(after[at:]) == 1422 - at + 14 - 20
        assert verify(after[at:], source, destination) == 0
        assert after[: at + 16] == data[: at + 16] and after[at + 24 :] == data[at + 24 :]
        assert passed(after, 1422) == (False, after)


def test_what_fits_and_what_is_no_syn_stays_as_it_is():
    small = LINUX.replace("05b4", "0400")
    for addresses in (V4, V6):
        for flags, options in ((SYN, small), (ACK, LINUX), (0x18, LINUX), (0x04, LINUX), (SYN, "")):
            data = frame(tcp(flags, options, addresses[0], addresses[1]), addresses[0], addresses[1])
            assert passed(data, 1182) == (False, data)
    data = frame(tcp(SYN, LINUX, V4[0], V4[1]), V4[0], V4[1])
    assert passed(data, 1500) == (False, data)


def test_tagged_frames_are_fitted_with_room_for_their_tags():
    for tags in (b"\x81\0\0\x05", b"\x88\xa8\0\x05\x81\0\0\x06"):
        for addresses, headers in ((V4, 40), (V6, 60)):
            data = frame(tcp(SYN, LINUX, addresses[0], addresses[1]), addresses[0], addresses[1], tags)
            is_changed, after = passed(data, 1422)
            segment = segment_of(after, addresses, tags)
            assert is_changed and mss_in(segment) == 1422 - headers - len(tags)
            assert verify(segment, addresses[0], addresses[1]) == 0


def test_behind_extension_headers_and_ip_options():
    segment = tcp(SYN, LINUX, V6[0], V6[1])
    head = struct.pack(">IHBB", 6 << 28, len(segment) + 8, 60, 64)
    extension = bytes([TCP, 0, 1, 4]) + bytes(4)
    is_changed, after = passed(MACS + b"\x86\xdd" + head + V6[0] + V6[1] + extension + segment, 1400)
    assert is_changed and mss_in(after[62:]) == 1340 and verify(after[62:], V6[0], V6[1]) == 0
    segment = tcp(SYN, LINUX, V4[0], V4[1])
    head = struct.pack(">BBHHHBBH", 0x46, 0, 24 + len(segment), 1, 0, 64, TCP, 0)
    is_changed, after = passed(MACS + b"\x08\0" + head + V4[0] + V4[1] + b"\x94\x04\0\0" + segment, 1400)
    assert is_changed and mss_in(after[38:]) == 1360 and verify(after[38:], V4[0], V4[1]) == 0


def test_data_in_a_syn_is_no_option():
    """TCP Fast Open: what looks like an MSS behind the header is the user's."""
    data = frame(tcp(SYN, "01010101", V4[0], V4[1], unhexlify("020405b4")), V4[0], V4[1])
    assert passed(data, 1182) == (False, data)


def test_a_path_that_carries_next_to_nothing_makes_no_tiny_segments():
    data = frame(tcp(SYN, LINUX, V4[0], V4[1]), V4[0], V4[1])
    for mtu in (494, 100, 0):
        assert mss_in(segment_of(passed(data, mtu)[1], V4)) == MSS_MIN


def test_options_that_lie_are_left_alone():
    for options in (
        "02", "020405", "0204", "02", "0203b40000", "02000000", "02010000", "020605b4", "00000000020405b4",
        "08ff05b4020405b4", "0800020405b40000", "010102", "ff00ff00",
    ):
        options += "00" * (-len(options) // 2 % 4)
        data = frame(tcp(SYN, options, V4[0], V4[1]), V4[0], V4[1])
        if not options.startswith("020405b4"):
            is_changed, after = passed(data, 1182)
            assert verify(segment_of(after, V4), V4[0], V4[1]) == 0
            assert is_changed == (data != after)
    # a header that is longer than the packet, or shorter than a header; what pads the frame is no option either
    for offset in (0, 4, 5, 15):
        data = frame(tcp(SYN, "01010101", V4[0], V4[1], offset=offset), V4[0], V4[1])
        data += unhexlify("020405b4020405b4")
        assert passed(data, 1182) == (False, data)


def test_two_sizes_in_one_syn_are_both_fitted():
    data = frame(tcp(SYN, "020405b4020405dc", V4[0], V4[1]), V4[0], V4[1])
    _, after = passed(data, 1182)
    assert after[-8:] == unhexlify("0204047602040476")
    assert verify(segment_of(after, V4), V4[0], V4[1]) == 0


def test_a_checksum_that_was_wrong_is_still_wrong():
    """The device that gets it has to see that the segment was damaged."""
    data = bytearray(frame(tcp(SYN, LINUX, V4[0], V4[1]), V4[0], V4[1]))
    data[-1] ^= 1
    assert verify(segment_of(passed(bytes(data), 1182)[1], V4), V4[0], V4[1]) != 0


def test_fragments_and_other_protocols():
    segment = tcp(SYN, LINUX, V4[0], V4[1])
    later = bytearray(frame(segment, V4[0], V4[1]))
    later[20:22] = b"\0\x05"
    udp = bytearray(frame(segment, V4[0], V4[1]))
    udp[23] = 17
    arp = MACS + struct.pack(">H", ethernet.ARP) + bytes(46)
    for data in (bytes(later), bytes(udp), arp):
        assert passed(data, 1182) == (False, data)


def test_any_bytes_are_handled():
    state = 7
    for addresses in (V4, V6):
        whole = frame(tcp(SYN, WINDOWS + LINUX, addresses[0], addresses[1]), addresses[0], addresses[1])
        for _ in range(3000):
            damaged = bytearray(whole)
            for _ in range(1 + (state >> 5) % 4):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                damaged[12 + (state >> 8) % (len(damaged) - 12)] = state & 255
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            try:
                _, after = passed(bytes(damaged[: len(damaged) - (state >> 9) % 3]), 1182)
            except Rejected:  # by `dissect`
                continue
            assert after[:12] == MACS
