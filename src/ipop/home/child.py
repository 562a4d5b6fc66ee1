"""The programs that a Service runs, dnsmasq and nft, and what goes wrong with them in words."""

from .. import log
from ..errors import UserError
from ..ports import programs, shared
from ..words import why as why_failed

SOON = 50  # ms until the next look at something that takes a moment
BACK_OFF, BACK_OFF_MAX = 1_000, 60_000  # ms between two starts of what fails
ENOENT, EPERM, EACCES = 2, 1, 13
_LAST_WORDS = 2_000  # bytes of a program's that are kept
_PACKAGES = {"dnsmasq": "dnsmasq-base", "nft": "nftables"}  # Debian's packages


class Child:
    """A program that runs, found in PATH or where root's are; its last words are kept. Raises UserError, OSError."""

    def __init__(self, name, arguments, poller):
        self._poller = poller
        self._words = b""
        self.is_silent = False  # it has ended, or is about to
        self._program = _start(name, arguments)
        poller.watch(self._program.fileno(), self._on_output)

    def _on_output(self):
        data = self._program.read()
        if data:
            self._words = (self._words + data)[-_LAST_WORDS:]
        elif data is not None:
            self._poller.forget(self._program.fileno())
            self._program.close()
            self.is_silent = True

    def listen(self, poller):
        """Hear it at another Poller from now on."""
        if not self.is_silent:
            self._poller.forget(self._program.fileno())
            self._poller = poller
            poller.watch(self._program.fileno(), self._on_output)

    def status(self):
        """Its exit status, or None while it runs."""
        return self._program.status()

    def kill(self, name="SIGTERM"):
        self._program.kill(name)

    def close(self):
        """Hear no more of it."""
        if not self.is_silent:
            self._poller.forget(self._program.fileno())
            self._program.close()
            self.is_silent = True

    def last_line(self):
        lines = [line.strip() for line in self._words.split(b"\n") if line.strip()]
        return "".join([chr(c) if 32 <= c < 127 else "?" for c in lines[-1]]) if lines else "it did not say why"


def _start(name, arguments):
    for path in (name, "/usr/sbin/" + name):  # not everybody has that folder in PATH
        try:
            return programs.Program([path] + arguments)
        except OSError as error:
            if error.errno != ENOENT:
                raise UserError("%s can't be started: %s" % (name, why_failed(error)))
    raise UserError("%s is not installed: 'apt install %s'" % (name, _PACKAGES[name]))


def forget(path):
    try:
        shared.forget(path)
    except OSError as error:
        log.warning("%s: %s" % (path, why_failed(error)))


def why(error):
    if isinstance(error, UserError):
        return error.message
    if error.errno in (EPERM, EACCES):
        return "no permission: run ipopd as root, or on OpenWrt set option 'serve' to openwrt"
    return why_failed(error)
