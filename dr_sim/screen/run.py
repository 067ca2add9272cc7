"""The one screen after a run, from its summary. Computes nothing: every number is there already.

Durations on the screen are rounded to seconds such that the lines of a ledger still add up to its
total. Instants are in the scenario's time zone, with the date where the run is longer than a week.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten

from dr_sim.errors.bugs import breaker
from dr_sim.formatting.numbers import value_and_bound
from dr_sim.formatting.words import counted, instant, span
from dr_sim.measures.summary.types import (
    FailoverSummary,
    Summary,
)
from dr_sim.measures.verdict import Judged, Verdict
from dr_sim.scenario.model import Scenario
from dr_sim.screen.cloud import cloud_lines
from dr_sim.screen.curves import (
    exposure_lines,
    overload_lines,
    writes_lines,
)
from dr_sim.screen.failovers import (
    failover_lines,
    met_no_danger,
    of_one_line,
    shown_and_summed,
    shown_beside,
    summed_outages,
)
from dr_sim.screen.mistakes import mistake_lines
from dr_sim.screen.standing import (
    how_to_meet,
    scenario_file,
    standing_table,
    why_and_help,
)
from dr_sim.units import clock

ALERT_WORDS = {
    1: "missing transaction log",
    2: "no new transaction logs",
    3: "errors while restoring",
}
MANY_TOLD = 3  # failures after the first, of which it is said whether anybody was notified
_COLOURS = {
    "PASS": "\x1b[1;32m",
    "FAIL": "\x1b[1;31m",
    "UNKNOWN": "\x1b[1;33m",
}
_PLAIN = "\x1b[0m"

_FILES = ("report.html", "timeline.svg", "exposure.svg", "summary.json")


def _files(folder: Path) -> list[str]:
    """Names of what a reader opens there: without pictures, where none were asked for."""
    return [
        name
        for name in _FILES
        if not folder.is_dir() or (folder / name).exists()
    ]


def screen(
    summary: Summary,
    scenario: Scenario,
    verdict: Verdict,
    source: Path | None = None,
    took_s: float | None = None,
    folder: Path | None = None,
) -> str:
    """The whole screen as text. source: the scenario file; took_s: seconds of wall clock; folder:
    where the results lie; what is not given is not said.
    """
    parts = [[_head(summary, scenario, verdict, source, took_s)]]
    parts += [_violations(summary, scenario)] if summary.violations else []
    parts += (
        [_silent(summary, scenario)] if summary.silent_recoveries else []
    )
    table = standing_table(summary)
    parts += [table] if table else []
    reasons = why_and_help(summary, scenario, verdict.lines)
    outcomes = [line.outcome for line in verdict.lines]
    file = scenario_file(scenario, source, folder)
    reasons += how_to_meet(outcomes, file)
    parts += [reasons] if reasons else []
    failovers, ended = shown_and_summed(summary.failovers)
    parts += [
        failover_lines(f, summary, scenario, verdict) for f in failovers
    ]
    parts += [[summed_outages(ended)]] if ended else []
    parts += [_refused(summary, scenario)] if summary.orders_refused else []
    parts += [mistake_lines(summary, scenario)] if summary.mistakes else []
    parts += [_told(summary, scenario), exposure_lines(summary, scenario)]
    parts += [lines] if (lines := cloud_lines(summary, scenario)) else []
    parts += (
        [writes_lines(summary, scenario)]
        if summary.writes_refused.time_us
        else []
    )
    parts += [overload_lines(summary)] if summary.link.overloaded else []
    others = [j for j in verdict.lines if not shown_beside(j, summary)]
    parts += [_sla(others)] if others else []
    parts += (
        [[f"{folder}/  {' '.join(_files(folder))}"]]
        if folder is not None
        else []
    )
    return "\n\n".join("\n".join(map(str.rstrip, part)) for part in parts)


def in_colour() -> bool:
    """Return whether a terminal reads what is printed, and one that knows colours."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in (
        "dumb",
        "unknown",
    )


def coloured(text: str) -> str:
    for word, colour in _COLOURS.items():
        text = re.sub(rf"\b{word}\b", f"{colour}{word}{_PLAIN}", text)
    return text


def _head(
    summary: Summary,
    scenario: Scenario,
    verdict: Verdict,
    source: Path | None,
    took_s: float | None,
) -> str:
    word = (
        verdict.outcome.name
        if scenario.sla or verdict.violations or verdict.silent
        else "DONE"
    )
    length = span(summary.measured_us.end)
    many = counted(len(summary.databases), "database")
    name = scenario.name if source is None else source.name
    took = "" if took_s is None else f"  ({took_s:.1f} s)"
    return f"{word}  {name}  seed {summary.seed}  {length}  {many}{took}"


