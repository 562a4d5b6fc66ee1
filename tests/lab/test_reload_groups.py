"""A changed section of one group, a guard, a relay: it is applied at SIGHUP, and whoever plays on through another group
notices nothing. What is wrong changes nothing, and says where it stands.

    cabin --- family --- den --- club --- hall
"""

import pytest
from brokers import Mosquitto
from coturn import Coturn
from groups import console_of, create, group_of, invite, join, new_home, wait_connected
from netns import wait_for
from sockets import Wire

FAMILY, CLUB = "family", "club"
PPPOE = b"\xff" * 6 + bytes([2, 0, 0, 0, 7, 7]) + b"\x88\x63" + b"\x11\x09" + bytes(46)  # who is there? (PADI)
LATER = PPPOE[:12] + b"\x88\xb5" + bytes(50)  # of a kind for local experiments, which all let pass
RUNS_ON = "the old configuration runs on, since the new one is wrong: "


@pytest.fixture
def den(lab):
    """Its family's console is in `br-group`, its club's in `br-club`."""
    den = lab.add_home("den")
    den.router.ip(*[line for name in ("br-club", "br-hut") for line in (f"link add {name} type bridge",
                                                                       f"link set {name} up")])
    pc, club_pc = den.add_console("pc"), den.add_console("club-pc")
    den.router.ip("link set dev club-pc master br-club")
    den.groups = {CLUB: {"bridge": "br-club"}}
    den.start_daemon()
    for group in (FAMILY, CLUB):
        create(den, group, Mosquitto(lab.add_host(f"{group}-mqtt")).url)
    den.homes = {FAMILY: new_home(lab, "cabin", nat=True), CLUB: new_home(lab, "hall")}
    for group, home in den.homes.items():
        join(home, invite(den, "--group", group))
    wait_connected(den, "cabin", "hall")
    den.pairs = {
        FAMILY: (console_of(den, FAMILY, pc), console_of(den.homes[FAMILY])),
        CLUB: (console_of(den, CLUB, club_pc), console_of(den.homes[CLUB])),
    }
    for pair in den.pairs.values():
        wait_for(lambda pair=pair: reaches(*pair), 10, "one group's consoles")
    return den


@pytest.fixture
def playing(den):
    """Consoles that play on in the family; not one of their packets may be lost."""
    pc, tv = den.pairs[FAMILY]
    pings = [pc.start_ping(tv.address), tv.start_ping(pc.address)]
    yield
    assert [ping.lost() for ping in pings] == [0, 0]


def reaches(pc, tv):
    return pc.ping(tv.address, count=1).received


def reload(home):
    """Until the daemon has read what is written now."""
    told = home.daemon.process.output.count("configuration applied")
    home.daemon.reload()
    wait_for(lambda: home.daemon.process.output.count("configuration applied") > told, 5, "the new configuration")
    wait_for(lambda: home.daemon.status()["problems"] == [], 5, "no problem")


def refused(home):
    """What is wrong, when the daemon has read what is written now."""
    home.daemon.reload()

    def problem():
        return [text for text in home.daemon.status()["problems"] if "configuration" in text]

    (text,) = wait_for(problem, 5, "a problem")
    assert text in home.daemon.process.output
    return text


def test_a_groups_section_changes_and_the_others_play_on(den, playing):
    """It moves to another bridge and back, is switched off and on, becomes routed; at its end it is as it was."""
    pc, tv = den.pairs[CLUB]
    device = group_of(den, CLUB)["device"]
    for section, bridge in (
        ({"bridge": "br-hut"}, "br-hut"),
        ({"bridge": "br-club", "mode": "route"}, "br-club"),
        ({"bridge": "br-club", "enabled": "0"}, None),
        ({"bridge": "br-club", "device": "club0"}, "br-club"),
        ({"bridge": "br-club"}, "br-club"),
    ):
        den.groups[CLUB] = section
        reload(den)
        assert group_of(den, CLUB)["state"] == ("member" if bridge else "off"), section
        if bridge:
            assert group_of(den, CLUB)["bridge"] == bridge
            assert group_of(den, CLUB)["device"] == section.get("device", device)
        if bridge == "br-club":
            wait_for(lambda: reaches(pc, tv), 10, f"the club's consoles, with {section}")
        else:
            assert not reaches(pc, tv)


def test_devices_are_served_or_not_while_they_play(den, playing):
    """Names, the internet, a map and serving at all are other options of the club; also its own tunnels stay."""
    pc, tv = den.pairs[CLUB]
    wait = {"seconds": 10, "what": "dnsmasq"}
    own = pc.start_ping(tv.address)
    for section in (
        {"bridge": "br-club", "serve": "dnsmasq"},
        {"bridge": "br-club", "serve": "dnsmasq", "internet": "1", "domain": "home.arpa", "map": ["192.168.1.20"]},
        {"bridge": "br-club", "serve": "dnsmasq", "domain": "home.arpa"},
    ):
        den.groups[CLUB] = section
        reload(den)
        wait_for(lambda section=section: section.get("domain", "internal") in dnsmasq_config(den), **wait)
        wait_for(lambda: "10." in den.router.run(["ip", "-4", "addr", "show", "br-club"]).stdout, **wait)
    del den.groups[CLUB]["serve"]
    reload(den)
    wait_for(lambda: not dnsmasq_config(den) and "ipop" not in rules(den), 10, "the end of its service")
    assert "10." not in den.router.run(["ip", "-4", "addr", "show", "br-club"]).stdout
    assert own.lost() == 0
    for mode in ("bridge", "route"):  # the club is started anew while it serves
        den.groups[CLUB] = {"bridge": "br-club", "serve": "dnsmasq", "mode": mode}
        reload(den)
        wait_for(lambda: dnsmasq_config(den) and "ipop" in rules(den), **wait)
        wait_for(lambda: runs(den, f"{den.folder}/ipop/{CLUB}/dnsmasq.conf"), **wait)


