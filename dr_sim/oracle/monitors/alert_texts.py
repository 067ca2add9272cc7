"""The words of alerts (R13) and their minutes (R12): exact texts, whole minutes, what they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from dr_sim.oracle.monitors.alert_rows import (
    CLOCKS_DIFFER,
    ERRORS,
    LAGGING,
    LANDED_LATE,
    MISSING,
    NO_NEW_LOGS,
    WAITING,
    alerts_of_databases,
    last_header,
    last_new_log_us,
    position_before,
)
from dr_sim.oracle.monitors.story import (
    FULL,
    LOG,
    MINUTE_US,
    Breach,
    Story,
    kind_in_name,
)
from dr_sim.record.journal import Row

SOURCE = "DR Log Replay"

_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
_RESTORE = r"\[(?P<minutes>\d+)\] minutes have passed since the last successful restore\."
_ERROR = (
    r"The SQL error provided while restoring is: "
    r"(?P<number>-?\d{1,5}|[0-9A-Z]{5}) (?P<message>.*)"
)
"""A number of at most five digits (SQL Server's, dr_sim's), or PostgreSQL's SQLSTATE."""
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
        r"Errors occurred for database \[(?P<database>.*)\] while restoring "
        r"(?P<what>transaction log|backup file) "
        rf"\[(?P<path>.*)\]\. {_RESTORE} {_ERROR}",
        re.DOTALL,
    ),
}
"""The three texts of R13, word for word; (c) calls a full or an incremental a backup file."""
_LATE = re.compile(r"\[(?P<minutes>-?\d+)\] minutes after it was finished")
_WAIT = re.compile(r"\[(?P<files>\d+)\] backup files wait")
_SAY_OF_A_LOG = (
    "seen.Validated",
    "seen.Validate",
    "seen.ValidationFailed",
    "seen.Landed",
    "seen.Delete",
)
_CLOCK = re.compile(r"^clock of the ")
_CLOCKS_AGREE_US = 6 * MINUTE_US
"""Two clocks are taken for right that differ by five minutes, and minutes are whole."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _utc_text(utc_us: int) -> str:
    at = _EPOCH + timedelta(seconds=utc_us // 1_000_000)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- R13
def texts_are_right(story: Story) -> Iterator[Breach]:
    """The three texts, their source, what they name, and the time of the last restored log."""
    for row in story.rows("seen.RaiseAlert"):
        if row.values["source"] != SOURCE:
            yield Breach(
                "R13",
                row.seq,
                row.time_us,
                row.entity,
                f"an alert's source is {row.values['source']!r}, not {SOURCE!r}",
            )
    for row, database in alerts_of_databases(story):
        form = TEXTS.get(row.values["event_id"])
        wrong = (
            "" if form is None else _wrong_text(story, row, database, form)
        )
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
    if (
        "minutes" in parts
        and int(parts["minutes"]) != row.values["minutes"]
    ):
        return f"event {event} says [{parts['minutes']}] minutes, and {row.values['minutes']}"
    if "path" in parts and not _is_full_path(
        story, database, parts["path"], row.values["name"]
    ):
        return f"event {event} does not give the full path of its file: [{parts['path']}]"
    is_log = kind_in_name(row.values["name"]) == LOG
    if "what" in parts and (parts["what"] == "transaction log") != is_log:
        return f"event {event} calls {row.values['name']} a {parts['what']}"
    if "since" in parts and parts["since"] not in _last_restored(
        story, database, row.seq
    ):
        return f"event {event}: the last restored log is not of [{parts['since']}]"
    if event == MISSING and _is_behind_no_hole(story, database, row):
        name = row.values["name"]
        return (
            f"event 1: nothing is missing between the database and {name}"
        )
    if "quiet" in parts:
        return _wrong_quiet(story, database, row, int(parts["quiet"]))
    return ""


def _is_behind_no_hole(story: Story, database: int, row: Row) -> bool:
    """Return whether the log that is said to lie behind a hole begins where the database stands, or
    before that, on the same fork.
    """
    fork, redo = position_before(story, database, row.seq)
    rows = story.of("seen.Validated", database)
    mine = rows["name"] == story.text_id(row.values["name"])
    mine &= (rows["seq"] < row.seq) & (rows["header.fork"] == fork)
    first = rows["header.first_lsn"][mine]
    return bool(len(first) and first[-1] <= redo)


def _is_full_path(
    story: Story, database: int, path: str, name: str
) -> bool:
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
        header = last_header(
            story, database, int(restored["name"][at]), seq
        )
        if header is not None:
            times |= {_utc_text(header[0]), _utc_text(header[1])}
    if place < 0 or (place < 2 and restored["time_us"][place] < life):
        times.add("none")
    return times


def _time_of(story: Story, seq: int) -> int:
    return story.journal.row(seq).time_us


def _wrong_quiet(story: Story, database: int, row: Row, quiet: int) -> str:
    """Return what is wrong with the minutes of silence, where one life has seen all of it."""
    landed_us = last_new_log_us(story, database, row.seq)
    life = story.life_at(row.time_us)[0]
    if landed_us < 0 and life == story.first_start_us:
        landed_us = life
    if landed_us < life or story.failover_within(landed_us, row.time_us):
        return ""
    whole = (row.time_us - landed_us) // MINUTE_US
    # one that has come again, as it was lost here, may be taken for new
    again_us = last_new_log_us(story, database, row.seq, again=True)
    if (
        not (row.time_us - max(again_us, landed_us)) // MINUTE_US
        <= quiet
        <= whole
    ):
        return f"event 2 says [{quiet}] minutes; the last new log landed {whole} whole minutes ago"
    return ""


# ---- R13: how late a log is
def lateness_is_right(story: Story) -> Iterator[Breach]:
    """How late a log was restored, or has landed, is told right though a clock is wrong: the
    primary has been asked what its clock shows. Where a log is late beyond the limit that is told,
    not that clocks differ.
    """
    replay = story.scenario.replay
    on_purpose_us = replay.delay_us + replay.every_us
    for row, database in alerts_of_databases(story):
        event = row.values["event_id"]
        if event not in (LAGGING, LANDED_LATE, CLOCKS_DIFFER):
            continue
        late_us = _really_late_us(story, row, database)
        if late_us is None:
            continue
        if event == CLOCKS_DIFFER:
            plain = not on_purpose_us and story.scenario.store is None
            if plain and late_us > replay.age_us + _CLOCKS_AGREE_US:
                yield Breach(
                    "R12",
                    row.seq,
                    row.time_us,
                    database,
                    f"{row.values['name']} is {late_us // MINUTE_US} minutes late, and only the "
                    "clocks are told of",
                )
            continue
        if event == LAGGING:
            late_us -= on_purpose_us
        said = _LATE.search(row.values["text"])
        if said is None:
            continue
        if (
            abs(int(said["minutes"]) * MINUTE_US - late_us)
            > _CLOCKS_AGREE_US
        ):
            yield Breach(
                "R13",
                row.seq,
                row.time_us,
                database,
                f"event {event} says that {row.values['name']} is [{said['minutes']}] minutes "
                f"late; it is {late_us // MINUTE_US}",
            )


def _really_late_us(story: Story, row: Row, database: int) -> int | None:
    """Return how long ago the backup that an alert names was really finished; None: a clock has
    been set since, the primary has not said what its clock shows, or other bytes than its own have
    landed under its name (those of an older backup tell when that one was finished).
    """
    made = story.of("truth.backup_finished", database)
    mine = made["name"] == story.text_id(row.values["name"])
    finished = made["time_us"][mine & (made["seq"] < row.seq)]
    if len(finished) != 1 or not _landed_as_made(story, row, database):
        return None
    asked_us = (
        row.time_us - story.retry_us - story.log_interval_us(database)
    )
    since_us = min(int(finished[0]), asked_us)
    for each in story.rows("truth.event"):
        if since_us <= each.time_us <= row.time_us and _CLOCK.match(
            each.values["detail"]
        ):
            return None
    if not story.quiet_between(since_us, row.time_us):
        return None
    found = story.within(
        "seen.PrimaryAnswered", database, asked_us, row.time_us
    )
    heard = story.of("seen.PrimaryAnswered", database)["reachable"][found]
    if not len(heard) or not heard.all():
        return None
    return row.time_us - int(finished[0])


def _landed_as_made(story: Story, row: Row, database: int) -> bool:
    """Return whether each file of the name that an alert bears has landed here whole until then."""
    landed = story.of("truth.landed", database)
    mine = landed["name"] == story.text_id(row.values["name"])
    mine &= landed["seq"] < row.seq
    return bool(landed["intact"][mine].all())


# ---- R13: how many logs wait
def the_number_that_waits_is_right(story: Story) -> Iterator[Breach]:
    """Event 18 says how many logs have landed and are not restored. One that has landed, and of
    which it is not known whether it is whole, may count or not. Behind a new primary files may lie
    here from before.
    """
    if story.journal.since_us:
        return
    for row, database in alerts_of_databases(story):
        said = _WAIT.search(row.values["text"])
        if row.values["event_id"] != WAITING or said is None:
            continue
        if not story.log_interval_us(database):
            continue
        allowed = _waiting(story, database, row)
        if allowed is not None and int(said["files"]) not in allowed:
            yield Breach(
                "R13",
                row.seq,
                row.time_us,
                database,
                f"event 18 says that [{said['files']}] files wait; {allowed.start} do",
            )


def _waiting(story: Story, database: int, row: Row) -> range | None:
    """Return how many logs may be said to wait; None: the manager has died or the copy was lost
    since the last restore, or a log is of another fork.
    """
    fork, redo = position_before(story, database, row.seq)
    place = story.last_before("seen.Restored", database, row.seq)
    if place < 0 or not _stands_since(story, database, place, row):
        return None
    rows = story.of("seen.Validated", database)
    logs = (rows["seq"] < row.seq) & (rows["header.kind"] == LOG)
    if (rows["header.fork"][logs] != fork).any():
        return None
    named = rows["name"] == story.text_id(row.values["name"])
    full = named & (rows["seq"] < row.seq) & (rows["header.kind"] == FULL)
    if full.any():  # it takes the place of the copy, and is one of them
        redo = int(rows["header.last_lsn"][full][-1])
    ahead = logs & (rows["header.last_lsn"] > redo)
    known = set(rows["name"][rows["seq"] < row.seq].tolist())
    sure = unsure = 0
    for name in set(rows["name"][ahead].tolist()):
        last = _last_said(story, database, name, row.seq)
        sure += last == "seen.Validated"
        unsure += last in ("seen.Validate", "seen.Landed")
    landed = story.of("seen.Landed", database)
    for name in (
        set(landed["name"][landed["seq"] < row.seq].tolist()) - known
    ):
        if kind_in_name(story.text(name)) == LOG:
            unsure += 1
    if full.any():  # a failover may stop before some of the logs
        return range(1, sure + unsure + 2)
    least = max(1, sure)
    return range(least, max(least, sure + unsure) + 1)


def _stands_since(
    story: Story, database: int, place: int, row: Row
) -> bool:
    """Return whether the copy stands where the restore of that place has left it."""
    rows = story.of("seen.Restored", database)
    lost = ("truth.copy_gone", "seen.Drop", "seen.RestoreFailed")
    if story.any_between(lost, database, int(rows["seq"][place]), row.seq):
        return False
    return story.up_between(int(rows["time_us"][place]), row.time_us)


def _last_said(story: Story, database: int, name: int, seq: int) -> str:
    """Return the kind of the last row before another one that says anything of a file."""
    last_seq, last = -1, ""
    for kind in _SAY_OF_A_LOG:
        rows = story.of(kind, database)
        mine = rows["seq"][(rows["name"] == name) & (rows["seq"] < seq)]
        if len(mine) and int(mine[-1]) > last_seq:
            last_seq, last = int(mine[-1]), kind
    return last


# ---- R12: minutes and levels
def minutes_are_right(story: Story) -> Iterator[Breach]:
    """Whole minutes since the last successful restore of that database."""
    for row, database in alerts_of_databases(story):
        allowed = _minutes_allowed(story, row, database)
        if row.values["minutes"] not in allowed:
            yield Breach(
                "R12",
                row.seq,
                row.time_us,
                database,
                f"an alert says {row.values['minutes']} minutes since the last successful "
                f"restore; it is {min(allowed)}",
            )


def _minutes_allowed(story: Story, row: Row, database: int) -> set[int]:
    """Return what may be said: by the last restore; after a restart since then also by the one
    before it, as its record may have been lost, and by what the engine did unseen. Before the first
    restore: by the start of the manager.
    """
    restored = story.of("seen.Restored", database)
    place = story.last_before("seen.Restored", database, row.seq)
    life = story.life_at(row.time_us)[0]
    times = (
        [int(restored["time_us"][place])]
        if place >= 0
        else _starts_us(story, row.time_us)
    )
    if times[0] < life:
        before = restored["time_us"][max(0, place - 2) : max(0, place)]
        times += before.tolist()
        if place < 3:
            times += _starts_us(story, row.time_us)
        done = story.of("truth.restored", database)["time_us"]
        times += done[
            : int(np.searchsorted(done, row.time_us, side="right"))
        ][-1:].tolist()
    return {(row.time_us - at) // MINUTE_US for at in times}


def _starts_us(story: Story, time_us: int) -> list[int]:
    """Return when the manager may have begun to count: at its first start; where it died before it
    could keep what it had found then, at the next one too.
    """
    looked = story["seen.Inventory"]["time_us"]
    starts = []
    for begin_us, end_us in story.lives:
        if begin_us > time_us:
            break
        starts.append(begin_us)
        found = looked[(looked >= begin_us) & (looked <= end_us)]
        if len(found) and found[0] < end_us:
            break
    return starts or [story.first_start_us]
