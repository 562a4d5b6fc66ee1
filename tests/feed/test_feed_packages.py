"""What the packages have in them, and what they say of themselves."""

import ast
import json
import struct
import tomllib

import pytest
from feeds import ROOT

from ipop import VERSION

PROGRAM, PLAIN, PRIVATE = 0o755, 0o644, 0o600
DATE = 1_767_225_600
CODE = "/usr/lib/ipop/lib/"

SERVICE = {
    "/etc/config/ipop": PRIVATE,
    "/etc/init.d/ipop": PROGRAM,
    "/etc/uci-defaults/90-ipop": PROGRAM,
    "/lib/upgrade/keep.d/ipop": PLAIN,
    "/usr/lib/ipop/ipop": PROGRAM,
    "/usr/lib/ipop/ipopd": PROGRAM,
    "/usr/lib/ipop/lib/start.py": PLAIN,
    "/usr/share/acl.d/ipop.json": PLAIN,  # ubusd skips it where others may not read it
}
BROKER = {
    "/etc/init.d/ipop-broker": PROGRAM,
    "/etc/mosquitto/ipop-broker.conf": PLAIN,
    "/etc/uci-defaults/90-ipop-broker": PROGRAM,
}


def test_the_feed_has_all_that_needs_no_compiler(packages):
    assert set(packages) == {"ipop", "ipop-micropython", "ipop-broker", "luci-app-ipop", "luci-i18n-ipop-de",
                             "luci-i18n-ipop-zh-cn", "python3-pystun3", "python3-segno"}


def test_both_variants_have_the_same_service(packages):
    for name in ("ipop", "ipop-micropython"):
        package = packages[name]
        rest = {path: mode for path, mode in package.modes.items() if not path.startswith(CODE + "ipop/")}
        assert rest == SERVICE
        assert package.links == {"/usr/bin/ipop": "../lib/ipop/ipop", "/usr/sbin/ipopd": "../lib/ipop/ipopd"}


def test_the_service_starts_a_program_that_is_there(packages):
    package = packages["ipop"]
    (command,) = [line.split()[2] for line in package.content["/etc/init.d/ipop"].decode().splitlines()
                  if "procd_set_param command" in line]
    assert command in package.links


def test_cpython_has_the_source_and_nothing_of_the_other_interpreter(packages):
    source = {CODE + str(file.relative_to(ROOT / "src")): file.read_bytes()
              for file in (ROOT / "src/ipop").rglob("*.py") if "ports/micropython" not in str(file)}
    content = packages["ipop"].content
    assert {path: content[path] for path in content if path.startswith(CODE + "ipop/")} == source


def test_micropython_has_compiled_code_that_its_oldest_version_loads(packages):
    source = {CODE + str(file.relative_to(ROOT / "src").with_suffix(".mpy"))
              for file in (ROOT / "src/ipop").rglob("*.py") if "ports/cpython" not in str(file)}
    content = packages["ipop-micropython"].content
    compiled = {path: data for path, data in content.items() if path.startswith(CODE + "ipop/")}
    assert set(compiled) == source
    assert all(data[:2] == b"M\x06" for data in compiled.values())


def test_the_broker_and_the_python_packages(packages):
    assert packages["ipop-broker"].modes == BROKER
    assert set(packages["python3-pystun3"].modes) == {CODE + "stun/__init__.py", CODE + "stun/cli.py"}
    segno = packages["python3-segno"].modes
    assert CODE + "segno/__init__.py" in segno
    assert all(path.startswith(CODE + "segno/") and path.endswith((".py", ".pyi", ".typed")) for path in segno)
    for name in ("python3-pystun3", "python3-segno"):
        for path, data in packages[name].content.items():
            if path.endswith(".py"):
                ast.parse(data, path)


def test_the_daemon_may_ask_others_on_ubus_for_no_more_than_it_does(packages):
    for name in ("ipop", "ipop-micropython"):
        rights = json.loads(packages[name].content["/usr/share/acl.d/ipop.json"])
        assert rights == {
            "user": "ipop",
            "publish": ["ipop", "luci.ipop"],
            "send": ["ipop", "ipop.*"],
            "access": {"service": {"methods": ["event", "watchdog"]}},
        }


def test_the_web_interface_shows_a_view_that_is_there(packages):
    app = packages["luci-app-ipop"].content
    menu = json.loads(app["/usr/share/luci/menu.d/luci-app-ipop.json"])
    permissions = json.loads(app["/usr/share/rpcd/acl.d/luci-app-ipop.json"])
    views = [entry["action"] for entry in menu.values() if entry.get("action", {}).get("type") == "view"]
    assert views
    for view in views:
        assert f"/www/luci-static/resources/view/{view['path']}.js" in app
    for entry in menu.values():
        assert set(entry.get("depends", {}).get("acl", [])) <= set(permissions)
    assert set(packages["luci-app-ipop"].modes.values()) <= {PLAIN, PROGRAM}
    assert packages["luci-app-ipop"].modes["/usr/libexec/ipop-preview"] == PROGRAM


