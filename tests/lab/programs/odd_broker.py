"""Brokers that are not as they should be. Listens on TCP port 1884 and treats everybody in one way.

    odd_broker.py refuse-5        knows MQTT 3.1.1 only, and passes that on to port 1883
    odd_broker.py ignore-5        the same, but hangs up without a word on who speaks MQTT 5
    odd_broker.py silent          takes connections and says nothing
    odd_broker.py web             is a web server
    odd_broker.py throw-out       welcomes everybody and hangs up
    odd_broker.py no-retain       says that it keeps no messages
    odd_broker.py endless         sends a message of 200 MB
    odd_broker.py unasked         sends messages of QoS 2 and never ends one
    odd_broker.py large           sends a message of 1 MB, and then a small one
"""

import select
import socket
import sys
import threading

WELCOME = {4: b"\x20\x02\x00\x00", 5: b"\x20\x03\x00\x00\x00"}  # CONNACK
NO_RETAIN = b"\x20\x05\x00\x00\x02\x25\x00"


def main():
    mode = sys.argv[1]
    listener = socket.create_server(("", 1884))
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(mode, client), daemon=True).start()


def serve(mode, client):
    first = client.recv(4096)  # CONNECT: its variable header is short, so the version is always in the same place
    version = first[first.index(b"MQTT") + 4] if b"MQTT" in first else 5
    try:
        MODES[mode](client, first, version)
    except OSError:
        pass
    client.close()


def refuse_5(client, first, version):
    if version == 5:
        client.sendall(b"\x20\x02\x00\x01")  # unacceptable protocol version (MQTT 3.1.1 section 3.2.2.3)
    else:
        relay(client, first)


def ignore_5(client, first, version):
    if version != 5:
        relay(client, first)


def relay(client, first):
    server = socket.create_connection(("127.0.0.1", 1883))
    server.sendall(first)
    while True:
        for end in select.select([client, server], [], [])[0]:
            data = end.recv(65536)
            if not data:
                return
            (server if end is client else client).sendall(data)


def silent(client, first, version):
    while client.recv(4096):
        pass


def web(client, first, version):
    client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n" + b"<p>Bad Request</p>\n" * 100)


def throw_out(client, first, version):
    client.sendall(WELCOME[version])


def no_retain(client, first, version):
    client.sendall(NO_RETAIN)
    silent(client, first, version)


def endless(client, first, version):
    client.sendall(WELCOME[version] + b"\x30" + length(200_000_000) + b"\x00\x03a/b\x00")
    while True:
        client.sendall(bytes(65536))


def unasked(client, first, version):
    client.sendall(WELCOME[version])
    for number in range(1, 65536):
        client.sendall(message(b"\x34", number.to_bytes(2, "big") + b"\x00" + bytes(60_000)))


def large(client, first, version):
    properties = b"\x00" if version == 5 else b""
    client.sendall(WELCOME[version] + message(b"\x30", properties + bytes(1 << 20)))
    client.sendall(message(b"\x30", properties + b"small"))
    silent(client, first, version)


def message(kind, rest):
    """PUBLISH to the topic a/b."""
    body = b"\x00\x03a/b" + rest
    return kind + length(len(body)) + body


def length(n):
    """As MQTT writes it (MQTT 5 section 1.5.5)."""
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


MODES = {
    "refuse-5": refuse_5,
    "ignore-5": ignore_5,
    "silent": silent,
    "web": web,
    "throw-out": throw_out,
    "no-retain": no_retain,
    "endless": endless,
    "unasked": unasked,
    "large": large,
}

main()
