"""Starts a program of ours on MicroPython: `micropython start.py ipopd ARGUMENTS`, or ipop.

A script and not `-m`, because that one catches SIGINT for itself."""

import sys

sys.path.insert(0, sys.argv[0].rpartition("/")[0] or ".")
name = sys.argv.pop(1)

if name == "ipopd":
    from ipop.daemon import main
else:
    from ipop.cli import main

sys.exit(main())
