"""`make footprint`: what the daemon takes on each interpreter, as a table for the README.

All of it is measured in this run, with the real daemon in namespaces of its own:

    sizes     of what is installed
    start     of a daemon with one peer, until its control socket answers
    members   memory while all of a group are connected and silent; the others are real daemons too
    load      packets between two homes, both on the interpreter that is measured
    hour      of virtual time: what lives on the heap before and after
"""

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import meters
from brokers import Mosquitto
from groups import create, invite, join, new_home
from lab import INTERPRETERS, PORT, ROOT, Daemon, Lab, uci_section
from netns import BIN, wait_for
from packaging.requirements import Requirement

from ipop.errors import UserError

PROGRAMS = Path(__file__).parent / "programs"
MICROPYTHON = ROOT / ".cache/micropython"
COLUMNS = ("cpython", "micropython")
STARTS = 9
CROWDS = (1, 16, 64)  # connected peers
REST = 5  # s after which a daemon is idle
SMALL, LARGE = 64, 1400  # bytes of a frame
PACKETS = 500_000  # of each size
STREAM = 5  # s


class Table:
    """Rows in the order in which they were first told; a cell for each interpreter."""

    def __init__(self):
        self._rows = {}

    def tell(self, interpreter, what, text):
        self._rows.setdefault(what, {})[interpreter] = text
        print(f"  {interpreter:12} {what}: {text}", flush=True)

    def markdown(self):
        lines = ["| what | CPython | MicroPython |", "|---|---|---|"]
        for what, cells in self._rows.items():
            lines.append(f"| {what} | {' | '.join(cells.get(column, '') for column in COLUMNS)} |")
        return "\n".join(lines)


def main():
    began = time.monotonic()
    table = Table()
    for part in (sizes, start, members, load, hour):
        print(part.__name__, flush=True)
        part(table)
    print(f"\n{table.markdown()}\n\n{machine()}, in {time.monotonic() - began:.0f} s.")


def machine():
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    version = [MICROPYTHON / "micropython", "-c", "import sys; print(sys.version.split('MicroPython ')[1])"]
    micropython = subprocess.run(version, capture_output=True, text=True, check=True).stdout.split()[0]
    return f"CPython {sys.version.split()[0]}, MicroPython {micropython}; {os.cpu_count()} × {model.partition(': ')[2]}"


# --- what is installed


def sizes(table):
    source = [path for path in meters.files_below(ROOT / "src/ipop", ".py") if "micropython" not in path.parts]
    needed = list(requirements("ipop"))
    rows = {
        "cpython": (source, [file for name in needed for file in files_of(name)], interpreter_files()),
        "micropython": (meters.files_below(INTERPRETERS["micropython"]), libraries("libsodium", "libffi"),
                        [MICROPYTHON / "usr/bin/micropython"]),
    }
    names = {"cpython": (", ".join(needed), "the binary and the modules that ipopd loads"),
             "micropython": ("libsodium, libffi", "the binary")}
    for interpreter, parts in rows.items():
        found = [meters.size(files) for files in parts]
        libraries_, binary = names[interpreter]
        table.tell(interpreter, "the daemon, installed / compressed", in_kB(found[0]))
        table.tell(interpreter, "its libraries", f"{in_kB(found[1])} ({libraries_})")
        table.tell(interpreter, "the interpreter", f"{in_kB(found[2])} ({binary})")
        total = meters.Size(*map(sum, zip(*found, strict=True)))
        table.tell(interpreter, "all of that, installed / compressed", in_kB(total))
    tls = meters.size(libraries("libmbedcrypto", "libmbedtls", "libmbedx509"))
    table.tell("micropython", "libraries for TLS, where the interpreter is built with it", in_kB(tls))


def requirements(distribution):
    """The names of the distributions that one needs to run, and of those that they need."""
    for text in metadata.requires(distribution) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
            yield from requirements(requirement.name)


