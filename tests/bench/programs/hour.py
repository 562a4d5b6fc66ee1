"""An hour of traffic in virtual time, on the interpreter that runs this: what lives in memory before it and after.

Needs src and tests/unit in its path, and on CPython `-X tracemalloc`. Prints {"before", "after": bytes, "packets"} as
JSON.
"""

import gc
import json
import sys

from pair import Pair

SECONDS = 3600
WARM = 600  # s, until there have been as many sessions as ever are at a time
EVERY = 100  # ms between two packets, each way

if sys.implementation.name == "micropython":
    gc.threshold(32_768)  # as the daemon has it, see ports/micropython/memory.py

    def live():
        gc.collect()
        return gc.mem_alloc()
else:
    import tracemalloc

    def live():
        gc.collect()
        return tracemalloc.get_traced_memory()[0]


def talk(pair, seconds):
    for _ in range(seconds):
        assert pair.talk(1000, EVERY) == 0
        pair.log.clear()
        for side in pair.sides:
            side.frames.clear()
            side.events.clear()


pair = Pair().connect()
talk(pair, WARM)
before = live()
talk(pair, SECONDS)
print(json.dumps({"before": before, "after": live(), "packets": 2 * SECONDS * 1000 // EVERY}))
