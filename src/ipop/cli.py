"""ipop: what a person asks the daemon, and the keys.

    words of the command line -> a Command -> questions on the control socket -> pages, or JSON with --json

Exit status. 0: done; 1: it can't be done, and why; 2: the command or the configuration makes no sense;
130: interrupted; 141: nobody reads what is printed.
"""

import json
import sys
from collections import namedtuple

from . import VERSION, config
from .control import ControlClient, Refusal
from .errors import ConfigError, UserError
from .pages import show_peers, show_status
from .show import Column, Page, is_number, milliseconds
from .values import key_text, parse_key
from .words import did_you_mean, printable, quoted, why

Command = namedtuple("Command", "name operand flags run help")  # operand: "" or "PEER" or "[FILE]"
Flag = namedtuple("Flag", "name letter value parse default help")  # value: what the help calls it; None: a switch

INTERRUPTED, UNREAD = 130, 141  # what a shell makes of SIGINT and SIGPIPE
ENOENT, EACCES, EEXIST, EPIPE = 2, 13, 17, 32
PATIENCE = 5000  # ms in which the daemon has to answer
PING_TIMEOUT = 3000  # ms


def main(argv=None, ports=None):
    """Run one command; returns the exit status. `ports` is the package, or what a test puts in its place."""
    if ports is None:
        from . import ports
    argv = sys.argv[1:] if argv is None else argv
    try:
        return _run(argv, ports)
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        if error.errno == EPIPE:
            return UNREAD
        ports.terminal.write(2, f"ipop: the output can't be written: {why(error)}\n")
        return 1


def _run(argv, ports):
    try:
        command, flags, operand = _parse(argv)
        return command.run(_Shell(ports, flags), operand) or 0
    except (UserError, Refusal) as error:
        ports.terminal.write(2, "".join([f"ipop: {line}\n" for line in error.message.split("\n")]))
        if "--json" in argv:
            content = {"code": getattr(error, "code", "failed"), "message": error.message}
            ports.terminal.write(1, json.dumps({"error": content}) + "\n")
        return getattr(error, "status", 1)


# --- the command line


def _parse(argv):
    """(Command, {flag: value}, operand or None). Raises UserError."""
    command, operands, given = None, [], {}
    known = FLAGS
    words = list(argv)
    while words:
        word = words.pop(0)
        if word[:1] == "-" and word != "-":
            flag, value = _flag(word, known, words)
            given[flag.name] = value
        elif command is None:
            command = _command(word)
            known = FLAGS + command.flags
        else:
            operands.append(word)
    for name in ("help", "version"):
        if given.get(name):
            command, operands = _command(name), [command.name] if command and name == "help" else []
    if command is None:
        raise UserError("what is to be done? 'ipop status' says whether this node works, 'ipop help' lists the rest", 2)
    if command.operand and command.operand[0] != "[" and not operands:
        raise UserError(f"{command.name}: expected {command.operand}, got nothing; see 'ipop help {command.name}'", 2)
    if len(operands) > (1 if command.operand else 0):
        raise UserError(f"{command.name}: expected no {quoted(operands[-1])}; see 'ipop help {command.name}'", 2)
    flags = {flag.name: given.get(flag.name, flag.default) for flag in known}
    return command, flags, operands[0] if operands else None


def _command(name):
    for command in COMMANDS:
        if command.name == name:
            return command
    guess = did_you_mean(name, [command.name for command in COMMANDS if command.help])
    raise UserError(f"no command {quoted(name)}; {guess}", 2)


def _flag(word, known, words):
    """(Flag, value) of an option and, if it is apart, the word after it."""
    name, equals, value = word.partition("=")
    for flag in known:
        if name not in ("--" + flag.name, flag.letter):
            continue
        if flag.value is None:
            if equals:
                raise UserError(f"{name} takes no value", 2)
            return flag, True
        if not equals:
            if not words:
                raise UserError(f"{name}: expected {flag.value} after it, got nothing", 2)
            value = words.pop(0)
        try:
            return flag, flag.parse(value)
        except ValueError as error:
            raise UserError(f"{name}: expected {error.args[0]}, got {quoted(value)}", 2)
    raise UserError(f"no option {quoted(name)}; {did_you_mean(name, ['--' + flag.name for flag in known])}", 2)


