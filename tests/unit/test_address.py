from ipop.wire.address import network, pack, parse, text

WRONG_ADDRESSES = (
    "|1|1.2.3|1.2.3.4.5|1.2.3.256|1.2.3.04|1.2.3.-4| 1.2.3.4|1.2.3.4 |\u0661.2.3.4|"
    ":|:::|1::2::3|1:2|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7::8|12345::|g::|1:|::1.2.3|1.2.3.4::|::1.2.3.4:5|fe80::1%eth0"
)


def test_ip_addresses():
    assert pack("192.0.2.1") == b"\xc0\x00\x02\x01"
    assert pack("::") == bytes(16)
    assert pack("1:2:3:4:5:6:7:8") == bytes([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8])
    assert pack("2001:DB8::1") == b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01"
    assert pack("1::") == b"\0\1" + bytes(14)
    assert pack("64:ff9b::192.0.2.1") == b"\0\x64\xff\x9b" + bytes(8) + b"\xc0\x00\x02\x01"
    for wrong in WRONG_ADDRESSES.split("|"):
        try:
            pack(wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


def test_an_address_is_written_as_it_is_read():
    for written in ("192.0.2.1:51820", "[2001:db8::1]:51820", "home.example:1"):
        assert text(parse(written)) == written
    for wrong in ("192.0.2.1", ":1", "[::1]", "::1:1", "a:0", "a:65536", "a:x", "[a]:1"):
        try:
            parse(wrong)
        except ValueError:
            continue
        raise AssertionError(wrong)


def test_a_subscriber_has_an_ipv4_address_or_an_ipv6_64():
    assert network("192.0.2.1") != network("192.0.2.2")
    assert network("2001:db8::1") == network("2001:db8:0:0:ffff::2") != network("2001:db8:0:1::1")
    assert network("fe80::1%eth0") == network("fe80::2%eth0")
