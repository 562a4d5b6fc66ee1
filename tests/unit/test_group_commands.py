"""A group from the command line: what is asked of the daemon, what a person reads, and what to do next."""

import json

from test_cli import Connection, Ports

from ipop.command import cli
from ipop.control.methods import METHODS
from ipop.control.protocol import ControlSession, Refusal

FRIENDS, DEN, HOME = "7QK2-M4TF-A9XC-PW3D", "8XXX-M4TF-A9XC-PW3D", "9ABC-M4TF-A9XC-PW3D"
GROUP = {
    "name": "friends",
    "fingerprint": FRIENDS,
    "state": "member",
    "text": "",
    "member": "home",
    "member_fingerprint": HOME,
    "role": "owner",
    "address": "10.77.1.1/16",
    "device": "ipop0",
    "bridge": None,
    "members": 3,
    "connected": 2,
    "requests": 0,
    "brokers": [{"url": "mqtt://broker.example", "connected": True}],
}
CHANGED = {"group": "friends", "name": "den", "fingerprint": DEN, "role": "member", "address": "10.77.5.1"}
INVITE = {
    "group": "friends",
    "invite": "7QK2M4",
    "line": "ipop1-AAAA",
    "uses": 1,
    "expires_in": 604_800,
    "approve": False,
}
JOIN = {
    "group": "friends",
    "fingerprint": FRIENDS,
    "member": "den",
    "member_fingerprint": DEN,
    "state": "asking",
    "text": "asked; waiting",
    "address": None,
}
PENDING = dict(JOIN, state="pending", text="waiting for approval")
IN = dict(JOIN, state="welcome", text="in", address="10.77.5.1/16")
REFUSED = dict(JOIN, state="refused", text="the invite has expired: ask for another")


class Router(Ports):
    """A machine whose daemon gives `answers` {method: an answer, or a list of them}; `typed` is what a person types."""

    def __init__(self, answers, typed="", qr="", **rest):
        Ports.__init__(self, **rest)
        self.asked = []
        self._answers = answers
        self._typed = typed
        self._qr = qr

    def session(self):
        return ControlSession({method.name: self._handler(method.name) for method in METHODS})

    def read_line(self):
        return self._typed

    def qr_code(self, text):
        return None if self._qr is None else f"{self._qr}{text}\n"

    def _handler(self, name):
        def handle(now, **params):
            self.asked.append((name, params))
            answer = self._answers[name]
            if isinstance(answer, list) and name == "join_status":
                answer = answer.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return handle


def run(line, answers, **rest):
    """(exit status, stdout, stderr, what was asked)"""
    ports = Router(answers, **rest)
    status = cli.main(line.split(), ports)
    return status, ports.out, ports.err, ports.asked


def printed(line, answer=None, **rest):
    """What a command prints that asks once, and the parameters that it asked with."""
    words = line.split()
    method = words[0] if words[0] != "group" else "group_" + words[1]
    status, out, err, asked = run(line, {method: answer}, **rest)
    assert (status, err) == (0, ""), (status, err)
    assert [name for name, _ in asked] == [method]
    return out, asked[0][1]


def complaint(line, **answers):
    status, out, err, _ = run(line, answers)
    assert out == "" and err.startswith("ipop: ") and err.count("\n") == 1, (out, err)
    return status, err[6:-1]


# --- making groups


def test_a_group_is_made_and_what_comes_next_is_said():
    out, asked = printed("group create friends", GROUP)
    assert asked == {"name": "friends", "member": "", "brokers": [], "large": False, "subnet": ""}
    assert out == (
        "The group 'friends' is there, and this router is its owner.\n"
        + "\n"
        + f"group        'friends', {FRIENDS}\n"
        + f"this router  'home', {HOME}\n"
        + "address      10.77.1.1/16\n"
        + "device       ipop0\n"
        + "brokers      mqtt://broker.example\n"
        + "\n"
        + "'ipop invite' prints a line that lets a friend's router in.\n"
        + "'ipop backup' prints one with which another router can take over if this one breaks: do that soon.\n"
    )


def test_all_that_can_be_said_of_a_new_group():
    line = "group create friends --name home --broker mqtt://a --broker mqtts://u:p@b:99 --large"
    assert printed(line, GROUP)[1] == {
        "name": "friends",
        "member": "home",
        "brokers": ["mqtt://a", "mqtts://u:p@b:99"],
        "large": True,
        "subnet": "",
    }


