"""A router with OpenWrt joins a group, changes, leaves: its /etc/config says what it should, and then what it did."""

from openwrt_configs import FACTORY, USED
from uci_state import UciState

from ipop.config import config, uci
from ipop.errors import UserError
from ipop.openwrt import lan, steps
from ipop.openwrt.there import There, one, words

PLACES = list(FACTORY.values()) + [USED]
FRIENDS = {"subnet": "10.77.0.0/16", "slice": "10.77.5.0/24", "ula": "fd01:203:405::/64", "mac": "02:00:00:00:00:05"}
WORK = {"subnet": "10.60.0.0/16", "slice": "10.60.3.0/24", "ula": "fd09:809:406::/64", "mac": "02:00:00:00:00:07"}
CHESS = {"subnet": "10.99.0.0/16", "slice": "10.99.3.0/24", "ula": "fd09:809:405::/64", "mac": "02:00:00:00:00:06"}


def entry(group="friends", device="ipop0", member="cabin", **other):
    values = dict(FRIENDS if group == "friends" else CHESS, group=group, device=device, member=member)
    values.update(other)
    return "{%s}" % ", ".join(['"%s": "%s"' % (name, values[name]) for name in sorted(values)])


def wishes(*entries, damaged=""):
    return lan.parse(('{"groups": [%s], "damaged": [%s]}' % (", ".join(entries), damaged)).encode())


def options(**sections):
    """`options_of` for groups with these options, each a text or a list of texts."""
    text = "config globals 'globals'\n option serve 'openwrt'\n"
    for group in sections:
        text += "config group '%s'\n" % group
        for name, value in sections[group].items():
            for each in value if isinstance(value, list) else [value]:
                text += ' %s %s "%s"\n' % ("list" if isinstance(value, list) else "option", name, each)
    chosen, _ = config.load(text, "f", _no_file, None)

    def options_of(group):
        section = config.group(chosen, group)
        return section if section.serve == "openwrt" and section.enabled else None

    return options_of


def _no_file(path):
    raise OSError(2, "not there")


def setup(state, wanted, options_of=None):
    """The state after it, and the Work that was done. Whoever does it twice finds nothing to do."""
    work = steps.work(wanted, options_of or options(), state.packages)
    state = UciState(state.files())
    state.batch("".join(steps.batch(work.steps)))
    state = state.again()
    assert steps.work(wanted, options_of or options(), state.packages).steps == []
    return state, work


def refused(state, wanted, options_of=None):
    try:
        (text,) = steps.work(wanted, options_of or options(), state.packages).refused
        return text
    except UserError as error:
        return error.message


def section(state, package, name):
    return There(state.packages).section(package, name)


def said(state, package, name):
    """{option: a text, or a list of texts}"""
    return {
        option.name: [value.text for value in option.values] if option.is_list else option.values[0].text
        for option in section(state, package, name).options
    }


def ports(state, bridge="br-lan"):
    (found,) = [words(each, "ports") for name, each in There(state.packages).bridges() if name == bridge]
    return found


def ours(state):
    """The names of all sections that are ours, by package."""
    return ["%s.%s" % (package, each.name) for package, each in There(state.packages).of("ipop0")]


# --- joining, changing, leaving


def test_whoever_leaves_has_what_he_had_to_the_byte():
    for before in PLACES:
        state = UciState(before)
        before = state.files()
        state, _ = setup(state, wishes(entry()), options(friends={"port": ["lan2", "lan4"], "map": ["192.168.1.20"]}))
        assert state.files() != before
        state, _ = setup(state, wishes(entry(slice="10.77.9.0/24", member="hut")), options(friends={"port": ["lan4"]}))
        state, _ = setup(state, wishes())
        assert state.files() == before


def test_what_was_remembered_and_makes_no_sense_is_passed_over():
    before = UciState(FACTORY["24.10"])
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), options(friends={"port": ["lan2"]}))
    for text in ("br-lan/\u00b2/lan9", "br-lan/99999999999/lan9", "br-lan/-1/lan9", "nowhere/1/lan9", "br-lan", ""):
        state.batch("add_list network.ipop0_dev.ipop_taken='%s'\n" % text)
    state, _ = setup(state, wishes())
    assert state.files() == before.files()


