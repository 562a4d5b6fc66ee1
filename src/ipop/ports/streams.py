"""Connections that carry bytes, TCP and TLS: apart from the rest, because not everybody needs them."""

from . import INTERPRETER

if INTERPRETER == "micropython":
    from .micropython.stream import Failure, Tcp
    from .micropython.tls import Tls
else:
    from .cpython.stream import Failure, Tcp, Tls

__all__ = ("Failure", "Tcp", "Tls")
