"""`ipop setup` on a router of files, with a stand-in for rpcd: it says what it does, and leaves nothing half-done."""

from openwrt_configs import USED
from test_cli import CABIN, HUT, Ports
from test_openwrt import CHESS, entry
from uci_state import UciState

from ipop.command import cli
from ipop.control.protocol import Refusal
from ipop.control.ubus_client import UbusError
from ipop.openwrt import apply, hosts, lan, nat
from ipop.openwrt.there import PACKAGES

CONFIG = """
config globals 'globals'
	option serve 'openwrt'
	option control '/run/ipop/ipop.sock'
config group 'friends'
	list port 'lan2'
	list map '192.168.1.20'
"""
NAMES = "/run/ipop/hosts/ipop0"
LAN = "/run/ipop/lan.json"
REFUSED = "/run/ipop-setup"


class Router(Ports):
    """`networks` are those that it has after a change; `refuses` is what rpcd says to `apply`."""

    def __init__(self, wishes=(), networks=None, config=CONFIG, refuses=None, **rest):
        contents = {"/etc/config/" + package: text.encode() for package, text in UciState(USED).files().items()}
        contents["/etc/config/ipop"] = config.encode()
        if wishes is not None:
            contents[LAN] = ('{"groups": [%s], "damaged": []}' % ", ".join(wishes)).encode()
        Ports.__init__(self, files=contents, **rest)
        self.contents = contents
        self.after = [("br-ipop0", "10.77.5.1", 16)] if networks is None else networks
        self.others = []  # networks that UCI knows nothing of
        self.links_after = []
        self.refuses = refuses
        self.is_applied = self.is_impatient = False
        self.noted = None
        self.is_free_at = 1 << 30
        self.events = []
        self.now = 0
        self.shared = self.links = self.interfaces = self.clock = self

    def Poller(self):  # noqa: N802
        return self

    def wait(self, ms):
        self.now += ms

    def monotonic(self):
        return self.now

    def networks(self):
        return self.others + (self.after if self.is_applied else [])

    def gateway(self):
        return [("wan", "192.0.2.1")]

    def index(self, name):
        return int(name in self.links_after)

    def read_with_mode(self, path):
        raise OSError(2, "not there")

    # the folders that all may read

    def make_folder(self, path):
        self.folders.append(path)

    def write(self, path, data):
        if isinstance(path, int):
            Ports.write(self, path, data)
        elif path == REFUSED:
            self.noted = data.decode()
        else:
            self.contents[path] = data

    def forget(self, path):
        if path == REFUSED:
            self.noted = None
        self.contents.pop(path, None)

    def uci(self):
        return {package: self.contents["/etc/config/" + package].decode() for package in PACKAGES}


class Rpcd:
    """A Ubus with nothing behind it but rpcd and procd."""

    def __init__(self, router):
        self._router = router
        self._granted = []

    def call(self, object, method, arguments):
        return getattr(self, "_%s_%s" % (object, method))(dict(arguments))

    def close(self):
        pass

    def _session_create(self, arguments):
        return {"ubus_rpc_session": "s1"}

    def _session_grant(self, arguments):
        assert arguments["scope"] == "uci"
        self._granted = arguments["objects"]
        self._state = UciState(self._router.uci())
        return {}

    def _session_destroy(self, arguments):
        return {}

    def _uci_add(self, arguments):
        config, name = self._allowed(arguments), arguments["name"]
        self._state.batch("set %s.%s=%s\n" % (config, name, arguments["type"]))
        return self._uci_set({"config": config, "section": name, "values": arguments["values"]})

    def _uci_set(self, arguments):
        place = "%s.%s" % (self._allowed(arguments), arguments["section"])
        for option, value in arguments["values"].items():
            verb = "add_list" if isinstance(value, list) else "set"
            for each in value if isinstance(value, list) else [value]:
                self._state.batch("%s %s.%s='%s'\n" % (verb, place, option, each))
        return {}

    def _uci_delete(self, arguments):
        place = "%s.%s" % (self._allowed(arguments), arguments["section"])
        self._state.batch("delete %s%s\n" % (place, "." + arguments["option"] if "option" in arguments else ""))
        return {}

    def _allowed(self, arguments):
        assert [arguments["config"], "write"] in self._granted
        return arguments["config"]

    def _uci_apply(self, arguments):
        assert arguments["rollback"] and arguments["timeout"] * 1000 > apply.CHECK_UNTIL
        if self._router.refuses and self._router.now < self._router.is_free_at:
            raise UbusError(self._router.refuses, "ubus call uci apply: no")
        self._before = self._router.uci()
        self._write(self._state.files())
        self._router.is_applied = True
        return {}

    def _uci_confirm(self, arguments):
        self._check_wait()
        del self._before
        return {}

    def _uci_rollback(self, arguments):
        self._check_wait()
        self._write(self._before)
        return {}

    def _check_wait(self):
        if self._router.is_impatient:  # all is put back by itself
            self._write(self._before)
            raise UbusError("no-data", "ubus call uci confirm: no data")

    def _service_event(self, arguments):
        self._router.events.append((arguments["type"], arguments["data"]))
        return {}

    def _write(self, files):
        for package, text in files.items():
            self._router.contents["/etc/config/" + package] = text.encode()


