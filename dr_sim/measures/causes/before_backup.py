"""The time before a backup begins: the schedule's interval, and backups that came to nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dr_sim.backups.model import Kind
from dr_sim.measures.causes.causes import BackupFate, Causes
from dr_sim.measures.causes.pieces import Piece, noted, value_or
from dr_sim.record.journal import Row
from dr_sim.scenario.kind import Explains

OVERRUN = "overrun"
"""Why a backup was skipped: the one before it was still running."""


def made_nothing(causes: Causes, file: BackupFate) -> bool:
    """Return whether the job made no backup, for another reason than the failure of the primary."""
    if file.cut_off_us is None:
        return False
    return (
        bool(file.error)
        or file.empty
        or file.cut_off_us not in causes.failed_us
    )


def until_begun(
    causes: Causes,
    database: int,
    kinds: tuple[Kind, ...],
    from_us: int,
    until_us: int,
    own: tuple[str, str],
) -> Iterator[Piece]:
    """Yield the pieces from a write to the begin of the backup that holds it: the schedule's
    interval, and after each backup that came to nothing the reason. own: cause and detail of the
    interval.
    """
    failed = _came_to_nothing(causes, database, kinds)
    turns = [turn for turn in failed if from_us <= turn[0] < until_us]
    cause, detail = own
    if turns:
        detail = "until the next one was to be made"
    for time, next_cause, next_detail in turns:
        yield time, cause, detail
        cause, detail = next_cause, next_detail
    yield until_us, cause, detail


def _came_to_nothing(
    causes: Causes, database: int, kinds: tuple[Kind, ...]
) -> list[tuple[int, str, str]]:
    """Return (instant, cause, detail) of every backup of these kinds that was skipped, waited, was
    cut off, failed or was empty, in the order of time.
    """
    # instant, place in the record, cause, detail
    found: list[tuple[int, int, str, str]] = []
    for row in _skipped(causes, database, kinds):
        kind, time = row.values["kind"], row.time_us
        if not _said_already(causes, database, kind, time):
            found.append((time, row.seq, *_why_skipped(causes, row)))
    waits = causes.t.of("truth.backup_waits", database)
    for time, seq, kind in zip(
        *(waits[column].tolist() for column in ("time_us", "seq", "kind")),
        strict=True,
    ):
        if kind in kinds:
            cause = f"{Kind(kind).word} backup waits"
            found.append(
                (
                    time,
                    seq,
                    cause,
                    "its job waits for another of the database",
                )
            )
    turns = [
        (time, cause, detail) for time, _, cause, detail in sorted(found)
    ]
    for file in causes.files(database):
        if file.kind in kinds and made_nothing(causes, file):
            turns.append(why_nothing(causes, file, database))
    return sorted(turns, key=lambda turn: turn[0])


def _said_already(
    causes: Causes, database: int, kind: int, time: int
) -> bool:
    """Return whether the reason is in the list already: the job before waits for another one at
    that instant, or is under way and makes no backup.
    """
    files = [file for file in causes.files(database) if file.kind == kind]
    for file in files:
        if file.begin_us < time < value_or(
            file.cut_off_us, 0
        ) and made_nothing(causes, file):
            return True
    waits = causes.t.of("truth.backup_waits", database)
    since = waits["time_us"][
        (waits["kind"] == kind) & (waits["time_us"] <= time)
    ]
    if not len(since):
        return False
    return not any(since[-1] <= file.begin_us < time for file in files)


def why_nothing(
    causes: Causes, file: BackupFate, database: int
) -> tuple[int, str, str]:
    """Return (instant, cause, detail) of a job that made no backup."""
    begin, end = file.begin_us, file.cut_off_us
    assert end is not None
    if file.error:
        label = causes.during(begin, end + 1, Explains.NO_ROOM)
        return begin, noted(f"{file.word} backup failed", label), file.error
    if file.empty:
        label = causes.during(end, end + 1, Explains.EMPTY_BACKUP, database)
        detail = "they were made without an error, and were empty"
        return begin, noted(f"empty {file.word} backups", label), detail
    label = causes.during(begin, end + 1, Explains.CUT_OFF, database)
    is_log = file.kind == Kind.LOG
    detail = (
        "the next log covers its range"
        if is_log
        else "the next one is waited for"
    )
    return begin, noted(f"{file.word} backup cut off", label), detail


def refused(
    causes: Causes,
    database: int,
    kinds: Collection[Kind],
    from_us: int,
    until_us: int,
) -> Iterator[tuple[int, str, str]]:
    """Yield (instant, cause, detail) of each backup of these kinds that was asked for or due in
    that time and was not begun: the jobs were paused, or the engine refused it.
    """
    for row in _skipped(causes, database, kinds):
        in_time = from_us <= row.time_us < until_us
        if in_time and row.values["reason"] != OVERRUN:
            yield row.time_us, *_why_skipped(causes, row)


def _skipped(
    causes: Causes, database: int, kinds: Collection[Kind]
) -> Iterator[Row]:
    """Yield the rows of backups of these kinds of the database that were not begun."""
    rows = causes.t.of("truth.backup_skipped", database)
    for seq, kind in zip(
        rows["seq"].tolist(), rows["kind"].tolist(), strict=True
    ):
        if kind in kinds:
            yield causes.t.journal.row(seq)


def _why_skipped(causes: Causes, skipped: Row) -> tuple[str, str]:
    """Return (cause, detail) of a skipped backup, from the reason in the record and the engine's
    error.
    """
    database, time = skipped.entity, skipped.time_us
    reason, words = skipped.values["reason"], skipped.values["words"]
    word = Kind(skipped.values["kind"]).word
    if reason.startswith("paused"):
        label = causes.during(time, time + 1, Explains.PAUSED, database)
        return noted(f"{word} backups paused", label), reason
    if reason.startswith(("4208", "4214", "55000", "60020")):
        label = causes.during(time, time + 1, Explains.REFUSED, database)
        return noted(f"{word} backup refused", label), reason
    if reason == OVERRUN:
        return (
            f"{word} backup skipped",
            "the one before it was still running",
        )
    if words:
        return f"{word} backup refused", words
    return f"{word} backup skipped", reason
