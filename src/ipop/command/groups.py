"""The commands for groups: each asks the daemon once and shows what came of it; `join` keeps asking until it is in."""

from ..errors import UserError
from ..values import Refused
from ..words import consists_of
from .command import INTERRUPTED, Command, Flag
from .group_pages import (
    show_approved,
    show_backup,
    show_brokers,
    show_created,
    show_demoted,
    show_denied,
    show_groups,
    show_invites,
    show_joined,
    show_joining,
    show_left,
    show_members,
    show_promoted,
    show_renamed,
    show_requests,
    show_restored,
    show_revoked,
    show_uninvited,
)
from .show import Page, duration

LOOK_AGAIN = 100  # ms between two looks at a join
FOR_EVER = 0
_TEN_YEARS = 315_360_000  # s


# --- making one, and bringing others in


def _group_create(shell, name):
    flags = shell.flags
    question = {"name": name, "member": flags["name"], "brokers": list(flags["broker"]), "large": flags["large"]}
    question["subnet"] = flags["subnet"]
    group = shell.connect().ask("group_create", question, dict)
    shell.show(group, show_created, group)


def _group_brokers(shell):
    brokers = list(shell.flags["broker"])
    _ask_and_show(shell, "group_brokers", {"brokers": brokers}, show_brokers, bool(brokers))


def _groups(shell):
    groups = shell.connect().ask("groups", {}, list)
    shell.show(groups, show_groups, groups)


def _invite(shell):
    flags, terminal = shell.flags, shell.ports.terminal
    if flags["qr"] and terminal.qr_code("") is None:
        raise UserError("no QR code can be drawn here: install python3-segno (for CPython only), or leave out --qr")
    question = {name: flags[name] for name in ("group", "uses", "expires", "approve")}
    invite = shell.connect().ask("invite", question, dict)
    shell.show(invite, _show_invite, invite, terminal.qr_code(str(invite.get("line"))) if flags["qr"] else "")
    if terminal.is_terminal(2) and not flags["json"]:
        terminal.write(2, _about_invite(flags, invite))


def _show_invite(page, invite, qr_code):
    page.text += qr_code
    page.line(invite["line"])


def _about_invite(flags, invite):
    """What to do with the line, for those who look at it; not a part of it, for those who pipe it on."""
    who = "one router" if flags["uses"] == 1 else f"{flags['uses']} routers"
    how_long = f" within {duration(flags['expires'])}" if flags["expires"] else ""
    text = f"\nIt lets in {who}{how_long}: over there, 'ipop join' and this line.\n"
    text += "Send it so that nobody else reads it. This router has to be on line when it is used.\n"
    if flags["approve"]:
        text += "Whoever uses it waits until you say 'ipop approve': 'ipop requests' shows who it is.\n"
    return text + f"'ipop uninvite {invite.get('invite')}' takes it back.\n"


def _invites(shell):
    invites = shell.connect().ask("invites", {"group": shell.flags["group"]}, list)
    shell.show(invites, show_invites, invites)


def _uninvite(shell, invite):
    _ask_and_show(shell, "uninvite", {"invite": invite}, show_uninvited)


def _join(shell, line):
    flags = shell.flags
    daemon = shell.connect()
    join = daemon.ask("join", {"line": line, "name": flags["name"], "group": flags["group"]}, dict)
    told, waited = None, 0
    try:
        if not flags["json"]:
            shell.show(join, show_joining, join)
        while join.get("state") not in ("welcome", "refused"):
            if join.get("text") != told and not flags["json"]:
                told = join.get("text")
                shell.show(join, Page.line, str(told))
            if flags["wait"] is not None and waited >= flags["wait"] * 1000:
                raise UserError(f"not in yet: {join.get('text')}. {_goes_on(join)}")
            daemon.pause(LOOK_AGAIN)
            waited += LOOK_AGAIN
            join = daemon.ask("join_status", {"group": join.get("group")}, dict)
    except KeyboardInterrupt:
        shell.ports.terminal.write(2, f"ipop: {_goes_on(join)}\n")
        return INTERRUPTED
    if join["state"] == "refused":
        raise UserError(str(join.get("text")))
    shell.show(join, show_joined, join)


