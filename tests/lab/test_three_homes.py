"""Homes of a group whose devices need nothing but a cable: one LAN, and in no home does anything strange happen."""

import itertools
import json
import re
import sys
import time

import pytest
from brokers import Mosquitto
from cables import link
from devices import find_game, find_media, find_service, offer_media, publish_service
from groups import create, invite, join, wait_connected
from netns import BIN, PROGRAMS, Host, wait_for
from served import GROUP, gather, plug, served_home, town
from sockets import Udp, Wire

from ipop.wire import address, ethernet, ip

MEDIA = "urn:schemas-upnp-org:device:MediaServer:1"
STORM_TIME, STORM_RATE = 60, 200  # s, frames a second
LISTENER_TIME = 300  # s after which a switch has forgotten who never says again that it listens
HOME_KINDS = {"dhcp", "dhcpv6", "router-solicitation", "router-advertisement", "redirect", "stp"}
STUCK_MAX = 18  # s: 8 until the path's new size is known, then it waits for TCP's next try
FEW = 30  # of the pings at ten a second: three seconds


@pytest.mark.long(seconds=330)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("lab", ["mixed"], indirect=True)
def test_what_belongs_into_a_home_stays_there_whatever_happens(lab):
    """From joining on, while a device asks for 12000 addresses, and while each router restarts."""
    homes = den, cabin, lodge = [served_home(lab, name, internet=1) for name in ("den", "cabin", "lodge")]
    captures = {home: home.router.spawn([sys.executable, PROGRAMS / "homebound.py"]) for home in homes}
    for home, capture in captures.items():
        capture.wait_for_output("listening")
        home.router.ip("link set br-group type bridge stp_state 1 forward_delay 200 hello_time 100")
    gather(lab, homes)
    pc, tv, phone = devices = plug(den, "pc"), plug(cabin, "tv"), plug(lodge, "phone")
    leases = {device: device.renew() for device in devices}
    assert len({lease["ip"] for lease in leases.values()}) == 3
    assert all(lease["router"] == router_of(device.home) for device, lease in leases.items())

    hearing = tv.spawn([sys.executable, PROGRAMS / "stream.py", "receive"])
    hearing.wait_for_output("ready")
    pc.spawn([sys.executable, PROGRAMS / "stream.py", "send"])
    wait_for(lambda: heard(hearing), 10, "the stream")

    playing = phone.start_ping(tv.address)
    mad = plug(den, "mad")
    mad.run([sys.executable, PROGRAMS / "dhcp_storm.py", "eth0", STORM_TIME, STORM_RATE], timeout=STORM_TIME + 60)
    assert playing.lost() == 0
    assert den.daemon.status()["dropped"]["guard-dhcp"] > STORM_TIME * STORM_RATE // 2
    assert not told(captures[cabin], on="ipop0") and not told(captures[lodge], on="ipop0")
    for home in homes:
        home.daemon.stop() if home is cabin else home.daemon.kill()
        home.start_daemon()
        for one, other in ((pc, tv), (tv, phone), (phone, pc)):
            wait_for(lambda one=one, other=other: one.ping(other.address, count=1).received, 20,
                     f"{one.name} and {other.name} after the {home.name}'s restart")

    first = heard(hearing)[0][1]
    wait_for(lambda: heard(hearing)[-1][1] - first > LISTENER_TIME, LISTENER_TIME, "the stream's later part")
    later = [number for number, at in heard(hearing) if at - first > LISTENER_TIME - 5]
    assert len(later) > 0.9 * (later[-1] - later[0])

    for device in devices:
        lease = device.renew()
        assert (lease["ip"], lease["router"]) == (leases[device]["ip"], leases[device]["router"])
    for home, capture in captures.items():
        assert not told(capture, on="ipop0")
        assert {"dhcp", "router-solicitation"} <= {each["kind"] for each in told(capture)} <= HOME_KINDS
        dropped = home.daemon.status()["dropped"]
        assert {"guard-ra", "guard-control"} <= set(dropped), dropped  # and in time they would have left


def heard(hearing):
    """[(number, s)] of what has come of the stream."""
    lines = hearing.output.splitlines(keepends=True)[1:]
    return [(int(line.split()[0]), float(line.split()[1])) for line in lines if line.endswith("\n")]


def told(capture, **wanted):
    lines = capture.output.splitlines(keepends=True)[1:]
    seen = [json.loads(line) for line in lines if line.endswith("\n")]
    return [each for each in seen if wanted.items() <= each.items()]


