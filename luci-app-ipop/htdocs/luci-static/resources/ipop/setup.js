'use strict';
'require baseclass';
'require fs';
'require ipop.dialog as dialog';
'require ipop.elements as elements';

// What `ipop setup` has to change on this router, in words: for the configuration as it is, or for one that is only
// being thought about.

const h = elements.h;

function run(program, words) {
	return fs.exec(program, words).then(done => {
		if (done.code !== 0)
			throw new Error((done.stderr || done.stdout || '').trim().replace(/^(ipop: )?(error: )?/, '') || _('“ipop setup” ended with status %d.').format(done.code));
		return JSON.parse(done.stdout).steps;
	});
}

function verb(change) {
	return { add: _('new'), change: _('changed'), remove: _('removed') }[change] || change;
}

return baseclass.extend({
	// Promises [{change, config, section, about}] for a configuration (text), or for the one that is applied.
	steps(text) {
		return text === undefined ? run('/usr/bin/ipop', [ '--json', 'setup' ]) : run('/usr/libexec/ipop-preview', [ text ]);
	},

	list(steps) {
		return h('ul', { 'class': 'ipop-steps' }, steps.map(step => h('li', {},
			h('strong', {}, verb(step.change)), ' ', h('code', {}, step.config + '.' + step.section), ': ', step.about)));
	},

	show(text) {
		const place = h('div', {});
		const status = dialog.show(_('What will be changed on this router'), [ place ]);

		dialog.say(status, 'busy', _('One moment…'));
		return this.steps(text).then(steps => {
			dialog.say(status, '', '');
			place.replaceChildren(steps.length ?
				h('div', {}, h('p', {}, _('“Save & Apply” makes these changes. If the router can\'t be reached afterwards, they are taken back by themselves.')), this.list(steps)) :
				h('p', {}, _('Nothing: the network is as chosen here.')));
		}).catch(error => dialog.say(status, 'bad', elements.reason(error)));
	}
});
