"""All groups of this router: what is on flash, who is being joined, and what people ask for (methods.py)."""

from . import group_status
from .errors import Rejected, UserError
from .group import backup, charter, identity, invite
from .group.entry import ADMIN
from .group.join import REFUSED
from .group.roster import Roster
from .group.secret import GroupSecret
from .group.store import Shelf, local_name
from .joining import Joining
from .membership import Membership
from .ports import clock, crypto, files, system
from .signal import url
from .words import did_you_mean, quoted

SLOTS = 63  # groups of one router; slot 0 is the static peers'


class Groups:
    """`options` is the Config in force; `take_device()` gives (device, bridge) of the configuration, or None when they
    are in use; `endpoints` are where others were before the restart; `uplink` knows where this router is. What people
    ask for raises UserError."""

    def __init__(self, options, timestamps, poller, set_problem, take_device, endpoints, uplink):
        self._options = options
        self._take_device = take_device
        self._timestamps = timestamps
        self._poller = poller
        self._set_problem = set_problem
        self._uplink = uplink
        self._shelf = Shelf(files, crypto, options.state_dir + "/groups")
        self._memberships = {}  # name on this router -> Membership
        self._joining = {}  # name -> Joining
        self._refused = {}  # name -> what `join_status` says, of groups that were joined in vain
        self._damaged = {}  # name -> what is wrong
        self._off = {}  # name -> group's key, of those that are switched off
        for name in self._names_on_flash():
            try:
                self._start(name, self._shelf.load(name), endpoints)
            except UserError as error:
                self._damaged[name] = error.message
                set_problem(name, error.message)
            except Exception as fault:  # one group must not keep the others from starting
                self._damaged[name] = _fault(name, fault)
                set_problem(name, self._damaged[name])

    def _names_on_flash(self):
        try:
            names = self._shelf.names()
            self._set_problem("groups", None)
            return names
        except UserError as error:
            way = "no group can be used until that is put right and ipopd restarted"
            self._set_problem("groups", "%s: %s" % (error.message, way))
            return []

    def close(self):
        now = clock.monotonic()
        for membership in self._memberships.values():
            membership.save(now, at_once=True)
        for each in self._all():
            each.close()

    # --- the loop

    def memberships(self):
        return list(self._memberships.values())

    def poll_timeout(self):
        times = [each.poll_timeout() for each in self._all()]
        times = [when for when in times if when is not None]
        return min(times) if times else None

    def handle_turn(self, now):
        for each in self._all():
            try:
                each.handle_turn(now)
            except Exception as fault:  # one group must not take the others along
                self._set_problem(each.name, _fault(each.name, fault))
        for joining in [joining for joining in self._joining.values() if joining.joiner.is_over]:
            self._end_joining(joining, now)

    def handle_new_addresses(self, now):
        """The router has other addresses than before."""
        for membership in self._memberships.values():
            membership.handle_new_addresses(now)

    def say_where(self, now):
        """What our addresses look like from outside may have changed."""
        for membership in self._memberships.values():
            membership.say_where(now)

    def _all(self):
        return list(self._memberships.values()) + list(self._joining.values())

    def _start(self, name, saved, endpoints=()):
        if saved.kept is None:
            try:
                self._joining[name] = Joining(name, saved, self._poller, self._set_problem)
            except ValueError as error:
                raise UserError("the invite names a broker that can't be one: %s" % error)
            return
        wanted = ([each for each in self._options.groups if each.name == name] or [None])[0]
        if wanted is not None and not wanted.enabled:
            self._off[name] = saved.kept["group"]
            return
        device, bridge = self._device(saved, wanted)
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
                (device, bridge),
                slot,
                self._timestamps,
                self._poller,
                self._set_problem,
                dict(endpoints),
                self._options.relay,
                self._uplink,
            )
            self._memberships[name].say_where(clock.monotonic())
        except (Rejected, ValueError) as error:
            raise UserError("%s makes no sense (%s) and stays as it is" % (self._shelf.path(name), error))

    def _device(self, saved, section):
        """(device, bridge or None) of a group, by what is kept with it and the Config's section for it, if any."""
        device, bridge = saved.device, None
        if section is not None and section.device:
            device = section.device
        if device in ("", self._options.device):
            device, bridge = self._take_device() or (self._next_device(), None)
        return device, section.bridge if section is not None and section.bridge else bridge

    def _new_device(self):
        """What to keep with a new group. The first one has the device of the configuration, and its bridge; nobody
        takes that over from it, for what is plugged in there belongs to that group."""
        kept = [self._shelf.identity(name) for name in self._shelf.names()]
        is_taken = self._options.peers or any(each is None or each.device == "" for each in kept)
        return self._next_device() if is_taken else ""

    def _next_device(self):
        kept = [self._shelf.identity(name) for name in self._shelf.names()]
        used = [each.device for each in kept if each is not None] + [self._options.device]
        used += [membership.network.tap.name for membership in self._memberships.values()]
        used += [section.device for section in self._options.groups if section.device]
        n = 1
        while "ipop%d" % n in used:
            n += 1
        return "ipop%d" % n

    def _end_joining(self, joining, now):
        """It is answered: a member from now on, or a group that isn't ours."""
        joining.handle_turn(now)
        is_refused = joining.state == REFUSED
        if not is_refused and not joining.keep(self._shelf, now):
            return
        joining.close()
        del self._joining[joining.name]
        if is_refused:
            self._refused[joining.name] = group_status.join(joining, now)
            try:
                self._shelf.leave(joining.name)
            except UserError as error:
                self._set_problem(joining.name, error.message)
            return
        try:
            self._start(joining.name, self._shelf.load(joining.name))
        except UserError as error:
            self._damaged[joining.name] = error.message
            self._set_problem(joining.name, error.message)

    # --- what people ask for: methods.py says what goes in and out

    def methods(self):
        """{method: handler}"""
        return {
            "group_create": self.create,
            "groups": self.groups,
            "invite": self.invite,
            "invites": self.invites,
            "uninvite": self.uninvite,
            "join": self.join,
            "join_status": self.join_status,
            "requests": self.requests,
            "approve": self.approve,
            "deny": self.deny,
            "members": self.members,
            "rename": self.rename,
            "promote": self.promote,
            "demote": self.demote,
            "revoke": self.revoke,
            "leave": self.leave,
            "backup": self.backup,
            "restore": self.restore,
        }

    def groups(self, now):
        return (
            [group_status.member_of(each, now) for each in self._memberships.values()]
            + [group_status.on_the_way(each, now) for each in self._joining.values()]
            + [group_status.unused(name, "damaged", self._damaged[name]) for name in sorted(self._damaged)]
            + [group_status.unused(name, "off", _OFF) for name in sorted(self._off)]
        )

    def create(self, now, name, member, brokers, large):
        owner = identity.create(crypto)
        stamp = self._timestamps.stamp(now)
        subnet, slice_length, ula = charter.draw(crypto, large)
        for text in brokers:
            try:
                url.parse(text)
            except ValueError:
                raise UserError("broker %s: expected %s" % (quoted(text), url.EXPECTED))
        try:
            data = charter.sign(owner, name, subnet, slice_length, ula, brokers, stamp)
            about = charter.parse(crypto, owner.public, data)
            roster = Roster(crypto, owner.public)
            slice = roster.free_slice(owner.public, charter.slices(about), slice_length, clock.wall())
            member = member or system.host_name()
            roster.add(roster.signed(owner, owner.public, stamp, name=member, role=ADMIN, slice=slice))
        except Rejected as rejected:
            raise UserError(_WHY_NO_GROUP.get(rejected.reason, rejected.reason))
        secret = GroupSecret(crypto, owner.public, roster.is_admin)
        secret.rotate(owner, now)
        kept = {
            "group": owner.public,
            "charter": data,
            "entries": roster.entries(),
            "secret": secret.offer,
            "places": [],
            "issuer": None,
        }
        local = self._begin(local_name(name, self._shelf.names()), owner.seed, kept=kept)
        return group_status.member_of(self._memberships[local], now)

    def invite(self, now, group, uses, expires, approve):
        membership = self._find(group)
        issuer = membership.group.issuer
        id, line = issuer.invite(uses, expires, approve, clock.wall())
        try:
            self._follow(membership, now)
        except UserError:
            issuer.take_back(id, clock.wall())
            raise UserError("no invite was made, because it can't be kept: %s" % membership.why_not_kept)
        return {
            "group": membership.name,
            "invite": id,
            "line": line,
            "uses": uses,
            "expires_in": expires,
            "approve": approve,
        }

    def invites(self, now, group):
        return [
            group_status.invite(membership.name, invite)
            for membership in self._meant(group)
            for invite in membership.group.issuer.invites(clock.wall())
        ]

    def uninvite(self, now, invite, group):
        membership = self._find_with(group, lambda issuer: issuer.invites(clock.wall()))
        ids = membership.group.issuer.take_back(invite, clock.wall())
        self._follow(membership, now)
        return {"group": membership.name, "invites": ids}

    def join(self, now, line, name, group):
        wanted = invite.parse(crypto, line)
        invite.check_expiry(wanted, clock.wall())
        invite.check_group(wanted, group)
        for joining in self._joining.values():
            if joining.invite == wanted and name in ("", joining.member):
                return self.join_status(now, joining.name)  # it goes on: with another key it would ask twice
        self._make_way(wanted.group, now)
        seed = identity.create(crypto).seed
        local = local_name(wanted.name, self._shelf.names())
        self._begin(local, seed, join=(line, name or system.host_name()))
        return self.join_status(now, local)

    def join_status(self, now, group):
        if not group and len(self._joining) == 1:
            group = list(self._joining)[0]
        if group in self._joining:
            return group_status.join(self._joining[group], now)
        if group in self._refused:
            return self._refused[group]
        return group_status.joined(self._find(group), now)

    def requests(self, now, group):
        return [
            group_status.request(membership.name, request, since, clock.wall())
            for membership in self._meant(group)
            for request, since in membership.group.issuer.requests()
        ]

    def approve(self, now, request, group):
        return self._decide(group, lambda issuer: issuer.approve(request, clock.wall()), now)

    def deny(self, now, request, group):
        return self._decide(group, lambda issuer: issuer.deny(request, clock.wall()), now)

    def members(self, now, group):
        membership = self._find(group)
        known = membership.group
        everybody = known.roster.members() + known.roster.revoked()
        return group_status.members(known, everybody, membership.node.peers(now))

    def rename(self, now, member, name, group):
        return self._change(group, member, now, lambda known: known.rename(member, name, now, clock.wall()))

    def promote(self, now, member, group):
        return self._change(group, member, now, lambda known: known.promote(member, now, clock.wall()))

    def demote(self, now, member, group):
        return self._change(group, member, now, lambda known: known.demote(member, now, clock.wall()))

    def revoke(self, now, member, group):
        return self._change(group, member, now, lambda known: known.revoke(member, now, clock.wall()))

    def leave(self, now, group):
        """Also a group that is damaged or switched off, or that we are only on the way into."""
        others = list(self._joining) + list(self._damaged) + list(self._off)
        if not group and len(self._memberships) + len(others) > 1:
            raise UserError(_WHICH % ", ".join(sorted(list(self._memberships) + others)))
        if not group and others:
            group = others[0]
        if group in self._memberships or group not in others:
            membership = self._find(group)
            group = membership.name
            role = group_status.member_of(membership, now)["role"]
            self._shelf.leave(group)  # first: what can't be taken from flash goes on
            membership.leave(now)
            membership.close()
            del self._memberships[group]
        elif group in self._joining:
            role = "joining"
            self._shelf.leave(group)
            joining = self._joining.pop(group)
            joining.joiner.cancel(now)
            joining.close()
        else:
            role = "damaged" if group in self._damaged else "off"
            self._shelf.leave(group)
            self._off.pop(group, None)
            self._forget_damage(group)
        return {"group": group, "role": role}

    def backup(self, now, group):
        membership = self._find(group)
        line, passphrase = backup.seal(crypto, membership.group)
        return {"group": membership.name, "line": line, "passphrase": passphrase}

    def restore(self, now, line, passphrase):
        recovery = backup.unseal(crypto, line, passphrase)
        self._timestamps.reach(recovery.made)
        self._make_way(recovery.kept["group"], now)
        about = charter.parse(crypto, recovery.kept["group"], recovery.kept["charter"])
        name = local_name(about.name, ())
        device = self._damaged_device(name, recovery)
        if device is None:
            name, device = local_name(about.name, self._shelf.names()), self._new_device()
        self._shelf.replace(name, recovery.seed, device, recovery.kept)
        self._forget_damage(name)
        try:
            self._start(name, self._shelf.load(name))
        except UserError as error:
            self._damaged[name] = error.message
            self._set_problem(name, error.message)
            raise
        return group_status.member_of(self._find(name), now)

    # --- how it works

    def _make_way(self, group_key, now):
        """For an identity in a group: there is to be one only, and what is being joined is given up."""
        for membership in self.memberships():
            if membership.group.roster.group_key == group_key:
                if membership.group.is_member:
                    raise UserError("this router is in that group already: see 'ipop members'")
                self.leave(now, membership.name)  # it was removed, and comes back as somebody new
        if group_key in self._off.values():
            raise UserError("this router is in that group already, but it is " + _OFF)
        for joining in list(self._joining.values()):
            if joining.invite.group == group_key:
                self.leave(now, joining.name)

    def _damaged_device(self, name, recovery):
        """The device of the damaged group which this replaces, or None: another is not to be touched."""
        if name not in self._damaged:
            return None
        known = self._shelf.identity(name)
        if known is not None:
            return known.device if known.seed == recovery.seed else None
        kept = self._shelf.kept(name)
        if kept is not None and kept["group"] != recovery.kept["group"]:
            return None
        return self._new_device()

    def _forget_damage(self, name):
        self._damaged.pop(name, None)
        self._set_problem(name, None)

    def _begin(self, name, seed, kept=None, join=None):
        self._refused.pop(name, None)
        self._shelf.create(name, seed, self._new_device(), kept=kept, join=join)
        try:
            self._start(name, self._shelf.load(name))
            if name in self._off:
                raise UserError("%s would be %s: enable it first" % (name, _OFF))
        except Exception:
            self._off.pop(name, None)
            self._shelf.leave(name)
            raise
        return name

    def _follow(self, membership, now):
        """After a change: keep it, then let it be known. Raises UserError when it can't be kept."""
        membership.group.handle_news(now, clock.wall())
        membership.save(now, at_once=True)
        membership.handle_turn(now)
        if membership.why_not_kept is not None:
            raise UserError(_NOT_KEPT % membership.why_not_kept)

    def _change(self, group, wanted, now, change):
        membership = self._find(group)
        key = membership.group.find_member(wanted).key
        change(membership.group)
        self._follow(membership, now)
        (shown,) = group_status.members(membership.group, [membership.group.roster.member(key)], ())
        return {
            "group": membership.name,
            "name": shown["name"],
            "fingerprint": shown["fingerprint"],
            "role": shown["role"],
            "address": shown["address"],
        }

    def _decide(self, group, decide, now):
        membership = self._find_with(group, lambda issuer: issuer.requests())
        request = decide(membership.group.issuer)
        self._follow(membership, now)
        member = membership.group.roster.member(request.member)
        return {
            "group": membership.name,
            "name": request.name,
            "fingerprint": identity.fingerprint(crypto, request.member),
            "address": group_status.host(membership.group.charter, member) if member else None,
        }

    def _meant(self, name):
        """The Memberships of a name, or of "" all."""
        return [self._find(name)] if name else self.memberships()

    def _find_with(self, name, has):
        """The Membership of a name, or of "" the only one of whose Issuer `has` is true."""
        having = [each for each in self._memberships.values() if has(each.group.issuer)]
        return self._find(name) if name or len(having) != 1 else having[0]

    def _find(self, name):
        """The Membership of a name, or of "" if there is only one."""
        if name in self._memberships:
            return self._memberships[name]
        if not name and len(self._memberships) == 1:
            return list(self._memberships.values())[0]
        if name in self._joining:
            raise UserError("%s: %s" % (name, self._joining[name].text(clock.monotonic())))
        if name in self._damaged:
            raise UserError(self._damaged[name])
        if name in self._off:
            raise UserError("%s is %s" % (name, _OFF))
        known = sorted(list(self._memberships) + list(self._joining))
        if not known:
            raise UserError("this router is in no group: 'ipop group create NAME' makes one, 'ipop join LINE' enters")
        if not name:
            raise UserError(_WHICH % ", ".join(known))
        raise UserError("there is no group %s; %s" % (quoted(name), did_you_mean(name, known)))


def group_with_default_device(options):
    """The name of a group that keeps the device of the configuration, or None."""
    shelf = Shelf(files, crypto, options.state_dir + "/groups")
    own = {section.name for section in options.groups if section.device}
    try:
        kept = [(name, shelf.identity(name)) for name in shelf.names() if name not in own]
    except UserError:
        return None
    return ([name for name, identity in kept if identity is not None and identity.device == ""] or [None])[0]


def _fault(name, fault):
    return "%s: a fault in ipopd, please report it: %r" % (name, fault)


_NOT_KEPT = "done, but it can't be kept, and is forgotten at the next start unless it can be by then: %s"
_WHICH = "which group? Say --group with one of: %s"
_OFF = "switched off by option 'enabled' of its section in the configuration"

_WHY_NO_GROUP = {
    "bad-charter": "a group's name has 1 to 63 letters; a broker is mqtt://HOST or mqtts://HOST",
    "bad-name": "a member's name has 1 to 63 letters, and nothing that can't be seen",
}
