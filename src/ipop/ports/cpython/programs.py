"""Other programs."""

import os


def file_in_memory(data):
    """The path of a file with these bytes, for this process and what it becomes."""
    fd = os.memfd_create("ipop", 0)  # without MFD_CLOEXEC
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    return "/proc/self/fd/%d" % fd


def become(argv):
    """Run a program, found in PATH, in place of this one. Raises OSError: ENOENT when it isn't there."""
    os.execvp(argv[0], argv)
