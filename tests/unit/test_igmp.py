"""Reports and queries as Linux 6.18 sends them are read right, ours are like its own, and no bytes break the reader."""

from binascii import unhexlify

from ipop.errors import Rejected
from ipop.wire import ethernet, igmp, ip
from ipop.wire.dissect import dissect
from ipop.wire.igmp import BLOCK, IS_EXCLUDE, IS_INCLUDE, TO_EXCLUDE, TO_INCLUDE, Query, Record, Report

GROUP, GROUP6 = b"\xef\1\2\3", b"\xff\x15" + bytes(12) + b"\x12\x34"
BRIDGE, BRIDGE_IP = b"\2\0\0\0\0\1", b"\x0a\x4d\1\1"
BRIDGE_IP6 = unhexlify("fe80000000000000000000fffe000001")

# A host's frames on a bridge of Linux, the bridge's own queries, in both versions of both protocols.
V2_JOIN = "01005e01020302000000000a080046c00020000040000102e7bc0a4d010aef010203940400001600f8faef010203"
V2_LEAVE = "01005e00000202000000000a080046c00020000040000102f8be0a4d010ae0000002940400001700f7faef010203"
V3 = "01005e00001602000000000a080046c00028000040000102f8a20a4d010ae0000016940400002200"
V3_JOIN = V3 + "e8f90000000104000000ef010203"
V3_ANSWER = V3 + "eaf90000000102000000ef010203"
V3_LEAVE = V3 + "e9f90000000103000000ef010203"
V2_QUERY = "01005e000001020000000001080046c00020000040000102f8c80a4d0101e0000001940400001164ee9b00000000"
V3_QUERY = "01005e000001020000000001080046c00024000040000102f8c40a4d0101e0000001940400001164ec1e00000000027d0000"
V3_QUERY_ONE = "01005e010203020000000001080046c00024000040000102e7c10a4d0101ef01020394040000110afb73ef010203027d0000"
MLD2 = "33330000001602000000000a86dd6000000000240001fe80000000000000000000fffe00000aff02000000000000000000000000"
MLD2 += "00163a000502000001008f00"
MLD2_JOIN = MLD2 + "5eba0000000104000000ff150000000000000000000000001234"
MLD2_LEAVE = MLD2 + "5fba0000000103000000ff150000000000000000000000001234"
MLD2_TWO = (
    "33330000001602000000000186dd60000000003800010000000000000000"
    "0000000000000000ff0200000000000000000000000000163a000502000001008f006c0700000002"
    "04000000ff0200000000000000000001ff00000104000000ff02000000000000000000000000006a"
)
MLD1_QUERY = (
    "33330000000102000000000186dd6000000000200001fe80000000000000000000fffe000001ff0200000000000000000000"
    "000000013a0005020000000082005a172710000000000000000000000000000000000000"
)
MLD2_QUERY_ONE = (
    "33330000123402000000000186dd6000000000240001fe80000000000000000000fffe000001ff1500000000000000000000"
    "000012343a000502000000008200572e03e80000ff150000000000000000000000001234027d0000"
)


def packet_of(frame):
    mem = memoryview(b"####" + frame)
    return dissect(mem, 4, len(frame)), mem


def read(frame):
    """What a frame (bytes, or hexadecimal) says; or why it is refused."""
    packet, mem = packet_of(unhexlify(frame) if isinstance(frame, str) else frame)
    try:
        assert igmp.subject(packet, mem) is not None
        return igmp.parse(packet, mem)
    except Rejected as rejected:
        return rejected.reason


def subject(frame):
    packet, mem = packet_of(frame)
    return igmp.subject(packet, mem)


def ipv4(body, head=b"\x46\xc0", word=b"\0\0", protocol=2):
    """An IGMP message in a frame, with its checksum."""
    body = body[:2] + ip.checksum(body[:2] + b"\0\0" + body[4:]).to_bytes(2, "big") + body[4:]
    options = b"\x94\4\0\0" if head[0] == 0x46 else b""
    length = 20 + len(options) + len(body)
    packet = head + length.to_bytes(2, "big") + b"\0\0" + word + bytes([1, protocol]) + b"\0\0" + BRIDGE_IP + GROUP
    return ethernet.header(b"\1\0\x5e\1\2\3", BRIDGE, ethernet.IPV4) + packet + options + body


