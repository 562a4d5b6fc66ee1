"""The devices of our own home, as far as they have addresses of the group: who they are and what they are called.

Three witnesses, of which none has to be asked: dnsmasq's leases, the names that devices announce by multicast DNS, and
the addresses that they send from. Where both name a device, the lease counts: it is what its people gave it, here or
there. A device keeps the label that it has; of two that want the same one the later gets a number. dnsmasq gives a name
to one lease only, the latest, and takes it from the other. That one has it back, with a number, when it is heard again:
then it is a namesake, and not the same phone before it made itself another MAC address.

Who has a lease is listed as long as it has that; anybody else, and every other address, until it was not seen for KEEP.
"""

from ..errors import Rejected
from ..ordering import ordered
from ..wire import address, ethernet, mdns
from . import names

DEVICES_MAX = 256
ADDRESSES_MAX = 8  # of one device: IPv6 hosts make themselves a new one each day
ADDRESSES_TOLD = 4
KEEP = 3_600_000  # ms


class _Device:
    def __init__(self):
        self.leased = None  # its address by DHCP
        self.lease_name = ""
        self.lost_name = self.kept_name = ""  # that a namesake has by DHCP; and when it was heard since
        self.mdns_name = ""
        self.wanted = self.label = ""
        self.addresses = []  # [address, when seen] of those that it sends from, in the order in which they were found
        self.seen = None

    @property
    def is_named(self):
        return self.leased is not None or self.mdns_name != ""


class OwnDevices:
    """`may_have(address)` says whether a packed address is one that a device of this home can have."""

    def __init__(self, may_have):
        self.revision = 0  # grows when `entries` may say something else
        self._may_have = may_have
        self._devices = {}  # MAC -> _Device
        self._leases = ()
        self._expire_at = None

    def set_leases(self, leases):
        """All leases: (MAC, address as text or packed, host name or ""). Those of the home's other LANs don't count."""
        self._leases = leases
        held = {}
        for mac, host, name in leases:
            packed = _packed(host)
            if packed is not None and self._may_have(packed) and not ethernet.is_group(mac):
                held[mac] = packed, names.label(name.split(".")[0])
        for mac in [mac for mac, device in self._devices.items() if device.leased and mac not in held]:
            del self._devices[mac]  # it has said good-bye, or was away for long; what it is besides it will say again
            self.revision += 1
        for mac in ordered(held):
            device = self._device(mac, True)
            if device is not None and held[mac] != (device.leased, device.lease_name):
                self._drop_address(device, device.leased)
                has_lost = held[mac] == (device.leased, "")
                device.lost_name, device.kept_name = device.lease_name if has_lost else "", ""
                device.leased, device.lease_name = held[mac]
                self.revision += 1

    def hear_mdns(self, message, source, mac, now):
        """A multicast DNS message (bytes) that came from a device with this address (packed) and MAC.

        What it says of others doesn't count. Returns whether it could be read."""
        try:
            announced = mdns.hosts(message)
        except Rejected:
            return False
        mine = [host for host in announced if host.address == source]
        if not mine or not self._may_have(source):
            return True
        named = [names.host_label(host.name) for host in mine if host.ttl]
        gone = [names.host_label(host.name) for host in mine if not host.ttl]
        device = self._device(mac, named != [])
        if device is None:
            return True
        name = device.mdns_name
        if name in gone or (named and name not in named):
            name = named[0] if named else ""
        if name != device.mdns_name:
            device.mdns_name = name
            self.revision += 1
        self.saw(mac, (source,), now)
        return True

    def saw(self, mac, addresses, now):
        """A device of our LAN has sent something from these addresses (packed)."""
        device = self._devices.get(mac)
        for packed in addresses:
            if device is not None and packed == device.leased:
                continue
            if not self._may_have(packed):
                continue
            device = device or self._device(mac, False)
            if device is None:
                return
            self._note(device, packed, now)
        if device is not None:
            device.seen = now
            if device.lost_name:
                device.kept_name, device.lost_name = device.lost_name, ""
                self.revision += 1

    def forget_strangers(self):
        """`may_have` says something else now: which addresses those are that were seen."""
        for device in self._devices.values():
            device.addresses = [each for each in device.addresses if self._may_have(each[0])]
        self._sweep()
        self.set_leases(self._leases)
        self.revision += 1

    def handle_timeout(self, now):
        if self._expire_at is None or now < self._expire_at:
            return
        for device in self._devices.values():
            current = [each for each in device.addresses if now - each[1] < KEEP]
            if len(current) < len(device.addresses):
                device.addresses = current
                self.revision += 1
        self._sweep()
        seen = [each[1] for device in self._devices.values() for each in device.addresses]
        self._expire_at = min(seen) + KEEP if seen else None

    def poll_timeout(self):
        return self._expire_at

    def entries(self):
        """{MAC: entry} of all that have an address here; see `entry`."""
        self._give_labels()
        found = {}
        for mac, device in self._devices.items():
            addresses = [device.leased] if device.leased else []
            addresses += [each[0] for each in device.addresses if each[0] != device.leased]
            if addresses:
                found[mac] = entry(mac, addresses[:ADDRESSES_TOLD], device.label)
        return found

    def seen_at(self, mac):
        """When a device sent something last (ms), or None."""
        device = self._devices.get(mac)
        return device.seen if device is not None else None

    def _device(self, mac, is_named):
        """The _Device with this MAC; a new one unless the table is full. Who has a name displaces who has none."""
        device = self._devices.get(mac)
        if device is None and not ethernet.is_group(mac):
            if len(self._devices) >= DEVICES_MAX:
                nameless = [other for other, each in self._devices.items() if not each.is_named]
                if not is_named or not nameless:
                    return None
                del self._devices[min(nameless, key=lambda other: (self._devices[other].seen or 0, other))]
            device = self._devices[mac] = _Device()
            self.revision += 1
        return device

    def _note(self, device, packed, now):
        for each in device.addresses:
            if each[0] == packed:
                each[1] = now
                return
        if len(device.addresses) >= ADDRESSES_MAX:
            device.addresses.remove(min(device.addresses, key=lambda each: each[1]))
        device.addresses.append([packed, now])
        self._expire_at = now + KEEP if self._expire_at is None else self._expire_at
        self.revision += 1

    def _drop_address(self, device, packed):
        device.addresses = [each for each in device.addresses if each[0] != packed]

    def _sweep(self):
        for mac in [mac for mac, each in self._devices.items() if not each.addresses and each.leased is None]:
            del self._devices[mac]

    def _give_labels(self):
        new = []
        for mac, device in self._devices.items():
            wanted = device.lease_name or device.kept_name or device.mdns_name
            if wanted != device.wanted:
                device.wanted, device.label = wanted, ""
            if wanted and not device.label:
                new.append(mac)
        taken = {device.label for device in self._devices.values()}
        for mac in ordered(new):
            device = self._devices[mac]
            device.label = names.numbered(device.wanted, taken)
            taken.add(device.label)


