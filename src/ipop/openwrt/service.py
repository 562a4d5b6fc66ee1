"""A Plan made true on OpenWrt: netifd, its dnsmasq and fw4 do it, root tells them (`ipop setup`), we say what we want.

The same verbs as home/service.py. What was asked for is there within seconds; where it isn't, a person is told, and
root is asked once more. The end of the daemon changes nothing: an upgrade must not take a home's network away.
"""

from ..home.plan import dotted
from ..ports import interfaces

LEASES = "/tmp/dhcp.leases"
LOOK_EVERY = 10_000  # ms
PATIENCE = 30_000  # ms until somebody is told
ASK_EVERY = 60_000  # ms


class OpenWrtService:
    """`device` is the group's TAP; `wishes` are all groups'; `set_problem(topic, text)` shows what is wrong."""

    leases_file = LEASES
    is_idle = True  # nothing is on its way here

    def __init__(self, name, device, wishes, set_problem):
        self._name = name
        self._device = device
        self._wishes = wishes
        self._set_problem = set_problem
        self._plan = None
        self._look_at = None
        self._late_at = self._ask_at = 0

    def configure(self, plan, now):
        """Make this Plan true; None: undo all."""
        if plan is None:
            self._wishes.forget(self._name, now)
        else:
            self._wishes.want(self._name, now, self._device, plan)
        if plan != self._plan:
            self._plan = plan
            self._look_at = now + LOOK_EVERY if plan is not None else None
            self._late_at = self._ask_at = now + PATIENCE
            self._say(None)

    def look(self, is_in_the_way, now):
        """Something may have changed. What is in the way of our addresses keeps root from applying them."""
        if self._look_at is not None:
            self._look_at = now

    def set_names(self, text, now):
        """What dnsmasq answers beside its own leases: lines of a hosts file, "10.77.3.7 nas.hut.friends.internal".
        Returns whether it is told that, else it has to be once more: the disk may be full."""
        return self._wishes.hand_names(self._device, text)

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms), or None."""
        return self._look_at

    def handle_turn(self, now):
        if self._look_at is None or now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY
        if self._is_there():
            self._late_at = self._ask_at = now + PATIENCE
            self._say(None)
        elif now >= self._late_at:
            text = "%s has not got the address %s yet: 'ipop setup --apply' as root says why"
            self._say(text % (self._plan.bridge, dotted(self._plan.router)))
            if now >= self._ask_at:
                self._ask_at = now + ASK_EVERY
                self._wishes.ask_again()

    def close(self):
        self._say(None)

    def _is_there(self):
        try:
            there = interfaces.networks()
        except OSError:
            return True  # it is asked again soon
        return any(each[:2] == (self._plan.bridge, dotted(self._plan.router)) for each in there)

    def _say(self, text):
        self._set_problem(self._name + " bridge", text and "%s: %s" % (self._name, text))
