"""What one side seals, the other opens where it lies: nothing else in the buffer is touched."""

from pair import SUITES

from ipop.errors import Rejected
from ipop.ports import crypto
from ipop.wg.messages import TAG, TRANSPORT_HEADER
from ipop.wg.session import REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME, Session
from ipop.wg.suites import suites

KEYS = bytes(range(32)), bytes(range(32, 64))
ROOM = 40  # bytes before and behind a packet in these tests' buffers


def two_ends(suite="sha256"):
    """The two ends of one session."""
    suite = suites(crypto)[suite]
    ours = Session(crypto, suite, None, 0x11223344, 0x55667788, KEYS[0], KEYS[1], True, 0)
    theirs = Session(crypto, suite, None, 0x55667788, 0x11223344, KEYS[1], KEYS[0], False, 0)
    return ours, theirs


class Buffer:
    """A packet in a larger buffer, with `<` before it and `>` behind."""

    def __init__(self, data):
        self.data = bytearray(b"<" * ROOM + data + b">" * ROOM)
        self.mem = memoryview(self.data)
        self.ptr = crypto.pointer(self.data)

    def bytes(self, at, n):
        return bytes(self.mem[at : at + n])


def rejection(session, datagram):
    buffer = Buffer(datagram)
    try:
        session.open(buffer.mem, buffer.ptr, ROOM, len(datagram))
    except Rejected as rejected:
        return rejected.reason
    return None


def test_a_packet_is_sealed_and_opened_where_it_lies():
    for n in (1, 15, 16, 17, 60, 1418, 1514):
        ours, theirs = two_ends()
        plaintext = bytes([i & 255 for i in range(n)])
        padded = (n + 15) // 16 * 16
        buffer = Buffer(plaintext)
        size = ours.seal(buffer.mem, buffer.ptr, ROOM, n)
        start = ROOM - TRANSPORT_HEADER
        assert size == TRANSPORT_HEADER + padded + TAG
        assert buffer.bytes(0, start) == b"<" * start
        end = start + size
        assert buffer.bytes(end, len(buffer.data) - end) == b">" * (len(buffer.data) - end)
        assert plaintext not in bytes(buffer.data) or n < 4

        assert theirs.open(buffer.mem, buffer.ptr, start, size) == padded
        assert buffer.bytes(ROOM, padded) == plaintext + bytes(padded - n)
        assert buffer.bytes(end, len(buffer.data) - end) == b">" * (len(buffer.data) - end)


def test_the_bytes_on_the_wire_are_wireguards():
    """Whitepaper section 5.4.6: type, receiver, counter, then the packet under a nonce made of the counter."""
    for suite, header in (("sha256", b"\x04\0\0\x01"), ("blake2s", b"\x04\0\0\0")):
        ours, _ = two_ends(suite)
        ours.seal_bytes(b"")
        datagram = ours.seal_bytes(b"x" * 16)
        assert datagram[:16] == header + b"\x88\x77\x66\x55" + b"\x01" + bytes(7)
        nonce = bytes(4) + b"\x01" + bytes(7)
        assert crypto.unseal(KEYS[0], nonce, b"", datagram[16:]) == b"x" * 16


def test_packets_of_their_own_are_the_same_as_packets_in_place():
    for n in range(0, 50):
        in_place, by_copy = two_ends()[0], two_ends()[0]
        buffer = Buffer(bytes(n))
        size = in_place.seal(buffer.mem, buffer.ptr, ROOM, n)
        assert buffer.bytes(ROOM - TRANSPORT_HEADER, size) == by_copy.seal_bytes(bytes(n))


def test_an_empty_packet_is_32_bytes():
    ours, theirs = two_ends()
    datagram = ours.seal_bytes(b"")
    assert len(datagram) == 32
    buffer = Buffer(datagram)
    assert theirs.open(buffer.mem, buffer.ptr, ROOM, 32) == 0


def test_late_packets_are_opened_and_repeated_ones_are_not():
    ours, theirs = two_ends()
    first, second, third = [ours.seal_bytes(b"frame") for _ in range(3)]
    assert rejection(theirs, third) is None
    assert rejection(theirs, first) is None
    assert rejection(theirs, first) == "replayed"
    assert rejection(theirs, second) is None
    assert rejection(theirs, third) == "replayed"


def test_a_forged_packet_does_not_use_up_its_counter():
    """Else a stranger could keep the true packets out by sending false ones ahead of them."""
    ours, theirs = two_ends()
    datagram = ours.seal_bytes(b"frame")
    for i in range(8, len(datagram)):
        forged = bytearray(datagram)
        forged[i] ^= 1
        assert rejection(theirs, bytes(forged)) == "forged", i
    assert rejection(theirs, datagram) is None


def test_what_we_sent_ourselves_is_not_for_us():
    ours, _ = two_ends()
    assert rejection(ours, ours.seal_bytes(b"frame")) == "forged"


def test_keys_wear_out():
    """Whitepaper section 6.2: nothing is sent after 180 s or 2^64 - 2^13 - 1 packets; nor is it believed."""
    ours, theirs = two_ends()
    assert ours.is_usable(REJECT_AFTER_TIME - 1)
    assert not ours.is_usable(REJECT_AFTER_TIME)
    ours.counter = REJECT_AFTER_MESSAGES - 1
    assert ours.is_usable(0)
    assert rejection(theirs, ours.seal_bytes(b"the last one")) is None
    assert not ours.is_usable(0)
    assert rejection(theirs, ours.seal_bytes(b"one more")) == "expired"


def test_forgotten_keys_are_overwritten():
    ours, theirs = two_ends()
    datagram = theirs.seal_bytes(b"frame")
    ours.forget()
    assert ours._keys == bytes(64)
    assert rejection(ours, datagram) == "forged"


def test_counters_of_more_than_32_bits():
    ours, theirs = two_ends()
    ours.counter = (1 << 40) + 5
    datagram = ours.seal_bytes(b"frame")
    assert datagram[8:16] == b"\x05\0\0\0\0\x01\0\0"
    assert rejection(theirs, datagram) is None


def test_both_suites_seal_alike():
    sealed = {suite: two_ends(suite)[0].seal_bytes(b"frame")[4:] for suite in SUITES}
    assert sealed["sha256"] == sealed["blake2s"]
