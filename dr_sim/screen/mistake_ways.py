"""The ways back from a mistake, or from rotten pages, that might come, as lines."""

from __future__ import annotations

from collections.abc import Sequence

from dr_sim.formatting.words import instant
from dr_sim.measures.outage_now.mistake_ways import (
    MistakeThatMightCome,
    MistakeWayTried,
    best_mistake_way,
    lasts,
)
from dr_sim.scenario.model import Scenario
from dr_sim.units import clock


def mistake_ways_text(
    scenario: Scenario,
    of: MistakeThatMightCome,
    found: Sequence[MistakeWayTried],
) -> str:
    """The ways back from a mistake, a line each, and the best of them."""
    when = instant(of.at_us, scenario)
    head = f"If a mistake were made in {of.database} {when}"
    if of.rotten:
        head = f"If pages of {of.database} rotted {when}"
    after = f"and noticed after {clock(of.noticed_us)}:"
    best = best_mistake_way(found)
    last = "No way back is open."
    if any(lasts(way) for way in found if not way.closed):
        last = (
            "No way back ends before the run ends: write a longer run_for."
        )
    if best is not None:
        last = f"Least loss: {best.way} {best.place}."
    return "\n".join([f"{head}, {after}", *_lines(found), last])


def _lines(ways: Sequence[MistakeWayTried]) -> list[str]:
    width = max(len(way.place) for way in ways)
    out = []
    for way in ways:
        head = f" {way.way:<15}  {way.place:<{width}}"
        out.append(f"{head}  {_told(way)}")
    return out


def _told(way: MistakeWayTried) -> str:
    if way.closed:
        return f"closed: {way.closed}"
    if lasts(way):
        degraded = f"degraded at least {clock(way.degraded_us)}"
        return f"possible, and not over when the run ends: {degraded}"
    lost = f"lose {clock(way.loss_us)}" if way.loss_us else "lose nothing"
    down = f"down {clock(way.outage_us)}" if way.outage_us else "not down"
    return f"possible: {lost}, {down}, degraded {clock(way.degraded_us)}"
