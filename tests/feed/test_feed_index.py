"""The index, its signature, and the real programs that read them, wherever those are on the PATH."""

import base64
import gzip
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

# what a public Ed25519 key looks like to everybody else (RFC 8410)
DER_BEFORE_THE_KEY = bytes.fromhex("302a300506032b6570032100")


def test_the_index_names_each_file_and_what_is_in_it(built, packages):
    text = (built / "Packages").read_text()
    assert gzip.decompress((built / "Packages.gz").read_bytes()).decode() == text
    entries = text.split("\n\n")
    assert entries.pop() == "" and len(entries) == len(packages)
    for entry in entries:
        fields = dict(line.split(": ", 1) for line in entry.splitlines() if not line.startswith(" "))
        package = packages[fields["Package"]]
        data = package.file.read_bytes()
        assert fields["Filename"] == package.file.name
        assert int(fields["Size"]) == len(data)
        assert fields["SHA256sum"] == hashlib.sha256(data).hexdigest()
        own = package.fields
        assert {name: fields[name] for name in own} == own


def test_the_signature_is_right_for_openssl(built, tmp_path):
    public = _decoded(built / "key.pub")
    signature = _decoded(built / "Packages.sig")
    assert (len(public), len(signature)) == (42, 74)
    assert public[:10] == signature[:10] and public[:2] == b"Ed"  # the algorithm, and whose key
    (tmp_path / "key.der").write_bytes(DER_BEFORE_THE_KEY + public[10:])
    (tmp_path / "signature").write_bytes(signature[10:])
    index = tmp_path / "Packages"
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", tmp_path / "key.der",
               "-sigfile", tmp_path / "signature", "-in", index]
    index.write_bytes((built / "Packages").read_bytes())
    assert subprocess.run(command, capture_output=True).returncode == 0
    index.write_bytes(index.read_bytes().replace(b"Size: ", b"Size: 1", 1))
    assert subprocess.run(command, capture_output=True).returncode == 1


def _decoded(file):
    comment, content = file.read_text().splitlines()
    assert comment.startswith("untrusted comment: ")
    return base64.b64decode(content, validate=True)


def test_the_key_is_for_its_owner_only(built):
    key = built.parent.parent / "feed-key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (built / key.name).exists()


@pytest.mark.skipif(not shutil.which("usign"), reason="usign, of OpenWrt, is not on the PATH")
def test_usign_takes_the_key_and_the_signature(built, tmp_path):
    subprocess.run(["usign", "-V", "-m", built / "Packages", "-p", built / "key.pub", "-x", built / "Packages.sig"],
                   check=True)
    subprocess.run(["usign", "-S", "-m", built / "Packages", "-s", built.parent.parent / "feed-key",
                    "-x", tmp_path / "sig"], check=True)
    assert (tmp_path / "sig").read_text() == (built / "Packages.sig").read_text()


CONFIGURATION = """\
dest root /
lists_dir ext /lists
option check_signature
option verify_program {verify}
arch all 1
src/gz ipop file://{feed}
"""
VERIFY = """\
#!/bin/sh
zcat "$3" | usign -V -P {keys} -q -x "$2" -m -
"""


@pytest.mark.skipif(
    not (shutil.which("opkg") and shutil.which("usign")), reason="opkg or usign, of OpenWrt, is not on the PATH"
)
def test_opkg_installs_what_is_signed_by_a_key_that_it_trusts(built, packages, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    verify = tmp_path / "verify"
    verify.write_text(VERIFY.format(keys=keys))
    verify.chmod(0o755)
    (tmp_path / "opkg.conf").write_text(CONFIGURATION.format(verify=verify, feed=built))
    root = tmp_path / "root"
    for folder in ("tmp", "usr/lib/opkg", "var/lock"):
        (root / folder).mkdir(parents=True)
    official = {name for package in packages.values() for name in package.fields["Depends"].split(", ")}
    for name in official - set(packages) - {"ipopd"}:
        with (root / "usr/lib/opkg/status").open("a") as status:
            status.write(f"Package: {name}\nVersion: 1\nStatus: install user installed\nArchitecture: all\n\n")

    def opkg(*words):
        command = ["opkg", "--conf", tmp_path / "opkg.conf", "--offline-root", root, *words]
        return subprocess.run(command, text=True, capture_output=True)

    def known():
        return {line.split()[0] for line in opkg("list").stdout.splitlines()}

    opkg("update")
    assert not known() & set(packages)  # nobody has vouched for them yet

    fingerprint = _decoded(built / "key.pub")[2:10].hex()
    shutil.copy(built / "key.pub", keys / fingerprint)
    opkg("update")
    assert known() >= set(packages)

    install = opkg("install", "ipop-micropython", "luci-app-ipop")
    assert install.returncode == 0, install.stdout + install.stderr
    for name in ("ipop-micropython", "luci-app-ipop"):
        for path, mode in packages[name].modes.items():
            assert Path(f"{root}{path}").stat().st_mode & 0o777 == mode
    assert "ipop-micropython" in opkg("install", "ipop").stderr  # both at once can't be

    assert opkg("remove", "luci-app-ipop", "ipop-micropython").returncode == 0
    assert not (root / "usr/sbin/ipopd").exists()
