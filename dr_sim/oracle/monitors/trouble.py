"""Monitors of alerts: whatever is in trouble is reported (R8, R12), nothing else is (R10)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    CLOCKS_DIFFER,
    ERRORS,
    LANDED_LATE,
    STUCK,
    WAITING,
    alerts_of_databases,
    last_header,
    log_end,
    minutes_text,
    position_before,
    told_between,
)
from dr_sim.oracle.monitors.needless import clocks_may_be_wrong
from dr_sim.oracle.monitors.story import (
    FULL,
    INCREMENTAL,
    LOG,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
    lost_here,
    restored_us,
    was_hashed_before,
)
from dr_sim.record.journal import Row


# ---- R8 and R12: whatever is in trouble is reported
def trouble_is_told(story: Story) -> Iterator[Breach]:
    """A log that is damaged, refused or missing for longer than the age limit is reported."""
    for database in story.databases:
        yield from _bad_fulls(story, database)
        if story.log_interval_us(database):
            yield from _bad_logs(story, database)
            yield from _holes(story, database)


def _bad_logs(story: Story, database: int) -> Iterator[Breach]:
    told: set[str] = set()
    for kind in ("seen.ValidationFailed", "seen.RestoreFailed"):
        for row in story.rows(kind):
            name = row.values["name"]
            if (
                row.entity != database
                or name in told
                or kind_in_name(name) != LOG
            ):
                continue
            told.add(name)
            if row.values.get("outcome") == "no_manifest" or row.values.get(
                "position_lost"
            ):
                continue
            due_us = _limit_us(story, row, database)
            if due_us is not None and story.scenario.store is not None:
                due_us = _due_without_a_copy(
                    story, row, due_us - row.time_us
                )
            if due_us is None or _is_well(story, row, database, due_us):
                continue
            if not told_between(
                story, database, STUCK, row.time_us - SLACK_US, due_us
            ):
                yield Breach(
                    "R8",
                    row.seq,
                    row.time_us,
                    database,
                    f"log {name} is in trouble beyond its limits, and no alert is raised",
                )


def _bad_fulls(story: Story, database: int) -> Iterator[Breach]:
    """A full or an incremental that no copy makes whole is reported (R12): event 4, which is not
    due while another copy of it is really on its way.
    """
    replay = story.scenario.replay
    seen: set[str] = set()
    for row in story.rows("seen.ValidationFailed"):
        name = row.values["name"]
        if (
            row.entity != database
            or name in seen
            or kind_in_name(name) not in (FULL, INCREMENTAL)
        ):
            continue
        seen.add(name)
        tries_us = (replay.attempts + 3) * story.retry_us
        limit_us = (
            max(tries_us, replay.age_us) + 2 * story.retry_us + SLACK_US
        )
        due_us = _due_without_a_copy(story, row, limit_us)
        if due_us >= story.end_us or not story.quiet_between(
            row.time_us, due_us
        ):
            continue
        whole = story.within(
            "seen.Validated", database, row.time_us + 1, due_us
        )
        if (
            story.of("seen.Validated", database)["header.kind"][whole]
            != LOG
        ).any():
            continue
        ended = ("seen.Delete", "truth.promoted")
        if story.any_within(ended, database, row.time_us, due_us):
            continue
        if not told_between(story, database, STUCK, row.time_us, due_us):
            yield Breach(
                "R12",
                row.seq,
                row.time_us,
                database,
                f"{name} is damaged, no copy has made it whole, and no alert says so",
            )


def _due_without_a_copy(story: Story, row: Row, limit_us: int) -> int:
    """Return when a file has been damaged here for that long, the times not counted in which a copy
    of it is on its way.
    """
    due_us = row.time_us + limit_us
    for begin_us, end_us in _ways(story, row):
        if begin_us < due_us:
            due_us += max(0, end_us - max(begin_us, row.time_us))
    return due_us


def _ways(story: Story, row: Row) -> Iterator[tuple[int, int]]:
    """Yield when the file of that name was on its way: from when it waited to be sent or was sent
    until it had landed, or was gone at the primary.
    """
    landed = story.of("truth.landed", row.entity)
    named = np.flatnonzero(
        landed["name"] == story.text_id(row.values["name"])
    )
    if not len(named):
        return
    states = story.of("truth.file_state", row.entity)
    mine = states["file"] == landed["file"][named[0]]
    at_rest = [story.text_id("landed"), story.text_id("gone")]
    moves = ~np.isin(states["state"][mine], at_rest)
    times = np.append(states["time_us"][mine], story.end_us)
    for place in np.flatnonzero(moves).tolist():
        yield int(times[place]), int(times[place + 1])


def _limit_us(story: Story, row: Row, database: int) -> int | None:
    """Return when a log in trouble must be reported: at the age limit since it was finished, by the
    clocks that the logic has, and a retry. A clock that is known to be wrong makes no log older
    than the time since it landed.
    """
    landed = story.of("seen.Landed", database)
    before = int(np.searchsorted(landed["seq"], row.seq))
    found = np.flatnonzero(
        landed["name"][:before] == story.text_id(row.values["name"])
    )
    if not len(found):
        return None
    modified_us = int(landed["modified_utc_us"][found[-1]])
    age_us = max(0, int(row.values["utc_us"]) - modified_us)
    if clocks_may_be_wrong(story):
        age_us = min(
            age_us, row.time_us - int(landed["time_us"][found[-1]])
        )
    wait_us = max(0, story.scenario.replay.age_us - age_us)
    return row.time_us + wait_us + story.retry_us + SLACK_US


def _is_well(story: Story, row: Row, database: int, due_us: int) -> bool:
    if due_us >= story.end_us or not story.quiet_between(
        row.time_us, due_us
    ):
        return True
    ended = ("truth.promoted", "truth.copy_gone", "seen.Restored")
    if row.kind == "seen.RestoreFailed" and story.any_within(
        ended, database, row.time_us, due_us
    ):
        return True
    if story.any_within(ended[:2], database, row.time_us, due_us):
        return True
    name = story.text_id(row.values["name"])
    whole = story.within("seen.Validated", database, row.time_us, due_us)
    if row.kind != "seen.RestoreFailed" and (
        (story.of("seen.Validated", database)["name"][whole] == name).any()
    ):
        return True
    if _passed(story, database, row.values["name"], due_us):
        return True
    return _waits_on_purpose(story, database, row.values["name"], due_us)


def _waits_on_purpose(
    story: Story, database: int, name: str, due_us: int
) -> bool:
    """Return whether a whole log that covers that one is here by then, and only waits for the
    replay delay or the restore job: it is restored at their end.
    """
    replay = story.scenario.replay
    over_us = due_us + replay.delay_us + replay.every_us
    ends = log_end(story, database, name)
    if over_us == due_us or ends is None:
        return False
    whole = story.of("seen.Validated", database)
    covers = (
        (whole["header.kind"] == LOG)
        & (whole["time_us"] <= due_us)
        & (whole["header.first_lsn"] < ends)
        & (whole["header.last_lsn"] >= ends)
    )
    is_passed = over_us >= story.end_us or _passed(
        story, database, name, over_us
    )
    return bool(covers.any()) and is_passed


def _passed(story: Story, database: int, name: str, until_us: int) -> bool:
    """Return whether the database holds by then what that log was made to hold; at a store, whether
    a newer full has come whole by then.
    """
    ends = log_end(story, database, name)
    if ends is None:
        return True
    if story.scenario.store is not None:
        whole = story.of("seen.Validated", database)
        newer = (whole["header.kind"] == FULL) & (
            whole["header.last_lsn"] >= ends
        )
        return bool((whole["time_us"][newer] <= until_us).any())
    done = story.within("seen.Restored", database, 0, until_us)
    rows = story.of("seen.Restored", database)
    return done.stop == 0 or int(rows["redo_lsn"][done.stop - 1]) >= ends


def _holes(story: Story, database: int) -> Iterator[Breach]:
    """A log beyond the database's position waits, none that holds the position is here."""
    scenario = story.scenario
    limit_us = (
        story.log_interval_us(database)
        + scenario.replay.age_us
        + 2 * story.retry_us
    )
    limit_us += SLACK_US
    for begin_us, end_us, seq, redo in standstills(
        story, database, limit_us
    ):
        rows = story.of("seen.Validated", database)
        here = slice(
            int(np.searchsorted(rows["seq"], seq)),
            int(np.searchsorted(rows["time_us"], end_us)),
        )
        is_log, first = rows["header.kind"] == LOG, rows["header.first_lsn"]
        beyond = here.start + np.flatnonzero(
            is_log[here] & (first[here] > redo)
        )
        if not len(beyond):
            continue
        until = slice(0, here.stop)
        holds = (
            is_log[until]
            & (first[until] <= redo)
            & (rows["header.last_lsn"][until] > redo)
        )
        if holds.any():
            continue
        since_us = max(begin_us, int(rows["time_us"][beyond[0]]))
        due_us = since_us + limit_us
        fork = story.of("seen.Restored", database)["fork"]
        place = story.last_before("seen.Restored", database, seq + 1)
        if int(rows["header.fork"][beyond[0]]) != int(fork[place]):
            continue
        gone = (
            "truth.copy_gone",
            "truth.promoted",
            "seen.ValidationFailed",
            "seen.Delete",
        )
        if due_us >= end_us or not story.quiet_between(since_us, due_us):
            continue
        if story.any_within(gone, database, since_us, due_us):
            continue
        if _is_being_restored_past(story, database, due_us):
            continue
        if not told_between(story, database, STUCK, begin_us, due_us):
            yield Breach(
                "R8",
                int(rows["seq"][beyond[0]]),
                since_us,
                database,
                "a log is missing before one that waits, beyond the age limit, and no alert "
                "says so",
            )


