'use strict';
'require baseclass';
'require rpc';

// UCI as the pages see it: what was loaded, and what has been changed of it until `save` sends that.

const call = (method, params, expect) => rpc.declare({ object: 'uci', method, params, expect, reject: true });
const callGet = call('get', [ 'config' ], { values: {} });
const callAdd = call('add', [ 'config', 'type', 'name', 'values' ]);
const callSet = call('set', [ 'config', 'section', 'values' ]);
const callDelete = call('delete', [ 'config', 'section', 'options' ]);

return baseclass.extend({
	__init__() {
		this.loaded = {};
		this.added = [];
		this.changed = {};  // config -> section -> option -> value, null where it is removed
	},

	load(config) {
		if (!this.loaded[config])
			this.loaded[config] = callGet(config).then(values => {
				this.loaded[config] = values;
				return values;
			}, error => {
				delete this.loaded[config];
				throw error;
			});
		return Promise.resolve(this.loaded[config]);
	},

	config(name) {
		return this.loaded[name] && !this.loaded[name].then ? this.loaded[name] : {};
	},

	get(config, section, option) {
		const found = this.config(config)[section];

		return !found ? null : option === undefined ? found : found[option] === undefined ? null : found[option];
	},

	sections(config, type) {
		return Object.values(this.config(config)).filter(section => type === undefined || section['.type'] === type)
			.sort((a, b) => a['.index'] - b['.index']);
	},

	add(config, type, name) {
		const values = this.config(config);

		values[name] = { '.type': type, '.name': name, '.anonymous': false, '.index': Object.keys(values).length };
		this.added.push({ config, type, name });
		return name;
	},

	set(config, section, option, value) {
		const values = this.config(config)[section];
		const changes = (this.changed[config] = this.changed[config] || {});

		if (value === null || value === undefined || value === '')
			delete values[option];
		else
			values[option] = value;
		(changes[section] = changes[section] || {})[option] = values[option] === undefined ? null : values[option];
	},

	unset(config, section, option) {
		this.set(config, section, option, null);
	},

	save() {
		const tasks = [], { added, changed } = this;

		this.added = [];
		this.changed = {};
		for (const each of added)
			tasks.push(() => callAdd(each.config, each.type, each.name, {}));
		for (const config in changed)
			for (const section in changed[config]) {
				const entries = Object.entries(changed[config][section]);
				const set = entries.filter(([ , value ]) => value !== null), removed = entries.filter(([ , value ]) => value === null);

				if (set.length)
					tasks.push(() => callSet(config, section, Object.fromEntries(set)));
				if (removed.length)
					tasks.push(() => callDelete(config, section, removed.map(([ option ]) => option)));
			}
		return tasks.reduce((before, task) => before.then(task), Promise.resolve());
	}
});
