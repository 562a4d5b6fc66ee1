'use strict';
'require baseclass';

// LuCI's data types, those that this app's options have. `check(type, text)` gives what is wrong, or null.

const isNumber = (text, low, high) => /^\d+$/.test(text) && Number(text) >= low && Number(text) <= high;
const isIPv4 = text => text.split('.').length === 4 && text.split('.').every(part => isNumber(part, 0, 255));
const isHost = text => /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text);
const TYPES = {
	port: text => isNumber(text, 1, 65535),
	uinteger: text => isNumber(text, 0, 4294967295),
	netdevname: text => /^[^\s/:]{1,15}$/.test(text),
	hostname: isHost,
	hostport: text => /^[^:]+:\d+$/.test(text) && isHost(text.split(':')[0]) && isNumber(text.split(':')[1], 1, 65535),
	ip4addr: text => isIPv4(text.split('/')[0]) && (!text.includes('/') || isNumber(text.split('/')[1], 0, 32)),
	wpakey: text => text.length >= 8 && text.length <= 63 || /^[0-9a-fA-F]{64}$/.test(text),
	maxlength: (text, most) => text.length <= most,
	uciname: text => /^[A-Za-z0-9_]+$/.test(text)
};

return baseclass.extend({
	isValid(type, text) {
		return type.replace(/^or\((.*)\)$/, '$1').split(/,\s*/).some(each => {
			const [ , name, argument ] = each.match(/^(\w+)(?:\((.*)\))?$/) || [];

			return TYPES[name] ? TYPES[name](text, argument) : true;
		});
	}
});
