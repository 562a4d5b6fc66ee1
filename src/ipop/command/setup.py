"""`ipop setup`: the words of the command line. What they do is in openwrt/apply.py."""

from ..errors import UserError
from .command import Command, Flag

_WAYS = ("dry-run", "apply", "files")


def _setup(shell):
    flags = shell.flags
    if sum([bool(flags[name]) for name in _WAYS]) > 1 or flags["undo"] and flags["remove-all"]:
        raise UserError("setup: expected one of --dry-run, --apply and --files, and one of --undo and --remove-all", 2)
    if flags["with"] is not None and (flags["apply"] or flags["files"]):
        raise UserError("setup: --with is for looking only: write it into the configuration to have it applied", 2)
    from ..openwrt import apply  # not above: the other commands have no room for it on a small router

    if flags["apply"]:
        apply.apply_all(shell)
    elif flags["files"]:
        apply.write_files(shell)
    else:
        apply.show(shell)


def _seconds(text):
    if not (0 < len(text) < 5 and text.isdigit()):
        raise ValueError("seconds from 0 to 9999")
    return int(text)


_FLAGS = (
    Flag("dry-run", None, None, None, False, "Only print what would be changed, as a batch for 'uci batch'"),
    Flag("apply", None, None, None, False, "Change it, and take it back by itself where the group doesn't work then"),
    Flag("wait", None, "SECONDS", _seconds, 0, "How long others' changes are waited for that aren't confirmed yet"),
    Flag("files", None, None, None, False, "Only write what dnsmasq and fw4 read beside UCI: names, mapped addresses"),
    Flag("with", None, "TEXT", str, None, "Say what would be changed with this in place of the configuration"),
    Flag("undo", None, "GROUP", str, None, "Take away what is there of this group, and nothing else"),
    Flag("remove-all", None, None, None, False, "Take away what is there of all groups, and nothing else"),
)

SETUP = Command(
    "setup",
    "",
    _FLAGS,
    _setup,
    "Make the network as the groups want it, on OpenWrt\n"
    "Without an option: only say what would be changed. The daemon has it done by itself.",
)
