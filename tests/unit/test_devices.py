"""Devices have names in the whole group: soon after they appear, under their own member's name, and as long as they are
there. Who lies about names harms nobody but its own."""

import json
from binascii import unhexlify

from pair import Dice
from test_mdns import AVAHI, message, name, record

from ipop.errors import Rejected
from ipop.lan.devices import DEVICES_MAX, GAP, MESSAGE_MAX, TRIES_MAX, Devices
from ipop.lan.directory import HERE
from ipop.lan.own_devices import KEEP, entry
from ipop.ports import crypto

PREFIX = unhexlify("fd123456789a00000000000000000000"), 64


def mac(n):
    return bytes([2, 0, 0, 0, n >> 8, n & 255])


def mac_text(n):
    return "02:00:00:00:%02x:%02x" % (n >> 8, n & 255)


def ipv6(n):
    return PREFIX[0][:15] + bytes([n])


class Link:
    def __init__(self, name):
        self.config = self
        self.name = name
        self.is_up = False


class Home:
    """A router; its slice is 10.77.`number`.0/24."""

    def __init__(self, name, number, budget):
        self.name = name
        self.slice = bytes([10, 77, number, 0]), 24
        self.dropped = []
        self.devices = Devices(crypto.sha256, self.dropped.append, budget)
        self.links = {}  # Home -> Link
        self.leases = []

    def lease(self, n, host, name=""):
        self.leases = [each for each in self.leases if each[0] != mac(n)]
        self.leases.append((mac(n), "10.77.%d.%d" % (self.slice[0][2], host), name))

    def release(self, n):
        self.leases = [each for each in self.leases if each[0] != mac(n)]


class Group:
    """Homes that are all connected; `lose(sender, content)` says whether a message gets lost."""

    def __init__(self, *names, budget=65_536):
        self.now = 1_000_000
        self.homes = [Home(each, i + 1, budget) for i, each in enumerate(names)]
        self.sent = []  # (sender's name, content)
        self.lose = lambda sender, content: False
        self.late = None  # a list: messages are kept there and not delivered
        for a in self.homes:
            a.links = {b: Link(b.name) for b in self.homes if b is not a}
        self.agree()
        for a in self.homes:
            for b in a.links:
                self.connect(a, b)

    def agree(self):
        """All rosters are the same."""
        for a in self.homes:
            slices = {link: b.slice for b, link in a.links.items()}
            a.devices.set_slices(slices, a.slice, self.now, PREFIX, a.name)

    def connect(self, a, b):
        a.links[b].is_up = True
        a.devices.handle_connected(a.links[b], self.now)

    def rename(self, home, name):
        home.name = name
        for other in self.homes:
            if other is not home:
                other.links[home].name = name
        self.agree()

    def revoke(self, home):
        self.homes.remove(home)
        for other in self.homes:
            other.devices.forget(other.links.pop(home))
        self.agree()

    def deliver(self):
        is_busy = True
        while is_busy:
            is_busy = False
            for home in self.homes:
                told = home.devices.poll_message()
                while told is not None:
                    is_busy = True
                    link, content = told
                    assert len(content) <= MESSAGE_MAX
                    self.sent.append((home.name, content))
                    (other,) = [other for other, each in home.links.items() if each is link]
                    if self.late is not None:
                        self.late.append((home, other, content))
                    elif not self.lose(home, content):
                        self.hand_over(home, other, content)
                    told = home.devices.poll_message()

    def hand_over(self, home, other, content):
        other.devices.handle_message(other.links[home], content, self.now)

    def run(self, ms=3 * GAP):
        """Let time pass, from one deadline to the next."""
        end = self.now + ms
        while True:
            self.deliver()
            times = [home.devices.poll_timeout() for home in self.homes]
            times = [when for when in times if when is not None and when <= end]
            if not times:
                break
            self.now = max(min(times), self.now)
            for home in self.homes:
                home.devices.handle_timeout(self.now)
        self.now = end

    def set_leases(self, home):
        home.devices.set_leases(home.leases, self.now)

    def names(self, home):
        """{name: address} of the devices, as `home` knows them."""
        records = home.devices.records("friends", "internal")
        return {fqdn: address for address, fqdn in records if fqdn[:7] != "router." and fqdn.count(".") == 3}


