"""A person who types `ipop` sees whether it works, what to do if it doesn't, and never a traceback."""

import json

from ipop.command import cli, pages
from ipop.command.show import Cell, Column, Page, duration, milliseconds, size
from ipop.control.protocol import ControlSession, Deferred, Refusal
from ipop.words import nearest, printable, quoted

CABIN = {
    "name": "cabin",
    "public_key": "QUJD",
    "suite": "sha256",
    "state": "connected",
    "endpoint": "203.0.113.7:51820",
    "rtt_ms": 12.34,
    "last_heard_s": 3.2,
    "last_handshake_s": 61,
    "bytes_in": 1234567,
    "bytes_out": 999,
    "version": "0.1.0",
}
HUT = dict(CABIN, name="hut", state="connecting", endpoint="192.0.2.1:1", rtt_ms=None, last_heard_s=None, version=None)
SHED = dict(HUT, name="shed", state="no-endpoint", endpoint=None)
STATUS = {
    "version": "0.1.0",
    "interpreter": "cpython",
    "public_key": "QUJD",
    "device": "ipop0",
    "bridge": "br-lan",
    "port": 51820,
    "uptime_s": 93784,
    "peers": {"configured": 1, "connected": 1},
    "traffic": {"frames_in": 5, "frames_out": 6, "bytes_in": 5000, "bytes_out": 60},
    "devices": 3,
    "dropped": {"replayed": 2, "bad-mac": 7},
    "problems": [],
}


class Ports:
    """A machine with files, a terminal, and a daemon that has `peers` and answers pings with what is in `pings`."""

    def __init__(self, peers=(), status=STATUS, pings=(), width=None, environment=None, files=None):
        self.out = self.err = ""
        self.written = {}
        self.folders = []
        self.asked = []
        self.paused = []
        self.socket = None
        self.broken = None
        self._contents = files or {}
        self._width = width
        self._environment = environment or {}
        self._status = status
        self._peers = list(peers)
        self._pings = list(pings)
        self.terminal = self.files = self.crypto = self

    # terminal

    def write(self, fd, text):
        if fd == 1 and self.broken is not None:
            raise self.broken
        if fd == 1:
            self.out += text
        else:
            self.err += text

    def is_terminal(self, fd):
        return self._width is not None

    def width(self):
        return self._width

    def environment(self, name):
        return self._environment.get(name)

    # files

    def read(self, path, limit=-1):
        content = self._contents.get(path, 2)
        if isinstance(content, int):
            raise OSError(content, "")
        return content if limit < 0 else content[:limit]

    def create(self, path, data):
        if path in self._contents:
            raise OSError(17, "")
        self.written[path] = data

    def make_private_folder(self, path):
        if path in self._contents:
            raise OSError(20, "")
        self.folders.append(path)

    # crypto

    def random(self, n):
        return b"\xff" * n

    def dh_base(self, private_key):
        return private_key[::1][:31] + b"\x01"

    # the daemon

    def Client(self, path):  # noqa: N802
        self.socket = path
        if "nothing" in path:
            raise OSError(111, "")
        if "secret" in path:
            raise OSError(13, "")
        return Connection(self)

    def session(self):
        return ControlSession({"status": self._on_status, "peers": self._on_peers, "ping": self._on_ping})

    def _on_status(self, now):
        return self._status

    def _on_peers(self, now):
        return self._peers

    def _on_ping(self, now, peer, timeout):
        self.asked.append(peer)
        answer = self._pings.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return Deferred()
        return {"peer": "cabin", "endpoint": "203.0.113.7:51820", "rtt_ms": answer}


class Connection:
    """A client's end, with the daemon right behind it. Bytes go one by one."""

    def __init__(self, ports):
        self._ports = ports
        self._session = ports.session()
        self._replies = b""

    def write(self, data):
        self._session.handle_bytes(data[:1], 0)
        out = self._session.poll_bytes()
        while out is not None:
            self._replies += out
            self._session.sent(len(out))
            out = self._session.poll_bytes()
        return 1

    def read(self, timeout):
        if not self._replies:
            self._ports.paused.append(timeout)
            return None
        data, self._replies = self._replies[:7], self._replies[7:]
        return data


