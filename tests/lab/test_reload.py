"""SIGHUP applies what is different in the configuration, and nothing else."""

import time

from netns import wait_for


def test_peers_come_and_go_while_others_play_on(lab):
    den, cabin, lodge = lab.add_home("den"), lab.add_home("cabin", nat=True), lab.add_home("lodge")
    lab.introduce(den, cabin)
    lodge.add_peer(den)
    pc, tv, phone = den.add_console("pc"), cabin.add_console("tv"), lodge.add_console("phone")
    lab.start_daemons()
    assert tv.reaches(pc.address)
    playing = tv.start_ping(pc.address)
    assert not phone.ping(pc.address, count=1).received

    den.add_peer(lodge)
    den.daemon.reload()
    wait_for(lambda: phone.ping(pc.address, count=1).received, 5, "the lodge, which was added")

    den.remove_peer(lodge)
    den.daemon.reload()
    wait_for(lambda: set(den.daemon.peers()) == {"cabin"}, 2, "the lodge's removal")
    assert not phone.ping(pc.address, count=1).received

    time.sleep(0.5)
    assert playing.lost() == 0


def test_a_router_that_starts_with_a_wrong_configuration_has_the_last_good_one(lab):
    """It lost its power after somebody edited it, and he is far away."""
    den, cabin = lab.add_home("den"), lab.add_home("cabin", nat=True)
    lab.introduce(den, cabin)
    pc, tv = den.add_console("pc"), cabin.add_console("tv")
    lab.start_daemons()
    assert tv.reaches(pc.address)

    den.globals["relay"] = "perhaps"
    den.daemon.kill()
    den.start_daemon()
    wait_for(lambda: tv.ping(pc.address, count=1).received, 5, "the den")
    (told,) = den.daemon.status()["problems"]
    assert "option 'relay'" in told and "last good configuration" in told
    den.globals["relay"] = "auto"
    den.daemon.reload()
    wait_for(lambda: not den.daemon.status()["problems"], 2, "no problem any more")


def test_a_wrong_configuration_changes_nothing_and_is_told(lab):
    den, cabin = lab.add_home("den"), lab.add_home("cabin", nat=True)
    lab.introduce(den, cabin)
    pc, tv = den.add_console("pc"), cabin.add_console("tv")
    lab.start_daemons()
    assert tv.reaches(pc.address)

    den.peers["cabin"]["public_key"] = "nonsense"
    den.daemon.reload()
    wait_for(lambda: any("public_key" in text for text in den.daemon.status()["problems"]), 2, "a problem")
    assert tv.reaches(pc.address)