def files_of(distribution):
    return [Path(file.locate()) for file in metadata.files(distribution) if Path(file.locate()).exists()]


def interpreter_files():
    """CPython's binary and what of its own library a running ipopd has loaded."""
    library = sysconfig.get_path("stdlib")
    program = ("import sys, ipop.daemon.daemon, ipop.command.cli\n"
               "for module in list(sys.modules.values()): print(getattr(module, '__file__', None))")
    loaded = subprocess.run([BIN / "python", "-c", program], capture_output=True, text=True, check=True).stdout
    files = [line for line in loaded.splitlines() if line.startswith(library) and "-packages/" not in line]
    return [Path(sys.executable).resolve(), *map(Path, sorted(set(files)))]


def libraries(*names):
    """Shared libraries, without their links."""
    files = meters.files_below(MICROPYTHON / "usr/lib")
    return [path for path in files if path.name.startswith(names) and not path.is_symlink()]


def in_kB(size):
    return f"{size.installed / 1000:.0f} / {size.compressed / 1000:.0f} kB"


# --- how long it takes to start


def start(table):
    for interpreter in COLUMNS:
        with Lab(interpreters=(interpreter,)) as lab:
            den, cabin = lab.add_home("den"), lab.add_home("cabin")
            lab.introduce(den, cabin)
            den.write_config()
            took = statistics.median(start_once(den) for _ in range(STARTS))
            table.tell(interpreter, f"start, until it answers (median of {STARTS})", f"{1000 * took:.0f} ms")


def start_once(home):
    """Seconds until the daemon answers."""
    began = time.monotonic()
    daemon = Daemon(home)
    wait_for(lambda: meters.is_answered(home.control), 20, "an answer from ipopd")
    took = time.monotonic() - began
    daemon.stop()
    return took


# --- memory in a group


class Member:
    """One of many whose daemons share a host: each has a port and a device of its own, and no bridge."""

    entrance = ()

    def __init__(self, host, number):
        self.router = host
        self.name = f"member-{number}"
        folder = host.lab.folder / self.name
        folder.mkdir()
        self.config, self.control = folder / "ipop.config", folder / "ipop.sock"
        self.config.write_text(uci_section("globals", "globals", {
            "port": PORT + number, "device": f"ipop{number}", "state_dir": folder, "control": self.control}))
        self.daemon = Daemon(self)

    def program(self, name):
        return INTERPRETERS["cpython"] / name


def members(table):
    """Two homes, one on each interpreter, in one group that grows; each is started anew before it is measured."""
    with Lab(interpreters=COLUMNS) as lab:
        broker = Mosquitto(lab.add_host("broker"))
        crowd = lab.add_host("crowd")
        den, cabin = new_home(lab, "den"), new_home(lab, "cabin")
        create(den, "friends", broker.url)
        line = invite(den, "--uses", CROWDS[-1])
        join(cabin, line)
        there = 0
        for peers in CROWDS:
            newcomers = [Member(crowd, number) for number in range(there + 1, peers)]
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda member: (member.daemon.wait_ready(), join(member, line)), newcomers))
            there = max(there, peers - 1)
            grown = settled((den, cabin), peers)
            for home in (den, cabin):
                home.daemon.stop()
                home.start_daemon()
            fresh = settled((den, cabin), peers)
            for home in (den, cabin):
                what = f"RSS with {peers} idle peers, and of it not shared"
                table.tell(home.interpreter, what, in_MB(fresh[home]))
                table.tell(home.interpreter, what + "; in a daemon that saw them join", in_MB(grown[home]))


def settled(homes, peers):
    """The Memory of the homes' daemons a while after they were connected with so many."""
    for home in homes:
        wait_for(lambda home=home: connected(home) == peers, 120, f"{home.name}: {peers} peers")
    time.sleep(REST)
    return {home: meters.memory(home.daemon.process.pid) for home in homes}


