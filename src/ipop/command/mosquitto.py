"""`ipop broker`: mosquitto on a router, or any other machine, as the broker of groups.

The broker is trusted with nothing, so it lets everybody in, unless there is a file of passwords. Nothing is written to
flash: after a restart the members publish everything again. The limits are there so that neither a crowd nor somebody
who means harm takes a small router's memory.
"""

from ..errors import UserError
from ..signal.signalling import MESSAGE_MAX
from ..values import FILE
from ..words import why
from .command import Command, Flag

PLAIN_PORT, TLS_PORT = 1883, 8883

ENOENT = 2
_PROGRAMS = ("mosquitto", "/usr/sbin/mosquitto")  # not everybody has the latter's folder in PATH
_MEMBERS_MAX = 500
_PACKET_MAX = MESSAGE_MAX + 1024  # bytes
_QUEUED_MAX = 10_000  # what waits for one who has just come: all announcements of the largest groups

_TEXT = """\
# A broker for groups of ipop: a configuration for mosquitto 2.0 or newer.
#
# What to do with it:
#   1. Run it now with 'ipop broker --run', or for good: save this as /etc/mosquitto/mosquitto.conf in
#      place of what is there, and restart mosquitto with '/etc/init.d/mosquitto restart'.
#   2. Let TCP port {port} in: in this machine's firewall, and in the router before it if there is one.
#   3. Make the group with '--broker {scheme}://{login}ADDRESS:{port}', where ADDRESS is the public
#      address or the name of this machine. The invites carry it to all others.
#
# All that passes through it is sealed by the members. It learns their addresses, and when they say how much.

listener {port}
max_connections {members}
{tls}
{users}

# After a restart the members publish everything again: nothing has to be written to flash.
persistence false

# Bounds for a router with little memory.
max_packet_size {packet}
max_queued_messages {queued}
max_queued_bytes {queued_bytes}
memory_limit {memory}

# Small messages at once; no statistics; only what somebody should read in the log.
set_tcp_nodelay true
sys_interval 0
log_dest stderr
log_type error
log_type warning
connection_messages false
"""

_PLAIN = """\

# Without TLS. The messages are sealed all the same; TLS hides the passwords, if there are any."""

_TLS = """\

# Members check this certificate: against the system's CAs, or against the file that they name with ?ca=FILE.
# Both files have to be readable by the user 'mosquitto'.
certfile {certificate}
keyfile {key}"""

_ANYBODY = """\
# Anybody may connect. To keep strangers out: 'mosquitto_passwd -c FILE USER', then 'ipop broker --passwords FILE'.
allow_anonymous true"""

_PASSWORDS = """\
# Only who is in this file may connect; add somebody with 'mosquitto_passwd {passwords} USER'.
allow_anonymous false
password_file {passwords}"""


def configuration(port=None, certificate=None, key=None, passwords=None):
    """The text of the file. Paths: `certificate` and `key` for TLS, `passwords` of what mosquitto_passwd wrote."""
    tls = certificate is not None
    return _TEXT.format(
        port=port or (TLS_PORT if tls else PLAIN_PORT),
        scheme="mqtts" if tls else "mqtt",
        login="USER:PASSWORD@" if passwords else "",
        members=_MEMBERS_MAX,
        tls=_TLS.format(certificate=certificate, key=key) if tls else _PLAIN,
        users=_PASSWORDS.format(passwords=passwords) if passwords else _ANYBODY,
        packet=_PACKET_MAX,
        queued=_QUEUED_MAX,
        queued_bytes=4 << 20,
        memory=16 << 20,
    )


def _broker(shell):
    flags = shell.flags
    if (flags["certificate"] is None) != (flags["key"] is None):
        raise UserError("broker: --certificate and --key belong together: give both, or neither", 2)
    text = configuration(flags["port"], flags["certificate"], flags["key"], flags["passwords"])
    if flags["run"]:
        _run(shell.ports.programs, text)
    elif flags["json"]:
        shell.show({"configuration": text}, None)
    else:
        shell.write(text)


def _run(programs, text):
    """Become mosquitto. Raises UserError."""
    path = programs.file_in_memory(text.encode())
    for program in _PROGRAMS:
        try:
            programs.become([program, "-c", path])
        except OSError as error:
            if error.errno != ENOENT:
                raise UserError(f"{program} can't be started: {why(error)}")
    raise UserError("mosquitto is not installed: 'opkg install mosquitto-ssl' (or apk add, or apt install mosquitto)")


def _port(text):
    if not (text.isdigit() and len(text) < 6 and 0 < int(text) < 65536):
        raise ValueError("a TCP port from 1 to 65535")
    return int(text)


def _file(text):
    try:
        return FILE.parse(text)
    except ValueError:
        raise ValueError(FILE.expected)


_FLAGS = (
    Flag("run", None, None, None, False, "Start mosquitto with it now"),
    Flag("port", None, "N", _port, None, f"The TCP port (default: {PLAIN_PORT}, with TLS {TLS_PORT})"),
    Flag("certificate", None, "FILE", _file, None, "For TLS: this broker's certificate (PEM)"),
    Flag("key", None, "FILE", _file, None, "For TLS: its private key (PEM)"),
    Flag("passwords", None, "FILE", _file, None, "Let in only who is in this file of mosquitto_passwd"),
)

BROKER = Command("broker", "", _FLAGS, _broker, "A configuration for mosquitto, as the broker where groups meet")
