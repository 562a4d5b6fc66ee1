"""Transport addresses: (host, port), where the host is an IP address as text or a name."""

from . import ip

MAPPED = bytes(10) + b"\xff\xff"  # how IPv4-mapped IPv6 addresses begin (RFC 4291 section 2.5.5.2)
_LOOPBACK = bytes(15) + b"\1"


def text(addr):
    """"192.0.2.1:51820", "[2001:db8::1]:51820", or None for None."""
    if addr is None:
        return None
    return ("[%s]:%d" if ":" in addr[0] else "%s:%d") % (addr[0], addr[1])


def parse(text):
    """(host, port) of "192.0.2.1:51820", "[2001:db8::1]:51820" or "host.example:51820". Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
        valid = ":" in host
    else:
        valid = host != "" and ":" not in host
    is_number = 0 < len(port) < 6 and all(c in "0123456789" for c in port)
    if not (valid and colon and is_number and 0 < int(port) < 65536):
        raise ValueError("expected ADDRESS:PORT")
    return host, int(port)


def is_ip(host):
    """Whether this is an address and not a name."""
    try:
        pack(host)
    except ValueError:
        return False
    return True


def is_nobodys(packed):
    """Whether this (4 or 16 bytes) can't be a host's: unspecified, of a multicast group, or for all."""
    return not any(packed) or ip.is_multicast(packed) or packed == b"\xff\xff\xff\xff"


def is_elsewhere(host):
    """Whether this is an IP address at which another host can be: it isn't nobody's, doesn't mean whoever reads it, and
    is no IPv4 address in disguise."""
    try:
        packed = pack(host)
    except ValueError:
        return False
    is_loopback = packed[0] == 127 if len(packed) == 4 else packed == _LOOPBACK
    return not (is_nobodys(packed) or is_loopback or packed[:12] == MAPPED)


def is_private(host):
    """Whether this IP address is good only inside a home or a provider's network (RFC 1918, 6598, 3927, 4193, 4291)."""
    packed = pack(host.split("%")[0])
    if len(packed) == 16:
        return packed[0] & 0xFE == 0xFC or packed[0] == 0xFE and packed[1] & 0xC0 == 0x80
    first, second = packed[0], packed[1]
    return (
        first == 10
        or (first == 172 and second & 0xF0 == 16)
        or (first == 192 and second == 168)
        or (first == 100 and second & 0xC0 == 64)
        or (first == 169 and second == 254)
    )


def network(host):
    """What one subscriber holds: an IPv4 address, or the /64 of an IPv6 address (bytes)."""
    try:
        packed = pack(host.split("%")[0])
    except ValueError:
        return host.encode()
    return packed[:8]


def pack(text):
    """4 or 16 bytes from an IP address (RFC 4291 section 2.2). Raises ValueError."""
    if ":" not in text:
        return bytes(_ipv4(text))
    head, gap, tail = text.partition("::")
    front, back = _groups(head, not gap), _groups(tail, True)
    missing = 16 - len(front) - len(back)
    if missing != 0 if not gap else missing < 2:
        raise ValueError
    return bytes(front + [0] * missing + back)


def _ipv4(text):
    parts = text.split(".")
    if len(parts) != 4 or not all(part == "0" or part[:1] != "0" for part in parts):
        raise ValueError
    return [_byte(part) for part in parts]


def _groups(text, may_end_in_ipv4):
    """The bytes of `1:2:3` or `1:2:192.0.2.1`."""
    if not text:
        return []
    packed = []
    groups = text.split(":")
    for i, group in enumerate(groups):
        if "." in group and may_end_in_ipv4 and i == len(groups) - 1:
            packed += _ipv4(group)
        elif 0 < len(group) <= 4 and all(c in "0123456789abcdefABCDEF" for c in group):
            packed += [int(group, 16) >> 8, int(group, 16) & 0xFF]
        else:
            raise ValueError
    return packed


def _byte(text):
    if not (0 < len(text) < 4 and all(c in "0123456789" for c in text) and int(text) < 256):
        raise ValueError
    return int(text)