def den_and_cabin(**options):
    group = Group("den", "cabin", **options)
    den, cabin = group.homes
    cabin.lease(1, 20, "nas")
    group.set_leases(cabin)
    group.run()
    group.sent = []
    return group, den, cabin


# --- names


def test_a_device_has_a_name_in_all_homes():
    group, den, cabin = den_and_cabin()
    for home in (den, cabin):
        assert group.names(home) == {"nas.cabin.friends.internal": "10.77.2.20"}
        assert home.devices.records("friends", "internal") == [
            ("10.77.1.1", "router.den.friends.internal"),
            ("10.77.1.1", "den.friends.internal"),
            ("10.77.2.1", "router.cabin.friends.internal"),
            ("10.77.2.1", "cabin.friends.internal"),
            ("10.77.2.20", "nas.cabin.friends.internal"),
        ]


def test_it_takes_less_than_a_second():
    group = Group("den", "cabin")
    den, cabin = group.homes
    group.run()
    cabin.lease(1, 20, "nas")
    group.set_leases(cabin)
    group.run(0)
    assert group.names(den)


def test_a_renamed_device_and_one_that_leaves_are_followed():
    group, den, cabin = den_and_cabin()
    cabin.lease(1, 20, "store")
    group.set_leases(cabin)
    group.run(GAP)
    assert group.names(den) == {"store.cabin.friends.internal": "10.77.2.20"}
    cabin.release(1)
    group.set_leases(cabin)
    group.run(GAP)
    assert group.names(den) == {}


def test_a_renamed_member_is_followed():
    group, den, cabin = den_and_cabin()
    group.rename(cabin, "Chalet 7")
    assert list(group.names(den)) == ["nas.chalet-7.friends.internal"]
    group.run()
    assert group.sent == []  # all that it takes was in the roster


def test_who_is_out_has_no_names():
    group, den, cabin = den_and_cabin()
    revision = den.devices.revision
    group.revoke(cabin)
    assert den.devices.revision > revision
    assert den.devices.records("friends", "internal")[-1] == ("10.77.1.1", "den.friends.internal")
    assert den.devices.listing(group.now, "friends", "internal") == []


def test_two_members_that_look_alike_are_told_apart_by_all_in_the_same_way():
    group = Group("Zoë", "zoe", "router")
    for i, home in enumerate(group.homes):
        home.lease(i, 20, "tv")
        group.set_leases(home)
    group.run()
    for home in group.homes:
        assert group.names(home) == {
            "tv.zoe-1.friends.internal": "10.77.1.20",
            "tv.zoe-2.friends.internal": "10.77.2.20",
            "tv.router-2.friends.internal": "10.77.3.20",
        }


def test_a_member_whose_name_has_no_letters_that_dns_takes_is_called_by_its_slice():
    group = Group("den", "\u0414\u043e\u043c")
    den, dom = group.homes
    dom.lease(1, 20, "nas")
    group.set_leases(dom)
    group.run()
    assert list(group.names(den)) == ["nas.member-2.friends.internal"]


def test_two_devices_of_one_name_keep_theirs():
    group, den, cabin = den_and_cabin()
    cabin.lease(0, 21, "NAS")
    cabin.lease(5, 22, "router")
    cabin.lease(6, 23, "wpad")
    group.set_leases(cabin)
    group.run()
    assert group.names(den) == {
        "nas.cabin.friends.internal": "10.77.2.20",
        "nas-2.cabin.friends.internal": "10.77.2.21",
        "router-2.cabin.friends.internal": "10.77.2.22",
        "wpad-2.cabin.friends.internal": "10.77.2.23",
    }


def test_what_a_device_of_ours_may_ask_for_without_the_end():
    """`nas` is the own home's, `nas.cabin` the cabin's: by the search list, never by a bare name in the hosts file,
    with which a member called `com` could take google.com."""
    group, den, cabin = den_and_cabin()
    assert cabin.devices.search_domains("Friends", "internal") == ["cabin.friends.internal", "friends.internal"]
    for _, fqdn in den.devices.records("friends", "internal"):
        assert fqdn.endswith(".friends.internal")


