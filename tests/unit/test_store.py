"""A router loses power whenever it likes. Its groups are then as they were before or after what it did, and a file that
was damaged is told, with the way out, and never made worse."""

from binascii import hexlify

from ipop.errors import UserError
from ipop.group.store import GROUP, IDENTITY, JOIN, Shelf, check, dump, local_name
from ipop.ports import crypto, files

SEED, OTHER_SEED = bytes(range(32)), bytes(range(1, 33))
KEPT = {
    "group": b"g" * 32,
    "charter": b"charter",
    "entries": [b"one", b"two"],
    "secret": b"offer",
    "places": [b"place"],
    "issuer": {"invites": [], "requests": []},
    "former": [["mqtt://old.example", 1_790_000_000_000]],
}
NEWER = dict(KEPT, entries=[b"one", b"two", b"three"])
LINE = ("ipop1-AAAA", "den")
ENOENT, EEXIST, ENOSPC, EROFS = 2, 17, 28, 30
FOLDER = "/etc/ipop/groups"


# --- a disk


class PowerCut(Exception):
    pass


class Node:
    """A folder (`now` is {name: Node}) or a file (`now` is bytes). What is `safe` survives a power cut; of what has
    happened since, anything may: `steps` are changes of a folder, each [(name, Node or None)]."""

    def __init__(self, now, safe):
        self.now = now
        self.safe = safe
        self.steps = []

    def change(self, step):
        _apply(self.now, step)
        self.steps.append(step)

    def sync(self):
        self.safe = dict(self.now) if isinstance(self.now, dict) else self.now
        self.steps = []


def _apply(entries, step):
    for name, node in step:
        entries.pop(name, None)
        if node is not None:
            entries[name] = node


class Disk:
    """What the ports' files do, step by step, with a power cut after `fuse` steps."""

    def __init__(self, root=None, fuse=1000):
        self.root = root or Node({}, {})
        self.fuse = fuse

    def after_power_cut(self):
        """All the disks that there can be now."""
        for variant in range(12):
            yield Disk(_survivor(self.root, variant))

    # --- as ports/*/files.py

    def read(self, path):
        node = self._find(path)
        if node is None or isinstance(node.now, dict):
            raise OSError(ENOENT, "")
        return node.now

    def write_atomic(self, path, data):
        folder, name = self._split(path)
        file = Node(b"", b"")
        self._step(folder.change, [(name + ".new", file)])
        self._step(setattr, file, "now", data)
        self._step(file.sync)
        self._step(folder.change, [(name + ".new", None), (name, file)])
        self._step(folder.sync)

    def make_private_folder(self, path):
        if self._find(path) is None:
            above = path.rpartition("/")[0]
            if above:
                self.make_private_folder(above)
            folder, name = self._split(path)
            self._step(folder.change, [(name, Node({}, {}))])
            self._step(folder.sync)

    def list_folder(self, path):
        node = self._find(path)
        if node is None:
            raise OSError(ENOENT, "")
        return sorted(node.now)

    def rename(self, old, new):
        folder, name = self._split(new)
        if name in folder.now:
            raise OSError(EEXIST, "")
        before = old.rpartition("/")[2]
        self._step(folder.change, [(name, folder.now[before]), (before, None)])
        self._step(folder.sync)

    def remove(self, path):
        folder, name = self._split(path)
        node = folder.now[name]
        for file in list(node.now) if isinstance(node.now, dict) else ():
            self._step(node.change, [(file, None)])
        self._step(folder.change, [(name, None)])
        self._step(folder.sync)

    def _step(self, call, *args):
        if self.fuse == 0:
            raise PowerCut
        self.fuse -= 1
        call(*args)

    def _split(self, path):
        above, _, name = path.rpartition("/")
        return self._find(above), name

    def _find(self, path):
        node = self.root
        for name in [part for part in path.split("/") if part]:
            node = node.now.get(name) if isinstance(node.now, dict) else None
            if node is None:
                return None
        return node


