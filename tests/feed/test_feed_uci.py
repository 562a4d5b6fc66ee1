"""The shipped configuration, read back by somebody else's parser (netjsonconfig) and by our own."""

from netjsonconfig import OpenWrt

from ipop.config import uci


def test_the_shipped_configuration_means_the_same_to_others(packages):
    text = packages["ipop"].content["/etc/config/ipop"].decode()
    theirs = [dict(section) for section in OpenWrt(native=f"package ipop\n{text}").config["ipop"]]
    sections, warnings = uci.parse(text, "/etc/config/ipop")
    ours = [{"config_value": section.type, "config_name": section.name,
             **{option.name: option.values[0].text for option in section.options}} for section in sections]
    assert ours == theirs and len(ours) == 1
    assert warnings == []
