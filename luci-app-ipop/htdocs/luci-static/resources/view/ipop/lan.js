'use strict';
'require view';
'require form';
'require uci';
'require ui';
'require ipop.daemon as daemon';
'require ipop.elements as elements';
'require ipop.options as options';
'require ipop.schema as schema';
'require ipop.setup as setup';

// Which of this router's ports and Wi-Fi are in a group, what its devices may, what never crosses, and names. The form
// only writes /etc/config/ipop; `ipop setup` makes the network out of it when it is applied.

const h = elements.h;
const EVERY = 10;  // s between two looks at the counters
const IN = [ 'member', 'joining' ];

// What the guards are about, in a word; what they do is in the daemon's table.
const GUARDS = {
	dhcp: 'DHCP', dhcpv6: 'DHCPv6', ra: _('Router announcements'), redirect: _('Redirects'), control: _('Talk among switches'),
	pppoe: 'PPPoE', igd: _('UPnP gateway'), portmap: _('Port mapping'), router: _('This router'), unparsed: _('Disguised data')
};

// The section of a group, which may not be in the file yet; the daemon's names may be none of UCI's.
function sectionOf(group) {
	const found = uci.sections('ipop', 'group').find(each => (each.name || each['.name']) === group);

	if (found)
		return found['.name'];
	const isFree = name => /^\w+$/.test(name) && !uci.get('ipop', name) && !(name in GUARDS);
	let name = group;

	for (let n = 1; !isFree(name); n++)
		name = 'group_' + group.replace(/\W/g, '_') + (n > 1 ? '_' + n : '');
	uci.add('ipop', 'group', name);
	if (name !== group)
		uci.set('ipop', name, 'name', group);
	return name;
}

// The ports of all bridges, but for the daemon's own devices.
function ports() {
	const found = uci.sections('network', 'device').flatMap(device => [].concat(device.ports || []));
	const chosen = uci.sections('ipop', 'group').flatMap(group => [].concat(group.port || []));

	return [ ...new Set([ ...found, ...chosen ].flatMap(text => text.split(/\s+/))) ].filter(name => name && !/^ipop\d+$/.test(name)).sort();
}

function radios() {
	const bands = { '2g': '2.4 GHz', '5g': '5 GHz', '6g': '6 GHz' };

	return uci.sections('wireless', 'wifi-device').map(radio =>
		[ radio['.name'], radio['.name'] + (bands[radio.band] ? ' (' + bands[radio.band] + ')' : '') ]);
}