def test_a_name_that_is_too_long_is_left_out():
    group, den, cabin = den_and_cabin()
    suffix = ".".join(["x" * 60] * 4)
    assert den.devices.records("friends", suffix[:235])
    assert all(len(fqdn) <= 253 for _, fqdn in den.devices.records("friends", suffix[:235]))
    assert den.devices.listing(group.now, "friends", suffix)[0]["fqdn"] is None


# --- what the own LAN says


def test_a_lease_names_a_device_before_mdns_does():
    group, den, cabin = den_and_cabin()
    nas = bytes([10, 77, 2, 20])
    assert cabin.devices.hear_mdns(message(record(name(b"Other", b"local"), nas)), nas, mac(1), group.now)
    assert list(group.names(cabin)) == ["nas.cabin.friends.internal"]
    cabin.lease(1, 20, "")
    group.set_leases(cabin)
    assert list(group.names(cabin)) == ["other.cabin.friends.internal"]


def test_leases_of_the_homes_other_lan_are_no_devices_of_the_group():
    group, den, cabin = den_and_cabin()
    cabin.leases += [(mac(100 + n), "192.168.1.%d" % n, "phone-%d" % n) for n in range(2, 250)]
    cabin.lease(2, 21, "tv")
    group.set_leases(cabin)
    assert len(cabin.devices.listing(group.now, "friends", "internal")) == 2


def test_leases_that_were_there_before_the_slice_was_known_count_from_then():
    devices = Devices(crypto.sha256, None)
    devices.set_leases([(mac(1), "10.77.2.20", "nas")], 0)
    assert devices.listing(0, "friends", "internal") == []
    devices.set_slices({}, (bytes([10, 77, 2, 0]), 24), 0, PREFIX, "cabin")
    assert [each["fqdn"] for each in devices.listing(0, "friends", "internal")] == ["nas.cabin.friends.internal"]


def test_a_device_without_a_lease_is_named_by_mdns_until_it_says_good_bye():
    group, den, cabin = den_and_cabin()
    tv = bytes([10, 77, 2, 30])
    hello, bye = (message(record(name(b"Living-Room-TV", b"local"), tv, ttl)) for ttl in (120, 0))
    cabin.devices.hear_mdns(hello, tv, mac(2), group.now)
    group.run()
    assert group.names(den)["living-room-tv.cabin.friends.internal"] == "10.77.2.30"
    cabin.devices.hear_mdns(bye, tv, mac(2), group.now)
    group.run()
    assert list(group.names(den)) == ["nas.cabin.friends.internal"]


def test_a_device_with_avahi_is_named_in_the_other_home():
    group, den, cabin = den_and_cabin()
    assert den.devices.hear_mdns(AVAHI, bytes([10, 77, 1, 10]), mac(3), group.now)
    group.run()
    assert group.names(cabin)["den-pc.den.friends.internal"] == "10.77.1.10"


def test_a_device_that_announces_two_names_keeps_one():
    group, den, cabin = den_and_cabin()
    tv = bytes([10, 77, 2, 30])
    a, b = (record(name(each, b"local"), tv) for each in (b"a", b"b"))
    for records in ((a,), (a, b), (b, a)):
        cabin.devices.hear_mdns(message(*records), tv, mac(2), group.now)
        assert "a.cabin.friends.internal" in group.names(cabin)
    cabin.devices.hear_mdns(message(b), tv, mac(2), group.now)
    assert "b.cabin.friends.internal" in group.names(cabin)


def test_a_device_names_only_the_address_that_it_sends_from():
    group, den, cabin = den_and_cabin()
    tv, nas, far = bytes([10, 77, 2, 30]), bytes([10, 77, 2, 20]), bytes([10, 77, 1, 9])
    for announced, source in ((nas, tv), (far, tv), (far, far), (b"\xc0\xa8\x01\x02", b"\xc0\xa8\x01\x02")):
        said = message(record(name(b"evil", b"local"), announced))
        cabin.devices.hear_mdns(said, source, mac(9), group.now)
    assert list(group.names(cabin)) == ["nas.cabin.friends.internal"]
    assert not cabin.devices.hear_mdns(b"noise", tv, mac(9), group.now)