def entry(mac, addresses, name):
    """A device as members tell each other of it: MAC 6 | number of IPv4 addresses 1, of IPv6 1 | addresses | length of
    the name 1, name. It is empty where there is none."""
    ipv4 = [each for each in addresses if len(each) == 4]
    ipv6 = [each for each in addresses if len(each) == 16]
    return mac + bytes([len(ipv4), len(ipv6)]) + b"".join(ipv4 + ipv6) + bytes([len(name)]) + name.encode()


def read_entry(data, at):
    """(MAC, addresses, name, where it ends) of the entry at `at`, as it was sent. Raises Rejected: "bad-payload"."""
    end = at + 8
    if len(data) > end:
        end += 4 * data[at + 6] + 16 * data[at + 7]
    if len(data) <= end or len(data) < end + 1 + data[end] or not 0 < data[at + 6] + data[at + 7] <= ADDRESSES_TOLD:
        raise Rejected("bad-payload")
    text = data[end + 1 : end + 1 + data[end]]
    if max(text or b"a") > 0x7F or ethernet.is_group(data[at : at + 6]):
        raise Rejected("bad-payload")
    mac, addresses, name = unpack(data, at)
    if name and (name in names.RESERVED or not names.is_label(name)):
        raise Rejected("bad-payload")
    return mac, addresses, name, end + 1 + len(text)


def unpack(data, at=0):
    """(MAC, addresses, name) of an entry that is known to be one."""
    mac, ipv4, ipv6 = data[at : at + 6], data[at + 6], data[at + 7]
    at += 8
    addresses = []
    for _ in range(ipv4):
        addresses.append(data[at : at + 4])
        at += 4
    for _ in range(ipv6):
        addresses.append(data[at : at + 16])
        at += 16
    return mac, addresses, data[at + 1 : at + 1 + data[at]].decode()


def _packed(host):
    """4 or 16 bytes, or None for what is no address."""
    if not isinstance(host, str):
        return bytes(host)
    try:
        return address.pack(host)
    except ValueError:
        return None
