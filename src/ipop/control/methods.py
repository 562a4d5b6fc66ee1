"""What can be asked of the daemon, over the control socket (protocol.py) and on ubus (bus_object.py): parameters, and
what is answered.

    status           see Node.status and daemon/answers.py; "problems": [text], "problem_topics": what each is about
    peers            [peer]; in a group's network it has "group", the group's name; "has_detour": whether somebody could
                     forward, a member or a TURN server; "mtu": the largest IP packet that goes to it in one datagram
    ping             {"peer", "endpoint", "rtt_ms"}

    job              {"state": "running", "done" or "failed", "result": what the method answers, or
                     "error": {"code", "message"}}; only on ubus there are jobs: on the socket the answer itself is late
    events           {"events": [event], "next": what to ask with the next time}; the oldest are forgotten. On ubus each
                     is also sent, as an event of type "ipop." and its kind

    nat              {"port", "hosts": this router's own addresses, "public": whether one of them is good everywhere,
                     "seen": where members see it, "relay": whether it forwards for others,
                     "port_mapping": what the router before says to that, "mapped_port": its "ip:port" or null,
                     "turn": what came of the TURN servers, in words, or null without one, "relayed": our addresses
                     there,
                     "means", "help": what that means and what would help, a word each or null: daemon/outlook.py,
                     "families": [{"family": "ipv4" or "ipv6", "state": "asking", "found" or "blocked", "mapped",
                     "is_nat", "mapping", "filtering", "keepalive_s", "servers"}]: see overlay/stun.py}

    groups           [group]
    group_create     group
    group_brokers    {"group", "brokers": [URL], the best first, with what is secret in them}: as they are now
    restore          group
    invite           {"group", "invite": its id, "line", "uses", "expires_in": s, 0 for never, "approve"}
    invites          [{"group", "invite", "left": how many it still lets in, "admitted": how many came in by it,
                     "waiting": for approval, "expires_in", "approve"}], those that are good
    uninvite         {"group", "invites": the ids of those that were taken back}
    join             join, at once
    join_status      join
    requests         [{"group", "name", "fingerprint", "release", "waits_s"}]
    approve, deny    {"group", "name", "fingerprint", "address"}
    members          [member], the revoked ones too
    rename, promote, demote, revoke
                     {"group", "name", "fingerprint", "role", "address"}: what it is now
    devices          [device], in all groups if none is named
    topology         {"nodes": [{"group", "name", "fingerprint", "role", "address", "state"}],
                     "links": [{"group", "from", "to": names, "way": the endpoint or through whom, "is_direct",
                     "rtt_ms"}]}, as far as this router knows: the links are its own
    leave            {"group", "role"}: what this router was there, or "joining", "damaged" or "off"
    backup           {"group", "line", "passphrase"}

    event   {"seq": its number, "time": s since 1970, "kind": "connected", "unreachable", "moved", "admitted",
             "waiting", "removed", "brokers", "joining", "conflict" or "problem", "group": "" where it concerns none,
             "text"}

    group   {"name": what it is called on this router, "fingerprint", "state": "member", "joining", "damaged" or
             "off", "text": how far the join is, or what is wrong, else "", "member": what this router is called there,
             "member_fingerprint", "role", "address": "10.77.1.1/16", "slice": "10.77.1.0/24", "device", "bridge",
             "newest_ms": when the last entry of its roster was signed, in ms since 1970,
             "members", "connected": how many others there are, and how many of them are connected,
             "requests": how many wait for approval, "brokers": [{"url": without what is secret, "connected"}], also
             one that the group has left, as long as no other can be reached}
    join    {"group", "fingerprint", "member", "member_fingerprint": as above, "state": "offline", "asking", "pending",
             "refused" or "welcome", "text": the same in words, "address"}
            A join that was refused is forgotten; it is answered for until the daemon ends or the group is asked again.
    member  {"name", "fingerprint", "role", "address": of its router, "state": "this router", "connected", "connecting"
             or "away", "endpoint", "release"}

    device  {"name": "" where it has none, "fqdn": "nas.cabin.friends.internal", "address", "addresses": that one and
             others, "mac", "vendor": "" where it isn't known, "member": whose home it is in, "group",
             "seen_s": how long ago this router heard it, "way": "here", or how its member is reached; null: it isn't}

A role is "owner", "admin", "member" or "revoked"; an address is without a prefix length, but for `group`. What isn't
known or doesn't apply is null.
"""

from collections import namedtuple

Method = namedtuple("Method", "name params help")
Param = namedtuple("Param", "name kind default help")  # a default of None: it must be given
Kind = namedtuple("Kind", "shape check expected")  # shape: "text", "number", "switch" or "list"

LINE_MAX = 8000  # letters of an invite or a recovery line


def _text(shortest, longest):
    expected = f"a text of {shortest} to {longest} letters"
    return Kind("text", lambda value: isinstance(value, str) and shortest <= len(value) <= longest, expected)


