"""`ipop devices` shows who is on the LAN, what to type to reach it, and where it is."""

import json

from test_cli import Page
from test_group_commands import printed

from ipop.command.devices import show_devices

NAS = {
    "name": "nas",
    "fqdn": "nas.cabin.friends.internal",
    "address": "10.77.5.20",
    "addresses": ["10.77.5.20", "fd12::20"],
    "mac": "00:11:32:00:00:01",
    "vendor": "Synology",
    "member": "cabin",
    "group": "friends",
    "seen_s": 125,
    "way": "through hut",
}
SENSOR = dict(NAS, name="", fqdn=None, address="10.77.1.30", addresses=["10.77.1.30"], vendor="", member="den")
SENSOR["way"], SENSOR["seen_s"] = "here", 0


def test_each_device_has_its_line():
    out, asked = printed("devices", [NAS, SENSOR])
    assert asked == {"group": ""}
    assert out == (
        "NAME  ADDRESS        MEMBER           SEEN  PATH         MAC                VENDOR\n"
        + "nas   10.77.5.20 +1  cabin   2 min 5 s ago  through hut  00:11:32:00:00:01  Synology\n"
        + "-     10.77.1.30     den           0 s ago  here         00:11:32:00:00:01  -\n"
        + "\n"
        + "Each has a name in all homes: nas of cabin is nas.cabin.friends.internal.\n"
        + "Who has no name there has told none, neither when it asked for its address nor later.\n"
    )


def test_of_several_groups_each_device_says_whose_it_is():
    out, _ = printed("devices", [NAS, dict(NAS, group="club")])
    assert out.startswith("GROUP    NAME  ") and "\nclub     nas" in out


def test_one_group_can_be_asked_for():
    assert printed("devices --group club", [NAS])[1] == {"group": "club"}


def test_a_member_that_is_not_connected_is_said_to_be_so():
    assert "not connected" in printed("devices", [dict(NAS, way=None, seen_s=None)])[0]


def test_where_there_is_nobody_it_says_what_to_do():
    assert "'ipop members'" in printed("devices", [])[0]


def test_programs_get_all_of_it():
    assert json.loads(printed("devices --json", [NAS, SENSOR])[0]) == [NAS, SENSOR]


def test_what_comes_from_others_can_not_move_the_cursor():
    page = Page(None, True)
    show_devices(page, [dict(NAS, member="\x1b[2J")])
    assert "\x1b[2J" not in page.text and "?[2J" in page.text