@pytest.mark.parametrize("code, text", (("de", "Mitglieder"), ("zh-cn", "成员")))
def test_a_language_of_the_web_interface_is_found_as_luci_looks_for_it(packages, code, text):
    content = packages[f"luci-i18n-ipop-{code}"].content
    assert f"luci.languages.{code.replace('-', '_')}=" in content[f"/etc/uci-defaults/luci-i18n-ipop-{code}"].decode()
    catalog = content[f"/usr/lib/lua/luci/i18n/ipop.{code}.lmo"]
    (end,) = struct.unpack(">I", catalog[-4:])
    rows = list(struct.iter_unpack(">4I", catalog[end:-4]))
    assert rows == sorted(rows) and all(offset % 4 == 0 for _, _, offset, _ in rows)
    members = 0x16916C1D  # what luci-base's po2lmo makes of "Members"
    ((offset, length),) = [row[2:] for row in rows if row[0] == members]
    assert catalog[offset : offset + length].decode() == text


def test_all_of_it_is_roots_and_of_one_date(packages):
    for package in packages.values():
        for entry in package.outer + package.control_entries + package.entries:
            assert (entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) == (0, 0, "", "", DATE), entry.name
        assert [entry.name for entry in package.outer] == ["./debian-binary", "./data.tar.gz", "./control.tar.gz"]
        assert package.version == b"2.0\n"
        assert all(entry.mode == 0o755 for entry in package.entries if entry.isdir())
        folders = {entry.name.rstrip("/") for entry in package.entries if entry.isdir()}
        assert all(entry.name.rpartition("/")[0] in folders for entry in package.entries if entry.name != ".")


EXPECTED = {
    "ipop": {
        "Depends": "kmod-tun, rpcd, python3-light, python3-openssl, python3-cffi, python3-pynacl, python3-paho-mqtt, "
                   "python3-pystun3",
        "Provides": "ipopd",
        "Conflicts": "ipop-micropython",
        "Require-User": "ipop=4707:ipop=4707",
    },
    "ipop-micropython": {
        "Depends": "kmod-tun, rpcd, micropython, libsodium, libffi",
        "Provides": "ipopd",
        "Conflicts": "ipop",
        "Require-User": "ipop=4707:ipop=4707",
    },
    "ipop-broker": {"Depends": "mosquitto"},
    "luci-app-ipop": {"Depends": "luci-base, ipopd"},
    "luci-i18n-ipop-de": {"Depends": "luci-app-ipop"},
    "luci-i18n-ipop-zh-cn": {"Depends": "luci-app-ipop"},
    "python3-pystun3": {"Depends": "python3-light, python3-logging"},
    "python3-segno": {"Depends": "python3-light, python3-urllib, python3-xml"},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_package_says_of_itself(packages, name):
    fields = packages[name].fields
    relations = ("Depends", "Provides", "Conflicts", "Require-User")
    assert {field: fields[field] for field in relations if field in fields} == EXPECTED[name]
    assert fields["Package"] == name and fields["Architecture"] == "all"
    assert fields["License"] and fields["Maintainer"] and fields["Description"] and fields["Section"]
    assert int(fields["Installed-Size"]) > sum(map(len, packages[name].content.values()))


def test_only_what_somebody_may_edit_is_kept_on_an_upgrade(packages):
    conffiles = {name: package.control.get("/conffiles", "").split() for name, package in packages.items()}
    assert conffiles == {
        "ipop": ["/etc/config/ipop"],
        "ipop-micropython": ["/etc/config/ipop"],
        "ipop-broker": ["/etc/mosquitto/ipop-broker.conf"],
        "luci-app-ipop": [], "luci-i18n-ipop-de": [], "luci-i18n-ipop-zh-cn": [], "python3-pystun3": [],
        "python3-segno": [],
    }
    for name in ("ipop", "ipop-micropython"):
        kept = packages[name].content["/lib/upgrade/keep.d/ipop"].decode().split()
        assert kept == ["/etc/ipop/"]  # keys and rosters


def test_versions_are_those_of_the_source(packages):
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name, package in packages.items():
        version = package.fields["Version"]
        if name.startswith("python3-"):
            assert f"{name.removeprefix('python3-')}=={version.rpartition('-r')[0]}" in pinned
        else:
            assert version.rpartition("-r")[0] == VERSION
        assert package.file.name == f"{name}_{version}_all.ipk"
        assert version.rpartition("-r")[0].replace(".", "").isdigit()  # apk takes no others
