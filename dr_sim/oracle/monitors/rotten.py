"""Fulls that were asked for and hold rotten pages: for how long the next one waits (R11).

Each full that the primary takes holds the pages that have rotted there. So after one that people
name, the next one is asked for an hour later, and each time that this happens again after twice
that time, up to a day, until the pages are sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from dr_sim.oracle.monitors.story import (
    FULL,
    HOUR_US,
    Story,
    kind_in_name,
    rot_said,
)
from dr_sim.record.journal import Row

_LONGEST_US = 24 * HOUR_US


@dataclass(slots=True)
class Wait:
    """since: the row with which a full was asked for and is called rotten. until_us: the end of the
    wait for the next one.
    """

    since: Row
    until_us: int

    def holds_at(self, time_us: int) -> bool:
        """Return whether the instant lies in the wait."""
        return self.since.time_us <= time_us < self.until_us


def waits_of(story: Story, database: int) -> list[Wait]:
    """Return the waits of a database, in order."""
    said = rot_said(story, database)
    waits: list[Wait] = []
    in_a_row = 0
    for row in _about_rot(story, database, said) if said else []:
        if _ends_it(row, said) or story.failing_over(row.seq):
            in_a_row = 0
            if waits:
                waits[-1].until_us = min(waits[-1].until_us, row.time_us)
        elif row.kind == "seen.BackupTaken":
            since = _later(row, said)
            wait_us = min(HOUR_US << in_a_row, _LONGEST_US)
            waits.append(Wait(since, since.time_us + wait_us))
            in_a_row += 1
    return waits


def _about_rot(
    story: Story, database: int, said: dict[str, Row]
) -> list[Row]:
    """Return, in the order in which people can know, the requests for fulls, the answers that name
    a rotten one, and what shows that the pages are sound. A full that was whole here before anybody
    called it rotten was not asked for in vain; nor was one in whose place another had come by then.
    """
    found: list[tuple[int, Row]] = []
    for kind in ("seen.TakeBackup", "seen.PagesSound", "seen.Landed"):
        for row in story.rows(kind):
            if row.entity == database:
                found.append((row.seq, row))
    whole: dict[str, int] = {}
    for row in story.rows_of("seen.Validated", database):
        whole.setdefault(row.values["name"], row.seq)
    taken = [
        row
        for row in story.rows_of("seen.BackupTaken", database)
        if row.values["kind"] == FULL
    ]
    for row, following in zip_longest(taken, taken[1:]):
        name = row.values["name"]
        if name not in said:
            continue
        seq = said[name].seq
        another = following is not None and following.seq < seq
        if whole.get(name, seq) >= seq and not another:
            found.append((_later(row, said).seq, row))
    return [row for _, row in sorted(found, key=lambda each: each[0])]


def _later(taken: Row, said: dict[str, Row]) -> Row:
    """Return the later row of the two: the full is known, and people call it rotten."""
    return max(taken, said[taken.values["name"]], key=lambda row: row.seq)


def _ends_it(row: Row, said: dict[str, Row]) -> bool:
    """Return whether the row shows that the pages are sound: people say so, or a full has landed
    that nobody ever calls rotten.
    """
    if row.kind != "seen.Landed":
        return row.kind == "seen.PagesSound"
    name = row.values["name"]
    return kind_in_name(name) == FULL and name not in said
