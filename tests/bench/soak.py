"""`make soak`: two homes at full speed, both ways, for minutes. Does memory grow, and is what gets lost counted?

    soak.py MINUTES MIX

Each console has a TCP stream to the other and sends bursts of small packets, more than can pass. What the consoles sent
and did not receive must be found again in the counters: of the daemons, under a word, and of the kernels between them.
Ends with status 1 if memory grew by more than noise, or if anything was lost in silence.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import meters
from lab import MIXES, Lab

TRAFFIC = Path(__file__).parent / "programs/traffic.py"
SMALL = 100  # bytes of a frame
SAMPLE_EVERY = 10  # s
WINDOW = 60  # s at the beginning and at the end that are compared; in a short soak a third of it
REST = 2  # s between two looks at the counters
# kB by which memory may differ: CPython takes it from the system in arenas of 1 MB, MicroPython in pages
NOISE = {"cpython": 1024, "micropython": 128}


def main(minutes, mix):
    if mix not in MIXES:
        print(f"INTERPRETER={mix}: expected one of {', '.join(MIXES)}", file=sys.stderr)
        return 2
    with Lab(interpreters=MIXES[mix]) as lab:
        homes = build(lab)
        began = counters_at_rest(lab)
        seconds = float(minutes) * 60
        samples, results = soak(homes, seconds)
        lost = tell_losses(began, counters_at_rest(lab))
        grown = tell_memory(homes, samples, min(WINDOW, seconds / 3))
        for home, result in zip(homes, results, strict=True):
            print(f"{home.consoles[0].name} received {result['bytes'] * 8 / seconds / 1e6:.0f} Mbit/s by TCP and "
                  f"{result['packets'] / seconds / 1000:.1f} k/s small packets")
    print("FAILED" if lost or grown else "passed")
    return 1 if lost or grown else 0


def build(lab):
    homes = lab.add_home("den"), lab.add_home("cabin", nat=True)
    lab.introduce(*homes)
    for home in homes:
        console = home.add_console("pc")
        for host in (console, home.router):  # so that nobody speaks but the programs below
            for name in ("all", "default"):
                host.sysctl(f"net/ipv6/conf/{name}/disable_ipv6", 1)
        # a frame is one frame to every counter, not a burst that is taken apart somewhere
        console.run(["ethtool", "-K", "eth0", "tso", "off", "gso", "off"])
    lab.start_daemons()
    pc, tv = (home.consoles[0] for home in homes)
    assert pc.reaches(tv.address)
    return homes


def soak(homes, seconds):
    """(samples [{home's name: Memory}], what each console received)"""
    consoles = [home.consoles[0] for home in homes]
    sinks = [console.spawn([sys.executable, TRAFFIC, "sink"]) for console in consoles]
    for sink in sinks:
        sink.wait_for_output("ready")
    senders = []
    for sender, receiver in zip(consoles, reversed(consoles), strict=True):
        for arguments in (("stream", receiver.address, seconds), ("bursts", receiver.address, SMALL, seconds)):
            senders.append(sender.spawn([sys.executable, TRAFFIC, *arguments]))
    samples = []
    began, worked = time.monotonic(), [meters.cpu_time(home.daemon.process.pid) for home in homes]
    while (passed := time.monotonic() - began) < seconds:
        time.sleep(min(SAMPLE_EVERY, seconds - passed))
        samples.append({home.name: meters.memory(home.daemon.process.pid) for home in homes})
        shares = [(meters.cpu_time(home.daemon.process.pid) - before) / (time.monotonic() - began)
                  for home, before in zip(homes, worked, strict=True)]
        print(f"{time.monotonic() - began:4.0f} s  " + ", ".join(
            f"{home.name} {samples[-1][home.name].rss} kB, {samples[-1][home.name].anonymous} of its own, "
            f"{100 * share:.0f} % of a core" for home, share in zip(homes, shares, strict=True)), flush=True)
    for sender in senders:
        sender.stop()
    return samples, [json.loads(sink.stop().splitlines()[-1]) for sink in sinks]


def counters_at_rest(lab):
    """Counters of a moment at which nothing was on its way."""
    before, counters = None, Counters(lab)
    while before is None or (before.sent, before.received) != (counters.sent, counters.received):
        time.sleep(REST)
        before, counters = counters, Counters(lab)
    return counters


class Counters:
    """What devices have sent and received so far, and what was lost where."""

    def __init__(self, lab):
        self.sent = self.received = 0
        self.without_frame = 0  # datagrams of the daemons' own: handshakes, keep-alives, control messages
        self.lost = {}
        for home in lab.homes:
            for console in home.consoles:
                eth0 = meters.devices(console)["eth0"]
                self.sent += eth0.sent + eth0.sent_lost
                self.received += eth0.received
                self._lose(f"{home.name}: on the cable of {console.name}", eth0.sent_lost)
            self._look_at_router(home)
        between = {lab.internet, *(home.gateway for home in lab.homes)} - {home.router for home in lab.homes}
        cables = [device for host in between for device in meters.devices(host).values()]
        cables += [meters.devices(home.router)["wan"] for home in lab.homes]
        self.fragments = sum(cable.sent_lost for cable in cables)  # a datagram may have been two
        self._lose("on the internet's cables", self.fragments)

    def _look_at_router(self, home):
        devices, udp, status = meters.devices(home.router), meters.udp(home.router), home.daemon.status()
        tap = devices[home.globals["device"]]
        self._lose(f"{home.name}: ipopd did not get to it in its TAP's queue", tap.sent_lost)
        self._lose(f"{home.name}: ipopd did not get to it in its socket's queue", udp["InErrors"])
        self._lose(f"{home.name}: between TAP and bridge", tap.received_lost)
        for console in home.consoles:
            port = console.name.removeprefix(home.name + "-")
            self._lose(f"{home.name}: on the cable to {console.name}", devices[port].sent_lost)
        for word, count in status["dropped"].items():
            self._lose(f"{home.name}: ipopd said {word}", count)
        self.without_frame += udp["OutDatagrams"] - status["traffic"]["frames_out"]

    def _lose(self, where, count):
        self.lost[where] = self.lost.get(where, 0) + count


def tell_losses(began, ended):
    """Whether something was lost that nobody counted, or counted that was not lost."""
    sent, received = ended.sent - began.sent, ended.received - began.received
    lost = {where: count - began.lost.get(where, 0) for where, count in ended.lost.items()}
    print(f"\nthe consoles sent {sent} frames and received {received}: {sent - received} were lost")
    for where, count in lost.items():
        if count:
            print(f"{count:9}  {where}")
    silent = sent - received - sum(lost.values())
    spare = ended.without_frame - began.without_frame + ended.fragments - began.fragments
    print(f"{silent:9}  in silence (a negative number: datagrams without a frame, of which there were {spare})")
    return silent > 0 or silent < -spare


def tell_memory(homes, samples, seconds):
    """Whether memory grew."""
    n = max(1, int(seconds // SAMPLE_EVERY))
    grown = False
    for home in homes:
        first, last = (meters.Memory(*map(statistics.median, zip(*[sample[home.name] for sample in part], strict=True)))
                       for part in (samples[:n], samples[-n:]))
        growth = last.anonymous - first.anonymous
        grown = grown or growth > NOISE[home.interpreter]
        print(f"{home.name} on {home.interpreter}: in the first {n * SAMPLE_EVERY} s {first.rss:.0f} kB, "
              f"{first.anonymous:.0f} of its own; in the last {last.rss:.0f} and {last.anonymous:.0f}, "
              f"which is {growth:+.0f}")
    return grown


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
