"""What the tests of the feed look into, and what they run things in."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def build(tree, where):
    """Build the feed of a tree into `where`; returns its folder."""
    key = where.parent / "feed-key"
    command = [sys.executable, tree / "openwrt-feed/build", "--out", where / "feed", "--key", key]
    run = subprocess.run(command, text=True, capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return where / "feed"


class Package:
    """What is in an .ipk, read by Python's own tarfile."""

    def __init__(self, file):
        self.file = file
        self.name = file.name.partition("_")[0]
        with tarfile.open(file) as outer:
            self.outer = outer.getmembers()
            parts = {entry.name: outer.extractfile(entry).read() for entry in self.outer}
        self.version = parts["./debian-binary"]
        self._data = parts["./data.tar.gz"]
        with tarfile.open(fileobj=io.BytesIO(parts["./control.tar.gz"])) as tar:
            self.control_entries = tar.getmembers()
            self.control = {_name(e): tar.extractfile(e).read().decode() for e in self.control_entries if e.isfile()}
        with tarfile.open(fileobj=io.BytesIO(self._data)) as tar:
            self.entries = tar.getmembers()
            self.content = {_name(entry): tar.extractfile(entry).read() for entry in self.entries if entry.isfile()}
        self.modes = {_name(entry): entry.mode for entry in self.entries if entry.isfile()}
        self.links = {_name(entry): entry.linkname for entry in self.entries if entry.issym()}

    @property
    def fields(self):
        lines = [line for line in self.control["/control"].splitlines() if not line.startswith(" ")]
        return dict(line.split(": ", 1) for line in lines)

    def unpack(self, folder):
        with tarfile.open(fileobj=io.BytesIO(self._data)) as tar:
            tar.extractall(folder)
        return folder


def _name(entry):
    return entry.name.removeprefix(".")


class Router:
    """Its programs are busybox's and those given to `add`. All of it is for root, as the lab is."""

    def __init__(self, root):
        self.root = root
        for folder in ("bin", "dev", "etc/init.d", "lib", "proc", "tmp", "usr/bin", "usr/sbin", "var/run"):
            (root / folder).mkdir(parents=True)
        self.bring("/usr/bin/busybox")
        for applet in subprocess.check_output(["busybox", "--list"], text=True).split():
            (root / "bin" / applet).symlink_to("../usr/bin/busybox")  # never to this machine's own
        os.mknod(root / "dev/null", 0o20666, os.makedev(1, 3))

    def bring(self, program):
        """A program of this machine, with its libraries."""
        libraries = subprocess.run(["ldd", program], text=True, capture_output=True).stdout.split()
        for file in [program, *(word for word in libraries if word.startswith("/"))]:
            target = self.root / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(Path(file).read_bytes())
            target.chmod(0o755)

    def add(self, path, text="", *, log=True):
        """A script; with `log`, one that notes how it was called."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)  # nothing is written through a link
        note = 'echo "${0##*/} $*" >> /tmp/calls\n' if log else ""
        file.write_text(f"#!/bin/sh\n{note}{text}")
        file.chmod(0o755)

    def run(self, *command, **environment):
        """Runs it to its end; returns what it printed. It has to succeed."""
        environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
        run = subprocess.run(["chroot", self.root, *command], env=environment, text=True, capture_output=True)
        assert run.returncode == 0, f"{command}: {run.stdout}{run.stderr}"
        assert not run.stderr, run.stderr
        return run.stdout

    def calls(self):
        """The calls since the last time."""
        notes = self.root / "tmp/calls"
        lines = notes.read_text().splitlines() if notes.exists() else []
        notes.unlink(missing_ok=True)
        return lines
