"""Joining: one router asks until it is answered, another lets it in, or says why not.

    Joiner  "join"   ->  request, retained, and again after 1, 2, 4 ... 60 s
    Issuer  "answer" <-  pending | refused, why | welcome: charter, roster, secret, places       (see issuer.py)

The broker may lose any of it, and either side may be away or start anew at any time, so asking twice changes nothing:
a key that is in is welcomed again, with the slice that it has; one that waits goes on waiting. Each request is
answered, and an approval is told at once. The joiner clears its request, which is its alone, when it knows the end.

Neither has a clock or a connection: topics and payloads go in and out.
"""

from collections import deque, namedtuple

from ..errors import Rejected
from ..values import parse_bytes
from ..words import quoted
from . import charter, invite, secret
from .entry import REVOKED
from .roster import Roster

# how far a join has come
OFFLINE = "offline"  # no broker is reached
ASKING = "asking"
PENDING = "pending"
REFUSED = "refused"
WELCOME = "welcome"

# why somebody is refused
REASONS = {
    "expired": "the invite has expired: ask for another",
    "used-up": "the invite has been used up: ask for another",
    "taken-back": "the invite was taken back: ask for another",
    "crowded": "too many wait for approval by this invite already: try again later, or ask for another",
    "denied": "whoever made the invite looked at this request and denied it",
    "revoked": "this key was removed from the group: ask for another invite, which makes a new one",
    "full": "the group has no addresses left: one of its members has to be revoked first",
    "other-group": "the router that made the invite is not in that group any more: ask for another",
    "not-admin": "the router that made the invite may not let anybody in any more: ask an admin of the group",
}

FIRST_RETRY, LAST_RETRY = 1_000, 60_000  # ms
PATIENCE = 10_000  # ms without an answer after which the issuer seems to be away

# b"" as the payload clears the topic; `retain`: the broker keeps it for those who come later
Publish = namedtuple("Publish", ("topic", "payload", "retain"))
Progress = namedtuple("Progress", ("state", "text"))
# what a new member starts with, all of it checked: bytes, a list of bytes, bytes, a list of bytes
Welcome = namedtuple("Welcome", ("charter", "entries", "secret", "places"))


class Joiner:
    """Asks for admission by an Invite, as the Identity that it will be in the group, and by the name `name`."""

    def __init__(self, crypto, invitation, identity, name, release):
        self.state = OFFLINE
        self.welcome = None  # the Welcome, once it is there
        self._crypto = crypto
        self._invite = invitation
        self._identity = identity
        self._name = name
        self._reason = None
        self._nonce = crypto.random(invite.NONCE)
        self._request = invite.seal_request(crypto, invitation, identity, self._nonce, name, release)
        self._request_topic = invite.request_topic(crypto, invitation.secret, identity.public)
        self._answer_topic = invite.answer_topic(crypto, invitation.secret, identity.public)
        self._asking_since = None
        self._retry_at = None
        self._pause = FIRST_RETRY
        self._subscriptions = deque((), 4)
        self._out = deque((), 4)
        self._events = deque((), 8)

    @property
    def is_over(self):
        """Whether there is an answer that stays."""
        return self.state in (REFUSED, WELCOME)

    def text(self, now):
        """How far it is, in words for a person."""
        if self.state == OFFLINE:
            return "no broker of the group can be reached yet; trying"
        if self.state == ASKING:
            if now - self._asking_since >= PATIENCE:
                return "the router that made the invite doesn't answer, it may be off; asking goes on until it does"
            return "asked; waiting for the router that made the invite"
        if self.state == PENDING:
            who = f"{quoted(self._name)}, {self._identity.fingerprint}"
            return f"waiting for approval: whoever made the invite sees {who} in LuCI, or with 'ipop requests'"
        if self.state == REFUSED:
            return REASONS.get(self._reason, f"the router that made the invite says no: {quoted(self._reason)}")
        return f"in: this router is {quoted(self._name)} in {quoted(self._invite.name)}"

    def cancel(self, now):
        """Ask no more. What is in `poll_publish` afterwards clears the request."""
        self._retry_at = None
        self._out.append(Publish(self._request_topic, b"", True))
        self._subscriptions.append((self._answer_topic, False))

    # --- what the broker does

    def handle_connected(self, now):
        if self.is_over:
            return
        self._subscriptions.append((self._answer_topic, True))
        if self.state == OFFLINE:
            self._asking_since = now
            self._move_to(ASKING, now)
        self._pause = FIRST_RETRY
        self._ask(now)

    def handle_disconnected(self, now):
        self._retry_at = None
        if self.state == ASKING:
            self._move_to(OFFLINE, now)

    def handle_message(self, topic, payload, now):
        """Raises Rejected."""
        if topic != self._answer_topic or self.is_over:
            raise Rejected("join-unexpected")
        content = invite.open_answer(self._crypto, self._invite, self._identity, self._nonce, payload)
        result = content.get("result")
        if result == PENDING:
            self._move_to(PENDING, now)
        elif result == REFUSED and isinstance(content.get("reason"), str):
            self._reason = content["reason"]
            self._end(REFUSED, now)
        elif result == WELCOME:
            self.welcome = self._checked(content)
            self._end(WELCOME, now)
        else:
            raise Rejected("join-bad-content")

    def handle_timeout(self, now):
        if self._retry_at is not None and now >= self._retry_at:
            self._ask(now)

    # --- what comes out

    def poll_timeout(self):
        """When to ask again (ms), or None."""
        return self._retry_at

    def poll_subscribe(self):
        """The next (topic, whether we listen to it), or None. To be asked before `poll_publish`."""
        return self._subscriptions.popleft() if self._subscriptions else None

    def poll_publish(self):
        """The next Publish, or None."""
        return self._out.popleft() if self._out else None

    def poll_event(self):
        """The next Progress, or None."""
        return self._events.popleft() if self._events else None

    # --- how it works

    def _ask(self, now):
        self._out.append(Publish(self._request_topic, self._request, True))
        self._retry_at = now + self._pause
        self._pause = min(2 * self._pause, LAST_RETRY)

    def _end(self, state, now):
        self._move_to(state, now)
        self.cancel(now)

    def _move_to(self, state, now):
        if state != self.state:
            self.state = state
            self._events.append(Progress(state, self.text(now)))

    def _checked(self, content):
        """The Welcome in an answer. Raises Rejected where it lets nobody in."""
        group = self._invite.group
        try:
            welcome = Welcome(
                parse_bytes(content["charter"]),
                [parse_bytes(text) for text in content["entries"]],
                parse_bytes(content["secret"]),
                [parse_bytes(text) for text in content["places"]],
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Rejected("join-bad-content")
        charter.parse(self._crypto, group, welcome.charter)
        secret.parse(self._crypto, group, welcome.secret)
        roster = Roster(self._crypto, group)
        for entry in welcome.entries:
            try:
                roster.add(entry)
            except Rejected:
                pass  # what counts is whether the rest lets us in
        member = roster.member(self._identity.public)
        if member is None or member.role == REVOKED:
            raise Rejected("join-bad-content")
        return welcome
