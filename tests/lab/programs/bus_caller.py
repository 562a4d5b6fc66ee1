"""Asks others on ubus as the daemon does, on either interpreter: `bus_caller.py SOCKET`. Each answer is a line, "WHOM
STATUS"; at last come the ms that the longest turn of the loop took."""

import sys

from ipop.control.bus import Bus
from ipop.control.jobs import Jobs
from ipop.ports import Poller, clock


def main(path):
    poller, answers = Poller(), []
    handlers = {"status": lambda now: {"uptime_s": 7}}
    bus = Bus(path, poller, print, lambda topic, text: text and print("problem:", topic), handlers, Jobs())

    def ask(name, method="status", timeout=5000, arguments=None):
        def on_answer(status, table):
            print(name, status, table.get("uptime_s", ""))
            answers.append(name)

        bus.call(name, method, arguments or {}, on_answer, timeout)

    def turns(are_enough, most=20_000):
        """Returns how long the longest took (ms)."""
        longest, until = 0, clock.monotonic() + most
        while not are_enough() and clock.monotonic() < until:
            due = bus.poll_timeout()
            now = clock.monotonic()
            poller.wait(50 if due is None else max(0, min(50, due - now)))
            now = clock.monotonic()
            bus.handle_turn(now)
            longest = max(longest, clock.monotonic() - now)
        return longest

    ask("early")
    turns(lambda: answers)
    turns(lambda: False, 500)  # now our object is there
    answers.clear()
    bus.call("nobody", "status", {}, lambda status, table: table["a bug of ours"])
    ask("slow", timeout=2000)
    ask("nobody")
    ask("ipop", arguments={"x": 2**70})
    ask("ipop")
    longest = turns(lambda: len(answers) == 4)
    ask("slow")
    longest = max(longest, turns(lambda: len(answers) == 5))
    print("longest", longest)


main(sys.argv[1])
