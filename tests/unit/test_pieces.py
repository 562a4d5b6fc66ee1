"""A frame of 1500 bytes arrives whole over every path, and nobody can make us keep much for frames that never do."""

from pair import Dice

from ipop.errors import Rejected
from ipop.lan.pieces import BYTES, FRAME_MAX, FRAMES, HEADER, LIFE, PIECES_MAX, TOTAL, WINDOW, Assembler, Cutter
from ipop.overlay.pathmtu import MIN, SAFE, SAFE_DETOUR, room

CABIN, DEN = "cabin", "den"  # links


def some_frame(n, seed=0):
    return bytes([(7 * i + 13 * seed + (i >> 8)) & 255 for i in range(n)])


def piece(number, index, count, part):
    return number.to_bytes(2, "big") + bytes([index, count]) + part


class Far:
    """The far end: what it threw away, by word."""

    def __init__(self):
        self.dropped = {}
        self.assembler = Assembler(self.count)

    def count(self, word):
        self.dropped[word] = self.dropped.get(word, 0) + 1

    def hears(self, content, now=0, link=CABIN):
        """The frame that became whole, or None."""
        try:
            return self.assembler.handle_piece(link, bytes(content), now)
        except Rejected as rejected:
            self.count(rejected.reason)


# --- cutting


def test_on_the_wire():
    """To the byte: number, index, count, part."""
    cutter = Cutter(0xFFFF)
    first, second = cutter.cut(b"0123456789abcde", 12)
    assert (bytes(first), bytes(second)) == (b"\xff\xff\0\x020123456", b"\xff\xff\x01\x02789abcde")
    assert bytes(cutter.cut(b"0123456789abcde", 12)[1]) == b"\0\0\x01\x02789abcde"


def test_no_piece_is_larger_than_the_room_and_none_is_tiny():
    cutter = Cutter()
    for n in (60, 1000, 1199, 1200, 1201, 1514, 1518, FRAME_MAX):
        frame = some_frame(n)
        for size in list(range(MIN, 1600, 16)):
            pieces = cutter.cut(memoryview(frame), room(size).frame)
            sizes = [len(each) - HEADER for each in pieces]
            assert max(sizes) + HEADER <= room(size).frame and max(sizes) - min(sizes) <= 1
            assert b"".join([bytes(each[HEADER:]) for each in pieces]) == frame
            assert len(pieces) <= (4 if size < SAFE_DETOUR else 2)


def test_a_piece_can_be_sealed_where_it_lies():
    frame = some_frame(1514)
    plain, roomy = Cutter().cut(frame, 1196), Cutter().cut(frame, 1196, 20, 31)
    assert [bytes(each[20:-31]) for each in roomy] == [bytes(each) for each in plain]


def test_a_path_that_carries_nothing_is_told():
    for n, each in ((1514, HEADER), (1514, 3), (1514, 190), (FRAME_MAX + 1, 1196), (1, 1196), (0, 1196)):
        try:
            Cutter().cut(bytes(n), each)
            raise AssertionError((n, each))
        except Rejected as rejected:
            assert rejected.reason == "too-large"
    assert len(Cutter().cut(bytes(1514), 200)) == PIECES_MAX


# --- putting together


def test_frames_arrive_whole_whatever_order_their_pieces_come_in():
    far, cutter = Far(), Cutter()
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)):
        frame = some_frame(1514, order[0])
        pieces = cutter.cut(frame, 400)
        assert len(pieces) == 4
        for place in order[:-1]:
            assert far.hears(pieces[place]) is None
        assert far.hears(pieces[order[-1]]) == frame
    assert far.assembler.waiting == 0 and far.assembler.poll_timeout() is None and far.dropped == {}


