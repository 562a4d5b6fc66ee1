'use strict';

// A small page host with the module API of LuCI: enough for this app's pages, and as strict as the real one about what
// they may count on. Modules begin with 'require NAME [as NAME]' and return a class, of which one instance is shared.

(function(window) {
	const RESOURCES = '/luci-static/resources/';
	const loaded = {};

	class Base {
		static extend(properties) {
			const made = class extends this {};

			Object.defineProperties(made.prototype, Object.getOwnPropertyDescriptors(properties));
			return made;
		}

		constructor(...args) {
			if (this.__init__)
				this.__init__(...args);
		}
	}

	const dom = {
		content(node, children) {
			node.replaceChildren();
			return dom.append(node, children);
		},

		// A text alone is HTML; in a list it is a text.
		append(node, children) {
			if (typeof children === 'string')
				node.innerHTML = children;
			else
				for (const child of [].concat(children))
					if (child !== null && child !== undefined && child !== false)
						node.append(child);
			return node;
		}
	};

	window.E = (tag, attributes, children) => {
		const node = document.createElement(tag);

		for (const [ name, value ] of Object.entries(attributes || {}))
			if (typeof value === 'function')
				node.addEventListener(name, value);
			else if (value !== null && value !== undefined)
				node.setAttribute(name, value);
		return dom.append(node, children === undefined ? [] : children);
	};

	const poll = {
		add(action, seconds) {
			window.setInterval(() => Promise.resolve(action()).catch(error => console.error(error)), (seconds || 5) * 1000);
		}
	};

	// A view loads, renders, and has its buttons below where it has not taken them away.
	const View = Base.extend({
		__init__() {
			Promise.resolve(this.load ? this.load() : null).then(data => this.render(data)).then(node => {
				dom.content(document.getElementById('view'), [ node, this.footer() ]);
			}).catch(error => {
				dom.content(document.getElementById('view'), E('div', { 'class': 'alert-message' }, error.message));
				throw error;
			});
		},

		footer() {
			const may = L.hasViewPermission(), part = (action, text, kind) =>
				this[action] ? E('button', { 'class': 'btn cbi-button ' + kind, 'disabled': may ? null : '', 'click': () => this[action]().catch(error => { this.said.textContent = error.message; }) }, text) : null;

			if (!this.handleSaveApply && !this.handleSave && !this.handleReset)
				return null;
			this.said = E('span', { 'class': 'cbi-value-error', 'role': 'alert' });
			return E('div', { 'class': 'cbi-page-actions' }, [
				this.said,
				part('handleSaveApply', _('Save & Apply'), 'cbi-button-apply important'),
				part('handleSave', _('Save'), 'cbi-button-save'), part('handleReset', _('Reset'), 'cbi-button-reset')
			]);
		},

		maps() {
			return [ ...document.querySelectorAll('.cbi-map') ].map(node => node.map);
		},

		handleSave() {
			return Promise.all(this.maps().map(map => map.save()));
		},

		handleSaveApply() {
			return this.handleSave().then(() => L.require('ui')).then(ui => ui.changes.apply());
		},

		handleReset() {
			return Promise.all(this.maps().map(map => map.reset()));
		}
	});

	const BUILT_IN = { baseclass: Base, dom, poll, view: View };

	function compile(name, source) {
		const names = [], needed = [];

		for (const [ , module, as ] of source.matchAll(/^'require ([\w.]+)(?: as (\w+))?';$/gm)) {
			needed.push(L.require(module));
			names.push(as || module.replace(/\W/g, '_'));
		}
		return Promise.all(needed).then(modules => {
			const made = new Function('L', '_', 'E', ...names, source + '\n//# sourceURL=' + RESOURCES + name.replace(/\./g, '/') + '.js')(L, _, E, ...modules);

			if (typeof made !== 'function' || !(made.prototype instanceof Base))
				throw new Error('module ' + name + ' gives no class of baseclass');
			return new made();
		});
	}

	window.LuCI = class {
		constructor(env) {
			this.env = env;
			this.Class = Base;
		}

		require(name) {
			if (BUILT_IN[name])
				return Promise.resolve(BUILT_IN[name]);
			if (!loaded[name])
				loaded[name] = fetch(RESOURCES + name.replace(/\./g, '/') + '.js').then(answer => {
					if (!answer.ok)
						throw new Error('there is no module ' + name);
					return answer.text();
				}).then(source => compile(name, source));
			return loaded[name];
		}

		url(...parts) {
			return [ this.env.scriptname, ...parts ].join('/');
		}

		resource(...parts) {
			return [ this.env.resource, ...parts ].join('/');
		}

		hasViewPermission() {
			return !this.env.nodespec.readonly;
		}

		resolveDefault(value, otherwise) {
			return Promise.resolve(value).catch(() => otherwise);
		}
	};
})(window);
