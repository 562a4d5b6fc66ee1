"""Homes of a group are one LAN that behaves: what is to cross crosses, and what must not is counted where it ends."""

from console import ARP, BROADCAST, IPV4, arp, ethernet, join, part, udp
from member import GroupSimulation

from ipop.node import LAN_NEWS

SECOND = 1_000
MDNS, MDNS_MAC = "224.0.0.251", b"\x01\x00\x5e\x00\x00\xfb"
STREAM, STREAM_MAC = "239.1.2.3", b"\x01\x00\x5e\x01\x02\x03"


def two_homes():
    sim = GroupSimulation()
    den, cabin = sim.found("den", "cabin")
    return sim, den, cabin


def send_udp(console, mac, source, destination, port, payload=b"hello"):
    console.send_frame(ethernet(mac, console.mac, IPV4, udp(source, destination, port, port, payload)))


def smuggle(router, other, frame):
    """A member whose daemon has no rules puts a frame into the tunnel to another."""
    router.node._links[other.public_key].send(frame, router._agenda.now)
    router._pump()


def test_a_game_finds_the_other_home_and_dhcp_does_not():
    sim, den, cabin = two_homes()
    den.console.broadcast(b"who plays?")
    send_udp(den.console, BROADCAST, "0.0.0.0", "255.255.255.255", 67)
    sim.simulate_time(SECOND)
    assert cabin.console.received == [(den.console.ip, b"who plays?")]
    assert den.dropped["guard-dhcp"] == 1


def test_a_hostile_members_dhcp_ends_at_who_gets_it():
    sim, den, cabin = two_homes()
    dhcp = ethernet(BROADCAST, den.console.mac, IPV4, udp(den.console.ip, "255.255.255.255", 67, 67, b"offer"))
    smuggle(den, cabin, dhcp)
    sim.simulate_time(SECOND)
    assert cabin.console.received == [] and cabin.dropped["guard-dhcp"] == 1


def test_an_address_of_another_home_gets_nobody_anywhere():
    """Set by hand, or spoofed: neither its own router nor the others' let it pass."""
    sim, den, cabin = two_homes()
    send_udp(den.console, BROADCAST, cabin.console.ip, "255.255.255.255", 9)
    sim.simulate_time(SECOND)
    assert den.dropped["foreign-address"] == 1
    spoof = arp(2, den.console.mac, cabin.console.ip, BROADCAST, cabin.console.ip)
    heard = cabin.console.frames
    smuggle(den, cabin, ethernet(BROADCAST, den.console.mac, ARP, spoof))
    sim.simulate_time(SECOND)
    assert cabin.dropped["foreign-address"] == 1 and cabin.console.frames == heard


def test_who_claims_the_mac_address_of_anothers_device_gets_nothing_that_is_for_it():
    """A member can be the first to use it, after this router has restarted; but addresses are by the roster."""
    sim = GroupSimulation()
    den, cabin, villa = sim.found("den", "cabin", "villa")
    spy = villa.lan.add("spy", cabin.console.mac, villa.console.ip[:-2] + "99")
    spy.broadcast(b"here I am")
    sim.simulate_time(SECOND)
    heard = spy.frames
    den.console.send(cabin.console, b"for your eyes only")
    sim.simulate_time(SECOND)
    assert cabin.console.received[-1] == (den.console.ip, b"for your eyes only") and spy.frames == heard


def test_what_is_for_nobody_at_home_goes_to_no_other_home():
    sim, den, cabin = two_homes()
    heard = cabin.console.frames
    send_udp(den.console, b"\2\0\0\0\7\7", den.console.ip, den.console.ip[:-2] + "77", 9)
    sim.simulate_time(SECOND)
    assert den.dropped["stays-local"] == 1 and cabin.console.frames == heard


def test_a_question_wakes_one_home_and_the_second_one_nobody():
    sim = GroupSimulation()
    den, cabin, villa = sim.found("den", "cabin", "villa")
    at_villas = villa.console.frames
    den.console.ask_for(cabin.console.ip)
    sim.simulate_time(SECOND)
    assert den.console.neighbours == {cabin.console.ip: cabin.console.mac}
    assert villa.console.frames == at_villas
    heard = cabin.console.frames
    den.console.neighbours.clear()
    den.console.ask_for(cabin.console.ip)
    sim.simulate_time(SECOND)
    assert den.console.neighbours == {cabin.console.ip: cabin.console.mac}
    assert cabin.console.frames == heard


def test_a_device_that_was_replaced_is_found_though_it_says_nothing():
    """Another one has its address: the answers from the routers' tables lead nowhere, and then the device is asked."""
    sim, den, cabin = two_homes()
    old = cabin.console
    old.broadcast(b"here I am")
    sim.simulate_time(SECOND)
    cabin.lan.consoles.clear()
    new = cabin.lan.add("new", b"\x02\0\0\0\7\7", old.ip)
    sim.simulate_time(SECOND)
    den.console.ask_for(old.ip)
    sim.simulate_time(SECOND)
    assert den.console.neighbours == {new.ip: old.mac}
    sim.simulate_time(4 * SECOND)
    assert den.console.neighbours == {new.ip: new.mac}


def test_an_address_that_two_homes_use_is_told_to_people():
    sim, den, cabin = two_homes()
    den.console.broadcast(b"here I am")
    sim.simulate_time(SECOND)
    den.lan.consoles.clear()
    carried = cabin.lan.add("carried", den.console.mac, cabin.console.ip[:-2] + "77")
    for _ in range(5):
        carried.broadcast(b"now I am here")
        sim.simulate_time(SECOND)
    told = [event.token.text for home in (den, cabin) for event in home.events if event.kind == LAN_NEWS]
    assert "02:00:00:00:01:01 has moved from den to this home" in told, told


