"""What stands in /etc/config/ipop is what the daemon does; whatever is wrong with it is said in a line that helps."""

from ipop.config import config
from ipop.errors import ConfigError
from ipop.values import key_text

MINE, CABIN, PHONE = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))
PRIVATE = "/etc/ipop/private.key"
FILES = {PRIVATE: (key_text(b"\x08" * 32).encode() + b"\n", 0o100600)}


def peer(key=CABIN, *lines, name="cabin"):
    return "\n".join(["config peer " + name, "option public_key '%s'" % key_text(key)] + list(lines)) + "\n"


def stock(key, *lines, name):
    return peer(key, "option suite blake2s", *lines, name=name)


def load(text, files=FILES):
    def read_file(path):
        if path not in files:
            raise OSError(2, "")
        if isinstance(files[path], int):
            raise OSError(files[path], "")
        return files[path]

    return config.load(text, "f", read_file, lambda private_key: MINE)


def loaded(text, files=FILES):
    return load(text, files)[0]


def warnings(text, files=FILES):
    return load(text, files)[1]


def errors(text, files=FILES):
    try:
        load(text, files)
    except ConfigError as error:
        return error.message.split("\n")
    raise AssertionError("accepted: " + text)


def endpoint(text):
    return loaded(peer(CABIN, "option endpoint '%s'" % text)).peers[0].endpoint


def prefixes(text):
    return loaded(stock(PHONE, "list allowed_ips '%s'" % text, name="phone")).peers[0].allowed_ips


# --- what is right


def test_an_empty_file_is_all_defaults():
    node = loaded("")
    assert (node.enabled, node.port, node.device, node.bridge) == (True, 51820, "ipop0", None)
    assert (node.private_key_file, node.state_dir) == (PRIVATE, "/etc/ipop")
    assert (node.control, node.log_level) == ("/var/run/ipop/ipop.sock", "info")
    assert (node.private_key, node.peers) == (b"\x08" * 32, [])


def guard(name, enabled):
    return "config guard '%s'\n\toption enabled '%s'\n" % (name, enabled)


def test_guards_are_switched_off_by_name():
    assert loaded(guard("dhcp", 0) + guard("igd", "off") + guard("ra", 1)).guards_off == ["dhcp", "igd"]
    assert loaded("config guard 'igd'\n").guards_off == []
    assert loaded("").guards_off == []


def test_a_guard_that_there_is_not():
    names = "dhcp, dhcpv6, ra, redirect, control, pppoe, igd, portmap, router, unparsed"
    assert errors(guard("dhpc", 0)) == ["f:1: there is no guard 'dhpc'; did you mean 'dhcp'?"]
    assert errors(guard("everything", 0)) == ["f:1: there is no guard 'everything'; known: " + names]
    assert errors("config guard\n") == ["f:1: this guard needs a name, as in \"config guard 'igd'\": " + names]
    assert errors(guard("igd", "perhaps")) == ["f:2: option 'enabled': expected 1 or 0, got 'perhaps'"]


def test_groups_are_served_as_globals_say_unless_they_say_it_themselves():
    text = "config globals\noption serve openwrt\nconfig group a\nconfig group b\noption serve none\n"
    node = loaded(text)
    assert [config.group(node, name).serve for name in ("a", "b", "not-in-the-file")] == ["openwrt", "none", "openwrt"]
    assert config.group(loaded(""), "a").serve == "none"
    assert config.group(node, "not-in-the-file").domain == "internal"


def test_a_message_about_a_groups_option_names_the_line_where_it_is_written():
    node = loaded("config globals\noption bridge br-lan\nconfig group a\noption map 10.1.2.3\n")
    assert config.place(node, "a", "map") == "f:4"
    assert config.place(node, "a", "bridge") == "f:2"
    assert config.place(node, "b", "map") == "group b"


def test_everything_can_be_set():
    files = {"/k": FILES[PRIVATE], "/psk": (key_text(b"\x07" * 32).encode(), 0o600)}
    node = loaded(
        "config globals 'globals'\noption port 1\noption device tap1\noption bridge br-lan\n"
        "option private_key_file /k\noption state_dir /var/ipop\noption control /tmp/s\noption log_level debug\n"
        + peer(
            CABIN,
            "option endpoint '203.0.113.7:51820'",
            "option preshared_key_file /psk",
            "option keepalive 0",
            "option name 'cabin-by-the.lake'",
        )
        + stock(PHONE, "list allowed_ips 10.1.2.3", name="phone"),
        files,
    )
    assert (node.port, node.device, node.bridge, node.log_level) == (1, "tap1", "br-lan", "debug")
    cabin, phone = node.peers
    assert (cabin.name, cabin.public_key) == ("cabin-by-the.lake", CABIN)
    assert (cabin.endpoint, cabin.preshared_key) == (("203.0.113.7", 51820), b"\x07" * 32)
    assert (cabin.suite, cabin.allowed_ips, cabin.keepalive) == ("sha256", [], 0)
    assert (phone.name, phone.suite, phone.keepalive) == ("phone", "blake2s", 25)
    assert phone.allowed_ips == [(b"\x0a\x01\x02\x03", 32)]


