"""OpenWrt 25.12 and newer: what the Makefiles say is good enough for apk, too, wherever that is on the PATH.

The SDK makes these packages; here apk itself is given what include/package-pack.mk of OpenWrt would give it."""

import shutil
import subprocess

import pytest
from feeds import ROOT
from sdkless import makefiles

pytestmark = pytest.mark.skipif(not shutil.which("apk"), reason="apk, of OpenWrt, is not on the PATH")

# from OpenWrt's own feeds: what the packages depend on, with what it provides
VARIANTS = {
    "micropython": ("micropython-mbedtls", "micropython-nossl"),
    "mosquitto": ("mosquitto-ssl", "mosquitto-nossl"),
}


def apk(*words):
    run = subprocess.run(["apk", *words], text=True, capture_output=True)
    return run.returncode, run.stdout + run.stderr


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The index of a folder with all packages, and stand-ins for those of OpenWrt."""
    out = tmp_path_factory.mktemp("apk")
    folders = [file.parent for file in sorted(ROOT.glob("openwrt-feed/*/Makefile"))] + [ROOT / "luci-app-ipop"]
    recipes = [recipe for folder in folders for recipe in makefiles.read(folder, out / "stage")]
    depends = set()
    for name, said, root in recipes:
        version = f"{said['PKG_VERSION']}-r{said['PKG_RELEASE']}"
        needs = said["DEPENDS"].replace("+", "")
        depends |= set(needs.split())
        provides = [f"{each}={version}" for each in said["PROVIDES"].split()]
        _make(out, name, version, root, needs, provides, "100" if name == "ipop-micropython" else "0")
    (out / "empty").mkdir()
    for name in depends - {recipe.name for recipe in recipes} - {"ipopd"}:
        for variant in VARIANTS.get(name, (name,)):
            _make(out, variant, "1-r1", out / "empty", "", [f"{name}=1-r1"] if variant != name else [], "0")
    status, text = apk("mkndx", "--allow-untrusted", "-o", out / "packages.adb", *out.glob("*.apk"))
    assert status == 0, text
    return out / "packages.adb"


def _make(out, name, version, root, depends, provides, priority):
    about = {"name": name, "version": version, "description": name, "arch": "noarch", "license": "MIT",
             "origin": name, "depends": depends, "provides": " ".join(provides), "provider-priority": priority}
    words = [word for field, value in about.items() if value for word in ("--info", f"{field}:{value}")]
    status, text = apk("mkpkg", *words, "--files", root, "--output", out / f"{name}-{version}.apk")
    assert status == 0, text


def test_each_variant_is_installed_with_all_that_it_needs(index, tmp_path):
    def add(root, *names):
        words = ("--initdb", "--allow-untrusted", "--no-network", "--arch", "noarch", "--repository", index)
        return apk("--root", tmp_path / root, "add", *words, *names)

    for folder in ("any", "python", "broker"):
        (tmp_path / folder).mkdir()
    status, text = add("any", "luci-app-ipop")
    assert status == 0 and "Installing ipop-micropython " in text, text  # what runs on every router
    assert (tmp_path / "any/usr/lib/ipop/lib/ipop/daemon.mpy").exists()
    status, text = add("python", "ipop", "luci-app-ipop")
    assert status == 0 and "micropython" not in text, text
    assert (tmp_path / "python/usr/lib/ipop/lib/stun/__init__.py").exists()
    status, text = add("python", "ipop-micropython")
    assert status != 0 and "conflicts: ipop-micropython" in text, text
    assert add("broker", "ipop-broker")[0] == 0
