'use strict';
'require baseclass';

// The dark and light modules of a QR code (ISO/IEC 18004), of a text in ASCII. LuCI's own library for them came after
// OpenWrt 23.05, and a router without it would have none. Always the lowest level of error correction, as screens have
// no stains and fewer modules are easier to see; and always the first mask, as an invite is random as it is.

// Of the versions 1 to 40: how many bytes correct each block, and into how many blocks the text is divided.
const CORRECTION = [
	7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28,
	28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30
];
const BLOCKS = [
	1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8,
	8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25
];
const FORMAT = 0x77c4;  // that level and that mask, with the correction of their own
const FIELD = 0x11d, VERSION = 0x1f25;  // polynomials

class Grid {
	constructor(version) {
		this.size = 17 + 4 * version;
		this.dark = this.rows();
		this.taken = this.rows();  // by what all codes of this version have
		this.timing();
		this.corners();
		this.alignment(version);
		this.format();
		if (version >= 7)
			this.version(version);
	}

	rows() {
		return Array.from({ length: this.size }, () => Array(this.size).fill(false));
	}

	set(x, y, isDark) {
		this.dark[y][x] = isDark;
		this.taken[y][x] = true;
	}

	timing() {
		for (let i = 0; i < this.size; i++) {
			this.set(i, 6, i % 2 === 0);
			this.set(6, i, i % 2 === 0);
		}
	}

	// Squares around a point, of which these are light.
	squares(x, y, radius, light) {
		for (let dy = -radius; dy <= radius; dy++)
			for (let dx = -radius; dx <= radius; dx++)
				if (this.dark[y + dy] && x + dx >= 0 && x + dx < this.size)
					this.set(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
	}

	corners() {
		const far = this.size - 4;

		for (const [ x, y ] of [ [ 3, 3 ], [ far, 3 ], [ 3, far ] ])
			this.squares(x, y, 4, [ 2, 4 ]);
	}

	alignment(version) {
		if (version === 1)
			return;
		const last = Math.floor(version / 7) + 1, far = this.size - 7;
		const step = version === 32 ? 26 : 2 * Math.ceil((far - 6) / last / 2);
		const place = i => i ? far - (last - i) * step : 6;

		for (let i = 0; i <= last; i++)
			for (let j = 0; j <= last; j++)
				if (!(i === 0 && j === 0 || i === 0 && j === last || i === last && j === 0))
					this.squares(place(i), place(j), 2, [ 1 ]);
	}

	// Twice: around the first corner, and divided between the two others.
	format() {
		for (let i = 0; i < 15; i++) {
			const isDark = (FORMAT >> i) % 2 === 1;
			const along = i < 6 ? i : i + 1;  // beside the line of the timing

			if (i < 8) {
				this.set(8, along, isDark);
				this.set(this.size - 1 - i, 8, isDark);
			}
			else {
				this.set(i === 8 ? 7 : 14 - i, 8, isDark);
				this.set(8, this.size - 15 + i, isDark);
			}
		}
		this.set(8, this.size - 8, true);
	}

	version(version) {
		let rest = version << 12;

		for (let bit = 17; bit >= 12; bit--)
			if (rest >> bit & 1)
				rest ^= VERSION << bit - 12;
		for (let i = 0; i < 18; i++) {
			const isDark = ((version << 12 | rest) >> i) % 2 === 1;
			const far = this.size - 11 + i % 3, near = Math.floor(i / 3);

			this.set(far, near, isDark);
			this.set(near, far, isDark);
		}
	}

	// The free modules in the order in which they are filled: two columns at a time, up and down from the right.
	*free() {
		let isUp = true;

		for (let right = this.size - 1; right > 0; right -= 2) {
			right -= right === 6 ? 1 : 0;  // the column of the timing
			for (let i = 0; i < this.size; i++)
				for (const x of [ right, right - 1 ]) {
					const y = isUp ? this.size - 1 - i : i;

					if (!this.taken[y][x])
						yield [ x, y ];
				}
			isUp = !isUp;
		}
	}

	fill(bytes) {
		let i = 0;

		for (const [ x, y ] of this.free()) {
			const bit = i >> 3 < bytes.length ? bytes[i >> 3] >> 7 - i % 8 & 1 : 0;

			this.dark[y][x] = (bit + x + y + 1) % 2 === 1;
			i++;
		}
	}
}

// In the field of 256 elements.
function times(a, b) {
	let product = 0;

	for (; b; b >>= 1) {
		if (b & 1)
			product ^= a;
		a = a << 1 ^ (a & 0x80 ? FIELD : 0);
	}
	return product;
}

// The product of (x - 2^i) for all i below `degree`, without its first coefficient.
function generator(degree) {
	let polynomial = [ 1 ];

	for (let i = 0, root = 1; i < degree; i++, root = times(root, 2))
		polynomial = [ ...polynomial, 0 ].map((coefficient, j) => coefficient ^ (j ? times(polynomial[j - 1], root) : 0));
	return polynomial.slice(1);
}

// What corrects a block: the rest of its division by the generator.
function correction(block, divisor) {
	let rest = divisor.map(() => 0);

	for (const byte of block) {
		const factor = byte ^ rest[0];

		rest = divisor.map((coefficient, i) => (i + 1 < rest.length ? rest[i + 1] : 0) ^ times(coefficient, factor));
	}
	return rest;
}

// The first byte of each list, then the second, and so on.
function interleaved(lists) {
	const longest = Math.max(...lists.map(list => list.length));

	return Array.from({ length: longest }, (_, i) => lists.filter(list => i < list.length).map(list => list[i])).flat();
}

// A text as it is written down, of so many bytes; null where there is no room.
function content(text, version, room) {
	const hex = (number, digits) => number.toString(16).padStart(digits, '0');
	const head = '4' + hex(text.length, version < 10 ? 2 : 4);
	const digits = head + [ ...text ].map(letter => hex(letter.charCodeAt(0), 2)).join('') + '0';

	return digits.length > 2 * room ? null :
		digits.padEnd(2 * room, 'ec11').match(/../g).map(byte => parseInt(byte, 16));
}

function divided(bytes, blocks) {
	const length = Math.floor(bytes.length / blocks), short = blocks - bytes.length % blocks;
	const start = i => i * length + Math.max(i - short, 0);

	return Array.from({ length: blocks }, (_, i) => bytes.slice(start(i), start(i + 1)));
}

return baseclass.extend({
	// Rows of booleans, true for dark; null for a text that is too long.
	of(text) {
		for (let version = 1; version <= BLOCKS.length; version++) {
			const grid = new Grid(version), count = BLOCKS[version - 1], divisor = generator(CORRECTION[version - 1]);
			const room = Math.floor([ ...grid.free() ].length / 8) - count * divisor.length;
			const bytes = content(text, version, room);

			if (bytes) {
				const blocks = divided(bytes, count);

				grid.fill([ ...interleaved(blocks), ...interleaved(blocks.map(block => correction(block, divisor))) ]);
				return grid.dark;
			}
		}
		return null;
	}
});