def group_at(home):
    return [each for each in home.daemon.ask("groups") if each["name"] == GROUP][0]


def router_of(home):
    return group_at(home)["address"].split("/")[0]


def test_a_device_gets_its_address_at_home_and_its_name_everywhere(lab):
    den, cabin = town(lab, "den", "cabin")
    nas, tv = plug(den, "nas"), plug(cabin, "tv")
    for device in (nas, tv):
        lease = device.renew()
        assert lease["dns"] == router_of(device.home) and lease["router"] == ""
        assert device.address.rpartition(".")[0] == lease["dns"].rpartition(".")[0]
    assert nas.reaches(tv.address) and tv.reaches(nas.address)
    wait_for(lambda: nas.address in looked_up(tv, "nas.den.friends.internal"), 10, "the nas's name at the cabin")
    wait_for(lambda: {"nas", "tv"} <= set(listed_at(cabin)), 10, "both devices in the list")
    listed = listed_at(cabin)
    assert listed["nas"]["member"] == "den" and listed["nas"]["address"] == nas.address
    assert listed["tv"]["way"] == "here" and "connected" not in listed["nas"]["way"]

    nas.host_name = "store"
    nas.ask()
    for device in (nas, tv):
        wait_for(lambda device=device: nas.address in looked_up(device, "store.den.friends.internal"), 10, "a new name")
        assert nas.address not in looked_up(device, "nas.den.friends.internal")
        assert "store.den.friends.internal" in looked_up(device, nas.address)


def listed_at(home):
    return {each["name"]: each for each in home.daemon.ask("devices")}


def looked_up(device, name):
    ask = [sys.executable, PROGRAMS / "ask_dns.py", router_of(device.home), name]
    return device.run(ask, check=False).stdout


def test_devices_find_each_other_and_whole_datagrams_arrive(lab):
    den, cabin, lodge = town(lab, "den", "cabin", "lodge")
    nas, tv, phone = plug(den, "nas"), plug(cabin, "tv"), plug(lodge, "phone")
    assert find_game(phone, nas, "chess")["address"] == nas.address
    publish_service(nas, "films")
    assert find_service(tv)["address"] == nas.address and find_service(phone)["address"] == nas.address
    offer_media(nas, MEDIA, f"http://{nas.address}:8200/root.xml")
    assert nas.address in find_media(tv, MEDIA) and nas.address in find_media(phone, MEDIA)
    one, other = Udp(nas, 9000), Udp(tv, 9000)
    for size in (1472, 8972):  # with their headers 1500 bytes, and 9000 in fragments that the sender made
        assert all(other.gets(one, size) and one.gets(other, size) for _ in range(5)), size


def test_without_layer_2_devices_reach_each_other_and_hear_no_broadcasts(lab):
    den, cabin = town(lab, "den", "cabin", mode="route")
    nas, tv = plug(den, "nas"), plug(cabin, "tv")
    ours = [wait_for(lambda device=device: ula(device), 15, "an IPv6 address") for device in (nas, tv)]
    assert nas.reaches(tv.address) and tv.reaches(ours[0]) and nas.reaches(ours[1])
    nas.spawn(["busybox", "httpd", "-f", "-p", "80", "-h", BIN])
    wait_for(lambda: nas.run(["ss", "-Hltn", "sport = :80"]).stdout, 5, "a web server")
    assert tv.run(["busybox", "wget", "-q", "-O", "-", f"http://{nas.address}/ipop"]).stdout
    one, other = Udp(nas, 9000), Udp(tv, 9000)
    assert all(other.gets(one, size) and one.gets(other, size) for size in (1472, 8972))
    publish_service(nas, "films")
    assert find_service(tv, seconds=2) is None and find_game(tv, nas, "chess", seconds=2) is None
    assert cabin.daemon.status()["dropped"]["route-only"] and den.daemon.status()["dropped"]["route-only"]
    wait_for(lambda: nas.address in looked_up(tv, "nas.den.friends.internal"), 10, "the nas's name at the cabin")
    assert listed_at(cabin)["nas"]["address"] == nas.address


