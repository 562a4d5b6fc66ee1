"""`ipop doctor` at home: one thing after the other is broken; each is named, with what mends it, until that is done."""

import json
import textwrap

import pytest
from brokers import Mosquitto
from groups import console_of, create, group_of, invite, join, new_home, wait_connected
from lab import PORT
from netns import BIN, wait_for
from routers import RouterWithNetwork, add_router
from ubusd import STAND_IN, Ubusd


@pytest.fixture
def broker(lab):
    return Mosquitto(lab.add_host("mqtt"))


@pytest.fixture
def den(lab, broker):
    den, cabin = new_home(lab, "den"), new_home(lab, "cabin", nat=True)
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    wait_connected(den, "cabin")
    pc, tv = console_of(den), console_of(cabin)
    wait_for(lambda: pc.ping(tv.address, count=1).received, 10, "the cabin's console")
    well(den)
    den.cabin = cabin
    return den


def wrong(home, *before):
    """{check: what is wrong, and what to do}; `before` are words of the command line before the doctor's."""
    words = [*before, home.program("ipop"), "--config", home.config, "--json", "doctor"]
    return lines_of(home.router.run(words, check=False))


def lines_of(done):
    assert done.stderr == ""
    found, status = json.loads(done.stdout), done.returncode
    lines = {each["check"]: f"{each['text']}: {each['remedy']}" for each in found if each["state"] == "wrong"}
    assert status == (1 if lines else 0)
    return lines


def named(home, check, *words, seconds=10):
    """Until the doctor sees just this."""

    def sees():
        found = wrong(home)
        return list(found) == [check] and all(word in found[check] for word in words)

    wait_for(sees, seconds, f"the doctor naming {check}: {words}")


def well(home):
    wait_for(lambda: wrong(home) == {}, 15, "all being well")


def test_what_is_broken_is_named_until_it_is_mended(den, broker):
    router = den.router
    router.ip("link set br-group mtu 1400")
    named(den, "mtu", "br-group carries packets of 1400 bytes only", "ip link set br-group mtu 1500")
    router.ip("link set br-group mtu 1500", "link set ipop0 mtu 1500")
    well(den)

    router.nft("table inet closed { chain input { type filter hook input priority 0; policy drop; "
               "ct state established,related accept; tcp sport 1883 accept; }; }")
    named(den, "firewall", f"drops what members send to UDP port {PORT}")
    router.run(["nft", "delete", "table", "inet", "closed"])
    well(den)

    subnet = group_of(den)["address"]
    router.ip("link add br-lan type bridge", f"addr add {subnet} dev br-lan", "link set br-lan up")
    named(den, "conflict", "br-lan has", "move br-lan to")
    router.ip("link delete br-lan")
    well(den)

    den.globals["relay"] = "perhaps"
    den.daemon.reload()
    found = wait_for(lambda: wrong(den), 5, "a wrong configuration")
    assert list(found) == ["configuration"] and "option 'relay'" in found["configuration"]
    del den.globals["relay"]
    den.daemon.reload()
    well(den)

    broker.kill()
    named(den, "broker", "does it run", broker.url.partition("://")[2])


def test_a_bridge_that_has_gone(den):
    den.router.ip("link delete br-group")
    named(den, "bridge", "br-group")


def test_nobody_is_reached(den):
    den.cabin.daemon.kill()
    den.daemon.stop()
    den.start_daemon()
    named(den, "members", "none of 1 members is reached: cabin: ")


def test_a_daemon_that_does_not_run_and_why(lab):
    home = lab.add_home("den")
    home.write_config()
    assert "ipopd is not running" in wrong(home)["daemon"]
    holder = textwrap.dedent(f"""
        import socket, time
        udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.bind(("::", {PORT}))
        print("bound", flush=True)
        time.sleep(60)""")
    home.router.spawn([BIN / "python", "-c", holder]).wait_for_output("bound")
    assert f"it can't start: UDP port {PORT}" in wrong(home)["daemon"]
    hidden = ["sh", "-ec", 'mount -t tmpfs tmpfs /dev/net; exec "$@"', "sh"]
    assert "modprobe tun" in wrong(home, *hidden)["tun"]
    home.config.unlink()
    assert "no such file" in wrong(home)["configuration"]