def connected(home):
    """With how many peers; None while so many daemons have so much to do that it isn't answered in time."""
    try:
        return home.daemon.status()["peers"]["connected"]
    except UserError:
        return None


def in_MB(memory):
    return f"{memory.rss / 1024:.1f}, {memory.anonymous / 1024:.1f} MB"


# --- packets


def load(table):
    for interpreter in COLUMNS:
        with Lab(interpreters=(interpreter,)) as lab:
            den, cabin = lab.add_home("den"), lab.add_home("cabin")
            lab.introduce(den, cabin)
            lab.start_daemons()
            pc, tv = den.add_console("pc"), cabin.add_console("tv")
            assert pc.reaches(tv.address)
            before = [meters.memory(home.daemon.process.pid) for home in lab.homes]
            for size in (SMALL, LARGE):
                flood(table, interpreter, lab.homes, size)
            after = [meters.memory(home.daemon.process.pid) for home in lab.homes]
            count = sum(lab.homes[1].daemon.status()["traffic"][name] for name in ("frames_in", "frames_out"))
            table.tell(interpreter, "RSS with one peer in the configuration, and of it not shared", in_MB(max(before)))
            table.tell(interpreter, f"the same after {count / 1e6:.2f} million real packets", in_MB(max(after)))
            result = traffic(pc, tv, "stream", STREAM)
            table.tell(interpreter, "one TCP stream, full frames",
                       f"{result['bytes'] * 8 / result['seconds'] / 1e6:.0f} Mbit/s")


def flood(table, interpreter, homes, size):
    """From the first home's console to the second's."""
    before = [work(home) for home in homes]
    result = traffic(homes[0].consoles[0], homes[1].consoles[0], "packets", size, PACKETS)
    costs = [(seconds - began) / (frames - count) * 1e6
             for (seconds, frames), (began, count) in zip(map(work, homes), before, strict=True)]
    rate, one_core = result["packets"] / result["seconds"], 1e6 / max(costs)
    frames = f"frames of {size} bytes"
    table.tell(interpreter, f"{frames}, through both daemons", speed(rate, size))
    table.tell(interpreter, f"{frames}: CPU time of the sending / receiving daemon for each",
               " / ".join(f"{cost:.1f}" for cost in costs) + " µs")
    table.tell(interpreter, f"{frames}: what one core could do by that", speed(one_core, size))


def speed(rate, size):
    return f"{rate / 1000:.1f} k/s, {rate * size * 8 / 1e6:.0f} Mbit/s"


def work(home):
    """(seconds that a home's daemon has worked, frames that went through it)"""
    traffic = home.daemon.status()["traffic"]
    return meters.cpu_time(home.daemon.process.pid), traffic["frames_in"] + traffic["frames_out"]


def traffic(sender, receiver, kind, *arguments):
    """What the receiver had of it."""
    sink = receiver.spawn([sys.executable, PROGRAMS / "traffic.py", "sink"])
    sink.wait_for_output("ready")
    sender.run([sys.executable, PROGRAMS / "traffic.py", kind, receiver.address, *arguments], timeout=300)
    return json.loads(sink.stop().splitlines()[-1])


# --- an hour


def hour(table):
    commands = {"cpython": [BIN / "python", "-X", "tracemalloc"],
                "micropython": [MICROPYTHON / "micropython", "-X", "heapsize=4M"]}
    path = f"{ROOT / 'src'}:{ROOT / 'tests/unit'}"
    for interpreter in COLUMNS:
        done = subprocess.run([*commands[interpreter], PROGRAMS / "hour.py"], capture_output=True, text=True,
                              check=True, env={"PYTHONPATH": path, "MICROPYPATH": path})
        found = json.loads(done.stdout)
        table.tell(interpreter, f"live heap before / after a virtual hour, {found['packets']} packets",
                   f"{found['before'] / 1000:.1f} / {found['after'] / 1000:.1f} kB")


if __name__ == "__main__":
    main()
