"""A real dnsmasq answers for the group's names by the file that ipopd writes, and follows what changes in it."""

import json
import sys

import pytest
from netns import PROGRAMS, Host, wait_for

from ipop.home.hostsfile import hosts_text
from ipop.lan.devices import Devices
from ipop.ports import crypto, shared

pytestmark = pytest.mark.parametrize("lab", ["cpython"], indirect=True)

ROUTER = "10.77.1.1"
FOLLOWS = 2  # s
NONE = "no such name"


class Link:
    is_up = True

    def __init__(self, name):
        self.config, self.name = self, name


class Names:
    """A router with dnsmasq; its own devices are what is named here."""

    def __init__(self, lab):
        self.host = Host(lab, "router")
        self.host.ip(f"addr add {ROUTER}/16 dev lo")
        lab.folder.chmod(0o755)  # dnsmasq reads as a user of its own
        self.folder = lab.folder / "hosts"
        shared.make_folder(str(self.folder))
        self.devices = Devices(crypto.sha256, print)
        self.cabin = Link("cabin")
        self.agree()
        self.process = self.host.spawn([
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon",
            "--bogus-priv", "--user=nobody", f"--listen-address={ROUTER}", "--bind-interfaces",
            "--local=/friends.internal/", f"--hostsdir={self.folder}"])
        wait_for(lambda: f"{ROUTER}:53" in self.host.run(["ss", "-lunH"]).stdout, 5, "dnsmasq listening")

    def agree(self):
        slice, other = (bytes([10, 77, 1, 0]), 24), (bytes([10, 77, 2, 0]), 24)
        prefix = bytes([0xFD, 0x12]) + bytes(14)
        self.devices.set_slices({self.cabin: other}, slice, 0, (prefix, 64), "den")

    def lease(self, **hosts):
        """Our own devices: name=last byte of the address, which is that of the MAC too."""
        leases = [(bytes([2, 0, 0, 0, 0, n]), f"10.77.1.{n}", name) for name, n in hosts.items()]
        self.devices.set_leases(leases, 0)

    def write(self, records=None):
        records = self.devices.records("friends", "internal") if records is None else records
        shared.write(str(self.folder / "friends"), hosts_text(records).encode())

    def ask(self, *names):
        return json.loads(self.host.run([sys.executable, PROGRAMS / "ask_dns.py", ROUTER, *names]).stdout)

    def wait_answers(self, **answers):
        """NAME=answer, of devices in den."""
        wanted = {f"{name}.den.friends.internal": answer for name, answer in answers.items()}
        wait_for(lambda: self.ask(*wanted) == wanted, FOLLOWS, f"the answers {wanted}")


@pytest.fixture
def names(lab):
    return Names(lab)


def test_names_and_their_reverse(names):
    names.lease(nas=20, tv=21)
    names.devices.saw(bytes([2, 0, 0, 0, 0, 20]), (bytes([0xFD, 0x12]) + bytes(13) + b"\x20",), 0)
    names.write()
    names.wait_answers(nas=["10.77.1.20"], tv=["10.77.1.21"])
    assert names.ask(":nas.den.friends.internal", "10.77.1.20", "fd12::20", "10.77.2.1", "10.77.1.1") == {
        ":nas.den.friends.internal": ["fd12::20"],
        "10.77.1.20": ["nas.den.friends.internal"],
        "fd12::20": ["nas.den.friends.internal"],
        "10.77.2.1": ["router.cabin.friends.internal"],
        "10.77.1.1": ["router.den.friends.internal"],
    }
    assert names.ask("cabin.friends.internal", "NAS.Den.Friends.Internal", "nas", "other.den.friends.internal") == {
        "cabin.friends.internal": ["10.77.2.1"],
        "NAS.Den.Friends.Internal": ["10.77.1.20"],
        "nas": "refused",  # no bare names: there is nobody to pass the question on to
        "other.den.friends.internal": NONE,
    }


def test_what_changes_is_followed(names):
    for _ in range(3):
        names.lease(nas=20, tv=21)
        names.write()
        names.wait_answers(nas=["10.77.1.20"], tv=["10.77.1.21"], store=NONE)
        names.lease(store=20)
        names.write()
        names.wait_answers(store=["10.77.1.20"], nas=NONE, tv=NONE)
        assert names.ask("10.77.1.20", "10.77.1.21") == {"10.77.1.20": ["store.den.friends.internal"],
                                                         "10.77.1.21": NONE}


def test_a_member_that_is_renamed_or_leaves_is_followed(names):
    names.write()
    wait_for(lambda: names.ask("10.77.2.1")["10.77.2.1"] == ["router.cabin.friends.internal"], FOLLOWS, "the cabin")
    names.cabin.name = "chalet"
    names.agree()
    names.write()
    wait_for(lambda: names.ask("10.77.2.1")["10.77.2.1"] == ["router.chalet.friends.internal"], FOLLOWS, "its new name")
    names.devices.forget(names.cabin)
    names.write()
    wait_for(lambda: names.ask("10.77.2.1")["10.77.2.1"] == NONE, FOLLOWS, "nobody there")


def test_a_file_that_is_emptied_names_nobody(names):
    names.lease(nas=20)
    names.write()
    names.wait_answers(nas=["10.77.1.20"])
    names.write([])
    names.wait_answers(nas=NONE)
    names.write()
    names.wait_answers(nas=["10.77.1.20"])


def test_three_thousand_names_are_read_at_once(names):
    """A group of a hundred members with thirty devices each."""
    names.write([(f"10.77.{i}.{j}", f"d{j}.m{i}.friends.internal") for i in range(1, 101) for j in range(1, 31)])
    wait_for(lambda: names.ask("d30.m100.friends.internal") == {"d30.m100.friends.internal": ["10.77.100.30"]}, FOLLOWS,
             "the last of them")
    assert "read" in names.process.output and "3000 names" in names.process.output
