"""Wrong changes that were committed: whether they were left behind or put right, and how long the
service ran with them.

A mistake is commit number n. A database that is promoted with n commits or fewer does not hold it:
it is put right when users are served again. Where the database was restored beside the service, it
is put right when what was lost has been copied back; the commit itself stays in the history.
Degraded is the time from the mistake until it was put right, or until the run ended, in which the
service was up. Where users cannot work without what was destroyed, those of them whose data it was
are down for all of that time, and the others are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dr_sim.measures.legs import Leg
from dr_sim.measures.outcome.tenants import databases_of
from dr_sim.measures.summary.types import FailoverSummary, MistakeSummary
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import Whole
from dr_sim.record.journal import Row
from dr_sim.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Right:
    """A mistake that was put right: when (None: not yet at the run's end), and where from.
    copied_back_bytes None: a failover left it behind.
    """

    at_us: int | None
    place: str
    copied_back_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Whose:
    """Says whose data a mistake destroyed, and who could not work, as in MistakeSummary."""

    tenants: list[str]
    stopped: list[str] = field(default_factory=list)
    stops_database: bool = False
    stops_service: bool = False


def mistakes_summary(
    whole: Whole, failovers: Sequence[FailoverSummary]
) -> list[MistakeSummary]:
    """Return each mistake of the run."""
    return [
        _mistake(whole, one, row, failovers)
        for one, row in rows_in_time(whole, "truth.mistake")
    ]


def rows_in_time(
    whole: Whole, kind: str
) -> Iterator[tuple[tuple[Leg, Tables], Row]]:
    """Yield the rows of a kind in each leg that came before the next one began."""
    for leg, t in whole.each:
        for row in t.rows(kind):
            if whole.still_in(leg, row.time_us):
                yield (leg, t), row


def _mistake(
    whole: Whole,
    one: tuple[Leg, Tables],
    row: Row,
    failovers: Sequence[FailoverSummary],
) -> MistakeSummary:
    leg, t = one
    right = _left_behind(one, row, failovers) or _copied_back(
        whole, leg, row
    )
    noticed = next(_same(t, "truth.mistake_noticed", row), None)
    whose = _whose(t, leg.scenario, row)
    return replace(
        became_of(whole, leg, row, noticed, right, failovers),
        what=row.values["what"],
        given_up=list(_given_up(whole, leg, row)),
        tenants=whose.tenants,
        stopped=whose.stopped,
        stops_database=whose.stops_database,
        stops_service=whose.stops_service,
    )


def became_of(
    whole: Whole,
    leg: Leg,
    row: Row,
    noticed: Row | None,
    right: Right | None,
    failovers: Sequence[FailoverSummary],
) -> MistakeSummary:
    """Return when it was noticed and put right, and for how long the service was up without what
    it destroyed. row: of the instant at which it happened. What it was is left empty.
    """
    begun_us = leg.begins_us + row.time_us
    until_us = whole.end_us
    if right is not None and right.at_us is not None:
        until_us = right.at_us
    found = MistakeSummary(
        begun_us,
        leg.scenario.databases[row.entity].name,
        what="",
        gone=right is not None and right.copied_back_bytes is None,
        lasted_us=until_us - begun_us,
    )
    down_us = _down_us(failovers, begun_us, until_us)
    found.degraded_us = found.lasted_us - down_us
    if noticed is not None:
        found.noticed_us = leg.begins_us + noticed.time_us
    if right is not None:
        found.right_us = right.at_us
        found.place = right.place
        found.copied_back_bytes = right.copied_back_bytes
    return found


def _whose(t: Tables, scenario: Scenario, row: Row) -> _Whose:
    """Return whose data a mistake destroyed, and who of them could not work."""
    there = list(scenario.databases[row.entity].tenants)
    named = [
        each.values["tenant"] for each in _same(t, "truth.mistake_of", row)
    ]
    tenants = named or there
    if next(_same(t, "truth.users_stopped", row), None) is None:
        return _Whose(tenants)
    held = databases_of(scenario)
    everybody = set(tenants) == set(there)
    alone = len(scenario.databases) == 1
    return _Whose(
        tenants,
        [name for name in tenants if held[name] == [row.entity]],
        everybody,
        everybody and alone,
    )


def _same(t: Tables, kind: str, mistake: Row) -> Iterator[Row]:
    """Yield the rows of a kind that are about that mistake."""
    for row in t.rows(kind):
        same = row.values["commit"] == mistake.values["commit"]
        if same and row.entity == mistake.entity:
            yield row


def _left_behind(
    one: tuple[Leg, Tables], row: Row, failovers: Sequence[FailoverSummary]
) -> Right | None:
    """Return how a failover left the mistake behind."""
    leg, t = one
    promoted = {
        each.entity: each.values["commits"]
        for each in t.rows("truth.promoted")
    }
    kept = promoted.get(row.entity)
    if kept is None or kept > row.values["commit"]:
        return None
    return by_a_failover(leg, failovers)


def by_a_failover(leg: Leg, failovers: Sequence[FailoverSummary]) -> Right:
    """Return how the failover at the end of a leg put it right."""
    of_leg = [f for f in failovers if f.leg == leg.number]
    for failover in of_leg:
        at_us = failover.served_again_us
        if not failover.by_itself and at_us is not None:
            return Right(at_us, failover.new_primary)
    return Right(None, leg.secondary)


def _copied_back(whole: Whole, leg: Leg, row: Row) -> Right | None:
    """Return how what the mistake destroyed was copied back."""
    for beside, t in whole.at(leg):
        for copied in _same(t, "truth.copied_back", row):
            at_us = beside.begins_us + copied.time_us
            size = copied.values["nominal_bytes"]
            return Right(at_us, beside.secondary, size)
    return None


def _given_up(whole: Whole, leg: Leg, row: Row) -> Iterator[str]:
    """Yield the places where a restore beside the service was given up."""
    for beside, t in whole.at(leg):
        for given_up in t.rows("seen.GiveUpBeside"):
            later = given_up.time_us > row.time_us
            if later and given_up.entity == row.entity:
                yield beside.secondary


def _down_us(
    failovers: Sequence[FailoverSummary], from_us: int, until_us: int
) -> int:
    """Return how long the service was down between two instants."""
    total = 0
    for failover in failovers:
        begins_us, ends_us = (
            failover.outage_from_us,
            failover.served_again_us,
        )
        if begins_us is None:
            continue
        if ends_us is None:
            ends_us = until_us
        total += max(0, min(until_us, ends_us) - max(from_us, begins_us))
    return total