class Interrupted(Connection):
    def read(self, timeout):
        if not self._replies:
            raise KeyboardInterrupt
        return Connection.read(self, timeout)


def run(line, ports=None, **rest):
    """(exit status, stdout, stderr)"""
    ports = ports or Ports(**rest)
    return cli.main(line.split(), ports), ports.out, ports.err


def printed(line, **rest):
    status, out, err = run(line, **rest)
    assert (status, err) == (0, ""), (status, out, err)
    return out


def complaint(line, status, **rest):
    ended, out, err = run(line, **rest)
    assert (ended, out) == (status, ""), (ended, out, err)
    assert err.startswith("ipop: ") and err.count("\n") == 1
    return err[6:-1]


# --- status


def test_status_begins_with_whether_it_works():
    for peers, sentence in (
        ([CABIN], "Working: connected to 1 peer."),
        ([CABIN, CABIN], "Working: connected to all 2 peers."),
        ([CABIN, HUT], "Working in part: connected to 1 of 2 peers."),
        ([HUT, SHED], "Not working: connected to none of 2 peers."),
        ([HUT], "Not working: not connected."),
        ([], "Not working yet: this router is in no group, and no peers are configured."),
    ):
        assert printed("status", peers=peers).split("\n")[0] == sentence


def test_status_of_a_router_in_groups():
    groups = [{"name": "friends", "text": ""}, {"name": "club", "text": "asked; waiting"}]
    lines = printed("status", status=dict(STATUS, groups=groups, public_key=None)).split("\n")
    assert lines[0].startswith("Not working yet: nobody else is in. 'ipop invite' lets somebody in")
    assert lines[1:3] == ["  club: asked; waiting", ""] and "public key" not in "".join(lines)
    lines = printed("status").split("\n")
    assert lines[1] == "  'ipop group create NAME' makes a group, 'ipop join LINE' joins a friend's"
    away = [dict(SHED, group="friends"), dict(HUT, group="friends", has_detour=True)]
    lines = printed("status", peers=away, status=dict(STATUS, groups=groups[:1])).split("\n")
    assert lines[1] == "  shed: it has not said where it is: it may be off, or not reach the group's broker"
    assert lines[2] == "  hut: no answer from 192.0.2.1:1: is it on, does ipopd run there?"
    away = [dict(HUT, group="friends", has_detour=False)]
    lines = printed("status", peers=away, status=dict(STATUS, groups=groups[:1])).split("\n")
    assert "nobody can forward between the two: 'option relay 1' on a member that all reach" in lines[1]


def test_status_says_what_to_do():
    lines = printed("status", peers=[CABIN, HUT, SHED], status=dict(STATUS, problems=["the disk is full"])).split("\n")
    assert lines[1] == "  problem: the disk is full"
    assert lines[2].startswith("  hut: no answer from 192.0.2.1:1: does ipopd run there")
    assert lines[3].startswith("  shed: where it is isn't known: set 'option endpoint'")
    assert lines[4] == ""


def test_a_problem_is_not_plain_success():
    out = printed("status", peers=[CABIN], status=dict(STATUS, problems=["the disk is full"]))
    assert out.startswith("Working, but there is a problem: connected to 1 peer.\n  problem: the disk is full\n")


def test_a_problem_may_have_several_lines():
    out = printed("status", peers=[CABIN], status=dict(STATUS, problems=["not in use: a\nb"]))
    assert "\n  problem: not in use: a\n  b\n\n" in out


def test_many_silent_peers_do_not_fill_the_screen():
    out = printed("status", peers=[HUT] * 30)
    assert out.count("hut:") == 4 and "  and 26 more: see 'ipop peers'\n" in out


