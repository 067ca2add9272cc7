"""report.html: one self-contained page about a run that a manager opens and an engineer can argue
from.

It works offline: the charts' data and what draws them are in the file, and nothing is fetched.
Numbers come from the same summary as the screen and --json; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dr_sim.errors.bugs import breaker
from dr_sim.experiments.comparing.flips import Examined
from dr_sim.figures.charts import Chart, waterfall
from dr_sim.figures.failover import zoom_window
from dr_sim.figures.timeline import Timeline
from dr_sim.figures.views import Views
from dr_sim.figures.ways import way_charts
from dr_sim.formatting.numbers import value_and_bound
from dr_sim.formatting.words import instant, size, span
from dr_sim.measures.causes.sums import summed
from dr_sim.measures.outcome.phases import named_phases
from dr_sim.measures.summary.curve_types import CurveSummary
from dr_sim.measures.summary.types import (
    AlertSummary,
    FailoverSummary,
    LinkSummary,
    MistakeSummary,
    Summary,
)
from dr_sim.measures.verdict import Judged, Outcome, Verdict
from dr_sim.report.page import MARKS, rendered
from dr_sim.report.standings import ON_A_CARD, standings, with_values
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.model import Scenario
from dr_sim.screen.cloud import cloud_facts
from dr_sim.screen.failovers import (
    headed,
    in_words,
    met_no_danger,
    shown_and_summed,
    summed_outages,
    tenant_words,
)
from dr_sim.screen.mistakes import mistake_words
from dr_sim.screen.standing import how_to_meet, standing_notes, why_and_help
from dr_sim.units import clock
from dr_sim.version import VERSION

__all__ = ["Shown", "report_html"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A run's numbers, for its page. digest: of its journal."""

    summary: Summary
    verdict: Verdict
    digest: str


def report_html(
    timeline: Timeline, shown: Shown, examined: Examined | None = None
) -> str:
    """Return the page. examined: which assumptions flip the verdict, if known."""
    summary, seen = shown.summary, timeline.seen
    scenario = seen.whole.scenario
    lanes, shares = _with_ways(timeline), timeline.shares
    outcomes = [line.outcome for line in shown.verdict.lines]
    heads, rows = with_values(standings(summary))
    failovers, _ = shown_and_summed(summary.failovers)
    parts = [_failover(f, summary, scenario) for f in failovers]
    parts += [_mistake(m, scenario) for m in summary.mistakes]
    charts = [
        *lanes,
        *shares,
        *(chart for part in parts for chart in part.charts),
    ]
    return rendered(
        "report.html",
        charts,
        timeline.axis(_views(timeline, seen)),
        scenario=scenario,
        summary=summary,
        verdict=_verdict(shown, scenario),
        digest=shown.digest,
        marks=MARKS,
        version=VERSION,
        lanes=lanes,
        shares=shares,
        failovers=parts,
        facts=_facts(summary, scenario),
        standings=rows,
        standing_notes=standing_notes(summary.standings),
        why=[
            *why_and_help(summary, scenario, shown.verdict.lines),
            *how_to_meet(outcomes, "scenario.yaml"),
        ],
        alerts=_alerts(summary, scenario),
        raised=summary.alerts.raised,
        standing_heads=heads,
        on_a_card=ON_A_CARD,
        sla=[_line(line) for line in shown.verdict.lines],
        resolved=dump_resolved(scenario),
        examined=examined,
    )


def _with_ways(timeline: Timeline) -> list[Chart]:
    """Return the lanes, those of the ways back behind exposure."""
    lanes = timeline.lanes
    place = [chart.key for chart in lanes].index("exposure") + 1
    return [*lanes[:place], *way_charts(timeline), *lanes[place:]]


@dataclass(slots=True)
class Part:
    """One failover in words, with its two ledgers as bars; or one mistake."""

    title: str
    lines: list[str]
    charts: list[Chart]


