"""What stands in UCI now, as far as a group has to know it: whose a section is, where a network lies, who has a port.

Sections of ours are called by the group's device, and only where there is the one of them that says so: `ipop0_dev`, in
which the group's name stands. Whoever has called something else `ipop0` himself keeps it.
"""

from ..errors import UserError
from ..home.plan import overlap
from ..wire import address
from ..words import consists_of
from .device import is_device

PACKAGES = ("network", "wireless", "dhcp", "firewall")
DEVICE_SECTION = "_dev"  # behind the device's name
GROUP_OPTION = "ipop_group"
# what is made (wanted.py), behind the device's name and without numbers; in `wireless` it is a radio's name
_MADE = {
    "network": ("", DEVICE_SECTION, "_map"),
    "dhcp": ("_dhcp",),
    "firewall": ("_zone", "_icmp", "_dns", "_dhcp", "_internet", "_map_in", "_map_out", "_nat"),
}


class There:
    """`packages` is {package: [uci.Section]} of PACKAGES."""

    def __init__(self, packages):
        self._packages = packages
        self.owned = {}  # device -> the group's name
        for section in self._packages["network"]:
            device = section.name[: -len(DEVICE_SECTION)]
            if section.name == device + DEVICE_SECTION and is_device(device) and one(section, GROUP_OPTION):
                self.owned[device] = one(section, GROUP_OPTION)

    def sections(self, package):
        return self._packages[package]

    def section(self, package, name):
        """The Section, or None."""
        for section in self._packages[package]:
            if section.name == name:
                return section
        return None

    def device_of(self, section):
        """The device of the group whose section this is, or None."""
        device = section.name.partition("_")[0]
        return device if device in self.owned else None

    def of(self, device):
        """[(package, Section)] that belong to a device, by its name alone: ours, or in our way. What else somebody adds
        under such a name is his."""
        found = [(package, section) for package in PACKAGES for section in self._packages[package]]
        return [each for each in found if _is_made(each[0], each[1], device)]

    # --- what others have

    def of_others(self, package, type):
        """The Sections of a type that are not ours."""
        return [each for each in self._packages[package] if each.type == type and self.device_of(each) is None]

    def networks(self):
        """[(interface, address as text, prefix length)] of interfaces that aren't ours, as they are configured."""
        found = []
        for section in self.of_others("network", "interface"):
            netmask = _length(one(section, "netmask"))
            for option in ("ipaddr", "ip6addr"):
                for text in words(section, option):
                    written, _, length = text.partition("/")  # newer releases write both into one
                    packed = _pack(written)
                    if packed is not None:
                        given = int(length) if length and consists_of(length, "0123456789") else None
                        found.append((section.name, written, _first(given, netmask, 8 * len(packed))))
        return found

    def zone_of(self, interface):
        """The name of the firewall's zone that an interface is in, or None."""
        for section in self.of_others("firewall", "zone"):
            if interface in words(section, "network"):
                return one(section, "name")
        return None

    def zone_with(self, network):
        """The name of the zone in which a (4 bytes, prefix length) lies; `lan` where nobody says. Raises UserError."""
        for interface, text, length in self.networks():
            if overlap((address.pack(text), length), network):
                zone = self.zone_of(interface)
                if zone is None:
                    raise UserError("%s, where it is, is in no zone of the firewall: put it into one" % interface)
                return zone
        return self.zone_called("lan")

    def zone_called(self, name):
        """The name of the zone that the interface of this name is in, or that is called so. Raises UserError."""
        zones = [one(section, "name") for section in self.of_others("firewall", "zone")]
        zone = self.zone_of(name) or (name if name in zones else None)
        if zone is None:
            raise UserError("the firewall has no zone '%s': add one" % name)
        return zone

    def bridges(self):
        """[(name, Section)] of the bridges that aren't ours."""
        found = self.of_others("network", "device")
        return [(one(each, "name"), each) for each in found if one(each, "type") == "bridge" and one(each, "name")]

    def why_not_a_port(self, port):
        """Why a device can't become a port of a group's bridge, in words, or None."""
        for section in self.of_others("network", "interface"):
            if port in words(section, "device") + words(section, "ifname"):
                return "the interface %s is on it" % section.name
        for section in self.of_others("network", "bridge-vlan"):
            if port in [text.partition(":")[0] for text in words(section, "ports")]:
                return "it is in VLAN %s of %s: take it out there" % (one(section, "vlan"), one(section, "device"))
        if port in [name for name, _ in self.bridges()] or port in self.owned:
            return "it is a bridge or a tunnel itself"
        return None

    def dnsmasq(self):
        """The section of the system's dnsmasq, or None."""
        for section in self._packages["dhcp"]:
            if section.type == "dnsmasq" and one(section, "disabled") != "1":
                return section
        return None

    def radios(self):
        """{name: whether it is switched off}"""
        found = [section for section in self._packages["wireless"] if section.type == "wifi-device"]
        return {section.name: one(section, "disabled") == "1" for section in found}


def _is_made(package, section, device):
    start, _, _ = section.name.partition("_")
    if start != device:
        return False
    if package not in _MADE:
        return section.type == "wifi-iface"
    return "".join([letter for letter in section.name[len(start) :] if letter not in "0123456789"]) in _MADE[package]


def one(section, name):
    """An option's value, the last of a list, or None."""
    option = section.get(name)
    return option.values[-1].text if option is not None else None


def words(section, name):
    """The values of a list, which can also be written as one option with blanks between."""
    option = section.get(name)
    return [word for value in option.values for word in value.text.split()] if option is not None else []


def _pack(text):
    try:
        return address.pack(text)
    except ValueError:
        return None


def _length(netmask):
    """The prefix length of a netmask as text, or None."""
    packed = _pack(netmask) if netmask else None
    if packed is None or len(packed) != 4:
        return None
    number, length = int.from_bytes(packed, "big"), 0
    while length < 32 and number >> (31 - length) & 1:
        length += 1
    return length


def _first(given, netmask, bits):
    if given is not None and given <= bits:
        return given
    return netmask if netmask is not None and bits == 32 else bits
