"""`make demo`: two homes on one LAN, with real programs, on a terminal.

Whatever is said to be found was found by a program in one home talking to a program in the other, through two
routers that run `ipopd`. Ends with status 1 and the names of what was missing if something was.
"""

import json
import shutil
import signal
import statistics
import sys
import threading
from collections import namedtuple
from contextlib import contextmanager

import netns
from devices import fetch_file, find_game, find_service, publish_service, serve_file
from lab import MIXES, PORT, Lab
from netns import LabError

KEPT = "ipop-demo"
MEGABYTES = 64

# What was looked for, whether it was found, and how, for people.
Finding = namedtuple("Finding", "name found text round_trip_ms", defaults=(None,))


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    keep = KEPT if "--keep" in sys.argv else None
    if "--clean" in sys.argv:
        netns.remove(KEPT)
        return 0
    if keep and netns.exists(KEPT):
        print("A kept demo is standing already; `make demo-clean` takes it away.", file=sys.stderr)
        return 1
    mix = "cpython"
    if "--interpreters" in sys.argv:
        mix = sys.argv[sys.argv.index("--interpreters") + 1]
        if mix not in MIXES:
            print(f"INTERPRETER={mix}: expected one of {', '.join(MIXES)}", file=sys.stderr)
            return 2
    screen = Screen()
    try:
        with Lab(keep, MIXES[mix]) as lab:
            missing = show(lab, screen)
            if keep:
                tell_how_to_look_around(lab, screen)
        return 1 if missing else 0
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything was taken away again.", file=sys.stderr)
        return 130


def show(lab, screen):
    """Build, start, look; the names of what was not found."""
    screen.title("Two homes, each behind its own router, joined by ipopd")
    den = lab.add_home("den")
    cabin = lab.add_home("cabin", nat=True)
    pc, tv = den.add_console("pc"), cabin.add_console("tv")
    lab.introduce(den, cabin)
    screen.line(f"den    a PC, {pc.address}; its router is {den.router.address}, UDP port {PORT} open")
    screen.line(f"cabin  a TV, {tv.address}; its router is behind another, the NAT {cabin.gateway.address}")

    checksum = serve_file(pc, MEGABYTES)
    publish_service(pc, "Films at the den")
    lab.start_daemons()

    screen.title("What they find of each other")
    findings = []
    with screen.live(lambda: peer_tables(lab.homes)):
        for finding in look_around(den, pc, tv, checksum):
            findings.append(finding)
            screen.line(describe(finding, screen))

    missing = [finding.name for finding in findings if not finding.found]
    if missing:
        screen.title(f"NOT found: {', '.join(missing)}")
    else:
        screen.title(f"Found: {', '.join(finding.name for finding in findings)}.")
    for finding in findings:
        if finding.round_trip_ms:
            screen.line(f"Round trip from the TV in one home to the PC in the other: {finding.round_trip_ms:.2f} ms")
    return missing


def look_around(den, pc, tv, checksum):
    answer = den.daemon.ipop("--json", "ping", "-c", 5, "-i", 0.2, "cabin", check=False)
    times = json.loads(answer.stdout)["rtt_ms"] if answer.returncode == 0 else None
    yield Finding("the other router", times, times and f"by ipop ping, round trip {statistics.median(times):.2f} ms")
    for name, seeker, host in (("the PC's game", tv, pc), ("the TV's game", pc, tv)):
        game = find_game(seeker, host, name)
        yield Finding(name, game, game and f"by broadcast, at {game['address']}, after {game['ms']:.2f} ms")
    films = find_service(tv)
    yield Finding("the media server", films, films and f"by multicast DNS: “{films['service']}” at "
                  f"{films['address']}, after {films['ms']:.2f} ms")
    ping = tv.ping(pc.address, count=10)
    yield Finding("an answer to ping", ping.received == ping.sent, f"{ping.received} of {ping.sent} came back",
                  ping.received and statistics.median(ping.times_ms))
    file = fetch_file(tv, pc.address, checksum)
    speed = f"{file.size / 1e6:.0f} MB at {file.size / file.seconds / 1e6:.0f} MB/s"
    yield Finding("a file", file.intact, f"{speed}, checksum {'the same' if file.intact else 'WRONG'}")


def describe(finding, screen):
    mark = screen.green("found    ") if finding.found else screen.red("NOT FOUND")
    return f"{mark}  {finding.name:18} {finding.text or ''}"


def peer_tables(homes):
    lines = []
    for home in homes:
        table = home.daemon.ipop("peers", check=False).stdout
        lines += ["", f"{home.name} $ ipop peers", *table.splitlines()]
    return lines


def tell_how_to_look_around(lab, screen):
    den, cabin = lab.homes
    screen.title("It stays. Look around:")
    screen.line(f"ip netns exec {cabin.consoles[0].netns} ping {den.consoles[0].address}")
    screen.line(f"ip netns exec {cabin.router.netns} {cabin.program('ipop')} --config {cabin.config} status")
    screen.line(f"tail -f {den.daemon.process.log}")
    screen.line("make demo-clean    takes it away")


class Screen:
    """Lines that stay, and below them, on a terminal, a live table that is drawn over again."""

    def __init__(self):
        self.terminal = sys.stdout.isatty()
        self._lock = threading.Lock()
        self._live = []

    def title(self, text):
        self.line(f"\n{self.bold(text)}", indent="")

    def line(self, text, indent="  "):
        with self._lock:
            self._draw(indent + text)

    @contextmanager
    def live(self, lines):
        """While the block runs, show these lines below; where nothing can be redrawn, once at its end."""
        done = threading.Event()

        def refresh():
            while not done.wait(0.5):
                self._redraw(lines())
        thread = threading.Thread(target=refresh)
        if self.terminal:
            thread.start()
        try:
            yield
        finally:
            done.set()
            if self.terminal:
                thread.join()
        self._redraw([])
        self.line("\n".join(lines()), indent="")

    def _redraw(self, lines):
        with self._lock:
            self._draw(None, lines)

    def _draw(self, line, live=None):
        if self._live:
            print(f"\x1b[{len(self._live)}F\x1b[J", end="")
        if line is not None:
            print(line)
        self._live = self._live if live is None else live
        columns = shutil.get_terminal_size().columns
        for row in self._live:
            print(row[:columns])
        sys.stdout.flush()

    def bold(self, text):
        return self._colour(1, text)

    def red(self, text):
        return self._colour(31, text)

    def green(self, text):
        return self._colour(32, text)

    def _colour(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.terminal else text


if __name__ == "__main__":
    sys.exit(main())
