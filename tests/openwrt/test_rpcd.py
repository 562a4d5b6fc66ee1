"""`ipop setup --apply` on OpenWrt's own ubusd, uci and rpcd: what is confirmed stays, what doesn't work goes back.

Where they aren't on the PATH, tests/unit/test_setup.py does with a stand-in."""

import os
import shutil
import time

import pytest
from openwrt_configs import USED
from test_openwrt import entry
from userland import Router

pytestmark = [
    pytest.mark.skipif(
        os.getuid() != 0 or not all(map(shutil.which, ("ubusd", "ubus", "uci", "rpcd"))),
        reason="ubusd, uci and rpcd, of OpenWrt, are not on the PATH",
    ),
]

CONFIG = """
config globals 'globals'
	option serve 'openwrt'
	option ubus '/run/ubus/ubus.sock'
	option control '/run/ipop/ipop.sock'

config group 'friends'
	list port 'lan2'
	list map '192.168.1.20'
"""
NAT = "/etc/ipop-nat/ipop0.nft"


@pytest.fixture
def router(tmp_path):
    with Router(tmp_path, dict(USED, ipop=CONFIG)) as router:
        wish(router, entry())
        yield router


def wish(router, *entries):
    router.write("/run/ipop/lan.json", '{"groups": [%s], "damaged": []}' % ", ".join(entries))


def make_bridge(router):
    """What netifd will do; done before, so that it is there at once."""
    router.run("ip", "link", "add", "br-ipop0", "type", "bridge")
    router.run("ip", "addr", "add", "10.77.5.1/16", "dev", "br-ipop0")


def test_what_works_is_confirmed_and_what_is_left_goes_again(router):
    before = router.exported()
    make_bridge(router)
    assert "done, and confirmed" in router.ipop("setup", "--apply").stdout
    joined = router.exported()
    assert "config interface 'ipop0'" in joined["network"] and "10.77.133.20/32" in router.read(NAT)
    time.sleep(0.5)
    assert router.run("ubus", "-s", "/run/ubus/ubus.sock", "call", "uci", "confirm", "{}", check=False).returncode
    assert "nothing had to be changed" in router.ipop("setup", "--apply").stdout
    router.run("ip", "link", "delete", "br-ipop0")
    wish(router)
    router.ipop("setup", "--apply")
    assert router.exported() == before
    assert router.run("test", "-e", NAT, check=False).returncode


def test_what_does_not_work_is_put_back(router):
    before = router.exported()
    done = router.ipop("setup", "--apply", check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "ipop: br-ipop0 has not got the address 10.77.5.1: so all was put back as it was before\n")
    assert router.exported() == before and router.run("test", "-e", NAT, check=False).returncode


def test_while_somebody_elses_change_waits_nothing_is_done(router):
    session = router.ubus("session", "create", timeout=60)["ubus_rpc_session"]
    router.ubus("session", "grant", ubus_rpc_session=session, scope="uci", objects=[["dhcp", "write"]])
    values = {"leasetime": "1h"}
    router.ubus("uci", "set", ubus_rpc_session=session, config="dhcp", section="lan", values=values)
    router.ubus("uci", "apply", ubus_rpc_session=session, rollback=True, timeout=60)
    before = router.exported()
    done = router.ipop("setup", "--apply", check=False)
    assert done.returncode == 1 and "wait to be confirmed" in done.stderr and done.stderr.count("\n") == 1
    assert router.exported() == before and "leasetime '1h'" in before["dhcp"]
    router.ubus("uci", "confirm", ubus_rpc_session=session)
    make_bridge(router)
    router.ipop("setup", "--apply")


def test_what_others_have_begun_and_not_applied_stays_theirs(router):
    router.run("uci", "set", "network.lan.ipaddr=192.168.7.1")
    make_bridge(router)
    router.ipop("setup", "--apply")
    assert "192.168.1.1" in router.read("/etc/config/network")
    assert router.run("uci", "changes").stdout == "network.lan.ipaddr='192.168.7.1'\n"


def test_without_rpcd_one_is_told(router):
    router.stop_rpcd()
    before = router.exported()
    done = router.ipop("setup", "--apply", check=False)
    assert done.returncode == 1 and "/etc/init.d/rpcd start" in done.stderr and router.exported() == before
