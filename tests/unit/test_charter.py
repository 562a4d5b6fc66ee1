"""The owner says what the group is; nobody else can, and what can't be meant is not taken up."""

from pair import Dice

from ipop.errors import Rejected, UserError
from ipop.group import charter
from ipop.group.identity import Identity
from ipop.ports import crypto

HOME = Identity(crypto, b"h" * 32)
STRANGER = Identity(crypto, b"s" * 32)
SUBNET = (bytes([10, 77, 0, 0]), 16)
ULA = b"\xfd\1\2\3\4\5\0\0"
BROKERS = ("mqtt://broker.example:1883", "mqtts://192.0.2.1")


def signed(owner=HOME, name="friends", subnet=SUBNET, slice_length=24, ula=ULA, brokers=BROKERS, serial=5):
    return charter.sign(owner, name, subnet, slice_length, ula, brokers, serial)


def read(data, owner=HOME):
    """The charter, or the reason why it is refused."""
    try:
        return charter.parse(crypto, owner.public, data)
    except Rejected as rejected:
        return rejected.reason


def test_what_the_owner_wrote_is_read():
    for brokers in ((), BROKERS[:1], BROKERS):
        data = signed(name="Küche & co", brokers=brokers)
        written = read(data)
        assert written == charter.Charter("Küche & co", SUBNET, 24, ULA, brokers, 5, data)


def test_nobody_else_can_write_it():
    assert read(signed(STRANGER)) == "bad-signature"
    assert read(signed(HOME), STRANGER) == "bad-signature"


def test_damage_is_refused():
    data = signed()
    for end in range(len(data)):
        assert read(data[:end]) == "bad-charter"
    assert read(data + b"\0") == "bad-charter"
    for at in range(len(data)):
        for bit in (1, 0x80):
            assert isinstance(read(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]), str), at
    dice = Dice(2)
    for _ in range(300):
        assert isinstance(read(dice.bytes(dice.below(300))), str)
        assert isinstance(read(data[:23] + dice.bytes(dice.below(300))), str)


def test_what_cant_be_meant_is_neither_written_nor_read():
    for wrong in (
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a" * 64},
        {"subnet": (bytes([10, 77, 0, 1]), 16)},  # an address, not a network
        {"subnet": (bytes([10, 77, 0, 0]), 7)},
        {"subnet": (bytes([10, 77, 0, 0]), 25)},
        {"subnet": (bytes([0, 0, 0, 0]), 16)},
        {"subnet": (bytes([224, 0, 0, 0]), 16)},
        {"subnet": (bytes([8, 0, 0, 0]), 8)},  # what is meant for the internet would go to who made the group
        {"subnet": (bytes([127, 0, 0, 0]), 16)},
        {"subnet": (bytes([172, 32, 0, 0]), 16)},
        {"subnet": (bytes([192, 168, 0, 0]), 15)},
        {"slice_length": 16},
        {"slice_length": 31},
        {"subnet": (bytes([10, 0, 0, 0]), 8), "slice_length": 25},  # more slices than have a number
        {"ula": b"\x20\1" + bytes(6)},
        {"brokers": ["http://x"]},
        {"brokers": ["mqtt://"]},
        {"brokers": ["mqtt://a b"]},
        {"brokers": ["mqtt://" + "a" * 255]},
        {"brokers": ["mqtt://a\n"]},
        {"brokers": ["mqtt://é"]},
        {"brokers": ["mqtt://a"] * 9},
    ):
        try:
            signed(**wrong)
        except Rejected as rejected:
            assert rejected.reason == "bad-charter"
            continue
        raise AssertionError(wrong)


def test_the_higher_serial_counts_then_the_lower_hash():
    old, new = read(signed(serial=5)), read(signed(serial=6))
    assert charter.beats(crypto, new, old) and not charter.beats(crypto, old, new)
    assert charter.beats(crypto, old, None)
    other = read(signed(serial=5, name="others"))
    assert charter.beats(crypto, old, other) == (crypto.sha256(old.data) < crypto.sha256(other.data))
    assert charter.beats(crypto, old, other) != charter.beats(crypto, other, old)
    assert not charter.beats(crypto, old, old)


