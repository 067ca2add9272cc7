"""The ways back from a failure as lines: of a failure that happened, or of one that might come."""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim import units
from dr_sim.errors import input_error
from dr_sim.formatting.words import instant
from dr_sim.measures.outage_now.ways import (
    CLOSED,
    FAILED,
    TAKEN,
    CameTrue,
    WaySummary,
    best_of,
    is_foretold,
    ways_at,
    ways_of,
)
from dr_sim.measures.summary import summarise
from dr_sim.measures.summary.types import FailoverSummary
from dr_sim.measures.whole import Whole
from dr_sim.scenario.fields import times
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.units import clock

NOTHING_FORETOLD = " nothing was foretold: no primary had failed"


def ways_if(whole: Whole, at: str, failure_class: str) -> str:
    """The ways back if that failure came at an instant, written as under `events:`. Raises
    InputError where no primary is up then.
    """
    scenario = whole.scenario
    try:
        when = times.parse_instant(at)
        t_us = when.resolve(scenario.start_utc_us, scenario.time_zone)
    except units.UnitError as error:
        raise input_error("--at", str(error)) from None
    leg = max(
        (leg for leg in whole.legs if leg.begins_us <= max(t_us, 0)),
        key=lambda leg: leg.number,
    )
    found = ways_at(whole, leg, t_us - leg.begins_us, failure_class)
    if not found or not 0 <= t_us <= whole.end_us:
        raise input_error("--at", f"{at!r}: {_nobody_up(whole, t_us)}")
    lost = (
        f"the {failure_class} were lost"
        if failure_class in FAILURE_CLASSES
        else ""
    )
    head = f"If {lost} {instant(t_us, scenario)}:"
    best = best_of(found)
    last = "No way back is open."
    if best is not None:
        last = f"Least loss: {best.how} {best.place}."
    lines = [head, *way_lines(found), last]
    if any(fell == t_us for fell, _ in _failures(whole)):
        lines.append(
            "The run's own failure comes at this very instant, and what happens with it may be "
            f"counted here.\nFor the ways before it: {_ask_before(whole, t_us)}."
        )
    return "\n".join(lines)


def _failures(whole: Whole) -> list[tuple[int, str]]:
    """List when a primary of the run failed, and what was lost with it."""
    return [
        (failover.failed_us, failover.failure_class)
        for failover in summarise(whole).failovers
        if failover.failure_class in FAILURE_CLASSES
    ]


def _nobody_up(whole: Whole, t_us: int) -> str:
    """Say that no primary is up at an instant, since when, and what to ask instead."""
    if not 0 <= t_us <= whole.end_us:
        end = instant(whole.end_us, whole.scenario)
        start = instant(0, whole.scenario)
        return f"the run goes from {start} to {end}; write an instant in between"
    before = [each for each in _failures(whole) if each[0] <= t_us]
    if not before:
        return "no primary is up at that instant of the run; write another instant"
    fell, lost = max(before)
    when = instant(fell, whole.scenario)
    return (
        f"no primary is up then: the {lost} was lost {when}. For the ways before it: "
        f"{_ask_before(whole, fell)}"
    )


def _ask_before(whole: Whole, failed_us: int) -> str:
    """Return the option that asks for the second before a failure."""
    before = max(0, failed_us - units.SECOND_US)
    return f"--at '{instant(before, whole.scenario)}'"


def ways_taken(whole: Whole) -> str:
    """The ways back of each failover of a run."""
    scenario = whole.scenario
    blocks = []
    for failover in summarise(whole).failovers:
        if failover.by_itself:
            continue
        head = f"FAILOVER {failover.number}  {_headed(failover, scenario)}"
        lines = way_lines(_of(whole, failover)) or [NOTHING_FORETOLD]
        blocks.append("\n".join([head, *lines]))
    return "\n\n".join(blocks) or "There was no failover in this run."


def _headed(failover: FailoverSummary, scenario: Scenario) -> str:
    """Return what was lost and when, or that nothing was."""
    when = instant(failover.failed_us, scenario)
    if failover.failure_class in FAILURE_CLASSES:
        return f"{failover.failure_class} lost {when}"
    if failover.ordered_by:
        return f"ordered by {failover.ordered_by}, begun {when}; no database had failed"
    return f"begun {when}; no database had failed"


def _of(whole: Whole, failover: FailoverSummary) -> list[WaySummary]:
    if failover.ways or not is_foretold(
        failover.failure_class, failover.ordered_by
    ):
        return failover.ways
    leg = whole.legs[failover.leg - 1]
    came = CameTrue(
        failover.failed_us - leg.begins_us,
        failover.failure_class,
        failover.new_primary,
        failover.data_loss_us,
        failover.outage_us,
    )
    return ways_of(whole, leg, came)


def way_lines(
    ways: Sequence[WaySummary], came_true: bool = True
) -> list[str]:
    """A line for each way. came_true: beside what was foretold, what the one that was taken came
    to.
    """
    width = max((len(way.place) for way in ways), default=0)
    out = []
    for way in ways:
        line = f" {way.how:<7} {way.place:<{width}}  {_told(way)}"
        if came_true and way.standing == TAKEN:
            line += _came_true(way)
        out.append(line)
    return out


def _told(way: WaySummary) -> str:
    if way.standing == CLOSED:
        return f"closed: {way.why}"
    if way.loss_us is None or way.outage_us is None:
        return f"{_standing(way)}, although it was closed at the failure: {way.why}"
    told = f"lose {clock(way.loss_us)}, down {clock(way.outage_us)}"
    told += f"  ({way.why})" if way.why else ""
    return f"{_standing(way)}: {told}"


def _standing(way: WaySummary) -> str:
    if way.standing == FAILED:
        return f"failed after {clock(way.tried_us)}"
    return way.standing


def _came_true(way: WaySummary) -> str:
    loss_us, outage_us = way.came_loss_us, way.came_outage_us
    lost = "unknown" if loss_us is None else clock(loss_us)
    down = "unknown" if outage_us is None else clock(outage_us)
    return f"; actual: lost {lost}, down {down}"
