"""What passes between a group's bridge and the rest of this router: one nftables table, loaded and removed as a whole.

    devices here -> internet      only if they may use this home's: their slice, masqueraded, and public addresses only
    the group <-> home LAN        only the ordinary devices that are mapped, each at its address in the group
    the group -> this router      from its own slice whatever the system's firewall lets in; from other members ICMP and
                                  names (and DHCP's own port: what comes by tunnel is the guards' business)

A way out is known by its destination and not by a WAN's name, so that nothing has to be loaded again when that changes.
Private destinations are no internet (RFC 1918, 3927, 6598): the router before this one has its LAN there.

A 1:1 mapping is a prefix for a prefix, host by host, in both directions. Who is at home and starts to talk to the group
has its address there too, so that two homes with the same LAN meet; for that this router has to be its gateway. The
router itself is no such device, though its address at home lies in a whole LAN that is mapped: nothing gets to it by
its image there, or others could ask its home's resolver and see its pages.

Of a connection only what comes back passes without a look: so one that is under way ends when it is allowed no more.

An `accept` here ends this table only: what another table of the system drops stays dropped.
"""

from ..words import consists_of
from .plan import prefix

_TEXT = """\
# Written by ipopd for the group in {bridge}; what is changed here is lost.
table inet {table}
delete table inet {table}
table inet {table} {{
	chain input {{
		type filter hook input priority filter; policy accept;
		iifname != "{bridge}" accept
		ct state established,related accept
{images}		ip saddr {slice} accept
		meta l4proto {{ icmp, ipv6-icmp, igmp }} accept
		meta l4proto {{ tcp, udp }} th dport 53 accept
		udp dport {{ 67, 547 }} accept
		drop
	}}

	chain forward {{
		type filter hook forward priority filter; policy accept;
		iifname "{bridge}" oifname "{bridge}" accept
		iifname "{bridge}" jump from_group
		oifname "{bridge}" jump to_group
	}}

	chain from_group {{
		ct state related accept
		ct state established ct direction reply accept
{mapped}{internet}		drop
	}}

	chain to_group {{
		ct state related accept
		ct state established ct direction reply accept
{mappable}		drop
	}}
{nat}}}
"""

_NAT = """
	chain prerouting {{
		type nat hook prerouting priority dstnat; policy accept;
{dnat}	}}

	chain postrouting {{
		type nat hook postrouting priority srcnat; policy accept;
{snat}	}}
"""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
PRIVATE = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
)


def table(plan):
    """The name of the table, which no other group of this router has: it is that of the bridge. A group's own name is
    chosen by who makes it, and "Friends" would look like "friends" here."""
    return "ipop_" + "".join([each if consists_of(each, _LETTERS) else "_%02x" % ord(each) for each in plan.bridge])


def rules(plan):
    """The text for `nft -f` that puts the Plan's table in the place of one that may be there."""
    bridge, own = plan.bridge, prefix(plan.slice[0], plan.slice[1])
    mapped = mappable = internet = ""
    for mapping in plan.maps:
        network = prefix(mapping.network, mapping.length)
        mapped += "\t\tct status dnat ip daddr %s accept\n" % network
        mappable += "\t\tip saddr %s accept\n" % network
    dnat, snat = destinations(plan), sources(plan)
    if plan.internet:
        internet = "\t\tip saddr %s ip daddr != { %s } accept\n" % (own, ", ".join(PRIVATE))
        snat += '\t\toifname != "%s" ip saddr %s masquerade\n' % (bridge, own)
    return _TEXT.format(
        bridge=bridge,
        table=table(plan),
        slice=own,
        mapped=mapped,
        mappable=mappable,
        internet=internet,
        images="".join(["\t\t%s\n" % each for each in images(plan)]),
        nat=_NAT.format(dnat=dnat, snat=snat) if snat else "",
    )


def destinations(plan):
    """The rules by which the group reaches what is mapped."""
    rule = '\t\tiifname "%s" dnat ip prefix to ip daddr map { %s : %s }\n'
    return "".join([rule % (plan.bridge, image, network) for network, image in _mappings(plan)])


def sources(plan):
    """The rules by which what is mapped has its address in the group there."""
    rule = '\t\toifname "%s" snat ip prefix to ip saddr map { %s : %s }\n'
    return "".join([rule % (plan.bridge, network, image) for network, image in _mappings(plan)])


def images(plan):
    """The rules by which none of what is mapped is this router itself."""
    return ["ct original ip daddr %s drop" % image for _, image in _mappings(plan)]


def _mappings(plan):
    """[(network, image)] as text."""
    return [(prefix(each.network, each.length), prefix(each.image, each.length)) for each in plan.maps]


def removal(name):
    """The command for nft that removes a table, whether it is there or not."""
    return "add table inet %s; delete table inet %s" % (name, name)
