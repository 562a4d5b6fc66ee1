"""A router that restarts must harm nobody else, and is back before a person notices."""

import time

import pytest
from netns import wait_for

NOT_NOTICED = 10  # s: without what makes it quick, somebody would have to fall silent for 15 first


@pytest.mark.parametrize("victim", ["den", "cabin"])
def test_a_killed_daemon_is_reachable_again_at_once(lab, victim):
    den, cabin, lodge = lab.add_home("den"), lab.add_home("cabin", nat=True), lab.add_home("lodge")
    lab.introduce(den, cabin, lodge)
    consoles = {home.name: home.add_console("pc") for home in lab.homes}
    lab.start_daemons()
    for home in ("cabin", "lodge"):
        assert consoles["den"].reaches(consoles[home].address)
    killed = {"den": den, "cabin": cabin}[victim]
    friend, (bystander, other) = {
        "den": (cabin, ("lodge", "cabin")),
        "cabin": (den, ("den", "lodge")),
    }[victim]
    wait_for(lambda: consoles[bystander].ping(consoles[other].address).received, 5, "the bystanders")
    undisturbed = consoles[bystander].start_ping(consoles[other].address)

    killed.daemon.kill()
    time.sleep(1)
    killed.start_daemon()
    began = time.monotonic()
    assert consoles[friend.name].reaches(consoles[victim].address)
    took = time.monotonic() - began
    print(f"reachable again after {took:.1f} s")
    assert took < NOT_NOTICED

    time.sleep(1)
    assert undisturbed.lost() == 0


def test_a_daemon_that_is_asked_to_stop_leaves_nothing_behind(lab):
    den = lab.add_home("den")
    daemon = den.start_daemon()
    assert den.has_device() and den.control.exists()
    daemon.stop()
    assert daemon.process.popen.returncode == 0
    assert not den.has_device() and not den.control.exists()


def test_a_killed_daemon_starts_again_over_its_own_remains(lab):
    den = lab.add_home("den")
    den.start_daemon().kill()
    assert den.control.exists()
    den.start_daemon()
    assert den.daemon.status()["device"] == "ipop0"
