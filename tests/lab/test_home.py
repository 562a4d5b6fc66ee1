"""A home's devices in a group, served by real dnsmasq and nftables: what a person plugs in gets what it should.

    nas 192.168.1.20 --- lan [router] wan --- internet --- server
                          br-group
                           /    \\
                        pc        stranger 10.77.3.10: a device in another home, as it looks from here
"""

import json
import signal
from pathlib import Path

import pytest
from cables import WanCable, link
from lab import ROOT, Lab
from netns import BIN, PROGRAMS, Host, wait_for
from served import LEASE_SCRIPT, lease_script

INTERPRETERS = {
    "cpython": ["env", f"PYTHONPATH={ROOT / 'src'}", BIN / "python"],
    "micropython": ["env", f"MICROPYPATH={ROOT / 'src'}", "micropython"],
}
ULA = "fd01:203:405:"
ROUTER = "10.77.5.1"


@pytest.fixture(params=INTERPRETERS)
def home(request):
    with Lab() as lab:
        home = Home(lab, INTERPRETERS[request.param])
        yield home
        for process in lab.processes:
            print(f"--- {process.log.name}", process.output, sep="\n")


class Home:
    def __init__(self, lab, interpreter):
        self.lab = lab
        self._interpreter = interpreter
        self._config, self.folder = lab.folder / "home.json", lab.folder / "run"
        self.script = lease_script(lab)
        self.router = Host(lab, "router")
        self.router.cable = WanCable(self.router)
        self.router.sysctl("net/ipv4/ip_forward", 0)
        self.server = lab.add_host("server")
        self.make_bridge()
        self.pc = self.plug("pc")
        self.process = None

    def make_bridge(self):
        self.router.ip("link add br-group type bridge", "link set br-group up")

    def plug(self, name):
        """A device in the group's bridge, without an address."""
        device = Host(self.lab, name)
        link(device, "eth0", self.router, name)
        self.router.ip(f"link set dev {name} master br-group")
        return device

    def plug_stranger(self):
        """A device in another home, to whom our router is nobody's gateway; it tries."""
        stranger = self.plug("stranger")
        stranger.ip("addr add 10.77.3.10/16 dev eth0", f"route add default via {ROUTER}")
        return stranger

    def add_lan(self):
        """The home's ordinary LAN, and two devices in it."""
        self.router.ip("link add br-lan type bridge", "link set br-lan up", "addr add 192.168.1.1/24 dev br-lan")
        devices = []
        for name, address in (("nas", "192.168.1.20"), ("printer", "192.168.1.21")):
            device = Host(self.lab, name)
            device.address = address
            link(device, "eth0", self.router, name)
            self.router.ip(f"link set dev {name} master br-lan")
            device.ip(f"addr add {address}/24 dev eth0", "route add default via 192.168.1.1")
            devices.append(device)
        return devices

    def write(self, slice=5, names="", member="cabin", **options):
        self._config.write_text(json.dumps({"slice": slice, "names": names, "member": member, "options": options}))

    def serve(self, *entrance, well=True, **wanted):
        self.write(**wanted)
        command = [*entrance, *self._interpreter, PROGRAMS / "home.py", self._config, self.folder]
        self.process = self.router.spawn(command)
        if well:
            self.wait_well()

    def change(self, **wanted):
        self.write(**wanted)
        self.process.popen.send_signal(signal.SIGHUP)

    def wait_well(self, seconds=10):
        """Until it has nothing to complain of, and dnsmasq and the table are there."""
        wait_for(lambda: self.said() == "well" and self.dnsmasqs() and self.tables(), seconds, "a home that is well")

    def said(self):
        return (self.process.output.splitlines() or [""])[-1]

    def lease(self, *words, name="pc"):
        """What the PC is given, once it has asked; None where nobody answers it."""
        command = ["busybox", "udhcpc", "-i", "eth0", "-nq", "-t", 8, "-T", 1, "-x", f"hostname:{name}",
                   "-O", "search", "-s", self.script, *words]
        done = self.pc.run(command, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def dnsmasqs(self):
        found = self.router.run(["ip", "netns", "pids", self.router.netns]).stdout.split()
        return [int(pid) for pid in found if name_of(pid) == "dnsmasq"]

    def tables(self):
        return self.router.run(["nft", "list", "tables"]).stdout

    def addresses(self, device=None, name="br-group"):
        shown = (device or self.router).run(["ip", "-json", "addr", "show", "dev", name], check=False).stdout
        infos = json.loads(shown)[0]["addr_info"] if shown else []
        return sorted(f"{info['local']}/{info['prefixlen']}" for info in infos if info["scope"] == "global")

    def is_forwarding(self):
        return self.router.run(["cat", "/proc/sys/net/ipv4/ip_forward"]).stdout.strip() == "1"


def name_of(pid):
    try:
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:  # it has just ended
        return None


def look_up(device, name):
    return device.run(["busybox", "nslookup", name, ROUTER], check=False).stdout


def reaches(device, address):
    return bool(device.ping(address, count=2).received)


def default_routes(device):
    return [device.run(["ip", family, "route", "show", "default"]).stdout for family in ("-4", "-6")]


def test_a_device_gets_all_it_needs_and_no_way_out(home):
    home.serve()
    assert home.addresses() == ["10.77.5.1/16", f"{ULA}:5:1/64"]
    lease = home.lease()
    assert 100 <= int(lease["ip"].removeprefix("10.77.5.")) <= 249
    assert (lease["mask"], lease["router"], lease["dns"]) == ("16", "", ROUTER)
    assert (lease["domain"], lease["search"]) == ("cabin.friends.internal", "cabin.friends.internal friends.internal")
    assert home.pc.reaches(ROUTER)
    wait_for(lambda: [each for each in home.addresses(home.pc, "eth0") if each.startswith(ULA)], 10, "an IPv6 address")
    assert default_routes(home.pc) == ["", ""]
    assert not home.is_forwarding()
    home.pc.ip(f"route add default via {ROUTER}")
    assert not reaches(home.pc, home.server.address)


def test_a_device_that_was_carried_here_gets_an_address_of_this_home(home):
    """It asks for the one that it had in another; so does one that was given ours by somebody else's hand."""
    home.serve()
    for asked in ("10.77.3.7", "192.168.1.7", ROUTER):
        lease = home.lease("-r", asked)
        assert lease["ip"].startswith("10.77.5.") and lease["ip"] != ROUTER


def test_without_a_plan_all_is_undone_while_the_daemon_goes_on(home):
    home.serve(internet=True)
    home.change(slice=0)  # the group has taken it back
    wait_for(lambda: home.said() == "idle", 5, "an idle home")
    assert home.addresses() == [] and home.tables() == "" and not home.is_forwarding()
    wait_for(lambda: not home.dnsmasqs(), 5, "no dnsmasq")
    home.change(slice=5)
    home.wait_well()


def test_devices_are_found_by_their_names(home):
    home.serve(names="10.77.3.7 tv.hut.friends.internal\n10.77.3.8 old.hut.friends.internal\n")
    home.lease()
    assert ROUTER in look_up(home.pc, "cabin.friends.internal")
    assert "10.77.3.7" in look_up(home.pc, "tv.hut.friends.internal")
    assert "tv.hut.friends.internal" in look_up(home.pc, "10.77.3.7")
    home.change(names="10.77.3.9 tv.hut.friends.internal\n")
    wait_for(lambda: "10.77.3.9" in look_up(home.pc, "tv.hut.friends.internal"), 5, "the new address")
    wait_for(lambda: "10.77.3.7" not in look_up(home.pc, "tv.hut.friends.internal"), 5, "the old address gone")
    assert "10.77.3.8" not in look_up(home.pc, "old.hut.friends.internal")
    assert "NXDOMAIN" in look_up(home.pc, "nobody.friends.internal")


def test_no_device_gets_a_name_that_means_something_else(home):
    home.serve()
    for name in ("localhost", "router", "isatap", "wpad"):
        address = home.lease(name=name)["ip"]
        for asked in (name, name + ".cabin.friends.internal"):
            assert address not in look_up(home.pc, asked)


def test_who_may_use_the_internet_does_and_nobody_elses_devices(home):
    nas, _ = home.add_lan()
    stranger = home.plug_stranger()
    home.serve(internet=True)
    assert home.lease()["router"] == ROUTER
    assert home.pc.reaches(home.server.address)  # which knows no way back but to the router's own address
    assert home.pc.run(["ip", "-6", "route", "show", "default"]).stdout == ""
    assert not reaches(home.pc, nas.address) and not reaches(nas, home.addresses(home.pc, "eth0")[0].split("/")[0])
    assert not reaches(stranger, home.server.address)
    home.change(internet=False)
    wait_for(lambda: not reaches(home.pc, home.server.address), 5, "no way out")
    wait_for(lambda: not home.is_forwarding(), 5, "no forwarding")


def test_what_is_allowed_no_more_ends_also_where_it_is_under_way(home):
    nas, _ = home.add_lan()
    stranger = home.plug_stranger()
    home.router.sysctl("net/ipv4/ip_forward", 1)  # as on a router that forwards for its LAN
    home.router.nft("table inet own {\nchain out {\ntype nat hook postrouting priority srcnat\n}\n}")  # and masquerades
    home.serve(internet=True, map=["192.168.1.20"])
    home.lease()
    ways = (home.pc, home.server.address), (stranger, "10.77.133.20"), (nas, "10.77.3.10")
    assert all(reaches(device, address) for device, address in ways)
    pings = [device.start_ping(address) for device, address in ways]
    wait_for(lambda: not any(ping.is_silent() for ping in pings), 5, "answers to all")
    home.change()
    wait_for(lambda: not reaches(home.pc, home.server.address), 5, "no way out")
    wait_for(lambda: all(ping.is_silent() for ping in pings), 5, "the end of all")


def test_of_the_router_others_see_no_more_than_that_it_is_there(home):
    stranger = home.plug_stranger()
    home.serve()
    home.lease()
    home.router.spawn(["busybox", "httpd", "-f", "-p", 80, "-h", home.script.parent])
    fetch = ["timeout", 2, "busybox", "wget", "-q", "-O", "-", f"http://{ROUTER}/lease"]
    wait_for(lambda: home.pc.run(fetch, check=False).stdout == LEASE_SCRIPT, 5, "the router's own pages")
    assert stranger.run(fetch, check=False).stdout == ""
    assert stranger.reaches(ROUTER) and ROUTER in look_up(stranger, "cabin.friends.internal")


def test_chosen_ordinary_devices_are_reached_at_their_second_address(home):
    nas, printer = home.add_lan()
    stranger = home.plug_stranger()
    home.serve(map=["192.168.1.20"])
    assert stranger.reaches("10.77.133.20")
    assert nas.reaches("10.77.3.10") and not reaches(printer, "10.77.3.10")
    assert not reaches(stranger, "10.77.133.21") and not reaches(stranger, nas.address)
    home.change(map=["192.168.1.0/24"])
    wait_for(lambda: stranger.reaches("10.77.133.21"), 5, "the printer")
    assert stranger.reaches("10.77.133.20")


def test_the_router_is_no_device_of_its_home(home):
    """A whole LAN is mapped, its address there included. Its pages and its home's names are nobody else's."""
    home.add_lan()
    stranger = home.plug_stranger()
    home.router.spawn(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
                       "--listen-address=192.168.1.1", "--bind-interfaces", "--address=/safe.lan/192.168.1.77"])
    home.serve(map=["192.168.1.0/24"])
    assert stranger.reaches("10.77.133.20") and stranger.reaches(ROUTER)
    ask = ["timeout", 2, "busybox", "nslookup", "safe.lan"]
    assert "192.168.1.77" in home.router.run([*ask, "192.168.1.1"], check=False).stdout
    for device in (stranger, home.pc):
        assert "192.168.1.77" not in device.run([*ask, "10.77.133.1"], check=False).stdout
    assert not reaches(stranger, "10.77.133.1")


