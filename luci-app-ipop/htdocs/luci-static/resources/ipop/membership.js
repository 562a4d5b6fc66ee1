'use strict';
'require baseclass';
'require ipop.daemon as daemon';
'require ipop.dialog as dialog';
'require ipop.elements as elements';
'require ipop.invite as invite';
'require ipop.words as words';

// One group on the page “Group”: what it is, who waits, who is in, which invites are good, and what can be done.

const h = elements.h;
const GOVERNS = [ 'owner', 'admin' ];

function memberState(member) {
	return {
		'this router': [ 'good', _('this router') ],
		'connected': words.isDetour(member.endpoint) ? [ 'relayed', _('relayed by %s').format(words.relay(member.endpoint)) ] : [ 'direct', _('direct') ],
		'connecting': [ 'connecting', _('connecting…') ],
		'away': [ '', _('off') ]
	}[member.state] || [ '', member.state ];
}

function showState(member) {
	return old => {
		const [ level, text ] = memberState(member);
		const node = old || h('span', { 'class': 'ipop-state' });

		node.dataset.level = level;
		elements.setText(node, text);
		return node;
	};
}

// This router, then the others.
function inOrder(a, b) {
	return (b.state === 'this router') - (a.state === 'this router') || a.name.localeCompare(b.name);
}

// Buttons for a row, [[text, action, kind, label]]; they stay the same nodes as long as they are the same buttons. An
// action is given the node that they are in.
function buttons(list) {
	const wanted = list.map(each => each[3]).join('|');

	return old => {
		if (old && old.dataset.buttons === wanted)
			return old;
		return h('span', { 'class': 'ipop-actions', 'data-buttons': wanted }, list.map(([ text, action, kind, label ]) => {
			const made = elements.button(text, event => action(event.currentTarget.parentNode), kind);

			made.setAttribute('aria-label', label);
			return made;
		}));
	};
}

class Membership {
	constructor(name, may, again) {
		this.name = name;
		this.may = may;
		this.again = again;
		this.facts = h('dl', { 'class': 'ipop-facts' });
		this.text = h('p', { 'role': 'status' });
		this.ownFingerprint = h('span', { 'class': 'ipop-fingerprint' });
		this.compare = h('p', {}, _('Whoever invited you may see this router\'s fingerprint and compare it with this one:'), ' ', this.ownFingerprint);
		this.said = dialog.newStatus();
		this.tools = h('div', { 'class': 'ipop-section-buttons' });
		const action = may ? [ { id: 'action', title: _('Actions') } ] : [];

		this.requests = elements.table(_('Routers that wait to be let in'), [
			{ id: 'name', title: _('Router') }, { id: 'fingerprint', title: _('Fingerprint') }, { id: 'waits', title: _('Waiting for') }, ...action
		], 'name');
		this.members = elements.table(_('Members'), [
			{ id: 'name', title: _('Router') }, { id: 'state', title: _('State'), isLong: true }, { id: 'role', title: _('Role') },
			{ id: 'address', title: _('Address') }, { id: 'fingerprint', title: _('Fingerprint') }, ...action
		], 'name');
		this.invites = elements.table(_('Invites that are good'), [
			{ id: 'name', title: _('Invite') }, { id: 'left', title: _('Lets in') }, { id: 'admitted', title: _('Came in') },
			{ id: 'expires', title: _('Good for') }, ...action
		], 'name');
		this.parts = {
			requests: h('div', { 'class': 'alert-message notice' }, h('h4', {}, _('Somebody waits to be let in')),
				h('p', {}, _('The page of the other router shows its fingerprint: compare the two, by phone for example, before you let it in.')), this.requests.node),
			members: h('div', {}, h('h4', {}, _('Members')), this.members.node),
			invites: h('details', {}, h('summary', {}, _('Invites that are good')), this.invites.node)
		};
		this.node = elements.section(name, this.text, this.compare, this.facts, this.tools, this.said, this.parts.requests, this.parts.members, this.parts.invites);
	}

