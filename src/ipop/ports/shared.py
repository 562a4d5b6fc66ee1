"""Files that other programs read, who are not root: mode 0644, in folders of mode 0755. They need not survive a power
cut; but whoever reads one sees the old or the new one. All raise OSError."""

import os

from . import kernel


def make_folder(path):
    """Make a folder and what is missing above it."""
    above = path.rpartition("/")[0]
    if not kernel.exists(path):
        if above:
            make_folder(above)
        mask = kernel.umask(0o022)
        try:
            os.mkdir(path)
        finally:
            kernel.umask(mask)


def stamp(path):
    """(inode, size, s since 1970 of the last change): another one when the file has changed."""
    about = os.stat(path)
    return about[1], about[6], int(about[8])


def write(path, data):
    folder, _, name = path.rpartition("/")
    temporary = "%s/.%s.new" % (folder, name)  # hidden from who reads all files of the folder
    mask = kernel.umask(0o022)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
    finally:
        kernel.umask(mask)
    os.rename(temporary, path)


def forget(path):
    """Remove a file, if it is there."""
    if kernel.exists(path):
        os.unlink(path)
