"""Debian's coturn is the other side of our STUN and TURN clients: written by others, from the same RFCs."""

import json
import sys
import time

import nats
import pytest
from coturn import PASSWORD, USER, Coturn
from netns import PROGRAMS, wait_for

PORT = 51820
# Sends what it is told to, and prints what comes back: FAMILY PORT HOST PORT TEXT SECONDS
CALL = """
import socket, sys
family, here, host, there, text, patience = sys.argv[1:]
udp = socket.socket(int(family), socket.SOCK_DGRAM)
udp.bind(("", int(here)))
udp.settimeout(float(patience))
udp.sendto(text.encode(), (host, int(there)))
print(udp.recv(2048).decode())
"""

pytestmark = pytest.mark.parametrize("lab", ["cpython"], indirect=True)


class Member:
    """Somebody behind a NAT who is reached through the server; sends back in capitals what peers tell it."""

    def __init__(self, router, coturn, *permitted, transport="udp", password=PASSWORD, port=PORT):
        self.process = router.spawn([
            sys.executable, PROGRAMS / "through_turn.py", transport, port, coturn.endpoint, USER, password, *permitted,
        ])

    def said(self):
        return [json.loads(line) for line in self.process.output.splitlines() if line.startswith("{")]

    def events(self):
        return [line["event"] for line in self.said() if "event" in line]

    def wait_for(self, event, times=1, seconds=10):
        """The detail of the last of them."""
        wait_for(lambda: self.events().count(event) >= times, seconds, f"{event} of {self.process.output}")
        return [line["detail"] for line in self.said() if line.get("event") == event][-1]


def call(friend, relayed, text="hello", port=PORT, patience=20):
    """What came back."""
    host, there = relayed
    family = 10 if ":" in host else 2
    return friend.run([sys.executable, "-c", CALL, family, port, host, there, text, patience]).stdout.strip()


def behind(lab, kind=nats.PORT_RESTRICTED):
    """A router behind a NAT."""
    return lab.add_home("den", nat=kind).router


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_who_is_behind_a_nat_is_reached_by_both_families(lab, transport):
    coturn, friend = Coturn(lab), lab.add_host("friend")
    kind = nats.UDP_BLOCKED if transport == "tcp" else nats.SYMMETRIC
    member = Member(behind(lab, kind), coturn, friend.address, friend.address6, transport=transport)
    relayed = member.wait_for("ready")
    assert sorted(":" in host for host, _ in relayed) == [False, True]
    for addr in relayed:
        for text in ("hello", "again", "a" * 1200, "odd"):
            assert call(friend, addr, text) == text.upper()
    froms = {tuple(line["peer"]) for line in member.said() if "received" in line}
    assert froms == {(friend.address, PORT), (friend.address6, PORT)}
    assert not [line for line in member.said() if "dropped" in line]


def test_who_is_not_permitted_does_not_come_through(lab):
    coturn, friend, stranger = Coturn(lab), lab.add_host("friend"), lab.add_host("stranger")
    member = Member(behind(lab), coturn, friend.address)
    relayed = [addr for addr in member.wait_for("ready") if ":" not in addr[0]][0]
    assert call(friend, relayed) == "HELLO"
    with pytest.raises(Exception, match="timed out|TimeoutError"):
        call(stranger, relayed, patience=2)
    assert [line["peer"][0] for line in member.said() if "received" in line] == [friend.address]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_nonces_that_grow_stale_are_replaced(lab, transport):
    """The program asks every second, so that some of its questions meet a nonce that has just ended."""
    coturn, friend = Coturn(lab, "--stale-nonce=2"), lab.add_host("friend")
    member = Member(behind(lab), coturn, friend.address, transport=transport)
    relayed = member.wait_for("ready")[0]

    def was_told():
        assert call(friend, relayed) == "HELLO"
        return coturn.process.output.lower().count("stale nonce") > 1

    wait_for(was_told, 20, "nonces that have ended")
    assert call(friend, relayed) == "HELLO"
    assert member.events() == ["ready"]