def test_a_peer_without_a_name_goes_by_its_key():
    assert loaded(peer(CABIN, name="")).peers[0].name == key_text(CABIN)[:8]


def test_peers_that_are_off_do_not_count_and_may_be_unfinished():
    text = peer(CABIN) + "config peer\noption enabled 0\noption endpoint here\n"
    assert [found.name for found in loaded(text).peers] == ["cabin"]


def test_a_node_that_is_off_needs_no_key():
    node = loaded("config globals\noption enabled 0\n", {})
    assert (node.enabled, node.private_key, node.peers) == (False, None, [])


def test_endpoints():
    assert endpoint("203.0.113.7:51820") == ("203.0.113.7", 51820)
    assert endpoint("[2001:db8::1]:1") == ("2001:db8::1", 1)
    assert endpoint("home.example:65535") == ("home.example", 65535)
    assert endpoint("[::ffff:203.0.113.7]:9") == ("203.0.113.7", 9), "only one form of an address is in use"


def turn(*urls):
    return "config globals\n" + "".join(["list turn '%s'\n" % url for url in urls])


def test_turn_servers_in_their_order():
    urls = (
        "turn://den:secret@turn.example",
        "turn://den:a%40b@203.0.113.7:3479?transport=tcp",
        "turns://den:secret@[2001:db8::1]?ca=/etc/ca.pem",
    )
    assert [tuple(server) for server in loaded(turn(*urls)).turn] == [
        ("turn.example", 3478, "UDP", "den", "secret", None),
        ("203.0.113.7", 3479, "TCP", "den", "a@b", None),
        ("2001:db8::1", 5349, "TLS", "den", "secret", "/etc/ca.pem"),
    ]


def test_what_is_wrong_with_a_turn_server_is_said_without_the_password():
    expected = "turn://USER:PASSWORD@HOST, with ?transport=tcp where UDP is blocked, or turns://USER:PASSWORD@HOST"
    for url, wrong in (
        ("turn:turn.example", "expected " + expected),
        ("stun://den:secret@turn.example", "expected " + expected),
        ("turn://den:secret@turn.example:0", "expected " + expected),
        ("turn://turn.example", "a TURN server wants a login: expected " + expected),
        ("turn://den@turn.example", "a TURN server wants a login: expected " + expected),
        ("turn://d:s@t?ca=/x", "after ? only transport=tcp or transport=udp can stand, not 'ca=/x'"),
        ("turns://d:s@t?transport=udp", "after ? only ca=FILE can stand, not 'transport=udp'"),
        ("turns://d:s@t?ca=x", "ca: expected a path that begins with /, got 'x'"),
    ):
        assert errors(turn(url)) == ["f:2: option 'turn': " + wrong], errors(turn(url))


def test_a_list_may_be_one_option_with_blanks():
    one = stock(PHONE, "option allowed_ips '10.1.2.3/32 fd00::3/128'", name="phone")
    two = stock(PHONE, "list allowed_ips 10.1.2.3", "list allowed_ips fd00::3", name="phone")
    assert loaded(one).peers == loaded(two).peers


def test_allowed_ips_are_cut_to_their_prefix():
    assert prefixes("10.1.2.3/8") == [(b"\x0a\0\0\0", 8)]
    assert prefixes("10.255.255.255/13") == [(b"\x0a\xf8\0\0", 13)]
    assert prefixes("fd00::ffff/112") == [(b"\xfd" + bytes(15), 112)]


def test_one_setting_can_be_had_from_a_file_with_errors():
    text = "config globals\noption port x\noption control /tmp/s\nconfig peer\n"
    assert config.setting(text, "f", "control") == "/tmp/s"
    assert config.setting("config peer\n", "f", "control") == "/var/run/ipop/ipop.sock"


def test_the_table_is_complete():
    for options in config.SECTIONS.values():
        for option in options:
            assert option.help and option.kind.expected and option.kind.datatype
            if option.default is not None:
                option.kind.parse(option.default)


# --- what is wrong


