"""What netifd, dnsmasq's init script, odhcpd and fw4 make of /etc/config, as far as a group needs them: a stand-in.

    den, cabin = openwrt_town(lab, "den", "cabin", broker=url, port=["lan2"])    # routers with OpenWrt, in one group
    nas = plug(den, "nas", "lan2")      # a device in that socket, as soon as it has a lease
    den.obey()                          # root does what the daemon asks for

Each router has /tmp and /etc of its own, as its programs see it. `uci` is UciState of tests/unit, which is held against
the real one in tests/openwrt."""

import json
import signal
from ipaddress import ip_address, ip_interface

from cables import link
from groups import create, invite, join, wait_connected
from lab import ROOT
from netns import Host, wait_for
from openwrt_configs import FACTORY
from served import GROUP, Device, lease_script
from uci_state import UciState

from ipop.openwrt.there import one, words

# /tmp with the lab's own folder in it, and a layer over /etc
_ENTER = """
set -e
mkdir -p {own}/etc {own}/work
for each in {lab} {root}; do  # what is in /tmp and must still be seen
    case $each in /tmp/*) mkdir -p {own}$each; mount --bind $each {own}$each ;; esac
done
mount --rbind {own}/tmp /tmp
mount -t overlay overlay -o lowerdir=/etc,upperdir={own}/etc,workdir={own}/work /etc
exec "$@"
"""


def openwrt_town(lab, *names, broker, release="24.10", **options):
    """Routers of these names whose network is OpenWrt's, in one group, each with what it asked for."""
    routers = [OpenWrt(lab, name, release, **options) for name in names]
    create(routers[0].home, GROUP, broker)
    for router in routers[1:]:
        join(router.home, invite(routers[0].home))
    for router in routers:
        router.obey()
        wait_connected(router.home, *[name for name in names if name != router.home.name])
    return routers


