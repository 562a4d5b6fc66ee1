'use strict';
'require baseclass';
'require rpc';
'require uci';
'require validation';

// Forms over UCI. The elements carry LuCI's classes, ids and data attributes, so that whoever uses or tests a page finds
// the same things here and there.

const callAccess = rpc.declare({ object: 'session', method: 'access', params: [ 'scope', 'object', 'function' ], expect: { access: true } });

const FormMap = baseclass.extend({
	__init__(config) {
		this.config = config;
		this.sections = [];
		this.node = E('div', { 'class': 'cbi-map', 'id': 'cbi-' + config });
		this.node.map = this;
	},

	section(kind, ...args) {
		const made = new kind(this, ...args);

		this.sections.push(made);
		return made;
	},

	render() {
		return Promise.all([ callAccess('uci', this.config, 'write'), uci.load(this.config) ]).then(([ may ]) => {
			this.readonly = !may;
			this.node.replaceChildren(...this.sections.map(section => section.render()));
			this.checkDepends();
			return this.node;
		});
	},

	options() {
		return this.sections.flatMap(section => section.options);
	},

	checkDepends() {
		for (const option of this.options())
			if (option.node)
				option.node.hidden = !option.isActive();
	},

	parse() {
		const wrong = this.options().filter(option => option.isActive() && option.problem());

		if (wrong.length)
			return Promise.reject(new TypeError(wrong.map(option => option.title + ': ' + option.problem()).join('\n')));
		return Promise.all(this.options().map(option => option.parse(option.section.section)));
	},

	save() {
		return this.parse().then(() => uci.save());
	},

	reset() {
		this.node.replaceChildren(...this.sections.map(section => section.render()));
		this.checkDepends();
	}
});

const NamedSection = baseclass.extend({
	__init__(map, section, type, title, description) {
		Object.assign(this, { map, section, type, title, description, options: [] });
	},

	option(kind, name, title, description) {
		const made = new kind(this, name, title, description);

		this.options.push(made);
		return made;
	},

	formvalue(section, name) {
		const option = this.options.find(each => each.name === name);

		return option && option.node ? option.formvalue() : null;
	},

	render() {
		const head = [ this.title ? E('h3', {}, this.title) : null, this.description ? E('div', { 'class': 'cbi-section-descr' }, this.description) : null ];

		if (!uci.get(this.map.config, this.section))
			return E('div', { 'class': 'cbi-section' }, head);
		return E('div', { 'class': 'cbi-section' }, [ ...head, ...this.options.map(option => option.render()) ]);
	}
});