def test_status_in_full():
    assert printed("status", peers=[CABIN]) == (
        "Working: connected to 1 peer.\n"
        "\n"
        "version      ipop 0.1.0 on cpython\n"
        "running for  1 d 2 h\n"
        "public key   QUJD\n"
        "device       ipop0, in bridge br-lan\n"
        "UDP port     51820\n"
        "LAN devices  3 known\n"
        "received     5.0 kB in 5 frames\n"
        "sent         60 B in 6 frames\n"
        "\n"
        "DROPPED   COUNT\n"
        "bad-mac       7\n"
        "replayed      2\n"
    )


def test_status_of_a_daemon_that_says_little():
    assert "version" in printed("status", status={}, peers=[{}])


def test_json_is_the_daemons_own_answer():
    assert json.loads(printed("status --json", peers=[CABIN])) == STATUS
    assert json.loads(printed("--json peers", peers=[CABIN])) == [CABIN]


# --- peers


def test_peers_as_a_table():
    assert printed("peers", peers=[CABIN, SHED]) == (
        "PEER   STATE        ENDPOINT               RTT  HEARD  RECEIVED   SENT  RUNS\n"
        "cabin  connected    203.0.113.7:51820  12.3 ms    3 s    1.2 MB  999 B  0.1.0\n"
        "shed   no-endpoint  -                        -      -    1.2 MB  999 B  -\n"
    )


def test_peers_of_groups():
    lines = printed("peers", peers=[dict(CABIN, group="friends"), SHED]).split("\n")
    assert [line.split()[:3] for line in lines[:3]] == [
        ["PEER", "GROUP", "STATE"],
        ["cabin", "friends", "connected"],
        ["shed", "-", "no-endpoint"],
    ]


def test_a_stock_peer_runs_wireguard():
    assert printed("peers", peers=[dict(CABIN, suite="blake2s")]).rstrip().endswith("WireGuard")


def test_no_peers():
    assert printed("peers") == (
        "There are no peers: they come with a group ('ipop groups'), or with sections 'config peer'.\n"
    )


def test_a_narrow_terminal_sees_the_first_columns():
    for width in (20, 40, 60, 79, 100):
        lines = printed("peers", peers=[CABIN], width=width, environment={"NO_COLOR": "1"}).split("\n")
        assert max([len(line) for line in lines]) <= max(width, 16)
        assert lines[0].startswith("PEER   STATE")


def test_colours_are_for_terminals_that_want_them():
    assert "\x1b[32mconnected\x1b[m" in printed("peers", peers=[CABIN], width=100)
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in printed("peers", peers=[CABIN], width=100, environment=environment)
    assert "\x1b" not in printed("peers", peers=[CABIN])


def test_what_a_peer_says_of_itself_does_not_reach_the_terminal_raw():
    out = printed("peers", peers=[dict(CABIN, version="1\x1b[2J\n\x9b5m")])
    assert "\x1b" not in out and "\x9b" not in out and out.count("\n") == 2


# --- ping


def test_ping():
    ports = Ports(pings=[1.25, 2, 3.75])
    status, out, err = run("ping cab -c 3 --interval=0.5", ports)
    assert (status, err) == (0, "") and ports.asked == ["cab"] * 3 and ports.paused == [500, 500]
    assert out == (
        "cabin (203.0.113.7:51820): seq=1 time=1.2 ms\n"
        "cabin (203.0.113.7:51820): seq=2 time=2.0 ms\n"
        "cabin (203.0.113.7:51820): seq=3 time=3.8 ms\n"
        "\n"
        "--- cabin ping statistics ---\n"
        "3 sent, 3 received, 0% lost\n"
        "round trip min/avg/max = 1.2/2.3/3.8 ms\n"
    ).replace("1.2 ms", "%.1f ms" % 1.25).replace("1.2/", "%.1f/" % 1.25).replace("3.8", "%.1f" % 3.75)