def test_a_wrong_value_is_told_with_file_line_option_and_what_was_expected():
    for written, expected in (
        ("port 70000", "a UDP port from 1 to 65535, got '70000'"),
        ("port 0", "a UDP port from 1 to 65535, got '0'"),
        ("port 0x50", "a UDP port from 1 to 65535, got '0x50'"),
        ("port \u00b2", "a UDP port from 1 to 65535, got '\u00b2'"),
        ("enabled maybe", "1 or 0, got 'maybe'"),
        ("device ipop/0", "1 to 15 letters, digits, '.', '_' or '-', got 'ipop/0'"),
        ("device tap%d", "1 to 15 letters, digits, '.', '_' or '-', got 'tap%d'"),
        ("device a234567890123456", "1 to 15 letters, digits, '.', '_' or '-', got 'a234567890123456'"),
        ("bridge ..", "1 to 15 letters, digits, '.', '_' or '-', got '..'"),
        ("bridge ipop0", "the name of a bridge, got that of the device itself"),
        ("control ipop.sock", "a path of at most 107 bytes that begins with /, got 'ipop.sock'"),
        ("state_dir ipop", "a path that begins with /, got 'ipop'"),
        ("serve odhcpd", "none, dnsmasq or openwrt, got 'odhcpd'"),
        ("log_level loud", "error, warning, info or debug, got 'loud'"),
    ):
        name = written.split()[0]
        text = "config globals\n\noption " + written
        assert errors(text) == ["f:3: option '%s': expected %s" % (name, expected)], errors(text)
    assert errors("config globals\nlist port 1\nlist port 2\n") == [
        "f:2: option 'port': expected one value, got a list of them"
    ]


def test_a_long_or_binary_value_is_shown_in_one_short_line():
    (line,) = errors("config globals\noption port '" + "x\n\x1b" * 50 + "'\n")
    assert len(line) < 150 and "\x1b" not in line


def test_wrong_endpoints():
    for wrong in ("203.0.113.7", "203.0.113.7:0", "2001:db8::1:51820", "1.2.3.400:5", "a..b:1", "-a:1", ":1", "a b:1"):
        (line,) = errors(peer(CABIN, "option endpoint '%s'" % wrong))
        assert line.startswith("f:3: option 'endpoint': expected ADDRESS:PORT, such as 203.0.113.7:51820"), line
    for nobody in ("0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1", "255.255.255.255:1", "[::ffff:224.0.0.1]:1"):
        (line,) = errors(peer(CABIN, "option endpoint '%s'" % nobody))
        assert line == "f:3: option 'endpoint': %s can't be anybody's address" % nobody


def test_wrong_keys():
    for wrong in ("abc", key_text(CABIN)[:-1], key_text(CABIN) + "=", "*" * 44, key_text(CABIN)[:42] + "9="):
        (line,) = errors("config peer\noption public_key '%s'\n" % wrong)
        assert line.startswith("f:2: option 'public_key': expected a public key, as 'ipop keygen' prints it"), line


def test_keys_of_low_order_are_nobodys():
    for key in (bytes(32), b"\1" + bytes(31), bytes(31) + b"\x80", b"\xed" + b"\xff" * 31):
        (line,) = errors(peer(key))
        assert line == "f:2: option 'public_key': %s can't be anybody's key (a point of low order)" % key_text(key)


def test_a_peer_needs_a_key_of_its_own():
    assert errors("config peer cabin\n") == [
        "f:1: this peer needs a 'public_key': run 'ipop keygen --show' on the other side"
    ]
    assert errors(peer(MINE)) == [
        "f:2: option 'public_key': expected the other side's key, got this node's own: "
        "run 'ipop keygen --show' over there"
    ]
    assert errors(peer(CABIN) + peer(CABIN, name="hut")) == [
        "f:4: option 'public_key': the peer at f:1 has the same: each has its own"
    ]


def test_a_peer_needs_a_name_of_its_own():
    assert errors(peer(CABIN) + peer(PHONE, "option name cabin", name="")) == [
        "f:5: option 'name': the peer at f:1 has the same: each has its own"
    ]


def test_addresses_are_for_stock_peers_and_those_need_some():
    assert errors(peer(CABIN, "list allowed_ips 10.0.0.1")) == [
        "f:3: option 'allowed_ips': only a stock WireGuard peer has it: "
        "remove it, or set 'option suite blake2s' if this is one"
    ]
    assert errors(stock(PHONE, name="phone")) == [
        "f:1: a stock WireGuard peer needs 'allowed_ips': its addresses on the LAN"
    ]


