"""A NAT for UDP, described as RFC 4787 describes one: by how it maps and by what it lets in.

Mapping (section 4.1): which destinations see the same outside port. Filtering (section 5): who may answer.
Both come in three kinds. A filter belongs to its mapping, as in NATs that keep a table of flows; by the
letter of the RFC it would belong to the endpoint inside, which lets in a little more. What goes out refreshes
a mapping, what comes in does not (REQ-6), and 120 s without makes it forgotten (the least that REQ-5 allows).

The outside of a NAT can be plugged into the inside of another.
"""

from network import Interface, Link, Segment

ENDPOINT_INDEPENDENT = "endpoint-independent"
ADDRESS_DEPENDENT = "address-dependent"
ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"

MAPPING_TIMEOUT = 120_000

_SIGNIFICANT = {  # what of a remote address tells two remotes apart
    ENDPOINT_INDEPENDENT: lambda remote: None,
    ADDRESS_DEPENDENT: lambda remote: remote[0],
    ADDRESS_AND_PORT_DEPENDENT: lambda remote: remote,
}


class Nat:
    """The defaults are a home router's: Linux masquerading as its peers see it.

    `home` is the segment inside; `outside` the interface in the outer one. `dropped` counts by reason.
    """

    def __init__(
        self,
        name,
        outer,
        address,
        agenda,
        chance,
        mapping=ENDPOINT_INDEPENDENT,
        filtering=ADDRESS_AND_PORT_DEPENDENT,
        preserve_ports=True,
        hairpin=False,
        timeout=MAPPING_TIMEOUT,
        inside="192.168.1.",
    ):
        self.name = name
        self.preserve_ports = preserve_ports
        self.hairpin = hairpin
        self.timeout = timeout
        self.dropped = {}
        self._mapping = _SIGNIFICANT[mapping]
        self._filtering = _SIGNIFICANT[filtering]
        self._agenda = agenda
        self._chance = chance
        self._prefix = inside
        self._hosts = 1
        self._by_flow = {}
        self._by_port = {}

        self.outside = Interface(name, outer, address)
        self.outside.receive = self._inbound
        self.home = Segment(name + "-inside", agenda, chance, Link(latency=1))
        self.home.gateway = Interface(name + "-gateway", self.home, inside + "1")
        self.home.gateway.receive = self._outbound

    def next_address(self):
        """A free address inside, as its DHCP server would give."""
        self._hosts += 1
        assert self._hosts < 255
        return self._prefix + str(self._hosts)

    def reboot(self, address=None):
        """Forget all mappings; perhaps come back with another address outside."""
        self._by_flow = {}
        self._by_port = {}
        if address:
            self.outside.move(address)

    def _outbound(self, data, source, destination):
        to_itself = destination[0] == self.outside.address
        if destination[0].startswith(self._prefix):
            self._drop("no-such-host")  # a private address of another home, most likely
        elif to_itself and not self.hairpin:
            self._drop("no-hairpin")
        else:
            mapping = self._map(source, destination)
            seen_as = (self.outside.address, mapping.port)
            if to_itself:
                self._inbound(data, seen_as, destination)
            else:
                self.outside.send(data, seen_as, destination)

    def _inbound(self, data, source, destination):
        mapping = self._at(destination[1])
        if mapping is None:
            self._drop("no-mapping")
        elif not self._alive(mapping.contacted.get(self._filtering(source))):
            self._drop("filtered")
        else:
            self.home.gateway.send(data, source, mapping.inside)

    def _map(self, inside, remote):
        flow = (inside, self._mapping(remote))
        mapping = self._by_flow.get(flow)
        if mapping is None or not self._alive(mapping.refreshed):
            mapping = _Mapping(inside, self._free_port(inside[1]))
            self._by_flow[flow] = self._by_port[mapping.port] = mapping
        mapping.refreshed = mapping.contacted[self._filtering(remote)] = self._agenda.now
        return mapping

    def _free_port(self, wanted):
        port = wanted if self.preserve_ports else self._some_port()
        while self._at(port):
            port = self._some_port()
        return port

    def _at(self, port):
        mapping = self._by_port.get(port)
        return mapping if mapping and self._alive(mapping.refreshed) else None

    def _some_port(self):
        return 1024 + self._chance.below(64512)

    def _alive(self, refreshed):
        return refreshed is not None and self._agenda.now - refreshed < self.timeout

    def _drop(self, reason):
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


class _Mapping:
    def __init__(self, inside, port):
        self.inside = inside
        self.port = port
        self.refreshed = None
        self.contacted = {}  # what the filter looks at -> when something last went out there
