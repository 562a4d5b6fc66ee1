'use strict';
'require baseclass';
'require form';
'require uci';
'require ipop.options as options';

// Forms out of the daemon's own table of options (options.js): what may be written, and what holds if nothing is.

function known(section, name) {
	return options[section].options.find(option => option.name === name);
}

// LuCI leaves some fields without a name for a screen reader, all without their explanation, and some for those to press
// who may only read.
function tell(node) {
	for (const row of node.querySelectorAll('.cbi-value')) {
		const title = row.querySelector('.cbi-value-title'), help = row.querySelector('.cbi-value-description');

		if (help && !help.id)
			help.id = 'ipop-help-' + row.dataset.name;
		for (const field of title ? row.querySelectorAll('input:not([type=hidden]), select, .cbi-dropdown, button') : []) {
			if (!(field.labels && field.labels.length && field.labels[0].textContent) && !field.hasAttribute('aria-label'))
				field.setAttribute('aria-label', field.tagName === 'BUTTON' ? title.textContent + ': ' + field.textContent : title.textContent);
			if (help)
				field.setAttribute('aria-describedby', help.id);
			if (!L.hasViewPermission())
				field.disabled = true;
		}
		if (!L.hasViewPermission())
			row.querySelectorAll('.btn, button').forEach(each => { each.hidden = true; });
	}
}

return baseclass.extend({
	known,

	// The form as a node, which is drawn anew when it is saved.
	render(map) {
		return map.render().then(node => {
			tell(node);
			new MutationObserver(() => tell(node)).observe(node, { childList: true, subtree: true });
			return node;
		});
	},

	// The part of the form about this router; what stands in the file about it may be missing.
	globals(map, title, help) {
		if (!uci.get('ipop', 'globals'))
			uci.add('ipop', 'globals', 'globals');
		const section = map.section(form.NamedSection, 'globals', 'globals', title, help);

		section.addremove = false;
		return section;
	},

	// An option of the form; `rest`: {title, help, choices: [[value, text]], widget, tab}, where there are better words.
	add(section, type, name, rest) {
		const option = known(type, name), better = rest || {};
		const made = section.option(form[better.widget || option.widget], name, better.title || option.title, better.help || option.help);
		const choices = better.choices || option.choices.map(value => [ value, value ]);

		if (option.datatype)
			made.datatype = option.datatype;
		choices.forEach(([ value, text ]) => made.value(value, text));
		if (option.widget === 'Flag') {
			made.enabled = '1';
			made.disabled = '0';
		}
		if (option.default === null)
			made.placeholder = better.placeholder || option.expected;
		else {
			made.default = option.default;
			made.placeholder = option.default;
		}
		made.rmempty = true;
		made.optional = true;
		return made;
	},

	// A configuration as it will be, of what the form has set: the sections of these types, in UCI's own syntax.
	text(types) {
		const word = value => "'" + String(value).replace(/'/g, "'\\''") + "'";
		const lines = [];

		for (const type of types)
			for (const section of uci.sections('ipop', type)) {
				lines.push('config ' + type + ' ' + word(section['.name']));
				for (const name in section)
					if (name[0] !== '.')
						[].concat(section[name]).forEach(value =>
							lines.push('\t' + (Array.isArray(section[name]) ? 'list ' : 'option ') + name + ' ' + word(value)));
			}
		return lines.join('\n') + '\n';
	}
});
