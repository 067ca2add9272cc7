"""The part of a run's screen about its curves: exposure, outage_if_now, writes refused, and links
that are offered more than they carry.
"""

from __future__ import annotations

from dr_sim.formatting.words import instant, size
from dr_sim.measures.summary.curve_types import (
    CurveSummary,
    OutageIfNowSummary,
    ReportedCurve,
)
from dr_sim.measures.summary.curves import EXPOSED_CLASS
from dr_sim.measures.summary.types import Summary
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import (
    limit_of,
)
from dr_sim.screen.failovers import of_one_line
from dr_sim.units import MINUTE_US, clock


def overload_lines(summary: Summary) -> list[str]:
    """The backups of the run were more than the link could carry in it."""
    link = summary.link
    return [
        f"LINK OVERLOADED  offered {size(link.offered_bytes)}, it could carry "
        f"{size(link.could_carry_bytes)} in the run"
    ]


def writes_lines(summary: Summary, scenario: Scenario) -> list[str]:
    """An outage of writes alone: a transaction log was full."""
    refused = summary.writes_refused
    since = instant(refused.first_us or 0, scenario)
    full = (
        "the log's disk was full, the server down"
        if scenario.engine.postgres_rules
        else "9002: the log was full"
    )
    out = [
        f"WRITES REFUSED  {clock(refused.time_us)}, first {since}   "
        f"{refused.transactions:,} tx  ({full})"
    ]
    many = {name: x for name, x in refused.by_database.items() if x.time_us}
    if len(summary.databases) > 1:
        out += [
            f"  {name:<20} {clock(x.time_us):>9}   {x.transactions:,} tx"
            for name, x in many.items()
        ]
    return out


def exposure_lines(summary: Summary, scenario: Scenario) -> list[str]:
    """Return what a failure would have cost over the run, in data and in time."""
    e = summary.exposure
    if not e.time_us:
        return [f"EXPOSURE ({e.failure_class})  nothing was measured"]
    out = [f"EXPOSURE ({e.failure_class})  {_quantiles(e)}"]
    of_parts = _only_of_parts(scenario)
    for limit, above in e.above.items():
        if above.time_us and limit not in of_parts:
            out.append(f"  above {clock(limit)} for {clock(above.time_us)}")
    out += _before_and_after(summary)
    reported = summary.exposure.reported
    if (
        reported.max_us is not None
        and abs(e.known("max") - reported.max_us) >= MINUTE_US
    ):
        out.append(
            "  the recovery manager's own estimate was at most "
            f"{clock(reported.max_us)}{_defined(reported, e, scenario)}"
        )
    elif reported.max_us is None:
        out.append(
            "  the recovery manager has no estimate: it never validated a log"
        )
    out += _outage_if_now(summary)
    lag = summary.replay_lag
    if lag.max_us is not None:
        beyond = (
            "  (beyond the replay delay)" if scenario.delays_replay else ""
        )
        out.append(f"REPLAY LAG       {_quantiles(lag)}{beyond}")
    out += _copies(summary)
    return out


def _only_of_parts(scenario: Scenario) -> set[int]:
    """The bounds on data loss that are promised for single databases or tenants only."""
    lines = [x for x in scenario.sla if x.measure.startswith("data_loss")]
    of_service = {x.bound for x in lines if not of_one_line(x)}
    others = {limit_of(x.measure) for x in scenario.sla}
    kept = of_service | others | {scenario.danger_us}
    return {x.bound for x in lines if of_one_line(x)} - kept


def _copies(summary: Summary) -> list[str]:
    """Show what each of several standbys would have lost and taken by itself, while it was one, and
    how few of them were ways back at the worst.
    """
    out = []
    for leg in summary.legs:
        for copy in leg.copies:
            if copy.exposure.time_us:
                of = f"  {copy.place} behind {leg.primary}"
                out.append(f"{of}  exposure {_quantiles(copy.exposure)}")
                wide = " " * len(of)
                most = or_never(copy.outage_if_now)
                out.append(f"{wide}  outage if now {most}")
    fewest = summary.ways_open.get(EXPOSED_CLASS)
    if out and fewest is not None and fewest.fewest is not None:
        out.append(f"  {fewest.since_when}")
    return ["COPIES, each by itself", *out] if out else []


def _quantiles(curve: CurveSummary) -> str:
    """'p50 3:26  p99 45:35  max 47:12', of a curve that has them."""
    return "  ".join(
        f"{name} {clock(curve.known(name))}"
        for name in ("p50", "p99", "max")
    )


def _outage_if_now(summary: Summary) -> list[str]:
    """Return what an outage would have been at any time: one line."""
    o = summary.outage_if_now
    if not o.time_us:
        return []
    text = or_never(o)
    never = (
        f"   (for {clock(o.never_us)} no copy could have taken over)"
        if o.never_us
        else ""
    )
    return [f"OUTAGE IF NOW    {text}{never}", *_believed_outage(o)]


def _believed_outage(o: OutageIfNowSummary) -> list[str]:
    """Return a line where the recovery manager estimated something else."""
    reported = o.reported
    never_us = reported.never_us or 0
    if abs((o.never_us or 0) - never_us) < MINUTE_US:
        true_us, told_us = o.max_us, reported.max_us
        if true_us is None or told_us is None:
            return []
        if abs(true_us - told_us) < MINUTE_US:
            return []
    if reported.max_us is not None:
        return [
            "  the recovery manager's own estimate was at most "
            f"{clock(reported.max_us)}"
        ]
    return [
        f"  the recovery manager thought for {clock(never_us)} that no copy could take over"
    ]


def or_never(curve: CurveSummary) -> str:
    """'p50 2:09  p99 2:19  max never', of a time that may have no end."""
    words = {
        name: "never" if us is None else clock(us)
        for name, us in (
            ("p50", curve.p50_us),
            ("p99", curve.p99_us),
            ("max", curve.max_us),
        )
    }
    return "  ".join(f"{name} {value}" for name, value in words.items())


def _before_and_after(summary: Summary) -> list[str]:
    """Show what a failure in the file adds, apart from normal days."""
    if not summary.failovers:
        return []
    out = []
    for word, part in (
        ("before the first failure", summary.exposure_before),
        ("from then on", summary.exposure_after),
    ):
        if part.time_us:
            out.append(f"  {word:<25} {_quantiles(part)}")
    return out


def _defined(
    reported: ReportedCurve, true: CurveSummary, scenario: Scenario
) -> str:
    """' (of 23:54:58 from Mon 00:05:02 on, of 24:00:00)': where it could say nothing, that is
    said.
    """
    if reported.time_us == true.time_us:
        return ""
    since = instant(reported.defined_us[0][0], scenario)
    return f" (defined for {clock(reported.time_us)} of {clock(true.time_us)}, from {since} on)"
