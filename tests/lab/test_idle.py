"""What a connection costs while nobody uses it, counted on the internet as a provider counts it: whole packets."""

import re
import time
from itertools import combinations

import pytest
from brokers import Mosquitto
from groups import console_of, create, invite, join, new_home, wait_connected

SETTLE = 110  # s until who is away is given up, and nothing that comes of having met is under way
WATCHED = 2 * 135  # s; new keys are made with the keep-alive that follows after two minutes, at 125 to 135 s
BUDGET = 10  # bytes a second for each pair, both ways


@pytest.mark.long(seconds=SETTLE + WATCHED + 15)
@pytest.mark.timeout(SETTLE + WATCHED + 120)
def test_members_cost_each_other_little_be_they_idle_or_away(lab):
    """Two behind NATs and one who can be reached, with consoles; a fourth was switched off. It is called now and then,
    by way of the others too."""
    broker = Mosquitto(lab.add_host("broker"))
    den, cabin, lodge, hut = (new_home(lab, name, nat=name != "den") for name in ("den", "cabin", "lodge", "hut"))
    create(den, "friends", broker.url)
    for home in (cabin, lodge, hut):
        join(home, invite(den))
    hut.daemon.kill()
    for home in (den, cabin, lodge):
        console_of(home)
        home.daemon.stop()
        home.start_daemon()
    for home, others in ((den, ("cabin", "lodge")), (cabin, ("den", "lodge")), (lodge, ("den", "cabin"))):
        wait_connected(home, *others)
    pairs = list(combinations((den, cabin, lodge, hut), 2))
    rules = [f'ip saddr {a.gateway.address} ip daddr {b.gateway.address} counter comment "{one.name}-{other.name}"'
             for one, other in pairs for a, b in ((one, other), (other, one))]
    lab.internet.nft("\n".join(["table ip counted {", "chain passing {", "type filter hook forward priority filter",
                                *rules, "}", "}"]))

    def counted():
        """{pair: bytes}"""
        listed = lab.internet.run(["nft", "list", "table", "ip", "counted"]).stdout
        total = {}
        for size, pair in re.findall(r'bytes (\d+) comment "(\S+)"', listed):
            total[pair] = total.get(pair, 0) + int(size)
        return total

    time.sleep(SETTLE)
    before, began = counted(), time.monotonic()
    time.sleep(WATCHED)
    seconds = time.monotonic() - began
    rates = {pair: (size - before[pair]) / seconds for pair, size in counted().items()}
    print("idle:", ", ".join(f"{pair} {rate:.1f} bytes a second" for pair, rate in rates.items()))
    assert sum(rates.values()) / len(pairs) < BUDGET
