"""What `ipop setup` makes of /etc/config, as others understand it: netjsonconfig, and OpenWrt's own uci where it is."""

import shutil
import subprocess

import pytest
from netjsonconfig import OpenWrt
from openwrt_configs import FACTORY, USED
from test_openwrt import entry, options, setup, wishes
from uci_state import UciState

from ipop.openwrt import steps

CHOSEN = {
    "port": ["lan2", "lan4"],
    "internet": "1",
    "map": ["192.168.1.20", "192.168.1.64/26"],
    "ssid": "Friends' house",
    "key": "it's a secret",
}
HERE = FACTORY["24.10"]
UCI = shutil.which("uci")


def test_netjsonconfig_finds_the_bridge_its_address_its_wifi_and_its_zone():
    """It doesn't know how UCI writes a quote in a value; the real one below does."""
    chosen = dict(CHOSEN, ssid="Friends", key="it is a secret")
    state, _ = setup(UciState(HERE), wishes(entry()), options(friends=chosen))
    text = "".join(f"package {package}\n\n{content}\n" for package, content in state.files().items())
    read = OpenWrt(native=text.replace("\toption bridge_empty '1'\n", "")).config  # to it that means: no ports
    interfaces = {each["name"]: each for each in read["interfaces"]}
    bridge, lan = interfaces["br-ipop0"], interfaces["br-lan"]
    assert (bridge["type"], bridge["network"], bridge["mac"]) == ("bridge", "ipop0", "02:00:00:00:00:05")
    assert (bridge["bridge_members"], lan["bridge_members"]) == (["ipop0", "lan2", "lan4"], ["lan1", "lan3"])
    assert [(each["address"], each["mask"]) for each in bridge["addresses"]] == [
        ("10.77.5.1", 16), ("fd01:203:405::5:1", 64)]
    for radio in ("radio0", "radio1"):
        wifi = interfaces[f"ipop0_{radio}"]["wireless"]
        assert (wifi["radio"], wifi["network"], wifi["ssid"]) == (radio, ["ipop0"], "Friends")
        assert (wifi["encryption"]["protocol"], wifi["encryption"]["key"]) == ("wpa2_personal", "it is a secret")
    named = {each.get("config_value"): each for each in read["firewall"]}
    assert (named["ipop0_zone"]["input"], named["ipop0_zone"]["network"]) == ("REJECT", ["ipop0"])
    assert named["ipop0_internet"]["dest"] == "wan"


@pytest.mark.skipif(UCI is None, reason="uci, of OpenWrt, is not on the PATH")
@pytest.mark.parametrize("before", [*FACTORY.values(), USED], ids=[*FACTORY, "used"])
def test_the_real_uci_does_the_same_and_takes_it_back(before, tmp_path):
    chosen = {name: value for name, value in CHOSEN.items() if before["wireless"] or name not in ("ssid", "key")}
    state = UciState(before)
    folder, saved = tmp_path / "config", tmp_path / "saved"
    for path in (folder, saved):
        path.mkdir()
    for package, text in before.items():
        (folder / package).write_text(text)

    def uci(*words, input=None):
        done = subprocess.run([UCI, "-c", folder, "-P", saved, *words], input=input, text=True, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def exported():
        return {package: uci("export", package) for package in before}

    first = exported()
    for wanted in (wishes(entry()), wishes(entry(slice="10.77.9.0/24")), wishes()):
        work = steps.work(wanted, options(friends=chosen), state.packages)
        uci("batch", input="".join(steps.batch(work.steps)))
        state.batch("".join(steps.batch(work.steps)))
        state = state.again()
        for package, text in exported().items():
            assert text.strip() == f"package {package}\n\n{state.files()[package]}".strip()
    assert exported() == first
