"""The group's names as a file for dnsmasq's `hostsdir`: what it answers, and by the same lines the reverse.

dnsmasq sees a file that is put there and one that replaces another, and forgets what the old one said. Some versions
don't notice one that is taken away: so it is emptied and stays. Names that begin with a dot it passes over, which is
how a file is written that it must not see half.

No bare names stand in it. `nas.cabin` alone would be a domain like any other, and a member called `com` could take
google.com; the search list (Devices.search_domains) does the same for the devices of this home, and for nothing else.
"""

HEADER = "# The names in the group, by ipopd, which writes this file anew when one changes.\n"


def hosts_text(records):
    """The file's text. `records` is [(address as text, name)]; of each address the first name is its reverse."""
    return HEADER + "".join(["%s %s\n" % record for record in records]) if records else ""