def test_what_a_user_adds_under_such_a_name_is_his():
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), options(friends={"map": ["192.168.1.20"]}))
    state.batch("set firewall.ipop0_ssh=rule\nset firewall.ipop0_ssh.src='ipop0'\n")
    for wanted in ([], [entry()], [], [entry()]):
        state, _ = setup(state, wishes(*wanted))
        assert said(state, "firewall", "ipop0_ssh") == {"src": "ipop0"}
    assert section(state, "firewall", "ipop0_map0_in") is None and "network.ipop0" in ours(state)


def test_a_group_is_a_bridge_with_an_address_a_range_and_a_zone():
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()))
    assert said(state, "network", "ipop0_dev") == {
        "name": "br-ipop0",
        "type": "bridge",
        "ports": ["ipop0"],
        "bridge_empty": "1",
        "macaddr": "02:00:00:00:00:05",
        "ipop_group": "friends",
    }
    interface = said(state, "network", "ipop0")
    assert (interface["device"], interface["proto"]) == ("br-ipop0", "static")
    assert (interface["ipaddr"], interface["netmask"]) == ("10.77.5.1", "255.255.0.0")
    assert interface["ip6addr"] == ["fd01:203:405::5:1/64"]
    pool = said(state, "dhcp", "ipop0_dhcp")
    assert (pool["interface"], pool["start"], pool["limit"], pool["force"]) == ("ipop0", "1380", "150", "1")
    assert pool["dhcp_option"] == ["3", "15,cabin.friends.internal", "119,cabin.friends.internal,friends.internal"]
    assert (pool["ra"], pool["ra_lifetime"], pool["dhcpv6"]) == ("server", "0", "disabled")
    zone = said(state, "firewall", "ipop0_zone")
    assert zone["network"] == ["ipop0"]
    assert (zone["input"], zone["forward"], zone["output"]) == ("REJECT", "ACCEPT", "ACCEPT")
    assert ours(state) == [
        "network.ipop0_dev",
        "network.ipop0",
        "dhcp.ipop0_dhcp",
        "firewall.ipop0_zone",
        "firewall.ipop0_icmp",
        "firewall.ipop0_dns",
        "firewall.ipop0_dhcp",
    ]


def test_nothing_is_forwarded_unless_asked_for():
    """The rules let in what the zone would reject, and nothing through it."""
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()))
    rules = [each for each in There(state.packages).of("ipop0") if each[1].type in ("rule", "forwarding", "redirect")]
    assert len(rules) == 3
    for _, rule in rules:
        assert one(rule, "src") == "ipop0" and one(rule, "target") == "ACCEPT"
        assert {option.name for option in rule.options} <= {"name", "src", "proto", "dest_port", "target"}


def test_the_internet_is_for_this_homes_devices_and_public_addresses_only():
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), options(friends={"internet": "1"}))
    rule = said(state, "firewall", "ipop0_internet")
    assert (rule["src"], rule["dest"], rule["src_ip"]) == ("ipop0", "wan", ["10.77.5.0/24"])
    assert "!192.168.0.0/16" in rule["dest_ip"] and all(each[0] == "!" for each in rule["dest_ip"])
    assert said(state, "dhcp", "ipop0_dhcp")["dhcp_option"][0][:3] == "15,"
    state, _ = setup(state, wishes(entry()))
    assert section(state, "firewall", "ipop0_internet") is None


def test_mapped_devices_are_reached_in_the_zone_where_they_are():
    for before, zone in ((FACTORY["25.12"], "lan"), (USED, "lan")):
        chosen = options(friends={"map": ["192.168.1.20", "192.168.1.64/26"]})
        state, work = setup(UciState(before), wishes(entry()), chosen)
        rule = said(state, "firewall", "ipop0_map0_in")
        assert (rule["src"], rule["dest"], rule["dest_ip"]) == ("ipop0", zone, ["192.168.1.20/32"])
        rule = said(state, "firewall", "ipop0_map1_out")
        assert (rule["src"], rule["dest"], rule["src_ip"]) == (zone, "ipop0", ["192.168.1.64/26"])
        assert said(state, "network", "ipop0_map1")["target"] == "10.77.133.64/26"
        include = said(state, "firewall", "ipop0_nat")
        assert "dnat ip prefix to ip daddr map { 10.77.133.20/32 : 192.168.1.20/32 }" in work.files[include["path"]]
    state, _ = setup(UciState(USED), wishes(entry()), options(friends={"map": ["192.168.3.7"]}))
    assert said(state, "firewall", "ipop0_map0_in")["dest"] == "guest"