def test_a_device_has_ipv6_addresses_too():
    group, den, cabin = den_and_cabin()
    cabin.devices.saw(mac(1), (ipv6(5), unhexlify("fe80" + "00" * 13 + "01")), group.now)
    group.run()
    records = den.devices.records("friends", "internal")
    assert records[-1] == ("fd12:3456:789a::5", "nas.cabin.friends.internal")
    (nas,) = den.devices.listing(group.now, "friends", "internal")
    assert nas["addresses"] == ["10.77.2.20", "fd12:3456:789a::5"]


def test_two_devices_of_one_name_have_a_name_each():
    """dnsmasq lets one lease at a time have it."""
    group, den, cabin = den_and_cabin()
    cabin.lease(1, 20, "")
    cabin.lease(2, 21, "nas")
    group.set_leases(cabin)
    group.run()
    assert group.names(den) == {"nas.cabin.friends.internal": "10.77.2.21"}  # as if a phone had another MAC now
    cabin.devices.saw(mac(1), (bytes([10, 77, 2, 20]),), group.now)
    group.run()
    both = {"nas.cabin.friends.internal": "10.77.2.21", "nas-2.cabin.friends.internal": "10.77.2.20"}
    assert group.names(den) == both
    for told in (("nas", ""), ("", "nas")):  # each time that one of them renews its lease
        for n, called in enumerate(told, 1):
            cabin.lease(n, 19 + n, called)
        group.set_leases(cabin)
        for n in (1, 2):
            cabin.devices.saw(mac(n), (bytes([10, 77, 2, 19 + n]),), group.now)
        group.run()
        assert group.names(den) == both


def test_a_carried_device_is_shown_where_it_is():
    """Its lease goes on for hours where it was."""
    group, den, cabin = den_and_cabin()
    den.lease(1, 20, "nas")  # which has one at the cabin
    group.set_leases(den)
    group.run()
    for place, member in ((None, "den"), (den.links[cabin], "cabin")):
        (nas,) = den.devices.listing(group.now, "friends", "internal", places={mac(1): place})
        assert nas["member"] == member
    assert len(den.devices.listing(group.now, "friends", "internal", places={mac(1): "a home that names it not"})) == 2


