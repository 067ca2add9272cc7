"""The time of a failover's drain, by what it was spent on: backups that had landed were restored, a
restore hung until it was ended, or nothing was restored and files or a tail were waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Run:
    """One restore, from when to when. hung: it was ended."""

    begin_us: int
    end_us: int
    hung: bool


def drained(t: Tables, spans: Sequence[tuple[int, int, str]]) -> Drained:
    """Return what the drain was spent on. spans: the outage by its phases."""
    drains = [(begin, end) for begin, end, phase in spans if phase == DRAIN]
    if not drains:
        return Drained(0, 0)
    runs = list(_runs(t, drains[-1][1]))
    hung = [run for run in runs if run.hung]
    return Drained(_within(runs, drains), _within(hung, drains))


def _within(runs: Sequence[_Run], drains: Sequence[tuple[int, int]]) -> int:
    """Return for how long any of the restores ran in that time."""
    whole = maximal(sorted((run.begin_us, run.end_us) for run in runs))
    return sum(
        max(0, min(end, until) - max(begin, since))
        for begin, end in whole
        for since, until in drains
    )


def _runs(t: Tables, until_us: int) -> Iterator[_Run]:
    """Yield every restore, in the order of their ends; one that has none goes on until then."""
    kinds = (
        "seen.Restore",
        "seen.EndRestore",
        "seen.Restored",
        "seen.RestoreFailed",
    )
    rows = sorted(
        (row for kind in kinds for row in t.rows(kind)),
        key=lambda row: row.seq,
    )
    begun: dict[tuple[int, str], int] = {}
    told_to_end: dict[tuple[int, str], int] = {}
    for row in rows:
        which = row.entity, str(row.values["name"])
        if row.kind == "seen.Restore":
            begun[which] = row.time_us
        elif row.kind == "seen.EndRestore":
            told_to_end[which] = row.time_us
        elif which in begun:
            hung = (
                row.kind == "seen.RestoreFailed"
                and told_to_end.get(which) == row.time_us
            )
            yield _Run(begun.pop(which), row.time_us, hung)
    for since_us in begun.values():
        yield _Run(since_us, max(since_us, until_us), hung=False)
