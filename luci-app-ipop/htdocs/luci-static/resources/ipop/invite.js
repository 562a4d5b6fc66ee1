'use strict';
'require baseclass';
'require ipop.daemon as daemon';
'require ipop.dialog as dialog';
'require ipop.elements as elements';
'require ipop.qr as qr';
'require ipop.words as words';

// The dialog that makes an invite: a line to send to a friend, as text and as a QR code.

const h = elements.h;

function copy(line, area) {
	const byHand = () => {
		area.focus();
		area.select();
		return document.execCommand('copy') ? Promise.resolve() : Promise.reject(new Error(_('Mark the text and copy it by hand.')));
	};

	// Only pages over HTTPS may write to the clipboard by themselves.
	return navigator.clipboard && window.isSecureContext ? navigator.clipboard.writeText(line).catch(byHand) : byHand();
}

function show(made) {
	const area = h('textarea', { 'rows': '5', 'readonly': true, 'class': 'cbi-input-textarea', 'name': 'line', 'spellcheck': 'false', 'focus': () => area.select() });
	const good = made.expires_in ? _('It is good for %s').format(words.duration(made.expires_in)) : _('It is good for ever');
	const facts = [
		good,
		words.plural(made.uses, _('lets in one router'), _('lets in %d routers')),
		made.approve ? _('and you are asked before anybody is let in.') : _('and asks nobody.')
	];

	area.value = made.line;
	const status = dialog.show(_('Invite to “%s”').format(made.group), [
		h('p', {}, _('Send this line to your friend, who pastes it on the page “Group” of their router. Whoever has it can come in: send it to nobody else.')),
		dialog.field(_('The invite'), area),
		h('p', { 'class': 'ipop-help' }, facts.join(', ')),
		qr.draw(made.line),
		h('p', { 'class': 'ipop-help' }, _('This router lets them in: it has to be on when they join.'))
	], [ {
		text: _('Copy'), kind: 'cbi-button-action important',
		action: () => copy(made.line, area).then(() => dialog.say(status, 'good', _('Copied.')))
	} ]);
}

return baseclass.extend({
	open(group, done) {
		const uses = h('input', { 'type': 'number', 'min': '1', 'max': '10000', 'value': '1', 'class': 'cbi-input-text', 'name': 'uses' });
		const expires = dialog.select([
			[ '3600', _('one hour') ], [ '86400', _('one day') ], [ '604800', _('one week') ], [ '2592000', _('30 days') ], [ '0', _('for ever') ]
		], '604800');
		const approve = h('input', { 'name': 'approve' });

		dialog.show(_('Invite to “%s”').format(group), [
			dialog.field(_('How many routers may come in by it'), uses),
			dialog.field(_('How long it is good'), expires),
			dialog.checkbox(_('Ask me before anybody is let in'), approve, _('Useful when others may read the line on its way.'))
		], [ {
			text: _('Make the invite'), kind: 'cbi-button-action important',
			action: () => daemon.ask('invite', {
				group, uses: Number(uses.value), expires: Number(expires.value), approve: approve.checked
			}).then(made => {
				show(made);
				return done();
			})
		} ]);
	}
});
