"""Two networks with the same addresses: nothing would work and nobody would say why. So it is said before."""

from ipop.home import conflicts

SUBNET, ULA = (bytes([10, 77, 0, 0]), 16), b"\xfd\1\2\3\4\5\0\0"
WAN, LAN = ("wan", "198.51.100.2", 29), ("br-lan", "192.168.1.1", 24)


def find(*networks, others=(), subnet=SUBNET, own=("br-group", "ipop0")):
    found = conflicts.find("friends", subnet, ULA, own, networks, others, ("wan",))
    return [conflicts.text(conflict) for conflict in found]


def test_an_ordinary_home_has_none():
    assert find(WAN, LAN, ("wan", "2001:db8::2", 64), ("br-group", "10.77.5.1", 16)) == []
    assert find(("br-lan", "10.76.255.1", 16), ("br-lan", "10.78.0.1", 24)) == []


def test_a_lan_in_the_same_place_is_told_with_both_ways_out():
    assert find(WAN, ("br-lan", "10.77.3.1", 24)) == [
        "the group friends has 10.77.0.0/16, but br-lan has 10.77.3.1/24: "
        "move br-lan to 192.168.2.0/24, or make the group anew with --subnet 10.78.0.0/16"
    ]


def test_a_lan_around_the_group_counts_as_well():
    (text,) = find(("br-lan", "10.0.0.1", 8))
    assert text.endswith("move br-lan to 192.168.2.0/24, or make the group anew with another --subnet")


def test_the_nearest_free_network_is_named():
    homes = [("eth%d" % n, "192.168.%d.1" % n, 24) for n in range(1, 4)]
    (text,) = find(("br-lan", "192.168.2.9", 24), homes[0], homes[2], subnet=(bytes([192, 168, 2, 0]), 24))[:1]
    assert "move br-lan to 192.168.4.0/24" in text, text
    others = [("a", (bytes([10, 78, 0, 0]), 16), b"\xfd" * 8), ("b", (bytes([10, 76, 0, 0]), 16), b"\xfe" * 8)]
    (text,) = find(("br-lan", "10.77.3.1", 24), others=others)
    assert text.endswith("--subnet 10.79.0.0/16"), text


def test_the_provider_cant_be_moved():
    for addresses in ("10.77.9.9", "10.77.0.1"):
        (text,) = find(("wan", addresses, 24), LAN)
        anew = "make the group anew with --subnet 10.78.0.0/16, or "
        assert text.endswith(": " + anew + "move the LAN of the router before this one, if it is yours"), text


def test_another_group_is_told_by_its_name():
    club = ("club", (bytes([10, 64, 0, 0]), 12), b"\xfd\7" + bytes(6))
    far = ("far", (bytes([10, 1, 0, 0]), 16), b"\xfd" * 8)
    assert find(others=[club, far]) == [
        "the group friends has 10.77.0.0/16, but the group club has 10.64.0.0/12: "
        "make one of the two anew with --subnet 10.80.0.0/16"
    ]


def test_the_same_ipv6_prefix_is_told():
    (text,) = find(("br-lan", "fd01:203:405::1", 64))
    assert text == (
        "the group friends has fd01:203:405::/64, but br-lan has fd01:203:405::1/64: "
        "give br-lan another prefix: this one was drawn for the group"
    )
    assert len(find(others=[("club", (bytes([10, 1, 0, 0]), 16), ULA)])) == 1


def test_a_home_where_all_is_taken_is_told_without_a_proposal():
    (text,) = find(("br-lan", "10.77.3.1", 24), ("eth9", "192.168.0.1", 16))[:1]
    assert "move br-lan elsewhere, or make the group anew with --subnet 10.78.0.0/16" in text


def test_no_network_breaks_it():
    for length in range(33):
        for third in (0, 1, 77, 255):
            for text in find(("x", "10.%d.3.1" % third, length), ("y", "192.168.%d.1" % third, length)):
                assert text.startswith("the group friends has 10.77.0.0/16, but ")


def test_what_is_served_already_comes_first_but_a_way_to_the_internet_goes_on_beside():
    def is_in_the_way(*networks, others=(), earlier=()):
        found = conflicts.find("friends", SUBNET, ULA, (), networks, others, ("wan",))
        return conflicts.in_the_way(found, ("wan",), earlier)

    other = ("work", SUBNET, b"\xfd" * 8)
    assert is_in_the_way(WAN, ("br-lan", "10.77.3.1", 24))
    assert not is_in_the_way(("wan", "10.77.3.1", 24), LAN)
    assert is_in_the_way(others=[other], earlier=["work"]) and not is_in_the_way(others=[other])
