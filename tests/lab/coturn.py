"""Debian's coturn in a lab: a STUN and TURN server that others have written."""

from ipaddress import ip_address

from netns import wait_for

USER, PASSWORD = "den", "secret"


class Coturn:
    """A turnserver with two IPv4 addresses and an IPv6 address; by TLS too, with a (certificate, key)."""

    def __init__(self, lab, *options, certificate=None, host=None):
        self.lab = lab
        self.host = host or lab.add_host("server")
        self.second = str(ip_address(self.host.address) + 1)
        self.host.ip(f"addr add {self.second}/29 dev wan")
        self.options = options
        if certificate:
            self.options += ("--tls-listening-port", 5349, "--cert", certificate[0], "--pkey", certificate[1])
        else:
            self.options += ("--no-tls",)
        self.endpoint = f"{self.host.address}:3478"
        self.start()

    def url(self, transport="udp", password=PASSWORD, ca=None):
        """What stands in the configuration of a router that uses it."""
        login = f"{USER}:{password}@{self.host.address}"
        return f"turns://{login}?ca={ca}" if transport == "tls" else f"turn://{login}?transport={transport}"

    def start(self):
        listen = [word for address in (self.host.address, self.second, self.host.address6) for word in ("-L", address)]
        self.process = self.host.spawn([
            "turnserver", "-n", *listen, "--lt-cred-mech", "--realm", "example.org", "--user", f"{USER}:{PASSWORD}",
            "--listening-port", 3478, "--alt-listening-port", 3479, "--no-cli", "--no-dtls",
            "--userdb", self.lab.folder / "turndb", "--pidfile", self.lab.folder / "turnserver.pid",
            "--log-file", "stdout", "--simple-log", "--verbose", *self.options,
        ])
        wait_for(self._listens, 10, "turnserver listening")

    def _listens(self):
        assert self.process.alive(), self.process.output
        return f"{self.second}:3479" in self.host.run(["ss", "-lunH"]).stdout
