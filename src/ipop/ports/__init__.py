"""What differs between the interpreters. Only the shell and the tests import this; the core is handed what it needs."""

import sys

from .events import Connected, Disconnected, Message

INTERPRETER = sys.implementation.name

if INTERPRETER == "micropython":
    from .micropython import crypto, files, programs, terminal
    from .micropython.client import Client
else:
    from .cpython import clock, crypto, files, interfaces, programs, system, terminal
    from .cpython.broker import Broker
    from .cpython.client import Client
    from .cpython.poller import Poller
    from .cpython.resolver import Resolver
    from .cpython.tap import Tap
    from .cpython.udp import Udp
    from .cpython.unix import Listener

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
    "clock",
    "crypto",
    "files",
    "interfaces",
    "programs",
    "system",
    "terminal",
)
