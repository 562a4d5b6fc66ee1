"""A router whose daemon is only played: its group is as large, as broken or as rude as a test wants it."""

import json
import time
from types import SimpleNamespace

from luci_routers import LabRouter
from luci_rpcd import Router, read_acl
from luci_server import ACL

GROUP = "friends"
NAMES = ("den", "cabin", "lodge", "boat", "attic", "barn", "shed", "loft", "mill", "hut")


class StagedRouter(LabRouter):
    """`answers` are those of the methods: change them, and the pages show it with the next look. `commands(words)`
    gives a function that does what a program would, or None."""

    def __init__(self, folder, stack, members=4):
        home = SimpleNamespace(name="den", folder=folder, config=folder / "ipop.config", daemon=None, control=None)
        home.config.write_text("config globals 'globals'\n\toption serve 'openwrt'\n")
        self.commands = lambda command: None
        self._prepare(home, stack, Router(home, read_acl(ACL), lambda command: self.commands(command)))
        self.answers = self.rpcd.stand_in
        self.answers.update(group_of(members))

    def call_otherwise(self, old, new):
        """Somebody or something has another name, wherever the daemon speaks of it."""
        for method in list(self.answers):
            answer = self.answers[method]
            content = json.dumps(answer() if callable(answer) else answer)
            for words in ("%s", "through %s"):
                content = content.replace(json.dumps(words % old), json.dumps(words % new))
            self.answers[method] = lambda content=content, **_: json.loads(content)


def name(i):
    return NAMES[i] if i < len(NAMES) else f"{NAMES[i % len(NAMES)]}-{i // len(NAMES) + 1}"


def group_of(n):
    """What the daemon of the first of n members says. Of each five, one is relayed by the second, and one is off."""
    others = [_peer(i) for i in range(1, n)]
    nodes = [_node(0, "this router")] + [_node(i, _state(peer)) for i, peer in enumerate(others, 1)]
    links = [_link(peer) for peer in others if _state(peer) == "connected"]
    group = {"name": GROUP, "fingerprint": "QX7K-41CD-09AB-ZZ21", "state": "member", "text": "", "member": "den",
             "member_fingerprint": "451A-9NTT-6Y7G-ZVV9", "role": "owner", "address": "10.77.1.1/16", "device": "ipop0",
             "bridge": "br-ipop0", "members": n - 1, "connected": len(links), "requests": 0,
             "brokers": [{"url": "broker.example:8883", "connected": True}]}
    traffic = {"frames_in": 10, "frames_out": 10, "bytes_in": 1 << 20, "bytes_out": 1 << 19}
    return {
        "status": lambda: {"version": "0.1.0", "problems": [], "groups": [group], "traffic": traffic,
                           "dropped": {"guard-dhcp": 12}, "devices": 3},
        "groups": lambda: [group], "peers": lambda: others,
        "topology": lambda **_: {"nodes": nodes, "links": links},
        "members": lambda **_: [{**node, "endpoint": _way(node, others), "release": "0.1.0"} for node in nodes],
        "devices": lambda **_: [_device(i) for i in range(min(n, 8))],
        "nat": {"port": 51820, "hosts": ["192.168.1.2"], "public": False, "seen": ["203.0.113.7:51820"], "relay": False,
                "port_mapping": "none answers", "mapped_port": None, "turn": None, "relayed": [], "families": [],
                "means": "nat", "help": "forward"},
        "events": lambda since=0: {"next": 3, "events": [
            {"seq": i, "time": int(time.time()) - 60 * i, "kind": "connected", "group": GROUP,
             "text": f"{name(i)}: connected, at 192.0.2.{i}:51820"} for i in (1, 2) if i >= since]},
        "requests": lambda **_: [], "invites": lambda **_: [],
    }


def _peer(i):
    off, relayed = i % 5 == 4, i % 5 == 3
    return {"name": name(i), "public_key": f"key{i}", "suite": "sha256", "group": GROUP, "has_detour": True,
            "state": "no-endpoint" if off else "connected",
            "endpoint": None if off else "through cabin" if relayed else f"192.0.2.{i}:51820",
            "rtt_ms": None if off else 3.5 + 7 * i, "last_heard_s": 3600 if off else 1, "last_handshake_s": 9,
            "bytes_in": 1_000_000 * i, "bytes_out": 300_000 * i, "version": "0.1.0"}


def _link(peer):
    return {"group": GROUP, "from": "den", "to": peer["name"], "way": peer["endpoint"], "rtt_ms": peer["rtt_ms"],
            "is_direct": not peer["endpoint"].startswith("through")}


def _state(peer):
    return "connected" if peer["state"] == "connected" else "away"


def _node(i, state):
    return {"group": GROUP, "name": name(i), "fingerprint": f"{i:04d}-AAAA-BBBB-CCCC", "state": state,
            "role": "owner" if i == 0 else "admin" if i == 2 else "member", "address": f"10.77.{i + 1}.1"}


def _way(node, peers):
    return next((peer["endpoint"] for peer in peers if peer["name"] == node["name"]), None)


def _device(i):
    return {"name": ("nas", "tv", "")[i % 3], "fqdn": "", "address": f"10.77.{i + 1}.100", "addresses": [],
            "mac": f"02:00:00:00:00:{i:02x}", "vendor": "", "member": name(i), "group": GROUP, "seen_s": 40 * i,
            "way": "here" if i == 0 else "192.0.2.1:51820"}
