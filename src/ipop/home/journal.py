"""What a Service has done to this machine. It stands in a file before it is done, and is undone by it."""

import json

from ..ports import files, links, shared
from ..wire import address
from .child import EACCES, EPERM
from .plan import colons, dotted

ADDRESS, LOCAL, BRIDGE, FORWARDING = "address", "local", "bridge", "forwarding"
ROUTERS, TABLE = "deaf to routers", "table"


def wanted(plan):
    """What a Plan wants of the kernel, as a Journal has it: [kind, ...]."""
    entries = [[BRIDGE, plan.bridge]] if plan.is_made else []
    entries += [[ROUTERS, plan.bridge]]
    entries += [[ADDRESS, plan.bridge, dotted(plan.router), plan.subnet[1]]]
    entries += [[ADDRESS, plan.bridge, colons(plan.router6), 64]]
    entries += [[LOCAL, plan.bridge, dotted(mapping.image), mapping.length] for mapping in plan.maps]
    if plan.internet or plan.maps:
        entries.append([FORWARDING])
    return entries


def undo(entry):
    """Raises OSError where it is still there."""
    if entry[0] == FORWARDING:
        links.set_forwarding(False)
        return
    link = links.index(entry[1])
    if not link:
        return
    if entry[0] == BRIDGE:
        links.delete_bridge(entry[1])
        return
    if entry[0] == ROUTERS:
        links.listen_to_routers(entry[1], True)
        return
    try:
        remove = links.remove_address if entry[0] == ADDRESS else links.remove_local
        remove(link, address.pack(entry[2]), entry[3])
    except OSError as error:
        if error.errno in (EPERM, EACCES):
            raise  # else it has gone already


class Journal:
    """What was done to this machine, the last first: lists of texts and numbers. It is written before it is done."""

    def __init__(self, path):
        self._path = path
        try:
            self.entries = [entry for entry in json.loads(files.read(path)) if entry[0] in _SIZES]
            self.entries = [entry for entry in self.entries if len(entry) == _SIZES[entry[0]]]
        except (OSError, ValueError, TypeError, IndexError, KeyError):
            self.entries = []

    def add(self, entry):
        """Raises OSError."""
        if entry not in self.entries:
            self._write([entry] + self.entries)

    def remove(self, entry):
        self._write([each for each in self.entries if each != entry])

    def _write(self, entries):
        if entries:
            shared.write(self._path, json.dumps(entries).encode())
        else:
            shared.forget(self._path)
        self.entries = entries


_SIZES = {ADDRESS: 4, LOCAL: 4, BRIDGE: 2, FORWARDING: 1, ROUTERS: 2, TABLE: 2}
