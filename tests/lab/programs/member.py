"""One who talks to brokers: listens to topics, publishes, and prints what happens until it is told to stop.

    member.py [--listen TOPIC] [--publish TOPIC TEXT] [--retain TOPIC TEXT] [--will TOPIC TEXT] [--last TOPIC TEXT]
              URL...

It says all of it again at each connection, but for the last words. How long it took to hang up it prints at its end.
"""

import argparse
import signal
import sys
import time

from ipop.ports import Broker, Connected, Disconnected, Message, Poller
from ipop.signal.holdings import Publish
from ipop.signal.url import parse


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", action="append", default=[])
    for name in ("--publish", "--retain", "--will", "--last"):
        parser.add_argument(name, action="append", nargs=2, default=[])
    parser.add_argument("urls", nargs="+")
    options = parser.parse_args()
    say = [Publish(topic, text.encode(), True) for topic, text in options.retain]
    say += [Publish(topic, text.encode(), False) for topic, text in options.publish]
    wills = [Publish(topic, text.encode(), False) for topic, text in options.will]
    last = [Publish(topic, text.encode(), False) for topic, text in options.last]

    urls = [parse(url) for url in options.urls]
    poller = Poller()

    def on_broker():
        event = broker.poll()
        while event is not None:
            handle(broker, event, options.listen, say)
            event = broker.poll()

    broker = Broker(urls, wills[0] if wills else None, lambda word: tell("count", word), poller, on_broker)
    signal.signal(signal.SIGTERM, lambda *_: hang_up(broker, last))
    signal.signal(signal.SIGHUP, lambda *_: broker.reconnect())
    while True:
        poller.wait(None)


def handle(broker, event, listen, say):
    if isinstance(event, Connected):
        tell("connected", event.broker)
        for topic in listen:
            broker.subscribe(topic)
        for publish in say:
            broker.publish(publish)
    elif isinstance(event, Disconnected):
        tell("disconnected", event.reason)
    elif isinstance(event, Message):
        tell("message", event.topic, event.payload[:100].decode(errors="replace"))


def hang_up(broker, last):
    began = time.monotonic()
    for publish in last:
        broker.publish(publish)
    broker.close()
    tell("closed after", int(1000 * (time.monotonic() - began)), "ms")
    time.sleep(0.2)  # the thread says good-bye
    raise SystemExit


def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")  # in one piece, whatever interrupts it
    sys.stdout.flush()


main()
