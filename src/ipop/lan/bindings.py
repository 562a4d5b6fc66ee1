"""Who uses which address, and where it was seen last: one bounded table for MAC, IPv4 and IPv6 addresses.

Addresses are packed bytes, so 6, 4 or 16 of them. An owner is the link of a member or LAN, our own side. What is known
is used for FRESH after it was last seen, and for RECENT without a doubt. It is remembered for LIFE while there is room:
a sensor that reports every quarter of an hour keeps what it has, and who rightly has it next waits a second for it.

Each owner may have its share of the table, and beyond it no more than a part of what is free: few of many members
have many devices, and whoever invents addresses leaves room for others (dynamic thresholds, Choudhury and Hahne 1998).
What comes beyond that is refused, once all of its own that isn't fresh was forgotten: nobody is made to forget what is
another's. Only where the whole table is full, because the members are many, the others' give way as well, but never
those of our own side, for which a part of the table is kept.
"""

LAN = None  # the owner that is our own side

RECENT = 60_000  # ms
FRESH = 300_000
LIFE = 3_600_000
LIMIT = 2048  # addresses in all; one takes about 0.2 kB
SHARE_MIN, SHARE_MAX = 32, 512
OWN, BEYOND = 4, 4  # our own side has a fourth of the table; an owner may have a fourth of what is free
SWEEP_GAP = 1_000  # ms between two searches for room, which look at everything


class Binding:
    """`mac` is where an IP address was seen; `ipv4` and `ipv6` are what a MAC address was last seen with. `first` is
    who had it first, as long as it's known."""

    def __init__(self, owner, now):
        self.owner = self.first = owner
        self.seen = now
        self.mac = None
        self.ipv4 = self.ipv6 = None


class Bindings:
    def __init__(self, limit=LIMIT):
        self.revision = 0  # grows when an address has another owner or none
        self._limit = limit
        self._own = min(SHARE_MAX, limit // OWN)
        self._share = min(SHARE_MAX, limit // 2)
        self._table = {}
        self._count = {}  # owner -> how many are its
        self._leased = ()  # MAC addresses
        self._swept = {}  # owner -> when room was made for it last

    def __len__(self):
        return len(self._table)

    def set_members(self, n):
        """There are `n` other members to share the table with."""
        self._share = max(SHARE_MIN, min(SHARE_MAX, (self._limit - self._own) // max(n, 1)))

    def set_leased(self, macs):
        """To these our DHCP server has given addresses. So they were here first, whoever is heard first after a restart
        of ours."""
        self._leased = macs
        for mac in macs:
            binding = self._table.get(mac)
            if binding is not None:
                binding.first = LAN

    def get(self, address):
        """The Binding of an address, or None."""
        return self._table.get(address)

    def unused(self, slice, numbers):
        """The first IPv4 address of a slice, (network, prefix length), that has one of these numbers there and that
        nobody was heard to have, or None."""
        first = int.from_bytes(slice[0], "big")
        for n in numbers:
            address = (first + n).to_bytes(4, "big")
            if address not in self._table:
                return address
        return None

    def items(self):
        return self._table.items()

    def add(self, address, owner, now):
        """Bind an address that is nobody's: its Binding, or None when there is no room for it."""
        if not self._has_room(owner) and not (self._sweep(owner, now) and self._has_room(owner)):
            return None
        binding = self._table[address] = Binding(owner, now)
        if address in self._leased:
            binding.first = LAN
        self._count[owner] = self._count.get(owner, 0) + 1
        return binding

    def remove(self, address):
        """An address is nobody's any more. What a MAC address was seen with was there too, and is gone with it."""
        binding = self._table.pop(address, None)
        if binding is None:
            return
        self.revision += 1
        if self._count[binding.owner] == 1:
            del self._count[binding.owner]
        else:
            self._count[binding.owner] -= 1
        if len(address) == 6:
            for other in (binding.ipv4, binding.ipv6):
                its = self._table.get(other)
                if its is not None and its.mac == address and its.owner is binding.owner:
                    self.remove(other)

    def move(self, address, owner, now):
        """An address that is somebody's has another owner from now on, if there is room for it; else it is nobody's.
        Whose it was first stays known. An IPv6 address that a MAC address was seen with goes along."""
        old = self._table[address]
        ipv6 = self._table.get(old.ipv6) if len(address) == 6 else None
        self.remove(address)
        binding = self.add(address, owner, now)
        if binding is None:
            return
        binding.first = old.first
        if ipv6 is not None and old.ipv6 not in self._table:
            its = self.add(old.ipv6, owner, now)
            if its is not None:
                its.first, its.mac, binding.ipv6 = ipv6.first, address, old.ipv6

    def forget(self, owner):
        """There is no such owner any more."""
        self.keep(lambda _, binding: binding.owner is not owner)
        for binding in self._table.values():
            if binding.first is owner:
                binding.first = binding.owner

    def doubt(self, owner, now):
        """Nobody knows what has become of an owner: its addresses are of no use now, but it is known that they were its
        own."""
        self.revision += 1
        for binding in self._table.values():
            if binding.owner is owner:
                binding.seen = min(binding.seen, now - FRESH)

    def keep(self, is_right):
        """Forget each binding for which `is_right(address, binding)` is false."""
        for address in [address for address, binding in self._table.items() if not is_right(address, binding)]:
            self.remove(address)

    def age(self, now):
        """Forget what is older than LIFE; to be called now and then."""
        self.keep(lambda _, binding: now - binding.seen < LIFE)

    def _has_room(self, owner):
        count, free = self._count.get(owner, 0), self._limit - len(self._table)
        if owner is LAN:
            return free > 0 and count < max(self._own, self._share)
        free -= max(self._own - self._count.get(LAN, 0), 0)
        return free > 0 and count < min(SHARE_MAX, max(self._share, free // BEYOND))

    def _sweep(self, owner, now):
        self._swept = {each: when for each, when in self._swept.items() if now - when < SWEEP_GAP}
        if owner in self._swept:
            return False
        self._swept[owner] = now
        kept = max(self._own - self._count.get(LAN, 0), 0)
        is_full = len(self._table) + kept >= self._limit
        self.keep(
            lambda _, binding: now - binding.seen < FRESH
            or binding.owner is not owner
            and (binding.owner is LAN or not is_full)
        )
        return True
