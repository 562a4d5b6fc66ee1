'use strict';
'require view';
'require poll';
'require fs';

// LuCI's own overview: a tile for each file of view/status/include.

return view.extend({
	load() {
		return fs.list('/www' + L.resource('view/status/include')).then(entries =>
			Promise.all(entries.map(entry => L.require('view.status.include.' + entry.name.replace(/\.js$/, '')))));
	},

	render(tiles) {
		const places = tiles.map(() => E('div', {}));
		const look = () => Promise.all(tiles.map((tile, i) => tile.load().then(data => places[i].replaceChildren(tile.render(data)))));

		poll.add(look, 5);
		return look().then(() => E('div', {}, [ E('h2', {}, _('Status')), ...tiles.flatMap((tile, i) => [ E('h3', {}, tile.title), places[i] ]) ]));
	},

	handleSaveApply: null,
	handleSave: null,
	handleReset: null
});