def _goes_on(join):
    group = join.get("group")
    return f"ipopd goes on with it: 'ipop groups' shows how far it is, 'ipop leave --group {group}' ends it"


# --- who may come in, who is in


def _requests(shell):
    requests = shell.connect().ask("requests", {"group": shell.flags["group"]}, list)
    shell.show(requests, show_requests, requests)


def _approve(shell, request):
    _ask_and_show(shell, "approve", {"request": request}, show_approved)


def _deny(shell, request):
    _ask_and_show(shell, "deny", {"request": request}, show_denied)


def _members(shell):
    members = shell.connect().ask("members", {"group": shell.flags["group"]}, list)
    shell.show(members, show_members, members, shell.flags["revoked"])


def _rename(shell, member, name):
    _ask_and_show(shell, "rename", {"member": member, "name": name}, show_renamed)


def _promote(shell, member):
    _ask_and_show(shell, "promote", {"member": member}, show_promoted)


def _demote(shell, member):
    _ask_and_show(shell, "demote", {"member": member}, show_demoted)


def _revoke(shell, member):
    _ask_and_show(shell, "revoke", {"member": member}, show_revoked)


# --- this router's own part


def _leave(shell):
    _ask_and_show(shell, "leave", {}, show_left)


def _backup(shell):
    _ask_and_show(shell, "backup", {}, show_backup)
    terminal = shell.ports.terminal
    if terminal.is_terminal(2) and not shell.flags["json"]:
        terminal.write(2, _ABOUT_BACKUP)


def _restore(shell, line):
    terminal, passphrase = shell.ports.terminal, shell.flags["passphrase"]
    daemon = shell.connect()
    if passphrase is None:
        if terminal.is_terminal(0):
            terminal.write(2, "passphrase: ")
        passphrase = terminal.read_line().strip()
    if not passphrase:
        raise UserError("expected the passphrase that 'ipop backup' showed with the line, got nothing", 2)
    group = daemon.ask("restore", {"line": line, "passphrase": passphrase}, dict)
    shell.show(group, show_restored, group)


_ABOUT_BACKUP = """
Keep both, and not in the same place: together they are this router's key. On another router
'ipop restore' and this line take over its addresses, its name and its rights; the old one must
be off for good then. The line serves as long as this router is a member.
"""


def _ask_and_show(shell, method, question, draw, *more):
    question["group"] = shell.flags["group"]
    result = shell.connect().ask(method, question, dict)
    shell.show(result, draw, result, *more)


# --- the words after them


def _uses(text):
    if not (_is_number(text) and len(text) < 6 and 0 < int(text) <= 10_000):
        raise ValueError("a number from 1 to 10000")
    return int(text)


def _life(text):
    """s"""
    seconds = FOR_EVER if text == "never" else _seconds(text)
    if seconds is None or seconds > _TEN_YEARS or text != "never" and seconds == 0:
        raise ValueError("a time such as 7d, 12h or 30m, or 'never'")
    return seconds


def _wait(text):
    """s"""
    seconds = _seconds(text)
    if seconds is None:
        raise ValueError("seconds, or a time such as 5m")
    return seconds


def _seconds(text):
    """A number with s, m, h, d or w behind it, or nothing for seconds, as seconds; None if it is something else."""
    number, unit = text, 1
    if text[-1:] in _UNITS:
        number, unit = text[:-1], _UNITS[text[-1:]]
    return int(number) * unit if _is_number(number) and len(number) < 10 else None


def _is_number(text):
    return bool(text) and consists_of(text, "0123456789")  # `isdigit` knows other scripts' digits too


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def _broker(text):
    from ..signal import url  # not above: most commands need none of it

    try:
        url.parse(text)
    except Refused as error:
        raise UserError(f"--broker: {error.args[0]}", 2)
    except ValueError:
        raise ValueError(url.EXPECTED)
    return text


_GROUP = Flag("group", "-g", "GROUP", str, "", "Which group, where there are several")
_NAME = Flag("name", None, "NAME", str, "", "What this router is called there (default: its host name)")

