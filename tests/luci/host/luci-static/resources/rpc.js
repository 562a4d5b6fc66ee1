'use strict';
'require baseclass';

// JSON-RPC as LuCI does it: what is called in one turn goes in one request; an error of uhttpd is an Error with its code in
// the text, an error of ubus is the bare status, and nobody waits longer than 20 s.

const PATIENCE = 20000;
const TRACE = '\n  at call (rpc.js:1:1)';  // LuCI tells it with what went wrong
let id = 0, waiting = [];

function send() {
	const batch = waiting;

	waiting = [];
	fetch(L.env.ubuspath, {
		method: 'POST', body: JSON.stringify(batch.map(each => each.message)), signal: AbortSignal.timeout(PATIENCE)
	}).then(answer => answer.json()).then(answers => batch.forEach((each, i) => each.done(answers[i])), error =>
		batch.forEach(each => each.fail(new Error(error.name === 'TimeoutError' ? 'XHR request timed out' : error.message))));
}

function expected(result, expect) {
	for (const key in expect) {
		const found = key && result ? result[key] : result;

		return found !== null && found !== undefined && Array.isArray(found) === Array.isArray(expect[key]) && typeof found === typeof expect[key] ? found : expect[key];
	}
	return result;
}

return baseclass.extend({
	declare(options) {
		return (...args) => new Promise((done, fail) => {
			const params = {};

			(options.params || []).forEach((name, i) => { params[name] = args[i]; });
			if (!waiting.length)
				window.setTimeout(send, 0);
			waiting.push({
				message: { jsonrpc: '2.0', id: ++id, method: 'call', params: [ L.env.sessionid, options.object, options.method, params ] },
				fail,
				done(answer) {
					if (answer.error)
						return fail(new Error('RPC call to %s/%s failed with error %d: %s'.format(options.object, options.method, answer.error.code, answer.error.message) + TRACE));
					if (options.reject && answer.result[0] !== 0)
						return fail(new Error('RPC call to %s/%s failed with ubus code %d'.format(options.object, options.method, answer.result[0])));
					done(expected(answer.result.length > 1 ? answer.result[1] : answer.result[0], options.expect || {}));
				}
			});
		});
	}
});
