"""Prints where this machine is, as a line of JSON, at the beginning and whenever the kernel says that it has changed.

Runs on both interpreters.
"""

import json
import sys

from ipop.ports import Poller, interfaces

changes = interfaces.Changes()
poller = Poller()


def tell():
    where = {"addresses": interfaces.addresses(), "gateways": interfaces.gateway()}
    print(json.dumps(where))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


def look():
    if changes.poll():
        tell()


poller.watch(changes.fileno(), look)
tell()
while True:
    poller.wait(None)
