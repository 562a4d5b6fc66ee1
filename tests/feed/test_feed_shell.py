"""Every shell script of the repository, by shellcheck. What it may not say stands, with the reason, in the script."""

import subprocess

import pytest
from feeds import ROOT


def shell_scripts():
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True)
    for name in listed.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix not in (".py", ".md"):
            start = path.read_bytes()[:200].decode(errors="replace")
            first = start.partition("\n")[0]
            if "shellcheck shell=" in start or (first.startswith("#!") and first.endswith(("sh", "rc.common"))):
                yield name


SCRIPTS = list(shell_scripts())


def test_all_kinds_of_scripts_are_among_them():
    assert {"tests/setup", ".ci/run", "src/micropython/build", "src/cpython/ipopd", "openwrt-feed/ipop/test.sh",
            "openwrt-feed/ipop/files/ipop.init", "openwrt-feed/ipop/files/ipop.defaults"} <= set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script(script):
    run = subprocess.run(["shellcheck", "--format", "gcc", script], cwd=ROOT, text=True, capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_runs_when_packages_come_and_go(packages, tmp_path):
    for package in packages.values():
        for name, text in package.control.items():
            if text.startswith("#!"):
                script = tmp_path / name[1:]
                script.write_text(text)
                # SC1091: /lib/functions.sh is the router's
                run = subprocess.run(["shellcheck", "--shell", "dash", "--exclude", "SC1091", script], text=True,
                                     capture_output=True)
                assert run.returncode == 0, run.stdout
