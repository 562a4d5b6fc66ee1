'use strict';
'require baseclass';

// What the daemon tells, in words for somebody who has never heard of it: whether it works, and if not, what to do.

const THROUGH = 'through ';
const ADVISED = 4;  // members that are spoken of

function plural(n, one, many) {
	return (n === 1 ? one : many).format(n);
}

function duration(seconds) {
	if (seconds < 90)
		return _('%d s').format(seconds);
	if (seconds < 5400)
		return _('%d min').format(Math.round(seconds / 60));
	if (seconds < 129600)
		return _('%d h').format(Math.round(seconds / 3600));
	return _('%d days').format(Math.round(seconds / 86400));
}

function clock(seconds) {
	const date = new Date(seconds * 1000);
	const isToday = date.toDateString() === new Date().toDateString();
	const language = document.documentElement.lang || undefined;

	return isToday ? date.toLocaleTimeString(language) : date.toLocaleString(language);
}

// Below 1 KiB LuCI's format shows all digits that there are.
function size(bytes) {
	return '%1024.1mB'.format(Math.round(bytes || 0));
}

function isDetour(way) {
	return typeof way === 'string' && way.startsWith(THROUGH);
}

function relay(way) {
	return way.slice(THROUGH.length);
}

// How a member is reached, of what `peers` says; none: it is not among them.
function way(peer) {
	if (!peer)
		return { level: 'off', text: _('not connected') };
	if (peer.state === 'connected')
		return isDetour(peer.endpoint) ?
			{ level: 'relayed', text: _('relayed by %s').format(relay(peer.endpoint)) } :
			{ level: 'direct', text: _('direct') };
	if (peer.state === 'connecting')
		return { level: 'connecting', text: _('connecting…') };
	if (peer.last_heard_s === null || peer.last_heard_s === undefined)
		return { level: 'off', text: _('off: not heard since this router started') };
	return { level: 'off', text: _('off since %s').format(clock(Date.now() / 1000 - peer.last_heard_s)) };
}

// What to do about a member that is not connected.
function advice(peer) {
	if (peer.state === 'connecting' && !peer.has_detour)
		return _('%s does not answer at %s. If it is on, the two networks can\'t be joined directly and nobody can forward: “Forward for others” on a member with a public address would help (Settings).').format(peer.name, peer.endpoint);
	if (peer.state === 'connecting')
		return _('%s does not answer at %s: is it switched on?').format(peer.name, peer.endpoint);
	return _('%s has not said where it is: it may be switched off, or have no internet.').format(peer.name);
}

function quotedNames(groups) {
	return groups.map(group => '“' + group.name + '”').join(', ');
}

// One group that this router is not fully in, or null.
function trouble(group) {
	if (group.state === 'joining')
		return { level: 'warn', text: _('Joining “%s”: %s').format(group.name, group.text) };
	if (group.state === 'damaged' || group.text)
		return { level: 'bad', text: _('“%s” does not work: %s').format(group.name, group.text) };
	return null;
}

function noBroker(group) {
	return group.brokers.length && !group.brokers.some(broker => broker.connected);
}

