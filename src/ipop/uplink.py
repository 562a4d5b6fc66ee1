"""The way out of this router, as the daemon sees it: its addresses, and an Outside that is fed and heard."""

from .overlay.outside import Outside
from .ports import Resolver, clock, crypto, files, interfaces
from .wire import address

LOOK_AGAIN = 10_000  # ms, in case a change was not told
RESOLVE_AGAIN = 3_600_000  # ms between two look-ups of the servers' names
SECRET = 32  # bytes


class Uplink:
    """`udp` is the daemon's sockets; `servers` are the configuration's STUN servers, (host, port).

    `ours()` are the names of the devices and bridges that are the daemon's own, whose addresses nobody can call;
    `on_change(is_new, now)` is called when `addresses` may be others: with True when it is our own that are."""

    def __init__(self, state_dir, servers, udp, poller, count, ours, on_change):
        now = clock.monotonic()
        self._udp = udp
        self._poller = poller
        self._count = count
        self._ours = ours
        self._on_change = on_change
        self._secret = _secret(state_dir + "/secret")
        self._outside = Outside(crypto, self._secret, udp.port, count)
        self._hosts = []  # our own IP addresses
        self._gateway = None
        self._look_at = now
        self._servers = servers
        self._found = {}  # server -> [address, ...]
        self._resolve_at = now
        self._resolver = Resolver()
        self._changes = interfaces.Changes()
        poller.watch(self._resolver.fileno(), self._on_resolved)
        poller.watch(self._changes.fileno(), self._on_changes)
        self._look(now)

    def use_udp(self, udp):
        """The port has changed."""
        self._udp = udp
        self._outside = Outside(crypto, self._secret, udp.port, self._count)
        self._set_servers(clock.monotonic())
        self._hosts = None
        self._look_at = 0

    def close(self):
        self._outside.close(clock.monotonic())
        self._send()
        for each in (self._resolver, self._changes):
            self._poller.forget(each.fileno())
        self._changes.close()

    def hosts(self):
        """Our own addresses, [(ip, port)], IPv6 first."""
        return [(ip, self._udp.port) for ip in self._hosts or ()]

    def addresses(self):
        """Those, then what they look like from outside."""
        own = self.hosts()
        return own + [addr for addr in self._outside.addresses() if addr not in own]

    def is_reachable(self):
        """Whether one of our own addresses is good everywhere."""
        return any(not address.is_private(ip) for ip in self._hosts or ())

    def status(self):
        """What control method "nat" tells of it."""
        families, port_mapping, mapped = self._outside.findings()
        return {
            "port": self._udp.port,
            "hosts": list(self._hosts or ()),
            "public": self.is_reachable(),
            "port_mapping": port_mapping,
            "mapped_port": address.text(mapped),
            "families": [_shown(family) for family in families],
        }

    def handle_datagram(self, data, addr, now):
        """Whether a datagram was for us, and for no tunnel."""
        return self._outside.handle_datagram(data, addr, now)

    def poll_timeout(self):
        when = self._look_at if self._resolve_at is None else min(self._look_at, self._resolve_at)
        due = self._outside.poll_timeout()
        return when if due is None else min(when, due)

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        if now >= self._look_at:
            self._look(now)
        if self._resolve_at is not None and now >= self._resolve_at:
            self._resolve(now)
        self._outside.handle_timeout(now)
        self._send()
        if self._outside.poll_change():
            self._on_change(False, now)

    def _send(self):
        item = self._outside.poll_transmit()
        while item is not None:
            reason = self._udp.send(item[0], item[1])
            if reason is not None:
                self._count(reason)
            item = self._outside.poll_transmit()

    # --- the network

    def _on_changes(self):
        if self._changes.poll():
            self._look_at = 0

    def _look(self, now):
        self._look_at = now + LOOK_AGAIN
        ours = self._ours()
        try:
            found = [(name, ip) for name, ip in interfaces.addresses() if name not in ours]
            gateway = _before_us(found, interfaces.gateway())
        except OSError:
            return  # it is asked again soon
        hosts = [ip for _, ip in found]
        if (hosts, gateway) != (self._hosts, self._gateway):
            self._hosts, self._gateway = hosts, gateway
            self._outside.set_network(hosts, gateway, now)
            self._on_change(True, now)

    # --- the servers

    def _resolve(self, now):
        self._resolve_at = now + RESOLVE_AGAIN if self._servers else None
        for server in self._servers:
            if address.is_ip(server[0]):
                self._found[server] = [server]
            else:
                self._resolver.ask(server, server[0], server[1])
        self._set_servers(now)

    def _on_resolved(self):
        answer = self._resolver.poll()
        while answer is not None:
            server, found = answer
            if found or server not in self._found:
                self._found[server] = found
            answer = self._resolver.poll()
        self._set_servers(clock.monotonic())

    def _set_servers(self, now):
        self._outside.set_servers([addr for server in self._servers for addr in self._found.get(server, ())], now)


def _shown(family):
    return {
        "family": family.family,
        "state": family.state,
        "mapped": address.text(family.mapped),
        "is_nat": family.is_nat,
        "mapping": family.mapping,
        "filtering": family.filtering,
        "keepalive_s": family.keepalive and family.keepalive // 1000,
        "servers": [address.text(addr) for addr in family.servers],
    }


def _before_us(found, gateways):
    """(the IPv4 router before us, our address on its side), where that is a private one; or None."""
    for interface, gateway in gateways:
        if ":" not in gateway:
            for name, ip in found:
                if name == interface and ":" not in ip and address.is_private(ip):
                    return gateway, ip
    return None


def _secret(path):
    """What is kept there, so that the router before us takes us for the same after a restart."""
    try:
        secret = files.read(path)
        if len(secret) == SECRET:
            return secret
    except OSError:
        pass
    secret = crypto.random(SECRET)
    try:
        files.write_atomic(path, secret)
    except OSError:
        pass  # then it takes us for another, which costs little
    return secret