def test_a_person_reads_a_line_for_each(den):
    done = den.daemon.ipop("doctor")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok     daemon         ipopd ") and all(line.startswith("ok  ") for line in lines)
    assert [line.split()[1] for line in lines] == [
        "daemon", "configuration", "tun", "clock", "firewall", "bridge", "mtu", "conflict", "broker", "members"]


NETWORK = "config interface lan\n\toption device br-lan\n"
GROUPS = NETWORK + "config interface games\n\toption device br-group\n"
ZONE = "config zone\n\toption name group\n\tlist network games\n"
DHCP = "config dhcp games\n\toption interface games\n\toption limit 150\n"


def test_what_is_broken_in_openwrts_own_files(lab, broker):
    """A bridge in no zone, DHCP that is off, DHCP with the addresses of another member's devices."""
    den = add_router(lab, "den")
    (den.root / "etc/openwrt_release").write_text("DISTRIB_ID='OpenWrt'\n")
    den.groups = {"friends": {"serve": "none", "bridge": "br-group"}}
    den.start_daemon()
    create(den, "friends", broker.url)
    den.bridge()
    wait_for(lambda: den.daemon.status()["problems"] == [], 8, "the device in its bridge")
    wait_for(lambda: group_of(den)["brokers"][0]["connected"], 5, "the broker")
    slice = int(group_of(den)["slice"].split(".")[2]) * 256
    pidof = den.root / "bin/pidof"  # of this machine's programs it would tell, of which some are other tests'
    pidof.unlink()
    pidof.write_text("#!/bin/sh\n[ $1 != dnsmasq ] || [ ! -e /tmp/no-dnsmasq ]\n")
    pidof.chmod(0o755)
    for check, words, files in (
        ("zone", "no interface of /etc/config/network is on br-group", (NETWORK, "", "")),
        ("zone", "the interface games is in no firewall zone", (GROUPS, "", DHCP + f"\toption start {slice + 100}\n")),
        ("dhcp", "DHCP is off on the interface games", (GROUPS, ZONE, "")),
        ("dhcp", f"option start '{slice + 100}'", (GROUPS, ZONE, DHCP + "\toption start 65300\n")),
        (None, "", (GROUPS, ZONE, DHCP + f"\toption start {slice + 100}\n")),
    ):
        for name, text in zip(("network", "firewall", "dhcp"), files, strict=True):
            (den.root / "etc/config" / name).write_text(text)
        found = lines_of(den.daemon.ipop("--json", "doctor", check=False))
        assert list(found) == ([check] if check else []) and words in found.get(check, ""), found
    (den.root / "tmp/no-dnsmasq").touch()
    assert "dnsmasq does not run" in lines_of(den.daemon.ipop("--json", "doctor", check=False))["dhcp"]


def test_what_setup_has_not_done_and_then_has(lab, broker):
    """Once root has done what the daemon asks for, all of it is found in its place."""
    den = RouterWithNetwork(lab, "den", port=["lan2"])
    (den.home.root / "etc/openwrt_release").write_text("DISTRIB_ID='OpenWrt'\n")
    create(den.home, "friends", broker.url)

    def found():
        return lines_of(den.home.daemon.ipop("--json", "doctor", check=False))

    undone = wait_for(lambda: found().get("setup"), 10, "what has not been set up")
    assert "are not in this router's network yet" in undone and "'ipop setup --apply'" in undone
    den.obey()
    wait_for(lambda: found() == {}, 15, "all being well")
    shown = json.loads(den.home.daemon.ipop("--json", "doctor").stdout)
    assert {"setup", "bridge", "zone", "dhcp", "mtu"} <= {each["check"] for each in shown}


def test_a_daemon_that_is_not_on_ubus(lab):
    """There is a ubusd, but it has not let the daemon in."""
    den = lab.add_home("den")
    bus = Ubusd(STAND_IN, den.router)
    bus.start()
    den.globals["ubus"] = den.folder / "nowhere.sock"
    den.start_daemon()
    den.globals["ubus"] = bus.path
    den.write_config()
    found = wrong(den)
    assert list(found) == ["ubus"] and "/usr/share/acl.d/ipop.json" in found["ubus"]
    den.daemon.stop()
    den.start_daemon()
    bus.wait_for("luci.ipop")
    assert wrong(den) == {}
