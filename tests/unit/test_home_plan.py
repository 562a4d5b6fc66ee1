"""A router joins a group, and its home's devices have addresses, names and a way out: nobody filled in a field."""

from ipop.config import config
from ipop.errors import UserError
from ipop.group.charter import Charter
from ipop.home import dnsmasq, firewall, plan
from ipop.home.options import MAPS

ULA = b"\xfd\1\2\3\4\5\0\0"


def group(subnet=(bytes([10, 77, 0, 0]), 16), slice_length=24):
    return Charter("friends", subnet, slice_length, ULA, (), 1, b"")


def options(**chosen):
    known = {option.name: None for option in config.SECTIONS["group"]}
    known.update({"domain": "internal", "internet": False, "make_bridge": False, "map": []})
    known.update(chosen)
    return config.GroupConfig(**known)


def made(slice=(5, 24), about=None, member="cabin", name="friends", bridge="br-group", **chosen):
    chosen["map"] = [MAPS.parse(text) for text in chosen.get("map", [])]
    return plan.make(about or group(), slice, options(**chosen), bridge, name, member)


def text(chosen):
    """Router, first and last address of DHCP."""
    return " ".join([plan.dotted(each) for each in (chosen.router, chosen.first, chosen.last)])


def lines(chosen):
    return dnsmasq.configuration(chosen, "/run/ipop/friends").split("\n")


def refused(*maps, **rest):
    try:
        made(map=list(maps), **rest)
    except UserError as error:
        return error.message
    raise AssertionError("accepted: %s" % (maps,))


# --- addresses


def test_a_slice_becomes_a_router_and_a_range():
    assert text(made()) == "10.77.5.1 10.77.5.100 10.77.5.249"
    assert made().subnet == (bytes([10, 77, 0, 0]), 16)
    assert plan.colons(made().router6) == "fd01:203:405::5:1"


def test_large_and_small_slices_have_room_for_both():
    """Whoever sets an address by hand finds free ones before the range, and DHCP never gives the subnet's last one."""
    large = group((bytes([10, 64, 0, 0]), 12), 20)
    assert text(made((3, 20), large)) == "10.64.48.1 10.64.48.100 10.64.63.249"
    for length, expected in (
        (25, "10.77.5.129 10.77.5.178 10.77.5.252"),
        (28, "10.77.0.177 10.77.0.182 10.77.0.190"),
        (29, "10.77.0.89 10.77.0.91 10.77.0.94"),
        (30, "10.77.0.45 10.77.0.46 10.77.0.46"),
    ):
        assert text(made((11, length))) == expected, text(made((11, length)))
    assert text(made((127, 24))).endswith("10.77.127.249")


def test_no_two_routers_have_the_same_address():
    seen = set()
    for length in (23, 24, 25, 28):
        for index in range(1, 1 << (length - 17)):
            chosen = made((index, length))
            key = plan.colons(chosen.router6)
            assert chosen.router not in seen or key in seen
            seen.add(chosen.router)
            seen.add(key)
    addresses = [each for each in seen if isinstance(each, bytes)]
    assert 2 * len(addresses) == len(seen)


def test_without_a_slice_there_is_no_plan():
    for slice in ((0, 0), (0, 24), (128, 24), (256, 24), (1, 16), (1, 17)):
        assert made(slice) is None


# --- names


def test_names_are_made_fit_for_the_dns():
    for name, expected in (
        ("cabin", "cabin"),
        ("K\u00fcche & Co", "kuche-co"),
        ("-a..b-", "a-b"),
        ("a" * 62 + "-b", "a" * 62),
        ("\u65e5\u672c", ""),
    ):
        assert plan.label(name) == expected, plan.label(name)
    assert plan.full_domain(made(member="\u65e5\u672c", name="\u672c", domain="home.arpa")) == "home.group.home.arpa"


def test_whoever_asks_for_what_is_not_there_asks_nobody_outside():
    chosen = lines(made())
    assert "local=/friends.internal/" in chosen
    assert "local=/77.10.in-addr.arpa/" in chosen
    assert "local=/0.0.0.0.5.0.4.0.3.0.2.0.1.0.d.f.ip6.arpa/" in chosen
    assert dnsmasq.reverse_zones(bytes([10, 16, 0, 0]), 12) == ["%d.10.in-addr.arpa" % n for n in range(16, 32)]
    assert dnsmasq.reverse_zones(bytes([10, 0, 0, 0]), 8) == ["10.in-addr.arpa"]
    assert dnsmasq.reverse_zones(bytes([10, 1, 2, 0]), 24) == ["2.1.10.in-addr.arpa"]
    assert len(dnsmasq.reverse_zones(bytes([10, 1, 0, 0]), 17)) == 128