def test_a_group_without_a_broker_says_so():
    assert "brokers      none: others can't find this router\n" in printed("group create x", dict(GROUP, brokers=[]))[0]


def test_brokers_are_checked_before_anything_is_made():
    for url, wrong in (
        ("http://a", "--broker: expected mqtt://HOST, mqtts://HOST or mqtt://USER:PASSWORD@HOST:PORT, got 'http://a'"),
        ("mqtt://a?ca=/x", "--broker: after ? only ca=FILE can stand, and with mqtts:// only, not 'ca=/x'"),
    ):
        assert complaint("group create friends --broker " + url) == (2, wrong)


def test_the_brokers_of_a_group_are_shown_and_changed():
    answer = {"group": "friends", "brokers": ["mqtt://u:p@new.example", "mqtt://b"]}
    out, asked = printed("group brokers --group friends", answer)
    assert asked == {"group": "friends", "brokers": []}
    listed = "the best first:\n  mqtt://u:p@new.example\n  mqtt://b\n"
    assert out == "Where the members of 'friends' meet now, " + listed
    out, asked = printed("group brokers --broker mqtt://u:p@new.example --broker mqtt://b", answer)
    assert asked == {"group": "", "brokers": answer["brokers"]}
    assert out.startswith("Where the members of 'friends' meet from now on, " + listed)
    assert "leave those running" in out and "ipop groups" in out
    out, _ = printed("group brokers", dict(answer, brokers=[]))
    assert out == "'friends' has no broker where others could meet it: 'ipop broker' helps to run one.\n"


def test_groups():
    joining = dict(GROUP, name="club", state="joining", text="asked; waiting", address=None, role=None, brokers=[])
    damaged = dict(joining, name="old", state="damaged", text="/x is damaged: 'ipop leave'", member=None)
    out, _ = printed("groups", [dict(GROUP, requests=2), joining, damaged])
    assert out == (
        "GROUP    STATE    ADDRESS       OTHERS            ROLE   THIS ROUTER  BROKER                 FINGERPRINT\n"
        + f"friends  member   10.77.1.1/16  2 of 3 connected  owner  home         mqtt://broker.example  {FRIENDS}\n"
        + f"club     joining  -             -                 -      home         -                      {FRIENDS}\n"
        + f"old      damaged  -             -                 -      -            -                      {FRIENDS}\n"
        + "\n"
        + "club: asked; waiting\n"
        + "\n"
        + "old: /x is damaged: 'ipop leave'\n"
        + "\n"
        + "2 routers wait to be let in: see 'ipop requests'\n"
    )


def test_a_broker_that_is_away_is_seen():
    brokers = [{"url": "mqtt://a", "connected": False}, {"url": "mqtt://b", "connected": False}]
    assert "none of 2" in printed("groups", [dict(GROUP, brokers=brokers)])[0]


def test_no_groups():
    assert printed("groups", [])[0] == (
        "This router is in no group: 'ipop group create NAME' makes one, 'ipop join LINE' joins a friend's.\n"
    )


# --- inviting


def test_an_invite_is_one_line_and_nothing_else_in_a_pipe():
    out, asked = printed("invite", INVITE)
    assert out == "ipop1-AAAA\n"
    assert asked == {"group": "", "uses": 1, "expires": 604_800, "approve": False}


def test_on_a_terminal_it_says_what_to_do_with_the_line():
    status, out, err, _ = run("invite", {"invite": INVITE}, width=80)
    assert (status, out) == (0, "ipop1-AAAA\n")
    assert "It lets in one router within 7 d: over there, 'ipop join' and this line.\n" in err
    assert err.endswith("'ipop uninvite 7QK2M4' takes it back.\n")
    _, _, err, _ = run("invite --uses 5 --expires never --approve", {"invite": INVITE}, width=80)
    assert "It lets in 5 routers: over there" in err and "'ipop requests' shows who it is" in err


