'use strict';

// The page host's share of what LuCI puts into every page: translations and String.format.

window.TR = {};

// LuCI looks texts up by a hash; here they are their own.
function sfh(text) {
	return text;
}

function _(text) {
	return window.TR[text.trim()] || text;
}

// %s %d %f %h %%, %.1f, and %1024.1mB for sizes
String.prototype.format = function(...values) {
	const units = [ '', 'Ki', 'Mi', 'Gi', 'Ti' ];
	let next = 0;

	return this.replace(/%(?:(1024)?(?:\.(\d+))?(m?[sdfhB])|%)/g, (all, base, digits, kind) => {
		if (all === '%%')
			return '%';
		const value = values[next++];

		if (base) {
			let number = Number(value), unit = 0;

			for (; number >= 1024 && unit < units.length - 1; unit++)
				number /= 1024;
			return number.toFixed(unit ? Number(digits || 0) : 0) + ' ' + units[unit] + 'B';
		}
		if (kind === 'h')
			return String(value).replace(/[&<>"']/g, sign => '&#' + sign.charCodeAt() + ';');
		if (kind === 'd')
			return String(Math.trunc(value));
		if (kind === 'f')
			return Number(value).toFixed(digits === undefined ? 6 : Number(digits));
		return String(value);
	});
};
