"""Keeps our table of nftables loaded."""

from .. import log
from ..errors import UserError
from ..ports import Poller, clock, shared
from . import firewall
from .child import BACK_OFF_MAX, SOON, Child, forget, why
from .journal import TABLE

LOOK_AFTER_FIREWALL = 30_000  # ms between two checks whether our table is still there
CLOSING = 1_000  # ms that the firewall gets at the end
RULES = "firewall.nft"


class FirewallKeeper:
    """Our table of nftables: loaded when it is another one than wanted, looked after, removed. One nft at a time."""

    def __init__(self, folder, journal, poller, say):
        self._folder = folder
        self._journal = journal
        self._poller = poller
        self._say = say
        self._child = None
        self._on_end = None  # takes what went wrong, or None, and `now`
        self._loaded = None  # the rules
        self._check_at = 0
        self._start_at = 0
        self._due = None

    @property
    def is_idle(self):
        return self._child is None

    def poll_timeout(self):
        return self._due

    def handle_turn(self, plan, now):
        """Let it be as the Plan says; None: no table."""
        self._due = None
        if self._child is not None and not self._is_done(now):
            return
        wanted = firewall.rules(plan) if plan is not None else None
        name = firewall.table(plan) if plan is not None else None
        stale = [entry[1] for entry in self._journal.entries if entry[0] == TABLE and entry[1] != name]
        if now < self._start_at:
            self._due = self._start_at
        elif stale:
            self._run([firewall.removal(stale[0])], lambda wrong, now: self._removed(stale[0], wrong, now), now)
        elif wanted is None:
            self._loaded = None
            self._say(None)
        elif wanted != self._loaded:
            self._load(wanted, name, now)
        elif now >= self._check_at:
            self._run(["-t", "list", "table", "inet", name], self._checked, now)
        else:
            self._due = self._check_at

    def close(self):
        """Remove the table, and wait for that."""
        until = clock.monotonic() + CLOSING
        self._start_at = 0
        now = clock.monotonic()
        self.handle_turn(None, now)
        while self._child is not None and now < until:
            poller = Poller()  # ours alone: nobody else is to be heard now
            self._child.listen(poller)
            poller.wait(SOON if self._child.is_silent else until - now)
            now = clock.monotonic()
            self.handle_turn(None, now)
        if self._child is not None:
            self._child.close()
        forget(self._folder + "/" + RULES)

    def _load(self, wanted, name, now):
        path = self._folder + "/" + RULES
        try:
            self._journal.add([TABLE, name])
            shared.write(path, wanted.encode())
        except OSError as error:
            self._failed(why(error), now)
            return
        self._run(["-f", path], lambda wrong, now: self._was_loaded(wanted, wrong, now), now)

    def _run(self, arguments, on_end, now):
        try:
            self._child = Child("nft", arguments, self._poller)
            self._on_end = on_end
        except (OSError, UserError) as error:
            self._failed(why(error), now)

    def _is_done(self, now):
        """Whether the child has ended; who started it is told then."""
        if not self._child.is_silent:
            return False
        status = self._child.status()
        if status is None:
            self._due = now + SOON
            return False
        child, self._child = self._child, None
        if status:
            log.debug("nft: " + child.last_line())
        self._on_end(None if status == 0 else child.last_line(), now)
        return True

    def _was_loaded(self, wanted, wrong, now):
        if wrong is not None:
            self._failed(wrong, now)
            return
        self._loaded, self._check_at = wanted, now + LOOK_AFTER_FIREWALL
        self._say(None)

    def _checked(self, wrong, now):
        if wrong is not None:
            log.info("our table of nftables was removed by somebody: it is loaded again")
            self._loaded = None
        self._check_at = now + LOOK_AFTER_FIREWALL

    def _removed(self, name, wrong, now):
        if wrong is not None:
            self._failed(wrong, now)
            return
        self._loaded = None
        try:
            self._journal.remove([TABLE, name])
        except OSError as error:
            self._failed(why(error), now)

    def _failed(self, wrong, now):
        self._say("the group is not kept apart from the home's other networks: " + wrong)
        self._start_at = self._due = now + BACK_OFF_MAX
