"""What our own nodes put into a tunnel has the same bytes on every router, and garbage in it is refused."""

from ipop.errors import Rejected
from ipop.wire import payload


def rejection(act, *args):
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_a_frame_is_told_by_its_first_byte_and_carries_its_length():
    buffer = bytearray(10)
    payload.write_header(buffer, 2, payload.FRAME, 0x1234)
    assert bytes(buffer) == b"\0\0\x01\0\x12\x34\0\0\0\0"


def test_padding_is_not_part_of_the_content():
    data = payload.control(payload.PING, b"12345678") + bytes(4)
    assert payload.content_length(data, 0, len(data)) == 8
    assert payload.content_length(b"..." + data, 3, len(data)) == 8


def test_a_length_beyond_the_packet_is_refused():
    assert payload.content_length(b"\x01\0\0\x0c" + bytes(12), 0, 16) == 12
    assert rejection(payload.content_length, b"\x01\0\0\x0d" + bytes(12), 0, 16) == "bad-payload"
    assert rejection(payload.content_length, b"\x01\0\xff\xff" + bytes(12), 0, 16) == "bad-payload"


def test_a_piece_of_a_header_is_refused():
    for n in range(payload.HEADER):
        assert rejection(payload.content_length, b"\x01\0\0\0", 0, n) == "bad-payload"


def test_an_empty_content_is_none():
    assert payload.content_length(b"\x04\x09\0\0", 0, 4) == 0


def test_a_hello_is_read_back():
    data = payload.hello("1.2.3")
    assert data[:2] == bytes([payload.CONTROL, payload.HELLO])
    assert payload.parse_hello(data[payload.HEADER :]) == (payload.WIRE_VERSION, 0, "1.2.3", b"")
    data = payload.hello("1.2.3", b"digests")
    assert payload.parse_hello(data[payload.HEADER :])[2:] == ("1.2.3", b"digests")


def test_a_hello_of_a_later_version_is_understood_as_far_as_it_goes():
    assert payload.parse_hello(b"\x02\x80\0\0\x01\0more") == (2, 0x80000001, "", b"more")


def test_a_release_can_not_write_to_the_terminal_of_who_looks_at_it():
    text = b"1.0\x1b[31m\n\xff\x7f" + b"x" * 100
    release = payload.parse_hello(b"\x01\0\0\0\0" + bytes([len(text)]) + text)[2]
    assert release[:7] == "1.0[31m"
    assert len(release) <= 32
    assert all(" " < c < "\x7f" for c in release)


def test_a_short_hello_is_refused():
    for n in range(6):
        assert rejection(payload.parse_hello, b"\x01\0\0\0\0"[:n]) == "bad-payload"
