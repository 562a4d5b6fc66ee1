'use strict';
'require baseclass';
'require ui';

// The menu above, and the tabs of the app.

function list(node, url, children) {
	return children.map(child => E('li', { 'class': L.env.dispatchpath.includes(child.name) ? 'active' : '' },
		E('a', { 'href': L.url(url, child.name) }, _(child.title))));
}

return baseclass.extend({
	__init__() {
		ui.menu.load().then(tree => {
			const show = (id, path) => {
				const node = path.reduce((found, name) => found && found.children && found.children[name], tree);
				const place = document.getElementById(id);
				const items = node ? list(node, path.join('/'), ui.menu.getChildren(node)) : [];

				if (items.length) {
					place.append(...(place.tagName === 'UL' ? items : [ E('ul', { 'class': 'tabs' }, items) ]));
					place.style.display = '';
				}
			};

			show('topmenu', [ 'admin' ]);
			show('tabmenu', L.env.dispatchpath.slice(0, 3));
		});
	}
});
