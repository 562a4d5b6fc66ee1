"""What stands between our data socket and the internet, asked of STUN servers (RFC 8489) on that very socket.

    client = StunClient(random, port)
    client.set_servers([(ip, port)], now)      # names are the caller's to resolve
    client.gather(hosts, now)                  # the network is new, or has changed: these are the interfaces' addresses
    client.handle_datagram(data, addr, now)    # True if it was an answer to us
    client.handle_timeout(now)  poll_timeout()  poll_transmit()  poll_event()  findings()

IPv4 and IPv6 are looked at separately. All servers are asked at once, and the first answer tells our mapped address.
What RFC 4787 calls the NAT's mapping and filtering is worked out as RFC 5780 section 4 says, with a server that has a
second address (OTHER-ADDRESS) and answers from it when asked to (CHANGE-REQUEST):

    filtering   an answer comes from another address: endpoint-independent; from another port only: address-dependent;
                from neither: address-and-port-dependent. Asked first, because it is spoilt by whatever we send to that
                second address; where we have done so already, only the port is changed.
    mapping     is the mapped address the same at the second address, and there at the second port? Without such a
                server, servers at different addresses are compared, and where they differ the worst is assumed.

The life of a binding decides how rare keep-alives can be. RFC 5780 section 4.6 measures it from a second port; we have
one. But a NAT whose filter looks at addresses keeps a state for each flow, and that can be measured: we exchange some
packets with the second address, are silent towards it, and then ask the *first* to have an answer sent from the second.
If it arrives, that flow had lived. The silences grow step by step; the same is tried without any first, to see that it
can be done at all. Where the mapping differs with the address, a flow lived if after the silence it still has the same
mapped address. Until a longer life was seen, and where none of this can be done, keep-alives stay at 25 s, which nearly
all NATs bear (Linux forgets a flow after 30 s at the earliest). Where a life that was seen proved too long after all,
they stay at that too, until we are behind another NAT, as far as that shows: in its address, or in ours.

A change is noticed by asking one server from time to time. A forged or repeated answer changes nothing: see
requests.py. Of servers at different addresses the majority is believed: a NAT that shows each of them another mapping
doesn't show two of them the same. Who was outvoted is believed only where nobody else answers. One server that lies
misleads us about what it says and can do no more; two that say different things make a mapping look dependent.
"""

from collections import deque, namedtuple

from ..deadlines import earlier
from ..wire import address, stun
from .requests import PATIENT, QUICK, Requests

ENDPOINT_INDEPENDENT = "endpoint-independent"
ADDRESS_DEPENDENT = "address-dependent"
ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"
UNKNOWN = "unknown"

# the states of a family
IDLE = "idle"  # there is no server to ask
ASKING = "asking"
FOUND = "found"
BLOCKED = "blocked"  # nobody answers

IPV4, IPV6 = "ipv4", "ipv6"

# kinds of events
MAPPED = "mapped"  # `addr` is our mapped address: another one than before, or again after LOST
LOST = "lost"  # nobody answers any more; `addr` is what we had, or None
LEARNED = "learned"  # mapping, filtering or keep-alive are other than they were

# times in ms
BLOCKED_AFTER = 3_500  # three datagrams to each server
RETRY_FIRST, RETRY_MAX = 30_000, 900_000
REFRESH = 300_000
SAFE = 25_000  # between keep-alives, until we know better
WARM = 3_000  # a flow counts as one that lasts when packets went both ways for two seconds (Linux)
# just below the lives that NATs are given: 30 s, one minute, two (RFC 4787 REQ-5), three, five
SILENCES = (0, 16_000, 28_000, 55_000, 110_000, 170_000, 290_000)
SPOILT = 600_000  # for how long what we sent somewhere may let answers in

SERVERS_MAX = 8  # of each family
EVENTS_MAX = 64

StunEvent = namedtuple("StunEvent", ("kind", "family", "addr"))
# `mapped` is (ip, port) or None, `is_nat` None if not known, `keepalive` ms or None where none is needed,
# `servers` the addresses of those that answered
Findings = namedtuple(
    "Findings", ("family", "state", "mapped", "is_nat", "mapping", "filtering", "keepalive", "servers")
)