// {level: 'good', 'warn', 'bad' or 'none', text: one sentence, notes: [what to do], next: what to press: 'begin', 'group',
// 'invite' or nothing}
function verdict(status, all) {
	const groups = status.groups.filter(group => group.state !== 'off');
	const troubles = groups.map(trouble).filter(each => each);
	const lost = groups.filter(trouble).map(group => group.name);
	const peers = all.filter(peer => !lost.includes(peer.group));
	const connected = peers.filter(peer => peer.state === 'connected').length;
	const away = peers.filter(peer => peer.state !== 'connected');
	const notes = status.problems.slice();

	for (const group of groups)
		if (group.state === 'member' && noBroker(group))
			notes.push(_('The broker of “%s” can\'t be reached (%s), so routers that move or restart may not be found: is this router\'s internet working?').format(group.name, group.brokers[0].url));
	if (!groups.length && !peers.length)
		return {
			level: 'none',
			text: _('This router is in no group yet.'),
			notes: notes.concat(_('A group is one LAN of several homes: consoles, players and printers find each other as if all were in one house.'), _('Create a group, or join one with an invite that a friend sends you.')),
			next: 'begin'
		};
	if (troubles.length && !peers.length)
		return { level: troubles[0].level, text: troubles[0].text, notes, next: 'group' };
	if (!peers.length)
		return {
			level: 'warn',
			text: _('Ready, but nobody else is in %s yet.').format(quotedNames(groups)),
			notes: notes.concat(_('Invite somebody: they paste one line on their router.')),
			next: 'invite'
		};
	notes.push(...troubles.map(each => each.text), ...away.slice(0, ADVISED).map(advice));
	if (away.length > ADVISED)
		notes.push(plural(away.length - ADVISED, _('One more is not connected.'), _('%d more are not connected.')));
	if (!connected)
		return {
			level: 'bad',
			text: peers.length === 1 ?
				_('Not working: %s is not connected.').format(peers[0].name) :
				_('Not working: none of the other %d routers is connected.').format(peers.length),
			notes
		};
	if (away.length)
		return {
			level: 'warn',
			text: _('Working in part: %d of %d other routers are connected.').format(connected, peers.length),
			notes
		};
	if (notes.length)
		return { level: 'warn', text: _('Working, but there is a problem.'), notes };
	return {
		level: 'good',
		text: peers.length === 1 ?
			_('Working: connected with %s.').format(peers[0].name) :
			_('Working: connected with all %d other routers.').format(peers.length),
		notes
	};
}

// {level, text, help} of what stands between this router and the internet, for the words of src/ipop/daemon/outlook.py.
function nat(answer) {
	const [ level, text ] = {
		public: [ 'good', _('Everybody can reach this router directly: it has a public address.') ],
		mapped: [ 'good', _('Everybody can reach this router directly: the router before it lets them through.') ],
		firewall: [ 'good', _('This router has a public address, behind a firewall that lets in only what answers: nearly all members are reached directly.') ],
		ipv6: [ 'good', _('There is only IPv6 here: members that have it are reached directly, the others through a member that has both.') ],
		unseen: [ 'none', _('How this router looks from the internet is not known yet.') ],
		blocked: [ 'bad', _('This network seems to block what IPOP needs (UDP).') ],
		turn: [ 'warn', _('This network seems to block what IPOP needs (UDP): members are reached through the TURN server.') ],
		nat: [ 'warn', _('Another router stands before this one: members are reached directly where that is possible.') ],
		hard: [ 'warn', _('A strict router stands before this one: some members are reached through a member that relays.') ],
		easy: [ 'good', _('An easy-going router stands before this one: everybody can reach this router while it is on.') ],
		usual: [ 'good', _('An ordinary router stands before this one: nearly all members are reached directly.') ]
	}[answer.means];
	const help = {
		forward: _('To be reached by everybody, let the router before this one forward UDP port %d to it, or switch on UPnP, NAT-PMP or PCP there.').format(answer.port),
		outer: _('The router before this one forwards UDP port %d to it, but stands behind another one itself: to be reached by everybody, ask the internet provider for a public address.').format(answer.port),
		open: _('To be reached by everybody, have the firewall before this router let UDP port %d in.').format(answer.port),
		stun: _('The first connected member tells it, or a STUN server (Settings).'),
		unblock: _('Ask whoever runs this network to let UDP out, which is quicker.'),
		turn: _('Ask whoever runs this network to let UDP out, or add a TURN server (Settings).')
	}[answer.help] || '';

	return { level, text, help };
}

// Who has to be let in by somebody at this router.
function waiting(status) {
	return status.groups.filter(group => group.requests).map(group => _('Somebody waits to be let into “%s”.').format(group.name));
}

return baseclass.extend({
	clock,
	duration,
	isDetour,
	nat,
	plural,
	relay,
	verdict,
	waiting,
	way,

	size,

	rate(bytesPerSecond) {
		return _('%s/s').format(size(bytesPerSecond));
	},

	rtt(ms) {
		if (ms === null || ms === undefined)
			return '–';
		return _('%s ms').format(ms < 10 ? ms.toFixed(1) : ms.toFixed(0));
	},

	role(role) {
		return { owner: _('owner'), admin: _('admin'), member: _('member'), revoked: _('removed') }[role] || role;
	}
});
