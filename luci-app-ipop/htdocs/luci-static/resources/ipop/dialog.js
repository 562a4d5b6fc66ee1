'use strict';
'require baseclass';
'require ui';
'require ipop.elements as elements';

// Dialogs that ask, do, and say what came of it. LuCI's own have neither role nor focus nor a way out by keyboard.

const h = elements.h, button = elements.button;
let comeBack = null, shown = null;

function close() {
	document.removeEventListener('keydown', onKey, true);
	shown = null;
	ui.hideModal();
	comeBack();
}

// What can have the focus, in its order.
function reachable(node) {
	return [ ...node.querySelectorAll('a[href], button:enabled, input:enabled, select:enabled, textarea:enabled') ]
		.filter(each => each.getClientRects().length);
}

function onKey(event) {
	if (event.key === 'Escape' && shown.canClose) {
		event.stopPropagation();
		close();
	}
	else if (event.key === 'Tab') {
		const all = reachable(shown.node);
		const first = all[0], last = all[all.length - 1];

		if (event.shiftKey ? document.activeElement === first : document.activeElement === last) {
			event.preventDefault();
			(event.shiftKey ? last : first).focus();
		}
	}
}

// Strings are HTML to LuCI; those in a list are text.
function open(title, children) {
	if (!shown)
		comeBack = elements.keepFocus();
	document.removeEventListener('keydown', onKey, true);
	shown = { node: ui.showModal([ title ], [ h('div', { 'class': 'ipop ipop-dialog' }, ...children) ]), canClose: true };
	const heading = shown.node.querySelector('h4');

	heading.id = 'ipop-dialog-title';
	shown.node.setAttribute('role', 'dialog');
	shown.node.setAttribute('aria-modal', 'true');
	shown.node.setAttribute('aria-labelledby', heading.id);
	document.addEventListener('keydown', onKey, true);
	reachable(shown.node)[0].focus();
}

// Buttons in a row; while `action` runs, nothing can be pressed, and `status` says that it does.
function actions(status, ...buttons) {
	const row = h('div', { 'class': 'ipop-buttons' });

	for (const each of buttons)
		row.append(button(each.text, () => run(row, status, each.action), each.kind));
	return row;
}

function run(row, status, action) {
	const pressed = document.activeElement;
	const done = () => {
		row.querySelectorAll('button').forEach(each => { each.disabled = false; });
		if (shown)
			shown.canClose = true;
	};
	const result = action();

	if (!(result instanceof Promise))
		return;
	row.querySelectorAll('button').forEach(each => { each.disabled = true; });
	if (shown)
		shown.canClose = false;
	say(status, 'busy', _('One moment…'));
	result.then(() => {
		done();
		if (status.dataset.level === 'busy')
			say(status, '', '');
	}, error => {
		done();
		say(status, 'bad', error.message);
		if (document.contains(pressed))
			pressed.focus();
	});
}

function say(status, level, text) {
	status.dataset.level = level;
	elements.setText(status, text);
}

function newStatus() {
	return h('p', { 'class': 'ipop-said', 'role': 'status', 'aria-live': 'polite' });
}

return baseclass.extend({
	close,
	say,
	newStatus,
	actions,

	// A dialog with content, and buttons [{text, kind, action}]; an action may give a Promise, whose failure is shown.
	show(title, content, buttons) {
		const status = newStatus();

		open(title, [ ...content, status, actions(status, { text: _('Close'), action: close }, ...(buttons || [])) ]);
		return status;
	},

	// Asks before something that can't be taken back, and says what it will do.
	confirm(title, paragraphs, text, action) {
		const status = newStatus();

		open(title, [
			...paragraphs.map(paragraph => h('p', {}, paragraph)),
			status,
			actions(status,
				{ text: _('Cancel'), action: close },
				{ text, kind: 'cbi-button-negative important', action: () => action().then(close) })
		]);
	},

	// A labelled field; `help` is read with it.
	field(label, input, help) {
		const id = 'ipop-' + Math.random().toString(36).slice(2);

		input.id = id;
		if (help)
			input.setAttribute('aria-describedby', id + '-help');
		return h('div', { 'class': 'ipop-field' },
			h('label', { 'for': id }, label),
			input,
			help ? h('div', { 'class': 'ipop-help', 'id': id + '-help' }, help) : null);
	},

	checkbox(label, input, help) {
		const id = 'ipop-' + Math.random().toString(36).slice(2);

		input.id = id;
		input.type = 'checkbox';
		if (help)
			input.setAttribute('aria-describedby', id + '-help');
		return h('div', { 'class': 'ipop-field ipop-check' },
			input,
			h('label', { 'for': id }, label),
			help ? h('div', { 'class': 'ipop-help', 'id': id + '-help' }, help) : null);
	},

	select(choices, chosen) {
		return h('select', { 'class': 'cbi-input-select' },
			choices.map(([ value, text ]) => h('option', { value, 'selected': value === chosen }, text)));
	},

	text(attributes) {
		return h('input', Object.assign({ 'type': 'text', 'class': 'cbi-input-text', 'autocomplete': 'off' }, attributes));
	}
});