class StunClient:
    """`random(n)` gives n bytes; `port` is the data socket's."""

    def __init__(self, random, port):
        self._events = deque((), EVENTS_MAX)
        self._families = [_Family(name, random, port, self._events) for name in (IPV4, IPV6)]

    def set_servers(self, servers, now):
        """[(ip, port)], the best first. Asks again where they are others than before."""
        for family in self._families:
            chosen = [addr for addr in servers if (":" in addr[0]) == (family.name == IPV6)][:SERVERS_MAX]
            family.set_servers(chosen, now)

    def gather(self, hosts, now):
        """The network is new: ask all again. `hosts` are the IP addresses (text) of the interfaces."""
        for family in self._families:
            family.set_hosts(hosts)
            family.gather(now)

    def set_alone(self, is_alone, now):
        """Whether nothing else keeps the socket's mapping open; then a server is asked as often as it takes."""
        for family in self._families:
            family.set_alone(is_alone, now)

    def handle_lost_binding(self, family, now):
        """A flow (IPV4 or IPV6) that was silent no longer than the keep-alive allows was forgotten by the NAT."""
        for one in self._families:
            if one.name == family:
                one.forget_life()

    def handle_datagram(self, data, addr, now):
        """Whether a STUN message (bytes) answers one of ours. Raises Rejected."""
        message = stun.parse(data)
        return any(family.handle_message(message, addr, now) for family in self._families)

    def handle_timeout(self, now):
        for family in self._families:
            family.handle_timeout(now)

    def poll_timeout(self):
        due = None
        for family in self._families:
            due = earlier(due, family.poll_timeout())
        return due

    def poll_transmit(self):
        """The next (datagram, address) to send from the data socket, or None."""
        for family in self._families:
            transmit = family.requests.poll_transmit()
            if transmit is not None:
                return transmit
        return None

    def poll_event(self):
        return self._events.popleft() if self._events else None

    def findings(self):
        """The Findings of each family that has servers."""
        return [family.findings() for family in self._families if family.state != IDLE]


class _Server:
    def __init__(self, addr):
        self.addr = addr
        self.is_asked = False
        self.is_doubted = False  # it was outvoted
        self.mapped = None  # what it says that our address is
        self.other = None  # its second address; host and port differ from the first


