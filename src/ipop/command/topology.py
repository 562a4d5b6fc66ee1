"""`ipop topology`: by which way this router reaches each member of its groups."""

from .command import Command, Flag
from .show import FAINT, GREEN, YELLOW, Cell, Column, milliseconds

_GROUP = (Column("GROUP", False),)
_LINKS = (Column("FROM", False), Column("TO", False), Column("WAY", False), Column("KIND", False), Column("RTT", True))


def _topology(shell):
    topology = shell.connect().ask("topology", {"group": shell.flags["group"]}, dict)
    shell.show(topology, show_topology, topology)


def show_topology(page, topology):
    nodes, links = topology["nodes"], topology["links"]
    if not nodes:
        page.line("This router is in no group: 'ipop groups' says more.")
        return
    groups = sorted({node["group"] for node in nodes})
    if links:
        rows = [([link["group"]] if len(groups) > 1 else []) + _row(link) for link in links]
        page.table((_GROUP if len(groups) > 1 else ()) + _LINKS, rows)
        page.line()
    for group in groups:
        away = [node["name"] for node in nodes if node["group"] == group and node["state"] in ("away", "connecting")]
        page.line(f"{group}: {', '.join(away)} not connected" if away else f"{group}: all are connected", FAINT)


def _row(link):
    kind = Cell("direct", GREEN) if link["is_direct"] else Cell("relayed", YELLOW)
    return [link["from"], link["to"], str(link["way"]), kind, milliseconds(link["rtt_ms"])]


_FLAGS = (Flag("group", "-g", "GROUP", str, "", "Only this group"),)

TOPOLOGY = Command("topology", "", _FLAGS, _topology, "By which way each member is reached")
