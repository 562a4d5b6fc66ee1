"""An invite: the line that lets a router in, and the two sealed messages between it and the router that made the line.

    line      flags 1 | group key 32 | [issuer's key 32] | secret 16 | expires 4 | name: length 1, text |
              brokers: number 1, each: length 1, text                       (around it: see line.py)
    request   ephemeral key 32 | box of (joiner's key 32 | nonce 16 | signature 64 | JSON)       retained
    answer    nonce 24 | box of (signature 64 | JSON)

    room      "ipop/" + name("join"); all that is asked by an invite is in room + "/+"
    topics    room + "/" + name("request" + joiner's key); "ipop/" + name("answer" + joiner's key)
    name(x)   the first 26 letters of HMAC(secret, x) in base32 (Crockford's), in lower case
    keys      request: HMAC(secret, dh(ephemeral, issuer) + ephemeral key)
              answer:  HMAC(secret, dh(issuer, joiner) + nonce of the request)

Who has the line can ask, and nobody else: a broker sees neither the secret nor a name. Others with the same line can't
read what is asked and answered, because they lack both private keys. The answer is signed over the joiner's nonce, so
an old one, or one for somebody else, is nothing. Each joiner has topics of its own, so that nobody's request takes the
place of another's. The box, which is good on its topic only, is opened first and the signature second; only then does
anybody look at the JSON.
"""

import json
from collections import namedtuple

from ..command.show import duration
from ..errors import Rejected, UserError
from ..values import key_text, parse_key
from ..words import quoted
from . import line
from .charter import BROKERS_MAX, is_broker
from .entry import is_name
from .identity import base32, wg_key

SECRET = 16
NONCE = 16
RELEASE_MAX = 32
_YEAR_2025, _YEAR_2100 = 1_735_689_600_000, 4_102_444_800_000  # ms since 1970
_REQUEST = b"ipop join request 1"
_ANSWER = b"ipop join answer 1"
_BY_OWNER = 1  # flag: the issuer is the owner, whose key is the group's
_CLAIM = 32 + NONCE
_SIGNATURE = 64
_XNONCE = 24

# issuer: its Ed25519 key; expires: seconds since 1970, 0 for never; brokers: texts
Invite = namedtuple("Invite", "group issuer secret expires name brokers")
# what a joiner asks for, keys and nonce as bytes; release: the version that it runs
Request = namedtuple("Request", "group member name nonce release")


# --- the line


def encode(crypto, invite):
    """The line of an Invite."""
    by_owner = invite.issuer == invite.group
    content = bytes([_BY_OWNER if by_owner else 0]) + invite.group + (b"" if by_owner else invite.issuer)
    content += invite.secret + invite.expires.to_bytes(4, "big") + _string(invite.name)
    content += bytes([len(invite.brokers)]) + b"".join([_string(broker) for broker in invite.brokers])
    return line.encode(crypto, line.INVITE, content)


def parse(crypto, text):
    """The Invite in a line. Raises UserError."""
    content = line.decode(crypto, line.INVITE, text)
    try:
        invite = _parse(content)
    except (ValueError, IndexError):
        invite = None
    if invite is None or None in (wg_key(crypto, invite.group), wg_key(crypto, invite.issuer)):
        raise UserError("nobody can have made this invite: what it says makes no sense; ask for another")
    return invite


