"""Monitors of reports and acts without a reason: an alert whose text is not true (R9, R10, R12,
R13), and a retry that does not wait (R8, R12). A limit that is too short is as wrong as one that is
too long: people stop reading alerts, and attempts are used up before anything could change.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    ERRORS,
    FULL_OVERDUE,
    LAGGING,
    LANDED_LATE,
    MISSING,
    NO_NEW_LOGS,
    NO_ROOM,
    NOT_PROTECTED,
    OVERDUE,
    SET_UP,
    WAITING,
    alerts_of_databases,
    last_header,
    last_new_log_us,
    minutes_text,
)
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import (
    FULL,
    INCREMENTAL,
    LOG,
    SECOND_US,
    Breach,
    Story,
    kind_in_name,
)
from dr_sim.record.journal import Row
from dr_sim.scenario.schedule import shortest_gap_us


# ---- R9: silence
def silence_is_told_at_its_limit(story: Story) -> Iterator[Breach]:
    """That no logs come is told when no new log has landed for the window, not before. One life has
    seen all of it, and no failover fell into it.
    """
    for row, database in alerts_of_databases(story):
        if row.values["event_id"] != NO_NEW_LOGS:
            continue
        landed_us = _last_log_landed_us(story, database, row)
        if landed_us is None:
            continue
        silent_us = row.time_us - landed_us
        window_us = story.window_us(database, story.end_us)
        if silent_us < window_us - SECOND_US:
            yield Breach(
                "R9",
                row.seq,
                row.time_us,
                database,
                f"no new logs are told of {minutes_text(silent_us)} after one has landed; the "
                f"window is {minutes_text(window_us)}",
            )


def _last_log_landed_us(
    story: Story, database: int, row: Row
) -> int | None:
    """Return when a log was last told to have landed, in this life; None: in none, or a failover
    was on since.
    """
    landed_us = last_new_log_us(story, database, row.seq)
    if landed_us <= story.life_at(row.time_us)[0]:
        return None
    if story.failover_within(landed_us, row.time_us):
        return None
    return landed_us


# ---- R12: overdue
def overdue_is_told_when_due(story: Story) -> Iterator[Breach]:
    """That a full or an incremental does not come is told when the next one was due since the last
    one began, not before.
    """
    if clocks_may_be_wrong(story):
        return
    for row, database in alerts_of_databases(story):
        kinds = {OVERDUE: (FULL, INCREMENTAL), FULL_OVERDUE: (FULL,)}.get(
            row.values["event_id"]
        )
        if kinds is None or story.failing_over(row.seq):
            continue
        begun_us = _last_begun_us(story, database, row, kinds)
        of = story.scenario.databases[database]
        gaps = (shortest_gap_us(of.full), shortest_gap_us(of.incremental))
        due_us = min(
            (gaps[kind] for kind in kinds if gaps[kind]), default=0
        )
        if begun_us is None or row.time_us - begun_us >= due_us - SECOND_US:
            continue
        yield Breach(
            "R12",
            row.seq,
            row.time_us,
            database,
            f"event {row.values['event_id']} tells of a backup as overdue "
            f"{minutes_text(row.time_us - begun_us)} after the last one began; they are due every "
            f"{minutes_text(due_us)}",
        )


def _last_begun_us(
    story: Story, database: int, row: Row, kinds: tuple[int, ...]
) -> int | None:
    """Return when the last backup of those kinds began that was restored in this life; where there
    is a store, that was found whole in this life, with the full that it is based on. None: there
    was none.
    """
    keeps = story.scenario.store is not None
    kind_of_row = "seen.Validated" if keeps else "seen.Restored"
    rows = story.of(kind_of_row, database)
    life_us = story.life_at(row.time_us)[0]
    wanted = (rows["seq"] < row.seq) & (rows["time_us"] >= life_us)
    if keeps:
        bases = _fulls_here(story, database, row.seq)
        based = np.isin(rows["header.differential_base_lsn"], bases)
        wanted &= based | (rows["header.kind"] != INCREMENTAL)
    begun: list[int] = []
    for name in np.unique(rows["name"][wanted]).tolist():
        if kind_in_name(story.text(name)) not in kinds:
            continue
        header = last_header(story, database, name, row.seq)
        if header is not None:
            begun.append(header[0] - story.scenario.start_utc_us)
    return max(begun, default=None)


def _fulls_here(story: Story, database: int, seq: int) -> list[int]:
    """Return the first LSN of each full that is at the secondary when that row is written."""
    landed = story.of("truth.landed", database)
    gone = story.of("truth.file_gone", database)
    here = gone["where"] == story.text_id("secondary")
    found: list[int] = []
    for at in np.flatnonzero(landed["kind"] == FULL).tolist():
        landed_seq = landed["seq"][at]
        lost = here & (gone["file"] == landed["file"][at])
        lost &= (gone["seq"] > landed_seq) & (gone["seq"] < seq)
        if landed_seq < seq and not lost.any():
            found.append(int(landed["first_lsn"][at]))
    return found


# ---- R12: what a store lacks
def a_whole_store_lacks_nothing(story: Story) -> Iterator[Breach]:
    """A store is not told of as lacking what a restore needs (event 19), while a full and every log
    since it are there and were found whole in this life of the manager.
    """
    if story.scenario.store is None:
        return
    for row, database in alerts_of_databases(story):
        if row.values["event_id"] != NOT_PROTECTED:
            continue
        if story.failing_over(row.seq) or not _lacks_nothing(
            story, database, row
        ):
            continue
        yield Breach(
            "R12",
            row.seq,
            row.time_us,
            database,
            "a store is told of as lacking what a restore needs; a full and every log since it "
            "are there and whole",
        )


def _lacks_nothing(story: Story, database: int, row: Row) -> bool:
    life_us = story.life_at(row.time_us)[0]
    spoils = (
        "seen.ValidationFailed",
        "seen.Delete",
        "truth.file_gone",
        "truth.copy_gone",
    )
    if story.any_within(spoils, database, life_us, row.time_us):
        return False
    rows = story.of("seen.Validated", database)
    mine = (rows["seq"] < row.seq) & (rows["time_us"] >= life_us)
    if len(np.unique(rows["header.fork"][mine])) != 1:
        return False
    fulls = mine & (rows["header.kind"] == FULL)
    if not fulls.any():
        return False
    reached = int(rows["header.last_lsn"][fulls].max())
    logs = mine & (rows["header.kind"] == LOG)
    first = rows["header.first_lsn"][logs]
    last = rows["header.last_lsn"][logs]
    for place in np.lexsort((last, first)).tolist():
        if last[place] <= reached:
            continue
        if first[place] > reached:
            return False
        reached = int(last[place])
    return True


# ---- R13: whose file it is
def files_are_of_that_database(story: Story) -> Iterator[Breach]:
    """An alert about a database names no file that landed for another one."""
    if len(story.databases) < 2:
        return
    for row, database in alerts_of_databases(story):
        name = story.text_id(row.values["name"])
        if not row.values["name"] or _has_landed(story, database, name):
            continue
        others = (each for each in story.databases if each != database)
        if any(_has_landed(story, each, name) for each in others):
            yield Breach(
                "R13",
                row.seq,
                row.time_us,
                database,
                f"event {row.values['event_id']} names {row.values['name']}, which is another "
                "database's",
            )


def _has_landed(story: Story, database: int, name: int) -> bool:
    kinds = ("truth.landed", "seen.Landed", "truth.backup_finished")
    return any(
        bool((story.of(kind, database)["name"] == name).any())
        for kind in kinds
    )


# ---- R8: retries
def refused_files_wait_for_a_retry(story: Story) -> Iterator[Breach]:
    """Check that what the engine has refused waits for the next retry, if nothing has
    happened that could change its answer.
    """
    for database in story.databases:
        for row in story.rows_of("seen.RestoreFailed", database):
            again = _next_read(story, database, row)
            if again is None:
                continue
            waited_us = again.time_us - row.time_us
            if waited_us >= story.retry_us - SECOND_US:
                continue
            if not _nothing_changes(story, database, row, again):
                continue
            yield Breach(
                "R8",
                again.seq,
                again.time_us,
                database,
                f"{row.values['name']} is handed over again {minutes_text(waited_us)} after it "
                f"was refused, and nothing has changed; retries are every "
                f"{minutes_text(story.retry_us)}",
            )


def _next_read(story: Story, database: int, row: Row) -> Row | None:
    """Return the next hand-over after a refusal, if it is of the same file."""
    for each in story.rows_of("seen.Restore", database):
        if each.seq > row.seq:
            same = each.values["name"] == row.values["name"]
            return each if same else None
    return None


_NEWS = (
    "seen.Landed", "seen.Validated", "seen.ValidationFailed", "seen.Restored", "seen.NoRoom",
    "seen.PrimaryAnswered", "seen.ShareAnswered", "seen.BackupTaken", "seen.BackupFailed",
    "seen.RecopyFailed", "truth.copy_gone", "truth.file_gone",
)  # fmt: skip


def _nothing_changes(
    story: Story, database: int, row: Row, again: Row
) -> bool:
    if not story.quiet_between(row.time_us, again.time_us):
        return False
    return not story.any_between(_NEWS, database, row.seq, again.seq)


# ---- R12: repeats
_LASTING = (
    MISSING, NO_NEW_LOGS, ERRORS, NO_ROOM, WAITING, SET_UP, OVERDUE,
    FULL_OVERDUE,
)  # fmt: skip


def alerts_are_repeated_at_retries(story: Story) -> Iterator[Breach]:
    """An alert of a danger that lasts is raised again at the next retry, not at once: the same
    event about the same file, while nothing has happened to its database.
    """
    last: dict[tuple[int, int, str], Row] = {}
    for row, database in alerts_of_databases(story):
        if row.values["event_id"] not in _LASTING:
            continue
        of = (database, row.values["event_id"], row.values["name"])
        before, last[of] = last.get(of), row
        if before is None:
            continue
        waited_us = row.time_us - before.time_us
        if waited_us >= story.retry_us // 2:
            continue
        if not _nothing_changes(story, database, before, row):
            continue
        yield Breach(
            "R12",
            row.seq,
            row.time_us,
            database,
            f"event {row.values['event_id']} is raised again after {minutes_text(waited_us)}, and "
            f"nothing has changed; retries are every {minutes_text(story.retry_us)}",
        )


def lateness_is_repeated_at_retries(story: Story) -> Iterator[Breach]:
    """That logs are late is reported again a retry later at the earliest, however many late logs
    come meanwhile (R12).
    """
    last: dict[tuple[int, int], Row] = {}
    for row, database in alerts_of_databases(story):
        event = row.values["event_id"]
        if event not in (LAGGING, LANDED_LATE):
            continue
        before = last.get((database, event))
        last[database, event] = row
        if before is None or not story.up_between(
            before.time_us, row.time_us
        ):
            continue
        waited_us = row.time_us - before.time_us
        if waited_us < story.retry_us:
            yield Breach(
                "R12",
                row.seq,
                row.time_us,
                database,
                f"event {event} is raised again after {minutes_text(waited_us)}; retries are every "
                f"{minutes_text(story.retry_us)}",
            )
