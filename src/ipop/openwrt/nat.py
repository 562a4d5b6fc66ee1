"""A home's ordinary devices at their second addresses, for fw4: a file that it includes into its table.

UCI has no word for a 1:1 mapping of networks; nftables has (home/firewall.py). The router itself is left out of what is
mapped: fw4 would take who comes to its image for one of its port forwards. The file is passive: a section `include`
makes it count, and goes with the others. It stands in a folder of root's own: nft loads it as root, and could be told
there to open everything; so it must not be in /etc/ipop, which is the daemon's.
"""

from ..home.firewall import destinations, images, sources

FOLDER = "/etc/ipop-nat"

_TEXT = """\
# Written by 'ipop setup' for the group in {bridge}; what is changed here is lost.
chain {device}_dstnat {{
	type nat hook prerouting priority dstnat; policy accept;
{dnat}}}

chain {device}_srcnat {{
	type nat hook postrouting priority srcnat; policy accept;
{snat}}}

chain {device}_mapped {{
	type filter hook input priority filter - 1; policy accept;
{images}}}
"""


def path(device):
    return "%s/%s.nft" % (FOLDER, device)


def text(device, made):
    """The file's text for a Plan, or None where nothing is mapped."""
    if not made.maps:
        return None
    left_out = "".join(['\tiifname "%s" %s\n' % (made.bridge, each) for each in images(made)])
    nat = {"dnat": destinations(made), "snat": sources(made)}
    return _TEXT.format(bridge=made.bridge, device=device, images=left_out, **nat)
