"""Starts a program of ours: `micropython start.py ipopd`, or ipop. Its arguments are in IPOP_ARGUMENTS, or stand before
its name on CPython, which takes long ones.

A script and not `-m`, because that one catches SIGINT for itself."""

import os
import sys

sys.path.insert(0, sys.argv[0].rpartition("/")[0] or ".")
name = sys.argv.pop()
sys.argv.extend((os.getenv("IPOP_ARGUMENTS") or "").split("\x1f")[:-1])

if name == "ipopd":
    from ipop.daemon.daemon import main
else:
    from ipop.command.cli import main

sys.exit(main())
