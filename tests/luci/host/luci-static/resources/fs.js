'use strict';
'require baseclass';
'require rpc';

const callExec = rpc.declare({ object: 'file', method: 'exec', params: [ 'command', 'params', 'env' ] });
const callList = rpc.declare({ object: 'file', method: 'list', params: [ 'path' ], expect: { entries: [] } });
const WHY = { 4: 'Resource not found', 6: 'Permission denied' };

return baseclass.extend({
	exec(command, params, env) {
		return callExec(command, params, env).then(answer => {
			if (typeof answer === 'number')
				throw new Error(WHY[answer] || 'ubus code ' + answer);
			return answer;
		});
	},

	list(path) {
		return callList(path);
	}
});