return view.extend({
	load() {
		return Promise.all([
			daemon.ask('groups').catch(error => ({ error })),
			daemon.ask('status').catch(() => null),
			uci.load('ipop'),
			L.resolveDefault(uci.load('network')),
			L.resolveDefault(uci.load('wireless'))
		]);
	},

	render([ groups, status ]) {
		this.may = L.hasViewPermission();
		if (groups.error || !this.may)
			this.handleSave = this.handleSaveApply = this.handleReset = null;
		if (groups.error)
			return elements.page(h('h2', {}, _('LAN')), h('p', { 'class': 'ipop-said', 'data-level': 'bad', 'role': 'status' }, groups.error.message), elements.wayOut());
		const present = groups.filter(group => IN.includes(group.state));

		this.map = new form.Map('ipop', null, null);
		present.forEach(group => this.addGroup(group));
		this.addGuards(status);
		return schema.render(this.map).then(node => elements.page(
			h('h2', {}, _('LAN')),
			present.length ? this.state() : h('p', {}, _('This router is in no group:'), ' ', elements.link(_('create or join one'), 'group'), '.'),
			node));
	},

	// Whether the network of this router is as chosen.
	state() {
		const text = h('p', { 'class': 'ipop-said', 'role': 'status' });
		const more = h('div', {});
		const look = () => setup.steps().then(steps => {
			text.dataset.level = steps.length ? '' : 'good';
			elements.setText(text, steps.length ? _('Not all that was chosen is set up on this router yet:') : _('The network of this router is set up as chosen.'));
			more.replaceChildren(setup.list(steps));
		}, error => {
			text.dataset.level = 'bad';
			elements.setText(text, elements.reason(error));
			more.replaceChildren();
		});

		look();
		elements.look(look, 6 * EVERY);
		return h('div', {}, text, more, this.may ? h('div', { 'class': 'ipop-section-buttons' },
			elements.button(_('Show what “Save & Apply” will change'), () => this.preview(), 'cbi-button-action')) : null);
	},

	// What is written in the form, applied or not.
	preview() {
		return this.map.parse().then(() => setup.show(schema.text([ 'globals', 'group' ])), () =>
			ui.addNotification(null, h('p', {}, _('Something in the form is not right yet.')), 'warning'));
	},

	addGroup(group) {
		const name = sectionOf(group.name);
		const title = '%h'.format(group.name);  // a form takes its texts for HTML

		const section = this.map.section(form.NamedSection, name, 'group', _('Devices of “%s”').format(title),
			_('A device is in the group when it is plugged into one of these ports, or in this Wi-Fi. It needs nothing else.'));
		const add = (option, rest) => schema.add(section, 'group', option, rest);

		section.addremove = false;
		const serve = add('serve', {
			title: _('Network'), help: _('“Nothing” also takes back what was set up before.'),
			choices: [ [ 'openwrt', _('This router sets up bridge, addresses, names and firewall') ], [ 'none', _('Nothing: I do it by hand') ] ]
		});

		serve.default = uci.get('ipop', 'globals', 'serve') || schema.known('globals', 'serve').default;
		serve.optional = false;
		const own = (option, rest) => {
			const made = add(option, rest);

			made.depends('serve', 'openwrt');
			return made;
		};
		const port = own('port', { widget: 'MultiValue', title: _('Ports'), placeholder: _('none'), help: _('They leave the home\'s own LAN: don\'t choose the one by which you are connected just now.') });

		ports().forEach(each => port.value(each, each));
		own('ssid', {
			title: _('Wi-Fi'), placeholder: _('none'),
			help: _('The name of a new Wi-Fi for the group\'s devices. To give it one that there is already, choose the network “%s” for that under Network, Wireless.').format('%h'.format(group.device || 'ipop0'))
		});
		const key = own('key', { title: _('Passphrase of the Wi-Fi'), help: _('8 letters or more.'), placeholder: ' ' });

		key.password = true;
		key.validate = (id, value) => value || !section.formvalue(id, 'ssid') ? true : _('The Wi-Fi needs a passphrase.');
		const radio = own('radio', { widget: 'ListValue', title: _('Radio'), help: _('Where the Wi-Fi is.'), choices: [ [ '', _('all of this router') ], ...radios() ] });

		radio.optional = true;
		own('internet', { title: _('Internet'), help: _('The group\'s devices here may use this home\'s internet.') });
		add('mode', {
			title: _('Mode'), help: _('Games, printers and players find each other only on one LAN.'),
			choices: [ [ 'bridge', _('One LAN: devices find each other by themselves') ], [ 'route', _('IP only: no broadcasts from other homes') ] ]
		});
		add('map', { title: _('Devices of the home\'s own LAN'), help: _('Addresses or networks, such as 192.168.1.20 or 192.168.1.0/24, that the group can reach although they are not in it.') });
		add('domain', { title: _('Names end in'), help: _('The group\'s devices have names in all homes, such as nas.cabin.%s.internal.').format(title) });
	},

	// A table of switches with what each has stopped: one option of the form that writes many sections.
	addGuards(status) {
		const section = schema.globals(this.map, _('What never crosses from one home to another'),
			_('Leave these on unless you know that something needs it.'));
		const option = section.option(form.DummyValue, '_guards', null);
		const table = elements.table(_('What never crosses from one home to another'), [
			{ id: 'name', title: _('Kept at home') }, { id: 'text', title: _('What that means'), isWide: true },
			{ id: 'count', title: _('Stopped since the start') }, { id: 'on', title: _('On') }
		], 'name');
		const isOn = name => uci.get('ipop', name, 'enabled') !== '0';
		const boxes = Object.fromEntries(options.guards.map(({ name }) => [ name, h('input', {
			'type': 'checkbox', 'checked': isOn(name), 'disabled': !this.may, 'aria-label': GUARDS[name] || name
		}) ]));
		const show = answer => table.update(options.guards.map(({ name, help }) => ({ key: name, cells: {
			name: GUARDS[name] || name, text: help, count: answer ? String(answer.dropped['guard-' + name] || 0) : '', on: boxes[name]
		} })));

		option.renderWidget = () => table.node;
		option.parse = () => {
			for (const { name } of options.guards)
				if (boxes[name].checked !== isOn(name)) {
					if (!uci.get('ipop', name))
						uci.add('ipop', 'guard', name);
					uci.set('ipop', name, 'enabled', boxes[name].checked ? '1' : '0');
				}
			return Promise.resolve();
		};
		show(status);
		elements.look(() => daemon.ask('status').then(show, () => {}), EVERY);
	}
});
