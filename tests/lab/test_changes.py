"""A router learns at once that its addresses or its way out have changed: nobody has to restart anything."""

import json
import signal

import pytest
from lab import ROOT, Lab
from netns import BIN, PROGRAMS, wait_for

INTERPRETERS = {
    "cpython": [BIN / "python"],
    "micropython": ["env", f"MICROPYPATH={ROOT / 'src'}", "micropython"],
}


@pytest.fixture(params=INTERPRETERS)
def story(request):
    with Lab() as lab:
        yield Story(lab, INTERPRETERS[request.param])


class Story:
    def __init__(self, lab, interpreter):
        self.router = lab.add_home("cabin", nat=True, ipv6=True).router
        self.program = self.router.spawn([*interpreter, PROGRAMS / "changes.py"])
        self.wait_until(lambda where: True)

    def told(self):
        """What it said so far."""
        return [json.loads(line) for line in self.program.output.splitlines(keepends=True) if line.endswith("\n")]

    def wait_until(self, is_so):
        wait_for(lambda: (told := self.told()) and is_so(told[-1]), 5, "word of a change")

    def wait_for_address(self, *address, gone=False):
        self.wait_until(lambda where: (list(address) in where["addresses"]) is not gone)

    def wait_for_gateways(self, *expected):
        self.wait_until(lambda where: where["gateways"] == [["wan", router] for router in expected])


V4, V6 = "192.168.1.1", "2001:db8:1:1::1"


def test_it_knows_where_it_is(story):
    where, = story.told()
    assert where["addresses"] == [["wan", "2001:db8:1:1::2"], ["wan", "192.168.1.2"], ["br-group", "10.77.1.1"]]
    assert where["gateways"] == [["wan", V6], ["wan", V4]]


def test_an_address_that_comes_and_goes(story):
    for address, length in (("192.168.1.77", 24), ("2001:db8:1:1::77", 64)):
        story.router.ip(f"addr add {address}/{length} dev wan")
        story.wait_for_address("wan", address)
        story.router.ip(f"addr del {address}/{length} dev wan")
        story.wait_for_address("wan", address, gone=True)


def test_a_way_out_that_comes_and_goes(story):
    story.router.ip(f"route del default via {V4}")
    story.wait_for_gateways(V6)
    story.router.ip(f"route del default via {V6}")
    story.wait_for_gateways()
    story.router.ip("route add default via 192.168.1.9 metric 20", f"route add default via {V4} metric 10")
    story.wait_for_gateways(V4, "192.168.1.9")


def test_only_ways_to_everywhere_through_a_router_count(story):
    story.router.ip("route add 198.18.0.0/15 via 192.168.1.1", "route add blackhole 198.20.0.0/16",
                    "route add default via 192.168.1.9 table 99", "route add default dev wan metric 5")
    story.wait_for_gateways(V6, V4)
    story.router.ip("link set wan down")
    story.wait_for_gateways()


def test_a_cable_that_is_pulled(story):
    told = len(story.told())
    story.router.ip("link set wan down")
    wait_for(lambda: len(story.told()) > told, 5, "word of the cable")
    story.wait_for_address("wan", "2001:db8:1:1::2", gone=True)


def test_a_thousand_changes_that_wait_are_told_once_or_a_few_times(story):
    told = len(story.told())
    addresses = [f"10.200.{i // 250}.{i % 250 + 1}" for i in range(1000)]
    story.program.popen.send_signal(signal.SIGSTOP)
    story.router.ip(*[f"addr add {address}/32 dev wan" for address in addresses])
    story.program.popen.send_signal(signal.SIGCONT)
    story.wait_for_address("wan", addresses[-1])
    assert len(story.told()) - told < 10
