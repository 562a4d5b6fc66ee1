"""STUN's messages are read and written as the RFCs have them, and whatever else comes is turned away under a word."""

from binascii import unhexlify

from ipop.errors import Rejected
from ipop.ports import crypto
from ipop.wire import stun

PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes(range(0xA0, 0xAC))


def h(text):
    return unhexlify(text.replace(" ", "").replace("\n", ""))


# --- RFC 5769

REQUEST = h("""
    000100582112a442 b7e7a701bc34d686fa87dfae
    80220010 5354554e207465737420636c69656e74
    00240004 6e0001ff
    80290008 932ff9b151263b36
    00060009 6576746a3a68367659202020
    00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
    80280004 e57a3bcf""")
IPV4_RESPONSE = h("""
    0101003c2112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f7220
    00200008 0001a147e112a643
    00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
    80280004 c07d4c96""")
IPV6_RESPONSE = h("""
    010100482112a442 b7e7a701bc34d686fa87dfae
    8022000b 7465737420766563746f7220
    00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
    00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
    80280004 c8fb0b4c""")
LONG_TERM_REQUEST = h("""
    000100602112a442 78ad3433c6ad72c029da412e
    00060012 e3839ee38388e383aae38383e382afe382b90000
    0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
    0014000b 6578616d706c652e6f726700
    00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666""")
LONG_TERM_KEY = crypto.md5("マトリックス:example.org:TheMatrIX".encode())


def is_signed(data, key=PASSWORD):
    return stun.parse(data).is_signed(stun.MESSAGE_INTEGRITY, crypto.hmac_sha1, key, crypto.equal)


def test_the_request_of_the_rfc():
    """Section 2.1; PRIORITY and ICE-CONTROLLED are nothing that we know."""
    message = stun.parse(REQUEST)
    assert (message.kind, message.method) == (stun.REQUEST, stun.BINDING)
    assert message.transaction == h("b7e7a701bc34d686fa87dfae")
    assert message.attributes == [
        (stun.SOFTWARE, "STUN test client"),
        (0x0024, h("6e0001ff")),
        (0x8029, h("932ff9b151263b36")),
        (stun.USERNAME, b"evtj:h6vY"),
    ]
    assert message.unknown() == [0x0024]
    assert is_signed(REQUEST)


def test_the_responses_of_the_rfc():
    """Sections 2.2 and 2.3."""
    for data, mapped in (
        (IPV4_RESPONSE, ("192.0.2.1", 32853)),
        (IPV6_RESPONSE, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)),
    ):
        message = stun.parse(data)
        assert (message.kind, message.method) == (stun.SUCCESS, stun.BINDING)
        assert message.get(stun.XOR_MAPPED_ADDRESS) == mapped
        assert message.get(stun.SOFTWARE) == "test vector"
        assert is_signed(data)
        assert not is_signed(data, b"another password")


def test_what_was_read_can_be_written_again():
    """The request with long-term credentials (section 2.4) pads with zeros as we do, so it comes out to the byte."""
    message = stun.parse(LONG_TERM_REQUEST)
    assert message.get(stun.USERNAME) == "マトリックス".encode()
    assert message.get(stun.REALM) == b"example.org"
    assert message.get(stun.NONCE) == b"f//499k954d6OL34oL9FSTvy64sA"
    again = stun.build(message.kind, message.method, message.transaction, message.attributes)
    assert stun.sign(again, stun.MESSAGE_INTEGRITY, crypto.hmac_sha1, LONG_TERM_KEY) == LONG_TERM_REQUEST


def test_the_others_come_out_the_same_but_for_their_padding():
    for data in (REQUEST, IPV4_RESPONSE, IPV6_RESPONSE):
        message = stun.parse(data)
        again = stun.build(message.kind, message.method, message.transaction, message.attributes)
        again = stun.sign(again, stun.MESSAGE_INTEGRITY, crypto.hmac_sha1, PASSWORD)
        again = stun.fingerprint(again)
        assert len(again) == len(data)
        assert stun.parse(again).attributes == message.attributes
        assert is_signed(again)


