"""Datagrams by the daemon's own sockets, on either interpreter: each is sent twice, alone and in a batch. Prints a line
for each size, with what became of it.

    datagrams.py ADDRESS SIZE...
"""

import sys

from ipop.ports import crypto
from ipop.ports.udp import Udp
from ipop.wire.batch import Batch

udp = Udp(0)
batch = Batch(crypto.pointer, 1, 2000)
for size in [int(word) for word in sys.argv[2:]]:
    addr = sys.argv[1], 9
    word = udp.send(bytes(size), addr)
    batch.clear()
    batch.put(bytes(size), addr)
    counted, refused = [], []
    udp.send_batch(batch, counted.append, lambda n, to, told=refused: told.append((n, to)))
    assert counted == ([word] if word else []) and refused == ([(size, addr)] if word else [])
    print(size, word)
