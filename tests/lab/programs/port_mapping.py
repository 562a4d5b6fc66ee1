"""One who has the router before it map a UDP port, and prints what comes of it and what arrives there.

    port_mapping.py GATEWAY OWN-ADDRESS PORT SECRET [old]

With `old`, the router's first word is one that knows only NAT-PMP. SIGTERM gives the mapping back. Runs on both
interpreters.
"""

import sys

from ipop.overlay.portmap import PortMapper
from ipop.ports import Poller, Udp, clock, crypto
from ipop.wire import pcp
from ipop.wire.batch import Batch

ONLY_NATPMP = b"\0\x81\0\1" + bytes(4)


class Owner:
    def __init__(self, gateway, own_ip, port, secret, *age):
        self.mapper = PortMapper(crypto, secret.encode(), int(port))
        self.udp, self.announcements = Udp(int(port)), Udp(pcp.ANNOUNCE_PORT)
        self.batch = Batch(crypto.pointer, 16, 2048)
        self.poller = Poller()
        self.poller.watch_signals({"SIGTERM": self.leave})
        for udp in (self.udp, self.announcements):
            for end in udp.sockets():
                self.poller.watch(end.fileno(), lambda end=end: self.receive(end))
        self.mapper.set_gateway(gateway, own_ip, clock.monotonic())
        if "old" in age:
            self.mapper.handle_timeout(clock.monotonic())
            self.mapper.poll_transmit()
            self.mapper.handle_datagram(ONLY_NATPMP, (gateway, pcp.PORT), clock.monotonic())

    def run(self):
        while True:
            self.mapper.handle_timeout(clock.monotonic())
            self.send()
            event = self.mapper.poll_event()
            if event is not None:
                tell("%s:%d" % event.external if event.external else "no mapping")
                tell(self.mapper.findings())
            due = self.mapper.poll_timeout()
            self.poller.wait(None if due is None else max(0, due - clock.monotonic()))

    def receive(self, end):
        self.batch.clear()
        end.receive(self.batch)
        for i in range(self.batch.count):
            data, addr = self.batch.packet(i), self.batch.addr[i]
            if not self.mapper.handle_datagram(data, addr, clock.monotonic()):
                tell("heard %s" % str(data, "utf-8"))
                self.udp.send(b"I heard " + data, addr)

    def send(self):
        sent = self.mapper.poll_transmit()
        while sent is not None:
            self.udp.send(*sent)
            sent = self.mapper.poll_transmit()

    def leave(self):
        self.mapper.close(clock.monotonic())
        self.send()
        sys.exit()


def tell(text):
    print(text)
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


Owner(*sys.argv[1:]).run()
