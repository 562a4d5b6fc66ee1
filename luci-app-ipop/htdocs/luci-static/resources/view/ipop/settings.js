'use strict';
'require view';
'require form';
'require uci';
'require ipop.daemon as daemon';
'require ipop.elements as elements';
'require ipop.schema as schema';

// The daemon's own settings: the few of its options that people have a reason to change.

const h = elements.h;
const SHOWN = [ 'enabled', 'port', 'relay', 'stun', 'turn', 'log_level' ];

return view.extend({
	load() {
		return Promise.all([ daemon.ask('groups').catch(() => []), uci.load('ipop') ]);
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
			log_level: { choices: [ [ 'error', _('errors only') ], [ 'warning', _('warnings') ], [ 'info', _('what happens') ], [ 'debug', _('everything, for finding faults') ] ] }
		};

		for (const name of SHOWN)
			schema.add(section, 'globals', name, better[name]);
		return schema.render(map).then(node => elements.page(h('h2', {}, _('Settings')), node, this.brokers(groups)));
	},

	// They are part of the group: chosen by who makes it, the same for all members.
	brokers(groups) {
		const rows = groups.flatMap(group => group.brokers.map(broker =>
			({ key: group.name + ' ' + broker.url, cells: { name: group.name, url: broker.url, state: broker.connected ? _('connected') : _('not connected') } })));
		const table = elements.table(_('Brokers'), [ { id: 'name', title: _('Group') }, { id: 'url', title: _('Broker'), isLong: true }, { id: 'state', title: _('State') } ], 'name');

		table.update(rows);
		return elements.section(_('Brokers'),
			h('p', {}, _('Over these servers members find each other. They belong to the group, and are chosen when it is created.')),
			rows.length ? table.node : h('p', { 'class': 'ipop-quiet' }, _('none')));
	}
});
