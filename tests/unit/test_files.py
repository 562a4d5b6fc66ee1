"""Small files: what root reads was maybe written by somebody who wishes it ill."""

import os

from ipop.ports import crypto, files


def complaint(path, read):
    try:
        read(path)
    except OSError as error:
        return error.errno
    raise AssertionError("%s was read" % path)


def test_a_file_is_read_as_far_as_one_likes():
    path = "/tmp/ipop-test-files-%d" % int.from_bytes(crypto.random(4), "big")
    files.write_atomic(path, b"0123456789" * 300)
    try:
        assert files.read(path) == b"0123456789" * 300
        assert files.read(path, 0) == b"" and files.read(path, 2001) == b"0123456789" * 200 + b"0"
        assert files.read_with_mode(path) == (b"0123456789" * 300, 0o600)
    finally:
        files.remove(path)


def test_no_more_is_read_of_a_keys_file_than_a_key_has():
    path = "/tmp/ipop-test-key-%d" % int.from_bytes(crypto.random(4), "big")
    files.write_atomic(path, bytes(10 * files.KEY_MAX))
    try:
        assert len(files.read_with_mode(path)[0]) == files.KEY_MAX
    finally:
        files.remove(path)


def test_what_is_no_file_is_not_waited_for():
    for read in (files.read, files.read_with_mode):
        assert complaint("/dev/zero", read)
        assert complaint("/tmp", read) == 21
        assert complaint("/nowhere/at/all", read) == 2


def test_a_pipe_is_not_waited_for():
    folder = "/tmp/ipop-test-pipe-%d" % int.from_bytes(crypto.random(4), "big")
    files.make_private_folder(folder)
    try:
        assert os.system("mkfifo %s/pipe" % folder) == 0
        assert complaint(folder + "/pipe", files.read)
    finally:
        files.remove(folder)
