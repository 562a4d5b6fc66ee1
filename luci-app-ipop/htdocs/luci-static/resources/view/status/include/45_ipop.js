'use strict';
'require baseclass';
'require ipop.daemon as daemon';
'require ipop.elements as elements';
'require ipop.words as words';

// The tile on LuCI's own overview: whether it works, and the way to the rest.

const h = elements.h;

return baseclass.extend({
	title: _('IPOP'),

	load() {
		return Promise.all([ daemon.ask('status'), daemon.ask('peers') ])
			.then(([ status, peers ]) => words.verdict(status, peers), error => ({ level: 'bad', text: error.message }));
	},

	render(said) {
		if (!this.node) {
			this.said = h('span', { 'class': 'ipop-state' });
			this.node = elements.part(h('p', { 'id': 'ipop-tile' }, this.said, ' ', elements.link(_('More'), 'overview')));
		}
		this.said.dataset.level = said.level;
		elements.setText(this.said, said.text);
		return this.node;
	}
});
