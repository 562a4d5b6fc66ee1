"""The daemon on ubus: with the stand-in for ubusd, and the same with the real one where it is installed."""

import json
import shutil
import struct
import sys
import time
from pathlib import Path

import pytest
import ubusd as buses
from lab import ROOT
from netns import wait_for
from ubusd import Guest, HostileUbusd, Ubusd

from ipop.control.methods import METHODS
from ipop.control.ubus_client import UbusError
from ipop.ubus import blob

PROGRAM = Path(__file__).parent / "programs/bus_caller.py"

pytestmark = [
    pytest.mark.parametrize("lab", ["cpython", "micropython"], indirect=True),
]


@pytest.fixture(params=buses.KINDS)
def bus(request, lab):
    """A ubusd that runs, on the den's router."""
    if not buses.is_there(request.param):
        pytest.skip(f"there is no {request.param} on the PATH")
    home = lab.add_home("den")
    bus = Ubusd(request.param, home.router)
    home.globals["ubus"] = bus.path
    bus.start()
    return bus


@pytest.fixture
def den(lab, bus):
    """A home whose daemon is on ubus, and knows a peer that is never on line."""
    home = lab.homes[0]
    cabin = lab.add_home("cabin")
    home.add_peer(cabin)
    home.start_daemon()
    bus.wait_for("luci.ipop")
    return home


def test_what_the_daemon_says_of_itself_is_the_same_on_both_sockets(den, bus):
    said = bus.call("ipop", "status")
    there = den.daemon.status()
    for key in ("version", "interpreter", "public_key", "device", "problems", "peers"):
        assert said[key] == there[key]
    assert set(said) == set(there)
    assert bus.call("ipop", "peers")["peers"][0]["name"] == "cabin"


def test_arguments_may_be_missing_and_a_session_is_passed_over(den, bus):
    for name in ("ipop", "luci.ipop"):
        assert bus.call(name, "events")["next"] >= 1
        assert bus.call(name, "events", since=1, ubus_rpc_session="0" * 32)["next"] >= 1


def test_what_is_wrong_is_said_in_words(den, bus):
    error = bus.call("ipop", "stauts")["error"]
    assert error["code"] == "unknown-method" and "did you mean 'status'?" in error["message"]
    error = bus.call("ipop", "ping", peer="cabn")["error"]
    assert error["code"] == "not-found" and "did you mean 'cabin'?" in error["message"]
    assert bus.call("ipop", "ping", peer=5)["error"]["code"] == "bad-params"
    assert bus.call("ipop", "members")["error"]["code"] == "failed"


def test_what_takes_a_while_is_a_job(den, bus):
    job = bus.call("ipop", "ping", peer="cabin", timeout=4000)["job"]
    assert bus.call("ipop", "job", job=job) == {"state": "running"}
    wait_for(lambda: bus.call("ipop", "job", job=job)["state"] != "running", 5, "the end of the job")
    over = bus.call("luci.ipop", "job", job=job)
    assert over["state"] == "failed" and over["error"]["code"] == "timeout"
    assert "cabin does not answer" in over["error"]["message"]


def test_a_job_that_succeeds_has_the_result(lab, den, bus):
    cabin = lab.homes[1]
    cabin.add_peer(den)
    cabin.start_daemon()
    den.daemon.wait_connected(cabin)
    job = bus.call("ipop", "ping", peer="cabin")["job"]
    wait_for(lambda: bus.call("ipop", "job", job=job)["state"] == "done", 5, "the answer")
    assert bus.call("ipop", "job", job=job)["result"]["peer"] == "cabin"


def test_what_happens_is_heard_and_can_be_asked_for(lab, den, bus):
    guest = Guest(bus)
    assert guest.listen("ipop.*") == "ok"
    since = bus.call("ipop", "events")["next"]
    cabin = lab.homes[1]
    cabin.add_peer(den)
    cabin.start_daemon()
    event = guest.hear("ipop.connected", 10)
    assert event["text"].startswith("cabin: connected, at ")
    assert abs(event["time"] - time.time()) < 10
    assert event in bus.call("ipop", "events", since=since)["events"]
    assert event["text"] in json.dumps(den.daemon.ask("events"))
    assert event["text"] in den.daemon.ipop("events").stdout


def test_ubusd_may_die_and_come_back(den, bus):
    bus.kill()
    assert den.daemon.status()["problems"] == []
    time.sleep(1)
    bus.start()
    bus.wait_for("ipop")
    bus.wait_for("luci.ipop")
    assert den.daemon.status()["problems"] == []


def test_where_ubusd_is_late_the_daemon_waits_for_nobody(lab, bus):
    bus.kill()
    bus.path.unlink(missing_ok=True)
    home = lab.homes[0]
    home.start_daemon()
    assert home.daemon.status()["problems"] == []
    bus.start()
    bus.wait_for("ipop")


