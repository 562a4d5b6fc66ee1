"""What a node remembers over a restart: how far its timestamps have been reserved, and where its peers were.

    {"version": 1, "mark": ms since 1970, "endpoints": {"public key in base64": "ip:port"}}

Flash wears out, so this is written when the mark moves (at most hourly, and only while handshakes are made), half a
minute after the first peer was found, then at most hourly, and at a clean stop.
"""

import json

from ..values import key_text, parse_key
from ..wire import address

VERSION = 1
FILE = "state.json"
SETTLE = 30_000  # ms in which the peers are found after a start
SAVE_EVERY = 3_600_000  # ms between two writes for the sake of endpoints alone
LOOK_EVERY = 1_000  # ms between two looks at where all peers are


class Keeper:
    """Says when to write. `endpoints` are those that were read at the start."""

    def __init__(self, endpoints):
        self._mark = None
        self._endpoints = endpoints
        self._changed_at = None
        self._saved_at = None
        self._look_at = 0

    def is_due(self, mark, now):
        """Whether `poll` may have something to write: at once where the mark has moved, and else now and then."""
        return mark != self._mark or now >= self._look_at

    def poll(self, mark, endpoints, now, stopping=False):
        """The text to write now, or None. Takes the node's mark and endpoints, and `now` in ms."""
        self._look_at = now + LOOK_EVERY
        known = dict(self._endpoints)
        known.update(endpoints)
        if known == self._endpoints:
            self._changed_at = None
        elif self._changed_at is None:
            self._changed_at = now
        if mark == self._mark and not (self._changed_at is not None and (stopping or self._is_settled(now))):
            return None
        if known != self._endpoints:
            self._saved_at = now
        self._mark, self._endpoints, self._changed_at = mark, known, None
        return dump(mark, known)

    def _is_settled(self, now):
        is_settled = now - self._changed_at >= SETTLE
        return is_settled and (self._saved_at is None or now - self._saved_at >= SAVE_EVERY)


def dump(mark, endpoints):
    """The file's text, for {public key (bytes): address}."""
    where = {key_text(key): address.text(addr) for key, addr in endpoints.items()}
    return json.dumps({"version": VERSION, "mark": mark, "endpoints": where}) + "\n"


def load(text):
    """(mark, {public key: address}). Raises ValueError for anything that `dump` can't have written."""
    try:
        content = json.loads(text)
    except RuntimeError:
        raise ValueError("nested too deep")
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise ValueError("not a state file of version %d" % VERSION)
    mark, where = content.get("mark"), content.get("endpoints")
    if type(mark) is not int or mark < 0 or not isinstance(where, dict):
        raise ValueError("mark or endpoints are missing")
    return mark, {parse_key(key): _endpoint(text) for key, text in where.items() if not _is_local(text)}


def _endpoint(text):
    host, port = address.parse(text)
    address.pack(host)
    return host, port


def _is_local(text):
    """Whether an address means something only until the next start: fe80::1%eth0."""
    if not isinstance(text, str):
        raise ValueError("an address is a text")
    return "%" in text
