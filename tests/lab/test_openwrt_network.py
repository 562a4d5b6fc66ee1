"""Routers whose network is OpenWrt's: root does what the daemon asks for, and a device needs nothing but a cable.

      nas -- lan2 [den] wan --- internet --- wan [cabin] lan2 -- console
      pc  -- lan1
"""

import json

import pytest
from brokers import Mosquitto
from netns import wait_for
from openwrt_network import look_up, openwrt_town, plug


@pytest.fixture
def broker(lab):
    return Mosquitto(lab.add_host("mqtt")).url


def reaches(device, address):
    return bool(device.ping(address, count=2).received)


def addresses(host, name):
    infos = json.loads(host.run(["ip", "-json", "addr", "show", "dev", name]).stdout)[0]["addr_info"]
    return sorted(each["local"] for each in infos if each["scope"] == "global")


def fetch(device, address):
    command = ["timeout", 2, "busybox", "wget", "-q", "-O", "-", f"http://{address}/index.html"]
    return device.run(command, check=False).stdout


def second(router, device):
    """The address in the group that an ordinary device of this home has."""
    first, second, third, _ = own_router(router).split(".")
    return f"{first}.{second}.{int(third) + 128}.{device.address.rpartition('.')[2]}"


def own_router(router):
    return router.home.daemon.ask("groups")[0]["address"].partition("/")[0]


def in_slice(address, router):
    return address.rpartition(".")[0] == own_router(router).rpartition(".")[0]


def test_a_device_gets_all_it_needs_finds_the_others_and_no_way_out(lab, broker):
    internet = lab.add_host("server")
    den, cabin = openwrt_town(lab, "den", "cabin", broker=broker, port=["lan2"])
    nas, console, pc = plug(den, "nas", "lan2"), plug(cabin, "console", "lan2"), plug(den, "pc", "lan1")
    for router, device in ((den, nas), (cabin, console)):
        lease = device.renew()
        assert in_slice(lease["ip"], router) and 100 <= int(lease["ip"].rpartition(".")[2]) <= 249
        assert (lease["mask"], lease["router"], lease["dns"]) == ("16", "", own_router(router))
        assert lease["search"] == f"{router.home.name}.friends.internal friends.internal"
        wait_for(lambda device=device: addresses(device, "eth0")[1:], 10, "an IPv6 address")
        for family in ("-4", "-6"):
            assert device.run(["ip", family, "route", "show", "default"]).stdout == ""
    assert nas.reaches(console.address) and console.reaches(addresses(nas, "eth0")[1])

    def finds(name):
        cabin.read_names()
        return nas.address in look_up(console, name, own_router(cabin))

    wait_for(lambda: finds("nas.den.friends.internal"), 10, "the name of the nas")
    assert "nas.den.friends.internal" in look_up(console, nas.address, own_router(cabin))
    assert "NXDOMAIN" in look_up(console, "nobody.friends.internal", own_router(cabin))

    page = lab.folder / "page"
    page.mkdir()
    (page / "index.html").write_text("the router's own page")
    den.router.spawn(["busybox", "httpd", "-f", "-p", 80, "-h", page])
    wait_for(lambda: fetch(pc, "192.168.1.1"), 5, "the router's own page, at home")
    assert fetch(console, own_router(den)) == fetch(nas, own_router(den)) == ""
    assert console.reaches(own_router(den))
    assert own_router(den) in look_up(console, "router.den.friends.internal", own_router(den))
    for device in (console, nas):
        device.ip(f"route replace default via {own_router(den)}")
        assert not reaches(device, pc.address) and not reaches(device, internet.address)
    assert not reaches(pc, console.address)


def test_the_internet_of_a_home_is_its_own_devices(lab, broker):
    internet = lab.add_host("server")
    den, cabin = openwrt_town(lab, "den", "cabin", broker=broker, port=["lan2"], internet=1)
    nas, console = plug(den, "nas", "lan2"), plug(cabin, "console", "lan2")
    assert nas.renew()["router"] == own_router(den)
    assert nas.reaches(internet.address)
    console.ip(f"route replace default via {own_router(den)}")
    assert not reaches(console, internet.address)


def test_mapped_devices_of_two_homes_with_the_same_addresses(lab, broker):
    den, cabin = openwrt_town(lab, "den", "cabin", broker=broker, port=["lan2"], map=["192.168.1.0/24"])
    console, pc, tv = plug(cabin, "console", "lan2"), plug(den, "pc", "lan1"), plug(cabin, "tv", "lan1")
    assert console.reaches(second(den, pc)) and tv.reaches(second(den, pc)) and pc.reaches(second(cabin, tv))
    image = second(den, pc).rpartition(".")[0] + ".1"
    assert console.reaches(own_router(den)) and not reaches(console, image)  # which the mapped LAN's router would be


def test_a_change_follows_and_whoever_leaves_has_what_he_had(lab, broker):
    (den,) = openwrt_town(lab, "den", broker=broker)
    alone = den.before
    assert {"br-lan", "br-ipop0"} <= set(den.links())
    nas = plug(den, "nas", "lan2")
    assert nas.address.startswith("192.168.1.")
    den.reload(port=["lan2"], domain="home.arpa")
    den.obey()
    nas.ask()
    assert in_slice(nas.address, den) and nas.renew()["domain"] == "den.friends.home.arpa"
    den.home.daemon.ipop("leave")
    den.home.daemon.stop()  # before root has heard of it
    den.obey()
    assert den.uci == alone and "br-ipop0" not in den.links()
    nas.ask()
    assert nas.address.startswith("192.168.1.")
    assert den.setup().stdout == "nothing is to be changed\n"


def test_a_daemon_that_ends_or_is_killed_takes_nothing_along(lab, broker):
    (den,) = openwrt_town(lab, "den", broker=broker, port=["lan2"])
    nas = plug(den, "nas", "lan2")
    address = nas.address
    for end in (den.home.daemon.stop, den.home.daemon.kill):
        end()
        assert den.setup().stdout == "nothing is to be changed\n"
        assert nas.renew()["ip"] == address
        den.home.start_daemon()
