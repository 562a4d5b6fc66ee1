"""Debian's coturn in a lab: a STUN and TURN server that others have written."""

from ipaddress import ip_address

from netns import wait_for

USER, PASSWORD = "den", "secret"


class Coturn:
    """A turnserver with two IPv4 addresses and an IPv6 address."""

    def __init__(self, lab, *options):
        self.lab = lab
        self.host = lab.add_host("server")
        self.second = str(ip_address(self.host.address) + 1)
        self.host.ip(f"addr add {self.second}/29 dev wan")
        self.options = options
        self.endpoint = f"{self.host.address}:3478"
        self.start()

    def start(self):
        listen = [word for address in (self.host.address, self.second, self.host.address6) for word in ("-L", address)]
        self.process = self.host.spawn([
            "turnserver", "-n", *listen, "--lt-cred-mech", "--realm", "example.org", "--user", f"{USER}:{PASSWORD}",
            "--listening-port", 3478, "--alt-listening-port", 3479, "--no-cli", "--no-tls", "--no-dtls",
            "--userdb", self.lab.folder / "turndb", "--pidfile", self.lab.folder / "turnserver.pid",
            "--log-file", "stdout", "--simple-log", "--verbose", *self.options,
        ])
        wait_for(self._listens, 10, "turnserver listening")

    def _listens(self):
        assert self.process.alive(), self.process.output
        return f"{self.second}:3479" in self.host.run(["ss", "-lunH"]).stdout