def test_a_daemon_that_is_killed_and_comes_back_gets_an_address_again(lab):
    coturn, friend, router = Coturn(lab), lab.add_host("friend"), behind(lab)
    member = Member(router, coturn, friend.address)
    member.wait_for("ready")
    member.process.kill()
    again = Member(router, coturn, friend.address)
    assert call(friend, again.wait_for("ready")[0]) == "HELLO"
    assert again.events() == ["ready"]


def test_a_server_that_was_restarted_is_used_again(lab):
    coturn, friend = Coturn(lab), lab.add_host("friend")
    member = Member(behind(lab), coturn, friend.address)
    member.wait_for("ready")
    coturn.process.kill()
    coturn.start()
    relayed = member.wait_for("ready", times=2, seconds=20)[0]
    assert call(friend, relayed) == "HELLO"


def test_what_the_server_refuses_is_said_in_words(lab):
    coturn, friend = Coturn(lab, "--user-quota=1", "--denied-peer-ip=192.0.2.0-192.0.2.255"), lab.add_host("friend")
    router = behind(lab)
    wrong = Member(router, coturn, password="guess", port=1)
    assert wrong.wait_for("failed") == "the TURN server doesn't accept this user name and password"
    first = Member(router, coturn, friend.address, "192.0.2.99", port=2)
    first.wait_for("ready")
    assert first.wait_for("refused") == ["192.0.2.99", "the TURN server forbids it"]
    assert call(friend, first.wait_for("ready")[0]) == "HELLO"
    second = Member(router, coturn, port=3)
    assert second.wait_for("failed") == "this user has as many allocations as the TURN server allows"


KINDS = {
    nats.FULL_CONE: ("endpoint-independent", "endpoint-independent"),
    nats.RESTRICTED_CONE: ("endpoint-independent", "address-dependent"),
    nats.PORT_RESTRICTED: ("endpoint-independent", "address-and-port-dependent"),
    nats.SYMMETRIC: ("address-and-port-dependent", "address-and-port-dependent"),
    nats.DOUBLE_NAT: ("endpoint-independent", "address-and-port-dependent"),
}


class Asker:
    def __init__(self, router, *servers):
        self.process = router.spawn([sys.executable, PROGRAMS / "ask_stun.py", PORT, router.address, *servers])

    def findings(self):
        return json.loads(["{}", *self.process.output.splitlines()][-1])

    def wait_for(self, seconds, **wanted):
        wait_for(lambda: wanted.items() <= self.findings().items(), seconds, f"{wanted} in {self.process.output}")
        return self.findings()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_nat_is_recognized_with_one_server(lab, kind):
    coturn, home = Coturn(lab), lab.add_home("den", nat=kind)
    mapping, filtering = KINDS[kind]
    found = Asker(home.router, coturn.endpoint).wait_for(20, mapping=mapping, filtering=filtering)
    assert found["is_nat"]
    assert found["mapped"][0] == home.gateway.address


def test_who_blocks_udp_is_found_out_within_seconds(lab):
    coturn = Coturn(lab)
    assert Asker(behind(lab, nats.UDP_BLOCKED), coturn.endpoint).wait_for(5, state="blocked")["mapped"] is None


@pytest.mark.long(seconds=100)
@pytest.mark.timeout(400)
def test_the_life_of_a_flow_is_measured_behind_a_real_nat(lab):
    """Linux is told to forget flows after 40 seconds: a silence of 28 s is outlived, one of 55 is not."""
    coturn, home = Coturn(lab), lab.add_home("den", nat=nats.PORT_RESTRICTED)
    home.gateway.sysctl("net/netfilter/nf_conntrack_udp_timeout_stream", 40)
    asker = Asker(home.router, coturn.endpoint)
    asker.wait_for(120, keepalive=28_000 * 10 // 11)
    time.sleep(30)
    assert asker.findings()["keepalive"] == 28_000 * 10 // 11
