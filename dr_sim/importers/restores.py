"""The secondary's restorehistory: how fast restores are, how often they run, how far they stay
behind on purpose.

The table has one instant for each restore and no duration. So only restores back to back tell a
duration: two logs of one database, the second of them finished at the primary before the first was
restored, less than half a log interval apart (what is longer waited for a job). The vendor's
documents disagree whether restore_date is the start (now) or the end (SQL Server 2012) of a
restore, so a distance belongs to the first log of the two or to the second: whichever line large
logs lie nearer to (the start, unless they lie less than two thirds as far from the other). duration
= fixed + bytes / rate goes through the median of all slopes between two restores, weighted by their
difference in bytes over their durations (Theil 1950, Sen 1968, weights after Jaeckel 1972): a stray
distance, or several, may be anything at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from statistics import median, median_low

from dr_sim import units
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.errors import Problem
from dr_sim.formatting.words import counted
from dr_sim.importers.cells import (
    BadInstantError,
    BadValueError,
    as_instant,
    as_text,
    as_whole,
    csv_rows,
    decoded,
    error,
    optional,
    zone_offset,
)
from dr_sim.importers.fit import Fitted, log_bytes
from dr_sim.importers.rate_interval import slope_interval
from dr_sim.importers.sqlserver_history import HistoryEntry
from dr_sim.importers.strange_rows import Mistakes, RowPlace, remarks_on
from dr_sim.units import MINUTE_US, SECOND_US

FEWEST_PAIRS = 5
REWEIGHTED = 4
SHORTEST_US = 1_000.0  # msdb counts in steps of 3.3 ms
MOST_PAIRS = (
    400  # their slopes are 80,000; of more, an even choice is taken
)
ASSUMED_RATE_BYTES_S = 356_000_000  # the default of secondary.restore_rate: 500 GB in 23 min 24 s
_NO_TABLE = "no CSV of restorehistory joined to the secondary's backupset"


@dataclass(frozen=True, slots=True)
class TimedRestore:
    """One restore of a backup that the history holds. at_utc_us: restore_date."""

    at_utc_us: int
    number: (
        int  # restore_history_id; the row's number if the export has none
    )
    header: BackupHeader


@dataclass(slots=True)
class RestoreFit:
    """Holds what the restores tell; None: they do not. Texts as a scenario writes them."""

    rate: Fitted | None = None
    fixed: Fitted | None = None
    every: Fitted | None = None
    delay: Fitted | None = None
    remarks: list[str] = field(default_factory=list)


def parse_restores(
    data: bytes, file: str, entries: Sequence[HistoryEntry]
) -> tuple[list[TimedRestore], list[str]]:
    """(restores in the order of their times, remarks). entries: the primary's history, joined by
    backup_set_uuid.

    Raises InputError with every kind of mistake found, and if not a single restore is of a backup
    in the history.
    """
    rows = csv_rows(decoded(data, file), file, "restore_date", _NO_TABLE)
    if not rows:
        raise error(
            file,
            "holds no restores: a row for each is needed below the column heads",
            1,
            1,
        )
    if "backupsetuuid" not in rows[0][1]:
        raise error(
            file,
            f"is {_NO_TABLE}: it has no backup_set_uuid (backup_set_id differs between servers)",
            1,
            1,
        )
    by_id = {
        entry.set_id.lower(): entry.header
        for entry in reversed(entries)
        if entry.set_id
    }
    found: dict[int, TimedRestore] = {}
    mistakes = Mistakes()
    skipped: list[Problem] = []
    strange = unzoned = 0
    for number, (line, row) in enumerate(rows, 1):
        place = RowPlace(file, f"restore {number}", line)
        try:
            read = _restore(number, row, by_id)
        except BadInstantError as wrong:
            skipped.append(place.problem(wrong))
            mistakes.skip(place.problem(wrong))
            continue
        except BadValueError as wrong:
            mistakes.refuse(place.problem(wrong))
            continue
        if read is None:
            strange += 1
        else:
            found[read[0].number] = read[
                0
            ]  # a striped backup has a row for every file
            unzoned += not read[1]
    mistakes.check(strange + len(found))
    if not found:
        raise error(
            file,
            "holds no restore of a backup in the history: export both from one log shipping pair",
            1,
            1,
        )
    remarks = [
        f"{counted(strange, 'restore')} left out: of no backup in the history, of no date, or only "
        "verified"
    ]
    remarks += ["restore dates name no time zone: taken as UTC"]
    told = [
        remark
        for remark, count in zip(remarks, (strange, unzoned), strict=True)
        if count
    ]
    told += remarks_on(skipped, [])
    return sorted(
        found.values(), key=lambda r: (r.at_utc_us, r.number)
    ), told


def _restore(
    number: int,
    row: Mapping[str, object],
    by_id: Mapping[str, BackupHeader],
) -> tuple[TimedRestore, bool] | None:
    """(a restore, True if its zone was known); None if it is of nothing in the history."""
    header = by_id.get(
        (optional(row, as_text, "backup_set_uuid") or "").lower()
    )
    verify_only = (
        optional(row, as_text, "restore_type") or ""
    ).strip().upper() == "V"
    when = _when(row)
    own = optional(row, as_whole, "restore_history_id")
    if header is None or verify_only or when is None:
        return None
    return TimedRestore(
        when[0], own if own is not None else -number, header
    ), when[1]


def _when(row: Mapping[str, object]) -> tuple[int, bool] | None:
    """Return its restore_date, and True if the zone was known; None: it has none."""
    zone = zone_offset(row)
    try:
        return optional(
            row, lambda value: as_instant(value, zone), "restore_date"
        )
    except BadValueError as wrong:
        raise BadInstantError(str(wrong)) from None


def fit_restores(
    restores: Sequence[TimedRestore], interval_us: Mapping[str, int]
) -> RestoreFit:
    """interval_us: of log backups, by database. restores: in the order of their times."""
    fit = RestoreFit()
    logs: dict[str, list[TimedRestore]] = {}
    for restore in restores:
        if restore.header.kind is Kind.LOG:
            logs.setdefault(restore.header.database, []).append(restore)
    _fit_durations(
        fit,
        [
            two
            for name, each in logs.items()
            for two in _back_to_back(each, interval_us[name])
        ],
    )
    _fit_waits(fit, logs, interval_us)
    return fit


# ---- how long a restore takes
def _back_to_back(
    logs: Sequence[TimedRestore], interval_us: int
) -> list[tuple[TimedRestore, TimedRestore]]:
    return [
        (first, second)
        for first, second in pairwise(logs)
        if second.header.finished_utc_us <= first.at_utc_us
        and second.at_utc_us - first.at_utc_us < interval_us // 2
    ]


def _fit_durations(
    fit: RestoreFit, pairs: list[tuple[TimedRestore, TimedRestore]]
) -> None:
    if len(pairs) < FEWEST_PAIRS:
        fit.remarks.append(
            f"{counted(len(pairs), 'log')} restored back to back, {FEWEST_PAIRS} at least tell "
            "how long one takes"
        )
        return
    step = -(-len(pairs) // MOST_PAIRS)
    took = [
        second.at_utc_us - first.at_utc_us
        for first, second in pairs[::step]
    ]
    starts = [
        (_bytes(first.header), us)
        for (first, _), us in zip(pairs[::step], took, strict=True)
    ]
    ends = [
        (_bytes(second.header), us)
        for (_, second), us in zip(pairs[::step], took, strict=True)
    ]
    lines = [(_line_through(points), points) for points in (starts, ends)]
    (line, points), other = (
        lines
        if 2 * _residual(*lines[0]) <= 3 * _residual(*lines[1])
        else lines[::-1]
    )
    means = "start" if points is starts else "end"
    smallest, largest = (
        units.format_size(units.three_figures(of(points)[0]))
        for of in (min, max)
    )
    words = f"{counted(len(took), 'log')} restored back to back, {smallest} to {largest}"
    off, others = (
        f"{100 * _residual(*each):.0f} %"
        for each in ((line, points), other)
    )
    fit.remarks.append(
        f"restore_date taken as the {means} of a restore: large logs lie {off} off the "
        f"line (median), else {others}"
    )
    if line is None:
        assumed = [
            us - size * SECOND_US // ASSUMED_RATE_BYTES_S
            for size, us in points
        ]
        fit.fixed = Fitted(
            _rounded_us(max(median_low(assumed), 0)),
            f"{words}: no longer for larger logs, rate assumed",
        )
        return
    fixed_us, slope_us = line
    fit.fixed = Fitted(_rounded_us(round(fixed_us)))
    fit.rate = Fitted(
        units.format_disk_rate(
            max(units.three_figures(round(SECOND_US / slope_us)), 1)
        )
    )
    fit.remarks.append(
        f"restore rate and fixed cost from {words}; {_words_on_rate(fixed_us, slope_us, points)}"
    )


def _bytes(header: BackupHeader) -> int:
    return header.nominal_bytes or log_bytes(header)[0]


def _line_through(
    points: Sequence[tuple[int, int]],
) -> tuple[float, float] | None:
    """(fixed cost in us, us a byte), neither negative; None if durations do not grow with the
    bytes.
    """
    # us, of each: errors grow with durations, so they are weighed relative to them
    expected = [1.0] * len(points)
    line: tuple[float, float] | None = None
    for _ in range(REWEIGHTED):
        slopes = [
            (
                (b[1] - a[1]) / (b[0] - a[0]),
                abs(b[0] - a[0]) / math.hypot(p, q),
            )
            for (a, p), (b, q) in combinations(
                zip(points, expected, strict=True), 2
            )
            if a[0] != b[0]
        ]
        if not slopes or (slope := _weighted_median(slopes)) <= 0:
            return None
        fixed = _weighted_median(
            [
                (us - slope * size, 1 / p)
                for (size, us), p in zip(points, expected, strict=True)
            ]
        )
        if fixed < 0:
            fixed = 0.0
            slope = _weighted_median(
                [
                    (us / size, size / p)
                    for (size, us), p in zip(points, expected, strict=True)
                    if size
                ]
            )
            if slope <= 0:
                return None
        line = (fixed, slope)
        expected = [
            max(fixed + slope * size, SHORTEST_US) for size, _ in points
        ]
    return line


def _weighted_median(weighted: list[tuple[float, float]]) -> float:
    left = sum(weight for _, weight in weighted)
    total = left
    for value, weight in sorted(weighted):
        left -= weight
        if 2 * left <= total:
            return value
    raise ValueError("no values")


def _residual(
    line: tuple[float, float] | None, points: Sequence[tuple[int, int]]
) -> float:
    """Median distance from the line, relative to it, of the largest tenth: small logs cost the same
    either way.
    """
    fixed, slope = line or (median(us for _, us in points), 0.0)
    largest = sorted(points)[-max(len(points) // 10, FEWEST_PAIRS) :]
    return median(
        abs(us / max(fixed + slope * size, SHORTEST_US) - 1)
        for size, us in largest
    )


def _words_on_rate(
    fixed_us: float, slope_us: float, points: Sequence[tuple[int, int]]
) -> str:
    """Return how precisely the rate is known, and how many logs it rests on: those whose bytes take
    longer than the fixed cost.
    """
    slow, fast = reversed(slope_interval(points, fixed_us, slope_us))
    lowest = (
        units.format_disk_rate(units.three_figures(round(SECOND_US / slow)))
        if slow > 0
        else "0"
    )
    highest = (
        units.format_disk_rate(units.three_figures(round(SECOND_US / fast)))
        if fast > 0
        else "any rate"
    )
    large = sum(
        slope_us * size > max(fixed_us, SHORTEST_US) for size, _ in points
    )
    doubt = ", doubt it" if large < FEWEST_PAIRS else ""
    return (
        f"95 % interval of the rate: {lowest} to {highest}; logs whose bytes take longer than "
        f"the fixed cost: {large}{doubt}"
    )


def _rounded_us(us: int) -> str:
    return units.format_duration(round(us, -3))


# ---- how often, and how far behind
def _fit_waits(
    fit: RestoreFit,
    logs: Mapping[str, Sequence[TimedRestore]],
    interval_us: Mapping[str, int],
) -> None:
    """Latency is restore_date less the end of the backup; a run of the restore job begins after
    half a log interval's rest.
    """
    latencies = sorted(
        r.at_utc_us - r.header.finished_utc_us
        for each in logs.values()
        for r in each
    )
    if not latencies:
        return
    fit.remarks.append(
        "from the end of a log's backup to its restore: median "
        f"{_minutes(median_low(latencies))}, least {_minutes(latencies[0])},"
        f" most {_minutes(latencies[-1])}"
    )
    if latencies[len(latencies) // 20] < 0:
        fit.remarks.append(
            "logs were restored before their backup ended: clocks or time zones disagree, "
            "no delay is given"
        )
        return
    steps = [
        step
        for name, each in logs.items()
        for step in _between_runs(each, interval_us[name])
    ]
    if len(steps) < FEWEST_PAIRS:
        return
    least, usual = latencies[len(latencies) // 20], median_low(latencies)
    every = max(round(median_low(steps) / MINUTE_US) * MINUTE_US, MINUTE_US)
    if usual * 10 < every:
        fit.every, fit.delay = (
            Fitted(
                "0 s",
                f"usually {_minutes(usual)} after its backup: as soon as it lands",
            ),
            Fitted("0 s"),
        )
        return
    fit.every = Fitted(
        units.format_duration(every),
        f"median distance of {len(steps)} runs of restores",
    )
    # a wait for the copy job, one for the restore job, and half of one for the copy itself
    if 2 * least <= 5 * every:
        fit.delay = Fitted(
            "0 s",
            f"logs wait {_minutes(least)} at least, which the jobs explain",
        )
        return
    delay = (least - every) // MINUTE_US * MINUTE_US
    fit.delay = Fitted(
        units.format_duration(delay),
        f"logs wait {_minutes(least)} at least, one wait for a job taken off",
    )


def _between_runs(
    logs: Sequence[TimedRestore], interval_us: int
) -> list[int]:
    starts = [
        second.at_utc_us
        for first, second in pairwise(logs)
        if second.at_utc_us - first.at_utc_us >= interval_us // 2
    ]
    return [
        second - first
        for first, second in pairwise([logs[0].at_utc_us, *starts])
    ]


def _minutes(us: int) -> str:
    return f"{us / MINUTE_US:.1f} min"
