"""The way out of this router, as the daemon sees it: its addresses, what it sends, and what is asked for both.

All that leaves for other nodes goes through here, and `forwarding` says how much of that may be others'. What is to go
by TURN (wire/ways.py) leaves from our address at a TURN server, and all else from the data socket. An Outside and a
TurnLine are fed and heard.
"""

from ..deadlines import earlier
from ..errors import UserError
from ..overlay.outside import Outside
from ..overlay.relay import Limit
from ..overlay.turn_url import UDP
from ..ports import Resolver, Udp, clock, crypto, files, interfaces
from ..wire import address, pcp
from ..wire.batch import Batch
from ..wire.ways import beyond_turn, by_turn, is_by_turn
from .turn_line import TurnLine

LOOK_AGAIN = 10_000  # ms, in case a change was not told
RESOLVE_AGAIN = 3_600_000  # ms between two look-ups of the servers' names
RESOLVE_SOON = 30_000  # ms, where one of them had no answer
HOSTS_MAX = 10  # of our own addresses that others are told
SECRET = 32  # bytes
ANNOUNCEMENTS = 4  # of the router before us that are read at a time
KEEPALIVE = 25_000  # ms, as WireGuard's users know it, until we know better


class Uplink:
    """`udp` is the daemon's sockets; `stun` are the configuration's STUN servers, (host, port), `turn` its TurnServers,
    which are asked as STUN servers too where UDP is their transport.

    `ours()` are the names of the devices and bridges that are the daemon's own, whose addresses nobody can call;
    `on_change(is_new, now)` is called when `addresses` may be others: with True when it is our own that are."""

    def __init__(self, state_dir, stun, turn, udp, poller, count, set_problem, ours, on_change):
        now = clock.monotonic()
        self._udp = udp
        self._poller = poller
        self._count = count
        self._ours = ours
        self._on_change = on_change
        self._secret = _secret(state_dir + "/secret")
        self._outside = Outside(crypto, self._secret, udp.port, count)
        self.forwarding = Limit()
        self.looks = 0  # how often it was looked what this machine's network is like
        self._hosts = []  # our own IP addresses
        self._gateway = None
        self._look_at = now
        self._set_problem = set_problem
        self._found = {}  # server -> [address, ...]
        self._resolver = Resolver()
        self._servers = self._resolve_at = self._turn_servers = self._turn = None
        self._permitted = {}  # who asked for it -> hosts
        self._set(stun, turn, now)
        self._company = set()  # who has it
        self._changes = interfaces.Changes()
        poller.watch(self._resolver.fileno(), self._on_resolved)
        poller.watch(self._changes.fileno(), self._on_changes)
        self._announcements = _announcements()
        if self._announcements is not None:
            self._announced = Batch(crypto.pointer, ANNOUNCEMENTS, pcp.SIZE_MAX)
            for each in self._announcements.sockets():
                poller.watch(each.fileno(), lambda each=each: self._on_announced(each))
        self._look(now)

    def use_udp(self, udp):
        """The port has changed."""
        self._udp = udp
        self._outside = Outside(crypto, self._secret, udp.port, self._count)
        self._set_servers(clock.monotonic())
        self._turn.handle_new_port(clock.monotonic())
        self._hosts = None
        self._look_at = 0

    def use_servers(self, stun, turn, now):
        """The configuration names others than before, or the same."""
        old = self._turn
        self._set(stun, turn, now)
        if self._turn is not old:
            old.close()
            self._permit(now)
            self._on_change(False, now)

    def _set(self, stun, turn, now):
        servers = stun + [(server.host, server.port) for server in turn if server.transport == UDP]
        if servers != self._servers:
            self._servers, self._resolve_at = servers, now
        if turn != self._turn_servers:
            self._turn_servers = turn
            rest = (self._find, self._send_directly, self._poller, self._count, self._set_problem)
            self._turn = TurnLine(turn, *rest)

    def close(self):
        self._turn.close()
        self._outside.close(clock.monotonic())
        self._send_queued()
        listeners = self._announcements.sockets() if self._announcements is not None else []
        for each in [self._resolver, self._changes] + listeners:
            self._poller.forget(each.fileno())
        for each in [self._changes] + listeners:
            each.close()

    def hosts(self):
        """Our own addresses, [(ip, port)], IPv6 first."""
        return [(ip, self._udp.port) for ip in self._hosts or ()]

    def addresses(self):
        """Those, and what they look like from outside."""
        own = self.hosts()[:HOSTS_MAX]
        return own + [addr for addr in self._outside.addresses() if addr not in own]

    @property
    def relayed(self):
        """Our addresses at a TURN server, [(ip, port)]."""
        return self._turn.relayed

    def by_turn(self, addresses):
        """The ways to these from there."""
        return [by_turn(addr) for addr in addresses if self._turn.reaches(addr[0])]

    def permit(self, owner, addresses, now):
        """Who may send to us there, for the sake of one of the daemon's networks; [] when it is closed."""
        self._permitted[owner] = {host for host, _ in addresses}
        self._permit(now)

    def _permit(self, now):
        self._turn.permit(sorted({host for hosts in self._permitted.values() for host in hosts}), now)

    def keepalive(self):
        """Seconds between two packets to a peer, so that it can still reach us."""
        return (self._outside.keepalive or KEEPALIVE) // 1000

    def set_company(self, owner, has_company, now):
        """Whether somebody is connected to one of the daemon's networks."""
        (self._company.add if has_company else self._company.discard)(owner)
        self._outside.set_alone(not self._company, now)

    def handle_seen_elsewhere(self, old, new, now):
        """A peer that saw us at one (ip, port) sees us at another."""
        self._outside.handle_seen_elsewhere(old, new, now)

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
            "turn": self._turn.text(),
            "relayed": [address.text(addr) for addr in self.relayed],
            "families": [_shown(family) for family in families],
        }

    def handle_datagram(self, data, addr, now):
        """Whether a datagram was for us, and for no tunnel."""
        return self._turn.handle_datagram(data, addr, now) or self._outside.handle_datagram(data, addr, now)

    def receive(self, batch):
        """Fill the batch with what came to our address at a TURN server. Returns whether there was anything."""
        batch.clear()
        while batch.count < batch.slots:
            item = self._turn.poll_received()
            if item is None:
                break
            batch.put(item[0], by_turn(item[1]))
        return batch.count > 0

    def send_batch(self, batch, count, too_large):
        """Send the datagrams of a batch, none of them by TURN; `count(word)` is told why one was lost,
        `too_large(size, addr)` of what the interface doesn't carry."""
        self._udp.send_batch(batch, count, too_large)

    def send(self, data, addr):
        """Send one datagram. Returns None, or a word for why it was lost."""
        if is_by_turn(addr):
            return self._turn.send(data, beyond_turn(addr), clock.monotonic())
        return self._udp.send(data, addr)

    def poll_timeout(self):
        due = earlier(self._look_at, self._resolve_at)
        return earlier(due, earlier(self._outside.poll_timeout(), self._turn.poll_timeout()))

    def handle_turn(self, now):
        """What is to be done in each turn of the loop."""
        if now >= self._look_at:
            self._look(now)
        if self._resolve_at is not None and now >= self._resolve_at:
            self._resolve(now)
        self._outside.handle_timeout(now)
        self._send_queued()
        self._turn.handle_turn(now)
        is_new, is_relayed = self._outside.poll_change(), self._turn.poll_change()
        if is_new or is_relayed:
            self._on_change(False, now)

    def _send_directly(self, data, addr):
        return self._udp.send(data, addr)

    def _send_queued(self):
        item = self._outside.poll_transmit()
        while item is not None:
            reason = self._udp.send(item[0], item[1])
            if reason is not None:
                self._count(reason)
            item = self._outside.poll_transmit()

    # --- the network

    def gather(self, now):
        """There may be another way out than before, as somebody says who need not be right: ask everybody again."""
        self._look_at = self._resolve_at = now
        self._outside.gather(now)
        self._turn.handle_new_network(now)

    def _on_changes(self):
        if self._changes.poll():
            self._look_at = 0

    def _on_announced(self, udp_socket):
        """The router before us says something to all: that it has restarted, or which address it has."""
        batch = self._announced
        batch.clear()
        udp_socket.receive(batch)
        for i in range(batch.count):
            self._outside.handle_announcement(batch.packet(i), batch.addr[i], clock.monotonic())

    def _look(self, now):
        self._look_at = now + LOOK_AGAIN
        self.looks += 1
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
            self._turn.handle_new_network(now)
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
            if not found:
                self._resolve_at = min(self._resolve_at, clock.monotonic() + RESOLVE_SOON)
            answer = self._resolver.poll()
        self._set_servers(clock.monotonic())

    def _find(self, server):
        """The addresses of one of the servers, None while they are being looked up."""
        return self._found.get(server)

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


def _announcements():
    """Where the router before us says that it has restarted; None where another program listens there. Then it is found
    out when a mapping is renewed."""
    try:
        return Udp(pcp.ANNOUNCE_PORT)
    except UserError:
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
