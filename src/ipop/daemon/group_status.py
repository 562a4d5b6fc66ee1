"""What is answered of groups, joins, members, requests and invites: dicts of the shapes in control/methods.py."""

from ..group import charter, identity
from ..group.join import WELCOME
from ..ports import crypto
from ..wire.ways import is_detour


def member_of(membership, now):
    """A group that this router is in."""
    group = membership.group
    own = group.roster.member(group.identity.public)
    connected = [peer for peer in membership.node.peers(now) if peer["state"] == "connected"]
    return {
        "name": membership.name,
        "fingerprint": identity.fingerprint(crypto, group.roster.group_key),
        "state": "member",
        "text": "" if group.is_member else _REMOVED % membership.name,
        "member": own.name if own else "",
        "member_fingerprint": group.identity.fingerprint,
        "role": own.role if own else "member",
        "address": _address(group.charter, own) if own else None,
        "slice": _slice(group.charter, own) if own else None,
        "newest_ms": group.roster.newest(),
        "device": membership.network.tap.name,
        "bridge": membership.bridge,
        "members": len(group.peers()),
        "connected": len(connected),
        "requests": len(group.issuer.requests()),
        "brokers": membership.brokers(),
    }


def on_the_way(joining, now):
    """A group that this router is on the way into."""
    return dict(
        _BLANK,
        name=joining.name,
        fingerprint=identity.fingerprint(crypto, joining.invite.group),
        state="joining",
        text=joining.text(now),
        member=joining.member,
        member_fingerprint=joining.identity.fingerprint,
    )


def unused(name, state, text):
    """A group that is on flash and nothing else."""
    return dict(_BLANK, name=name, state=state, text=text)


def join(joining, now):
    """How far a join is."""
    return {
        "group": joining.name,
        "fingerprint": identity.fingerprint(crypto, joining.invite.group),
        "member": joining.member,
        "member_fingerprint": joining.identity.fingerprint,
        "state": joining.state,
        "text": joining.text(now),
        "address": None,
    }


def joined(membership, now):
    """A join that has come to its end."""
    shown = member_of(membership, now)
    status = {key: shown[key] for key in ("fingerprint", "member", "member_fingerprint")}
    host = shown["address"] and shown["address"].split("/")[0]
    status.update({"group": membership.name, "state": WELCOME, "text": "in", "address": host})
    return status


def members(known, members, peers):
    """Some Members of the Group `known`; `peers` is what its node says of those whom it knows."""
    labels, by_key = known.roster.labels(), {peer["public_key"]: peer for peer in peers}
    return [_member(known, member, labels[member.key], by_key.get(member.wg_key)) for member in members]


def _member(known, member, label, peer):
    states = {"connected": "connected", "connecting": "connecting"}
    is_this = member.key == known.identity.public
    place = known.places.get(member.key)
    return {
        "name": label,
        "fingerprint": identity.fingerprint(crypto, member.key),
        "role": member.role,
        "address": host(known.charter, member),
        "state": "this router" if is_this else states.get(peer["state"], "away") if peer else "away",
        "endpoint": peer["way"] if peer else None,
        "release": place.release if place else None,
    }


def topology(membership, now):
    """(nodes, links) of a group, as far as this router knows."""
    known, peers = membership.group, membership.node.peers(now)
    nodes = members(known, known.roster.members(), peers)
    own = [node["name"] for node in nodes if node["state"] == "this router"]
    links = [
        {
            "group": membership.name,
            "from": own[0],
            "to": peer["name"],
            "way": peer["way"],
            "is_direct": not is_detour(peer["endpoint"]),
            "rtt_ms": peer["rtt_ms"],
        }
        for peer in peers
        if own and peer["state"] == "connected"
    ]
    keys = ("name", "fingerprint", "role", "address", "state")
    return [dict([(key, node[key]) for key in keys], group=membership.name) for node in nodes], links


def request(group, request, since, wall):
    """A Request to the group of this name, which waits since some time (ms since 1970)."""
    return {
        "group": group,
        "name": request.name,
        "fingerprint": identity.fingerprint(crypto, request.member),
        "release": request.release,
        "waits_s": max(wall - since, 0) // 1000,
    }


def invite(group, invite):
    """An invite (issuer.Shown) to the group of this name."""
    return {
        "group": group,
        "invite": invite.id,
        "left": invite.left,
        "admitted": invite.admitted,
        "waiting": invite.waiting,
        "expires_in": invite.expires_in,
        "approve": invite.approve,
    }


def host(about, member):
    """The router's address in a member's slice, as "10.77.5.1", or None."""
    text = _address(about, member)
    return text and text.split("/")[0]


def _address(about, member):
    """The same with the subnet's prefix length."""
    packed = charter.router(about, member.slice, member.slice_length)
    return None if packed is None else "%d.%d.%d.%d/%d" % (tuple(packed) + (about.subnet[1],))


def _slice(about, member):
    """A member's part of the subnet, as "10.77.5.0/24", or None."""
    packed = charter.network(about, member.slice, member.slice_length)
    return None if packed is None else "%d.%d.%d.%d/%d" % (tuple(packed) + (member.slice_length,))


_REMOVED = "this router was removed from the group: leave it, in LuCI or with 'ipop leave --group %s'"

# what is said of a group that this router is not in
_BLANK = {
    "fingerprint": "",
    "member": "",
    "member_fingerprint": "",
    "role": "member",
    "address": None,
    "slice": None,
    "newest_ms": None,
    "device": "",
    "bridge": None,
    "members": 0,
    "connected": 0,
    "requests": 0,
    "brokers": [],
}
