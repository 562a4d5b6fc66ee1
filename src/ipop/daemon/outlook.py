"""What stands between this router and the internet, and what would help: one word for each.

The sentences for them are in `ipop nat` (nat.py) and in LuCI (luci-app-ipop, words.js).
"""

from ..overlay.stun import BLOCKED, ENDPOINT_INDEPENDENT, FOUND, UNKNOWN
from ..wire import address

# what it means
PUBLIC = "public"  # everybody can call: an IPv4 address that is good everywhere
MAPPED = "mapped"  # the same, by a port of the router before
FIREWALL = "firewall"  # such an address, and somebody before us who lets in only what answers
IPV6 = "ipv6"  # no IPv4 at all
UNSEEN = "unseen"  # nobody has told yet
UDP_BLOCKED = "blocked"
BY_TURN = "turn"  # the same, and there is an address at a TURN server
NAT, HARD, EASY, USUAL = "nat", "hard", "easy", "usual"

# what would help; None: nothing has to be done
FORWARD = "forward"  # a port mapping at the router before
OUTER = "outer"  # there is one, but another NAT before that router
OPEN = "open"  # the port in the firewall
ASK_STUN = "stun"
UNBLOCK = "unblock"  # UDP, at whoever runs this network
ADD_TURN = "turn"  # or that


def judge(nat):
    """(what it means, what would help) from what `nat` is to answer."""
    families = {family["family"]: family for family in nat["families"]}
    ipv4, ipv6 = families.get("ipv4"), families.get("ipv6")
    own = [ip for ip in nat["hosts"] if not address.is_private(ip)]
    if nat["families"] and all(family["state"] == BLOCKED for family in nat["families"]) and not nat["seen"]:
        return (BY_TURN, UNBLOCK) if nat["relayed"] else (UDP_BLOCKED, ADD_TURN)
    if any(":" not in ip for ip in own):
        return (FIREWALL, OPEN) if _is_filtered(ipv4) else (PUBLIC, None)
    if nat["mapped_port"] and not _is_inside(nat["mapped_port"]):
        return MAPPED, None
    if own and all(":" in ip for ip in nat["hosts"]):
        return IPV6, OPEN if _is_filtered(ipv6) else None
    help = OUTER if nat["mapped_port"] else FORWARD
    if ipv4 is None or ipv4["state"] != FOUND:
        return (NAT, help) if nat["seen"] else (UNSEEN, None if ipv4 else ASK_STUN)
    if ipv4["mapping"] == UNKNOWN:
        return NAT, help
    if ipv4["mapping"] != ENDPOINT_INDEPENDENT:
        return HARD, help
    return (EASY, None) if ipv4["filtering"] == ENDPOINT_INDEPENDENT else (USUAL, help)


def _is_filtered(family):
    """Whether our own address is seen outside, and somebody before us keeps out who was not called."""
    if family is None or family["state"] != FOUND or family["is_nat"]:
        return False
    return family["filtering"] not in (UNKNOWN, ENDPOINT_INDEPENDENT)


def _is_inside(text):
    return address.is_private(address.parse(text)[0])
