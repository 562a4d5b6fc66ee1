"""The lab's NATs are what they are called: what others measure in this lab is worth as much as this."""

import socket
import textwrap

import pytest
from lab import PORT, Lab
from nats import (
    DOUBLE_NAT,
    FULL_CONE,
    IPV6_ONLY,
    KINDS,
    PORT_RESTRICTED,
    PUBLIC,
    RESTRICTED_CONE,
    SYMMETRIC,
    UDP_BLOCKED,
)
from netns import BIN, wait_for
from sockets import Udp, opened_in

INDEPENDENT = "endpoint-independent"
BY_ADDRESS = "address-dependent"
BY_PORT = "address and port-dependent"

BEHAVIOUR = {  # (mapping, filtering), in the words of RFC 4787
    PUBLIC: (INDEPENDENT, INDEPENDENT),
    FULL_CONE: (INDEPENDENT, INDEPENDENT),
    RESTRICTED_CONE: (INDEPENDENT, BY_ADDRESS),
    PORT_RESTRICTED: (INDEPENDENT, BY_PORT),
    SYMMETRIC: (BY_PORT, BY_PORT),
    DOUBLE_NAT: (INDEPENDENT, BY_PORT),
}
CLASSIC_NAMES = {  # what pystun3 calls them
    PUBLIC: "Open Internet",
    FULL_CONE: "Full Cone",
    RESTRICTED_CONE: "Restric NAT",
    PORT_RESTRICTED: "Restric Port NAT",
    SYMMETRIC: "Symmetric NAT",
    DOUBLE_NAT: "Restric Port NAT",
    UDP_BLOCKED: "Blocked",
}


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab


def behaviour(home, here, there, ipv6=False):
    """(mapping, filtering) as seen from two hosts on the internet."""
    inside = Udp(home.router, PORT, ipv6)
    first, same_host, elsewhere = Udp(here, 1000, ipv6), Udp(here, 2000, ipv6), Udp(there, 1000, ipv6)
    mapped = inside.seen_by(first)
    assert inside.hears(first, mapped)
    filtering = BY_PORT
    if inside.hears(elsewhere, mapped):
        filtering = INDEPENDENT
    elif inside.hears(same_host, mapped):
        filtering = BY_ADDRESS
    if inside.seen_by(elsewhere) == mapped and inside.seen_by(same_host) == mapped:
        return INDEPENDENT, filtering
    return BY_PORT, filtering


@pytest.mark.parametrize("kind", BEHAVIOUR)
def test_each_maps_and_filters_as_its_kind_does(lab, kind):
    home = lab.add_home("cabin", nat=kind)
    assert behaviour(home, lab.add_host("here"), lab.add_host("there")) == BEHAVIOUR[kind]


@pytest.mark.parametrize("kind", CLASSIC_NAMES)
def test_each_has_its_classic_name(lab, kind):
    home, server = lab.add_home("cabin", nat=kind), lab.add_host("server")
    second = server.address.rpartition(".")[0] + "." + str(int(server.address.rpartition(".")[2]) + 1)
    server.ip(f"addr add {second}/29 dev wan")
    server.spawn(["turnserver", "-n", "--stun-only", "-L", server.address, "-L", second, "--listening-port", 3478,
                  "--alt-listening-port", 3479, "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout",
                  "--pidfile", lab.folder / "turnserver.pid"])
    wait_for(lambda: server.run(["ss", "-Hlun", "sport = :3479"]).stdout.count(":3479") >= 2, 5, "coturn")
    found = home.router.run([BIN / "python", "-c", textwrap.dedent(f"""
        import stun
        print(stun.get_ip_info("{home.router.address}", {PORT}, "{server.address}", 3478)[0])""")], timeout=50)
    assert found.stdout.strip() == CLASSIC_NAMES[kind]


def test_a_nat_before_a_nat_hides_it(lab):
    home, server = lab.add_home("cabin", nat=DOUBLE_NAT), lab.add_host("server")
    assert home.nat.address.startswith("100.64.") and home.router.address.startswith("192.168.")
    assert Udp(home.router, PORT).seen_by(Udp(server, 1000)) == (home.gateway.address, PORT)


