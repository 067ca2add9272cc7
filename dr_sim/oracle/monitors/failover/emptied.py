"""Monitors of what a failover brings over (R15): tails are asked for, nothing is given up early,
and what stays behind is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import log_end, position_before
from dr_sim.oracle.monitors.attempts import (
    LEFT_BEHIND,
    Attempt,
    attempts,
    drains_since_us,
    is_accepted,
    planned_before,
    rows_in,
)
from dr_sim.oracle.monitors.primary import PASSING
from dr_sim.oracle.monitors.story import (
    LOG,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
)
from dr_sim.record.journal import Row


def tails_are_asked_for(story: Story) -> Iterator[Breach]:
    """The old primary's tail is asked for: only trying shows whether its log can be read."""
    for attempt in attempts(story):
        asked = {
            row.entity for row in rows_in(story, attempt, "seen.TakeTail")
        }
        for row in _recovers(story, attempt):
            if row.entity in asked or not story.log_interval_us(row.entity):
                continue
            if row.time_us >= limit_us(story, attempt) or _to_a_point(
                story, row
            ):
                continue
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                "the database is brought online, and the old primary's tail was never asked for",
            )


def the_last_backup_is_asked_for_again(story: Story) -> Iterator[Breach]:
    """The last backup of a planned failover, once refused for now, is asked for again at the next
    retry (R15).
    """
    for attempt in attempts(story):
        draining = attempt.first("draining")
        if draining is None or not planned_before(story, draining.seq):
            continue
        asked = [
            row
            for row in rows_in(story, attempt, "seen.TakeBackup")
            if row.seq > draining.seq and row.values["kind"] != LOG
        ]
        for row in rows_in(story, attempt, "seen.BackupFailed"):
            mine = [each.seq for each in asked if each.entity == row.entity]
            if not mine or not mine[0] < row.seq or mine[-1] > row.seq:
                continue
            if not _may_be_asked_again(story, attempt, row):
                continue
            yield Breach(
                "R15",
                row.seq,
                row.time_us,
                row.entity,
                f"the last backup is refused for now ({row.values['reason']}), and is not asked "
                "for again",
            )
            break


def _may_be_asked_again(story: Story, attempt: Attempt, row: Row) -> bool:
    """Return whether that refusal passes, and the failover is as patient at the next retry: no
    machine of the primary was silent, and no operator has ordered it at once.
    """
    due_us = row.time_us + story.retry_us + SLACK_US
    v = row.values
    if v["kind"] == LOG or not v["reason"].startswith(PASSING):
        return False
    ends = rows_in(
        story, attempt, "seen.HeartbeatLost", "seen.FailoverOrdered"
    )
    if any(each.time_us <= due_us for each in ends):
        return False
    return (
        not story.silent_at(attempt.begin.seq)
        and due_us < min(attempt.emptied_us, story.end_us)
        and story.up_between(row.time_us, due_us)
        and is_accepted(story, row)
    )


def _awaited(story: Story, attempt: Attempt, row: Row) -> list[str]:
    """Return the logs that the primary's share has told of, or the tail, and that have not landed
    when a database is brought online.
    """
    names: set[str] = set()
    for each in rows_in(
        story, attempt, "seen.ShareAnswered", "seen.TailTaken"
    ):
        if (
            each.seq > row.seq
            or each.entity != row.entity
            or not is_accepted(story, each)
        ):
            continue
        if each.kind == "seen.TailTaken":
            names |= {each.values["name"]} - {""}
        elif each.values["reachable"]:
            names |= {
                n
                for n in json.loads(each.values["waiting"])
                if kind_in_name(n) == LOG
            }
    landed = story.of("seen.Landed", row.entity)
    here = {
        story.text(n)
        for n in landed["name"][landed["seq"] < row.seq].tolist()
    }
    for each in story.rows("seen.Inventory"):
        if each.seq < row.seq:
            files = json.loads(each.values["files"])
            here |= {
                file[0] for file in files.get(story.name(row.entity), [])
            }
    refused = {
        each.values["name"]
        for each in rows_in(story, attempt, "seen.RecopyFailed")
        if each.entity == row.entity
    }
    return sorted(names - here - refused)


