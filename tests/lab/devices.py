"""What stands in a home: a games console, a media server that a TV can find, a web server with a file."""

import hashlib
import json
import os
import sys
import time
from collections import namedtuple

from netns import PATIENCE, PROGRAMS, LabError, wait_for

SERVICE = "_http._tcp.local"

Transfer = namedtuple("Transfer", "size seconds intact")


def find_game(seeker, host, name, seconds=20):
    """{"game", "address", "ms"} of the first host that answers the seeker's broadcast, or None."""
    game = host.spawn([sys.executable, PROGRAMS / "lan_game.py", "host", name])
    try:
        return _found(seeker, "lan_game.py", "seek", seconds)
    finally:
        game.stop()


def publish_service(console, name, port=80):
    """A real avahi-daemon that announces a web server; its /run and /etc/avahi are not the machine's."""
    folder = console.lab.folder / f"{console.name}-avahi"
    (folder / "services").mkdir(parents=True)
    (folder / "avahi-daemon.conf").write_text(
        f"[server]\nhost-name={console.name}\nuse-ipv6=no\nenable-dbus=no\n[publish]\npublish-workstation=no\n")
    (folder / "services/ipop.service").write_text(
        f"<service-group><name>{name}</name><service><type>{SERVICE.removesuffix('.local')}</type>"
        f"<port>{port}</port></service></service-group>")
    # `ip netns exec` gives every program a mount namespace of its own.
    daemon = console.spawn(["sh", "-ec", f"mount --bind {folder} /etc/avahi; mount -t tmpfs tmpfs /run;"
                            "exec avahi-daemon --no-drop-root --no-chroot --no-rlimits"])
    daemon.wait_for_output("successfully established", seconds=10)
    return daemon


def find_service(console, seconds=20):
    """{"service", "address", "port", "ms"} of the first service that multicast DNS finds, or None."""
    return _found(console, "mdns_find.py", SERVICE, seconds)


def offer_media(console, kind, location):
    """A real minissdpd that answers for a media server."""
    path = console.lab.folder / f"{console.name}-ssdp"
    console.spawn(["minissdpd", "-d", "-i", "eth0", "-s", path, "-p", f"{path}.pid"])
    wait_for(path.exists, 5, f"{console.name}: minissdpd")
    console.run([sys.executable, PROGRAMS / "ssdp.py", "offer", path, kind, location])


def find_media(console, kind, seconds=20):
    """Where the first one is that SSDP finds, or None."""
    command = [sys.executable, PROGRAMS / "ssdp.py", "find", kind, seconds]
    return console.run(command, check=False).stdout.strip() or None


def serve_file(console, megabytes):
    """A web server with one file of noise; the file's checksum."""
    content = os.urandom(megabytes << 20)
    folder = console.lab.folder / f"{console.name}-www"
    folder.mkdir()
    (folder / "file").write_bytes(content)
    console.spawn(["busybox", "httpd", "-f", "-p", "80", "-h", folder])
    wait_for(lambda: console.run(["ss", "-Hltn", "sport = :80"]).stdout, 5, f"{console.name}: a web server")
    return hashlib.sha256(content).hexdigest()


def fetch_file(console, address, checksum, seconds=60):
    command = ["timeout", seconds, "busybox", "wget", "-q", "-O", "-", f"http://{address}/file"]
    start = time.monotonic()
    content = console.run(command, check=False, timeout=seconds + PATIENCE, text=False).stdout
    took = time.monotonic() - start
    return Transfer(len(content), took, hashlib.sha256(content).hexdigest() == checksum)


def _found(console, program, *arguments):
    done = console.run([sys.executable, PROGRAMS / program, *arguments], check=False)
    if done.stderr:
        raise LabError(f"{console.name}: {program}:\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout else None
