"""report.html: one self-contained page about a run that a manager opens and an engineer can argue
from.

It works offline: the charts' library and data are in the file, and nothing is fetched. Numbers come
from the same summary as the screen and --json; nothing is computed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dr_sim.experiments.assumptions import Examined
from dr_sim.figures.failover import zoom_window
from dr_sim.figures.views import Views
from dr_sim.measures.sums import summed
from dr_sim.number_text import value_and_bound
from dr_sim.report.charts import Chart, share_below, waterfall
from dr_sim.report.page import MARKS, rendered
from dr_sim.report.timeline import Timeline
from dr_sim.scenario import dump_resolved
from dr_sim.scenario.model import Scenario
from dr_sim.screen.run import headed, instant, met_no_danger, size, span
from dr_sim.units import clock
from dr_sim.version import VERSION

__all__ = ["report_html"]


def report_html(seen: Views, summary: dict[str, Any], examined: Examined | None = None) -> str:
    """The page. summary: the whole one, with verdict and digest; examined: which assumptions flip
    the verdict, if known.
    """
    scenario = seen.whole.scenario
    timeline = Timeline(seen)
    lanes = timeline.charts()
    exposed = seen.whole.exposure().window(scenario.measure_from_us, seen.end_us)
    limits = [
        (f"SLA {line.id}", line.bound)
        for line in scenario.sla
        if line.measure == "data_loss" and line.at_most
    ]
    shares = [share_below(exposed, limits)] if exposed.duration_us else []
    parts = [_failover(f, summary, scenario) for f in summary["failovers"]]
    charts = [*lanes, *shares, *(chart for part in parts for chart in part.charts)]
    return rendered(
        "report.html",
        {chart.key: chart.figure for chart in charts},
        scenario=scenario,
        summary=summary,
        verdict=_verdict(summary, scenario),
        marks=MARKS,
        version=VERSION,
        lanes=lanes,
        shares=shares,
        failovers=parts,
        facts=_facts(summary, scenario),
        alerts=_alerts(summary, scenario),
        sla=[_line(line) for line in summary["verdict"]["lines"]],
        resolved=dump_resolved(scenario),
        examined=examined,
        views=json.dumps(_views(timeline, seen)),
    )


@dataclass(slots=True)
class Part:
    """One failover in words, with its two ledgers as bars."""

    title: str
    lines: list[str]
    charts: list[Chart]


def _verdict(summary: dict[str, Any], scenario: Scenario) -> tuple[str, str]:
    """(outcome, the sentence that a manager reads)."""
    silent = len(summary["silent_recoveries"])
    outcome = (
        summary["verdict"]["outcome"] if scenario.sla or summary["violations"] or silent else "done"
    )
    if summary["violations"]:
        return (
            outcome,
            "An invariant broke: this is a bug in dr_sim, and no number below can be trusted.",
        )
    if silent:
        return (
            outcome,
            "A recovery was silently short: a promotion reported success, and the "
            "database does not hold what was restored.",
        )
    lines = summary["verdict"]["lines"]
    missed = [_line(line) for line in lines if line["outcome"] == "fail"]
    unknown = [_line(line) for line in lines if line["outcome"] == "unknown"]
    if missed:
        return outcome, "The SLA is missed: " + "; ".join(
            f"{x['name']} is {x['value']}, wanted {x['bound']}" for x in missed
        ) + "."
    if unknown:
        return outcome, "This run cannot tell: " + "; ".join(
            f"{x['name']} ({x['reason']})" for x in unknown
        ) + "."
    return outcome, (
        "The SLA is met in this run." if lines else "The scenario names no SLA to be judged by."
    ) + _beyond(summary)


def _beyond(summary: dict[str, Any]) -> str:
    """What a met SLA does not ask about, and nobody may overlook: a failover that lost all of a
    database, or that never ended.
    """
    found = []
    for f in summary["failovers"]:
        of = f"failover {f['number']}"
        if f["data_loss_us"] is None:
            found.append(
                f"after {of} it is not known how much was lost ({f['loss_ledger']['note']})"
            )
        if f["outage_us"] is None:
            found.append(f"the outage of {of} was not over by the end of the run")
    return (
        f" But {'; '.join(found)}: no line of it asks about that."
        if found and summary["verdict"]["lines"]
        else f" {'; '.join(found).capitalize()}."
        if found
        else ""
    )


def _line(line: dict[str, Any]) -> dict[str, str]:
    of = "".join(
        f" of {line[key]}" for key in ("database", "tenant", "class", "fault") if line[key]
    )
    value, bound = value_and_bound(line["value"], line["bound"], line["at_most"], line["unit"])
    name = f"{line['measure'].replace('_', ' ')}{of}"
    return {
        "name": name,
        "value": value,
        "bound": bound,
        "outcome": line["outcome"],
        "reason": line["reason"],
    }


def _failover(f: dict[str, Any], summary: dict[str, Any], scenario: Scenario) -> Part:
    number = f["number"]
    told = {
        "yes": "Somebody had been told of the danger that it met.",
        "no": "Nobody had been told of the danger that it met.",
        "no danger": f"{met_no_danger(summary, f).capitalize()}.",
    }[f["told"]["answer"]]
    lines, charts = [told], []
    if f["data_loss_us"] is None:
        lines.insert(0, f"How much was lost is not known: {f['loss_ledger']['note']}.")
    else:
        lost = (
            f"{clock(f['data_loss_us'])} of data are lost: {size(f['user_bytes_lost'])}, "
            f"{f['transactions_lost']:,} transactions"
        )
        lines.insert(
            0,
            lost
            + (f" ({f['worst_database']} is the worst)." if len(summary["databases"]) > 1 else "."),
        )
        lines_of = (
            (line["cause"], line["duration_us"], line["detail"])
            for line in f["loss_ledger"]["lines"]
        )
        ledger = [(each.cause, each.duration_us) for each in summed(lines_of)]
        if ledger:
            words = "; ".join(f"{cause} {clock(us)}" for cause, us in ledger)
            charts.append(
                waterfall(
                    f"loss_{number}",
                    "Data loss: what it is made of",
                    ledger,
                    f"Data loss {clock(f['data_loss_us'])}: {words}.",
                )
            )
    phases = [(name.replace("_", " "), us) for name, us in f["phases_us"].items() if us]
    total = _outage(f)
    words = "; ".join(f"{name} {clock(us)}" for name, us in phases)
    charts.append(
        waterfall(f"outage_{number}", "Outage: phase by phase", phases, f"Outage {total}: {words}.")
    )
    served = (
        f"{f['requests_failed']:,} of {f['requests_offered']:,} requests failed"
        if f["requests_offered"]
        else "no request was offered"
    )
    lines.insert(1, f"Outage {total}; {served}.")
    if f["unprotected_us"] is not None:
        at_least = "at least " if f["unprotected_censored"] else ""
        until = (
            "a new recovery network was seeded"
            if f["seeded_anew"]
            else "the old primary had restored the new one's first log"
        )
        lines.append(
            "After that the service was unprotected for "
            f"{at_least}{clock(f['unprotected_us'])}, until {until}."
        )
    lines += [
        f"Of tenant {x['name']}: outage "
        f"{'unknown' if x['outage_us'] is None else clock(x['outage_us'])}."
        for x in f["tenants"]
    ]
    if f["two_primaries_us"]:
        lines.append(
            f"Two primaries took writes for {clock(f['two_primaries_us'])}; "
            f"{size(f['discarded_bytes'])} were thrown away."
        )
    return Part(f"Failover {number}: {headed(f, scenario)}", lines, charts)


def _outage(f: dict[str, Any]) -> str:
    return "not over by the end of the run" if f["outage_us"] is None else clock(f["outage_us"])


def _facts(summary: dict[str, Any], scenario: Scenario) -> list[tuple[str, str]]:
    """What a run is known by, for the head of the page."""
    e, lag, link, alerts = (
        summary["exposure"],
        summary["replay_lag"],
        summary["link"],
        summary["alerts"],
    )
    many = len(summary["databases"])
    facts = [
        (
            "simulated",
            f"{span(summary['measured_us']['end'])}, {many} database{'s' * (many != 1)}, "
            f"seed {summary['seed']}",
        )
    ]
    for f in summary["failovers"]:
        lost = "an unknown amount" if f["data_loss_us"] is None else clock(f["data_loss_us"])
        facts.append((f"failover {f['number']}", f"{lost} of data lost, outage {_outage(f)}"))
    if e["time_us"]:
        facts.append(
            (
                f"exposure ({e['class']})",
                f"p50 {clock(e['p50_us'])}, p99 {clock(e['p99_us'])}, at most {clock(e['max_us'])}",
            )
        )
    before = summary["exposure_before"]
    if summary["failovers"] and before["time_us"]:
        words = (
            f"p50 {clock(before['p50_us'])}, p99 {clock(before['p99_us'])}, at most "
            f"{clock(before['max_us'])}"
        )
        facts.append(("exposure before the first failure", words))
    o = summary["outage_if_now"]
    if o["time_us"]:
        most = "without end" if o["max_us"] is None else f"at most {clock(o['max_us'])}"
        half, nearly = (
            "never" if o[key] is None else clock(o[key]) for key in ("p50_us", "p99_us")
        )
        facts.append(("outage, had the site been lost", f"p50 {half}, p99 {nearly}, {most}"))
    if lag["max_us"] is not None:
        facts.append(
            (
                "replay lag",
                f"p50 {clock(lag['p50_us'])}, p99 {clock(lag['p99_us'])}, at most "
                f"{clock(lag['max_us'])}",
            )
        )
    if len(summary["legs"]) > 1:
        changes = [
            f"{x['primary']} until {instant(x['ends_us'], scenario)}" for x in summary["legs"][:-1]
        ]
        facts.append(("primary", ", ".join([*changes, f"then {summary['legs'][-1]['primary']}"])))
    facts.append(
        (
            "alerts",
            f"{alerts['raised']} raised; of {alerts['due']} due {alerts['missed']} "
            f"missed, {alerts['late']} late; {alerts['false']} false",
        )
    )
    used = "unknown" if link["used_ppm"] is None else f"{link['used_ppm'] / 10_000:.1f} %"
    facts.append(
        (
            "link",
            f"{size(link['bytes_sent'])} sent, {used} of its capacity; down for "
            f"{clock(link['down_us'])}",
        )
    )
    if link["overloaded"]:
        more = (
            f"offered {size(link['offered_bytes'])}, it could carry "
            f"{size(link['could_carry_bytes'])} in the run"
        )
        facts.append(("link overloaded", more))
    made = summary["backups"]
    facts.append(
        (
            "backups",
            ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in made.items()),
        )
    )
    return facts


def _alerts(summary: dict[str, Any], scenario: Scenario) -> list[dict[str, Any]]:
    """Every alert of all legs."""
    return [
        {
            "number": a["number"],
            "when": instant(a["time_us"], scenario),
            "database": a["database"] or "whole service",
            "source": a["source"],
            "event": a["event_id"],
            "level": a["level"],
            "text": a["text"],
            "false": a["false"],
        }
        for a in summary["alerts"]["list"]
    ]


def _views(timeline: Timeline, seen: Views) -> list[tuple[str, float, float]]:
    """(name, from, to) of what the buttons above the timeline show; milliseconds since 1970."""
    views = [("whole run", 0, timeline.end_us)]
    for v in seen.legs:
        for f in v.found:
            begin, end = zoom_window(v.causes, f)
            views.append(
                (f"around failover {len(views)}", begin + v.leg.begins_us, end + v.leg.begins_us)
            )
    views += [(f"unprotected {i}", *span) for i, span in enumerate(seen.unprotected, 1)]
    return [
        (name, float(timeline.ms(begin)), float(timeline.ms(min(end, timeline.end_us))))
        for name, begin, end in views
    ]
