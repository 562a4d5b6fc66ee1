"""What usually goes wrong, a check for each: a function of Facts, which gives Findings, none where it doesn't apply.

A Finding that is wrong says what is so, and what to do about it.
"""

from .. import RELEASED
from ..command.nat import verdict
from ..command.pages import advice
from ..command.show import duration
from . import openwrt
from .finding import good, wrong
from .nftables import CLOSED, OPEN, port_is

ENOENT, EPERM, EACCES = 2, 1, 13
HOUR = 3_600_000  # ms
AHEAD = 2 * HOUR  # stamps are allowed to be ahead of the clock of who made them, see wg/timestamps.py
MTU = 1500
MTU_LEAST = 1100  # bytes of an IP packet in one datagram, where each link carries what it has to (RFC 8200 section 5)
AWAY_MAX = 3  # members that are worth their reason


def examine(facts):
    """[Finding] of all CHECKS, and of what else the daemon complains about."""
    found = [finding for check in CHECKS for finding in check(facts)]
    said = "\n".join([finding.text for finding in found])
    for text in (facts.status or {}).get("problems") or ():
        if text not in said and text != facts.problem("config"):
            found.append(wrong("problem", text))
    return found


def daemon(facts):
    if facts.status is not None:
        runs = "ipopd %s runs for %s" % (facts.status["version"], duration(facts.status["uptime_s"]))
        return [good("daemon", runs)]
    if facts.options is not None and not facts.options.enabled:
        remedy = "set it to '1' in %s and start ipopd again" % facts.path
        return [wrong("daemon", "ipopd is switched off by option 'enabled' of its configuration", remedy)]
    if facts.no_port is not None:
        return [wrong("daemon", facts.unreachable), wrong("daemon", "it can't start: " + facts.no_port)]
    return [wrong("daemon", facts.unreachable)]


def configuration(facts):
    if facts.wrong is not None:
        return [wrong("configuration", line) for line in facts.wrong.split("\n")]
    refused = facts.problem("config")
    if refused is not None:
        return [wrong("configuration", refused, "if it is mended already, send ipopd a SIGHUP")]
    return [good("configuration", "%s is valid" % facts.path)]


def tun(facts):
    if facts.no_tun is None:
        return [good("tun", "TAP devices can be made")]
    if facts.no_tun in (EPERM, EACCES):
        remedy = "run this as root; in a container, let it use the device"
        return [wrong("tun", "/dev/net/tun can't be opened: permission denied", remedy)]
    remedy = "opkg install kmod-tun (or apk add kmod-tun)" if facts.is_openwrt else "modprobe tun"
    return [wrong("tun", "there is no TUN device at /dev/net/tun, so ipopd has no Ethernet device", remedy)]


def ubus(facts):
    if facts.ubus is None or facts.status is None:
        return []
    if facts.ubus is True:
        return [good("ubus", "ipopd answers on ubus")]
    remedy = "chmod 644 /usr/share/acl.d/ipop.json; kill -HUP $(pidof ubusd); then wait 10 s. LuCI needs it"
    said = facts.problem("ubus")
    if said is not None:
        return [wrong("ubus", said)]
    return [wrong("ubus", "ipopd runs, but is not on ubus: ubusd has not read what it may do there", remedy)]


def clock(facts):
    remedy = "set it: is the time server reached ('ntpd -q -p pool.ntp.org')?"
    if facts.wall < RELEASED:
        return [wrong("clock", "this router's clock is wrong: it is before the day this ipopd was made", remedy)]
    for group in facts.members():
        if (group.get("newest_ms") or 0) > facts.wall + AHEAD:
            hours = (group["newest_ms"] - facts.wall) // HOUR
            text = "the roster of %s has an entry from %d h in the future: this clock is wrong, or that of an admin"
            return [wrong("clock", text % (group["name"], hours), remedy)]
    return [good("clock", "nothing speaks against this clock")]


def firewall(facts):
    port = (facts.status or {}).get("port") or (facts.options.port if facts.options is not None else None)
    if facts.ruleset is None or port is None:
        return []
    state = port_is(facts.ruleset, port, facts.uplinks)
    if state != CLOSED:
        said = "UDP port %d is let in" if state == OPEN else "nothing here drops what comes to UDP port %d"
        return [good("firewall", said % port)]
    remedy = "put it before what drops: 'nft insert rule inet filter input udp dport %d accept'" % port
    if facts.is_openwrt:
        remedy = "/etc/init.d/ipop restart; or let UDP port %d in from wan in LuCI, Network, Firewall" % port
    return [wrong("firewall", "this router's firewall drops what members send to UDP port %d" % port, remedy)]


