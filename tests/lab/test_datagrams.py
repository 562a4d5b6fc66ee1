"""What is too large for a path is refused or lost, never fragmented, and no ICMP message says how large that is."""

import os
import sys

import pytest
from lab import ROOT
from netns import PROGRAMS
from sockets import Udp

SOURCES = {"PYTHONPATH": str(ROOT / "src"), "MICROPYPATH": str(ROOT / "src")}


@pytest.mark.parametrize("interpreter", [sys.executable, "micropython"], ids=["cpython", "micropython"])
@pytest.mark.parametrize("lab", ["cpython"], indirect=True)
def test_no_datagram_is_fragmented_and_no_router_is_believed(lab, interpreter):
    near, far = lab.add_host("near"), lab.add_host("far")

    def send(address, *sizes):
        """What the kernel said to each."""
        argv = [interpreter, PROGRAMS / "datagrams.py", address, *sizes]
        lines = near.run(argv, env={**os.environ, **SOURCES}).stdout.splitlines()
        return [line.split()[1] for line in lines]

    near.ip("link set wan mtu 1400")
    assert send(far.address, 1372, 1373) == ["None", "too-large"]
    assert send(far.address6, 1352, 1353) == ["None", "too-large"]
    near.ip("link set wan mtu 1500")

    # the last mile carries less, and the router before it says so
    lab.internet.ip("link set far mtu 1300")
    receiver = Udp(far, 9, ipv6=True)  # which takes both kinds
    for address, headers in ((far.address, 28), (far.address6, 48)):
        assert send(address, 1500 - headers) == ["None"]
        assert receiver.heard_from() is None
        assert "mtu 1300" in near.run(["ip", "route", "get", address]).stdout  # the kernel has heard it
        assert send(address, 1500 - headers) == ["None"]  # and we don't follow
        assert receiver.heard_from() is None
        assert send(address, 1300 - headers) == ["None"]
        assert receiver.heard_from() is not None and receiver.heard_from() is not None