_CREATE_FLAGS = (
    _NAME,
    Flag("broker", None, "URL", _broker, (), "Where members meet: mqtt://HOST or mqtts://HOST; may be repeated"),
    Flag("large", None, None, None, False, "Addresses for thousands of routers and not for 127"),
    Flag("subnet", None, "NETWORK", str, "", "Its IPv4 addresses, such as 10.77.0.0/16 (default: some that are free)"),
)
_BROKERS_FLAGS = (
    Flag("broker", None, "URL", _broker, (), "Where to meet from now on, the best first; may be repeated"),
    _GROUP,
)
_INVITE_FLAGS = (
    Flag("uses", None, "N", _uses, 1, "How many routers it lets in (default: 1)"),
    Flag("expires", None, "TIME", _life, 604_800, "How long it is good, such as 7d, 12h, never (default: 7d)"),
    Flag("approve", None, None, None, False, "Ask here before it lets somebody in"),
    Flag("qr", None, None, None, False, "Draw it as a QR code too"),
    _GROUP,
)
_JOIN_FLAGS = (
    _NAME,
    Flag("wait", None, "S", _wait, None, "How long to wait until it is in (default: as long as it takes)"),
    Flag("group", "-g", "GROUP", str, "", "Join only if this is the group's name"),
)
_MEMBERS_FLAGS = (_GROUP, Flag("revoked", None, None, None, False, "Those too who were revoked"))
_RESTORE_FLAGS = (Flag("passphrase", None, "TEXT", str, None, "What came with the line (default: it is asked for)"),)

GROUP_COMMANDS = (
    Command("group create", "NAME", _CREATE_FLAGS, _group_create, "Make a group, which this router owns"),
    Command(
        "group brokers",
        "",
        _BROKERS_FLAGS,
        _group_brokers,
        "Where a group's members find each other; with --broker its owner has them meet elsewhere\n"
        "Who is connected learns it at once, who is away at the old brokers, as long as these last.",
    ),
    Command("groups", "", (), _groups, "The groups that this router is in, and how it is connected"),
    Command(
        "invite",
        "",
        _INVITE_FLAGS,
        _invite,
        "Make a line of text that lets a router into a group\n"
        "This router answers whoever uses it, and has to be on line then.",
    ),
    Command("invites", "", (_GROUP,), _invites, "The invites that are still good"),
    Command("uninvite", "INVITE", (_GROUP,), _uninvite, "Take back an invite (its id in 'ipop invites'), or 'all'"),
    Command(
        "join",
        "LINE",
        _JOIN_FLAGS,
        _join,
        "Join a group with an invite\n"
        "If the router that made the invite is off, this one keeps asking, also after a restart.",
    ),
    Command("requests", "", (_GROUP,), _requests, "Who waits to be let in"),
    Command("approve", "ROUTER", (_GROUP,), _approve, "Let in a router that waits (its name or fingerprint)"),
    Command("deny", "ROUTER", (_GROUP,), _deny, "Refuse a router that waits (its name or fingerprint)"),
    Command("members", "", _MEMBERS_FLAGS, _members, "Who is in a group"),
    Command("rename", "MEMBER NAME", (_GROUP,), _rename, "Give a member another name"),
    Command("promote", "MEMBER", (_GROUP,), _promote, "Make a member an admin, who can invite and revoke"),
    Command(
        "demote",
        "MEMBER",
        (_GROUP,),
        _demote,
        "Make an admin a member like others\n"
        "Those whom it let in stay in. Its invites don't work any more.",
    ),
    Command(
        "revoke",
        "MEMBER",
        (_GROUP,),
        _revoke,
        "Put a member out of the group, for good\n"
        "Its tunnels end within seconds at all who are on line. Its key can't come back; the router can, when invited.",
    ),
    Command(
        "leave",
        "",
        (_GROUP,),
        _leave,
        "Take this router out of a group, or end a join\n"
        "Its key for the group is deleted: only a line of 'ipop backup', or a new invite, brings it back.",
    ),
    Command(
        "backup",
        "",
        (_GROUP,),
        _backup,
        "Print a line, and a passphrase, with which another router can replace this one",
    ),
    Command(
        "restore",
        "LINE",
        _RESTORE_FLAGS,
        _restore,
        "Take the place of the router that printed the line\n"
        "It gets its addresses, name and rights. The old router must be off for good.",
    ),
)
