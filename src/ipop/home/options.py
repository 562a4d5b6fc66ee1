"""How options about a home's devices are written in the configuration: kinds of values, as in values.py.

`map` names ordinary devices of this home that the group can reach, in the home's second slice (plan.py):

    list map '192.168.1.20'        this one
    list map '192.168.1.0/24'      all of them

`port`, `ssid`, `key` and `radio` say where its devices are, on OpenWrt: in which sockets, in which Wi-Fi.
"""

from collections import namedtuple

from ..values import Kind, Refused
from ..wire import address
from ..words import consists_of, printable

Map = namedtuple("Map", ("network", "length"))  # 4 bytes, prefix length: a home's

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
_DOMAIN_MAX = 100  # characters, so that there is room before it
_SHORTEST = 16  # prefix length: no home is larger


def _domain(text):
    for label in text.split("."):
        if not (0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-" and consists_of(label, _LETTERS)):
            raise ValueError
    if len(text) > _DOMAIN_MAX:
        raise ValueError
    return text


def _map(text):
    written, slash, length = text.partition("/")
    packed = address.pack(written)
    if len(packed) != 4 or slash and not _is_length(length):
        raise ValueError
    length = int(length) if slash else 32
    if length < _SHORTEST:
        raise Refused(f"{text} is larger than any home: at least /{_SHORTEST} can be mapped")
    if int.from_bytes(packed, "big") & (1 << (32 - length)) - 1:
        raise Refused(f"{text} is an address in a network: write the first one of it, or leave out /{length}")
    return Map(packed, length)


def _ssid(text):
    if not 0 < len(text.encode()) <= 32 or printable(text) != text:
        raise ValueError
    return text


def _wifi_key(text):
    """A passphrase of WPA2 (IEEE 802.11 annex J.4)."""
    if not 8 <= len(text) <= 63 or not all(" " <= letter <= "~" for letter in text):
        raise ValueError
    return text


def _port(text):
    if not (0 < len(text) <= 15 and consists_of(text, _LETTERS + "_.")):
        raise ValueError
    return text


def _radio(text):
    if not (0 < len(text) <= 32 and consists_of(text, _LETTERS.replace("-", "_"))):
        raise ValueError
    return text


def _is_length(text):
    return 0 < len(text) < 3 and consists_of(text, "0123456789") and int(text) <= 32


DOMAIN = Kind(_domain, "a domain such as internal or home.arpa, in small letters", "hostname", False)
MAPS = Kind(_map, "an address or a network, such as 192.168.1.20 or 192.168.1.0/24", "ip4addr", True)
PORTS = Kind(_port, "network devices, such as lan3 or eth0.2", "string", True)
SSID = Kind(_ssid, "the name of a Wi-Fi network, of 1 to 32 bytes", "maxlength(32)", False)
WIFI_KEY = Kind(_wifi_key, "8 to 63 letters, digits or signs of ASCII", "wpakey", False)
RADIO = Kind(_radio, "a radio as /etc/config/wireless calls it, such as radio0", "uciname", False)
