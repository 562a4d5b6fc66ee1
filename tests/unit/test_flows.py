"""Frames like the ones before them: what counts as one flow, and what is always looked at."""

from ipop.lan.flows import FLOW_LIFE, Flows
from ipop.ports import crypto
from ipop.wire.dissect import TCP, UDP, dissect

A, B = b"\x02\0\0\0\0\x0a", b"\x02\0\0\0\0\x0b"
PORTS = b"\x13\x88\x1f\x90"


def ipv4(protocol=UDP, source=b"\x0a\x4d\x01\x0a", ports=PORTS, flags=16, word=0, id=1, body=b"x" * 20, mac=A):
    transport = ports + (bytes(9) + bytes([flags]) + bytes(6) if protocol == TCP else bytes(4)) + body
    head = b"\x45\0" + (20 + len(transport)).to_bytes(2, "big") + bytes([0, id]) + word.to_bytes(2, "big")
    return B + mac + b"\x08\0" + head + bytes([64, protocol, 0, 0]) + source + b"\x0a\x4d\x02\x0a" + transport


def ipv6(protocol=UDP, flow=0, flags=16, source=1, body=b"x" * 20):
    transport = PORTS + (bytes(9) + bytes([flags]) + bytes(6) if protocol == TCP else bytes(4)) + body
    head = bytes([0x60, 0, 0, flow]) + len(transport).to_bytes(2, "big") + bytes([protocol, 64])
    addresses = b"\xfd" + bytes(14) + bytes([source]) + b"\xfd" + bytes(14) + b"\x02"
    return B + A + b"\x86\xdd" + head + addresses + transport


class Story:
    def __init__(self):
        self.flows = Flows(crypto)
        self.buffer = bytearray(2048)
        self.mem = memoryview(self.buffer)
        self.ptr = crypto.pointer(self.buffer)
        self.revision = self.now = 0

    def put(self, frame):
        self.mem[64 : 64 + len(frame)] = frame
        return len(frame)

    def keep(self, frame, port):
        n = self.put(frame)
        self.flows.keep(dissect(self.mem, 64, n), port, self.mem, 64, n, self.revision, self.now)

    def find(self, frame):
        n = self.put(frame)
        return self.flows.find(self.mem, self.ptr, 64, n, self.revision, self.now)


def test_what_differs_from_frame_to_frame_makes_no_other_flow():
    story = Story()
    story.keep(ipv4(), "cabin")
    assert story.find(ipv4(id=2, body=b"another length")) == "cabin"
    story.keep(ipv6(), "lodge")
    assert story.find(ipv6(flow=7, body=b"")) == "lodge"
    assert story.find(ipv4(id=3)) == "cabin"


def test_who_or_what_else_it_is_makes_another():
    story = Story()
    story.keep(ipv4(), "cabin")
    story.keep(ipv6(), "cabin")
    others = (
        ipv4(source=b"\x0a\x4d\x01\x0b"),
        ipv4(ports=b"\0\x43\0\x44"),
        ipv4(protocol=TCP),
        ipv4(mac=B),
        ipv6(source=3),
        ipv6(protocol=TCP),
    )
    for frame in others:
        assert story.find(frame) is None


def test_a_fragment_is_always_looked_at():
    story = Story()
    story.keep(ipv4(), "cabin")
    for word in (0x2000, 0x0001, 0x1000):
        assert story.find(ipv4(word=word)) is None
        story.keep(ipv4(word=word), "cabin")
        assert story.find(ipv4(word=word)) is None
    assert story.find(ipv4(word=0x4000)) == "cabin"  # must not be cut: that is none


def test_a_syn_is_always_looked_at():
    story = Story()
    for make in (ipv4, ipv6):
        story.keep(make(protocol=TCP), "cabin")
        assert story.find(make(protocol=TCP)) == "cabin"
        for flags in (2, 18):
            assert story.find(make(protocol=TCP, flags=flags)) is None


def test_what_is_cut_off_is_looked_at():
    story = Story()
    for frame in (ipv4(body=b""), ipv4(protocol=TCP, body=b""), ipv6(body=b""), ipv6(protocol=TCP, body=b"")):
        story.keep(frame, "cabin")
        assert story.find(frame) == "cabin"
        for n in range(14, len(frame)):
            assert story.find(frame[:n]) is None, n


def test_a_flow_holds_for_a_second_and_while_the_table_stays_the_same():
    story = Story()
    story.keep(ipv4(), "cabin")
    story.now = FLOW_LIFE - 1
    assert story.find(ipv4()) == "cabin"
    story.now = FLOW_LIFE
    assert story.find(ipv4()) is None
    story.keep(ipv4(), "cabin")
    story.revision += 1
    assert story.find(ipv4()) is None


def test_thousands_of_flows_take_no_more_room_than_some():
    story = Story()
    for n in range(5000):
        frame = ipv4(ports=n.to_bytes(2, "big") + b"\0\x07")
        story.keep(frame, n)
        assert story.find(frame) == n
