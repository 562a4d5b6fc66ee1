"""Routers with our package in a filesystem of their own, started by the real init script: the daemon may do nothing."""

import shutil
import signal
from pathlib import Path

import firmware
import pytest
from brokers import Mosquitto
from groups import asked, console_of, create, group_of, invite, join, wait_connected
from lab import PORT
from netns import BIN, wait_for
from openwrt_network import plug
from routers import RouterWithNetwork, add_router

from ipop.wire import pcp

LISTENER = """
import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 3478))
print("listens", flush=True)
while True:
    print("asked by", udp.recvfrom(2048)[1][0], flush=True)
"""


TAKER = """
import socket, sys, time
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(("::", int(sys.argv[1])))
print("taken", flush=True)
time.sleep(600)
"""


@pytest.fixture
def broker(lab):
    return Mosquitto(lab.add_host("broker"))


@pytest.fixture
def town(lab, broker):
    """Two routers in a group."""
    den, cabin = new_router(lab, "den"), new_router(lab, "cabin", nat=True)
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    wait_connected(den, "cabin")
    return den, cabin


def new_router(lab, name, **kind):
    router = add_router(lab, name, **kind)
    router.add_console("pc")
    router.start_daemon()
    router.bridge()
    return router


def problems(router):
    return router.daemon.status()["problems"]


def test_consoles_behind_two_routers_meet(town):
    den, cabin = town
    pc, tv = console_of(den), console_of(cabin)
    assert tv.reaches(pc.address)
    for router in town:
        user, sets = router.daemon.capabilities()
        assert user == firmware.USER_ID and not any(sets.values())
        assert router.procd.instance["env"] == ["IPOP_WATCHDOG=30", "IPOP_LOG=stdout"]
        assert router.procd.instance["respawn"] == ["3600", "5", "0"]
        assert opened(router) == [PORT]
        assert problems(router) == []


def test_devices_need_nothing_but_a_cable(lab, broker):
    """From the packages to a console's lease: root does in each router what its daemon asks for."""
    den, cabin = RouterWithNetwork(lab, "den", port=["lan2"]), RouterWithNetwork(lab, "cabin", port=["lan2"])
    create(den.home, "friends", broker.url)
    join(cabin.home, invite(den.home))
    for router in (den, cabin):
        router.obey()
    nas, console = plug(den, "nas", "lan2"), plug(cabin, "console", "lan2")
    wait_for(lambda: console.ping(nas.address, count=1).received, 10, "the nas")
    for router, device in ((den, nas), (cabin, console)):
        assert device.address.rpartition(".")[0] == group_of(router.home)["address"].rpartition(".")[0]
        assert problems(router.home) == []


def opened(router):
    """The UDP ports that the firewall is asked to open, besides that at which a router before us is heard."""
    ports = []
    for rule in router.procd.firewall:
        ports.append(int(rule.pop("dest_port")))
        assert rule == {"type": "rule", "src": "wan", "proto": "udp", "family": "any", "target": "ACCEPT"}
    assert ports.pop(0) == pcp.ANNOUNCE_PORT
    return ports


def test_a_device_that_is_not_there_is_a_problem_that_says_what_to_do_and_not_more(lab, broker, town):
    den, cabin = town
    pc, tv = console_of(den), console_of(cabin)
    playing = tv.start_ping(pc.address)
    lodge = new_router(lab, "lodge")
    create(lodge, "chess", broker.url)
    join(den, invite(lodge), name="den")
    wait_for(lambda: group_of(den, "chess")["connected"] == 1, 10, "the second group")

    (problem,) = wait_for(lambda: problems(den), 5, "a problem")
    command = problem.partition("run '")[2].partition("'")[0].split()
    assert command == ["ipop", "tap", "ipop1", "--user", "ipop"]
    den.run_inside("root", *command)
    wait_for(lambda: problems(den) == [], 6, "the second device")
    den.router.ip("link add br-chess type bridge mcast_snooping 0", "link set br-chess up",
                  f"addr add {group_of(den, 'chess')['address']} dev br-chess", "link set ipop1 master br-chess")
    phone = console_of(lodge)
    wait_for(lambda: phone.ping(group_of(den, "chess")["address"].split("/")[0], count=1).received, 5, "the den")
    assert playing.lost() == 0


