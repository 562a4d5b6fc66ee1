"""A router without a clock must not be locked out by the timestamps that it used before it was switched off."""

import struct

from ipop.wg.timestamps import RESERVE, Timestamps

IN_2025 = 1_750_000_000_000
HOUR = 3_600_000


def read(stamp):
    """Milliseconds since 1970 of a TAI64N label."""
    seconds, nanoseconds = struct.unpack(">QI", stamp)
    return (seconds - (1 << 62) - 10) * 1000 + nanoseconds // 1_000_000


def test_a_timestamp_tells_the_time_as_tai64n_does():
    stamps = Timestamps(IN_2025 + 250, 0, 5_000)
    assert stamps.next(5_000) == struct.pack(">QI", 0x400000000000000A + IN_2025 // 1000, 250_000_000)
    assert read(stamps.next(6_000)) == IN_2025 + 1_250


def test_within_one_millisecond_they_still_grow():
    stamps = Timestamps(IN_2025, 0, 0)
    drawn = [stamps.next(0) for _ in range(3000)]
    assert all(a < b for a, b in zip(drawn, drawn[1:]))
    assert all(len(stamp) == 12 for stamp in drawn)


def test_a_clock_that_is_set_back_does_not_take_them_back():
    stamps = Timestamps(IN_2025, 0, 0)
    before = stamps.next(1000)
    stamps.set_clock(IN_2025 - 24 * HOUR, 2000)
    after = stamps.next(2000)
    assert after > before


def test_a_clock_that_is_set_late_counts_from_then_on():
    """A router boots in 1970 and hears the time from the internet a minute later."""
    stamps = Timestamps(0, 0, 0)
    assert read(stamps.next(1000)) == 1000
    stamps.set_clock(IN_2025, 60_000)
    assert read(stamps.next(61_000)) == IN_2025 + 1000
    assert stamps.mark >= IN_2025


def test_a_router_that_lost_power_goes_on_where_it_was():
    """Whatever it has used, the mark on flash is above it."""
    first = Timestamps(IN_2025, 0, 0)
    last = first.next(0)
    for now in range(0, 10 * HOUR, HOUR // 20):
        last = first.next(now)
        assert read(last) <= first.mark
    reborn = Timestamps(0, first.mark, 0)
    assert reborn.next(0) > last
    assert reborn.mark > first.mark


def test_a_thousand_restarts_in_a_row_do_not_run_into_the_future():
    """A router that crashes every few seconds: should it lose its mark some day, its clock must still be enough."""
    mark, last = 0, b""
    for n in range(1_000):
        stamps = Timestamps(IN_2025 + n * 5_000, mark, 0)
        first = stamps.next(0)
        assert first > last
        last = stamps.next(1_000)
        mark = stamps.mark
    assert read(last) < IN_2025 + 24 * HOUR


def test_a_jump_of_the_clock_begins_a_new_era():
    """What was stamped before it may be too old by far; a clock that is slewed changes nothing."""
    stamps = Timestamps(0, 0, 0)
    stamps.set_clock(60_000 + 200, 60_000)
    assert stamps.era == 0
    stamps.set_clock(IN_2025, 60_000)
    assert stamps.era == 1
    stamps.set_clock(IN_2025 + 10_000, 70_000)
    assert stamps.era == 1


def test_flash_is_written_seldom():
    stamps = Timestamps(IN_2025, 0, 0)
    marks = set()
    for now in range(0, 24 * HOUR, 60_000):
        stamps.next(now)
        marks.add(stamps.mark)
    assert len(marks) <= 24 * HOUR // (RESERVE * 3 // 4) + 1
