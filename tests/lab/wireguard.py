"""Debian's wireguard-go as the other side, and counters of what crosses the wire."""

import base64
import json

from lab import PORT
from nacl.public import PrivateKey
from netns import wait_for

# How to tell the messages, from their first byte and the UDP length; mac2 is the last of an initiation's fields.
MESSAGES = {
    "initiation": "udp length 156 @th,64,8 1",
    "initiation_with_cookie": "udp length 156 @th,64,8 1 @th,1120,32 != 0",
    "response": "udp length 100 @th,64,8 2",
    "cookie": "udp length 72 @th,64,8 3",
    "keepalive": "udp length 40 @th,64,8 4",
}


class WireGuardHost:
    """A host on the internet that runs wireguard-go; `address` is what it has inside the tunnel."""

    def __init__(self, lab, name, address):
        self.name = name
        self.host = lab.add_host(name)
        self.address = address
        self.endpoint = f"{self.host.address}:{PORT}"
        private = PrivateKey.generate()
        self.public_key = base64.b64encode(bytes(private.public_key)).decode()
        key_file = lab.folder / f"{name}.key"
        key_file.write_bytes(base64.b64encode(bytes(private)))
        self._sockets = lab.folder / f"{name}-wireguard"
        self._sockets.mkdir()
        self.host.spawn(self._with_own_run("wireguard-go --foreground wg0"))
        wait_for((self._sockets / "wg0.sock").exists, 5, f"{name}: wireguard-go")
        self.wg("set", "wg0", "private-key", key_file, "listen-port", PORT)
        self.host.ip("link set wg0 up", f"addr add {address}/32 dev wg0", "route add 10.77.0.0/16 dev wg0")

    def wg(self, *arguments):
        return self.host.run(self._with_own_run("wg " + " ".join(map(str, arguments)))).stdout

    def set_peer(self, home, *options, allowed_ips="10.77.0.0/16"):
        """Make the home's router the peer; `options` are those of `wg set`."""
        self.wg("set", "wg0", "peer", home.public_key, "allowed-ips", allowed_ips, *options)

    def remove_peer(self, home):
        self.wg("set", "wg0", "peer", home.public_key, "remove")

    def _with_own_run(self, command):
        """Both programs meet at /var/run/wireguard, which is the whole machine's: here it is this host's."""
        return ["sh", "-ec", "mount -t tmpfs tmpfs /run; mkdir /run/wireguard;"
                f"mount --bind {self._sockets} /run/wireguard;"
                f"WG_PROCESS_FOREGROUND=1 LOG_LEVEL=error exec {command}"]


class MessageCounter:
    """Counts the messages that cross the internet from one host to another, by kind."""

    def __init__(self, source, destination):
        self._internet = source.lab.internet
        self._table = f"from-{source.name}-to-{destination.name}"
        counters = "\n".join(f"counter {kind} {{}}" for kind in MESSAGES)
        rules = "\n".join(f'iifname "{source.name}" oifname "{destination.name}" {match} counter name {kind}'
                          for kind, match in MESSAGES.items())
        self._internet.nft(f"""
            table inet {self._table} {{
                {counters}
                chain forward {{
                    type filter hook forward priority filter
                    {rules}
                }}
            }}""")

    def __getitem__(self, kind):
        listing = json.loads(self._internet.run(["nft", "-j", "list", "counters", "table", "inet", self._table]).stdout)
        counters = [item["counter"] for item in listing["nftables"] if "counter" in item]
        return next(counter["packets"] for counter in counters if counter["name"] == kind)