class OpenWrt:
    """A lab's home, whose daemon makes no network. `options` are those of the group's section."""

    def __init__(self, lab, name, release, **options):
        lease_script(lab)
        self.home = home = lab.add_home(name)
        self.router = home.router
        self.folder = home.folder
        self.router.ip("link delete br-group")
        del home.globals["bridge"]
        home.globals["serve"] = "openwrt"
        home.globals["device"] = "ipop0"
        home.groups[GROUP] = options
        script = self.folder / "enter"
        script.write_text(_ENTER.format(own=self.folder, lab=lab.folder, root=ROOT))
        home.entrance = ["sh", script]
        home.folder.chmod(0o755)
        for part in ("tmp", "tmp/hosts"):
            (self.folder / part).mkdir()
        self._files = dict(FACTORY[release])
        self._dnsmasq = None
        self.before = self.uci
        self._write()
        self.apply()
        home.start_daemon()

    @property
    def uci(self):
        """The state, as text."""
        return UciState(self._files).files()

    def setup(self, *words, check=True):
        return self.router.run([*self.home.entrance, self.home.program("ipop"), "--config", self.home.config, "setup",
                                *words], check=check)

    def obey(self):
        """Wait until the daemon wants something else than there is, and do it."""
        def asked():
            done = self.setup("--dry-run", check=False)
            return done.stdout if done.returncode == 0 else None
        batch = wait_for(asked, 10, f"{self.home.name}: something to do")
        state = UciState(self._files)
        state.batch(batch)
        self._files = state.files()
        self._write()
        self.setup("--files")
        self.apply()

    def read_names(self):
        """As the init script does on `ipop.names`."""
        self.setup("--files")
        self._dnsmasq.popen.send_signal(signal.SIGHUP)
        return True

    def reload(self, **options):
        self.home.groups[GROUP] = options
        self.home.daemon.reload()

    def _write(self):
        for package, text in self._files.items():
            (self.folder / package).write_text(text)

    def _sections(self, package, type):
        return [each for each in UciState(self._files).packages[package] if each.type == type]

    # --- netifd

    def apply(self):
        bridges = {one(each, "name"): each for each in self._sections("network", "device")}
        for name in self.links("type", "bridge"):
            if name not in bridges:
                self.router.ip(f"link delete {name}")
        for name, section in bridges.items():
            if name not in self.links():
                self.router.ip(f"link add {name} type bridge mcast_snooping 0", f"link set {name} up")
            if one(section, "macaddr"):
                self.router.ip(f"link set {name} address {one(section, 'macaddr')}")
            for port in self.links("master", name):
                if port not in words(section, "ports"):
                    self.router.ip(f"link set {port} nomaster")
        for name, section in bridges.items():
            for port in words(section, "ports"):
                if port in self.links():
                    self.router.ip(f"link set {port} master {name}", f"link set {port} up")
        for section in self._interfaces():
            self._set_addresses(one(section, "device"), self._addresses(section))
        for section in self._sections("network", "route"):
            if one(section, "type") == "local":
                self.router.ip(f"route replace local {one(section, 'target')} dev {self._device(section)} table local")
        self._start_dnsmasq()
        self._load_firewall()

    def links(self, *selector):
        shown = self.router.run(["ip", "-json", "link", "show", *selector], check=False).stdout
        return [each["ifname"] for each in json.loads(shown or "[]") if "ifname" in each]

    def _interfaces(self):
        found = [each for each in self._sections("network", "interface") if one(each, "proto") == "static"]
        return [each for each in found if one(each, "device") != "lo"]

    def _device(self, section):
        """The network device of what names an interface."""
        return next(one(each, "device") for each in self._interfaces() if each.name == one(section, "interface"))

    def _addresses(self, section):
        mask = one(section, "netmask")
        found = words(section, "ipaddr") + words(section, "ip6addr")
        return [ip_interface(each if "/" in each else f"{each}/{mask}") for each in found]

    def _set_addresses(self, device, addresses):
        shown = json.loads(self.router.run(["ip", "-json", "addr", "show", "dev", device]).stdout)[0]["addr_info"]
        there = {f"{each['local']}/{each['prefixlen']}" for each in shown if each["scope"] == "global"}
        for each in there - set(map(str, addresses)):
            self.router.ip(f"addr del {each} dev {device}")
        for each in addresses:
            if str(each) not in there:
                self.router.ip(f"addr add {each} dev {device} nodad" if each.version == 6
                               else f"addr add {each} dev {device}")

    # --- dnsmasq, by its init script, and what odhcpd would advertise

    def _start_dnsmasq(self):
        (section,) = self._sections("dhcp", "dnsmasq")
        tmp = self.folder / "tmp"
        lines = ["no-resolv", "bind-dynamic", "user=root", f"addn-hosts={tmp}/hosts", "enable-ra", "quiet-ra",
                 f"dhcp-leasefile={tmp}/dhcp.leases", f"domain={one(section, 'domain')}", "except-interface=wan",
                 f"local={one(section, 'local')}", *[f"server={each}" for each in words(section, "server")]]
        names = {"domainneeded": "domain-needed", "boguspriv": "bogus-priv", "localise_queries": "localise-queries",
                 "rebind_protection": "stop-dns-rebind", "expandhosts": "expand-hosts",
                 "authoritative": "dhcp-authoritative", "localservice": "local-service"}
        lines += [word for option, word in names.items() if one(section, option) == "1"]
        for pool in self._sections("dhcp", "dhcp"):
            if one(pool, "ignore") != "1":
                lines += self._pool(pool)
        config = self.folder / "dnsmasq.conf"
        config.write_text("\n".join(lines) + "\n")
        if self._dnsmasq:
            self._dnsmasq.stop()
        command = ["dnsmasq", "--keep-in-foreground", "--log-facility=-", f"--conf-file={config}"]
        self._dnsmasq = self.router.spawn(command)
        wait_for(lambda: ":53 " in self.router.run(["ss", "-lunH"]).stdout, 5, "dnsmasq listening")

    def _pool(self, pool):
        name, device = one(pool, "interface"), self._device(pool)
        (interface,) = [each for each in self._interfaces() if each.name == name]
        network = next(each.network for each in self._addresses(interface) if each.version == 4)
        first = network.network_address + int(one(pool, "start"))
        last = ip_address(first) + int(one(pool, "limit")) - 1
        lines = [f"dhcp-range=set:{name},{first},{last},{network.netmask},{one(pool, 'leasetime')}"]
        lines += [f"dhcp-option=tag:{name},{each}" for each in words(pool, "dhcp_option")]
        if one(pool, "ra") == "server":
            lines.append(f"dhcp-range=set:{name},::,constructor:{device},ra-only,64,12h")
            lines.append(f"ra-param={device},60,{one(pool, 'ra_lifetime') or 1800}")
        return lines

    # --- fw4

    def _load_firewall(self):
        devices = {each.name: one(each, "device") for each in self._sections("network", "interface")}
        zones = {one(each, "name"): each for each in self._sections("firewall", "zone")}
        of_zone = {name: sorted({devices[each] for each in words(zone, "network")}) for name, zone in zones.items()}
        rules = {"input": [], "forward": []}
        for rule in self._sections("firewall", "rule"):
            chain = "forward" if rule.get("dest") else "input"
            rules[chain].append(f"iifname {{ {', '.join(of_zone[one(rule, 'src')])} }} " + self._match(rule, of_zone))
        for each in self._sections("firewall", "forwarding"):
            source, target = [", ".join(of_zone[one(each, option)]) for option in ("src", "dest")]
            rules["forward"].append(f"iifname {{ {source} }} oifname {{ {target} }} accept")
        masqueraded = []
        for name, zone in zones.items():
            own = f"{{ {', '.join(of_zone[name])} }}"
            rules["input"].append(f"iifname {own} {one(zone, 'input').lower()}")
            if one(zone, "forward") == "ACCEPT":
                rules["forward"].append(f"iifname {own} oifname {own} accept")
            if one(zone, "masq") == "1":
                masqueraded.append(f"meta nfproto ipv4 oifname {own} masquerade")
        includes = [one(each, "path") for each in self._sections("firewall", "include")]
        self.router.nft(_FW4.format(
            input="\n".join(rules["input"]), forward="\n".join(rules["forward"]), srcnat="\n".join(masqueraded),
            includes="\n".join((self.folder / path[1:]).read_text() for path in includes)))

    def _match(self, rule, of_zone):
        words_of = {option.name: words(rule, option.name) for option in rule.options}
        match = f"oifname {{ {', '.join(of_zone[one(rule, 'dest')])} }} " if rule.get("dest") else ""
        for option, word in (("src_ip", "saddr"), ("dest_ip", "daddr")):
            values = words_of.get(option, [])
            if values:
                negated = values[0][0] == "!"
                match += f"ip {word} {'!= ' if negated else ''}{{ {', '.join(each.lstrip('!') for each in values)} }} "
        protocols = words_of.get("proto", ["tcp", "udp"])
        ports = ", ".join(words_of.get("dest_port", []))
        if protocols == ["icmp"]:
            match += "meta l4proto { icmp, ipv6-icmp } "
        elif protocols != ["all"]:
            match += f"meta l4proto {{ {', '.join(protocols)} }} "
        return match + (f"th dport {{ {ports} }} " if ports else "") + one(rule, "target").lower()


_FW4 = """
table inet fw4
flush table inet fw4
table inet fw4 {{
chain input {{
	type filter hook input priority filter; policy drop;
	iif lo accept
	ct state established,related accept
{input}
	udp dport 51820 accept
}}
chain forward {{
	type filter hook forward priority filter; policy drop;
	ct state established,related accept
{forward}
}}
chain srcnat {{
	type nat hook postrouting priority srcnat; policy accept;
{srcnat}
}}
{includes}
}}
"""


class Plugged(Device):
    """A device in one of the router's sockets."""

    def __init__(self, router, name, socket):
        Host.__init__(self, router.home.lab, f"{router.home.name}-{name}")
        self._label = self.host_name = name
        self._client = None
        link(self, "eth0", router.router, socket)
        router.home.consoles.append(self)


def plug(router, name, socket):
    """A device with an address of its own router. The socket is in whatever bridge it belongs to."""
    device = Plugged(router, name, socket)
    router.apply()
    device.ask()
    return device


def look_up(device, name, server):
    return device.run(["busybox", "nslookup", name, server], check=False).stdout
