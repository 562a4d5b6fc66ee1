"""A stand-in for ubusd, where there is none: it keeps objects, hands on what is asked and answered, and events.

Written from what goes over its socket, and shares no code with ipopd. It knows no access rights: whoever connects is
root. `python ubusd.py -s SOCKET`, as the real one is called."""

import os
import random
import selectors
import socket
import struct
import sys

HELLO, STATUS, DATA, PING, LOOKUP, INVOKE, ADD_OBJECT, REMOVE_OBJECT = range(8)
A_STATUS, A_OBJPATH, A_OBJID, A_METHOD, A_OBJTYPE, A_SIGNATURE, A_DATA = range(1, 8)
A_USER, A_GROUP = 12, 13
OK, INVALID_COMMAND, INVALID_ARGUMENT, _, NOT_FOUND, _, PERMISSION_DENIED = range(7)
EVENTS = 1  # the object that events are sent to
MESSAGE_MAX = 1 << 20


def attribute(id, payload):
    return struct.pack(">I", id << 24 | 4 + len(payload)) + payload + bytes(-len(payload) % 4)


def number(id, value):
    return attribute(id, struct.pack(">I", value))


def split(data):
    """Yields (id, payload)."""
    while len(data) >= 4:
        head, = struct.unpack_from(">I", data)
        length = head & 0xFFFFFF
        if not 4 <= length <= len(data):
            return
        yield head >> 24 & 0x7F, data[4:length]
        data = data[(length + 3) // 4 * 4:]


def named(data):
    """{name: payload} of a table."""
    found = {}
    for _, payload in split(data):
        n, = struct.unpack_from(">H", payload)
        found[payload[2:2 + n].decode()] = payload[(n + 6) // 4 * 4:]
    return found


def text(payload):
    return payload.split(b"\0")[0].decode()


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.id = random.getrandbits(32)
        self.data = b""

    def send(self, type, seq, peer, body):
        try:
            self.sock.sendall(struct.pack(">BBHI", 0, type, seq, peer) + attribute(0, body))
        except OSError:
            pass  # it is gone, as reading from it will show


class Object:
    def __init__(self, client, path, signature):
        self.client, self.path, self.signature = client, path, signature
        self.id, self.type = random.getrandbits(32) | 1024, random.getrandbits(32)
        self.patterns = []


class Ubusd:
    def __init__(self, path):
        if os.path.exists(path):
            os.unlink(path)
        self.clients, self.objects = {}, {}
        self.events = 0
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.selector.register(self.listener, selectors.EVENT_READ, None)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    self.accept()
                    continue
                try:
                    self.read(key.data)
                except OSError:
                    self.drop(key.data)

    def accept(self):
        client = Client(self.listener.accept()[0])
        client.sock.settimeout(5)
        self.clients[client.id] = client
        self.selector.register(client.sock, selectors.EVENT_READ, client)
        client.send(HELLO, 0, client.id, b"")

    def drop(self, client):
        self.selector.unregister(client.sock)
        client.sock.close()
        del self.clients[client.id]
        self.objects = {id: each for id, each in self.objects.items() if each.client is not client}

    def read(self, client):
        data = client.sock.recv(65536)
        client.data += data
        if not data:
            raise OSError("it has hung up")
        while len(client.data) >= 12:
            _, type, seq, peer, head = struct.unpack_from(">BBHII", client.data)
            length = head & 0xFFFFFF
            if not 4 <= length <= MESSAGE_MAX:
                raise OSError("not a message")
            if len(client.data) < 8 + length:
                break
            body, client.data = client.data[12:8 + length], client.data[8 + length:]
            status = self.handle(client, type, seq, peer, dict(split(body)), body)
            if status is not None:
                client.send(STATUS, seq, peer, number(A_STATUS, status))

    def handle(self, client, type, seq, peer, found, body):
        """What the sender is told, or None if somebody else will tell it."""
        id = struct.unpack(">I", found[A_OBJID])[0] if A_OBJID in found else None
        if type == PING:
            client.send(DATA, seq, peer, body)
        elif type == ADD_OBJECT:
            path = text(found[A_OBJPATH]) if A_OBJPATH in found else None
            if path and any(each.path == path for each in self.objects.values()):
                return INVALID_ARGUMENT
            added = Object(client, path, found.get(A_SIGNATURE, b""))
            self.objects[added.id] = added
            client.send(DATA, seq, peer, number(A_OBJID, added.id) + number(A_OBJTYPE, added.type))
        elif type == REMOVE_OBJECT:
            if id not in self.objects or self.objects[id].client is not client:
                return NOT_FOUND
            client.send(DATA, seq, peer, number(A_OBJID, id))
            del self.objects[id]
        elif type == LOOKUP:
            return self.look_up(client, seq, peer, text(found[A_OBJPATH]) if A_OBJPATH in found else "*")
        elif type == INVOKE:
            return self.invoke(client, seq, id, found)
        elif type in (DATA, STATUS):
            if id in self.objects and self.objects[id].client is client and peer in self.clients:
                self.clients[peer].send(type, seq, id, body)
            return None
        else:
            return INVALID_COMMAND
        return OK

    def look_up(self, client, seq, peer, path):
        matching = [each for each in self.objects.values() if each.path and matches(path, each.path)]
        for each in matching:
            about = attribute(A_OBJPATH, each.path.encode() + b"\0") + number(A_OBJID, each.id)
            about += number(A_OBJTYPE, each.type) + attribute(A_SIGNATURE, each.signature)
            client.send(DATA, seq, peer, about)
        return OK if matching else NOT_FOUND

    def invoke(self, client, seq, id, found):
        if id is None or A_METHOD not in found:
            return INVALID_ARGUMENT
        if id == EVENTS:
            return self.event(client, text(found[A_METHOD]), named(found.get(A_DATA, b"")))
        if id not in self.objects:
            return NOT_FOUND
        body = number(A_OBJID, id) + attribute(A_METHOD, found[A_METHOD])
        body += attribute(A_USER, b"root\0") + attribute(A_GROUP, b"root\0")
        if A_DATA in found:
            body += attribute(A_DATA, found[A_DATA])
        self.objects[id].client.send(INVOKE, seq, client.id, body)
        return None

    def event(self, client, method, about):
        if method == "register":
            id, = struct.unpack(">I", about["object"])
            if id not in self.objects or self.objects[id].client is not client:
                return PERMISSION_DENIED
            self.objects[id].patterns.append(text(about["pattern"]))
            return OK
        if method != "send":
            return INVALID_COMMAND
        name = text(about["id"])
        for each in self.objects.values():
            if each.client is not client and any(matches(pattern, name) for pattern in each.patterns):
                self.events += 1
                body = number(A_OBJID, each.id) + attribute(A_METHOD, name.encode() + b"\0")
                each.client.send(INVOKE, self.events & 0xFFFF, 0, body + attribute(A_DATA, about["data"]))
        return OK


def matches(pattern, name):
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


if __name__ == "__main__":
    Ubusd(sys.argv[sys.argv.index("-s") + 1]).run()
