"""`ipop nat`: what stands between this router and the internet, what that means, and what would help.

The words for it are RFC 4787's. The classic name (RFC 3489) is added where a library that knows it is installed: many
forums and games speak of nothing else.
"""

from ..daemon import outlook
from ..wire import address
from .command import Command, Flag
from .show import GREEN, RED, YELLOW, Column, duration

_PAIR = (Column("", False), Column("", False))
_MEANINGS = {
    outlook.PUBLIC: (GREEN, "Everybody can reach this router directly: it has a public address."),
    outlook.MAPPED: (GREEN, "Everybody can reach this router directly: the one before it lets them through."),
    outlook.FIREWALL: (
        GREEN,
        "A public address, behind a firewall that lets in only what answers: members are reached directly, but for "
        "those behind hard NATs.",
    ),
    outlook.IPV6: (
        GREEN,
        "IPv6 only: members that have it are reached directly, those with IPv4 only through a member that has both.",
    ),
    outlook.UNSEEN: (YELLOW, "How this router looks from outside isn't known yet: nobody has told."),
    outlook.UDP_BLOCKED: (RED, "UDP seems to be blocked on the way out: no STUN server answers."),
    outlook.BY_TURN: (YELLOW, "UDP seems to be blocked on the way out: members are reached through the TURN server."),
    outlook.NAT: (YELLOW, "There is a NAT before this router: members are reached directly where that can be."),
    outlook.HARD: (
        YELLOW,
        "A hard NAT: it shows each member another port. Those behind easy NATs are reached directly, the others "
        "through a member that relays.",
    ),
    outlook.EASY: (GREEN, "An easy NAT: everybody can reach this router directly while it is on."),
    outlook.USUAL: (GREEN, "A usual NAT: members are reached directly, but for those behind hard ones."),
}
_HELP = {
    None: "",
    outlook.FORWARD: "To be reached by everybody, have the router before this one send UDP port {port} on to it, or "
    "switch on PCP, NAT-PMP or UPnP there.",
    outlook.OUTER: "The router before this one sends UDP port {port} on to it, but there is another NAT before that: "
    "to be reached by everybody, ask the internet provider for a public address.",
    outlook.OPEN: "To be reached by everybody, have the firewall before this router let UDP port {port} in.",
    outlook.ASK_STUN: "Connect to a member, or add \"list stun 'HOST:PORT'\" to the configuration.",
    outlook.UNBLOCK: "Ask whoever runs this network to let UDP out, which is quicker.",
    outlook.ADD_TURN: "Ask whoever runs this network to let UDP out, or add a TURN server that is reached by TCP: "
    "\"list turn 'turn://USER:PASSWORD@HOST?transport=tcp'\".",
}
_FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}


def _nat(shell):
    answer = shell.connect().ask("nat", {}, dict)
    servers = [server for family in answer["families"] if family["family"] == "ipv4" for server in family["servers"]]
    if shell.flags["classic"]:
        name = shell.ports.programs.classic_nat_name(*address.parse(servers[0])) if servers else None
        answer["classic"] = name or "unknown"
    shell.show(answer, show_nat, answer)


def show_nat(page, nat):
    colour, meaning, help = verdict(nat)
    page.line(meaning, colour)
    if help:
        page.line("  " + help)
    page.line()
    page.table(_PAIR, _facts(nat))


def verdict(nat):
    """(colour, what it means for this user, what would help or "")"""
    colour, meaning = _MEANINGS[nat["means"]]
    return colour, meaning, _HELP[nat["help"]].replace("{port}", str(nat["port"]))


def _facts(nat):
    facts = [["own addresses", ", ".join(nat["hosts"]) or "none"], ["UDP port", str(nat["port"])]]
    for family in nat["families"]:
        if family["state"] == outlook.FOUND or any((":" in ip) == (family["family"] == "ipv6") for ip in nat["hosts"]):
            facts += _family_facts(family)
    facts.append(["as members see it", ", ".join(nat["seen"]) or "-"])
    facts.append(["port mapping", nat["port_mapping"]])
    if nat.get("turn"):
        facts.append(["TURN", nat["turn"]])
    facts.append(["forwards for others", "yes" if nat["relay"] else "no"])
    if nat.get("classic"):
        facts.append(["classic name", nat["classic"]])
    return facts


def _family_facts(family):
    name = _FAMILIES.get(family["family"], family["family"])
    if family["state"] != "found":
        return [[name, "no STUN server answers" if family["state"] == "blocked" else "STUN servers are being asked"]]
    facts = [[name + " from outside", str(family["mapped"]) + ("" if family["is_nat"] else ", no NAT")]]
    if family["is_nat"]:
        facts.append([name + " mapping", family["mapping"]])
        facts.append([name + " filtering", family["filtering"]])
    if family["keepalive_s"]:
        facts.append([name + " kept open by", "a packet every " + duration(family["keepalive_s"])])
    return facts


_FLAGS = (Flag("classic", None, None, None, False, "Add the name of RFC 3489, which takes some seconds to find out"),)

NAT = Command("nat", "", _FLAGS, _nat, "What stands between this router and the internet, and what would help")
