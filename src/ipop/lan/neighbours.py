"""Where the addresses of the LAN are: who may use them (address_guard.py, claims.py), and who has to be asked for them.

ARP (RFC 826) and neighbour solicitations (RFC 4861) are broadcasts, and each wakes every sleeping device of every home.
So our LAN's questions about devices of other members are answered here, with the true MAC address, while it is FRESH;
when it isn't RECENT its member is asked as well. Another one may have the address by now: so the question follows when
nothing is heard of the device in WATCH_TIME after an answer. A question whose answer isn't known goes to the one member
whose slice the IPv4 address lies in; only for an unknown IPv6 address all are asked. Other members' questions get their
answer from what was heard of our LAN recently, and else reach it, but once a second for one address and so many times
for one member.

A question for duplicates (RFC 5227, RFC 4862 section 5.4) stays home for IPv4, as only our slice's addresses may be
asked for. For IPv6 all members hear it, and so learn who was first; it is never answered as other questions are.

    check_out, check_in      raise Rejected for a frame that bears addresses which aren't its sender's
    answer_out, answer_in    what to do with a question; frames that went through the checks only
    poll_frame               frames for our LAN     poll_reply     (link, frame) for a member's
    poll_message             (link, content)        poll_event     claims that were decided
"""

from collections import deque

from ..errors import Rejected
from ..wire import ethernet, ip
from ..wire.dissect import ICMPV6
from .address_guard import NOBODY, UNSPECIFIED, AddressGuard
from .bindings import FRESH, LAN, LIMIT, RECENT, Bindings
from .claims import Claims

ALL = "all"
AGE_EVERY = 60_000  # ms
ASK_GAP = 1_000  # ms in which other members' questions for one address reach our LAN once
ASKS_SHARE = 32  # and those of one member so many times
WATCH_TIME, WATCHED_MAX = 2_000, 64  # ms after an answer in which a device is to be heard of; how many such answers
ASKS_AGAIN = 3  # its router may just be starting
FRAMES_MAX = 64  # waiting for the LAN; and as many for the tunnels


