"""Connections of ours to servers that mean no good. Here is what CPython does in threads; MicroPython has none."""

import socket
import threading
import time
from collections import namedtuple

from netns import wait_for

from ipop.ports import Poller
from ipop.ports.cpython.stream import Tls

Server = namedtuple("Server", ("host", "port", "ca"))
HALF_A_RECORD = b"\x16\x03\x03\x40\x00" + bytes(100)


def test_a_tls_server_that_never_ends_its_greeting_holds_nothing_of_ours():
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = Tls(Server("127.0.0.1", listener.getsockname()[1], None), Poller(), lambda: None, 0)
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(HALF_A_RECORD)
        time.sleep(0.2)
        assert threading.active_count() == before + 1  # it waits for the rest
        stream.close()
        wait_for(lambda: threading.active_count() == before, 3, "the end of the call")
        connection.settimeout(20)
        assert connection.recv(4096) == b""
        connection.close()