def test_who_has_no_lease_and_was_not_seen_for_an_hour_is_gone():
    group, den, cabin = den_and_cabin()
    cabin.devices.saw(mac(2), (bytes([10, 77, 2, 40]),), group.now)
    cabin.devices.saw(mac(1), (ipv6(5),), group.now)
    group.run(KEEP // 2)
    assert len(den.devices.listing(group.now, "friends", "internal")) == 2
    group.run(KEEP)
    (nas,) = den.devices.listing(group.now, "friends", "internal")
    assert nas["addresses"] == ["10.77.2.20"]


def test_a_full_table_prefers_who_has_a_name():
    group, den, cabin = den_and_cabin()
    for n in range(400):
        cabin.devices.saw(mac(1000 + n), (bytes([10, 77, 2, 100]),), group.now)
    cabin.lease(2, 21, "tv")
    group.set_leases(cabin)
    assert len(cabin.devices._own._devices) == DEVICES_MAX
    assert len(group.names(cabin)) == 2


# --- how it is told


def test_while_nothing_changes_nothing_is_sent():
    group, den, cabin = den_and_cabin()
    for _ in range(60):
        group.set_leases(cabin)
        cabin.devices.saw(mac(1), (bytes([10, 77, 2, 20]),), group.now)
        group.run(60_000)
    assert group.sent == []
    assert den.devices.poll_timeout() is None and cabin.devices.poll_timeout() is None


def test_a_change_among_many_is_a_small_message():
    group, den, cabin = den_and_cabin()
    for n in range(2, 200):
        cabin.lease(n, n + 20, "device-number-%d" % n)
    group.set_leases(cabin)
    group.run()
    assert len(group.names(den)) == 199
    assert len(group.sent) < 12
    group.sent = []
    cabin.lease(7, 27, "another")
    group.set_leases(cabin)
    group.run()
    assert "another.cabin.friends.internal" in group.names(den)
    assert sum([len(content) for _, content in group.sent]) < 80, group.sent


def test_a_device_that_changes_all_the_time_costs_little():
    group, den, cabin = den_and_cabin()
    for n in range(600):
        cabin.lease(1, 20, "nas-%d" % n)
        group.set_leases(cabin)
        group.run(100)
    assert len([content for sender, content in group.sent if sender == "cabin"]) <= 26
    group.run(10_000)
    assert list(group.names(den)) == ["nas-599.cabin.friends.internal"]


def test_whatever_gets_lost_is_told_again():
    for lost in range(12):
        group = Group("den", "cabin")
        den, cabin = group.homes
        count = [0]

        def lose(sender, content, count=count, lost=lost):
            count[0] += 1
            return count[0] - 1 in (lost, lost + 1, lost + 4)

        group.lose = lose
        for n in range(60):
            cabin.lease(n, n + 20, "device-%d" % n)
        group.set_leases(cabin)
        group.run(500)
        cabin.lease(3, 23, "renamed")
        cabin.release(4)
        group.set_leases(cabin)
        group.run(20_000)
        assert group.names(den) == group.names(cabin) and len(group.names(den)) == 59, lost


def test_messages_may_come_late_and_in_any_order():
    for seed in range(12):
        group, den, cabin = den_and_cabin()
        group.late = []
        for n in range(40):
            cabin.lease(n, n + 20, "device-%d" % n)
        for round in range(3):
            cabin.lease(50, 100, "round-%d" % round)
            group.set_leases(cabin)
            group.run(GAP)
        chance = Dice(seed).bytes(64)
        late, group.late = group.late, None
        for i in range(len(late)):
            late.append(late.pop(chance[i % 64] % len(late)))
        for each in late:
            group.hand_over(*each)
        group.run(40_000)
        assert group.names(den) == group.names(cabin), seed


def test_who_was_away_learns_what_it_missed():
    group, den, cabin = den_and_cabin()
    den.links[cabin].is_up = cabin.links[den].is_up = False
    cabin.lease(1, 20, "store")
    group.set_leases(cabin)
    group.run(600_000)
    assert group.sent == []
    assert list(group.names(den)) == ["nas.cabin.friends.internal"]
    group.connect(den, cabin)
    group.connect(cabin, den)
    group.run(GAP)
    assert list(group.names(den)) == ["store.cabin.friends.internal"]


def test_a_router_that_restarts_is_told_again_though_the_others_noticed_nothing():
    group, den, cabin = den_and_cabin()
    den.devices = Devices(crypto.sha256, den.dropped.append)
    group.agree()
    group.connect(den, cabin)
    group.run(GAP)
    assert list(group.names(den)) == ["nas.cabin.friends.internal"]
    cabin.devices = Devices(crypto.sha256, den.dropped.append)
    group.agree()
    group.connect(cabin, den)
    group.run(GAP)
    assert group.names(den) == {}


def test_who_understands_nothing_of_names_is_left_alone():
    group = Group("den", "cabin")
    den, cabin = group.homes
    group.lose = lambda sender, content: True
    cabin.lease(1, 20, "nas")
    group.set_leases(cabin)
    group.run(3_600_000)
    assert len(group.sent) <= 2 * 2 * TRIES_MAX
    assert sum([len(content) for _, content in group.sent]) < 500


def test_two_who_hold_the_same_say_so_in_a_few_bytes():
    group, den, cabin = den_and_cabin()
    group.connect(den, cabin)
    group.connect(cabin, den)
    group.run()
    assert 2 <= len(group.sent) <= 4 and all(len(content) == 10 for _, content in group.sent)


def test_a_member_with_another_slice_is_asked_again():
    group, den, cabin = den_and_cabin()
    cabin.slice = bytes([10, 77, 9, 0]), 24
    group.agree()
    assert group.names(den) == {}
    cabin.lease(1, 20, "nas")
    group.set_leases(cabin)
    group.run()
    assert group.names(den) == {"nas.cabin.friends.internal": "10.77.9.20"}


# --- who lies


def all_of(*entries):
    return bytes([1]) + b"digest.." + bytes([0, 1]) + b"".join(entries)


def refusal(home, link, content, now=0):
    try:
        home.devices.handle_message(link, content, now)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_a_member_names_only_what_is_in_its_own_slice():
    group, den, cabin = den_and_cabin()
    link = den.links[cabin]
    foreign = [bytes([10, 77, 1, 20]), bytes([10, 77, 3, 1]), bytes([8, 8, 8, 8]), bytes([10, 77, 2, 1])]
    foreign += [unhexlify("20010db8" + "00" * 12), bytes([10, 77, 2, 0])]
    lies = all_of(*[entry(mac(i), (address,), "bank") for i, address in enumerate(foreign)])
    assert refusal(den, link, lies, group.now) is None
    assert group.names(den) == {} and den.dropped == ["foreign-name"] * len(foreign)
    half = all_of(entry(mac(1), (bytes([10, 77, 2, 9]), bytes([10, 77, 1, 9])), "half"))
    refusal(den, link, half.replace(b"digest..", b"another."), group.now)
    assert group.names(den) == {"half.cabin.friends.internal": "10.77.2.9"}


def test_a_name_that_is_none_is_refused():
    group, den, cabin = den_and_cabin()
    link, address = den.links[cabin], bytes([10, 77, 2, 9])
    for bad in ("router", "wpad", "a.b", "google.com", "A", "-a", "a b", "a\n", "x" * 64, "b\x1b"):
        assert refusal(den, link, all_of(entry(mac(1), (address,), bad)), group.now) == "bad-payload", bad
    assert refusal(den, link, all_of(entry(b"\xff" * 6, (address,), "a")), group.now) == "bad-payload"
    assert refusal(den, link, all_of(entry(mac(1), (), "a")), group.now) == "bad-payload"
    assert list(group.names(den)) == ["nas.cabin.friends.internal"]


def test_an_ipv6_address_belongs_to_who_named_it_first():
    group = Group("den", "cabin", "hut")
    den, cabin, hut = group.homes
    cabin.lease(1, 20, "nas")
    group.set_leases(cabin)
    cabin.devices.saw(mac(1), (ipv6(5),), group.now)
    group.run()
    hut.lease(2, 20, "thief")
    group.set_leases(hut)
    hut.devices.saw(mac(2), (ipv6(5),), group.now)
    group.run()
    named = [fqdn for address, fqdn in den.devices.records("friends", "internal") if ":" in address]
    assert named == ["nas.cabin.friends.internal"]
    own = [fqdn for address, fqdn in hut.devices.records("friends", "internal") if ":" in address]
    assert own == ["thief.hut.friends.internal"]  # each home believes its own LAN


def test_a_member_that_names_thousands_takes_no_others_room():
    group = Group("den", "cabin", "hut", budget=20_000)
    den, cabin, hut = group.homes
    cabin.lease(1, 20, "nas")
    group.set_leases(cabin)
    for n in range(230):
        hut.devices.saw(mac(n + 10), (bytes([10, 77, 3, n + 20]),), group.now)
    hut.lease(5, 19, "named")
    group.set_leases(hut)
    group.run()
    assert set(group.names(den)) == {"nas.cabin.friends.internal", "named.hut.friends.internal"}
    held = den.devices._members[den.links[hut]]
    assert held.cost <= 10_000 and 50 < len(held.entries) < 230
    assert "names-full" in den.dropped
    group.revoke(cabin)
    group.run()
    assert len(held.entries) > 100  # what had no room before is asked for


def test_a_smaller_share_is_kept_too():
    group = Group("den", "cabin", budget=12_000)
    den, cabin = group.homes
    for n in range(60):
        cabin.devices.saw(mac(n + 10), (bytes([10, 77, 2, n + 20]),), group.now)
    cabin.lease(255, 19, "named")
    group.set_leases(cabin)
    group.run()
    held = den.devices._members[den.links[cabin]]
    assert len(held.entries) == 61
    slices = {Link("new"): (bytes([10, 77, 9, 0]), 24), den.links[cabin]: cabin.slice}
    den.devices.set_slices(slices, den.slice, group.now, PREFIX, "den")
    assert held.cost <= 6_000 and "named.cabin.friends.internal" in group.names(den)


def test_a_flood_of_messages_is_cut_short():
    group, den, cabin = den_and_cabin()
    link = den.links[cabin]
    reasons = [refusal(den, link, all_of(), group.now) for _ in range(1_000)]
    assert reasons.count(None) < 100 and reasons[-1] == "names-flood"
    den.devices.poll_message()
    assert den.devices.poll_message() is None  # one answer for them all
    assert refusal(den, link, all_of(), group.now + 10_000) is None


def test_who_asks_all_the_time_is_not_told_all_the_time():
    group, den, cabin = den_and_cabin()
    for n in range(200):
        cabin.lease(n, n + 20, "device-%d" % n)
    group.set_leases(cabin)
    group.run()
    group.sent = []
    group.lose = lambda sender, content: True
    for _ in range(600):
        refusal(cabin, cabin.links[den], bytes([0, 1]) + b"whatever", group.now)
        group.run(100)
    assert sum([len(content) for _, content in group.sent]) < 200_000  # in a minute, of 8 kB each


def test_a_stranger_has_no_names():
    group, den, cabin = den_and_cabin()
    assert refusal(den, Link("x"), all_of(), group.now) == "no-slice"
    for content in (b"", b"\x07", b"\0", b"\1", b"\2", bytes([1]) + bytes(8) + b"\3\2", bytes([2]) + bytes(16) + b"\7"):
        assert refusal(den, den.links[cabin], content, group.now) == "bad-payload", content


def test_any_bytes_are_understood_or_refused():
    dice = Dice(1)
    group, den, cabin = den_and_cabin()
    link = den.links[cabin]
    good = all_of(*[entry(mac(n), (bytes([10, 77, 2, 30 + n]), ipv6(n)), "tv-%d" % n) for n in range(3)])
    for kind in (good, bytes([2]) + good[1:9] * 2 + b"\2" + good[11:]):
        for _ in range(300):
            noise = dice.bytes(8)
            data = bytearray(kind)
            for i in range(0, 6, 2):
                data[noise[i] % len(data)] = noise[i + 1]
            data = bytes(data[: len(data) - noise[6] % 20])
            group.now += 100
            assert refusal(den, link, data, group.now) in (None, "bad-payload")
            while den.devices.poll_message() is not None:
                pass
    den.devices.records("friends", "internal")
    den.devices.listing(group.now, "friends", "internal")


# --- the list


def test_the_list_says_who_is_where():
    group, den, cabin = den_and_cabin()
    den.lease(3, 30, "")
    group.set_leases(den)
    den.devices.saw(mac(3), (bytes([10, 77, 1, 30]),), group.now - 9_000)
    group.run(0)
    seen = {mac(1): group.now - 4_500}
    listed = den.devices.listing(group.now, "friends", "internal", seen, lambda link: "through hut")
    assert json.loads(json.dumps(listed)) == [
        {
            "name": "nas",
            "fqdn": "nas.cabin.friends.internal",
            "address": "10.77.2.20",
            "addresses": ["10.77.2.20"],
            "mac": mac_text(1),
            "vendor": "",
            "member": "cabin",
            "group": "friends",
            "seen_s": 4,
            "way": "through hut",
        },
        {
            "name": "",
            "fqdn": None,
            "address": "10.77.1.30",
            "addresses": ["10.77.1.30"],
            "mac": mac_text(3),
            "vendor": "",
            "member": "den",
            "group": "friends",
            "seen_s": 9,
            "way": HERE,
        },
    ]


def test_the_maker_is_named_where_it_is_known():
    group, den, cabin = den_and_cabin()
    den.devices.saw(unhexlify("b827eb000001"), (bytes([10, 77, 1, 31]),), group.now)
    assert den.devices.listing(group.now, "friends", "internal")[1]["vendor"] == "Raspberry Pi"
