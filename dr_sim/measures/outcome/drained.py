"""The time of a failover's drain, by what it was spent on: backups that had landed were restored, a
restore hung until it was ended, or nothing was restored and files or a tail were waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.waits import restores
from dr_sim.measures.spans import maximal
from dr_sim.measures.tables import Tables

DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Drained:
    """Holds for how much of the drain a restore ran of any database, and for how much of that one
    that was ended because it hung.
    """

    restoring_us: int
    hung_us: int


def drained(
    causes: Causes, spans: Sequence[tuple[int, int, str]]
) -> Drained:
    """Return what the drain was spent on. spans: the outage by its phases."""
    drains = [(begin, end) for begin, end, phase in spans if phase == DRAIN]
    if not drains:
        return Drained(0, 0)
    runs, hung = [], []
    for database in range(len(causes.scenario.databases)):
        ended = _ended_as_it_hung(causes.t, database)
        for begin, end, name in restores(causes, database):
            runs.append((begin, end))
            if (name, end) in ended:
                hung.append((begin, end))
    return Drained(_within(runs, drains), _within(hung, drains))


def _within(
    runs: Sequence[tuple[int, int]], drains: Sequence[tuple[int, int]]
) -> int:
    """Return for how long any of the restores ran in that time."""
    return sum(
        max(0, min(end, until) - max(begin, since))
        for begin, end in maximal(sorted(runs))
        for since, until in drains
    )


def _ended_as_it_hung(t: Tables, database: int) -> set[tuple[str, int]]:
    """Return (name, instant) of each restore that was ended."""
    ended = _named(t, "seen.EndRestore", database)
    failed = _named(t, "seen.RestoreFailed", database)
    return ended & failed


def _named(t: Tables, kind: str, database: int) -> set[tuple[str, int]]:
    """Return (name, instant) of each record of that kind."""
    return {
        (str(row.values["name"]), row.time_us)
        for row in t.rows(kind)
        if row.entity == database
    }
