"""Curves over all legs of a run, in the run's own time: exposure, true and reported, and replay lag.

Exposure is defined for all the time in which a primary takes writes: from the start to the failure, from each promotion
on to the next failure; in between nothing can be lost any more, and the time counts for nothing. While there is no second
side, a failure would cost all that was written since the last promotion at the least: until then the survivor and the
primary before it held the same, and since then nothing has been in two places. So exposure rises from the promotion on
until the new network's first full has landed whole (to failures of class host and database: until a full lies in the new
primary's own share), and to the end of the run where no new secondary ever comes. The service at an instant is its worst
database of those that are online in that leg.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from dr_sim.legs import Leg
from dr_sim.measures.exposure import Curve, empty_curve, joined, true_exposure, worst
from dr_sim.measures.lag import replay_lag
from dr_sim.measures.reported import reported_exposure
from dr_sim.measures.tables import Tables, run_end_us, tables
from dr_sim.scenario.model import Scenario

Measure = Callable[[Tables, Scenario, int], Curve]


class Whole:
    """A run's legs, opened. Its curves are those of the worst of all databases, of one, or of the worst of a tenant's."""

    def __init__(self, legs: Sequence[Leg], opened: Sequence[Tables] = ()) -> None:
        self.legs = list(legs)
        self.opened = list(opened) or [tables(leg.journal) for leg in legs]
        self.end_us = run_end_us(self.opened[0], legs[0].scenario)
        self._kept: dict[tuple[int, str, int], Curve] = {}  # by leg, measure and database

    def exposure(self, database: str = "", failure_class: str = "site", tenant: str = "") -> Curve:
        def of(t: Tables, scenario: Scenario, i: int) -> Curve:
            return true_exposure(t, scenario, i, failure_class)

        return self._over(f"exposure {failure_class}", of, (database, tenant), alone=True)

    def reported(self, database: str = "", tenant: str = "") -> Curve:
        """Where there is no second side, everybody knows that there is none."""
        return self._over("reported", reported_exposure, (database, tenant), alone=True)

    def replay_lag(self, database: str = "", tenant: str = "") -> Curve:
        """Of the time in which there is a copy at a secondary."""
        return self._over("lag", replay_lag, (database, tenant), alone=False)

    def _over(self, what: str, measure: Measure, of: tuple[str, str], alone: bool) -> Curve:
        found = [self._in_leg(i, what, measure, of).shifted(leg.begins_us) for i, leg in enumerate(self.legs)]
        return joined([*found, self._never_again(of)] if alone else found)

    def _in_leg(self, i: int, what: str, measure: Measure, of: tuple[str, str]) -> Curve:
        scenario, t = self.legs[i].scenario, self.opened[i]
        wanted = _databases(scenario, of)
        for database in wanted:
            if (i, what, database) not in self._kept:
                self._kept[i, what, database] = measure(t, scenario, database)
        return worst(self._kept[i, what, database] for database in wanted)

    def _never_again(self, of: tuple[str, str]) -> Curve:
        """From the last promotion to the end of the run, where no leg follows it."""
        leg, t = self.legs[-1], self.opened[-1]
        wanted = _databases(leg.scenario, of)
        online = [r for r in t.rows("truth.promoted") if r.entity in wanted]
        since_us = leg.begins_us + max((r.time_us for r in online), default=0)
        if leg.scenario.new_secondary_us is not None or not online or since_us >= self.end_us:
            return empty_curve(self.end_us)
        return Curve(np.array([since_us], np.int64), np.array([since_us], np.int64), self.end_us)


def _databases(scenario: Scenario, of: tuple[str, str]) -> list[int]:
    """Those of a name ('': any) and a tenant ('': any)."""
    name, tenant = of
    return [i for i, d in enumerate(scenario.databases) if name in ("", d.name) and (not tenant or tenant in d.tenants)]


def unprotected_spans(whole: Whole) -> list[tuple[int, int]]:
    """[from a leg's last promotion, until every database is restored at the new secondary, or its end), in the run's time."""
    found: list[tuple[int, int]] = []
    for i, (leg, t) in enumerate(zip(whole.legs, whole.opened, strict=True)):
        promoted = [r.time_us for r in t.rows("truth.promoted")]
        if not promoted:
            continue
        begin, end = leg.begins_us + max(promoted), whole.end_us
        if i + 1 < len(whole.legs):
            following, after = whole.legs[i + 1], whole.opened[i + 1]
            restored = after["truth.restored"]
            first = [restored["time_us"][restored["entity"] == j][:1].tolist() for j in range(len(following.scenario.databases))]
            again = [r.time_us for kind in ("truth.failed", "truth.promoted") for r in after.rows(kind)][:1]
            until = [max(us for (us,) in first)] if all(first) else again
            end = following.begins_us + until[0] if until else end
        found.append((begin, max(begin, end)))
    return found
