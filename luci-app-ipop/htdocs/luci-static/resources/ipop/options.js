'use strict';
'require baseclass';

// The options of /etc/config/ipop. 'make reference' writes this from src/ipop/config/config.py.

return baseclass.extend({
	globals: {
		help: _('This router. The section and each of its options may be missing'),
		options: [
			{
				name: 'enabled',
				title: _('Enabled'),
				widget: 'Flag',
				datatype: null,
				choices: [],
				list: false,
				default: '1',
				expected: _('1 or 0'),
				help: _('Whether the daemon runs')
			},
			{
				name: 'port',
				title: _('Port'),
				widget: 'Value',
				datatype: 'port',
				choices: [],
				list: false,
				default: '51820',
				expected: _('a UDP port from 1 to 65535'),
				help: _('The UDP port that peers send to')
			},
			{
				name: 'device',
				title: _('Device'),
				widget: 'Value',
				datatype: 'netdevname',
				choices: [],
				list: false,
				default: 'ipop0',
				expected: _('1 to 15 letters, digits, \'.\', \'_\' or \'-\''),
				help: _('The Ethernet device that the daemon makes')
			},
			{
				name: 'bridge',
				title: _('Bridge'),
				widget: 'Value',
				datatype: 'netdevname',
				choices: [],
				list: false,
				default: null,
				expected: _('1 to 15 letters, digits, \'.\', \'_\' or \'-\''),
				help: _('An existing bridge that the device becomes a port of')
			},
			{
				name: 'private_key_file',
				title: _('Private key file'),
				widget: 'Value',
				datatype: 'file',
				choices: [],
				list: false,
				default: '/etc/ipop/private.key',
				expected: _('a path that begins with /'),
				help: _('This node\'s key, made by \'ipop keygen\'')
			},
			{
				name: 'state_dir',
				title: _('State dir'),
				widget: 'Value',
				datatype: 'directory',
				choices: [],
				list: false,
				default: '/etc/ipop',
				expected: _('a path that begins with /'),
				help: _('Where the little is kept that must survive a restart')
			},
			{
				name: 'control',
				title: _('Control'),
				widget: 'Value',
				datatype: 'file',
				choices: [],
				list: false,
				default: '/var/run/ipop/ipop.sock',
				expected: _('a path of at most 107 bytes that begins with /'),
				help: _('The socket on which the daemon answers \'ipop\'')
			},
			{
				name: 'ubus',
				title: _('Ubus'),
				widget: 'Value',
				datatype: 'file',
				choices: [],
				list: false,
				default: '/var/run/ubus/ubus.sock',
				expected: _('a path of at most 107 bytes that begins with /'),
				help: _('The socket of ubusd, where there is one')
			},
			{
				name: 'relay',
				title: _('Relay'),
				widget: 'ListValue',
				datatype: null,
				choices: ['auto', '1', '0'],
				list: false,
				default: 'auto',
				expected: _('auto, 1 or 0'),
				help: _('Whether it forwards for members who can\'t meet directly')
			},
			{
				name: 'relay_limit',
				title: _('Relay limit'),
				widget: 'Value',
				datatype: 'range(0, 10000000)',
				choices: [],
				list: false,
				default: '0',
				expected: _('kbit/s from 1 to 10000000, or 0'),
				help: _('How much it forwards for all members together; 0: up to 32000 for each')
			},
			{
				name: 'stun',
				title: _('STUN servers'),
				widget: 'DynamicList',
				datatype: 'or(hostport, ipaddrport(1))',
				choices: [],
				list: true,
				default: null,
				expected: _('HOST:PORT, such as stun.example:3478'),
				help: _('STUN servers, which say how this router looks from outside: HOST:PORT')
			},
			{
				name: 'turn',
				title: _('TURN servers'),
				widget: 'DynamicList',
				datatype: 'string',
				choices: [],
				list: true,
				default: null,
				expected: _('turn://USER:PASSWORD@HOST, with ?transport=tcp where UDP is blocked, or turns://USER:PASSWORD@HOST'),
				help: _('TURN servers, the last resort: turn://USER:PASSWORD@HOST, the best first')
			},
			{
				name: 'serve',
				title: _('Serve'),
				widget: 'ListValue',
				datatype: null,
				choices: ['none', 'dnsmasq', 'openwrt'],
				list: false,
				default: 'none',
				expected: _('none, dnsmasq or openwrt'),
				help: _('Who serves groups\' devices: nobody, a dnsmasq of ipopd\'s own, or OpenWrt')
			},
			{
				name: 'log_level',
				title: _('Log level'),
				widget: 'ListValue',
				datatype: null,
				choices: ['error', 'warning', 'info', 'debug'],
				list: false,
				default: 'info',
				expected: _('error, warning, info or debug'),
				help: _('How much is logged')
			}
		]
	},

	peer: {
		help: _('Another node, without a group. The section\'s name is the peer\'s'),
		options: [
			{
				name: 'name',
				title: _('Name'),
				widget: 'Value',
				datatype: 'maxlength(63)',
				choices: [],
				list: false,
				default: null,
				expected: _('a name of up to 63 letters, digits, \'.\', \'_\' or \'-\''),
				help: _('The peer\'s name, where the section can\'t have it')
			},
			{
				name: 'public_key',
				title: _('Public key'),
				widget: 'Value',
				datatype: 'length(44)',
				choices: [],
				list: false,
				default: null,
				expected: _('a public key, as \'ipop keygen\' prints it (44 characters of base64)'),
				help: _('Who it is')
			},
			{
				name: 'endpoint',
				title: _('Endpoint'),
				widget: 'Value',
				datatype: 'or(hostport, ipaddrport(1))',
				choices: [],
				list: false,
				default: null,
				expected: _('ADDRESS:PORT, such as 203.0.113.7:51820, [2001:db8::1]:51820 or home.example:51820'),
				help: _('Where it is; without one it has to call first')
			},
			{
				name: 'preshared_key_file',
				title: _('Preshared key file'),
				widget: 'Value',
				datatype: 'file',
				choices: [],
				list: false,
				default: null,
				expected: _('a path that begins with /'),
				help: _('A secret that both sides hold besides their keys')
			},
			{
				name: 'suite',
				title: _('Suite'),
				widget: 'ListValue',
				datatype: null,
				choices: ['sha256', 'blake2s'],
				list: false,
				default: 'sha256',
				expected: _('sha256 or blake2s'),
				help: _('blake2s for a stock WireGuard peer')
			},
			{
				name: 'allowed_ips',
				title: _('Allowed IPs'),
				widget: 'DynamicList',
				datatype: 'ipaddr',
				choices: [],
				list: true,
				default: null,
				expected: _('IP addresses, such as 10.1.2.3/32 or fd00::3/128'),
				help: _('The addresses that a stock WireGuard peer has on the LAN')
			},
			{
				name: 'keepalive',
				title: _('Keepalive'),
				widget: 'Value',
				datatype: 'range(0, 65535)',
				choices: [],
				list: false,
				default: '25',
				expected: _('seconds from 0 (off) to 65535'),
				help: _('Seconds between the signs of life that keep a NAT open')
			},
			{
				name: 'enabled',
				title: _('Enabled'),
				widget: 'Flag',
				datatype: null,
				choices: [],
				list: false,
				default: '1',
				expected: _('1 or 0'),
				help: _('Whether this peer counts')
			}
		]
	},

	group: {
		help: _('What this router does with a group. The section\'s name is the group\'s, as \'ipop groups\' shows it'),
		options: [
			{
				name: 'name',
				title: _('Name'),
				widget: 'Value',
				datatype: 'maxlength(63)',
				choices: [],
				list: false,
				default: null,
				expected: _('a name of up to 63 letters, digits, \'.\', \'_\' or \'-\''),
				help: _('The group\'s name, where the section can\'t have it')
			},
			{
				name: 'device',
				title: _('Device'),
				widget: 'Value',
				datatype: 'netdevname',
				choices: [],
				list: false,
				default: null,
				expected: _('1 to 15 letters, digits, \'.\', \'_\' or \'-\''),
				help: _('The Ethernet device that the daemon makes for it')
			},
			{
				name: 'bridge',
				title: _('Bridge'),
				widget: 'Value',
				datatype: 'netdevname',
				choices: [],
				list: false,
				default: null,
				expected: _('1 to 15 letters, digits, \'.\', \'_\' or \'-\''),
				help: _('An existing bridge that the device becomes a port of')
			},
			{
				name: 'make_bridge',
				title: _('Make bridge'),
				widget: 'Flag',
				datatype: null,
				choices: [],
				list: false,
				default: '0',
				expected: _('1 or 0'),
				help: _('Whether the daemon makes the bridge where there is none')
			},
			{
				name: 'enabled',
				title: _('Enabled'),
				widget: 'Flag',
				datatype: null,
				choices: [],
				list: false,
				default: '1',
				expected: _('1 or 0'),
				help: _('Whether this router takes part in it')
			},
			{
				name: 'mode',
				title: _('Mode'),
				widget: 'ListValue',
				datatype: null,
				choices: ['bridge', 'route'],
				list: false,
				default: 'bridge',
				expected: _('bridge or route'),
				help: _('route for IP only: no broadcasts, no layer 2')
			},
			{
				name: 'serve',
				title: _('Serve'),
				widget: 'ListValue',
				datatype: null,
				choices: ['none', 'dnsmasq', 'openwrt'],
				list: false,
				default: null,
				expected: _('none, dnsmasq or openwrt'),
				help: _('Who gives the devices addresses and names; if not set, as in globals')
			},
			{
				name: 'internet',
				title: _('Internet'),
				widget: 'Flag',
				datatype: null,
				choices: [],
				list: false,
				default: '0',
				expected: _('1 or 0'),
				help: _('Whether the group\'s devices here may use this home\'s internet')
			},
			{
				name: 'domain',
				title: _('Domain'),
				widget: 'Value',
				datatype: 'hostname',
				choices: [],
				list: false,
				default: 'internal',
				expected: _('a domain such as internal or home.arpa, in small letters'),
				help: _('What the devices\' names end in: nas.cabin.friends.internal')
			},
			{
				name: 'map',
				title: _('Map'),
				widget: 'DynamicList',
				datatype: 'ip4addr',
				choices: [],
				list: true,
				default: null,
				expected: _('an address or a network, such as 192.168.1.20 or 192.168.1.0/24'),
				help: _('Ordinary devices of this home that the group can reach')
			},
			{
				name: 'port',
				title: _('Port'),
				widget: 'DynamicList',
				datatype: 'string',
				choices: [],
				list: true,
				default: null,
				expected: _('network devices, such as lan3 or eth0.2'),
				help: _('Ports of this router for its devices, with serve \'openwrt\'')
			},
			{
				name: 'ssid',
				title: _('SSID'),
				widget: 'Value',
				datatype: 'maxlength(32)',
				choices: [],
				list: false,
				default: null,
				expected: _('the name of a Wi-Fi network, of 1 to 32 bytes'),
				help: _('The name of a Wi-Fi network for its devices, with serve \'openwrt\'')
			},
			{
				name: 'key',
				title: _('Key'),
				widget: 'Value',
				datatype: 'wpakey',
				choices: [],
				list: false,
				default: null,
				expected: _('8 to 63 letters, digits or signs of ASCII'),
				help: _('The passphrase of that network')
			},
			{
				name: 'radio',
				title: _('Radio'),
				widget: 'Value',
				datatype: 'uciname',
				choices: [],
				list: false,
				default: null,
				expected: _('a radio as /etc/config/wireless calls it, such as radio0'),
				help: _('The radio that it is on; if not set, all that there are')
			}
		]
	},

	guard: {
		help: _('A rule of the LAN. The section\'s name is the rule\'s'),
		options: [
			{
				name: 'enabled',
				title: _('Enabled'),
				widget: 'Flag',
				datatype: null,
				choices: [],
				list: false,
				default: '1',
				expected: _('1 or 0'),
				help: _('Whether the rule holds here')
			}
		]
	},

	guards: [
		{ name: 'dhcp', help: _('DHCP stays at home: devices get their addresses from their own router only.') },
		{ name: 'dhcpv6', help: _('DHCPv6 stays at home, as DHCP does.') },
		{ name: 'ra', help: _('No router of another home announces itself to devices here (router advertisements).') },
		{ name: 'redirect', help: _('Nobody in another home tells devices here to send by another way (ICMP redirects).') },
		{ name: 'control', help: _('What switches say to their neighbours stays at home: STP, LLDP, LACP, 802.1X, CDP.') },
		{ name: 'pppoe', help: _('PPPoE, the dial-up to an internet provider, stays at home.') },
		{ name: 'igd', help: _('Devices find no UPnP internet gateway in another home, so they open no ports there.') },
		{ name: 'portmap', help: _('NAT-PMP and PCP stay at home, so that devices open no ports in another home.') },
		{ name: 'router', help: _('Other members\' devices can ping this router and ask it for names, and nothing else.') },
		{ name: 'unparsed', help: _('Frames that are made to hide what they carry from these guards are dropped.') }
	]
});