def _verdict(shown: Shown, scenario: Scenario) -> tuple[str, str]:
    """(outcome, the sentence that a manager reads)."""
    summary = shown.summary
    silent = len(summary.silent_recoveries)
    judged = scenario.sla or summary.violations or silent
    outcome = shown.verdict.outcome.name.lower() if judged else "done"
    if summary.violations:
        return (
            outcome,
            f"An invariant broke: {breaker(scenario.manager)}; no number below can be trusted.",
        )
    if silent:
        return (
            outcome,
            "A recovery lost data silently: a promotion reported success, but the "
            "database does not hold what was restored.",
        )
    lines = shown.verdict.lines
    missed = [_line(line) for line in lines if line.outcome is Outcome.FAIL]
    unknown = [
        _line(line) for line in lines if line.outcome is Outcome.UNKNOWN
    ]
    if missed:
        return outcome, "The SLA is missed: " + "; ".join(
            f"{x['name']} is {x['value']}, wanted {x['bound']}"
            for x in missed
        ) + "."
    if unknown:
        return outcome, "This run cannot tell: " + "; ".join(
            f"{x['name']} ({x['reason']})" for x in unknown
        ) + "."
    return outcome, (
        "The SLA is met in this run."
        if lines
        else "The scenario names no SLA to be judged by."
    ) + _beyond(shown)


def _beyond(shown: Shown) -> str:
    """Return what a met SLA does not ask about, and nobody may overlook: a failover that lost all
    of a database, or that never ended.
    """
    found = []
    for f in shown.summary.failovers:
        of = f"failover {f.number}"
        if f.data_loss_us is None:
            found.append(
                f"after {of} it is not known how much was lost ({f.loss_ledger.note})"
            )
        elif f.loss_ledger.note:
            found.append(
                f"{of} lost all of a database ({f.loss_ledger.note})"
            )
        if f.outage_us is None:
            found.append(
                f"the outage of {of} was not over by the end of the run"
            )
    return (
        f" But {'; '.join(found)}: no line of it asks about that."
        if found and shown.verdict.lines
        else f" {'; '.join(found).capitalize()}."
        if found
        else ""
    )


def _line(judged: Judged) -> dict[str, str]:
    line = judged.line
    of = "".join(
        f" of {name}"
        for name in (
            line.database,
            line.tenant,
            line.failure_class,
            line.fault,
        )
        if name
    )
    value, bound = value_and_bound(
        judged.value, line.bound, line.at_most, judged.unit
    )
    return {
        "name": f"{line.measure}{of}",
        "value": value,
        "bound": bound,
        "outcome": judged.outcome.name.lower(),
        "reason": judged.reason,
    }


def _failover(
    f: FailoverSummary, summary: Summary, scenario: Scenario
) -> Part:
    number = f.number
    told = {
        "yes": "An alert had reported this danger before the failure.",
        "no": "No alert had reported this danger before the failure.",
        "no danger": f"{met_no_danger(summary, f).capitalize()}.",
    }[f.told.answer]
    lines, charts = [told], []
    if f.data_loss_us is None:
        lines.insert(
            0, f"How much was lost is not known: {f.loss_ledger.note}."
        )
    else:
        lost = (
            f"{clock(f.data_loss_us)} of data are lost: {size(f.user_bytes_lost or 0)}, "
            f"{f.transactions_lost:,} transactions"
        )
        lines.insert(
            0,
            lost
            + (
                f" ({f.worst_database} is the worst)."
                if len(summary.databases) > 1
                else "."
            ),
        )
        if f.loss_ledger.note:
            lines.insert(
                1,
                f"{f.loss_ledger.note[:1].upper()}{f.loss_ledger.note[1:]}.",
            )
        lines_of = (
            (line.cause, line.duration_us, line.detail)
            for line in f.loss_ledger.lines
        )
        ledger = [
            (each.cause, each.duration_us) for each in summed(lines_of)
        ]
        if ledger:
            words = "; ".join(
                f"{cause} {clock(us)}" for cause, us in ledger
            )
            charts.append(
                waterfall(
                    f"loss_{number}",
                    "Data loss: what it is made of",
                    ledger,
                    f"Data loss {clock(f.data_loss_us)}: {words}.",
                )
            )
    phases = named_phases((x.phase, x.duration_us) for x in f.phases)
    total = _outage(f)
    words = "; ".join(f"{name} {clock(us)}" for name, us in phases)
    charts.append(
        waterfall(
            f"outage_{number}",
            "Outage: phase by phase",
            phases,
            f"Outage {total}: {words}.",
        )
    )
    served = (
        f"{f.requests_failed:,} of {f.requests_offered:,} requests failed"
        if f.requests_offered
        else "no request was offered"
    )
    lines.insert(1, f"Outage {total}; {served}.")
    if f.unprotected_us is not None:
        lines.append(_unprotected(f.unprotected_us, f, scenario))
        charts += _unprotected_chart(f)
    if f.back is not None:
        lines.append(f"{in_words(f.back, scenario)}.")
    lines += [f"Outage {of_tenants}." for of_tenants in tenant_words(f)]
    if f.two_primaries_us:
        lines.append(
            f"Two primaries took writes for {clock(f.two_primaries_us)}; "
            f"{size(f.discarded_bytes)} were thrown away."
        )
    return Part(f"Failover {number}: {headed(f, scenario)}", lines, charts)