def test_a_later_one_may_change_the_brokers_and_nothing_else():
    charters = charter.Charters(crypto, HOME.public, signed(serial=5))
    charters.revise(HOME, ["mqtt://new.example"], 3)
    assert charters.current.serial == 6 and charters.current.brokers == ("mqtt://new.example",)
    assert charters.current[:4] == read(signed())[:4]
    newest = charters.current
    assert not charters.add(newest.data) and not charters.add(signed(serial=5)), "what is overtaken stays so"
    for change in (
        {"name": "foes"},
        {"subnet": (bytes([10, 78, 0, 0]), 16)},
        {"slice_length": 25},
        {"ula": b"\xfd" + bytes(7)},
    ):
        try:
            charters.add(signed(serial=9, **change))
            told = None
        except Rejected as rejected:
            told = rejected.reason
        assert told == "other-charter", change
    try:
        charters.revise(STRANGER, ["mqtt://x"], 9)
        told = None
    except Rejected as rejected:
        told = rejected.reason
    assert told == "bad-signature" and charters.current == newest


def test_a_new_one_fits_in_one_message():
    urls = ["mqtt://%s%d" % ("a" * 240, n) for n in range(5)]
    try:
        signed(brokers=urls)
        told = None
    except Rejected as rejected:
        told = rejected.reason
    assert told == "long-charter" and signed(brokers=urls[:3])


def test_a_new_group_gets_addresses_by_chance():
    subnets = set()
    for _ in range(200):
        subnet, slice_length, ula = charter.draw(crypto)
        assert subnet[0][0] == 10 and subnet[0][1] not in (0, 255) and subnet[1] == 16 and slice_length == 24
        subnets.add(subnet)
        assert charter.slices(read(signed(subnet=subnet, slice_length=slice_length, ula=ula))) == 128
        subnet, slice_length, ula = charter.draw(crypto, is_large=True)
        assert charter.slices(read(signed(subnet=subnet, slice_length=slice_length, ula=ula))) == 2048
        assert ula[0] == 0xFD and len(ula) == 8
    assert len(subnets) > 50


def test_each_slice_has_its_place_in_the_subnet():
    group = read(signed())
    assert charter.network(group, 5, 24) == bytes([10, 77, 5, 0])
    assert charter.router(group, 5, 24) == bytes([10, 77, 5, 1])
    assert charter.router(group, 127, 24) == bytes([10, 77, 127, 1])
    assert charter.router(group, 3, 25) == bytes([10, 77, 1, 129])
    for index, length in ((0, 24), (0, 0), (128, 24), (256, 24), (1, 16), (1, 17), (256, 25)):
        assert charter.network(group, index, length) is None and charter.router(group, index, length) is None
    large = read(signed(subnet=(bytes([10, 32, 0, 0]), 12)))
    assert charter.network(large, 2047, 24) == bytes([10, 39, 255, 0])
    assert charter.network(large, 2048, 24) is None


def test_each_slice_has_a_mirror_in_the_upper_half():
    group = read(signed())
    assert charter.mirror(group, bytes([10, 77, 5, 0])) == bytes([10, 77, 133, 0])
    large = read(signed(subnet=(bytes([10, 32, 0, 0]), 12)))
    assert charter.mirror(large, bytes([10, 39, 255, 0])) == bytes([10, 47, 255, 0])


def test_a_subnet_can_be_chosen():
    assert charter.read_subnet("10.77.0.0/16") == ((b"\x0a\x4d\0\0", 16), 24)
    assert charter.read_subnet("192.168.77.0/24") == ((b"\xc0\xa8\x4d\0", 24), 28)
    for wrong in ("10.77.0.0", "10.77.0.1/16", "10.77.0.0/7", "10.77.0.0/25", "fd00::/64", "0.0.0.0/8", "240.0.0.0/8"):
        try:
            charter.read_subnet(wrong)
            told = ""
        except UserError as error:
            told = error.message
        assert told.startswith("a group's subnet is private, like 10.77.0.0/16"), wrong
