"""Estimates as the cells of a sweep's table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.formatting.numbers import figures, with_interval
from dr_sim.scenario.sla_measures import (
    kind_of,
)
from dr_sim.units import SECOND_US, clock


def table_cells(found: Distribution, measures: Sequence[str]) -> list[str]:
    """Each measure with its interval, '-' for what no run tells."""
    cells = []
    for measure in measures:
        i = found.interval(measure)
        if math.isnan(i.estimate):
            cells.append("-")
            continue
        shown = (_shown(x, measure) for x in (i.estimate, i.low, i.high))
        cells.append(with_interval(*shown))
    return cells


def _shown(x: float, measure: str) -> str:
    if not math.isfinite(x):
        return "?"
    return (
        clock(round(x * SECOND_US))
        if kind_of(measure) == "duration"
        else f"{figures(100 * x)} %"
    )
