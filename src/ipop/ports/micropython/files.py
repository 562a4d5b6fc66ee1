"""Small files: all or nothing. As ports/cpython/files.py."""

import os

from . import codes, libc

KEY_MAX = 4096
_PIECE = 1024


def read(path, limit=-1):
    return _read(path, limit)[0]


def read_with_mode(path):
    return _read(path, KEY_MAX)


def _read(path, limit):
    """(bytes, permissions)"""
    fd = libc.checked(libc.open_file(path, codes.O_NONBLOCK, 0))  # O_RDONLY
    try:
        mode = os.stat("/proc/self/fd/%d" % fd)[0]
        if mode & 0o170000 != 0o100000:
            raise OSError(codes.EISDIR if mode & 0o170000 == 0o040000 else codes.EINVAL)
        piece, pieces, left = bytearray(_PIECE), [], limit
        while left:  # to be asked for all at once it would need room for the most that there can be
            n = libc.checked(libc.read(fd, piece, _PIECE if left < 0 else min(left, _PIECE)))
            if not n:
                break
            pieces.append(bytes(piece[:n]))
            left -= n if left > 0 else 0
        return b"".join(pieces), mode & 0o7777
    finally:
        libc.close(fd)


def write_atomic(path, data):
    _write_beside(path, data, os.rename)


def create(path, data):
    _write_beside(path, data, _link)


def make_private_folder(path):
    path = path.rstrip("/")
    above = _above(path)
    if above and not _exists(above):
        make_private_folder(above)
    if not _is_folder(path):
        libc.checked(libc.mkdir(path, 0o700))
        _sync_folder(above)


def list_folder(path):
    return sorted(os.listdir(path))


def rename(old, new):
    os.rename(old, new)
    _sync_folder(_above(new))


def remove(path):
    _remove(path)
    _sync_folder(_above(path))


def _remove(path):
    if _is_folder(path) and not _is_link(path):
        for name in os.listdir(path):
            _remove(path + "/" + name)
        os.rmdir(path)
    else:
        os.unlink(path)


def _write_beside(path, data, put):
    temporary = path + ".new"
    _forget(temporary)
    mask = libc.umask(0o177)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            libc.checked(libc.fsync(file.fileno()))
        put(temporary, path)
    finally:
        libc.umask(mask)
        _forget(temporary)
    _sync_folder(_above(path))


def _link(temporary, path):
    libc.checked(libc.link(temporary, path))


def _above(path):
    return path.rpartition("/")[0]


def _sync_folder(path):
    fd = libc.checked(libc.open_file(path or ".", 0, 0))  # O_RDONLY
    try:
        libc.checked(libc.fsync(fd))
    finally:
        libc.close(fd)


def _forget(path):
    if _exists(path):
        os.unlink(path)


def _exists(path):
    return _mode(path) != 0


def _is_folder(path):
    return _mode(path) & 0o170000 == 0o040000


def _is_link(path):
    return libc.readlink(path, bytearray(1), 1) != -1


def _mode(path):
    try:
        return os.stat(path)[0]
    except OSError:
        return 0
