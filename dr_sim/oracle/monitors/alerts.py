"""The contract of alerts (R12, R13, and the limits of R8): exact texts, whole minutes, levels,
repetition, and that whatever is in trouble is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from dr_sim.oracle.monitors.story import (
    DAY_US,
    FULL,
    INCREMENTAL,
    LOG,
    MINUTE_US,
    SLACK_US,
    Breach,
    Story,
    kind_in_name,
    lost_here,
)
from dr_sim.record.journal import Row

SOURCE = "DR Log Replay"
MISSING, NO_NEW_LOGS, ERRORS, DAMAGED = 1, 2, 3, 4
NO_ROOM, NOT_PROTECTED, SET_UP, OVERDUE = 11, 19, 20, 22

_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
_RESTORE = r"\[(?P<minutes>\d+)\] minutes have passed since the last successful restore\."
_ERROR = r"The SQL error provided while restoring is: (?P<number>-?\d+) (?P<message>.*)"
TEXTS = {
    MISSING: re.compile(
        r"For database \[(?P<database>.*)\] there is a missing transaction log between "
        rf"\[(?P<since>none|{_TIME})\] and transaction log \[(?P<path>.*)\]\. {_RESTORE} {_ERROR}",
        re.DOTALL,
    ),
    NO_NEW_LOGS: re.compile(
        r"For database \[(?P<database>.*)\] no new transaction logs have been produced in the "
        r"last \[(?P<quiet>\d+)\] minutes\.",
        re.DOTALL,
    ),
    ERRORS: re.compile(
        r"Errors occurred for database \[(?P<database>.*)\] while restoring transaction log "
        rf"\[(?P<path>.*)\]\. {_RESTORE} {_ERROR}",
        re.DOTALL,
    ),
}
"""The three texts of R13, word for word."""

FAMILIES = (
    (MISSING, ERRORS),
    (NO_NEW_LOGS,),
    (NO_ROOM,),
    (NOT_PROTECTED,),
    (SET_UP,),
    (OVERDUE,),
)
"""Events of one danger: a log that is stuck may be a hole first and a refusal then."""
_FAMILY = {event: family for family in FAMILIES for event in family}
_STUCK = (MISSING, ERRORS, DAMAGED, NO_ROOM, NOT_PROTECTED, SET_UP)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _utc_text(utc_us: int) -> str:
    at = _EPOCH + timedelta(seconds=utc_us // 1_000_000)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _of_databases(story: Story) -> Iterator[tuple[Row, int]]:
    for row in story.rows("seen.RaiseAlert"):
        database = story.database(row.values["database"])
        if database >= 0:
            yield row, database


# ---- R13
def texts_are_right(story: Story) -> Iterator[Breach]:
    """The three texts, their source, what they name, and the time of the last restored log."""
    for row in story.rows("seen.RaiseAlert"):
        if row.values["source"] != SOURCE:
            yield Breach(
                "R13", row.seq, row.time_us, row.entity,
                f"an alert's source is {row.values['source']!r}, not {SOURCE!r}",
            )  # fmt: skip
    for row, database in _of_databases(story):
        form = TEXTS.get(row.values["event_id"])
        wrong = "" if form is None else _wrong_text(story, row, database, form)
        if wrong:
            yield Breach("R13", row.seq, row.time_us, database, wrong)


def _wrong_text(
    story: Story, row: Row, database: int, form: re.Pattern[str]
) -> str:
    event, text = row.values["event_id"], row.values["text"]
    said = form.fullmatch(text)
    if said is None:
        return f"the text of event {event} has not its form: {text[:80]!r}"
    parts = said.groupdict()
    if parts["database"] != row.values["database"]:
        return f"event {event} names another database than it is about"
    if "minutes" in parts and int(parts["minutes"]) != row.values["minutes"]:
        return f"event {event} says [{parts['minutes']}] minutes, and {row.values['minutes']}"
    if "path" in parts and not _is_full_path(
        story, database, parts["path"], row.values["name"]
    ):
        return f"event {event} does not give the full path of its file: [{parts['path']}]"
    if "since" in parts and parts["since"] not in _last_restored(
        story, database, row.seq
    ):
        return f"event {event}: the last restored log is not of [{parts['since']}]"
    if "quiet" in parts:
        return _wrong_quiet(story, database, row, int(parts["quiet"]))
    return ""


def _is_full_path(story: Story, database: int, path: str, name: str) -> bool:
    if (
        not path.endswith(name)
        or len(path) <= len(name)
        or path[-len(name) - 1] not in "/\\"
    ):
        return False
    mine = story.name(database)
    shares = [
        f.secondary_share
        for f in story.scenario.replication.folders
        if mine in f.databases
    ]
    return not shares or path[: -len(name) - 1] in shares


def _last_restored(story: Story, database: int, seq: int) -> set[str]:
    """Return the times that the last restored file may be said to be of: when its backup began or
    was finished. After a restart the one before it counts too: its record may have been lost.
    """
    restored = story.of("seen.Restored", database)
    place = story.last_before("seen.Restored", database, seq)
    times: set[str] = set()
    life = story.life_at(_time_of(story, seq))[0]
    for at in range(place, max(-1, place - 3), -1):
        if at < place and restored["time_us"][place] >= life:
            break
        header = _header(story, database, int(restored["name"][at]), seq)
        if header is not None:
            times |= {_utc_text(header[0]), _utc_text(header[1])}
    if place < 0 or (place < 2 and restored["time_us"][place] < life):
        times.add("none")
    return times


def _time_of(story: Story, seq: int) -> int:
    return story.journal.row(seq).time_us


def _header(
    story: Story, database: int, name: int, seq: int
) -> tuple[int, int] | None:
    """Return when the backup of that name began and was finished, as its header told last."""
    rows = story.of("seen.Validated", database)
    before = int(np.searchsorted(rows["seq"], seq))
    found = np.flatnonzero(rows["name"][:before] == name)
    if not len(found):
        return None
    last = found[-1]
    return (
        int(rows["header.started_utc_us"][last]),
        int(rows["header.finished_utc_us"][last]),
    )


def _wrong_quiet(story: Story, database: int, row: Row, quiet: int) -> str:
    """Return what is wrong with the minutes of silence, where one life has seen all of it."""
    landed_us = _last_new_log_us(story, database, row.seq)
    life = story.life_at(row.time_us)[0]
    if landed_us < 0 and life == story.first_start_us:
        landed_us = life
    if landed_us < life or story.failover_within(landed_us, row.time_us):
        return ""
    whole = (row.time_us - landed_us) // MINUTE_US
    # one that has come again, as it was lost here, may be taken for new
    again_us = _last_new_log_us(story, database, row.seq, again=True)
    if (
        not (row.time_us - max(again_us, landed_us)) // MINUTE_US
        <= quiet
        <= whole
    ):
        return f"event 2 says [{quiet}] minutes; the last new log landed {whole} whole minutes ago"
    return ""


def _last_new_log_us(
    story: Story, database: int, seq: int, again: bool = False
) -> int:
    """Return when a log of a new name (again: of any) was last told to have landed; -1: never."""
    rows = story.of("seen.Landed", database)
    before = int(np.searchsorted(rows["seq"], seq))
    names = rows["name"][:before]
    for place in range(before - 1, -1, -1):
        if kind_in_name(story.text(names[place])) != LOG:
            continue
        if again or not (names[:place] == names[place]).any():
            return int(rows["time_us"][place])
    return -1


# ---- R12: minutes and levels
def minutes_are_right(story: Story) -> Iterator[Breach]:
    """Whole minutes since the last successful restore of that database."""
    for row, database in _of_databases(story):
        allowed = _minutes_allowed(story, row, database)
        if row.values["minutes"] not in allowed:
            yield Breach(
                "R12", row.seq, row.time_us, database,
                f"an alert says {row.values['minutes']} minutes since the last successful "
                f"restore; it is {min(allowed)}",
            )  # fmt: skip


def _minutes_allowed(story: Story, row: Row, database: int) -> set[int]:
    """Return what may be said: by the last restore; after a restart since then also by the one
    before it, as its record may have been lost, and by what the engine did unseen.
    """
    restored = story.of("seen.Restored", database)
    place = story.last_before("seen.Restored", database, row.seq)
    life = story.life_at(row.time_us)[0]
    times = (
        [int(restored["time_us"][place])]
        if place >= 0
        else [story.first_start_us]
    )
    if times[0] < life:
        before = restored["time_us"][max(0, place - 2) : place]
        times += before.tolist() + [story.first_start_us] * (place < 3)
        done = story.of("truth.restored", database)["time_us"]
        times += done[: int(np.searchsorted(done, row.time_us, side="right"))][
            -1:
        ].tolist()
    return {(row.time_us - at) // MINUTE_US for at in times}


def levels_are_right(story: Story) -> Iterator[Breach]:
    """Error at first, critical once the same danger has lasted (R12)."""
    critical_us = story.scenario.replay.critical_after_us
    begun: dict[tuple[str, tuple[int, ...]], int] = {}
    ever: dict[tuple[str, tuple[int, ...]], int] = {}
    last: dict[tuple[str, tuple[int, ...]], Row] = {}
    for row in story.rows("seen.RaiseAlert"):
        event = row.values["event_id"]
        family = _FAMILY.get(event, (6, 7) if event in (6, 7) else (event,))
        family = (8, 18) if event in (8, 18) else family
        key = (row.values["database"], family)
        first = ever.setdefault(key, _could_have_begun(story, row.time_us))
        before = last.get(key)
        if before is None or not _goes_on(story, before, row):
            begun[key] = row.time_us
        last[key] = row
        critical = row.values["level"] == "critical"
        if critical and row.time_us - first < critical_us:
            yield Breach(
                "R12", row.seq, row.time_us, row.entity,
                f"event {event} is critical {_minutes(row.time_us - first)} after it was first "
                f"raised; the limit is {_minutes(critical_us)}",
            )  # fmt: skip
        if (
            not critical
            and event in _FAMILY
            and row.time_us - begun[key] >= critical_us
        ):
            yield Breach(
                "R12", row.seq, row.time_us, row.entity,
                f"event {event} is no critical alert {_minutes(row.time_us - begun[key])} after "
                "it was first raised, and nothing has changed since",
            )  # fmt: skip


def _could_have_begun(story: Story, time_us: int) -> int:
    """Return when a danger first told then may have been noted: a crash may have fallen between
    the note and the telling.
    """
    recent = [
        end for _, end in story.lives if end < time_us <= end + 60 * MINUTE_US
    ]
    return min(recent, default=time_us)


def _goes_on(story: Story, before: Row, row: Row) -> bool:
    """Return whether the same danger has lasted from one alert to the next: told again in time,
    and nothing came between that could have ended it.
    """
    if row.time_us - before.time_us > story.retry_us + SLACK_US:
        return False
    database = story.database(row.values["database"])
    if database < 0:
        return False
    kinds = ["seen.Restored"]
    if row.values["event_id"] == NO_NEW_LOGS:
        kinds.append("seen.Landed")
    if any(
        (found := story.between(kind, database, before.seq, row.seq)).stop
        > found.start
        for kind in kinds
    ):
        return False
    return story.quiet_between(before.time_us, row.time_us)


def _minutes(us: int) -> str:
    return f"{us / MINUTE_US:.3g} min"


# ---- R12: again at every retry
def told_again_at_every_retry(story: Story) -> Iterator[Breach]:
    """An alert once raised is raised again at every retry, until its danger is over."""
    following: dict[tuple[int, tuple[int, ...]], list[Row]] = {}
    for row, database in _of_databases(story):
        family = _FAMILY.get(row.values["event_id"])
        if family is not None:
            following.setdefault((database, family), []).append(row)
    for (database, _), told in following.items():
        times = [row.time_us for row in told]
        for row, next_us in zip(
            told, [*times[1:], story.end_us + DAY_US], strict=True
        ):
            due_us = row.time_us + story.retry_us + SLACK_US
            if next_us <= due_us:
                continue
            if _may_be_over(story, row, database, due_us):
                continue
            yield Breach(
                "R12", row.seq, row.time_us, database,
                f"event {row.values['event_id']} is not raised again at the next retry, and "
                "nothing has ended its danger",
            )  # fmt: skip


def _may_be_over(story: Story, row: Row, database: int, due_us: int) -> bool:
    if due_us > story.end_us or not story.quiet_between(row.time_us, due_us):
        return True
    event = row.values["event_id"]
    kinds = ["seen.Restored", "truth.copy_gone", "truth.promoted"]
    if event == NO_NEW_LOGS:
        kinds = ["seen.Landed", "truth.promoted"]
    if event == OVERDUE:
        kinds = [
            "seen.Validated",
            "seen.ValidationFailed",
            "truth.copy_gone",
            "truth.promoted",
        ]
    if story.any_within(kinds, database, row.time_us, due_us):
        return True
    if event == NOT_PROTECTED:
        first = story.last_before("seen.Restored", database, row.seq) < 0
        return (
            first or story.of("truth.copy_gone", database)["time_us"].size == 0
        )
    if event == NO_NEW_LOGS:
        return False
    others = [
        each
        for each in story.rows("seen.RaiseAlert")
        if row.seq < each.seq
        and each.time_us <= due_us
        and each.values["database"] == row.values["database"]
        and each.values["event_id"] in _STUCK
    ]
    return bool(others) or _news_of_files(story, row, database, due_us)


def _news_of_files(story: Story, row: Row, database: int, due_us: int) -> bool:
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


def position_before(story: Story, database: int, seq: int) -> tuple[int, int]:
    """Return where a database stood, as (fork, LSN), by the last restore before a row."""
    place = story.last_before("seen.Restored", database, seq)
    if place < 0:
        return -1, -1
    rows = story.of("seen.Restored", database)
    return int(rows["fork"][place]), int(rows["redo_lsn"][place])


# ---- R8 and R12: whatever is in trouble is told
def trouble_is_told(story: Story) -> Iterator[Breach]:
    """A log that is damaged, refused or missing for longer than the age limit is told of."""
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
            if due_us is None or _is_well(story, row, database, due_us):
                continue
            if not _told_between(
                story, database, _STUCK, row.time_us - SLACK_US, due_us
            ):
                yield Breach(
                    "R8", row.seq, row.time_us, database,
                    f"log {name} is in trouble beyond its limits, and no alert is raised",
                )  # fmt: skip


def _bad_fulls(story: Story, database: int) -> Iterator[Breach]:
    """A full or an incremental that no copy makes whole is told of (R12): event 4, which is not
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
        limit_us = max(tries_us, replay.age_us) + 2 * story.retry_us + SLACK_US
        due_us = _due_without_a_copy(story, row, limit_us)
        if due_us >= story.end_us or not story.quiet_between(
            row.time_us, due_us
        ):
            continue
        whole = story.within(
            "seen.Validated", database, row.time_us + 1, due_us
        )
        if (
            story.of("seen.Validated", database)["header.kind"][whole] != LOG
        ).any():
            continue
        ended = ("seen.Delete", "truth.promoted")
        if story.any_within(ended, database, row.time_us, due_us):
            continue
        if not _told_between(story, database, _STUCK, row.time_us, due_us):
            yield Breach(
                "R12", row.seq, row.time_us, database,
                f"{name} is damaged, no copy has made it whole, and no alert says so",
            )  # fmt: skip


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
    named = np.flatnonzero(landed["name"] == story.text_id(row.values["name"]))
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
    """Return when a log in trouble is to be told of: at the age limit since it was finished, by
    the clocks that the logic has, and a retry.
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
    wait_us = max(0, story.scenario.replay.age_us - age_us)
    return row.time_us + wait_us + story.retry_us + SLACK_US


def _is_well(story: Story, row: Row, database: int, due_us: int) -> bool:
    if due_us >= story.end_us or not story.quiet_between(row.time_us, due_us):
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
    return _passed(story, database, row.values["name"], due_us)


def _passed(story: Story, database: int, name: str, until_us: int) -> bool:
    """Return whether the database holds by then what that log was made to hold."""
    ends = log_end(story, database, name)
    if ends is None:
        return True
    done = story.within("seen.Restored", database, 0, until_us)
    rows = story.of("seen.Restored", database)
    return done.stop == 0 or int(rows["redo_lsn"][done.stop - 1]) >= ends


def log_end(story: Story, database: int, name: str) -> int | None:
    """Return where the log of that name ends in truth, whole or not; None if nobody knows."""
    landed = story.of("truth.landed", database)
    found = np.flatnonzero(landed["name"] == story.text_id(name))
    if not len(found):
        return None
    begun = story.of("truth.backup_begin", database)
    of_file = np.flatnonzero(begun["file"] == landed["file"][found[-1]])
    return int(begun["last_lsn"][of_file[-1]]) if len(of_file) else None


def _told_between(
    story: Story,
    database: int,
    events: tuple[int, ...],
    from_us: int,
    until_us: int,
) -> bool:
    name = story.name(database)
    return any(
        from_us <= row.time_us <= until_us
        and row.values["database"] == name
        and (not events or row.values["event_id"] in events)
        for row in story.rows("seen.RaiseAlert")
    )


def _holes(story: Story, database: int) -> Iterator[Breach]:
    """A log beyond the database's position waits, none that holds the position is here."""
    scenario = story.scenario
    limit_us = (
        story.log_interval_us(database)
        + scenario.replay.age_us
        + 2 * story.retry_us
    )
    limit_us += SLACK_US
    for begin_us, end_us, seq, redo in standstills(story, database, limit_us):
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
        if not _told_between(story, database, _STUCK, begin_us, due_us):
            yield Breach(
                "R8", int(rows["seq"][beyond[0]]), since_us, database,
                "a log is missing before one that waits, beyond the age limit, and no alert "
                "says so",
            )  # fmt: skip


