"""What the lab's tests share: a lab that is taken away after each, with its programs' last words if it failed."""

import zlib
from pathlib import Path

import pytest
from lab import MIXES, Lab

HERE = Path(__file__).parent
LAST_WORDS = 30  # lines of each program


@pytest.fixture(params=["cpython", "micropython", "mixed"])
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


def pytest_collection_modifyitems(items):
    """Whoever waits longest starts first, and here they only wait: one after the other, while the others work."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("long") is not None:
            item.add_marker(pytest.mark.xdist_group("waits"))
