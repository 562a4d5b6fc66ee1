"""What a TV does to find a media server by SSDP (UPnP Device Architecture 1.1, section 1), and how one is announced.

    ssdp.py find TYPE SECONDS                prints where the first one of its type is, status 1 if there is none
    ssdp.py offer SOCKET TYPE LOCATION       has the minissdpd at this socket answer for one
"""

import socket
import sys
import time

GROUP = ("239.255.255.250", 1900)
SUBMIT = 4  # minissdpd's request to announce a service


def find(kind, seconds):
    question = ("M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
                f"ST: {kind}\r\n\r\n")
    end = time.monotonic() + float(seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
        udp.settimeout(1)
        while time.monotonic() < end:
            udp.sendto(question.encode(), GROUP)
            try:
                answer = udp.recv(2000).decode()
            except TimeoutError:
                continue
            fields = dict(line.split(": ", 1) for line in answer.split("\r\n")[1:] if ": " in line)
            if fields.get("ST") == kind:
                print(fields["LOCATION"])
                return 0
    return 1


def offer(path, kind, location):
    texts = [kind, f"uuid:2f402f80-da50-11e1-9b23-0002720a1b2c::{kind}", "Linux/6 UPnP/1.1 nas/1", location]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
        daemon.connect(path)
        daemon.sendall(bytes([SUBMIT]) + b"".join(bytes([len(text)]) + text.encode() for text in texts))


sys.exit(globals()[sys.argv[1]](*sys.argv[2:]))
