"""Stock WireGuard devices are members too: wireguard-go is the other side, and calls or is called.

To the home's devices the WireGuard host is one more device of their LAN; it has no Ethernet, so only IP crosses.
"""

import sys
import time

import pytest
from lab import PORT
from netns import PROGRAMS, wait_for
from wireguard import MessageCounter, WireGuardHost

LAPTOP = "10.77.200.1"


class Pair:
    """A home and a laptop with WireGuard; `caller` has the other's endpoint, and begins."""

    def __init__(self, lab, caller, keepalive=0):
        self.caller = caller
        self.home = lab.add_home(f"den{len(lab.homes)}")
        self.pc = self.home.add_console("pc")
        self.laptop = WireGuardHost(lab, f"laptop{len(lab.homes)}", LAPTOP)
        self.home.add_peer(self.laptop, suite="blake2s", allowed_ips=[f"{LAPTOP}/32"], keepalive=keepalive,
                           endpoint=self.laptop.endpoint if caller == "home" else None)
        self.to_home = MessageCounter(self.laptop.host, self.home.router)
        self.to_laptop = MessageCounter(self.home.router, self.laptop.host)
        # Who is called is there first: WireGuard tries again only after five seconds.
        if caller == "home":
            self.laptop.set_peer(self.home, "persistent-keepalive", keepalive)
            self.home.start_daemon()
        else:
            self.home.start_daemon()
            self.laptop.set_peer(self.home, "endpoint", self.home.endpoint, "persistent-keepalive", keepalive)

    def call(self, **options):
        """Pings from the one who can begin."""
        if self.caller == "home":
            return self.pc.ping(LAPTOP, **options)
        return self.laptop.host.ping(self.pc.address, **options)

    def start_call(self):
        """The same, going on."""
        if self.caller == "home":
            return self.pc.start_ping(LAPTOP)
        return self.laptop.host.start_ping(self.pc.address)

    def flood(self, target, public_key, seconds):
        stranger = self.home.lab.add_host("stranger")
        return stranger.spawn([sys.executable, PROGRAMS / "flood.py", target, PORT, "blake2s", public_key, seconds])


@pytest.mark.parametrize("caller", ["home", "laptop"])
def test_packets_go_both_ways(lab, caller):
    pair = Pair(lab, caller)
    assert pair.start_call().lost(of=5) == 0
    for ping in (pair.pc.start_ping(LAPTOP), pair.laptop.host.start_ping(pair.pc.address)):
        assert ping.lost(of=5) == 0
    # The tunnel's MTU is 1420 there: the largest packet goes through whole.
    assert pair.laptop.host.start_ping(pair.pc.address, size=1392).lost(of=3) == 0


@pytest.mark.parametrize("caller", ["home", "laptop"])
def test_both_keep_the_line_alive(lab, caller):
    pair = Pair(lab, caller, keepalive=1)
    wait_for(lambda: pair.to_home["keepalive"] >= 3 and pair.to_laptop["keepalive"] >= 3, 10, "keep-alives")
    assert pair.home.daemon.peers()[pair.laptop.name]["state"] == "connected"


def test_who_only_listens_answers_after_ten_seconds(lab):
    pair = Pair(lab, "laptop")
    assert pair.call(count=1).received
    pair.pc.nft("add table inet deaf\nadd chain inet deaf input { type filter hook input priority 0; }\n"
                "add rule inet deaf input udp dport 9 drop")
    before = pair.to_laptop["keepalive"]
    time.sleep(1)
    pair.laptop.host.run([sys.executable, "-c", f"import socket; socket.socket(type=socket.SOCK_DGRAM)"
                          f".sendto(b'hello', ('{pair.pc.address}', 9))"])
    assert pair.to_laptop["keepalive"] == before
    wait_for(lambda: pair.to_laptop["keepalive"] > before, 14, "a passive keep-alive")


def test_a_busy_wireguard_hands_out_cookies_and_takes_ours(lab):
    pair = Pair(lab, "home")
    flood = pair.flood(pair.laptop.host.address, pair.laptop.public_key, seconds=300)

    def was_handed_a_cookie():  # as soon as the flood has made it busy
        pair.home.daemon.kill()
        pair.home.start_daemon()
        pair.call(count=1)
        return pair.to_home["cookie"]
    wait_for(was_handed_a_cookie, 10, "a cookie")
    wait_for(lambda: pair.call(count=1) and pair.to_laptop["initiation_with_cookie"], 20, "a call with the cookie")
    flood.kill()  # how much of it leaves room for others depends on the machine
    wait_for(lambda: pair.call(count=1).received, 20, "the laptop")


def test_a_busy_home_hands_out_cookies_and_takes_wireguards(lab):
    pair = Pair(lab, "laptop")
    flood = pair.flood(pair.home.router.address, pair.home.public_key, seconds=300)
    wait_for(lambda: pair.home.daemon.status()["dropped"].get("under-load"), 5, "load")

    def was_handed_a_cookie():  # one call in a hundred finds room in the budget, and needs none
        pair.laptop.remove_peer(pair.home)
        pair.laptop.set_peer(pair.home, "endpoint", pair.home.endpoint)
        pair.call(count=1)
        return pair.to_laptop["cookie"]
    wait_for(was_handed_a_cookie, 10, "a cookie")
    wait_for(lambda: pair.call(count=1) and pair.to_home["initiation_with_cookie"], 20, "a call with the cookie")
    flood.kill()  # how much of it leaves room for others depends on the machine
    wait_for(lambda: pair.call(count=1).received, 20, "the home")


@pytest.mark.long(seconds=245)
@pytest.mark.parametrize("lab", ["mixed"], indirect=True)  # one home on each
@pytest.mark.timeout(500)  # keys are changed after two minutes, and time can't be hurried in other people's programs
def test_keys_change_twice_and_nobody_notices(lab):
    called, caller = Pair(lab, "laptop"), Pair(lab, "home")
    pings = []
    for pair in (called, caller):
        assert pair.call(count=1).received
        pings.append(pair.pc.start_ping(LAPTOP, 0.2))
        pings.append(pair.laptop.host.start_ping(pair.pc.address, 0.2))
    wait_for(lambda: called.to_laptop["response"] >= 3 and caller.to_home["response"] >= 3, 280,
             "two more handshakes of each")
    time.sleep(2)
    assert [ping.lost() for ping in pings] == [0, 0, 0, 0]
