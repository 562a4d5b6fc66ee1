"""One group that this router is on the way into: its Joiner and its broker."""

from . import VERSION, log
from .errors import Rejected
from .group import identity, invite
from .group.join import Joiner
from .membership import Wire
from .ports import crypto
from .signal import url


class Joining:
    """`name` is what the group is called on this router, `saved` a Saved. Raises ValueError for a broker that can't
    be one."""

    def __init__(self, name, saved, poller, set_problem):
        line, self.member = saved.join
        self.name = name
        self.invite = invite.parse(crypto, line)
        self.identity = identity.Identity(crypto, saved.seed)
        self.dropped = {}
        self.joiner = Joiner(crypto, self.invite, self.identity, self.member, VERSION)
        urls = [url.parse(text) for text in self.invite.brokers]
        self._wire = Wire(
            name, self.joiner, urls, lambda: None, poller, self._count, set_problem, self._on_message
        )

    def poll_timeout(self):
        times = [self.joiner.poll_timeout(), self._wire.poll_timeout()]
        times = [when for when in times if when is not None]
        return min(times) if times else None

    def handle_turn(self, now):
        self.joiner.handle_timeout(now)
        event = self.joiner.poll_event()
        while event is not None:
            log.info("%s: %s" % (self.name, event.text))
            event = self.joiner.poll_event()
        self._wire.handle_turn(now)

    def kept(self):
        """What a new member keeps, once it is welcome."""
        welcome = self.joiner.welcome
        return {
            "group": self.invite.group,
            "charter": welcome.charter,
            "entries": welcome.entries,
            "secret": welcome.secret,
            "places": welcome.places,
            "issuer": None,
        }

    def close(self):
        self._wire.close()

    def _count(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _on_message(self, topic, payload, now):
        try:
            self.joiner.handle_message(topic, payload, now)
        except Rejected as rejected:
            self._count(rejected.reason)
