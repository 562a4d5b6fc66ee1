"""What is asked on ubus is answered in the shapes of ubus, with text where it can't be done, and never late."""

from ipop.control.bus_object import BusObject
from ipop.control.jobs import JOBS_MAX, Jobs
from ipop.control.protocol import Deferred, Refusal
from ipop.errors import UserError
from ipop.ubus import blob


class Daemon:
    """A BusObject, and handlers that note how they were called."""

    def __init__(self):
        self.calls = []
        self.waiting = []
        self.jobs = Jobs()
        handlers = {
            "status": lambda now: {"uptime_s": now},
            "peers": lambda now: [{"name": "cabin"}],
            "ping": self.ping,
            "uninvite": self.uninvite,
            "job": self.jobs.job,
        }
        self.object = BusObject(handlers, self.jobs)

    def ping(self, now, peer, timeout):
        self.calls.append((peer, timeout))
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def uninvite(self, now, invite, group):
        if invite == "bug":
            raise KeyError("a bug")
        if invite == "full":
            raise UserError("the flash is full")
        raise Refusal("not-found", "there is no invite %s" % invite)

    def ask(self, method, **arguments):
        return self.object.answer(method, arguments, 7)

    def error(self, method, **arguments):
        found = self.ask(method, **arguments)["error"]
        return found["code"], found["message"]


def test_every_answer_is_a_table():
    daemon = Daemon()
    assert daemon.ask("status") == {"uptime_s": 7}
    assert daemon.ask("peers") == {"peers": [{"name": "cabin"}]}


def test_what_may_be_missing_may_be_missing_and_a_session_is_no_argument():
    daemon = Daemon()
    daemon.ask("ping", peer="cabin")
    daemon.ask("ping", peer="cabin", timeout=5, ubus_rpc_session="0123456789abcdef0123456789abcdef")
    assert daemon.calls == [("cabin", 3000), ("cabin", 5)]


def test_what_goes_wrong_is_said_in_words():
    daemon = Daemon()
    code, text = daemon.error("stauts")
    assert code == "unknown-method" and "did you mean 'status'?" in text
    code, text = daemon.error("ping", peer=3)
    assert code == "bad-params" and "expected a text" in text
    assert daemon.error("ping")[0] == "bad-params"
    assert daemon.error("status", verbose=True)[0] == "bad-params"
    assert daemon.error("uninvite", invite="x") == ("not-found", "there is no invite x")
    assert daemon.error("uninvite", invite="full") == ("failed", "the flash is full")
    assert daemon.error("uninvite", invite="bug")[0] == "internal"


def test_what_takes_a_while_is_a_job():
    daemon = Daemon()
    number = daemon.ask("ping", peer="cabin")["job"]
    other = daemon.ask("ping", peer="den")["job"]
    assert daemon.ask("job", job=number) == {"state": "running"}
    daemon.waiting[0].resolve({"rtt_ms": 12.5})
    daemon.waiting[1].refuse("timeout", "den does not answer")
    assert daemon.ask("job", job=number) == {"state": "done", "result": {"rtt_ms": 12.5}}
    failed = {"state": "failed", "error": {"code": "timeout", "message": "den does not answer"}}
    assert daemon.ask("job", job=other) == failed
    assert daemon.error("job", job=99)[0] == "not-found"


def test_jobs_that_are_over_make_room_and_those_that_run_stay():
    daemon = Daemon()
    first = daemon.ask("ping", peer="cabin")["job"]
    for _ in range(2 * JOBS_MAX):
        last = daemon.ask("ping", peer="den")["job"]
        daemon.waiting[-1].resolve({})
    assert daemon.ask("job", job=first) == {"state": "running"}
    assert daemon.ask("job", job=last)["state"] == "done"
    assert daemon.error("job", job=first + 1)[0] == "not-found"


def test_there_is_an_end_to_jobs_that_run():
    daemon = Daemon()
    for _ in range(JOBS_MAX):
        daemon.ask("ping", peer="cabin")
    assert daemon.error("ping", peer="cabin")[0] == "too-many"
    assert daemon.waiting[-1].done


def test_the_signature_names_each_argument_and_its_type():
    signature = Daemon().object.signature()
    assert sorted(signature) == ["job", "peers", "ping", "status", "uninvite"]
    assert signature["status"] == {}
    assert signature["ping"] == {"peer": blob.STRING, "timeout": blob.INT32}
