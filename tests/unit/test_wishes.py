"""What the daemon wants of root is written down once for all groups, and nothing is lost by a daemon that ends."""

from test_openwrt import entry, options, wishes

from ipop.openwrt import lan
from ipop.openwrt.lan import plan_of
from ipop.openwrt.wishes import LAN, NAMES, TRY_EVERY, Wishes

FOLDER = "/run/ipop"
FILE = FOLDER + "/lan.json"


class Disk:
    def __init__(self):
        self.files = {}
        self.folders = []
        self.is_full = False

    def read(self, path):
        if path not in self.files:
            raise OSError(2, "not there")
        return self.files[path]

    def make_folder(self, path):
        self.folders.append(path)

    def write(self, path, data):
        if self.is_full:
            raise OSError(28, "")
        self.files[path] = data


class Told:
    def __init__(self, disk=None, is_served=True):
        self.disk = disk or Disk()
        self.problems = {}
        self.wishes = Wishes(FOLDER, self.disk, self.disk.read, self._set_problem)
        self.wishes.set_served(is_served, 0)
        self.now = 0

    def _set_problem(self, topic, text):
        self.problems.pop(topic, None)
        if text:
            self.problems[topic] = text

    def later(self, ms=1000):
        """The groups that are in the file after a while, and the errands until then."""
        self.now += ms
        self.wishes.handle_turn(self.now)
        found, errand = [], self.wishes.poll_errand()
        while errand is not None:
            found.append(errand)
            errand = self.wishes.poll_errand()
        data = self.disk.files.get(FILE)
        return None if data is None else [each.group for each in lan.parse(data)], found

    def want(self, group="friends", device="ipop0", made=True):
        self.wishes.want(group, self.now, device, made and plan(group, device) or None)


def plan(group, device):
    (wish,) = wishes(entry(group, device))
    return plan_of(wish, options()(group))


def test_changes_of_one_moment_are_one_errand():
    told = Told()
    told.want()
    told.want("chess", "ipop1")
    told.wishes.want("work", 0)
    assert told.later() == (["chess", "friends", "work"], [LAN])
    assert told.later() == (["chess", "friends", "work"], [])
    told.want()  # nothing new
    assert told.later()[1] == []


def test_what_is_left_is_not_in_the_file_any_more():
    told = Told()
    told.want()
    told.later()
    told.wishes.forget("friends", told.now)
    assert told.later() == ([], [LAN])


def test_what_was_left_just_before_the_end_is_written_at_the_end():
    told = Told()
    told.want()
    told.later()
    told.wishes.forget("friends", told.now)
    told.wishes.close()
    assert lan.parse(told.disk.files[FILE]) == []


def test_an_end_and_a_new_start_change_nothing_but_root_looks_once():
    disk = Disk()
    told = Told(disk)
    told.want()
    told.later()
    told.wishes.close()
    told = Told(disk)
    told.want(made=False)
    told.want()
    disk.is_full = True  # nothing has to be written
    assert told.later() == (["friends"], [LAN])
    assert told.later() == (["friends"], []) and told.problems == {}


def test_a_daemon_that_died_before_it_could_say_so_has_a_successor_that_does():
    disk = Disk()
    told = Told(disk)
    told.want()
    told.later()
    told = Told(disk)  # which finds no group
    assert told.later() == ([], [LAN])


def test_where_nothing_is_openwrts_nothing_is_written():
    told = Told(is_served=False)
    told.want(made=False)
    assert told.later() == (None, [])
    told = Told()
    told.want()
    told.later()
    told.wishes.set_served(False, told.now)  # it is no more: root has to hear of that
    told.want(made=False)
    assert told.later() == (["friends"], [LAN])


def test_an_errand_of_which_nobody_heard_is_sent_again():
    told = Told()
    told.want()
    assert told.later()[1] == [LAN]
    told.wishes.handle_unheard(LAN, told.now)
    assert told.later(9_000)[1] == [] and told.wishes.poll_timeout() <= told.now + 1_000
    assert told.later(1_000)[1] == [LAN]


def test_where_the_groups_cannot_be_read_no_home_loses_its_network():
    disk = Disk()
    told = Told(disk)
    told.want()
    told.later()
    told = Told(disk)
    told.wishes.be_silent()
    told.want("chess", "ipop1")
    told.wishes.close()
    assert told.later(0)[1] == [] and [each.group for each in lan.parse(disk.files[FILE])] == ["friends"]


def test_what_root_could_not_do_is_a_problem_until_it_could():
    told = Told()
    told.disk.files["/run/ipop-setup"] = b"port wan: the interface wan is on it\n"
    told.later()
    assert told.problems == {"setup": "ipop setup: port wan: the interface wan is on it"}
    assert told.later(10_000)[1] == [] and told.later(TRY_EVERY)[1] == [LAN]
    told.wishes.set_served(True, told.now)
    assert told.later()[1] == [LAN], "another configuration may have mended it"
    del told.disk.files["/run/ipop-setup"]
    told.later(10_000)
    assert told.problems == {}


def test_names_are_handed_on():
    told = Told(is_served=False)
    told.wishes.hand_names("ipop0", "10.77.5.1 router.cabin.friends.internal\n")
    told.wishes.hand_names("ipop0", "")
    assert told.disk.files == {"/run/ipop/hosts/ipop0": b""} and told.later()[1] == [NAMES]


def test_names_that_change_all_the_time_do_not_keep_root_busy():
    """A member could have every router of the group start a program and empty dnsmasq's cache each second."""
    told, errands = Told(), []
    for i in range(60):
        told.wishes.hand_names("ipop0", "10.77.5.1 name%d.cabin.friends.internal\n" % i)
        errands += told.later(1_000)[1]
    assert 4 <= errands.count(NAMES) <= 7
    for _ in range(2):
        told.later(10_000)
    told.wishes.hand_names("ipop0", "")
    assert told.later()[1] == [NAMES]  # at once where nothing went before


def test_a_full_disk_is_a_problem_until_there_is_room():
    told = Told()
    told.disk.is_full = True
    told.want()
    told.wishes.hand_names("ipop0", "")
    assert told.later() == (None, [])
    assert "lan.json: no space left" in told.problems["lan"] and "/run/ipop/hosts" in told.problems["names"]
    told.disk.is_full = False
    told.wishes.hand_names("ipop0", "")
    assert told.later(10_000) == (["friends"], [NAMES, LAN]) and told.problems == {}
