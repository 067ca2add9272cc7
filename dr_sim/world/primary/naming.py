"""The names of backup files at the primary, by its clock: no two are alike, however many begin in
one second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from dr_sim.backups.model import Kind
from dr_sim.backups.names import backup_name, names_apart
from dr_sim.world.kernel.context import Context
from dr_sim.world.primary.primary_database import (
    NAME_MEMORY_US,
    PrimaryDatabase,
)


def name(
    context: Context, db: PrimaryDatabase, at_us: int, kind: Kind
) -> str:
    """Return the name of a backup that begins at that instant. No file of the last minute has it,
    nor any in the shares (a clock that was wrong may show a time twice).
    """
    taken = db.names_taken(at_us)
    utc_us = (
        context.scenario.start_utc_us
        + at_us
        + context.primary_wall.beyond_us
    )
    found = backup_name(db.spec.name, utc_us, kind, 0, taken)
    there = context.by_name[db.index]
    return (
        found
        if found not in there
        else backup_name(db.spec.name, utc_us, kind, 0, {*taken, *there})
    )


def names_of_logs(
    context: Context, db: PrimaryDatabase, cuts_us: Sequence[int]
) -> list[str]:
    """Return the names of logs that are cut at these instants, given in their order."""
    names = [name(context, db, cuts_us[0], Kind.LOG)]
    db.name_given(names[0], cuts_us[0])
    if len(cuts_us) == 1:
        return names
    if all(
        after - before > NAME_MEMORY_US
        for before, after in pairwise(cuts_us)
    ):  # nearly always
        utc_us = (
            context.scenario.start_utc_us + context.primary_wall.beyond_us
        )
        others = names_apart(
            db.spec.name,
            [utc_us + at_us for at_us in cuts_us[1:]],
            Kind.LOG,
        )
        if context.by_name[db.index].keys().isdisjoint(others):
            names += others
            db.names_taken(cuts_us[-1])
            db.name_given(names[-1], cuts_us[-1])
            return names
    for cut_us in cuts_us[1:]:
        names.append(name(context, db, cut_us, Kind.LOG))
        db.name_given(names[-1], cut_us)
    return names