def test_who_has_many_addresses_move_does_not_fill_the_log():
    sim, den, cabin = two_homes()
    macs = [b"\2\0\0\0\7" + bytes([n]) for n in range(30)]
    for home in (den, cabin):
        den.lan.consoles.clear()
        for n, mac in enumerate(macs):
            device = home.lan.add("device-%d" % n, mac, home.console.ip[:-2] + str(100 + n))
            for _ in range(3):
                device.broadcast(b"here I am")
                sim.simulate_time(SECOND)
    told = [event.token for event in cabin.events if event.kind == LAN_NEWS]
    assert len(told) == len(macs) and 10 <= len([news for news in told if news.text is not None]) <= 14
    assert cabin.node.status(sim.now)["dropped"]["claim-untold"] >= 16


def test_for_those_who_want_no_layer_2_only_packets_from_one_to_another_cross():
    sim = GroupSimulation()
    den, cabin = sim.add_members("den", "cabin")
    den.is_routed = True
    den.create("friends")
    cabin.join(den.invite())
    sim.simulate_time(5 * SECOND)
    den.console.ask_for(cabin.console.ip)
    sim.simulate_time(SECOND)
    assert den.console.neighbours == {cabin.console.ip: cabin.console.mac}
    den.console.send(cabin.console, b"hello")
    den.console.broadcast(b"who plays?")
    cabin.console.broadcast(b"who plays?")
    send_udp(den.console, MDNS_MAC, den.console.ip, MDNS, 5353)
    sim.simulate_time(SECOND)
    assert cabin.console.received == [(den.console.ip, b"hello")] and den.console.received == []
    assert den.dropped["route-only"] == 3
    for elsewhere in ("8.8.8.8", "192.168.1.1"):  # no device of the cabin is a way out, either
        send_udp(den.console, cabin.console.mac, den.console.ip, elsewhere, 9)
    link_local = b"\xfe\x80" + bytes(13)
    packet = b"\x60\0\0\0\0\x08\x11\x40" + link_local + b"\1" + link_local + b"\2" + b"\0\x09\0\x09\0\x08\0\0"
    den.console.send_frame(ethernet(cabin.console.mac, den.console.mac, 0x86DD, packet))
    sim.simulate_time(SECOND)
    assert den.dropped["route-only"] == 6


def test_a_device_that_was_set_to_the_address_from_which_we_ask_is_asked_from_another():
    """Linux takes a question that comes from its own address for forged: it would say nothing, and hear no stream."""
    sim, den, _ = two_homes()
    asked, second = [], den.console.ip.rpartition(".")[0] + ".2"
    nas = den.lan.add("nas", b"\2\0\0\0\7\7", second)
    nas.handle_frame = lambda frame: asked.append(frame[26:30]) if frame[23] == 2 else None
    sim.simulate_time(40 * SECOND)
    assert set(asked) == {bytes([int(part) for part in second.split(".")])}
    nas.broadcast(b"here I am")
    sim.simulate_time(SECOND)
    asked.clear()
    sim.simulate_time(300 * SECOND)
    assert set(asked) == {bytes([int(part) for part in second.split(".")[:3]] + [3])}, asked


def test_a_stream_goes_to_nobody_who_does_not_listen_and_a_search_to_all():
    sim, den, cabin = two_homes()
    sim.simulate_time(60 * SECOND)  # until both know who listens: each has asked its home twice
    heard = cabin.console.frames
    send_udp(den.console, STREAM_MAC, den.console.ip, STREAM, 5000)
    sim.simulate_time(SECOND)
    assert den.dropped["no-listeners"] == 1 and cabin.console.frames == heard
    send_udp(den.console, MDNS_MAC, den.console.ip, MDNS, 5353)
    sim.simulate_time(SECOND)
    assert cabin.console.frames == heard + 1


def test_a_cable_between_two_homes_is_found_told_and_forgotten():
    sim, den, cabin = two_homes()
    join(den.lan, cabin.lan)
    den.console.broadcast(b"round and round")
    sim.simulate_time(3 * SECOND)
    for home, other in ((den, cabin), (cabin, den)):
        ((problem, _),) = home.node.lan.problems()
        assert "the LAN of %s and this one are connected" % other.name in problem
        assert "cut" in [event.token.kind for event in home.events if event.kind == LAN_NEWS]
    heard = cabin.console.frames
    den.console.broadcast(b"once")
    sim.simulate_time(SECOND)
    assert cabin.console.frames == heard + 1  # by the cable
    part(den.lan, cabin.lan)
    sim.simulate_time(60 * SECOND)
    assert den.node.lan.problems() == cabin.node.lan.problems() == []
    den.console.broadcast(b"by the tunnel")
    sim.simulate_time(SECOND)
    assert cabin.console.received[-1] == (den.console.ip, b"by the tunnel")


def test_a_storm_in_one_home_does_not_take_the_air_of_another():
    sim, den, cabin = two_homes()
    for n in range(2_000):
        den.console.broadcast(b"%d" % n)
        sim.simulate_time(1)
    assert cabin.console.frames < 550
    assert den.dropped["storm"] == 2_000 - cabin.console.frames


def test_names_of_devices_are_known_in_the_other_home():
    sim, den, cabin = two_homes()
    den.node.lan.set_leases([(den.console.mac, den.console.ip, "nas")], den._agenda.now)
    den._agenda.at(sim.now, den._wake, den._lives, den._alarm)
    sim.simulate_time(5 * SECOND)
    assert (den.console.ip, "nas.den.friends.internal") in cabin.node.lan.records("friends", "internal")
    listed = cabin.node.lan.listing(sim.now, "friends", "internal", lambda link: "direct")
    assert [(each["name"], each["member"], each["way"]) for each in listed] == [("nas", "den", "direct")]