def test_a_refused_object_is_a_problem_that_says_what_to_do(lab, bus):
    guest = Guest(bus)
    assert guest.serve("ipop") == "ok"
    home = lab.homes[0]
    home.start_daemon()
    (problem,) = wait_for(lambda: home.daemon.status()["problems"], 5, "a problem")
    assert "refuses the object ipop (invalid-argument)" in problem
    assert "/usr/share/acl.d/ipop.json" in problem and "kill -HUP" in problem
    bus.wait_for("luci.ipop")
    guest.close()
    bus.wait_for("ipop", 20)
    assert home.daemon.status()["problems"] == []


def test_odd_questions_do_no_harm(den, bus):
    deep = "x"
    for _ in range(blob.DEPTH_MAX):
        deep = [deep]
    for odd in ({"peer": deep}, {"peer": ""}, {"x" * 60_000: 1}, {"peer": "x" * 60_000}, {"peer": "\x1b[2J" * 20}):
        answer = bus.call("ipop", "ping", **odd)["error"]
        assert answer["code"] in ("bad-params", "not-found") and len(json.dumps(answer)) < 300
    with pytest.raises(UbusError):  # more than there is room for
        bus.call("ipop", "ping", 300, peer="x" * 500_000)
    assert bus.call("ipop", "status")["problems"] == []


def test_a_hundred_questions_at_once_are_answered(den, bus):
    guests = [Guest(bus) for _ in range(20)]
    for guest in guests:
        for _ in range(5):
            guest.ask("ipop", "status")
    for guest in guests:
        for _ in range(5):
            assert guest.hear_answer()["version"]


def test_an_evil_ubusd_does_no_harm(lab):
    hello = struct.pack(">BBHII", 0, 0, 0, 7, 4)
    invoke = struct.pack(">BBHI", 0, 5, 1, 9)
    speeches = (
        b"SSH-2.0-OpenSSH_9.2\r\n" * 100,
        hello + struct.pack(">BBHII", 0, 5, 1, 9, 0xFFFFFF),
        hello + invoke + struct.pack(">I", 1 << 20) + bytes((1 << 20) - 4) + b"\xff" * 20,
        hello + (invoke + blob.put(0, blob.put_number(3, 5) + b"\x84\0\0\0")) * 2000 + b"\1",
    )
    home = lab.add_home("den")
    home.globals["ubus"] = path = lab.folder / "ubus.sock"
    evil = HostileUbusd(path, speeches)
    home.start_daemon()
    while evil.heard < len(speeches):
        assert home.daemon.status()["version"]
        time.sleep(0.2)
    bus = Ubusd(buses.STAND_IN, home.router)
    bus.start()
    bus.wait_for("ipop")


def test_the_ubus_command_finds_everything(den, bus):
    if bus.kind == buses.STAND_IN or shutil.which("ubus") is None:
        pytest.skip("it is about the command 'ubus', of OpenWrt, with the real ubusd: both have to be on the PATH")
    listed = den.router.run(["ubus", "-s", bus.path, "-v", "list", "ipop"]).stdout
    for method in METHODS:
        assert f'"{method.name}":{{' in listed
    assert '"peer":"String"' in listed and '"large":"Boolean"' in listed and '"brokers":"Array"' in listed
    said = json.loads(den.router.run(["ubus", "-s", bus.path, "call", "ipop", "status"]).stdout)
    assert said["version"] == den.daemon.status()["version"]
    asked = den.router.run(["ubus", "-s", bus.path, "call", "ipop", "ping", '{"peer": "nobody"}']).stdout
    assert json.loads(asked)["error"]["code"] == "not-found"


def test_others_are_asked_and_nothing_waits_for_them(lab, bus):
    """An object that never answers, one that isn't there, and ubusd itself that dies meanwhile."""
    guest = Guest(bus)
    assert guest.serve("slow") == "ok"
    home = lab.homes[0]
    library = ROOT / "build/micropython/lib"
    python = [sys.executable] if home.interpreter == "cpython" else ["env", f"MICROPYPATH={library}", "micropython"]
    caller = home.router.spawn([*python, PROGRAM, bus.path])
    caller.wait_for_output("slow timeout")
    bus.kill()
    caller.wait_for_output("longest")
    said = caller.output.splitlines()
    assert said[0].split() == ["early", "connection-failed"]
    answers = ("ipop ok 7", "ipop invalid-argument ", "nobody not-found ", "slow timeout ", "slow connection-failed ")
    for expected in answers:
        assert expected in said, said
    assert "problem: ubus fault" in said
    assert int(said[-1].split()[1]) < 1_000  # ms, where each of the slow takes twice that