	update(group, members, requests, invites) {
		const isIn = group.state === 'member';

		this.group = group;
		elements.setText(this.text, group.text);
		this.text.hidden = !group.text;
		elements.setText(this.ownFingerprint, group.member_fingerprint);
		this.compare.hidden = group.state !== 'joining';
		this.parts.requests.hidden = !requests.length;
		this.parts.members.hidden = !isIn;
		this.parts.invites.hidden = !invites.length;
		this.showFacts(group);
		this.showTools(group);
		this.requests.update(requests.map(request => this.requestRow(request)));
		this.members.update(members.filter(member => member.role !== 'revoked').sort(inOrder).map(member => this.memberRow(member)));
		this.invites.update(invites.map(each => this.inviteRow(each)));
	}

	governs() {
		return this.may && this.group.state === 'member' && GOVERNS.includes(this.group.role);
	}

	showFacts(group) {
		const isIn = group.state === 'member';
		const facts = [
			[ _('This router is called'), group.member ],
			[ _('Its role'), isIn ? words.role(group.role) : null ],
			[ _('Its address'), group.address ],
			[ _('Its fingerprint'), isIn ? group.member_fingerprint : null ],
			[ _('The group\'s fingerprint'), group.fingerprint ],
			[ _('Broker'), group.brokers.map(broker => broker.url + ': ' + (broker.connected ? _('connected') : _('not connected'))).join(', ') ||
				(isIn ? _('none: others can\'t find this router') : null) ]
		].filter(([ , value ]) => value);

		if (JSON.stringify(facts) === this.drawnFacts)
			return;
		this.drawnFacts = JSON.stringify(facts);
		this.facts.replaceChildren(...facts.flatMap(([ name, value ]) => [ h('dt', {}, name), h('dd', {}, value) ]));
	}

	showTools(group) {
		if (!this.may)
			return;
		const tools = [
			this.governs() ? [ _('Invite'), () => invite.open(this.name, this.again), 'cbi-button-action important' ] : null,
			group.state === 'member' && group.role !== 'revoked' ? [ _('Choose ports and Wi-Fi'), () => { window.location = L.url('admin/vpn/ipop/lan'); } ] : null,
			group.role === 'owner' && group.state === 'member' ? [ _('Recovery line'), () => this.backup() ] : null,
			[ group.state === 'joining' ? _('Stop joining') : _('Leave'), () => this.leave(), 'cbi-button-negative' ]
		].filter(tool => tool);
		const wanted = tools.map(tool => tool[0]).join('|');

		if (wanted === this.drawnTools)
			return;
		this.drawnTools = wanted;
		this.tools.replaceChildren(...tools.map(([ text, action, kind ]) => elements.button(text, action, kind)));
	}

	requestRow(request) {
		const which = { request: request.fingerprint, group: this.name };

		return { key: request.fingerprint, cells: {
			name: request.name,
			fingerprint: old => old || h('span', { 'class': 'ipop-fingerprint' }, request.fingerprint),
			waits: words.duration(request.waits_s),
			action: buttons([
				[ _('Let in'), row => this.act(row, 'approve', which), 'cbi-button-positive important', _('Let in %s').format(request.name) ],
				[ _('Refuse'), row => this.act(row, 'deny', which), 'cbi-button-negative', _('Refuse %s').format(request.name) ]
			])
		} };
	}

	memberRow(member) {
		return { key: member.fingerprint, cells: {
			name: member.name,
			state: showState(member),
			role: words.role(member.role),
			address: member.address,
			fingerprint: member.fingerprint,
			action: buttons(this.memberActions(member))
		} };
	}

	memberActions(member) {
		if (!this.governs())
			return [];
		const isOwner = this.group.role === 'owner', isThis = member.state === 'this router';
		const list = [ [ _('Rename'), () => this.rename(member), '', _('Rename %s').format(member.name) ] ];

		if (isOwner && member.role === 'member')
			list.push([ _('Make admin'), () => this.promote(member), '', _('Make %s an admin').format(member.name) ]);
		if (isOwner && member.role === 'admin')
			list.push([ _('Make ordinary member'), () => this.demote(member), '', _('Make %s an ordinary member').format(member.name) ]);
		if (member.role !== 'owner' && !isThis && (isOwner || member.role === 'member'))
			list.push([ _('Remove'), () => this.revoke(member), 'cbi-button-negative', _('Remove %s').format(member.name) ]);
		return list;
	}

