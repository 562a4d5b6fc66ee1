"""`ipop devices`: who is on the group's LAN, in this home and in the others, and what each is called."""

from .command import Command, Flag
from .show import FAINT, GREEN, Cell, Column, duration

_GROUP = (Column("GROUP", False),)
_DEVICES = (
    Column("NAME", False),
    Column("ADDRESS", False),
    Column("MEMBER", False),
    Column("SEEN", True),
    Column("PATH", False),
    Column("MAC", False),
    Column("VENDOR", False),
)
_HERE = "here"


def _devices(shell):
    devices = shell.connect().ask("devices", {"group": shell.flags["group"]}, list)
    shell.show(devices, show_devices, devices)


def show_devices(page, devices):
    if not devices:
        page.line("No devices are known yet: they appear when one joins the group's Wi-Fi or port, here or elsewhere.")
        page.line("  'ipop members' shows which routers are connected.")
        return
    groups = sorted({device["group"] for device in devices})
    rows = [([device["group"]] if len(groups) > 1 else []) + _row(device) for device in devices]
    page.table((_GROUP if len(groups) > 1 else ()) + _DEVICES, rows)
    page.line()
    named = [device for device in devices if device["fqdn"]]
    if named:
        page.line(f"Each has a name in all homes: {named[0]['name']} of {named[0]['member']} is {named[0]['fqdn']}.")
    if len(named) < len(devices):
        page.line("Who has no name there has told none, neither when it asked for its address nor later.", FAINT)


def _row(device):
    more = len(device["addresses"]) - 1
    way = device["way"]
    return [
        device["name"] or "-",
        device["address"] + (f" +{more}" if more > 0 else ""),
        device["member"],
        "-" if device["seen_s"] is None else f"{duration(device['seen_s'])} ago",
        Cell(_HERE, GREEN) if way == _HERE else Cell(way or "not connected", "" if way else FAINT),
        device["mac"],
        device["vendor"] or "-",
    ]


_FLAGS = (Flag("group", "-g", "GROUP", str, "", "Only the devices of this group"),)

DEVICES = Command("devices", "", _FLAGS, _devices, "The devices in all homes: name, address, where, and when last seen")
