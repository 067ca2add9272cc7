"""Silence of the backups (R9): no log within the window is reported, again at every retry, and
looked into at the primary.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import NO_NEW_LOGS
from dr_sim.oracle.monitors.attempts import attempts
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import LOG, SLACK_US, Breach, Story
from dr_sim.record.journal import Row


def silence_is_told(story: Story) -> Iterator[Breach]:
    """No log has landed for the window: event 2 by then, or a retry after a restart."""
    told = _told(story)
    for database in story.databases:
        if not story.log_interval_us(database):
            continue
        rows = story.of("truth.landed", database)
        # what a copy has brought along had landed before
        here = (rows["kind"] == LOG) & (
            rows["time_us"] >= story.first_start_us
        )
        landed = rows["time_us"][here]
        times = np.concatenate(
            ([story.first_start_us], landed, [story.end_us])
        )
        gaps = np.diff(times)
        least_us = story.window_us(database, story.end_us)
        for place in np.flatnonzero(gaps > least_us + SLACK_US).tolist():
            begin_us, end_us = int(times[place]), int(times[place + 1])
            window_us = story.window_us(database, begin_us)
            due_us = begin_us + window_us + SLACK_US
            life = story.life_at(due_us)[0]
            if life > begin_us:
                # what it knows of the time before its start is an estimate
                due_us = (
                    max(due_us, life) + story.retry_us + story.patience_us
                )
            if due_us >= end_us or not story.quiet_between(
                max(begin_us, life), due_us
            ):
                continue
            if story.any_within(("truth.promoted",), database, 0, due_us):
                continue
            if not _any_in(told.get(database, []), begin_us, due_us):
                yield Breach(
                    "R9",
                    _row_at(story, database, begin_us),
                    due_us,
                    database,
                    "no log has landed for the whole window, and no alert says so",
                )


def silence_is_told_after_a_restart(story: Story) -> Iterator[Breach]:
    """A manager that starts when no log has landed for the window says so by the next retry, not a
    window later. A log that was restored late makes the silence seem shorter.
    """
    if clocks_may_be_wrong(story):
        return
    told = _told(story)
    for database in story.databases:
        for life_us, _ in story.lives[1:]:
            landed = _landed_around(story, database, life_us)
            if landed is None:
                continue
            since_us, until_us = landed
            window_us = story.window_us(database, since_us)
            due_us = life_us + story.retry_us + story.patience_us
            if since_us + window_us + story.patience_us > life_us:
                continue
            if due_us >= min(until_us, story.end_us):
                continue
            if not story.quiet_between(life_us, due_us):
                continue
            late_us = since_us + story.patience_us
            if story.any_within(
                ("truth.restored",), database, late_us, due_us
            ) or story.any_within(
                ("truth.promoted", "truth.copy_gone"), database, 0, due_us
            ):
                continue
            if not _any_in(told.get(database, []), life_us, due_us):
                yield Breach(
                    "R9",
                    _row_at(story, database, life_us),
                    due_us,
                    database,
                    "the manager has started, no log has landed for the window, and no alert says "
                    "so",
                )


def silence_is_told_after_a_call_off(story: Story) -> Iterator[Breach]:
    """A failover that is left has not interrupted the silence: what has lasted for the window is
    told by the next retry.
    """
    told = _told(story)
    for attempt in attempts(story):
        if attempt.last != "abandoned":
            continue
        left_us = attempt.until_us
        for database in story.databases:
            landed = _landed_around(story, database, left_us)
            if landed is None:
                continue
            since_us, until_us = landed
            due_us = max(
                left_us, since_us + story.window_us(database, since_us)
            )
            due_us += story.retry_us + SLACK_US
            if due_us >= min(until_us, story.end_us):
                continue
            was_there = story.up_between(since_us, due_us)
            if not was_there or story.failover_within(left_us + 1, due_us):
                continue
            if not _any_in(told.get(database, []), left_us, due_us):
                yield Breach(
                    "R9",
                    _row_at(story, database, since_us),
                    due_us,
                    database,
                    "a failover was left, no log has landed for the window, and no alert says so",
                )


def _landed_around(
    story: Story, database: int, at_us: int
) -> tuple[int, int] | None:
    """Return when the last log had landed by an instant, and when the next one lands (none does:
    the end of the run). None: no logs are due, or none had landed.
    """
    if not story.log_interval_us(database):
        return None
    rows = story.of("truth.landed", database)
    landed = rows["time_us"][rows["kind"] == LOG]
    place = int(landed.searchsorted(at_us, side="right"))
    if not place:
        return None
    following = landed[place : place + 1].tolist()
    return int(landed[place - 1]), min(following, default=story.end_us)


def _told(story: Story) -> dict[int, list[int]]:
    """Return when event 2 was raised about each database, in ascending order."""
    told: dict[int, list[int]] = {}
    for row in story.rows("seen.RaiseAlert"):
        if row.values["event_id"] == NO_NEW_LOGS:
            database = story.database(row.values["database"])
            told.setdefault(database, []).append(row.time_us)
    return told


def _any_in(times_us: list[int], from_us: int, until_us: int) -> bool:
    """Return whether one of the times, which ascend, lies between the two."""
    place = bisect_left(times_us, from_us)
    return place < len(times_us) and times_us[place] <= until_us


def _row_at(story: Story, database: int, time_us: int) -> int:
    found = story.within("truth.landed", database, 0, time_us)
    seqs = story.of("truth.landed", database)["seq"]
    return int(seqs[found.stop - 1]) if found.stop else 0


def silence_is_looked_into(story: Story) -> Iterator[Breach]:
    """Whoever reports that no logs come has looked at the jobs of the primary, or is about to."""
    for row in story.rows("seen.RaiseAlert"):
        database = story.database(row.values["database"])
        if row.values["event_id"] != NO_NEW_LOGS or database < 0:
            continue
        from_us, until_us = (
            row.time_us - story.retry_us,
            row.time_us + SLACK_US,
        )
        if until_us > story.end_us or not story.quiet_between(
            row.time_us, until_us
        ):
            continue
        asked = story.any_within(
            ("seen.AskPrimary",), database, from_us, until_us
        )
        if not asked and not _waits_for_answer(story, database, row):
            yield Breach(
                "R9",
                row.seq,
                row.time_us,
                database,
                "an alert reports that no new logs come, and nobody looks at the "
                "backup jobs at the primary",
            )


def _waits_for_answer(story: Story, database: int, row: Row) -> bool:
    """Return whether the primary was asked in this life, and its answer is still on its way: over a
    link with a round trip longer than a retry, that is no neglect.
    """
    life_us = story.life_at(row.time_us)[0]
    asked = story.rows_between("seen.AskPrimary", database, 0, row.time_us)
    if not asked or asked[-1].time_us < life_us:
        return False
    answers = story.rows_between(
        "seen.PrimaryAnswered", database, asked[-1].seq, row.time_us
    )
    return not answers
