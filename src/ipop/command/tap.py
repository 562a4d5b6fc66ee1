"""`ipop tap`: root makes the TAP devices of a daemon that is not root.

It runs before the daemon starts, and again when the daemon asks for more of them (openwrt/lan.py); those of groups that
were left go then.
"""

from ..config import config, uci
from ..errors import ConfigError, UserError
from ..openwrt import lan
from ..openwrt.device import is_device
from ..openwrt.there import one
from ..values import DEVICE
from ..words import quoted, why
from .command import Command, Flag
from .show import Page


def _tap(shell, name):
    if shell.flags["remove"]:
        _remove(shell, name)
        return
    owner, group = _owner(shell.ports.system, shell.flags["user"], shell.flags["group"])
    made = []
    wishes = _wishes(shell) if name is None else None
    names = _devices(wishes or ()) if name is None else [_checked(name)]
    for each in names:
        try:
            if shell.ports.taps.make(each, owner):
                made.append(each)
        except OSError as error:
            raise UserError(f"the TAP device '{each}' can't be made for {shell.flags['user']}: {why(error)}")
    try:
        if names:
            shell.ports.taps.share(group)
    except OSError as error:
        raise UserError(f"/dev/net/tun can't be shared with {shell.flags['user']}: {why(error)}")
    removed = _remove_left(shell, wishes, owner)
    shell.show({"devices": names, "made": made, "removed": removed}, _show_made, made, removed)


def _show_made(page, made, removed):
    for name in made:
        page.line(f"device {name} is made")
    for name in removed:
        page.line(f"device {name} is removed")


def _remove_left(shell, wishes, owner):
    """Take away what no group has any more. One that is damaged may have any."""
    if wishes is None or any(wish.device is None for wish in wishes):
        return []
    configured = _configured(shell)
    if configured is None:
        return []
    taps, removed = shell.ports.taps, []
    for name in taps.kept_for(owner):
        if is_device(name) and name not in _devices(wishes) + configured:
            try:
                if taps.remove(name):
                    removed.append(name)
            except (OSError, UserError):
                pass  # the daemon has it open: it needs it again
    return removed


def _configured(shell):
    """The devices that the configuration names, which are made at each start; None: it can't be read."""
    path = shell.flags["config"] or config.DEFAULT_FILE
    try:
        sections, _ = uci.parse(shell.ports.files.read(path), path)
    except (OSError, ConfigError):
        return None
    return [one(section, "device") for section in sections] + [config.setting("", path, "device")]


def _remove(shell, name):
    if name is None:
        raise UserError("tap --remove: expected NAME, got nothing", 2)
    try:
        removed = [name] if shell.ports.taps.remove(_checked(name)) else []
    except OSError as error:
        raise UserError(f"the TAP device '{name}' can't be removed: {why(error)}")
    text = f"device {name} is removed" if removed else f"there is no device {name}"
    shell.show({"removed": removed}, Page.line, text)


def _checked(name):
    try:
        return DEVICE.parse(name)
    except ValueError:
        raise UserError(f"tap: expected a device's name of {DEVICE.expected}, got {quoted(name)}", 2)


def _owner(system, user, group):
    """(number of the user, number of the group)"""
    if user is None:
        raise UserError("tap: expected --user USER, the one that ipopd runs as", 2)
    ids = system.user_ids(user)
    if ids is None:
        raise UserError(f"there is no user {quoted(user)}")
    number = system.group_id(group) if group is not None else ids[1]
    if number is None:
        raise UserError(f"there is no group {quoted(group)}")
    return ids[0], number


def _wishes(shell):
    """What the daemon wants to have, or None: it has never asked."""
    path = shell.setting("control", lenient=True).rpartition("/")[0] + "/" + lan.FILE
    try:
        return lan.parse(shell.ports.files.read(path, lan.SIZE_MAX + 1))
    except OSError:
        return None


def _devices(wishes):
    return sorted([wish.device for wish in wishes if wish.device is not None])


_FLAGS = (
    Flag("user", None, "USER", str, None, "Who may open it: the user that ipopd runs as"),
    Flag("group", None, "GROUP", str, None, "Who may open /dev/net/tun (default: the user's group)"),
    Flag("remove", None, None, None, False, "Take the device away"),
)

TAP = Command(
    "tap",
    "[NAME]",
    _FLAGS,
    _tap,
    "Make a TAP device for an ipopd that isn't root\n"
    "Without a name: those that it asks for. What is there already stays as it is.",
)
