"""Two homes, each behind a NAT, meet: at once through a member that can be reached, and then without it."""

import statistics
import time

import nats
from brokers import Mosquitto
from groups import console_of, create, invite, join, new_home
from netns import wait_for


def sent_by(host, interface):
    """Bytes that have left a host there so far."""
    return int(host.run(["cat", f"/sys/class/net/{interface}/statistics/tx_bytes"]).stdout)


def ways(home):
    """{member's name: how it is reached; "" while it is not}"""
    return {peer["name"]: peer["endpoint"] or "" for peer in home.daemon.ask("peers")}


def test_two_homes_behind_one_nat_talk_inside_it(lab):
    broker = Mosquitto(lab.add_host("broker"))
    den = new_home(lab, "den")
    create(den, "friends", broker.url)
    attic = new_home(lab, "attic", nat=True)
    basement = new_home(lab, "basement", behind=attic)
    for home in (attic, basement):
        join(home, invite(den))
    tv, phone = console_of(attic), console_of(basement)
    for one, other in ((attic, "basement"), (basement, "attic")):
        wait_for(lambda one=one, other=other: ways(one).get(other, "").startswith("192.168.1."), 20, "a way inside")
    time.sleep(2)
    before = sent_by(attic.nat, "wan")
    assert tv.start_ping(phone.address, interval=0.02, size=1200).lost(of=50) == 0
    assert sent_by(attic.nat, "wan") - before < 10_000, "bytes, of 60,000 each way"


def test_the_nearest_relay_is_taken(lab):
    """Neither home can be reached; one of the two members that forward is far away."""
    broker = Mosquitto(lab.add_host("broker"))
    far, near = new_home(lab, "far"), new_home(lab, "near")
    lab.delay(far, 60)
    create(far, "friends", broker.url)
    join(near, invite(far))
    cabin, lodge = [new_home(lab, name, nat=nats.SYMMETRIC) for name in ("cabin", "lodge")]
    for home in (cabin, lodge):
        join(home, invite(far))
    for one, other in ((cabin, "lodge"), (lodge, "cabin")):
        wait_for(lambda one=one, other=other: ways(one).get(other) == "through near", 20, "the way through near")
    times = console_of(cabin).ping(console_of(lodge).address, count=10).times_ms
    print(f"through the relay that is near: {sorted(times)[5]:.1f} ms")
    assert sorted(times)[5] < 60


def test_the_quicker_of_two_direct_ways_is_taken(lab):
    """There is IPv6 and IPv4; who joins finds one of them slow, and who joins later the other one."""
    broker = Mosquitto(lab.add_host("broker"))
    cabin = new_home(lab, "cabin", ipv6=True)
    create(cabin, "friends", broker.url)
    for name, ms, ms6 in (("lodge", 20, 60), ("hut", 60, 20)):
        lab.delay(cabin, ms, ms6)
        home = new_home(lab, name, nat=True, ipv6=True)
        join(home, invite(cabin))
        for one, other, address, address6 in ((home, "cabin", cabin.router.address, cabin.router.address6),
                                              (cabin, name, home.gateway.address, home.router.address6)):
            beginning = address if ms < ms6 else f"[{address6}]"
            wait_for(lambda one=one, other=other, start=beginning: (ways(one).get(other) or "").startswith(start), 20,
                     f"{one.name}: a way to {other} that begins with {beginning}")
        console_of(home).run(["ping", "-n", "-c", 1, "-i", 0.2, "-w", 10, console_of(cabin).address])
        times = console_of(home).ping(console_of(cabin).address, count=10).times_ms
        print(f"{name} and cabin: {sorted(times)[5]:.1f} ms by the quicker way")
        assert sorted(times)[5] < 80


