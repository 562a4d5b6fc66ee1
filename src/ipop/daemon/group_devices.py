"""Which device and which bridge each group of this router has.

A group keeps the name of its device on flash; the first one keeps "" and has the device of the configuration, and its
bridge. Nobody takes those over from it, for what is plugged in there belongs to that group.
"""

from ..config.config import OPENWRT
from ..errors import UserError
from ..group.store import Shelf
from ..ports import crypto, files


class GroupDevices:
    """`shelf` has what the groups keep; `in_use()` gives the names of the devices of those that run; `take_device()`
    frees the device of the configuration, and says whether it could. `options` is the Config in force."""

    def __init__(self, shelf, options, in_use, take_device):
        self.options = options
        self._shelf = shelf
        self._in_use = in_use
        self._take_device = take_device

    def claim(self, kept, section, options=None):
        """(device, bridge or None) that a group is to have: by the device that is kept with it, its GroupConfig, and
        the Config (another one than that in force)."""
        options = options or self.options
        device, bridge = section.device or kept, section.bridge
        if device in ("", options.device):
            device, bridge = options.device, bridge or options.bridge
        return device, bridge if section.serve != OPENWRT else None  # there it is netifd that puts it into one

    def choose(self, claim, section):
        """(device, bridge or None) for a group that is opened: what it claims, unless the peers of the configuration
        have the device."""
        if claim[0] != self.options.device or self._take_device():
            return claim
        return self._next(), section.bridge

    def for_new(self):
        """What to keep with a new group."""
        kept = self._kept()
        is_taken = self.options.peers or any(each is None or each.device == "" for each in kept)
        return self._next() if is_taken else ""

    def _next(self):
        used = [each.device for each in self._kept() if each is not None] + [self.options.device] + self._in_use()
        used += [section.device for section in self.options.groups if section.device]
        n = 1
        while "ipop%d" % n in used:
            n += 1
        return "ipop%d" % n

    def _kept(self):
        return [self._shelf.identity(name) for name in self._shelf.names()]


def group_with_default_device(options):
    """The name of a group that keeps the device of the configuration, or None."""
    shelf = Shelf(files, crypto, options.state_dir + "/groups")
    own = {section.name for section in options.groups if section.device}
    try:
        kept = [(name, shelf.identity(name)) for name in shelf.names() if name not in own]
    except UserError:
        return None
    return ([name for name, identity in kept if identity is not None and identity.device == ""] or [None])[0]