def test_after_the_end_nothing_is_left(home):
    home.router.ip("addr add 10.0.9.1/24 dev br-group")  # somebody's, not ours
    home.serve(internet=True, map=["192.168.1.20"])
    assert home.is_forwarding() and len(home.addresses()) == 3
    home.process.stop()
    wait_for(lambda: not home.dnsmasqs(), 2, "no dnsmasq")
    assert home.addresses() == ["10.0.9.1/24"] and not home.is_forwarding() and home.tables() == ""
    assert "10.77" not in home.router.run(["ip", "route", "show", "table", "local"]).stdout
    accepts = home.router.run(["cat", "/proc/sys/net/ipv6/conf/br-group/accept_ra"]).stdout
    assert accepts.strip() == "1"


def test_a_killed_daemons_devices_are_served_on_and_its_successor_takes_over(home):
    home.serve(internet=True)
    address = home.lease()["ip"]
    (old,) = home.dnsmasqs()
    home.process.kill()
    assert home.dnsmasqs() == [old] and home.lease()["ip"] == address
    home.serve(well=False)  # no internet any more
    wait_for(lambda: home.dnsmasqs() not in ([], [old]) and len(home.dnsmasqs()) == 1, 5, "another dnsmasq")
    home.wait_well()
    assert home.lease() | {"search": ""} == {
        "ip": address, "mask": "16", "router": "", "dns": ROUTER, "domain": "cabin.friends.internal", "search": ""}
    assert not home.is_forwarding()
    home.process.kill()
    home.serve(slice=9, member="hut", well=False)
    wait_for(lambda: home.addresses()[:1] == ["10.77.9.1/16"], 5, "the address of another slice")
    home.wait_well()
    assert home.addresses() == ["10.77.9.1/16", f"{ULA}:9:1/64"]
    wait_for(lambda: len(home.dnsmasqs()) == 1, 5, "one dnsmasq")


