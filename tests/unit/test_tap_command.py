"""`ipop tap`: root makes devices for a daemon that is not root, and believes nothing of what that asks for."""

import json

from ipop.command import cli
from ipop.errors import UserError

WISHES = "/var/run/ipop/lan.json"
EPERM = 1


class Ports:
    """The package `ports`, with the devices that there are: {name: owner}."""

    def __init__(self, wishes=None, devices=(), broken=None, config=b"", in_use=()):
        self.terminal = self.files = self.system = self.taps = self
        self.devices = dict(devices)
        self.shared = []  # groups that may open /dev/net/tun
        self.out = self.err = ""
        self._wishes = wishes
        self._broken = broken
        self._config = config
        self._in_use = in_use

    # terminal

    def write(self, fd, text):
        if fd == 1:
            self.out += text
        else:
            self.err += text

    def width(self):
        return None

    def environment(self, name):
        return None

    # files

    def read(self, path, limit=None):
        content = {WISHES: self._wishes, "/etc/config/ipop": self._config}.get(path)
        if content is None:
            raise OSError(2, "")
        return content[:limit]

    # system

    def user_ids(self, name):
        return {"ipop": (4707, 4708)}.get(name)

    def group_id(self, name):
        return {"ipop": 4708, "net": 90}.get(name)

    # taps

    def make(self, name, owner):
        if self._broken is not None:
            raise self._broken
        is_new = self.devices.get(name) != owner
        self.devices[name] = owner
        return is_new

    def kept_for(self, owner):
        return sorted([name for name, each in self.devices.items() if each == owner])

    def remove(self, name):
        if name in self._in_use:
            raise UserError("it is in use")
        return self.devices.pop(name, None) is not None

    def share(self, group):
        self.shared.append(group)


def tap(line, status=0, **there):
    """The Ports after `ipop tap LINE`."""
    ports = Ports(**there)
    assert cli.main(["tap"] + line.split(), ports) == status, ports.err
    return ports


def complaint(line, status, **there):
    ports = tap(line, status, **there)
    assert ports.out == "" and ports.err.startswith("ipop: ") and ports.err.endswith("\n")
    return ports.err[6:-1]


def test_a_device_is_made_for_its_user():
    ports = tap("ipop0 --user ipop")
    assert ports.devices == {"ipop0": 4707} and ports.shared == [4708]
    assert ports.out == "device ipop0 is made\n"
    assert tap("br.x_-9 --user ipop --group net").shared == [90]


def test_one_that_is_there_stays_as_it_is():
    ports = tap("ipop0 --user ipop --json", devices={"ipop0": 4707})
    assert json.loads(ports.out) == {"devices": ["ipop0"], "made": [], "removed": []}
    assert tap("ipop0 --user ipop", devices={"ipop0": 4707}).out == ""


def test_a_device_is_removed():
    ports = tap("ipop0 --remove", devices={"ipop0": 4707, "ipop1": 4707})
    assert ports.devices == {"ipop1": 4707} and ports.out == "device ipop0 is removed\n"
    assert tap("ipop0 --remove").out == "there is no device ipop0\n"


def test_each_mistake_has_its_words_and_makes_nothing():
    assert complaint("ipop0", 2) == "tap: expected --user USER, the one that ipopd runs as"
    assert complaint("ipop0 --user nobody", 1) == "there is no user 'nobody'"
    assert complaint("ipop0 --user ipop --group none", 1) == "there is no group 'none'"
    assert complaint("--remove", 2) == "tap --remove: expected NAME, got nothing"
    assert complaint("../ipop0 --user ipop", 2).startswith("tap: expected a device's name of 1 to 15 letters")
    assert complaint("a234567890123456 --remove", 2).startswith("tap: expected a device's name of 1 to 15 letters")


def test_what_the_system_refuses_is_told():
    text = "the TAP device 'ipop0' can't be made for ipop: operation not permitted"
    assert complaint("ipop0 --user ipop", 1, broken=OSError(EPERM, "")) == text
    assert complaint("ipop0 --user ipop", 1, broken=UserError("no tun module")) == "no tun module"


def wishes(*devices, damaged=()):
    groups = [{"group": "group%d" % i, "device": device} for i, device in enumerate(devices)]
    return json.dumps({"groups": groups, "damaged": list(damaged)}).encode()


def test_without_a_name_those_are_made_that_the_daemon_asks_for():
    ports = tap("--user ipop", wishes=wishes("ipop12", "ipop0", damaged=["away"]), devices={"ipop0": 4707})
    assert ports.devices == {"ipop0": 4707, "ipop12": 4707} and ports.out == "device ipop12 is made\n"


def test_a_daemon_that_has_never_asked_gets_nothing():
    ports = tap("--user ipop")
    assert ports.devices == {} and ports.shared == []


def test_devices_of_groups_that_were_left_go():
    there = {"ipop0": 4707, "ipop1": 4707, "ipop2": 4707, "ipop3": 4707, "ipop4": 0, "tap0": 4707}
    config = b"config group chess\n option enabled 0\n option device ipop2\n"
    ports = tap("--user ipop", wishes=wishes("ipop3"), devices=there, config=config)
    assert ports.out == "device ipop1 is removed\n"
    assert sorted(ports.devices) == ["ipop0", "ipop2", "ipop3", "ipop4", "tap0"]
    assert sorted(tap("--user ipop", wishes=wishes(), devices=there).devices) == ["ipop0", "ipop4", "tap0"]


def test_a_device_stays_while_it_may_be_wanted():
    there = {"ipop0": 4707, "ipop1": 4707}
    for known in (
        {"wishes": None},
        {"wishes": wishes("ipop0", damaged=["chess"])},
        {"wishes": wishes("ipop0"), "in_use": ["ipop1"]},
        {"wishes": wishes("ipop0"), "config": b"config group '"},
        {"wishes": wishes("ipop0"), "config": None},
    ):
        ports = tap("--user ipop", devices=there, **known)
        assert ports.devices == there and ports.out == "", known
    assert tap("ipop0 --user ipop", wishes=wishes(), devices=there).devices == there


def test_nothing_else_is_made_that_a_daemon_may_ask_for():
    for name in ("eth0", "ipop", "ipop0/..", "ipop-1", "ipop0x", "", None, 7, ["ipop0"]):
        ports = tap("--user ipop", 1, wishes=wishes("ipop0", name))
        assert ports.devices == {} and "lan.json" in ports.err
    for damaged in (b"", b"\xff", b"[]", b'{"groups": 7}', b'{"groups": [7], "damaged": []}', b"[" * 500):
        assert "lan.json" in complaint("--user ipop", 1, wishes=damaged)
