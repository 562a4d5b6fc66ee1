"""What differs between the interpreters. Only the shell and the tests import this; the core is handed what it needs.

Each interpreter's folder has the same modules and names; what is beside them is built on these, once for both.
"""

import sys

from .events import Connected, Disconnected, Message

if sys.implementation.name == "micropython":
    from .micropython import clock, crypto, files, kernel, memory, programs, terminal
    from .micropython.broker import Broker
    from .micropython.poller import Poller
    from .micropython.resolver import Resolver
else:
    from .cpython import clock, crypto, files, kernel, memory, programs, terminal
    from .cpython.broker import Broker
    from .cpython.poller import Poller
    from .cpython.resolver import Resolver

from . import bridges, interfaces, links, machine, shared, system, tap, taps, unix
from .tap import Tap
from .udp import Udp
from .unix import Client, Listener

INTERPRETER = sys.implementation.name

__all__ = (
    "INTERPRETER",
    "Broker",
    "Client",
    "Connected",
    "Disconnected",
    "Listener",
    "Message",
    "Poller",
    "Resolver",
    "Tap",
    "Udp",
    "bridges",
    "clock",
    "crypto",
    "files",
    "interfaces",
    "kernel",
    "links",
    "machine",
    "memory",
    "programs",
    "shared",
    "system",
    "tap",
    "taps",
    "terminal",
    "unix",
)
