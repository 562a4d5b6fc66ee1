"""dnsmasq's lease file is read as it is, also half written, and soon after it has changed."""

from pair import Dice

from ipop.home.leases import LEASES_MAX, LOOK_EVERY, LeaseWatch, parse_leases

TEXT = """1764374400 02:00:00:00:00:01 10.77.2.20 nas 01:02:00:00:00:00:01
1764374401 02:00:00:00:00:0a 10.77.2.21 * *
0 06-02:00:00:00:00:0B 10.77.2.22 Living-Room ff:00
duid 00:01:00:01:2e:aa:bb:cc:02:00:00:00:00:ff
1764374400 33554433 fd12::20 nas 00:01:00:01:2e:aa:bb:cc:02:00:00:00:00:01
"""
NAS = b"\x02\0\0\0\0\1", bytes([10, 77, 2, 20]), "nas"


def test_what_dnsmasq_writes():
    assert parse_leases(TEXT) == [
        NAS,
        (b"\x02\0\0\0\0\x0a", bytes([10, 77, 2, 21]), ""),
        (b"\x02\0\0\0\0\x0b", bytes([10, 77, 2, 22]), "Living-Room"),
    ]


def test_what_makes_no_sense_is_passed_over():
    for line in ("", "x", "1 2 3 4", "1 02:00:00:00:00:zz 10.0.0.1 a *", "1 02:00:00:00:00 10.0.0.1 a *"):
        assert parse_leases(line + "\n" + TEXT)[0] == NAS, line
    for line in ("1 02:00:00:00:00:01 10.0.0 a *", "1 02:00:00:00:00:01 fd::1 a *", "-1 02:00:00:00:00:01 10.0.0.1 a"):
        assert parse_leases(line + "\n" + TEXT)[0] == NAS, line
    for n in range(len(TEXT)):
        assert len(parse_leases(TEXT[:n])) <= 3
    assert len(parse_leases("1 02:00:00:00:00:01 10.0.0.1 a *\n" * 3000)) == LEASES_MAX
    dice = Dice(1)
    for _ in range(100):
        noise = dice.bytes(100)
        assert parse_leases("".join([chr(byte) for byte in noise])) == []


class Files:
    """One file, and a clock."""

    def __init__(self):
        self.content = None
        self.changed = 0
        self.now = 1_764_374_400_000
        self.reads = 0
        self.watch = LeaseWatch("/tmp/dhcp.leases", self.stamp, self.read, lambda: self.now, self.now)

    def write(self, content):
        self.content, self.changed = content, self.now // 1000

    def stamp(self, path):
        self.read(path)
        self.reads -= 1
        return 7, len(self.content), self.changed

    def read(self, path):
        if self.content is None:
            raise OSError(2, "")
        self.reads += 1
        return self.content

    def look(self):
        self.now = max(self.now, self.watch.poll_timeout())
        return self.watch.handle_timeout(self.now)


def test_a_change_is_seen_within_seconds_and_a_file_that_stays_is_not_read_again():
    files = Files()
    assert files.look() == [] and files.look() is None
    files.write(TEXT.encode())
    assert len(files.look()) == 3
    for _ in range(10):
        assert files.look() is None
    assert files.reads <= 3
    assert files.watch.poll_timeout() - files.now == LOOK_EVERY
    files.content = None
    assert files.look() == [] and files.look() is None


def test_two_changes_within_one_second_are_both_seen():
    files = Files()
    files.write(TEXT.encode())
    files.look()
    files.write(TEXT.replace("nas", "tv1").encode())
    files.now += 100
    files.look()
    files.write(TEXT.replace("nas", "tv2").encode())
    assert files.look()[0][2] == "tv2"


def test_a_name_that_is_no_text_is_made_one():
    files = Files()
    files.write(TEXT.encode().replace(b"nas", b"n\xff"))
    assert files.look()[0][2] == "n?"
