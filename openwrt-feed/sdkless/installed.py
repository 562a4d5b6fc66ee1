"""Copies the code of a Python package that is installed here, of just this version:

    installed.py NAME VERSION FOLDER

Pure Python only; its own tests and commands stay behind."""

import sys
from importlib import metadata
from pathlib import Path


def main(name, version, folder):
    distribution = metadata.distribution(name)
    if distribution.version != version:
        sys.exit(f"{name} is {distribution.version} here, and {version} in its Makefile: make them agree")
    for file in distribution.files:
        if file.parts[0] in ("..", "tests") or file.suffix == ".pyc" or file.parts[0].endswith(".dist-info"):
            continue
        target = Path(folder, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_binary())


if __name__ == "__main__":
    main(*sys.argv[1:])
