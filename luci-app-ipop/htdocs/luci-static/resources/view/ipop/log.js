'use strict';
'require view';
'require rpc';
'require ipop.elements as elements';

// What IPOP has written to the router's log.

const h = elements.h;
const EVERY = 5;  // s between two looks
const LINES = 1000;  // of the whole log
const WHO = /^(ipop|ipopd)(\[\d+\])?: /;

const readLog = rpc.declare({ object: 'log', method: 'read', params: [ 'lines', 'stream', 'oneshot' ], expect: { log: [] } });

function load() {
	return readLog(LINES, false, true).then(entries => entries.filter(entry => WHO.test(entry.msg)), error => ({ error }));
}

function line(entry) {
	return new Date(entry.time).toLocaleString(document.documentElement.lang || undefined) + '  ' + entry.msg.replace(WHO, '');
}

return view.extend({
	load,

	render(first) {
		this.box = h('pre', { 'class': 'ipop-log', 'tabindex': '0', 'role': 'log', 'aria-live': 'off', 'aria-label': _('Log') });
		this.level = h('p', { 'class': 'ipop-help' }, _('How much is written is chosen in Settings, as “Log level”.'));
		this.update(first);
		elements.look(() => load().then(entries => this.update(entries)), EVERY);
		return elements.page(h('h2', {}, _('Log')), this.level, this.box);
	},

	// It stays at its end, unless somebody has scrolled up to read.
	update(entries) {
		const isAtEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - 4;
		const text = entries.error ? elements.reason(entries.error) : entries.map(line).join('\n') || _('IPOP has written nothing to the log yet.');

		elements.setText(this.box, text);
		if (isAtEnd)
			window.requestAnimationFrame(() => { this.box.scrollTop = this.box.scrollHeight; });
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
