'use strict';
'require baseclass';
'require poll';

// Elements of pages that change while somebody reads them: what is the same stays the same node, so that nothing jumps
// and no focus is lost. All text goes in as text, never as HTML: names come from other people's routers.

const SVG = 'http://www.w3.org/2000/svg';

// The app's own style: a page that is shown before it is there would jump.
const styled = new Promise(done => {
	const link = h('link', { 'rel': 'stylesheet', 'href': L.resource('ipop/ipop.css'), 'load': done, 'error': done });

	document.head.append(link);
});

function fill(node, attributes, children) {
	for (const name in attributes) {
		const value = attributes[name];

		if (typeof value === 'function')
			node.addEventListener(name, value);
		else if (value !== null && value !== undefined && value !== false)
			node.setAttribute(name, value === true ? '' : value);
	}
	node.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false));
	return node;
}

function h(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

// A table whose columns are [{title, id, isWide: whether it needs no title on a phone, isLong: whether its words may be
// divided, as names of others are in it}] and whose rows are known by a key. `head` names the column that is each row's
// header.
class Table {
	constructor(caption, columns, head) {
		this.columns = columns;
		this.head = head;
		this.rows = new Map();
		this.body = h('tbody', {});
		this.node = h('table', { 'class': 'table ipop-table' },
			h('caption', { 'class': 'ipop-hidden' }, caption),
			h('thead', {}, h('tr', { 'class': 'tr table-titles' },
				columns.map(column => h('th', { 'class': 'th', 'scope': 'col' }, column.title)))),
			this.body);
	}

	// rows: [{key, cells: {id: a text, a node, or a function that is given what is there and returns a node}}]
	update(rows) {
		const keys = new Set(rows.map(row => row.key));

		for (const [key, row] of this.rows)
			if (!keys.has(key)) {
				row.node.remove();
				this.rows.delete(key);
			}
		rows.forEach((wanted, index) => {
			let row = this.rows.get(wanted.key);

			if (!row)
				this.rows.set(wanted.key, row = this.make(wanted.key));
			if (this.body.children[index] !== row.node)
				this.body.insertBefore(row.node, this.body.children[index] || null);
			for (const column of this.columns)
				this.put(row.cells[column.id], wanted.cells[column.id]);
		});
	}

	make(key) {
		const cells = {};
		const node = h('tr', { 'class': 'tr', 'data-key': key }, this.columns.map(column => {
			const isHead = column.id === this.head;

			cells[column.id] = h('span', { 'class': 'ipop-cell' });
			return h(isHead ? 'th' : 'td', {
				'class': [ 'td', column.isWide && 'ipop-wide', column.isLong && 'ipop-long' ].filter(name => name).join(' '),
				'scope': isHead ? 'row' : null,
				'data-title': column.title
			}, cells[column.id]);
		}));

		return { node, cells };
	}

	put(cell, content) {
		const isEmpty = content === null || content === undefined || content === '';

		cell.parentNode.classList.toggle('ipop-empty', isEmpty);
		if (typeof content === 'function')
			content = content(cell.firstElementChild);
		if (content instanceof Node) {
			if (cell.firstChild !== content)
				cell.replaceChildren(content);
		}
		else
			setText(cell, isEmpty ? '–' : String(content));
	}
}

return baseclass.extend({
	h,
	setText,

	// What an Error says, without the trace that LuCI puts below it.
	reason(error) {
		return error.message.replace(/\n\s*at [^]*$/, '');
	},

	// A table by names that others chose: “constructor” is one.
	byName() {
		return Object.create(null);
	},

	svg(tag, attributes, ...children) {
		return fill(document.createElementNS(SVG, tag), attributes, children);
	},

	table(caption, columns, head) {
		return new Table(caption, columns, head);
	},

	// Looks again each so many seconds. A page in the background asks the router nothing.
	look(action, seconds) {
		poll.add(() => document.hidden ? Promise.resolve() : action(), seconds);
	},

	// Promises a whole page.
	page(...children) {
		return styled.then(() => h('div', { 'class': 'ipop' }, ...children));
	},

	// A part of somebody else's page.
	part(...children) {
		return h('div', { 'class': 'ipop' }, ...children);
	},

	section(title, ...children) {
		const id = 'ipop-' + Math.random().toString(36).slice(2);

		return h('section', { 'class': 'cbi-section', 'aria-labelledby': id }, h('h3', { 'id': id }, title), ...children);
	},

	// What may become longer than a page.
	scroller(title, content) {
		return h('div', { 'class': 'ipop-scroller', 'tabindex': '0', 'role': 'group', 'aria-label': title }, content);
	},

	// Gives a function that brings the focus back to where it is now; or to the heading above, when that is gone then.
	keepFocus() {
		const node = document.activeElement, section = node && node.closest('section');

		return () => {
			const heading = section && section.querySelector('h3');

			if (document.contains(node))
				node.focus();
			else if (document.contains(heading)) {
				heading.tabIndex = -1;
				heading.focus({ preventScroll: true });
			}
		};
	},

	button(text, action, kind) {
		return h('button', { 'type': 'button', 'class': 'btn cbi-button ' + (kind || ''), 'click': action }, text);
	},

	// Where to go when the daemon does not answer.
	wayOut() {
		return h('p', {}, this.link(_('See what can be done'), 'overview'));
	},

	link(text, page) {
		return h('a', { 'href': L.url('admin/vpn/ipop/' + page) }, text);
	}
});
