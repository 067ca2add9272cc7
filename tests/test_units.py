"""Quantities: what people write, what is refused and with which remedy, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dr_sim import units
from dr_sim.units import UnitError

MIN, H, DAY = units.MINUTE_US, units.HOUR_US, units.DAY_US


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("15 min", 15 * MIN),
        ("15min", 15 * MIN),
        ("1 h 30 min", 90 * MIN),
        ("1h30min", 90 * MIN),
        ("0.5 s", 500_000),
        ("2 weeks", 14 * DAY),
        ("1 day", DAY),
        ("14 d", 14 * DAY),
        ("250 ms", 250_000),
        ("7 us", 7),
        ("7 µs", 7),
        ("1,000 ms", units.SECOND_US),
        ("47:12", 47 * MIN + 12 * units.SECOND_US),
        ("1:02:03", H + 2 * MIN + 3 * units.SECOND_US),
        ("0:00.25", 250_000),
        ("0 s", 0),
        ("0.1 s", 100_000),  # a float would give this too, but not
        ("4611686018427.387903 s", 4611686018427387903),  # this
    ],
)
def test_durations(text: str, us: int) -> None:
    assert units.parse_duration(text) == us


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (units.parse_size, "500 GB", 500 * 10**9),
        (units.parse_size, "10 GiB", 10 * 2**30),
        (units.parse_size, "1460 B", 1460),
        (units.parse_size, "3 kB", 3000),
        (units.parse_size, "3 KB", 3000),
        (units.parse_size, "4,096 MB", 4096 * 10**6),
        (units.parse_size, "1.5 TiB", 3 * 2**39),
        (units.parse_bandwidth, "100 Mbit/s", 10**8),
        (units.parse_bandwidth, "100 Mbps", 10**8),
        (units.parse_bandwidth, "12.5 MB/s", 10**8),
        (units.parse_bandwidth, "1 KiB/s", 8192),
        (units.parse_disk_rate, "350 KiB/s", 358_400),
        (units.parse_ppm, "30 %", 300_000),
        (units.parse_ppm, "5 ppm", 5),
        (units.parse_ppb, "0.01 %", 100_000),
        (units.parse_ppb, "3 ppb", 3),
        (units.parse_factor_ppm, "1.5", 1_500_000),
        (units.parse_factor_ppm, "150 %", 1_500_000),
        (units.parse_rate, "3 per week", (3, 7 * DAY)),
        (units.parse_rate, "1 per year", (1, 365 * DAY)),
        (units.parse_rate, "1 per month", (1, 365 * DAY // 12)),
        (units.parse_rate, "0.5 per hour", (1, 2 * H)),
        (units.parse_rate, "12 per 5 min", (12, 5 * MIN)),
        (units.parse_volume, "20 MB per 5 min", (20_000_000, 5 * MIN)),
        (units.parse_volume, "350 KiB/s", (358_400, units.SECOND_US)),
    ],
)
def test_other_quantities(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "told"),
    [
        (units.parse_duration, "5", "'5' has no unit; write '5 s', '5 min', '5 h' or '5 days'"),
        (units.parse_duration, "5 m", "'5 m': 'm' could be minutes or months; write min"),
        (units.parse_duration, "5 mins", "'5 mins': 'mins' is no unit of time; did you mean min?"),
        (units.parse_duration, "-3 s", "'-3 s' is negative; a duration must not be"),
        (units.parse_duration, "3 months", "'3 months': months and years differ "
            "in length; write days, as in '30 days'"),
        (units.parse_duration, "1 min 2 h", "'1 min 2 h': write the larger units "
            "first and each once, as in '1 h 30 min'"),
        (units.parse_duration, "0,5 s", "'0,5 s': decimals are written with a point, 0.5"),
        (units.parse_duration, "7 h 19", "'7 h 19' has no unit; write '19 "
            "s', '19 min', '19 h' or '19 days'"),
        (units.parse_duration, "", "a duration is missing here; write for example 15 min"),
        (units.parse_duration, "soon", "'soon' is not a duration; write for example 15 min"),
        (units.parse_duration, "1.2.3 s", "'1.2.3 s' is not a duration; write for "
            "example 15 min (decimals with a point)"),
        (units.parse_duration, "1:75", "'1:75' is no duration; after a colon "
            "comes at most 59, as in 47:12 or 1:02:03"),
        (units.parse_size, "500", "'500' has no unit; write '500 MB', '500 GB' or '500 GiB'"),
        (units.parse_size, "100 Mbit", "'100 Mbit' is in bits, and a size is in "
            "bytes: 8 bits are a byte, write 12.5 MB"),
        (units.parse_size, "5 gb", "'5 gb': 'gb' is no unit of size; did you mean GB?"),
        (units.parse_size, "5 G", "'5 G': 'G' is no unit of size; did you mean GB?"),
        (units.parse_size, "0.5 B", "'0.5 B' is finer than whole bytes; write "
            "a size that is a whole number of bytes"),
        (units.parse_size, "9999999999 TB", "'9999999999 TB' is more than dr_sim can "
            "count (5e+18 bytes); write a smaller one"),
        (units.parse_bandwidth, "200 Mbit", "'200 Mbit' says how much but "
            "not how fast; write '200 Mbit/s'"),
        (units.parse_bandwidth, "200", "'200' has no unit; write '200 Mbit/s' or '200 Gbit/s'"),
        (units.parse_bandwidth, "2 mbit/s", "'2 mbit/s': 'mbit/s' is no unit "
            "of bandwidth; did you mean Mbit/s?"),
        (units.parse_disk_rate, "8 Mbit/s", "'8 Mbit/s' is in bits, and this rate is "
            "in bytes: 8 bits are a byte, write 1 MB/s"),
        (units.parse_bandwidth, "200 MB", "'200 MB' says how much but not how fast; write "
            "'200 MB/s', or '200 Mbit/s' if bits are meant"),
        (units.parse_disk_rate, "8 MB", "'8 MB' says how much but not how fast; write '8 MB/s'"),
        (units.parse_ppm, "0.3", "'0.3' has no unit; write '0.3 %', '0.3 ppm' or '0.3 ppb'"),
        (units.parse_ppm, "101 %", "'101 %' is more than all of it; write at most 100 %"),
        (units.parse_rate, "3", "'3' is not a rate; write for example 3 per week"),
        (units.parse_rate, "3 per 0 s", "'3 per 0 s': nothing can happen every "
            "0 s; write a longer time after 'per'"),
        (units.parse_volume, "20 MB per 5", "'5' has no unit; write '5 "
            "s', '5 min', '5 h' or '5 days'"),
    ],
)  # fmt: skip
def test_refusals_say_what_would_be_right(
    parse: Callable[[str], object], text: str, told: str
) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0 s"),
        (15 * MIN, "15 min"),
        (90 * MIN, "90 min"),
        (14 * DAY, "2 weeks"),
        (DAY, "1 day"),
        (72 * H, "3 days"),
        (45_000_000, "45 s"),
        (500_000, "500 ms"),
        (DAY + units.SECOND_US, "1 day 1 s"),
        (1, "1 us"),
    ],
)
def test_durations_are_written_with_few_digits(us: int, text: str) -> None:
    assert units.format_duration(us) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (30_000_000, "0:30"),
        (0, "0:00"),
        (2_832_000_000, "47:12"),
        (59 * MIN + 59_500_000, "1 h 00"),  # rounds up over the hour
        (59 * MIN + 59_499_999, "59:59"),
        (7 * H + 19 * MIN, "7 h 19"),
        (24_816_000_000, "6 h 54"),  # the resync of the sanity numbers: 413.6 min
        (-30_000_000, "-0:30"),
        (95 * H + 59 * MIN, "95 h 59"),
        (95 * H + 59 * MIN + 30_000_000, "4 d 0 h 00"),  # rounds up over the day
        (274 * H + 50 * MIN, "11 d 10 h 50"),
        (-274 * H - 50 * MIN, "-11 d 10 h 50"),
    ],
)
def test_clock(us: int, text: str) -> None:
    assert units.clock(us) == text


AMOUNT = st.integers(0, units.LARGEST)
ROUND_TRIPS: list[tuple[Callable[[str], int], Callable[[int], str], st.SearchStrategy[int]]] = [
    (units.parse_duration, units.format_duration, AMOUNT),
    (units.parse_size, units.format_size, AMOUNT),
    (units.parse_bandwidth, units.format_bandwidth, AMOUNT),
    (units.parse_disk_rate, units.format_disk_rate, AMOUNT),
    (units.parse_ppm, units.format_ppm, st.integers(0, units.PPM)),
    (units.parse_ppb, units.format_ppb, st.integers(0, units.PPB)),
    (units.parse_factor_ppm, units.format_factor_ppm, AMOUNT),
]


@settings(deadline=None)  # a shared machine may be slow
@given(st.data())
def test_round_trips(data: st.DataObject) -> None:
    for parse, write, values in ROUND_TRIPS:
        round_number = st.builds(
            lambda n, unit: n * unit, st.integers(0, 10**6), st.sampled_from([1, 10**6, 60 * 10**6])
        )
        value = data.draw(
            values if write in (units.format_ppm, units.format_ppb) else values | round_number
        )
        assert parse(write(value)) == value


@settings(deadline=None)  # a shared machine may be slow
@given(st.decimals(0, 10**6, places=6), st.sampled_from(["ms", "s", "min", "h", "days", "weeks"]))
def test_decimals_are_exact(number: object, unit: str) -> None:
    exact = Fraction(str(number)) * units.DURATION_UNITS[unit]
    if exact.denominator == 1:
        assert units.parse_duration(f"{number:f} {unit}") == exact
    else:
        with pytest.raises(UnitError, match="finer than whole microseconds"):
            units.parse_duration(f"{number:f} {unit}")


@settings(deadline=None)  # a shared machine may be slow
@given(
    st.text(max_size=40)
    | st.from_regex(r"[-+0-9., ]{1,8}[a-zA-Z%/]{0,6}( per [a-z0-9 ]{1,8})?", fullmatch=True)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (*(parse for parse, _, _ in ROUND_TRIPS), units.parse_rate, units.parse_volume):
        try:
            parse(text)
        except UnitError as error:
            assert str(error)
