"""`ipop broker`: who reads it knows what to do, and mosquitto understands it (see tests/lab)."""

from ipop.command.command import Shell
from ipop.command.mosquitto import BROKER, configuration
from ipop.errors import UserError


class Programs:
    """A machine on which some programs are installed."""

    def __init__(self, *installed):
        self.installed = installed
        self.became = None
        self.data = None

    def file_in_memory(self, data):
        self.data = data
        return "/memory"

    def become(self, argv):
        if argv[0] not in self.installed:
            raise OSError(2, "")
        self.became = argv
        raise EOFError  # nobody comes back from there


class Ports:
    def __init__(self, *installed):
        self.programs = Programs(*installed)
        self.terminal = self
        self.out = ""

    def write(self, fd, text):
        self.out += text


def run(ports, **flags):
    """What it prints or complains of."""
    every = {flag.name: flag.default for flag in BROKER.flags}
    every.update({"json": False})
    every.update(flags)
    try:
        BROKER.run(Shell(ports, every))
    except UserError as error:
        return error.message
    except EOFError:
        return "became"
    return ports.out


def options(text):
    """{option: value}"""
    lines = [line for line in text.split("\n") if line and line[0] != "#"]
    return dict([line.split(" ", 1) for line in lines])


def test_plain():
    text = run(Ports())
    assert text == configuration()
    found = options(text)
    assert found["listener"] == "1883" and found["allow_anonymous"] == "true" and found["persistence"] == "false"
    assert "certfile" not in found and "password_file" not in found
    assert int(found["max_packet_size"]) > 65536 and int(found["max_queued_messages"]) >= int(found["max_connections"])
    assert "--broker mqtt://ADDRESS:1883" in text and "TCP port 1883" in text and "ipop broker --run" in text


def test_tls_and_passwords():
    text = run(Ports(), certificate="/etc/c.pem", key="/etc/k.pem", passwords="/etc/p")
    found = options(text)
    assert found["listener"] == "8883" and found["certfile"] == "/etc/c.pem" and found["keyfile"] == "/etc/k.pem"
    assert found["allow_anonymous"] == "false" and found["password_file"] == "/etc/p"
    assert "mqtts://USER:PASSWORD@ADDRESS:8883" in text
    assert options(run(Ports(), port=1))["listener"] == "1"


def test_max_connections_belongs_to_the_listener():
    """mosquitto goes by the order of the lines."""
    lines = [line.split(" ")[0] for line in configuration(certificate="/c", key="/k").split("\n")]
    for option in ("max_connections", "certfile", "keyfile"):
        assert lines.index("listener") < lines.index(option) < lines.index("persistence")


def test_half_of_tls():
    for flags in ({"certificate": "/c"}, {"key": "/k"}):
        assert "belong together" in run(Ports(), **flags)


def test_run():
    for program in ("mosquitto", "/usr/sbin/mosquitto"):
        ports = Ports(program)
        assert run(ports, run=True) == "became"
        assert ports.programs.became == [program, "-c", "/memory"]
        assert ports.programs.data.decode() == configuration()


def test_mosquitto_is_not_there():
    assert run(Ports(), run=True).startswith("mosquitto is not installed: 'opkg install mosquitto-ssl'")


def test_as_json():
    assert run(Ports(), json=True).startswith('{"configuration": "# A broker')


def test_flags():
    flags = {flag.name: flag for flag in BROKER.flags}
    assert flags["port"].parse("65535") == 65535 and flags["key"].parse("/a b") == "/a b"
    for name, text in (("port", "0"), ("port", "x"), ("port", "65536"), ("key", "k"), ("key", ""), ("key", "/\n")):
        try:
            flags[name].parse(text)
            complaint = None
        except ValueError as error:
            complaint = error.args[0]
        assert complaint in ("a TCP port from 1 to 65535", "a path that begins with /"), text
