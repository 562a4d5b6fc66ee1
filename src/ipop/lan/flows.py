"""Frames like the ones before them go their way without being looked at again.

A flow is what two devices send each other by one transport protocol: addresses and ports are the same in each frame. A
rule was applied to its first frame and holds for the others, for FLOW_LIFE: then the next one is looked at again, so
that nobody who is heard ages. The flow of the last frame is compared in place, which makes no garbage; the others are
found by their headers. Nothing else is a flow: no fragments, no tags, no options, and no SYN, whose MSS has to fit.
"""

from ..wire import ethernet
from ..wire.dissect import TCP, UDP

FLOW_LIFE = 1_000  # ms
FLOWS_MAX = 256

_LINK = 15  # bytes: both MAC addresses, the type, the version and length of the IP header
_SYN = 2


class _Layout:
    """Where things stand in a frame, for one version of IP."""

    def __init__(self, protocol, addresses, transport):
        self.protocol = protocol
        self.addresses = addresses  # and behind them the ports
        self.transport = transport
        self.size = transport + 4 - addresses
        self.flags = transport + 13


_LAYOUTS = {ethernet.IPV4: _Layout(23, 26, 34), ethernet.IPV6: _Layout(20, 22, 54)}


class _Flow:
    def __init__(self, crypto, header, layout, mem, at):
        self.port = None
        self.until = 0
        self.layout = layout
        self.protocol = mem[at + layout.protocol]
        self.least = layout.transport + (20 if self.protocol == TCP else 8)
        self._header = bytearray(header)  # kept because pointers into it are
        self.link = crypto.pointer(self._header)
        self.addresses = self.link + _LINK


class Flows:
    """The flows in one direction."""

    def __init__(self, crypto):
        self._crypto = crypto
        self._differ = crypto.differ
        self._last = None
        self._flows = {}
        self._revision = 0

    def find(self, mem, ptr, at, n, revision, now):
        """The port of the frame of `n` bytes at `at`, or None where it has to be looked at.

        `ptr` is the address of `mem`; flows hold while `revision` stays the same."""
        if revision != self._revision:
            self._forget(revision)
            return None
        flow = self._last
        if flow is None or not self._is_like(flow, mem, ptr, at, n):
            flow = self._flows.get(_header(mem, at, n))
            if flow is None:
                return None
            self._last = flow
        layout = flow.layout
        if now >= flow.until or n < flow.least or flow.protocol == TCP and mem[at + layout.flags] & _SYN:
            return None
        return flow.port

    def keep(self, packet, port, mem, at, n, revision, now):
        """A frame whose Packet this is goes to `port`, and so do those like it."""
        if revision != self._revision:
            self._forget(revision)
        if packet.protocol not in (TCP, UDP) or packet.fragment or packet.tags or packet.has_options:
            return
        header = _header(mem, at, n)
        layout = _LAYOUTS.get(packet.ethertype)
        if header is None or packet.transport != at + layout.transport:
            return
        flow = self._flows.get(header)
        if flow is None:
            if len(self._flows) >= FLOWS_MAX:
                self._flows.clear()
            flow = self._flows[header] = _Flow(self._crypto, header, layout, mem, at)
        flow.port, flow.until = port, now + FLOW_LIFE
        self._last = flow

    def _is_like(self, flow, mem, ptr, at, n):
        layout, differ = flow.layout, self._differ
        if mem[at + layout.protocol] != flow.protocol or differ(ptr + at, flow.link, _LINK):
            return False
        if differ(ptr + (at + layout.addresses), flow.addresses, layout.size):
            return False
        return layout.transport == 54 or not (mem[at + 20] & 0x3F or mem[at + 21])

    def _forget(self, revision):
        self._revision = revision
        self._last = None
        self._flows.clear()


def _header(mem, at, n):
    """What the frames of a flow have in common (bytes), or None for one that is none."""
    layout = _LAYOUTS.get(mem[at + 12] << 8 | mem[at + 13])
    if layout is None or n < layout.transport + 8:
        return None
    if layout.transport == 34 and (mem[at + 20] & 0x3F or mem[at + 21]):
        return None  # a fragment
    start = at + layout.addresses
    link, addresses = bytes(mem[at : at + _LINK]), bytes(mem[start : start + layout.size])
    return link + addresses + bytes([mem[at + layout.protocol]])
