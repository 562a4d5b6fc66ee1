"""Everything that usually goes wrong has a check that sees it and says how it is mended; and none cries wolf."""

from test_config import load

from ipop import RELEASED
from ipop.config import uci
from ipop.doctor import checks, openwrt
from ipop.doctor.checks import examine
from ipop.doctor.facts import Facts
from ipop.doctor.nftables import CLOSED, OPEN, UNTOUCHED, port_is

HOUR = 3_600_000
GROUP = {
    "name": "friends",
    "state": "member",
    "address": "10.77.5.1/16",
    "slice": "10.77.5.0/24",
    "newest_ms": RELEASED,
    "device": "ipop0",
    "bridge": "br-group",
    "members": 2,
    "connected": 2,
    "brokers": [{"url": "mqtt://broker.example", "connected": True}],
}
CABIN = {"name": "cabin", "group": "friends", "state": "connected", "endpoint": "203.0.113.7:51820", "mtu": 1420}
AWAY = dict(CABIN, state="connecting", has_detour=False)
NAT = {"means": "public", "help": None, "port": 51820}
STATUS = {"version": "0.1.0", "uptime_s": 3600, "port": 51820, "problems": [], "problem_topics": []}


def facts(group=None, options="", **known):
    """Of a router where all is well, but for what is named."""
    groups = [dict(GROUP, **group)] if group is not None else [GROUP]
    all_is_well = {
        "options": load(options)[0],
        "status": STATUS,
        "groups": groups,
        "peers": [CABIN],
        "nat": NAT,
        "ubus": True,
        "ruleset": FW4,
        "bridges": {"ipop0": "br-group"},
        "mtus": {"ipop0": 1500, "br-group": 1500},
        "wall": RELEASED + HOUR,
    }
    all_is_well.update(known)
    return Facts(**all_is_well)


def on_openwrt(files=None, **known):
    texts = dict(UCI)
    texts.update(files or {})
    parsed = {package: uci.parse(text, package)[0] for package, text in texts.items()}
    return facts(is_openwrt=True, uci=parsed, **known)


def wrong(check, known):
    """What is wrong, in one line each: only what this check sees may be."""
    found = [finding for finding in examine(known) if not finding.is_ok]
    assert all(finding.check == check for finding in found), found
    return ["%s: %s" % (finding.text, finding.remedy) for finding in found]


def said(topic, text):
    return dict(STATUS, problems=[text], problem_topics=[topic])


FW4 = """table inet fw4 {
	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept comment "!fw4: Accept traffic from loopback"
		ct state vmap { established : accept, related : accept } comment "!fw4: Handle inbound flows"
		tcp flags & (fin | syn | rst | ack) == syn jump syn_flood comment "!fw4: Rate limit TCP syn packets"
		iifname "br-lan" jump input_lan comment "!fw4: Handle lan IPv4/IPv6 input traffic"
		iifname "wan" jump input_wan comment "!fw4: Handle wan IPv4/IPv6 input traffic"
		jump handle_reject
	}

	chain handle_reject {
		meta l4proto tcp reject with tcp reset comment "!fw4: Reject TCP traffic"
		reject comment "!fw4: Reject any other traffic"
	}

	chain input_lan {
		jump accept_from_lan
	}

	chain accept_from_lan {
		iifname "br-lan" counter packets 0 bytes 0 accept comment "!fw4: accept lan IPv4/IPv6 traffic"
	}

	chain input_wan {
		meta nfproto ipv4 udp dport 68 counter packets 0 bytes 0 accept comment "!fw4: Allow-DHCP-Renew"
		udp dport 51820 counter packets 9 bytes 1548 accept comment "!fw4: ubus:ipop[main] rule 0"
		jump reject_from_wan
	}

	chain reject_from_wan {
		iifname "wan" counter packets 1 bytes 40 jump handle_reject comment "!fw4: reject wan IPv4/IPv6 traffic"
	}
}
"""
UCI = {
    "network": "config interface lan\noption device br-lan\nconfig interface ipop0\noption device br-group\n",
    "firewall": "config zone lan\noption name lan\nlist network lan\n"
    "config zone ipop0_zone\noption name ipop0\nlist network ipop0\n",
    "dhcp": "config dhcp ipop0_dhcp\noption interface ipop0\noption start 1380\noption limit 150\n",
}