def check_expiry(invite, wall):
    """Raises UserError when an invite has expired by the clock `wall` (ms since 1970), if that seems to be set."""
    if has_expired(invite.expires, wall):
        ago = duration(wall // 1000 - invite.expires)
        raise UserError(f"the invite expired {ago} ago by this router's clock: ask for another, if the clock is right")


def check_group(invite, name):
    """Raises UserError when an invite is for another group than the one that is meant; "" for any."""
    if name and name != invite.name:
        raise UserError(f"this invite is for the group {quoted(invite.name)}, not for {quoted(name)}: nothing was done")


def has_expired(expires, wall):
    """Whether `wall` (ms since 1970) can be the time and is past `expires` (s; 0: never)."""
    return bool(expires) and is_plausible(wall) and wall >= expires * 1000


def is_plausible(wall):
    """Whether a clock (ms since 1970) seems to have been set: routers start in 1970."""
    return _YEAR_2025 <= wall < _YEAR_2100


def _parse(content):
    flags, at = content[0], 1
    group, at = _take(content, at, 32)
    issuer = group
    if not flags & _BY_OWNER:
        issuer, at = _take(content, at, 32)
    secret, at = _take(content, at, SECRET)
    expires, at = _take(content, at, 4)
    name, at = _take_string(content, at)
    brokers = []
    n, at = content[at], at + 1
    for _ in range(n):
        broker, at = _take_string(content, at)
        brokers.append(broker)
    if at != len(content) or not is_name(name) or n > BROKERS_MAX or not all(is_broker(url) for url in brokers):
        raise ValueError
    return Invite(group, issuer, secret, int.from_bytes(expires, "big"), name, brokers)


def _take(content, at, n):
    if at + n > len(content):
        raise ValueError
    return content[at : at + n], at + n


def _take_string(content, at):
    data, at = _take(content, at + 1, content[at])
    return data.decode(), at


def _string(text):
    data = text.encode()
    return bytes([len(data)]) + data


# --- the topics


def request_room(crypto, secret):
    """How the topics of all requests by one invite begin."""
    return "ipop/" + _name(crypto, secret, b"join")


def request_topic(crypto, secret, joiner):
    """`joiner` is its Ed25519 key."""
    return request_room(crypto, secret) + "/" + _name(crypto, secret, b"request" + joiner)


def answer_topic(crypto, secret, joiner):
    return "ipop/" + _name(crypto, secret, b"answer" + joiner)


def _name(crypto, secret, label):
    return base32(crypto.hmac_sha256(secret, label))[:26].lower()


# --- the request


def seal_request(crypto, invite, identity, nonce, name, release):
    """What the joiner, whose Identity this is, publishes: bytes."""
    content = {"group": key_text(invite.group), "name": name, "release": release}
    ephemeral = crypto.random(32)
    public = crypto.dh_base(ephemeral)
    key = _key(crypto, invite.secret, crypto.dh(ephemeral, wg_key(crypto, invite.issuer)), public)
    claim = identity.public + nonce
    body = claim + _signed(crypto, identity, _REQUEST + invite.issuer + claim, content)
    topic = request_topic(crypto, invite.secret, identity.public)
    return public + crypto.xseal(key, bytes(_XNONCE), topic.encode(), body)


def open_request(crypto, secret, issuer, topic, payload):
    """The Request to the issuer, whose Identity this is. Raises Rejected."""
    public = payload[:32]
    shared = issuer.dh(public) if len(public) == 32 else None
    if shared is None:
        raise Rejected("join-forged")
    key = _key(crypto, secret, shared, public)
    body = crypto.xunseal(key, bytes(_XNONCE), topic.encode(), payload[32:])
    if body is None or len(body) < _CLAIM:
        raise Rejected("join-forged")
    claim, member, nonce = body[:_CLAIM], body[:32], body[32:_CLAIM]
    if request_topic(crypto, secret, member) != topic:
        raise Rejected("join-misplaced")
    content = _verified(crypto, member, _REQUEST + issuer.public + claim, body[_CLAIM:])
    try:
        group, name, release = parse_key(content["group"]), content["name"], content["release"]
        is_valid = is_name(name) and isinstance(release, str) and len(release) <= RELEASE_MAX
    except (ValueError, KeyError, TypeError, AttributeError):
        is_valid = False
    if not is_valid or wg_key(crypto, member) is None:
        raise Rejected("join-bad-content")
    return Request(group, member, name, nonce, release)


# --- the answer


def seal_answer(crypto, secret, issuer, request, content):
    """What the issuer, whose Identity this is, answers to a Request: bytes. `content` is for JSON."""
    key = _answer_key(crypto, secret, issuer, request.member, request.nonce)
    nonce = crypto.random(_XNONCE)
    body = _signed(crypto, issuer, _ANSWER + request.group + request.member + request.nonce, content)
    return nonce + crypto.xseal(key, nonce, answer_topic(crypto, secret, request.member).encode(), body)


def open_answer(crypto, invite, identity, nonce, payload):
    """The content (a dict) of an answer to the joiner, whose Identity this is, and to its nonce. Raises Rejected."""
    key = _answer_key(crypto, invite.secret, identity, invite.issuer, nonce)
    topic = answer_topic(crypto, invite.secret, identity.public).encode()
    body = crypto.xunseal(key, payload[:_XNONCE], topic, payload[_XNONCE:]) if len(payload) > _XNONCE else None
    if body is None:
        raise Rejected("join-forged")
    return _verified(crypto, invite.issuer, _ANSWER + invite.group + identity.public + nonce, body)


def _answer_key(crypto, secret, identity, other, nonce):
    return _key(crypto, secret, identity.dh(wg_key(crypto, other)), nonce)


# --- both


def _key(crypto, secret, shared, salt):
    return crypto.hmac_sha256(secret, shared + salt)


def _signed(crypto, identity, context, content):
    text = json.dumps(content).encode()
    return identity.sign(context + text) + text


def _verified(crypto, signer, context, body):
    """The content (a dict) behind a signature. Raises Rejected."""
    text = body[_SIGNATURE:]
    if not crypto.verify(signer, context + text, body[:_SIGNATURE]):
        raise Rejected("join-bad-signature")
    try:
        content = json.loads(text.decode())
    except (ValueError, RuntimeError, MemoryError):  # not UTF-8, not JSON, or too deep
        content = None
    if not isinstance(content, dict):
        raise Rejected("join-bad-content")
    return content
