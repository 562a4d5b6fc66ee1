'use strict';
'require baseclass';
'require ipop.elements as elements';

// Invites as QR codes: drawn by the library uqr where it is installed, read by a camera where the browser can.

const h = elements.h;

function canScan() {
	return 'BarcodeDetector' in window && window.isSecureContext && !!(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
}

return baseclass.extend({
	canScan,

	// A place that gets the picture, or stays empty.
	draw(text) {
		const place = h('div', { 'class': 'ipop-qr', 'role': 'img', 'aria-label': _('The invite as a QR code') });

		L.require('uqr').then(uqr => {
			const drawn = new DOMParser().parseFromString(uqr.renderSVG(text, { border: 2 }), 'image/svg+xml').documentElement;

			// so that it can be made larger
			if (!drawn.hasAttribute('viewBox'))
				drawn.setAttribute('viewBox', '0 0 %s %s'.format(drawn.getAttribute('width'), drawn.getAttribute('height')));
			place.replaceChildren(document.importNode(drawn, true));
		}).catch(() => place.remove());
		return place;
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
