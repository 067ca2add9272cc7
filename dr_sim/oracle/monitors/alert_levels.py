"""The level of alerts and their repetition (R12): error at first, critical once the same danger has
lasted, and again at every retry until it is over.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    ERRORS,
    FAMILY,
    FULL_OVERDUE,
    MISSING,
    NO_NEW_LOGS,
    NO_ROOM,
    NOT_PROTECTED,
    OVERDUE,
    STUCK,
    WAITING,
    alerts_of_databases,
    minutes_text,
    position_before,
)
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import (
    DAY_US,
    FULL,
    LOG,
    MINUTE_US,
    SECOND_US,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
    lost_here,
    restored_us,
)
from dr_sim.record.journal import Row


def levels_are_right(story: Story) -> Iterator[Breach]:
    """Error at first, critical once the same danger has lasted (R12)."""
    critical_us = story.scenario.replay.critical_after_us
    begun: dict[tuple[str, tuple[int, ...]], int] = {}
    ever: dict[tuple[str, tuple[int, ...]], int] = {}
    last: dict[tuple[str, tuple[int, ...]], Row] = {}
    for row in story.rows("seen.RaiseAlert"):
        event = row.values["event_id"]
        family = FAMILY.get(event, (6, 7) if event in (6, 7) else (event,))
        family = (8, 18) if event in (8, 18) else family
        key = (row.values["database"], family)
        before = last.get(key)
        if before is not None and _was_over(story, before, row):
            del ever[key]
        first = ever.setdefault(key, _could_have_begun(story, row.time_us))
        if before is None or not _goes_on(story, before, row):
            begun[key] = row.time_us
        last[key] = row
        critical = row.values["level"] == "critical"
        if critical and row.time_us - first < critical_us:
            yield Breach(
                "R12",
                row.seq,
                row.time_us,
                row.entity,
                f"event {event} is critical {minutes_text(row.time_us - first)} after it was first "
                f"raised; the limit is {minutes_text(critical_us)}",
            )
        if (
            not critical
            and event in FAMILY
            and row.time_us - begun[key] >= critical_us
        ):
            yield Breach(
                "R12",
                row.seq,
                row.time_us,
                row.entity,
                f"event {event} is no critical alert "
                f"{minutes_text(row.time_us - begun[key])} after it was first raised, and nothing "
                "has changed since",
            )


def _could_have_begun(story: Story, time_us: int) -> int:
    """Return when a danger first reported then may have been noted: a crash may have fallen between
    the note and the telling.
    """
    recent = [
        end
        for _, end in story.lives
        if end < time_us <= end + 60 * MINUTE_US
    ]
    return min(recent, default=time_us)


def _was_over(story: Story, before: Row, row: Row) -> bool:
    """Return whether a danger has surely ended between two alerts of it: a new log has landed, or
    the chain continued, and the manager lived long enough to note that.
    """
    database = story.database(row.values["database"])
    replay = story.scenario.replay
    if database < 0:
        return False
    if row.values["event_id"] == NO_NEW_LOGS:
        kind = "seen.Landed"
    elif row.values["event_id"] in (MISSING, ERRORS):
        if replay.delay_us or replay.every_us:
            return False  # what continues may lie before the obstacle
        kind = "seen.Restored"
    else:
        return False
    found = story.between(kind, database, before.seq, row.seq)
    rows, first = (
        story.of(kind, database),
        story.first_places(kind, database),
    )
    for place in range(found.start, found.stop):
        is_new = first[place] >= found.start
        at_us = int(rows["time_us"][place])
        lived = story.up_between(at_us, at_us + SECOND_US)
        is_log = kind_in_name(story.text(rows["name"][place])) == LOG
        if not (is_new and is_log and lived):
            continue
        if before.values["event_id"] != ERRORS or not _ends_before(
            story, before, row, int(rows["redo_lsn"][place])
        ):
            return True
    return False


def _ends_before(story: Story, before: Row, row: Row, redo: int) -> bool:
    """Return whether both alerts are about one damaged log, and the database stands where it begins
    or before that: a log that was being restored when it was first told of lies before it.
    """
    name = before.values["name"]
    if row.values["name"] != name:
        return False
    landed = story.of(
        "truth.landed", story.database(row.values["database"])
    )
    of_file = landed["first_lsn"][landed["name"] == story.text_id(name)]
    return bool((redo <= of_file).any())


def _goes_on(story: Story, before: Row, row: Row) -> bool:
    """Return whether the same danger has lasted from one alert to the next: reported again in time,
    and nothing came between that could have ended it.
    """
    database = story.database(row.values["database"])
    if database < 0:
        return False
    lived = story.quiet_between(before.time_us, row.time_us)
    if lived:
        in_time = row.time_us - before.time_us <= story.retry_us + SLACK_US
    else:
        in_time = _outlives_a_restart(story, before, row, database)
    if not in_time:
        return False
    kinds = ["seen.Restored"]
    if row.values["event_id"] == NO_NEW_LOGS:
        kinds.append("seen.Landed")
    if story.any_between(kinds, database, before.seq, row.seq):
        return False
    if story.scenario.replay.delay_us or story.scenario.replay.every_us:
        # a hole may lie ahead of what replay, which waits on purpose, comes to first
        other = before.values["event_id"] != row.values["event_id"]
        if other or _news_of_files(story, before, database, row.time_us):
            return False
    return True


def _outlives_a_restart(
    story: Story, before: Row, row: Row, database: int
) -> bool:
    """Return whether a danger that was reported is the same after the manager was down for a while:
    nothing that could have ended it has really landed or been lost.
    """
    event, times = row.values["event_id"], (before.time_us, row.time_us)
    replay = story.scenario.replay
    may_take_us = 2 * story.retry_us + 2 * SLACK_US
    may_take_us += story.scenario.manager_restart_us
    if (
        event != before.values["event_id"]
        or event not in (MISSING, NO_NEW_LOGS)
        or replay.delay_us
        or replay.every_us
        or clocks_may_be_wrong(story)
        or row.time_us - before.time_us > may_take_us
        or story.failover_within(*times)
    ):
        return False
    if story.any_within(("truth.copy_gone",), database, *times):
        return False
    found = story.within("truth.landed", database, *times)
    landed = story.of("truth.landed", database)
    ends = landed["kind"][found] == LOG
    if event == MISSING:
        ends |= landed["kind"][found] != LOG
        redo = position_before(story, database, before.seq)[1]
        ends &= landed["first_lsn"][found] <= redo
    return not ends.any() and not lost_here(story, database, *times)


# ---- R12: again at every retry
def told_again_at_every_retry(story: Story) -> Iterator[Breach]:
    """An alert once raised is raised again at every retry, until its danger is over."""
    following: dict[tuple[int, tuple[int, ...]], list[Row]] = {}
    for row, database in alerts_of_databases(story):
        event = row.values["event_id"]
        family = (WAITING,) if event == WAITING else FAMILY.get(event)
        if family is not None:
            following.setdefault((database, family), []).append(row)
    for (database, _), told in following.items():
        times = [row.time_us for row in told]
        for row, next_us in zip(
            told, [*times[1:], story.end_us + DAY_US], strict=True
        ):
            due_us = row.time_us + story.retry_us + SLACK_US
            if row.values["event_id"] in (ERRORS, NO_ROOM):
                # the retry is a restore that may take its time
                answered_us = restored_us(story, database, due_us)
                due_us = max(due_us, answered_us + SLACK_US)
            if next_us <= due_us:
                continue
            if _may_be_over(story, row, database, due_us):
                continue
            yield Breach(
                "R12",
                row.seq,
                row.time_us,
                database,
                f"event {row.values['event_id']} is not raised again at the next retry, and "
                "nothing has ended its danger",
            )


def _may_be_over(
    story: Story, row: Row, database: int, due_us: int
) -> bool:
    if due_us > story.end_us or not story.quiet_between(
        row.time_us, due_us
    ):
        return True
    event = row.values["event_id"]
    kinds = ["seen.Restored", "truth.copy_gone", "truth.promoted"]
    if event == NO_NEW_LOGS:
        kinds = ["seen.Landed", "truth.promoted"]
    if event == WAITING:
        return _stands_otherwise(story, row, database, due_us)
    if event in (OVERDUE, FULL_OVERDUE):
        kinds = [
            "seen.Validated",
            "seen.ValidationFailed",
            "truth.copy_gone",
            "truth.promoted",
        ]
        if _other_landed(story, database, row.time_us, due_us):
            return True  # it is hashed first
    if story.any_within(kinds, database, row.time_us, due_us):
        return True
    if event == NOT_PROTECTED and story.scenario.store is not None:
        return _store_may_be_whole(story, row, database, due_us)
    if event == NOT_PROTECTED:
        first = story.last_before("seen.Restored", database, row.seq) < 0
        return (
            first
            or story.of("truth.copy_gone", database)["time_us"].size == 0
        )
    if event == NO_NEW_LOGS:
        return False
    others = any(
        each.values["event_id"] in STUCK
        for each in story.rows_between(
            "seen.RaiseAlert", database, row.seq, due_us
        )
    )
    return others or _news_of_files(story, row, database, due_us)


def _other_landed(
    story: Story, database: int, from_us: int, until_us: int
) -> bool:
    """Return whether a full or an incremental has landed in that time."""
    found = story.within("truth.landed", database, from_us, until_us)
    kinds = story.of("truth.landed", database)["kind"][found]
    return bool((kinds != LOG).any())


def _store_may_be_whole(
    story: Story, row: Row, database: int, due_us: int
) -> bool:
    """Return whether something may have ended what a store lacked: a full has come, a log that is
    not the newest one, or retention has taken files.
    """
    if story.any_within(("seen.Delete",), database, row.time_us, due_us):
        return True
    for kind in ("seen.Landed", "seen.Validated"):
        found = story.within(kind, database, row.time_us, due_us)
        names = story.of(kind, database)["name"][found]
        if any(kind_in_name(each) == FULL for each in story.texts(names)):
            return True
    rows = story.of("seen.Validated", database)
    before = rows["header.last_lsn"][rows["seq"] < row.seq]
    found = story.within("seen.Validated", database, row.time_us, due_us)
    came = rows["header.first_lsn"][found]
    return bool(len(before) and (came < before.max()).any())


def _stands_otherwise(
    story: Story, row: Row, database: int, due_us: int
) -> bool:
    """Return whether logs that wait are told of in another way, or wait no longer."""
    kinds = (
        "seen.Restored",
        "seen.RestoreFailed",
        "seen.ValidationFailed",
        "seen.NoRoom",
        "seen.BackupFailed",
        "truth.copy_gone",
        "truth.promoted",
    )
    told = story.rows_between("seen.RaiseAlert", database, row.seq, due_us)
    return bool(told) or story.any_within(
        kinds, database, row.time_us, due_us
    )


def _news_of_files(
    story: Story, row: Row, database: int, due_us: int
) -> bool:
    """Return whether a file came, or was found to be whole or not, that may end the danger: the
    file that is told of; for a hole, a log that holds the position.
    """
    name = story.text_id(row.values["name"])
    event = row.values["event_id"]
    for kind in ("seen.Landed", "seen.Validated", "seen.ValidationFailed"):
        found = story.within(kind, database, row.time_us, due_us)
        rows = story.of(kind, database)
        if event != MISSING and (rows["name"][found] == name).any():
            return True
        if (
            event == ERRORS
            and kind == "seen.Validated"
            and _covered_by(story, database, name, found)
        ):
            return True
        if (
            event == MISSING
            and kind == "seen.ValidationFailed"
            and found.stop > found.start
        ):
            return True  # what waited beyond the hole is not whole: there may be none
        if event == MISSING and kind == "seen.Validated":
            redo = position_before(story, database, row.seq)[1]
            first = rows["header.first_lsn"][found]
            if (first <= redo).any():
                return True
            if _fills_hole_ahead(story, database, name, found):
                return True
    return False


def _covered_by(
    story: Story, database: int, name: int, found: slice
) -> bool:
    """Return whether one of those logs holds all that the log of that name was made to hold: it may
    wait on purpose until it is restored (R10).
    """
    landed = story.of("truth.landed", database)
    told = np.flatnonzero(
        (landed["name"] == name) & (landed["kind"] == LOG)
    )
    if not len(told):
        return False
    rows = story.of("seen.Validated", database)
    covers = (
        (rows["header.kind"][found] == LOG)
        & (rows["header.first_lsn"][found] <= landed["first_lsn"][told[-1]])
        & (rows["header.last_lsn"][found] >= landed["last_lsn"][told[-1]])
    )
    return bool(covers.any())


def _fills_hole_ahead(
    story: Story, database: int, name: int, found: slice
) -> bool:
    """Return whether one of those logs leads up to the one behind the hole, which replay that waits
    on purpose has yet to come to.
    """
    replay = story.scenario.replay
    if not (replay.delay_us or replay.every_us):
        return False
    rows = story.of("seen.Validated", database)
    behind = rows["header.first_lsn"][rows["name"] == name]
    if not behind.size:
        return False
    first, last = (
        rows["header.first_lsn"][found],
        rows["header.last_lsn"][found],
    )
    return bool(((first < behind[-1]) & (last >= behind[-1])).any())