class _Family:
    def __init__(self, name, random, port, events):
        self.name = name
        self.state = IDLE
        self.hosts = []
        self.requests = Requests(random)
        self._port = port
        self._events = events
        self._servers = []
        self._is_alone = True
        self._mapped = None
        self._is_nat = None
        self._mapping = self._filtering = UNKNOWN
        self._life = None  # ms of silence that a flow has outlived
        self._is_measured = False
        self._proved_short_at = None  # the IP address of the mapping that was forgotten too early
        self._keepalive = SAFE
        self._told = UNKNOWN, UNKNOWN, SAFE
        self._main = None  # the server that answered first, and is asked from time to time
        self._tester = None  # the server that has a second address
        self._gathered_at = 0
        self._sent_to = {}  # address -> when we last sent there
        self._ask_at = None  # when to ask the main one, or all, again
        self._pause = RETRY_FIRST
        self._step_at = None  # when to go on with `_step(now)`
        self._step = None
        self._flow = None  # the address towards which we are silent
        self._flow_mapped = None
        self._rung = 0

    # --- the client's side

    def set_servers(self, addrs, now):
        if addrs != [server.addr for server in self._servers]:
            self._servers = [_Server(addr) for addr in addrs]
            self.gather(now)

    def set_hosts(self, hosts):
        before, self.hosts = self.hosts, hosts
        if self._proved_short_at is not None and self._own(hosts) != self._own(before):
            self._proved_short_at = None
            self._is_measured = False

    def _own(self, hosts):
        return sorted([ip for ip in hosts if (":" in ip) == (self.name == IPV6)])

    def set_alone(self, is_alone, now):
        if is_alone != self._is_alone:
            self._is_alone = is_alone
            if self.state == FOUND and self._ask_at is not None:
                self._plan_refresh(now)

    def forget_life(self):
        self._life = None
        self._is_measured = True  # and this is what came of it
        self._proved_short_at = self._mapped and self._mapped[0]
        self._stop_measuring()
        self._learn()

    def findings(self):
        answered = [server.addr for server in self._servers if server.mapped]
        return Findings(
            self.name,
            self.state,
            None if self.state == BLOCKED else self._mapped,
            self._is_nat,
            self._mapping,
            self._filtering,
            self._keepalive,
            answered,
        )

    def handle_message(self, message, source, now):
        request = self.requests.match(message, source)
        if request is None:
            return False
        self.requests.end(request)
        request.then(message, source, now)
        return True

    def handle_timeout(self, now):
        if self._step_at is not None and now >= self._step_at:
            self._step_at = None
            self._step(now)
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            if self.state == FOUND:
                self._ask(self._main.addr, self._refreshed, now)
            else:
                self.gather(now)
        self.requests.handle_timeout(now)

    def poll_timeout(self):
        return earlier(earlier(self._step_at, self._ask_at), self.requests.poll_timeout())

    # --- asking all

    def gather(self, now):
        self.requests.clear()
        self._main = self._tester = None
        self._ask_at = None
        self._gathered_at = now
        self._sent_to = {addr: when for addr, when in self._sent_to.items() if now - when < SPOILT}
        self._stop_measuring()
        if not self._servers:
            self._forget_all()
            return
        if self.state != BLOCKED:
            self.state = ASKING
            self._plan(self._doubt, now + BLOCKED_AFTER)
        for server in self._servers:
            server.is_asked = True
            server.mapped = server.other = None
            self._ask(server.addr, lambda answer, _, now, server=server: self._answered(server, answer, now), now)

    def _answered(self, server, answer, now):
        server.is_asked = False
        server.mapped = self._mapped_in(answer)
        server.other = self._other_in(answer, server.addr) if server.mapped else None
        self._elect(now)
        self._compare()
        if self._tester is None and server.other and not server.is_doubted:
            self._tester = server
            self._test_filtering(now)
        if any(one.is_asked for one in self._servers):
            return
        if self._main is None:
            self._doubt(now)
            self._ask_at = now + self._pause
            self._pause = min(2 * self._pause, RETRY_MAX)
        elif self._tester is None:
            self._measure(now)

    def _elect(self, now):
        """The server to believe: the first that has answered, until others are more."""
        answered = [one for one in self._servers if one.mapped]
        trusted = [one for one in answered if not one.is_doubted]
        if not trusted:
            trusted = [] if any(one.is_asked for one in self._servers) else answered
        if self._main is None and trusted:
            self._main = trusted[0]
            self._found(self._main.mapped, now)
        for one in trusted:
            if self._votes(one.mapped) > self._votes(self._main.mapped):
                self._main.is_doubted = True
                self._main = one
                self._found(one.mapped, now)

    def _votes(self, mapped):
        """At how many addresses servers say that this is ours."""
        return len({one.addr[0] for one in self._servers if one.mapped == mapped})

    def _doubt(self, now):
        """Nobody has answered yet. Who does so later is still heard."""
        if self.state != BLOCKED:
            self.state = BLOCKED
            self._events.append(StunEvent(LOST, self.name, self._mapped))

    def _found(self, mapped, now):
        is_news = self.state == BLOCKED
        self._step_at = None  # no doubt any more
        self.state = FOUND
        self._pause = RETRY_FIRST
        self._is_nat = mapped[0] not in self.hosts or mapped[1] != self._port
        if mapped != self._mapped:
            if mapped[0] != self._proved_short_at:
                self._proved_short_at = None
            self._forget()
            self._mapped = mapped
            # what let answers in before is gone with the old mapping
            self._sent_to = {addr: when for addr, when in self._sent_to.items() if when >= self._gathered_at}
            is_news = True
        if is_news:
            self._events.append(StunEvent(MAPPED, self.name, mapped))
        if not self._is_nat:
            self._mapping = ENDPOINT_INDEPENDENT
        self._learn()
        self._plan_refresh(now)

    def _forget_all(self):
        if self._mapped:
            self._events.append(StunEvent(LOST, self.name, self._mapped))
        self._forget()
        self.state = IDLE

    def _forget(self):
        self._mapped = None
        self._mapping = self._filtering = UNKNOWN
        self._life = None
        self._is_measured = self._proved_short_at is not None
        self._keepalive = SAFE

    def _compare(self):
        """What servers at different addresses say (the last word for each address)."""
        seen = {server.addr[0]: server.mapped for server in self._servers if server.mapped}
        if len(seen) < 2 or not self._is_nat:
            return
        if max([self._votes(mapped) for mapped in seen.values()]) > 1:
            if self._mapping == UNKNOWN:
                self._mapping = ENDPOINT_INDEPENDENT
        elif self._mapping in (UNKNOWN, ENDPOINT_INDEPENDENT) and not any(one.is_asked for one in self._servers):
            self._mapping = ADDRESS_AND_PORT_DEPENDENT
        self._learn()

    # --- asking one, from time to time

    def _plan_refresh(self, now):
        self._ask_at = now + (self._keepalive or REFRESH if self._is_alone else REFRESH)

    def _refreshed(self, answer, _, now):
        if self._mapped_in(answer) == self._main.mapped:
            self._plan_refresh(now)
        else:
            self.gather(now)

    # --- filtering (RFC 5780 section 4.4)

    def _test_filtering(self, now):
        first, other = self._tester.addr, self._tester.other
        if self._filtering != UNKNOWN:
            self._test_mapping(now)
        elif any(addr[0] == other[0] for addr in self._sent_to):
            self._test_filtering_of_ports(now)
        else:
            changes = stun.CHANGE_IP | stun.CHANGE_PORT
            self._ask(first, self._tested_filtering, now, changes, (other, first), QUICK)

    def _tested_filtering(self, answer, source, now):
        if answer is None:
            self._test_filtering_of_ports(now)
        else:
            self._end_filtering(ENDPOINT_INDEPENDENT if source == self._tester.other else UNKNOWN, now)

    def _test_filtering_of_ports(self, now):
        first = self._tester.addr
        second_port = (first[0], self._tester.other[1])
        if second_port in self._sent_to:
            self._end_filtering(UNKNOWN, now)
            return

        def tested(answer, source, now):
            if answer is None:
                self._end_filtering(ADDRESS_AND_PORT_DEPENDENT, now)
            else:  # from the first address: the server can't do it
                self._end_filtering(ADDRESS_DEPENDENT if source == second_port else UNKNOWN, now)

        self._ask(first, tested, now, stun.CHANGE_PORT, (second_port, first), QUICK)

    def _end_filtering(self, filtering, now):
        self._filtering = filtering
        self._learn()
        self._test_mapping(now)

    # --- mapping (RFC 5780 section 4.3)

    def _test_mapping(self, now):
        if self._mapping == ENDPOINT_INDEPENDENT:
            self._measure(now)
        else:
            second_host = (self._tester.other[0], self._tester.addr[1])
            self._ask(second_host, self._tested_mapping, now)

    def _tested_mapping(self, answer, _, now):
        seen = self._mapped_in(answer)
        if seen is None:
            self._measure(now)
        elif seen == self._tester.mapped:
            self._end_mapping(ENDPOINT_INDEPENDENT, now)
        else:

            def tested(answer, _, now):
                same = self._mapped_in(answer) == seen
                self._end_mapping(ADDRESS_DEPENDENT if same else ADDRESS_AND_PORT_DEPENDENT, now)

            self._ask(self._tester.other, tested, now)

    def _end_mapping(self, mapping, now):
        self._mapping = mapping
        self._learn()
        self._measure(now)

    # --- the life of a binding

    def _measure(self, now):
        self._flow = self._flow_to_watch()
        self._rung = 0
        if self._flow is not None and not self._is_measured:
            self._warm(now)

    def _flow_to_watch(self):
        """An address to which nothing goes but what is measured, or None if silence would tell us nothing."""
        others = [server.addr for server in self._servers]
        if self._mapping == ENDPOINT_INDEPENDENT:
            if self._tester is None or self._filtering not in (ADDRESS_DEPENDENT, ADDRESS_AND_PORT_DEPENDENT):
                return None
            flow = self._tester.other
            if self._filtering == ADDRESS_AND_PORT_DEPENDENT:
                return flow if flow not in others else None
        elif self._mapping == UNKNOWN or self._mapped[1] == self._port:
            return None  # a NAT that keeps ports when it can gives the same one again
        elif self._tester is None:
            flows = [server.addr for server in self._servers if server.mapped and server.addr[0] != self._main.addr[0]]
            return flows[0] if flows else None
        else:
            flow = self._tester.other
        return flow if all(addr[0] != flow[0] for addr in others) else None

    def _warm(self, now):
        def warmed(answer, _, now):
            if answer is not None:
                self._plan(self._warm_again, now + WARM)

        self._ask(self._flow, warmed, now)

    def _warm_again(self, now):
        def warmed(answer, _, now):
            self._flow_mapped = self._mapped_in(answer)
            if answer is not None:
                self._plan(self._probe, now + SILENCES[self._rung])

        self._ask(self._flow, warmed, now)

    def _probe(self, now):
        if self._mapping == ENDPOINT_INDEPENDENT:
            first = self._tester.addr
            changes = stun.CHANGE_IP | stun.CHANGE_PORT
            self._ask(first, self._probed, now, changes, (self._flow, first), QUICK)
        else:
            self._ask(self._flow, self._probed, now)

    def _probed(self, answer, source, now):
        if self._mapping == ENDPOINT_INDEPENDENT:
            has_lived = source == self._flow
        else:
            has_lived = answer is not None and self._mapped_in(answer) == self._flow_mapped
        if has_lived:
            self._climb(now)
        elif self._rung > 0:  # unless nobody can be reached just now
            self._ask(self._main.addr, self._confirmed, now)

    def _climb(self, now):
        if SILENCES[self._rung] >= SAFE:
            self._life = SILENCES[self._rung]
            self._learn()
        self._rung += 1
        self._is_measured = self._rung == len(SILENCES)
        if not self._is_measured:
            self._warm(now)

    def _confirmed(self, answer, _, now):
        seen = self._mapped_in(answer)
        if seen == self._main.mapped:
            self._life = SILENCES[max(self._rung - 1, 1)]  # if that is too long, there is no living with this NAT
            self._is_measured = True
            self._learn()
        elif seen is not None:
            self.gather(now)

    def _stop_measuring(self):
        self._step_at = None
        self._flow = None

    # --- what they share

    def _plan(self, step, when):
        self._step, self._step_at = step, when

    def _ask(self, to, then, now, changes=0, sources=None, waits=PATIENT):
        self._sent_to[to] = now
        attributes = [(stun.CHANGE_REQUEST, changes)] if changes else []
        self.requests.begin(stun.BINDING, attributes, to, then, now, sources=sources, waits=waits)

    def _learn(self):
        """Keep-alives follow from what is known now; tell if that has changed."""
        if self._is_nat is False and self._filtering == ENDPOINT_INDEPENDENT:
            self._keepalive = None
        else:
            self._keepalive = SAFE if self._life is None else self._life * 10 // 11
        known = self._mapping, self._filtering, self._keepalive
        if known != self._told and self._mapped:
            self._told = known
            self._events.append(StunEvent(LEARNED, self.name, self._mapped))

    def _mapped_in(self, answer):
        """Our address in an answer that can be used, or None."""
        if answer is None or answer.kind != stun.SUCCESS or answer.unknown():
            return None
        return self._usable(answer.get(stun.XOR_MAPPED_ADDRESS) or answer.get(stun.MAPPED_ADDRESS))

    def _other_in(self, answer, first):
        other = self._usable(answer.get(stun.OTHER_ADDRESS))
        if other is None or other[0] == first[0] or other[1] == first[1] or other[0] in self.hosts:
            return None
        if address.is_private(other[0]) and not address.is_private(first[0]):
            return None  # nobody outside sends us into a home
        return other

    def _usable(self, addr):
        if addr is None or addr[1] == 0 or not address.is_elsewhere(addr[0]):
            return None
        return addr if (":" in addr[0]) == (self.name == IPV6) else None
