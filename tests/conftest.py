"""Tests in tests/unit and tests/sim run twice: here in CPython, and once more in MicroPython.

Such a module is plain functions named `test_*` with bare asserts, so that both interpreters can run it; it
imports neither pytest nor anything that MicroPython lacks. For each one this plugin collects a second module,
`test_x.py[micropython]`: one MicroPython process runs all its chosen tests when the first of them is due.

A module that can't run there says so, and why: `MICROPYTHON = "an hour of virtual time takes minutes there"`.
"""

import ast
import linecache
import os
import re
import signal
import subprocess
import sys
import zlib
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MICROPYTHON = ROOT / ".cache/micropython/micropython"
BOTH_INTERPRETERS = (ROOT / "tests/unit", ROOT / "tests/sim")
SECONDS = 250  # for one module; below the limit that pytest sets for one test
HEAP = "128M"
MARK = "\x01"

# Programs are started hundreds of times here: they are compiled once, whatever is usual on this machine.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure(config):
    # So that a terminated run leaves the labs it built by the same door as an interrupted one.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Workers begin with what takes longest, so that none of them is left alone with it. The rest is mixed: what
    computes runs beside what waits."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (-seconds(item), zlib.crc32(group(item).encode())))


def group(item):
    """What stays together, on one worker and in its order."""
    marker = item.get_closest_marker("xdist_group")
    return marker.args[0] if marker else item.nodeid


def seconds(item):
    """How long it takes by itself, as far as it has been said; or all together that stay on one worker."""
    marker = item.get_closest_marker("long")
    return marker.kwargs["seconds"] if marker else 0


def pytest_collect_file(file_path, parent):
    if file_path.parent in BOTH_INTERPRETERS and file_path.match("test_*.py"):
        nodeid = f"{file_path.relative_to(ROOT)}[micropython]"
        return MicroPythonModule.from_parent(parent, path=file_path, nodeid=nodeid)


class MicroPythonModule(pytest.File):
    def collect(self):
        self.name = f"{self.path.name}[micropython]"  # what -k looks at
        tree = ast.parse(self.path.read_text(), self.path)
        if any(ast.unparse(node).startswith("MICROPYTHON = ") for node in tree.body):
            return
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield MicroPythonTest.from_parent(self, name=node.name, line=node.lineno)

    @cached_property
    def reports(self):
        """Function name -> (passed, what it printed), from one run of all that were chosen."""
        names = [item.name for item in self.session.items if item.parent is self]
        path = ":".join(["src", *(str(folder.relative_to(ROOT)) for folder in BOTH_INTERPRETERS)])
        command = [MICROPYTHON, "-X", f"heapsize={HEAP}", "tests/on_micropython.py", self.path.stem, *names]
        try:
            run = subprocess.run(command, cwd=ROOT, env={"MICROPYPATH": path}, timeout=SECONDS,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            output, end = run.stdout, f"MicroPython ended with status {run.returncode}"
        except subprocess.TimeoutExpired as late:
            output, end = late.stdout or b"", f"MicroPython was stopped after {SECONDS} s"
        before, *reports = re.split(f"{MARK}started (.*)\n", output.decode(errors="replace"))
        results = dict.fromkeys(names, (False, f"{before}not run: {end}"))
        for name, report in zip(reports[::2], reports[1::2], strict=True):
            text, mark, verdict = report.partition(MARK)
            results[name] = (verdict.startswith("passed"), text if mark else f"{text}{end}")
        return results


class MicroPythonTest(pytest.Item):
    def __init__(self, *, line, **rest):
        super().__init__(**rest)
        self.line = line
        self.add_marker(pytest.mark.xdist_group(f"micropython-{self.path.stem}"))  # no ']': xdist finds it by that

    def runtest(self):
        passed, output = self.parent.reports[self.name]
        if not passed:
            raise MicroPythonFailure(output)
        print(output, end="")

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, MicroPythonFailure):
            return with_source_lines(str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.line - 1, f"{self.name} on MicroPython"


class MicroPythonFailure(Exception):
    """What the interpreter printed."""


def with_source_lines(traceback):
    """MicroPython names file and line; show what stands there too."""
    lines = []
    for line in traceback.splitlines():
        lines.append(line)
        if place := re.match(r'  File "(.+)", line (\d+)', line):
            lines.append("    " + linecache.getline(str(ROOT / place[1]), int(place[2])).strip())
    return "\n".join(lines)
