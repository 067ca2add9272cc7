"""Tells what the primary is asked for, what is copied from it, and whether a lost log is got past
(R6, R9, R11).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    ERRORS,
    MISSING,
    log_end,
    position_before,
)
from dr_sim.oracle.monitors.attempts import planned_before
from dr_sim.oracle.monitors.story import (
    FULL,
    LOG,
    SLACK_US,
    Breach,
    Story,
    is_restoring,
    kind_in_name,
)
from dr_sim.record.journal import Row

IN_A_ROW = 3
"""Answers or alerts of one trouble, a retry apart, by when something must have been done."""
PASSING = (
    "unreachable",
    "paused",
    "overrun",
    "cut off",
    "fenced",
    "primary lost",
)
"""How the primary's side begins a refusal that says nothing about whether the backup would help."""


def the_silent_are_not_asked(story: Story) -> Iterator[Breach]:
    """A primary that is silent is asked for no backup (R9); of failovers only planned ones ask."""
    for row in story.rows("seen.TakeBackup"):
        if row.entity < 0:
            continue
        if story.failing_over(row.seq) and planned_before(story, row.seq):
            continue
        machine = story.scenario.databases[row.entity].machine
        if machine not in story.silent_at(row.seq):
            continue
        if _just_answered(story, row):
            continue
        yield Breach(
            "R9",
            row.seq,
            row.time_us,
            row.entity,
            f"a backup is asked of {machine}, which is silent",
        )


def _just_answered(story: Story, row: Row) -> bool:
    """Return whether it has answered a question at this very instant: it is alive then."""
    rows = story.of("seen.PrimaryAnswered", row.entity)
    now = (
        (rows["time_us"] == row.time_us)
        & (rows["seq"] < row.seq)
        & (rows["reachable"] == 1)
    )
    return bool(now.any())


def what_lies_there_is_copied(story: Story) -> Iterator[Breach]:
    """A log that lies at the primary, is not here and not on its way, is copied again (R9)."""
    last: dict[int, tuple[str, list[Row]]] = {}
    for row in story.rows("seen.PrimaryAnswered"):
        name = row.values["covering_name"]
        lies_there = (
            row.values["reachable"] and name and not row.values["copying"]
        )
        needless = lies_there and (
            is_here(story, row.entity, name, row.time_us)
            or _a_store_is_past(story, row, name)
        )
        if not lies_there or needless:
            last.pop(row.entity, None)
            continue
        known, rows = last.get(row.entity, ("", []))
        rows = [*rows, row] if known == name else [row]
        last[row.entity] = name, rows
        if len(rows) != IN_A_ROW:
            continue
        asked = [
            each
            for each in story.rows("seen.Recopy", "seen.Fetch")
            if rows[0].seq < each.seq <= row.seq + 10
            and each.entity == row.entity
        ]
        if not asked and story.quiet_between(rows[0].time_us, row.time_us):
            yield Breach(
                "R9",
                row.seq,
                row.time_us,
                row.entity,
                f"{name} lies at the primary and is not on its way; nobody has it copied again",
            )


def _a_store_is_past(story: Story, row: Row, name: str) -> bool:
    """Return whether a store has a whole full by then that ends behind that log. It asks from the
    beginning, as it has restored nothing.
    """
    if story.scenario.store is None:
        return False
    made = story.of("truth.backup_finished", row.entity)
    ends = made["last_lsn"][made["name"] == story.text_id(name)]
    whole = story.of("seen.Validated", row.entity)
    fulls = (whole["header.kind"] == FULL) & (whole["seq"] < row.seq)
    newest = whole["header.last_lsn"][fulls]
    return bool(len(ends) and len(newest) and newest.max() >= ends.max())


