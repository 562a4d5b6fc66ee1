"""The recovery line: what another router needs to take the place of one that broke, its slice and its name.

    content     nonce 24 | box                                                    (around it: see line.py)
    box         made 8, ms since 1970 | seed 32 | group key 32 | charter | secret | entries: number 1, then each
                (the last three each behind its length 2)

The entries are about this router, who let it in, and up to ADMINS_MAX admins, the owner first: with them it finds the
others, understands what they say, and opens what they have left for it since. The rest they tell.

The line is sealed under a passphrase, so that it can lie about where the passphrase does not. That is 120 bits by
chance, which this program makes and no person chooses. So nobody can go through them all however fast each try is, and
there is nothing to stretch: that would cost a small router seconds, and memory that it may not have.
"""

from collections import namedtuple

from ..errors import Rejected, UserError
from . import charter, line
from .entry import ADMIN, member_of, signer_of
from .identity import Identity, base32, blocks, read_blocks
from .roster import OWNER

ADMINS_MAX = 8
_PASSPHRASE = 15  # bytes
_BLOCKS = 6
_LABEL = b"ipop recovery 1"
_NONCE = 24

# made: the time in ms since 1970, and no earlier than anything this router had said until then; kept: see store.py
Recovery = namedtuple("Recovery", ("made", "seed", "kept"))


def seal(crypto, group):
    """(line, passphrase) for a Group: of it are asked identity, roster, charter, secret and next_stamp().

    Raises UserError."""
    passphrase = blocks(base32(crypto.random(_PASSPHRASE)))
    entries = _entries(group)
    body = group.next_stamp().to_bytes(8, "big") + group.identity.seed + group.roster.group_key
    body += _string(group.charter.data) + _string(group.secret.offer)
    body += bytes([len(entries)]) + b"".join([_string(entry) for entry in entries])
    nonce = crypto.random(_NONCE)
    content = nonce + crypto.xseal(_key(crypto, passphrase), nonce, _LABEL, body)
    return line.encode(crypto, line.RECOVERY, content), passphrase


def unseal(crypto, text, passphrase):
    """The Recovery in a line. Raises UserError."""
    content = line.decode(crypto, line.RECOVERY, text)
    read = read_blocks(passphrase, _BLOCKS)
    if read is None:
        raise UserError("expected a passphrase as 'ipop backup' shows it, 6 blocks of 4 letters and digits")
    body = None
    if len(content) > _NONCE:
        body = crypto.xunseal(_key(crypto, read), content[:_NONCE], _LABEL, content[_NONCE:])
    if body is None:
        raise UserError("this passphrase doesn't open this line: each line has its own, shown together with it")
    try:
        return _parse(crypto, body)
    except (Rejected, ValueError, IndexError):
        raise UserError("what the recovery line holds makes no sense: it was made by another version of ipop")


def _entries(group):
    """What is in force (list of bytes) about those whom we need, in the order in which a roster takes it."""
    roster = group.roster
    admins = [member for member in roster.members() if member.role in (OWNER, ADMIN)]
    admins.sort(key=lambda member: (member.role != OWNER, member.key))
    own = roster.member(group.identity.public)
    if own is None:
        raise UserError("who let this router in is no admin any more: try again when it is connected to the others")
    needed = {own.entry, roster.member(signer_of(own.entry)).entry}
    needed.update([member.entry for member in admins[:ADMINS_MAX]])
    return [entry for entry in roster.entries() if entry in needed]


def _parse(crypto, body):
    made, seed, group_key = int.from_bytes(body[:8], "big"), body[8:40], body[40:72]
    charter_data, at = _take_string(body, 72)
    offer, at = _take_string(body, at)
    entries = []
    n, at = body[at], at + 1
    for _ in range(n):
        entry, at = _take_string(body, at)
        entries.append(entry)
    charter.parse(crypto, group_key, charter_data)
    if at != len(body) or Identity(crypto, seed).public not in [member_of(entry) for entry in entries]:
        raise ValueError
    return Recovery(
        made,
        seed,
        {
            "group": group_key,
            "charter": charter_data,
            "entries": entries,
            "secret": offer,
            "places": [],
            "issuer": None,
        },
    )


def _key(crypto, passphrase):
    return crypto.hmac_sha256(_LABEL, passphrase.encode())


def _string(data):
    return len(data).to_bytes(2, "big") + data


def _take_string(body, at):
    end = at + 2 + int.from_bytes(body[at : at + 2], "big")
    if end > len(body):
        raise ValueError
    return body[at + 2 : end], end
