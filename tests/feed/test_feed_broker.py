"""The package ipop-broker: what mosquitto is given, and whom it lets in."""

import pytest
from feeds import ROOT
from lab import Lab
from netns import wait_for

from ipop.command.mosquitto import configuration

FILE = ROOT / "openwrt-feed/ipop-broker/files/ipop-broker.conf"
# as much of procd as writes down what it is told
PROCD = """\
procd_open_instance() { :; }
procd_close_instance() { :; }
procd_open_data() { :; }
procd_close_data() { :; }
procd_set_param() { echo "$*"; }
json_add_array() { echo "[$1"; }
json_close_array() { echo "]"; }
json_add_object() { :; }
json_close_object() { :; }
json_add_string() { echo "$1=$2"; }
"""


def settings(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_its_settings_are_what_the_command_prints():
    assert settings(FILE.read_text()) == settings(configuration())


def test_mosquitto_takes_it():
    with Lab() as lab:
        host = lab.add_host("router")
        broker = host.spawn(["/usr/sbin/mosquitto", "-c", FILE])
        wait_for(lambda: not broker.alive() or ":1883 " in host.run(["ss", "-ltnH"]).stdout, 10, "mosquitto listening")
        broker.stop()
        assert broker.popen.returncode == 0, broker.output


def test_its_ports_are_let_in_and_no_others(packages, router):
    init = packages["ipop-broker"].unpack(router.root) / "etc/init.d/ipop-broker"
    config = router.root / "etc/mosquitto/ipop-broker.conf"
    run = f"{PROCD}\n. /etc/init.d/ipop-broker\nstart_service"
    said = router.run("ash", "-c", run).splitlines()
    assert said[:2] == ["command /usr/sbin/mosquitto -c /etc/mosquitto/ipop-broker.conf",
                        "file /etc/mosquitto/ipop-broker.conf"]
    assert "respawn 3600 5 0" in said
    rule = ["type=rule", "src=wan", "proto=tcp", "dest_port=1883", "family=any", "target=ACCEPT"]
    assert said[said.index("[firewall"):] == ["[firewall", *rule, "]"]
    assert init.stat().st_mode & 0o111

    config.write_text(config.read_text().replace("listener 1883", "listener 8883\nlistener\t1884 ::"))
    said = router.run("ash", "-c", run).splitlines()
    assert [line for line in said if line.startswith("dest_port")] == ["dest_port=8883", "dest_port=1884"]


# --- mosquitto's own instance, of the package that ours needs

STOCK = "# Config file for mosquitto\n\n   # listener\n"


@pytest.mark.parametrize("text, use_uci, stays", (
    (STOCK, "0", False),
    (STOCK, "1", True),
    (STOCK + "listener 1884\n", "0", True),
    (None, "0", False),
))
def test_a_mosquitto_that_nobody_has_configured_makes_room(packages, router, text, use_uci, stays):
    packages["ipop-broker"].unpack(router.root)
    router.add("/etc/init.d/mosquitto")
    router.add("/bin/uci", f"echo {use_uci}\n", log=False)
    if text is not None:
        (router.root / "etc/mosquitto/mosquitto.conf").write_text(text)
    for _ in range(2):  # it runs again at each upgrade
        router.run("ash", "-c", ". /etc/uci-defaults/90-ipop-broker")
        assert router.calls() == ([] if stays else ["mosquitto disable", "mosquitto stop"])