class Neighbours:
    """`mac` is an address of our own for looking after devices on our LAN; frames to it end in `answer_out`.

    `count(reason)` is told of what is thrown away without anybody asking; `limit` bounds the table, see Bindings."""

    def __init__(self, mac, count, limit=LIMIT):
        self._mac = mac
        self._count = count
        self._bindings = Bindings(limit)
        self._claims = Claims(self._bindings, mac, self._emit, count)
        self._guard = AddressGuard(self._bindings, self._claims, mac, self._emit)
        self._frames = deque((), FRAMES_MAX)
        self._replies = deque((), FRAMES_MAX)
        self._asked = {}  # address -> when our LAN was asked for it on another's behalf
        self._asks = {}  # link -> how often, in this second
        self._second = None
        self._age_at = 0
        self._watched = {}  # address -> _Watch

    @property
    def revision(self):
        """Another number when what was allowed before may be no more."""
        return self._bindings.revision

    def set_slices(self, own, others):
        """The IPv4 addresses of our side and of each link: sequences of (network, prefix length), or None."""
        self._guard.slices.set(own, others)
        self._claims.set_slice(own[0] if own else None)
        self._bindings.set_members(len(others))
        owner_of = self._guard.slices.owner_of
        self._bindings.revision += 1
        self._bindings.keep(lambda address, binding: len(address) != 4 or owner_of(address) is binding.owner)

    def set_router(self, addresses):
        """All addresses (packed) of our router, which nobody else can have."""
        self._guard.set_router(addresses)
        self._bindings.revision += 1
        self._bindings.keep(lambda address, binding: binding.owner is LAN or address not in addresses)

    def set_leased(self, macs):
        """The devices (MAC addresses) that our DHCP server has given addresses."""
        self._bindings.set_leased(set(macs))

    def set_prefix(self, prefix):
        """The first 8 bytes of the group's IPv6 addresses, or None."""
        self._guard.set_prefix(prefix)
        self._bindings.revision += 1

    def forget(self, link):
        """A member is gone: its addresses are free."""
        self._bindings.forget(link)
        self._stop_asking(link)

    def handle_lost(self, link, now):
        """A member's router can't be reached: who has its addresses now may have them, until it is there again."""
        self._bindings.doubt(link, now)
        self._stop_asking(link)

    def _stop_asking(self, link):
        self._claims.forget(link)
        self._asks.pop(link, None)
        self._watched = {address: each for address, each in self._watched.items() if each.owner is not link}
        for _ in range(len(self._replies)):
            reply = self._replies.popleft()
            if reply[0] is not link:
                self._replies.append(reply)

    def check_out(self, packet, mem, now):
        """A frame of our LAN. Raises Rejected."""
        self._guard.check(packet, mem, LAN, now)

    def check_in(self, packet, mem, link, now):
        """A frame out of the tunnel of `link`. Raises Rejected."""
        self._guard.check(packet, mem, link, now)

    def answer_out(self, packet, mem, now):
        """Where a frame of our LAN goes if it is a question for an address: a link, ALL, or True, nowhere.

        None: it is no question. Raises Rejected."""
        if packet.destination == self._mac:
            return True
        asker, target = _question(packet, mem)
        if target is None:
            return None
        if asker == UNSPECIFIED:
            return ALL
        owner = self._owner(target, now)
        if owner is LAN:
            raise Rejected("stays-local")
        if owner is NOBODY:
            if len(target) == 4:
                raise Rejected("no-such-address")
            return ALL
        binding = self._bindings.get(target)
        if binding is None or binding.mac is None or now - binding.seen >= FRESH:
            return owner if len(target) == 4 else ALL
        self._emit(_answer(binding.mac, target, packet.source, asker))
        if now - binding.seen >= RECENT:
            return owner
        self._watch(target, owner, packet.source, asker, now)
        return True

    def answer_in(self, packet, mem, link, now):
        """Whether a frame out of the tunnel of `link` has been answered; else our LAN has to. Raises Rejected."""
        asker, target = _question(packet, mem)
        if target is None:
            return False
        if asker != UNSPECIFIED:
            owner = self._owner(target, now)
            if owner is not LAN and (len(target) == 4 or owner is not NOBODY):
                raise Rejected("not-here")
            binding = self._bindings.get(target)
            if owner is LAN and binding is not None and binding.mac is not None and now - binding.seen < RECENT:
                self._reply(link, _answer(binding.mac, target, packet.source, asker))
                self._watch(target, LAN, packet.source, asker, now)
                return True
        self._may_ask(link, target, now)
        return False

    def unused(self, slice, numbers):
        """An IPv4 address that nobody was heard to have: see Bindings."""
        return self._bindings.unused(slice, numbers)

    def home_of(self, address):
        """In whose slice an IPv4 address lies: a link, LAN or NOBODY."""
        return self._guard.slices.owner_of(address)

    def handle_message(self, link, content, now):
        """What another member's router asks about a claim, or answers. Raises Rejected."""
        self._claims.handle_message(link, content, now)

    def handle_timeout(self, now):
        self._claims.handle_timeout(now)
        for address, watch in list(self._watched.items()):
            if now >= watch.due and not self._ask_again(address, watch, now):
                del self._watched[address]
        if now >= self._age_at:
            self._age_at = now + AGE_EVERY
            self._bindings.age(now)
            self._claims.age(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms)."""
        times = [self._age_at] + [each.due for each in self._watched.values()]
        when = self._claims.poll_timeout()
        return min(times) if when is None else min(when, min(times))

    def poll_frame(self):
        """The next frame (bytes) for our LAN, or None."""
        return self._frames.popleft() if self._frames else None

    def poll_reply(self):
        """The next (link, frame) to be sent into that tunnel, or None."""
        return self._replies.popleft() if self._replies else None

    def poll_message(self):
        """The next (link, content) for another member's router, or None."""
        return self._claims.poll_message()

    def poll_event(self):
        """The next ClaimEvent, or None."""
        return self._claims.poll_event()

    def stubborn_claims(self):
        """(address, owner, claimant) of those that are raised again and again, in vain."""
        return self._claims.stubborn()

    def places(self):
        """{MAC: link or None for our side} of each device that is known."""
        return {address: binding.owner for address, binding in self._bindings.items() if len(address) == 6}

    def table(self):
        """(IP address, MAC, link or None for our side, when last seen) of each device that is known."""
        return [
            (address, binding.mac, binding.owner, binding.seen)
            for address, binding in self._bindings.items()
            if binding.mac is not None
        ]

    def _owner(self, target, now):
        """Whose an address is, as far as it is known well enough to ask nobody else: a link, LAN or NOBODY."""
        if len(target) == 4:
            return self._guard.slices.owner_of(target)
        binding = self._bindings.get(target)
        life = RECENT if binding is not None and binding.owner is LAN else FRESH
        return NOBODY if binding is None or now - binding.seen >= life else binding.owner

    def _may_ask(self, link, target, now):
        if self._second is None or now - self._second >= ASK_GAP:
            self._second = now
            self._asks = {}
            self._asked = {address: when for address, when in self._asked.items() if now - when < ASK_GAP}
        asks = self._asks.get(link, 0)
        if asks >= ASKS_SHARE or now - self._asked.get(target, now - ASK_GAP) < ASK_GAP:
            raise Rejected("ask-limit")
        self._asks[link] = asks + 1
        self._asked[target] = now

    def _watch(self, target, owner, asker_mac, asker, now):
        """A question was answered from the table."""
        if target not in self._watched and len(self._watched) < WATCHED_MAX:
            self._watched[target] = _Watch(owner, asker_mac, asker, now)

    def _ask_again(self, target, watch, now):
        """Unless the device was heard of, the question goes to where it is, as if there had been no table. Returns
        whether that is to be watched on."""
        binding = self._bindings.get(target)
        if binding is None or binding.owner is not watch.owner or binding.seen > watch.since:
            return False
        if len(target) == 4:
            question = ip.arp(ip.ARP_REQUEST, watch.asker_mac, watch.asker, bytes(6), target)
        else:
            question = ip.solicitation(watch.asker_mac, watch.asker, target)
        if watch.owner is LAN:
            self._emit(question)
        elif len(self._replies) < FRAMES_MAX:
            self._replies.append((watch.owner, question))
        watch.due, watch.left = now + WATCH_TIME, watch.left - 1
        return watch.left > 0

    def _emit(self, frame):
        if len(self._frames) == FRAMES_MAX:
            self._count("lan-queue-full")
        else:
            self._frames.append(frame)

    def _reply(self, link, frame):
        if len(self._replies) == FRAMES_MAX:
            raise Rejected("ask-limit")
        self._replies.append((link, frame))


