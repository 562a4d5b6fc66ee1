"""What the lab's tests share: a lab that is taken away after each, with its programs' last words if it failed.

A test also fails where a daemon tells of a fault of its own. Each problem in `ipop status` is a line of its log too."""

import os
import zlib
from pathlib import Path

import pytest
from lab import MIXES, Lab

HERE = Path(__file__).parent
LAST_WORDS = 30  # lines of each program
LANES = 3  # workers that are left to the long tests
ASKED_FOR = os.environ.get("INTERPRETER") or "mixed"


@pytest.fixture(params=["cpython", "micropython", "mixed"] if ASKED_FOR == "all" else [ASKED_FOR])
def lab(request):
    """An empty Lab; its parameter is the mix of interpreters that run the homes' daemons.

    Which of a mixed pair comes first differs from test to test."""
    mix = request.param
    if mix == "mixed" and zlib.crc32(request.node.originalname.encode()) % 2:
        mix = "mixed-turned"
    with Lab(interpreters=MIXES[mix]) as lab:
        yield lab
        for process in lab.processes:  # pytest shows this only beside a failure
            print(f"--- {process.log.name}", *process.output.splitlines()[-LAST_WORDS:], sep="\n")
        assert not lab.faults()  # the daemon goes on after one, and so may the test


def pytest_collection_modifyitems(items):
    """Whoever takes minutes only waits here: in few lanes, while the others work."""
    lanes = [0] * LANES
    for item in sorted(items, key=seconds, reverse=True):
        if item.path.parent == HERE and seconds(item):
            lane = lanes.index(min(lanes))
            lanes[lane] += seconds(item)
            item.add_marker(pytest.mark.xdist_group(f"waits-{lane}"))


def seconds(item):
    marker = item.get_closest_marker("long")
    return marker.kwargs["seconds"] if marker else 0
