"""A group goes from one real mosquitto to another while consoles talk; then the first one is switched off for good."""

import pytest
from brokers import Mosquitto
from groups import asked, console_of, group_of, invite, join, new_home, wait_connected
from netns import wait_for

from ipop.daemon import state
from ipop.group.charter import Charters
from ipop.group.identity import Identity
from ipop.group.store import Shelf
from ipop.ports import crypto, files


@pytest.fixture
def old(lab):
    return Mosquitto(lab.add_host("old-mqtt"))


@pytest.fixture
def new(lab):
    return Mosquitto(lab.add_host("new-mqtt"))


@pytest.fixture
def homes(lab, old):
    """The den, which owns the group, the cabin and the lodge."""
    den, *others = homes = [new_home(lab, name, nat=name != "den") for name in ("den", "cabin", "lodge")]
    asked(den, "group", "create", "friends", "--name", "den", "--broker", old.url)
    line = invite(den, "--uses", "2")
    for home in others:
        join(home, line)
    wait_connected(den, "cabin", "lodge")
    return homes


def meet_at(broker, *homes, seconds=10):
    """Until all of them are connected to this broker, as one of their group."""
    expected = {"url": broker.url.partition("://")[2], "connected": True}
    for home in homes:
        wait_for(lambda home=home: group_of(home)["brokers"] == [expected], seconds, f"{home.name}: at {broker.url}")


def rewrite(home, change):
    """Change what the router, whose daemon is off, keeps of the group: `change(kept, identity)` gives what is other."""
    shelf = Shelf(files, crypto, str(home.folder / "groups"))
    saved = shelf.load("friends")
    shelf.keep("friends", dict(saved.kept, **change(saved.kept, Identity(crypto, saved.seed))))


def test_a_group_goes_to_another_broker(lab, homes, old, new):
    den, cabin, lodge = homes
    pc, tv = console_of(den), console_of(cabin)
    pings = [pc.start_ping(tv.address), tv.start_ping(pc.address)]
    open_invite = invite(den)
    lodge.daemon.stop()
    changed = asked(den, "group", "brokers", "--broker", new.url)
    assert changed == {"group": "friends", "brokers": [new.url]}
    meet_at(new, den, cabin)
    for home in (den, cabin):
        kinds = [event["kind"] for event in home.daemon.ask("events")["events"]]
        assert kinds.count("brokers") == 1

    # who was off during the change, and knows nobody's place any more, comes over by the old one
    (lodge.folder / state.FILE).unlink()
    rewrite(lodge, lambda kept, me: {"places": []})
    lodge.start_daemon()
    meet_at(new, lodge)
    wait_connected(lodge, "den", "cabin")

    # an invite that names the old one, and was made before
    shed = new_home(lab, "shed")
    join(shed, open_invite)
    meet_at(new, shed)

    # the old one is gone for good: who comes now comes by the new one, and who starts again finds it
    old.kill()
    hut = new_home(lab, "hut", nat=True)
    join(hut, invite(den))
    assert console_of(hut).reaches(tv.address)
    assert [ping.lost() for ping in pings] == [0, 0]
    cabin.daemon.stop()
    cabin.start_daemon()
    meet_at(new, cabin)
    wait_connected(cabin, "den", "lodge", "shed", "hut")
    for home in homes:
        assert asked(home, "group", "brokers")["brokers"] == [new.url]
        assert not [text for text in home.daemon.ask("status")["problems"] if "broker" in text]


def test_who_does_not_own_the_group_is_told_so_and_a_slip_of_the_pen_harms_nobody(lab, homes, old, new):
    den, cabin, lodge = homes
    told = cabin.daemon.ipop("group", "brokers", "--broker", new.url, check=False)
    assert told.returncode and "only the group's owner can do that" in told.stderr
    ping = console_of(den).start_ping(console_of(cabin).address)
    nowhere = f"mqtt://{lab.add_host('nowhere').address}:1"
    asked(den, "group", "brokers", "--broker", nowhere)
    for home in homes:
        wait_for(lambda home=home: group_of(home)["brokers"] == [
            {"url": nowhere.partition("://")[2], "connected": False},
            {"url": old.url.partition("://")[2], "connected": True},
        ], 10, f"{home.name}: back at the old one")
        assert [text for text in home.daemon.status()["problems"] if "that the group has left" in text]
    asked(den, "group", "brokers", "--broker", new.url)
    meet_at(new, *homes)
    for home in homes:
        wait_for(lambda home=home: home.daemon.status()["problems"] == [], 5, f"{home.name}: no problem any more")
    assert ping.lost() == 0


def test_a_broker_that_only_a_later_release_understands_is_passed_over_and_told(lab, old):
    den, cabin = new_home(lab, "den"), new_home(lab, "cabin")
    asked(den, "group", "create", "friends", "--name", "den", "--broker", old.url)
    join(cabin, invite(den))
    wait_connected(cabin, "den")

    def by_a_later_release(kept, me):
        charters = Charters(crypto, kept["group"], kept["charter"])
        charters.revise(me, ["mqtt://a.example?way=quic", old.url], 0)
        return {"charter": charters.current.data}

    den.daemon.stop()
    rewrite(den, by_a_later_release)
    den.start_daemon()
    for home in (den, cabin):
        meet_at(old, home)
        wait_for(lambda home=home: home.daemon.status()["problems"], 10, f"{home.name}: a word about it")
        (problem,) = home.daemon.status()["problems"]
        assert "too old for one of the brokers of friends" in problem
    assert console_of(cabin).reaches(console_of(den).address)
