"""What the daemon says of groups (control/methods.py), as people see it: what is so, what follows, what to do next."""

from .show import FAINT, GREEN, RED, YELLOW, Cell, Column, duration

_PAIR = (Column("", False), Column("", False))
_GROUPS = (
    Column("GROUP", False),
    Column("STATE", False),
    Column("ADDRESS", False),
    Column("OTHERS", False),
    Column("ROLE", False),
    Column("THIS ROUTER", False),
    Column("BROKER", False),
    Column("FINGERPRINT", False),
)
_MEMBERS = (
    Column("MEMBER", False),
    Column("FINGERPRINT", False),
    Column("ROLE", False),
    Column("ADDRESS", False),
    Column("STATE", False),
    Column("ENDPOINT", False),
    Column("RUNS", False),
)
_REQUESTS = (
    Column("ROUTER", False),
    Column("FINGERPRINT", False),
    Column("GROUP", False),
    Column("WAITS", True),
    Column("RUNS", False),
)
_INVITES = (
    Column("INVITE", False),
    Column("GROUP", False),
    Column("LETS IN", False),
    Column("CAME IN", True),
    Column("WAIT", True),
    Column("EXPIRES", False),
    Column("APPROVAL", False),
)
_STATES = {"member": GREEN, "connected": GREEN, "joining": YELLOW, "connecting": YELLOW, "damaged": RED}


def show_groups(page, groups):
    if not groups:
        page.line("This router is in no group: 'ipop group create NAME' makes one, 'ipop join LINE' joins a friend's.")
        return
    page.table(_GROUPS, [_group_row(group) for group in groups])
    for group in groups:
        if group.get("text"):
            page.line()
            for line in f"{group['name']}: {group['text']}".split("\n"):
                page.line(line)
    waiting = sum([group.get("requests") or 0 for group in groups])
    if waiting:
        page.line()
        who = f"{waiting} routers wait" if waiting > 1 else "1 router waits"
        page.line(f"{who} to be let in: see 'ipop requests'", YELLOW)


def show_created(page, group):
    page.line(f"The group '{group['name']}' is there, and this router is its owner.", GREEN)
    _show_facts(page, group)
    page.line()
    page.line("'ipop invite' prints a line that lets a friend's router in.")
    page.line("'ipop backup' prints one with which another router can take over if this one breaks: do that soon.")


def show_brokers(page, group, are_new):
    if not group["brokers"]:
        page.line(f"'{group['group']}' has no broker where others could meet it: 'ipop broker' helps to run one.")
        return
    since = "from now on" if are_new else "now"
    page.line(f"Where the members of '{group['group']}' meet {since}, the best first:")
    for broker in group["brokers"]:
        page.line(f"  {broker}")
    if are_new:
        page.line()
        page.line("Who is connected knows it already. This router stays at the old ones too for a while, for members")
        page.line("who are away now and for open invites: leave those running, if you can. 'ipop groups' shows whether")
        page.line("the new ones can be reached.")


def show_restored(page, group):
    page.line(f"This router is '{group['member']}' in '{group['name']}', in the place of the old one.", GREEN)
    _show_facts(page, group)
    page.line()
    page.line("The old router must not be switched on with this group again: two with one key hinder each other.")
    page.line("Invites that it had made are not known here: make new ones.")


def show_joining(page, join):
    group, member = _named(join["group"], join["fingerprint"]), _named(join["member"], join["member_fingerprint"])
    page.line(f"joining {group} as {member}")


def show_joined(page, join):
    where = f", with the address {join['address']}" if join.get("address") else ""
    page.line(f"in: this router is '{join['member']}' in '{join['group']}'{where}", GREEN)


def show_invites(page, invites):
    if not invites:
        page.line("There is no invite that is good: 'ipop invite' makes one.")
        return
    page.table(_INVITES, [_invite_row(invite) for invite in invites])
    page.line()
    page.line("'ipop uninvite INVITE' takes one back, 'ipop uninvite all' takes back all. Who came in by it stays in.")


def show_uninvited(page, ended):
    page.line(f"Taken back: {', '.join(ended['invites'])}. Nobody comes in by that any more; who came in stays in.")


def show_requests(page, requests):
    if not requests:
        page.line("Nobody waits to be let in.")
        return
    rows = []
    for request in requests:
        waits = duration(request["waits_s"])
        rows.append(
            [request["name"], request["fingerprint"], request["group"], waits, str(request.get("release") or "-")]
        )
    page.table(_REQUESTS, rows)
    page.line()
    page.line("'ipop join' shows the fingerprint there: compare it, then 'ipop approve ROUTER' or 'ipop deny ROUTER'.")


