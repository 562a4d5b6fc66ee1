"""Bytes to and from a server, without waiting: a descriptor in the poller, and how the connection comes to be.

    stream = Tcp(server, poller, handler, now)  # or Tls: `handler` is called when there is something to do
    stream.turn(now)                            # until it `is_open`; raises Failure
    stream.receive(buffer), stream.send(data)

Names, the call and the TLS handshake take as long as they like in a thread, which then hands over the socket and ends.
"""

import os
import socket
import ssl
import threading

from ...words import why

CONNECT_MAX = 10_000  # ms for the call, and again for the TLS handshake
NO_ANSWER = "no answer"
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_...


class Failure(Exception):
    """`args[0]` says why there is no connection."""


class Tcp:
    """To the host of a `server`, anything with host and port (and `ca` for Tls): to each of its addresses in turn."""

    def __init__(self, server, poller, handler, now):
        self.is_open = False
        self._poller = poller
        self._handler = handler
        self._until = now + 2 * CONNECT_MAX
        self._source = None  # what is being watched: a descriptor, or the socket once it is there
        self._call = _Call(server, self._wrap, self._shake_hands)
        self._use(self._call)

    def fileno(self):
        return self._source.fileno()

    def poll_timeout(self):
        """When `turn` has to be called (ms), or None."""
        return None if self.is_open else self._until

    def turn(self, now):
        """Go on towards being open."""
        if self.is_open:
            return
        if self._call.is_over:
            if self._call.failure is not None:
                raise Failure(self._call.failure)
            self._use(self._call.take())
            self.is_open = True
        elif now >= self._until:
            raise Failure(NO_ANSWER)

    def receive(self, buffer):
        """How many bytes came, 0 at the end, None when nothing is there yet."""
        try:
            return self._source.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError:
            return 0

    def send(self, data):
        """How many bytes were taken; 0 when there is no room, or nobody there any more, as `receive` will show.

        What was not taken has to be given again before anything else."""
        try:
            return self._source.send(data)
        except OSError:
            return 0

    def watch_writable(self, wanted):
        self._poller.watch_writable(self.fileno(), wanted)

    def close(self):
        if self._source is not None:
            self._poller.forget(self.fileno())
            self._source.close()
            self._source = None

    def _use(self, source):
        self.close()
        self._source = source
        self._poller.watch(source.fileno(), self._handler)

    def _wrap(self, sock, server):
        """In the thread, as what follows."""
        return sock

    def _shake_hands(self, sock):
        pass


class Tls(Tcp):
    """The same, and nobody is talked to whose certificate was not verified."""

    def _wrap(self, sock, server):
        context = tls_context(server.ca)
        return context.wrap_socket(sock, server_hostname=server.host, do_handshake_on_connect=False)

    def _shake_hands(self, sock):
        sock.do_handshake()


class _Call:
    """`fileno` is readable once it is over: then there is a socket to `take`, or a `failure` in words."""

    def __init__(self, server, wrap, shake_hands):
        self.is_over = False
        self.failure = None
        self._server = server
        self._wrap = wrap
        self._shake_hands = shake_hands
        self._shaking = None  # a socket whose other side may take for ever
        self._socket = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._reader, self._writer = os.pipe()
        threading.Thread(target=self._run, daemon=True).start()

    def fileno(self):
        return self._reader

    def take(self):
        taken, self._socket = self._socket, None
        return taken

    def close(self):
        """Take no more interest in it."""
        os.close(self._reader)
        with self._lock:
            self._is_closed = True
            if self._shaking is not None:
                _hang_up(self._shaking)
            if self._socket is not None:
                self._socket.close()

    def _hold(self, sock):
        """From now on `close` ends what is being waited for at this socket."""
        with self._lock:
            if self._is_closed:
                raise Failure(NO_ANSWER)
            self._shaking = sock

    def _run(self):
        sock, failure = None, None
        try:
            sock = socket.create_connection((self._server.host, self._server.port), CONNECT_MAX / 1000)
            send_at_once(sock)
            sock = self._wrap(sock, self._server)
            self._hold(sock)
            self._shake_hands(sock)
            self._hold(None)
            sock.setblocking(False)
        except Failure as error:
            failure = error.args[0]
        except (OSError, ValueError) as error:
            failure = words(error)
        with self._lock:
            self._shaking = None
            if sock is not None and (failure is not None or self._is_closed):
                sock.close()
            else:
                self._socket = sock
            self.failure = failure
            self.is_over = True
        os.close(self._writer)  # which makes the other end readable


def _hang_up(sock):
    """So that nobody waits at it any more."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other side has done so


def send_at_once(sock):
    """Else the kernel holds a message back until the last one is confirmed, for 40 ms (RFC 896)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def tls_context(ca):
    """What verifies certificates: by a file, or by what the system trusts. Raises Failure."""
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise Failure("there is no certificate in %s" % ca)
    except OSError as error:
        raise Failure("%s: %s" % (ca, why(error)))


def words(error):
    """Why a connection could not be made."""
    if isinstance(error, socket.gaierror):
        return "its name can't be resolved"
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = " (is this router's clock right?)" if error.verify_code in (_NOT_YET_VALID, _EXPIRED) else ""
        return "certificate is not trusted: %s%s" % (error.verify_message, hint)
    if isinstance(error, (ssl.SSLError, ConnectionResetError)):
        reason = getattr(error, "reason", None) or "it hung up"
        return "no TLS there (%s)" % reason.lower().replace("_", " ")
    if isinstance(error, TimeoutError):
        return NO_ANSWER
    return why(error).lower() if isinstance(error, OSError) else str(error)
