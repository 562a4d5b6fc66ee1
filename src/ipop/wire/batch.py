"""Packets of one turn of the loop, in one buffer that lives as long as the program.

Frames that were read become datagrams where they lie, and datagrams frames: each slot has room in front for what is put
before a packet and behind for padding and tag. A slot whose length is 0 has been dropped.
Slots may begin anywhere in the buffer, so that one large read can be cut into many packets without copying.
"""

HEADROOM = 32  # at least what wire/payload.py and a transport header put in front
TAILROOM = 32  # padding to 16 and a tag of 16


class Batch:
    """`slots` packets of up to `size` bytes each, over a port's `pointer`.

    `mem` is the buffer and `ptr` its address; packet i has `length[i]` bytes at `start[i]`, and came from or goes to
    `addr[i]`; `count` packets are there."""

    def __init__(self, pointer, slots, size):
        stride = HEADROOM + size + TAILROOM
        self._buffer = bytearray(slots * stride)
        self.mem = memoryview(self._buffer)
        self.ptr = pointer(self._buffer)
        self.size = size
        self.slots = slots
        self.home = [i * stride + HEADROOM for i in range(slots)]  # where packets are read to
        self.room = [self.mem[at : at + size] for at in self.home]  # the same as something to read into
        self.start = list(self.home)
        self.length = [0] * slots
        self.addr = [None] * slots
        self.count = 0

    def clear(self):
        self.count = 0

    def add(self, n, addr):
        """The next slot's `room` was filled with `n` bytes."""
        i = self.count
        self.start[i] = self.home[i]
        self.length[i] = n
        self.addr[i] = addr
        self.count = i + 1

    def put(self, data, addr=None):
        """Copy a packet into the next slot; one that is longer than a slot is cut, as a socket would."""
        n = min(len(data), self.size)
        at = self.home[self.count]
        self.mem[at : at + n] = data[:n]
        self.add(n, addr)

    def replace(self, i, data):
        """Packet i is this one (bytes) now."""
        at, n = self.home[i], len(data)
        self.mem[at : at + n] = data
        self.start[i] = at
        self.length[i] = n

    def packet(self, i):
        """A copy of packet i."""
        at = self.start[i]
        return bytes(self.mem[at : at + self.length[i]])