def standstills(
    story: Story, database: int, longer_us: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the times in which nothing was restored for longer than that: begin, end, the row of
    the restore before it, and the position then. After the last restore to the run's end, too.
    """
    rows = story.of("seen.Restored", database)
    times = rows["time_us"]
    if not len(times):
        return
    gaps = np.diff(np.append(times, story.end_us))
    for place in np.flatnonzero(gaps > longer_us).tolist():
        begin_us = int(times[place])
        yield (
            begin_us,
            begin_us + int(gaps[place]),
            int(rows["seq"][place]),
            int(rows["redo_lsn"][place]),
        )


def a_standstill_is_told(story: Story) -> Iterator[Breach]:
    """Logs that have landed wait, and nothing is restored for longer than may be (R12)."""
    scenario = story.scenario
    for database in story.databases:
        if not story.log_interval_us(database):
            continue
        limit_us = scenario.replay.age_us + story.patience_us + story.retry_us
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
            if due_us >= end_us or not story.quiet_between(since_us, due_us):
                continue
            if story.any_within(
                ("truth.promoted",), database, begin_us, due_us
            ):
                continue
            if lost_here(story, database, begin_us, due_us):
                continue
            early_us = begin_us - scenario.replay.age_us
            if not _told_between(story, database, (), early_us, due_us):
                yield Breach(
                    "R12", int(rows["seq"][found[0]]), since_us, database,
                    f"logs that have landed wait for {_minutes(due_us - since_us)}, nothing is "
                    "restored, and no alert is raised",
                )  # fmt: skip


# ---- R10
def only_what_lacks_is_told(story: Story) -> Iterator[Breach]:
    """No alert says that a log cannot be restored whose range the database holds (R10)."""
    for row, database in _of_databases(story):
        name = row.values["name"]
        if row.values["event_id"] != ERRORS or kind_in_name(name) != LOG:
            continue
        ends = log_end(story, database, name)
        _, redo = position_before(story, database, row.seq)
        gone = story.within("truth.copy_gone", database, 0, row.time_us)
        if ends is None or redo < ends or gone.stop > gone.start:
            continue
        if _can_be_known(story, database, name, row.seq):
            yield Breach(
                "R10", row.seq, row.time_us, database,
                f"an alert says that {name} cannot be restored; the database holds its range",
            )  # fmt: skip


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
    header = _header(story, database, restored, seq)
    if not len(found) or header is None:
        return False
    until_us = (
        header[0] if kind_in_name(story.text(restored)) == LOG else header[1]
    )
    return int(landed["modified_utc_us"][found[-1]]) <= until_us