def test_a_change_of_slice_or_name_follows_and_touches_no_more():
    before, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()))
    state, work = setup(before, wishes(entry(slice="10.77.9.0/24", member="hut")))
    assert said(state, "network", "ipop0")["ipaddr"] == "10.77.9.1"
    assert said(state, "dhcp", "ipop0_dhcp")["start"] == "2404"
    assert "15,hut.friends.internal" in said(state, "dhcp", "ipop0_dhcp")["dhcp_option"]
    assert sorted([step.section for step in work.steps]) == ["ipop0", "ipop0_dhcp"]


def test_two_groups_and_one_of_them_is_left():
    both = wishes(entry(), entry("chess", "ipop1"))
    chosen = options(friends={"port": ["lan2"]}, chess={"port": ["lan3"]})
    alone, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), chosen)
    state, _ = setup(alone, both, chosen)
    assert ports(state) == ["lan1", "lan4"]
    state, _ = setup(state, wishes(entry()), chosen)
    assert state.files() == alone.files()


def test_what_is_not_known_stays_as_it_is_and_what_is_gone_goes():
    before, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), options(friends={"port": ["lan2"]}))
    for wanted in (wishes('{"group": "friends", "device": "ipop0"}'), wishes(damaged='"friends"')):
        assert steps.work(wanted, options(), before.packages).steps == []
    switched_off = options(friends={"enabled": "0"})
    state, _ = setup(before, wishes('{"group": "friends", "device": "ipop0"}'), switched_off)
    assert state.files() == UciState(FACTORY["24.10"]).files()
    state, _ = setup(before, wishes(entry()), options(friends={"serve": "none"}))
    assert ours(state) == []


# --- what is others'


def test_a_port_leaves_its_bridge_and_comes_back_to_its_place():
    state = UciState(USED)
    before = state.files()
    state, work = setup(state, wishes(entry()), options(friends={"port": ["lan3", "lan2"]}))
    assert ports(state) == ["lan1", "lan4"]
    assert words(section(state, "network", "ipop0_dev"), "ports") == ["ipop0", "lan3", "lan2"]
    state, _ = setup(state, wishes(entry()), options(friends={"port": ["lan2"]}))
    assert ports(state) == ["lan1", "lan3", "lan4"]
    state, _ = setup(state, wishes(entry()))
    assert ports(state) == ["lan1", "lan2", "lan3", "lan4"]
    state, _ = setup(state, wishes())
    assert state.files() == before


def test_a_port_goes_from_one_group_to_another_and_home_from_there():
    both = wishes(entry(), entry("chess", "ipop1"))
    state = UciState(FACTORY["24.10"])
    before = state.files()
    state, _ = setup(state, both, options(friends={"port": ["lan2"]}))
    state, _ = setup(state, both, options(chess={"port": ["lan2"]}))
    assert ports(state) == ["lan1", "lan3", "lan4"]
    state, _ = setup(state, wishes(entry("chess", "ipop1")), options(chess={"port": ["lan2"]}))
    assert ports(state) == ["lan1", "lan3", "lan4"]
    state, _ = setup(state, wishes())
    assert state.files() == before


def test_a_port_that_was_put_elsewhere_meanwhile_stays_there():
    state, _ = setup(UciState(USED), wishes(entry()), options(friends={"port": ["lan2"]}))
    state.batch("add_list network.guest_dev.ports='lan2'\n")
    state, _ = setup(state, wishes())
    assert (ports(state), ports(state, "br-guest")) == (["lan1", "lan3", "lan4"], ["lan2"])


def test_ports_that_cannot_be_had_are_named():
    state = UciState(FACTORY["24.10"])
    assert "port wan: the interface wan" in refused(state, wishes(entry()), options(friends={"port": ["wan"]}))
    assert "br-lan" in refused(state, wishes(entry()), options(friends={"port": ["br-lan"]}))
    both = wishes(entry(), entry("chess", "ipop1"))
    chosen = options(friends={"port": ["lan2"]}, chess={"port": ["lan2"]})
    assert "port lan2: ipop0 has it already" in refused(state, both, chosen)
    state.batch("set network.v1=bridge-vlan\nset network.v1.vlan='7'\nadd_list network.v1.ports='lan2:u*'\n")
    assert "port lan2: it is in VLAN 7" in refused(state, wishes(entry()), options(friends={"port": ["lan2"]}))