class _Watch:
    """An answer was given from the table: is the device there?"""

    def __init__(self, owner, asker_mac, asker, now):
        self.owner = owner
        self.asker_mac = asker_mac
        self.asker = asker
        self.since = now
        self.due = now + WATCH_TIME
        self.left = ASKS_AGAIN


def _question(packet, mem):
    """(who asks, for which address); no address: None. In a VLAN of its own nobody is answered by us."""
    if packet.tags:
        return None, None
    if packet.ethertype == ethernet.ARP:
        said = ip.read_arp(mem, packet.at, packet.end)
        if said is not None and said[0] == ip.ARP_REQUEST and said[2] != said[3]:
            return said[2], said[3]
    elif packet.protocol == ICMPV6 and packet.ethertype == ethernet.IPV6 and packet.transport is not None:
        if mem[packet.transport] == ip.SOLICITATION:
            said = ip.read_neighbour(mem, packet.transport, packet.end)
            if said is not None:
                return packet.source_ip, said[0]
    return None, None


def _answer(mac, target, asker_mac, asker):
    """What the device with `mac` would answer itself."""
    if len(target) == 4:
        return ip.arp(ip.ARP_REPLY, mac, target, asker_mac, asker)
    return ip.advertisement(mac, target, asker_mac, asker)
