"""A line of text that a person carries from one router to another: what it is, its version, and a checksum.

    "ipop1-" base64url(version 1 | content | the first 4 bytes of the SHA-256 of both)

The version stands in front, where a person sees it, and again under the checksum, so that a slip there isn't taken for
a line of another version. All versions have this outside.
"""

import binascii
from collections import namedtuple

from ..errors import UserError

VERSION = 1
_CHECKSUM = 4

Kind = namedtuple("Kind", "head name command")  # command: what a line of this kind is for

INVITE = Kind("ipop", "invite", "ipop join")
RECOVERY = Kind("ipoprecovery", "recovery line", "ipop restore")
_KINDS = (INVITE, RECOVERY)


def encode(crypto, kind, content):
    """The line with some bytes."""
    body = bytes([VERSION]) + content
    return f"{kind.head}{VERSION}-{_base64(body + crypto.sha256(body)[:_CHECKSUM])}"


def decode(crypto, kind, text):
    """The bytes in a line, which may have been broken by a mail or a chat. Raises UserError."""
    text = "".join(text.split())
    head, _, written = text.partition("-")
    name = head.rstrip("0123456789")
    for other in _KINDS:
        if other.head == name != kind.head:
            raise UserError(f"this is a {other.name}, and what is wanted is the {kind.name}: try '{other.command}'")
    if not text.startswith("ipop"):
        raise UserError(f"this is no {kind.name}: one begins with '{kind.head}{VERSION}-'; copy the whole line")
    body = _checked(crypto, written)
    if body is None or head != f"{kind.head}{body[0]}":
        raise UserError(f"the {kind.name} is damaged: a letter of it is wrong or missing; copy the whole line again")
    if body[0] != VERSION:
        raise UserError(f"the {kind.name} is of version {body[0]}, and this ipop knows version {VERSION}: upgrade it")
    return body[1:]


def _checked(crypto, written):
    """Version and content, or None where the checksum is wrong."""
    try:
        data = binascii.a2b_base64((written.replace("-", "+").replace("_", "/") + "=" * (-len(written) % 4)).encode())
    except ValueError:
        return None
    body = data[:-_CHECKSUM]
    if not body or _base64(data) != written or crypto.sha256(body)[:_CHECKSUM] != data[-_CHECKSUM:]:
        return None
    return body


def _base64(data):
    return binascii.b2a_base64(data).decode().strip().rstrip("=").replace("+", "-").replace("/", "_")