def run(line, router):
    """(exit status, stdout, stderr); the line is a text, or a list of words."""
    apply.Ubus = lambda path: Rpcd(router)
    router.out = router.err = ""
    return cli.main(line.split() if isinstance(line, str) else line, router), router.out, router.err


def done(line, router):
    status, out, err = run(line, router)
    assert (status, err) == (0, ""), (status, out, err)
    return out


def complaint(line, router, status=1):
    before = dict(router.contents)
    ended, out, err = run(line, router)
    assert (ended, out) == (status, ""), (ended, out, err)
    assert err[:6] == "ipop: " and err.count("\n") == 1
    assert router.contents == before
    return err[6:-1]


def test_what_would_be_done_is_said_and_not_done():
    router = Router([entry()])
    before = dict(router.contents)
    out = done("setup", router)
    assert "~ network.cfg030f15: br-lan has the ports lan1, lan3, lan4\n" in out
    assert "+ network.ipop0_dev: the bridge br-ipop0, of ipop0 and lan2\n" in out
    assert "+ dhcp.ipop0_dhcp: devices get 10.77.5.100 to 10.77.5.249, no gateway\n" in out
    assert router.contents == before


def test_a_configuration_is_thought_about_before_it_is_written():
    router = Router([entry()])
    before = dict(router.contents)
    thought = CONFIG.replace("list port 'lan2'", "list port 'lan4'")
    assert "the bridge br-ipop0, of ipop0 and lan4" in done(["setup", "--with", thought], router)
    assert router.contents == before
    assert "for looking only" in complaint(["setup", "--apply", "--with", thought], router, 2)
    assert "'lan4/'" in complaint(["setup", "--with", thought.replace("lan4", "lan4/")], router, 2)


def test_the_batch_does_what_apply_does():
    router = Router([entry()])
    state = UciState(router.uci())
    state.batch(done("setup --dry-run", router))
    assert "done, and confirmed" in done("setup --apply", router)
    assert router.uci() == state.files()
    assert b"10.77.133.20/32" in router.contents[nat.path("ipop0")]
    assert done("setup --apply", router) == "nothing had to be changed\n"
    assert done("setup", router) == "nothing is to be changed\n"


def test_whoever_leaves_is_as_before():
    router = Router([entry()])
    before = dict(router.contents)
    done("setup --apply", router)
    router.contents[LAN] = b'{"groups": [], "damaged": []}'
    assert "- network.ipop0: " in done("setup --apply", router)
    router.contents[LAN] = before[LAN]
    assert router.contents == before


def test_without_an_address_all_is_put_back():
    text = complaint("setup --apply", Router([entry()], networks=[]))
    assert text == "br-ipop0 has not got the address 10.77.5.1: so all was put back as it was before"


def test_rpcd_that_has_not_waited_has_put_all_back():
    router = Router([entry()], networks=[])
    router.is_impatient = True
    assert complaint("setup --apply", router)[:40] == "br-ipop0 has not got the address 10.77.5"
    router.after = [("br-ipop0", "10.77.5.1", 16)]
    assert "no data: so all was put back as it was before" in complaint("setup --apply", router)


def test_a_bridge_that_does_not_go_away_is_no_success():
    router = Router([entry()])
    done("setup --apply", router)
    router.contents[LAN] = b'{"groups": [], "damaged": []}'
    router.links_after = ["br-ipop0"]
    assert complaint("setup --apply", router)[:26] == "br-ipop0 is still there: s"


def test_what_another_program_has_here_is_in_the_way_and_the_way_to_the_internet_is_not():
    router = Router([entry()])
    router.others = [("docker0", "10.77.9.1", 24), ("wan", "10.77.0.9", 16), ("br-ipop0", "10.77.4.1", 16)]
    status, _, err = run("setup --apply", router)
    assert status == 1 and "but docker0 has 10.77.9.1/24" in err and "wan" not in err and "br-ipop0" not in err
    assert not router.is_applied
    router.others = router.others[1:]
    assert run("setup --apply", router)[0] == 0 and router.is_applied


def test_members_that_were_connected_have_to_answer():
    gone = Refusal("timeout", "no answer")
    router = Router([entry()], peers=[CABIN, HUT], pings=[gone] * 200)
    text = complaint("setup --apply", router)
    assert text == "of 1 members that were connected 1 do not answer: so all was put back as it was before"
    router = Router([entry()], peers=[CABIN, HUT], pings=[gone, gone, 12.5])
    done("setup --apply", router)
    assert router.asked == ["cabin"] * 3


