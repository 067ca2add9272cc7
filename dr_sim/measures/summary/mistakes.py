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
from dataclasses import dataclass, field

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
    found = []
    for leg, t in whole.each:
        for row in t.rows("truth.mistake"):
            if whole.still_in(leg, row.time_us):
                found.append(_mistake(whole, (leg, t), row, failovers))
    return found


def _mistake(
    whole: Whole,
    one: tuple[Leg, Tables],
    row: Row,
    failovers: Sequence[FailoverSummary],
) -> MistakeSummary:
    leg, t = one
    made_us = leg.begins_us + row.time_us
    right = _left_behind(one, row, failovers) or _copied_back(
        whole, leg, row
    )
    until_us = whole.end_us
    if right is not None and right.at_us is not None:
        until_us = right.at_us
    noticed = next(_same(t, "truth.mistake_noticed", row), None)
    whose = _whose(t, leg.scenario, row)
    return MistakeSummary(
        made_us,
        leg.scenario.databases[row.entity].name,
        row.values["what"],
        gone=right is not None and right.copied_back_bytes is None,
        noticed_us=None
        if noticed is None
        else leg.begins_us + noticed.time_us,
        right_us=None if right is None else right.at_us,
        degraded_us=until_us
        - made_us
        - down_us(failovers, made_us, until_us),
        place="" if right is None else right.place,
        copied_back_bytes=None
        if right is None
        else right.copied_back_bytes,
        given_up=list(_given_up(whole, leg, row)),
        lasted_us=until_us - made_us,
        tenants=whose.tenants,
        stopped=whose.stopped,
        stops_database=whose.stops_database,
        stops_service=whose.stops_service,
    )


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


def down_us(
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
