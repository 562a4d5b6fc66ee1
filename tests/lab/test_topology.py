"""`ipop topology`: who is in the group and by which way each is reached, and `ipop events`: how that came about."""

from brokers import Mosquitto
from groups import asked, create, invite, join, new_home, wait_connected
from nats import SYMMETRIC
from netns import wait_for


def test_direct_ways_and_ways_through_a_member(lab):
    broker = Mosquitto(lab.add_host("broker"))
    lodge, den, cabin = new_home(lab, "lodge"), *(new_home(lab, name, nat=SYMMETRIC) for name in ("den", "cabin"))
    create(lodge, "friends", broker.url)
    line = invite(lodge, "--uses", "2")
    join(den, line)
    join(cabin, line)
    wait_connected(den, "lodge", "cabin")

    def links():
        found = {link["to"]: link for link in asked(den, "topology")["links"]}
        return found if found["cabin"]["rtt_ms"] and found["lodge"]["rtt_ms"] else None

    found = wait_for(links, 10, "round trips")
    assert {link["from"] for link in found.values()} == {"den"}
    assert found["lodge"]["is_direct"] and found["lodge"]["way"] == lodge.endpoint
    assert not found["cabin"]["is_direct"] and found["cabin"]["way"] == "through lodge"

    nodes = {node["name"]: node for node in asked(den, "topology", "--group", "friends")["nodes"]}
    assert {name: node["state"] for name, node in nodes.items()} == {
        "lodge": "connected", "den": "this router", "cabin": "connected"}
    rows = [line.split() for line in den.daemon.ipop("topology").stdout.splitlines()]
    assert ["den", "cabin", "through", "lodge", "relayed"] in [row[:5] for row in rows]
    told = [event["text"] for event in asked(den, "events")["events"] if event["group"] == "friends"]
    assert any(text.startswith("cabin: connected, ") for text in told)
    assert "cabin is a member now" in [event["text"] for event in asked(lodge, "events")["events"]]
