'use strict';
'require baseclass';
'require ipop.elements as elements';

// What runs through the tunnels now: rates out of counters that only grow, and a small moving graph of them.

const svg = elements.svg;
const KEPT = 60, WIDTH = 120, HEIGHT = 26;

class Rates {
	constructor() {
		this.last = null;
		this.samples = [];
	}

	// counters: {in, out} in bytes at a time in ms; a daemon that has started anew begins again.
	add(counters, now) {
		const last = this.last;

		this.last = Object.assign({ now }, counters);
		if (!last || now <= last.now || counters.in < last.in || counters.out < last.out)
			return;
		const seconds = (now - last.now) / 1000;

		this.samples.push({ in: (counters.in - last.in) / seconds, out: (counters.out - last.out) / seconds });
		if (this.samples.length > KEPT)
			this.samples.shift();
	}

	now() {
		return this.samples.length ? this.samples[this.samples.length - 1] : null;
	}
}

function points(samples, key, most) {
	const first = KEPT - samples.length;

	return samples.map((sample, i) => '%.1f,%.1f'.format((first + i) * WIDTH / (KEPT - 1), HEIGHT - 1 - sample[key] / most * (HEIGHT - 3))).join(' ');
}

class Graph {
	constructor() {
		this.rates = new Rates();
		this.lines = { in: svg('polyline', { 'class': 'ipop-in' }), out: svg('polyline', { 'class': 'ipop-out' }) };
		// What it shows stands beside it in figures.
		this.node = svg('svg', {
			'class': 'ipop-graph', 'viewBox': '0 0 %d %d'.format(WIDTH, HEIGHT), 'preserveAspectRatio': 'none', 'aria-hidden': 'true'
		}, this.lines.in, this.lines.out);
	}

	// The rate now, or null.
	update(counters, now) {
		this.rates.add(counters, now);
		const most = Math.max(1024, ...this.rates.samples.map(sample => Math.max(sample.in, sample.out)));

		for (const key in this.lines)
			this.lines[key].setAttribute('points', points(this.rates.samples, key, most));
		return this.rates.now();
	}
}

return baseclass.extend({
	create() {
		return new Graph();
	}
});
