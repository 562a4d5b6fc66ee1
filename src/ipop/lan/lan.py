"""The Ethernet side of a node: the switch, and the rules that a frame passes on its way between LAN and tunnels.

    a frame of the LAN        -> route    -> the link of a peer, several links, or nobody
    a frame out of a tunnel   -> deliver  -> the LAN, or nobody
    a message of a member     -> handle_message, by its kind
    and out come frames of our own (poll_frame), messages, replies and events (settle)

What may not pass ends in Rejected. Frames like the one before them pass unseen (flows.py). A frame that is looked at
meets, in this order: the watch for loops, the guards, multicast's rules, who may use its addresses, the switch that
learns where its sender is, who answers questions for addresses, and what bounds floods. Each has a module of its own.

With `is_routed` nothing of layer 2 crosses: IP packets from one device to another, and the questions for addresses that
these need, which go to the one home where the address is. To devices it is the same LAN, without broadcasts.

In a group all of them act. Where peers were only typed into a configuration there are no slices, so nobody knows whose
an address is; and nobody is told of devices or listeners. Loops are watched for and guards act there too.
"""

from collections import deque, namedtuple

from ..deadlines import earlier
from ..errors import Rejected
from ..wire import ethernet, ip, payload
from ..wire.dissect import ICMPV6, UDP, Packet, dissect
from . import bindings, loops, mss, names
from .address_guard import NOBODY
from .claims import KEPT, MOVED, OVER
from .devices import Devices
from .floods import FloodBudget, StormLimit
from .flows import Flows
from .guards import SSDP, Guards
from .hosts import Hosts, host_mac
from .loops import LoopWatch
from .multicast import Multicast
from .neighbours import ALL, Neighbours
from .pace import Pace
from .switch import FLOOD, LAN, Switch

SEVERAL = "several"
MDNS = 5353
FRAMES_MAX, EVENTS_MAX = 128, 32
QUERIERS = 32  # addresses at the beginning of our slice of which one is ours to ask from: DHCP gives none of them
KINDS = (payload.NEIGHBOURS, payload.LISTENERS, payload.LOOPS, payload.DEVICES)

# What the shell knows of our place. slices: our own (network, length), or None: the one of our devices, and the one
# in which our home's ordinary LAN is seen. others: {link: its slices, or None}.
# prefix: the first 8 bytes of the group's IPv6 addresses. name: how the roster calls us. mac, addresses: our router's
# (bytes); port: the MAC address of our own device; routed: (network, length) that it forwards to, for other members.
Home = namedtuple("Home", ("slices", "others", "prefix", "name", "mac", "port", "addresses", "routed"))
NOWHERE = Home(None, {}, None, "", None, None, (), ())

# How much may be remembered: addresses, bytes of what others tell of devices; and flooded datagrams in a second.
Limits = namedtuple("Limits", ("addresses", "names", "datagrams"))
SCARCE, PLENTY = Limits(1024, 65_536, 500), Limits(2048, 262_144, 4_000)

# What the node is told: LOOP: kind is one of loops.py's; CLAIM: one of claims.py's, `text` for people or None.
LanEvent = namedtuple("LanEvent", ("topic", "kind", "link", "text"))
LOOP, CLAIM = "loop", "claim"

_HERE = "this home"
_NEWS = Pace(10, 30_000)  # claims that are told; hostile members can have addresses move to and fro as they like


