"""`ipop nat` names what stands before a router, and what it would take to be reached."""

import json
import time

import nats
import pytest
from coturn import Coturn
from lab import PORT
from miniupnpd import Miniupnpd
from netns import wait_for

WORDS = {
    nats.PUBLIC: "public address",
    nats.FULL_CONE: "An easy NAT",
    nats.RESTRICTED_CONE: "A usual NAT",
    nats.PORT_RESTRICTED: "A usual NAT",
    nats.DOUBLE_NAT: "A usual NAT",
    nats.SYMMETRIC: "A hard NAT",
    nats.UDP_BLOCKED: "UDP seems to be blocked",
    nats.IPV6_ONLY: "IPv6 only",
}


def test_each_kind_of_nat_is_told_in_words(lab):
    coturn = Coturn(lab)
    homes = {}
    for number, kind in enumerate(WORDS):
        home = homes[kind] = lab.add_home(f"home{number}", nat=kind)
        home.globals["stun"] = [coturn.endpoint, f"[{coturn.host.address6}]:3478"]
        home.start_daemon()
    for kind, words in WORDS.items():
        wait_for(lambda kind=kind, words=words: words in homes[kind].daemon.ipop("nat").stdout, 30, f"{kind}: {words}")
    usual = json.loads(homes[nats.PORT_RESTRICTED].daemon.ipop("--json", "nat").stdout)
    assert usual["families"][0]["mapped"].startswith(homes[nats.PORT_RESTRICTED].gateway.address)
    for kind, home in homes.items():
        print(kind, home.daemon.ipop("nat").stdout, sep="\n")


@pytest.mark.parametrize("lab", ["cpython"], indirect=True)  # MicroPython has no such library
def test_the_classic_name_is_added_on_demand(lab):
    coturn = Coturn(lab)
    home = lab.add_home("den", nat=nats.PORT_RESTRICTED)
    home.globals["stun"] = coturn.endpoint
    home.start_daemon()
    wait_for(lambda: "A usual NAT" in home.daemon.ipop("nat").stdout, 30, "findings")
    assert json.loads(home.daemon.ipop("--json", "nat", "--classic").stdout)["classic"] == "Restric Port NAT"


def test_a_router_before_this_one_that_maps_ports_is_asked_again_when_it_has_restarted(lab):
    home = lab.add_home("den", nat=nats.PORT_RESTRICTED)
    router = Miniupnpd(home.nat)
    home.start_daemon()
    router.wait_mapped(PORT)
    wait_for(lambda: "the one before it lets them through" in home.daemon.ipop("nat").stdout, 5, "the mapping")
    time.sleep(5)  # its clock runs in seconds, and is believed to be a few of them wrong
    router.restart()
    router.wait_mapped(PORT)
