"""Two use one address: who keeps it? (After RFC 6620, FCFS SAVI: it belongs to who used it first.)

Only the router in whose home the first one was can find out whether it still is there. So a router that sees an address
of one member come from another asks the first one's router; that one looks on its LAN. Who answers within a second
keeps the address, else it moves to the second. A device that was carried from home to home works again after that
second; a spoofer gets nothing, because the device that it claims to be answers. While a claim is open nothing that
bears the address passes from its second user. Every router decides for itself, by what the first one's router says, so
there is nothing to agree upon; and a router that lies can only keep what it has already, or give it up.

A device that sleeps doesn't answer either. So it isn't forgotten who had an address first: that one has it back as soon
as it is heard again, unless the address is on our own LAN now, where we can look ourselves. Nobody else has to be asked
for that, and so nobody can keep by a lie what he got by waiting for a device to sleep, or for its router to restart.

    ASK  1 | address     is it still with you?                              address: 6 bytes (MAC) or 16 (IPv6)
    HERE 2 | address     it is
    GONE 3 | address     it isn't, or never was

A question is repeated until it is answered, ASKS times in all. A router that never answers is as good as gone: it keeps
only what was seen of it meanwhile. Who was refused can't claim the same again for a while, longer each time.

The LAN is asked as any host asks whether a neighbour is still there (RFC 4861 section 7.3, RFC 1122 section 2.3.2.1):
with ordinary solicitations from a MAC address of our own, not with probes for duplicates, which would make a device
that just checks the same address for itself give it up (RFC 5227 section 2.1.1). So ARP is asked from an address that
nobody has: one of our slice of which nothing was ever heard, below those that DHCP gives.
"""

from collections import deque, namedtuple

from ..errors import Rejected
from ..wire import ip
from .bindings import LAN

ASK, HERE, GONE = 1, 2, 3
ASK_AGAIN = 500  # ms
ASKS = 9
PROBE_TIME = 1_000  # ms in which a device answers
PROBE_GAP = 300
FREE = 100  # of 256 addresses, at the beginning of our slice, that DHCP doesn't give (home/plan.py)
JUST_HEARD = 1_000  # ms in which a device isn't asked whether it's there
HOLD, HOLD_MAX = 2_000, 60_000  # ms, doubled for each refusal
CLAIMS_MAX, CLAIMS_SHARE = 256, 32  # in all, and of one claimant
PROBES_SHARE = 64  # that another router, which passes on the claims of several, has us look for at once
MESSAGES_MAX = 64
EVENTS_MAX = 16  # the last ones

# An address (bytes) of `owner` was claimed by `claimant` from the MAC address `mac`: it was KEPT or MOVED; or a claim
# that was refused again and again is OVER. LAN is our own side.
ClaimEvent = namedtuple("ClaimEvent", ("kind", "address", "owner", "claimant", "mac"))
KEPT, MOVED, OVER = "kept", "moved", "over"


class _Claim:
    def __init__(self, address, claimant):
        self.address = address
        self.claimant = claimant
        self.is_open = False
        self.owner = self.mac = None  # while open
        self.is_dad = False  # whether the claimant asked for duplicates and must be told
        self.asked = 0
        self.opened = 0
        self.until = 0  # when to ask again; of a refused one, when it may be raised again
        self.hold = 0

    @property
    def is_stubborn(self):
        """Whether it was refused more than once: a device that was just carried isn't."""
        return self.hold > HOLD


class _Probe:
    """We look on our LAN for an address; `askers` are links, or LAN for a claim that was raised here."""

    def __init__(self, asker, now):
        self.askers = [asker]
        self.until = now + PROBE_TIME
        self.next = now


