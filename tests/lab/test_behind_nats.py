"""Two homes, each behind a NAT, meet: at once through a member that can be reached, and then without it."""

import time

import pytest
from brokers import Mosquitto
from groups import asked, console_of, create, invite, join, new_home
from netns import wait_for

pytestmark = pytest.mark.timeout(120)


def ways(home):
    """{member's name: how it is reached}"""
    return {peer["name"]: peer["endpoint"] for peer in asked(home, "peers")}


def test_two_homes_behind_nats_meet_directly(lab):
    broker = Mosquitto(lab.add_host("broker"))
    den = new_home(lab, "den")
    create(den, "friends", broker.url)
    cabin, lodge = new_home(lab, "cabin", nat=True), new_home(lab, "lodge", nat=True)
    join(cabin, invite(den))
    began = time.monotonic()
    join(lodge, invite(den))
    tv, phone = console_of(cabin), console_of(lodge)
    tv.run(["ping", "-n", "-c", 1, "-i", 0.1, "-w", 10, phone.address])
    print(f"from join to the first ping: {time.monotonic() - began:.2f} s")
    undisturbed = phone.start_ping(tv.address)
    wait_for(lambda: ways(cabin)["lodge"].startswith(lodge.gateway.address), 20, "a direct way to the lodge")
    wait_for(lambda: ways(lodge)["cabin"].startswith(cabin.gateway.address), 20, "a direct way to the cabin")
    den.daemon.stop()
    time.sleep(2)
    assert undisturbed.lost() == 0
