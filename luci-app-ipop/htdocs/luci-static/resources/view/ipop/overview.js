'use strict';
'require view';
'require fs';
'require uci';
'require ipop.daemon as daemon';
'require ipop.dialog as dialog';
'require ipop.elements as elements';
'require ipop.graph as graph';
'require ipop.map as map';
'require ipop.words as words';

// One sentence that says whether it works, and all that stands behind it. What changes often is asked for often; who is
// in a group and the NAT only when something has happened, or now and then.

const h = elements.h;
const EVERY = 5;  // s between two looks
const SELDOM = 12;  // looks between two thorough ones
const DEVICES = 3;  // looks between two at the devices: nothing else tells of a new one
const EVENTS_MAX = 100;
const FIRST = 'cbi-button-action important';  // what to press first
const MARKS = { good: '✓', warn: '!', bad: '✕', none: '?' };

function state(level, text) {
	return old => {
		const node = old || h('span', { 'class': 'ipop-state' });

		node.dataset.level = level;
		elements.setText(node, text);
		return node;
	};
}

function nameOf(node) {
	return (node.group || '') + ' ' + node.name;
}

return view.extend({
	load() {
		return Promise.all([ this.thorough({ next: 0 }), L.resolveDefault(uci.load('ipop')) ]);
	},

	// All there is to know, or {error}.
	thorough(since) {
		return Promise.all([
			daemon.ask('status'), daemon.ask('peers'), daemon.ask('events', { since: since.next }),
			daemon.ask('devices'), daemon.ask('topology'), daemon.ask('nat')
		]).then(([ status, peers, events, devices, topology, nat ]) =>
			({ status, peers, events, devices, topology, nat }), error => ({ error }));
	},

	quick(since) {
		return Promise.all([
			daemon.ask('status'), daemon.ask('peers'), daemon.ask('events', { since: since.next }),
			this.looks % DEVICES ? null : daemon.ask('devices')
		]).then(([ status, peers, events, devices ]) => ({ status, peers, events, devices }), error => ({ error }));
	},

	render([ first ]) {
		this.looks = 0;
		this.since = { next: 0 };
		this.graphs = elements.byName();
		this.total = graph.create();
		this.build();
		this.update(first);
		elements.look(() => this.look(), EVERY);
		window.addEventListener('resize', () => this.drawMaps());
		this.page.then(() => window.requestAnimationFrame(() => this.drawMaps()));  // they have a width then
		return this.page;
	},

	look() {
		const isThorough = this.failed || this.looks++ % SELDOM === 0;

		return (isThorough ? this.thorough(this.since) : this.quick(this.since)).then(found => {
			if (!isThorough && !found.error && found.events.events.length)
				return this.thorough(this.since).then(all => this.update(all));
			this.update(found);
		});
	},

	build() {
		this.sentence = h('p', { 'class': 'ipop-sentence' });
		this.notes = h('ul', {});
		this.buttons = h('div', { 'class': 'ipop-buttons' });
		this.mark = h('span', { 'class': 'ipop-mark', 'aria-hidden': 'true' });
		this.verdict = h('div', { 'class': 'ipop-verdict', 'id': 'ipop-verdict' }, this.mark,
			h('div', {}, h('div', { 'role': 'status', 'aria-live': 'polite' }, this.sentence, this.notes), this.buttons));
		this.members = elements.table(_('Members'), [
			{ id: 'name', title: _('Router') }, { id: 'state', title: _('State'), isLong: true }, { id: 'rtt', title: _('Answers in') },
			{ id: 'graph', title: _('Traffic') }, { id: 'now', title: _('Now') }, { id: 'total', title: _('In total') },
			{ id: 'version', title: _('Version') }
		], 'name');
		this.members.node.classList.add('ipop-members');
		this.devices = elements.table(_('Devices'), [
			{ id: 'name', title: _('Device') }, { id: 'address', title: _('Address') }, { id: 'member', title: _('Behind'), isLong: true },
			{ id: 'fqdn', title: _('Full name'), isLong: true }, { id: 'seen', title: _('Heard') }
		], 'name');
		this.noDevices = h('p', { 'class': 'ipop-quiet' }, _('No devices are known yet: they appear when one joins the group\'s Wi-Fi or port, here or elsewhere.'),
			' ', elements.link(_('Choose ports and Wi-Fi'), 'lan'));
		this.maps = h('div', { 'class': 'ipop-map-place' });
		this.drawings = elements.byName();
		this.traffic = { in: h('span', { 'class': 'ipop-in' }), out: h('span', { 'class': 'ipop-out' }) };
		this.nat = h('p', {});
		this.natHelp = h('p', { 'class': 'ipop-quiet' });
		this.natFacts = h('dl', { 'class': 'ipop-facts' });
		this.events = h('ol', { 'class': 'ipop-events', 'tabindex': '0', 'aria-label': _('What happened') });
		this.ofGroups = h('div', {},
			elements.section(_('Members'), elements.scroller(_('Members'), this.members.node),
				h('div', { 'class': 'ipop-traffic' }, this.total.node, this.traffic.in, this.traffic.out)),
			elements.section(_('Map'), this.maps, h('p', { 'class': 'ipop-legend', 'aria-hidden': 'true' },
				h('span', { 'class': 'ipop-state', 'data-level': 'direct' }, _('direct')),
				h('span', { 'class': 'ipop-state', 'data-level': 'relayed' }, _('relayed by another member, which sees nothing of it')),
				h('span', { 'class': 'ipop-state' }, _('off')))));
		this.rest = h('div', {}, this.ofGroups,
			elements.section(_('Devices'), elements.scroller(_('Devices'), this.devices.node), this.noDevices),
			elements.section(_('This router and the internet'), this.nat, this.natHelp,
				h('details', {}, h('summary', {}, _('Details')), this.natFacts)),
			elements.section(_('What happened'), this.events));
		this.page = elements.page(h('h2', {}, _('IPOP')), this.verdict, this.rest);
	},

	update(found) {
		this.failed = !!found.error;
		if (this.failed)
			return this.fail(found.error);
		Object.assign(this, { status: found.status, peers: found.peers });
		const said = words.verdict(found.status, found.peers), waiting = words.waiting(found.status);

		this.say(said.level, said.text, waiting.concat(said.notes));
		this.rest.hidden = said.level === 'none';
		this.offer(waiting.length ? 'requests' : said.next || '');
		if (found.topology)
			this.topology = found.topology;
		this.showMembers();
		this.showTraffic();
		if (found.devices)
			this.showDevices(found.devices);
		if (found.nat)
			this.showNat(found.nat);
		this.drawMaps();
		this.showEvents(found.events);
	},

	// What was known stays, unless it is certain that it no longer holds.
	fail(error) {
		const isDown = error.kind === 'down', isOff = isDown && uci.get('ipop', 'globals', 'enabled') === '0';

		this.rest.hidden = isDown || !this.status;
		if (isOff)
			this.say('bad', _('IPOP is switched off on this router.'), []);
		else
			this.say('bad', error.message, {
				down: [ _('It may have stopped: the log says more.') ],
				slow: [ _('The router may be busy. This page goes on asking.') ]
			}[error.kind] || []);
		this.offer(isOff ? 'off' : isDown ? 'down' : '');
	},

	say(level, text, notes) {
		this.verdict.dataset.level = level;
		elements.setText(this.mark, MARKS[level]);
		elements.setText(this.sentence, text);
		if (JSON.stringify(notes) !== this.said) {
			this.said = JSON.stringify(notes);
			this.notes.hidden = !notes.length;
			this.notes.replaceChildren(...notes.map(note => h('li', {}, note)));
		}
	},

	// What to press next, for those who may.
	offer(what) {
		if (what === this.offered || !L.hasViewPermission())
			return;
		this.offered = what;
		const go = (text, page, kind) => elements.button(text, () => { window.location = L.url('admin/vpn/ipop/' + page); }, kind || FIRST);

		this.buttons.replaceChildren(...({
			begin: () => [ go(_('Create a group'), 'group'), go(_('Join a group'), 'group', 'cbi-button-action') ],
			group: () => [ go(_('Show the group'), 'group') ],
			invite: () => [ go(_('Invite somebody'), 'group') ],
			requests: () => [ go(_('Show who waits'), 'group') ],
			off: () => [ go(_('Settings'), 'settings') ],
			down: () => [ elements.button(_('Start IPOP'), () => this.start(), FIRST) ],
			'': () => []
		})[what]());
	},

	start() {
		const status = dialog.show(_('Starting IPOP'), []);

		dialog.say(status, 'busy', _('One moment…'));
		return fs.exec('/etc/init.d/ipop', [ 'restart' ]).then(() => new Promise(resolve => window.setTimeout(resolve, 1500)))
			.then(() => daemon.ask('status')).then(() => { dialog.close(); return this.look(); })
			.catch(error => dialog.say(status, 'bad', _('It did not start: %s').format(elements.reason(error))));
	},

	showMembers() {
		const several = this.status.groups.length > 1;
		const peers = new Map(this.peers.map(peer => [ nameOf(peer), peer ]));
		const nodes = this.topology.nodes.slice().sort((a, b) =>
			(b.state === 'this router') - (a.state === 'this router') || nameOf(a).localeCompare(nameOf(b)));
		const members = nodes.map(member => this.memberRow(member, peers.get(nameOf(member)), several));
		const known = new Set(nodes.map(nameOf));
		// Those that are written in the configuration are in no group.
		const others = this.peers.filter(peer => !known.has(nameOf(peer)))
			.map(peer => this.memberRow({ name: peer.name, fingerprint: peer.public_key, state: '' }, peer, false));

		this.members.update(members.concat(others));
		this.ofGroups.hidden = !members.length && !others.length;
	},

	memberRow(member, peer, several) {
		const isThis = member.state === 'this router';
		const key = nameOf(member) + ' ' + member.fingerprint;
		const way = isThis ? { level: 'good', text: _('this router') } : words.way(peer);
		const drawn = this.graphs[key] || (this.graphs[key] = graph.create());
		const now = peer ? drawn.update({ in: peer.bytes_in, out: peer.bytes_out }, Date.now()) : null;

		return { key, cells: {
			name: member.name + (several && member.group ? ' (%s)'.format(member.group) : ''),
			state: state(way.level, way.text),
			rtt: peer && peer.state === 'connected' ? words.rtt(peer.rtt_ms) : '',
			graph: peer ? drawn.node : '',
			now: now ? '↓ %s ↑ %s'.format(words.rate(now.in), words.rate(now.out)) : '',
			total: peer ? '↓ %s ↑ %s'.format(words.size(peer.bytes_in), words.size(peer.bytes_out)) : '',
			version: isThis ? this.status.version : (peer && peer.suite === 'blake2s' ? 'WireGuard' : (peer && peer.version))
		} };
	},

	showTraffic() {
		const traffic = this.status.traffic;
		const now = this.total.update({ in: traffic.bytes_in, out: traffic.bytes_out }, Date.now());

		elements.setText(this.traffic.in, _('↓ received: %s').format(now ? words.rate(now.in) : '–'));
		elements.setText(this.traffic.out, _('↑ sent: %s').format(now ? words.rate(now.out) : '–'));
	},

	showDevices(devices) {
		devices.sort((a, b) => a.member.localeCompare(b.member) || a.name.localeCompare(b.name) || (a.mac < b.mac ? -1 : 1));
		this.noDevices.hidden = devices.length > 0;
		this.devices.node.hidden = !devices.length;
		this.devices.update(devices.map(device => ({ key: device.group + ' ' + device.mac + ' ' + device.address, cells: {
			name: device.name || device.vendor || _('without a name'),
			address: device.address,
			member: device.member,
			fqdn: device.fqdn,
			seen: device.seen_s === null ? '' : _('%s ago').format(words.duration(device.seen_s))
		} })));
	},

	showNat(nat) {
		const said = words.nat(nat);

		elements.setText(this.nat, said.text);
		elements.setText(this.natHelp, said.help);
		const facts = [
			[ _('Own addresses'), nat.hosts.join(', ') || _('none') ],
			[ _('As members see it'), nat.seen.join(', ') || '–' ],
			[ _('UDP port'), nat.port ],
			[ _('Port mapping'), nat.port_mapping ],
			[ _('TURN'), nat.turn || _('none') ],
			[ _('Forwards for others'), nat.relay ? _('yes') : _('no') ]
		];

		this.natFacts.replaceChildren(...facts.flatMap(([ name, value ]) => [ h('dt', {}, name), h('dd', {}, String(value)) ]));
	},

	drawMaps() {
		if (!this.topology)
			return;
		const names = [ ...new Set(this.topology.nodes.map(node => node.group)) ];

		for (const name in this.drawings)
			if (!names.includes(name)) {
				this.drawings[name].place.remove();
				delete this.drawings[name];
			}
		for (const name of names) {
			if (!this.drawings[name]) {
				const drawing = map.create();

				this.drawings[name] = { drawing, place: h('div', {}, names.length > 1 ? h('h4', {}, name) : null, drawing.node) };
				this.maps.append(this.drawings[name].place);
			}
			this.drawings[name].drawing.update(
				this.topology.nodes.filter(node => node.group === name),
				this.peers.filter(peer => peer.group === name && peer.state === 'connected'));
		}
	},

	showEvents(answer) {
		this.since.next = answer.next;
		for (const event of answer.events) {
			const time = h('time', { 'datetime': new Date(event.time * 1000).toISOString() }, words.clock(event.time));

			this.events.prepend(h('li', { 'data-kind': event.kind }, time,
				h('span', {}, (event.group && this.status.groups.length > 1 ? event.group + ': ' : '') + event.text)));
		}
		while (this.events.children.length > EVENTS_MAX)
			this.events.lastChild.remove();
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