def _violations(summary: Summary, scenario: Scenario) -> list[str]:
    """An invariant or a requirement broke: dr_sim itself has a bug, or the user's own manager, and
    none of the numbers below can be trusted.
    """
    out = [
        f"INVARIANT BROKEN: {counted(len(summary.violations), 'violation')}, "
        f"{breaker(scenario.manager)}; do not trust the numbers below"
    ]
    out += [
        f"   {instant(v.time_us, scenario)} {v.invariant}: {v.detail}"
        for v in summary.violations[:5]
    ]
    return out


def _silent(summary: Summary, scenario: Scenario) -> list[str]:
    """Return the lines on recoveries that reported success and had none: nobody hears of these but
    here.
    """
    out = []
    for s in summary.silent_recoveries:
        what = "SILENT SHORT RECOVERY" if s.sound else "SILENT CORRUPTION"
        lacks = (
            f"{s.claimed - s.held:,} of them are not there"
            if s.sound
            else "and they are not the primary's"
        )
        out += [
            f"{what}  {s.database} {instant(s.time_us, scenario)}: its promotion reported success",
            f"   restored without an error: commits up to {s.claimed:,}; held, read "
            f"from the database: {s.held:,}; {lacks}",
        ]
    return out


def _refused(summary: Summary, scenario: Scenario) -> list[str]:
    out = []
    for order in summary.orders_refused:
        label = f"  ({order.events})" if order.events else ""
        at = instant(order.time_us, scenario)
        out.append(
            f"ORDER REFUSED  {at}, {order.what}, by {order.operator}: {order.reason}{label}"
        )
    return out


def _told(summary: Summary, scenario: Scenario) -> list[str]:
    alerts = summary.alerts
    score = (
        f"missed {alerts.missed}  late {alerts.late}  false {alerts.false}  of "
        f"{counted(alerts.raised, 'alert')}"
    )
    if not summary.failovers:
        due = counted(alerts.due, "lasting danger")
        return [f"ALERTS  {due}, {score}"]
    first, *later = summary.failovers
    parts = [f"WARNED?  {_told_before(summary, first, scenario)}"]
    met = [f for f in later if f.told.answer != "no danger"]
    for f in met[:MANY_TOLD]:
        said = _told_before(summary, f, scenario)
        parts.append(f"         before failure {f.number}: {said}")
    if len(met) > MANY_TOLD:
        parts.append(
            f"         {len(met) - MANY_TOLD} later failures met a danger, too"
        )
    lines = "\n".join(parts).splitlines()
    if lines[-1].endswith(("before the loss.", "before the outage.")):
        lines[-1] += f"  {score}"
    else:
        lines.append(f"         {score}")
    return lines


def _told_before(
    summary: Summary, f: FailoverSummary, scenario: Scenario
) -> str:
    """Return whether anyone had been notified of the danger that was there when the failure
    happened; in one line or two.
    """
    told = f.told
    if told.answer == "no danger":
        return met_no_danger(summary, f)
    if told.alert is None:
        since = instant(told.onset_us or 0, scenario)
        return f"no: {told.database} had been in danger since {since}"
    alert = told.alert
    words = ALERT_WORDS.get(alert.event_id) or shorten(
        alert.text, 60, placeholder=" ..."
    )
    after = (
        ""
        if told.after_fault_us is None
        else f" {clock(told.after_fault_us)} after {told.fault} began,"
    )
    what = "outage" if f.by_itself else "loss"
    return (
        f'yes: {instant(alert.time_us, scenario)} "{words}",{after}\n'
        f"         {clock(told.before_failure_us or 0)} before the {what}."
    )


def _sla(lines: Sequence[Judged]) -> list[str]:
    out = ["SLA"]
    for j in lines:
        one = of_one_line(j.line)
        of = f" of {one}" if one else ""
        value, bound = value_and_bound(
            j.value, j.line.bound, j.line.at_most, j.unit
        )
        why = f"  ({j.reason})" if j.reason else ""
        name = (
            f"{j.line.measure}{of}"
            if j.line.id in (j.line.measure, f"{j.line.measure} {one}")
            else f"{j.line.id}: {j.line.measure}{of}"
        )
        out.append(
            f"  {name:<36} {value:>9}  {bound:<20} {j.outcome.name}{why}"
        )
    return out
