"""`make matrix`: what stands before one home against what stands before the other. Do they meet, how, and how soon?

    matrix.py [MIX]

All are in one group, whose creator `den` can be reached over IPv4 and IPv6 and forwards for others; nobody else does.
There is a broker, and coturn for STUN; by TURN over TCP it helps those whose network blocks UDP. Homes of each kind
(tests/lab/nats.py) are members already when another home of each kind joins, one after another. Measured, from the
moment when `ipop join` was typed: when the first answer to a ping came, console to console, and when both routers sent
directly, where that is possible at all. The pings go on, so that what is lost on the move to a better way is seen.

Prints a table in Markdown, and ends with status 1 if a pair did not meet as it should.
"""

import json
import re
import socket
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

from brokers import Mosquitto
from coturn import Coturn
from groups import console_of, create, invite, join
from lab import MIXES, Lab
from nats import DOUBLE_NAT, IPV6_ONLY, KINDS, PORT_RESTRICTED, SYMMETRIC, UDP_BLOCKED
from netns import LabError, wait_for

DIRECT, RELAY, DUAL_STACK, TURN, NOTHING = "direct", "relay", "dual-stack relay", "TURN", "—"
AT_ONCE = 4  # homes that join at a time, before anything is measured
PING_EVERY = 0.2  # s
PATIENCE = 20  # s for the best way
REST = 2  # s in which nothing gets lost any more

# `helper` is one of the words above, `first` and `best` are seconds since the join; `sent` are the pings from the first
# that was answered to the last, `lost` those of them that were not
Cell = namedtuple("Cell", "helper first best sent lost")


def main(mix="cpython"):
    with Lab(interpreters=MIXES[mix]) as lab:
        cells = measure(lab)
    print(markdown(cells))
    print(f"\n{sum(cell.lost for cell in cells.values())} pings were lost after the first that was answered; {mix}.")
    print(*wrong(cells), sep="\n")
    return 1 if wrong(cells) else 0


def measure(lab):
    """{frozenset of two kinds, or of one: Cell}"""
    line, first, second = build(lab)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda home: join(home, line), first.values()))
    cells = {}
    for kind, home in second.items():
        for other, cell in meet(home, kind, line, first).items():
            cells.setdefault(frozenset((kind, other)), []).append(cell)
    return {pair: worst(seen) for pair, seen in cells.items()}


def wrong(cells):
    """Which pairs did not meet as they should, in words."""
    kinds = {pair_of(pair): cell.helper for pair, cell in cells.items()}
    return [f"{kind} and {other}: {helper}, and not {expected(kind, other)}"
            for (kind, other), helper in kinds.items() if helper != expected(kind, other)]


def build(lab):
    """(an invite for all, {kind: home} twice): daemons that run, in a lab where only the `den` is in the group."""
    server = lab.add_host("broker")
    broker, coturn = Mosquitto(server), Coturn(lab)
    options = {"stun": [coturn.endpoint, f"[{coturn.host.address6}]:3478"], "log_level": "info"}
    turn = {UDP_BLOCKED: {"turn": [coturn.url("tcp")]}}
    den = lab.add_home("den", ipv6=True)
    first, second = ({kind: lab.add_home(f"{name}{n}", nat=kind) for n, kind in enumerate(KINDS)} for name in "ab")
    for kind, home in ((None, den), *first.items(), *second.items()):
        home.globals.update(options, relay="1" if home is den else "0", **turn.get(kind, {}))
        home.add_console("pc")
        home.start_daemon()
    create(den, "friends", broker.url, f"mqtt://[{server.address6}]:{broker.port}")
    return invite(den, "--uses", len(lab.homes)), first, second


# --- one home meets the others


def meet(home, kind, line, others):
    """{kind of the other: Cell} for the home of one kind that joins, and others that are there."""
    addresses = {its: console_of(other).address for its, other in others.items()}
    began, wall = time.monotonic(), time.time()
    join(home, line)
    console = console_of(home)
    pings = {its: console.spawn(["ping", "-n", "-D", "-i", PING_EVERY, addresses[its]]) for its in others}
    best = {}

    def are_all_there():
        for its, other in others.items():
            if its not in best and helper(home, kind, other, its) == expected(kind, its):
                best[its] = time.monotonic() - began
        return len(best) == len(others)

    try:
        wait_for(are_all_there, PATIENCE, "the best ways")
    except LabError:
        pass  # the table says which
    time.sleep(REST)
    cells = {}
    for its, other in others.items():
        times = answers(pings[its].interrupt())
        sent = max(times) - min(times) + 1 if times else 0
        cells[its] = Cell(
            helper(home, kind, other, its) if times else NOTHING,
            times[min(times)] - wall if times else None,
            best.get(its),
            sent,
            sent - len(times),
        )
    return cells


def helper(home, kind, other, its):
    """What two homes of such kinds need to reach each other just now."""
    ways = [peers(one).get(two.name) for one, two in ((home, other), (other, home))]
    if None in ways:
        return NOTHING
    if UDP_BLOCKED in (kind, its) or any("TURN" in way for way in ways):
        return TURN
    if any(way.startswith("through") for way in ways):
        return DUAL_STACK if (kind == IPV6_ONLY) != (its == IPV6_ONLY) else RELAY
    return DIRECT


def peers(home):
    """{name of who is connected: the way there}; not by `ipop`, which takes longer to start than some paths take."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(home.control))
        client.sendall(b'{"v": 1, "id": 1, "method": "peers"}\n')
        answer = json.loads(client.makefile().readline())
    return {peer["name"]: peer["endpoint"] for peer in answer["result"] if peer["state"] == "connected"}


def answers(output):
    """{number of a ping: when it was answered}, as `ping -D` tells it."""
    found = re.findall(r"^\[([\d.]+)\] .* icmp_seq=(\d+) .*time=", output, re.MULTILINE)
    return {int(number): float(when) for when, number in found}


# --- the table


def expected(kind, other):
    pair = {kind, other}
    if UDP_BLOCKED in pair:
        return TURN
    if IPV6_ONLY in pair and len(pair) > 1:
        return DUAL_STACK
    if SYMMETRIC in pair and pair <= {SYMMETRIC, PORT_RESTRICTED, DOUBLE_NAT}:
        return RELAY
    return DIRECT


def pair_of(pair):
    """Both kinds, from a set of one or two."""
    kinds = sorted(pair, key=KINDS.index)
    return kinds[0], kinds[-1]


def worst(cells):
    """Of both orders in which they may join, the slower one."""
    return max(cells, key=lambda cell: (cell.first is None, cell.best is None, cell.best or cell.first))


def markdown(cells):
    rows = [["", *KINDS], ["---"] * (len(KINDS) + 1)]
    for n, kind in enumerate(KINDS):
        shown = [text(cells[frozenset((kind, other))], kind, other) for other in KINDS[:n + 1]]
        rows.append([kind, *shown, *[""] * (len(KINDS) - n - 1)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def text(cell, kind, other):
    if cell.first is None:
        return "needs TURN" if expected(kind, other) == TURN else "not connected"
    times = [cell.first] if cell.helper != DIRECT or cell.best is None else [cell.first, cell.best]
    return f"{cell.helper} {' / '.join(f'{time:.1f}' for time in times)}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