@pytest.mark.parametrize("lab", ["cpython", "micropython"], indirect=True)
@pytest.mark.parametrize("mtu", [1492, 1280])
def test_tcp_goes_through_a_narrow_line_of_which_nobody_tells(lab, mtu):
    """As behind PPPoE, with a provider that drops the ICMP messages about it."""
    den, cabin = town(lab, "den", "cabin")
    nas, tv = plug(den, "nas"), plug(cabin, "tv")
    narrow(cabin, mtu)
    nas.spawn(["iperf3", "-s", "-1", "--forceflush"]).wait_for_output("listening")
    done = json.loads(tv.run(["iperf3", "-J", "-c", nas.address, "-t", 6, "-i", 2, "-b", "4M"]).stdout)
    moved = [each["sum"]["bytes"] for each in done["intervals"]]
    assert len(moved) >= 3 and min(moved) > 0, moved
    one, other = Udp(nas, 9000), Udp(tv, 9000)
    wait_for(lambda: other.gets(one, 1472) and one.gets(other, 1472), 10, "whole datagrams in both directions")


@pytest.mark.parametrize("lab", ["cpython", "micropython"], indirect=True)
def test_tcp_goes_on_when_the_line_becomes_narrow_under_it(lab):
    """Four connections: over IPv4 and IPv6, in both directions. Nobody is told."""
    den, cabin = town(lab, "den", "cabin")
    nas, tv = plug(den, "nas"), plug(cabin, "tv")
    ours = [wait_for(lambda device=device: ula(device), 15, "an IPv6 address") for device in (nas, tv)]
    targets = nas.address, ours[0]
    transfers = []
    for port, (target, way) in enumerate(itertools.product(targets, ([], ["-R"])), 5201):
        nas.spawn(["iperf3", "-s", "-1", "-p", port, "--forceflush"]).wait_for_output("listening")
        ask = ["iperf3", "-c", target, "-p", port, "-t", STUCK_MAX + 8, "-i", 1, "-b", "1M", "-f", "k", "--forceflush"]
        transfers.append(tv.spawn([*ask, *way]))
    for transfer in transfers:
        wait_for(lambda transfer=transfer: rates(transfer)[2:], 15, "a transfer under way")
    narrow(cabin, 1400)
    time.sleep(STUCK_MAX)
    for transfer in transfers:
        begun = len(rates(transfer))
        wait_for(lambda transfer=transfer, begun=begun: any(rates(transfer)[begun:]), 5, "more of the transfer")


def rates(transfer):
    """kbit/s in each second, as iperf3 says while it runs."""
    return [float(rate) for rate in re.findall(r"sec .*? ([0-9.]+) Kbits/sec", transfer.output)]


def narrow(home, mtu):
    """What is larger is lost on the home's WAN cable, and nobody says so."""
    for end, interface in ((home.router, "wan"), (home.lab.internet, home.router.name)):
        end.nft(f"""
            table netdev narrow {{
                chain arriving {{
                    type filter hook ingress device "{interface}" priority 0
                    ip length > {mtu} drop
                }}
            }}""")


@pytest.mark.parametrize("lab", ["cpython", "micropython"], indirect=True)
def test_ordinary_devices_of_two_homes_with_the_same_lan_meet(lab):
    homes = den, cabin, lodge = [served_home(lab, name, map=["192.168.1.0/24"]) for name in ("den", "cabin", "lodge")]
    nas, printer = [ordinary_device(home, 20) for home in (den, cabin)]
    gather(lab, homes)
    phone = plug(lodge, "phone")
    for device, home in ((nas, den), (printer, cabin)):
        first, second, slice, _ = router_of(home).split(".")
        device.seen_at = f"{first}.{second}.{int(slice) + 128}.20"  # the mirror of the home's slice
        wait_for(lambda device=device: phone.ping(device.seen_at, count=1).received, 10, f"{device.name}")
    assert nas.reaches(printer.seen_at) and printer.reaches(nas.seen_at)
    assert nas.reaches(phone.address)


def ordinary_device(home, number):
    """In the home's LAN, which is as everybody's is."""
    router, device = home.router, Host(home.lab, f"{home.name}-ordinary")
    router.ip("link add br-lan type bridge", "link set br-lan up", "addr add 192.168.1.1/24 dev br-lan")
    link(device, "eth0", router, "ordinary")
    router.ip("link set dev ordinary master br-lan")
    device.ip(f"addr add 192.168.1.{number}/24 dev eth0", "route add default via 192.168.1.1")
    return device