def is_here(story: Story, database: int, name: str, until_us: int) -> bool:
    """Return whether it has landed by then and was not lost here since; be it that the manager was
    down and found it later, or that the copy has brought it along from before a change of roles.
    """
    wanted = story.text_id(name)
    begins_us = -story.journal.since_us
    landed = story.of("truth.landed", database)
    found = story.within("truth.landed", database, begins_us, until_us)
    mine = np.flatnonzero(landed["name"][found] == wanted)
    if not len(mine):
        told = story.within("seen.Landed", database, begins_us, until_us)
        names = story.of("seen.Landed", database)["name"][told]
        return bool((names == wanted).any())
    last = found.start + int(mine[-1])
    gone = story.of("truth.file_gone", database)
    lost = gone["file"] == landed["file"][last]
    lost &= gone["where"] == story.text_id("secondary")
    lost &= gone["seq"] > landed["seq"][last]
    return not (lost & (gone["time_us"] <= until_us)).any()


def what_is_damaged_is_copied_again(story: Story) -> Iterator[Breach]:
    """Check that what fails validation is copied again, at a retry at the latest (R6)."""
    seen: set[tuple[int, str]] = set()
    for row in story.rows("seen.ValidationFailed"):
        name = row.values["name"]
        whole_elsewhere = row.values["outcome"] not in (
            "no_manifest",
            "missing",
        )
        if not whole_elsewhere or (row.entity, name) in seen:
            continue
        seen.add((row.entity, name))
        due_us = row.time_us + story.retry_us + SLACK_US
        if due_us >= story.end_us or not story.quiet_between(
            row.time_us, due_us
        ):
            continue
        if kind_in_name(name) == LOG:
            ends, redo = (
                log_end(story, row.entity, name),
                position_before(story, row.entity, row.seq),
            )
            if ends is None or redo[1] >= ends:
                continue
        if _copied_or_passed(story, row, due_us):
            continue
        yield Breach(
            "R6",
            row.seq,
            row.time_us,
            row.entity,
            f"{name} has failed validation, and is not copied again",
        )


def _copied_or_passed(story: Story, row: Row, due_us: int) -> bool:
    database = row.entity
    if story.any_within(
        ("seen.Restored", "truth.promoted"), database, row.time_us, due_us
    ):
        return True
    name = story.text_id(row.values["name"])
    for kind in ("seen.Recopy", "seen.Validated", "seen.Landed"):
        # a copy that was asked for before may be on its way still
        found = story.within(
            kind, database, row.time_us - 4 * story.retry_us, due_us
        )
        if kind != "seen.Recopy":
            found = story.within(kind, database, row.time_us + 1, due_us)
        if (story.of(kind, database)["name"][found] == name).any():
            return True
    fetched = story.within("seen.Fetch", database, row.time_us, due_us)
    return bool(fetched.stop > fetched.start)


def a_lost_log_is_got_past(story: Story) -> Iterator[Breach]:
    """Where the primary says that a log is lost for good, something that gets past it is asked
    for (R11).
    """
    seen: set[tuple[int, int]] = set()
    for row in story.rows("seen.RaiseAlert"):
        database = story.database(row.values["database"])
        if database < 0 or row.values["event_id"] not in (MISSING, ERRORS):
            continue
        if story.waits_for_its_full(database):
            continue
        place = story.last_before("seen.Restored", database, row.seq)
        if (database, place) in seen or not _is_lost_for_good(
            story, database, row
        ):
            continue
        seen.add((database, place))
        due_us = row.time_us + 2 * story.retry_us + SLACK_US
        if due_us >= story.end_us or not story.quiet_between(
            row.time_us, due_us
        ):
            continue
        if _falls_silent(story, database, row, due_us):
            continue  # it may not be asked (R9)
        if not _something_is_done(story, database, row, due_us):
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                database,
                "a log is lost for good, the alert is raised, and nothing that gets past it is "
                "asked for",
            )


def _falls_silent(
    story: Story, database: int, row: Row, until_us: int
) -> bool:
    """Return whether the database's machine is silent at that row, or falls silent after it."""
    machine = story.scenario.databases[database].machine
    if machine in story.silent_at(row.seq):
        return True
    return any(
        each.values["machine"] == machine
        and row.time_us <= each.time_us <= until_us
        for each in story.rows("seen.HeartbeatLost")
    )


