"""The same source gives the same bytes: in another folder, at another time, by somebody with other habits."""

import os
import shutil
import subprocess

from feeds import ROOT, build


def test_a_fresh_copy_gives_the_same_bytes(built, tmp_path):
    copy = tmp_path / "elsewhere"
    listed = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT)
    files = [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]
    for name in reversed(files):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(0o775 if os.access(ROOT / name, os.X_OK) else 0o664)  # as umask 002 makes them
        os.utime(target, (1_000_000_000, 1_000_000_000))
    shutil.copy(built.parent.parent / "feed-key", tmp_path / "feed-key")
    (tmp_path / "out").mkdir()
    again = build(copy, tmp_path / "out")
    assert sorted(file.name for file in again.iterdir()) == sorted(file.name for file in built.iterdir())
    for file in built.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name
