"""Asks a DNS server, one question after another: ask_dns.py SERVER NAME... prints {name: answer} as JSON.

A name that is an address is looked up in reverse, one with a colon before it is asked for its IPv6 address. An answer
is a list, or "refused" or "no such name".
"""

import ipaddress
import json
import socket
import struct
import sys

PTR, A, AAAA = 12, 1, 28
WORDS = {3: "no such name", 5: "refused"}


def ask(server, name):
    kind, name = (AAAA, name[1:]) if name.startswith(":") else (A, name)
    try:
        kind, name = PTR, ipaddress.ip_address(name).reverse_pointer
    except ValueError:
        pass
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + question + struct.pack(">2H", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(20)
        udp.sendto(query, (server, 53))
        answer = udp.recv(4096)
    code = answer[3] & 15
    return WORDS.get(code, code) if code else sorted(answers(answer, len(query)))


def answers(message, at):
    for _ in range(message[6] << 8 | message[7]):
        kind, _, _, n = struct.unpack_from(">2HIH", message, at + 2)  # dnsmasq points to the question for the name
        data = message[at + 12 : at + 12 + n]
        at += 12 + n
        yield name_of(data) if kind == PTR else str(ipaddress.ip_address(data))


def name_of(data):
    labels, at = [], 0
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels)


print(json.dumps({name: ask(sys.argv[1], name) for name in sys.argv[2:]}))