def test_a_device_that_is_deleted_is_asked_for_and_taken_up_again(town):
    den, cabin = town
    pc, tv = console_of(den), console_of(cabin)
    den.start_ubusd()
    den.router.ip("link delete ipop0")
    wait_for(lambda: any("ipop tap ipop0" in text for text in problems(den)), 8, "a problem")
    while den.procd.be_asked("event")["type"] != "ipop.lan":
        pass
    den.bridge()
    wait_for(lambda: tv.ping(pc.address, count=1).received, 8, "the device")
    wait_for(lambda: problems(den) == [], 8, "no problem any more")


def test_what_only_root_may_do_is_told_until_it_is_done(lab, broker):
    den = add_router(lab, "den")
    den.globals.update(serve="none", bridge="br-group")  # a bridge that somebody else has made
    den.start_daemon()
    create(den, "friends", broker.url)
    (problem,) = wait_for(lambda: problems(den), 5, "a problem")
    assert "run 'ip link set ipop0 master br-group' as root" in problem
    den.bridge()
    wait_for(lambda: problems(den) == [], 8, "the device in its bridge")
    den.router.ip("link set br-group type bridge mcast_snooping 1")
    wait_for(lambda: any("igmp_snooping" in text for text in problems(den)), 8, "word of the bridge")


def test_bridges_learn_anew_when_the_daemon_has_root_asked_for_it(town):
    den, cabin = town
    pc, tv = console_of(den), console_of(cabin)
    assert tv.reaches(pc.address)

    def learned():
        lines = den.router.run(["bridge", "fdb", "show", "br", "br-group"]).stdout.splitlines()
        return [line for line in lines if "dev ipop0" in line and "permanent" not in line]

    def forgets():  # it may learn again at once
        den.procd.trigger("ipop.relearn")
        return not learned()

    assert learned()
    wait_for(forgets, 5, "a bridge that has forgotten")


def test_procd_sees_that_the_loop_turns(lab):
    den = new_router(lab, "den")
    den.start_ubusd()
    for _ in range(2):
        kick = den.procd.be_asked("watchdog", 15)
        assert kick == {"name": "ipop", "instance": "main", "mode": 1, "timeout": 30}


def test_word_of_the_wan_has_the_daemon_ask_again_and_restarts_nothing(lab):
    den = add_router(lab, "den")
    stun = lab.add_host("stun")
    listener = stun.spawn([BIN / "python", "-c", LISTENER])
    listener.wait_for_output("listens")
    den.globals["stun"] = [f"{stun.address}:3478"]
    den.start_daemon()
    wait_for(lambda: "blocked" in str(den.daemon.ask("nat")["families"]), 20, "it gives up")
    asked_before, pid = listener.output.count("asked"), den.daemon.process.pid
    den.procd.trigger("interface.up", "lan")
    den.procd.trigger("interface.up", "wan")
    wait_for(lambda: listener.output.count("asked") > asked_before, 2, "another question")
    assert den.daemon.process.pid == pid and den.daemon.process.alive()