def test_the_systems_dnsmasq_keeps_the_groups_names_at_home():
    state, _ = setup(UciState(USED), wishes(entry()))
    dnsmasq = There(state.packages).dnsmasq()
    assert words(dnsmasq, "server") == ["/corp.example/10.9.8.7", "/friends.internal/"]
    state, _ = setup(state, wishes(entry()), options(friends={"domain": "home.arpa"}))
    assert words(There(state.packages).dnsmasq(), "server") == ["/corp.example/10.9.8.7", "/friends.home.arpa/"]


def test_what_somebody_has_said_himself_is_not_taken_along():
    said_before = USED["dhcp"].replace("	list server", "	list server '/friends.internal/'\n	list server")
    state = UciState(dict(USED, dhcp=said_before))
    before = state.files()
    state, _ = setup(state, wishes(entry()))
    state, _ = setup(state, wishes())
    assert state.files() == before


def test_what_is_called_like_ours_and_is_not_stays():
    state = UciState(FACTORY["24.10"])
    state.batch("set network.ipop0=interface\nset network.ipop0.proto='none'\n")
    assert "a section 'ipop0' that isn't ours" in refused(state, wishes(entry()))
    assert steps.work(wishes(), options(), state.packages).steps == []


# --- Wi-Fi


def test_a_wifi_of_the_group_is_on_each_radio_or_on_one():
    chosen = options(friends={"ssid": "Friends' house", "key": "it's a secret"})
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), chosen)
    network = said(state, "wireless", "ipop0_radio1")
    assert (network["network"], network["device"], network["mode"]) == ("ipop0", "radio1", "ap")
    assert (network["ssid"], network["key"], network["encryption"]) == ("Friends' house", "it's a secret", "psk2")
    chosen = options(friends={"ssid": "play", "key": "12345678", "radio": "radio0"})
    state, _ = setup(state, wishes(entry()), chosen)
    assert section(state, "wireless", "ipop0_radio1") is None
    assert said(state, "wireless", "ipop0_radio0")["ssid"] == "play"
    state, _ = setup(state, wishes())
    assert state.files() == UciState(FACTORY["24.10"]).files()


def test_a_radio_that_is_off_stays_off_and_one_is_told():
    """On it there may be other networks, such as the open one that OpenWrt comes with."""
    state = UciState(FACTORY["24.10"])
    state.batch("set wireless.radio0.disabled='1'\n")
    state, work = setup(state, wishes(entry()), options(friends={"ssid": "play", "key": "12345678"}))
    (off, on) = [step.about for step in work.steps if step.package == "wireless"]
    assert (off[:49], on) == ("the Wi-Fi play on radio0, which is switched off: ", "the Wi-Fi play on radio1")
    assert said(state, "wireless", "radio0")["disabled"] == "1"


def test_where_there_is_no_such_radio_one_is_told():
    chosen = options(friends={"ssid": "play", "key": "12345678", "radio": "radio7"})
    assert "known: radio0, radio1" in refused(UciState(FACTORY["24.10"]), wishes(entry()), chosen)
    chosen = options(friends={"ssid": "play", "key": "12345678"})
    assert "no Wi-Fi" in refused(UciState(USED), wishes(entry()), chosen)


def test_a_wifi_without_a_passphrase_is_refused():
    try:
        options(friends={"ssid": "play"})
    except UserError as error:
        assert error.message == "f:4: option 'ssid': a Wi-Fi network needs a passphrase: add option 'key'"
    else:
        raise AssertionError


# --- addresses


def test_a_subnet_that_is_in_use_here_is_refused_however_it_is_written():
    for option in ("option ipaddr '10.77.3.1'\n option netmask '255.255.255.0'", "list ipaddr '10.77.3.1/24'"):
        network = FACTORY["24.10"]["network"] + "\nconfig interface 'office'\n option proto 'static'\n " + option
        state = UciState(dict(FACTORY["24.10"], network=network))
        text = refused(state, wishes(entry()))
        assert "the group friends has 10.77.0.0/16, but office has 10.77.3.1/24" in text


def test_two_groups_with_the_same_addresses_are_refused():
    both = wishes(entry(), entry("chess", "ipop1", subnet="10.64.0.0/10", slice="10.70.0.0/20"))
    assert "the group chess has" in refused(UciState(FACTORY["24.10"]), both)


