"""The purpose of it all: devices behind two routers find and reach each other, as on one LAN."""

import sys

import pytest
from devices import fetch_file, find_game, find_service, publish_service, serve_file
from netns import wait_for


@pytest.fixture
def consoles(lab):
    den, cabin = lab.add_home("den"), lab.add_home("cabin", nat=True)
    lab.introduce(den, cabin)
    lab.start_daemons()
    return den.add_console("pc"), cabin.add_console("tv")


def test_devices_answer_to_ping(consoles):
    pc, tv = consoles
    assert tv.start_ping(pc.address).lost(of=10) == 0
    assert min(tv.ping(pc.address, count=10).times_ms) < 20


def test_a_full_ethernet_frame_fits(consoles):
    pc, tv = consoles
    for sender, receiver in ((tv, pc), (pc, tv)):
        # 1472 bytes, 8 of ICMP and 20 of IP: 1500, and ping forbids fragments
        assert sender.start_ping(receiver.address, size=1472).lost(of=3) == 0


def test_the_largest_datagram_of_an_ethernet_arrives(consoles):
    pc, tv = consoles
    for sender, receiver in ((tv, pc), (pc, tv)):
        listener = receiver.spawn([sys.executable, "-c", "import socket; udp = socket.socket(type=socket.SOCK_DGRAM); "
                                   "udp.bind(('', 9)); print('bound', flush=True); print(len(udp.recv(9000)))"])
        listener.wait_for_output("bound")
        sender.run([sys.executable, "-c", "import socket; udp = socket.socket(type=socket.SOCK_DGRAM); "
                    f"udp.sendto(bytes(1472), ('{receiver.address}', 9))"])
        listener.wait_for_output("1472")


def test_games_find_each_other_by_broadcast(consoles):
    pc, tv = consoles
    assert find_game(tv, pc, "Quake on the PC")["address"] == pc.address
    assert find_game(pc, tv, "Kart race on the TV")["address"] == tv.address


def test_a_tv_finds_a_media_server_by_multicast_dns(consoles):
    pc, tv = consoles
    publish_service(pc, "Films at the den")
    found = find_service(tv)
    assert (found["service"], found["address"]) == ("Films at the den", pc.address)


def test_a_file_arrives_whole(consoles):
    pc, tv = consoles
    file = fetch_file(tv, pc.address, serve_file(pc, megabytes=16))
    assert file.intact


def test_a_cable_that_is_pulled_and_put_back(consoles):
    pc, tv = consoles
    assert tv.reaches(pc.address)
    cabin = pc.lab.homes[1]
    cabin.lose(100)
    assert not tv.ping(pc.address, count=20, interval=0.2).received
    cabin.lose(0)
    wait_for(lambda: tv.ping(pc.address, count=1).received, 3, "the den after the cable was put back")


def test_a_lossy_line_loses_what_it_loses_and_no_more(consoles):
    pc, tv = consoles
    assert tv.reaches(pc.address)
    pc.lab.homes[0].lose(10)
    file = fetch_file(tv, pc.address, serve_file(pc, megabytes=1))
    assert file.intact
