"""All groups of this router: what is on flash, who is being joined, and which device each has. What people ask for is
in group_methods.py."""

from .. import log
from ..config import config
from ..deadlines import earlier
from ..errors import Rejected, UserError
from ..group import charter, identity
from ..group.join import REFUSED
from ..group.store import Saved, Shelf, local_name
from ..home import conflicts
from ..ports import clock, crypto, files, interfaces, tap
from ..words import did_you_mean, quoted
from . import group_status
from .group_devices import GroupDevices
from .household import DNSMASQ
from .joining import Joining
from .membership import Membership

SLOTS = 63  # groups of one router; slot 0 is the static peers'
OFF = "switched off by option 'enabled' of its section in the configuration"
WHICH = "which group? Say --group with one of: %s"


class Groups:
    """`options` is the Config in force; `take_device()` frees its device, and says whether it could; `endpoints` are
    where others were before the restart; `uplink` knows where this router is, `wishes` are what root is told."""

    def __init__(self, options, timestamps, poller, set_problem, take_device, endpoints, uplink, wishes):
        self._options = options
        self._timestamps = timestamps
        self._poller = poller
        self._set_problem = set_problem
        self._uplink = uplink
        self._wishes = wishes
        self._shelf = Shelf(files, crypto, options.state_dir + "/groups")
        self._devices = GroupDevices(self._shelf, options, self._taps, take_device)
        self._kept = {}  # name -> what is kept of it as its device, also of those that are switched off
        self._memberships = {}  # name on this router -> Membership
        self.joining = {}  # name -> Joining
        self.refused = {}  # name -> what `join_status` says, of groups that were joined in vain
        self.damaged = {}  # name -> what is wrong
        self.off = {}  # name -> group's key, of those that are switched off
        for name in self._names_on_flash():
            self._try(name, lambda name=name: self._start(name, self._shelf.load(name), endpoints))
        wishes.set_served(config.is_openwrts(options), clock.monotonic())

    def close(self):
        now = clock.monotonic()
        for membership in self._memberships.values():
            membership.save(now, at_once=True)
        for each in self._all():
            each.close()

    # --- the loop

    def memberships(self):
        return list(self._memberships.values())

    def check(self, options):
        """Whether another Config could be followed, as far as can be told before. Raises UserError."""
        owners = {}  # device -> the group whose it is to be
        for name in sorted(self._kept, key=lambda name: bool(config.group(options, name).device)):
            section = config.group(options, name)
            if not section.enabled:
                continue
            claim = self._devices.claim(self._kept[name], section, options)
            other = owners.setdefault(claim[0], name)
            if other != name and section.device:
                text = "%s: option 'device': %s belongs to the group %s"
                raise UserError(text % (config.place(options, name, "device"), claim[0], other))
            if name in self._memberships or name in self.off:
                self._check(name, section, claim, options)

    def follow(self, options, now):
        """Another Config, which was checked, is in force: only what it changes is made anew. What could not be had of
        it, in words: [text]."""
        self._options = self._devices.options = options
        self._wishes.set_served(config.is_openwrts(options), now)
        closed, failed = [], []
        for membership in self.memberships():
            section = config.group(options, membership.name)
            claim = self._devices.claim(self._kept[membership.name], section)
            if section.enabled and membership.can_follow(section, claim):
                membership.follow(options, section, now)
            else:
                closed.append(membership)
                membership.save(now, at_once=True)
                membership.close()
                del self._memberships[membership.name]
        others = sorted(self.off) + sorted(self.damaged)  # that may be over
        for membership in closed:  # one may take another's device, so all are closed first
            wrong = self._reopen(membership)
            if wrong is not None:
                where = config.place(options, membership.name, "device")
                failed.append("%s: %s: %s" % (where, membership.name, wrong))
        for name in others:
            self.off.pop(name, None)
            self._forget_damage(name)
            self._try(name, lambda name=name: self._start(name, self._shelf.load(name)))
        return failed

    def poll_timeout(self):
        due = None
        for each in self._all():
            due = earlier(due, each.poll_timeout())
        return due

    def handle_turn(self, now):
        for each in self._all():
            try:
                each.handle_turn(now)
            except Exception as fault:  # one group must not take the others along
                self._set_problem(each.name, _fault(each.name, fault))
        for joining in list(self.joining.values()):
            if joining.joiner.is_over:
                self._end_joining(joining, now)

    def handle_new_addresses(self, now):
        """The router has other addresses than before."""
        for membership in self._memberships.values():
            membership.handle_new_addresses(now)

    def say_where(self, now):
        """What our addresses look like from outside may have changed."""
        for membership in self._memberships.values():
            membership.say_where(now)

    def handle_new_network(self, now):
        """This machine's addresses may be others than before: do any group's get in their way?"""
        networks, uplinks = self._other_networks()
        for membership in self._memberships.values():
            earlier = [each.name for each in self._memberships.values() if each.slot < membership.slot]
            found = self._conflicts(membership.name, membership.group.charter, networks, uplinks)
            is_in_the_way = conflicts.in_the_way(found, uplinks, earlier)
            membership.handle_new_network([conflicts.text(each) for each in found], is_in_the_way, now)

    def addresses(self, but=""):
        """(name, subnet, ULA) of the groups of this router, but for one."""
        known = [(each.name, each.group.charter) for each in self._memberships.values() if each.name != but]
        return [(name, about.subnet, about.ula) for name, about in known]

    # --- groups that come and go, by what people ask for

    def find(self, name):
        """The Membership of a name, or of "" if there is only one. Raises UserError."""
        if name in self._memberships:
            return self._memberships[name]
        if not name and len(self._memberships) == 1:
            return list(self._memberships.values())[0]
        if name in self.joining:
            raise UserError("%s: %s" % (name, self.joining[name].text(clock.monotonic())))
        if name in self.damaged:
            raise UserError(self.damaged[name])
        if name in self.off:
            raise UserError("%s is %s" % (name, OFF))
        known = sorted(list(self._memberships) + list(self.joining))
        if not known:
            raise UserError("this router is in no group: 'ipop group create NAME' makes one, 'ipop join LINE' enters")
        if not name:
            raise UserError(WHICH % ", ".join(known))
        raise UserError("there is no group %s; %s" % (quoted(name), did_you_mean(name, known)))

    def begin(self, name, seed, kept=None, join=None):
        """A new group, called `name` in itself: as for Shelf.create. Its name on this router. Raises UserError."""
        name = local_name(name, self._shelf.names())
        self.refused.pop(name, None)
        self._shelf.create(name, seed, self._devices.for_new(), kept=kept, join=join)
        try:
            self._start(name, self._shelf.load(name))
            if name in self.off:
                raise UserError("%s would be %s: enable it first" % (name, OFF))
        except Exception:
            self.off.pop(name, None)
            self._kept.pop(name, None)
            self._shelf.leave(name)
            raise
        return name

    def make_way(self, group_key, now):
        """For an identity in a group: there is to be one only, and what is being joined is given up."""
        for membership in self.memberships():
            if membership.group.roster.group_key == group_key:
                if membership.group.is_member:
                    raise UserError("this router is in that group already: see 'ipop members'")
                self.leave(membership.name, now)  # it was removed, and comes back as somebody new
        if group_key in self.off.values():
            raise UserError("this router is in that group already, but it is " + OFF)
        for joining in list(self.joining.values()):
            if joining.invite.group == group_key:
                self.leave(joining.name, now)

    def leave(self, group, now):
        """(its name, what we were there) of a group that is left now: also one that is damaged or switched off, or that
        we are only on the way into. Of "" if there is only one. Raises UserError."""
        others = list(self.joining) + list(self.damaged) + list(self.off)
        if not group and len(self._memberships) + len(others) > 1:
            raise UserError(WHICH % ", ".join(sorted(list(self._memberships) + others)))
        if not group and others:
            group = others[0]
        if group in self._memberships or group not in others:
            membership = self.find(group)
            group = membership.name
            role = group_status.member_of(membership, now)["role"]
            self._shelf.leave(group)  # first: what can't be taken from flash goes on
            membership.leave(now)
            membership.close()
            del self._memberships[group]
        elif group in self.joining:
            role = "joining"
            self._shelf.leave(group)
            joining = self.joining.pop(group)
            joining.joiner.cancel(now)
            joining.close()
        else:
            role = "damaged" if group in self.damaged else "off"
            self._shelf.leave(group)
            self.off.pop(group, None)
            self._forget_damage(group)
        self._kept.pop(group, None)
        self._wishes.forget(group, now)
        return group, role

    def replace(self, recovery):
        """Take the place of the router whose backup.Recovery this is. The Membership. Raises UserError, Rejected."""
        about = charter.parse(crypto, recovery.kept["group"], recovery.kept["charter"])
        name = local_name(about.name, ())
        device = self._damaged_device(name, recovery)
        if device is None:
            name, device = local_name(about.name, self._shelf.names()), self._devices.for_new()
        self._shelf.replace(name, recovery.seed, device, recovery.kept)
        self._forget_damage(name)
        wrong = self._try(name, lambda: self._start(name, self._shelf.load(name)))
        if wrong is not None:
            raise UserError(wrong)
        return self.find(name)

    # --- how it works

    def _names_on_flash(self):
        try:
            names = self._shelf.names()
            self._set_problem("groups", None)
            return names
        except UserError as error:
            way = "no group can be used until that is put right and ipopd restarted"
            self._set_problem("groups", "%s: %s" % (error.message, way))
            self._wishes.be_silent()
            return []

    def _can_be_served(self, name, about, interfaces):
        """Whether a group that isn't open yet, with this Charter, gets in nobody's way on its `interfaces`."""
        networks, uplinks = self._other_networks(interfaces)
        found = self._conflicts(name, about, networks, uplinks)
        return not conflicts.in_the_way(found, uplinks, list(self._memberships))

    def _conflicts(self, name, about, networks, uplinks):
        return conflicts.find(name, about.subnet, about.ula, (), networks, self.addresses(name), uplinks)

    def _other_networks(self, own=()):
        """What `router_networks` gives, without those of groups."""
        networks, uplinks = router_networks()
        own = list(own)
        for membership in self._memberships.values():
            own += membership.interfaces()
        return [each for each in networks if each[0] not in own], uplinks

    def _taps(self):
        return [membership.network.tap.name for membership in self._memberships.values()]

    def _all(self):
        return list(self._memberships.values()) + list(self.joining.values())

    def _check(self, name, section, claim, options):
        """Raises UserError, which names the option."""
        membership = self._memberships.get(name)
        if membership is not None:
            try:
                membership.check(section)
            except UserError as error:
                raise UserError("%s: %s" % (config.place(options, name, "map"), error.message))
            if claim == membership.claim:
                return
        is_made = section.make_bridge and section.serve == DNSMASQ
        for option, bridge in (("device", None), ("bridge", None if is_made else claim[1])):
            try:
                tap.check(claim[0], bridge)
            except UserError as error:
                raise UserError("%s: option '%s': %s" % (config.place(options, name, option), option, error.message))

    def _reopen(self, membership):
        """As its section says now, or as it was before; then why (text)."""
        name, endpoints = membership.name, membership.node.endpoints()
        saved = Saved(membership.group.identity.seed, self._kept[name], membership.group.saved(), None)
        wrong = self._try(name, lambda: self._start(name, saved, endpoints))
        if wrong is None:
            log.info("%s: %s" % (name, OFF if name in self.off else "started anew, as the configuration says"))
        else:
            self._forget_damage(name)
            self._try(name, lambda: self._open(name, saved, membership.section, membership.claim, endpoints))
        return wrong

    def _try(self, name, start):
        """Start a group; where that can't be it is damaged, and why (text) is returned. It must not keep the others
        from working."""
        try:
            start()
            return None
        except UserError as error:
            wrong = error.message
        except Exception as fault:
            wrong = _fault(name, fault)
        self.damaged[name] = wrong
        self._set_problem(name, wrong)
        self._wishes.want(name, clock.monotonic())
        return wrong

    def _start(self, name, saved, endpoints=()):
        if saved.kept is None:
            try:
                self.joining[name] = Joining(name, saved, self._poller, self._set_problem)
            except ValueError as error:
                raise UserError("the invite names a broker that can't be one: %s" % error)
            return
        self._kept[name] = saved.device
        section = config.group(self._options, name)
        if section.enabled:
            self._open(name, saved, section, self._devices.claim(saved.device, section), endpoints)
        else:
            self.off[name] = saved.kept["group"]
            self._wishes.forget(name, clock.monotonic())

    def _open(self, name, saved, section, claim, endpoints):
        """Take part in a group, as a GroupConfig says. Raises UserError."""
        used = [membership.slot for membership in self._memberships.values()]
        if len(used) >= SLOTS:
            raise UserError("this router is in %d groups already" % SLOTS)
        slot = [slot for slot in range(1, SLOTS + 1) if slot not in used][0]
        try:
            self._memberships[name] = Membership(
                name,
                identity.Identity(crypto, saved.seed),
                saved.kept,
                self._shelf,
                self._devices.choose(claim, section),
                claim,
                section,
                slot,
                self._timestamps,
                self._poller,
                self._set_problem,
                dict(endpoints),
                self._options,
                self._uplink,
                self._wishes,
                self._can_be_served,
            )
            self._memberships[name].say_where(clock.monotonic())
        except (Rejected, ValueError) as error:
            raise UserError("%s makes no sense (%s) and stays as it is" % (self._shelf.path(name), error))

    def _end_joining(self, joining, now):
        """It is answered: a member from now on, or a group that isn't ours."""
        joining.handle_turn(now)
        is_refused = joining.state == REFUSED
        if not is_refused and not joining.keep(self._shelf, now):
            return
        joining.close()
        del self.joining[joining.name]
        if is_refused:
            self.refused[joining.name] = group_status.join(joining, now)
            try:
                self._shelf.leave(joining.name)
            except UserError as error:
                self._set_problem(joining.name, error.message)
            return
        name = joining.name
        self._try(name, lambda: self._start(name, self._shelf.load(name)))

    def _damaged_device(self, name, recovery):
        """The device of the damaged group which this replaces, or None: another is not to be touched."""
        if name not in self.damaged:
            return None
        known = self._shelf.identity(name)
        if known is not None:
            return known.device if known.seed == recovery.seed else None
        kept = self._shelf.kept(name)
        if kept is not None and kept["group"] != recovery.kept["group"]:
            return None
        return self._devices.for_new()

    def _forget_damage(self, name):
        self.damaged.pop(name, None)
        self._set_problem(name, None)


def router_networks():
    """(this router's networks, the interfaces that lead to the internet), as far as they can be had."""
    try:
        return interfaces.networks(), [interface for interface, _ in interfaces.gateway()]
    except OSError:
        return [], []


def _fault(name, fault):
    return "%s: a fault in ipopd, please report it: %r" % (name, fault)
