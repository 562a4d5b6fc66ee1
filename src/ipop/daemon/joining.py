"""One group that this router is on the way into: its Joiner, its broker, and keeping what it is welcomed with."""

from .. import VERSION, log
from ..deadlines import earlier
from ..errors import Rejected, UserError
from ..group import identity, invite
from ..group.join import PENDING, WELCOME, Joiner
from ..ports import crypto
from ..signal import url
from .membership import NOT_KEPT, SAVE_AGAIN, Wire


class Joining:
    """`name` is what the group is called on this router, `saved` a Saved. Raises ValueError for a broker that can't
    be one."""

    def __init__(self, name, saved, poller, set_problem):
        line, self.member = saved.join
        self.name = name
        self.invite = invite.parse(crypto, line)
        self.identity = identity.Identity(crypto, saved.seed)
        self.dropped = {}
        self._set_problem = set_problem
        self._keep_at = None
        self._why_not_kept = None
        self.joiner = Joiner(crypto, self.invite, self.identity, self.member, VERSION)
        urls = [url.parse(text) for text in self.invite.brokers]
        self._wire = Wire(
            name, self.joiner, urls, lambda: None, poller, self._count, set_problem, self._on_message
        )

    @property
    def state(self):
        """The Joiner's; but who is let in waits until that is kept."""
        return PENDING if self.joiner.state == WELCOME else self.joiner.state

    def text(self, now):
        """How far it is, in words for a person."""
        return self._why_not_kept or self.joiner.text(now)

    def poll_timeout(self):
        return earlier(self._keep_at, earlier(self.joiner.poll_timeout(), self._wire.poll_timeout()))

    def handle_turn(self, now):
        self.joiner.handle_timeout(now)
        event = self.joiner.poll_event()
        while event is not None:
            log.info("%s: %s" % (self.name, event.text), "joining", self.name)
            event = self.joiner.poll_event()
        self._wire.handle_turn(now)

    def keep(self, shelf, now):
        """Once it is welcome: whether what a member starts with is on flash. What failed is tried again in time."""
        if self._keep_at is not None and now < self._keep_at:
            return False
        try:
            shelf.keep(self.name, self._kept())
        except UserError as error:
            self._keep_at = now + SAVE_AGAIN
            self._why_not_kept = "let in, but that can't be kept yet: " + error.message
            self._set_problem(self.name + NOT_KEPT, "%s: %s" % (self.name, self._why_not_kept))
            return False
        return True

    def close(self):
        self._wire.close()
        self._set_problem(self.name + NOT_KEPT, None)

    def _kept(self):
        welcome = self.joiner.welcome
        return {
            "group": self.invite.group,
            "charter": welcome.charter,
            "entries": welcome.entries,
            "secret": welcome.secret,
            "places": welcome.places,
            "issuer": None,
        }

    def _count(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _on_message(self, topic, payload, now):
        try:
            self.joiner.handle_message(topic, payload, now)
        except Rejected as rejected:
            self._count(rejected.reason)