def test_the_invites_that_are_good():
    good = {"group": "friends", "invite": "7QK2M4", "left": 1, "admitted": 0, "waiting": 0, "expires_in": 0}
    long = dict(good, invite="A9XCPW", left=12, admitted=3, waiting=2, expires_in=604_800, approve=True)
    out, asked = printed("invites", [dict(good, approve=False), long])
    assert asked == {"group": ""}
    assert out == (
        "INVITE  GROUP    LETS IN  CAME IN  WAIT  EXPIRES  APPROVAL\n"
        + "7QK2M4  friends  1 more         0     0  never    -\n"
        + "A9XCPW  friends  12 more        3     2  in 7 d   needed\n"
        + "\n"
        + "'ipop uninvite INVITE' takes one back, 'ipop uninvite all' takes back all. Who came in by it stays in.\n"
    )
    assert printed("invites", [])[0] == "There is no invite that is good: 'ipop invite' makes one.\n"


def test_an_invite_is_taken_back():
    out, asked = printed("uninvite 7QK2M4 -g friends", {"group": "friends", "invites": ["7QK2M4"]})
    assert asked == {"invite": "7QK2M4", "group": "friends"}
    assert out == "Taken back: 7QK2M4. Nobody comes in by that any more; who came in stays in.\n"
    out, asked = printed("uninvite all", {"group": "friends", "invites": ["7QK2M4", "A9XCPW"]})
    assert asked == {"invite": "all", "group": ""} and "Taken back: 7QK2M4, A9XCPW." in out


def test_numbers_are_written_in_digits():
    for line in ("--expires \u00b2d", "--uses \u0663", "--expires d", "--uses 0"):
        status, message = complaint("invite " + line)
        assert status == 2 and ("a time such as 7d" in message or "a number from 1" in message), message


def test_what_an_invite_can_be():
    for line, expected in (
        ("--uses 5", {"uses": 5}),
        ("--expires 12h", {"expires": 43_200}),
        ("--expires=30m", {"expires": 1_800}),
        ("--expires 2w", {"expires": 1_209_600}),
        ("--expires 90", {"expires": 90}),
        ("--expires never", {"expires": 0}),
        ("--approve", {"approve": True}),
        ("--group club", {"group": "club"}),
        ("-g club", {"group": "club"}),
    ):
        asked = printed("invite " + line, INVITE)[1]
        for name, value in expected.items():
            assert asked[name] == value, line


def test_invites_that_make_no_sense():
    for line, wrong in (
        ("--uses 0", "--uses: expected a number from 1 to 10000, got '0'"),
        ("--uses many", "--uses: expected a number from 1 to 10000, got 'many'"),
        ("--expires 0", "--expires: expected a time such as 7d, 12h or 30m, or 'never', got '0'"),
        ("--expires 11y", "--expires: expected a time such as 7d, 12h or 30m, or 'never', got '11y'"),
        ("--expires 999w", "--expires: expected a time such as 7d, 12h or 30m, or 'never', got '999w'"),
        ("--expires d", "--expires: expected a time such as 7d, 12h or 30m, or 'never', got 'd'"),
        ("--expires -1d", "--expires: expected a time such as 7d, 12h or 30m, or 'never', got '-1d'"),
    ):
        assert complaint("invite " + line) == (2, wrong)


def test_an_invite_as_a_qr_code():
    out, _ = printed("invite --qr", INVITE, qr="#")
    assert out == "#ipop1-AAAA\nipop1-AAAA\n"
    assert json.loads(printed("invite --qr --json", INVITE, qr="#")[0]) == INVITE


def test_where_no_qr_code_can_be_drawn_no_invite_is_made():
    status, out, err, asked = run("invite --qr", {"invite": INVITE}, qr=None)
    assert (status, out, asked) == (1, "", []) and "install python3-segno (for CPython only), or leave out --qr" in err


# --- joining


def test_joining_shows_how_far_it_is_until_it_is_in():
    answers = {"join": JOIN, "join_status": [JOIN, PENDING, PENDING, IN]}
    status, out, err, asked = run("join ipop1-AAAA --name den", answers)
    assert (status, err) == (0, "")
    assert out == (
        f"joining 'friends', {FRIENDS} as 'den', {DEN}\n"
        + "asked; waiting\n"
        + "waiting for approval\n"
        + "in: this router is 'den' in 'friends', with the address 10.77.5.1/16\n"
    )
    assert asked[0] == ("join", {"line": "ipop1-AAAA", "name": "den", "group": ""})
    assert asked[1:] == [("join_status", {"group": "friends"})] * 4


