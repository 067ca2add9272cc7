"""Tells what the pictures see of a run in legs: each leg's record, with what happened put into the
whole run's time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dr_sim.measures.alerts.alerts import Alert, AlertQuality, judge
from dr_sim.measures.causes.causes import Causes
from dr_sim.measures.causes.happenings import Happening
from dr_sim.measures.legs import Leg
from dr_sim.measures.outcome.outcome import FailoverOutcome, failovers
from dr_sim.measures.outcome.unprotected import unprotected_spans
from dr_sim.measures.tables import Tables
from dr_sim.measures.whole import Whole


@dataclass(slots=True)
class View:
    """One leg: its own times are its world's; ends_us is when the next one begins, in the leg's
    time.
    """

    leg: Leg
    t: Tables
    causes: Causes
    quality: AlertQuality
    found: list[FailoverOutcome]
    ends_us: int


@dataclass(slots=True)
class Views:
    """All legs. Everything but `legs` is in the whole run's time."""

    whole: Whole
    legs: list[View]
    happenings: list[Happening]
    alerts: list[Alert]
    failures_us: list[int]
    unprotected: list[tuple[int, int]]

    @property
    def end_us(self) -> int:
        return self.whole.end_us

    def sites(self) -> list[tuple[int, int, str]]:
        """(from, until, 'primary A, secondary B')."""
        return [
            (
                v.leg.begins_us,
                v.leg.begins_us + v.ends_us,
                f"primary {v.leg.primary}, secondary {v.leg.secondary}",
            )
            for v in self.legs
        ]


def views_of(whole: Whole) -> Views:
    legs = [
        View(
            leg,
            t,
            Causes(t, leg.scenario),
            judge(t, leg.scenario),
            failovers(t, leg.scenario),
            whole.until_us(leg) - leg.begins_us,
        )
        for leg, t in whole.each
    ]
    alerts: list[Alert] = []
    failures_us: list[int] = []
    for view in legs:
        begins_us = view.leg.begins_us
        failures_us += [
            failover.failed_us + begins_us for failover in view.found
        ]
        for alert in view.quality.alerts:
            database = _as_at_first(view, legs[0], alert.database)
            alerts.append(
                replace(
                    alert,
                    time_us=alert.time_us + begins_us,
                    database=database,
                )
            )
    unprotected = list(unprotected_spans(whole).values())
    return Views(
        whole, legs, _happenings(legs), alerts, failures_us, unprotected
    )


def _as_at_first(view: View, first: View, database: int) -> int:
    """Return the database's index in the first leg."""
    names = [d.name for d in first.leg.scenario.databases]
    return (
        names.index(view.leg.scenario.databases[database].name)
        if database >= 0
        else database
    )


def _happenings(legs: list[View]) -> list[Happening]:
    """Join what continues in the next leg; what does not ends with its own."""
    found: list[Happening] = []
    for view, after in zip(legs, [*legs[1:], None], strict=True):
        carried = () if after is None else after.leg.goes_on
        before = view.leg.goes_on
        for h in view.causes.happenings:
            if h.begin_us >= view.ends_us or (
                not h.begin_us and (h.number, h.what) in before
            ):
                continue
            end = (
                h.end_us
                if (h.number, h.what) in carried or after is None
                else min(h.end_us, view.ends_us)
            )
            database = _as_at_first(view, legs[0], h.database)
            found.append(
                replace(
                    h,
                    begin_us=h.begin_us + view.leg.begins_us,
                    end_us=end + view.leg.begins_us,
                    database=database,
                )
            )
    return found
