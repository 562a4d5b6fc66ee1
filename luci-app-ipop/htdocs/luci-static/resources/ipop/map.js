'use strict';
'require baseclass';
'require ipop.elements as elements';
'require ipop.words as words';

// The group as this router sees it: itself in the middle, the others in two columns beside it, a line to each that is
// connected. A relayed one hangs on the member that relays. It is as wide as the page lets it and as high as it has
// members, so that names can be read with 2 and with 60, on a phone as well.

const svg = elements.svg;
const ROW = 34, PAD = 26, MIDDLE = 54, NEAR = 24, EDGE = 6, LETTER = 7.2, WIDE_LETTER = 13.5;

// What of a text there is room for.
function short(text, width) {
	const needed = letters => [ ...letters ].reduce((sum, letter) => sum + (/[A-Zmw]/.test(letter) ? WIDE_LETTER : LETTER), 0);

	if (needed(text) <= width)
		return text;
	let most = text.length - 1;

	while (most > 1 && needed(text.slice(0, most) + '…') > width)
		most--;
	return text.slice(0, most) + '…';
}

// {name: {x, y, side}}, with the own router in the middle
function places(own, others, width) {
	const rows = Math.ceil(others.length / 2);
	const middle = PAD + Math.max(rows - 1, 0) * ROW / 2;
	const found = elements.byName();

	if (own)
		found[own.name] = { x: width / 2, y: middle, side: 0 };
	others.forEach((node, index) => {
		const side = index % 2 ? 1 : -1;
		const ofSide = side < 0 ? Math.ceil(others.length / 2) : Math.floor(others.length / 2);
		const row = Math.floor(index / 2);

		found[node.name] = {
			x: width / 2 + side * Math.min(width / 2 - Math.min(width * 0.3, 170), 260),
			y: middle + (row - (ofSide - 1) / 2) * ROW,
			side
		};
	});
	return { found, height: 2 * PAD + Math.max(rows - 1, 0) * ROW + (rows < 2 ? MIDDLE / 2 : 0) };
}

// From one place to another; across, it passes above `own`, which has no part in it.
function curve(from, to, own) {
	if (from.side && from.side === to.side) {
		const x = from.x - from.side * 46;

		return 'M%f,%f C%f,%f %f,%f %f,%f'.format(from.x, from.y, x, from.y, x, to.y, to.x, to.y);
	}
	const x = (from.x + to.x) / 2, y = (from.y + to.y) / 2;
	const isInTheWay = from !== own && Math.abs(y - own.y) < NEAR;
	const lift = isInTheWay ? (Math.max(own.y - NEAR, EDGE) - y) / 0.75 : 0;

	return 'M%f,%f C%f,%f %f,%f %f,%f'.format(from.x, from.y, x, from.y + lift, x, to.y + lift, to.x, to.y);
}

function inOrder(a, b) {
	return a.name.localeCompare(b.name) || (a.fingerprint < b.fingerprint ? -1 : 1);
}

function level(peer) {
	return !peer ? 'ipop-off' : words.isDetour(peer.endpoint) ? 'ipop-relayed' : 'ipop-direct';
}

class GroupMap {
	constructor() {
		this.node = svg('svg', { 'class': 'ipop-map', 'role': 'img' });
		this.drawn = null;
	}

	// The nodes of one group, of `topology`, and the connected ones of its `peers`; drawn anew only when it is another
	// picture.
	update(nodes, peers) {
		const width = Math.max(this.node.parentNode ? this.node.parentNode.clientWidth : 0, 300);
		const content = JSON.stringify([ width, nodes, peers.map(peer => [ peer.name, peer.endpoint, words.rtt(peer.rtt_ms) ]) ]);

		if (content === this.drawn)
			return;
		this.drawn = content;
		const present = nodes.filter(node => node.role !== 'revoked');
		const own = present.find(node => node.state === 'this router');
		const others = present.filter(node => node !== own).sort(inOrder);
		const { found, height } = places(own, others, width);
		const byName = elements.byName();

		peers.forEach(peer => { byName[peer.name] = peer; });
		this.node.setAttribute('viewBox', '0 0 %d %d'.format(width, height));
		this.node.setAttribute('width', width);
		this.node.setAttribute('height', height);
		this.node.setAttribute('aria-label', this.summary(others, byName));
		this.node.replaceChildren(
			...others.filter(node => byName[node.name] && own).map(node => this.line(node, byName[node.name], own, found)),
			...others.map(node => this.member(node, byName[node.name], found[node.name], width)),
			...(own ? [ this.self(own, found[own.name], others.length ? 2 * Math.abs(found[others[0].name].x - width / 2) - 40 : width) ] : []));
	}

	summary(others, byName) {
		const list = others.map(node => '%s: %s'.format(node.name, words.way(byName[node.name]).text));

		return _('This router in the middle. %s').format(list.join('; '));
	}

	line(node, peer, own, found) {
		const relay = words.isDetour(peer.endpoint) ? found[words.relay(peer.endpoint)] : null;

		return svg('path', {
			'class': 'ipop-path ' + level(peer),
			'd': curve(relay || found[own.name], found[node.name], found[own.name])
		});
	}

	member(node, peer, place, width) {
		const room = width / 2 - Math.abs(place.x - width / 2) - 14;
		const details = peer ? words.rtt(peer.rtt_ms) : _('off');
		const outside = { 'x': place.x + place.side * 14, 'text-anchor': place.side < 0 ? 'end' : 'start' };

		return svg('g', { 'class': 'ipop-node ' + level(peer) },
			svg('title', {}, '%s: %s'.format(node.name, words.way(peer).text)),
			svg('circle', { 'cx': place.x, 'cy': place.y, 'r': 8 }),
			svg('text', Object.assign({ 'class': 'ipop-name', 'y': place.y }, outside), short(node.name, room)),
			svg('text', Object.assign({ 'class': 'ipop-detail', 'y': place.y + 13 }, outside), details));
	}

	self(own, place, room) {
		return svg('g', { 'class': 'ipop-node ipop-self' },
			svg('title', {}, own.name),
			svg('circle', { 'cx': place.x, 'cy': place.y, 'r': 13 }),
			svg('text', { 'class': 'ipop-name', 'x': place.x, 'y': place.y + 29, 'text-anchor': 'middle' }, short(own.name, room)));
	}
}

return baseclass.extend({
	create() {
		return new GroupMap();
	}
});