def test_nothing_is_wrong_where_all_is_well():
    for known in (facts(), on_openwrt()):
        found = examine(known)
        assert all(finding.is_ok for finding in found), [finding for finding in found if not finding.is_ok]
    names = [finding.check for finding in found]
    assert names == "daemon configuration tun ubus clock firewall bridge zone dhcp mtu conflict broker members".split()


def test_a_daemon_that_does_not_run():
    gone = {"status": None, "groups": (), "peers": (), "nat": None, "bridges": {}, "mtus": {}}
    lines = wrong("daemon", facts(unreachable="ipopd is not running: start it", **gone))
    assert lines == ["ipopd is not running: start it: "]
    lines = wrong("daemon", facts(unreachable="ipopd is not running", no_port="UDP port 51820 is in use", **gone))
    assert "it can't start: UDP port 51820 is in use: " in lines
    (line,) = wrong("daemon", facts(options="config globals\noption enabled 0\n", unreachable="no", **gone))
    assert "switched off by option 'enabled'" in line and "set it to '1' in /etc/config/ipop" in line


def test_a_wrong_configuration():
    lines = wrong("configuration", facts(options="", wrong="f:3: option 'port': x\nf:4: option 'turn': y"))
    assert lines == ["f:3: option 'port': x: ", "f:4: option 'turn': y: "]
    text = "the old configuration runs on, since the new one is wrong: f:3: option 'port': x"
    (line,) = wrong("configuration", facts(status=said("config", text)))
    assert line.startswith(text)


def test_no_tun():
    assert "modprobe tun" in wrong("tun", facts(no_tun=2))[0]
    assert "kmod-tun" in wrong("tun", on_openwrt(no_tun=19))[0]
    assert "permission denied" in wrong("tun", facts(no_tun=13))[0]


def test_not_on_ubus():
    (line,) = wrong("ubus", on_openwrt(ubus="ubus call ipop nat: there is no such object"))
    assert "ubusd has not read" in line and "/usr/share/acl.d/ipop.json" in line
    (line,) = wrong("ubus", on_openwrt(ubus="no such object", status=said("ubus", "ubusd refuses the object ipop")))
    assert line == "ubusd refuses the object ipop: "
    assert not [finding for finding in examine(facts(ubus=None)) if finding.check == "ubus"]


def test_a_wrong_clock():
    assert "before the day" in wrong("clock", facts(wall=0))[0]
    (line,) = wrong("clock", facts(group={"newest_ms": RELEASED + 50 * HOUR}))
    assert "the roster of friends has an entry from 49 h in the future" in line


def test_dnsmasq_that_does_not_run():
    (line,) = wrong("dhcp", on_openwrt(has_dnsmasq=False))
    assert "friends: dnsmasq does not run" in line and "/etc/init.d/dnsmasq enable" in line
    odhcpd = {"dhcp": UCI["dhcp"] + "config odhcpd\noption maindhcp 1\n"}
    for known in (on_openwrt(has_dnsmasq=True), on_openwrt(), on_openwrt(odhcpd, has_dnsmasq=False)):
        assert wrong("dhcp", known) == []


