"""What the lab's tests share: a lab that is taken away after each, with its programs' last words if it failed."""

import zlib

import pytest
from lab import MIXES, Lab

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
    """Whoever waits longest starts first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
