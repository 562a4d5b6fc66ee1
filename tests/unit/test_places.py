"""Where members say they are: anybody may carry it, nobody can change it, and the newest counts."""

from ipop.errors import Rejected
from ipop.group.identity import Identity
from ipop.group.places import ADDRESSES_MAX, CONTEXT, Places, parse, sign
from ipop.ports import crypto

DEN, CABIN = Identity(crypto, bytes(32)), Identity(crypto, b"\x01" * 32)
GROUP = DEN.public
HOME, HOTEL = ("203.0.113.7", 51820), ("2001:db8::1", 51820)


def place(sequence, *addresses, who=DEN, group=GROUP, release="0.1.0"):
    return sign(crypto, group, who.seed, sequence, release, list(addresses))


def rejection(act, *args):
    try:
        act(*args)
    except Rejected as rejected:
        return rejected.reason
    return None


class Members(Places):
    """The places of those in `inside`."""

    def __init__(self, *inside):
        self.inside = [member.public for member in inside]
        Places.__init__(self, crypto, GROUP, lambda key: key in self.inside)


class CountsVerifications:
    def __init__(self):
        self.sha256, self.verified = crypto.sha256, 0

    def verify(self, *rest):
        self.verified += 1
        return crypto.verify(*rest)


def test_what_is_known_already_costs_no_signature_check():
    counting = CountsVerifications()
    places = Places(counting, GROUP, lambda key: True)
    older, newer = place(6, HOME), place(7, HOME)
    assert places.add(newer) is not None
    for _ in range(100):
        assert places.add(newer) is None and places.add(older) is None
    assert counting.verified == 1
    forged = newer[:40] + b"\x08" + newer[41:]
    assert rejection(places.add, forged) == "bad-signature" and counting.verified == 2
    assert places.get(DEN.public).data == newer


def test_what_is_said_is_what_is_heard():
    for addresses in ((), (HOME,), (HOTEL, HOME)):
        for release in ("", "0.1.0", "x" * 32):
            data = place(7, *addresses, release=release)
            heard = parse(crypto, GROUP, data)
            assert heard == (DEN.public, 7, release, list(addresses), [], False, [], data)


def test_an_address_at_a_turn_server_is_told_apart_and_finds_room_behind_many_others():
    addresses = [("192.0.2.%d" % number, 1) for number in range(ADDRESSES_MAX)]
    heard = parse(crypto, GROUP, sign(crypto, GROUP, DEN.seed, 7, "0.1.0", addresses, at_turn=[HOTEL]))
    assert (heard.addresses, heard.at_turn) == (addresses[:-1], [HOTEL])


def test_of_too_many_addresses_the_best_are_told():
    addresses = [("192.0.2.%d" % number, 1) for number in range(ADDRESSES_MAX + 4)]
    assert parse(crypto, GROUP, place(1, *addresses)).addresses == addresses[:ADDRESSES_MAX]


def written_by_another_program(text):
    """A place with HOME and this, signed by DEN."""
    stub = place(7, HOME, ("192.0.2.1", 1))[:-64].replace(b"\x0b192.0.2.1:1", bytes([len(text)]) + text)
    return stub + crypto.sign(DEN.seed, CONTEXT + GROUP + stub)


def test_an_address_that_can_not_be_anybodys_is_neither_told_nor_heard():
    wrong = (
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "::ffff:192.0.2.1",
        "::ffff:127.0.0.1",
    )
    data = place(7, *[(host, 1) for host in wrong], HOME)
    assert parse(crypto, GROUP, data).addresses == [HOME]
    data = written_by_another_program(b"127.0.0.1:1")
    assert parse(crypto, GROUP, data) == (DEN.public, 7, "0.1.0", [HOME], [], False, [], data)


def test_no_bit_of_it_can_be_changed():
    data = place(7, HOME, HOTEL)
    for at in range(len(data)):
        for bit in (1, 128):
            changed = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            assert rejection(parse, crypto, GROUP, changed) in ("bad-place", "bad-signature"), at
    for n in range(len(data)):
        assert rejection(parse, crypto, GROUP, data[:n]) in ("bad-place", "bad-signature"), n
        assert rejection(parse, crypto, GROUP, data + data[: n + 1]) in ("bad-place", "bad-signature"), n


def test_in_another_group_it_says_nothing():
    assert rejection(parse, crypto, CABIN.public, place(7, HOME)) == "bad-signature"


def test_names_and_nonsense_are_no_addresses():
    """A member must not make the others ask the DNS, or worse."""
    for text in (b"host.example:1", b":1", b"1.2.3:1", b"1.2.3.4.5:1", b"[::1::2]:1", b"192.0.2.1"):
        assert rejection(parse, crypto, GROUP, written_by_another_program(text)) == "bad-place", text


def test_the_newest_counts_in_any_order():
    older, newer, newest = place(1, HOME), place(2, HOTEL), place((1 << 64) - 1)
    places = Members(DEN)
    assert places.add(newer) and not places.add(older) and not places.add(newer)
    assert places.get(DEN.public).addresses == [HOTEL]
    assert places.add(newest) and not places.add(newer)
    assert places.get(DEN.public).addresses == [] and len(places.all()) == 1


def test_of_strangers_nothing_is_kept():
    places = Members(DEN)
    assert rejection(places.add, place(1, HOME, who=CABIN)) == "stranger"
    assert places.get(CABIN.public) is None
    places.inside.append(CABIN.public)
    assert places.add(place(1, HOME, who=CABIN))
    places.inside.remove(CABIN.public)
    places.forget_strangers()
    assert places.get(CABIN.public) is None and places.digest() == Members(DEN).digest()


def test_the_digest_tells_who_knows_the_same():
    one, other = Members(DEN, CABIN), Members(DEN, CABIN)
    first, second, third = place(1, HOME), place(1, HOTEL, who=CABIN), place(2, HOTEL)
    one.add(first)
    one.add(second)
    other.add(second)
    assert one.digest() != other.digest()
    other.add(first)
    assert one.digest() == other.digest() and len(one.digest()) == 8
    one.add(third)
    assert one.digest() != other.digest()


def test_each_is_in_the_bucket_of_its_first_four_bits():
    places = Members(DEN, CABIN)
    places.add(place(1, HOME))
    places.add(place(1, HOTEL, who=CABIN))
    found = [place.member for bucket in range(16) for place in places.in_bucket(bucket)]
    assert sorted(found) == sorted([DEN.public, CABIN.public])
    assert [place.member for place in places.in_bucket(DEN.public[0] >> 4)].count(DEN.public) == 1