def test_integrity_by_sha256():
    """The message of RFC 8489 appendix B.1, with the integrity that other implementations compute for it: the key is
    SHA-256's too, and the user's name is hashed, in an attribute that we don't know."""
    data = h("""
        000100902112a442 78ad3433c6ad72c029da412e
        001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
        00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341 000000
        0014000b 6578616d706c652e6f726700
        001d0004 00020000
        001c0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65""")
    key = crypto.sha256("マトリックス:example.org:TheMatrIX".encode())
    message = stun.parse(data)
    assert message.get(stun.NONCE) == b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"
    assert message.get(stun.PASSWORD_ALGORITHM) == [stun.SHA256]
    assert message.is_signed(stun.MESSAGE_INTEGRITY_SHA256, crypto.hmac_sha256, key, crypto.equal)
    assert not message.is_signed(stun.MESSAGE_INTEGRITY, crypto.hmac_sha1, key, crypto.equal)
    again = stun.build(message.kind, message.method, message.transaction, message.attributes)
    assert stun.sign(again, stun.MESSAGE_INTEGRITY_SHA256, crypto.hmac_sha256, key) == data


# --- values

VALUES = (
    (stun.MAPPED_ADDRESS, ("192.0.2.1", 3478), "0001 0d96 c0000201"),
    (stun.MAPPED_ADDRESS, ("2001:db8::1", 3478), "0002 0d96 20010db8000000000000000000000001"),
    (stun.CHANGE_REQUEST, stun.CHANGE_IP | stun.CHANGE_PORT, "00000006"),
    (stun.USERNAME, b"den", "64656e"),
    (stun.ERROR_CODE, (438, "Stale Nonce"), "00000426 5374616c65204e6f6e6365"),
    (stun.UNKNOWN_ATTRIBUTES, [0x0003, 0x0027], "00030027"),
    (stun.CHANNEL_NUMBER, 0x4001, "40010000"),
    (stun.LIFETIME, 600, "00000258"),
    (stun.XOR_PEER_ADDRESS, ("192.0.2.1", 32853), "0001a147e112a643"),
    (stun.DATA, b"12345", "3132333435"),
    (stun.REALM, b"example.org", "6578616d706c652e6f7267"),
    (stun.NONCE, b"abc", "616263"),
    (stun.XOR_RELAYED_ADDRESS, ("192.0.2.1", 32853), "0001a147e112a643"),
    (stun.REQUESTED_ADDRESS_FAMILY, stun.IPV6, "02000000"),
    (stun.REQUESTED_TRANSPORT, stun.UDP, "11000000"),
    (stun.PASSWORD_ALGORITHM, [stun.SHA256], "00020000"),
    (stun.XOR_MAPPED_ADDRESS, ("2001:db8::1", 32853), "0002a147 0113a9faa0a1a2a3a4a5a6a7a8a9aaaa"),
    (stun.ADDITIONAL_ADDRESS_FAMILY, stun.IPV6, "02000000"),
    (stun.DRAFT_ADDITIONAL_ADDRESS_FAMILY, stun.IPV6, "02000000"),
    (stun.PASSWORD_ALGORITHMS, [stun.MD5, stun.SHA256], "0001000000020000"),
    (stun.SOFTWARE, "Coturn-4.6.1", "436f7475726e2d342e362e31"),
    (stun.RESPONSE_ORIGIN, ("192.0.2.1", 3478), "00010d96c0000201"),
    (stun.OTHER_ADDRESS, ("192.0.2.2", 3479), "00010d97c0000202"),
    (0x7FFF, b"whatever", "7768617465766572"),
)


def test_each_attribute_is_written_and_read():
    for attribute, value, expected in VALUES:
        data = stun.build(stun.INDICATION, stun.SEND, TRANSACTION, [(attribute, value)])
        size = len(h(expected))
        assert data[20:24] == attribute.to_bytes(2, "big") + size.to_bytes(2, "big"), attribute
        assert data[24:] == h(expected) + bytes(-size & 3), attribute
        assert stun.parse(data).attributes == [(attribute, value)]


