"""Transport addresses: (host, port), where the host is an IP address as text or a name."""


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
    if not (valid and colon and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("expected ADDRESS:PORT")
    return host, int(port)


def is_ip(host):
    """Whether this is an address and not a name."""
    if ":" in host:
        return True
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)