def nothing_is_given_up_early(story: Story) -> Iterator[Breach]:
    """Check that the drain waits for what is on its way, and the tail, until its limit is over."""
    for attempt in attempts(story):
        for row in _recovers(story, attempt):
            if row.time_us >= limit_us(story, attempt) or _to_a_point(
                story, row
            ):
                continue
            awaited = _awaited(story, attempt, row)
            if awaited:
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{awaited[0]} is on its way, the drain's limit is not over, and the "
                    "database is brought online without it",
                )


def what_is_damaged_is_copied_again(story: Story) -> Iterator[Breach]:
    """A log that arrives damaged in a failover is copied again while its attempts allow, as long as
    the primary's share answers and the drain's limit is not over (R6, R15).
    """
    most = story.scenario.replay.attempts
    for attempt in attempts(story):
        over_us = limit_us(story, attempt)
        for row in rows_in(story, attempt, "seen.ValidationFailed"):
            due_us = row.time_us + SLACK_US
            if row.values["outcome"] in ("no_manifest", "missing"):
                continue
            if due_us >= min(over_us, attempt.until_us, story.end_us):
                continue
            if not _is_needed(story, row) or not _answers(
                story, attempt, row
            ):
                continue
            name = story.text_id(row.values["name"])
            rows = story.of("seen.ValidationFailed", row.entity)
            failed = (rows["name"] == name) & (rows["seq"] <= row.seq)
            if int(failed.sum()) > most:
                continue
            if story.up_between(
                attempt.begin.time_us, due_us
            ) and not _is_sent_again(story, row, name, due_us):
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{row.values['name']} has arrived damaged, the primary's share answers, and "
                    "it is not copied again",
                )


def _is_needed(story: Story, row: Row) -> bool:
    """Return whether a log holds what the database lacks, and nothing stops replay before it."""
    if kind_in_name(row.values["name"]) != LOG or _to_a_point(story, row):
        return False
    ends = log_end(story, row.entity, row.values["name"])
    _, redo = position_before(story, row.entity, row.seq)
    return ends is not None and redo < ends


def _answers(story: Story, attempt: Attempt, row: Row) -> bool:
    """Return whether the last that was heard of the primary's share before a row is that it
    answers, and the pipe is being emptied.
    """
    if story.phase_at(row.seq) != "draining":
        return False
    heard = [
        each.values["reachable"]
        for each in rows_in(story, attempt, "seen.ShareAnswered")
        if each.entity == row.entity
        and each.seq < row.seq
        and is_accepted(story, each)
    ]
    return bool(heard and all(heard))


def _is_sent_again(
    story: Story, row: Row, name: int, until_us: int
) -> bool:
    """Return whether that log was asked for again by then, or may be on its way from before."""
    from_us = row.time_us - 4 * story.retry_us
    for kind in ("seen.Recopy", "seen.Fetch"):
        found = story.within(kind, row.entity, from_us, until_us)
        rows = story.of(kind, row.entity)
        if kind == "seen.Fetch" and found.stop > found.start:
            return True
        if kind == "seen.Recopy" and (rows["name"][found] == name).any():
            asked = rows["seq"][found][rows["name"][found] == name]
            landed = story.of("seen.Landed", row.entity)
            mine = landed["seq"][landed["name"] == name]
            arrived = mine[(mine > asked[-1]) & (mine < row.seq)]
            if not len(arrived):
                return True
    done = ("seen.Restored", "truth.promoted")
    return story.any_within(done, row.entity, row.time_us, until_us)


def what_stays_behind_is_told(story: Story) -> Iterator[Breach]:
    """Check that event 6 tells what a failover leaves behind when a database is brought online."""
    for attempt in attempts(story):
        for row in _recovers(story, attempt):
            if _to_a_point(story, row):
                continue
            told = any(
                each.values["event_id"] == LEFT_BEHIND
                and each.values["database"] == story.name(row.entity)
                and attempt.begin.time_us <= each.time_us <= row.time_us
                for each in story.rows("seen.RaiseAlert")
            )
            left = _awaited(story, attempt, row) or _beyond(story, row)
            if left and not told:
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{left[0]} stays behind, and no alert says so",
                )


