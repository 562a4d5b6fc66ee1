"""What hosts and routers say about who listens to which multicast group: IGMP for IPv4, MLD for IPv6.

Sources: RFC 1112 appendix I, RFC 2236 and RFC 3376 (IGMPv1, v2, v3); RFC 2710 and RFC 3810 (MLDv1, v2). A querier asks
(a general query: for all groups; a specific one: for one group), listeners report, and some say when they leave. The
two protocols have one meaning, and here one form: all older messages are records of the newest version, as in RFC 3376
section 7.3.2. Of the sources in a record only the number is of interest: a bridge may leave them aside (RFC 4541
section 2.1.2).

Addresses are packed bytes; the length of one tells the family."""

import struct
from collections import namedtuple

from ..errors import Rejected
from . import dissect, ethernet, ip

NEWEST = {4: 3, 16: 2}  # versions, by the length of an address
ALL_HOSTS = {4: b"\xe0\0\0\1", 16: b"\xff\x02" + bytes(13) + b"\x01"}  # where general queries go

# kinds of records (RFC 3376 section 4.2.12; MLD's are the same)
IS_INCLUDE, IS_EXCLUDE, TO_INCLUDE, TO_EXCLUDE, ALLOW, BLOCK = 1, 2, 3, 4, 5, 6

# `group` is None in a general query; `max_response`: ms that listeners may take to answer. `has_sources`: only those
# are to answer who listen to certain sources.
Query = namedtuple("Query", ("version", "group", "max_response", "has_sources"))
Report = namedtuple("Report", ("version", "records"))
Record = namedtuple("Record", ("kind", "group", "sources"))

# What a message is, by its type. A routing message makes switches take its sender for a multicast router, as a query
# does: DVMRP (RFC 1075) and multicast router discovery (RFC 4286).
QUERY, REPORT, ROUTING = "query", "report", "routing"
_IGMP = {
    0x11: QUERY,
    0x12: REPORT,
    0x16: REPORT,
    0x17: REPORT,
    0x22: REPORT,
    0x13: ROUTING,
    0x30: ROUTING,
    0x31: ROUTING,
    0x32: ROUTING,
}
_PIM = 103  # its hellos, too (RFC 4541 section 2.1.1)
_MLD = {130: QUERY, 131: REPORT, 132: REPORT, 143: REPORT, 151: ROUTING, 152: ROUTING, 153: ROUTING}

_V1_RESPONSE = 10_000  # ms, where a query doesn't say it
_ROBUSTNESS, _INTERVAL = 2, 125  # what our queries tell other routers: the defaults, the latter in s

_ROUTER_ALERT4 = b"\x94\x04\0\0"  # RFC 2113
_ROUTER_ALERT6 = bytes([dissect.ICMPV6, 0]) + b"\x05\x02\0\0\x01\0"  # RFC 2711, in a hop-by-hop header; padded
_HOP_BY_HOP = 0
_INTERNETWORK_CONTROL = 0xC0  # RFC 3376 section 4


def subject(packet, mem):
    """QUERY, REPORT or ROUTING; None for a dissect.Packet that is none of these. Raises Rejected: "bad-packet".

    What can't be told, because the header isn't whole in this frame, is refused: no honest sender cuts such a message.
    Later fragments pass, for they are nothing without their first."""
    if packet.protocol == _PIM:
        return ROUTING
    if packet.ethertype == ethernet.IPV4:
        if packet.protocol != dissect.IGMP:
            return None
        kinds = _IGMP
    elif packet.ethertype == ethernet.IPV6:
        if packet.protocol != dissect.ICMPV6 and packet.protocol is not None:
            return None
        kinds = _MLD
    else:
        return None
    if packet.fragment is dissect.LATER:
        return None
    if packet.transport is None:
        raise Rejected("bad-packet")
    kind = kinds.get(mem[packet.transport])
    if kind is not None and packet.fragment is not None:
        raise Rejected("bad-packet")
    return kind


def parse(packet, mem):
    """The Query or Report in a dissect.Packet of that subject. Raises Rejected: "bad-packet"."""
    body = bytes(mem[packet.transport : packet.end])
    if packet.ethertype == ethernet.IPV4:
        message = _parse_igmp(body)
    else:
        message = _parse_mld(packet, body)
        # Others are not from this link, or can't be compared with our address (RFC 3810 sections 5.1.14 and 6.2).
        if body[0] == 130 and (packet.source_ip[:8] != b"\xfe\x80\0\0\0\0\0\0" or mem[packet.at + 7] != 1):
            raise Rejected("bad-packet")
    if message is None:
        raise Rejected("bad-packet")
    return message