def record(kind, group, sources=0, auxiliary=0):
    return bytes([kind, auxiliary, 0, sources]) + group + bytes(len(group) * sources + auxiliary * 4)


def test_what_a_linux_host_reports_is_read():
    assert read(V2_JOIN) == Report(2, (Record(IS_EXCLUDE, GROUP, 0),))
    assert read(V2_LEAVE) == Report(2, (Record(TO_INCLUDE, GROUP, 0),))
    assert read(V3_JOIN) == Report(3, [Record(TO_EXCLUDE, GROUP, 0)])
    assert read(V3_ANSWER) == Report(3, [Record(IS_EXCLUDE, GROUP, 0)])
    assert read(V3_LEAVE) == Report(3, [Record(TO_INCLUDE, GROUP, 0)])
    assert read(MLD2_JOIN) == Report(2, [Record(TO_EXCLUDE, GROUP6, 0)])
    assert read(MLD2_LEAVE) == Report(2, [Record(TO_INCLUDE, GROUP6, 0)])
    assert len(read(MLD2_TWO).records) == 2


def test_an_igmpv1_report_is_one_of_an_old_host():
    assert read(ipv4(b"\x12\0\0\0" + GROUP, b"\x45\0")) == Report(1, (Record(IS_EXCLUDE, GROUP, 0),))


def test_records_with_sources_are_counted_and_stepped_over():
    body = b"\x22\0\0\0\0\0\0\3" + record(IS_INCLUDE, GROUP, 3) + record(BLOCK, GROUP, 1, 2) + record(9, GROUP)
    assert [(each.kind, each.sources) for each in read(ipv4(body)).records] == [(IS_INCLUDE, 3), (BLOCK, 1), (9, 0)]


def test_what_a_linux_bridge_asks_is_read():
    assert read(V2_QUERY) == Query(2, None, 10_000, False)
    assert read(V3_QUERY) == Query(3, None, 10_000, False)
    assert read(V3_QUERY_ONE) == Query(3, GROUP, 1_000, False)
    assert read(MLD1_QUERY) == Query(1, None, 10_000, False)
    assert read(MLD2_QUERY_ONE) == Query(2, GROUP6, 1_000, False)


def test_times_of_all_versions_are_read():
    assert read(ipv4(b"\x11\0\0\0" + bytes(4))) == Query(1, None, 10_000, False)
    assert read(ipv4(b"\x11\x80\0\0" + bytes(8))).max_response == 12_800  # RFC 3376 section 4.1.1
    assert read(ipv4(b"\x11\xff\0\0" + bytes(8))).max_response == 3_174_400
    assert read(ipv4(b"\x11\x0a\0\0" + GROUP + b"\2\x7d\0\1" + BRIDGE_IP)) == Query(3, GROUP, 1_000, True)


def test_ours_are_what_linux_would_have_sent():
    def without_df(frame):  # Linux sets it; RFC 6864 leaves it open for what is never cut
        frame = bytearray(unhexlify(frame))
        frame[20] = 0
        frame[24:26] = b"\0\0"
        frame[24:26] = ip.checksum(bytes(frame[14:38])).to_bytes(2, "big")
        return bytes(frame)

    assert igmp.query(BRIDGE, BRIDGE_IP, None, 10_000, 2) == without_df(V2_QUERY)
    assert igmp.query(BRIDGE, BRIDGE_IP, None, 10_000, 3) == without_df(V3_QUERY)
    assert igmp.query(BRIDGE, BRIDGE_IP, GROUP, 1_000, 3) == without_df(V3_QUERY_ONE)

    def with_pad_n(frame):  # as Linux's hosts pad (RFC 8200 section 4.2); its bridge has two of Pad1
        return unhexlify(frame.replace("3a00050200000000", "3a00050200000100"))

    assert igmp.query(BRIDGE, BRIDGE_IP6, None, 10_000, 1) == with_pad_n(MLD1_QUERY)
    assert igmp.query(BRIDGE, BRIDGE_IP6, GROUP6, 1_000, 2) == with_pad_n(MLD2_QUERY_ONE)
    for version in (1, 2):
        assert read(igmp.query(BRIDGE, BRIDGE_IP6, None, 10_000, version)) == Query(version, None, 10_000, False)