def _is_being_restored_past(
    story: Story, database: int, at_us: int
) -> bool:
    """Return whether a full or an incremental is being restored then: what keeps the logs waiting
    is that restore, and how long it may take is asked elsewhere (a_standstill_is_told).
    """
    begun = story.of("seen.Restore", database)
    place = int(np.searchsorted(begun["time_us"], at_us, side="right")) - 1
    if place < 0:
        return False
    name = story.text(int(begun["name"][place]))
    since = int(begun["seq"][place])
    answered = any(
        (rows := story.of(kind, database))["time_us"][
            (rows["seq"] > since) & (rows["time_us"] <= at_us)
        ].size
        for kind in ("seen.Restored", "seen.RestoreFailed", "seen.NoRoom")
    )
    return kind_in_name(name) != LOG and not answered


def standstills(
    story: Story, database: int, longer_us: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the times in which nothing was restored for longer than that: begin, end, the row of
    the restore before it, and the position then. After the last restore to the run's end, too. At a
    store nothing waits for a copy that is gone.
    """
    keeps_files = story.scenario.store is not None
    rows = story.of("seen.Restored", database)
    times = rows["time_us"]
    if not len(times):
        return
    gaps = np.diff(np.append(times, story.end_us))
    for place in np.flatnonzero(gaps > longer_us).tolist():
        begin_us = int(times[place])
        end_us = begin_us + int(gaps[place])
        gone = ("truth.copy_gone",)
        if keeps_files and story.any_within(
            gone, database, begin_us, end_us
        ):
            continue
        yield (
            begin_us,
            end_us,
            int(rows["seq"][place]),
            int(rows["redo_lsn"][place]),
        )


def a_standstill_is_told(story: Story) -> Iterator[Breach]:
    """Logs that have landed wait, and nothing is restored for longer than may be (R12)."""
    scenario = story.scenario
    for database in story.databases:
        if not story.log_interval_us(database):
            continue
        limit_us = (
            scenario.replay.age_us + story.patience_us + story.retry_us
        )
        for begin_us, end_us, seq, redo in standstills(
            story, database, limit_us
        ):
            rows = story.of("truth.landed", database)
            waits = (
                (rows["kind"] == LOG)
                & (rows["intact"] == 1)
                & (rows["last_lsn"] > redo)
            )
            waits &= rows["time_us"] < end_us
            place = story.last_before("seen.Restored", database, seq + 1)
            waits &= (
                rows["fork"]
                == story.of("seen.Restored", database)["fork"][place]
            )
            found = np.flatnonzero(waits)
            if not len(found):
                continue
            since_us = max(begin_us, int(rows["time_us"][found[0]]))
            since_us = max(since_us, story.life_at(since_us)[0])
            due_us = since_us + limit_us
            if due_us >= end_us or not story.quiet_between(
                since_us, due_us
            ):
                continue
            if story.any_within(
                ("truth.promoted",), database, begin_us, due_us
            ):
                continue
            if lost_here(story, database, begin_us, due_us):
                continue
            early_us = begin_us - scenario.replay.age_us
            if not told_between(story, database, (), early_us, due_us):
                yield Breach(
                    "R12",
                    int(rows["seq"][found[0]]),
                    since_us,
                    database,
                    f"logs that have landed wait for {minutes_text(due_us - since_us)}, nothing is "
                    "restored, and no alert is raised",
                )


def late_landings_are_told(story: Story) -> Iterator[Breach]:
    """Where replay waits on purpose, a restore does not show that logs land late. So logs that land
    later than the age limit, for longer than a retry, are reported (R12): event 23, or that clocks
    differ.
    """
    replay = story.scenario.replay
    waits = replay.delay_us or replay.every_us
    if not waits or story.scenario.store is not None:
        return
    told = (LANDED_LATE, CLOCKS_DIFFER)
    for database in story.databases:
        rows = story.of("seen.Landed", database)
        since_us = -1
        known: set[int] = set()
        for place in range(len(rows["seq"])):
            name = int(rows["name"][place])
            if name in known or kind_in_name(story.text(name)) != LOG:
                continue
            known.add(name)
            seq = int(rows["seq"][place])
            if was_hashed_before(story, database, name, seq):
                continue
            at_us = int(rows["time_us"][place])
            late_us = int(rows["utc_us"][place])
            late_us -= int(rows["modified_utc_us"][place])
            if late_us <= replay.age_us or not story.quiet_between(
                at_us, at_us + SLACK_US
            ):
                since_us = -1
                continue
            if since_us < 0 or not story.quiet_between(since_us, at_us):
                since_us = at_us
                continue
            if at_us - since_us < story.retry_us:
                continue
            early_us = at_us - story.retry_us
            if not told_between(
                story, database, told, early_us, at_us + SLACK_US
            ):
                yield Breach(
                    "R12",
                    seq,
                    at_us,
                    database,
                    f"logs have landed too late for {minutes_text(at_us - since_us)}, and no "
                    "alert says so",
                )
                break


# ---- R10
def what_is_whole_is_not_told(story: Story) -> Iterator[Breach]:
    """No alert says that a log cannot be restored which is here and whole, and which the engine has
    never refused (R10).
    """
    for row, database in alerts_of_databases(story):
        name = row.values["name"]
        if row.values["event_id"] != ERRORS or kind_in_name(name) != LOG:
            continue
        number = story.text_id(name)
        whole = story.of("seen.Validated", database)
        passed = (whole["name"] == number) & (whole["seq"] < row.seq)
        if not passed.any() or _is_doubted(story, row, database, number):
            continue
        last = int(whole["seq"][passed][-1])
        asked = story.of("seen.Validate", database)
        again = (asked["name"] == number) & (asked["seq"] > last)
        if not (again & (asked["seq"] < row.seq)).any():
            yield Breach(
                "R10",
                row.seq,
                row.time_us,
                database,
                f"an alert says that {name} cannot be restored; it is here and whole, and was "
                "never refused",
            )


def _is_doubted(story: Story, row: Row, database: int, number: int) -> bool:
    """Return whether the engine has refused a log, or more was said of it since it was whole: it
    failed a hash, was lost, or the primary says that its name is another log's.
    """
    for kind in ("seen.RestoreFailed", "seen.NoRoom", "seen.Delete"):
        rows = story.of(kind, database)
        if ((rows["name"] == number) & (rows["seq"] < row.seq)).any():
            return True
    answers = story.of("seen.PrimaryAnswered", database)
    named = answers["covering_name"] == number
    if (named & (answers["seq"] < row.seq)).any():
        return True
    whole = story.of("seen.Validated", database)
    mine = (whole["name"] == number) & (whole["seq"] < row.seq)
    of = {story.text(int(each)) for each in whole["header.database"][mine]}
    if of != {story.name(database)} or _is_read(story, row, database):
        return True
    last = int(whole["seq"][mine][-1])
    failed = story.of("seen.ValidationFailed", database)
    later = (failed["name"] == number) & (failed["seq"] > last)
    return bool((later & (failed["seq"] < row.seq)).any())


def _is_read(story: Story, row: Row, database: int) -> bool:
    """Return whether the engine is at that log when the alert is raised: it may hang."""
    if restored_us(story, database, row.time_us) <= row.time_us:
        return False
    begun = story.of("seen.Restore", database)
    place = story.last_before("seen.Restore", database, row.seq)
    return bool(begun["name"][place] == story.text_id(row.values["name"]))


_LACKS = {ERRORS: "cannot be restored", WAITING: "waits"}


def only_what_lacks_is_told(story: Story) -> Iterator[Breach]:
    """No alert says that a log cannot be restored, or that it waits, whose range the database holds
    (R10).
    """
    for row, database in alerts_of_databases(story):
        name = row.values["name"]
        says = _LACKS.get(row.values["event_id"])
        if says is None or kind_in_name(name) != LOG:
            continue
        ends = log_end(story, database, name)
        _, redo = position_before(story, database, row.seq)
        gone = story.within("truth.copy_gone", database, 0, row.time_us)
        if ends is None or redo < ends or gone.stop > gone.start:
            continue
        if _can_be_known(story, database, name, row.seq):
            yield Breach(
                "R10",
                row.seq,
                row.time_us,
                database,
                f"an alert says that {name} {says}; the database holds its range",
            )


def _can_be_known(story: Story, database: int, name: str, seq: int) -> bool:
    """Return whether what was restored last was begun (a full or an incremental: finished) when
    that log had been finished. Nobody can read the range of one that is not whole.
    """
    landed = story.of("seen.Landed", database)
    found = np.flatnonzero(
        (landed["name"] == story.text_id(name)) & (landed["seq"] < seq)
    )
    place = story.last_before("seen.Restored", database, seq)
    restored = int(story.of("seen.Restored", database)["name"][place])
    header = last_header(story, database, restored, seq)
    if not len(found) or header is None:
        return False
    until_us = (
        header[0]
        if kind_in_name(story.text(restored)) == LOG
        else header[1]
    )
    return int(landed["modified_utc_us"][found[-1]]) <= until_us