def test_a_change_is_followed_without_a_restart(home):
    home.serve()
    home.lease()
    home.change(slice=6)
    wait_for(lambda: home.addresses() == ["10.77.6.1/16", f"{ULA}:6:1/64"], 5, "the new address")
    home.wait_well()
    assert home.lease()["ip"].startswith("10.77.6.")


def test_a_bridge_that_goes_and_comes_back(home):
    home.serve()
    home.router.ip("link delete br-group")
    wait_for(lambda: "bridge 'br-group' does not exist" in home.said(), 8, "word of the bridge")
    home.make_bridge()
    home.router.ip("link set dev pc master br-group")
    home.wait_well()
    assert home.lease()["ip"].startswith("10.77.5.")


def test_a_bridge_of_its_own(home):
    home.router.ip("link delete br-group")
    home.serve(make_bridge=True)
    home.router.ip("link set dev pc master br-group")
    assert home.lease()["ip"].startswith("10.77.5.")
    assert "02:00:00:00:00:07" in home.router.run(["ip", "link", "show", "br-group"]).stdout
    home.process.stop()
    assert home.router.run(["ip", "link", "show", "br-group"], check=False).returncode


def test_a_dnsmasq_that_dies_is_started_again(home):
    home.serve()
    (old,) = home.dnsmasqs()
    home.router.run(["kill", "-9", str(old)])
    wait_for(lambda: home.dnsmasqs() not in ([], [old]), 5, "another dnsmasq")
    home.wait_well()


def test_a_port_that_is_taken_is_told_and_tried_again(home):
    other = home.router.spawn(["busybox", "nc", "-ll", "-p", 53, "-e", "/bin/true"])
    wait_for(lambda: ":53 " in home.router.run(["ss", "-ltnH"]).stdout, 5, "the other")
    home.serve(well=False)
    wait_for(lambda: "dnsmasq has ended" in home.said() and "in use" in home.said(), 5, "word of the port")
    other.stop()
    home.wait_well()


def test_what_is_not_installed_is_named(home):
    home.serve("sh", "-c", 'mount -t tmpfs none /usr/sbin; exec "$@"', "sh", well=False)
    wait_for(lambda: "apt install nftables" in home.said() and "apt install dnsmasq-base" in home.said(), 5, "word")
