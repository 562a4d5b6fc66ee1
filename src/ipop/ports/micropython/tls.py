"""TLS to a broker, in a child process, because a handshake takes a small router seconds.

The child calls the broker and makes sure that it is the right one; then it says so with one byte, and from there on
carries bytes between TLS and its line to us. If it can't be, the reason comes back instead, in the words that
ports/cpython/mqtt.py has for it. Nobody is talked to whose certificate was not verified.

mbedTLS knows no files of PEM and no system's store: the certificates are handed to it one by one. Neither direction
waits for the other: a broker that takes nothing more until we take what it has must not hold up both for ever.
"""

import binascii
import errno
import os
import select
import socket

from ...wire import address
from . import libc
from .child import Child
from .mqtt import NO_ANSWER, Failure
from .stream import CONNECT_MAX, UNKNOWN_NAME, Stream, send_at_once, why

STORES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")  # Debian's and OpenWrt's, one of them is there
CHUNK = 4096  # bytes that are carried at a time
CERTIFICATE_MAX = 16_384  # bytes, as PEM
LAST_WORDS_MAX = 2  # s for what was said before we hung up
NO_TLS_HERE = "this MicroPython has no TLS: install micropython-mbedtls instead, or use mqtt://"
NO_STORE_HERE = "no certificates to trust here: install ca-bundle, or add ?ca=FILE"
_OPEN = b"+"
_REASON_MAX = 1024  # bytes
_EOF = -0x7280  # MBEDTLS_ERR_SSL_CONN_EOF
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_CLOCK_HINT = " (is this router's clock right?)"
# What mbedTLS says of a certificate, and what OpenSSL says then
_EXPIRED = ("expired", "certificate has expired" + _CLOCK_HINT)
_NOT_YET_VALID = ("starts in the future", "certificate is not yet valid" + _CLOCK_HINT)
_UNTRUSTED = ("not correctly signed", "unable to get local issuer certificate")


