"""What differs between the interpreters. Only the shell and the tests import this; the core is handed what it needs."""

import sys

if sys.implementation.name == "micropython":
    from .micropython import crypto
else:
    from .cpython import crypto

__all__ = ("crypto",)
