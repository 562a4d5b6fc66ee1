"""What the daemon's answers look like to people: first whether it works, and if not, what to do."""

from .show import FAINT, GREEN, RED, YELLOW, Cell, Column, duration, milliseconds, size

_COLOURS = {"connected": GREEN, "connecting": YELLOW, "no-endpoint": RED}
_PAIR = (Column("", False), Column("", False))
_DROPPED = (Column("DROPPED", False), Column("COUNT", True))
_PEERS = (
    Column("PEER", False),
    Column("STATE", False),
    Column("ENDPOINT", False),
    Column("RTT", True),
    Column("HEARD", True),
    Column("RECEIVED", True),
    Column("SENT", True),
    Column("RUNS", False),
)
_ADVICE_MAX = 4  # peers that are worth a line each
_NOBODY_FORWARDS = (
    "is it on? If it is, nobody can forward between the two: 'option relay 1' on a member that all reach, "
    "or 'list turn' here or there, would help; see 'ipop nat'"
)
_CHECKS = "does ipopd run there, is this UDP port let in, has it this node's public key?"


def show_status(page, status, peers):
    problems = status.get("problems") or []
    groups = status.get("groups") or []
    away = [peer for peer in peers if peer.get("state") != "connected"]
    colour, sentence = verdict(problems, len(peers), len(peers) - len(away), len(groups))
    page.line(sentence, colour)
    if not peers and not groups:
        page.line("  'ipop group create NAME' makes a group, 'ipop join LINE' joins a friend's")
    for group in groups:
        if group.get("text"):
            page.line(f"  {group.get('name')}: {group['text']}")
    for problem in problems:
        for line in f"problem: {problem}".split("\n"):
            page.line("  " + line)
    for peer in away[:_ADVICE_MAX]:
        page.line(f"  {peer.get('name')}: {advice(peer)}")
    if len(away) > _ADVICE_MAX:
        page.line(f"  and {len(away) - _ADVICE_MAX} more: see 'ipop peers'")
    page.line()
    page.table(_PAIR, _facts(status))
    dropped = status.get("dropped") or {}
    if dropped:
        page.line()
        reasons = sorted(dropped, key=lambda reason: (-dropped[reason], reason))
        page.table(_DROPPED, [[reason, str(dropped[reason])] for reason in reasons])


def verdict(problems, peers, connected, groups=0):
    """(colour, a sentence that says whether it works)"""
    if not peers and groups:
        return YELLOW, "Not working yet: nobody else is in. 'ipop invite' lets somebody in, 'ipop groups' says more."
    if not peers:
        return RED, "Not working yet: this router is in no group, and no peers are configured."
    if not connected:
        return RED, f"Not working: connected to none of {peers} peers." if peers > 1 else "Not working: not connected."
    if connected < peers:
        return YELLOW, f"Working in part: connected to {connected} of {peers} peers."
    colour, how = (YELLOW, "Working, but there is a problem") if problems else (GREEN, "Working")
    return colour, f"{how}: connected to {'all ' if peers > 1 else ''}{peers} peer{'s' if peers > 1 else ''}."


def advice(peer):
    """What to do about a peer that is not connected."""
    state = peer.get("state")
    if state == "no-endpoint" and peer.get("group"):
        return "it has not said where it is: it may be off, or not reach the group's broker"
    if state == "no-endpoint":
        return "where it is isn't known: set 'option endpoint' for it here, or for this node there"
    if state == "connecting" and peer.get("group") and not peer.get("has_detour"):
        return f"no answer from {peer.get('endpoint')}: {_NOBODY_FORWARDS}"
    if state == "connecting":
        checks = "is it on, does ipopd run there?" if peer.get("group") else _CHECKS
        return f"no answer from {peer.get('endpoint')}: {checks}"
    return f"not connected, and nothing is being sent to it: 'ipop ping {peer.get('name')}' calls it"


def show_peers(page, peers):
    if not peers:
        page.line("There are no peers: they come with a group ('ipop groups'), or with sections 'config peer'.")
        return
    if any(peer.get("group") for peer in peers):
        rows = [_row(peer)[:1] + [str(peer.get("group") or "-")] + _row(peer)[1:] for peer in peers]
        page.table(_PEERS[:1] + (Column("GROUP", False),) + _PEERS[1:], rows)
    else:
        page.table(_PEERS, [_row(peer) for peer in peers])


def _facts(status):
    traffic = status.get("traffic") or {}
    device = str(status.get("device"))
    if status.get("bridge"):
        device += f", in bridge {status['bridge']}"
    facts = [
        ["version", f"ipop {status.get('version')} on {status.get('interpreter')}"],
        ["running for", duration(status.get("uptime_s"))],
        ["public key", status.get("public_key")],  # none where there are groups only, which have their own
        ["device", device],
        ["UDP port", str(status.get("port"))],
        ["LAN devices", f"{status.get('devices')} known"],
        ["received", _traffic(traffic.get("bytes_in"), traffic.get("frames_in"))],
        ["sent", _traffic(traffic.get("bytes_out"), traffic.get("frames_out"))],
    ]
    return [fact for fact in facts if fact[1]]


def _traffic(count, frames):
    return f"{size(count)} in {frames} frames"


def _row(peer):
    state = str(peer.get("state"))
    runs = "WireGuard" if peer.get("suite") == "blake2s" else peer.get("version")
    return [
        str(peer.get("name")),
        Cell(state, _COLOURS.get(state, FAINT)),
        str(peer.get("endpoint") or "-"),
        milliseconds(peer.get("rtt_ms")),
        duration(peer.get("last_heard_s")),
        size(peer.get("bytes_in")),
        size(peer.get("bytes_out")),
        str(runs or "-"),
    ]
