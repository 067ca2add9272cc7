"""Reads what monitors of alerts share: which events there are, which belong to one danger, and
where a database and a log stood when an alert was raised.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dr_sim.oracle.monitors.story import (
    LOG,
    MINUTE_US,
    Story,
    kind_in_name,
    was_hashed_before,
)
from dr_sim.record.journal import Row

MISSING, NO_NEW_LOGS, ERRORS, DAMAGED = 1, 2, 3, 4
NO_ROOM, NOT_PROTECTED, SET_UP, OVERDUE, FULL_OVERDUE = 11, 19, 20, 22, 24
LAGGING, WAITING, LANDED_LATE = 8, 18, 23
CLOCKS_DIFFER = 16

FAMILIES = (
    (MISSING, ERRORS),
    (NO_NEW_LOGS,),
    (NO_ROOM,),
    (NOT_PROTECTED,),
    (SET_UP,),
    (OVERDUE,),
    (FULL_OVERDUE,),
)
"""Events of one danger: a log that is stuck may be a hole first and a refusal then."""
FAMILY = {event: family for family in FAMILIES for event in family}
STUCK = (MISSING, ERRORS, DAMAGED, NO_ROOM, NOT_PROTECTED, SET_UP)


def alerts_of_databases(story: Story) -> Iterator[tuple[Row, int]]:
    """Yield each alert that names a database of the run, with that database's id."""
    for row in story.rows("seen.RaiseAlert"):
        database = story.database(row.values["database"])
        if database >= 0:
            yield row, database


def last_header(
    story: Story, database: int, name: int, seq: int
) -> tuple[int, int] | None:
    """Return when the backup of that name began and was finished, by the header that was reported
    last. A manager that continues with files of before knows the headers of those.
    """
    rows = story.of("seen.Validated", database)
    before = int(np.searchsorted(rows["seq"], seq))
    found = np.flatnonzero(rows["name"][:before] == name)
    if not len(found):
        return _header_of_carried(story, database, name)
    last = found[-1]
    return (
        int(rows["header.started_utc_us"][last]),
        int(rows["header.finished_utc_us"][last]),
    )


def _header_of_carried(
    story: Story, database: int, name: int
) -> tuple[int, int] | None:
    """Return when a backup of before began and was finished; None if it was not taken over."""
    made = story.of("truth.backup_finished", database)
    numbers = made["file"][made["name"] == name]
    rows = story.of("truth.carried", database)
    found = np.flatnonzero(np.isin(rows["file"], numbers))
    if not len(found):
        return None
    one = found[0]
    return (
        int(rows["started_utc_us"][one]),
        int(rows["finished_utc_us"][one]),
    )


def minutes_text(us: int) -> str:
    """Return a duration in minutes with three digits, as the monitors' sentences say it."""
    return f"{us / MINUTE_US:.3g} min"


def position_before(
    story: Story, database: int, seq: int
) -> tuple[int, int]:
    """Return where a database stood, as (fork, LSN), by the last restore before a row."""
    place = story.last_before("seen.Restored", database, seq)
    if place < 0:
        return -1, -1
    rows = story.of("seen.Restored", database)
    return int(rows["fork"][place]), int(rows["redo_lsn"][place])


def log_end(story: Story, database: int, name: str) -> int | None:
    """Return where the log of that name ends in truth, whole or not; None if nobody knows."""
    landed = story.of("truth.landed", database)
    found = np.flatnonzero(landed["name"] == story.text_id(name))
    if not len(found):
        return None
    begun = story.of("truth.backup_begin", database)
    of_file = np.flatnonzero(begun["file"] == landed["file"][found[-1]])
    return int(begun["last_lsn"][of_file[-1]]) if len(of_file) else None


def told_between(
    story: Story,
    database: int,
    events: tuple[int, ...],
    from_us: int,
    until_us: int,
) -> bool:
    """Return whether one of those events (none given: any) was raised about a database by then."""
    name = story.name(database)
    return any(
        from_us <= row.time_us <= until_us
        and row.values["database"] == name
        and (not events or row.values["event_id"] in events)
        for row in story.rows("seen.RaiseAlert")
    )


def last_new_log_us(
    story: Story, database: int, seq: int, again: bool = False
) -> int:
    """Return when a log of a new name (again: of any) was last told to have landed; -1: never. One
    that landed while no manager ran was in its inventory: it is not new when it is copied again.
    """
    last = story.last_before("seen.Landed", database, seq)
    # silence is told many times after one log
    return story.once(
        ("last new log", database, last, again),
        lambda: _new_log_us(story, database, last, again),
    )


def _new_log_us(story: Story, database: int, last: int, again: bool) -> int:
    """Return the same. last: the place of the landing that was told last."""
    rows = story.of("seen.Landed", database)
    first = story.first_places("seen.Landed", database)
    for place in range(last, -1, -1):
        if not (first[place] == place or again):
            continue
        name = int(rows["name"][place])
        if kind_in_name(story.text(name)) != LOG:
            continue
        at = int(rows["seq"][place])
        if again or not was_hashed_before(story, database, name, at):
            return int(rows["time_us"][place])
    return -1