class Lan:
    """Links are the node's, `public_key` is ours; `in_group`: whether addresses are given out. `count(reason)` is told
    what is thrown away in here, `guards_off` are names of guards that are switched off."""

    def __init__(self, crypto, public_key, count, now, in_group, limits=PLENTY, guards_off=(), is_routed=False):
        self._crypto = crypto
        self._count = count
        self._in_group = in_group
        self._is_routed = is_routed
        self._mac = host_mac(crypto, public_key)  # of our own, for questions on our LAN
        self._home = NOWHERE
        self._querier = None  # the IPv4 address from which we ask our LAN for its listeners
        self._links = []  # those that floods go to,
        self.targets = ()  # and that to which the last one goes
        self._packet = Packet()
        self._loops = LoopWatch(crypto, public_key, now)
        self._switch = Switch(self._loops.note_move)
        self._out, self._in = Flows(crypto), Flows(crypto)
        self._guards = Guards(guards_off)
        self._storms = StormLimit()
        self._budget = FloodBudget(datagrams_per_second=limits.datagrams)
        self._multicast = Multicast()
        self._neighbours = Neighbours(self._mac, count, limits.addresses)
        self._devices = Devices(crypto.sha256, count, limits.names)
        self._allowed = self._neighbours.revision
        self._held_back = {}  # see LoopWatch
        self._hosts = Hosts(count)
        self._host_links = {}  # MAC -> link
        self._parts = {payload.LOOPS: self._loops}  # those that talk with other members: kind of message -> part
        if in_group:
            self._parts[payload.NEIGHBOURS] = self._neighbours
            self._parts[payload.LISTENERS] = self._multicast
            self._parts[payload.DEVICES] = self._devices
        self._frames = deque((), FRAMES_MAX)
        self._events = deque((), EVENTS_MAX)
        self._told = 0  # by the pace of _NEWS
        self._wake_at = now
        self.is_unsettled = True  # whether `settle` has something to do

    # --- who is there

    def add_link(self, link):
        """One of our own nodes is to be reached."""
        self._links.append(link)
        self._multicast.add_link(link)

    def add_host(self, link):
        """A stock WireGuard peer is a device on our LAN."""
        self._hosts.add(link.host)
        self._host_links[link.host.mac] = link

    def remove_host(self, link):
        self._hosts.remove(link.host)
        del self._host_links[link.host.mac]

    def forget(self, link):
        """A peer is removed, and what was behind it."""
        self._switch.forget_port(link)
        self._storms.forget_port(link)
        if link in self._links:
            self._links.remove(link)
            for part in (self._loops, self._neighbours, self._devices):
                part.forget(link)
            self._multicast.remove_link(link)
        self.is_unsettled = True

    def handle_connected(self, link, now):
        """One of our own nodes is there, maybe again."""
        self._loops.note_connected(link, now)
        if self._in_group:
            self._multicast.handle_connected(link, now)
            self._devices.handle_connected(link, now)
        self.is_unsettled = True

    def handle_lost(self, link, now):
        """It can't be reached any more: what its devices used may be used by others."""
        self._neighbours.handle_lost(link, now)
        self.is_unsettled = True

    def set_home(self, home, now):
        """Something about our own place has changed: a Home."""
        self._home = home
        self._guards.set_router((home.mac, home.port), home.addresses, home.routed)
        self._switch.revision += 1  # what the guards let pass may be no more
        if self._in_group:
            own = home.slices and home.slices[0]
            others = {link: slices[0] for link, slices in home.others.items() if slices is not None}
            prefix = home.prefix and (home.prefix + bytes(8), 64)
            self._set_slices()
            self._neighbours.set_router(home.addresses)
            self._neighbours.set_prefix(home.prefix)
            self._devices.set_slices(others, own, now, prefix, home.name)
            self._begin_asking(now)
        self.is_unsettled = True

    def switch_off_guards(self, names):
        """These, and no others, from now on."""
        self._guards.switch_off(names)
        self._switch.revision += 1  # flows are looked at again

    def set_leases(self, leases, now):
        """Who has which address, by our DHCP server; see Devices."""
        self._devices.set_leases(leases, now)
        self._neighbours.set_leased([mac for mac, _, _ in leases])
        self.is_unsettled = True

    # --- frames

    def route(self, mem, ptr, at, n, now):
        """Where the frame of `n` bytes at `at` goes: a link, SEVERAL (those in `targets`), or None when it has been
        seen to. Raises Rejected."""
        port = self._out.find(mem, ptr, at, n, self._switch.revision, now)
        if port is not None:
            return port
        self.is_unsettled = True
        packet = dissect(mem, at, n, self._packet)
        if self._loops.handle_lan_frame(packet, mem, now):
            return None
        self._guards.check_out(packet, mem)
        self._multicast.check_out(packet, mem, None, now)
        if self._in_group:
            self._check_addresses(packet, mem, LAN, now)
            self._note_device(packet, mem, now)
            if packet.source_ip == self._querier and self._querier is not None:
                self._begin_asking(now)
        if self._is_routed:
            self._check_routable(packet, mem)
        port = self._switch.handle_lan_frame(packet.destination, packet.source, now)
        if self._host_links:
            is_question = self._hosts_hear(packet, mem, at, n, now)
            if packet.destination in self._host_links:
                return None if is_question else self._to_host(packet, mem, at, n)
        answer = self._answer(packet, mem, now)
        if answer is True:
            return None
        if answer is not None:
            port = FLOOD if answer is ALL else answer
        if port is LAN:
            raise Rejected("stays-local")
        if port is FLOOD or ethernet.is_group(packet.destination):
            self._keep_calm(LAN, packet.source, now)
        port = self._choose_home(packet, port)
        if port is FLOOD:
            self.targets = self._choose_targets(packet, mem, n, now)
            return SEVERAL
        if self._loops.is_cut(port):
            raise Rejected("loop")
        if not ethernet.is_group(packet.destination):
            self._let_pass(self._out, packet, port, mem, at, n, now)
        return port

    def deliver(self, link, mem, ptr, at, n, now):
        """The frame of `n` bytes at `at` came from the node behind a link: whether it is for the LAN. Raises
        Rejected."""
        if self._in.find(mem, ptr, at, n, self._switch.revision, now) is link:
            return True
        self.is_unsettled = True
        packet = dissect(mem, at, n, self._packet)
        self._loops.handle_peer_frame(link, packet, mem, now)
        if packet.source in (self._home.mac, self._home.port, self._mac):
            self._loops.note_move(packet.source, LAN, link, now)
            raise Rejected("loop")
        if self._loops.is_cut(link):
            raise Rejected("loop")
        self._guards.check_in(packet, mem)
        self._multicast.check_in(packet, mem, link, now)
        if self._in_group:
            self._check_addresses(packet, mem, link, now)
        if self._is_routed:
            self._check_routable(packet, mem)
        is_for_one = not ethernet.is_group(packet.destination) and self._switch.find(packet.destination, now) is LAN
        if not is_for_one:
            self._keep_calm(link, packet.source, now)
        self._switch.handle_peer_frame(packet.destination, packet.source, link, now)
        if self._in_group and self._neighbours.answer_in(packet, mem, link, now):
            return False
        if is_for_one:
            self._let_pass(self._in, packet, link, mem, at, n, now)
        return True

    def packet_from_host(self, link, mem, at, n, now):
        """The packet of `n` bytes at `at` came from a stock peer: put an Ethernet header before it. Returns the frame's
        length, 0 where it has to wait. Raises Rejected."""
        self.is_unsettled = True
        start = at - ethernet.HEADER
        kind = ethernet.IPV4 if ip.version(mem, at) == 4 else ethernet.IPV6
        mem[start:at] = ethernet.header(ethernet.BROADCAST, link.host.mac, kind)  # as long as nobody knows better
        self._guards.check_out(dissect(mem, start, ethernet.HEADER + n, self._packet), mem)
        mss.clamp(self._packet, mem, link.mtu)
        length = self._hosts.to_frame(link.host, mem, at, n, now)
        return length + ethernet.HEADER if length else 0

    def poll_frame(self):
        """The next frame (bytes) of ours for the LAN, or None."""
        return self._frames.popleft() if self._frames else None

    # --- what the parts have to say

    def handle_message(self, kind, link, content, now):
        """A member's message of one of KINDS. Raises Rejected."""
        part = self._parts.get(kind)
        if part is None:
            raise Rejected("unknown-control")
        self.is_unsettled = True
        part.handle_message(link, content, now)

    def settle(self, tell, reply, now):
        """To be called after each batch of frames, message, timeout or change, while `is_unsettled`: hands over what
        has come of it by `tell(link, kind, content, now)` and `reply(link, frame, now)`."""
        self.is_unsettled = False
        if self._neighbours.revision != self._allowed:
            self._allowed = self._neighbours.revision
            self._switch.revision += 1  # flows are looked at again
        self._settle_loops()
        self._settle_claims(reply, now)
        for kind, part in self._parts.items():
            message = part.poll_message()
            while message is not None:
                tell(message[0], kind, message[1], now)
                message = part.poll_message()
        answer = self._neighbours.poll_reply()
        while answer is not None:
            reply(answer[0], answer[1], now)
            answer = self._neighbours.poll_reply()
        for part in (self._hosts, self._neighbours, self._multicast, self._loops):
            frame = part.poll_frame()
            while frame is not None:
                self._emit(frame)
                frame = part.poll_frame()
        self._wake_at = None
        for part in self._parts.values():
            self._wake_at = earlier(self._wake_at, part.poll_timeout())

    def poll_event(self):
        """The next LanEvent, or None."""
        return self._events.popleft() if self._events else None

    def problems(self):
        """What a person has to mend: (a sentence, the MAC address that the other LAN has here or None)."""
        found = self._loops.problems()
        macs = [None if link is None else loops.probe_mac(self._crypto, link.config.public_key) for link in found]
        return [(loops.explain(link), mac) for link, mac in zip(found, macs)]

    def conflicts(self):
        """A sentence for each address that devices of two homes use, on and on."""
        return [_kept_text(*each) for each in self._neighbours.stubborn_claims()]

    # --- time

    def handle_timeout(self, now):
        if self._wake_at is not None and now >= self._wake_at:
            self.is_unsettled = True
            for part in self._parts.values():
                part.handle_timeout(now)

    def poll_timeout(self):
        """When `handle_timeout` has to be called next (ms), or None."""
        return self._wake_at

    def age(self, now):
        """To be called now and then."""
        self._switch.age(now)

    # --- what can be seen from outside

    def devices(self):
        """(MAC, link or LAN, when last seen) of each known device."""
        return self._switch.devices()

    @property
    def names_revision(self):
        """Another number when `records` may say something else."""
        return self._devices.revision

    def records(self, group, suffix):
        """[(IP address as text, name)] for a hosts file."""
        return self._devices.records(group, suffix)

    def label(self, group, suffix):
        """What our home is called in names."""
        return self._devices.search_domains(group, suffix)[0].partition(".")[0]

    def listing(self, now, group, suffix, way):
        """The devices as `ipop devices` shows them; `way(link)` says how a member is reached, in words."""
        seen = {mac: when for mac, _, when in self._switch.devices()}
        return self._devices.listing(now, group, suffix, seen, way, self._neighbours.places())

    # --- the rules

    def _begin_asking(self, now):
        """Our LAN is asked for its listeners from an address in our slice that nobody was heard to have: who is asked
        from his own doesn't answer. Where there is none nobody is asked, and streams go to all."""
        self._querier = None
        if self._is_routed:
            return
        if self._home.slices is not None:
            slice = self._home.slices[0]
            numbers = range(2, min(1 << (32 - slice[1]), QUERIERS))
            self._querier = self._neighbours.unused(slice, numbers)
        self._multicast.set_router(self._mac, self._querier, ip.link_local(self._mac), now)

    def _check_addresses(self, packet, mem, port, now):
        """Whether the frame's addresses are its sender's."""
        try:
            if port is LAN:
                self._neighbours.check_out(packet, mem, now)
            else:
                self._neighbours.check_in(packet, mem, port, now)
        except Rejected:
            known = self._switch.port_of(packet.source)
            if known is None and packet.source_ip is not None and len(packet.source_ip) == 4:
                known = self._neighbours.home_of(packet.source_ip)
            if known is not None and known is not NOBODY and known is not port:
                self._loops.note_move(packet.source, known, port, now)
            raise

    def _answer(self, packet, mem, now):
        """As Neighbours.answer_out."""
        if self._in_group:
            return self._neighbours.answer_out(packet, mem, now)
        return True if packet.destination == self._mac else None

    def _check_routable(self, packet, mem):
        """Whether a frame carries what routers would pass on within the group, or asks for the address that such a one
        needs. Raises Rejected."""
        address = packet.destination_ip
        if packet.tags or (address is None and packet.ethertype != ethernet.ARP):
            raise Rejected("route-only")
        if address is None or (packet.protocol == ICMPV6 and _is_neighbours(packet, mem)):
            return
        is_ours = self._is_groups(address) and (len(address) == 4 or self._is_groups(packet.source_ip))
        if ethernet.is_group(packet.destination) or self._in_group and not is_ours:
            raise Rejected("route-only")

    def _is_groups(self, address):
        """Whether an IP address is one that the group gives out: no link-local one, for example, and in no other
        network."""
        if len(address) == 16:
            return address[:8] == self._home.prefix
        return self._neighbours.home_of(address) is not NOBODY

    def _choose_home(self, packet, port):
        """Where a frame goes that is for `port` by its MAC address. One for an IPv4 address of the group goes to that
        one's home: also if we haven't heard of the device, and whoever else uses its MAC address. Raises Rejected."""
        address = packet.destination_ip
        if address is None or len(address) != 4 or ethernet.is_group(packet.destination):
            return port
        home = self._neighbours.home_of(address)
        if home is NOBODY:
            return port
        if home is bindings.LAN:
            raise Rejected("stays-local")
        return home

    def _keep_calm(self, port, source, now):
        try:
            if port is LAN:
                self._storms.check_out(source, now)
            else:
                self._storms.check_in(port, source, now)
        except Rejected:
            self._loops.note_storm(now)
            raise

    def _choose_targets(self, packet, mem, n, now):
        """The links that a flood goes to. In a group nobody is called for it who isn't known to be there."""
        links = None
        if self._in_group and ethernet.is_group(packet.destination):
            links = self._multicast.targets(packet, mem, now)
        if links == [] and self._links:
            raise Rejected("no-listeners")
        links = self._open_links(self._links if links is None else links)
        if links:
            self._budget.spend(n, len(links), now)
        return links

    def _open_links(self, links):
        return [link for link in links if (link.is_up or not self._in_group) and not self._loops.is_cut(link)]

    def _let_pass(self, flows, packet, link, mem, at, n, now):
        """A frame from one device to another: TCP is fitted to the path (mss.py), and those like it pass unseen."""
        mss.clamp(packet, mem, link.mtu)
        link.want_room(now)
        if not _is_ssdp(packet, mem):
            flows.keep(packet, link, mem, at, n, self._switch.revision, now)

    def _note_device(self, packet, mem, now):
        """A device of our LAN has said something with addresses that are its own; and maybe its name."""
        if packet.source == self._home.mac:
            return
        if packet.ethertype == ethernet.ARP:
            self._devices.saw(packet.source, (bytes(mem[packet.at + 14 : packet.at + 18]),), now)
        elif packet.source_ip is not None:
            self._devices.saw(packet.source, (packet.source_ip,), now)
            at = packet.transport
            if packet.protocol == UDP and at is not None and mem[at + 2] << 8 | mem[at + 3] == MDNS:
                self._devices.hear_mdns(bytes(mem[at + 8 : packet.end]), packet.source_ip, packet.source, now)

    def _to_host(self, packet, mem, at, n):
        """The link of the stock peer that a frame is for, if it fits. Raises Rejected."""
        link = self._host_links[packet.destination]
        if packet.source_ip is not None and not packet.tags and packet.end - packet.at > link.mtu:
            self._hosts.refuse(link.host, bytes(mem[at : at + n]), link.mtu)
        mss.clamp(packet, mem, link.mtu)
        return link

    def _hosts_hear(self, packet, mem, at, n, now):
        """Whether a frame of the LAN asks or tells about MAC addresses; the stock peers' part in that is ours."""
        if packet.tags or packet.ethertype not in (ethernet.ARP, ethernet.IPV6):
            return False
        return self._hosts.handle_lan_frame(packet.ethertype, bytes(mem[at : at + n]), now)

    def _settle_loops(self):
        event = self._loops.poll_event()
        while event is not None:
            if event.link is not None:
                self._switch.forget_port(event.link)
                self._switch.forget_port(LAN)
            self._events.append(LanEvent(LOOP, event.kind, event.link, None))
            event = self._loops.poll_event()

        held_back = self._loops.held_back()
        if held_back != self._held_back:
            for link in set(held_back) | set(self._held_back):
                if held_back.get(link, link) is not self._held_back.get(link, link):
                    self._neighbours.forget(link)
            self._held_back = held_back
            if self._in_group:
                self._set_slices()

    def _set_slices(self):
        """Whose addresses come from where: those of a home whose LAN is joined with another one come from there."""
        own, others = self._home.slices, dict(self._home.others)
        for link, way in self._held_back.items():
            slices, others[link] = others.get(link) or (), None
            if way is LAN:
                own = (own or ()) + slices
            elif way is not None:
                others[way] = (others.get(way) or ()) + slices
        self._neighbours.set_slices(own, others)

    def _settle_claims(self, reply, now):
        event = self._neighbours.poll_event()
        while event is not None:
            if event.kind is MOVED and len(event.address) == 6:
                self._switch.learn(event.address, LAN if event.claimant is None else event.claimant, now)
            elif event.kind is MOVED and event.claimant is None and len(event.address) == 16:
                # Its own frames were held back while that was open. Somebody who only listens says nothing more.
                for link in self._open_links(self._links):
                    reply(link, ip.advertisement(event.mac, event.address, None, bytes(16)), now)
            self._events.append(LanEvent(CLAIM, event.kind, event.claimant, self._tell_of(event, now)))
            event = self._neighbours.poll_event()

    def _tell_of(self, event, now):
        """A ClaimEvent in words, or None for one that is not told."""
        if event.kind is OVER:
            return None
        if _NEWS.next(self._told, now) > now:
            self._count("claim-untold")
            return None
        self._told = _NEWS.take(self._told, now)
        said = event.address, event.owner, event.claimant
        return _kept_text(*said) if event.kind is KEPT else "%s has moved from %s to %s" % _in_words(*said)

    def _emit(self, frame):
        if len(self._frames) == FRAMES_MAX:
            self._count("lan-queue-full")
        else:
            self._frames.append(frame)


def _is_neighbours(packet, mem):
    return packet.transport is not None and mem[packet.transport] in (ip.SOLICITATION, ip.ADVERTISEMENT)


def _is_ssdp(packet, mem):
    """Whether guards read its text, so that the verdict on one frame says nothing about the next."""
    at = packet.transport
    if packet.protocol != UDP or at is None:
        return False
    return mem[at] << 8 | mem[at + 1] == SSDP or mem[at + 2] << 8 | mem[at + 3] == SSDP


def _kept_text(address, owner, claimant):
    said = _in_words(address, owner, claimant)
    return "%s is used by a device of %s and by one of %s: it stays with the first" % said


def _in_words(address, owner, claimant):
    what = ethernet.text(address) if len(address) == 6 else names.address_text(address)
    return (what,) + tuple([_HERE if side is None else side.config.name for side in (owner, claimant)])


