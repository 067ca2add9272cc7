"""Monitors of needless alerts: alerts before a limit is reached, or about lateness that is on
purpose (R7, R8). People stop reading alerts that come too often.

Ages are measured by clocks. While the scenario makes one of these clocks wrong, the monitors do not
judge ages.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    DAMAGED,
    ERRORS,
    LAGGING,
    MISSING,
    STUCK,
    WAITING,
    alerts_of_databases,
    last_header,
    minutes_text,
    position_before,
    told_between,
)
from dr_sim.oracle.monitors.story import (
    FULL,
    LOG,
    SECOND_US,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
)
from dr_sim.record.journal import Row
from dr_sim.scenario.kind import Explains


def trouble_is_told_at_its_limit(story: Story) -> Iterator[Breach]:
    """The first alert of a log in trouble comes when it was tried too often, or is too old."""
    if clocks_may_be_wrong(story):
        return
    for row, database in _first_told(story, ERRORS):
        name = row.values["name"]
        if kind_in_name(name) != LOG or _goes_on(story, row, database):
            continue
        tries = max(
            _count(story, kind, database, name, row.seq)
            for kind in ("seen.Restore", "seen.ValidationFailed")
        )
        what = f"in trouble after {tries} attempt{'s' * (tries != 1)}"
        yield from _too_early(story, row, database, tries, what)


def damage_is_told_at_its_limit(story: Story) -> Iterator[Breach]:
    """The first alert that a backup is damaged comes when more copies of it than allowed were
    damaged, or when it is too old. One that its source lacks, or that was cut off there, needs no
    second copy.
    """
    if clocks_may_be_wrong(story):
        return
    for row, database in _first_told(story, DAMAGED):
        tries = _copies_damaged(story, row, database)
        if tries is None:
            continue
        what = f"damaged after {tries} {'copy' if tries == 1 else 'copies'}"
        yield from _too_early(story, row, database, tries, what)


def _first_told(story: Story, event_id: int) -> Iterator[tuple[Row, int]]:
    """Yield the first alert with that id of each backup, and its database."""
    told: set[tuple[int, str]] = set()
    for row, database in alerts_of_databases(story):
        backup = (database, row.values["name"])
        if row.values["event_id"] == event_id and backup not in told:
            told.add(backup)
            yield row, database


def _too_early(
    story: Story, row: Row, database: int, tries: int, what: str
) -> Iterator[Breach]:
    """An alert comes before a backup was tried too often, and before it is too old. what: what the
    alert says of it.
    """
    replay = story.scenario.replay
    age_us = _age_us(story, row, database)
    if age_us is None or tries > replay.attempts:
        return
    if age_us < replay.age_us - SECOND_US:
        yield Breach(
            "R8",
            row.seq,
            row.time_us,
            database,
            f"{row.values['name']} is told of as {what} and {minutes_text(age_us)}: "
            "neither limit is reached",
        )


def _copies_damaged(story: Story, row: Row, database: int) -> int | None:
    """Return how many copies of a backup were damaged before that alert; None: more than that was
    said of it, or a failover has given it up.
    """
    name = row.values["name"]
    if story.failover_within(story.first_start_us, row.time_us):
        return None
    for kind in (
        "seen.RecopyFailed",
        "seen.Validated",
        "seen.RestoreFailed",
    ):
        if _count(story, kind, database, name, row.seq):
            return None
    failed = [
        each.values["outcome"]
        for each in story.rows_of("seen.ValidationFailed", database)
        if each.seq < row.seq and each.values["name"] == name
    ]
    if not failed or {"no_manifest", "missing"}.intersection(failed):
        return None
    return len(failed)


def what_is_replaced_is_told_no_more(story: Story) -> Iterator[Breach]:
    """A full or an incremental that was given up is not told of any more once a later full is here
    and whole (R10, R12).
    """
    attempts = story.scenario.replay.attempts
    told: dict[tuple[int, str], int] = {}
    for row, database in alerts_of_databases(story):
        name = row.values["name"]
        if row.values["event_id"] != DAMAGED or kind_in_name(name) == LOG:
            continue
        since = told.setdefault((database, name), row.seq)
        tries = _count(
            story, "seen.ValidationFailed", database, name, since
        )
        if since == row.seq or tries <= attempts:
            continue
        failed = _count(
            story, "seen.ValidationFailed", database, name, row.seq
        )
        whole = _later_full(story, database, name, since, row.seq)
        if whole and failed == tries:
            yield Breach(
                "R10",
                row.seq,
                row.time_us,
                database,
                f"{name} is told of as damaged, and {whole}, which is newer, is here and whole",
            )


def _later_full(
    story: Story, database: int, name: str, since: int, until: int
) -> str:
    """Return the name of a full that was finished after that backup, and was found whole for the
    first time between the two rows; '': there is none.
    """
    landed = story.of("seen.Landed", database)
    mine = (landed["name"] == story.text_id(name)) & (landed["seq"] < until)
    if not mine.any():
        return ""
    finished_us = int(landed["modified_utc_us"][mine].max())
    rows = story.of("seen.Validated", database)
    fulls = (rows["header.kind"] == FULL) & (rows["seq"] < until)
    before = rows["name"][fulls & (rows["seq"] < since)]
    fulls &= (rows["seq"] > since) & ~np.isin(rows["name"], before)
    fulls &= rows["header.finished_utc_us"] >= finished_us
    names = rows["name"][fulls]
    return story.text(int(names[0])) if len(names) else ""


def a_hole_is_told_at_its_limit(story: Story) -> Iterator[Breach]:
    """The first alert of a log that is missing comes when that log is too old: it was finished an
    interval after the one before it, or when it really was.
    """
    replay = story.scenario.replay
    waits = replay.delay_us or replay.every_us
    if waits or clocks_may_be_wrong(story):
        return
    for row, database in alerts_of_databases(story):
        if row.values["event_id"] != MISSING or _goes_on(
            story, row, database
        ):
            continue
        finished_us = _missing_since_us(story, row, database)
        if finished_us is None:
            continue
        age_us = row.time_us - finished_us
        if age_us < replay.age_us - SECOND_US:
            yield Breach(
                "R8",
                row.seq,
                row.time_us,
                database,
                f"a log that is missing is told of when it is {minutes_text(age_us)} old; the "
                f"limit is {minutes_text(replay.age_us)}",
            )


def _missing_since_us(story: Story, row: Row, database: int) -> int | None:
    """Return when the log that holds the database's position was finished, or should have been, if
    that is earlier; None: nobody knows.
    """
    fork, redo = position_before(story, database, row.seq)
    made = story.of("truth.backup_finished", database)
    held = made["fork"] == fork
    held &= (made["first_lsn"] <= redo) & (redo < made["last_lsn"])
    held &= (made["kind"] == LOG) & (made["seq"] < row.seq)
    place = story.last_before("seen.Restored", database, row.seq)
    if place < 0 or not held.any():
        return None
    restored = story.of("seen.Restored", database)
    if not story.up_between(int(restored["time_us"][place]), row.time_us):
        return (
            None  # it may have died before it could keep what was restored
        )
    name = int(restored["name"][place])
    before = made["time_us"][made["name"] == name]
    if not len(before):
        return None
    due_us = int(before[-1]) + story.log_interval_us(database)
    return min(due_us, int(made["time_us"][held].min()))


def _goes_on(story: Story, row: Row, database: int) -> bool:
    """Return whether an alert of a place continues with another file, or is of a failover."""
    if story.failing_over(row.seq):
        return True
    since_us = row.time_us - 2 * story.retry_us - SLACK_US
    life = story.life_at(row.time_us)[0]
    return life > max(0, since_us) or told_between(
        story, database, STUCK, since_us, row.time_us - 1
    )


def _count(
    story: Story, kind: str, database: int, name: str, seq: int
) -> int:
    rows = story.of(kind, database)
    before = rows["seq"] < seq
    return int((rows["name"][before] == story.text_id(name)).sum())


def _age_us(story: Story, row: Row, database: int) -> int | None:
    """Return the age of the log that an alert names, since it was finished or has landed. Copies
    that are not its own may tell other times of last write: the manager is told the oldest, too.
    """
    rows = story.of("seen.Landed", database)
    mine = (rows["name"] == story.text_id(row.values["name"])) & (
        rows["seq"] < row.seq
    )
    found = np.flatnonzero(mine)
    if not len(found):
        return None
    utc_us = story.scenario.start_utc_us + row.time_us
    finished_us = int(rows["modified_utc_us"][found].min())
    landed_us = int(rows["time_us"][found[0]])
    return max(utc_us - finished_us, row.time_us - landed_us)


def lateness_on_purpose_is_not_told(story: Story) -> Iterator[Breach]:
    """Lag is told of when it is beyond the age limit; the replay delay and the hours of the restore
    job do not count.
    """
    replay = story.scenario.replay
    on_purpose_us = replay.delay_us + replay.every_us
    if not on_purpose_us or clocks_may_be_wrong(story):
        return
    for row, database in alerts_of_databases(story):
        event = row.values["event_id"]
        if event not in (LAGGING, WAITING) or story.failing_over(row.seq):
            continue
        age_us = _age_us(story, row, database)
        if age_us is None:
            continue
        late_us = age_us - on_purpose_us
        if late_us <= replay.age_us - SECOND_US:
            yield Breach(
                "R7",
                row.seq,
                row.time_us,
                database,
                f"event {event} tells of {row.values['name']} as late; it is "
                f"{minutes_text(late_us)} late beside the delay that is on purpose",
            )


def a_hole_that_is_filled_is_not_told(story: Story) -> Iterator[Breach]:
    """No alert says that a log is missing before one that the database has restored (R10)."""
    for row, database in alerts_of_databases(story):
        name = row.values["name"]
        if row.values["event_id"] != 1 or kind_in_name(name) != LOG:
            continue
        if (
            last_header(story, database, story.text_id(name), row.seq)
            is None
        ):
            continue
        gone = story.within("truth.copy_gone", database, 0, row.time_us)
        if gone.stop == gone.start and _holds(story, database, row, name):
            yield Breach(
                "R10",
                row.seq,
                row.time_us,
                database,
                f"an alert says that a log is missing before {name}, which is restored",
            )


def _holds(story: Story, database: int, row: Row, name: str) -> bool:
    """Return whether a log has been restored before a row, and the database has not been restored
    again, as of an earlier instant, since then.
    """
    rows = story.of("seen.Restored", database)
    is_it = rows["name"] == story.text_id(name)
    done = np.flatnonzero(is_it & (rows["seq"] < row.seq))
    if not len(done):
        return False
    fork, redo = position_before(story, database, row.seq)
    then = done[-1]
    return (
        int(rows["fork"][then]) == fork
        and int(rows["redo_lsn"][then]) <= redo
    )


def clocks_may_be_wrong(story: Story) -> bool:
    """Return whether the scenario sets a clock wrong."""
    kinds = story.kinds_of_event()
    return any(Explains.WRONG_TIME in kind.explains for kind in kinds)