TIMEOUT = Refusal("timeout", "cabin does not answer")


def test_a_lost_ping():
    status, out, err = run("ping cabin --count 2", pings=[TIMEOUT, 7])
    assert (status, err) == (0, "")
    assert out.startswith("cabin: seq=1 no answer in 3 s\ncabin (203.0.113.7:51820): seq=2 time=7.0 ms\n")
    assert "2 sent, 1 received, 50% lost" in out


def test_no_answer_at_all_is_a_failure():
    status, out, err = run("ping cabin -c 2", pings=[TIMEOUT, TIMEOUT])
    assert status == 1 and "2 sent, 0 received, 100% lost\n" in out
    assert err == "ipop: cabin does not answer\n"


def test_who_can_not_be_pinged():
    refusal = Refusal("not-found", "there is no peer 'cabn'; did you mean 'cabin'?")
    assert complaint("ping cabn", 1, pings=[refusal]) == refusal.message


def test_ping_as_json():
    out = printed("ping cabin -c 2 --json", pings=[TIMEOUT, 7.5])
    assert json.loads(out) == {"peer": "cabin", "sent": 2, "received": 1, "rtt_ms": [None, 7.5]}


def test_an_interrupted_ping_still_sums_up():
    ports = Ports(pings=[1, None])
    ports.Client = lambda path: Interrupted(ports)
    status, out, err = run("ping cabin", ports)
    assert (status, err) == (130, "") and "1 sent, 1 received, 0% lost" in out


def test_interrupts_and_broken_pipes_are_quiet():
    for trouble, expected in ((KeyboardInterrupt(), 130), (OSError(32, ""), 141)):
        ports = Ports()
        ports.broken = trouble
        assert run("peers", ports) == (expected, "", "")


# --- the daemon


def test_a_daemon_that_is_not_running():
    assert complaint("status --socket /nothing", 1) == (
        "ipopd is not running (nothing answers at /nothing): "
        "start it with '/etc/init.d/ipop start', or run 'ipopd'"
    )
    assert complaint("status --socket /secret", 1) == "/secret: permission denied: run this as root"


def test_errors_as_json():
    status, out, err = run("status --json --socket /nothing")
    assert status == 1 and err.count("\n") == 1
    assert json.loads(out)["error"]["message"] == err[6:-1]


def test_a_daemon_that_hangs_or_dies():
    ports = Ports()
    ports.Client = lambda path: Dead(None)
    assert complaint("status", 1, ports=ports).startswith("ipopd is there but doesn't answer: restart it")
    ports = Ports()
    ports.Client = lambda path: Dead(b"")
    assert complaint("status", 1, ports=ports).startswith("ipopd went away before it answered")
    ports = Ports()
    ports.Client = lambda path: Dead(b"SSH-2.0\r\n")
    assert complaint("status", 1, ports=ports).startswith("what answers on the control socket is not ipopd")


def test_answers_of_another_kind():
    oddities = [None, True, 5, -1.5, 1e400, "x", [], [5], {}, {"x": 5}, [{}], [[]]]
    for odd in oddities:
        for key in STATUS:
            assert run("status", status=dict(STATUS, **{key: odd}), peers=[CABIN])[0] in (0, 1)
        for key in CABIN:
            assert run("peers", peers=[dict(CABIN, **{key: odd})])[0] in (0, 1)
            assert run("status", peers=[dict(HUT, **{key: odd})])[0] in (0, 1)
        assert run("peers", peers=[odd])[0] in (0, 1)
        if not isinstance(odd, dict):
            assert run("status", status=odd)[0] == 1
        ports = Ports()
        ports._on_ping = lambda now, peer, timeout, odd=odd: {"peer": odd, "rtt_ms": odd, "endpoint": odd}
        assert run("ping x -c 2", ports)[0] in (0, 1)


class Dead:
    def __init__(self, data):
        self._data = data

    def write(self, data):
        return len(data)

    def read(self, timeout):
        return self._data


