"""What a membership does for the devices of its own home: their addresses, and the names of all that are in the group.

A Service (home/, or openwrt/) makes a Plan true: there is a dnsmasq then, whose leases are read here and told to the
node, and which is given the names that the node knows. Where nobody has to be served there is no Service, and nothing
of this happens.
"""

from ..config.config import OPENWRT
from ..deadlines import earlier
from ..errors import UserError
from ..lan import names
from ..openwrt.device import bridge_of
from ..ports import clock, crypto, files, shared
from ..wire import ip

NAMES_GAP, NAMES_AGAIN = 1_000, 5_000  # ms between two new files of names, and until one that failed is tried again
NONE, DNSMASQ = "none", "dnsmasq"


class Household:
    """`name` is what the group is called on this router, `section` its GroupConfig; `tap` is (device, bridge or None);
    `folder` is where a Service may keep its files, `wishes` are what OpenWrt's is told by. While something
    `is_in_the_way` of our addresses, they are not used. The bridge is there when this has been made, where the
    configuration wants it to be made."""

    def __init__(self, name, group, section, tap, folder, wishes, poller, set_problem, is_in_the_way):
        self.suffix = section.domain
        self.routed = ()  # (network, length) in the group, that lead to devices of this home
        self._name = name
        self._group = group
        self._section = section
        self._device = tap[0]
        self.bridge = bridge_of(tap[0]) if section.serve == OPENWRT else tap[1]
        self._folder = folder
        self._wishes = wishes
        self._poller = poller
        self._set_problem = set_problem
        self._service = self._leases = None
        self._names_at = 0
        self._revision = None  # of the names that dnsmasq was given
        self._plan = None
        self._is_in_the_way = is_in_the_way
        now = clock.monotonic()
        wishes.want(name, now, self._device)
        if self._serves(section):
            self._begin(now)
            if section.make_bridge:
                self.configure(self._label(), now)
                self._service.handle_turn(now)

    def check(self, section):
        """Whether this GroupConfig could be followed. Raises UserError."""
        if section.serve != NONE:
            self._make_plan(section, self._label())

    def change(self, section, now):
        """Follow this GroupConfig from now on; `configure` has to be called then. The bridge is the same."""
        self.suffix = section.domain
        self._section = section
        self._revision = None
        if section.serve == OPENWRT:
            self._wishes.ask_again()  # its ports, its Wi-Fi: what root reads for itself
        if self._serves(section) and self._service is None:
            self._begin(now)

    def configure(self, label, now):
        """Something in the roster has changed, or the configuration; `label` is our home's in names."""
        if self._service is None:
            return
        topic, made = self._name + " plan", None
        try:
            if self._serves(self._section):
                made = self._make_plan(self._section, label)
            self._set_problem(topic, None)
        except UserError as error:
            self._set_problem(topic, "%s: %s" % (self._name, error.message))
        if made is None and self._section.serve == OPENWRT and self._group.is_member:
            return  # it may come: a home doesn't lose its network meanwhile
        if made != self._plan:
            self._leases.read_again()  # others may be ours now
        self._plan = made
        self.routed = tuple([(each.image, each.length) for each in made.maps]) if made is not None else ()
        self._service.configure(made, now)

    @property
    def is_serving(self):
        """Whether it is up to us that devices get addresses."""
        return self._service is not None

    def look(self, is_in_the_way, now):
        """This machine's network has changed."""
        self._is_in_the_way = is_in_the_way
        if self._service is not None:
            self._service.look(is_in_the_way, now)

    def poll_timeout(self, node):
        """When `handle_turn` has to be called (ms), or None."""
        if self._service is None:
            return None
        due = self._service.poll_timeout()
        if not self._serves(self._section):
            return due
        due = earlier(due, self._leases.poll_timeout())
        return earlier(due, self._names_at) if self._revision != node.lan.names_revision else due

    def handle_turn(self, node, now):
        if self._service is None:
            return
        self._service.handle_turn(now)
        if not self._serves(self._section):
            if self._service.is_idle:  # all is undone, and nothing has to be waited for
                self._end()
                node.set_leases([], now)
            return
        leases = self._leases.handle_timeout(now)
        if leases is not None:
            node.set_leases([each for each in leases if self._is_ours(each[1])], now)
        if self._revision != node.lan.names_revision and now >= self._names_at:
            from ..home.hostsfile import hosts_text

            revision, text = node.lan.names_revision, hosts_text(node.lan.records(self._name, self.suffix))
            is_told = self._service.set_names(text, now)
            self._revision = revision if is_told else None
            self._names_at = now + (NAMES_GAP if is_told else NAMES_AGAIN)

    def leave(self, now):
        """The group is left: `close` comes next."""
        if self._service is not None:
            self._service.set_names("", now)

    def close(self):
        """Undo what would not go on without us."""
        if self._service is not None:
            self._end()

    def _serves(self, section):
        return section.serve != NONE and self.bridge is not None

    def _is_ours(self, packed):
        """Whether a lease is: the system's dnsmasq serves other networks too."""
        return self._plan is not None and ip.contains(self._plan.slice[0], self._plan.slice[1], packed)

    def _begin(self, now):
        from ..home.leases import LeaseWatch

        # not above: on a small router there is no room for what isn't used
        if self._section.serve == OPENWRT:
            from ..openwrt.service import OpenWrtService

            self._service = OpenWrtService(self._name, self._device, self._wishes, self._set_problem)
        else:
            from ..home import service

            self._service = service.Service(self._name, self._folder, self._poller, self._set_problem)
        self._service.look(self._is_in_the_way, now)
        self._leases = LeaseWatch(self._service.leases_file, shared.stamp, files.read, clock.wall, now)

    def _end(self):
        self._service.close()
        self._service = self._leases = None
        self._set_problem(self._name + " plan", None)

    def _label(self):
        return names.label(self._group.own().name) if self._group.own() is not None else ""

    def _make_plan(self, section, label):
        from ..home import plan

        about, me = self._group.charter, self._group.own()
        if me is None or not self._group.is_member:
            return None
        slice = me.slice, me.slice_length
        return plan.make(about, slice, section, self.bridge, self._name, label, self._bridge_mac())

    def _bridge_mac(self):
        """For a bridge that we make: always the same, and nobody else's."""
        digest = crypto.sha256(b"ipop bridge " + self._group.identity.wg_public)
        return bytes([digest[0] & 0xFC | 0x02]) + digest[1:6]
