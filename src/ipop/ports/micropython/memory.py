"""How much this process may take. As ports/cpython/memory.py.

The heap is as large as it was made at the start (`-X heapsize`). That costs nothing by itself: memory is taken as it is
used, and it is used from its beginning, since garbage is collected long before the end is reached. So the heap is made
larger than what is needed, by what a group may grow in a while; a restart makes it larger again.

What a peer takes beyond its part of the roster: a tunnel with up to three sessions and their replay windows.
"""

import gc
import os

from . import libc, programs

IS_PLENTY = False
STEP = 262_144  # bytes taken after which garbage is collected; most of them calls take, and give back at once
RESERVE = 256_000  # bytes for bursts of packets and what people ask
MEMBER = 8_000  # bytes that one takes, measured with 64 bits and rounded up
_KEPT = 400  # bytes of one on flash
_BASE = 2_000_000
_HEAP = "heapsize="
_DONTNEED = 4  # MADV_DONTNEED

_left = 0


def grow_for(groups, peers):
    wanted = _BASE + 2 * MEMBER * (peers + _size(groups) // _KEPT)
    if gc.mem_free() + gc.mem_alloc() < wanted * 9 // 10:
        argv = [word.decode() for word in _command_line()]
        for i, word in enumerate(argv):
            if word.startswith(_HEAP) and word != _HEAP + str(wanted):
                argv[i] = _HEAP + str(wanted)
                programs.become(argv)


def settle():
    gc.collect()
    gc.threshold(STEP)
    _give_back()


def has_room():
    global _left
    _left -= MEMBER
    if _left < RESERVE:
        gc.collect()
        _left = gc.mem_free()
    return _left >= RESERVE


def _size(folder):
    """Bytes of the files in the folders in a folder."""
    try:
        paths = [folder + "/" + name for name in os.listdir(folder)]
        return sum([os.stat(path + "/" + name)[6] for path in paths for name in os.listdir(path)])
    except OSError:
        return 0  # none are there yet


def _command_line():
    with open("/proc/self/cmdline", "rb") as file:
        return file.read().rstrip(b"\0").split(b"\0")


def _give_back():
    """Pages of libraries in which nothing was written: they come again from the file when they are needed, and most
    never are. The start had to look at all, to link them."""
    start, end, is_file = 0, 0, False
    with open("/proc/self/smaps") as file:
        for line in file:
            words = line.split()
            if words[0][-1] != ":":
                start, end = [int(text, 16) for text in words[0].split("-")]
                is_file = len(words) > 5 and words[5][0] == "/" and words[1] in ("r--p", "r-xp")
            elif words[0] == "Anonymous:" and words[1] == "0" and is_file:
                libc.madvise(start, end - start, _DONTNEED)