def test_where_udp_is_blocked_tcp_passes(lab):
    home, server = lab.add_home("office", nat=UDP_BLOCKED), lab.add_host("server")
    assert Udp(home.router, PORT).seen_by(Udp(server, 1000)) is None
    listener = opened_in(server, socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("", 1000))
    listener.listen()
    with opened_in(home.router, socket.AF_INET, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect((server.address, 1000))


def test_where_there_is_only_ipv6_a_firewall_waits_for_the_first_word_from_inside(lab):
    home, here, there = lab.add_home("cabin", nat=IPV6_ONLY), lab.add_host("here"), lab.add_host("there")
    assert behaviour(home, here, there, ipv6=True) == (INDEPENDENT, BY_PORT)
    inside = Udp(home.router, PORT + 1, ipv6=True)
    assert inside.seen_by(Udp(here, 3000, ipv6=True)) == inside.address
    assert home.router.address is None
    assert "default" not in home.router.run(["ip", "-4", "route"]).stdout


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != IPV6_ONLY])
def test_ipv6_can_be_had_with_each(lab, kind):
    if kind == UDP_BLOCKED:
        home = lab.add_home("office", nat=kind, ipv6=True)
        assert home.router.reaches(lab.add_host("server").address6)
        return
    home = lab.add_home("cabin", nat=kind, ipv6=True)
    filtering = INDEPENDENT if kind == PUBLIC else BY_PORT
    assert behaviour(home, lab.add_host("here"), lab.add_host("there"), ipv6=True) == (INDEPENDENT, filtering)
    assert home.router.reaches(lab.homes[0].gateway.address)


@pytest.mark.parametrize("ipv6", [False, True])
def test_two_usual_nats_can_be_pierced_from_both_sides(lab, ipv6):
    """What hole punching rests on: the first datagram gets lost before the other NAT, and opens one's own."""
    den = lab.add_home("den", nat=PORT_RESTRICTED, ipv6=ipv6)
    hut = lab.add_home("hut", nat=DOUBLE_NAT, ipv6=ipv6)
    server = Udp(lab.add_host("server"), 1000, ipv6)
    ends = [Udp(home.router, PORT, ipv6) for home in (den, hut)]
    seen = [end.seen_by(server) for end in ends]
    ends[0].send(seen[1])
    assert ends[1].heard_from() is None
    ends[1].send(seen[0])
    assert ends[0].heard_from() == seen[1]
    ends[0].send(seen[1])
    assert ends[1].heard_from() == seen[0]


def test_a_symmetric_nat_and_a_usual_one_can_not_be_pierced(lab):
    den, hut = lab.add_home("den", nat=PORT_RESTRICTED), lab.add_home("hut", nat=SYMMETRIC)
    server = Udp(lab.add_host("server"), 1000)
    ends = [Udp(home.router, PORT) for home in (den, hut)]
    seen = [end.seen_by(server) for end in ends]
    for _ in range(3):
        ends[0].send(seen[1])
        ends[1].send(seen[0])
    assert ends[0].heard_from() is None and ends[1].heard_from() is None


@pytest.mark.parametrize("kind", [FULL_CONE, RESTRICTED_CONE, PORT_RESTRICTED])
def test_two_homes_behind_one_nat_are_told_apart_outside_and_near_each_other_inside(lab, kind):
    den = lab.add_home("den", nat=kind, ipv6=True)
    loft = lab.add_home("loft", behind=den)
    server = Udp(lab.add_host("server"), 1000)
    ends = [Udp(home.router, PORT) for home in (den, loft)]
    seen = [end.seen_by(server) for end in ends]
    assert seen[0][0] == seen[1][0] == den.gateway.address and seen[0][1] != seen[1][1]
    for end, mapped in zip(ends, seen, strict=True):
        assert end.hears(server, mapped)
    assert ends[1].hears(ends[0], ends[1].address)


@pytest.mark.parametrize("kind", [FULL_CONE, PORT_RESTRICTED])
def test_a_nat_that_forgets_lets_nobody_in_until_somebody_speaks_inside(lab, kind):
    home, server = lab.add_home("cabin", nat=kind), Udp(lab.add_host("server"), 1000)
    inside = Udp(home.router, PORT)
    mapped = inside.seen_by(server)
    assert inside.hears(server, mapped)
    home.nat.forget()
    assert not inside.hears(server, mapped)
    assert inside.hears(server, inside.seen_by(server))


def fastest(host, address, count=3):
    """ms; 0 where nobody answers."""
    return min(host.ping(address, count=count).times_ms, default=0)


def test_a_long_line_takes_its_time_each_way_and_loses_nothing(lab):
    cabin, den, server = lab.add_home("cabin", nat=True, ipv6=True), lab.add_home("den"), lab.add_host("server")
    assert 0 < fastest(cabin.router, server.address) < 10
    for ms in (15, 40):
        lab.delay(cabin, ms)
        wait_for(lambda ms=ms: fastest(cabin.router, server.address, count=1) >= 2 * ms, 3, "the long line")
        for address in (server.address, server.address6):
            assert cabin.router.start_ping(address, interval=0.05).lost(of=10) == 0
            assert fastest(cabin.router, address) >= 2 * ms
    assert 0 < fastest(den.router, server.address) < 10
