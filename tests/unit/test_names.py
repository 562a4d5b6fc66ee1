"""What people and devices call things becomes a name that every resolver takes, and that means nobody else."""

from binascii import unhexlify

from pair import Dice

from ipop.lan import names


def test_names_look_like_what_they_are_made_of():
    for text, label in (
        ("nas", "nas"),
        ("Living Room TV", "living-room-tv"),
        ("Küche", "kuche"),
        ("ÅNGSTRÖM", "angstrom"),
        ("Bob's iPad", "bobs-ipad"),
        ("Bob\u2019s iPad", "bobs-ipad"),
        ("my_phone..2", "my-phone-2"),
        ("--x--y--", "x-y"),
        ("xn--80ak", "xn-80ak"),
        ("телевизор", ""),
        ("テレビ2", "2"),
        ("\x1b[31m\n", "31m"),
        ("-", ""),
        ("", ""),
        ("x" * 300, "x" * 63),
        ("x" * 62 + " y", "x" * 62),
        ("den~7QK2", "den-7qk2"),
    ):
        assert names.label(text) == label, (text, names.label(text))
        assert names.label(label) == label


def test_a_devices_own_domain_is_no_part_of_its_name():
    assert names.host_label(b"nas.lan") == "nas"
    assert names.host_label(b"Nas") == "nas"
    assert names.host_label("Küche".encode()) == "kuche"
    assert names.host_label(b"tv\xff\xfe") == "tv"


def test_the_second_of_a_name_gets_a_number():
    assert names.numbered("tv", ()) == "tv"
    assert names.numbered("tv", ("tv",)) == "tv-2"
    assert names.numbered("tv", ("tv", "tv-2", "tv-3")) == "tv-4"
    assert names.numbered("x" * 63, ("x" * 63,)) == "x" * 61 + "-2"
    assert names.numbered("x" * 60 + "-yy", ("x" * 60 + "-yy",)) == "x" * 60 + "-2"


def test_nobody_can_pose_as_the_router_or_as_who_configures_proxies():
    """Windows asks for `wpad` in every domain that it searches, and believes what it gets there."""
    for name in ("router", "wpad", "isatap", "localhost"):
        assert names.numbered(name, ()) == name + "-2"


def test_a_name_that_is_too_long_is_none():
    assert names.domain("nas", "cabin", "friends", "internal") == "nas.cabin.friends.internal"
    assert names.domain(*["x" * 63] * 4) is None


def test_a_suffix_is_letters_with_dots():
    for text in ("internal", "home.arpa", "lan2"):
        assert names.is_domain(text)
    for text in ("", ".", "a..b", "Internal", "a b", "a.b.", "x" * 64, ".".join(["x" * 60] * 5)):
        assert not names.is_domain(text), text


def test_addresses_are_written_as_people_write_them():
    """RFC 5952 section 4."""
    for packed, text in (
        (b"0a4d0514", "10.77.5.20"),
        (b"fd120000000000000000000000000020", "fd12::20"),
        (b"00000000000000000000000000000000", "::"),
        (b"00000000000000000000000000000001", "::1"),
        (b"20010db8000000000001000000000000", "2001:db8:0:0:1::"),
        (b"20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
        (b"20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
    ):
        assert names.address_text(unhexlify(packed)) == text


def test_any_text_becomes_a_label():
    dice = Dice(1)
    for _ in range(200):
        noise = dice.bytes(40)
        text = "".join([chr(noise[i] << 4 | noise[i + 1]) for i in range(0, 40, 2)])
        label = names.label(text)
        assert label == "" or names.is_domain(label), text
        assert names.label(names.host_label(noise)) == names.host_label(noise)
