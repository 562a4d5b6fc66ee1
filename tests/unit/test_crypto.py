"""Both ports compute what the RFCs say, so routers with different interpreters understand each other."""

from binascii import unhexlify

from ipop.ports import crypto
from ipop.wg.suites import suites


def h(text):
    return unhexlify(text.replace(" ", "").replace("\n", ""))


# --- X25519, RFC 7748 sections 5.2 and 6.1


def test_x25519_of_the_rfc():
    scalar = h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    u = h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert crypto.dh(scalar, u) == h("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    scalar = h("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d")
    u = h("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493")
    assert crypto.dh(scalar, u) == h("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")


def test_a_thousand_rounds_of_x25519():
    k = u = b"\x09" + bytes(31)
    for _ in range(1000):
        k, u = crypto.dh(k, u), k
    assert k == h("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")


def test_alice_and_bob_agree():
    alice = h("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = h("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    alice_public = crypto.dh_base(alice)
    bob_public = crypto.dh_base(bob)
    assert alice_public == h("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    assert bob_public == h("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    shared = h("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    assert crypto.dh(alice, bob_public) == crypto.dh(bob, alice_public) == shared


def test_a_point_of_low_order_gives_no_secret():
    """The order of each divides 8 (RFC 7748 section 7): the "shared" bytes would be zeros that everybody knows."""
    points = (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
    for point in points:
        assert crypto.dh(bytes(range(32)), h(point)) is None, point


# --- ChaCha20-Poly1305, RFC 8439 section 2.8.2, and XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03 appendix A.3.1

SUNSCREEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
AD = h("50515253c0c1c2c3c4c5c6c7")
KEY = bytes(range(0x80, 0xA0))

NONCE = h("070000004041424344454647")
SEALED = h("""
    d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6
    3dbea45e8ca9671282fafb69da92728b 1a71de0a9e060b2905d6a5b67ecd3b36
    92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
    3ff4def08e4b7a9de576d26586cec64b 6116
    1ae10b594f09e26a7e902ecbd0600691""")

XNONCE = bytes(range(0x40, 0x58))
XSEALED = h("""
    bd6d179d3e83d43b9576579493c0e939 572a1700252bfaccbed2902c21396cbb
    731c7f1b0b4aa6440bf3a82f4eda7e39 ae64c6708c54c216cb96b72e1213b452
    2f8c9ba40db5d945b11b69b982c1bb9e 3f3fac2bc369488f76b2383565d3fff9
    21f9664c97637da9768812f615c68b13 b52e
    c0875924c1c7987947deafd8780acf49""")


def test_chacha20_poly1305():
    assert crypto.seal(KEY, NONCE, AD, SUNSCREEN) == SEALED
    assert crypto.unseal(KEY, NONCE, AD, SEALED) == SUNSCREEN


def test_xchacha20_poly1305():
    assert crypto.xseal(KEY, XNONCE, AD, SUNSCREEN) == XSEALED
    assert crypto.xunseal(KEY, XNONCE, AD, XSEALED) == SUNSCREEN


def test_any_changed_bit_is_noticed():
    for unseal, nonce, sealed in ((crypto.unseal, NONCE, SEALED), (crypto.xunseal, XNONCE, XSEALED)):
        for i in range(len(sealed)):
            forged = bytearray(sealed)
            forged[i] ^= 1 << i % 8
            assert unseal(KEY, nonce, AD, bytes(forged)) is None
        assert unseal(KEY, nonce, AD + b"x", sealed) is None
        assert unseal(KEY, nonce[:-1] + b"x", AD, sealed) is None
        assert unseal(b"x" + KEY[1:], nonce, AD, sealed) is None
        assert unseal(KEY, nonce, AD, sealed[:-1]) is None


def test_what_is_shorter_than_a_tag_is_no_message():
    for n in range(16):
        assert crypto.unseal(KEY, NONCE, b"", bytes(n)) is None
        assert crypto.xunseal(KEY, XNONCE, b"", bytes(n)) is None


def test_nothing_can_be_sealed():
    """The empty packet is WireGuard's keep-alive."""
    for seal, unseal, nonce in ((crypto.seal, crypto.unseal, NONCE), (crypto.xseal, crypto.xunseal, XNONCE)):
        sealed = seal(KEY, nonce, b"", b"")
        assert len(sealed) == 16
        assert unseal(KEY, nonce, b"", sealed) == b""


def test_sealing_and_opening_in_place():
    """The packet path's functions, on pointers: the same bytes as the ones above, and nothing around them touched."""
    buffer = bytearray(b"<" * 20 + SUNSCREEN + bytes(16) + b">" * 20)
    key, nonce, ad = bytearray(KEY), bytearray(NONCE), bytearray(AD)
    at = crypto.pointer(buffer) + 20
    args = crypto.pointer(ad), len(ad)
    null, n = crypto.NULL, len(SUNSCREEN)
    crypto.aead_seal(at, null, at, n, *args, null, crypto.pointer(nonce), crypto.pointer(key))
    assert bytes(buffer) == b"<" * 20 + SEALED + b">" * 20
    result = crypto.aead_open(at, null, null, at, n + 16, *args, crypto.pointer(nonce), crypto.pointer(key))
    assert result == 0
    assert bytes(buffer[: 20 + n]) == b"<" * 20 + SUNSCREEN
    assert bytes(buffer[-20:]) == b">" * 20


# --- SHA-256 (RFC 6234), HMAC-SHA256 (RFC 4231)


def test_sha256():
    assert crypto.sha256(b"abc") == h("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert crypto.sha256(b"") == h("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


def test_hmac_sha256_with_keys_of_any_length():
    cases = (
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            bytes(range(1, 26)),
            b"\xcd" * 50,
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            b"\xaa" * 131,
            b"This is a test using a larger than block-size key and a larger than block-size data. "
            b"The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    )
    for key, data, expected in cases:
        assert crypto.hmac_sha256(key, data) == h(expected)


# --- HMAC-SHA1 (RFC 2202 section 3), MD5 (RFC 1321 appendix A.5)


def test_hmac_sha1_with_keys_of_any_length():
    cases = (
        (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
        (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
        (bytes(range(1, 26)), b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
        (b"\x0c" * 20, b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
        (
            b"\xaa" * 80,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "aa4ae5e15272d00e95705637ce8a3b55ed402112",
        ),
        (
            b"\xaa" * 80,
            b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
            "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
        ),
    )
    for key, data, expected in cases:
        assert crypto.hmac_sha1(key, data) == h(expected)


def test_md5():
    cases = (
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"a", "0cc175b9c0f1b6a831c399e269772661"),
        (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        (b"message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (b"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
        (
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
        (b"1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
    )
    for data, expected in cases:
        assert crypto.md5(data) == h(expected)


def test_hmac_sha1_and_md5_of_every_length_around_two_blocks():
    """The expected value is from CPython's hashlib, which is OpenSSL's."""
    digests = b""
    for length in range(131):
        data = bytes([i * 7 & 255 for i in range(length)])
        digests += crypto.md5(data) + crypto.hmac_sha1(data[: length // 2], data)
    assert crypto.sha256(digests) == h("f146a7e7f0bb8a3dec2fef0a557454f3659bb85dc07c5cc554b28077b399ed62")


# --- BLAKE2s, RFC 7693


def test_blake2s_of_abc():
    """Appendix B."""
    expected = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    assert crypto.blake2s(b"abc") == h(expected)


def _sequence(length, seed):
    a, b = 0xDEAD4BAD * seed & 0xFFFFFFFF, 1
    out = bytearray()
    for _ in range(length):
        a, b = b, a + b & 0xFFFFFFFF
        out.append(b >> 24)
    return bytes(out)


def test_blake2s_tests_itself():
    """Appendix E: a hash over hashes of several lengths, with keys and without."""
    digests = b""
    for size in (16, 20, 28, 32):
        for length in (0, 3, 64, 65, 255, 1024):
            data = _sequence(length, length)
            digests += crypto.blake2s(data, b"", size)
            digests += crypto.blake2s(data, _sequence(size, size), size)
    expected = "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe"
    assert crypto.blake2s(digests) == h(expected)


def test_blake2s_of_every_length_around_two_blocks():
    """The expected value is from CPython's hashlib, which is BLAKE2's reference code."""
    digests = b""
    for length in range(131):
        data = bytes([i * 7 & 255 for i in range(length)])
        for key_length in (0, 1, 31, 32):
            for size in (16, 32):
                digests += crypto.blake2s(data, bytes(range(key_length)), size)
    assert crypto.blake2s(digests) == h("cae4da39cf28c7f32bb93698d18a25f676eca7cd170f4954ef6a76d3d63f3b3d")


# --- what stands on them


def test_equal_compares_all_of_it():
    assert crypto.equal(b"0123456789abcdef", b"0123456789abcdef")
    assert not crypto.equal(b"0123456789abcdef", b"0123456789abcdeF")
    assert not crypto.equal(b"0123456789abcdef", b"0123456789abcde")
    assert not crypto.equal(b"0123456789abcdef", b"")


def test_random_bytes_differ():
    drawn = [crypto.random(16) for _ in range(100)]
    assert len(set(drawn)) == 100
    assert all(len(bytes16) == 16 for bytes16 in drawn)


def test_the_suites_macs_have_16_bytes():
    key, data = bytes(range(32)), bytes(148)
    both = suites(crypto)
    assert both["sha256"].mac(key, data) == crypto.hmac_sha256(key, data)[:16]
    assert both["blake2s"].mac(key, data) == crypto.blake2s(data, key, 16)


def test_stock_peers_and_stun_are_told_from_our_own():
    """Ours set the fourth byte of the header to 1; WireGuard has zero there, STUN (RFC 8489) a multiple of four."""
    both = suites(crypto)
    assert both["blake2s"].header == 0
    assert both["sha256"].header == 0x01000000


# --- Ed25519, RFC 8032 section 7.1, and its image on curve25519

SIGNATURES = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555f"
        "b8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da08"
        "5ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18"
        "ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


def test_ed25519_of_the_rfc():
    for seed, public, message, signature in SIGNATURES:
        seed, public, message, signature = h(seed), h(public), h(message), h(signature)
        assert crypto.sign_public(seed) == public
        assert crypto.sign(seed, message) == signature
        assert crypto.verify(public, message, signature)


def test_a_signature_is_for_one_message_and_one_key():
    seed, public, message, signature = [h(text) for text in SIGNATURES[2]]
    for i in range(64):
        assert not crypto.verify(public, message, signature[:i] + bytes([signature[i] ^ 1]) + signature[i + 1 :])
    assert not crypto.verify(public, message + b"\0", signature)
    assert not crypto.verify(public, b"", signature)
    assert not crypto.verify(h(SIGNATURES[0][1]), message, signature)


def test_keys_and_signatures_of_other_sizes_are_refused_and_not_read_beyond():
    _, public, message, signature = [h(text) for text in SIGNATURES[0]]
    for n in (0, 1, 31, 33):
        assert not crypto.verify((public + b"\0")[:n], message, signature)
        assert crypto.curve_public((public + b"\0")[:n]) is None
    for n in (0, 1, 63, 65):
        assert not crypto.verify(public, message, (signature + b"\0")[:n])


def test_one_key_signs_and_agrees():
    """A node's identity is its Ed25519 key; its WireGuard key is the image of that."""
    for text in SIGNATURES:
        seed, public = h(text[0]), h(text[1])
        assert crypto.curve_public(public) == crypto.dh_base(crypto.curve_private(seed))


def test_what_is_no_point_has_no_image():
    assert crypto.curve_public(b"\x02" + bytes(31)) is None
    assert crypto.curve_public(bytes(32)) is None  # of low order
    assert crypto.curve_public(b"\x01" + bytes(31)) is None
