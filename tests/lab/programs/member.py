"""One who talks to brokers: listens to topics, publishes, and prints what happens until it is told to stop.

    member.py [--listen TOPIC] [--publish TOPIC TEXT] [--retain TOPIC TEXT] [--will TOPIC TEXT] [--last TOPIC TEXT]
              URL...

It says all of it again at each connection, but for the last words. How long it took to hang up it prints at its end.
Runs on both interpreters.
"""

import sys

from ipop.ports import Broker, Connected, Disconnected, Message, Poller, clock
from ipop.signal.holdings import Publish
from ipop.signal.url import parse


class Member:
    def __init__(self, arguments):
        self.listen, self.say, self.last = [], [], []
        will = None
        while arguments[0].startswith("--"):
            option, topic = arguments[:2]
            if option == "--listen":
                self.listen.append(topic)
                arguments = arguments[2:]
                continue
            publish = Publish(topic, arguments[2].encode(), option == "--retain")
            arguments = arguments[3:]
            if option == "--will":
                will = publish
            else:
                (self.last if option == "--last" else self.say).append(publish)
        urls = [parse(url) for url in arguments]
        self.poller = Poller()
        self.broker = Broker(urls, will, lambda word: tell("count", word), self.poller, self.on_broker)
        self.poller.watch_signals({"SIGTERM": self.hang_up, "SIGHUP": self.broker.reconnect})

    def run(self):
        while True:
            now, due = clock.monotonic(), self.broker.poll_timeout()
            if due is not None and now >= due:
                self.broker.handle_timeout(now)
            else:
                self.poller.wait(None if due is None else due - now)

    def on_broker(self):
        event = self.broker.poll()
        while event is not None:
            self.handle(event)
            event = self.broker.poll()

    def handle(self, event):
        if isinstance(event, Connected):
            tell("connected", event.broker)
            for topic in self.listen:
                self.broker.subscribe(topic)
            for publish in self.say:
                self.broker.publish(publish)
        elif isinstance(event, Disconnected):
            tell("disconnected", event.reason)
        elif isinstance(event, Message):
            tell("message", event.topic, str(event.payload[:100], "utf-8"))

    def hang_up(self):
        began = clock.monotonic()
        for publish in self.last:
            self.broker.publish(publish)
        self.broker.close()
        tell("closed after", clock.monotonic() - began, "ms")
        if sys.implementation.name == "cpython":
            import threading

            for thread in threading.enumerate()[1:]:
                thread.join(3)  # it says good-bye
        sys.exit()


def tell(*words):
    print(" ".join([str(word) for word in words]))
    if hasattr(sys.stdout, "flush"):
        sys.stdout.flush()


Member(sys.argv[1:]).run()
