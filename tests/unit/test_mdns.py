"""A host's name is found in what avahi and consoles really send, and no message can hang or crash the reader."""

from binascii import unhexlify

from pair import Dice

from ipop.errors import Rejected
from ipop.wire import mdns

NAS = bytes([10, 77, 5, 20])
NAS6 = unhexlify("fd123456789a00000000000000000020")
FLUSH = b"\x80\x01"

# What avahi-daemon 0.8 sends when it has claimed its name: the reverse and the addresses, with pointers into what
# stands before.
AVAHI = unhexlify(
    b"000084000000000400000000016501340135013001660138016501660166016601660165013401340138013301300130"
    b"0130013001300130013001300130013001300130013001380165016603697036046172706100000c800100000078000e"
    b"0664656e2d7063056c6f63616c00c060000180010000007800040a4d010a023130013102373702313007696e2d616464"
    b"72c050000c8001000000780002c060c060001c8001000000780010fe800000000000003844effffe8f054e"
)
LINK_LOCAL = unhexlify("fe800000000000003844effffe8f054e")


def name(*labels):
    return b"".join([bytes([len(label)]) + label for label in labels]) + b"\0"


def record(owner, address, ttl=120, cls=FLUSH):
    kind = b"\0\x01" if len(address) == 4 else b"\0\x1c"
    return owner + kind + cls + ttl.to_bytes(4, "big") + len(address).to_bytes(2, "big") + address


def message(*records, flags=b"\x84\0", questions=b""):
    counts = (b"\0\x01" if questions else b"\0\0") + len(records).to_bytes(2, "big") + bytes(4)
    return b"\0\0" + flags + counts + questions + b"".join(records)


def reason(data):
    try:
        mdns.hosts(data)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_what_avahi_says_when_it_starts():
    assert mdns.hosts(AVAHI) == [(b"den-pc", bytes([10, 77, 1, 10]), 120), (b"den-pc", LINK_LOCAL, 120)]


def test_both_families_and_a_good_bye():
    owner = name(b"NAS", b"LOCAL")
    found = mdns.hosts(message(record(owner, NAS), record(b"\xc0\x0c", NAS6), record(b"\xc0\x0c", NAS, ttl=0)))
    assert found == [(b"NAS", NAS, 120), (b"NAS", NAS6, 120), (b"NAS", NAS, 0)]


def test_a_question_announces_nothing():
    """A probe (RFC 6762 section 8.1) carries the address that its sender would like to have, not one that it has."""
    assert mdns.hosts(message(record(name(b"nas", b"local"), NAS), flags=b"\0\0")) == []
    question = name(b"tv", b"local") + b"\0\x01\0\x01"
    found = mdns.hosts(message(record(name(b"nas", b"local"), NAS), questions=question))
    assert found == [(b"nas", NAS, 120)]


def test_other_names_are_no_hosts():
    for owner in (
        name(b"nas", b"example"),
        name(b"a", b"nas", b"local"),
        name(b"local"),
        name(b"a", b"b", b"c", b"local"),
        b"\0",
    ):
        assert mdns.hosts(message(record(owner, NAS))) == []
    assert mdns.hosts(message(record(name(b"nas", b"local"), NAS, cls=b"\0\xff"))) == []
    assert mdns.hosts(message(name(b"nas", b"local") + b"\0\x01\x80\x01\0\0\0x\0\x03abc")) == []


def test_pointers_can_not_run_in_circles():
    for owner in (b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\xff", b"\xc0\x00", b"\xc0"):
        assert reason(message(record(owner, NAS))) == "bad-mdns", owner
    assert reason(message(record(name(*[b"x" * 63] * 4), NAS))) == "bad-mdns"
    assert reason(message(record(b"\x80", NAS))) == "bad-mdns"


def test_what_is_cut_off_is_refused():
    for n in range(len(AVAHI)):
        assert reason(AVAHI[:n]) == "bad-mdns", n
    assert reason(AVAHI[:6] + b"\xff\xff" + AVAHI[8:]) == "bad-mdns"


def test_any_bytes_are_read_or_refused():
    dice = Dice(1)
    for _ in range(300):
        noise = dice.bytes(8)
        data = bytearray(AVAHI)
        for i in range(0, 8, 2):
            data[noise[i] % len(data)] = noise[i + 1]
        assert reason(bytes(data)) in (None, "bad-mdns")
    for n in range(100):
        assert reason(b"\0\0\x84\0\0\0\0\x05\0\0\0\0" + dice.bytes(n)) in (None, "bad-mdns")
