"""The last resort: homes in networks that block UDP, and a TURN server that their owners have configured."""

import time

import nats
import pytest
from brokers import Certificates, Mosquitto
from coturn import Coturn
from groups import console_of, create, invite, join
from netns import wait_for


def add_home(lab, name, *turn, nat=nats.UDP_BLOCKED):
    """Its daemon runs, with these TURN servers."""
    home = lab.add_home(name, nat=nat)
    home.add_console("pc")
    if turn:
        home.globals["turn"] = list(turn)
    home.start_daemon()
    return home


def way(home, name):
    """How a member is reached; "" while it isn't."""
    return {peer["name"]: peer["endpoint"] or "" for peer in home.daemon.ask("peers")}[name]


def problems(home):
    return " / ".join(home.daemon.status()["problems"])


def talk(one, other):
    """Both of their consoles, of which one has just had an answer from the other."""
    consoles = console_of(one), console_of(other)
    wait_for(lambda: consoles[0].reaches(consoles[1].address), 20, f"{one.name}: an answer from {other.name}")
    return consoles


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_two_homes_whose_networks_block_udp(lab, transport):
    with Certificates() as certificates:
        broker, server = Mosquitto(lab.add_host("broker")), lab.add_host("server")
        coturn = Coturn(lab, certificate=certificates.sign(f"IP:{server.address}"), host=server)
        url = coturn.url(transport, ca=certificates.ca)
        den, cabin = add_home(lab, "den", url), add_home(lab, "cabin", url)
        create(den, "friends", broker.url)
        began = time.monotonic()
        join(cabin, invite(den))
        pc, tv = talk(den, cabin)
        print(f"from join to the first ping, by {transport}: {time.monotonic() - began:.2f} s")
        wait_for(lambda: way(den, "cabin") == way(cabin, "den") == "through TURN", 10, "the way by TURN")
        assert "through TURN" in den.daemon.ipop("peers").stdout
        assert pc.start_ping(tv.address, interval=0.02).lost(of=50) == 0


def test_one_home_whose_network_blocks_udp_and_a_usual_one(lab):
    broker, coturn = Mosquitto(lab.add_host("broker")), Coturn(lab)
    den, cabin = add_home(lab, "den", coturn.url("tcp")), lab.add_home("cabin", nat=True)
    cabin.add_console("pc")
    cabin.globals["stun"] = [coturn.endpoint]  # a NAT lets in only what somebody knows the address of
    cabin.start_daemon()
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    talk(den, cabin)
    wait_for(lambda: way(den, "cabin") == "through TURN", 10, "the way by TURN")
    wait_for(lambda: way(cabin, "den").startswith(coturn.host.address), 10, "the way to the TURN server")


def test_two_homes_behind_the_hardest_nats_by_udp(lab):
    broker, coturn = Mosquitto(lab.add_host("broker")), Coturn(lab)
    den, cabin = (add_home(lab, name, coturn.url(), nat=nats.SYMMETRIC) for name in ("den", "cabin"))
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    pc, tv = talk(cabin, den)
    assert pc.start_ping(tv.address, interval=0.02).lost(of=50) == 0


def test_a_server_that_dies_and_comes_back(lab):
    broker, coturn = Mosquitto(lab.add_host("broker")), Coturn(lab)
    den, cabin = (add_home(lab, name, coturn.url("tcp")) for name in ("den", "cabin"))
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    talk(den, cabin)
    coturn.process.kill()
    wait_for(lambda: "TURN server" in problems(den), 10, "word of the server")
    coturn.start()
    talk(den, cabin)
    wait_for(lambda: "TURN server" not in problems(den), 10, "no word of the server any more")


def test_a_wrong_password_is_said_in_words_and_the_next_server_tried(lab):
    broker, coturn = Mosquitto(lab.add_host("broker")), Coturn(lab)
    den = add_home(lab, "den", coturn.url("tcp", password="guess"))
    wait_for(lambda: problems(den), 10, "word of the password")
    assert problems(den).endswith("by TCP: the TURN server doesn't accept this user name and password")
    cabin = add_home(lab, "cabin", coturn.url("tcp", password="guess"), coturn.url("tcp"))
    den.globals["turn"] = [coturn.url("tcp")]
    den.daemon.stop()
    den.start_daemon()
    create(den, "friends", broker.url)
    join(cabin, invite(den))
    talk(den, cabin)
