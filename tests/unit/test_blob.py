"""What is said on ubus is what others say for the same, and what can't be understood is refused, whatever it is."""

from collections import OrderedDict

import ubus_vectors as vectors

from ipop.errors import Rejected
from ipop.ubus import blob

ALL_TYPES = OrderedDict(
    [
        ("id", 7),
        ("msg", "Grüße"),
        ("neg", -2),
        ("big", 1 << 40),
        ("x", 2.5),
        ("yes", True),
        ("no", False),
        ("none", None),
        ("list", [1, "a", [], {}]),
        ("table", {"a": {"b": "c"}}),
    ]
)


def reason(call, *args):
    try:
        call(*args)
    except Rejected as rejected:
        return rejected.reason


def field(type, payload, name=b"x"):
    """A named value, by hand."""
    return blob.put(type, len(name).to_bytes(2, "big") + name + bytes(4 - (len(name) + 2) % 4) + payload, 1 << 31)


def test_a_table_reads_as_the_ubus_command_wrote_it():
    table = blob.unpack(vectors.ALL_TYPES)
    assert table == dict(ALL_TYPES)
    assert type(table["yes"]) is bool and type(table["no"]) is bool and type(table["id"]) is int


def test_a_table_is_written_to_the_byte_as_the_ubus_command_writes_it():
    assert blob.pack(ALL_TYPES) == vectors.ALL_TYPES


def test_numbers_come_back_with_their_sign_at_the_ends_of_their_range():
    for value in (0, -1, 2**31 - 1, -(2**31), 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)):
        assert blob.unpack(blob.pack({"n": value})) == {"n": value}, value
    assert reason(blob.pack, {"n": 2**63}) == "bad-number"
    assert reason(blob.pack, {"n": -(2**63) - 1}) == "bad-number"


def test_what_fits_into_32_bits_is_said_in_32_bits():
    """ubusd and most objects expect that of a number."""
    assert blob.pack({"n": 5})[:1] == bytes([0x80 | blob.INT32])
    assert blob.pack({"n": 2**31})[:1] == bytes([0x80 | blob.INT64])


def test_16_bits_are_read():
    assert blob.unpack(field(blob.INT16, b"\xff\xfe")) == {"x": -2}


def test_names_and_texts_of_every_length_keep_what_follows_in_its_place():
    for n in range(1, 12):
        table = {"n" * n: "t" * (n - 1), "last": n}
        assert blob.unpack(blob.pack(table)) == table, n


def test_a_text_ends_where_c_ends_it():
    assert blob.unpack(field(blob.STRING, b"one\0two\0")) == {"x": "one"}
    assert blob.unpack(blob.pack({"x": "one\0two"})) == {"x": "one?two"}


def test_a_text_in_another_encoding_is_shown_as_far_as_it_can_be():
    assert blob.unpack(field(blob.STRING, b"caf\xe9\0")) == {"x": "caf?"}


def test_tables_can_be_deep_but_not_bottomless():
    deep = 1
    for _ in range(blob.DEPTH_MAX + 1):  # the outermost is not in another
        deep = {"x": deep}
    assert blob.unpack(blob.pack(deep)) == deep
    for too_deep in ({"x": deep}, {"x": [deep]}):
        assert reason(blob.pack, too_deep) == "too-deep"
    data = blob.pack(deep)
    assert reason(blob.unpack, field(blob.TABLE, data)) == "too-deep"
    for _ in range(5_000):
        data = field(blob.ARRAY, data)
    assert reason(blob.unpack, data) == "too-deep"


def test_what_has_no_place_on_ubus_is_refused():
    for value in ({"x": b"bytes"}, {"x": {1: 2}}, {"x": [{"y": ()}, {2}]}):
        assert reason(blob.pack, value) in ("bad-type", "bad-name")
    assert reason(blob.pack, {"x" * 70_000: 1}) == "too-long"
    assert reason(blob.pack, {"x": "x" * blob.MESSAGE_MAX}) == "too-long"


def test_a_value_of_the_wrong_size_is_refused():
    for type, payload, expected in (
        (blob.INT32, b"\0\0\0", "bad-number"),
        (blob.INT64, b"\0\0\0\1", "bad-number"),
        (blob.DOUBLE, b"", "bad-number"),
        (blob.INT8, b"", "bad-number"),
        (blob.STRING, b"", "bad-text"),
        (blob.STRING, b"open", "bad-text"),
        (blob.DOUBLE + 1, b"", "bad-type"),
        (127, b"", "bad-type"),
    ):
        assert reason(blob.unpack, field(type, payload)) == expected, (type, payload)


def test_a_value_without_a_name_belongs_into_an_array_only():
    unnamed = blob.put(blob.INT32, b"\0\0\0\5")
    assert reason(blob.unpack, unnamed) == "no-name"
    assert reason(blob.unpack, field(blob.INT32, b"\0\0\0\5", b"")) == "no-name"
    assert blob.unpack(field(blob.ARRAY, unnamed)) == {"x": [5]}


def test_lengths_that_lead_out_of_their_place_are_refused():
    for data in (b"", b"\0\0\3", b"\0\0\x10\0\1x\0", b"\xff\xff\xff", b"\0\0\4", b"\0\0\6\xff\xff"):
        data = b"\x85" + data
        assert reason(blob.unpack, data) in ("bad-length", "bad-text"), data
    assert reason(blob.attributes, b"\3\0\0\x09\0\0\0\1") == "bad-length"


def test_whatever_is_cut_off_or_changed_on_the_way_does_no_harm():
    whole = vectors.ALL_TYPES
    for n in range(len(whole)):
        for data in (whole[:n], whole[:n] + bytes([whole[n] ^ 0xFF]) + whole[n + 1 :]):
            try:
                assert isinstance(blob.unpack(data), dict)
            except Rejected:
                pass