def test_a_reload_changes_the_port_in_the_firewall_too_and_nothing_that_is_wrong(town):
    den, cabin = town
    pc, tv = console_of(den), console_of(cabin)
    assert tv.reaches(pc.address)
    pid, reloads = den.daemon.process.pid, den.procd.firewall_reloads

    den.globals["port"] = PORT + 1
    den.daemon.reload()
    wait_for(lambda: den.daemon.status()["port"] == PORT + 1, 5, "another port")
    assert opened(den) == [PORT + 1, PORT] and den.procd.firewall_reloads == reloads + 1
    told = den.daemon.process.output.count("configuration applied")
    den.daemon.reload()
    wait_for(lambda: den.daemon.process.output.count("configuration applied") > told, 5, "the same once more")
    assert opened(den) == [PORT + 1]
    reloads = den.procd.firewall_reloads

    den.write_config()  # as `uci commit` does: a new file, which is root's
    den.daemon.process.popen.send_signal(signal.SIGHUP)
    wait_for(lambda: any("/etc/init.d/ipop reload" in text for text in problems(den)), 5, "a problem")
    den.daemon.reload()
    wait_for(lambda: problems(den) == [], 5, "the configuration")

    den.globals["port"] = "eighty"
    den.daemon.reload()
    wait_for(lambda: any("option 'port'" in text for text in problems(den)), 5, "a problem")
    assert opened(den) == [PORT + 1] and den.procd.firewall_reloads == reloads
    assert den.daemon.process.pid == pid and den.daemon.process.alive()

    den.globals |= {"port": PORT + 2, "log_level": "loud"}  # the port would be right, the rest is not
    den.daemon.reload()
    wait_for(lambda: any("option 'log_level'" in text for text in problems(den)), 5, "a problem")
    assert opened(den) == [PORT + 1] == [den.daemon.status()["port"]]

    taken = den.router.spawn([BIN / "python", "-c", TAKER, str(PORT + 2)])
    taken.wait_for_output("taken")
    den.globals |= {"port": PORT + 2, "log_level": "info"}
    den.daemon.reload()
    wait_for(lambda: any("option 'port'" in text for text in problems(den)), 5, "a problem")
    assert opened(den) == [PORT + 2, PORT + 1] and den.daemon.status()["port"] == PORT + 1

    den.globals |= {"port": PORT + 1, "control": "/var/run/ipop/other.sock"}
    den.daemon.reload()
    (den.root / "var/run/ipop/other.sock").symlink_to("ipop.sock")  # where the command looks now
    wait_for(lambda: any("restart ipopd to change: control" in text for text in problems(den)), 5, "a problem")
    (den.root / "var/run/ipop/other.sock").unlink()

    den.globals |= {"control": "/var/run/ipop/ipop.sock", "enabled": 0}
    den.daemon.reload()
    assert not den.daemon.process.alive() and den.procd.firewall == []


def test_after_a_boot_with_a_wrong_file_the_port_that_is_open_is_the_daemons(lab):
    den = add_router(lab, "den")
    den.start_daemon()
    den.globals |= {"port": PORT + 1, "log_level": "loud"}
    den.write_config()
    den.procd.call("stop")
    den.start_daemon()
    assert any("option 'log_level'" in text for text in problems(den))
    assert opened(den) == [PORT] == [den.daemon.status()["port"]]

    den.globals["log_level"] = "info"
    den.write_config()
    den.procd.call("stop")
    den.start_daemon()
    assert opened(den) == [PORT + 1] == [den.daemon.status()["port"]]


def test_an_upgrade_of_the_package_disturbs_nobody_else(lab, town):
    den, cabin = town
    lodge = new_router(lab, "lodge")
    join(lodge, invite(den))
    wait_connected(lodge, "den", "cabin")
    pc, tv, phone = console_of(den), console_of(cabin), console_of(lodge)
    assert phone.reaches(tv.address) and phone.reaches(pc.address)
    undisturbed = phone.start_ping(pc.address)
    before = group_of(cabin)

    cabin.globals["log_level"] = "debug"
    cabin.daemon.reload()
    cabin.daemon.stop()
    assert cabin.procd.firewall == []
    firmware.install(cabin.root, cabin.package)
    cabin.procd.call("start")
    cabin.daemon.wait_ready()
    wait_for(lambda: phone.ping(tv.address, count=1).received, 10, "the cabin")
    after = group_of(cabin)
    assert [after[key] for key in ("member_fingerprint", "address", "device")] == [
        before[key] for key in ("member_fingerprint", "address", "device")
    ]
    assert "debug" in cabin.config.read_text()
    assert undisturbed.lost() == 0


