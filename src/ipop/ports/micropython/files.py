"""Small files: all or nothing. As ports/cpython/files.py."""

import os

from . import libc

_EEXIST = 17


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_with_mode(path):
    return read(path), os.stat(path)[0] & 0o7777


def write_atomic(path, data):
    _write_beside(path, data, os.rename)


def create(path, data):
    _write_beside(path, data, _link)


def make_private_folder(path):
    above = path.rstrip("/").rpartition("/")[0]
    if above and not _exists(above):
        make_private_folder(above)
    if libc.mkdir(path, 0o700) == -1 and os.errno() != _EEXIST:
        raise OSError(os.errno())


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
    _sync_folder(path.rpartition("/")[0] or ".")


def _link(temporary, path):
    libc.checked(libc.link(temporary, path))


def _sync_folder(path):
    fd = libc.checked(libc.open_file(path, 0, 0))  # O_RDONLY
    try:
        libc.checked(libc.fsync(fd))
    finally:
        libc.close(fd)


def _forget(path):
    if _exists(path):
        os.unlink(path)


def _exists(path):
    try:
        os.stat(path)
        return True
    except OSError:
        return False
