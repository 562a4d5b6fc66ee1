"""A router's filesystem: what OpenWrt has, as far as we need it, an interpreter, and our package unpacked over it.

    /bin            busybox
    /usr/bin        micropython, or python3 with its libraries
    /etc/rc.common  a stand-in (openwrt/), for init scripts
    /dev            a router's own: /dev/net/tun is root's alone
"""

import atexit
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "openwrt"
MICROPYTHON = ROOT / ".cache/micropython"
PACKAGES = {"cpython": "ipop", "micropython": "ipop-micropython"}
CONFIG = "etc/config/ipop"
USER_ID = 4707
FOLDERS = ("bin", "dev/net", "etc/config", "etc/init.d", "lib", "lib64", "proc", "sys", "root", "tmp/run", "tmp/lock",
           "usr/bin", "usr/sbin", "usr/lib", "usr/share")
DEVICES = {"null": (1, 3, 0o666), "zero": (1, 5, 0o666), "random": (1, 8, 0o666), "urandom": (1, 9, 0o666),
           "net/tun": (10, 200, 0o600)}
_CHARACTER = 0o020000


def build(root, interpreter, package):
    """Build it at `root`, with an interpreter, "cpython" or "micropython", and a package of ours for that."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    root.chmod(0o755)
    (root / "tmp").chmod(0o1777)
    (root / "var").symlink_to("tmp")
    for name, (major, minor, mode) in DEVICES.items():
        os.mknod(root / "dev" / name, _CHARACTER | mode, os.makedev(major, minor))
        (root / "dev" / name).chmod(mode)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/ash\n")
    (root / "etc/group").write_text("root:x:0:\n")
    shutil.copy(HERE / "rc.common", root / "etc/rc.common")
    _add_busybox(root)
    mounts = {"cpython": _add_cpython, "micropython": _add_micropython}[interpreter](root)
    root.with_name(root.name + ".mounts").write_text("".join(f"{source} {target}\n" for source, target in mounts))
    install(root, package)


@cache
def packages():
    """{interpreter: our package for it}, as `make feed` builds them; they are gone with this process."""
    folder = Path(tempfile.mkdtemp(prefix="ipop-feed-"))
    atexit.register(shutil.rmtree, folder)
    command = [sys.executable, ROOT / "openwrt-feed/build", "--out", folder / "feed", "--key", folder / "key"]
    subprocess.run(command, check=True, capture_output=True)
    return {interpreter: next(folder.glob(f"feed/{name}_*.ipk")) for interpreter, name in PACKAGES.items()}


def install(root, package):
    """As opkg does: make the package's user, and unpack all but a configuration that is there."""
    with tarfile.open(package) as outer:
        control, data = (io.BytesIO(outer.extractfile(f"./{name}.tar.gz").read()) for name in ("control", "data"))
    with tarfile.open(fileobj=control) as tar:
        _add_user(root, tar.extractfile("./control").read().decode())
    with tarfile.open(fileobj=data) as tar:
        is_there = (root / CONFIG).exists()
        tar.extractall(root, [each for each in tar.getmembers() if not (is_there and each.name == f"./{CONFIG}")])


def _add_user(root, control):
    """What the field `Require-User: ipop=4707:ipop=4707` asks for."""
    name, uid, gid = re.search(r"^Require-User: (\w+)=(\d+):\1=(\d+)$", control, re.MULTILINE).groups()
    lines = {"passwd": f"{name}:x:{uid}:{gid}:{name}:/var/run/{name}:/bin/false", "group": f"{name}:x:{gid}:"}
    for file, line in lines.items():
        path = root / "etc" / file
        if line not in path.read_text():
            path.write_text(f"{path.read_text()}{line}\n")


def _add_busybox(root):
    _copy_program("/bin/busybox", root)
    listed = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        if name != "busybox":
            (root / "bin" / name).symlink_to("busybox")
    if "flock" not in listed.stdout.split():  # OpenWrt's has it
        _copy_program(shutil.which("flock"), root)
        (root / "bin/flock").symlink_to(shutil.which("flock"))


def _copy_program(path, root):
    """A program, and the libraries that it names."""
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    for each in [path, *[word for word in listed.split() if word.startswith("/")]]:
        (root / each[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(each, root / each[1:])


def _add_micropython(root):
    """Beside its own C library, which is not busybox's."""
    (library,) = MICROPYTHON.glob("usr/lib/*-linux-*")
    there = root / "usr/lib/micropython"
    there.mkdir()
    for pattern in ("ld-linux*", "libc.so*", "libm.so*", "libffi.so*", "libsodium.so*", "libmbed*.so*"):
        for path in library.glob(pattern):
            shutil.copy(path, there)
    shutil.copy(MICROPYTHON / "usr/bin/micropython", there)
    (loader,) = there.glob("ld-linux*")
    start = root / "usr/bin/micropython"
    here = "/usr/lib/micropython"
    start.write_text(f'#!/bin/sh\nexec {here}/{loader.name} --library-path {here} {here}/micropython "$@"\n')
    start.chmod(0o755)
    return ()


def _add_cpython(root):
    """This machine's own, read where it is, with the packages that this Python has."""
    paths = sysconfig.get_paths()
    libraries = [str(path) for folder in ("/lib", "/usr/lib") for path in Path(folder).glob("*-linux-*")]
    mounts = [(os.path.realpath("/usr/bin/python3"), "/usr/bin/python3"), (paths["stdlib"], paths["stdlib"]),
              (paths["purelib"], "/usr/lib/python3/dist-packages"), *[(each, each) for each in libraries]]
    for source, target in mounts:
        place = root / target[1:]
        if Path(source).is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.touch()
    return mounts
