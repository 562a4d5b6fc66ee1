"""What answers LuCI on a router, as far as its pages ask: sessions with ACLs, UCI with pending changes, the log,
programs that may be run, and `luci.ipop`, which asks a running ipopd.

    router = Router(home, acl, programs)      # the home of a lab; acl: what the package installs
    session = router.log_in("root", "secret")
    router.call(session, "luci.ipop", "status", {})      # (status, table), as on ubus

The daemon is asked over its control socket and answers as its ubus object does: lists are wrapped, errors are tables,
and what takes longer than somebody can wait for is a job.
"""

import fnmatch
import json
import secrets
import socket
import threading
import time

from uci_files import UciFiles

from ipop.control.methods import METHODS
from ipop.control.protocol import ControlClient
from ipop.errors import UserError

OK, INVALID_ARGUMENT, METHOD_NOT_FOUND, NOT_FOUND, NO_DATA, DENIED, TIMEOUT = 0, 2, 3, 4, 5, 6, 7
PASSWORD = "secret"
USERS = {"root": ("read", "write"), "reader": ("read",)}  # and what each may do
AT_ONCE = 0.3  # s in which the daemon answers what is no job
COMMAND_MAX = 1024  # bytes of a command line (RPC_CMDLINE_MAX_SIZE of rpcd)
PATIENCE = 20  # s after which uhttpd, and LuCI in the browser, give up

# What every LuCI may do, whatever is installed.
_BASE = {
    "luci-base": {
        "read": {"ubus": {"luci": ["getFeatures"], "file": ["list"], "uci": ["changes", "get"], "session": ["access"]},
                 "file": {"/*": ["list"]}, "uci": ["luci", "system"]},
        "write": {"ubus": {"uci": ["add", "apply", "confirm", "delete", "order", "rename", "set"]}},
    },
    "luci-base-network-status": {"read": {"uci": ["network", "wireless"]}},
}


class Denied(Exception):
    """uhttpd answers by itself."""


