'use strict';
'require baseclass';
'require ipop.daemon as daemon';
'require ipop.dialog as dialog';
'require ipop.elements as elements';
'require ipop.qr as qr';

// Joining a group: the line is pasted or read by a camera, and then how far it is.

const h = elements.h;
const LOOK_EVERY = 1000;  // ms
const ENDS = [ 'welcome', 'refused' ];

// The line in what somebody has pasted: with the message around it, or divided and quoted by a mail program.
function cleaned(text) {
	const found = /ipop1-[\w-]*(?:[ \t]*\r?\n[ \t>]*[\w-]+)*/.exec(text);

	return (found ? found[0] : text).replace(/[\s>]+/g, '');
}

function follow(name, said) {
	return daemon.ask('join_status', { group: name }).then(join => {
		dialog.say(said, join.state === 'refused' ? 'bad' : join.state === 'welcome' ? 'good' : 'busy', join.state === 'welcome' ?
			_('This router is in “%s” now.').format(name) : join.text);
		if (ENDS.includes(join.state))
			return join;
		return new Promise(resolve => window.setTimeout(resolve, LOOK_EVERY)).then(() => follow(name, said));
	});
}

return baseclass.extend({
	card(again) {
		const line = h('textarea', { 'rows': '4', 'name': 'invite', 'class': 'cbi-input-textarea', 'spellcheck': 'false', 'autocomplete': 'off', 'placeholder': 'ipop1-…' });
		const name = dialog.text({ 'name': 'join-member', 'maxlength': '64', 'placeholder': _('this router\'s host name') });
		const status = dialog.newStatus();
		const go = () => {
			if (!cleaned(line.value)) {
				line.focus();
				return Promise.reject(new Error(_('Paste the invite first.')));
			}
			return daemon.ask('join', { line: cleaned(line.value), name: name.value.trim() }).then(join => {
				again();
				follow(join.group, status).then(end => {
					if (end.state === 'welcome')
						line.value = '';
					return again();
				}).catch(error => dialog.say(status, 'bad', error.message));
			});
		};

		return h('section', { 'class': 'ipop-card', 'aria-label': _('Join a group') }, h('h3', {}, _('Join a group')),
			h('p', {}, _('With the line that a friend has sent you.')),
			dialog.field(_('Invite'), line),
			h('details', {}, h('summary', {}, _('Advanced')),
				dialog.field(_('Name of this router'), name, _('Others see it.'))),
			status,
			dialog.actions(status,
				...(qr.canScan() ? [ { text: _('Scan a QR code'), action: () => this.scan(line) } ] : []),
				{ text: _('Join'), kind: 'cbi-button-action important', action: go }));
	},

	scan(line) {
		const video = h('video', { 'playsinline': true, 'muted': true, 'aria-label': _('What the camera sees') });
		const scan = qr.scan(video);
		const status = dialog.show(_('Scan a QR code'), [ h('p', {}, _('Hold the invite\'s QR code before the camera.')), video ]);
		const watch = new MutationObserver(() => {
			if (!document.contains(video)) {
				watch.disconnect();
				scan.stop();
			}
		});

		watch.observe(document.body, { childList: true, subtree: true });
		scan.text.then(text => {
			line.value = text;
			dialog.close();
			line.focus();
		}, error => dialog.say(status, 'bad', error.message));
	}
});
