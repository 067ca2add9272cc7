"""Tells what the primary is asked for once more, and what twice; and that no copy is dropped for a
full that has no room even then (R9, R11).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    DAMAGED,
    MISSING,
    NO_NEW_LOGS,
    NOT_PROTECTED,
    OVERDUE,
    STUCK,
    alerts_of_databases,
)
from dr_sim.oracle.monitors.attempts import is_accepted
from dr_sim.oracle.monitors.primary import IN_A_ROW, PASSING
from dr_sim.oracle.monitors.rotten import waits_of
from dr_sim.oracle.monitors.story import (
    FULL,
    HOUR_US,
    LOG,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
)
from dr_sim.record.journal import Row
from dr_sim.scenario.schedule import longest_gap_us

_SAME_LIST = 20
"""Rows among which the commands that follow on an event stand."""
_LACKS_A_LOG = "is missing in this store"
_NO_BASE = "stands is not here"
"""Words of alerts about a store that lacks a log, and about a backup that cannot be restored."""


def what_can_be_made_is_asked_for(story: Story) -> Iterator[Breach]:
    """A log that is missing, and that the next log backup would hold, is asked for (R9)."""
    alerts: dict[int, list[Row]] = {}
    for row, database in alerts_of_databases(story):
        if row.values["event_id"] in (MISSING, NO_NEW_LOGS):
            alerts.setdefault(database, []).append(row)
    for database in sorted(alerts):
        told: list[Row] = []
        for row in alerts[database]:
            answer = _can_be_made(story, database, row)
            if answer is None:
                told = []
                continue
            told.append(row)
            if len(told) < IN_A_ROW:
                continue
            if _is_asked_for(story, database, told[0], answer):
                told = []
                continue
            yield Breach(
                "R9",
                answer.seq,
                answer.time_us,
                database,
                "a log is missing that the primary can still back up, and it is not asked to",
            )
            break


def _can_be_made(story: Story, database: int, alert: Row) -> Row | None:
    """Return the answer, just after that alert, that the primary's log still holds what is missing,
    that no file does, and that nothing keeps its jobs.
    """
    answers = story.rows_of("seen.PrimaryAnswered", database)
    after = bisect_right(answers, alert.seq, key=lambda row: row.seq)
    for place in range(after, len(answers)):
        row = answers[place]
        v = row.values
        if row.time_us > alert.time_us + SLACK_US:
            return None
        if (
            v["reachable"]
            and v["remakeable"]
            and not (v["covering_name"] or v["jobs_paused"])
        ):
            return row
    return None


def _is_asked_for(
    story: Story, database: int, first: Row, answer: Row
) -> bool:
    """Return whether a log backup was asked for between the two, or has yet to be answered; or
    whether something else has come about.
    """
    if not story.quiet_between(first.time_us, answer.time_us):
        return True
    since_us = first.time_us - story.retry_us - SLACK_US
    news = ("seen.Landed", "seen.Restored", "truth.copy_gone")
    if story.any_within(news, database, since_us, answer.time_us):
        return True
    asked = [
        row.seq
        for row in story.rows_of("seen.TakeBackup", database)
        if row.values["kind"] == LOG and row.seq <= answer.seq + _SAME_LIST
    ]
    if not asked:
        return False
    answered = any(
        asked[-1] < row.seq < first.seq
        for row in story.rows("seen.BackupTaken", "seen.BackupFailed")
        if row.entity == database and row.values["kind"] == LOG
    )
    return not answered


def a_store_asks_for_what_it_lacks(story: Story) -> Iterator[Breach]:
    """A log that is missing in a store is asked for, each time that people are told of it (R9)."""
    if story.scenario.store is None:
        return
    told: dict[int, list[Row]] = {}
    for row, database in alerts_of_databases(story):
        if row.values["event_id"] != NOT_PROTECTED:
            continue
        rows = told.setdefault(database, [])
        if _LACKS_A_LOG not in row.values["text"]:
            rows.clear()
            continue
        rows.append(row)
        if len(rows) < IN_A_ROW:
            continue
        first = rows[-IN_A_ROW]
        if not story.quiet_between(first.time_us, row.time_us):
            continue
        asked = [
            each.seq
            for each in story.rows_of("seen.AskPrimary", database)
            if each.seq < row.seq + _SAME_LIST
        ]
        answers = story.rows_of("seen.PrimaryAnswered", database)
        waits = bool(asked) and not any(
            each.seq > asked[-1] for each in answers
        )
        if not waits and (not asked or asked[-1] < first.seq):
            yield Breach(
                "R9",
                row.seq,
                row.time_us,
                database,
                "a log is missing in a store, people are told, and the primary is not asked for it",
            )
            rows.clear()


def a_full_is_asked_for_without_a_base(story: Story) -> Iterator[Breach]:
    """Where what has come stands on a backup that is not here, a full is asked for (R11)."""
    for database in story.databases:
        overdue = [
            row
            for row in story.rows_of("seen.RaiseAlert", database)
            if row.values["event_id"] == OVERDUE
            and _NO_BASE in row.values["text"]
        ]
        spec = story.scenario.databases[database]
        gaps = (longest_gap_us(spec.full), longest_gap_us(spec.incremental))
        may_come_us = max(HOUR_US, *gaps) + 2 * story.retry_us
        news = [
            each
            for kind in ("seen.TakeBackup", "seen.BackupTaken")
            for each in story.rows_of(kind, database)
            if each.values["kind"] == FULL
        ]
        for row in overdue:
            since_us = row.time_us - may_come_us
            asked = any(
                since_us <= each.time_us <= row.time_us for each in news
            )
            silent = bool(story.silent_at(row.seq))
            if asked or silent or story.failing_over(row.seq):
                continue
            if _has_no_answer(story, database, row):
                continue
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                database,
                "what has come stands on a backup that is not here, and no full is asked for",
            )
            break


def _has_no_answer(story: Story, database: int, row: Row) -> bool:
    """Return whether the last full that was asked for before a row has brought no answer yet."""
    asked = [
        each.seq
        for each in story.rows_of("seen.TakeBackup", database)
        if each.values["kind"] == FULL and each.seq < row.seq
    ]
    answers = [
        each.seq
        for kind in ("seen.BackupTaken", "seen.BackupFailed")
        for each in story.rows_of(kind, database)
        if each.values["kind"] == FULL and each.seq < row.seq
    ]
    return bool(asked) and asked[-1] > max(answers, default=-1)


def what_is_damaged_is_taken_again(story: Story) -> Iterator[Breach]:
    """A full or an incremental of which no copy is whole is asked for again within the hour, as
    long as people are told of it (R11).
    """
    since: dict[tuple[int, int], Row] = {}
    may_take_us = HOUR_US + 2 * story.retry_us
    for row, database in alerts_of_databases(story):
        kind = kind_in_name(row.values["name"])
        if row.values["event_id"] != DAMAGED or kind == LOG:
            continue
        key = database, kind
        first = since.setdefault(key, row)
        if row.time_us - first.time_us <= may_take_us:
            continue
        if not _nothing_helps(story, database, first, row):
            since[key] = row
            continue
        yield Breach(
            "R11",
            row.seq,
            row.time_us,
            database,
            f"{row.values['name']} is damaged, and for more than an hour no other is asked for",
        )
        since[key] = row


def _nothing_helps(
    story: Story, database: int, first: Row, row: Row
) -> bool:
    """Return whether a whole life of the manager, with a primary that is heard and a chain that
    continues, brings nothing between two alerts.
    """
    from_us, until_us = first.time_us, row.time_us
    alerts = story.rows_between(
        "seen.RaiseAlert", database, first.seq, until_us
    )
    if any(
        each.values["event_id"] in STUCK
        and each.values["event_id"] != DAMAGED
        for each in alerts
    ):
        return False
    told = [e for e in alerts if e.values["event_id"] == DAMAGED]
    times = [from_us, *(each.time_us for each in told), until_us]
    if any(b - a > 2 * story.retry_us for a, b in pairwise(times)):
        return False
    lost = story.rows("seen.HeartbeatLost")
    silent = any(from_us <= each.time_us <= until_us for each in lost)
    if silent or story.silent_at(row.seq):
        return False
    news = (
        "seen.TakeBackup",
        "seen.BackupTaken",
        "seen.Recopy",
        "seen.RecopyFailed",
        "truth.copy_gone",
    )
    return story.quiet_between(from_us, until_us) and not story.any_within(
        news, database, from_us, until_us
    )


def asked_again_once_refused(story: Story) -> Iterator[Breach]:
    """A full or an incremental that is taken again, as no copy makes the last one whole, and that
    the primary refuses for now, is asked for again at the next retry (R11).
    """
    for row in story.rows("seen.BackupFailed"):
        kind, reason = row.values["kind"], row.values["reason"]
        if kind == LOG or not reason.startswith(PASSING):
            continue
        alert = _still_damaged(story, row)
        if alert is None or not _goes_on(story, row, alert):
            continue
        asked = any(
            row.seq < each.seq <= alert.seq + _SAME_LIST
            and each.entity == row.entity
            for each in story.rows("seen.TakeBackup")
        )
        if not asked:
            yield Breach(
                "R11",
                row.seq,
                alert.time_us,
                row.entity,
                f"{alert.values['name']} is damaged, another was refused for now ({reason}), and "
                "is not asked for again",
            )


def _still_damaged(story: Story, row: Row) -> Row | None:
    """Return the first alert, at the retry after that refusal, that a backup of its kind is
    damaged.
    """
    due_us = row.time_us + story.retry_us + SLACK_US
    for alert, database in alerts_of_databases(story):
        if (
            database == row.entity
            and alert.time_us >= due_us
            and alert.values["event_id"] == DAMAGED
            and kind_in_name(alert.values["name"]) == row.values["kind"]
        ):
            return alert
    return None


def _goes_on(story: Story, row: Row, alert: Row) -> bool:
    """Return whether the manager was there, the primary's machine was heard, and the chain
    continued without any wait that is on purpose, so that nothing else had to be asked for.
    """
    replay = story.scenario.replay
    if replay.delay_us or replay.every_us:
        return False
    if not story.quiet_between(row.time_us, alert.time_us):
        return False
    machine = story.scenario.databases[row.entity].machine
    silent = machine in story.silent_at(row.seq) or any(
        each.values["machine"] == machine
        and row.time_us <= each.time_us <= alert.time_us
        for each in story.rows("seen.HeartbeatLost")
    )
    first_us = alert.time_us - story.retry_us
    return not silent and story.any_within(
        ("seen.Restored",), row.entity, row.time_us, first_us
    )


def nothing_is_asked_for_twice(story: Story) -> Iterator[Breach]:
    """A restart does not ask for a full or an incremental while one that was taken for the same
    place is on its way (R11). One that is reported as missing may be asked for again after an
    hour, in one life as over a restart.
    """
    for row in story.rows("seen.BackupTaken"):
        kind, name = row.values["kind"], row.values["name"]
        if kind == LOG or not is_accepted(story, row):
            continue
        life = story.life_at(row.time_us)
        for again in story.rows("seen.TakeBackup"):
            if (
                again.entity != row.entity
                or again.values["kind"] != kind
                or again.time_us <= life[1]
            ):
                continue
            if _is_told_for_an_hour(story, row, again):
                break
            if _is_for_the_same(story, row, again) and _is_coming(
                story, row, again
            ):
                yield Breach(
                    "R11",
                    again.seq,
                    again.time_us,
                    again.entity,
                    f"a backup is asked for, and {name}, which was taken for the same, is on its "
                    "way",
                )
            break


def _is_told_for_an_hour(story: Story, row: Row, again: Row) -> bool:
    """Return whether the backup is asked for again an hour later, where people are told again that
    it is missing.
    """
    if again.time_us - row.time_us < HOUR_US:
        return False
    return any(
        database == again.entity
        and alert.time_us == again.time_us
        and alert.values["event_id"] in (DAMAGED, OVERDUE)
        for alert, database in alerts_of_databases(story)
    )


def _is_for_the_same(story: Story, row: Row, again: Row) -> bool:
    """Return whether the database still stands where it stood, no backup of that kind was damaged,
    and nothing but that restart has come between.
    """
    between = (row.time_us + 1, again.time_us)
    news = ("seen.Restored", "truth.copy_gone", "seen.RecopyFailed")
    if story.any_within(news, row.entity, *between):
        return False
    if story.failing_over(again.seq) or story.failover_within(*between):
        return False
    return not any(
        each.entity == row.entity
        and each.seq < again.seq
        and kind_in_name(each.values["name"]) == row.values["kind"]
        for each in story.rows("seen.ValidationFailed")
    )


def _is_coming(story: Story, row: Row, again: Row) -> bool:
    """Return whether the backup that was taken is finished, there, and has not landed by then."""
    name = story.text_id(row.values["name"])
    made = story.of("truth.backup_finished", row.entity)
    files = made["file"][(made["name"] == name) & (made["seq"] < again.seq)]
    if not len(files):
        return False
    for kind in ("truth.landed", "truth.file_gone"):
        rows = story.of(kind, row.entity)
        before = rows["seq"] < again.seq
        if np.isin(rows["file"][before], files).any():
            return False
    return True


def no_full_of_rotten_pages_is_asked_for_at_once(
    story: Story,
) -> Iterator[Breach]:
    """Where people say that a full that was asked for holds rotten pages, the next one is asked for
    after a wait (R11).
    """
    for database in story.databases:
        waits = waits_of(story, database)
        for row in story.rows_of("seen.TakeBackup", database):
            if row.values["kind"] != FULL or story.failing_over(row.seq):
                continue
            later_us = row.time_us + SLACK_US
            if any(
                wait.since.seq < row.seq and wait.holds_at(later_us)
                for wait in waits
            ):
                yield Breach(
                    "R11",
                    row.seq,
                    row.time_us,
                    database,
                    "the full that was asked for holds rotten pages, and the next one is asked for "
                    "at once",
                )
                break


def dropped_only_for_what_fits(story: Story) -> Iterator[Breach]:
    """A copy is not dropped for a full that has no room in its place either (R11)."""
    rows = story.rows("seen.Drop")
    for row in rows:
        place = story.last_before("seen.NoRoom", row.entity, row.seq)
        if place < 0:
            continue
        room = story.of("seen.NoRoom", row.entity)
        there = int(room["free_bytes"][place])
        there += int(room["old_copy_bytes"][place])
        if int(room["time_us"][place]) != row.time_us:
            continue
        if int(room["required_bytes"][place]) > there:
            yield Breach(
                "R11",
                row.seq,
                row.time_us,
                row.entity,
                "the copy is dropped for a full that has no room in its place either",
            )
