"""`ipop topology` shows by which way each member is reached, and who isn't."""

import json

from test_group_commands import complaint, printed

DEN = {"group": "friends", "name": "den", "fingerprint": "7QK2", "role": "owner", "address": "10.77.1.1"}
DEN["state"] = "this router"
CABIN, HUT = dict(DEN, name="cabin", state="connected"), dict(DEN, name="hut", state="away")
LINK = {"group": "friends", "from": "den", "to": "cabin", "way": "through lodge", "is_direct": False, "rtt_ms": 41.5}


def test_each_way_has_its_line_and_who_is_away_is_named():
    out, asked = printed("topology", {"nodes": [DEN, CABIN, HUT], "links": [LINK]})
    assert asked == {"group": ""}
    assert out == (
        "FROM  TO     WAY            KIND         RTT\n"
        + "den   cabin  through lodge  relayed  41.5 ms\n"
        + "\n"
        + "friends: hut not connected\n"
    )


def test_of_several_groups_each_way_says_whose_it_is():
    direct = dict(LINK, group="club", way="203.0.113.7:51820", is_direct=True)
    nodes = [DEN, CABIN, dict(DEN, group="club"), dict(CABIN, group="club")]
    out, _ = printed("topology --group club", {"nodes": nodes, "links": [LINK, direct]})
    assert out.startswith("GROUP    FROM") and "\nclub     den   cabin  203.0.113.7:51820  direct " in out
    assert out.endswith("\nclub: all are connected\nfriends: all are connected\n")


def test_where_there_is_no_group_it_says_so():
    assert "in no group" in printed("topology", {"nodes": [], "links": []})[0]


def test_programs_get_all_of_it():
    answer = {"nodes": [DEN, CABIN], "links": [LINK]}
    assert json.loads(printed("topology --json", answer)[0]) == answer


def test_an_answer_of_another_kind_is_told():
    assert "can't show" in complaint("topology", topology={"nodes": [{}], "links": []})[1]