def test_a_query_from_another_link_is_none():
    """Its address would win every election."""
    assert read(igmp.query(BRIDGE, b"\xfd" + bytes(14) + b"\1", None, 10_000, 2)) == "bad-packet"
    far = bytearray(igmp.query(BRIDGE, BRIDGE_IP6, None, 10_000, 2))
    far[21] = 64
    assert read(bytes(far)) == "bad-packet"


def test_what_is_damaged_is_refused():
    for frame in (V2_JOIN, V3_JOIN, V3_QUERY, MLD2_JOIN, MLD1_QUERY):
        frame = bytearray(unhexlify(frame))
        frame[-1] ^= 1
        assert read(bytes(frame)) == "bad-packet"
    assert read(ipv4(b"\x16\0\0\0" + BRIDGE_IP)) == "bad-packet"  # not a group
    assert read(ipv4(b"\x11\0\0\0" + BRIDGE_IP)) == "bad-packet"
    assert read(ipv4(b"\x11\0\0\0" + bytes(6))) == "bad-packet"  # neither v2 nor v3
    head = b"\x22\0\0\0\0\0"
    for records in (b"\0\2" + record(2, GROUP), b"\0\1" + record(2, GROUP, 2)[:-1], b"\xff\xff", b"\0\1\2\xff\xff\xff"):
        assert read(ipv4(head + records)) == "bad-packet"
    assert read(ipv4(head + b"\0\1" + record(2, BRIDGE_IP))) == "bad-packet"


def test_routers_messages_are_told_from_others():
    for kind in (0x13, 0x30, 0x31, 0x32):
        assert subject(ipv4(bytes([kind]) + bytes(7))) is igmp.ROUTING
    assert subject(ipv4(b"\x20" + bytes(7), protocol=103)) is igmp.ROUTING  # PIM's hello
    assert subject(ipv4(b"\x1e" + bytes(7))) is None  # a trace
    assert subject(ipv4(b"\x11" + bytes(7), protocol=17)) is None
    assert subject(ip.solicitation(BRIDGE, BRIDGE_IP6, BRIDGE_IP6)) is None
    assert subject(ip.arp(1, BRIDGE, BRIDGE_IP, bytes(6), BRIDGE_IP)) is None


def test_what_is_cut_in_pieces_is_refused():
    assert read(ipv4(b"\x11" + bytes(7), word=b"\x20\0")) == "bad-packet"
    assert read(ipv4(b"\x11" + bytes(6))) == "bad-packet"
    assert subject(ipv4(b"\x11" + bytes(7), word=b"\0\1")) is None  # the rest of nothing
    chain = unhexlify(MLD2_JOIN)[:54] + (b"\0\0" + bytes(6)) * 9  # hop-by-hop headers without an end
    chain = chain[:18] + (72).to_bytes(2, "big") + chain[20:]
    assert read(chain) == "bad-packet"
    query = igmp.query(BRIDGE, BRIDGE_IP6, None, 10_000, 2)
    piece = query[:20] + b"\x2c" + query[21:54] + b"\x3a\0\0\1\0\0\0\1" + query[62:]  # instead of the router alert
    assert read(piece) == "bad-packet"


def test_any_bytes_are_read_or_refused():
    state = 1
    for frame in (V3_JOIN, V3_QUERY_ONE, V2_LEAVE, MLD2_TWO, MLD2_QUERY_ONE, MLD1_QUERY):
        frame = unhexlify(frame)
        for i in range(1500):
            damaged = bytearray(frame[: len(frame) - i % 7])
            for _ in range(1 + i % 3):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                damaged[12 + (state >> 8) % (len(damaged) - 12)] = state & 255
            try:
                packet, mem = packet_of(bytes(damaged))
                if igmp.subject(packet, mem) in (igmp.QUERY, igmp.REPORT):
                    igmp.parse(packet, mem)
            except Rejected:
                continue
        for size in range(4, 64):  # behind a right checksum anything may stand
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            body = bytes([(0x11, 0x22)[size & 1]]) + bytes([state >> 8 & 255] * 2) + bytes([state >> 16 & 3] * size)
            assert read(ipv4(body)) is not None