def _count(text):
    if not (text.isdigit() and len(text) < 8 and int(text)):
        raise ValueError("a number of pings")
    return int(text)


def _interval(text):
    """ms"""
    try:
        ms = int(float(text) * 1000)
    except (ValueError, OverflowError):
        ms = 0
    if not 10 <= ms <= 3600_000:
        raise ValueError("seconds from 0.01 to 3600")
    return ms


# --- what the commands have in common


class _Shell:
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
            return _Daemon(self.ports.Client(path))
        except OSError as error:
            if error.errno == EACCES:
                raise UserError(f"{path}: permission denied: run this as root")
            start = "start it with '/etc/init.d/ipop start', or run 'ipopd'"
            raise UserError(f"ipopd is not running (nothing answers at {path}): {start}")


class _Daemon:
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


# --- the commands


def _status(shell, _):
    daemon = shell.connect()
    status = daemon.ask("status", {}, dict)
    peers = [] if shell.flags["json"] else daemon.ask("peers", {}, list)
    shell.show(status, show_status, status, peers)


def _peers(shell, _):
    peers = shell.connect().ask("peers", {}, list)
    shell.show(peers, show_peers, peers)


def _ping(shell, peer):
    daemon = shell.connect()
    question = {"peer": peer, "timeout": PING_TIMEOUT}
    rtts = []  # None: no answer
    trouble = None
    interrupted = False
    try:
        while len(rtts) < shell.flags["count"]:
            if rtts:
                daemon.pause(shell.flags["interval"])
            rtts.append(None)
            try:
                answer = daemon.ask("ping", question, dict, PING_TIMEOUT + PATIENCE)
                peer, rtts[-1] = str(answer.get("peer")), answer.get("rtt_ms")
                text = f"{peer} ({answer.get('endpoint')}): seq={len(rtts)} time={milliseconds(rtts[-1])}"
            except Refusal as refusal:
                if refusal.code != "timeout":
                    raise
                trouble = refusal.message
                text = f"{peer}: seq={len(rtts)} no answer in {PING_TIMEOUT // 1000} s"
            if not shell.flags["json"]:
                shell.write(printable(text) + "\n")
    except KeyboardInterrupt:
        interrupted = True
    answered = [rtt for rtt in rtts if is_number(rtt)]
    result = {"peer": peer, "sent": len(rtts), "received": len(answered), "rtt_ms": rtts}
    shell.show(result, _show_ping, peer, len(rtts), answered)
    if interrupted:
        return INTERRUPTED
    if not answered and trouble:
        raise UserError(trouble)
    return 0 if answered else 1


def _show_ping(page, peer, sent, rtts):
    page.line()
    page.line(f"--- {peer} ping statistics ---")
    lost = 100 * (sent - len(rtts)) // sent if sent else 0
    page.line(f"{sent} sent, {len(rtts)} received, {lost}% lost")
    if rtts:
        page.line(f"round trip min/avg/max = {min(rtts):.1f}/{sum(rtts) / len(rtts):.1f}/{max(rtts):.1f} ms")


def _keygen(shell, path):
    crypto, flags = shell.ports.crypto, shell.flags
    if flags["preshared"] and (flags["show"] or path is None):
        raise UserError("keygen --preshared: expected a FILE to write, and no --show: the secret is never printed", 2)
    if path is None:
        path = shell.setting("private_key_file", lenient=False)
    if flags["show"]:
        key = _read_key(shell.ports.files, path)
        note = None
    else:
        key = bytearray(crypto.random(32))
        if not flags["preshared"]:
            key[0] &= 248  # RFC 7748 section 5, as `wg genkey` does
            key[31] = key[31] & 127 | 64
        key = bytes(key)
        _write_key(shell.ports.files, path, key)
        note = f"the key is in {path}; this is its public key, for the other sides' configuration:"
    result = {"file": path}
    if flags["preshared"]:
        note = f"the secret is in {path}: copy that file to the other side, over a safe way"
    else:
        result["public_key"] = key_text(crypto.dh_base(key))
    if note and shell.ports.terminal.is_terminal(2):
        shell.ports.terminal.write(2, note + "\n")
    if flags["json"] or not flags["preshared"]:
        shell.show(result, Page.line, result.get("public_key"))


