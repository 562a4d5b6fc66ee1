"""The configuration: what may stand in /etc/config/ipop, and what it means.

One table, `SECTIONS`, says everything about each option: checks, defaults, "did you mean" and what documentation and
web forms need are read from it. `load` opens nothing by itself, and tells of everything that is wrong at once:

    /etc/config/ipop:7: option 'port': expected a UDP port from 1 to 65535, got '70000'
"""

from collections import namedtuple

from ..errors import ConfigError
from ..home.options import DOMAIN, MAPS, PORTS, RADIO, SSID, WIFI_KEY
from ..lan.guards import GUARDS
from ..openwrt.device import EXPECTED, is_device
from ..overlay.turn_url import TURN_SERVERS
from ..values import (
    BOOLEAN,
    DEVICE,
    ENDPOINT,
    FILE,
    FOLDER,
    LIMIT,
    NAME,
    PORT,
    PREFIXES,
    PUBLIC_KEY,
    SECONDS,
    SERVERS,
    SOCKET,
    Refused,
    choice,
    key_text,
    parse_key,
)
from ..wire import ip
from ..words import did_you_mean, quoted, why
from . import uci

DEFAULT_FILE = "/etc/config/ipop"

Option = namedtuple("Option", "name kind default help")  # the default as one would write it, None: there is none

OPENWRT = "openwrt"  # what a group's 'serve' is where netifd and its fellows see to its devices
SERVICE = choice("none", "dnsmasq", OPENWRT)

SECTIONS = {
    "globals": (
        Option("enabled", BOOLEAN, "1", "Whether the daemon runs"),
        Option("port", PORT, "51820", "The UDP port that peers send to"),
        Option("device", DEVICE, "ipop0", "The Ethernet device that the daemon makes"),
        Option("bridge", DEVICE, None, "An existing bridge that the device becomes a port of"),
        Option("private_key_file", FILE, "/etc/ipop/private.key", "This node's key, made by 'ipop keygen'"),
        Option("state_dir", FOLDER, "/etc/ipop", "Where the little is kept that must survive a restart"),
        Option("control", SOCKET, "/var/run/ipop/ipop.sock", "The socket on which the daemon answers 'ipop'"),
        Option("ubus", SOCKET, "/var/run/ubus/ubus.sock", "The socket of ubusd, where there is one"),
        Option("relay", choice("auto", "1", "0"), "auto", "Whether it forwards for members who can't meet directly"),
        Option("relay_limit", LIMIT, "0", "How much it forwards for all members together; 0: up to 32000 for each"),
        Option("stun", SERVERS, None, "STUN servers, which say how this router looks from outside: HOST:PORT"),
        Option("turn", TURN_SERVERS, None, "TURN servers, the last resort: turn://USER:PASSWORD@HOST, the best first"),
        Option("serve", SERVICE, "none", "Who serves groups' devices: nobody, a dnsmasq of ipopd's own, or OpenWrt"),
        Option("log_level", choice("error", "warning", "info", "debug"), "info", "How much is logged"),
    ),
    "peer": (
        Option("name", NAME, None, "The peer's name, where the section can't have it"),
        Option("public_key", PUBLIC_KEY, None, "Who it is"),
        Option("endpoint", ENDPOINT, None, "Where it is; without one it has to call first"),
        Option("preshared_key_file", FILE, None, "A secret that both sides hold besides their keys"),
        Option("suite", choice("sha256", "blake2s"), "sha256", "blake2s for a stock WireGuard peer"),
        Option("allowed_ips", PREFIXES, None, "The addresses that a stock WireGuard peer has on the LAN"),
        Option("keepalive", SECONDS, "25", "Seconds between the signs of life that keep a NAT open"),
        Option("enabled", BOOLEAN, "1", "Whether this peer counts"),
    ),
    "group": (
        Option("name", NAME, None, "The group's name, where the section can't have it"),
        Option("device", DEVICE, None, "The Ethernet device that the daemon makes for it"),
        Option("bridge", DEVICE, None, "An existing bridge that the device becomes a port of"),
        Option("make_bridge", BOOLEAN, "0", "Whether the daemon makes the bridge where there is none"),
        Option("enabled", BOOLEAN, "1", "Whether this router takes part in it"),
        Option("mode", choice("bridge", "route"), "bridge", "route for IP only: no broadcasts, no layer 2"),
        Option("serve", SERVICE, None, "Who gives the devices addresses and names; if not set, as in globals"),
        Option("internet", BOOLEAN, "0", "Whether the group's devices here may use this home's internet"),
        # set aside for private use (ICANN board resolution 2024.07.29.06)
        Option("domain", DOMAIN, "internal", "What the devices' names end in: nas.cabin.friends.internal"),
        Option("map", MAPS, None, "Ordinary devices of this home that the group can reach"),
        Option("port", PORTS, None, "Ports of this router for its devices, with serve 'openwrt'"),
        Option("ssid", SSID, None, "The name of a Wi-Fi network for its devices, with serve 'openwrt'"),
        Option("key", WIFI_KEY, None, "The passphrase of that network"),
        Option("radio", RADIO, None, "The radio that it is on; if not set, all that there are"),
    ),
    "guard": (Option("enabled", BOOLEAN, "1", "Whether the rule holds here"),),
}