def test_where_the_socket_is():
    files = {
        "/etc/config/ipop": b"config globals\noption control /tmp/a\n",
        "/b": b"config globals\noption control /b.sock\n",
    }
    for line, path in (
        ("peers", "/tmp/a"),
        ("peers --config /b", "/b.sock"),
        ("peers --socket /c --config /b", "/c"),
    ):
        ports = Ports(files=files)
        run(line, ports)
        assert ports.socket == path


def test_a_broken_configuration_does_not_hide_a_running_daemon():
    for content in (2, 13, b"nonsense", b"config globals\noption control x\n"):
        ports = Ports(files={"/etc/config/ipop": content})
        assert run("peers", ports)[0] == 0 and ports.socket == "/var/run/ipop/ipop.sock"


def test_a_configuration_that_was_asked_for_has_to_be_right():
    assert complaint("peers --config /none", 1) == "/none: no such file or directory"
    assert complaint("peers --config /bad", 2, files={"/bad": b"nonsense"}).startswith("/bad:1: expected 'config'")


# --- keygen

KEY = b"\xf8" + b"\xff" * 30 + b"\x7f"
KEY_TEXT = b"+P///////////////////////////////////////38="
PUBLIC_TEXT = "+P///////////////////////////////////////wE="


def test_keygen():
    ports = Ports()
    assert run("keygen /tmp/keys/mine", ports) == (0, PUBLIC_TEXT + "\n", "")
    assert ports.written == {"/tmp/keys/mine": KEY_TEXT + b"\n"} and ports.folders == ["/tmp/keys"]


def test_keygen_writes_where_the_configuration_says():
    for files, path in (
        ({}, "/etc/ipop/private.key"),
        ({"/etc/config/ipop": b"config globals\noption private_key_file /x/k\n"}, "/x/k"),
    ):
        ports = Ports(files=files)
        assert run("keygen", ports)[0] == 0
        assert list(ports.written) == [path]


def test_keygen_tells_people_what_it_did():
    status, out, err = run("keygen mine", width=80)
    assert out == PUBLIC_TEXT + "\n" and "the key is in mine; this is its public key" in err


def test_keygen_never_overwrites():
    assert complaint("keygen /k", 1, files={"/k": b""}) == (
        "/k exists and stays as it is: remove it first if its key is not wanted any more"
    )
    assert complaint("keygen /k/x", 1, files={"/k": b""}) == "/k can't be made: not a directory"


def test_keygen_shows_the_public_key_of_the_one_that_is_there():
    files = {"/k": KEY_TEXT + b"\n", "/bad": b"\xff", "/secret": 13}
    assert printed("keygen --show /k", files=files) == PUBLIC_TEXT + "\n"
    assert json.loads(printed("keygen --show /k --json", files=files)) == {"file": "/k", "public_key": PUBLIC_TEXT}
    assert complaint("keygen --show /none", 1) == "/none: no such file or directory: 'ipop keygen /none' makes one"
    assert complaint("keygen --show /secret", 1, files=files) == "/secret: permission denied"
    assert complaint("keygen --show /bad", 1, files=files) == (
        "/bad: expected a private key, 44 characters of base64, got something else"
    )


def test_a_preshared_key_is_written_and_never_printed():
    ports = Ports()
    assert run("keygen --preshared /psk", ports) == (0, "", "")
    assert ports.written == {"/psk": b"/" * 42 + b"8=\n"}
    assert complaint("keygen --preshared", 2).startswith("keygen --preshared: expected a FILE")


# --- the command line