def _read_key(files, path):
    try:
        key = parse_key(files.read(path).strip().decode())
    except OSError as error:
        remedy = f": 'ipop keygen {path}' makes one" if error.errno == ENOENT else ""
        raise UserError(f"{path}: {why(error)}{remedy}")
    except ValueError:
        raise UserError(f"{path}: expected a private key, 44 characters of base64, got something else")
    return key


def _write_key(files, path, key):
    folder = path.rpartition("/")[0]
    try:
        if folder:
            files.make_private_folder(folder)
    except OSError as error:
        raise UserError(f"{folder} can't be made: {why(error)}")
    try:
        files.create(path, key_text(key).encode() + b"\n")
    except OSError as error:
        if error.errno == EEXIST:
            raise UserError(f"{path} exists and stays as it is: remove it first if its key is not wanted any more")
        raise UserError(f"{path} can't be written: {why(error)}")


def _version(shell, _):
    shell.show({"version": VERSION}, Page.line, f"ipop {VERSION}")


def _help(shell, name):
    command = _command(name) if name else None
    shell.show({each.name: each.help for each in COMMANDS if each.help}, _show_help, command)


def _show_help(page, command):
    if command is None:
        page.line("usage: ipop [OPTION...] COMMAND")
        page.line()
        rows = [[f"{each.name} {each.operand}".strip(), each.help] for each in COMMANDS if each.help]
        page.table(_HELP, rows, "  ")
        flags = FLAGS
    else:
        page.line(f"usage: ipop [OPTION...] {command.name} {command.operand}".strip())
        page.line()
        page.line(f"  {command.help}")
        flags = command.flags + FLAGS
    page.line()
    page.table(_HELP, [[_usage(flag), flag.help] for flag in flags], "  ")


def _usage(flag):
    letter = f"{flag.letter}, " if flag.letter else ""
    return f"{letter}--{flag.name}" + (f" {flag.value}" if flag.value else "")


_HELP = (Column("", False), Column("", False))

FLAGS = (
    Flag("socket", None, "PATH", str, None, "Where ipopd answers (default: what the configuration says)"),
    Flag("config", None, "FILE", str, None, f"The configuration (default: {config.DEFAULT_FILE})"),
    Flag("json", None, None, None, False, "Print JSON"),
    Flag("help", "-h", None, None, False, "Explain the command"),
    Flag("version", None, None, None, False, "Print the version"),
)

_PING_FLAGS = (
    Flag("count", "-c", "N", _count, 4, "How often (default: 4)"),
    Flag("interval", "-i", "SECONDS", _interval, 1000, "The pause between two (default: 1)"),
)

_KEYGEN_FLAGS = (
    Flag("show", None, None, None, False, "Only print the public key of the key that is there"),
    Flag("preshared", None, None, None, False, "Make a secret for both sides of one tunnel (preshared_key_file)"),
)

COMMANDS = (
    Command("status", "", (), _status, "Whether this node works, and if not, what to do"),
    Command("peers", "", (), _peers, "The other nodes and how each is reached"),
    Command("ping", "PEER", _PING_FLAGS, _ping, "How long a peer takes to answer through the tunnel"),
    Command("keygen", "[FILE]", _KEYGEN_FLAGS, _keygen, "Make this node's private key, print the public one"),
    Command("help", "[COMMAND]", (), _help, "What there is"),
    Command("version", "", (), _version, ""),
)

if __name__ == "__main__":
    sys.exit(main())
