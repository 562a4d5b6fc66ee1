"""What the daemon as a whole is asked: status, peers, ping, nat. control/methods.py says what comes out."""

from .. import VERSION
from ..control.protocol import Deferred, Refusal
from ..ports import INTERPRETER, clock
from ..values import key_text
from ..wire import address
from ..words import did_you_mean, quoted
from . import outlook


class Answers:
    """`daemon` is the Daemon, of which nothing is changed here; `path` is its configuration's; `deadlines` wake what
    waits for an answer; `groups(now)` tells of its groups."""

    def __init__(self, daemon, path, deadlines, groups, now):
        self._daemon = daemon
        self._path = path
        self._deadlines = deadlines
        self._groups = groups
        self._started = now

    def methods(self):
        """{method: handler}"""
        return {"status": self.status, "peers": self.peers, "ping": self.ping, "nat": self.nat}

    def status(self, now):
        daemon = self._daemon
        networks, static = daemon.networks(), daemon.static
        status = _sum([network.node.status(now) for network in networks], daemon.dropped)
        status["version"] = VERSION
        status["interpreter"] = INTERPRETER
        status["public_key"] = key_text(static.network.node.public_key) if static is not None else None
        status["device"] = ", ".join([network.tap.name for network in networks]) or daemon.options.device
        status["bridge"] = daemon.options.bridge
        status["port"] = daemon.udp.port
        status["uptime_s"] = (now - self._started) // 1000
        topics = sorted(daemon.problems)
        status["problems"] = [daemon.problems[topic] for topic in topics]
        status["problem_topics"] = topics
        status["groups"] = self._groups(now)
        return status

    def nat(self, now):
        nat = self._daemon.uplink.status()
        nodes = self._nodes()
        seen = [addr for node in nodes for addr in node.reachability.seen_at()]
        nat["seen"] = sorted({address.text(addr) for addr in seen})
        nat["relay"] = any(node.relay.is_willing for node in nodes)
        nat["means"], nat["help"] = outlook.judge(nat)
        return nat

    def peers(self, now):
        static = [self._daemon.static.network.node] if self._daemon.static is not None else []
        shown = [_shown(peer) for node in static for peer in node.peers(now)]
        for membership in self._daemon.groups.memberships():
            shown += [dict(_shown(peer), group=membership.name) for peer in membership.node.peers(now)]
        return shown

    def ping(self, now, peer, timeout):
        node, found = self._find_peer(peer, now)
        answer = _Ping(node, found["name"], now + timeout)
        refusal = node.ping(found["public_key"], answer, now)
        if refusal is not None:
            raise Refusal(refusal, _WHY_NO_PING[refusal] % found["name"])
        self._deadlines.wake(answer, answer.until)
        return answer.deferred

    def _nodes(self):
        return [network.node for network in self._daemon.networks()]

    def _find_peer(self, wanted, now):
        """(node, what it says about the peer)"""
        peers = [(node, peer) for node in self._nodes() for peer in node.peers(now)]
        names = [(each, each[1]["name"], key_text(each[1]["public_key"])) for each in peers]
        for found in (
            [each for each, name, key in names if wanted in (name, key)],
            [each for each, name, key in names if name.startswith(wanted) or key.startswith(wanted)],
        ):
            if len(found) == 1:
                return found[0]
            if found:
                listed = ", ".join([peer["name"] for _, peer in found])
                raise Refusal("ambiguous", "%s could be any of: %s" % (quoted(wanted), listed))
        if not peers:
            raise Refusal("not-found", "there are no peers yet: add them to %s, or join a group" % self._path)
        guess = did_you_mean(wanted, [name for _, name, _ in names])
        raise Refusal("not-found", "there is no peer %s: %s" % (quoted(wanted), guess))


class _Ping:
    """A question of somebody at the control socket, until it is answered or its time is up."""

    def __init__(self, node, name, until):
        self._node = node
        self.deferred = Deferred()
        self.until = until
        self.wake_at = None
        self._name = name
        self._asked_at = clock.microseconds()

    def answered(self, event):
        rtt = (clock.microseconds() - self._asked_at) / 1000
        self.deferred.resolve({"peer": self._name, "endpoint": self._node.way(event.addr), "rtt_ms": rtt})

    def handle_timeout(self, now):
        self.deferred.refuse("timeout", "%s does not answer: is it running, and is its endpoint right?" % self._name)


def _sum(statuses, dropped):
    """One status of those of several nodes, and of what was dropped before them."""
    total = {"peers": {}, "traffic": {}, "dropped": dict(dropped), "devices": 0}
    for name in ("configured", "connected"):
        total["peers"][name] = sum([status["peers"][name] for status in statuses])
    for name in ("frames_in", "frames_out", "bytes_in", "bytes_out"):
        total["traffic"][name] = sum([status["traffic"][name] for status in statuses])
    for status in statuses:
        total["devices"] += status["devices"]
        for reason, n in status["dropped"].items():
            total["dropped"][reason] = total["dropped"].get(reason, 0) + n
    return total


def _shown(peer):
    """A peer of `Node.peers` as the control protocol shows it."""
    return {
        "name": peer["name"],
        "public_key": key_text(peer["public_key"]),
        "suite": peer["suite"],
        "state": peer["state"],
        "endpoint": peer["way"],
        "has_detour": peer["has_detour"],
        "rtt_ms": peer["rtt_ms"],
        "mtu": peer["mtu"],
        "last_heard_s": _seconds(peer["heard_ms"]),
        "last_handshake_s": _seconds(peer["handshake_ms"]),
        "bytes_in": peer["bytes_in"],
        "bytes_out": peer["bytes_out"],
        "version": peer["release"],
    }


def _seconds(ms):
    return None if ms is None else ms / 1000


_WHY_NO_PING = {
    "no-such-peer": "%s was removed",
    "not-ours": "%s is a stock WireGuard peer: ping its address instead",
    "no-endpoint": "%s has no endpoint and has not called yet: set option 'endpoint', or wait",
    "busy": "too many pings to %s are under way",
}