class Router:
    """`home` has `folder`, `config`, `daemon`, `control`; `acl` is the content of a file of rpcd's acl.d."""

    def __init__(self, home, acl, programs):
        self.home = home
        self.acl = {**_BASE, **acl}
        self.uci = UciFiles(home.folder, {"ipop": home.config})
        self.stand_in = {}  # name of a method -> what is answered instead of the daemon: a value or a function
        self.asked = []  # (method, arguments) of all that the daemon was asked
        self.delay = 0  # s that each answer of the daemon takes longer
        self._programs = programs  # gives for a command's words what it does, or None
        self._sessions = {}
        self._jobs = {}
        self._objects = {"luci.ipop": self._ipop, "uci": self._uci, "file": self._file, "session": self._session,
                         "luci": self._luci, "log": self._log}

    # --- who asks

    def log_in(self, user, password):
        """A session, or None."""
        if user not in USERS or password != PASSWORD:
            return None
        session = secrets.token_hex(16)
        self._sessions[session] = user
        return session

    def log_out_all(self):
        """As after an hour without a request."""
        self._sessions.clear()

    def user(self, session):
        return self._sessions.get(session)

    def may_write(self, session, *groups):
        """None: not even read."""
        found = [self.acl[group] for group in groups if group in self.acl]
        rights = USERS[self._sessions[session]]
        if not found:
            return None
        return "write" in rights and any("write" in group for group in found)

    def allows(self, session, scope, thing, function):
        for group in self.acl.values():
            for right in USERS.get(self._sessions.get(session), ()):
                if _covers(group.get(right, {}).get(scope, {}), thing, function, right):
                    return True
        return False

    # --- what is asked

    def call(self, session, object, method, arguments):
        """(status, table or None). Raises Denied as uhttpd does, before anybody is asked."""
        if session not in self._sessions or not self.allows(session, "ubus", object, method):
            raise Denied("Access denied")
        answer = self._objects.get(object)
        if answer is None or object == "luci.ipop" and not self._is_up():
            raise LookupError("Object not found")
        return answer(session, method, {**arguments, "ubus_rpc_session": session})

    def _is_up(self):
        return bool(self.stand_in) or self.home.daemon is not None and self.home.daemon.process.alive()

    def _session(self, session, method, arguments):
        if method != "access":
            return METHOD_NOT_FOUND, None
        access = self.allows(session, arguments["scope"], arguments["object"], arguments["function"])
        return OK, {"access": access}

    def _luci(self, session, method, arguments):
        return (OK, {}) if method == "getFeatures" else (METHOD_NOT_FOUND, None)

    def _log(self, session, method, arguments):
        """As logd: the last lines of all programs, `msg` with the name of who said it."""
        lines = self.home.daemon.process.output.splitlines() if self.home.daemon else []
        now = int(time.time() * 1000)
        entries = [{"msg": f"ipopd[{self.home.daemon.process.pid}]: {line}", "id": i, "priority": 30, "source": 1,
                    "time": now} for i, line in enumerate(lines)]
        other = {"msg": "dnsmasq[1]: started", "id": 0, "priority": 30, "source": 1, "time": now}
        return OK, {"log": [other, *entries][-arguments.get("lines", 100):]}

    def _file(self, session, method, arguments):
        if method == "list":
            from luci_server import installed  # the files are its

            names = installed(arguments["path"].removeprefix("/www"))
            return OK, {"entries": [{"name": name, "type": "file"} for name in names]}
        command = [arguments["command"], *(arguments.get("params") or [])]
        if method != "exec" or not self._may_run(session, command):
            return DENIED, None
        program = self._programs(command)
        if program is None:
            return NOT_FOUND, None
        code, stdout, stderr = program()
        return OK, {"code": code, "stdout": stdout, "stderr": stderr}

    def _may_run(self, session, command):
        """A program with whatever arguments, or else with these, for which rpcd has little room."""
        line = " ".join(command)
        return self.allows(session, "file", command[0], "exec") or (
            len(line.encode()) < COMMAND_MAX and self.allows(session, "file", line, "exec")
        )

    def _uci(self, session, method, arguments):
        config = arguments.get("config")
        right = "read" if method in ("get", "changes") else "write"
        if config is not None and not self.allows(session, "uci", config, right):
            return DENIED, None
        if method == "apply":
            return self.apply(session)
        return self.uci.answer(session, method, arguments)

    def apply(self, session):
        """Write what is pending, and tell the daemon as its init script does."""
        changed = self.uci.commit(session)
        if "ipop" in changed and self.home.daemon:
            self.home.daemon.process.popen.send_signal(1)
        return (OK, {}) if changed else (NO_DATA, None)

    # --- the daemon

    def _ipop(self, session, method, arguments):
        arguments.pop("ubus_rpc_session")
        self.asked.append((method, arguments))
        time.sleep(min(self.delay, PATIENCE))
        if self.delay >= PATIENCE:
            return TIMEOUT, None
        if method in self.stand_in:
            answer = self.stand_in[method]
            return OK, _table(method, answer(**arguments) if callable(answer) else answer)
        if method == "job":
            return OK, self._jobs.get(arguments.get("job"), _error("not-found", "there is no such job"))
        if method not in {known.name for known in METHODS}:
            return METHOD_NOT_FOUND, None
        return OK, self._ask(method, arguments)

    def _ask(self, method, arguments):
        box = {}
        thread = threading.Thread(target=lambda: box.update(answer=_answer(self.home.control, method, arguments)))
        thread.start()
        thread.join(AT_ONCE)
        if "answer" in box:
            return _table(method, box["answer"])
        number = len(self._jobs) + 1
        self._jobs[number] = {"state": "running"}

        def follow():
            thread.join()
            answer = box["answer"]
            failed = isinstance(answer, dict) and "error" in answer
            self._jobs[number] = {"state": "failed", **answer} if failed else {"state": "done", "result": answer}

        threading.Thread(target=follow, daemon=True).start()
        return {"job": number}


def _answer(path, method, arguments):
    client = ControlClient()
    client.request(method, arguments)
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            stream.connect(str(path))
            stream.sendall(client.poll_bytes())
            replies = []
            while not replies:
                replies = client.handle_bytes(stream.recv(1 << 16))
    except (OSError, UserError) as error:
        return _error("failed", str(error))
    error = replies[0].error
    return _error(error.code, error.message) if error else replies[0].result


def _table(method, answer):
    return answer if isinstance(answer, dict) else {method: answer}


def _error(code, message):
    return {"error": {"code": code, "message": message}}


def _covers(listed, thing, function, right):
    """Whether a scope of an ACL has it; those of UCI are lists of names, others say which functions."""
    if isinstance(listed, list):
        return function == right and any(fnmatch.fnmatchcase(thing, name) for name in listed)
    return any(fnmatch.fnmatchcase(thing, name) and function in functions for name, functions in listed.items())


def read_acl(path):
    return json.loads(path.read_text())
