"""`ipop nat` names what stands before a router, and what it would take to be reached."""

import json

import nats
import pytest
from coturn import Coturn
from netns import wait_for

WORDS = {
    nats.PUBLIC: "public address",
    nats.FULL_CONE: "An easy NAT",
    nats.PORT_RESTRICTED: "A usual NAT",
    nats.SYMMETRIC: "A hard NAT",
    nats.UDP_BLOCKED: "UDP seems to be blocked",
}


def test_each_kind_of_nat_is_told_in_words(lab):
    coturn = Coturn(lab)
    homes = {}
    for number, kind in enumerate(WORDS):
        home = homes[kind] = lab.add_home(f"home{number}", nat=kind)
        home.globals["stun"] = coturn.endpoint
        home.start_daemon()
    for kind, words in WORDS.items():
        wait_for(lambda kind=kind, words=words: words in homes[kind].daemon.ipop("nat").stdout, 30, f"{kind}: {words}")
    usual = json.loads(homes[nats.PORT_RESTRICTED].daemon.ipop("--json", "nat").stdout)
    assert usual["families"][0]["mapped"].startswith(homes[nats.PORT_RESTRICTED].gateway.address)
    print(homes[nats.SYMMETRIC].daemon.ipop("nat").stdout)


@pytest.mark.parametrize("lab", ["cpython"], indirect=True)  # MicroPython has no such library
def test_the_classic_name_is_added_on_demand(lab):
    coturn = Coturn(lab)
    home = lab.add_home("den", nat=nats.PORT_RESTRICTED)
    home.globals["stun"] = coturn.endpoint
    home.start_daemon()
    wait_for(lambda: "A usual NAT" in home.daemon.ipop("nat").stdout, 30, "findings")
    assert json.loads(home.daemon.ipop("--json", "nat", "--classic").stdout)["classic"] == "Restric Port NAT"
