"""Monitor of a database without a copy here (R11): a full must be on its way, or the primary must
be asked for one as long as it answers.

Theory of operation. A stretch lies between two pieces of news of a database: a full that is taken,
sent, hashed or restored; a machine that falls silent or answers; a failover; a crash. If no copy is
here, no full is on its way and the primary answers, such a stretch may last no longer than the
window and a few retries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from dr_sim.oracle.monitors.rotten import waits_of
from dr_sim.oracle.monitors.story import (
    FULL,
    MINUTE_US,
    Breach,
    Story,
    is_restoring,
    kind_in_name,
)
from dr_sim.record.journal import Row

_SPARE_US = 60 * MINUTE_US
_RETRIES = 4
_OF_A_FILE = (
    "seen.Landed",
    "seen.Validate",
    "seen.Validated",
    "seen.ValidationFailed",
    "seen.Recopy",
    "seen.RecopyFailed",
)
_OF_A_KIND = (
    "seen.TakeBackup",
    "seen.BackupTaken",
    "seen.BackupFailed",
    "truth.backup_begin",
    "truth.backup_finished",
)
_OF_THE_DATABASE = (
    "seen.Restore",
    "seen.Restored",
    "seen.RestoreFailed",
    "seen.NoRoom",
    "seen.Fetch",
    "truth.copy_gone",
    "truth.promoted",
    "truth.file_gone",
)
_OF_ALL = (
    "seen.HeartbeatLost",
    "seen.HeartbeatBack",
    "seen.EnterPhase",
    "truth.manager",
    "truth.event",
    "truth.failed",
)


def a_missing_copy_is_asked_for(story: Story) -> Iterator[Breach]:
    """Where no copy is here, a full is asked for, or one is on its way (R11)."""
    if story.scenario.store is not None or story.count("truth.failed"):
        return
    for database in story.databases:
        if story.waits_for_its_full(database):
            continue
        if _is_always_there(story, database):
            continue
        most_us = _SPARE_US + story.window_us(database)
        most_us += _RETRIES * story.retry_us
        for from_us, until_us in pairwise(_news_us(story, database)):
            due_us = from_us + most_us
            if due_us < until_us and _is_left(
                story, database, from_us, due_us
            ):
                yield Breach(
                    "R11",
                    _last_seq(story, from_us),
                    due_us,
                    database,
                    "no copy is here, no full is on its way, and none is asked for",
                )
                break


def _is_left(
    story: Story, database: int, from_us: int, until_us: int
) -> bool:
    """Return whether there is no copy in that stretch, no full to come, and a primary and a manager
    that are there.
    """
    if _has_copy(story, database, from_us):
        return False
    if not story.quiet_between(from_us, until_us):
        return False
    if not _is_known_to_be_gone(story, database, until_us):
        return False
    if is_restoring(story, database, until_us):
        return False
    if any(wait.holds_at(from_us) for wait in waits_of(story, database)):
        return False  # another full would hold rotten pages, as the last one does
    if _is_hashing(story, database, until_us):
        return False
    seq = _last_seq(story, until_us)
    if _waits_for_its_first_full(story, database, seq):
        return False
    machine = story.scenario.databases[database].machine
    if machine in story.silent_at(seq + 1):
        return False
    return not _comes(story, database, seq)


def _is_hashing(story: Story, database: int, at_us: int) -> bool:
    """Return whether the answer to the hash of a full is awaited then: that of a large one takes
    hours.
    """
    asked = _last_of_a_full(story, "seen.Validate", database, at_us)
    return asked > max(
        _last_of_a_full(story, kind, database, at_us)
        for kind in ("seen.Validated", "seen.ValidationFailed")
    )


def _last_of_a_full(
    story: Story, kind: str, database: int, at_us: int
) -> int:
    """Return the last row of a kind, by an instant, that is about a full; -1: there is none."""
    rows = story.of(kind, database)
    until = int(rows["time_us"].searchsorted(at_us, side="right"))
    for place in range(until - 1, -1, -1):
        if kind_in_name(story.text(rows["name"][place])) == FULL:
            return int(rows["seq"][place])
    return -1


def _waits_for_its_first_full(
    story: Story, database: int, seq: int
) -> bool:
    """Return whether the first full of a database that was never here comes as scheduled, and has
    not begun yet: event 19 tells of that.
    """
    spec = story.scenario.databases[database]
    if spec.full.kind == "none" or was_there(story, database):
        return False
    begun = story.of("truth.backup_begin", database)
    return not bool(((begun["kind"] == FULL) & (begun["seq"] <= seq)).any())


def _is_always_there(story: Story, database: int) -> bool:
    """Return whether a copy was there from the start, and was never lost."""
    lost = story.of("truth.copy_gone", database)["seq"]
    return not len(lost) and was_there(story, database)


def _has_copy(story: Story, database: int, at_us: int) -> bool:
    """Return whether a copy was there from the start, or was restored, and was not lost since."""
    restored = story.of("seen.Restored", database)["time_us"]
    since_us = restored[restored <= at_us][-1:].tolist()
    if not since_us and was_there(story, database):
        since_us = [story.first_start_us]
    if not since_us:
        return False
    lost = story.of("truth.copy_gone", database)["time_us"]
    return not bool(((lost >= since_us[0]) & (lost <= at_us)).any())


def _is_known_to_be_gone(story: Story, database: int, at_us: int) -> bool:
    """Return whether a manager could see that no copy is here: in its inventory, or by a restore of
    what has landed since. A copy that breaks by itself says nothing before that.
    """
    lost = story.of("truth.copy_gone", database)["time_us"]
    gone_us = max(lost[lost <= at_us].tolist(), default=0)
    seen = ("seen.Landed", "seen.RestoreFailed", "seen.NoRoom")
    if story.any_within(seen, database, gone_us, at_us):
        return True
    looked = story["seen.Inventory"]["time_us"]
    return bool(((looked >= gone_us) & (looked <= at_us)).any())


def was_there(story: Story, database: int) -> bool:
    """Return whether the first inventory shows a copy."""
    for row in story.rows("seen.Inventory")[:1]:
        found = json.loads(row.values["databases"])
        name = story.name(database)
        return name in found and bool(found[name]["exists"])
    return True


def _comes(story: Story, database: int, seq: int) -> bool:
    """Return whether a full is being taken, is on its way, or lies here, as of a row."""
    if _is_sent_again(story, database, seq):
        return True
    begun = story.of("truth.backup_begin", database)
    fulls = begun["file"][(begun["kind"] == FULL) & (begun["seq"] <= seq)]
    gone = []
    for kind in (
        "truth.landed",
        "truth.file_gone",
        "truth.backup_cut_off",
        "truth.backup_empty",
    ):
        rows = story.of(kind, database)
        gone.append(rows["file"][rows["seq"] <= seq])
    return not np.isin(fulls, np.concatenate(gone)).all()


def _is_sent_again(story: Story, database: int, seq: int) -> bool:
    """Return whether a full of the primary's share was to be sent again before a row, and has
    neither landed since nor been lost there.
    """
    for row in reversed(story.rows("seen.Fetch", "seen.Recopy")):
        full = full_sent_again(row)
        if row.entity != database or row.seq > seq or not full:
            continue
        landed = story.of("truth.landed", database)
        since = (landed["seq"] > row.seq) & (landed["seq"] <= seq)
        gone = story.of("truth.file_gone", database)["seq"]
        lost = ((gone > row.seq) & (gone <= seq)).any()
        here = (landed["name"][since] == story.text_id(full)).any()
        return not lost and not here
    return False


def full_sent_again(row: Row) -> str:
    """Return the name of the full that Fetch or Recopy wants to have sent again; '': none."""
    names = [row.values.get("name", "")]
    if "names" in row.values:
        names = json.loads(row.values["names"])
    return next((n for n in names if kind_in_name(n) == FULL), "")


def _news_us(story: Story, database: int) -> list[int]:
    """Return when anything happened that has to do with the database's copy or its fulls."""
    found = [story.first_start_us, story.end_us]
    found += [
        min(wait.until_us, story.end_us)
        for wait in waits_of(story, database)
    ]
    for kind in _OF_A_FILE:
        rows = story.of(kind, database)
        names = story.texts(rows["name"])
        is_full = [kind_in_name(name) == FULL for name in names]
        found += rows["time_us"][np.array(is_full, dtype=bool)].tolist()
    for kind in _OF_A_KIND:
        rows = story.of(kind, database)
        found += rows["time_us"][rows["kind"] == FULL].tolist()
    for kind in _OF_THE_DATABASE:
        found += story.of(kind, database)["time_us"].tolist()
    for kind in _OF_ALL:
        found += story[kind]["time_us"].tolist()
    return sorted(found)


def _last_seq(story: Story, time_us: int) -> int:
    """Return the last row, by an instant, of those that say how it stands with fulls and with the
    primary.
    """
    last = 0
    for kind in (
        "truth.landed",
        "truth.backup_begin",
        "seen.PrimaryAnswered",
        "seen.HeartbeatLost",
        "seen.HeartbeatBack",
        "seen.Inventory",
    ):
        rows = story[kind]
        place = int(rows["time_us"].searchsorted(time_us, side="right"))
        if place:
            last = max(last, int(rows["seq"][place - 1]))
    return last