def query(mac, source, group, max_response, version):
    """A query as a frame; `group` None: for all groups. `max_response` in ms, up to 12 s. Not of IGMPv1."""
    destination = group or ALL_HOSTS[len(source)]
    build = _igmp_query if len(source) == 4 else _mld_query
    kind = ethernet.IPV4 if len(source) == 4 else ethernet.IPV6
    packet = build(source, destination, group or bytes(len(source)), max_response, version)
    return ethernet.header(ip.multicast_mac(destination), mac, kind) + packet


# --- IGMP


def _parse_igmp(body):
    """None: it isn't right."""
    if ip.checksum(body):
        return None
    kind, group = body[0], body[4:8]
    if kind == 0x11:
        return _igmp_query_of(body, group)
    if kind == 0x22:
        return _records(body, 3, 4)
    if not ip.is_multicast(group):
        return None
    if kind == 0x17:
        return Report(2, (Record(TO_INCLUDE, group, 0),))
    return Report(1 if kind == 0x12 else 2, (Record(IS_EXCLUDE, group, 0),))


def _igmp_query_of(body, group):
    asked = None if group == b"\0\0\0\0" else group
    if asked is not None and not ip.is_multicast(asked):
        return None
    code = body[1]
    if len(body) == 8:
        return Query(2, asked, code * 100, False) if code else Query(1, asked, _V1_RESPONSE, False)
    if len(body) < 12:  # RFC 3376 section 7.1: neither this nor that
        return None
    if code >= 128:
        code = (code & 15 | 16) << (code >> 4 & 7) + 3
    return Query(3, asked, code * 100, body[10:12] != b"\0\0")


def _igmp_query(source, destination, group, max_response, version):
    body = struct.pack(">BBH", 0x11, max_response // 100, 0) + group
    if version == 3:
        body += struct.pack(">BBH", _ROBUSTNESS, _INTERVAL, 0)
    length = 24 + len(body)
    head = struct.pack(">BBHIBBH", 0x46, _INTERNETWORK_CONTROL, length, 0, 1, dissect.IGMP, 0)
    head += source + destination + _ROUTER_ALERT4
    return _with_checksum(head, 10, head) + _with_checksum(body, 2, body)


# --- MLD


def _parse_mld(packet, body):
    if len(body) < 8 or ip.checksum(_pseudo(packet.source_ip, packet.destination_ip, body) + body):
        return None
    kind = body[0]
    if kind == 143:
        return _records(body, 2, 16)
    if len(body) < 24:
        return None
    group = body[8:24]
    if kind == 130:
        return _mld_query_of(body, group)
    if not ip.is_multicast(group):
        return None
    return Report(1, (Record(TO_INCLUDE if kind == 132 else IS_EXCLUDE, group, 0),))


def _mld_query_of(body, group):
    asked = None if group == bytes(16) else group
    if asked is not None and not ip.is_multicast(asked):
        return None
    code = body[4] << 8 | body[5]
    if len(body) == 24:
        return Query(1, asked, code, False)
    if len(body) < 28:
        return None
    if code >= 32768:
        code = (code & 0xFFF | 0x1000) << (code >> 12 & 7) + 3
    return Query(2, asked, code, body[26:28] != b"\0\0")


def _mld_query(source, destination, group, max_response, version):
    body = struct.pack(">BBHHH", 130, 0, 0, max_response, 0) + group
    if version == 2:
        body += struct.pack(">BBH", _ROBUSTNESS, _INTERVAL, 0)
    head = struct.pack(">IHBB", 6 << 28, len(_ROUTER_ALERT6) + len(body), _HOP_BY_HOP, 1) + source + destination
    return head + _ROUTER_ALERT6 + _with_checksum(body, 2, _pseudo(source, destination, body) + body)


def _pseudo(source, destination, body):
    return source + destination + struct.pack(">II", len(body), dissect.ICMPV6)


# --- both


def _records(body, version, size):
    """The Report in a message with records: count at 6, then from 8 on kind 1, auxiliary words 1, sources 2, group."""
    records, at = [], 8
    for _ in range(body[6] << 8 | body[7]):
        if at + 4 + size > len(body):
            return None
        sources, group = body[at + 2] << 8 | body[at + 3], body[at + 4 : at + 4 + size]
        if not ip.is_multicast(group):
            return None
        records.append(Record(body[at], group, sources))
        at += 4 + size + sources * size + body[at + 1] * 4
        if at > len(body):
            return None
    return Report(version, records)


def _with_checksum(data, at, covered):
    """`data` with the checksum of `covered` at `at`."""
    return data[:at] + struct.pack(">H", ip.checksum(covered)) + data[at + 2 :]
