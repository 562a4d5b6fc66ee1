'use strict';
'require view';
'require form';
'require uci';
'require ipop.daemon as daemon';
'require ipop.dialog as dialog';
'require ipop.elements as elements';
'require ipop.schema as schema';

// The daemon's own settings: the few of its options that people have a reason to change. And where each group's members
// find each other, which its owner can change.

const h = elements.h;
const SHOWN = [ 'enabled', 'port', 'relay', 'relay_limit', 'stun', 'turn', 'log_level' ];
const EVERY = 5;  // s between two looks

return view.extend({
	load() {
		return Promise.all([ this.groups(), uci.load('ipop') ]);
	},

	groups() {
		return daemon.ask('groups').catch(() => []);
	},

	render([ groups ]) {
		const map = new form.Map('ipop', null, null);
		const section = schema.globals(map);
		const better = {
			enabled: { title: _('Switched on'), help: _('Whether IPOP runs on this router.') },
			relay: {
				title: _('Forward for others'),
				help: _('Whether this router forwards for members who can\'t meet directly. It sees nothing of what it forwards, but it costs upload.'),
				choices: [ [ 'auto', _('if it has a public address') ], [ '1', _('always') ], [ '0', _('never') ] ]
			},
			relay_limit: { title: _('Forward at most'), help: _('For all members together, in kbit/s. 0: up to 32000 for each of them.') },
			log_level: { choices: [ [ 'error', _('errors only') ], [ 'warning', _('warnings') ], [ 'info', _('what happens') ], [ 'debug', _('everything, for finding faults') ] ] }
		};

		for (const name of SHOWN)
			schema.add(section, 'globals', name, better[name]);
		return schema.render(map).then(node => elements.page(h('h2', {}, _('Settings')), node, this.brokers(groups)));
	},

	brokers(groups) {
		const table = elements.table(_('Brokers'), [ { id: 'name', title: _('Group') }, { id: 'url', title: _('Broker'), isLong: true }, { id: 'state', title: _('State') } ], 'name');
		const none = h('p', { 'class': 'ipop-quiet' }, _('none'));
		const update = groups => {
			const rows = groups.flatMap(group => group.brokers.map(broker =>
				({ key: group.name + ' ' + broker.url, cells: { name: group.name, url: broker.url, state: broker.connected ? _('connected') : _('not connected') } })));

			table.update(rows);
			table.node.hidden = !rows.length;
			none.hidden = rows.length > 0;
		};
		const look = () => this.groups().then(update);
		const owned = groups.filter(group => group.state === 'member' && group.role === 'owner' && L.hasViewPermission());

		update(groups);
		elements.look(look, EVERY);
		return elements.section(_('Brokers'),
			h('p', {}, _('Over these servers members find each other. They belong to the group, and its owner chooses them.')),
			table.node, none, owned.map(group => this.choice(group.name, look)));
	},

	// The URLs as they are, passwords and all: only who may change them is told.
	choice(group, again) {
		const area = h('textarea', { 'rows': '2', 'name': 'brokers', 'class': 'cbi-input-textarea', 'spellcheck': 'false', 'disabled': true });
		const status = dialog.newStatus();
		const show = answer => {
			area.value = answer.brokers.join('\n');
			area.disabled = false;
		};
		const save = () => {
			const brokers = area.value.split(/\s+/).filter(url => url);

			if (!brokers.length) {
				area.focus();
				return Promise.reject(new Error(_('Name one broker at least: without any, nobody finds the others.')));
			}
			return daemon.ask('group_brokers', { group, brokers }).then(answer => {
				show(answer);
				dialog.say(status, 'good', _('The members meet there from now on. Leave the old brokers running for a while if you can: who is away now hears of it there.'));
				return again();
			});
		};

		daemon.ask('group_brokers', { group }).then(show, error => dialog.say(status, 'bad', error.message));
		return h('div', {},
			dialog.field(_('Brokers of “%s”').format(group), area, _('MQTT servers, one a line, the best first. Open invites stay good.')),
			status,
			dialog.actions(status, { text: _('Save brokers'), kind: 'cbi-button-apply', action: save }));
	}
});
