"""A judged SLA line in words, as the screen, the check and a sweep's answer show it."""

from __future__ import annotations

import math

from dr_sim.experiments.judging.judge import LineVerdict
from dr_sim.formatting.numbers import (
    value_and_bound,
    value_text,
    with_interval,
)
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.measures.verdict import UNITS
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.sla_measures import (
    kind_of,
    split,
)


def promise(line: SlaLine) -> str:
    """'rto: outage.p95 at most 30:00'."""
    what = subject(line)
    name = "" if line.id in (what, line.measure) else f"{line.id}: "
    at = "at most" if line.at_most else "at least"
    return f"{name}{what} {at} {value_text(line.bound, UNITS[kind_of(line.measure)])}"


def subject(line: SlaLine) -> str:
    """Return what is promised, without the bound."""
    parts = (
        line.measure,
        line.database,
        line.tenant,
        line.failure_class,
        line.fault,
    )
    return " ".join(filter(None, parts))


def line_text(v: LineVerdict) -> str:
    """'PASS  rto: outage.p95 at most 30:00   2:08 [2:07, 2:09]  n 25  reason'."""
    line = v.line
    what = subject(line)
    name = "" if line.id in (what, line.measure) else f"{line.id}: "
    value, bound = shown_value_and_bound(v)
    return f" {v.outcome.name:<8} {name}{what} {bound}   {value}" + (
        f"   {v.reason}" if v.reason else ""
    )


def sentence(v: LineVerdict) -> str:
    """'PASS rto: outage.p95 at most 30:00, found 2:08 [2:07, 2:09]; reason', in one sentence."""
    line = v.line
    what = subject(line)
    name = "" if line.id in (what, line.measure) else f"{line.id}: "
    value, bound = shown_value_and_bound(v)
    reason = f"; {v.reason}" if v.reason else ""
    return f"{v.outcome.name} {name}{what} {bound}, found {value}{reason}"


def shown_value_and_bound(v: LineVerdict) -> tuple[str, str]:
    """Return the estimate, with its interval where it has one, and the bound, with the digits that
    tell them apart.
    """
    value, bound = value_and_bound(
        v.value, v.line.bound, v.line.at_most, v.unit
    )
    if v.unit == "us" and v.value >= NO_WAY_US:
        at = "at most" if v.line.at_most else "at least"
        return "never", f"{at} {value_text(v.line.bound, v.unit)}"
    if math.isnan(v.value):
        return value, bound
    # a maximum is that of these runs, or of this one: it has no interval
    alone = v.low == v.high == v.value or split(v.line.measure)[1] in (
        "",
        "max",
    )
    if alone:
        return value, bound
    ends = _number(v.low, v.unit), _number(v.high, v.unit)
    return with_interval(value, *ends), bound


def _number(x: float, unit: str) -> str:
    return value_text(x, unit) if math.isfinite(x) else "?"
