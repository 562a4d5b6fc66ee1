"""Real mosquittos in a lab, as `ipop broker --run` starts them, and certificates for them.

    broker = Mosquitto(lab.add_host("server"))
    broker.url                          # mqtt://203.0.113.2:1883
    broker.kill(); broker.start()       # it has forgotten everything
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from netns import BIN, wait_for


class Mosquitto:
    """`flags` are those of `ipop broker`; `login` is "USER:PASSWORD@" for the URL."""

    def __init__(self, host, *flags, login=""):
        self.host = host
        self.flags = flags
        tls = "--certificate" in flags
        self.port = 8883 if tls else 1883
        self.url = f"{'mqtts' if tls else 'mqtt'}://{login}{host.address}:{self.port}"
        self.start()

    def start(self):
        self.process = self.host.spawn([BIN / "ipop", "broker", "--run", *self.flags])
        wait_for(self._listens, 5, f"{self.host.name}: mosquitto listening")

    def kill(self):
        self.process.kill()

    def _listens(self):
        assert self.process.alive(), self.process.output
        return f":{self.port} " in self.host.run(["ss", "-ltnH"]).stdout


class Certificates:
    """A context manager: a folder with a CA that mosquitto can read, and what the CA signs."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ipop-ca-"))
        self.folder.chmod(0o755)  # mosquitto reads as a user of its own
        self.ca = self._make_ca("ca")
        self.other_ca = self._make_ca("other")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def sign(self, name, days=30):
        """(certificate, key): paths. `name` is such as "IP:192.0.2.1" or "DNS:broker.example"."""
        base = self.folder / name.replace(":", "-")
        key, request, certificate = (base.with_suffix(end) for end in (".key", ".csr", ".pem"))
        extension = base.with_suffix(".ext")
        extension.write_text(f"subjectAltName={name}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=broker",
                 "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                 "-days", days, "-extfile", extension, "-out", certificate)
        key.chmod(0o644)
        return certificate, key

    def _make_ca(self, name):
        certificate = self.folder / f"{name}.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                 "-subj", f"/CN=ipop lab {name}", "-keyout", self.folder / f"{name}.key", "-out", certificate)
        return certificate


def password_file(certificates, user, password):
    """A file for `ipop broker --passwords`."""
    path = certificates.folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", path, user, password], check=True, capture_output=True)
    os.chmod(path, 0o644)
    return path


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
