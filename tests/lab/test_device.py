"""Somebody rearranges the router's network while the daemon runs."""

from netns import wait_for


def test_a_device_and_a_bridge_that_are_deleted_are_taken_up_again(lab):
    den, cabin = lab.add_home("den"), lab.add_home("cabin", nat=True)
    lab.introduce(den, cabin)
    pc, tv = den.add_console("pc"), cabin.add_console("tv")
    lab.start_daemons()
    assert tv.reaches(pc.address)

    den.router.run(["ip", "link", "del", "ipop0"])
    den.daemon.process.wait_for_output("deleted")  # it may be made again at once
    wait_for(lambda: tv.ping(pc.address, count=1).received, 15, "the device, made again")

    den.router.run(["ip", "link", "set", "ipop0", "nomaster"])
    wait_for(lambda: tv.ping(pc.address, count=1).received, 15, "the device, back in its bridge")
    wait_for(lambda: den.daemon.status()["problems"] == [], 5, "no problem any more")
