"""Orders of people to fail over: those that failovers began with, and those that were refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.legs import Leg
from dr_sim.measures.outcome.outcome import FailoverOutcome
from dr_sim.measures.summary.types import RefusedOrder
from dr_sim.measures.tables import Tables, undone_stops_us
from dr_sim.measures.whole import Whole


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """An order that was obeyed. given_us: when a person gave it, in the time of the leg.
    to_an_instant: it was to stop before one. event: 'event 3', or '' where no event
    gave it.
    """

    given_us: int
    operator: str
    planned: bool
    to_an_instant: bool
    event: str


def orders_refused(whole: Whole) -> list[RefusedOrder]:
    """List those of every leg until the next one begins: what comes after that is for the next."""
    found = [
        RefusedOrder(
            leg.begins_us + at,
            who,
            why,
            Causes(t, leg.scenario).order(at, who),
        )
        for leg, t in whole.every
        for at, who, why in _orders(t)
        if why and whole.still_in(leg, at)
    ]
    found += _refused_beside(whole)
    return sorted(found, key=lambda order: order.time_us)


def _refused_beside(whole: Whole) -> Iterator[RefusedOrder]:
    """Yield the orders to restore a database beside the service that were refused."""
    for leg, t in whole.every:
        for row in t.rows("seen.RefuseBeside"):
            if not whole.still_in(leg, row.time_us):
                continue
            name = leg.scenario.databases[row.entity].name
            yield RefusedOrder(
                leg.begins_us + row.time_us,
                row.values["operator"],
                row.values["reason"],
                "",
                f"to restore {name} beside the service",
            )


def _orders(t: Tables) -> list[tuple[int, str, str]]:
    """(instant, operator, why it was refused or '') of every order to fail over, in order."""
    refused = [
        (r.time_us, r.values["operator"], r.values["reason"])
        for r in t.rows("seen.RefuseOrder")
    ]
    orders = []
    given = [
        *t.rows("seen.FailoverOrdered"),
        *t.rows("seen.FailoverOrderedToPoint"),
    ]
    for r in sorted(given, key=lambda row: row.seq):
        mine = next(
            (
                x
                for x in refused
                if x[:2] == (r.time_us, r.values["operator"])
            ),
            None,
        )
        if mine is not None:
            refused.remove(mine)
        orders.append(
            (
                r.time_us,
                r.values["operator"],
                mine[2] if mine is not None else "",
            )
        )
    return orders


def obeyed(whole: Whole, leg: Leg, f: FailoverOutcome) -> GivenOrder | None:
    """Return the order that this failover began with; None if it was begun without one."""
    t = whole.each[leg.number - 1][1]
    begun = _entered(t, "fencing")
    left = _entered(t, "abandoned")
    until_us = f.failed_us if f.by_itself else f.promoted_us
    if until_us is not None:
        begun = [at for at in begun if at <= until_us]
        left = [at for at in left if at < until_us]
    # not those of a failover that was left before
    ended_us = [until for _, until in undone_stops_us(t)]
    left += [at for at in ended_us if at <= f.failed_us]
    since_us = max(left, default=0)
    begun = [at for at in begun if at >= since_us]
    mine = [
        (at, who)
        for at, who, refused in _orders(t)
        if not refused and at in begun
    ]
    if mine:
        return _order((leg, t), *mine[-1])
    return _passed_on(t, begun, whole.at(leg))


def _entered(t: Tables, phase: str) -> list[int]:
    """Return when a failover entered that phase."""
    return [
        row.time_us
        for row in t.rows("seen.EnterPhase")
        if row.values["phase"] == phase
    ]


def _passed_on(
    t: Tables, begun: Sequence[int], copies: Sequence[tuple[Leg, Tables]]
) -> GivenOrder | None:
    """Return the order to another copy that this failover carried out, as a person gave it to that
    copy.
    """
    if not begun:
        return None
    passed = [
        (row.time_us, row.values["operator"])
        for row in t.rows("seen.OrderPassedOn")
        if row.time_us <= begun[-1]
    ]
    if not passed:
        return None
    at_us, operator = passed[-1]
    given = [
        (given_us, copy)
        for copy in copies
        for given_us, who, refused in _orders(copy[1])
        if who == operator and not refused and given_us <= at_us
    ]
    if not given:
        return None
    given_us, copy = max(given, key=lambda one: one[0])
    return _order(copy, given_us, operator)


def _order(
    copy: tuple[Leg, Tables], given_us: int, operator: str
) -> GivenOrder:
    leg, t = copy
    to_an_instant = [
        row.time_us for row in t.rows("seen.FailoverOrderedToPoint")
    ]
    planned = [
        row.time_us
        for row in t.rows("seen.FailoverOrdered")
        if row.values["planned"]
    ]
    return GivenOrder(
        given_us,
        operator,
        given_us in planned,
        given_us in to_an_instant,
        Causes(t, leg.scenario).order(given_us, operator),
    )