def test_what_nft_says_about_the_port():
    assert port_is(FW4, 51820) == OPEN
    assert port_is(FW4, 51821) == CLOSED
    assert port_is("", 51820) == UNTOUCHED
    drop = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy %s;\n%s\t}\n}\n"
    for policy, rules, state in (
        ("accept", "", UNTOUCHED),
        ("drop", "", CLOSED),
        ("accept", '\t\tiifname "wan" ct state new drop\n', CLOSED),
        ("accept", '\t\tiifname "wan" udp dport 51820 accept\n\t\tiifname "wan" ct state new drop\n', OPEN),
        ("drop", "\t\tudp dport { 53, 51000-52000 } accept\n", OPEN),
        ("drop", "\t\tmeta l4proto { tcp, udp } th dport 51820 accept\n", OPEN),
        ("drop", "\t\ttcp dport 51820 accept\n", CLOSED),
        ("accept", "\t\ttcp dport 22 drop\n\t\tct state invalid drop\n\t\tip saddr 192.0.2.1 drop\n", UNTOUCHED),
    ):
        assert port_is(drop % (policy, rules), 51820) == state, (policy, rules)
    for rule in (
        'iifname "br-guest" drop',
        'iifname { "br-guest", "tun0" } drop',
        "meta l4proto gre drop",
        "ip protocol igmp drop",
        "meta pkttype multicast drop",
        "fib daddr type broadcast drop",
        "ip saddr @blocked counter packets 0 bytes 0 drop",
    ):
        assert port_is(drop % ("accept", "\t\t%s\n" % rule), 51820, ["wan"]) == UNTOUCHED, rule
    assert port_is(drop % ("accept", '\t\tiifname { "wan", "wwan" } drop\n'), 51820, ["wan"]) == CLOSED
    assert port_is(FW4, 51821, ["br-lan"]) == OPEN, "an access point in a LAN that it trusts"
    assert port_is(FW4, 51820, ["wan"]) == OPEN and port_is(FW4, 51820, ["pppoe-wan"]) == CLOSED
    inside = FW4.replace('iifname "wan" jump input_wan', 'iifname "br-ipop0" jump input_wan')
    assert port_is(inside, 51820, ["wan"]) == CLOSED, "who lets it in from the group lets in nobody from outside"
    assert port_is(FW4 + drop % ("drop", ""), 51820) == CLOSED, "another table drops what one has let in"
    ours = drop.replace("filter {", "ipop_friends {", 1) % ("accept", "\t\tdrop\n")
    assert port_is(ours, 51820) == UNTOUCHED, "the group's own table is about its bridge"


def test_a_firewall_that_closes_the_port():
    port = dict(STATUS, port=4000)
    assert "nft insert rule inet filter input udp dport 4000 accept" in wrong("firewall", facts(status=port))[0]
    assert "/etc/init.d/ipop restart" in wrong("firewall", on_openwrt(status=port))[0]
    assert not [finding for finding in examine(facts(ruleset=None)) if finding.check == "firewall"]


def test_a_device_that_is_in_no_bridge():
    (line,) = wrong("bridge", facts(bridges={"ipop0": None}))
    assert "ipop0 is in no bridge" in line and "ip link set ipop0 master br-group" in line
    (line,) = wrong("bridge", facts(bridges={"ipop0": "br-lan"}))
    assert "ipop0 is in the bridge br-lan" in line
    text = "bridge 'br-group' does not exist: make it first"
    (line,) = wrong("bridge", facts(bridges={"ipop0": None}, status=said("ipop0 in its bridge", text)))
    assert line.startswith(text)


def test_where_openwrt_makes_the_bridge_it_is_known_by_the_device():
    files = {"network": UCI["network"].replace("br-group", "br-ipop0")}
    served = {"group": {"bridge": None}, "options": "config globals\noption serve openwrt\n"}
    known = on_openwrt(files, bridges={"ipop0": "br-ipop0"}, mtus={}, **served)
    assert wrong("none", known) == []
    (line,) = wrong("bridge", on_openwrt(files, bridges={"ipop0": None}, mtus={}, **served))
    assert "ipop setup --apply" in line
    (line,) = wrong("bridge", on_openwrt(files, bridges={"ipop0": None}, mtus={}, undone=[], **served))
    assert "'ifup ipop0'" in line, "setup has nothing to change"


def test_dnsmasq_that_calls_this_router_a_way_to_the_ipv6_internet():
    for said, is_wrong in (
        ("ra-param=br-lan,0,7200\nra-param=br-group,0,7200\nenable-ra\n", True),
        ("ra-param=br-group,high,0,7200", True),
        ("ra-param=br-group,0,0\nra-param=br-group2,0,7200\n", False),
    ):
        lines = wrong("ipv6", on_openwrt(dnsmasq=said))
        assert len(lines) == is_wrong and all("odhcpd enable" in line for line in lines), said


def test_what_setup_has_not_done_yet():
    assert wrong("setup", on_openwrt(undone="two groups have the same subnet")) == ["two groups have the same subnet: "]
    (line,) = wrong("setup", on_openwrt(undone=["the bridge br-ipop0, of ipop0", "the router can be pinged"]))
    assert line.startswith("2 things") and "the bridge br-ipop0, of ipop0" in line and "ipop setup --apply" in line
    assert "setup" in [finding.check for finding in examine(on_openwrt(undone=[]))]