def test_wrong_addresses():
    for wrong in ("10.0.0.0/33", "10.0.0", "fd00::/129", "10.0.0.1/", "/8", "10.0.0.1/-1"):
        (line,) = errors(stock(PHONE, "list allowed_ips 10.0.0.1", "list allowed_ips " + wrong, name="phone"))
        expected = "f:5: option 'allowed_ips': expected IP addresses, such as 10.1.2.3/32 or fd00::3/128, got '%s'"
        assert line == expected % wrong
    assert errors(stock(PHONE, "list allowed_ips 0.0.0.0/0", name="phone")) == [
        "f:4: option 'allowed_ips': 0.0.0.0/0 would give this peer every address of the LAN: write only its own"
    ]


def test_an_address_belongs_to_one_peer():
    text = stock(CABIN, "list allowed_ips 10.1.0.0/16", name="a") + stock(
        PHONE, "list allowed_ips 10.0.0.1", "list allowed_ips 10.1.2.3/32", name="b"
    )
    assert errors(text) == ["f:9: option 'allowed_ips': 10.1.2.3/32 belongs to the peer at f:1 already"]


def test_everything_that_is_wrong_is_told_at_once():
    text = "config globals\noption port x\noption bridge ''\noption log_level y\n" + peer(CABIN, "option keepalive z")
    assert [line.split(":")[1] for line in errors(text, {})] == ["2", "4", "1", "7"]


def test_two_sections_for_the_node_are_one_too_many():
    assert errors("config globals\nconfig globals\n") == [
        "f:2: expected one section 'globals', got one at f:1 too: join them"
    ]


def test_key_files():
    where = "f: option 'private_key_file': /etc/ipop/private.key: "
    make = "run 'ipop keygen /etc/ipop/private.key'"
    for content, expected in (
        (2, "no such file or directory: " + make),
        (13, "permission denied: make it a file that the user of ipopd can read"),
        (21, "is a directory: make it a file that the user of ipopd can read"),
        ((b" \n", 0o600), "expected a key, which is 44 characters of base64, got nothing: remove it, then " + make),
        (
            (b"secret", 0o600),
            "expected a key, which is 44 characters of base64, got 6 bytes of something else: remove it, then " + make,
        ),
        (
            (b"\xff" * 44, 0o600),
            "expected a key, which is 44 characters of base64, got 44 bytes of something else: remove it, then " + make,
        ),
        ((key_text(bytes(32)).encode(), 0o600), "a key of zeros is no secret: remove it, then " + make),
    ):
        files = {} if content == 2 else {PRIVATE: content}
        assert errors(peer(), files) == [where + expected], errors(peer(), files)


def test_a_missing_preshared_key_is_made_on_one_side_only():
    assert errors(peer(CABIN, "option preshared_key_file /psk")) == [
        "f:3: option 'preshared_key_file': /psk: no such file or directory: "
        "run 'ipop keygen --preshared /psk' on one side and copy the file to the other"
    ]


# --- what is only odd


def test_a_key_file_open_to_everybody_is_warned_of():
    assert warnings(peer(), {PRIVATE: (FILES[PRIVATE][0], 0o100644)}) == [
        "f: option 'private_key_file': /etc/ipop/private.key is open to everybody on this machine: "
        "run 'chmod 600 /etc/ipop/private.key'"
    ]
    assert warnings(peer(), {PRIVATE: (FILES[PRIVATE][0], 0o100640)}) == []


def test_unknown_names_are_warned_of_with_what_was_probably_meant():
    assert warnings("config globals\noption prot 1\n" + peer(CABIN, "option endpont a:1") + "config peers x\n") == [
        "f:6: section type 'peers' is ignored; did you mean 'peer'?",
        "f:2: option 'prot' is ignored; did you mean 'port'?",
        "f:5: option 'endpont' is ignored; did you mean 'endpoint'?",
    ]
    assert warnings(peer() + "config x\n") == ["f:3: section type 'x' is ignored; known: globals, group, guard, peer"]


# --- groups


def groups(text, files=FILES):
    return [(group.name, group.device, group.bridge, group.enabled) for group in loaded(text, files).groups]


def test_groups():
    assert loaded("").groups == []
    assert groups("config group friends\n") == [("friends", None, None, True)]
    assert groups(
        "config group friends\noption device ipop0\noption bridge br-lan\n"
        "config group\noption name my-club\noption device ipop1\noption enabled 0\n"
    ) == [("friends", "ipop0", "br-lan", True), ("my-club", "ipop1", None, False)]