def test_ipv6_addresses_are_written_as_others_write_them():
    for packed, expected in (
        (bytes(16), "::"),
        (bytes(15) + b"\1", "::1"),
        (ULA + bytes(8), "fd01:203:405::"),
        (b"\x20\1\x0d\xb8" + bytes(2) + b"\0\1" + bytes(2) + b"\0\1\0\1\0\1", "2001:db8:0:1:0:1:1:1"),
        (b"\0\1" * 8, "1:1:1:1:1:1:1:1"),
        (b"\0\1" + bytes(4) + b"\0\1" + bytes(6) + b"\0\1", "1:0:0:1::1"),
    ):
        assert plan.colons(packed) == expected, plan.colons(packed)


# --- DHCP and router advertisements


def test_dhcp_serves_the_slice_with_the_whole_subnets_netmask():
    chosen = lines(made())
    assert "dhcp-range=10.77.5.100,10.77.5.249,255.255.0.0,12h" in chosen
    assert "interface=br-group" in chosen and "dhcp-ignore=tag:!br-group" in chosen
    assert "dhcp-lease-max=150" in chosen


def test_no_gateway_without_leave_and_the_own_router_with_it():
    """An option without a value is not sent: dnsmasq would name itself as the router."""
    assert "dhcp-option=option:router" in lines(made())
    assert "dhcp-option=option:router,10.77.5.1" in lines(made(internet=True))


def test_only_who_may_use_the_internet_is_told_its_names():
    assert "no-resolv" in lines(made()) and "no-resolv" not in lines(made(internet=True))
    assert "resolv-file=/etc/resolv.conf" in lines(made(internet=True))


def test_no_router_is_a_way_out_for_ipv6():
    for internet in (False, True):
        chosen = lines(made(internet=internet))
        assert "dhcp-range=fd01:203:405::,ra-only,64,12h" in chosen
        assert "ra-param=br-group,600,0" in chosen


# --- the firewall


def test_nothing_goes_out_without_leave():
    rules = firewall.rules(made())
    assert "masquerade" not in rules and "nat" not in rules and 'iifname "br-group" jump from_group' in rules
    assert rules.startswith("#") and "delete table inet ipop_br_2dgroup" in rules


def test_who_may_use_the_internet_does_not_get_at_the_home():
    rules = firewall.rules(made(internet=True))
    assert 'oifname != "br-group" ip saddr 10.77.5.0/24 masquerade' in rules
    assert "ip saddr 10.77.5.0/24 ip daddr != {" in rules and "192.168.0.0/16" in rules


def test_the_tables_name_is_one_that_nft_takes():
    assert firewall.table(made(bridge="br_k\u00fcche & Co")) == "ipop_br_5fk_fcche_20_26_20Co"


def test_a_group_that_is_called_almost_the_same_does_not_take_anothers_firewall_away():
    groups = made(name="friends", bridge="br0"), made(name="Friends", bridge="br1")
    assert len({firewall.table(each) for each in groups}) == 2


# --- ordinary devices with a second address


def test_a_home_is_mapped_address_by_address():
    (mapping,) = made(map=["192.168.1.0/24"]).maps
    assert mapping == (bytes([192, 168, 1, 0]), bytes([10, 77, 133, 0]), 24)
    rules = firewall.rules(made(map=["192.168.1.0/24"]))
    assert "dnat ip prefix to ip daddr map { 10.77.133.0/24 : 192.168.1.0/24 }" in rules
    assert "snat ip prefix to ip saddr map { 192.168.1.0/24 : 10.77.133.0/24 }" in rules


def test_one_device_keeps_its_place():
    (nas,) = made(map=["192.168.1.20"]).maps
    assert nas == (bytes([192, 168, 1, 20]), bytes([10, 77, 133, 20]), 32)
    (few,) = made(map=["192.168.1.16/28"]).maps
    assert few.image == bytes([10, 77, 133, 16]) and few.length == 28


def test_a_slice_and_its_mirror_have_one_size():
    (mapping,) = made((9, 22), map=["192.168.4.0/22"]).maps
    assert mapping.image == bytes([10, 77, 164, 0]) and mapping.length == 22
    (nas,) = made((9, 22), map=["192.168.5.20"]).maps
    assert nas.image == bytes([10, 77, 165, 20])
    assert refused("192.168.0.0/23").endswith(": this home has a /24 in the group: map less, or single devices")


def test_what_cant_be_mapped_is_told():
    for maps, wrong in (
        (["10.77.3.0/24"], "10.77.3.0/24: that is in the group's own subnet: only other networks can be mapped"),
        (["10.77.3.1"], "10.77.3.1: that is in the group's own subnet: only other networks can be mapped"),
        (
            ["192.168.1.5", "192.168.2.5"],
            "192.168.2.5: in the group it would be 10.77.133.5, which 192.168.1.5/32 has",
        ),
        (["192.168.1.0/24", "192.168.1.5"], "192.168.1.5: it is mapped already, with 192.168.1.0/24"),
    ):
        assert refused(*maps) == "option 'map': " + wrong, refused(*maps)