class Claims:
    """`mac` is ours, on the LAN; `emit(frame)` sends one there; `count(reason)` is told what is thrown away."""

    def __init__(self, bindings, mac, emit, count):
        self._bindings = bindings
        self._mac = mac
        self._address = ip.link_local(mac)
        self._slice = None
        self._emit = emit
        self._count = count
        self._claims = {}  # (address, claimant) -> _Claim
        self._shares = {}  # claimant -> how many of these are its
        self._open = {}  # address -> the one of these that is open
        self._probes = {}  # address -> _Probe
        self._messages = deque((), MESSAGES_MAX)
        self._events = deque((), EVENTS_MAX)

    def set_slice(self, slice):
        """Our own slice: (network, prefix length), or None."""
        self._slice = slice

    def handle_claim(self, address, claimant, mac, is_dad, now):
        """`claimant` uses an address that is bound to another: whether it may, because that one has none any more.

        `mac` is that of the frame."""
        binding = self._bindings.get(address)
        if binding.owner is not LAN and not binding.owner.is_up:
            self._bindings.move(address, claimant, now)
            return True
        claim = self._claims.get((address, claimant)) or self._add(address, claimant)
        if claim is None or claim.is_open or address in self._open or now < claim.until:
            return False
        claim.is_open = True
        claim.owner = binding.owner
        claim.mac = mac
        claim.is_dad = is_dad
        claim.asked = 0
        claim.opened = now
        self._open[address] = claim
        self._ask(claim, now)
        return False

    def take_back(self, address, claimant, mac, now):
        """Who had an address first uses it again. It has moved because its device was silent: that may have slept."""
        claim = self._open.get(address)
        if claim is not None:
            self._drop(claim)
        self._note(MOVED, address, self._bindings.get(address).owner, claimant, mac)
        self._bindings.move(address, claimant, now)

    def handle_heard(self, address, now):
        """An address of our LAN was heard there."""
        if address in self._probes:
            self._finish(address, True, now)

    def handle_message(self, link, content, now):
        """Raises Rejected."""
        if len(content) not in (7, 17) or content[0] not in (ASK, HERE, GONE):
            raise Rejected("bad-claim")
        kind, address = content[0], bytes(content[1:])
        if kind == ASK:
            self._handle_ask(link, address, now)
            return
        claim = self._open.get(address)
        if claim is not None and claim.owner is link:  # else it came twice, as the question did
            self._settle(claim, kind == HERE, now)

    def forget(self, link):
        """A member is gone, and so are its bindings."""
        for claim in [claim for claim in self._claims.values() if claim.claimant is link]:
            self._drop(claim)
        for claim in [claim for claim in self._open.values() if claim.owner is link]:
            self._drop(claim)
        self._shares.pop(link, None)
        for probe in self._probes.values():
            probe.askers = [asker for asker in probe.askers if asker is not link]
        for _ in range(len(self._messages)):
            message = self._messages.popleft()
            if message[0] is not link:
                self._messages.append(message)

    def handle_timeout(self, now):
        for address, probe in list(self._probes.items()):
            if now >= probe.until:
                self._finish(address, False, now)
            elif now >= probe.next:
                self._look(address, probe, now)
        for claim in list(self._open.values()):
            if claim.owner is LAN or now < claim.until:
                continue
            if claim.asked < ASKS:
                self._ask(claim, now)
            else:
                binding = self._bindings.get(claim.address)
                self._settle(claim, binding is not None and binding.seen > claim.opened, now)

    def age(self, now):
        """Forget refused claims that were not raised again; to be called now and then."""
        for claim in list(self._claims.values()):
            if not claim.is_open and now - claim.until >= HOLD_MAX:
                self._drop(claim)

    def poll_timeout(self):
        times = [min(probe.next, probe.until) for probe in self._probes.values()]
        times += [claim.until for claim in self._open.values() if claim.owner is not LAN]
        return min(times) if times else None

    def poll_message(self):
        """The next (link, content), or None."""
        return self._messages.popleft() if self._messages else None

    def poll_event(self):
        """The next ClaimEvent, or None."""
        return self._events.popleft() if self._events else None

    def stubborn(self):
        """(address, owner, claimant) of each claim that was refused and is raised again and again."""
        return [(each.address, each.owner, each.claimant) for each in self._claims.values() if each.is_stubborn]

    # --- whose claim it is

    def _add(self, address, claimant):
        share = self._shares.get(claimant, 0)
        if share >= CLAIMS_SHARE or (len(self._claims) >= CLAIMS_MAX and claimant is not LAN):
            return None
        self._shares[claimant] = share + 1
        claim = self._claims[(address, claimant)] = _Claim(address, claimant)
        return claim

    def _drop(self, claim):
        if self._claims.pop((claim.address, claim.claimant), None) is not None:
            self._shares[claim.claimant] -= 1
            if claim.is_stubborn:
                self._note(OVER, claim.address, claim.owner, claim.claimant, claim.mac)
        if claim.is_open:
            del self._open[claim.address]
            claim.is_open = False

    def _ask(self, claim, now):
        claim.asked += 1
        claim.until = now + ASK_AGAIN
        if claim.owner is LAN:
            self._probe(claim.address, LAN, now)
        else:
            self._tell(claim.owner, ASK, claim.address)

    def _settle(self, claim, is_kept, now):
        """The claim is decided."""
        if is_kept:
            claim.hold = min(max(2 * claim.hold, HOLD), HOLD_MAX)
            claim.until = now + claim.hold
        self._note(KEPT if is_kept else MOVED, claim.address, claim.owner, claim.claimant, claim.mac)
        binding = self._bindings.get(claim.address)
        if not is_kept:
            self._drop(claim)
            if binding is None:
                self._bindings.add(claim.address, claim.claimant, now)
            elif binding.owner is claim.owner:
                self._bindings.move(claim.address, claim.claimant, now)
            return
        del self._open[claim.address]
        claim.is_open = False
        if binding is None or binding.owner is not claim.owner:
            return
        binding.seen = now  # its owner's word counts as a frame: a silent device isn't forgotten while it is claimed
        if claim.is_dad:
            self.tell_newcomer(claim.address, binding)

    def _note(self, kind, address, owner, claimant, mac):
        if len(self._events) == EVENTS_MAX:
            self._events.popleft()
        self._events.append(ClaimEvent(kind, address, owner, claimant, mac))

    def tell_newcomer(self, address, binding):
        """A device of our LAN is about to use an IPv6 address which another has."""
        if binding.mac is not None:
            self._emit(ip.advertisement(binding.mac, address, None, bytes(16)))

    # --- whether an address is on our LAN

    def _handle_ask(self, link, address, now):
        binding = self._bindings.get(address)
        if binding is None or binding.owner is not LAN:
            self._tell(link, GONE, address)
            return
        probe = self._probes.get(address)
        if probe is not None and link in probe.askers:
            return
        theirs = [each for each in self._probes.values() if link in each.askers]
        if len(theirs) >= PROBES_SHARE:
            raise Rejected("claim-limit")
        self._probe(address, link, now)

    def _probe(self, address, asker, now):
        probe = self._probes.get(address)
        if probe is not None:
            probe.askers.append(asker)
            return
        probe = self._probes[address] = _Probe(asker, now)
        if now - self._bindings.get(address).seen < JUST_HEARD:
            self._finish(address, True, now)
        else:
            self._look(address, probe, now)

    def _look(self, address, probe, now):
        """Ask for it where it was seen; then also where it may be now."""
        binding = self._bindings.get(address)
        is_first = probe.next + PROBE_TIME == probe.until
        probe.next += PROBE_GAP
        if binding is None:
            return
        if len(address) == 16:
            self._emit(ip.solicitation(self._mac, self._address, address, binding.mac if is_first else None))
            return
        if binding.ipv4 is not None:
            self._emit(ip.arp(ip.ARP_REQUEST, self._mac, self._unused(), bytes(6), binding.ipv4, address))
        if binding.ipv6 is not None:
            self._emit(ip.solicitation(self._mac, self._address, binding.ipv6, address))

    def _unused(self):
        """An IPv4 address that nobody has, or 0.0.0.0 where there is none."""
        if self._slice is None:
            return bytes(4)
        last = (FREE << (32 - self._slice[1]) >> 8) - 1
        return self._bindings.unused(self._slice, range(last, 1, -1)) or bytes(4)

    def _finish(self, address, is_here, now):
        probe = self._probes.pop(address)
        for asker in probe.askers:
            if asker is not LAN:
                self._tell(asker, HERE if is_here else GONE, address)
        claim = self._open.get(address)
        if claim is not None and claim.owner is LAN:
            self._settle(claim, is_here, now)
        elif not is_here:
            binding = self._bindings.get(address)
            if binding is not None and binding.owner is LAN:
                self._bindings.remove(address)

    def _tell(self, link, kind, address):
        if len(self._messages) == MESSAGES_MAX:
            self._count("claim-limit")
        else:
            self._messages.append((link, bytes([kind]) + address))
