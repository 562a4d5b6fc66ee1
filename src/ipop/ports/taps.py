"""TAP devices that root makes for a daemon that is not root. They stay when nobody has them open, and no other user may
open them. All raise UserError or OSError."""

import os

from . import kernel, links
from .tap import open_device

_TUN = "/dev/net/tun"
_KEPT = 0x0002 | 0x0800  # IFF_TAP, IFF_PERSIST of linux/if_tun.h


def make(name, owner):
    """Make a device for a user (a number), unless it is there, and bring it up. Returns whether it was made now."""
    is_new = not _is_kept_for(name, owner)
    if is_new:
        device = open_device(name)
        try:
            kernel.keep_tap(device.fileno(), owner)
        finally:
            device.close()
    links.bring_up(name)
    return is_new


def remove(name):
    """Returns whether there was one."""
    if not kernel.exists("/sys/class/net/" + name):
        return False
    device = open_device(name)
    try:
        kernel.drop_tap(device.fileno())
    finally:
        device.close()
    return True


def kept_for(owner):
    """The names of those that stay for a user (a number)."""
    return sorted([name for name in os.listdir("/sys/class/net") if _is_kept_for(name, owner)])


def share(group):
    """Let a group (a number) open the devices that are its members', where not everybody may."""
    if os.stat(_TUN)[0] & 0o006 != 0o006:
        kernel.share(_TUN, group, 0o660)


def _is_kept_for(name, owner):
    """Whether it needs no other owner. It can't be looked at more closely while the daemon has it open."""
    try:
        return int(_read(name, "tun_flags"), 16) & _KEPT == _KEPT and int(_read(name, "owner")) == owner
    except OSError:
        return False


def _read(name, attribute):
    with open("/sys/class/net/%s/%s" % (name, attribute)) as file:
        return file.read().strip()
