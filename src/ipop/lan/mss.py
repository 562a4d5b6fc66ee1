"""TCP is fitted to the tunnel in passing: no segment is larger than the tunnel carries whole.

Each side of a connection says in its SYN how large a segment it takes (the MSS option, RFC 9293 section 3.7.1): what
its own LAN carries. It doesn't know of the tunnel on the way, and a path MTU that is found by losing packets takes its
time, where it is found at all. So the option is made smaller in every SYN and SYN-ACK that passes, in both directions:
one that comes from a member whose daemon doesn't do it is fitted on our side.

Nothing is added to a SYN without the option. Its sender is sent 536 bytes at most over IPv4, 1220 over IPv6; what of
that is too large for the tunnel goes in pieces (lan/pieces.py), as all does that is no TCP.

The checksum is corrected by the difference alone (RFC 1624, equation 3): one that was wrong stays wrong.
"""

from ..wire import ethernet
from ..wire.dissect import TCP

HEADERS_V4, HEADERS_V6 = 40, 60  # of IP and TCP, without options: those the sender takes off itself (RFC 6691)
MSS_MIN = 536  # what every host takes (RFC 9293); below it the tunnel cuts, rather than TCP
TAG = 4  # bytes of a VLAN tag

_SYN, _CHECKSUM, _HEADER = 0x02, 16, 20
_END, _NOP, _MSS = 0, 1, 2


def clamp(packet, mem, mtu):
    """Fit the MSS in a Packet (wire/dissect.py) of `mem` to a tunnel that carries IP packets of `mtu` bytes.

    Returns whether it had to be changed. `mtu` is that of an untagged frame. Whatever is no SYN, or has options that
    can't be followed, stays as it is from there on."""
    at = packet.transport
    if packet.protocol != TCP or at is None or not mem[at + 13] & _SYN:
        return False
    headers = HEADERS_V4 if packet.ethertype == ethernet.IPV4 else HEADERS_V6
    most = max(mtu - packet.tags * TAG - headers, MSS_MIN)
    here, end = at + _HEADER, min(at + (mem[at + 12] >> 4) * 4, packet.end)
    is_changed = False
    while here < end:
        kind = mem[here]
        if kind == _NOP:
            here += 1
            continue
        if kind == _END or here + 2 > end:
            break
        size = mem[here + 1]
        if size < 2 or here + size > end:
            break
        if kind == _MSS and size == 4 and (mem[here + 2] << 8 | mem[here + 3]) > most:
            _replace(mem, at, here + 2, most)
            is_changed = True
        here += size
    return is_changed


def _replace(mem, transport, at, value):
    """Put a 16-bit number at `at`, and what that changes into the checksum."""
    old, new = mem[at] << 8 | mem[at + 1], value
    mem[at], mem[at + 1] = value >> 8, value & 255
    if at - transport & 1:  # it lies across two words of the sum: behind one NOP, for instance
        old, new = (old & 255) << 8 | old >> 8, (new & 255) << 8 | new >> 8
    at = transport + _CHECKSUM
    total = (~(mem[at] << 8 | mem[at + 1]) & 0xFFFF) + (~old & 0xFFFF) + new
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    mem[at], mem[at + 1] = total >> 8, total & 255