def test_a_refused_join_says_why():
    status, out, err, _ = run("join ipop1-AAAA", {"join": JOIN, "join_status": [REFUSED]})
    assert (status, err) == (1, "ipop: the invite has expired: ask for another\n")
    damaged = Refusal("failed", "the invite is damaged")
    assert complaint("join ipop1-AAAA", join=damaged) == (1, "the invite is damaged")


def test_waiting_has_an_end_if_one_is_given():
    status, _, err, asked = run("join ipop1-AAAA --wait 1", {"join": JOIN, "join_status": [PENDING] * 99})
    assert status == 1 and len(asked) == 1 + 10, "ten looks in a second"
    assert err == (
        "ipop: not in yet: waiting for approval. ipopd goes on with it: "
        "'ipop groups' shows how far it is, 'ipop leave --group friends' ends it\n"
    )
    status, _, err, asked = run("join ipop1-AAAA --wait 0", {"join": JOIN})
    assert status == 1 and len(asked) == 1 and "not in yet: asked; waiting." in err
    assert complaint("join x --wait long") == (2, "--wait: expected seconds, or a time such as 5m, got 'long'")


def test_an_interrupted_join_goes_on_in_the_daemon():
    ports = Router({"join": JOIN, "join_status": [JOIN]})

    class Interrupted(Connection):
        def read(self, timeout):
            if not self._replies:
                raise KeyboardInterrupt
            return Connection.read(self, timeout)

    ports.Client = lambda path: Interrupted(ports)
    assert cli.main(["join", "ipop1-AAAA"], ports) == 130
    assert ports.err.startswith("ipop: ipopd goes on with it")


def test_joining_as_json_prints_the_end_only():
    status, out, err, _ = run("join x --json", {"join": JOIN, "join_status": [JOIN, IN]})
    assert (status, json.loads(out), err) == (0, IN, "")
    status, out, err, _ = run("join x --json", {"join": JOIN, "join_status": [REFUSED]})
    assert status == 1 and json.loads(out)["error"]["message"] == REFUSED["text"]


# --- who may come in, who is in


def test_requests():
    request = {"group": "friends", "name": "den", "fingerprint": DEN, "release": "0.1.0", "waits_s": 61}
    assert printed("requests", [request])[0] == (
        "ROUTER  FINGERPRINT          GROUP        WAITS  RUNS\n"
        + f"den     {DEN}  friends  1 min 1 s  0.1.0\n"
        + "\n"
        + "'ipop join' shows the fingerprint there: compare it, then 'ipop approve ROUTER' or 'ipop deny ROUTER'.\n"
    )
    assert printed("requests", []) == ("Nobody waits to be let in.\n", {"group": ""})


def test_approving_and_denying():
    out, asked = printed("approve den", CHANGED)
    assert out == f"'den', {DEN} is in, with the address 10.77.5.1.\n" and asked == {"request": "den", "group": ""}
    out, asked = printed("deny den -g friends", dict(CHANGED, address=None))
    assert out == f"'den', {DEN} is told that it was denied.\n" and asked == {"request": "den", "group": "friends"}


MEMBERS = [
    {"name": "home", "fingerprint": HOME, "role": "owner", "address": "10.77.1.1", "state": "this router",
     "endpoint": None, "release": "0.1.0"},
    {"name": "den", "fingerprint": DEN, "role": "member", "address": "10.77.5.1", "state": "connected",
     "endpoint": "192.0.2.1:51820", "release": "0.1.0"},
    {"name": "attic", "fingerprint": FRIENDS, "role": "revoked", "address": None, "state": "away", "endpoint": None,
     "release": None},
]


def test_members():
    lines = printed("members", MEMBERS)[0].split("\n")
    assert lines[0].split() == ["MEMBER", "FINGERPRINT", "ROLE", "ADDRESS", "STATE", "ENDPOINT", "RUNS"]
    assert lines[2].split() == ["den", DEN, "member", "10.77.5.1", "connected", "192.0.2.1:51820", "0.1.0"]
    assert lines[3:] == ["", "and 1 that was revoked: see 'ipop members --revoked'", ""]
    assert "attic" in printed("members --revoked", MEMBERS)[0]
    assert json.loads(printed("members --json", MEMBERS)[0]) == MEMBERS


