"""What people ask about the groups of this router, and have done with them; control/methods.py has the shapes."""

from ..errors import Rejected, UserError
from ..group import backup, charter, identity, invite
from ..group.entry import ADMIN
from ..group.roster import Roster
from ..group.secret import GroupSecret
from ..home import conflicts
from ..ports import clock, crypto, system
from ..signal import url
from ..values import Refused
from ..words import quoted
from . import group_status
from .groups import OFF, router_networks

DRAWS = 16  # addresses that are tried for a new group


class GroupMethods:
    """`groups` are the Groups; all methods raise UserError. `options` gives the Config in force."""

    def __init__(self, groups, timestamps, options):
        self._groups = groups
        self._timestamps = timestamps
        self._options = options

    def methods(self):
        """{method: handler}"""
        return {
            "group_create": self.create,
            "group_brokers": self.brokers,
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
            "topology": self.topology,
            "devices": self.devices,
            "rename": self.rename,
            "promote": self.promote,
            "demote": self.demote,
            "revoke": self.revoke,
            "leave": self.leave,
            "backup": self.backup,
            "restore": self.restore,
        }

    def groups(self, now):
        known = self._groups
        return (
            [group_status.member_of(each, now) for each in known.memberships()]
            + [group_status.on_the_way(each, now) for each in known.joining.values()]
            + [group_status.unused(name, "damaged", known.damaged[name]) for name in sorted(known.damaged)]
            + [group_status.unused(name, "off", OFF) for name in sorted(known.off)]
        )

    def create(self, now, name, member, brokers, large, subnet):
        owner = identity.create(crypto)
        stamp = self._timestamps.stamp(now)
        subnet, slice_length, ula = self._draw(name, large, subnet)
        _check_brokers(brokers)
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
        return group_status.member_of(self._groups.find(self._groups.begin(name, owner.seed, kept=kept)), now)

    def brokers(self, now, group, brokers):
        membership = self._groups.find(group)
        if brokers:
            _check_brokers(brokers)
            membership.group.set_brokers(brokers, now, clock.wall())
            self._follow(membership, now)
        return {"group": membership.name, "brokers": list(membership.group.charter.brokers)}

    def invite(self, now, group, uses, expires, approve):
        membership = self._groups.find(group)
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
        for joining in self._groups.joining.values():
            if joining.invite == wanted and name in ("", joining.member):
                return self.join_status(now, joining.name)  # it goes on: with another key it would ask twice
        self._groups.make_way(wanted.group, now)
        seed = identity.create(crypto).seed
        return self.join_status(now, self._groups.begin(wanted.name, seed, join=(line, name or system.host_name())))

    def join_status(self, now, group):
        if not group and len(self._groups.joining) == 1:
            group = list(self._groups.joining)[0]
        if group in self._groups.joining:
            return group_status.join(self._groups.joining[group], now)
        if group in self._groups.refused:
            return self._groups.refused[group]
        return group_status.joined(self._groups.find(group), now)

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
        membership = self._groups.find(group)
        known = membership.group
        everybody = known.roster.members() + known.roster.revoked()
        return group_status.members(known, everybody, membership.node.peers(now))

    def topology(self, now, group):
        nodes, links = [], []
        for membership in self._meant(group):
            more_nodes, more_links = group_status.topology(membership, now)
            nodes += more_nodes
            links += more_links
        return {"nodes": nodes, "links": links}

    def devices(self, now, group):
        return [device for membership in self._meant(group) for device in membership.devices(now)]

    def rename(self, now, member, name, group):
        return self._change(group, member, now, lambda known: known.rename(member, name, now, clock.wall()))

    def promote(self, now, member, group):
        return self._change(group, member, now, lambda known: known.promote(member, now, clock.wall()))

    def demote(self, now, member, group):
        return self._change(group, member, now, lambda known: known.demote(member, now, clock.wall()))

    def revoke(self, now, member, group):
        return self._change(group, member, now, lambda known: known.revoke(member, now, clock.wall()))

    def backup(self, now, group):
        membership = self._groups.find(group)
        line, passphrase = backup.seal(crypto, membership.group)
        return {"group": membership.name, "line": line, "passphrase": passphrase}

    def leave(self, now, group):
        """Also a group that is damaged or switched off, or that we are only on the way into."""
        name, role = self._groups.leave(group, now)
        return {"group": name, "role": role}

    def restore(self, now, line, passphrase):
        recovery = backup.unseal(crypto, line, passphrase)
        self._timestamps.reach(recovery.made)
        self._groups.make_way(recovery.kept["group"], now)
        return group_status.member_of(self._groups.replace(recovery), now)

    # --- how it works

    def _draw(self, name, large, wanted):
        """(subnet, slice length, ULA) for a new group: nothing of it is in use here. Raises UserError."""
        networks, uplinks = router_networks()
        found = ()
        for _ in range(DRAWS):
            subnet, slice_length, ula = charter.draw(crypto, large)
            if wanted:
                subnet, slice_length = charter.read_subnet(wanted)
            own = [self._options().bridge, self._options().device]
            found = conflicts.find(name, subnet, ula, own, networks, self._groups.addresses(), uplinks)
            if not found:
                return subnet, slice_length, ula
            if wanted:
                break
        raise UserError("; ".join([conflicts.text(each) for each in found]))

    def _follow(self, membership, now):
        """After a change: keep it, then let it be known. Raises UserError when it can't be kept."""
        membership.group.handle_news(now, clock.wall())
        membership.save(now, at_once=True)
        membership.handle_turn(now)
        if membership.why_not_kept is not None:
            raise UserError(_NOT_KEPT % membership.why_not_kept)

    def _change(self, group, wanted, now, change):
        membership = self._groups.find(group)
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
        return [self._groups.find(name)] if name else self._groups.memberships()

    def _find_with(self, name, has):
        """The Membership of a name, or of "" the only one of whose Issuer `has` is true."""
        having = [each for each in self._groups.memberships() if has(each.group.issuer)]
        return self._groups.find(name) if name or len(having) != 1 else having[0]


def _check_brokers(brokers):
    """Raises UserError."""
    for text in brokers:
        try:
            url.parse(text)
        except Refused as error:
            raise UserError("broker %s: %s" % (quoted(text), error.args[0]))
        except ValueError:
            raise UserError("broker %s: expected %s" % (quoted(text), url.EXPECTED))
        if brokers.count(text) > 1:
            raise UserError("broker %s is named twice" % quoted(text))


_NOT_KEPT = "done, but it can't be kept, and is forgotten at the next start unless it can be by then: %s"

_WHY_NO_GROUP = {
    "bad-charter": "a group's name has 1 to 63 letters; a broker is mqtt://HOST or mqtts://HOST",
    "long-charter": "the brokers' addresses are too long together: leave one out, or write them shorter",
    "bad-name": "a member's name has 1 to 63 letters, and nothing that can't be seen",
}
