"""What the commands of `ipop` have in common: what a command is, its surroundings, and the way to the daemon."""

import json
from collections import namedtuple

from ..config import config
from ..control.protocol import ControlClient
from ..errors import ConfigError, UserError
from ..words import why
from .show import Page

# operand: what the help calls them, such as "" or "PEER" or "[FILE]" or "MEMBER NAME"; run(shell, *operands)
Command = namedtuple("Command", "name operand flags run help")
# value: what the help calls it; None: a switch. A flag whose default is a tuple may be given several times.
Flag = namedtuple("Flag", "name letter value parse default help")

INTERRUPTED = 130  # the exit status that a shell makes of SIGINT
ENOENT, EACCES = 2, 13
PATIENCE = 5000  # ms in which the daemon has to answer


class Shell:
    """The command's surroundings."""

    def __init__(self, ports, flags):
        self.ports = ports
        self.flags = flags

    def write(self, text):
        self.ports.terminal.write(1, text)

    def page(self):
        terminal = self.ports.terminal
        width = terminal.width()
        colours = not terminal.environment("NO_COLOR") and terminal.environment("TERM") != "dumb"
        return Page(width, colours and width is not None)

    def show(self, result, draw, *content):
        """Print the result: as JSON, or as `draw(page, *content)` does."""
        if self.flags["json"]:
            self.write(json.dumps(result) + "\n")
        else:
            page = self.page()
            try:
                draw(page, *content)
            except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
                raise UserError(_OTHER_KIND)
            self.write(page.text)

    def setting(self, name, lenient):
        """An option of the configuration. When `lenient`, a file that nobody asked for may be unusable."""
        path = self.flags["config"] or config.DEFAULT_FILE
        try:
            return config.setting(self.ports.files.read(path), path, name)
        except OSError as error:
            if self.flags["config"] or not (lenient or error.errno == ENOENT):
                raise UserError(f"{path}: {why(error)}")
        except ConfigError:
            if self.flags["config"] or not lenient:
                raise
        return config.setting("", path, name)

    def connect(self):
        path = self.flags["socket"] or self.setting("control", lenient=True)
        try:
            return Daemon(self.ports.Client(path))
        except OSError as error:
            if error.errno == EACCES:
                raise UserError(f"{path}: permission denied: run this as root")
            start = "start it with '/etc/init.d/ipop start', or run 'ipopd'"
            raise UserError(f"ipopd is not running (nothing answers at {path}): {start}")


class Daemon:
    """The connection to it. Raises UserError when it doesn't answer, Refusal when it says no."""

    def __init__(self, client):
        self._client = client
        self._protocol = ControlClient()

    def ask(self, method, params, kind, patience=PATIENCE):
        """The result, which has to be a `kind`."""
        id = self._protocol.request(method, params)
        self._send()
        while True:
            replies = self._read(patience)
            if replies is None:
                raise UserError("ipopd is there but doesn't answer: restart it with '/etc/init.d/ipop restart'")
            for reply in replies:
                if reply.id == id:
                    if reply.error is not None:
                        raise reply.error
                    if not isinstance(reply.result, kind):
                        raise UserError(_OTHER_KIND)
                    return reply.result

    def pause(self, ms):
        """Let some time pass, unless the daemon goes away."""
        self._read(ms)

    def _send(self):
        try:
            data = self._protocol.poll_bytes()
            while data is not None:
                self._protocol.sent(self._client.write(data))
                data = self._protocol.poll_bytes()
        except OSError:
            raise UserError(_GONE)

    def _read(self, timeout):
        """Replies, or None when none came in time."""
        try:
            data = self._client.read(timeout)
        except OSError:
            raise UserError(_GONE)
        if data == b"":
            raise UserError(_GONE)
        return None if data is None else self._protocol.handle_bytes(data)


_OTHER_KIND = "ipopd gives an answer that this command can't show: restart ipopd if it was upgraded"
_GONE = "ipopd went away before it answered: look at its log, and ask again once it runs"
