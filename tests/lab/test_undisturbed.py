"""Whatever changes between two homes, who talks notices a short pause at most, and a TCP connection goes on.

Ten pings a second and a transfer run while it happens. The pings may miss less than three seconds at a time.
"""

import json
import re
import sys
import time

import pytest
from brokers import Mosquitto
from groups import console_of, create, invite, join, wait_connected
from nats import PORT_RESTRICTED, RESTRICTED_CONE, SYMMETRIC
from netns import PROGRAMS, wait_for

EVERY = 0.1  # s between two pings
PAUSE = 3  # s, less than which they may miss
PATIENCE = 20  # s for the way to be what it should be


class Town:
    """A group whose `den` everybody reaches and which forwards for others; more homes can join."""

    def __init__(self, lab):
        self.lab = lab
        self.broker = Mosquitto(lab.add_host("broker"))
        self.den = self._add("den", False, True)
        create(self.den, "friends", self.broker.url)
        console_of(self.den)

    def add(self, name, nat=PORT_RESTRICTED, ipv6=False):
        home = self._add(name, nat, ipv6)
        join(home, invite(self.den))
        console_of(home)
        return home

    def _add(self, name, nat, ipv6):
        home = self.lab.add_home(name, nat=nat, ipv6=ipv6)
        home.add_console("pc")
        home.start_daemon()
        return home

    def cut(self, one, other):
        """Nothing passes any more between two IPv4 addresses on the internet."""
        self.lab.internet.nft(f"""
            table ip cut {{
                chain forward {{
                    type filter hook forward priority filter
                    ip saddr {one} ip daddr {other} drop
                    ip saddr {other} ip daddr {one} drop
                }}
            }}""")

    def mend(self):
        self.lab.internet.run(["nft", "delete", "table", "ip", "cut"])


@pytest.fixture
def town(lab):
    return Town(lab)


class Pings:
    """From the console of one home to that of another, from now on."""

    def __init__(self, home, other):
        self._process = home.consoles[0].spawn(["ping", "-n", "-i", EVERY, other.consoles[0].address])

    def go_on(self, seconds=PATIENCE):
        """Wait until some that are sent from now on are answered."""
        answered = len(self._answered())
        wait_for(lambda: len(self._answered()) > answered + 5, seconds, "answers")

    def end(self):
        """Seconds for which they were not answered, at most."""
        self._process.interrupt()
        numbers = self._answered()
        return max(later - earlier - 1 for earlier, later in zip(numbers, numbers[1:], strict=False)) * EVERY

    def _answered(self):
        return [int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self._process.output)]


class Talk:
    """Pings and a transfer between the consoles of two homes, from now on."""

    def __init__(self, home, other):
        here, there = home.consoles[0], other.consoles[0]
        self._pings = Pings(home, other)
        self._taker = there.spawn([sys.executable, PROGRAMS / "transfer.py", "take"])
        self._taker.wait_for_output("ready")
        self._giver = here.spawn([sys.executable, PROGRAMS / "transfer.py", "give", there.address])
        self.goes_on()

    def goes_on(self):
        self._pings.go_on()

    def end(self, what, start=0):
        """Print what happened, and how long the pings and the transfer stood still; check that this was short, but
        for the `start` (s) of a daemon, which takes its time on a busy machine."""
        gap = self._pings.end()
        given = json.loads(self._giver.stop(timeout=PATIENCE))
        self._taker.popen.wait(PATIENCE)
        taken = json.loads(self._taker.output.splitlines()[-1])
        print(f"{what}: pings were missing for {gap:.1f} s, the transfer stood still for {taken['pause']:.1f} s")
        assert gap < PAUSE + start
        assert taken["intact"] and taken["pieces"] == given["pieces"]


def way(home, other):
    """How the home's router reaches the other; "" while it doesn't."""
    return {peer["name"]: peer["endpoint"] or "" for peer in home.daemon.ask("peers")}[other.name]


def wait_for_ways(home, other, *beginnings):
    """Until both reach each other in one of these ways; without any: directly, over IPv4."""
    for one, two in ((home, other), (other, home)):
        wanted = beginnings or (two.gateway.address + ":",)
        wait_for(lambda one=one, two=two, wanted=wanted: way(one, two).startswith(wanted), PATIENCE,
                 f"{one.name}: a way to {two.name} that begins with {' or '.join(wanted)}")


def renumber(router):
    """Its provider takes the IPv4 address of its WAN cable away, and gives it another one."""
    old, prefix = router.address, router.address.rpartition(".")[0]
    number = int(old.rpartition(".")[2])
    router.address = f"{prefix}.{number + 1}"
    router.ip(f"addr del {old}/29 dev wan", f"addr add {router.address}/29 dev wan",
              f"route add default via {prefix}.{number - 1}")