def test_a_new_firmware_takes_up_what_sysupgrade_kept(town):
    """A backup has the files, and has lost the mode of the folder and the names of owners."""
    den, cabin = town
    pc, tv = console_of(den), console_of(cabin)
    before = asked(cabin, "groups")
    cabin.daemon.stop()
    cabin.router.ip("link delete ipop0")
    old = cabin.root.rename(cabin.root.with_name("old"))
    firmware.build(cabin.root, cabin.interpreter, cabin.package)
    for folder in (old / "lib/upgrade/keep.d/ipop").read_text().split():
        shutil.copytree(old / folder[1:], cabin.root / folder[1:])
    shutil.copy(old / "etc/config/ipop", cabin.config)
    (cabin.root / "etc/ipop").chmod(0o755)

    cabin.procd.call("start")
    cabin.daemon.wait_ready()
    cabin.bridge()
    wait_for(lambda: tv.ping(pc.address, count=1).received, 10, "the cabin")
    assert [group["member_fingerprint"] for group in asked(cabin, "groups")] == [
        group["member_fingerprint"] for group in before
    ]
    assert (cabin.root / "etc/ipop").stat().st_mode & 0o777 == 0o700
    assert (cabin.root / "etc/ipop").stat().st_uid == firmware.USER_ID


SLOW = """\
#!/bin/sh
[ "$1" = setup ] || exit 0
echo begun >> /tmp/setups
while [ ! -e /tmp/go-on ]; do sleep 1; done
echo done >> /tmp/setups
"""


def test_however_often_the_daemon_asks_root_does_one_thing_at_a_time(lab):
    den = add_router(lab, "den")
    den.start_daemon()
    (den.root / "usr/bin/ipop").unlink()
    (den.root / "usr/bin/ipop").write_text(SLOW)
    (den.root / "usr/bin/ipop").chmod(0o755)

    def ask(times):
        command = "for i in $(seq $1); do /etc/init.d/ipop lan > /dev/null 2>&1; done"
        den.run_inside("root", "sh", "-c", command, "sh", str(times))

    def done():
        path = den.root / "tmp/setups"
        return path.read_text().split() if path.exists() else []

    def in_turn():
        pids = den.router.run(["ip", "netns", "pids", den.router.netns]).stdout.split()
        return [pid for pid in pids if b"/etc/init.d/ipop\0lan" in command_of(pid)]

    ask(6)
    wait_for(lambda: len(in_turn()) == 2, 10, "one at work, and one that waits")
    (den.root / "tmp/go-on").touch()
    wait_for(lambda: done() == 2 * ["begun", "done"], 10, "the one at work, and the one for all others")
    ask(1)
    wait_for(lambda: done() == 3 * ["begun", "done"], 10, "one that came later")


def command_of(pid):
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def test_root_changes_nothing_in_the_daemons_folders_below_the_first(town):
    """Where a daemon in wrong hands could lead root astray, by a link in a folder's place."""
    den, cabin = town
    state = den.root / "etc/ipop"
    for place in ("made.key", "groups/made.key"):
        (state / place).write_text("")
    den.daemon.reload()
    assert (state / "made.key").stat().st_uid == firmware.USER_ID
    assert (state / "groups/made.key").stat().st_uid == 0


def test_a_control_socket_that_moves_keeps_no_word_from_the_daemon(lab):
    den = add_router(lab, "den")
    den.globals["control"] = "/var/run/ipop/here.sock"
    den.write_config()
    den.procd.call("start")
    here, there = (den.root / f"var/run/ipop/{name}.sock" for name in ("here", "there"))
    wait_for(here.exists, 20, "the daemon")
    den.globals["control"] = "/var/run/ipop/there.sock"
    den.write_config()
    den.procd.call("reload")
    there.symlink_to("here.sock")  # where the command looks now

    def says_what_is_left():
        return "restart ipopd to change: control" in den.run_inside("root", "/usr/bin/ipop", "status").stdout

    wait_for(says_what_is_left, 5, "a problem")


def test_without_its_user_the_service_does_not_start(lab):
    den = add_router(lab, "den")
    (den.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/ash\n")
    assert "no user" in den.procd.call("start")
    assert den.procd.instance is None
