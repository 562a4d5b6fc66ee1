"""What may be a host name, and how one is made of what devices and people call things (RFC 1123 section 2.1, RFC 952).

A name in the group is `device.member.group.suffix`, such as nas.cabin.friends.internal. What stands in it comes from
devices that nobody has checked, and from other members: so each part is made of letters, digits and single hyphens.
"""

import struct

from ..words import consists_of

LABEL_MAX = 63
DOMAIN_MAX = 253
ROUTER = "router"

# Names that a device can't have: the router's, those by which hosts look for who configures them, and for themselves
# (RFC 6761 section 6.3).
RESERVED = (ROUTER, "wpad", "isatap", "localhost")

_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789"
_LATIN = "aaaaaaaceeeeiiiidnooooo-ouuuuyts" + "aaaaaaaceeeeiiiidnooooo-ouuuuyty"  # for U+00C0 to U+00FF
_SILENT = "'`\u2019\u2018\u00b4"


def label(text):
    """A label that looks like the text: "Küche's TV" becomes "kuches-tv"; "" where nothing is left of it."""
    made = ""
    for letter in text[: 4 * LABEL_MAX]:
        code = ord(letter)
        letter = _LATIN[code - 0xC0] if 0xC0 <= code <= 0xFF else letter.lower()
        if letter in _PLAIN:
            made += letter
        elif letter not in _SILENT and code < 0x100 and made[-1:] not in ("", "-"):
            made += "-"  # a space, a dot, an underscore
    return made[:LABEL_MAX].strip("-")


def is_label(text):
    """Whether `label` leaves it as it is, and there is something."""
    if not 0 < len(text) <= LABEL_MAX or text[0] == "-" or text[-1] == "-" or "--" in text:
        return False
    return consists_of(text, _PLAIN + "-")


def host_label(data):
    """The label for a device's own name (bytes), of which a domain may be a part: "nas.lan" is "nas"."""
    try:
        text = data.decode()
    except ValueError:
        text = "".join([chr(byte) for byte in data if byte < 0x80])
    return label(text.split(".")[0])


def numbered(wanted, taken):
    """The label, or the first of `wanted-2`, `wanted-3`, … that is neither reserved nor in `taken`."""
    if wanted not in taken and wanted not in RESERVED:
        return wanted
    number = 2
    while True:
        end = "-%d" % number
        candidate = wanted[: LABEL_MAX - len(end)].rstrip("-") + end
        if candidate not in taken:
            return candidate
        number += 1


def domain(*parts):
    """The parts with dots between them, or None where that is too long for a name."""
    name = ".".join(parts)
    return name if len(name) <= DOMAIN_MAX else None


def is_domain(text):
    """Whether this can be the suffix: labels with dots between them, in lower case."""
    return len(text) <= DOMAIN_MAX - 2 and all(is_label(part) for part in text.split("."))


def address_text(packed):
    """An IP address (4 or 16 bytes) as people write it (RFC 5952)."""
    if len(packed) == 4:
        return "%d.%d.%d.%d" % tuple(packed)
    text = "%x:%x:%x:%x:%x:%x:%x:%x" % struct.unpack(">8H", packed)
    for zeros in _ZEROS:  # the longest run of zeros, and of several the first
        at = (":" + text + ":").find(zeros)
        if at >= 0:
            return text[: max(at - 1, 0)] + "::" + text[at + len(zeros) - 1 :]
    return text


_ZEROS = [":" + "0:" * n for n in range(8, 1, -1)]
