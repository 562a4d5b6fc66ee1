"""Steps applied through a session of rpcd, which takes back by itself what nobody confirms.

    session create, grant    changes of ours only: what others have begun and not applied stays theirs
    uci delete, set, add     into the session's own folder; nobody sees them yet
    uci apply {rollback}     netifd, fw4, dnsmasq and hostapd read them; without `confirm` all is as before in a while
    uci confirm              once somebody has looked

`ubus` has `call(object, method, arguments) -> dict`, which raises UbusError.
"""

from collections import OrderedDict

from ..errors import UserError
from .steps import DELETE, DROP, SECTION, touched

TIMEOUT = 60  # s until rpcd takes back what nobody confirms
_LIFE = 300  # s of the session
_BUSY = "permission-denied"  # what rpcd says while another change waits to be confirmed
_ABSENT = "not-found"

_OTHERS = (
    "somebody else's changes of the network wait to be confirmed, as after 'Save & Apply' in LuCI: nothing was "
    "changed; try again in a minute and a half"
)
_NO_RPCD = (
    "rpcd, which takes back what doesn't work, isn't running: start it with '/etc/init.d/rpcd start'; or do it by "
    "hand: 'ipop setup --dry-run | uci batch', then 'reload_config'"
)


class Busy(UserError):
    """Another change waits to be confirmed."""


class Session:
    """One change. Raises UserError, and then nothing has changed."""

    def __init__(self, ubus, steps):
        self._ubus = ubus
        try:
            answer = self._call("session", "create", {"timeout": _LIFE})
        except UserError as error:
            if getattr(error, "code", None) == _ABSENT:
                raise UserError(_NO_RPCD)
            raise
        self._id = answer.get("ubus_rpc_session")
        objects = [[package, right] for package in touched(steps) for right in ("read", "write")]
        self._call("session", "grant", {"ubus_rpc_session": self._id, "scope": "uci", "objects": objects})
        try:
            for method, arguments in calls(steps):
                self._uci(method, arguments)
        except UserError:
            self.close()
            raise

    def apply(self):
        """From now on it is in force, until rpcd takes it back."""
        try:
            self._uci("apply", {"rollback": True, "timeout": TIMEOUT})
        except UserError as error:
            self.close()
            if getattr(error, "code", None) == _BUSY:
                raise Busy(_OTHERS)
            raise

    def confirm(self):
        """Keep it."""
        self._uci("confirm", {})
        self.close()

    def roll_back(self):
        """All is as it was before."""
        self._uci("rollback", {})
        self.close()

    def close(self):
        self._call("session", "destroy", {"ubus_rpc_session": self._id})

    def _uci(self, method, arguments):
        return self._call("uci", method, dict(arguments, ubus_rpc_session=self._id))

    def _call(self, object, method, arguments):
        return self._ubus.call(object, method, arguments)


def calls(steps):
    """[(method, arguments)] of rpcd's object `uci` that do the steps."""
    found = []
    for step in steps:
        place, values = {"config": step.package, "section": step.section}, None
        for edit in step.edits:
            if edit.verb == SECTION:  # the options of a new one go along with it
                values = OrderedDict()
                added = {"config": step.package, "type": edit.value, "name": step.section, "values": values}
                found.append(("add", added))
            elif edit.verb == DELETE:
                found.append(("delete", place))
            elif edit.verb == DROP:
                found.append(("delete", dict(place, option=edit.option)))
            elif values is not None:
                values[edit.option] = edit.value
            else:
                found.append(("set", dict(place, values={edit.option: edit.value})))
    return found