const Value = baseclass.extend({
	__init__(section, name, title, description) {
		Object.assign(this, { section, name, title, description, map: section.map, choices: [], conditions: [], rmempty: true });
	},

	value(key, text) {
		this.choices.push([ key, text === undefined ? key : text ]);
	},

	depends(name, value) {
		this.conditions.push([ name, value ]);
	},

	isActive() {
		return this.conditions.every(([ name, value ]) => this.section.formvalue(null, name) === value);
	},

	id() {
		return 'widget.cbid.' + [ this.map.config, this.section.section, this.name ].join('.');
	},

	cfgvalue() {
		return uci.get(this.map.config, this.section.section, this.name);
	},

	render() {
		const found = this.cfgvalue();

		this.error = E('div', { 'class': 'cbi-value-error', 'role': 'alert' });
		this.node = E('div', { 'class': 'cbi-value', 'data-name': this.name }, [
			this.title ? E('label', { 'class': 'cbi-value-title', 'for': this.id() }, this.title) : null,
			E('div', { 'class': 'cbi-value-field' }, [
				this.renderWidget(this.section.section, 0, found === null && this.default !== undefined ? this.default : found),
				this.error,
				this.description ? E('div', { 'class': 'cbi-value-description' }, this.description) : null
			])
		]);
		this.node.addEventListener('change', () => {
			this.map.checkDepends();
			this.error.textContent = this.problem() || '';
		});
		return this.node;
	},

	renderWidget(section, index, value) {
		return E('input', {
			'type': this.password ? 'password' : 'text', 'id': this.id(), 'class': 'cbi-input-text', 'value': value,
			'placeholder': this.placeholder, 'disabled': this.map.readonly ? '' : null
		});
	},

	field() {
		return this.node.querySelector('input, select');
	},

	formvalue() {
		return this.field().value.trim();
	},

	problem() {
		for (const value of [].concat(this.formvalue() || [])) {
			if (this.datatype && !validation.isValid(this.datatype, value))
				return _('Expecting: %s').format(this.datatype);
		}
		const said = this.validate ? this.validate(this.section.section, this.formvalue() || '') : true;

		return said === true ? null : said;
	},

	// What is the default is not written, unless it has to be.
	parse(section) {
		if (!this.node || this.map.readonly)
			return Promise.resolve();
		const value = this.formvalue();
		const isEmpty = !this.isActive() || value === '' || value === null || Array.isArray(value) && !value.length;

		if (isEmpty || value === this.default && this.rmempty)
			return Promise.resolve(this.cfgvalue() === null ? null : this.remove(section));
		return Promise.resolve(JSON.stringify(value) === JSON.stringify(this.cfgvalue()) ? null : this.write(section, value));
	},

	write(section, value) {
		uci.set(this.map.config, section, this.name, value);
	},

	remove(section) {
		uci.unset(this.map.config, section, this.name);
	}
});

const Flag = Value.extend({
	enabled: '1',
	disabled: '0',

	renderWidget(section, index, value) {
		return E('input', { 'type': 'checkbox', 'id': this.id(), 'checked': value === this.enabled ? '' : null, 'disabled': this.map.readonly ? '' : null });
	},

	formvalue() {
		return this.field().checked ? this.enabled : this.disabled;
	}
});

const ListValue = Value.extend({
	renderWidget(section, index, value) {
		return E('select', { 'id': this.id(), 'class': 'cbi-input-select', 'disabled': this.map.readonly ? '' : null },
			this.choices.map(([ key, text ]) => E('option', { 'value': key, 'selected': key === value ? '' : null }, text)));
	}
});

// One field a value; what stands in the last one counts too.
const DynamicList = Value.extend({
	renderWidget(section, index, value) {
		const list = E('div', { 'class': 'cbi-dynlist' });
		const add = (text, isNew) => {
			const field = E('input', {
				'type': 'text', 'class': 'cbi-input-text', 'value': text, 'placeholder': isNew ? this.placeholder : null,
				'id': isNew ? this.id() : null, 'aria-label': isNew ? null : this.title, 'disabled': this.map.readonly ? '' : null
			});

			list.append(E('div', { 'class': 'item' }, field));
		};

		[].concat(value || []).forEach(text => add(text));
		add('', true);
		return list;
	},

	formvalue() {
		return [ ...this.node.querySelectorAll('input') ].map(field => field.value.trim()).filter(text => text);
	}
});

const MultiValue = DynamicList.extend({
	renderWidget(section, index, value) {
		const chosen = new Set([].concat(value || []));

		return E('div', { 'class': 'cbi-dropdown', 'id': this.id() }, E('ul', {}, this.choices.map(([ key, text ]) => {
			const box = E('input', { 'type': 'checkbox', 'checked': chosen.has(key) ? '' : null, 'disabled': this.map.readonly ? '' : null });

			return E('li', { 'data-value': key }, E('label', {}, [ box, ' ', text ]));
		})));
	},

	formvalue() {
		return [ ...this.node.querySelectorAll('li') ].filter(item => item.querySelector('input').checked).map(item => item.dataset.value);
	}
});

const DummyValue = Value.extend({
	formvalue: () => null,
	problem: () => null,
	parse: () => Promise.resolve()
});

return baseclass.extend({ Map: FormMap, NamedSection, Value, Flag, ListValue, DynamicList, MultiValue, DummyValue });
