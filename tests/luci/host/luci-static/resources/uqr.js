'use strict';
'require baseclass';

// The QR codes of LuCI's library uqr, drawn by the server of the tests.

return baseclass.extend({
	renderSVG(text) {
		const request = new XMLHttpRequest();

		request.open('GET', '/qr?text=' + encodeURIComponent(text), false);
		request.send();
		return request.responseText;
	}
});
