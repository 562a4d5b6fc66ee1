"""A long line: what goes in at one end comes out at the other, some milliseconds later, in the same order.

    line.py END OTHER-END FILE    makes two TAP devices; FILE holds the milliseconds, those of IPv6 behind those of all
                                  else, and is read again on SIGHUP
"""

import collections
import os
import select
import signal
import sys
import time

import pytun

IPV6 = b"\x86\xdd"
ROOM = 10_000  # frames on their way, in each direction; more are lost


class Line:
    def __init__(self, ends, file):
        self.ends = [pytun.TunTapDevice(name=name, flags=pytun.IFF_TAP | pytun.IFF_NO_PI) for name in ends]
        for end in self.ends:
            os.set_blocking(end.fileno(), False)
        # by where it goes, and whether it is IPv6: (when, frame)
        self.on_the_way = {(end, is_ipv6): collections.deque() for end in self.ends for is_ipv6 in (False, True)}
        self.file = file
        self.measure()

    def measure(self, *_):
        with open(self.file) as file:
            self.seconds = [float(ms) / 1000 for ms in file.read().split()]

    def run(self):
        poll = select.poll()
        by_fd = {}
        for end, other in (self.ends, self.ends[::-1]):
            poll.register(end.fileno(), select.POLLIN)
            by_fd[end.fileno()] = end, other
        while True:
            due = min((frames[0][0] for frames in self.on_the_way.values() if frames), default=None)
            wait = None if due is None else max(0, due - time.monotonic()) * 1000
            for fd, _ in poll.poll(wait):
                self.take(*by_fd[fd])
            now = time.monotonic()
            for (end, _), frames in self.on_the_way.items():
                while frames and frames[0][0] <= now:
                    give(end, frames.popleft()[1])

    def take(self, end, other):
        now = time.monotonic()
        try:
            while True:
                frame = os.read(end.fileno(), 65536)
                is_ipv6 = frame[12:14] == IPV6
                frames = self.on_the_way[other, is_ipv6]
                if len(frames) < ROOM:
                    frames.append((now + self.seconds[is_ipv6], frame))
        except OSError:
            pass  # there is no more, or nobody has plugged it in


def give(end, frame):
    try:
        os.write(end.fileno(), frame)
    except OSError:
        pass  # nobody has plugged it in


line = Line(sys.argv[1:3], sys.argv[3])
signal.signal(signal.SIGHUP, line.measure)
print("ready", flush=True)
line.run()
