"""The feed by HTTP, for routers nearby, and what to type there.

It needs no TLS: by the signature a router knows that it got what was built here."""

import socket
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from .makefiles import BuildError

_TEXT = """\
On the router, paste these two lines; the first one makes it trust this key, the second one adds the feed:

printf '{key}' > /etc/opkg/keys/{fingerprint}
sed -i '/ ipop /d' /etc/opkg/customfeeds.conf; echo 'src/gz ipop http://{host}:{port}' >> /etc/opkg/customfeeds.conf

Then, for a router with little memory, or any:

opkg update && opkg install luci-app-ipop

or, from 16 MB of flash and 128 MB of memory on, with Python, which is faster:

opkg update && opkg install ipop luci-app-ipop

Serving {folder} until Ctrl-C.
"""


def instructions(key, host, port, folder):
    """What to type on the router."""
    text = key.public().replace("\n", "\\n")
    host = f"[{host}]" if ":" in host else host
    return _TEXT.format(key=text, fingerprint=key.fingerprint, host=host, port=port, folder=folder)


def serve(folder, key, host, port):
    """Until it is interrupted. Raises BuildError."""
    try:
        server = ThreadingHTTPServer(("", port), partial(SimpleHTTPRequestHandler, directory=folder))
    except (OSError, OverflowError) as error:
        raise BuildError(f"TCP port {port} can't be had: {error}; choose another one: make serve-feed PORT=8089")
    with server:
        print(instructions(key, host or own_address(), server.server_port, folder), flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


def own_address():
    """The address that this machine has towards where most routers are; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.168.1.1", 9))
        except OSError:
            return socket.gethostname()
        return probe.getsockname()[0]
