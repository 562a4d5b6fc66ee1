"""One who serves the devices of a home as a file says, without a tunnel.

    home.py FILE FOLDER

The file is JSON: the slice's index, and what is not as usual in the options. SIGHUP reads it again, SIGTERM ends it and
undoes all. It prints what is wrong, "idle" when nothing of it is left, else "well". Runs on both interpreters.
"""

import json
import sys

from ipop.config import config
from ipop.group.charter import Charter
from ipop.home import plan, service
from ipop.home.options import MAPS
from ipop.ports import Poller, clock, files, interfaces

ABOUT = Charter("friends", (bytes([10, 77, 0, 0]), 16), 24, b"\xfd\1\2\3\4\5\0\0", (), 1, b"")
OPTIONS = {option.name: None for option in config.SECTIONS["group"]}
OPTIONS.update({"serve": "dnsmasq", "domain": "internal", "internet": False, "make_bridge": False, "map": []})


class Home:
    def __init__(self, file, folder):
        self._file = file
        self._problems = {}
        self._told = None
        self._is_over = False
        self._poller = Poller()
        self._poller.watch_signals({"SIGTERM": self.leave, "SIGHUP": self.read})
        self._changes = interfaces.Changes()
        self._poller.watch(self._changes.fileno(), self.handle_changes)
        self._service = service.Service("friends", folder, self._poller, self.set_problem)
        self.read()

    def run(self):
        while not self._is_over:
            self._service.handle_turn(clock.monotonic())
            problems = "; ".join(sorted(self._problems.values())) or ("idle" if self._service.is_idle else "well")
            if problems != self._told:
                self._told = problems
                print(problems)
                if hasattr(sys.stdout, "flush"):
                    sys.stdout.flush()
            self._poller.wait(max(0, self._service.poll_timeout() - clock.monotonic()))
        self._service.close()

    def read(self):
        wanted = json.loads(files.read(self._file))
        options = dict(OPTIONS, **wanted.get("options", {}))
        options["map"] = [MAPS.parse(text) for text in options["map"]]
        options = config.GroupConfig(**options)
        member = wanted.get("member", "cabin")
        made = plan.make(ABOUT, (wanted["slice"], 24), options, "br-group", "friends", member, b"\2\0\0\0\0\7")
        self._service.configure(made, clock.monotonic())
        self._service.set_names(wanted.get("names", ""), clock.monotonic())

    def leave(self):
        self._is_over = True

    def handle_changes(self):
        if self._changes.poll():
            self._service.look(False, clock.monotonic())

    def set_problem(self, topic, text):
        if text is None:
            self._problems.pop(topic, None)
        else:
            self._problems[topic] = text


Home(*sys.argv[1:]).run()