def options_of(*lines):
    (group,) = loaded("config group a\n" + "".join([line + "\n" for line in lines])).groups
    return group


def test_a_groups_devices_are_left_alone_unless_one_says_otherwise():
    """Who updates finds everything as it was; on OpenWrt the system's own dnsmasq serves them."""
    group = options_of()
    assert (group.serve, group.internet, group.domain, group.mode, group.map, group.make_bridge) == (
        "none",
        False,
        "internal",
        "bridge",
        [],
        False,
    )


def test_what_a_groups_devices_get():
    group = options_of(
        "option serve dnsmasq",
        "option internet 1",
        "option domain home.arpa",
        "option mode route",
        "option make_bridge 1",
        "list map 192.168.1.0/24",
        "list map 192.168.2.20",
    )
    assert (group.serve, group.internet, group.domain, group.mode) == ("dnsmasq", True, "home.arpa", "route")
    assert [tuple(each) for each in group.map] == [(b"\xc0\xa8\1\0", 24), (b"\xc0\xa8\2\x14", 32)]


def test_what_is_wrong_with_what_a_groups_devices_get():
    maps = "expected an address or a network, such as 192.168.1.20 or 192.168.1.0/24, got "
    domain = "expected a domain such as internal or home.arpa, in small letters, got "
    for option, value, wrong in (
        ("serve", "dhcpd", "expected none, dnsmasq or openwrt, got 'dhcpd'"),
        ("mode", "switch", "expected bridge or route, got 'switch'"),
        ("domain", "Internal", domain + "'Internal'"),
        ("domain", "a..b", domain + "'a..b'"),
        ("domain", "-a", domain + "'-a'"),
        ("map", "br-lan", maps + "'br-lan'"),
        ("map", "192.168.1.0/33", maps + "'192.168.1.0/33'"),
        ("map", "192.168.1.0/24=1", maps + "'192.168.1.0/24=1'"),
        ("map", "192.168.1.0/", maps + "'192.168.1.0/'"),
        ("map", "fd00::1", maps + "'fd00::1'"),
        ("map", "10.0.0.0/8", "10.0.0.0/8 is larger than any home: at least /16 can be mapped"),
        (
            "map",
            "192.168.1.7/24",
            "192.168.1.7/24 is an address in a network: write the first one of it, or leave out /24",
        ),
    ):
        text = "config group a\noption %s '%s'\n" % (option, value)
        assert errors(text) == ["f:2: option '%s': %s" % (option, wrong)], errors(text)


def test_what_is_wrong_with_a_group():
    for text, message in (
        ("config group\n", "f:1: this group needs a name: write 'config group NAME', or add 'option name'"),
        (
            "config group a\nconfig group b\noption name a\n",
            "f:3: option 'name': what is at f:1 has the same: each has its own",
        ),
        (
            "config group a\noption device x\nconfig group b\noption device x\n",
            "f:4: option 'device': what is at f:1 has the same: each has its own",
        ),
        (
            "config group a\noption device x\noption bridge x\n",
            "f:3: option 'bridge': expected the name of a bridge, got that of the device itself",
        ),
        (
            peer() + "config group a\noption device ipop0\n",
            "f:4: option 'device': what is at f has the same: each has its own",
        ),
    ):
        assert errors(text) == [message], errors(text)
    assert groups("config group a\noption device x\nconfig group b\noption device x\noption enabled 0\n")
    assert warnings("config group a\noption devise x\n") == [
        "f:2: option 'devise' is ignored; did you mean 'device'?"
    ]


def test_a_node_without_peers_needs_no_key():
    assert loaded("", {}).private_key is None and loaded("config group friends\n", {}).private_key is None
    assert loaded(peer(CABIN, "option enabled 0"), {}).private_key is None
    assert loaded("").private_key is not None


def test_no_file_breaks_the_loader():
    pieces = [
        "config globals", "config peer", "config peer a", "config x", "config group", "config group b",
        "option device ipop0", "option public_key " + key_text(CABIN),
        "option port 1", "list port 2", "option enabled 0", "option endpoint [::1]:1", "option suite blake2s",
        "list allowed_ips 10.0.0.0/8", "list allowed_ips x", "option name a", "option bridge ipop0", "option",
        "option preshared_key_file /k", "option public_key x", "list public_key a", "list enabled 1", "list name x",
    ]
    state = 7
    for _ in range(1500):
        text = ""
        for _ in range(10):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            text += pieces[(state >> 16) % len(pieces)] + "\n"
        try:
            load(text)
        except ConfigError as error:
            for line in error.message.split("\n"):
                assert line.startswith("f:"), line