def show_approved(page, member):
    where = f", with the address {member['address']}" if member.get("address") else ""
    page.line(f"{_named(member['name'], member['fingerprint'])} is in{where}.")


def show_denied(page, member):
    page.line(f"{_named(member['name'], member['fingerprint'])} is told that it was denied.")


def show_members(page, members, with_revoked):
    shown = [member for member in members if with_revoked or member["role"] != "revoked"]
    page.table(_MEMBERS, [_member_row(member) for member in shown])
    hidden = len(members) - len(shown)
    if hidden:
        page.line()
        page.line(f"and {hidden} that {'were' if hidden > 1 else 'was'} revoked: see 'ipop members --revoked'", FAINT)


def show_renamed(page, member):
    page.line(f"{member['fingerprint']} is called '{member['name']}' now.")


def show_promoted(page, member):
    page.line(f"{_named(member['name'], member['fingerprint'])} is an admin of '{member['group']}' now:")
    page.line("it can invite, approve, rename and revoke members, but make no admins.")


def show_demoted(page, member):
    page.line(f"{_named(member['name'], member['fingerprint'])} is a member of '{member['group']}' like others now:")
    page.line("those whom it let in stay in, and its invites let in nobody any more.")


def show_revoked(page, member):
    page.line(f"{_named(member['name'], member['fingerprint'])} is out of '{member['group']}', for good.")
    page.line("Its tunnels end: within seconds at all who are on line, at others with the first member that they meet.")
    page.line("This key can't come back. What it knows it keeps: names, addresses, and what was sent to it.")
    page.line("Its own address is given to nobody else for a week. The router can come back by a new invite.")


def show_left(page, left):
    page.line(f"This router has left '{left['group']}', and its key for it is deleted.")
    if left.get("role") == "owner":
        page.line("It was the owner. The others stay connected, but nobody can make or unmake admins any more,")
        page.line("unless this router comes back: 'ipop restore' with the line that 'ipop backup' printed.")
    elif left.get("role") in ("admin", "member"):
        page.line("The others still list it: an admin can take it off with 'ipop revoke', which frees its addresses.")


def show_backup(page, backup):
    page.line(f"recovery line:  {backup['line']}")
    page.line(f"passphrase:     {backup['passphrase']}")


def _show_facts(page, group):
    rows = [
        ["group", _named(group["name"], group["fingerprint"])],
        ["this router", _named(group["member"], group["member_fingerprint"])],
        ["address", str(group.get("address") or "-")],
        ["device", _device(group)],
        ["brokers", ", ".join([broker["url"] for broker in group["brokers"]]) or "none: others can't find this router"],
    ]
    page.line()
    page.table(_PAIR, rows)


def _group_row(group):
    return [
        group["name"],
        Cell(group["state"], _STATES.get(group["state"], FAINT)),
        str(group.get("address") or "-"),
        f"{group['connected']} of {group['members']} connected" if group["state"] == "member" else "-",
        str(group.get("role") or "-"),
        str(group.get("member") or "-"),
        _broker(group.get("brokers") or []),
        str(group.get("fingerprint") or "-"),
    ]


def _broker(brokers):
    for broker in brokers:
        if broker["connected"]:
            return Cell(broker["url"], GREEN)
    return Cell(f"none of {len(brokers)}", RED) if brokers else "-"


def _invite_row(invite):
    return [
        invite["invite"],
        invite["group"],
        f"{invite['left']} more",
        str(invite["admitted"]),
        str(invite["waiting"]),
        f"in {duration(invite['expires_in'])}" if invite["expires_in"] else "never",
        "needed" if invite["approve"] else "-",
    ]


def _device(group):
    device = str(group.get("device") or "-")
    return device + (f", in bridge {group['bridge']}" if group.get("bridge") else "")


def _member_row(member):
    return [
        member["name"],
        member["fingerprint"],
        member["role"],
        str(member.get("address") or "-"),
        Cell(str(member.get("state") or "-"), _STATES.get(member.get("state"), FAINT)),
        str(member.get("endpoint") or "-"),
        str(member.get("release") or "-"),
    ]


def _named(name, fingerprint):
    return f"'{name}', {fingerprint}"
