"""Pages that have rotted at the primary: what noticed them, and what became of them.

A database that is promoted without them leaves them behind: it is put right when users are served
again. Where sound pages were copied back from a database that was restored beside the service, it
is put right at that instant. Users cannot read what these pages hold, so the database is degraded
from the instant at which they rot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dr_sim.measures.legs import Leg
from dr_sim.measures.summary.mistakes import (
    Right,
    became_of,
    by_a_failover,
    rows_in_time,
)
from dr_sim.measures.summary.types import (
    FailoverSummary,
    MistakeSummary,
    RotFound,
)
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Row

WHAT = "rotten pages"


def rot_summary(
    whole: Whole, failovers: Sequence[FailoverSummary]
) -> list[MistakeSummary]:
    """Return each time that pages of a database have rotted."""
    return [
        _rot(whole, one, row, failovers)
        for one, row in rows_in_time(whole, "truth.rot")
    ]


def _rot(
    whole: Whole,
    one: tuple[Leg, Tables],
    row: Row,
    failovers: Sequence[FailoverSummary],
) -> MistakeSummary:
    leg, t = one
    until_us = _next_us(t, row)
    right = _pages_restored(whole, one, row) or _left_behind(
        one, row, failovers
    )
    noticed = _first(t, "truth.rot_noticed", row, until_us)
    fulls = {
        full.values["file"]
        for _, there in whole.at(leg)
        for full in _since(there, "truth.backup_rotten", row)
        if full.time_us < until_us
    }
    by = "" if noticed is None else noticed.values["by"]
    return replace(
        became_of(whole, leg, row, noticed, right, failovers),
        what=WHAT,
        tenants=list(leg.scenario.databases[row.entity].tenants),
        rot=RotFound(row.values["nominal_bytes"], by, len(fulls)),
    )


def _since(t: Tables, kind: str, rot: Row) -> list[Row]:
    """Return the rows of a kind about that database from that instant on."""
    return [
        row
        for row in t.rows(kind)
        if row.entity == rot.entity and row.time_us >= rot.time_us
    ]


def _next_us(t: Tables, rot: Row) -> int:
    """Return when pages of that database rot again."""
    later = [
        row.time_us
        for row in _since(t, "truth.rot", rot)
        if row.seq != rot.seq
    ]
    return min(later, default=1 << 62)


def _first(t: Tables, kind: str, rot: Row, until_us: int) -> Row | None:
    found = [row for row in _since(t, kind, rot) if row.time_us < until_us]
    return found[0] if found else None


def _pages_restored(
    whole: Whole, one: tuple[Leg, Tables], row: Row
) -> Right | None:
    """Return how sound pages were copied back."""
    leg, t = one
    restored = _first(t, "truth.pages_restored", row, _next_us(t, row))
    if restored is None:
        return None
    place = next(
        (
            beside.secondary
            for beside, there in whole.at(leg)
            for done in _since(there, "seen.CopiedBack", row)
            if done.time_us >= restored.time_us
        ),
        "",
    )
    return Right(
        leg.begins_us + restored.time_us,
        place,
        restored.values["nominal_bytes"],
    )


def _left_behind(
    one: tuple[Leg, Tables],
    row: Row,
    failovers: Sequence[FailoverSummary],
) -> Right | None:
    """Return how a failover left these pages behind; None: none did, or the copy held them, too."""
    leg, t = one
    promoted = _since(t, "truth.promoted", row)
    if not promoted or _since(t, "truth.rot_promoted", row):
        return None
    return by_a_failover(leg, failovers)
