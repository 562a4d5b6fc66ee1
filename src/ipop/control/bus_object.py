"""What ipopd serves on ubus: METHODS, in the shapes that ubus has for them.

An answer there is a table, so a list comes as {"peers": [...]}. What goes wrong is {"error": {"code", "message"}} with
status 0, since of any other status callers see the number only. Nobody can wait long there: what isn't known yet is
{"job": N}, to be asked for with `job`. uhttpd adds the session of who asks to all arguments; rpcd has checked it.
"""

from ..ubus.blob import ARRAY, INT8, INT32, STRING
from .methods import METHODS
from .protocol import Deferred, Desk, Refusal

NAMES = ("ipop", "luci.ipop")  # for scripts and for LuCI, so that each has an ACL of its own
_SESSION = "ubus_rpc_session"
_TYPES = {"text": STRING, "number": INT32, "list": ARRAY, "switch": INT8}


class BusObject:
    """`handlers` are as for a Desk; `jobs` are the Jobs of the daemon."""

    def __init__(self, handlers, jobs):
        self._desk = Desk(handlers)
        self._jobs = jobs

    def signature(self):
        """{method: {argument: type}}"""
        named = {method.name: method for method in METHODS}
        return {
            name: {param.name: _TYPES[param.kind.shape] for param in named[name].params} for name in self._desk.names
        }

    def answer(self, method, arguments, now):
        """A table."""
        arguments.pop(_SESSION, None)
        try:
            answer = self._ask(method, arguments, now)
        except Refusal as refusal:
            return error(refusal.code, refusal.message)
        return answer if isinstance(answer, dict) else {method: answer}

    def _ask(self, method, arguments, now):
        answer = self._desk.ask(method, arguments, now)
        return {"job": self._jobs.begin(answer)} if isinstance(answer, Deferred) else answer


def error(code, message):
    return {"error": {"code": code, "message": message}}
