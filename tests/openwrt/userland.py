"""A router of OpenWrt's own programs: ubusd, uci and rpcd, in namespaces of their own, with files of their own.

    with Router(folder, {"network": …}) as router:
        router.ipop("setup", "--apply")
        router.exported()["network"]

What netifd would do is done by hand: `router.run("ip", …)`. /etc and /tmp are layers over this
machine's, /run is empty."""

import json
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
SOCKET = "/run/ubus/ubus.sock"

_START = """
set -e
mount --make-rprivate /
mkdir {0}/layers
mount -t tmpfs tmpfs {0}/layers
for each in etc tmp; do
    mkdir {0}/layers/$each {0}/layers/$each-work
    mount -t overlay overlay -o lowerdir=/$each,upperdir={0}/layers/$each,workdir={0}/layers/$each-work /$each
done
mount -t tmpfs tmpfs /run
mkdir -p /run/ubus /run/ipop /etc/config
ip link set lo up
touch /run/ready
exec sleep 1000
"""


class Router:
    def __init__(self, folder, configs):
        self.folder = folder
        self._holder = subprocess.Popen(["unshare", "--mount", "--net", "sh", "-c", _START.format(folder)])
        self._programs = []
        try:
            self._wait(lambda: self.run("test", "-e", "/run/ready", check=False).returncode == 0, "namespaces")
            for package, text in configs.items():
                self.write(f"/etc/config/{package}", text)
            self._programs.append(self._spawn("ubusd", "-s", SOCKET))
            self._wait(lambda: self.run("test", "-S", SOCKET, check=False).returncode == 0, "ubusd")
            self._programs.append(self._spawn("rpcd", "-s", SOCKET))
            self._wait(lambda: "session" in self.run("ubus", "-s", SOCKET, "list").stdout, "rpcd")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in [*reversed(self._programs), self._holder]:
            process.kill()
            process.wait()

    def stop_rpcd(self):
        rpcd = self._programs.pop()
        rpcd.kill()
        rpcd.wait()
        self._wait(lambda: "session" not in self.run("ubus", "-s", SOCKET, "list").stdout, "no rpcd")

    def run(self, *words, check=True, input=None):
        done = subprocess.run(self._command(words), text=True, capture_output=True, input=input, timeout=100)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def ipop(self, *words, check=True):
        return self.run(BIN / "ipop", *words, check=check)

    def ubus(self, object, method, **arguments):
        done = self.run("ubus", "-s", SOCKET, "call", object, method, json.dumps(arguments))
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def write(self, path, text):
        self.run("sh", "-c", 'mkdir -p "${1%/*}"; cat > "$1"', "sh", path, input=text)

    def read(self, path):
        return self.run("cat", path).stdout

    def exported(self):
        """All of UCI that is committed, as text."""
        return {package: self.run("uci", "export", package).stdout for package in ("network", "firewall", "dhcp")}

    def _spawn(self, *words):
        return subprocess.Popen(self._command(words))

    def _command(self, words):
        return ["nsenter", "-t", str(self._holder.pid), "--mount", "--net", *map(str, words)]

    def _wait(self, condition, what):
        deadline = time.monotonic() + 40
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)
