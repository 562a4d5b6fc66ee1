"""What README and LuCI say about the options is what the daemon reads: both are made of the one table."""

import re

import reference
from ipop.config.config import SECTIONS

ANEW = "run 'make reference'"
# LuCI's names for what it can check (validation.js in luci-base), as far as they need no other
TYPES = (
    "cidr cidr4 cidr6 device directory file hexstring host hostname hostport integer ip4addr ip4addrport ip6addr "
    "ipaddr ipaddrport length macaddr max maxlength min minlength netdevname port portrange range rangelength string "
    "uciname uinteger wpakey or and"
).split()


def test_the_readme_is_up_to_date():
    assert reference.in_readme(reference.README.read_text()) == reference.readme(), ANEW


def test_luci_is_up_to_date():
    assert reference.MODULE.read_text() == reference.luci(), ANEW


def test_datatypes_are_such_as_luci_has():
    """One that it doesn't know takes its whole form down."""
    for options in SECTIONS.values():
        for option in options:
            without_texts = re.sub("'[^']*'", "", option.kind.datatype)
            assert set(re.findall("[a-z_][a-z0-9_]*", without_texts)) <= set(TYPES), option


def test_what_people_read_can_be_translated():
    module = reference.luci()
    for options in SECTIONS.values():
        for option in options:
            assert f"name: '{option.name}'" in module and f"_({reference._text(option.help)})" in module
    assert all(line.count("'") % 2 == 0 for line in re.sub(r"\\'", "", module).splitlines() if "//" not in line)