ABOUT = {
    "globals": "This router. The section and each of its options may be missing",
    "peer": "Another node, without a group. The section's name is the peer's",
    "group": "What this router does with a group. The section's name is the group's, as 'ipop groups' shows it",
    "guard": "A rule of the LAN. The section's name is the rule's",
}

GroupConfig = namedtuple("GroupConfig", [option.name for option in SECTIONS["group"]])
# all options of `globals`, then 32 bytes (None when not enabled, or when nothing needs it), a list of PeerConfigs (see
# node.py), a list of GroupConfigs, those that are not enabled too, the names of the guards that are off, and what
# `place` looks up
_FIELDS = [option.name for option in SECTIONS["globals"]] + ["private_key", "peers", "groups", "guards_off", "places"]
Config = namedtuple("Config", _FIELDS)


def load(text, filename, read_file, dh_base):
    """A Config, and a list of warnings.

    `text` is the file's content, text or bytes; `read_file(path)` returns (bytes, mode) of a key file or raises
    OSError; `dh_base` makes a public key of a private one. Raises ConfigError, its message a line for each error.
    """
    loader = _Loader(filename, read_file, dh_base)
    config = loader.load(text)
    if loader.errors:
        raise ConfigError("\n".join(loader.errors))
    return config, loader.warnings


def with_fields(config, other, names):
    """The Config, with the fields of these names as another one has them."""
    return Config(*[getattr(other if name in names else config, name) for name in _FIELDS])


def group(config, name):
    """The GroupConfig of a group: what its section says, or goes without saying."""
    for section in config.groups:
        if section.name == name:
            return section
    values = {schema.name: _default(schema) for schema in SECTIONS["group"]}
    values.update(name=name, serve=config.serve)
    return GroupConfig(**values)


def is_openwrts(config):
    """Whether OpenWrt serves any group, if there is one."""
    return any(serve == OPENWRT for serve in [config.serve] + [section.serve for section in config.groups])


def place(config, name, option):
    """Where an option of a group is written, "FILE:7", maybe in `globals`, whose name is None; or whose it is, where it
    isn't."""
    for section in (name, None):
        if (section, option) in config.places:
            return config.places[(section, option)]
    return "group " + name if name is not None else "globals"


def setting(text, filename, name):
    """One option of `globals`, whatever else is wrong with the file. Raises ConfigError."""
    (schema,) = [option for option in SECTIONS["globals"] if option.name == name]
    sections, _ = uci.parse(text, filename)
    for section in sections:
        option = section.get(name)
        if section.type == "globals" and option is not None:
            return _value(schema, option)
    return _default(schema)


# --- one section


class _Form:
    """What a section (None: a missing one) says, by the schema of its type: `form["port"]`."""

    def __init__(self, type, section, filename):
        self.names = [schema.name for schema in SECTIONS[type]]
        self.section = section
        self.where = section.where if section else filename
        self.errors = []
        self.values = {}
        self._written = {option.name: option for option in section.options} if section else {}
        for schema in SECTIONS[type]:
            self.values[schema.name] = _default(schema)
            try:
                if schema.name in self._written:
                    self.values[schema.name] = _value(schema, self._written[schema.name])
            except ConfigError as error:
                self.errors.append(error.message)

    def __getitem__(self, name):
        return self.values[name]

    def __setitem__(self, name, value):
        self.values[name] = value

    def has(self, name):
        return name in self._written

    def place(self, name):
        """How a message about an option begins."""
        return f"{self.where_of(name)}: option '{name}'"

    def where_of(self, name):
        return self._written[name].where if name in self._written else self.where

    def words(self, name):
        """The values of a list as they were written: [(text, where)]."""
        return _words(self._written[name]) if name in self._written else []

    def unknown(self):
        """The Options that are not in the schema."""
        return [option for option in self.section.options if option.name not in self.values] if self.section else []


def _default(schema):
    if schema.kind.many:
        return []
    return None if schema.default is None else schema.kind.parse(schema.default)


def _value(schema, option):
    """What is said about an option. Raises ConfigError."""
    if schema.kind.many:
        return [_parse(schema, word, where) for word, where in _words(option)]
    if len(option.values) != 1:
        raise ConfigError(f"{option.where}: option '{option.name}': expected one value, got a list of them")
    return _parse(schema, option.values[0].text, option.values[0].where)