def whoever_has_all_leaves_nothing(story: Story) -> Iterator[Breach]:
    """Check that event 6 tells of nothing where the tail has been restored, the primary's share has
    nothing more, and no file has failed in that failover.
    """
    for attempt in attempts(story):
        for row in rows_in(story, attempt, "seen.RaiseAlert"):
            if row.values["event_id"] != LEFT_BEHIND:
                continue
            database = story.database(row.values["database"])
            if "failover continued" in row.values["text"] and _has_all(
                story, attempt, database, row.seq
            ):
                yield Breach(
                    "R15",
                    row.seq,
                    row.time_us,
                    database,
                    "event 6 says that files stay behind; the tail has been restored",
                )


def _has_all(
    story: Story, attempt: Attempt, database: int, seq: int
) -> bool:
    before = [
        row
        for row in rows_in(
            story,
            attempt,
            "seen.TailTaken",
            "seen.ShareAnswered",
            "seen.Restored",
            "seen.ValidationFailed",
            "seen.RestoreFailed",
        )
        if row.entity == database and row.seq < seq
    ]
    kinds = {row.kind for row in before}
    if not kinds.isdisjoint(
        ("seen.ValidationFailed", "seen.RestoreFailed")
    ):
        return False
    shares = [row for row in before if row.kind == "seen.ShareAnswered"]
    if not shares or shares[-1].values["waiting"] != "{}":
        return False
    tails = [
        row.values["name"] for row in before if row.kind == "seen.TailTaken"
    ]
    return bool(tails) and any(
        row.kind == "seen.Restored" and row.values["name"] == tails[-1]
        for row in before
    )


def _beyond(story: Story, row: Row) -> list[str]:
    """Return the logs that are here and whole and end past the database's position. A log that was
    lost here does not stay behind.
    """
    fork, redo = position_before(story, row.entity, row.seq)
    if fork < 0:
        return []
    rows = story.of("seen.Validated", row.entity)
    beyond = (rows["seq"] < row.seq) & (rows["header.kind"] == LOG)
    beyond &= (rows["header.last_lsn"] > redo) & (
        rows["header.fork"] == fork
    )
    beyond &= rows["header.last_lsn"] > rows["header.first_lsn"]
    beyond &= ~np.isin(rows["name"], _lost_here(story, row))
    names = rows["name"][beyond]
    for kind in ("seen.Delete", "seen.ValidationFailed", "seen.Restored"):
        other = story.of(kind, row.entity)
        names = names[
            ~np.isin(names, other["name"][other["seq"] < row.seq])
        ]
    return [story.text(name) for name in names[:1].tolist()]


def _lost_here(story: Story, row: Row) -> list[int]:
    """Return the names, as numbers, of files that had landed and were not there any more."""
    landed = story.of("truth.landed", row.entity)
    gone = story.of("truth.file_gone", row.entity)
    here = gone["where"] == story.text_id("secondary")
    here &= gone["seq"] < row.seq
    lost = dict(
        zip(
            gone["file"][here].tolist(),
            gone["seq"][here].tolist(),
            strict=True,
        )
    )
    names: dict[int, int] = {}
    for place in np.flatnonzero(
        np.isin(landed["file"], list(lost)) & (landed["seq"] < row.seq)
    ).tolist():
        names[int(landed["name"][place])] = place
    return [
        name
        for name, last in names.items()
        if landed["seq"][last] < lost[int(landed["file"][last])]
    ]


# ---- R15: emptied, the tail, what stays behind
def _recovers(story: Story, attempt: Attempt) -> list[Row]:
    """Return the first order to bring each database online."""
    found: dict[int, Row] = {}
    for row in rows_in(story, attempt, "seen.Recover"):
        found.setdefault(row.entity, row)
    return list(found.values())


def _to_a_point(story: Story, row: Row) -> bool:
    return any(
        each.seq < row.seq
        and each.values["target"] in ("", story.name(row.entity))
        for each in story.rows("seen.FailoverOrderedToPoint")
    )


def limit_us(story: Story, attempt: Attempt) -> int:
    """Return when the drain's limit is over: it counts from the first emptying."""
    begun_us = drains_since_us(story, attempt)
    if begun_us is None:
        begun_us = attempt.begin.time_us
    return begun_us + story.scenario.failover.drain_limit_us
