"""What a node remembers over a restart: how far its timestamps have been reserved, and where its peers were.

    {"version": 1, "mark": ms since 1970, "endpoints": {"public key in base64": "ip:port"}}

Flash wears out, so this is written when the mark moves (about hourly while handshakes are made) and at a clean stop.
"""

import binascii
import json

from .wire import address

VERSION = 1
FILE = "state.json"


def dump(mark, endpoints):
    """The file's text, for {public key (bytes): address}."""
    where = {_text(key): address.text(addr) for key, addr in endpoints.items()}
    return json.dumps({"version": VERSION, "mark": mark, "endpoints": where}) + "\n"


def load(text):
    """(mark, {public key: address}). Raises ValueError for anything that `dump` can't have written."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("not a state file of version %d" % VERSION)
    mark, where = content.get("mark"), content.get("endpoints")
    if not isinstance(mark, int) or mark < 0 or not isinstance(where, dict):
        raise ValueError("mark or endpoints are missing")
    return mark, {_key(key): address.parse(addr) for key, addr in where.items()}


def _text(key):
    return binascii.b2a_base64(key).decode().strip()


def _key(text):
    key = binascii.a2b_base64(text)
    if len(key) != 32:
        raise ValueError("a key has 32 bytes")
    return key
