'use strict';
'require view';
'require ipop.daemon as daemon';
'require ipop.dialog as dialog';
'require ipop.elements as elements';
'require ipop.join as join';
'require ipop.membership as membership';

// Who is in: make a group, invite to it, join one, and all that is done to its members.

const h = elements.h;
const EVERY = 5;  // s between two looks
// Anybody may use these, and they are trusted with nothing. Two, since each of them is away now and then.
const PUBLIC_BROKERS = [ 'mqtts://broker.emqx.io', 'mqtts://broker.hivemq.com' ];

function load() {
	return daemon.ask('groups').then(groups => Promise.all([
		daemon.ask('requests'), daemon.ask('invites'),
		...groups.map(group => group.state === 'member' ? daemon.ask('members', { group: group.name }) : [])
	]).then(([ requests, invites, ...members ]) => ({ groups, requests, invites, members })))
		.catch(error => ({ error }));
}

return view.extend({
	load,

	render(found) {
		this.may = L.hasViewPermission();
		this.failure = h('p', { 'class': 'ipop-said', 'role': 'status' });
		this.none = h('p', { 'hidden': true }, _('This router is in no group.'), ' ', _('A group is one LAN of several homes: consoles, players and printers find each other as if all were in one house.'));
		this.places = h('div', {});
		this.rest = h('div', {}, this.none, this.places, this.may ? this.beginnings() : null);
		this.wayOut = elements.wayOut();
		this.looks = 0;
		this.shown = elements.byName();
		const page = elements.page(h('h2', {}, _('Group')), this.failure, this.wayOut, this.rest);
		this.update(found);
		elements.look(() => this.look(), EVERY);
		return page;
	},

	// Who asked first may be answered last, with what is over.
	look() {
		const turn = ++this.looks;

		return load().then(found => { if (turn === this.looks) this.update(found); });
	},

	beginnings() {
		const again = () => this.look();

		this.summary = h('summary', {}, _('Create or join another group'));
		this.more = h('details', { 'class': 'cbi-section' }, this.summary);
		this.cards = h('div', { 'class': 'ipop-cards' }, this.create(again), join.card(again));
		return h('div', {}, this.cards, this.more, this.restore(again));
	},

	create(again) {
		const name = dialog.text({ 'maxlength': '64', 'name': 'group' });
		const member = dialog.text({ 'maxlength': '64', 'name': 'member', 'placeholder': _('this router\'s host name') });
		const brokers = h('textarea', { 'rows': '2', 'name': 'brokers', 'class': 'cbi-input-textarea', 'spellcheck': 'false' }, PUBLIC_BROKERS.join('\n'));
		const subnet = dialog.text({ 'name': 'subnet', 'placeholder': _('chosen so that nothing here has them') });
		const large = h('input', { 'name': 'large' });
		const status = dialog.newStatus();
		const go = () => {
			const args = {
				name: name.value.trim(), member: member.value.trim(), subnet: subnet.value.trim(), large: large.checked,
				brokers: brokers.value.split(/\s+/).filter(url => url)
			};

			if (!args.name) {
				name.focus();
				return Promise.reject(new Error(_('Give the group a name.')));
			}
			return daemon.ask('group_create', args).then(group => {
				name.value = '';
				dialog.say(status, 'good', _('The group “%s” is there, and this router owns it.').format(group.name));
				return again();
			});
		};

		return h('section', { 'class': 'ipop-card', 'aria-label': _('Create a group') }, h('h3', {}, _('Create a group')),
			h('p', {}, _('This router becomes its owner and can invite others. They find each other over public brokers, if no others are chosen under Advanced.')),
			dialog.field(_('Name'), name, _('What you and your friends call it, such as “family”.')),
			h('details', {}, h('summary', {}, _('Advanced')),
				dialog.field(_('Name of this router'), member, _('Others see it.')),
				dialog.field(_('Brokers'), brokers, _('MQTT servers over which members find each other, one a line: your own, or public ones. They learn addresses and times, but no content, name or key.')),
				dialog.field(_('Addresses'), subnet, _('The group\'s IPv4 addresses, such as 10.77.0.0/16.')),
				dialog.checkbox(_('A large group'), large, _('Room for 2047 routers instead of 127.'))),
			status,
			dialog.actions(status, { text: _('Create'), kind: 'cbi-button-action important', action: go }));
	},

	// In the place of a router that broke.
	restore(again) {
		const line = h('textarea', { 'rows': '5', 'name': 'restore', 'class': 'cbi-input-textarea', 'spellcheck': 'false' });
		const passphrase = dialog.text({ 'name': 'restore-passphrase' });
		const status = dialog.newStatus();
		const go = () => daemon.ask('restore', { line: line.value.trim(), passphrase: passphrase.value.trim() }).then(group => {
			line.value = passphrase.value = '';
			dialog.say(status, 'good', _('This router is “%s” in “%s” now. The old one must not be switched on again with this group.').format(group.member, group.name));
			return again();
		});

		return h('details', { 'class': 'cbi-section' }, h('summary', {}, _('Take the place of a router that broke')),
			h('p', {}, _('With the recovery line that was made on it.')),
			dialog.field(_('Recovery line'), line), dialog.field(_('Passphrase'), passphrase),
			status,
			dialog.actions(status, { text: _('Take its place'), kind: 'cbi-button-action important', action: go }));
	},

	update(found) {
		const isDown = !!found.error && found.error.kind === 'down';

		this.wayOut.hidden = !isDown;
		this.isKnown = this.isKnown || !found.error;
		this.rest.hidden = isDown || !this.isKnown;
		if (found.error) {
			dialog.say(this.failure, 'bad', found.error.message);
			return;
		}
		dialog.say(this.failure, '', '');
		const names = found.groups.map(group => group.name);

		this.none.hidden = found.groups.length > 0;
		for (const name in this.shown)
			if (!names.includes(name)) {
				this.shown[name].node.remove();
				delete this.shown[name];
			}
		found.groups.forEach((group, index) => {
			const is = each => each.group === group.name;

			if (!this.shown[group.name]) {
				this.shown[group.name] = membership.create(group.name, this.may, () => this.look());
				this.places.append(this.shown[group.name].node);
			}
			this.shown[group.name].update(group, found.members[index], found.requests.filter(is), found.invites.filter(is));
		});
		this.arrange(found.groups.length > 0);
	},

	// With a group there already, making another one is no longer the first thing to see.
	arrange(isIn) {
		if (!this.may || this.isIn === isIn)
			return;
		const focused = document.activeElement;

		this.isIn = isIn;
		this.more.hidden = !isIn;
		if (isIn)
			this.summary.after(this.cards);
		else
			this.more.before(this.cards);
		if (isIn && this.cards.contains(focused))
			this.summary.focus();
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
