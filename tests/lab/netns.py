"""Network namespaces and the processes in them: what a lab owns, and how it is taken away again.

Everything of one lab carries the lab's prefix: its namespaces, and its folder in the temporary directory.
The prefix holds the runner's process id and start time, so whoever comes later can tell the remains of a dead
runner from a living neighbour's lab. Programs die with the runner, by PR_SET_PDEATHSIG; what they started
themselves is found through its namespace. Nothing outside these namespaces is touched.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
BIN = Path(sys.executable).parent  # where `ipop` and `ipopd` were installed

_NAMESPACES = Path("/run/netns")
_OWNED = re.compile(r"(ipop-(\d+)-(\d+)-\d+)(?:$|-)")

PATIENCE = 30  # s that a busy machine may take longer than one with nothing else to do

Ping = namedtuple("Ping", "sent received times_ms")


class LabError(Exception):
    """The machine can't hold a lab, or a program in it did not do what it should."""


def owned_prefix(number):
    return f"ipop-{os.getpid()}-{_start_time(os.getpid())}-{number}"


def remove_stale():
    """Take away what runners that no longer live have left."""
    names = [*_names(), *os.listdir(tempfile.gettempdir())]
    owned = {match.groups() for match in map(_OWNED.match, names) if match}
    for prefix, pid, start in owned:
        if _start_time(int(pid)) != start:
            remove(prefix)


def remove(prefix):
    """Take away the namespaces with this prefix, every process in them, and the folder."""
    names = [name for name in _names() if name.startswith(prefix + "-")]
    for name in names:
        for pid in _command("ip", "netns", "pids", name).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
    for name in names:
        _command("ip", "netns", "delete", name)
    shutil.rmtree(folder(prefix), ignore_errors=True)


def exists(prefix):
    return any(name.startswith(prefix + "-") for name in _names())


def folder(prefix):
    return Path(tempfile.gettempdir(), prefix)


def wait_for(condition, seconds, what):
    """The condition's first true value; a LabError that names `what` if there is none in time: these seconds are what
    an idle machine needs at most, and a busy one gets some more."""
    deadline = time.monotonic() + seconds + PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds + PATIENCE} s")
        time.sleep(0.02)
    return value


class Host:
    """One network namespace: a console, a router, a server."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.netns = f"{lab.prefix}-{name}"
        self.address = None
        _command("ip", "netns", "add", self.netns, check=True)
        self.ip("link set lo up")

    def run(self, argv, timeout=20 + PATIENCE, check=True, text=True, **options):
        """Run a program to its end; its standard output and error are in the result."""
        try:
            done = subprocess.run(self._command(argv), timeout=timeout, capture_output=True, text=text,
                                  **{"stdin": subprocess.DEVNULL, **options})
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))} did not end within {timeout} s")
        if check and done.returncode:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))} ended with status {done.returncode}:\n"
                           f"{done.stdout}{done.stderr}")
        return done

    def spawn(self, argv):
        """Start a program that runs until it is stopped, or until the lab is closed."""
        process = Process(self, argv, self._command(argv))
        self.lab.processes.append(process)
        return process

    def ip(self, *lines):
        """Lines for `ip -batch` in this namespace."""
        _command("ip", "-n", self.netns, "-batch", "-", input="\n".join(lines), check=True)

    def nft(self, rules):
        self.run(["nft", "-f", "-"], input=rules, stdin=None)

    def sysctl(self, path, value):
        self.run(["sh", "-c", f"echo {value} > /proc/sys/{path}"])

    def ping(self, address, count=3, interval=0.2, size=56, wait=1):
        command = ["ping", "-n", "-c", count, "-i", interval, "-s", size, "-W", wait, address]
        return parse_ping(self.run(command, check=False, timeout=count * (interval + wait) + PATIENCE).stdout)

    def reaches(self, address):
        """Whether it answers a ping, soon; a busy machine is given time."""
        ping, until = ["ping", "-n", "-c", 1, "-i", 0.1, "-w", 5, address], time.monotonic() + 10
        while self.run(ping, check=False).returncode:  # it also ends at the first word of somebody who doesn't know
            if time.monotonic() > until:
                return False
        return True

    def start_ping(self, address, interval=0.1, size=56):
        """A ping that goes on, in packets that nobody may cut into fragments, until it is asked what it `lost`."""
        return EndlessPing(self.spawn(["ping", "-n", "-M", "do", "-i", interval, "-s", size, address]))

    def _command(self, argv):
        die_with_us = [] if self.lab.keep else ["setpriv", "--pdeathsig", "KILL"]
        return [*die_with_us, "ip", "netns", "exec", self.netns, *map(str, argv)]


class Process:
    """A program that a host runs; what it prints goes to a file in the lab's folder."""

    def __init__(self, host, argv, command):
        self.host = host
        self.name = Path(str(argv[0])).name
        self.log = host.lab.folder / f"{host.name}-{self.name}-{len(host.lab.processes)}.log"
        with open(self.log, "wb") as log:
            # A session of its own: Ctrl-C is for the runner, who ends its programs in order.
            self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def stop(self, number=signal.SIGTERM, timeout=5):
        """Ask the program to end, and make it end; what it printed."""
        if self.alive():
            self.popen.send_signal(number)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()
        return self.output

    def interrupt(self):
        return self.stop(signal.SIGINT)

    def kill(self):
        return self.stop(signal.SIGKILL)

    def wait_for_output(self, text, seconds=5):
        def said():
            if not self.alive() and text not in self.output:
                raise LabError(f"{self.host.name}: {self.name} ended, and never said “{text}”:\n{self.output}")
            return text in self.output
        wait_for(said, seconds, f"{self.host.name}: {self.name} saying “{text}”")


class EndlessPing:
    def __init__(self, process):
        self._process = process

    def lost(self, of=0):
        """Stop as soon as some that are sent from now on, and after so many, are answered; how many before were not."""
        enough = max(self._answered() | {of}) + 5
        wait_for(lambda: max(self._answered() | {0}) >= enough, 5, f"{self._process.host.name}: answers to pings")
        self._process.interrupt()
        return len(set(range(1, enough - 1)) - self._answered())  # of the last two one may have overtaken the other

    def is_silent(self):
        """Whether nothing is answered for a second."""
        before = len(self._answered())
        time.sleep(1)
        return len(self._answered()) == before

    def _answered(self):
        return {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self._process.output)}


def parse_ping(text):
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", text)
    if not counts:
        raise LabError(f"ping said:\n{text}")
    return Ping(int(counts[1]), int(counts[2]), [float(ms) for ms in re.findall(r"time=([\d.]+) ms", text)])


def _names():
    return sorted(os.listdir(_NAMESPACES)) if _NAMESPACES.exists() else []


def _start_time(pid):
    """The process's start in clock ticks since boot, as text; None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _command(*argv, check=False, input=None):
    done = subprocess.run(argv, input=input, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}:\n{input or ''}\n{done.stdout}")
    return done.stdout
