"""The routers that the tests open in a browser: homes of a lab, or real ones."""

import os
from contextlib import ExitStack, contextmanager

from brokers import Mosquitto
from groups import console_of, new_home
from lab import Lab
from luci_rpcd import PASSWORD, Router, read_acl
from luci_server import ACL, Server
from openwrt_configs import FACTORY
from openwrt_network import OpenWrt

# what is in /etc/config beside ours, as a router comes with it
_OTHERS = {**{name: FACTORY["24.10"][name] for name in ("network", "wireless")}, "luci": "", "system": ""}


class LabRouter:
    """A home of a lab with its LuCI. `rpcd` can be told to answer otherwise than the daemon."""

    is_real = False

    def __init__(self, home, broker, stack):
        self.broker = broker
        self._prepare(home, stack, Router(home, read_acl(ACL), self.programs))

    def _prepare(self, home, stack, rpcd):
        self.home = home
        self.rpcd = rpcd
        for name, text in _OTHERS.items():
            if not (home.folder / name).exists():
                (home.folder / name).write_text(text)
        self._url = stack.enter_context(Server(rpcd)).url

    def programs(self, command):
        """What a command (its words) does that LuCI may run: a function that gives (code, stdout, stderr)."""
        return {
            "/etc/init.d/ipop": self._start,
            "/usr/bin/ipop": lambda: self._ipop(command[1:]),
            "/usr/libexec/ipop-preview": lambda: self._ipop(["--json", "setup", "--with", command[1]]),
        }.get(command[0])

    def _start(self):
        self.home.start_daemon()
        return 0, "", ""

    def _ipop(self, words):
        home = self.home
        done = home.router.run([*home.entrance, home.program("ipop"), "--config", home.config, *words], check=False)
        return done.returncode, done.stdout, done.stderr

    @classmethod
    @contextmanager
    def two(cls):
        with Lab() as lab, ExitStack() as stack:
            broker = Mosquitto(lab.add_host("broker")).url
            yield [cls(new_home(lab, "den"), broker, stack), cls(new_home(lab, "cabin", nat=True), broker, stack)]

    @classmethod
    @contextmanager
    def two_of_openwrt(cls):
        """[(router, its OpenWrt of openwrt_network.py)]"""
        with Lab() as lab, ExitStack() as stack:
            broker = Mosquitto(lab.add_host("broker")).url
            networks = [OpenWrt(lab, name, "24.10") for name in ("den", "cabin")]
            yield [(cls(network.home, broker, stack), network) for network in networks]

    def log_in(self, page, user):
        _log_in(page, self._url, user, PASSWORD)

    def address(self, path):
        return _address(self._url, path)

    def plug_in(self):
        """A device is in the group, and says something."""
        console = console_of(self.home)
        console.ping(console.address.rpartition(".")[0] + ".1", count=1)
        return console


class RealRouter:
    """`broker` has to be named where none of the routers has one: IPOP_BROKER."""

    is_real = True

    def __init__(self, url):
        self._url = url.rstrip("/") + "/"
        self.broker = os.environ.get("IPOP_BROKER", "")

    def log_in(self, page, user):
        _log_in(page, self._url, user, os.environ.get("LUCI_PASSWORD", ""))

    def address(self, path):
        return _address(self._url, path)

    def plug_in(self):
        """Somebody did."""


def _log_in(page, url, user, password):
    page.goto(url + "cgi-bin/luci/")
    page.fill("[name=luci_username]", user)
    page.fill("[name=luci_password]", password)
    page.press("[name=luci_password]", "Enter")
    page.locator("#maincontent").wait_for()


def _address(url, path):
    return url + "cgi-bin/luci/admin/" + (path if "/" in path else "vpn/ipop/" + path)