def test_every_class_of_every_method():
    """The type of a message interleaves the two (RFC 8489 figure 3)."""
    types = {
        (stun.REQUEST, stun.BINDING): 0x0001,
        (stun.INDICATION, stun.BINDING): 0x0011,
        (stun.SUCCESS, stun.BINDING): 0x0101,
        (stun.ERROR, stun.BINDING): 0x0111,
        (stun.ERROR, stun.ALLOCATE): 0x0113,
        (stun.INDICATION, stun.SEND): 0x0016,
        (stun.INDICATION, stun.DATA_INDICATION): 0x0017,
        (stun.SUCCESS, stun.CREATE_PERMISSION): 0x0108,
        (stun.REQUEST, 0xFFF): 0x3EEF,
    }
    for (kind, method), expected in types.items():
        data = stun.build(kind, method, TRANSACTION)
        assert data[0] << 8 | data[1] == expected
        message = stun.parse(data)
        assert (message.kind, message.method, message.transaction) == (kind, method, TRANSACTION)


def test_the_first_of_several_counts_and_all_can_be_had():
    values = [(stun.XOR_RELAYED_ADDRESS, ("192.0.2.1", 1)), (stun.XOR_RELAYED_ADDRESS, ("2001:db8::1", 2))]
    message = stun.parse(stun.build(stun.SUCCESS, stun.ALLOCATE, TRANSACTION, values))
    assert message.get(stun.XOR_RELAYED_ADDRESS) == ("192.0.2.1", 1)
    assert message.get_all(stun.XOR_RELAYED_ADDRESS) == [("192.0.2.1", 1), ("2001:db8::1", 2)]
    assert message.get(stun.LIFETIME) is None


def test_addresses_are_written_as_the_kernel_does():
    """What a server calls us has to be comparable with where a datagram came from."""
    for packed, text in (
        ("c0000201", "192.0.2.1"),
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000000000001", "::1"),
        ("20010db8000000000000000000000001", "2001:db8::1"),
        ("20010db8000000000001000000000001", "2001:db8::1:0:0:1"),
        ("20010db8000100000000000000010001", "2001:db8:1::1:1"),
        ("20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"),
        ("20010db8000100010001000100010000", "2001:db8:1:1:1:1:1:0"),
        ("20010db8000100010001000100000000", "2001:db8:1:1:1:1::"),
        ("0000000000000000000000000000abcd", "::abcd"),
    ):
        assert stun.host(h(packed)) == text


def test_reasons_are_fit_to_be_shown():
    error = 486, "no\x1b[31m\nroom" + "x" * 300
    data = stun.build(stun.ERROR, stun.ALLOCATE, TRANSACTION, [(stun.ERROR_CODE, error)])
    code, reason = stun.parse(data).get(stun.ERROR_CODE)
    assert code == 486
    assert reason.startswith("no[31mroom") and len(reason) <= 128


# --- channels


def test_data_on_a_channel():
    data = stun.channel_data(0x4001, b"hello")
    assert data == h("40010005 68656c6c6f")
    assert stun.parse_channel_data(data) == (0x4001, b"hello")
    assert stun.parse_channel_data(data + bytes(3)) == (0x4001, b"hello")  # padded
    assert stun.message_size(data) == 12
    assert rejected(stun.parse_channel_data, data[:-1]) == "bad-stun"


# --- what comes from others


def rejected(parse, data):
    """The word under which it is, or None."""
    try:
        parse(data)
    except Rejected as rejection:
        return rejection.reason
    return None


def test_wireguards_messages_and_these_are_never_taken_for_one_another():
    """All arrive at one socket. What is in a WireGuard message behind its first four bytes anybody may choose."""
    for kind in (1, 2, 3, 4):
        for mark in (0, 1):
            message = bytes([kind, 0, 0, mark]) + stun.COOKIE + bytes(140)
            assert not stun.is_stun(message)
            assert not stun.is_channel_data(message)
    for data in (REQUEST, IPV4_RESPONSE, IPV6_RESPONSE, LONG_TERM_REQUEST):
        assert stun.is_stun(data) and not stun.is_channel_data(data)
    for kind in range(4):
        for method in (1, 3, 4, 6, 7, 8, 9):
            data = stun.build(kind, method, TRANSACTION)
            assert stun.is_stun(data) and not stun.is_channel_data(data)
            assert data[1] != 0  # a WireGuard message has zero there
    for channel in (stun.CHANNEL_MIN, stun.CHANNEL_MAX):
        data = stun.channel_data(channel, bytes(20))
        assert stun.is_channel_data(data) and not stun.is_stun(data)