def test_a_bridge_in_no_zone():
    (line,) = wrong("zone", on_openwrt({"firewall": "config zone lan\noption name lan\nlist network 'lan wan'\n"}))
    assert "the interface ipop0 is in no firewall zone" in line
    assert not wrong("zone", on_openwrt({"firewall": "config zone\noption name x\nlist device br-group\n"}))
    (line,) = wrong("zone", on_openwrt({"network": "config interface lan\noption device br-lan\n"}))
    assert "no interface of /etc/config/network is on br-group" in line


def test_dhcp_that_is_off_or_gives_anothers_addresses():
    for text in ("", UCI["dhcp"] + "option ignore 1\n", UCI["dhcp"] + "option dhcpv4 disabled\n"):
        assert "DHCP is off on the interface ipop0" in wrong("dhcp", on_openwrt({"dhcp": text}))[0], text
    (line,) = wrong("dhcp", on_openwrt({"dhcp": "config dhcp\noption interface ipop0\n"}))
    assert "would give 10.77.0.100 to 10.77.0.249, which is not this home's part, 10.77.5.0/24" in line
    assert "option start '1380', option limit '150'" in line
    (line,) = wrong("dhcp", on_openwrt({"dhcp": UCI["dhcp"].replace("150", "300")}))
    assert "10.77.5.100 to 10.77.6.143" in line


def test_packets_that_are_cut():
    (line,) = wrong("mtu", facts(mtus={"ipop0": 1500, "br-group": 1400}))
    assert "br-group carries packets of 1400 bytes only" in line and "ip link set br-group mtu 1500" in line
    (line,) = wrong("mtu", facts(peers=[dict(CABIN, mtu=480)]))
    assert "only 480 bytes get to cabin at once" in line
    assert not wrong("mtu", facts(peers=[dict(CABIN, mtu=1180)])), "as long as nobody has asked, that is supposed"


def test_addresses_that_are_in_use():
    text = "the group friends has 10.77.0.0/16, but br-lan has 10.77.0.0/24: move br-lan to 192.168.1.0/24"
    assert wrong("conflict", facts(status=said("friends has a conflict", text))) == [text + ": "]


def test_no_broker():
    brokers = [{"url": "mqtt://a.example", "connected": False}, {"url": "mqtt://b.example", "connected": False}]
    (line,) = wrong("broker", facts(group={"brokers": brokers}, status=said("friends broker", "friends: refused")))
    assert line.startswith("friends: refused: does it run") and line.endswith("mqtt://a.example, mqtt://b.example")
    brokers[1]["connected"] = True
    assert not wrong("broker", facts(group={"brokers": brokers}))
    told = said("friends broker", "the members of friends go on at the broker that the group has left")
    (line,) = wrong("broker", facts(group={"brokers": brokers}, status=told))
    assert "has left" in line and line.endswith("Tried: mqtt://a.example")


def test_nobody_is_reached_and_why():
    (line,) = wrong("members", facts(group={"connected": 0}, peers=[AWAY]))
    assert "friends: none of 2 members is reached: cabin: no answer from 203.0.113.7:51820" in line
    assert "Everybody can reach this router directly" in line
    assert not wrong("members", facts(group={"members": 0, "connected": 0}, peers=[]))


def test_what_the_daemon_complains_about_besides_is_not_left_out():
    (line,) = wrong("problem", facts(status=said("memory", "this router's memory is full")))
    assert line.startswith("this router's memory is full")


def test_devices_that_are_not_served():
    text = "friends: devices get no addresses: dnsmasq is not installed"
    assert wrong("served", facts(status=said("friends addresses", text))) == [text + ": "]
    served = facts(options="config group friends\noption serve dnsmasq\n")
    assert "served" in [finding.check for finding in examine(served)]


def test_a_router_with_no_daemon_and_no_files_is_told_as_much_as_there_is():
    nothing = Facts(wall=RELEASED, unreachable="not running", wrong="/etc/config/ipop: no such file", no_tun=2)
    assert [finding.check for finding in examine(nothing) if not finding.is_ok] == ["daemon", "configuration", "tun"]
    assert openwrt.zone(nothing) == [] and checks.members(nothing) == []