def dnsmasq_config(home):
    path = home.folder / "ipop" / CLUB / "dnsmasq.conf"
    return path.read_text() if path.exists() else ""


def runs(home, words):
    return home.router.run(["pgrep", "-f", words], check=False).stdout


def rules(home):
    return home.router.run(["nft", "list", "tables"]).stdout


def test_what_is_wrong_says_where_it_stands_and_goes_away_when_it_is_mended(den, playing):
    """Each mistake is one that a person makes by hand. The club's own consoles do not notice either."""
    pc, tv = den.pairs[CLUB]
    own = pc.start_ping(tv.address)
    right, subnet = dict(den.groups[CLUB]), group_of(den, CLUB)["address"]
    inside = ".".join(subnet.split(".")[:2]) + ".1.20"
    for wrong, line, words in (
        ({"mode": "brdige"}, "mode", "option 'mode': expected bridge or route, got 'brdige'"),
        ({"bridge": "br-nowhere"}, "bridge", "option 'bridge': bridge 'br-nowhere' does not exist"),
        ({"device": "ipop0"}, "device", "option 'device': ipop0 belongs to the group family"),
        ({"device": "br-hut"}, "device", "option 'device': device 'br-hut' exists already and is no TAP device"),
        ({"bridge": "br-nowhere", "make_bridge": "1"}, "bridge", "option 'bridge': bridge 'br-nowhere' does not exist"),
        ({"serve": "dnsmasq", "map": [inside]}, "map", f"option 'map': {inside}: that is in the group's own subnet"),
    ):
        den.groups[CLUB] = right | wrong
        text = refused(den)
        at = [n for n, each in enumerate(den.config.read_text().splitlines(), 1) if f" {line} " in each][-1]
        assert text.startswith(f"{RUNS_ON}{den.config}:{at}: {words}"), text
        den.groups[CLUB] = right
        reload(den)
    assert own.lost() == 0 and group_of(den, CLUB)["state"] == "member"


def test_what_is_the_routers_as_a_whole_is_applied_too(lab, den, playing):
    """It forwards or not; a STUN and a TURN server come and go; the first peer by hand; and only what can't be had so
    asks for a restart."""
    for relay in ("0", "1"):
        den.globals["relay"] = relay
        reload(den)
        assert den.daemon.ask("nat")["relay"] == (relay == "1")
    den.globals["stun"] = ["198.51.100.77:3478"]
    reload(den)
    wait_for(lambda: families(den), 5, "the STUN server")
    del den.globals["stun"]
    reload(den)
    wait_for(lambda: not families(den), 5, "none")

    den.globals["turn"] = [Coturn(lab).url("tcp")]
    reload(den)
    wait_for(lambda: "reached at" in (den.daemon.ask("nat")["turn"] or ""), 5, "the TURN server")
    del den.globals["turn"]
    reload(den)
    assert den.daemon.ask("nat")["turn"] is None

    den.add_peer(den.homes[CLUB])
    den.daemon.reload()
    wait_for(lambda: "hall" in den.daemon.peers(), 5, "the peer")
    assert "ipop-peers" in den.daemon.status()["device"]
    assert not any("restart" in problem for problem in den.daemon.status()["problems"])

    state_dir = den.globals["state_dir"]
    den.globals["state_dir"] = den.folder / "elsewhere"
    assert refused_until_restart(den) == ["restart ipopd to change: state_dir"]
    den.globals["state_dir"] = state_dir
    den.daemon.reload()
    wait_for(lambda: not restarts(den), 5, "no word of a restart")


def families(home):
    return home.daemon.ask("nat")["families"]


def restarts(home):
    return [text for text in home.daemon.status()["problems"] if "restart" in text]


def refused_until_restart(home):
    home.daemon.reload()
    return wait_for(lambda: restarts(home), 5, "a word of a restart")


def test_a_guard_that_falls_lets_pass_what_it_held_back(den, playing):
    """PPPoE is what stays at home; then it crosses, and then it stays again."""
    pc, tv = den.pairs[CLUB]
    for off, crosses in ((False, False), (True, True), (False, False)):
        for home in (den, den.homes[CLUB]):
            home.guards = {"pppoe": {"enabled": "0"}} if off else {}
            reload(home)
        hearing, speaking = Wire(tv), Wire(pc)
        for frame in (PPPOE, LATER):
            speaking.send(frame)
        assert any(PPPOE in frame for frame in hearing.heard_up_to(LATER)) == crosses
