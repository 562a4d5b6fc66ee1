"""What is read off the system: memory and time of a process, counters of a namespace (proc(5)), sizes of files."""

import gzip
import io
import os
import socket
import tarfile
from collections import namedtuple
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")

Memory = namedtuple("Memory", "rss anonymous")  # kB; the rest are pages of files, which processes share
Size = namedtuple("Size", "installed compressed")  # bytes
Device = namedtuple("Device", "received received_lost sent sent_lost")  # packets


def memory(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return Memory(*[int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon")])


def cpu_time(pid):
    """Seconds that a process has worked, in the kernel too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def devices(host):
    """{name: Device} of a host's network devices."""
    found = {}
    for line in host.run(["cat", "/proc/net/dev"]).stdout.splitlines()[2:]:
        name, counters = line.split(":")
        counters = [int(word) for word in counters.split()]
        found[name.strip()] = Device(counters[1], counters[3], counters[9], counters[11])
    return found


def udp(host):
    """{name: count} of a host's UDP over IPv4 (RFC 4113, and Linux's own)."""
    lines = [line.split() for line in host.run(["cat", "/proc/net/snmp"]).stdout.splitlines()]
    names, counts = [words[1:] for words in lines if words[0] == "Udp:"]
    return dict(zip(names, map(int, counts), strict=True))


def is_answered(path):
    """Whether somebody answers at a control socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
            client.sendall(b'{"v": 1, "id": 1, "method": "status"}\n')
            return bool(client.recv(1))
        except OSError:
            return False


def size(files, root="/"):
    """The Size of files together; compressed as a package is, by tar and gzip."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for file in sorted(files):
            tar.add(file, os.path.relpath(file, root), recursive=False, filter=_without_owner)
    return Size(sum(os.stat(file).st_size for file in files), len(gzip.compress(archive.getvalue(), 9)))


def files_below(folder, ends_with=""):
    return [path for path in Path(folder).rglob("*" + ends_with) if path.is_file()]


def _without_owner(entry):
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry
