"""What OpenWrt's own fw4 makes of a group's sections, where it is on the PATH: a ruleset that nftables takes.

Without netifd it knows of no device; what it makes of the rules is the same."""

import os
import re
import shutil

import pytest
from openwrt_configs import FACTORY
from test_openwrt import entry
from test_rpcd import CONFIG, make_bridge, wish
from userland import Router

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not all(map(shutil.which, ("ubusd", "ubus", "uci", "rpcd", "fw4", "nft"))),
    reason="fw4 and what it needs, of OpenWrt, are not on the PATH",
)

def test_fw4_takes_all_that_a_group_wants_of_it(tmp_path):
    config = CONFIG + "\toption internet '1'\n"
    with Router(tmp_path, dict(FACTORY["24.10"], ipop=config)) as router:
        wish(router, entry())
        make_bridge(router)
        router.ipop("setup", "--apply")
        done = router.run("fw4", "print")
        complaints = [line for line in done.stderr.splitlines() if "ipop" in line]
        assert complaints == []
        chains = dict(re.findall(r"\tchain (\w+) \{\n(.*?)\t\}", done.stdout, re.DOTALL))
        assert "dport 53 counter accept" in chains["input_ipop0"]
        assert chains["input_ipop0"].rstrip().endswith("jump reject_from_ipop0")
        way_out = next(line for line in chains["forward_ipop0"].splitlines() if "accept_to_wan" in line)
        assert "ip saddr 10.77.5.0/24 ip daddr != {" in way_out and "192.168.0.0/16" in way_out
        assert "ip daddr 192.168.1.20 counter jump accept_to_lan" in chains["forward_ipop0"]
        assert 'include "/etc/ipop-nat/ipop0.nft"' in done.stdout
        router.write("/run/ruleset", re.sub(r"\tdefine \w+ = \{  \}\n", "", done.stdout))
        router.run("nft", "--check", "--file", "/run/ruleset")
