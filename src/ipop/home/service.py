"""A Plan made true on plain Linux: addresses on the bridge, a dnsmasq, a table of nftables.

On OpenWrt netifd, its own dnsmasq and fw4 do it instead.

`handle_turn` compares what is with what is wanted, and takes the next step for each difference; so it does not matter
whether the plan has changed, the bridge was made anew, dnsmasq has died or somebody has flushed the firewall. Nothing
waits: dnsmasq and nft are children that are heard of through the poller.

All that was done stands in a file (a Journal) before it is done, so that a daemon that was killed leaves nothing which
its successor does not know as its own: it is kept where it is still wanted, else undone. What was there before is not
touched. A dnsmasq of a killed daemon goes on serving until its successor replaces it.

The folder is this group's alone, on a file system that need not survive a reboot, and must be readable to dnsmasq's
user: below /var/run. What others know of names is put into it with `set_names`.
"""

from .. import log
from ..deadlines import earlier
from ..errors import UserError
from ..ports import interfaces, links, shared
from ..wire import address
from . import dnsmasq
from .child import why
from .dnsmasq_keeper import DnsmasqKeeper
from .firewall_keeper import FirewallKeeper
from .journal import ADDRESS, BRIDGE, FORWARDING, LOCAL, ROUTERS, TABLE, Journal, undo, wanted

LOOK_EVERY = 5_000  # ms; who knows of a change calls `look`
JOURNAL = "applied.json"


class Service:
    """`folder` is this group's alone; `set_problem(topic, text)` shows what is wrong, under topics that begin with the
    group's `name`."""

    def __init__(self, name, folder, poller, set_problem):
        self.name = name
        self._folder = folder
        self._set_problem = set_problem
        self._plan = None
        self._is_in_the_way = False
        self._look_at = 0
        self._link = 0  # the bridge's index at the last look
        self._journal = Journal(folder + "/" + JOURNAL)
        about_addresses, about_names = [lambda text, on=on: self._say(on, text) for on in ("addresses", "names")]
        self._dnsmasq = DnsmasqKeeper(folder, poller, about_addresses, about_names)
        self._firewall = FirewallKeeper(folder, self._journal, poller, lambda text: self._say("firewall", text))

    def configure(self, plan, now):
        """Make this Plan true; None: undo all."""
        if plan != self._plan:
            self._plan = plan
            self._look_at = now

    def look(self, is_in_the_way, now):
        """Something may have changed: the bridge, addresses. While something `is_in_the_way` of ours, the bridge is
        there, but it has no address and nobody is served."""
        self._is_in_the_way = is_in_the_way
        self._look_at = now

    def set_names(self, text, now):
        """What dnsmasq answers beside its own leases: lines of a hosts file, "10.77.3.7 nas.hut.friends.internal".
        Returns whether it is told that, else it has to be once more: the disk may be full."""
        return self._dnsmasq.set_names(text, now)

    @property
    def leases_file(self):
        """Where dnsmasq keeps who has which address."""
        return self._folder + "/" + dnsmasq.LEASES

    def poll_timeout(self):
        """When `handle_turn` has to be called (ms)."""
        return earlier(self._look_at, earlier(self._dnsmasq.poll_timeout(), self._firewall.poll_timeout()))

    def handle_turn(self, now):
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            try:
                shared.make_folder(self._folder + "/" + dnsmasq.HOSTS)
                self._link = self._adjust()
                self._say("bridge", None)
            except UserError as error:
                self._link = 0
                self._say("bridge", error.message)
            except OSError as error:
                self._link = 0
                self._say("bridge", "the group's devices can't be served: %s" % why(error))
        plan = self._plan if self._link and not self._is_in_the_way else None
        self._dnsmasq.handle_turn(plan, self._link, now)
        self._firewall.handle_turn(self._plan, now)

    @property
    def is_idle(self):
        """Whether nothing of ours is left on this machine, nor on its way: after `configure(None)`, in a few turns."""
        return not self._journal.entries and self._dnsmasq.is_idle and self._firewall.is_idle

    def close(self):
        """Undo all. Waits for the firewall unless it `is_idle`: some 80 ms, and at most a second."""
        self._plan = None
        try:
            self._adjust()
        except (OSError, UserError) as error:
            log.warning("%s: %s" % (self.name, error))
        self._dnsmasq.set_names("", 0)
        self._dnsmasq.close()
        self._firewall.close()
        for topic in ("bridge", "addresses", "names", "firewall"):
            self._say(topic, None)

    def _say(self, topic, text):
        self._set_problem("%s %s" % (self.name, topic), text and "%s: %s" % (self.name, text))

    def _adjust(self):
        """Addresses, routes and forwarding as the plan wants them; the bridge's index. Raises UserError, OSError.

        What is there and not in the journal was there before us."""
        plan, journal = self._plan, self._journal
        entries = wanted(plan) if plan is not None else []
        if self._is_in_the_way:
            entries = [entry for entry in entries if entry[0] in (BRIDGE, ROUTERS)]
        for entry in [entry for entry in journal.entries if entry not in entries and entry[0] != TABLE]:
            undo(entry)
            journal.remove(entry)
        if plan is None:
            return 0
        link = links.index(plan.bridge)
        if not link and plan.is_made:
            journal.add([BRIDGE, plan.bridge])
            links.make_bridge(plan.bridge, plan.mac)
            log.info("bridge %s is there" % plan.bridge)
            link = links.index(plan.bridge)
        if not link:
            text = "bridge '%s' does not exist: make it ('ip link add %s type bridge'), or set option 'make_bridge'"
            raise UserError(text % (plan.bridge, plan.bridge))
        if [BRIDGE, plan.bridge] in journal.entries:
            links.bring_up(plan.bridge)
        there = [(interface, address.pack(text), length) for interface, text, length in interfaces.networks()]
        is_new = link != self._link
        for entry in entries:
            kind = entry[0]
            if kind == ADDRESS:
                packed = address.pack(entry[2])
                if (plan.bridge, packed, entry[3]) not in there:
                    journal.add(entry)
                    links.add_address(link, packed, entry[3])
                    is_new = True
            elif kind == LOCAL and (is_new or entry not in journal.entries):  # the kernel tells all of each change
                journal.add(entry)
                links.add_local(link, address.pack(entry[2]), entry[3])
            elif kind == FORWARDING and not links.is_forwarding():
                journal.add(entry)
                links.set_forwarding(True)
            elif kind == ROUTERS and links.listens_to_routers(plan.bridge):  # also to its own dnsmasq's
                journal.add(entry)
                links.listen_to_routers(plan.bridge, False)
        return link
