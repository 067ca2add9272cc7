"""How backups are read (R5, R7, R8): counted first, in time, not before their delay, and only what
the engine can take.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    STUCK,
    position_before,
    told_between,
)
from dr_sim.oracle.monitors.primary import is_here
from dr_sim.oracle.monitors.replacing import could_be_taken
from dr_sim.oracle.monitors.story import (
    FULL,
    LOG,
    SECOND_US,
    Breach,
    Story,
    copy_is_rotten,
    kind_in_name,
)
from dr_sim.record.journal import Row
from dr_sim.record.sets import among

READS = ("seen.Restore", "seen.RestoreUntil")
ANSWERS = ("seen.Restored", "seen.RestoreFailed", "seen.NoRoom")
OUT_OF_PLACE = {
    3136: "an incremental on another full",
    4305: "a log that begins after the position",
    4326: "a log that ends before the position",
    4330: "a backup of another recovery fork",
}
"""Names what SQL Server says of a backup that is whole and does not fit where the database stands.
"""


def counted_before_the_read(story: Story) -> Iterator[Breach]:
    """The attempts are saved, durably, before each read (R5)."""
    saves = story["seen.Save"]
    for kind in READS:
        rows = story[kind]
        usual = among(rows["seq"] - 2, saves["seq"]) & _renamed_just_before(
            story, rows
        )
        for place in np.flatnonzero(~usual).tolist():
            database, name = (
                int(rows["entity"][place]),
                int(rows["name"][place]),
            )
            seq = int(rows["seq"][place])
            key = f"attempts/{story.name(database)}/{story.text(name)}"
            since = _read_before(story, database, name, seq)
            mine = (saves["key"] == story.text_id(key)) & (
                saves["seq"] > since
            )
            if not (mine & (saves["seq"] < seq)).any():
                yield Breach(
                    "R5",
                    seq,
                    int(rows["time_us"][place]),
                    database,
                    f"{story.text(name)} is read before its attempts are counted durably",
                )


def _renamed_just_before(
    story: Story, rows: dict[str, np.ndarray]
) -> np.ndarray:
    renames = story["seen.RenameWorkingCopy"]
    if not len(renames["seq"]):
        return np.zeros(len(rows["seq"]), dtype=bool)
    places = np.searchsorted(renames["seq"], rows["seq"]) - 1
    same = renames["name"][places] == rows["name"]
    just_before: np.ndarray = (
        (places >= 0) & same & (renames["seq"][places] == rows["seq"] - 1)
    )
    return just_before


def _read_before(story: Story, database: int, name: int, seq: int) -> int:
    """Return the seq of the read of that file before this one, -1 if there was none."""
    found = -1
    for kind in READS:
        rows = story.of(kind, database)
        mine = rows["seq"][(rows["name"] == name) & (rows["seq"] < seq)]
        found = max(found, int(mine[-1]) if len(mine) else -1)
    return found


def copies_bear_their_count(story: Story) -> Iterator[Breach]:
    """The working copy is renamed to the attempts in the store before each read (R5)."""
    for kind in READS:
        rows = story[kind]
        for place in np.flatnonzero(
            ~_renamed_just_before(story, rows)
        ).tolist():
            database, name = (
                int(rows["entity"][place]),
                int(rows["name"][place]),
            )
            seq = int(rows["seq"][place])
            since = _read_before(story, database, name, seq)
            renames = story.of("seen.RenameWorkingCopy", database)
            mine = (
                (renames["name"] == name)
                & (renames["seq"] > since)
                & (renames["seq"] < seq)
            )
            if not mine.any():
                yield Breach(
                    "R5",
                    seq,
                    int(rows["time_us"][place]),
                    database,
                    f"the working copy of {story.text(name)} does not bear its count of reads",
                )


def replay_waits_on_purpose_only(story: Story) -> Iterator[Breach]:
    """A log that is here, whole and next is read at once, but for the replay delay, the job's
    hours and a retry (R7, R8).
    """
    for database in story.databases:
        answers = np.sort(
            np.concatenate(
                [story.of(kind, database)["seq"] for kind in ANSWERS]
            )
        )
        reads = np.sort(
            np.concatenate(
                [story.of(kind, database)["seq"] for kind in READS]
            )
        )
        if not len(answers):
            continue
        at_us = _times(story, database, answers, ANSWERS)
        next_place = np.searchsorted(reads, answers)
        read_us = np.append(
            _times(story, database, reads, READS), story.end_us
        )
        long = np.flatnonzero(
            read_us[next_place] - at_us > story.patience_us
        )
        for place in long.tolist():
            next_read = int(next_place[place])
            if next_read < len(reads) and _came_late(
                story, database, int(reads[next_read])
            ):
                continue
            yield from _idle(
                story,
                database,
                int(answers[place]),
                int(at_us[place]),
                int(read_us[next_read]),
            )


def _came_late(story: Story, database: int, seq: int) -> bool:
    """Return whether what is read is a log that was found to be whole just before: so replay had
    waited for it, and for nothing else.
    """
    rows, whole = (
        story.of("seen.Restore", database),
        story.of("seen.Validated", database),
    )
    place = int(np.searchsorted(rows["seq"], seq))
    before = int(np.searchsorted(whole["seq"], seq)) - 1
    if (
        before < 0
        or place >= len(rows["seq"])
        or int(rows["seq"][place]) != seq
    ):
        return False
    is_it = int(whole["name"][before]) == int(rows["name"][place])
    is_log = int(whole["header.kind"][before]) == LOG
    waited_us = int(rows["time_us"][place]) - int(whole["time_us"][before])
    return is_it and is_log and waited_us <= story.patience_us


def _times(
    story: Story, database: int, seqs: np.ndarray, kinds: tuple[str, ...]
) -> np.ndarray:
    all_seqs = np.concatenate(
        [story.of(kind, database)["seq"] for kind in kinds]
    )
    times = np.concatenate(
        [story.of(kind, database)["time_us"] for kind in kinds]
    )
    order = np.argsort(all_seqs, kind="stable")
    found: np.ndarray = times[order][np.searchsorted(all_seqs[order], seqs)]
    return found


def _idle(
    story: Story, database: int, seq: int, from_us: int, until_us: int
) -> Iterator[Breach]:
    fork, redo = position_before(story, database, seq + 1)
    if fork < 0:
        return
    rows = story.of("seen.Validated", database)
    fits = (rows["header.kind"] == LOG) & (rows["header.first_lsn"] <= redo)
    fits &= (rows["header.last_lsn"] > redo) & (rows["time_us"] < until_us)
    fits &= (rows["header.fork"] == fork) & (
        rows["header.first_fork"] == fork
    )
    done = story.of("seen.Restored", database)
    fits &= ~among(rows["name"], done["name"][done["time_us"] < until_us])
    for place in np.flatnonzero(fits).tolist():
        since_us = max(from_us, int(rows["time_us"][place]))
        since_us = max(
            since_us,
            story.life_at(since_us)[0],
            _free_us(story, rows, place),
        )
        due_us = since_us + story.patience_us
        if due_us >= until_us or not story.quiet_between(since_us, due_us):
            continue
        name = int(rows["name"][place])
        if _is_gone(story, database, name, int(rows["seq"][place]), due_us):
            continue
        if copy_is_rotten(story, database, due_us):
            continue
        yield Breach(
            "R7",
            int(rows["seq"][place]),
            since_us,
            database,
            f"{story.text(name)} is here, whole and next, and is not restored",
        )
        return


def _free_us(story: Story, rows: dict[str, np.ndarray], place: int) -> int:
    """Return when the replay delay of a log is over, by the clocks that the logic has. By a clock
    that is wrong a log may seem to come from the future, but it was made before it landed.
    """
    delay_us = story.scenario.replay.delay_us
    young_us = int(rows["header.started_utc_us"][place]) + delay_us
    wait_us = max(0, young_us - int(rows["utc_us"][place]))
    return int(rows["time_us"][place]) + min(wait_us, delay_us)


def _is_gone(
    story: Story, database: int, name: int, seq: int, until_us: int
) -> bool:
    """Return whether the file, or what it would be restored onto, is no more what it was."""
    for kind in (
        "seen.ValidationFailed",
        "seen.Landed",
        "seen.Delete",
        "seen.Validate",
    ):
        rows = story.of(kind, database)
        later = (rows["seq"] > seq) & (rows["time_us"] <= until_us)
        if (rows["name"][later] == name).any():
            return True
    return story.any_within(
        ("truth.copy_gone", "truth.promoted"), database, 0, until_us
    )


def replay_delay_is_kept(story: Story) -> Iterator[Breach]:
    """No log is read before its replay delay is over, but in a failover (R7)."""
    if not story.scenario.replay.delay_us:
        return
    for database in story.databases:
        rows, whole = (
            story.of("seen.Restore", database),
            story.of("seen.Validated", database),
        )
        for place in range(len(rows["seq"])):
            seq, name = int(rows["seq"][place]), int(rows["name"][place])
            if kind_in_name(story.text(name)) != LOG or story.failing_over(
                seq
            ):
                continue
            before = int(np.searchsorted(whole["seq"], seq))
            found = np.flatnonzero(whole["name"][:before] == name)
            if not len(found):
                continue
            due_us = _free_us(story, whole, int(found[-1]))
            if int(rows["time_us"][place]) < due_us - SECOND_US:
                yield Breach(
                    "R7",
                    seq,
                    int(rows["time_us"][place]),
                    database,
                    f"{story.text(name)} is read before its replay delay is over",
                )


def a_rebuilt_copy_keeps_its_delay(story: Story) -> Iterator[Breach]:
    """A copy that is rebuilt takes no full that is younger than the replay delay while an older one
    is here and whole (R7). Where a database has no logs each full is itself what replay continues
    with, and the delay is one of logs.
    """
    delay_us = story.scenario.replay.delay_us
    if not delay_us:
        return
    for row in story.rows("seen.Restore"):
        name = row.values["name"]
        if kind_in_name(name) != FULL or story.failing_over(row.seq):
            continue
        if not story.log_interval_us(row.entity):
            continue
        whole = story.of("seen.Validated", row.entity)
        fulls = (whole["header.kind"] == FULL) & (whole["seq"] < row.seq)
        finished = whole["header.finished_utc_us"]
        now_utc_us = story.scenario.start_utc_us + row.time_us
        mine = fulls & (whole["name"] == story.text_id(name))
        young = finished + delay_us > now_utc_us + SECOND_US
        if not (mine & young).any() or (mine & ~young).any():
            continue
        if not _is_rebuilt(story, row):
            continue
        for each in whole["name"][fulls & ~young].tolist():
            could = could_be_taken(story, row.entity, each, row.seq)
            there = (story.text(each), row.time_us)
            if could and is_here(story, row.entity, *there):
                yield Breach(
                    "R7",
                    row.seq,
                    row.time_us,
                    row.entity,
                    f"{name}, which is younger than the replay delay, is restored, and "
                    f"{story.text(each)} is here and whole",
                )
                break


def _is_rebuilt(story: Story, row: Row) -> bool:
    """Return whether there is no copy into which logs could be restored, by what really is; not one
    that has only made room for that very full, which had none beside it.
    """
    gone = story.of("truth.copy_gone", row.entity)["seq"]
    done = story.of("truth.restored", row.entity)["seq"]
    since = gone[gone < row.seq]
    if not len(since):
        return False
    place = story.last_before("seen.NoRoom", row.entity, int(since[-1]))
    room = story.of("seen.NoRoom", row.entity)
    if (
        place >= 0
        and story.text(int(room["name"][place])) == row.values["name"]
    ):
        return False
    return not ((done > since[-1]) & (done < row.seq)).any()


def read_after_a_hash_of_its_own(story: Story) -> Iterator[Breach]:
    """A file that has landed again is hashed after that before it is read: what was found of the
    copy before says nothing of this one (R6).
    """
    if not story.scenario.replay.validate_hash:
        return
    for database in story.databases:
        landed = story.of("seen.Landed", database)
        names, times = np.unique(landed["name"], return_counts=True)
        again = names[times > 1]
        reads = story.of("seen.Restore", database)
        asked = story.of("seen.Validate", database)
        found = among(reads["name"], again)
        for place in np.flatnonzero(found).tolist():
            name, seq = int(reads["name"][place]), int(reads["seq"][place])
            came = (landed["name"] == name) & (landed["seq"] < seq)
            if not came.any():
                continue
            last = np.flatnonzero(came)[-1]
            since, since_us = (
                int(landed["seq"][last]),
                int(landed["time_us"][last]),
            )
            at_us = int(reads["time_us"][place])
            hashed = (asked["name"] == name) & (asked["seq"] > since)
            if (hashed & (asked["seq"] < seq)).any():
                continue
            if story.up_between(since_us, at_us):
                yield Breach(
                    "R6",
                    seq,
                    at_us,
                    database,
                    f"{story.text(name)} is read, and has not been hashed since it landed again",
                )


def replay_keeps_its_hours(story: Story) -> Iterator[Breach]:
    """Where replay is a job of certain hours, logs are read then, one after the other, and at no
    other time but in a failover (R7), or to get to a place that no log gets past.
    """
    every_us = story.scenario.replay.every_us
    repair_us = every_us + story.retry_us
    if not every_us:
        return
    for database in story.databases:
        answers: set[int] = set()
        for kind in ANSWERS:
            answers.update(story.of(kind, database)["time_us"].tolist())
        rows = story.of("seen.Restore", database)
        in_hours, before_us = False, 0
        for place in range(len(rows["seq"])):
            seq, at_us = (
                int(rows["seq"][place]),
                int(rows["time_us"][place]),
            )
            name = story.text(rows["name"][place])
            mono_us = at_us + story.journal.since_us
            # the job waits for the restore in whose middle its hour comes
            comes = mono_us // every_us > before_us // every_us
            goes_on = (in_hours or comes) and at_us in answers
            in_hours = mono_us % every_us == 0 or goes_on
            before_us = mono_us
            is_log = kind_in_name(name) == LOG
            if in_hours or not is_log or story.failing_over(seq):
                continue
            since_us = at_us - repair_us
            if not told_between(story, database, STUCK, since_us, at_us):
                yield Breach(
                    "R7",
                    seq,
                    at_us,
                    database,
                    f"{name} is read outside of the hours of the restore job",
                )


def the_engine_takes_what_it_is_given(story: Story) -> Iterator[Breach]:
    """The engine refuses nothing for its place in the chain (R7, R11)."""
    if not story.scenario.replay.validate_hash:
        return
    for row in story.rows("seen.RestoreFailed"):
        what = OUT_OF_PLACE.get(row.values["error_number"])
        if what is None or row.values["position_lost"]:
            continue
        place = story.last_before("seen.Restored", row.entity, row.seq)
        restored_us = (
            int(story.of("seen.Restored", row.entity)["time_us"][place])
            if place >= 0
            else 0
        )
        changed = ("truth.copy_gone", "truth.damaged")
        if story.any_within(changed, row.entity, restored_us, row.time_us):
            continue
        yield Breach(
            "R11",
            row.seq,
            row.time_us,
            row.entity,
            f"the engine was given {what}: {row.values['name']}",
        )