def test_what_a_change_means_is_said():
    for line, asked, part in (
        ("rename den cabin", {"member": "den", "name": "cabin"}, f"{DEN} is called 'den' now."),
        ("promote den", {"member": "den"}, "it can invite, approve, rename and revoke members, but make no admins."),
        ("demote den", {"member": "den"}, "those whom it let in stay in, and its invites let in nobody any more."),
        ("revoke den", {"member": "den"}, f"'den', {DEN} is out of 'friends', for good.\n"),
        ("revoke den", {"member": "den"}, "This key can't come back. What it knows it keeps"),
    ):
        out, params = printed(line, CHANGED)
        assert part in out and params == dict(asked, group=""), out
        assert json.loads(printed(line + " --json", CHANGED)[0]) == CHANGED


def test_what_the_daemon_refuses_is_said():
    assert complaint("revoke home", revoke=Refusal("failed", "the owner is the group")) == (1, "the owner is the group")


# --- this router's own part


def test_leaving():
    for role, part in (
        ("owner", "nobody can make or unmake admins any more"),
        ("member", "'ipop revoke', which frees its addresses"),
        ("joining", "its key for it is deleted.\n"),
        ("damaged", "its key for it is deleted.\n"),
    ):
        out, asked = printed("leave --group friends", {"group": "friends", "role": role})
        assert part in out and asked == {"group": "friends"}
        assert out.startswith("This router has left 'friends'")


def test_backup():
    answer = {"group": "friends", "line": "ipoprecovery1-AAAA", "passphrase": "7QK2-M4TF"}
    assert printed("backup", answer)[0] == "recovery line:  ipoprecovery1-AAAA\npassphrase:     7QK2-M4TF\n"
    assert json.loads(printed("backup --json", answer)[0]) == answer
    assert "not in the same place" in run("backup", {"backup": answer}, width=80)[2]


def test_restoring():
    for line, rest in (("restore LINE --passphrase 7QK2", {}), ("restore LINE", {"typed": "7QK2\n"})):
        out, asked = printed(line, GROUP, **rest)
        assert asked == {"line": "LINE", "passphrase": "7QK2"}
        assert out.startswith("This router is 'home' in 'friends', in the place of the old one.\n")
        assert "The old router must not be switched on with this group again" in out
    status, _, err, _ = run("restore LINE", {"restore": GROUP}, typed="7QK2\n", width=80)
    assert (status, err) == (0, "passphrase: ")
    assert complaint("restore LINE")[1].startswith("expected the passphrase that 'ipop backup' showed")


# --- all of them


def test_every_command_is_explained():
    for command in cli.COMMANDS:
        if command.help:
            status, out, err, _ = run("help " + command.name, {})
            assert (status, err) == (0, "") and out.startswith(f"usage: ipop [OPTION...] {command.name} ".rstrip())
            assert run(command.name + " --help", {})[1] == out


def test_commands_of_two_words():
    assert complaint("group") == (2, "no command 'group'; did you mean 'group create'?")
    assert complaint("group create") == (2, "group create: expected NAME, got nothing; see 'ipop help group create'")
    assert complaint("rename den") == (2, "rename: expected NAME, got nothing; see 'ipop help rename'")
    assert complaint("rename den cabin x") == (2, "rename: expected no 'x'; see 'ipop help rename'")


def test_answers_of_another_kind():
    for line, answer in (("groups", [{}]), ("members", [5]), ("invite", {}), ("requests", [{}]), ("revoke x", {})):
        status, err = complaint(line, **{line.split()[0]: answer})
        assert status == 1 and "restart ipopd if it was upgraded" in err, line
    for join in ({}, dict(JOIN, state=None, fingerprint=5), {"state": "welcome"}):
        status, out, err, _ = run("join x --wait 0", {"join": join})
        assert status == 1, join


def test_names_of_others_do_not_reach_the_terminal_raw():
    for line, answer in (
        ("members", [dict(MEMBERS[1], name="\x1b[2J")]),
        ("groups", [dict(GROUP, name="\x1b[2J", text="\x1b[2J")]),
        ("approve x", dict(CHANGED, name="\x1b[2J\n")),
    ):
        assert "\x1b" not in printed(line, answer)[0]
