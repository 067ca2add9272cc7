"""How many ways back were open in a summary: the fewest, when that was first, and why the others
were closed.
"""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.formatting.words import counted, instant
from dr_sim.measures.outage_now.each_way import OpenWays, open_ways
from dr_sim.measures.outage_now.way_over import SITE
from dr_sim.measures.outage_now.ways import CLOSED, WaySummary, ways_at
from dr_sim.measures.summary.curve_types import WaysOpenSummary
from dr_sim.measures.whole import Whole
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import (
    split,
)
from dr_sim.units import clock


def ways_open_summary(
    whole: Whole, measure: str
) -> dict[str, WaysOpenSummary]:
    """Return it by class of failure: of those of which the SLA asks it, and of the loss of the site
    where copies are named.

    measure: 'ways_open', or 'ways_open_before' for the time before the run's first failure.
    """
    scenario = whole.scenario
    classes = [SITE] if scenario.standbys else []
    classes += [
        line.failure_class or SITE
        for line in scenario.sla
        if split(line.measure)[0] == measure
    ]
    return {
        each: _of_class(whole, measure, each)
        for each in dict.fromkeys(classes)
    }


def _of_class(
    whole: Whole, measure: str, failure_class: str
) -> WaysOpenSummary:
    found = open_ways(whole, failure_class)
    until_us = whole.end_us
    if measure == "ways_open_before":
        until_us = whole.first_failure_us
    not_known_us = found.end_us if found.end_us < until_us else None
    found = found.window(whole.scenario.measure_from_us, until_us)
    if not found.duration_us:
        return WaysOpenSummary(time_us=0, fewest=None, with_fewest_us=0)
    return _fewest(whole, found, not_known_us, failure_class)


def _fewest(
    whole: Whole,
    found: OpenWays,
    not_known_us: int | None,
    failure_class: str,
) -> WaysOpenSummary:
    fewest = found.fewest()
    spans = found.spans_with(fewest)
    first_us = spans[0]
    of = WaysOpenSummary(
        time_us=found.duration_us,
        fewest=fewest,
        first_us=list(first_us),
        with_fewest_us=sum(end - begin for begin, end in spans),
        ways=_ways_then(whole, first_us[0], failure_class),
    )
    of.since_when = _since_when(of, whole.scenario)
    of.why = _why(of.ways)
    if not_known_us is not None:
        since = instant(not_known_us, whole.scenario)
        of.not_known = (
            f"no primary is up from {since} to the end of the run"
        )
        of.not_known += ": what was open then is not known"
    return of


def _ways_then(
    whole: Whole, at_us: int, failure_class: str
) -> list[WaySummary]:
    """List the ways just after an instant of the run."""
    leg = max(
        (leg for leg in whole.legs if leg.begins_us <= at_us),
        key=lambda leg: leg.number,
    )
    return ways_at(whole, leg, at_us - leg.begins_us + 1, failure_class)


def _since_when(of: WaysOpenSummary, scenario: Scenario) -> str:
    """'no way back is open from Tue 14:00:00 for 2 h 00 (in all for 3 h 00)'."""
    begin_us, end_us = of.first_us
    many = counted(of.fewest, "way") if of.fewest else "no way"
    is_open = "are" if of.fewest and of.fewest > 1 else "is"
    if of.with_fewest_us == of.time_us:
        when = "all the time" if of.fewest else "at any time"
        return f"{many} back {is_open} open {when}"
    only = "only " if of.fewest else ""
    since = instant(begin_us, scenario)
    told = f"{only}{many} back {is_open} open from {since}"
    told += f" for {clock(end_us - begin_us)}"
    if of.with_fewest_us > end_us - begin_us:
        told += f" (in all for {clock(of.with_fewest_us)})"
    return told


def _why(ways: Sequence[WaySummary]) -> str:
    """'closed: promote near: no copy has been restored there; ...'."""
    if not ways:
        return "the primary has no standby or store behind it"
    closed = [
        f"{way.how} {way.place}: {way.why}"
        for way in ways
        if way.standing == CLOSED
    ]
    return f"closed: {'; '.join(closed)}" if closed else ""
