"""Tells what a backup history says of a database: its jobs' effective intervals, its size and log
volume, and what is odd.

Every value comes with its origin: measured from the history, or guessed, with the reason. The
engine cuts a log at its start, so the bytes of a log were written between the previous start and
its own; those of the first log since the full at whose LSN it begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median_low

from dr_sim.backups.chain import Hole, gaps
from dr_sim.backups.model import BackupHeader, Kind
from dr_sim.formatting.words import counted, size
from dr_sim.importers.sqlserver_history import HistoryEntry
from dr_sim.scenario.fields.times import WEEKDAYS
from dr_sim.scenario.fields.workload import MOST_INTERVALS
from dr_sim.units import HOUR_US, MINUTE_US, SECOND_US, format_size

# An LSN written as a number is VLF * 10^15 + block * 10^5 + slot; a block is 512 bytes into its
# virtual log file.
_VLF, _BLOCK, _BLOCK_BYTES = 10**15, 10**5, 512
# of a log grown in steps of 512 MiB or 1 GiB: eight or sixteen VLFs a step
ASSUMED_VLF_BYTES = 64 * 2**20
# what a series of a scenario may hold; more is no log volume but a broken LSN
MOST_INTERVAL_BYTES = 2**50
ASSUMED_BACKUP_BYTES_S = (
    191_000_000  # field reports: 20 (old SAN), 143, 191, 299 MB/s
)
ASSUMED_SIZE_BYTES = 10_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fitted:
    """One value as a scenario writes it; guess: '' if it was measured, else why it stands there."""

    text: str
    guess: str = ""


@dataclass(slots=True)
class DatabaseFit:
    name: str
    entries: int
    begins_utc_us: (
        int  # start of the first interval whose log volume is known
    )
    ends_utc_us: int
    full: Fitted
    incremental: Fitted
    log: Fitted
    size: Fitted
    interval_us: int  # of the series
    # log written in each interval; empty: no logs
    series_bytes: list[int] = field(default_factory=list)
    series_guess: str = ""
    plain_log_bytes: int = 0  # of logs whose compressed size is known too
    stored_log_bytes: int = 0  # of the same logs, compressed
    log_interval_us: int = (
        0  # of log backups, where the series has another; 0: as the series
    )
    holes: list[Hole] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def fit_database(entries: Sequence[HistoryEntry]) -> DatabaseFit:
    """Fit the history of one database. entries: all of that database, at least one.

    Raises ValueError if its logs lie too far apart to be one history.
    """
    # a striped backup has a row for every file
    seen = {entry.header.backup_id: entry for entry in entries}
    distinct = sorted(
        seen.values(),
        key=lambda e: (
            e.header.started_utc_us,
            e.header.kind,
            e.header.last_lsn,
        ),
    )
    headers = [entry.header for entry in distinct]
    logs = [header for header in headers if header.kind is Kind.LOG]
    all_fulls = [header for header in headers if header.kind is Kind.FULL]
    fulls = [header for header in all_fulls if not header.copy_only]
    incrementals = [
        header for header in headers if header.kind is Kind.INCREMENTAL
    ]
    log, interval_us = _log_schedule(logs)
    fit = DatabaseFit(
        name=headers[0].database,
        entries=len(headers),
        begins_utc_us=headers[0].started_utc_us,
        ends_utc_us=max(header.finished_utc_us for header in headers),
        full=slow_schedule(fulls, "weekly", "weekly Sun 01:00"),
        incremental=slow_schedule(incrementals, "daily", "none"),
        log=log,
        size=_size(fulls or all_fulls),
        interval_us=interval_us,
    )
    if logs:
        others = [h for h in headers if h.kind is not Kind.LOG]
        _fill_series(fit, logs, others)
        fit.holes = gaps(logs)
        both = [
            e
            for e in distinct
            if e.header.kind is Kind.LOG and e.stored_bytes > 0
        ]
        fit.plain_log_bytes = sum(e.header.nominal_bytes for e in both)
        fit.stored_log_bytes = sum(e.stored_bytes for e in both)
    _remark(fit, distinct, logs, fulls)
    return fit


def log_bytes(header: BackupHeader) -> tuple[int, bool]:
    """(bytes of log in a backup, True if its LSNs alone tell: both ends in one virtual log
    file).
    """
    return lsn_bytes(header.first_lsn, header.last_lsn)


def lsn_bytes(first_lsn: int, last_lsn: int) -> tuple[int, bool]:
    """Bytes between two LSNs; across virtual log files their size is assumed, and the second value
    is False.
    """
    files = last_lsn // _VLF - first_lsn // _VLF
    blocks = last_lsn % _VLF // _BLOCK - first_lsn % _VLF // _BLOCK
    return max(
        files * ASSUMED_VLF_BYTES + blocks * _BLOCK_BYTES, 0
    ), files == 0


def _log_schedule(logs: Sequence[BackupHeader]) -> tuple[Fitted, int]:
    if not logs:
        return Fitted("none"), 5 * MINUTE_US
    steps = [b.started_utc_us - a.started_utc_us for a, b in pairwise(logs)]
    steps = [step for step in steps if step > 0]
    if not steps:
        return Fitted(
            "every 5 min",
            "too few logs to tell the interval; 5 min is the usual one",
        ), 5 * MINUTE_US
    step = median_low(steps)
    interval_us = max(round(step / MINUTE_US) * MINUTE_US, SECOND_US)
    if (
        abs(interval_us - step) > 5 * SECOND_US
    ):  # backups start a little late, but not that much
        interval_us = max(round(step / SECOND_US) * SECOND_US, SECOND_US)
    guess = (
        ""
        if len(steps) >= 5
        else f"from {counted(len(steps), 'interval')} only"
    )
    return Fitted(f"every {duration_text(interval_us)}", guess), interval_us


def slow_schedule(
    headers: Sequence[BackupHeader],
    alone: str,
    without: str,
    span_us: int = 0,
) -> Fitted:
    """weekly, daily or every so often, from the median distance of the starts; at the most frequent
    time of day.

    span_us: length of the whole history, 0 if the headers cover it. Where they stand in a small
    part of it, made by hand say, one in so long counts.
    """
    if not headers:
        return Fitted(
            without,
            ""
            if without == "none"
            else "the history holds none; weekly is usual",
        )
    starts = [
        _EPOCH + timedelta(microseconds=header.started_utc_us)
        for header in headers
    ]
    steps = [b - a for a, b in pairwise(starts)]
    at = _most_frequent(starts, lambda start: start.strftime("%H:%M"))
    day = _most_frequent(starts, lambda start: WEEKDAYS[start.weekday()])
    weekly, daily = f"weekly {day} {at}", f"daily {at}"
    if not steps:
        return Fitted(
            weekly if alone == "weekly" else daily,
            f"from a single one; {alone} is usual",
        )
    step = median_low(steps)
    guess = "" if len(steps) >= 2 else "from two only"
    apart = timedelta(microseconds=span_us // len(starts))
    if apart > 3 * step:
        step = apart
        guess = f"{len(starts)} in {span_us / (24 * HOUR_US):.1f} days, most of them close together"
    if abs(step - timedelta(days=7)) < timedelta(hours=12):
        return Fitted(weekly, guess)
    if abs(step - timedelta(days=1)) < timedelta(hours=2):
        return Fitted(daily, guess)
    minutes = max(round(step / timedelta(minutes=1)), 1)
    return Fitted(
        f"every {duration_text(minutes * MINUTE_US)}",
        guess or "neither daily nor weekly: median distance",
    )


def _most_frequent(
    starts: Sequence[datetime], of: Callable[[datetime], str]
) -> str:
    counts = Counter(of(start) for start in starts)
    return min(counts, key=lambda text: (-counts[text], text))


def _size(fulls: Sequence[BackupHeader]) -> Fitted:
    known = [full.nominal_bytes for full in fulls if full.nominal_bytes > 0]
    if known:
        return Fitted(format_size(known[-1]))
    took_us = max(
        (full.finished_utc_us - full.started_utc_us for full in fulls),
        default=0,
    )
    if took_us >= SECOND_US:
        size = took_us // SECOND_US * ASSUMED_BACKUP_BYTES_S
        return Fitted(
            f"{size} B",
            f"the full took {took_us // SECOND_US} s, at an assumed 191 MB/s",
        )
    return Fitted(
        f"{ASSUMED_SIZE_BYTES} B",
        "the history tells neither size nor duration of a full",
    )


def _fill_series(
    fit: DatabaseFit,
    logs: Sequence[BackupHeader],
    others: Sequence[BackupHeader],
) -> None:
    """Each log's bytes go to the intervals from where it began, evenly over its time, to its own
    start; what holes swallowed goes with the log after them. others: fulls and incrementals.
    """
    interval_us = fit.interval_us
    by_size = sum(log.nominal_bytes > 0 for log in logs) * 2 > len(logs)
    begins = [_first_begin_us(logs[0], others, interval_us)]
    begins += [log.started_utc_us for log in logs[:-1]]
    slots = [_slot(log.started_utc_us, interval_us) for log in logs]
    first = min(slots[0], _slot(begins[0], interval_us) + 1)
    fit.begins_utc_us = (first - 1) * interval_us
    if max(slots) - first >= MOST_INTERVALS:
        raise ValueError(
            f"its logs span more than {MOST_INTERVALS} intervals of {duration_text(interval_us)}"
        )
    fit.series_bytes = [0] * (max(slots) - first + 1)
    near_exact = assumed = 0
    swallowed: Counter[int] = Counter()
    for hole in gaps(logs):
        swallowed[hole.after.backup_id] += lsn_bytes(
            hole.first_lsn, hole.last_lsn
        )[0]
    for log, begin_us in zip(logs, begins, strict=True):
        size = log.nominal_bytes
        if not by_size:
            size, exact = log_bytes(log)
            near_exact, assumed = near_exact + exact, assumed + (not exact)
        size += swallowed[log.backup_id]
        spread = _spread(size, begin_us, log.started_utc_us, interval_us)
        for slot, part in spread.items():
            fit.series_bytes[slot - first] += part
    for index, size in enumerate(fit.series_bytes):
        if size > MOST_INTERVAL_BYTES:
            fit.series_bytes[index] = 0
            at = utc_text(fit.begins_utc_us + index * interval_us)
            fit.remarks.append(
                f"LSNs at {at} tell of {size} bytes of log in one interval: taken as none"
            )
    if not by_size:
        near = f"{counted(near_exact, 'log')} near-exact"
        fit.series_guess = (
            f"bytes from LSNs: {near}, {assumed} assume VLFs of 64 MiB"
        )


def _slot(us: int, interval_us: int) -> int:
    """Return the interval that ends nearest to an instant, counted from 1970."""
    return (us + interval_us // 2) // interval_us


def _first_begin_us(
    log: BackupHeader, others: Sequence[BackupHeader], interval_us: int
) -> int:
    """Return when what the first log holds began to be written: at the backup at whose LSN it
    begins; if there is none such in reach, an interval before it.
    """
    before = log.started_utc_us - interval_us
    least = log.started_utc_us - (MOST_INTERVALS - 1) * interval_us
    for other in others:
        at = other.started_utc_us
        if log.first_lsn >= other.last_lsn:
            at = other.finished_utc_us
        if (
            other.first_lsn <= log.first_lsn <= other.last_lsn
            and other.fork == log.first_fork
            and least <= at <= before
        ):
            return at
    return before


def _spread(
    size: int, begin_us: int, end_us: int, interval_us: int
) -> dict[int, int]:
    """Return the bytes in each interval of what was written evenly from one instant to another;
    they add up to the size.
    """
    last = _slot(end_us, interval_us)
    first = min(_slot(begin_us, interval_us) + 1, last)
    found = {}
    done = 0
    for slot in range(first, last):
        written_us = (
            min(max(slot * interval_us, begin_us), end_us) - begin_us
        )
        so_far = size * written_us // (end_us - begin_us)
        found[slot] = so_far - done
        done = so_far
    found[last] = size - done
    return found


def _remark(
    fit: DatabaseFit,
    entries: Sequence[HistoryEntry],
    logs: Sequence[BackupHeader],
    fulls: Sequence[BackupHeader],
) -> None:
    for hole in fit.holes:
        lost, at = (
            lsn_bytes(hole.first_lsn, hole.last_lsn)[0],
            utc_text(hole.after.started_utc_us),
        )
        fit.remarks.append(
            f"gap: LSN {hole.first_lsn} to {hole.last_lsn} (about {counted(lost, 'byte')}), in no "
            f"log before {at}"
        )
    copies = [
        e.header
        for e in entries
        if e.header.kind is Kind.FULL and e.header.copy_only
    ]
    if copies:
        fit.remarks.append(
            f"{counted(len(copies), 'copy-only full')}, the last at "
            f"{utc_text(copies[-1].started_utc_us)}: left out"
        )
    moved = [e.header for e in entries if e.header.kind is Kind.INCREMENTAL]
    known = {full.first_lsn for full in fulls}
    unknown = [h for h in moved if h.differential_base_lsn not in known]
    if unknown:
        fit.remarks.append(
            f"{counted(len(unknown), 'differential')} on a full that the history does not hold"
        )
    _remark_compression(fit, entries)
    _remark_devices(fit, [e for e in entries if e.header.kind is Kind.LOG])
    starts = [log.started_utc_us for log in logs]
    late = [b for a, b in pairwise(starts) if b - a > 3 * fit.interval_us]
    if late:
        fit.remarks.append(
            f"log backups paused {counted(len(late), 'time')} for over 3 intervals, last until "
            f"{utc_text(late[-1])}"
        )
    if any(entry.utc_guessed for entry in entries):
        fit.remarks.append("instants name no time zone: taken as UTC")
    simple = sum(
        entry.recovery_model.upper() == "SIMPLE" for entry in entries
    )
    if simple:
        fit.remarks.append(
            f"{counted(simple, 'backup')} in simple recovery model: the log chain breaks there"
        )


def _remark_compression(
    fit: DatabaseFit, entries: Sequence[HistoryEntry]
) -> None:
    """Remark on which bytes drive what, where plain and compressed ones differ."""
    plain = sum(e.header.nominal_bytes for e in entries)
    stored = sum(e.stored_bytes for e in entries)
    if plain == stored:
        return
    fit.remarks.append(
        f"{size(plain)} of plain bytes lie in {size(stored)} of compressed ones (logs: "
        f"{size(fit.plain_log_bytes)} in {size(fit.stored_log_bytes)}): "
        "plain bytes drive size, log volume and restores, compressed ones what crosses the link"
    )


def _remark_devices(fit: DatabaseFit, logs: Sequence[HistoryEntry]) -> None:
    """Logs that went elsewhere than the others: a second job takes log away from whoever restores
    from the first.
    """
    places = Counter(_place(entry) for entry in logs)
    if len(places) < 2:
        return
    home = min(places, key=lambda place: (-places[place], place))
    for place in sorted(places):
        if place != home:
            path = place[1] or "no path"
            server = place[2] or "unknown"
            what = f"device type {place[0]}, {path}, server {server}"
            fit.remarks.append(
                f"foreign device: {counted(places[place], 'log')} went to {what}: "
                "the secondary lacks them"
            )


def _place(entry: HistoryEntry) -> tuple[int, str, str]:
    """Device type, folder and server; a virtual device has a new name each time."""
    device = entry.device_type if entry.device_type is not None else 2
    folder = (
        entry.path.replace("\\", "/").rpartition("/")[0]
        if device in (2, 9)
        else ""
    )
    return (device, folder, entry.server)


def duration_text(us: int) -> str:
    for unit, name in ((HOUR_US, "h"), (MINUTE_US, "min")):
        if us % unit == 0:
            return f"{us // unit} {name}"
    return f"{us // SECOND_US} s"


def utc_text(utc_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=utc_us)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
