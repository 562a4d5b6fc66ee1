"""What dnsmasq reads of us is whole at any moment, and can be read by its user; what it writes is seen."""

from binascii import hexlify

from ipop.home.hostsfile import HEADER, hosts_text
from ipop.home.leases import LeaseWatch
from ipop.ports import clock, crypto, files, shared

RECORDS = [("10.77.2.1", "router.cabin.friends.internal"), ("fd12::20", "nas.cabin.friends.internal")]


def test_a_line_for_each_name():
    assert hosts_text(RECORDS) == (
        HEADER + "10.77.2.1 router.cabin.friends.internal\n" + "fd12::20 nas.cabin.friends.internal\n"
    )
    assert hosts_text([]) == ""


class Folder:
    def __enter__(self):
        self.path = "/tmp/ipop-test-%s" % hexlify(crypto.random(8)).decode()
        shared.make_folder(self.path)
        shared.make_folder(self.path)
        return self.path

    def __exit__(self, *_):
        files.remove(self.path)


def test_who_is_not_root_can_read_it_and_sees_that_it_is_another_one():
    with Folder() as folder:
        path = folder + "/friends"
        shared.write(path, hosts_text(RECORDS).encode())
        assert files.read_with_mode(path) == (hosts_text(RECORDS).encode(), 0o644)
        assert files.list_folder(folder) == ["friends"]
        before = shared.stamp(path)
        shared.write(path, b"")
        assert shared.stamp(path) != before and files.read(path) == b""


def test_leases_are_watched_on_a_real_disk():
    with Folder() as folder:
        path, now = folder + "/dhcp.leases", clock.monotonic()
        watch = LeaseWatch(path, shared.stamp, files.read, clock.wall, now)
        assert watch.handle_timeout(now) == []
        shared.write(path, b"0 02:00:00:00:00:01 10.77.2.20 nas *\n")
        now = watch.poll_timeout()
        assert watch.handle_timeout(now) == [(b"\x02\0\0\0\0\1", bytes([10, 77, 2, 20]), "nas")]