def test_what_is_wrong_with_one_group_keeps_nothing_from_the_others():
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry(), entry("work", "ipop2", **WORK)))
    both = wishes(entry(), entry("chess", "ipop1", **CHESS))
    chosen = options(friends={"port": ["br-lan"]}, chess={"port": ["lan2"]})
    work = steps.work(both, chosen, state.packages)
    assert "port br-lan" in work.refused[0] and len(work.refused) == 1
    before = said(state, "network", "ipop0")
    state.batch("".join(steps.batch(work.steps)))
    assert said(state, "network", "ipop0") == before  # it goes on as it was
    assert said(state, "network", "ipop1_dev")["ports"] == ["ipop1", "lan2"]  # what was asked for otherwise is done
    assert section(state, "network", "ipop2") is None  # and what was left is gone


def test_a_port_of_a_group_that_stays_as_it_is_is_taken():
    one = options(friends={"port": ["lan2"]})
    state, _ = setup(UciState(FACTORY["24.10"]), wishes(entry()), one)
    both = [lan.kept("friends", "ipop0")] + wishes(entry("chess", "ipop1", **CHESS))
    text = refused(state, both, options(friends={"port": ["lan2"]}, chess={"port": ["lan2"]}))
    assert "port lan2: ipop0 has it already" in text


def test_where_the_firewall_has_no_wan_nobody_is_led_out():
    firewall = FACTORY["24.10"]["firewall"].replace("'wan'", "'outside'").replace("'wan6'", "'outside6'")
    state = UciState(dict(FACTORY["24.10"], firewall=firewall))
    text = refused(state, wishes(entry()), options(friends={"internet": "1"}))
    assert text == "friends: the firewall has no zone 'wan': add one"


# --- what an unprivileged daemon may ask for


def test_wishes_come_back_as_they_were_written():
    asked = wishes(entry(), '{"group": "chess", "device": "ipop1"}', damaged='"work"')
    assert lan.parse(lan.text(asked).encode()) == asked
    assert lan.parse(lan.text([]).encode()) == []


def test_wishes_that_no_daemon_of_ours_has_are_refused():
    for wrong in (
        {"group": "a'b"},
        {"group": "x" * 64},
        {"group": ""},
        {"device": "eth0"},
        {"device": "br-lan"},
        {"device": "ipop"},
        {"device": "ipop1234"},
        {"device": "ipop0;reboot"},
        {"member": "a.b"},
        {"member": "$(reboot)"},
        {"member": ""},
        {"subnet": "10.77.0.0"},
        {"subnet": "10.77.1.0/16"},
        {"subnet": "10.77.0.0/25"},
        {"subnet": "8.0.0.0/8"},
        {"subnet": "192.168.0.0/15"},
        {"subnet": "0.0.0.0/8"},
        {"slice": "10.78.5.0/24"},
        {"slice": "10.77.200.0/24"},  # in the upper half
        {"slice": "10.77.0.0/24"},  # nobody's
        {"slice": "10.77.0.0/16"},
        {"slice": "10.77.5.0/24\n"},
        {"slice": "10.77.5.0/+24"},
        {"ula": "2001:db8::/64"},
        {"ula": "fd01::1/64"},
        {"ula": "fd01::/48"},
        {"mac": "01:00:5e:00:00:01"},
        {"mac": "00:11:22:33:44:55"},
        {"mac": "02:0:0:0:0:5"},
    ):
        try:
            refused(UciState(FACTORY["24.10"]), wishes(entry(**wrong)))
        except UserError:
            pass


def test_a_damaged_file_is_refused_as_a_whole():
    for text in ("", "[]", "{}", "null", '{"groups": {}, "damaged": []}', '{"groups": [7], "damaged": []}', "{" * 999):
        try:
            lan.parse(text.encode())
        except UserError as error:
            assert "nothing was changed" in error.message
        else:
            raise AssertionError(text)
    for other in (entry("chess"), entry("friends", "ipop1"), entry("chess", "ipop1", **FRIENDS)):
        try:
            wishes(entry(), other)
        except UserError:
            continue
        raise AssertionError(other)


def test_what_is_asked_for_in_uci_only_root_can_ask_for():
    """Whatever else stands in the daemon's file changes nothing."""
    state = UciState(FACTORY["24.10"])
    asked = wishes(entry(internet="1", map="192.168.1.0/24", port="lan1", ssid="x", key="12345678"))
    plain = steps.work(wishes(entry()), options(), state.packages)
    assert steps.work(asked, options(), state.packages).steps == plain.steps


def test_the_batch_is_read_back_by_the_parser_of_uci():
    state, _ = setup(UciState(USED), wishes(entry()), options(friends={"port": ["lan2"]}))
    for package, text in state.files().items():
        sections, warnings = uci.parse(text, package)
        assert warnings == [] and len(sections) == len(state.packages[package])
