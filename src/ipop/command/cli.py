"""ipop: what a person asks the daemon, and the keys.

    words of the command line -> a Command -> questions on the control socket -> pages, or JSON with --json

Exit status. 0: done; 1: it can't be done, and why; 2: the command or the configuration makes no sense;
130: interrupted; 141: nobody reads what is printed.
"""

import json
import sys

from .. import VERSION
from ..config import config
from ..control.protocol import Refusal
from ..doctor.command import DOCTOR
from ..errors import UserError
from ..values import key_text, parse_key
from ..words import did_you_mean, nearest, printable, quoted, why
from .command import ENOENT, INTERRUPTED, PATIENCE, Command, Flag, Shell
from .devices import DEVICES
from .events import EVENTS
from .groups import GROUP_COMMANDS
from .mosquitto import BROKER
from .nat import NAT
from .pages import show_peers, show_status
from .setup import SETUP
from .show import Column, Page, is_number, milliseconds
from .tap import TAP
from .topology import TOPOLOGY

UNREAD = 141  # what a shell makes of SIGPIPE
EEXIST, EPIPE = 17, 32
PING_TIMEOUT = 3000  # ms


def main(argv=None, ports=None):
    """Run one command; returns the exit status. `ports` is the package, or what a test puts in its place."""
    if ports is None:
        from .. import ports
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
        command, flags, operands = _parse(argv)
        return command.run(Shell(ports, flags), *operands) or 0
    except (UserError, Refusal) as error:
        ports.terminal.write(2, "".join([f"ipop: {line}\n" for line in error.message.split("\n")]))
        if "--json" in argv:
            content = {"code": getattr(error, "code", "failed"), "message": error.message}
            ports.terminal.write(1, json.dumps({"error": content}) + "\n")
        return getattr(error, "status", 1)


# --- the command line


def _parse(argv):
    """(Command, {flag: value}, operands: a text or None for each that it can have). Raises UserError."""
    command, operands, given = None, [], {}
    known = FLAGS
    words = list(argv)
    while words:
        word = words.pop(0)
        if word[:1] == "-" and word != "-":
            flag, value = _flag(word, known, words)
            given[flag.name] = given.get(flag.name, ()) + (value,) if flag.default == () else value
        elif command is None:
            if words and any(each.name == f"{word} {words[0]}" for each in COMMANDS):
                word += " " + words.pop(0)
            command = _command(word)
            known = FLAGS + command.flags
        else:
            operands.append(word)
    for name in ("help", "version"):
        if given.get(name):
            command, operands = _command(name), command.name.split() if command and name == "help" else []
    if command is None:
        raise UserError("what is to be done? 'ipop status' says whether this node works, 'ipop help' lists the rest", 2)
    flags = {flag.name: given.get(flag.name, flag.default) for flag in known}
    return command, flags, _operands(command, operands)


def _operands(command, given):
    names, wrong = command.operand.split(), None
    for i, name in enumerate(names):
        if name[0] != "[" and i >= len(given):
            wrong = f"{name}, got nothing"
            break
    if len(given) > len(names):
        wrong = f"no {quoted(given[len(names)])}"
    if wrong:
        raise UserError(f"{command.name}: expected {wrong}; see 'ipop help {command.name}'", 2)
    return given + [None] * (len(names) - len(given))


def _command(name):
    for command in COMMANDS:
        if command.name == name:
            return command
    guess = nearest(name, [command.name for command in COMMANDS if command.help])
    hint = f"did you mean '{guess}'?" if guess else "'ipop help' lists those that there are"
    raise UserError(f"no command {quoted(name)}; {hint}", 2)


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


# --- the commands


def _status(shell):
    daemon = shell.connect()
    status = daemon.ask("status", {}, dict)
    peers = [] if shell.flags["json"] else daemon.ask("peers", {}, list)
    shell.show(status, show_status, status, peers)


def _peers(shell):
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


def _version(shell):
    shell.show({"version": VERSION}, Page.line, f"ipop {VERSION}")


def _help(shell, name, rest):
    command = _command(f"{name} {rest}" if rest else name) if name else None
    shell.show({each.name: each.help for each in COMMANDS if each.help}, _show_help, command)


def _show_help(page, command):
    if command is None:
        page.line("usage: ipop [OPTION...] COMMAND")
        page.line()
        rows = [[f"{each.name} {each.operand}".strip(), each.help.split("\n")[0]] for each in COMMANDS if each.help]
        page.table(_HELP, rows, "  ")
        flags = FLAGS
    else:
        page.line(f"usage: ipop [OPTION...] {command.name} {command.operand}".strip())
        page.line()
        for line in command.help.split("\n"):
            page.line(f"  {line}")
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

_NODE_COMMANDS = (
    Command("status", "", (), _status, "Whether this node works, and if not, what to do"),
    Command("peers", "", (), _peers, "The other nodes and how each is reached"),
    Command("ping", "PEER", _PING_FLAGS, _ping, "How long a peer takes to answer through the tunnel"),
)

_OTHER_COMMANDS = (
    DEVICES,
    TOPOLOGY,
    NAT,
    EVENTS,
    DOCTOR,
    BROKER,
    TAP,
    SETUP,
    Command("keygen", "[FILE]", _KEYGEN_FLAGS, _keygen, "Make a key for peers that are configured by hand"),
    Command("help", "[COMMAND] [...]", (), _help, "What there is"),
    Command("version", "", (), _version, ""),
)

COMMANDS = _NODE_COMMANDS + GROUP_COMMANDS + _OTHER_COMMANDS

if __name__ == "__main__":
    sys.exit(main())
