"""A group is made, a friend is invited by one line of text, and out again; the broker is a real mosquitto."""

import statistics
import time

import groups
import pytest
from brokers import Mosquitto
from groups import asked, console_of, invite, new_home, wait_connected
from netns import wait_for


@pytest.fixture
def broker(lab):
    return Mosquitto(lab.add_host("broker"))


@pytest.fixture
def den(lab, broker):
    home = new_home(lab, "den")
    asked(home, "group", "create", "friends", "--name", "den", "--broker", broker.url)
    return home


def join(home, line, *words):
    """How `ipop join` ends."""
    return groups.join(home, line, *words, check=False)


def test_from_an_invite_to_the_first_ping_with_nothing_else_typed(lab, den):
    """A console in one home reaches one in the other; how long that takes is printed."""
    times = []
    line = invite(den, "--uses", "10")
    for n in range(5):
        cabin = new_home(lab, f"cabin{n}", nat=True)
        began = time.monotonic()
        assert join(cabin, line).returncode == 0
        pc = console_of(den)
        tv = console_of(cabin)
        assert tv.reaches(pc.address)
        times.append(time.monotonic() - began)
    median, most = statistics.median(times), max(times)
    print(f"from join to the first ping: median {median:.2f} s of {len(times)}, at most {most:.2f} s")


def test_a_revoked_router_is_out_at_once(lab, den):
    cabin, lodge = new_home(lab, "cabin", nat=True), new_home(lab, "lodge")
    for home in (cabin, lodge):
        assert join(home, invite(den)).returncode == 0
    pc, tv, phone = console_of(den), console_of(cabin), console_of(lodge)
    wait_connected(lodge, "den", "cabin")
    assert tv.reaches(pc.address) and phone.reaches(pc.address)
    undisturbed = phone.start_ping(pc.address)
    asked(den, "revoke", "cabin")
    for console in (pc, phone):
        wait_for(lambda console=console: not tv.ping(console.address, count=1).received, 5, "silence")
    roles = {member["name"].split("~")[0]: member["role"] for member in asked(lodge, "members", "--revoked")}
    assert roles["cabin"] == "revoked"
    assert undisturbed.lost() == 0


def test_each_wrong_invite_has_its_own_message(lab, den):
    cabin = new_home(lab, "cabin")
    line = invite(den)
    assert "damaged" in join(cabin, line[:-1] + ("A" if line[-1] != "A" else "B")).stderr
    assert join(cabin, line).returncode == 0
    assert "already" in join(cabin, line).stderr
    lodge = new_home(lab, "lodge")
    assert "used up" in join(lodge, line).stderr
    short = invite(den, "--expires", "1s")
    time.sleep(1.5)
    assert "expired" in join(lodge, short).stderr
    assert "not for 'family'" in join(lodge, invite(den), "--group", "family").stderr
    asked(den, "uninvite", "all")
    assert lodge.daemon.ask("groups") == []


def test_a_join_while_the_issuer_is_away_waits_for_it(lab, den):
    line = invite(den)
    den.daemon.stop()
    cabin = new_home(lab, "cabin", nat=True)
    assert "waiting" in cabin.daemon.ipop("join", line, "--wait", 1, check=False).stdout
    den.start_daemon()
    wait_for(lambda: cabin.daemon.ask("groups")[0]["state"] == "member", 20, "the cabin is in")


def test_who_has_to_be_approved_waits_for_it(lab, den):
    cabin, lodge = new_home(lab, "cabin"), new_home(lab, "lodge")
    line = invite(den, "--uses", "2", "--approve")
    for home in (cabin, lodge):
        assert "not in yet" in home.daemon.ipop("join", line, "--wait", 0, check=False).stderr
        wait_for(lambda home=home: "waiting for approval" in home.daemon.ask("groups")[0]["text"], 10, "the den's word")
    waiting = {request["fingerprint"] for request in den.daemon.ask("requests")}
    assert waiting == {home.daemon.ask("groups")[0]["member_fingerprint"] for home in (cabin, lodge)}
    asked(den, "approve", cabin.daemon.ask("groups")[0]["member_fingerprint"])
    asked(den, "deny", lodge.daemon.ask("groups")[0]["member_fingerprint"])
    wait_connected(den, *[m["name"] for m in den.daemon.ask("members") if m["role"] == "member"])
    wait_for(lambda: lodge.daemon.ask("groups") == [], 10, "the lodge knows that it was denied")


def test_the_broker_dies_comes_back_empty_and_nobody_notices(lab, den, broker):
    cabin = new_home(lab, "cabin", nat=True)
    assert join(cabin, invite(den)).returncode == 0
    pc, tv = console_of(den), console_of(cabin)
    assert tv.reaches(pc.address)
    undisturbed = tv.start_ping(pc.address)
    broker.kill()
    time.sleep(2)
    assert undisturbed.lost() == 0

    cabin.daemon.kill()
    cabin.start_daemon()
    wait_for(lambda: tv.ping(pc.address, count=1).received, 10, "the cabin, restarted with no broker")

    undisturbed = tv.start_ping(pc.address)
    broker.start()
    lodge = new_home(lab, "lodge", nat=True)
    assert join(lodge, invite(den)).returncode == 0
    assert console_of(lodge).reaches(pc.address)
    assert undisturbed.lost() == 0


def test_a_second_broker_takes_over(lab):
    first, second = Mosquitto(lab.add_host("one")), Mosquitto(lab.add_host("two"))
    den = new_home(lab, "den")
    asked(den, "group", "create", "friends", "--broker", first.url, "--broker", second.url)
    line = invite(den, "--uses", "2")
    assert join(new_home(lab, "cabin", nat=True), line).returncode == 0
    first.kill()
    lodge = new_home(lab, "lodge")
    assert join(lodge, line).returncode == 0
    wait_connected(lodge, "cabin")


def test_a_damaged_file_is_told_and_stays_as_it_is(lab, den):
    folder = den.folder / "groups" / "friends"
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("identity", "group"):
        path = folder / name
        good = path.read_bytes()
        damaged = bytes([good[0], good[1] ^ 1]) + good[2:]
        den.daemon.stop()
        path.write_bytes(damaged)
        den.start_daemon()
        assert den.daemon.ask("groups")[0]["state"] == "damaged"
        assert any(str(path) in text and "damaged" in text for text in den.daemon.status()["problems"])
        den.daemon.stop()
        assert path.read_bytes() == damaged
        path.write_bytes(good)
        den.start_daemon()
        assert den.daemon.ask("groups")[0]["state"] == "member"


def test_another_router_takes_over_with_the_recovery_line(lab, den):
    cabin = new_home(lab, "cabin", nat=True)
    assert join(cabin, invite(den)).returncode == 0
    pc, tv = console_of(den), console_of(cabin)
    assert tv.reaches(pc.address)
    before = den.daemon.ask("groups")[0]
    sealed = asked(den, "backup")
    den.daemon.stop()

    spare = new_home(lab, "spare")
    spare.daemon.ipop("restore", sealed["line"], "--passphrase", sealed["passphrase"])
    after = spare.daemon.ask("groups")[0]
    assert [after[key] for key in ("member", "role", "address", "member_fingerprint")] == [
        before[key] for key in ("member", "role", "address", "member_fingerprint")
    ]
    console = console_of(spare)
    tv.ip("neigh flush all")  # the console that has the address now is another one
    wait_for(lambda: tv.ping(console.address, count=1).received, 20, "the spare router in the den's place")
    assert join(new_home(lab, "lodge", nat=True), invite(spare)).returncode == 0
