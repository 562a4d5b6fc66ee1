"""procd's watchdog: a daemon whose loop is stuck is ended and started again.

It is kicked from the loop over ubus, and armed by the first kick that arrives: where ubus doesn't let us, as before
ubusd has read its ACL, nobody ends a daemon that does its work.
"""

SERVICE, INSTANCE = "ipop", "main"  # in the init script
ENVIRONMENT = "IPOP_WATCHDOG"  # s without a kick; the init script sets it
_KICKS = 4  # in that time: ubusd may be away for a while
_PASSIVE = 1  # procd's word for: watch for kicks


class Watchdog:
    """`call(object, method, arguments, on_answer)` is a Bus's; `seconds` is the text of the environment, or None."""

    def __init__(self, call, seconds, now):
        self._call = call
        self._seconds = int(seconds) if seconds and seconds.isdigit() else 0
        self._due = now if self._seconds else None

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms), or None."""
        return self._due

    def handle_turn(self, now):
        if self._due is None or now < self._due:
            return
        self._due = now + self._seconds * 1000 // _KICKS
        kick = {"name": SERVICE, "instance": INSTANCE, "mode": _PASSIVE, "timeout": self._seconds}
        self._call("service", "watchdog", kick, _ignore)


def _ignore(status, answer):
    """One that doesn't arrive is followed by another."""