def test_addresses_that_a_home_has_already_are_not_taken_from_it(lab):
    """Another group, or a hostile one, may have been made for just those."""
    den, cabin = served_home(lab, "den"), served_home(lab, "cabin")
    create(den, GROUP, Mosquitto(lab.add_host("mqtt")).url)
    first, second = router_of(den).split(".")[:2]
    router, nas = cabin.router, f"{first}.{second}.200.7"
    router.ip("link add br-lan type bridge", "link set br-lan up", f"addr add {first}.{second}.200.1/24 dev br-lan")
    join(cabin, invite(den))
    wait_connected(cabin, "den")
    wait_for(lambda: any("br-lan has" in text for text in problems(cabin)), 10, "the conflict in the cabin's status")
    (told,) = [text for text in problems(cabin) if "br-lan has" in text]
    assert "move br-lan to" in told and "get no addresses" in told
    assert not addresses(router, "br-group")
    router.ip("link set br-lan down", "link set br-lan up")  # which takes its route away for a moment
    assert "dev br-lan" in router.run(["ip", "route", "get", nas]).stdout

    router.ip("addr flush dev br-lan", "addr add 192.168.9.1/24 dev br-lan")
    wait_for(lambda: addresses(router, "br-group"), 10, "the group's address, now that it is free")
    assert plug(cabin, "phone").address.startswith(f"{first}.{second}.")
    assert not any("br-lan has" in text for text in problems(cabin))


def addresses(host, interface):
    """Its IPv4 addresses, as text."""
    shown = json.loads(host.run(["ip", "-json", "-4", "addr", "show", "dev", interface]).stdout)
    return [info["local"] for each in shown for info in each["addr_info"]]


def test_a_cable_between_two_homes_costs_three_seconds_and_is_told_with_the_port(lab):
    den, cabin, lodge = town(lab, "den", "cabin", "lodge")
    nas, pc, tv, phone = plug(den, "nas"), plug(den, "pc"), plug(cabin, "tv"), plug(lodge, "phone")
    assert nas.reaches(tv.address) and phone.reaches(nas.address) and phone.reaches(tv.address)
    pings = [nas.start_ping(pc.address), nas.start_ping(tv.address), phone.start_ping(nas.address),
             phone.start_ping(tv.address)]
    link(den.router, "cable", cabin.router, "cable")
    for home in (den, cabin):
        home.router.ip("link set cable up", "link set cable master br-group")
    nas.run(["ping", "-b", "-c", 3, "-i", 0.3, "255.255.255.255"], check=False)

    def is_told():
        return all(any("are connected" in text for text in problems(home)) for home in (den, cabin))

    wait_for(is_told, 5, "the loop in both routers' status")
    assert any("at port cable" in text for home in (den, cabin) for text in problems(home))
    wait_for(lambda: phone.ping(nas.address, count=1).received, 5, "the lodge's way to the two")
    lost = [ping.lost() for ping in pings]
    print("pings lost to a loop, at ten a second:", *lost)
    assert max(lost) < FEW, lost
    den.router.ip("link del cable")
    wait_for(lambda: not any("are connected" in text for home in (den, cabin) for text in problems(home)), 60,
             "the end of the loop")
    wait_for(lambda: nas.ping(tv.address, count=1).received, 10, "a ping by the tunnel")


def problems(home):
    return home.daemon.status()["problems"]


def test_a_device_that_is_carried_to_another_home_works_there_within_five_seconds(lab):
    den, cabin, lodge = town(lab, "den", "cabin", "lodge")
    nas, tv, phone = plug(den, "nas"), plug(cabin, "tv"), plug(lodge, "phone")
    ours = [wait_for(lambda device=device: ula(device), 15, "an IPv6 address") for device in (nas, tv, phone)]
    assert all(phone.reaches(each) for each in ours[:2]) and nas.reaches(ours[1])
    tv.carry(den)
    assert wait_for(lambda: ula(tv), 15, "its IPv6 address in the den") == ours[1]
    wait_for(lambda: phone.ping(ours[1], count=1).received and nas.ping(ours[1], count=1).received, 5,
             "the tv, by IPv6, where it is now")
    assert tv.renew()["dns"] == router_of(den)
    assert phone.reaches(tv.address) and nas.reaches(tv.address)
    wait_for(lambda: ("tv", "den") in [(each["name"], each["member"]) for each in lodge.daemon.ask("devices")], 10,
             "the tv in the lodge's list, where it is now")
    assert [each["name"] for each in lodge.daemon.ask("devices")].count("tv") == 1