class Tls(Stream):
    """To the host of a Url. As stream.Tcp. Raises OSError."""

    def __init__(self, url, poller, handler, now):
        Stream.__init__(self, poller, handler, now + 2 * CONNECT_MAX)
        self._said = b""  # by the child, before it is open
        self._use(Child(lambda line: _serve(url, line), 2 * CONNECT_MAX // 1000))

    def turn(self, now):
        letter = bytearray(1)  # what comes after the first one is not ours
        while not self.is_open:
            n = self.receive(letter)
            if n is None and now < self._until:
                return
            if not n or len(self._said) > _REASON_MAX:
                raise Failure(str(self._said, "utf-8") or NO_ANSWER)
            self._said += letter
            self.is_open = self._said == _OPEN


# --- in the child; `line` is its descriptor towards us


def _serve(url, line):
    try:
        sock, tls = _connect(url)
    except Failure as failure:
        reason = failure.args[0].encode()
        libc.send(line, reason, len(reason), libc.MSG_NOSIGNAL)
        return
    libc.alarm(0)
    libc.send(line, _OPEN, len(_OPEN), libc.MSG_NOSIGNAL)
    sock.setblocking(False)
    try:
        _carry(sock.fileno(), tls, line)
        tls.close()
    except OSError:
        pass  # it broke off, which our end of the line will show


def _connect(url):
    """(socket, TLS on it). Raises Failure."""
    context = _context(url.ca)
    sock = _call(url)
    try:
        return sock, context.wrap_socket(sock, server_hostname=url.host)
    except ValueError as error:
        raise Failure("certificate is not trusted: " + _distrust(str(error), url.host))
    except OSError as error:
        raise Failure("no TLS there (%s)" % _trouble(error))


def _context(ca):
    """What verifies the broker's certificate. Raises Failure."""
    try:
        import tls
    except ImportError:
        raise Failure(NO_TLS_HERE)
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    path = ca or _store()
    loaded = 0
    try:
        with open(path, "rb") as file:
            for certificate in _certificates(file):
                try:
                    context.load_verify_locations(certificate)
                    loaded += 1
                except ValueError:
                    pass  # one that mbedTLS can't read vouches for nobody
    except OSError as error:
        raise Failure("%s: %s" % (path, why(error)))
    except ValueError:
        pass  # not PEM
    if loaded == 0:
        raise Failure("there is no certificate in %s" % path)
    return context


def _store():
    for path in STORES:
        try:
            os.stat(path)
            return path
        except OSError:
            pass
    raise Failure(NO_STORE_HERE)


def _certificates(file):
    """Those in a file of PEM (RFC 7468), as DER. Raises ValueError."""
    text, piece = b"", file.read(CHUNK)  # by lines would be by letters, a system call for each
    while piece:
        text += piece
        body, mark, rest = text.partition(_END)
        while mark:
            yield binascii.a2b_base64(body.rpartition(_BEGIN)[2])
            text = rest
            body, mark, rest = text.partition(_END)
        text = text[-CERTIFICATE_MAX:]
        piece = file.read(CHUNK)


def _call(url):
    """A socket that is connected. Raises Failure."""
    try:
        found = socket.getaddrinfo(url.host, url.port, 0, socket.SOCK_STREAM)
    except OSError:
        raise Failure(UNKNOWN_NAME)
    for family, _, _, _, raw in found:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(CONNECT_MAX / 1000 / len(found))
        try:
            sock.connect(raw)
            sock.setblocking(True)
            send_at_once(sock)
            return sock
        except OSError as error:
            reason = why(error)
            sock.close()
    raise Failure(reason)


def _distrust(said, host):
    for part, words in (_EXPIRED, _NOT_YET_VALID):
        if part in said:
            return words
    if "does not match" in said and _UNTRUSTED[0] not in said:
        kind = "IP address" if address.is_ip(host) else "Hostname"
        return "%s mismatch, certificate is not valid for '%s'." % (kind, host)
    return _UNTRUSTED[1] if _UNTRUSTED[0] in said else said.strip().replace("\n", ", ")


def _trouble(error):
    """mbedTLS has numbers of its own, and words where it was built with them."""
    if error.errno > 0 or error.errno == _EOF:
        return "it hung up"
    return error.args[1] if len(error.args) > 1 else "error -0x%04x" % -error.errno


def _carry(sock, tls, line):
    """Carry bytes both ways until one side hangs up. Raises OSError."""
    up = _Pipe(lambda buffer: _receive(line, buffer), tls.write)
    down = _Pipe(tls.readinto, lambda data: _send(line, data))
    poll = select.poll()
    is_alone = False
    while not up.is_over and not down.is_over:
        if up.move() | down.move():
            continue
        poll.register(sock, (0 if down.is_full else select.POLLIN) | (select.POLLOUT if up.is_full else 0))
        if is_alone and up.is_full:
            poll.unregister(line)
        else:
            poll.register(line, (0 if up.is_full else select.POLLIN) | (select.POLLOUT if down.is_full else 0))
        for fd, events in poll.poll():
            if fd == line and events & select.POLLHUP:
                is_alone = True
                libc.alarm(LAST_WORDS_MAX)


class _Pipe:
    """One direction. `read` and `write` return how much of a buffer they did, or None; 0 is the end."""

    def __init__(self, read, write):
        self.is_over = False
        self._read = read
        self._write = write
        self._buffer = memoryview(bytearray(CHUNK))
        self._from = self._to = 0  # what was read and not written

    @property
    def is_full(self):
        return self._from < self._to

    def move(self):
        """Returns whether anything was done."""
        if self.is_full:
            n = self._write(self._buffer[self._from : self._to])
            self._from += n or 0
            return bool(n)
        n = self._read(self._buffer)
        if n is None:
            return False
        self._from, self._to = 0, n
        self.is_over = n == 0
        return True


def _receive(line, buffer):
    n = libc.recv(line, buffer, len(buffer), libc.MSG_DONTWAIT)
    return n if n >= 0 else None if os.errno() == errno.EAGAIN else 0


def _send(line, data):
    return max(libc.send(line, data, len(data), libc.MSG_DONTWAIT | libc.MSG_NOSIGNAL), 0)
