"""/etc/config as four releases of OpenWrt leave the factory, in their own style; and that of a router in use."""

_GLOBALS = """\
config interface 'loopback'
	option device 'lo'
	option proto 'static'
	option ipaddr '127.0.0.1'
	option netmask '255.0.0.0'

config globals 'globals'
	option ula_prefix 'fdd3:91f0:2c47::/48'

config device
	option name 'br-lan'
	option type 'bridge'
	list ports 'lan1'
	list ports 'lan2'
	list ports 'lan3'
	list ports 'lan4'
"""

_WAN = """
config interface 'wan'
	option device 'wan'
	option proto 'dhcp'

config interface 'wan6'
	option device 'wan'
	option proto 'dhcpv6'
"""

_LAN = """
config interface 'lan'
	option device 'br-lan'
	option proto 'static'
	option ipaddr '192.168.1.1'
	option netmask '255.255.255.0'
	option ip6assign '60'
"""

_LAN_OF_2512 = """
config interface 'lan'
	option device 'br-lan'
	option proto 'static'
	list ipaddr '192.168.1.1/24'
	option ip6assign '60'
"""

_OLD_LOOPBACK = ("	option ipaddr '127.0.0.1'\n	option netmask '255.0.0.0'\n", "	list ipaddr '127.0.0.1/8'\n")

_DNSMASQ = """\
config dnsmasq
	option domainneeded '1'
	option boguspriv '1'
	option filterwin2k '0'
	option localise_queries '1'
	option rebind_protection '1'
	option rebind_localhost '1'
	option local '/lan/'
	option domain 'lan'
	option expandhosts '1'
	option nonegcache '0'
	option cachesize '1000'
	option authoritative '1'
	option readethers '1'
	option leasefile '/tmp/dhcp.leases'
	option resolvfile '/tmp/resolv.conf.d/resolv.conf.auto'
	option nonwildcard '1'
	option localservice '1'
	option ednspacket_max '1232'
	option filter_aaaa '0'
	option filter_a '0'
"""

_POOLS = """
config dhcp 'lan'
	option interface 'lan'
	option start '100'
	option limit '150'
	option leasetime '12h'
	option dhcpv4 'server'
	option dhcpv6 'server'
	option ra 'server'
	list ra_flags 'managed-config'
	list ra_flags 'other-config'

config dhcp 'wan'
	option interface 'wan'
	option ignore '1'

config odhcpd 'odhcpd'
	option maindhcp '0'
	option leasefile '/tmp/hosts/odhcpd'
	option leasetrigger '/usr/sbin/odhcpd-update'
	option loglevel '4'
"""

_FIREWALL = """\
config defaults
	option syn_flood '1'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config zone
	option name 'lan'
	list network 'lan'
	option input 'ACCEPT'
	option output 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'wan'
	list network 'wan'
	list network 'wan6'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'
	option masq '1'
	option mtu_fix '1'

config forwarding
	option src 'lan'
	option dest 'wan'

config rule
	option name 'Allow-DHCP-Renew'
	option src 'wan'
	option proto 'udp'
	option dest_port '68'
	option target 'ACCEPT'
	option family 'ipv4'

config rule
	option name 'Allow-ICMPv6-Input'
	option src 'wan'
	option proto 'icmp'
	list icmp_type 'echo-request'
	list icmp_type 'router-advertisement'
	option limit '1000/sec'
	option family 'ipv6'
	option target 'ACCEPT'
"""

_WIRELESS = """\
config wifi-device 'radio0'
	option type 'mac80211'
	option path 'platform/18000000.wifi'
	option channel '1'
	option band '2g'
	option htmode 'HE20'

config wifi-iface 'default_radio0'
	option device 'radio0'
	option network 'lan'
	option mode 'ap'
	option ssid 'OpenWrt'
	option encryption 'none'

config wifi-device 'radio1'
	option type 'mac80211'
	option path 'platform/18000000.wifi+1'
	option channel '36'
	option band '5g'
	option htmode 'HE80'

config wifi-iface 'default_radio1'
	option device 'radio1'
	option network 'lan'
	option mode 'ap'
	option ssid 'OpenWrt'
	option encryption 'none'
"""


def _release(network, dhcp=_DNSMASQ + _POOLS, wireless=_WIRELESS):
    return {"network": network, "dhcp": dhcp, "firewall": _FIREWALL, "wireless": wireless}


FACTORY = {
    "22.03": _release(
        _GLOBALS + _LAN + _WAN, (_DNSMASQ + _POOLS).replace("	option filter_aaaa '0'\n	option filter_a '0'\n", "")
    ),
    "23.05": _release(_GLOBALS + _LAN + _WAN),
    "24.10": _release(_GLOBALS.replace("'globals'\n", "'globals'\n	option packet_steering '1'\n") + _LAN + _WAN),
    "25.12": _release(_GLOBALS.replace(*_OLD_LOOPBACK) + _LAN_OF_2512 + _WAN),
}

# Somebody has made a guest network, said something about DNS, and put options behind lists; the router has no Wi-Fi.
USED = {
    "network": _GLOBALS + "	option stp '1'\n	option igmp_snooping '1'\n" + _LAN + _WAN + """
config device 'guest_dev'
	option type 'bridge'
	option name 'br-guest'

config interface 'guest'
	option device 'br-guest'
	option proto 'static'
	option ipaddr '192.168.3.1'
	option netmask '255.255.255.0'

config rule 'ipopular'
	option mark '0x1'
	option lookup '100'
""",
    "dhcp": _DNSMASQ + "	list server '/corp.example/10.9.8.7'\n	option noresolv '0'\n" + _POOLS,
    "firewall": _FIREWALL + """
config zone 'guest'
	option name 'guest'
	option network 'guest'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config rule
	option name 'it'\\''s mine; "yes"'
	option src 'guest'
	option proto 'udp'
	option dest_port '53'
	option target 'ACCEPT'
""",
    "wireless": "",
}
