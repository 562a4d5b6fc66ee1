"""The group's names on their way into the system's dnsmasq: from the daemon's file into one of root's.

dnsmasq reads all files in /tmp/hosts: its own init script says so, and lets it see no other folder. So nothing has to
be set for it. What it reads there it believes for the whole home: therefore no name passes but those below the group's
domain, and no address but the group's.
"""

from ..home.plan import full_domain
from ..lan.names import is_domain
from ..wire import address, ip

FOLDER = "/tmp/hosts"
SIZE_MAX = 1 << 19  # bytes
LINES_MAX = 8192


def checked(data, made):
    """What of the daemon's file (bytes) dnsmasq may see (text), for the group's Plan."""
    zone = "." + full_domain(made).partition(".")[2]
    lines = []
    for line in data.split(b"\n")[:LINES_MAX]:
        words = line.split()
        if len(words) == 2 and _is_ours(words[0], made) and _is_below(words[1], zone):
            lines.append("%s %s\n" % (words[0].decode(), words[1].decode()))
    return "".join(lines)


def path(device):
    return "%s/%s" % (FOLDER, device)


def _is_ours(data, made):
    try:
        packed = address.pack(data.decode())
    except ValueError:
        return False
    network, length = made.subnet if len(packed) == 4 else (made.ula + bytes(8), 64)
    return ip.contains(network, length, packed)


def _is_below(data, zone):
    try:
        text = data.decode()
    except ValueError:
        return False
    return text.endswith(zone) and is_domain(text)