def test_nobody_forwards_and_status_says_what_would_help(lab):
    broker = Mosquitto(lab.add_host("broker"))
    den = lab.add_home("den")
    den.add_console("pc")
    den.globals["relay"] = "0"
    den.start_daemon()
    create(den, "friends", broker.url)
    cabin, lodge = [new_home(lab, name, nat=nats.SYMMETRIC) for name in ("cabin", "lodge")]
    for home in (cabin, lodge):
        join(home, invite(den))
    advice = "lodge: no answer from"
    wait_for(lambda: advice in cabin.daemon.ipop("status").stdout, 10, "word of the lodge")
    assert "'option relay 1' on a member that all reach" in cabin.daemon.ipop("status").stdout
    den.globals["relay"] = "1"
    den.daemon.stop()
    den.start_daemon()
    wait_for(lambda: ways(cabin).get("lodge") == "through den", 20, "the way through den")


def test_two_homes_behind_nats_meet_directly(lab):
    broker = Mosquitto(lab.add_host("broker"))
    den = new_home(lab, "den")
    create(den, "friends", broker.url)
    cabin, lodge = new_home(lab, "cabin", nat=True), new_home(lab, "lodge", nat=True)
    join(cabin, invite(den))
    began = time.monotonic()
    join(lodge, invite(den))
    tv, phone = console_of(cabin), console_of(lodge)
    assert tv.reaches(phone.address)
    print(f"from join to the first ping: {time.monotonic() - began:.2f} s")
    undisturbed = phone.start_ping(tv.address)
    wait_for(lambda: ways(cabin)["lodge"].startswith(lodge.gateway.address), 20, "a direct way to the lodge")
    wait_for(lambda: ways(lodge)["cabin"].startswith(cabin.gateway.address), 20, "a direct way to the cabin")
    den.daemon.stop()
    time.sleep(2)
    assert undisturbed.lost() == 0


def test_from_an_invite_to_the_first_ping_both_behind_nats(lab):
    """Somebody behind a NAT has invited those behind all kinds of others; one member can be reached."""
    broker = Mosquitto(lab.add_host("broker"))
    cabin, den = new_home(lab, "cabin", nat=True), new_home(lab, "den")
    create(cabin, "friends", broker.url)
    join(den, invite(cabin))
    pc = console_of(cabin)
    times = []
    for kind in (nats.PORT_RESTRICTED, nats.FULL_CONE, nats.RESTRICTED_CONE, nats.SYMMETRIC, nats.DOUBLE_NAT):
        lodge = new_home(lab, f"lodge{len(times)}", nat=kind)
        line = invite(cabin)
        began = time.monotonic()
        join(lodge, line)
        console_of(lodge).run(["ping", "-n", "-c", 1, "-i", 0.1, "-w", 10, pc.address])
        times.append(time.monotonic() - began)
    seconds = " ".join([f"{one:.2f}" for one in times])
    print(f"from join to the first ping, both behind NATs: {seconds} s, median {statistics.median(times):.2f}")


def test_what_is_forwarded_is_limited_as_the_relays_owner_says_from_one_moment_to_the_next(lab):
    broker = Mosquitto(lab.add_host("broker"))
    den = new_home(lab, "den")
    create(den, "friends", broker.url)
    cabin, lodge = [new_home(lab, name, nat=nats.SYMMETRIC) for name in ("cabin", "lodge")]
    for home in (cabin, lodge):
        join(home, invite(den))
    for one, other in ((cabin, "lodge"), (lodge, "cabin")):
        wait_for(lambda one=one, other=other: ways(one).get(other) == "through den", 20, "the way through the den")
    tv, phone = console_of(cabin), console_of(lodge)

    def burst():
        """How many of 200 large datagrams are answered within a second or two."""
        return tv.ping(phone.address, count=200, interval=0.005, size=1200).received

    assert burst() == 200
    playing = tv.start_ping(phone.address)
    time.sleep(1)
    den.globals["relay_limit"] = "200"
    den.daemon.reload()
    time.sleep(1)
    assert playing.lost() == 0 and not den.daemon.status()["dropped"].get("relay-limit")
    assert burst() < 100  # which took ten seconds at least, and this is over in one or two
    assert den.daemon.status()["dropped"]["relay-limit"] > 100
    del den.globals["relay_limit"]
    den.daemon.reload()
    time.sleep(0.2)
    assert burst() == 200
