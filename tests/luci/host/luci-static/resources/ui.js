'use strict';
'require baseclass';

// Dialogs, notices, the menu, and what applies changes.

let overlay = null;

return baseclass.extend({
	instantiateView(path) {
		return L.require('view.' + path.replace(/\//g, '.'));
	},

	showModal(title, children, ...classes) {
		this.hideModal();
		const node = E('div', { 'class': [ 'modal', ...classes ].join(' ') }, [ E('h4', {}, title), ...[].concat(children) ]);

		overlay = E('div', { 'id': 'modal_overlay', 'tabindex': '-1' }, node);
		document.body.append(overlay);
		document.body.classList.add('modal-overlay-active');
		return node;
	},

	hideModal() {
		if (overlay)
			overlay.remove();
		overlay = null;
		document.body.classList.remove('modal-overlay-active');
	},

	addNotification(title, children, ...classes) {
		const node = E('div', { 'class': [ 'alert-message', ...classes ].join(' '), 'role': 'alert' }, [ title ? E('h4', {}, title) : null, ...[].concat(children) ]);

		document.getElementById('maincontent').prepend(node);
		return node;
	},

	menu: {
		load: () => fetch(L.url('admin/menu')).then(answer => answer.json()),

		getChildren: node => Object.entries(node.children || {}).filter(([ , child ]) => child.satisfied && child.title)
			.map(([ name, child ]) => Object.assign(child, { name })).sort((a, b) => (a.order || 1000) - (b.order || 1000))
	},

	changes: {
		// Applied, confirmed, and the page is loaded anew.
		apply() {
			return fetch(L.url('admin/uci/apply_rollback'), { method: 'POST' })
				.then(answer => answer.status === 200 ? fetch(L.url('admin/uci/confirm'), { method: 'POST' }) : null)
				.then(() => window.setTimeout(() => window.location.reload(), 1000));
		}
	}
});
