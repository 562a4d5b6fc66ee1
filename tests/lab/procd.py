"""Stands in for OpenWrt's procd in the lab: it does what an init script tells it, and what it would do by itself.

    procd = Procd(router)                   # anything with run(user, *argv) and spawn(user, argv)
    procd.call("start")                     # /etc/init.d/ipop start
    procd.process                           # the service's
    procd.trigger("interface.up", "wan")    # an event that the script wants to hear of
    procd.be_asked("event")                 # the daemon, over ubus: what it asks for is done
    procd.firewall                          # [{"type": "rule", ...}]: what fw4 would ask for
"""

import signal
from collections import namedtuple

from ubusd import Guest

SCRIPT = "/etc/init.d/ipop"
CALLS = "tmp/procd.calls"
SEPARATOR = "\x1f"

Trigger = namedtuple("Trigger", "event interface command")


class Procd:
    def __init__(self, router):
        self._router = router
        self.instance = None  # {"command": [...], "user": ..., "env": ..., ...}
        self.triggers = []
        self.process = None
        self.firewall_reloads = 0
        self._guest = None  # on ubus

    def call(self, action):
        """Run the script, as root, and do what it says. Returns what it printed."""
        done = self._router.run_inside("root", SCRIPT, action, check=False)
        said = [line.split(SEPARATOR) for line in (self._router.root / CALLS).read_text().splitlines()]
        for call, *words in said:
            if call == "open_service":
                wanted, self.triggers = None, []
            elif call == "open_instance":
                wanted = {}
            elif call == "set_param":
                wanted[words[0]] = words[1:]
            elif call == "data":
                wanted["data"] = words[0]
            elif call == "add_raw_trigger":
                self.triggers.append(Trigger(words[0], None, words[2:]))
            elif call == "add_interface_trigger":
                self.triggers.append(Trigger(words[0], words[1], words[2:]))
            elif call == "close_service":
                self._set(wanted)
            elif call == "kill":
                self._set(None)
            elif call == "send_signal":
                self._send(words)
            elif call == "set_config_changed":
                assert words == ["firewall"], words
                self.firewall_reloads += 1
        return done.stdout + done.stderr

    def trigger(self, event, interface=None):
        """Something has happened that the script may want to hear of."""
        for each in self.triggers:
            is_meant = each.event == event or each.event.endswith("*") and event.startswith(each.event[:-1])
            if is_meant and each.interface in (None, interface):
                assert each.command[0] == SCRIPT, each
                self.call(each.command[1])

    def connect(self, ubusd):
        """Be on ubus."""
        self._guest = Guest(ubusd)
        assert self._guest.serve("service") == "ok"

    def be_asked(self, method, seconds=10):
        """Wait until somebody calls this method there, and do what is asked. Returns the arguments."""
        asked = None
        while asked != method:
            asked, arguments = self._guest.be_asked(seconds)
            if asked == "event":
                self.trigger(arguments["type"])
        return arguments

    @property
    def firewall(self):
        """The rules of a service that runs."""
        if self.instance is None:
            return []
        rules, rule = [], None
        for line in self.instance["data"].split("json_")[1:]:
            name, *words = line.split()
            if name == "add_object":
                rule = {}
            elif name == "add_string":
                rule[words[0]] = words[1]
            elif name == "close_object":
                rules.append(rule)
        return rules

    def _set(self, wanted):
        """The instance is to be this one; None: there is to be none. What only others are told changes no process."""
        old, self.instance = self.instance, wanted
        if old is not None and wanted is not None and _started_by(old) == _started_by(wanted) and self.process.alive():
            return
        if self.process is not None:
            self.process.stop()
        if wanted is not None:
            (user,), (group,) = wanted["user"], wanted["group"]
            assert user == group
            self.process = self._router.spawn_inside(user, ["env", *wanted["env"], *wanted["command"]])

    def _send(self, words):
        if words[0] == "ipop" and self.process is not None and self.process.alive():
            self.process.popen.send_signal(getattr(signal, f"SIG{words[2]}"))


def _started_by(instance):
    return {name: value for name, value in instance.items() if name != "data"}