def _number(low, high, unit=""):
    expected = f"a whole number{unit} from {low} to {high}"
    return Kind("number", lambda value: type(value) is int and low <= value <= high, expected)


def _is_texts(value):
    return isinstance(value, list) and len(value) <= 8 and all(isinstance(text, str) for text in value)


TEXT = _text(1, 256)
ANY_TEXT = _text(0, 256)
LINE = _text(1, LINE_MAX)
TEXTS = Kind("list", _is_texts, "a list of up to 8 texts")
DURATION = _number(1, 60_000, " of ms")
USES = _number(1, 10_000)
JOB = _number(1, 0x7FFFFFFF)
SINCE = _number(0, 0x7FFFFFFF)
LIFE = _number(0, 315_360_000, " of s")
SWITCH = Kind("switch", lambda value: type(value) is bool, "true or false")

_GROUP = Param("group", ANY_TEXT, "", "Which group; empty where there is only one")
_OWN_NAME = "What this router is called in it; its host name if empty"
_WHICH = "Its name or fingerprint, or the beginning of one"
_MEMBER = Param("member", TEXT, None, _WHICH)
_REQUEST = Param("request", TEXT, None, _WHICH)

METHODS = (
    Method("status", (), "Whether this node works, its traffic, and what it dropped"),
    Method("peers", (), "The other nodes and how each is reached"),
    Method(
        "ping",
        (
            Param("peer", TEXT, None, "Its name or public key, or the beginning of one"),
            Param("timeout", DURATION, 3000, "How long to wait (ms)"),
        ),
        "How long a peer takes to answer through the tunnel",
    ),
    Method("job", (Param("job", JOB, None, "Its number"),), "What has become of something that takes a while"),
    Method(
        "events",
        (Param("since", SINCE, 0, "The `next` of the last answer; 0 for all that are known"),),
        "What has happened",
    ),
    Method("nat", (), "What stands between this router and the internet"),
    Method("groups", (), "The groups that this router is in, or on the way into"),
    Method(
        "group_create",
        (
            Param("name", TEXT, None, "What the group is called"),
            Param("member", ANY_TEXT, "", _OWN_NAME),
            Param("brokers", TEXTS, [], "Where its members find each other"),
            Param("large", SWITCH, False, "Whether it has addresses for thousands of routers"),
            Param("subnet", ANY_TEXT, "", "Its IPv4 addresses, such as 10.77.0.0/16; some that are free here if empty"),
        ),
        "Make a group, which this router owns",
    ),
    Method(
        "group_brokers",
        (
            _GROUP,
            Param("brokers", TEXTS, [], "Where its members are to find each other, the best first; none: as it is"),
        ),
        "Where a group's members find each other; its owner can have them meet elsewhere",
    ),
    Method(
        "invite",
        (
            _GROUP,
            Param("uses", USES, 1, "How many routers it lets in"),
            Param("expires", LIFE, 604_800, "How long it is good (s); 0: for ever"),
            Param("approve", SWITCH, False, "Whether each of them has to be approved"),
        ),
        "Make an invite, which this router answers",
    ),
    Method("invites", (_GROUP,), "The invites that are good; in all groups if none is named"),
    Method(
        "uninvite",
        (Param("invite", TEXT, None, "Its id, or 'all'"), _GROUP),
        "Take back an invite: nobody comes in by it any more",
    ),
    Method(
        "join",
        (
            Param("line", LINE, None, "The invite"),
            Param("name", ANY_TEXT, "", _OWN_NAME),
            Param("group", ANY_TEXT, "", "What the group has to be called; empty for any"),
        ),
        "Begin to join a group",
    ),
    Method("join_status", (_GROUP,), "How far a join is"),
    Method("requests", (_GROUP,), "Who waits for approval; in all groups if none is named"),
    Method("approve", (_REQUEST, _GROUP), "Let in a router that waits for it"),
    Method("deny", (_REQUEST, _GROUP), "Refuse a router that waits to be let in"),
    Method("members", (_GROUP,), "Who is in a group, and who was"),
    Method("topology", (_GROUP,), "Who is in a group and by which way each is reached; in all groups if none is named"),
    Method("devices", (_GROUP,), "The devices in all homes; of all groups if none is named"),
    Method("rename", (_MEMBER, Param("name", TEXT, None, "What it is to be called"), _GROUP), "Give a member a name"),
    Method("promote", (_MEMBER, _GROUP), "Make a member an admin"),
    Method("demote", (_MEMBER, _GROUP), "Make an admin a member like others"),
    Method("revoke", (_MEMBER, _GROUP), "Put a member out, for good"),
    Method("leave", (_GROUP,), "Forget a group, and this router's key in it"),
    Method("backup", (_GROUP,), "A sealed line with which another router can take the place of this one"),
    Method(
        "restore",
        (
            Param("line", LINE, None, "What `backup` gave"),
            Param("passphrase", TEXT, None, "What `backup` gave with it"),
        ),
        "Take the place of the router on which a line was made",
    ),
)