def _is_lost_for_good(story: Story, database: int, row: Row) -> bool:
    """Return whether the primary has said so since the last restore: neither it nor anything else
    holds that stretch of log, and its jobs run.
    """
    place = story.last_before("seen.Restored", database, row.seq)
    since = (
        int(story.of("seen.Restored", database)["seq"][place])
        if place >= 0
        else -1
    )
    return any(
        since < each.seq
        and each.time_us <= row.time_us + SLACK_US
        and each.entity == database
        and each.values["reachable"]
        and not (
            each.values["covering_name"]
            or each.values["remakeable"]
            or each.values["jobs_paused"]
        )
        for each in story.rows("seen.PrimaryAnswered")
    )


def a_refusal_that_passes_changes_nothing(story: Story) -> Iterator[Breach]:
    """A refusal that will pass is no reason to take another remedy (R8, R11)."""
    for row in story.rows("seen.BackupFailed"):
        kind, reason = row.values["kind"], row.values["reason"]
        if kind == LOG or not reason.startswith(PASSING):
            continue
        others = [
            each
            for each in story.rows("seen.TakeBackup")
            if row.seq < each.seq
            and each.time_us == row.time_us
            and each.entity == row.entity
            and each.values["kind"] not in (kind, LOG)
        ]
        if others:
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                row.entity,
                f"a backup is refused for now ({reason}), and another kind is asked for instead",
            )


def _something_is_done(
    story: Story, database: int, row: Row, due_us: int
) -> bool:
    place = story.last_before("seen.Restored", database, row.seq)
    since_us = (
        int(story.of("seen.Restored", database)["time_us"][place])
        if place >= 0
        else 0
    )
    kinds = (
        "seen.TakeBackup",
        "seen.Fetch",
        "seen.ListShare",
        "seen.Recopy",
        "truth.promoted",
    )
    if story.any_within(kinds, database, since_us, due_us):
        return True
    if _on_its_way(story, database, due_us):
        return True
    if _is_being_restored(story, database, row) or _lies_here(
        story, database, row
    ):
        return True
    moved = (
        "seen.Restored",
        "seen.Restore",
        "seen.RestoreFailed",
        "seen.NoRoom",
    )
    return story.any_within(moved, database, row.time_us, due_us)


def _is_being_restored(story: Story, database: int, row: Row) -> bool:
    """Return whether the engine is at a full or an incremental, which may take hours."""
    place = story.last_before("seen.Restore", database, row.seq)
    if place < 0 or not is_restoring(story, database, row.time_us):
        return False
    name = story.text(
        int(story.of("seen.Restore", database)["name"][place])
    )
    return kind_in_name(name) != LOG


def _lies_here(story: Story, database: int, row: Row) -> bool:
    """Return whether a full or an incremental that gets past the place lies here whole: logs before
    the place are restored first, which may take hours.
    """
    rows = story.of("truth.landed", database)
    named = np.flatnonzero(
        (rows["name"] == story.text_id(row.values["name"]))
        & (rows["time_us"] <= row.time_us)
    )
    if not len(named):
        return False
    last = int(named[-1])
    # event 1 names the log behind the hole, event 3 the one that is of no use
    end = "first_lsn" if row.values["event_id"] == MISSING else "last_lsn"
    past = (rows["kind"] != LOG) & (rows["intact"] == 1)
    past &= (rows["fork"] == rows["fork"][last]) & (
        rows["last_lsn"] >= rows[end][last]
    )
    past &= rows["time_us"] <= row.time_us
    return any(
        is_here(story, database, story.text(name), row.time_us)
        for name in rows["name"][past].tolist()
    )


def _on_its_way(story: Story, database: int, until_us: int) -> bool:
    """Return whether a full or an incremental is finished at the primary, and has not landed."""
    made, landed = (
        story.of("truth.backup_finished", database),
        story.of("truth.landed", database),
    )
    here = landed["file"][landed["time_us"] <= until_us]
    coming = (
        (made["kind"] != LOG)
        & (made["time_us"] <= until_us)
        & ~np.isin(made["file"], here)
    )
    return bool(coming.any())