def restart(home):
    """Kill its daemon and start it again; the seconds until it was there."""
    home.daemon.kill()
    began = time.monotonic()
    home.start_daemon()
    return time.monotonic() - began


def test_a_home_gets_another_address_outside(town):
    cabin, lodge = town.add("cabin"), town.add("lodge")
    wait_for_ways(cabin, lodge)
    talk = Talk(cabin, lodge)
    renumber(cabin.gateway)
    wait_for_ways(cabin, lodge)
    talk.goes_on()
    talk.end("another address before the NAT")


def test_a_router_that_others_reach_gets_another_address(town):
    cabin = town.add("cabin")
    wait_connected(cabin, "den")
    talk = Talk(cabin, town.den)
    renumber(town.den.gateway)
    wait_for(lambda: way(cabin, town.den).startswith(town.den.gateway.address), PATIENCE, "the den's new address")
    talk.goes_on()
    talk.end("another address of a router that is reached by all")


def test_the_direct_way_is_cut(town):
    cabin, lodge = town.add("cabin"), town.add("lodge")
    wait_for_ways(cabin, lodge)
    talk = Talk(cabin, lodge)
    town.cut(cabin.gateway.address, lodge.gateway.address)
    wait_for_ways(cabin, lodge, "through den")
    talk.goes_on()
    talk.end("the direct way cut")


def test_the_relay_is_killed(town):
    hut, cabin, lodge = town.add("hut", nat=False), town.add("cabin", SYMMETRIC), town.add("lodge", SYMMETRIC)
    relays = {"through den": town.den, "through hut": hut}
    wait_for_ways(cabin, lodge, *relays)
    for home in (cabin, lodge):
        wait_connected(home, "den", "hut")
    talk = Talk(cabin, lodge)
    relays.pop(way(cabin, lodge)).daemon.kill()
    wait_for_ways(cabin, lodge, *relays)
    talk.goes_on()
    talk.end("the relay killed")


def test_the_nats_forget(town):
    """A symmetric one gives other ports after that."""
    cabin, lodge = town.add("cabin", SYMMETRIC), town.add("lodge", RESTRICTED_CONE)
    wait_for_ways(cabin, lodge)
    talk = Talk(cabin, lodge)
    for home in (cabin, lodge):
        home.nat.forget()
        talk.goes_on()
    wait_for_ways(cabin, lodge)
    talk.end("NATs that forgot")


def test_a_nat_forgets_while_nobody_behind_it_has_anything_to_say(town):
    """What comes from outside is not let in any more, and who is inside has to notice."""
    cabin, lodge = town.add("cabin"), town.add("lodge")
    wait_for_ways(cabin, lodge)
    pings = Pings(lodge, cabin)
    for _ in range(3):
        pings.go_on()
        cabin.nat.forget()
    pings.go_on()
    gap = pings.end()
    print(f"a NAT that forgot, and pings from outside: missing for {gap:.1f} s")
    assert gap < PAUSE


def test_a_router_reboots_behind_its_nat(town):
    cabin, lodge = town.add("cabin"), town.add("lodge")
    wait_for_ways(cabin, lodge)
    talk = Talk(cabin, lodge)
    start = restart(cabin)
    talk.goes_on()
    wait_for_ways(cabin, lodge)
    talk.end("killed and started again", start)


def test_ipv6_goes_and_comes_back(town):
    cabin, lodge = town.add("cabin", ipv6=True), town.add("lodge", ipv6=True)
    town.cut(cabin.gateway.address, lodge.gateway.address)
    wait_for_ways(cabin, lodge, "[")
    town.mend()
    talk = Talk(cabin, lodge)
    address = f"{cabin.router.address6}/64 dev wan"
    cabin.router.ip(f"addr del {address}")
    wait_for_ways(cabin, lodge)
    talk.goes_on()
    cabin.router.ip(f"addr add {address}")
    time.sleep(PAUSE)
    town.cut(cabin.gateway.address, lodge.gateway.address)
    wait_for_ways(cabin, lodge, "[")
    talk.goes_on()
    talk.end("IPv6 gone and back")


def test_all_of_that_with_no_broker(town):
    cabin, lodge = town.add("cabin"), town.add("lodge")
    wait_for_ways(cabin, lodge)
    for home in (cabin, lodge):
        wait_connected(home, "den")
    town.broker.kill()
    talk = Talk(cabin, lodge)
    renumber(cabin.gateway)
    talk.goes_on()
    wait_for_ways(cabin, lodge)
    lodge.nat.forget()
    talk.goes_on()
    town.cut(cabin.gateway.address, lodge.gateway.address)
    wait_for_ways(cabin, lodge, "through den")
    talk.goes_on()
    start = restart(lodge)
    talk.goes_on()
    talk.end("all of that with no broker", start)
