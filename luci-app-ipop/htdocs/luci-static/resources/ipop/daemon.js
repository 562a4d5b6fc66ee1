'use strict';
'require baseclass';
'require rpc';
'require ipop.elements as elements';

// What ipopd answers, through its own ubus object. Every failure is an Error whose message a person can read; `kind` is
// 'down' where the daemon doesn't run, else what the daemon calls it. What takes longer than anybody waits is a job
// there, and is asked for until it is done.

const OBJECT = 'luci.ipop';
const JOB_EVERY = 1000;  // ms between two looks at a job
// What pages go through, of each answer.
const LISTS = {
	devices: [ 'devices' ], events: [ 'events' ], groups: [ 'groups' ], invites: [ 'invites' ], members: [ 'members' ],
	nat: [ 'hosts', 'seen', 'families' ], peers: [ 'peers' ], requests: [ 'requests' ], status: [ 'groups', 'problems' ],
	topology: [ 'nodes', 'links' ]
};
const NOT_FOUND = 4, DENIED = 6, SLOW = 7;  // statuses of ubus

function failure(kind, text) {
	return Object.assign(new Error(text), { kind });
}

function byStatus(status) {
	switch (status) {
	case NOT_FOUND:
		return failure('down', _('IPOP is not running on this router.'));
	case DENIED:
		return failure('denied', _('Your login may not do this.'));
	case SLOW:
		return failure('slow', _('IPOP did not answer in time.'));
	}
	return failure('failed', _('IPOP could not be asked (ubus status %d).').format(status));
}

// rpc.js tells of what uhttpd refused in a text only.
function byError(error) {
	if (error.name === 'SessionError')
		return failure('denied', _('Your login has expired: log in again.'));
	if (/-32000/.test(error.message))
		return byStatus(NOT_FOUND);
	if (/-32002/.test(error.message))
		return byStatus(DENIED);
	if (/timed? ?out/i.test(error.message))
		return byStatus(SLOW);
	return failure('failed', _('The router did not answer: %s').format(elements.reason(error)));
}

function call(method, args) {
	const names = Object.keys(args);
	const declared = rpc.declare({ object: OBJECT, method: method, params: names });

	return declared(...names.map(name => args[name])).catch(error => { throw byError(error); }).then(answer => {
		if (typeof answer !== 'object' || answer === null)
			throw byStatus(answer);
		if (answer.error)
			throw failure(answer.error.code, answer.error.message);
		return answer;
	});
}

function whenDone(job) {
	return call('job', { job }).then(answer => {
		if (answer.state === 'running')
			return new Promise(resolve => window.setTimeout(resolve, JOB_EVERY)).then(() => whenDone(job));
		if (answer.state === 'failed')
			throw failure(answer.error.code, answer.error.message);
		return answer.result;
	});
}

// A list comes in a table of its own.
function understood(method, answer) {
	if (!(LISTS[method] || []).every(name => Array.isArray(answer[name])))
		throw failure('other', _('IPOP has answered what this page does not understand. Are ipop and luci-app-ipop of one version?'));
	return Array.isArray(answer[method]) && method !== 'events' ? answer[method] : answer;
}

return baseclass.extend({
	ask(method, args) {
		return call(method, args || {}).then(answer =>
			typeof answer.job === 'number' ? whenDone(answer.job) : understood(method, answer));
	}
});