def _survivor(node, variant):
    """What is left of a Node: of a file nothing, half or all that was not safe; of a folder's steps some."""
    if not isinstance(node.now, dict):
        data = (node.safe, node.now[: len(node.now) // 2] if node.safe != node.now else node.now, node.now)[variant % 3]
        return Node(data, data)
    entries = dict(node.safe)
    for i, step in enumerate(node.steps):
        if variant // 3 in (3, i % 2 + 1):  # none, the even ones, the odd ones, all
            _apply(entries, step)
    left = {name: _survivor(child, variant) for name, child in entries.items()}
    return Node(left, dict(left))


def shelf(disk):
    return Shelf(disk, crypto, FOLDER)


def state(disk):
    """All that is there, as a text to compare. Raises when anything is damaged."""
    there = shelf(disk)
    return repr([(name, _sorted(there.load(name))) for name in there.names()])


def _sorted(saved):
    return saved.seed, saved.kept and sorted(saved.kept.items()), saved.join


def cut_short(prepare, act):
    """Do something with a power cut after each step; what is there afterwards must be what was there before, or what
    would have been there without it. Returns how many steps there were."""
    before, after = Disk(), Disk()
    for disk in (before, after):
        prepare(shelf(disk))
    act(shelf(after))
    allowed = [state(before), state(after)]
    assert allowed[0] != allowed[1]
    seen = []
    for fuse in range(1000):
        disk = Disk()
        prepare(shelf(disk))
        disk.fuse = fuse
        try:
            act(shelf(disk))
            assert state(disk) == allowed[1]
            assert seen.count(allowed[0]) and seen.count(allowed[1])
            return fuse
        except PowerCut:
            pass
        for left in disk.after_power_cut():
            seen.append(_mended(left, allowed))


def _mended(disk, allowed):
    """The state after power came back, also if it goes away again and again while the rest is done."""
    for fuse in range(1000):
        again = Disk(_survivor(disk.root, 11), fuse)
        try:
            found = state(again)
            assert found in allowed, found
            assert not any("~" in name for name in again.list_folder("/etc/ipop/groups")) if found != "[]" else True
            return found
        except PowerCut:
            for left in again.after_power_cut():
                assert state(left) in allowed


# --- power cuts


def nothing(shelf):
    pass


def kept(what):
    def keep(shelf):
        shelf.load("friends")
        shelf.keep("friends", what)

    return keep


def member(shelf):
    shelf.create("club", OTHER_SEED, "ipop1", KEPT)
    shelf.create("friends", SEED, "ipop1", KEPT)


def joiner(shelf):
    shelf.create("friends", SEED, "ipop1", join=LINE)


def test_creating_survives_a_power_cut():
    assert cut_short(nothing, member_of_friends) > 10


def member_of_friends(shelf):
    shelf.create("friends", SEED, "ipop1", KEPT)


def test_beginning_to_join_survives_a_power_cut():
    assert cut_short(nothing, joiner) > 10


def test_being_let_in_survives_a_power_cut():
    assert cut_short(joiner, kept(KEPT)) > 3


def test_keeping_what_is_new_survives_a_power_cut():
    assert cut_short(member, kept(NEWER)) > 3


def test_leaving_survives_a_power_cut():
    assert cut_short(member, lambda shelf: shelf.leave("friends")) > 3


def test_restoring_survives_a_power_cut():
    assert cut_short(member, lambda shelf: shelf.replace("friends", OTHER_SEED, "ipop1", NEWER)) > 10
    assert cut_short(nothing, lambda shelf: shelf.replace("friends", SEED, "ipop1", KEPT)) > 10


def test_restoring_over_what_is_damaged():
    disk = Disk()
    member(shelf(disk))
    disk._find(FOLDER + "/friends/group").now = b"damaged"
    shelf(disk).replace("friends", SEED, "ipop1", KEPT)
    assert shelf(disk).load("friends") == (SEED, "ipop1", KEPT, None)


def test_what_is_left_of_an_earlier_try_is_in_nobodys_way():
    for act in (member_of_friends, lambda shelf: shelf.replace("friends", SEED, "ipop1", KEPT)):
        for fuse in range(20):
            disk = Disk(fuse=fuse)
            try:
                act(shelf(disk))
            except PowerCut:
                pass
            disk.fuse = 1000
            shelf(disk).replace("friends", OTHER_SEED, "ipop1", NEWER)
            assert shelf(disk).load("friends") == (OTHER_SEED, "ipop1", NEWER, None)
            assert disk.list_folder(FOLDER) == ["friends"]


def test_without_room_nothing_is_begun():
    for room in range(2):  # for so many files
        for prepare, left in ((nothing, []), (member, ["club", "friends"])):
            disk = Disk()
            prepare(shelf(disk))
            before, written = state(disk), []

            def write(path, data, room=room, written=written):
                if len(written) == room:
                    raise OSError(ENOSPC, "")
                written.append(path)

            disk.write_atomic = write
            for act in (member_of_zoo, joiner_of_zoo, lambda shelf: shelf.replace("friends", SEED, "ipop1", NEWER)):
                del written[:]
                try:
                    act(shelf(disk))
                    raise AssertionError("there was room")
                except UserError as error:
                    assert error.message.startswith(FOLDER), error.message
                assert disk.list_folder(FOLDER) == left
            assert state(disk) == before


def member_of_zoo(shelf):
    shelf.create("zoo", SEED, "ipop1", KEPT)


def joiner_of_zoo(shelf):
    shelf.create("zoo", SEED, "ipop1", join=LINE)


def test_where_no_group_can_be_kept_it_is_the_folder_that_is_named():
    disk = Disk()
    disk.make_private_folder("/etc/ipop")

    def refuse(path):
        raise OSError(EEXIST, "")  # a link that leads nowhere

    disk.make_private_folder = refuse
    try:
        member_of_zoo(shelf(disk))
        raise AssertionError
    except UserError as error:
        assert error.message.startswith(FOLDER + ": ")


def test_what_cannot_be_removed_keeps_nobody_from_starting():
    disk = Disk()
    member(shelf(disk))
    disk.make_private_folder(FOLDER + "/friends~old")
    disk.make_private_folder(FOLDER + "/zoo~new")

    def refuse(path):
        raise OSError(EROFS, "")

    disk.remove = refuse
    assert shelf(disk).names() == ["club", "friends"]
    assert shelf(disk).load("friends").seed == SEED


# --- damage


def test_what_is_whole_in_a_damaged_group_is_known():
    disk = Disk()
    member(shelf(disk))
    disk._find(FOLDER + "/friends/group").now = b""
    assert shelf(disk).identity("friends") == (SEED, "ipop1") and shelf(disk).kept("friends") is None
    disk._find(FOLDER + "/club/identity").now = b""
    assert shelf(disk).identity("club") is None and shelf(disk).kept("club") == KEPT


def complaint(disk, name="friends"):
    try:
        shelf(disk).load(name)
    except UserError as error:
        return error.message
    raise AssertionError("accepted")


def test_damage_anywhere_is_told_and_stays():
    for prepare, file in ((member, IDENTITY), (member, GROUP), (joiner, JOIN), (joiner, IDENTITY)):
        disk = Disk()
        prepare(shelf(disk))
        node = disk._find("%s/friends/%s" % (FOLDER, file))
        good = node.now
        for i in range(len(good)):
            for damaged in (good[:i], good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :], good[:i] + good[i + 1 :]):
                if damaged == good:
                    continue
                node.now = damaged
                disk.fuse = 0  # nothing may be written
                message = complaint(disk)
                assert message.startswith("/etc/ipop/groups/friends/%s is damaged (" % file)
                assert message.endswith(
                    "and stays as it is. Ways out: 'ipop restore' with this router's recovery line, "
                    "or 'ipop leave --group friends' and a new invite"
                )
                disk.fuse = 1000
        node.now = good
        shelf(disk).load("friends")


def test_what_is_wrong_is_said():
    for content, wrong in (
        (b"", "(it is empty)"),
        (b"x\n", "(its checksum is wrong)"),
        (dump(crypto, {"seed": "AAAA", "device": ""}), "(it has been altered)"),
        (dump(crypto, {}), "(it is of another kind)"),
    ):
        disk = Disk()
        member(shelf(disk))
        disk._find(FOLDER + "/friends/identity").now = content
        assert wrong in complaint(disk), complaint(disk)
    disk = Disk()
    member(shelf(disk))
    disk.remove(FOLDER + "/friends/identity")
    assert "identity is damaged (no such file or directory)" in complaint(disk)


def test_a_file_of_a_later_version_is_told():
    disk = Disk()
    member(shelf(disk))
    line = b'{"version": 2}'
    disk._find(FOLDER + "/club/identity").now = line + b"\n" + hexlify(crypto.sha256(line)) + b"\n"
    assert "(it is of version 2, and this ipopd knows version 1)" in complaint(disk, "club")


def test_a_damaged_group_is_not_written_to():
    disk = Disk()
    member(shelf(disk))
    node = disk._find(FOLDER + "/friends/group")
    node.now = node.now[:-1]
    there = shelf(disk)
    for _ in range(2):
        try:
            there.keep("friends", NEWER)
            raise AssertionError("written")
        except UserError as error:
            assert error.message == "/etc/ipop/groups/friends may be damaged and stays as it is"
        try:
            there.load("friends")
        except UserError:
            pass


def test_one_damaged_group_harms_no_other():
    disk = Disk()
    member(shelf(disk))
    disk._find(FOLDER + "/friends/group").now = b""
    assert shelf(disk).names() == ["club", "friends"]
    assert shelf(disk).load("club") == (OTHER_SEED, "ipop1", KEPT, None)
    shelf(disk).leave("friends")
    assert shelf(disk).names() == ["club"]


def test_what_was_written_is_read():
    assert check(crypto, dump(crypto, {"a": [1, "é", None, True]}))["a"] == [1, "é", None, True]
    disk = Disk()
    joiner(shelf(disk))
    assert shelf(disk).load("friends") == (SEED, "ipop1", None, LINE)
    kept(KEPT)(shelf(disk))
    assert shelf(disk).load("friends") == (SEED, "ipop1", KEPT, None)
    assert disk.list_folder(FOLDER + "/friends") == ["group", "identity"], "the secret of the invite is gone"


def test_what_an_earlier_release_wrote_is_read():
    """It knew of no brokers that a group has left."""
    disk = Disk()
    member(shelf(disk))
    kept(KEPT)(shelf(disk))
    path = "%s/friends/group" % FOLDER
    content = check(crypto, disk.read(path))
    del content["former"]
    disk.write_atomic(path, dump(crypto, content))
    assert shelf(disk).load("friends").kept == dict(KEPT, former=[])


def test_a_group_is_not_made_twice():
    disk = Disk()
    member(shelf(disk))
    try:
        shelf(disk).create("friends", OTHER_SEED, "ipop1", NEWER)
    except UserError as error:
        assert error.message == "/etc/ipop/groups/friends is there already"
    assert shelf(disk).load("friends") == (SEED, "ipop1", KEPT, None)


def test_folders_that_are_no_groups_stay():
    disk = Disk()
    member(shelf(disk))
    disk.make_private_folder(FOLDER + "/lost+found")
    assert shelf(disk).names() == ["club", "friends"] and "lost+found" in disk.list_folder(FOLDER)


def test_local_names():
    for name, taken, expected in (
        ("friends", [], "friends"),
        ("friends", ["friends"], "friends-2"),
        ("friends", ["friends", "friends-2"], "friends-3"),
        ("Grandma's attic", [], "Grandma-s-attic"),
        ("../../etc", [], "etc"),
        ("..", [], "group"),
        ("家族", ["group"], "group-2"),
        ("x" * 63, ["x" * 48], "x" * 48 + "-2"),
    ):
        assert local_name(name, taken) == expected, name


# --- the real thing


def test_on_a_real_disk():
    folder = "/tmp/ipop-test-%s" % hexlify(crypto.random(8)).decode()
    there = Shelf(files, crypto, folder + "/groups")
    try:
        assert there.names() == []
        there.create("friends", SEED, "ipop1", join=LINE)
        there.keep("friends", KEPT)
        there.replace("friends", OTHER_SEED, "ipop1", NEWER)
        assert there.names() == ["friends"] and there.load("friends") == (OTHER_SEED, "ipop1", NEWER, None)
        assert files.read_with_mode(there.path("friends", IDENTITY))[1] == 0o600
        files.make_private_folder(there.path("friends", "lost+found/deep"))
        there.leave("friends")
        assert there.names() == [] and files.list_folder(folder) == ["groups"]
    finally:
        files.remove(folder)
    try:
        files.remove(folder)
    except OSError as error:
        assert error.errno == ENOENT
