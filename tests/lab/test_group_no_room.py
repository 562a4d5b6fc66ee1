"""A router whose flash is full: what can't be kept is said in one line, nothing is half there, and room mends it."""

from pathlib import Path

import pytest
from brokers import Mosquitto
from groups import console_of, create, group_of, invite, join, new_home
from netns import wait_for

NO_ROOM = "no space left on device"


@pytest.fixture
def broker(lab):
    return Mosquitto(lab.add_host("broker"))


class SmallFlash:
    """Where a home's daemon keeps its things: a tmpfs of 64 kB, in a mount namespace that only this daemon enters."""

    def __init__(self, home):
        folder = home.folder / "flash"
        folder.mkdir()
        mount = f"mount -t tmpfs -o size=64k tmpfs {folder}; echo mounted; exec sleep infinity"
        holder = home.router.spawn(["sh", "-ec", mount])
        holder.wait_for_output("mounted")
        self._folder = Path(f"/proc/{holder.pid}/root{folder}")
        home.globals["state_dir"] = folder
        home.entrance = ["nsenter", "-m", "-t", holder.pid]

    def fill(self):
        with open(self._folder / "others", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))

    def make_room(self):
        (self._folder / "others").unlink()

    def files(self):
        """{path: bytes} of what is kept of groups."""
        found = (self._folder / "groups").rglob("*")
        return {path.relative_to(self._folder): path.is_file() and path.read_bytes() for path in found}


def new_home_with_small_flash(lab, name, **options):
    home = lab.add_home(name, **options)
    home.add_console("pc")
    home.flash = SmallFlash(home)
    home.start_daemon()
    return home


def refuse(home, *words):
    """The command must say in one line that there is no room, and leave no group behind, nor half of one."""
    done = home.daemon.ipop(*words, check=False)
    assert done.returncode == 1 and NO_ROOM in done.stderr and len(done.stderr.splitlines()) == 1, done
    assert home.daemon.ask("groups") == []
    home.daemon.kill()
    home.start_daemon()  # which has to work without room, too
    assert home.daemon.ask("groups") == [] and home.flash.files() == {}


def no_room(home):
    """What `ipop status` says about it."""
    return [problem for problem in home.daemon.status()["problems"] if NO_ROOM in problem]


def test_no_room_for_a_new_group(lab, broker):
    den = new_home_with_small_flash(lab, "den")
    den.flash.fill()
    refuse(den, "group", "create", "friends", "--broker", broker.url)
    den.flash.make_room()
    create(den, "friends", broker.url)
    assert group_of(den)["state"] == "member"


def test_no_room_to_join(lab, broker):
    """The invite is as good as before."""
    den, cabin = new_home(lab, "den"), new_home_with_small_flash(lab, "cabin", nat=True)
    create(den, "friends", broker.url)
    line = invite(den)
    cabin.flash.fill()
    refuse(cabin, "join", line)
    cabin.flash.make_room()
    join(cabin, line)
    assert console_of(cabin).reaches(console_of(den).address)


def test_no_room_when_the_answer_comes(lab, broker):
    """Whoever is let in is in as soon as there is room."""
    den, cabin = new_home(lab, "den"), new_home_with_small_flash(lab, "cabin", nat=True)
    create(den, "friends", broker.url)
    line = invite(den)
    den.daemon.stop()
    assert "not in yet" in cabin.daemon.ipop("join", line, "--wait", 0, check=False).stderr
    kept = cabin.flash.files()
    cabin.flash.fill()
    den.start_daemon()
    wait_for(lambda: no_room(cabin), 10, "a word about it")
    assert cabin.flash.files() == kept
    cabin.flash.make_room()
    wait_for(lambda: group_of(cabin)["state"] == "member", 25, "the cabin, in at last")
    assert console_of(cabin).reaches(console_of(den).address)
    wait_for(lambda: not no_room(cabin), 5, "the end of the problem")


def test_no_room_for_another_name(lab, broker):
    """It is told, what was kept before stays whole, and the new name is kept as soon as there is room."""
    den = new_home_with_small_flash(lab, "den")
    create(den, "friends", broker.url)
    kept = den.flash.files()
    den.flash.fill()
    done = den.daemon.ipop("rename", "den", "lighthouse", check=False)
    assert done.returncode == 1 and NO_ROOM in done.stderr
    assert ["what changes in friends is not kept" in problem for problem in no_room(den)] == [True]
    assert den.flash.files() == kept
    den.flash.make_room()
    wait_for(lambda: not no_room(den), 30, "the end of the problem")
    den.daemon.kill()
    den.start_daemon()
    assert group_of(den)["member"] == "lighthouse"
