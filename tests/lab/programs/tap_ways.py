"""Opens TAP devices on CPython, by pytun or without it: `tap_ways.py with|without COMMAND NAME`.

    echo      says "open", reads a frame, writes it back, says how long it was
    hold      says "open" and keeps it
    try       says the number of the error, or "open"
"""

import sys
import time

if sys.argv[1] == "without":
    sys.modules["pytun"] = None

from ipop.ports import Tap, kernel
from ipop.wire.batch import Batch

command, name = sys.argv[2:]
assert (kernel.pytun is None) == (sys.argv[1] == "without")
if command == "try":
    try:
        kernel.open_tap(name)
        print("open", flush=True)
    except OSError as error:
        print("error", error.errno, flush=True)
    sys.exit()
tap = Tap(name, None)
print("open", flush=True)
if command == "hold":
    time.sleep(60)
batch = Batch(lambda memory: 0, 4, 1600)
while not batch.count:
    batch.clear()
    assert tap.receive(batch) is None
    time.sleep(0.01)
for i in range(batch.count):
    print("read", batch.length[i], "bytes", flush=True)
assert tap.send(batch.packet(0)) is None
tap.close()
