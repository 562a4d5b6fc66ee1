"""What runs on a router when a package comes and goes, under busybox's shell, in a folder that plays the router."""

import os
import subprocess
from pathlib import Path

import pytest
from feeds import ROOT

# Of OpenWrt's /lib/functions.sh, as much as says when our own script has its turn.
FUNCTIONS = """\
default_postinst() { echo "default_postinst $*" >> /tmp/calls; }
default_prerm() { echo "default_prerm $*" >> /tmp/calls; }
"""


def put(router, package):
    """Unpack it, with its scripts where opkg has them."""
    package.unpack(router.root)
    info = router.root / "usr/lib/opkg/info"
    info.mkdir(parents=True, exist_ok=True)
    for name, text in package.control.items():
        (info / f"{package.name}.{name[1:]}").write_text(text)
        (info / f"{package.name}.{name[1:]}").chmod(0o755)
    return f"/usr/lib/opkg/info/{package.name}."


def test_each_package_hands_over_to_the_routers_own_scripts(packages, router):
    (router.root / "lib/functions.sh").write_text(FUNCTIONS)
    for package in packages.values():
        script = put(router, package)
        router.run(f"{script}postinst", "configure")
        router.run(f"{script}prerm")
        assert router.calls() == [f"default_postinst {script}postinst configure", f"default_prerm {script}prerm"]
        router.run(f"{script}postinst", IPKG_NO_SCRIPT="1")
        assert router.calls() == []


def test_nothing_happens_where_an_image_is_put_together(packages, router):
    router.add("/usr/bin/python3")
    router.add("/etc/init.d/rpcd")
    router.add("/bin/find")
    for package in packages.values():
        script = put(router, package)
        for name in package.control:
            if name.endswith("-pkg"):
                router.run(script + name[1:], IPKG_INSTROOT="/image")
    assert router.calls() == []


def test_python_compiles_the_code_once_and_it_goes_with_the_package(packages, router):
    router.add("/usr/bin/python3")
    script = put(router, packages["ipop"])
    router.run(f"{script}postinst-pkg")
    assert router.calls() == ["python3 -m compileall -q -f /usr/lib/ipop"]
    for folder in ("lib/ipop", "lib/ipop/wg"):
        (router.root / "usr/lib/ipop" / folder / "__pycache__").mkdir()
        (router.root / "usr/lib/ipop" / folder / "__pycache__/node.cpython-311.pyc").write_text("")
    router.run(f"{script}prerm-pkg")
    assert not list(router.root.rglob("__pycache__"))
    assert (router.root / "usr/lib/ipop/lib/ipop/wg/peer.py").exists()


def test_a_router_on_which_it_can_not_be_compiled_has_it_all_the_same(packages, router):
    router.add("/usr/bin/python3", "exit 1\n")
    router.run(put(router, packages["ipop"]) + "postinst-pkg")


def test_the_web_interface_is_read_anew(packages, router):
    router.add("/etc/init.d/rpcd")
    (router.root / "tmp/luci-modulecache").mkdir()
    (router.root / "tmp/luci-indexcache.abc.json").write_text("{}")
    router.run(put(router, packages["luci-app-ipop"]) + "postinst-pkg")
    assert router.calls() == ["rpcd reload"]
    assert not list((router.root / "tmp").glob("luci-*"))


# --- the programs


@pytest.mark.parametrize("name, interpreter", (
    ("ipop", ROOT / ".venv/bin/python3"), ("ipop-micropython", ROOT / ".cache/micropython/micropython")))
def test_the_programs_start_from_where_they_are_installed(packages, tmp_path, name, interpreter):
    root = packages[name].unpack(tmp_path / "a router")
    programs = tmp_path / "bin"
    programs.mkdir()
    # not a link: each interpreter finds what belongs to it by where it is
    start = programs / ("python3" if name == "ipop" else "micropython")
    start.write_text(f'#!/bin/sh\nexec {interpreter} "$@"\n')
    start.chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}

    def run(program, *words):
        command = ["busybox", "ash", root / program, *words]
        return subprocess.run(command, env=environment, cwd=tmp_path, text=True, capture_output=True)

    assert run("usr/bin/ipop", "--version").stdout.startswith("ipop ")
    assert run("usr/sbin/ipopd", "--version").stdout.startswith("ipopd ")
    assert run("usr/sbin/ipopd", "--check", "--config", root / "etc/config/ipop").returncode == 0
    assert run("usr/bin/ipop", "no such", "thing").returncode == 2


def test_a_python_package_is_found_by_our_programs_alone(packages, tmp_path):
    root = packages["ipop"].unpack(tmp_path)
    packages["python3-pystun3"].unpack(root)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text('#!/bin/sh\necho "$PYTHONPATH" "$@"\n')
    (programs / "python3").chmod(0o755)
    printed = subprocess.check_output(["busybox", "ash", root / "usr/bin/ipop", "nat", "a b"], text=True,
                                      env={"PATH": f"{programs}:{os.environ['PATH']}"})
    library, start, *words = printed.split()
    assert words == ["nat", "a", "b", "ipop"] and start == f"{library}/start.py"
    assert Path(library, "stun/__init__.py").exists()