def _mistake(m: MistakeSummary, scenario: Scenario) -> Part:
    title, lines = mistake_words(m, scenario)
    word = "Mistake" if m.rot is None else "Rot"
    return Part(
        f"{word} {title}", [f"{x[0].upper()}{x[1:]}." for x in lines], []
    )


def _unprotected(
    unprotected_us: int, f: FailoverSummary, scenario: Scenario
) -> str:
    """Return how long nothing stood behind the new primary, and what ended that."""
    known = clock(unprotected_us)
    alone = f.follow in ([], [f.primary])
    who = "the old primary" if alone else " or ".join(f.follow)
    if not f.follow and f.cannot_follow:
        who = " or ".join(
            dict.fromkeys(one.place for one in f.cannot_follow)
        )
    what = (
        "a new recovery network was seeded"
        if f.seeded_anew
        else f"{who} had restored the new one's first log"
    )
    if not scenario.has_standbys:
        first = "full" if f.seeded_anew else "log"
        what = f"the new primary's first {first} lay in a store"
    if f.unprotected_censored:
        return (
            f"After that the service was unprotected for at least {known}: "
            f"the run ended before {what}."
        )
    return (
        f"After that the service was unprotected for {known}, until {what}."
    )


def _unprotected_chart(f: FailoverSummary) -> list[Chart]:
    """Draw what the time was waited for."""
    why = f.unprotected_ledger
    if why is None or not why.lines:
        return []
    each = summed(
        (line.cause, line.duration_us, line.detail) for line in why.lines
    )
    ledger = [(part.cause, part.duration_us) for part in each]
    words = "; ".join(f"{cause} {clock(us)}" for cause, us in ledger)
    title = "Time unprotected: what was waited for"
    total = clock(f.unprotected_us or 0)
    return [
        waterfall(
            f"unprotected_{f.number}",
            title,
            ledger,
            f"Unprotected {total}: {words}.",
        )
    ]


def _outage(f: FailoverSummary) -> str:
    return (
        "not over by the end of the run"
        if f.outage_us is None
        else clock(f.outage_us)
    )


def _in_words(curve: CurveSummary) -> str:
    """'p50 3:26, p99 45:35, at most 47:12', of a curve that has them."""
    half, nearly, most = (
        clock(curve.known(name)) for name in ("p50", "p99", "max")
    )
    return f"p50 {half}, p99 {nearly}, at most {most}"


