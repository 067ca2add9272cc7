"""Monitors of how a failover continues (R15): nothing that will not come is waited for, what fails
is tried again, and what was done for it is undone when it is called off.

Planned failovers are patient, so what is said here of limits is said of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from dr_sim.oracle.monitors.attempts import (
    ORDERS,
    Attempt,
    attempts,
    is_accepted,
    planned_before,
    rows_in,
)
from dr_sim.oracle.monitors.failover.emptied import limit_us
from dr_sim.oracle.monitors.story import (
    SLACK_US,
    Breach,
    Story,
    is_restoring,
)
from dr_sim.record.journal import Row

ONLY_WAY, WAITS = 21, 7
_WORK = (
    "seen.Restore",
    "seen.RestoreUntil",
    "seen.Restored",
    "seen.RestoreFailed",
    "seen.RestoreGoesOn",
    "seen.NoRoom",
    "seen.Validate",
    "seen.Validated",
    "seen.ValidationFailed",
    "seen.ListShare",
    "seen.ShareListed",
)
"""Rows of work at the secondary, and of the search for a way back."""


def the_drain_ends_in_time(story: Story) -> Iterator[Breach]:
    """A drain whose limit is over waits for nothing more, but for the only way back: a restart
    gives it no new limit.
    """
    for attempt in attempts(story):
        draining = attempt.first("draining")
        if draining is None or not _is_plain(story, attempt):
            continue
        over_us = limit_us(story, attempt)
        over_us = max(over_us, story.life_at(over_us)[0])
        due_us = over_us + 2 * SLACK_US
        if due_us >= min(attempt.emptied_us, story.end_us):
            continue
        works = [
            row
            for row in rows_in(story, attempt, *_WORK)
            if row.time_us >= over_us - SLACK_US
        ]
        told = [
            row
            for row in rows_in(story, attempt, "seen.RaiseAlert")
            if row.values["event_id"] == ONLY_WAY
        ]
        down = not story.up_between(over_us, due_us)
        if works or told or down:
            continue
        yield Breach(
            "R15",
            draining.seq,
            due_us,
            -1,
            "the drain's limit is over, nothing is restored, and it waits on",
        )


def no_share_is_waited_for_that_is_silent(story: Story) -> Iterator[Breach]:
    """Where the primary's share cannot be reached, nothing of it is waited for. A restore that was
    begun before the failover may still be continuing.
    """
    for attempt in attempts(story):
        draining = attempt.first("draining")
        if draining is None or not _is_plain(story, attempt):
            continue
        answers = [
            row
            for row in rows_in(story, attempt, "seen.ShareAnswered")
            if is_accepted(story, row)
        ]
        silent = {
            row.entity for row in answers if not row.values["reachable"]
        }
        if len(silent) < len(story.databases) or any(
            row.values["reachable"] for row in answers
        ):
            continue
        work = rows_in(story, attempt, *_WORK)
        last_us = max(row.time_us for row in (*answers, *work))
        due_us = last_us + 2 * SLACK_US
        if due_us >= min(_drained_us(attempt), story.end_us):
            continue
        if any(
            is_restoring(story, database, due_us)
            for database in story.databases
        ):
            continue
        if story.up_between(draining.time_us, due_us):
            yield Breach(
                "R15",
                draining.seq,
                due_us,
                -1,
                "the primary's share does not answer, and the failover waits for it",
            )


def hanging_restores_are_ended(story: Story) -> Iterator[Breach]:
    """A restore that has lasted for longer than its limit is ended once the drain's is over; that
    of a full is not.
    """
    spec = story.scenario.failover
    for attempt in attempts(story):
        if not _is_plain(story, attempt):
            continue
        over_us = limit_us(story, attempt)
        for row in rows_in(story, attempt, "seen.RestoreGoesOn"):
            begun_us = row.values["begun_mono_us"]
            name = row.values["name"]
            if begun_us < 0 or "_full_" in name:
                continue
            due_us = max(over_us, begun_us + spec.restore_limit_us)
            due_us = max(due_us + story.retry_us, row.time_us) + SLACK_US
            if due_us >= min(attempt.until_us, story.end_us):
                continue
            if not story.up_between(row.time_us, due_us):
                continue
            if not _is_answered(story, row, due_us):
                yield Breach(
                    "R15",
                    row.seq,
                    due_us,
                    row.entity,
                    f"the restore of {name} hangs beyond its limit, and is not ended",
                )
                break


def no_restore_is_ended_early(story: Story) -> Iterator[Breach]:
    """A restore that was never ended before is ended only if it has lasted for longer than its
    limit.
    """
    limit_us = story.scenario.failover.restore_limit_us
    ended: set[tuple[int, str]] = set()
    for row in story.rows("seen.EndRestore"):
        key = row.entity, row.values["name"]
        if key in ended:
            continue
        early = row.values["begun_before_mono_us"] > row.time_us - limit_us
        if early and row.values["begun_before_mono_us"] >= 0:
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"the restore of {row.values['name']} is to be ended before it has gone on for "
                "as long as it may",
            )
        if _is_refused(story, row):
            ended.add(key)


def _is_refused(story: Story, row: Row) -> bool:
    """Return whether the engine has refused that file at some time after a row."""
    rows = story.of("seen.RestoreFailed", row.entity)
    mine = rows["name"] == story.text_id(row.values["name"])
    return bool((mine & (rows["seq"] > row.seq)).any())


def _is_answered(story: Story, row: Row, until_us: int) -> bool:
    kinds = ("seen.Restored", "seen.RestoreFailed", "truth.promoted")
    return story.any_within(kinds, row.entity, row.time_us, until_us)


def what_is_not_online_is_ordered_again(story: Story) -> Iterator[Breach]:
    """A database that could not be brought online is ordered again at the next retry, or restored
    first.
    """
    again = (
        "seen.Recover",
        "seen.Restore",
        "seen.AskShare",
        "seen.ListShare",
        "truth.promoted",
    )
    for attempt in attempts(story):
        for row in rows_in(story, attempt, "seen.RecoverFailed"):
            due_us = row.time_us + story.retry_us + SLACK_US
            if due_us >= min(attempt.until_us, story.end_us):
                continue
            if not is_accepted(story, row) or not story.up_between(
                row.time_us, due_us
            ):
                continue
            if not story.any_within(again, row.entity, row.time_us, due_us):
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{story.name(row.entity)} could not be brought online, and is not ordered "
                    "online again",
                )


def readers_are_let_in_again(story: Story) -> Iterator[Breach]:
    """Readers who were disconnected for a failover may read again when it is called off."""
    for attempt in attempts(story):
        if attempt.last != "abandoned":
            continue
        back = attempt.first("unfencing")
        left_us = attempt.until_us if back is None else back.time_us
        until_us = left_us + SLACK_US
        if until_us >= story.end_us or not story.up_between(
            attempt.begin.time_us, until_us
        ):
            continue
        for row in rows_in(story, attempt, "seen.Disconnect"):
            if not story.any_within(
                ("seen.AdmitReaders",),
                row.entity,
                left_us,
                until_us,
            ):
                yield Breach(
                    "R15",
                    row.seq,
                    left_us,
                    row.entity,
                    f"readers of {story.name(row.entity)} were disconnected for a failover that "
                    "is called off, and are not let in again",
                )


def a_wait_is_told_again(story: Story) -> Iterator[Breach]:
    """A planned failover that waits for files says so again each time that the drain's limit is
    over (R15).
    """
    if story.scenario.ranks > 1:
        return
    for attempt in attempts(story):
        empty_us = attempt.emptied_us
        told = [
            row
            for row in rows_in(story, attempt, "seen.RaiseAlert")
            if row.values["event_id"] == WAITS
        ]
        times = [*(row.time_us for row in told), story.end_us]
        for row, (_, again_us) in zip(told, pairwise(times), strict=True):
            due_us = row.time_us + story.scenario.failover.drain_limit_us
            due_us += SLACK_US
            if due_us >= min(empty_us, story.end_us) or again_us <= due_us:
                continue
            if _goes_on_waiting(story, row, due_us):
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    "a planned failover still waits, and no alert says so again",
                )


def _goes_on_waiting(story: Story, told: Row, due_us: int) -> bool:
    """Return whether nothing has come between that ends the patience of a planned failover."""
    if not story.up_between(told.time_us, due_us):
        return False
    kinds = ("seen.HeartbeatLost", "seen.HeartbeatBack", *ORDERS)
    comes = any(
        told.time_us <= row.time_us <= due_us for row in story.rows(*kinds)
    )
    return not comes and not story.silent_at(told.seq)


# ---- what several ask
def _is_plain(story: Story, attempt: Attempt) -> bool:
    """Return whether a failover is unplanned, of the only copy, and not one that waits for the old
    primary's answer as it was heard again.
    """
    if story.scenario.ranks > 1 or story.scenario.store is not None:
        return False
    if rows_in(story, attempt, "seen.HeartbeatBack"):
        return False
    return not planned_before(story, attempt.until_seq)


def _drained_us(attempt: Attempt) -> int:
    """Return when its drain is over: the tails are asked for."""
    tail = attempt.first("tail")
    return attempt.emptied_us if tail is None else tail.time_us
