'use strict';
'require baseclass';
'require ipop.elements as elements';
'require ipop.symbol as symbol';

// Invites as QR codes: drawn, and read by a camera where the browser can.

const h = elements.h;
const MARGIN = 4;  // modules

function canScan() {
	return 'BarcodeDetector' in window && window.isSecureContext && !!(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
}

return baseclass.extend({
	canScan,

	// The picture, with the light margin that belongs to it; null where the text is too long for one.
	draw(text) {
		const dark = symbol.of(text), svg = elements.svg;

		if (!dark)
			return null;
		const size = dark.length + 2 * MARGIN;
		const path = dark.flatMap((row, y) => row.map((isDark, x) => isDark ? 'M%d,%dh1v1h-1z'.format(x + MARGIN, y + MARGIN) : ''));

		return h('div', { 'class': 'ipop-qr', 'role': 'img', 'aria-label': _('The invite as a QR code') },
			svg('svg', { 'viewBox': '0 0 %d %d'.format(size, size), 'shape-rendering': 'crispEdges' }, svg('path', { 'd': path.join('') })));
	},

	// Shows what the camera sees in `video` until it has read a code; the Promise gives its text. `stop()` ends it.
	scan(video) {
		let stream = null, stopped = false;
		const stop = () => {
			stopped = true;
			if (stream)
				stream.getTracks().forEach(track => track.stop());
		};
		const look = detector => {
			if (stopped)
				return new Promise(() => {});
			return detector.detect(video).catch(() => []).then(codes => {
				if (codes.length) {
					stop();
					return codes[0].rawValue;
				}
				return new Promise(resolve => window.setTimeout(resolve, 200)).then(() => look(detector));
			});
		};
		const text = navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }).then(found => {
			stream = found;
			if (stopped)
				stop();
			video.srcObject = stream;
			return video.play();
		}).then(() => look(new window.BarcodeDetector({ formats: [ 'qr_code' ] }))).catch(error => {
			throw new Error(_('The camera can\'t be used: %s').format(error.message));
		});

		return { text, stop };
	}
});
