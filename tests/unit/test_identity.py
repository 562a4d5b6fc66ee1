"""A key is compared by people, letter by letter: the same key must always look the same."""

from pair import Dice

from ipop.group import identity
from ipop.group.identity import Identity
from ipop.ports import crypto


def test_any_seed_makes_an_identity_and_the_same_one_again():
    dice = Dice(3)
    for _ in range(40):
        first = Identity(crypto, dice.bytes(32))
        again = Identity(crypto, first.seed)
        assert (again.seed, again.public, again.wg_private) == (first.seed, first.public, first.wg_private)
        assert not first.public[31] & 0x80
        assert first.public == crypto.sign_public(first.seed)


def test_the_wireguard_key_is_the_image_of_the_signing_key():
    dice = Dice(4)
    for _ in range(20):
        me, you = Identity(crypto, dice.bytes(32)), Identity(crypto, dice.bytes(32))
        assert identity.wg_key(crypto, me.public) == me.wg_public == crypto.dh_base(me.wg_private)
        assert me.dh(you.wg_public) == you.dh(me.wg_public) != me.dh(me.wg_public)


def test_what_an_identity_signs_is_verified_with_its_key():
    me = identity.create(crypto)
    signature = me.sign(b"hello")
    assert crypto.verify(me.public, b"hello", signature)
    assert not crypto.verify(me.public, b"hallo", signature)
    assert identity.create(crypto).public != me.public


def test_keys_that_nobody_can_have():
    me = Identity(crypto, bytes(32))
    for key in (
        b"",
        me.public[:31],
        me.public + b"\0",
        me.public[:31] + bytes([me.public[31] | 0x80]),  # the same WireGuard key
        bytes(32),  # of low order
        b"\1" + bytes(31),
        b"\xee" + b"\xff" * 30 + b"\x7f",  # 1, written otherwise
        b"\2" * 32,  # not on the curve
        b"\xff" * 32,
    ):
        assert identity.wg_key(crypto, key) is None, key


def test_the_same_key_has_the_same_fingerprint_for_ever():
    me = Identity(crypto, bytes(range(32)))
    assert me.public.hex() == "5137f31a522e5208f409b40ff1ee8469fdf3df464bf34da3241d2dffbeef2973"
    assert me.fingerprint == identity.fingerprint(crypto, me.public) == "C4GY-ECCG-Y7GG-6J97"


def test_a_fingerprint_as_people_type_it():
    written = "7QK2-M4TF-A9XC-PW3D"
    for typed in (written, "7qk2-m4tf-a9xc-pw3d", "7QK2M4TFA9XCPW3D", " 7qk2 m4tf a9xc pw3d ", "7QK2-M4TFA9XC-PW3D"):
        assert identity.read_fingerprint(typed) == written
        assert identity.is_same_fingerprint(typed, written) and identity.is_same_fingerprint(written, typed)
    assert identity.read_fingerprint("O0iI-lL1o-AAAA-AAAA") == "0011-1110-AAAA-AAAA"


def test_what_is_no_fingerprint():
    good = "7QK2-M4TF-A9XC-PW3D"
    for typed in ("", "7QK2", good[:-1], good + "D", good[:-1] + "U", good[:-2] + "é3"):
        assert identity.read_fingerprint(typed) is None
        assert not identity.is_same_fingerprint(typed, typed)
    assert not identity.is_same_fingerprint("7QK2-M4TF-A9XC-PW3D", "7QK2-M4TF-A9XC-PW3E")


def test_base32_of_crockford():
    assert identity.base32(b"") == ""
    assert identity.base32(b"\0") == "00"
    assert identity.base32(b"\xff") == "ZW"
    assert identity.base32(bytes([0x00, 0x44, 0x32, 0x14, 0xC7])) == "01234567"
    assert identity.base32(b"\xff" * 10) == "Z" * 16