def test_what_was_refused_is_noted_for_the_daemon_until_it_could_be_done():
    router = Router([entry()], config=CONFIG.replace("lan2", "wan"))
    text = complaint("setup --apply", router)
    assert text == "friends: port wan: the interface wan is on it"
    assert router.noted == text + "\n"
    router.contents["/etc/config/ipop"] = CONFIG.encode()
    done("setup --apply", router)
    assert router.noted is None


def test_a_change_of_somebody_else_that_waits_is_one_clear_error():
    router = Router([entry()], refuses="permission-denied")
    assert "wait to be confirmed" in complaint("setup --apply", router)
    assert router.now == 0
    assert "wait to be confirmed" in complaint("setup --apply --wait 60", router)
    assert router.now == 60_000
    router.is_free_at = 90_000
    assert "done, and confirmed" in done("setup --apply --wait 60", router)


def test_a_file_of_ours_that_was_lost_is_written_again():
    router = Router([entry()])
    done("setup --apply", router)
    text = router.contents.pop(nat.path("ipop0"))
    done("setup --apply", router)
    assert router.contents[nat.path("ipop0")] == text
    assert router.events == [("config.change", {"package": "firewall"})]


def test_a_group_is_undone_by_its_name_and_no_other():
    chess = entry("chess", "ipop1", **CHESS)
    router = Router([entry(), chess])
    router.after = [("br-ipop0", "10.77.5.1", 16), ("br-ipop1", "10.99.3.1", 16)]
    alone = Router([chess])
    alone.after = router.after
    done("setup --apply", alone)
    done("setup --apply", router)
    del router.contents[LAN]  # the daemon was stopped, and the router restarted
    assert "there is something of: chess, friends" in complaint("setup --undo work", router)
    assert "made again" not in done("setup --apply --undo friends", router)
    assert router.uci() == alone.uci()
    done("setup --apply --remove-all", router)
    assert router.uci() == UciState(USED).files()


def test_what_comes_back_by_itself_is_said_to_do_so():
    router = Router([entry()])
    done("setup --apply", router)
    said = done("setup --apply --undo friends", router)
    assert "friends: ipopd has it made again soon: 'ipop leave --group friends'" in said
    done("setup --apply", router)
    router.contents["/etc/config/ipop"] = CONFIG.replace("openwrt", "none").encode()
    assert "made again" not in done("setup --apply --remove-all", router)


def test_a_file_of_openwrts_that_is_not_there_is_one_clear_error():
    router = Router([entry()], config=CONFIG.replace("list map '192.168.1.20'", ""))
    del router.contents["/etc/config/firewall"]
    text = complaint("setup --apply", router)
    assert text == "there is no /etc/config/firewall: install what reads it (firewall4), or make an empty file"


def test_what_can_be_done_for_one_group_is_done_when_another_is_refused():
    router = Router([entry(), entry("chess", "ipop1", **CHESS)], config=CONFIG.replace("lan2", "wan"))
    router.after = [("br-ipop1", "10.99.3.1", 16)]
    status, out, err = run("setup --apply", router)
    assert status == 1 and "done, and confirmed" in out
    assert err == "ipop: friends: port wan: the interface wan is on it\n" and router.noted == err[6:]
    assert "config interface 'ipop1'" in router.uci()["network"]


def test_without_a_word_from_the_daemon_nothing_is_taken_away():
    router = Router([entry()])
    done("setup --apply", router)
    del router.contents[LAN]
    assert "lan.json isn't there: ipopd writes it" in complaint("setup --apply", router)


def test_wrong_words_are_refused():
    for line in ("setup --apply --dry-run", "setup --apply --files", "setup --undo friends --remove-all"):
        assert "setup: expected one of" in complaint(line, Router([entry()]), 2)


def test_dnsmasq_is_told_the_groups_names_and_no_others():
    router = Router([entry()])
    router.contents[NAMES] = b"""# The names
10.77.3.7 nas.hut.friends.internal
fd01:203:405::7 nas.hut.friends.internal
10.77.3.8 bank.example
8.8.8.8 dns.hut.friends.internal
192.168.1.1 lan.hut.friends.internal
10.77.3.9 $(reboot).hut.friends.internal
10.77.3.9 a.friends.internal b.friends.internal
10.77.3.9 \xff.friends.internal
"""
    done("setup --files", router)
    expected = b"10.77.3.7 nas.hut.friends.internal\nfd01:203:405::7 nas.hut.friends.internal\n"
    assert router.contents[hosts.path("ipop0")] == expected
    done("setup --apply", router)
    router.contents[LAN] = lan.text([]).encode()
    done("setup --apply", router)
    assert router.contents[hosts.path("ipop0")] == b""