def test_every_path_with_loss_and_reordering():
    """Large frames at 200 a second: each arrives whole and unaltered if none of its pieces is lost."""
    dice = Dice(5)
    for size in (MIN, SAFE_DETOUR, SAFE, 1280, 1344, 1392, 1424, 1456, 1472):
        far, cutter, now = Far(), Cutter(65_500), 0
        frames = [some_frame(1514, seed) for seed in range(16)]
        under_way, arrived, sent, spoilt = [], 0, 150, 0
        for number in range(sent):
            pieces = [(now + dice.below(40), dice.roll(), each, number) for each in cutter.cut(
                frames[number % 16], room(size).frame
            ) if dice.below(100) >= 5]
            spoilt += len(pieces) < -(-1514 // (room(size).frame - HEADER))
            under_way = sorted(under_way + pieces)
            now += 5
            while under_way and under_way[0][0] <= now:
                when, _, content, of = under_way.pop(0)
                whole = far.hears(content, when)
                if whole is not None:
                    assert whole == frames[of % 16], of
                    arrived += 1
            assert far.assembler.waiting <= FRAMES
            if far.assembler.poll_timeout() is not None and far.assembler.poll_timeout() <= now:
                far.assembler.handle_timeout(now)
        for when, _, content, _ in under_way:
            arrived += far.hears(content, when) is not None
        far.assembler.handle_timeout(now + 2 * LIFE)
        assert far.assembler.waiting == 0
        assert arrived == sent - spoilt, (size, arrived, spoilt, far.dropped)
        assert sum(far.dropped.values()) > 0


def test_what_does_not_come_in_time_is_lost_and_counted():
    far = Far()
    first, second = Cutter().cut(some_frame(1514), 1196)
    assert far.hears(first, 100) is None
    assert far.assembler.poll_timeout() == 100 + LIFE
    far.assembler.handle_timeout(99 + LIFE)
    assert far.assembler.waiting == 1
    far.assembler.handle_timeout(100 + LIFE)
    assert far.assembler.waiting == 0 and far.dropped == {"piece-lost": 1}
    assert far.hears(second, 101 + LIFE) is None  # too late: it waits for nothing, and goes the same way
    far.assembler.handle_timeout(101 + 2 * LIFE)
    assert far.dropped == {"piece-lost": 2} and far.assembler.poll_timeout() is None


def test_time_counts_without_a_timer_too():
    far = Far()
    first, second = Cutter().cut(some_frame(1514), 1196)
    far.hears(first, 0)
    assert far.hears(second, LIFE) is None
    assert far.dropped == {"piece-lost": 1} and far.assembler.waiting == 1


def test_a_number_that_comes_round_again_meets_nothing_old():
    """At 100,000 frames a second 16 bits last for less than LIFE: halves of two frames would make a third."""
    far, cutter = Far(), Cutter()
    old, new = some_frame(1514, 1), some_frame(1514, 2)
    far.hears(cutter.cut(old, 1196)[0], 0)
    for _ in range(WINDOW):
        for each in cutter.cut(old, 1196):
            far.hears(each, 0)
    assert far.assembler.waiting == 0 and far.dropped == {"piece-lost": 1}
    for each in Cutter(0).cut(new, 1196)[::-1]:
        whole = far.hears(each, 1)
    assert whole == new


def test_members_use_the_same_numbers_and_nothing_is_mixed():
    far = Far()
    one, two = some_frame(1514, 1), some_frame(1514, 2)
    a, b = Cutter(7).cut(one, 1196), Cutter(7).cut(two, 1196)
    far.hears(a[0], 0, CABIN)
    far.hears(b[0], 0, DEN)
    assert far.hears(b[1], 0, DEN) == two and far.hears(a[1], 0, CABIN) == one


def test_a_member_who_leaves_leaves_nothing_behind():
    far = Far()
    for number in range(5):
        far.hears(piece(number, 0, 2, b"half"))
    far.hears(piece(9, 0, 2, b"half"), 0, DEN)
    far.assembler.forget(CABIN)
    far.assembler.forget(CABIN)
    assert far.assembler.waiting == 1 and far.dropped == {}


# --- hostile ones


def test_pieces_that_are_none():
    far = Far()
    bad = [b"", b"\0", b"\0\0\0\x02", piece(0, 0, 0, b"x"), piece(0, 0, 1, b"x"), piece(0, 2, 2, b"x")]
    bad += [piece(0, 255, 2, b"x"), piece(0, 0, PIECES_MAX + 1, b"x"), piece(0, 0, 2, bytes(FRAME_MAX + 1))]
    for content in bad:
        assert far.hears(content) is None
    assert far.dropped == {"bad-piece": len(bad)} and far.assembler.waiting == 0


def test_a_repeated_piece_changes_nothing():
    far = Far()
    far.hears(piece(0, 0, 2, b"honest, "))
    far.hears(piece(0, 0, 2, b"forged! "))
    assert far.dropped == {"piece-repeated": 1}
    assert far.hears(piece(0, 1, 2, b"whole")) == b"honest, whole"


def test_two_pieces_that_contradict_each_other_lose_both():
    far = Far()
    far.hears(piece(0, 0, 2, b"one"))
    far.hears(piece(0, 1, 3, b"two"))
    assert far.dropped == {"bad-piece": 1} and far.assembler.waiting == 0


def test_no_frame_is_larger_than_ethernet_has_them():
    far = Far()
    for index in range(2):
        assert far.hears(piece(0, index, 3, bytes(FRAME_MAX // 2))) is None
    assert far.hears(piece(0, 2, 3, b"x" * (FRAME_MAX % 2 + 1))) is None
    assert far.dropped == {"bad-piece": 1} and far.assembler.waiting == 0


def kept(assembler, link):
    return sum([each.size for each in assembler._links.get(link, [])])


def test_halves_without_end_cost_little_and_only_the_one_who_sends_them():
    far = Far()
    honest = Cutter().cut(some_frame(1514), 1196)
    far.hears(honest[0], 0, DEN)
    for number in range(5_000):
        far.hears(piece(number, 0, 2, bytes(1400)), 1)
        assert kept(far.assembler, CABIN) <= BYTES and far.assembler.waiting <= FRAMES + 1
    assert far.hears(honest[1], 2, DEN) == some_frame(1514)
    assert far.dropped["piece-limit"] > 4_900
    for number in range(5_000):
        far.hears(piece(number, 0, 8, b"x"), 1)
        assert far.assembler.waiting <= FRAMES


def test_many_hostile_members_leave_room_for_an_honest_one():
    far = Far()
    honest = Cutter().cut(some_frame(1514), 1196)
    for number in range(FRAMES):
        for member in range(20):
            far.hears(piece(number, 0, 2, bytes(700)), number, member)
    assert far.assembler.waiting == TOTAL
    far.hears(honest[0], 20, DEN)
    for number in range(FRAMES, 3 * FRAMES):
        for member in range(20):
            far.hears(piece(number, 0, 2, bytes(700)), number, member)
            assert far.assembler.waiting <= TOTAL
    assert far.hears(honest[1], 60, DEN) == some_frame(1514)


def test_any_bytes_are_handled():
    dice, far = Dice(9), Far()
    for now in range(6_000):
        content = bytes([dice.roll() & 255 if dice.below(4) == 0 else dice.below(4) for _ in range(dice.below(9))])
        far.hears(content, now, dice.below(3))
        if dice.below(50) == 0:
            far.assembler.handle_timeout(now)
        assert far.assembler.waiting == sum([len(each) for each in far.assembler._links.values()])
    assert {"bad-piece", "piece-repeated", "piece-lost"} <= set(far.dropped)
