"""dnsmasq's lease file, as far as it says who has which address: /tmp/dhcp.leases on OpenWrt.

    1764374400 02:00:00:00:00:01 10.77.2.20 nas 01:02:00:00:00:00:01
    expires    MAC               address    name, or *     client id, or *

A MAC may have a hardware type before it: 06-02:00:…. DHCPv6 leases follow behind a line `duid …`; they name no MAC.
dnsmasq writes over the file in place: one that is read at the wrong moment may be cut off, or end in the old text.
"""

from binascii import unhexlify

from ..wire import address

LOOK_EVERY = 2_000  # ms
LEASES_MAX = 1024
_SIZE_MAX = 1 << 17


def parse_leases(text):
    """[(MAC, packed IPv4 address, host name or "")] in a lease file (text). Lines without sense are passed over."""
    leases = []
    for line in text.split("\n"):
        words = line.split()
        if words[:1] == ["duid"] or len(leases) >= LEASES_MAX:
            break
        if len(words) < 4 or not words[0].isdigit():
            continue
        mac = _mac(words[1])
        try:
            packed = address.pack(words[2])
        except ValueError:
            continue
        if mac is not None and len(packed) == 4:
            leases.append((mac, packed, "" if words[3] == "*" else words[3]))
    return leases


def _mac(text):
    octets = text.rpartition("-")[2].split(":")
    if len(octets) != 6 or not all(len(octet) == 2 for octet in octets):
        return None
    try:
        return unhexlify("".join(octets).encode())
    except ValueError:
        return None


class LeaseWatch:
    """Looks whether the file has changed. `stamp(path)` and `read(path)` are ports' (public, files); `wall()` is the
    clock by which files are dated (ms)."""

    def __init__(self, path, stamp, read, wall, now):
        self._path = path
        self._stamp = stamp
        self._read = read
        self._wall = wall
        self._known = None  # the stamp of what was read; None: it may have changed since
        self._leases = None
        self._look_at = now

    def poll_timeout(self):
        """When `handle_timeout` has to be called (ms)."""
        return self._look_at

    def read_again(self):
        """All leases are news at the next look."""
        self._known = self._leases = None

    def handle_timeout(self, now):
        """The leases, if they are others than before, else None. A file that isn't there has none."""
        if now < self._look_at:
            return None
        self._look_at = now + LOOK_EVERY
        try:
            stamp = self._stamp(self._path)
            if stamp == self._known:
                return None
            text = _text(self._read(self._path)[:_SIZE_MAX])
        except OSError:
            stamp, text = None, ""
        # files are dated by the second: what was written in this one may be written to once more
        self._known = stamp if stamp is not None and self._wall() // 1000 > stamp[2] + 1 else None
        leases = parse_leases(text)
        if leases == self._leases:
            return None
        self._leases = leases
        return leases


def _text(data):
    try:
        return data.decode()
    except ValueError:
        return "".join([chr(byte) if byte < 0x80 else "?" for byte in data])