def ula(device):
    infos = json.loads(device.run(["ip", "-json", "-6", "addr", "show", "dev", "eth0"]).stdout)[0]["addr_info"]
    found = [info["local"] for info in infos if info["scope"] == "global" and not info.get("tentative")]
    return found[0] if found else None


@pytest.mark.parametrize("lab", ["cpython", "micropython"], indirect=True)
def test_who_lets_anything_out_of_his_home_harms_nobody(lab):
    """The lodge's router has no guards. Its devices offer addresses and ways out, and claim to be others."""
    den, cabin = served_home(lab, "den"), served_home(lab, "cabin")
    lodge = served_home(lab, "lodge", [BIN / "python", PROGRAMS / "hostile_ipopd.py"])
    capture = cabin.router.spawn([sys.executable, PROGRAMS / "homebound.py"])
    capture.wait_for_output("listening")
    gather(lab, (den, cabin, lodge))
    nas, tv, mallory = plug(den, "nas"), plug(cabin, "tv"), plug(lodge, "mallory")
    assert nas.reaches(tv.address) and mallory.reaches(tv.address)
    playing = nas.start_ping(tv.address)
    wire, mac = Wire(mallory), packed(mallory.mac)

    mallory.spawn(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=eth0", "--enable-ra",
                   "--dhcp-range=fd66::,ra-only", "--ra-param=eth0,4,1800", "--user=root",
                   f"--dhcp-leasefile={lab.folder}/rogue"])
    mallory.ip("addr add fd66::1/64 dev eth0")
    mallory.spawn([sys.executable, PROGRAMS / "dhcp_storm.py", "eth0", 3, 50])
    wait_dropped(cabin, "guard-ra", "guard-dhcp")

    nobody = bytes(6)
    ours, theirs, gateway = [address.pack(each) for each in (mallory.address, nas.address, router_of(cabin))]
    for spoofed in (theirs, gateway):  # "I am the nas", and "I am your router", to all and to the tv alone
        for target in (ethernet.BROADCAST, packed(tv.mac)):
            wire.send(ip.arp(ip.ARP_REPLY, mac, spoofed, nobody, spoofed, target))
    wait_dropped(cabin, "foreign-address")
    for _ in range(5):  # "I am the nas's interface", in a question that nobody but the cabin can answer
        wire.send(ip.arp(ip.ARP_REQUEST, packed(nas.mac), ours, nobody, gateway[:3] + b"\x4d"))
    wait_dropped(cabin, "claimed")
    wire.heard()

    def is_named():
        wire.send(ip.arp(ip.ARP_REQUEST, packed(nas.mac), ours, nobody, gateway[:3] + b"\x4d"))
        return any(nas.mac in text and "one of lodge" in text for text in problems(cabin))
    wait_for(is_named, 15, "the spoofer in the cabin's status")
    assert tv.start_ping(nas.address).lost(of=10) == 0
    stolen = [frame for frame in wire.heard() if frame[12:14] == b"\x08\x00" and frame[23] == 1]
    assert not stolen and playing.lost() == 0
    assert not told(capture, on="ipop0")
    assert "fd66::" not in tv.run(["ip", "-6", "addr"]).stdout and tv.renew()["dns"] == router_of(cabin)
    neighbours = json.loads(tv.run(["ip", "-json", "neighbour"]).stdout)
    assert {each["dst"] for each in neighbours if each.get("lladdr") == mallory.mac} <= {mallory.address}


def packed(mac):
    return bytes.fromhex(mac.replace(":", ""))


def wait_dropped(home, *words):
    wait_for(lambda: set(words) <= set(home.daemon.status()["dropped"]), 15, f"{home.name}: {', '.join(words)}")


def test_a_router_that_restarts_twenty_times_is_no_matter_to_others(lab):
    den, cabin, lodge = town(lab, "den", "cabin", "lodge")
    nas, phone = plug(den, "nas"), plug(lodge, "phone")
    assert nas.reaches(phone.address)
    pings = nas.start_ping(phone.address), phone.start_ping(nas.address)
    for number in range(20):
        cabin.daemon.kill() if number % 2 else cabin.daemon.stop()
        cabin.start_daemon()
        wait_connected(cabin, den.name, lodge.name)
    assert [ping.lost() for ping in pings] == [0, 0]