def test_a_command_line_that_makes_no_sense_gets_a_hint_and_status_2():
    for line, hint in (
        ("", "what is to be done? 'ipop status' says whether this node works, 'ipop help' lists the rest"),
        ("statsu", "no command 'statsu'; did you mean 'status'?"),
        ("reboot", "no command 'reboot'; 'ipop help' lists those that there are"),
        ("status --jsno", "no option '--jsno'; did you mean '--json'?"),
        ("--count 3 ping cabin", "no option '--count'; known: --socket, --config, --json, --help, --version"),
        ("status now", "status: expected no 'now'; see 'ipop help status'"),
        ("ping", "ping: expected PEER, got nothing; see 'ipop help ping'"),
        ("ping a b", "ping: expected no 'b'; see 'ipop help ping'"),
        ("ping a -c x", "-c: expected a number of pings, got 'x'"),
        ("ping a --count=0", "--count: expected a number of pings, got '0'"),
        ("ping a --interval nan", "--interval: expected seconds from 0.01 to 3600, got 'nan'"),
        ("ping a --interval 1e999", "--interval: expected seconds from 0.01 to 3600, got '1e999'"),
        ("ping a --interval", "--interval: expected SECONDS after it, got nothing"),
        ("status --json=1", "--json takes no value"),
        ("help everything", "no command 'everything'; 'ipop help' lists those that there are"),
    ):
        if "--json" not in line:
            assert complaint(line, 2) == hint, complaint(line, 2)
        else:
            assert run(line)[2] == "ipop: " + hint + "\n"


def test_help():
    for line in ("help", "--help", "-h"):
        out = printed(line)
        assert out.startswith("usage: ipop [OPTION...] COMMAND\n") and "keygen [FILE]" in out
    assert printed("help ping") == printed("ping --help") == printed("--help ping")
    assert "  -c, --count N" in printed("help ping")
    assert "ping" in json.loads(printed("help --json"))


def test_version():
    assert printed("--version") == "ipop " + cli.VERSION + "\n"
    assert json.loads(printed("--version --json")) == {"version": cli.VERSION}


def test_no_command_line_breaks_it():
    words = ["status", "peers", "ping", "keygen", "help", "--json", "--show", "-c", "3", "--", "-", "--=", "-x", "="]
    words += ["a", "--help", "--socket", "--config", "--preshared", "--interval=1", "--version", ""]
    state = 5
    for _ in range(500):
        argv = []
        for _ in range(4):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            argv.append(words[(state >> 16) % len(words)])
        ports = Ports(peers=[CABIN], pings=[1] * 9)
        assert cli.main(argv, ports) in (0, 1, 2), argv


# --- words and tables


def test_quantities():
    assert [size(n) for n in (0, 999, 1000, 999949, 999950, 10**12, 10**16, None, "x", True)] == [
        "0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "1.0 TB", "10000.0 TB", "-", "-", "-",
    ]
    assert [duration(s) for s in (0, 59.9, 60, 61, 3600, 3661, 86400, 90000, None)] == [
        "0 s", "59 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d", "1 d 1 h", "-",
    ]
    assert [milliseconds(ms) for ms in (0, 0.04, 99.94, 100, 1234.4, None)] == [
        "0.0 ms", "0.0 ms", "99.9 ms", "100 ms", "1234 ms", "-",
    ]


def test_the_probably_meant():
    known = ["status", "peers", "ping", "keygen"]
    meant = {"pign": "ping", "PING": "ping", "stat": "status", "kyegen": "keygen", "peer": "peers"}
    for word in ("pign", "PING", "stat", "kyegen", "peer", "reboot", "", "x"):
        assert nearest(word, known) == meant.get(word), word


def test_foreign_text():
    assert printable("a\tb\x00\x7f\x9bé") == "a?b???é"
    assert quoted("x" * 100) == "'" + "x" * 60 + "...'"


def test_a_table():
    page = Page()
    page.table((Column("A", False), Column("B", True)), [["x", Cell("10", "31")], ["yyy", "1"]], "  ")
    assert page.text == "  A     B\n  x    10\n  yyy   1\n"


def test_the_verdict_never_says_working_when_nothing_is_connected():
    for problems in ([], ["x"]):
        for peers in (0, 1, 5):
            assert pages.verdict(problems, peers, 0)[1].startswith("Not working")