def _facts(summary: Summary, scenario: Scenario) -> list[tuple[str, str]]:
    """Return what a run is known by, for the head of the page."""
    e, lag, link, alerts = (
        summary.exposure,
        summary.replay_lag,
        summary.link,
        summary.alerts,
    )
    many = len(summary.databases)
    facts = [
        (
            "simulated",
            f"{span(summary.measured_us.end)}, {many} database{'s' * (many != 1)}, "
            f"seed {summary.seed}",
        )
    ]
    failovers, ended = shown_and_summed(summary.failovers)
    for f in failovers:
        lost = (
            "an unknown amount"
            if f.data_loss_us is None
            else clock(f.data_loss_us)
        )
        facts.append(
            (
                f"failover {f.number}",
                f"{lost} of data lost, outage {_outage(f)}",
            )
        )
    if ended:
        facts.append(("more outages", summed_outages(ended)))
    if e.time_us:
        facts.append((f"exposure ({e.failure_class})", _in_words(e)))
    before = summary.exposure_before
    if summary.failovers and before.time_us:
        facts.append(
            ("exposure before the first failure", _in_words(before))
        )
    o = summary.outage_if_now
    if o.time_us:
        most = (
            "at worst it would never have ended"
            if o.max_us is None
            else f"at most {clock(o.max_us)}"
        )
        half, nearly = (
            "never" if us is None else clock(us)
            for us in (o.p50_us, o.p99_us)
        )
        facts.append(
            (
                "outage, if the site had been lost",
                f"p50 {half}, p99 {nearly}, {most}",
            )
        )
    if lag.max_us is not None:
        name = "replay lag"
        if scenario.delays_replay:
            name += ", beyond the replay delay"
        facts.append((name, _in_words(lag)))
    facts += cloud_facts(summary, scenario)
    if len(summary.legs) > 1:
        changes = [
            f"{x.primary} until {instant(x.ends_us, scenario)}"
            for x in summary.legs[:-1]
        ]
        facts.append(
            (
                "primary",
                ", ".join([*changes, f"then {summary.legs[-1].primary}"]),
            )
        )
    facts.append(
        (
            "alerts",
            f"{alerts.raised:,} raised, {alerts.false:,} false; {alerts.due:,} due, "
            f"{alerts.missed:,} missed, {alerts.late:,} late",
        )
    )
    facts.append(_link_fact(link, len(scenario.standbys)))
    if link.overloaded:
        more = (
            f"offered {size(link.offered_bytes)}, it could carry "
            f"{size(link.could_carry_bytes)} in the run"
        )
        facts.append(("link overloaded", more))
    made = summary.backups
    facts.append(
        (
            "backups",
            ", ".join(
                f"{count:,} {word.replace('_', ' ')}"
                for word, count in made.items()
            ),
        )
    )
    return facts


def _link_fact(link: LinkSummary, places: int) -> tuple[str, str]:
    """Return how much crossed the link; all links together, if there are several places."""
    used = (
        "unknown"
        if link.used_ppm is None
        else f"{link.used_ppm / 10_000:.1f} %"
    )
    down = (
        f"down for {clock(link.down_us)}" if link.down_us else "never down"
    )
    sent = f"{size(link.bytes_sent)} sent, {used} of"
    if places > 1:
        return "all links", f"{sent} their capacity; {down}"
    return "link", f"{sent} its capacity; {down}"


MOST_ALERTS = 1_000  # listed one by one; more are summed


def _alerts(summary: Summary, scenario: Scenario) -> list[dict[str, Any]]:
    """Every alert of all legs; where they are many, one row for each kind about each database."""
    every = summary.alerts.each
    groups: dict[tuple[Any, ...], list[AlertSummary]] = {}
    for a in every:
        alone = a.number if len(every) <= MOST_ALERTS else 0
        groups.setdefault(
            (alone, a.database, a.event_id, a.false), []
        ).append(a)
    return [_alert_row(of, summary, scenario) for of in groups.values()]


def _alert_row(
    of: list[AlertSummary], summary: Summary, scenario: Scenario
) -> dict[str, Any]:
    """One row: an alert, or several of a kind with the text of the first."""
    first = of[0]
    when = instant(first.time_us, scenario)
    if len(of) > 1:
        when += f" to {instant(of[-1].time_us, scenario)}"
    return {
        "number": first.number if len(of) == 1 else f"{len(of):,} ×",
        "when": when,
        "database": first.database or "whole service",
        "source": first.source,
        "event": first.event_id,
        "level": first.level,
        "text": first.text,
        "false": first.false,
        "of": summary.databases.index(first.database)
        if first.database
        else -1,
    }


def _views(timeline: Timeline, seen: Views) -> list[tuple[str, int, int]]:
    """(name, from, until) of what the buttons above the timeline show."""
    views = [("whole run", 0, timeline.end_us)]
    for v in seen.legs:
        for f in v.found:
            begin, end = zoom_window(v.causes, f)
            views.append(
                (
                    f"around failover {len(views)}",
                    begin + v.leg.begins_us,
                    end + v.leg.begins_us,
                )
            )
    views += [
        (f"unprotected {i}", *span)
        for i, span in enumerate(seen.unprotected, 1)
    ]
    return [
        (name, begin, min(end, timeline.end_us))
        for name, begin, end in views
    ]