def test_a_message_that_is_cut_or_longer_is_no_message():
    for data in (REQUEST, IPV4_RESPONSE, IPV6_RESPONSE, LONG_TERM_REQUEST):
        for n in range(len(data)):
            assert rejected(stun.parse, data[:n]) == "bad-stun"
        assert rejected(stun.parse, data + bytes(4)) == "bad-stun"


def test_any_changed_bit_is_noticed():
    """By the fingerprint, but for the bits of the length and of the cookie, which are looked at before."""
    for data in (REQUEST, IPV4_RESPONSE, IPV6_RESPONSE):
        for i in range(len(data)):
            changed = data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :]
            if rejected(stun.parse, changed) is None:  # the fingerprint's own type: now it is another attribute
                assert i in (len(data) - 8, len(data) - 7)
            assert rejected(stun.parse, changed) == "bad-stun" or is_signed(changed)


def test_integrity_covers_all_before_it():
    for i in range(len(LONG_TERM_REQUEST)):
        changed = LONG_TERM_REQUEST[:i] + bytes([LONG_TERM_REQUEST[i] ^ 1]) + LONG_TERM_REQUEST[i + 1 :]
        assert rejected(stun.parse, changed) is not None or not is_signed(changed, LONG_TERM_KEY)


def test_what_stands_behind_the_integrity_is_not_read():
    """Somebody on the way could have put it there."""
    mapped = stun.XOR_MAPPED_ADDRESS, ("198.51.100.1", 1)
    addition = stun.build(stun.REQUEST, stun.BINDING, TRANSACTION, [mapped])[stun.HEADER :]
    longer = LONG_TERM_REQUEST[:2] + (len(LONG_TERM_REQUEST) + len(addition) - 20).to_bytes(2, "big")
    longer += LONG_TERM_REQUEST[4:] + addition
    message = stun.parse(longer)
    assert message.get(stun.XOR_MAPPED_ADDRESS) is None
    assert message.attributes == stun.parse(LONG_TERM_REQUEST).attributes
    assert is_signed(longer, LONG_TERM_KEY)


def test_values_of_a_wrong_size_are_rejected():
    fixed = (
        stun.MAPPED_ADDRESS,
        stun.CHANGE_REQUEST,
        stun.CHANNEL_NUMBER,
        stun.LIFETIME,
        stun.XOR_PEER_ADDRESS,
        stun.XOR_RELAYED_ADDRESS,
        stun.REQUESTED_ADDRESS_FAMILY,
        stun.REQUESTED_TRANSPORT,
        stun.XOR_MAPPED_ADDRESS,
        stun.MESSAGE_INTEGRITY,
        stun.MESSAGE_INTEGRITY_SHA256,
        stun.FINGERPRINT,
        stun.RESPONSE_ORIGIN,
        stun.OTHER_ADDRESS,
    )
    for attribute in fixed:
        for size in (0, 1, 2, 3, 5, 7, 9, 12, 19, 21, 24, 31, 33, 400):
            value = bytes([0, 1] + [7] * 400)[:size]
            body = attribute.to_bytes(2, "big") + size.to_bytes(2, "big") + value + bytes(-size & 3)
            data = stun.build(stun.SUCCESS, stun.BINDING, TRANSACTION)[:2] + len(body).to_bytes(2, "big")
            data += stun.COOKIE + TRANSACTION + body
            assert rejected(stun.parse, data) == "bad-stun", (attribute, size)
    assert rejected(stun.parse, stun.build(0, 1, TRANSACTION, [(stun.ERROR_CODE, (400, ""))])) is None


def test_garbage_is_rejected_and_nothing_worse():
    """Random attributes in a right frame, from a generator that repeats."""
    state = 1
    types = [attribute for attribute, _, _ in VALUES] + [stun.FINGERPRINT, stun.MESSAGE_INTEGRITY, 0x0001]
    for _ in range(3000):
        body = b""
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            size = (state >> 8) % 26
            value = bytes([(state >> (i % 24)) * (i + 3) & 255 for i in range(size)])
            body += types[(state >> 16) % len(types)].to_bytes(2, "big") + size.to_bytes(2, "big")
            body += value + bytes(-size & 3)
        cut = len(body) & ~3 if state & 64 else max(len(body) - 4, 0)
        data = b"\x01\x01" + cut.to_bytes(2, "big") + stun.COOKIE + TRANSACTION + body[:cut]
        assert rejected(stun.parse, data) in (None, "bad-stun")
