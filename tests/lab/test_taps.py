"""TAP devices by pytun, and without it: the same."""

import pytest
from netns import BIN, PROGRAMS, Host, wait_for

EBUSY, EINVAL = 16, 22
WAYS = ("with", "without")


@pytest.fixture
def host(lab):
    return Host(lab, "router")


def command(way, what, name="ipop0"):
    return [BIN / "python", PROGRAMS / "tap_ways.py", way, what, name]


@pytest.mark.parametrize("way", WAYS)
def test_frames_go_both_ways(host, way):
    host.sysctl("net/ipv6/conf/default/disable_ipv6", 1)  # which would say something by itself
    process = host.spawn(command(way, "echo"))
    process.wait_for_output("open")
    host.ip("addr add 10.77.0.1/16 dev ipop0")
    host.ping("10.77.0.2", count=1)
    wait_for(lambda: not process.alive(), 5, "a frame, and back")
    assert "read 42 bytes" in process.output and process.popen.returncode == 0, process.output
    assert host.run(["ip", "link", "show", "ipop0"], check=False).returncode  # it was not to stay


def test_what_goes_wrong_has_the_same_number(host):
    host.ip("link add br0 type bridge")
    host.spawn(command("without", "hold")).wait_for_output("open")
    for way in WAYS:
        said = [host.run(command(way, "try", name)).stdout.split() for name in ("ipop0", "br0", "ipop9")]
        assert said == [["error", str(EBUSY)], ["error", str(EINVAL)], ["open"]]