def bridge(facts):
    found = []
    for group in facts.members():
        device, wanted = group["device"], openwrt.bridge_of(facts, group)
        if wanted is None:
            continue
        is_in = facts.bridges.get(device)
        if is_in == wanted:
            found.append(good("bridge", "%s: %s is in %s" % (group["name"], device, wanted)))
            continue
        text = facts.problem(device + " in its bridge", device)
        if text is None:
            text = "%s: %s is in %s" % (group["name"], device, "the bridge %s" % is_in if is_in else "no bridge")
        remedy = "it belongs into %s: 'ip link set %s master %s'" % (wanted, device, wanted)
        if facts.is_openwrt:
            remedy = "it belongs into %s: 'ipop setup --apply', or add it to the bridge's ports in LuCI" % wanted
        if facts.undone == [] and openwrt.service_of(facts, group) == openwrt.OPENWRT:  # so netifd has lost it
            remedy = "it belongs into %s, where 'ifup %s' puts it" % (wanted, device)
        found.append(wrong("bridge", text, remedy))
    return found


def mtu(facts):
    found = []
    for interface in sorted(facts.mtus):
        size = facts.mtus[interface]
        if size is not None and size < MTU:
            remedy = "ip link set %s mtu %d; and is there an 'option mtu' for it or one of its ports?"
            remedy = remedy % (interface, MTU)
            found.append(wrong("mtu", "%s carries packets of %d bytes only, not %d" % (interface, size, MTU), remedy))
    for peer in facts.peers:
        size = peer.get("mtu")
        if peer["state"] == "connected" and size is not None and size < MTU_LEAST:
            text = "only %d bytes get to %s at once, so all larger packets are cut into many"
            remedy = "something on the way, often a tunnel or a DSL line, drops what is larger: is an MTU set too high?"
            found.append(wrong("mtu", text % (size, peer["name"]), remedy))
    return found or ([good("mtu", "whole packets pass")] if facts.mtus else [])


def conflict(facts):
    found = []
    for group in facts.members():
        text = facts.problem(group["name"] + " has a conflict")
        found.append(wrong("conflict", text) if text else good("conflict", _only(group)))
    return found


def _only(group):
    return "%s: nothing else here has addresses of %s" % (group["name"], group["address"])


def served(facts):
    """On plain Linux, where the daemon does it itself; on OpenWrt see openwrt.dhcp."""
    found = []
    for group in facts.members():
        name = group["name"]
        text = facts.problem(*[name + end for end in (" plan", " bridge", " addresses", " firewall")])
        if text is not None:
            found.append(wrong("served", text))
        elif openwrt.service_of(facts, group) == openwrt.DNSMASQ:
            found.append(good("served", "%s: the devices here get addresses and names" % name))
    return found


def broker(facts):
    found = []
    for group in facts.members():
        brokers = group["brokers"]
        reached = [each["url"] for each in brokers if each["connected"]]
        problem = facts.problem(group["name"] + " broker")
        if reached and problem is None:
            found.append(good("broker", "%s: %s" % (group["name"], reached[0])))
        elif brokers:
            tried = ", ".join([each["url"] for each in brokers if not each["connected"]])
            text = problem or "%s: no answer yet" % group["name"]
            remedy = "does it run, is its port let in, is this router's internet up? Tried: " + tried
            found.append(wrong("broker", text, remedy))
    return found


def members(facts):
    found = []
    for group in facts.members():
        name, total, connected = group["name"], group["members"], group["connected"]
        away = [peer for peer in facts.peers if peer.get("group") == name and peer["state"] != "connected"]
        if not total:
            found.append(good("members", "%s: nobody else is in yet ('ipop invite')" % name))
        elif connected:
            found.append(good("members", "%s: connected with %d of %d" % (name, connected, total)))
        else:
            reasons = ["%s: %s" % (peer["name"], advice(peer)) for peer in away[:AWAY_MAX]]
            reasons.append(verdict(facts.nat)[1] if facts.nat is not None else "see 'ipop nat'")
            found.append(wrong("members", "%s: none of %d members is reached" % (name, total), "; ".join(reasons)))
    return found


CHECKS = (
    daemon,
    configuration,
    tun,
    ubus,
    clock,
    firewall,
    bridge,
    openwrt.setup,
    openwrt.zone,
    openwrt.dhcp,
    openwrt.advertised,
    served,
    mtu,
    conflict,
    broker,
    members,
)
