"""A router before ours that can be asked for a port mapping gives one, and then anybody outside can call first."""

import time

import pytest
from lab import PORT, ROOT, Lab
from miniupnpd import Miniupnpd
from netns import BIN, PROGRAMS, wait_for
from sockets import Udp

INTERPRETERS = {
    "cpython": [BIN / "python"],
    "micropython": ["env", f"MICROPYPATH={ROOT / 'src'}", "micropython"],
}
ASKED = {"PCP": (), "NAT-PMP": ("old",)}


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


class Story:
    def __init__(self, lab, interpreter, protocol):
        self.home = lab.add_home("cabin", nat=True)
        self.router = Miniupnpd(self.home.nat)
        self.stranger = Udp(lab.add_host("stranger"), 1000)
        self._command = [*INTERPRETERS[interpreter], PROGRAMS / "port_mapping.py", "192.168.1.1",
                         self.home.router.address, PORT]
        self._protocol = protocol
        self.owner = None

    def start(self, secret="ours"):
        self.owner = self.home.router.spawn([*self._command, secret, *ASKED[self._protocol]])

    def wait_mapped(self, port=PORT):
        self.owner.wait_for_output(f"sends UDP {self.router.address}:{port} on to us ({self._protocol})")

    def wait_reached(self, port=PORT):
        wait_for(lambda: self.is_reached(port), 3, f"an answer at {port}")

    def is_reached(self, port=PORT):
        self.stranger.send((self.router.address, port))
        return self.stranger.heard_from() == (self.router.address, port)


@pytest.fixture(params=[(interpreter, protocol) for interpreter in INTERPRETERS for protocol in ASKED],
                ids=lambda param: "-".join(param))
def story(lab, request):
    story = Story(lab, *request.param)
    yield story
    print(story.owner.output)


def test_a_stranger_reaches_a_mapped_port_and_no_longer_when_it_was_given_back(story):
    story.start()
    story.wait_mapped()
    story.wait_reached()
    story.owner.stop()
    story.router.wait_mapped(PORT, False)
    assert not story.is_reached()


def test_a_router_that_restarted_is_asked_again_at_once(story):
    """It says that it is back, and the mapping is there before anybody has noticed."""
    story.start()
    story.wait_mapped()
    time.sleep(5)  # its clock runs in seconds, and is believed to be a few of them wrong
    story.router.restart()
    story.router.wait_mapped(PORT)
    story.wait_reached()
    assert "no mapping" not in story.owner.output


def test_after_a_crash_the_mapping_is_ours_again(story):
    story.start()
    story.wait_mapped()
    story.owner.kill()
    story.start()
    story.wait_mapped()
    story.wait_reached()


def test_two_behind_one_nat_get_different_ports(story):
    loft = story.home.lab.add_home("loft", behind=story.home)
    first = loft.router.spawn([BIN / "python", PROGRAMS / "port_mapping.py", "192.168.1.1", loft.router.address, PORT,
                               "theirs"])
    first.wait_for_output(f"sends UDP {story.router.address}:{PORT} on to us")
    story.start()
    story.owner.wait_for_output(f"sends UDP {story.router.address}:")
    port = int(story.owner.output.split(f"{story.router.address}:")[1].split()[0])
    assert port != PORT
    for owner, mapped in ((story.owner, port), (first, PORT)):
        story.wait_reached(mapped)
        owner.wait_for_output("heard hello")