	inviteRow(each) {
		return { key: each.invite, cells: {
			name: each.invite,
			left: words.plural(each.left, _('one more router'), _('%d more routers')),
			admitted: String(each.admitted),
			expires: each.expires_in ? words.duration(each.expires_in) : _('for ever'),
			action: buttons([ [ _('Take back'), row => this.act(row, 'uninvite', { invite: each.invite, group: this.name }), '', _('Take back the invite %s').format(each.invite) ] ])
		} };
	}

	// At once, with what came of it above; until then nothing of the row can be pressed again.
	act(row, method, args) {
		const buttons = row.querySelectorAll('button'), comeBack = elements.keepFocus();

		buttons.forEach(each => { each.disabled = true; });
		dialog.say(this.said, 'busy', _('One moment…'));
		return daemon.ask(method, args).then(() => dialog.say(this.said, '', ''), error => dialog.say(this.said, 'bad', error.message))
			.then(() => this.again()).then(() => {
				buttons.forEach(each => { each.disabled = false; });
				if (document.activeElement === document.body)
					comeBack();
			});
	}

	ask(method, args) {
		return daemon.ask(method, Object.assign({ group: this.name }, args)).then(answer => this.again().then(() => answer));
	}

	rename(member) {
		const name = dialog.text({ 'name': 'name', 'maxlength': '64', 'value': member.name });

		dialog.show(_('Rename %s').format(member.name), [
			dialog.field(_('New name'), name, _('All members see it, and it is part of its devices\' names.'))
		], [ { text: _('Rename'), kind: 'cbi-button-action important', action: () =>
			this.ask('rename', { member: member.fingerprint, name: name.value.trim() }).then(() => dialog.close()) } ]);
	}

	promote(member) {
		dialog.confirm(_('Make %s an admin?').format(member.name), [
			_('It can then invite, let in, rename and remove members, but make no admins.')
		], _('Make admin'), () => this.ask('promote', { member: member.fingerprint }));
	}

	demote(member) {
		dialog.confirm(_('Make %s an ordinary member?').format(member.name), [
			_('Those whom it let in stay in, and its invites let in nobody any more.')
		], _('Make ordinary member'), () => this.ask('demote', { member: member.fingerprint }));
	}

	revoke(member) {
		dialog.confirm(_('Remove %s from “%s”?').format(member.name, this.name), [
			_('Its connections end within seconds, at all members that are on line, and its devices no longer reach anybody here.'),
			_('This can\'t be taken back. What it knows it keeps: names, addresses, and what was sent to it. It can come back by a new invite.')
		], _('Remove'), () => this.ask('revoke', { member: member.fingerprint }));
	}

	leave() {
		if (this.group.state === 'joining')
			return dialog.confirm(_('Stop joining “%s”?').format(this.name), [ _('The invite can be used again as long as it is good.') ],
				_('Stop joining'), () => this.ask('leave', {}));
		dialog.confirm(_('Leave “%s”?').format(this.name), [
			_('This router\'s key for the group is deleted, and its devices no longer reach the others.'),
			this.group.role === 'owner' ?
				_('This router is the owner: the others stay connected, but nobody can make admins any more, unless it comes back with its recovery line.') :
				this.group.role === 'revoked' ? _('It can come back by a new invite.') :
					_('The others still list it until an admin removes it. It can come back by a new invite.')
		], _('Leave'), () => this.ask('leave', {}));
	}

	backup() {
		const line = h('textarea', { 'rows': '5', 'readonly': true, 'class': 'cbi-input-textarea', 'name': 'recovery' });
		const passphrase = dialog.text({ 'readonly': true, 'name': 'passphrase' });
		const result = h('div', { 'hidden': true },
			dialog.field(_('Recovery line'), line), dialog.field(_('Passphrase'), passphrase));

		dialog.show(_('Recovery line'), [
			h('p', {}, _('With this line and its passphrase another router can take this one\'s place if it breaks. Whoever has both is the owner of the group: keep the two in different places, on paper for example.')),
			result
		], [ { text: _('Make the recovery line'), kind: 'cbi-button-action important', action: () =>
			daemon.ask('backup', { group: this.name }).then(made => {
				line.value = made.line;
				passphrase.value = made.passphrase;
				result.hidden = false;
			}) } ]);
	}
}

return baseclass.extend({
	create(name, may, again) {
		return new Membership(name, may, again);
	}
});