def _words(option):
    """A list can also be written as one option, with blanks between."""
    return [(word, value.where) for value in option.values for word in value.text.split()]


def _parse(schema, text, where):
    try:
        return schema.kind.parse(text)
    except Refused as error:
        wrong = error.args[0]
    except ValueError:
        wrong = f"expected {schema.kind.expected}, got {quoted(text)}"
    raise ConfigError(f"{where}: option '{schema.name}': {wrong}")


# --- the whole file


class _Loader:
    """Goes through the file once and collects what is wrong with it."""

    def __init__(self, filename, read_file, dh_base):
        self.errors = []
        self.warnings = []
        self._places = {}  # (a group's name or None for `globals`, option) -> where it is written
        self._filename = filename
        self._read_file = read_file
        self._dh_base = dh_base

    def load(self, text):
        sections, self.warnings = uci.parse(text, self._filename)
        of_type = {type: [section for section in sections if section.type == type] for type in SECTIONS}
        for section in sections:
            if section.type not in SECTIONS:
                guess = did_you_mean(section.type, sorted(SECTIONS))
                self._warn(section.where, f"section type {quoted(section.type)} is ignored; {guess}")
        node = self._node(of_type["globals"])
        guards_off = self._guards_off(of_type["guard"])
        private_key, peers, groups = None, [], []
        if node["enabled"]:
            sections = [section for section in of_type["peer"] if _Form("peer", section, self._filename)["enabled"]]
            private_key = self._private_key(node, is_needed=bool(sections))
            peers = self._peers(sections, private_key and self._dh_base(private_key))
            groups = self._groups(of_type["group"], node, {("device", node["device"]): node.where} if peers else {})
        rest = {"private_key": private_key, "peers": peers, "groups": groups, "guards_off": guards_off}
        return Config(places=self._places, **rest, **node.values)

    def _node(self, sections):
        form = _Form("globals", sections[0] if sections else None, self._filename)
        self._check_options(form)
        for section in sections[1:]:
            self._error(section.where, f"expected one section 'globals', got one at {form.where} too: join them")
        self._check_bridge(form)
        self._note_places(form, None)
        return form

    def _guards_off(self, sections):
        """The names of the guards that are switched off."""
        names, off = [guard.name for guard in GUARDS], []
        for section in sections:
            form = _Form("guard", section, self._filename)
            self._check_options(form)
            if section.anonymous:
                self._error(form.where, "this guard needs a name, as in \"config guard 'igd'\": " + ", ".join(names))
            elif section.name not in names:
                guess = did_you_mean(section.name, names)
                self._error(form.where, f"there is no guard {quoted(section.name)}; {guess}")
            elif form["enabled"] is False:
                off.append(section.name)
        return off

    def _private_key(self, node, is_needed):
        """The key for the peers that are configured here. Groups have keys of their own."""
        path = node["private_key_file"]
        if not is_needed and not self._is_there(path):
            return None
        return self._key_file(node, "private_key_file", f"run 'ipop keygen {path}'")

    def _is_there(self, path):
        try:
            self._read_file(path)
        except OSError as error:
            return error.errno != _ENOENT
        return True

    def _peers(self, sections, own_key):
        """A PeerConfig of each; one that is not enabled may be half-finished and isn't looked at."""
        from ..node import PeerConfig  # not above: the command wants one option, and not the whole core

        peers, hosts, owners = [], [], {}
        for section in sections:
            form = _Form("peer", section, self._filename)
            self._check_options(form)
            self._check_key(form, own_key, owners)
            if form["suite"] == "blake2s":
                self._check_host(form, hosts)
                hosts.append(form)
            elif form.has("allowed_ips") and not form.errors:
                remedy = "remove it, or set 'option suite blake2s' if this is one"
                self._error(form.place("allowed_ips"), f"only a stock WireGuard peer has it: {remedy}")
            preshared_key = self._preshared_key(form)
            peers.append(
                PeerConfig(
                    name=form["name"],
                    public_key=form["public_key"],
                    endpoint=form["endpoint"],
                    preshared_key=preshared_key,
                    suite=form["suite"],
                    allowed_ips=form["allowed_ips"],
                    keepalive=form["keepalive"],
                )
            )
        return peers

    def _groups(self, sections, node, owners):
        """A GroupConfig of each. A name or a device is one's alone; `owners` says where {(option, value): where}."""
        groups = []
        for section in sections:
            form = _Form("group", section, self._filename)
            self._check_options(form)
            self._check_bridge(form)
            if form["name"] is None:
                form["name"] = section.name
            if form["serve"] is None:
                form["serve"] = node["serve"]
            self._note_places(form, form["name"])
            if section.anonymous and not form.has("name"):
                self._error(form.where, "this group needs a name: write 'config group NAME', or add 'option name'")
            for option in ("name", "device"):
                if form[option] is not None and form["enabled"]:
                    owner = owners.setdefault((option, form[option]), form.where)
                    if owner != form.where:
                        self._error(form.place(option), f"what is at {owner} has the same: each has its own")
            self._check_place(form)
            groups.append(GroupConfig(**form.values))
        return groups

    def _note_places(self, form, section):
        for name in form.names:
            if form.has(name):
                self._places[(section, name)] = form.where_of(name)

    def _check_place(self, form):
        """Where OpenWrt serves a group's devices, it makes the bridge; and nobody joins a home unasked."""
        if form["ssid"] is not None and form["key"] is None:
            self._error(form.place("ssid"), "a Wi-Fi network needs a passphrase: add option 'key'")
        if form["serve"] != OPENWRT:
            return
        if form["device"] is not None and not is_device(form["device"]):
            text = f"OpenWrt serves only groups with {EXPECTED}: its sections are called by the device"
            self._error(form.place("device"), text)
        for option in ("bridge", "make_bridge"):
            if form[option]:
                remedy = "leave it out, and name its ports with 'list port'"
                self._error(form.place(option), f"OpenWrt makes the bridge of a group that it serves: {remedy}")

    def _check_bridge(self, form):
        if form["bridge"] is not None and form["bridge"] == form["device"]:
            self._error(form.place("bridge"), "expected the name of a bridge, got that of the device itself")

    def _check_options(self, form):
        self.errors += form.errors
        for option in form.unknown():
            guess = did_you_mean(option.name, form.names)
            self._warn(option.where, f"option {quoted(option.name)} is ignored; {guess}")

    def _check_key(self, form, own_key, owners):
        """A peer has a key and a name, and nobody else has them."""
        key = form["public_key"]
        if not form.has("public_key"):
            self._error(form.where, "this peer needs a 'public_key': run 'ipop keygen --show' on the other side")
        if form["name"] is None:
            form["name"] = form.section.name if not form.section.anonymous else key and key_text(key)[:8]
        if key is not None and key == own_key:
            expected = "the other side's key, got this node's own: run 'ipop keygen --show' over there"
            self._error(form.place("public_key"), f"expected {expected}")
        for option in ("public_key", "name"):
            if form[option] is not None:
                owner = owners.setdefault((option, form[option]), form.where)
                if owner != form.where:
                    self._error(form.place(option), f"the peer at {owner} has the same: each has its own")

    def _check_host(self, form, others):
        """A stock WireGuard peer has addresses on the LAN, and no other such peer has them."""
        if not form.has("allowed_ips"):
            self._error(form.where, "a stock WireGuard peer needs 'allowed_ips': its addresses on the LAN")
        for (text, where), prefix in zip(form.words("allowed_ips"), form["allowed_ips"]):
            for other in others:
                if any(_overlap(prefix, taken) for taken in other["allowed_ips"]):
                    rest = f"{text} belongs to the peer at {other.where} already"
                    self._error(f"{where}: option 'allowed_ips'", rest)

    def _preshared_key(self, form):
        path = form["preshared_key_file"]
        if path is None:
            return None
        remedy = f"run 'ipop keygen --preshared {path}' on one side and copy the file to the other"
        return self._key_file(form, "preshared_key_file", remedy)

    def _key_file(self, form, option, remedy):
        """The key in a file, or None if there is something wrong. The content is never shown."""
        path = form[option]
        place = form.place(option)
        try:
            data, mode = self._read_file(path)
        except OSError as error:
            if error.errno != _ENOENT:
                remedy = "make it a file that the user of ipopd can read"
            self._error(place, f"{path}: {why(error)}: {remedy}")
            return None
        if mode & 0o007:
            self._warn(place, f"{path} is open to everybody on this machine: run 'chmod 600 {path}'")
        try:
            key = parse_key(data.strip().decode())
        except ValueError:
            got = f"{len(data)} bytes of something else" if data.strip() else "nothing"
            expected = "a key, which is 44 characters of base64"
            self._error(place, f"{path}: expected {expected}, got {got}: remove it, then {remedy}")
            return None
        if not any(key):
            self._error(place, f"{path}: a key of zeros is no secret: remove it, then {remedy}")
            return None
        return key

    def _error(self, where, text):
        self.errors.append(f"{where}: {text}")

    def _warn(self, where, text):
        self.warnings.append(f"{where}: {text}")


def _overlap(a, b):
    """Whether two (address, prefix length) pairs have an address in common."""
    return ip.contains(a[0], min(a[1], b[1]), b[0])


_ENOENT = 2
