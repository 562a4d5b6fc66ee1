"""What a router keeps of its groups: damaged, forgotten, carried to another router. Nobody else notices."""

import hashlib

import pytest
from brokers import Mosquitto
from groups import asked, console_of, create, group_of, invite, join, new_home, wait_connected
from netns import wait_for


@pytest.fixture
def broker(lab):
    return Mosquitto(lab.add_host("broker"))


# --- damaged files


@pytest.fixture
def den(lab, broker):
    """In two groups: its family's, with the cabin, and a club, whose files get damaged."""
    den, cabin = new_home(lab, "den"), new_home(lab, "cabin", nat=True)
    for group in ("family", "club"):
        create(den, group, broker.url)
    join(cabin, invite(den, "--group", "family"))
    wait_connected(den, "cabin")
    return den


def play(den):
    """A ping from the den to the cabin that goes on."""
    pc, tv = console_of(den, "family"), console_of(den.lab.homes[1])
    wait_for(lambda: pc.ping(tv.address, count=1).received, 10, "the den and the cabin")
    return pc.start_ping(tv.address)


def damage(home, path):
    """Have a byte of the file altered at the next start; what the file is now."""
    home.daemon.stop()
    content = DAMAGES["altered"](path.read_bytes())
    path.write_bytes(content)
    home.start_daemon()
    return content


DAMAGES = {
    "altered": lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "something else": lambda content: b"\x7fELF\x01\x01\x01" + bytes(500),
    "of a newer ipopd": lambda content: newer(content),
}


def newer(content):
    line = content.splitlines()[0].replace(b'"version": 1', b'"version": 2')
    return line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n"


def place_of(home, group=None):
    """What makes a router this member of this group."""
    shown = group_of(home, group)
    return {key: shown[key] for key in ("name", "fingerprint", "state", "member_fingerprint", "role", "address")}


@pytest.mark.parametrize("file", ["identity", "group"])
def test_a_damaged_file_is_told_and_left_alone_and_stops_no_other_group(den, file):
    path = den.folder / "groups/club" / file
    good, before = path.read_bytes(), place_of(den, "club")
    for what, spoil in DAMAGES.items():
        den.daemon.stop()
        path.write_bytes(spoil(good))
        den.start_daemon()
        playing = play(den)
        told = [problem for problem in den.daemon.status()["problems"] if str(path) in problem]
        assert len(told) == 1, what
        for words in ("damaged", "stays as it is", "'ipop restore'", "'ipop leave --group club'"):
            assert words in told[0], (what, told)
        assert group_of(den, "club")["state"] == "damaged" and group_of(den, "family")["state"] == "member"
        done = den.daemon.ipop("invite", "--group", "club", check=False)
        assert done.returncode == 1 and done.stderr == f"ipop: {told[0]}\n"
        assert playing.lost() == 0
        den.daemon.stop()
        assert path.read_bytes() == spoil(good), what
    path.write_bytes(good)
    den.start_daemon()
    assert place_of(den, "club") == before


def test_the_recovery_line_puts_a_damaged_group_right(den, lab):
    hall = new_home(lab, "hall")
    join(hall, invite(den, "--group", "club"))
    before, sealed = place_of(den, "club"), asked(den, "backup", "--group", "club")
    damage(den, den.folder / "groups/club/group")
    playing = play(den)
    den.daemon.ipop("restore", sealed["line"], "--passphrase", sealed["passphrase"])
    wait_connected(den, "hall")
    assert place_of(den, "club") == before
    assert den.daemon.status()["problems"] == [] and playing.lost() == 0
    den.daemon.kill()
    den.start_daemon()
    assert place_of(den, "club") == before


def test_a_damaged_group_can_be_left(den):
    path = den.folder / "groups/club/group"
    damage(den, path)
    playing = play(den)
    asked(den, "leave", "--group", "club")
    assert [group["name"] for group in den.daemon.ask("groups")] == ["family"]
    assert den.daemon.status()["problems"] == [] and not path.parent.exists()
    assert playing.lost() == 0


# --- another router


def test_a_replacement_router_has_the_place_of_the_old_one(lab, broker):
    """Though the group has gone on since the recovery line was made, and has another secret by now."""
    den, cabin, lodge = new_home(lab, "den"), new_home(lab, "cabin", nat=True), new_home(lab, "lodge")
    create(den, "friends", broker.url)
    for home in (cabin, lodge):
        join(home, invite(den))
    before, sealed = place_of(cabin), asked(cabin, "backup")
    cabin.daemon.kill()
    asked(den, "rename", "cabin", "chalet")
    asked(den, "revoke", "lodge")

    spare = new_home(lab, "spare", nat=True)
    spare.daemon.ipop("restore", sealed["line"], "--passphrase", sealed["passphrase"])
    wait_connected(spare, "den")
    wait_for(lambda: group_of(spare)["member"] == "chalet", 10, "the name that it has now")
    assert place_of(spare) == before
    assert console_of(spare).reaches(console_of(den).address)
    annex = new_home(lab, "annex")
    join(annex, invite(den))
    wait_connected(annex, "chalet")
    assert console_of(annex).reaches(console_of(spare).address)
