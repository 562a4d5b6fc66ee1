"""Small files: all or nothing. Only ordinary ones are read: whoever may write to a folder could put a pipe there, for
which root would wait for ever."""

import os
import shutil
import stat
from errno import EINVAL, EISDIR

KEY_MAX = 4096  # bytes of a key's file that are read: it has some fifty


def read(path, limit=-1):
    """The file's bytes, no more than `limit` of them if that isn't negative. Raises OSError."""
    with _open(path) as file:
        return file.read(limit)


def read_with_mode(path):
    """The bytes of a key's file, and its permissions. Raises OSError."""
    with _open(path) as file:
        return file.read(KEY_MAX), os.fstat(file.fileno()).st_mode & 0o7777


def _open(path):
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        raise OSError(EISDIR if stat.S_ISDIR(mode) else EINVAL, "not an ordinary file")
    return file


def write_atomic(path, data):
    """Replace a file (mode 0600) so that after a power cut either the old or the new one is there. Raises OSError."""
    _write_beside(path, data, os.rename)


def create(path, data):
    """Write a file (mode 0600) that must not be there yet. Raises OSError: EEXIST when it is."""
    _write_beside(path, data, os.link)


def _write_beside(path, data, put):
    """Write all of a temporary file, then `put` it where it belongs."""
    temporary = path + ".new"
    _forget(temporary)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        put(temporary, path)
    finally:
        _forget(temporary)
    _sync_folder(os.path.dirname(path))


def _forget(path):
    if os.path.lexists(path):
        os.unlink(path)


def make_private_folder(path):
    """Make a folder (mode 0700) and what is missing above it, unless it is there. Raises OSError."""
    path = path.rstrip("/")
    above = os.path.dirname(path)
    if above and not os.path.isdir(above):
        make_private_folder(above)
    if not os.path.isdir(path):
        os.mkdir(path, 0o700)
        _sync_folder(above)


def list_folder(path):
    """The names of what is in a folder, sorted. Raises OSError."""
    return sorted(os.listdir(path))


def rename(old, new):
    """Give a file or folder another name in the same folder, at once and for good. Raises OSError."""
    os.rename(old, new)
    _sync_folder(os.path.dirname(new))


def remove(path):
    """Remove a file or link, or a folder with all that is in it. Raises OSError."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
    _sync_folder(os.path.dirname(path))


def _sync_folder(path):
    """Make sure that what was put into or taken out of a folder stays so after a power cut."""
    folder = os.open(path or ".", os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
