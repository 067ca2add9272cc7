"""The one screen after a run, from its summary. Computes nothing: every number is there already.

Durations on the screen are rounded to seconds such that the lines of a ledger still add up to its
total. Instants are in the scenario's time zone, with the date where the run is longer than a week.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import shorten

from rich.console import Console
from rich.text import Text

from dr_sim.bugs import breaker
from dr_sim.measures.outcome import SEVERITY
from dr_sim.measures.summary.types import (
    CurveSummary,
    FailoverSummary,
    ReportedCurve,
    SiteBack,
    Summary,
)
from dr_sim.measures.sums import summed
from dr_sim.measures.verdict import Judged, Outcome, Verdict
from dr_sim.number_text import value_and_bound, value_text
from dr_sim.scenario.model import Scenario, SlaLine
from dr_sim.scenario.sla import limit_of
from dr_sim.screen.cloud import cloud_lines
from dr_sim.screen.standing import standing_table, why_and_help
from dr_sim.screen.ways import way_lines
from dr_sim.units import MINUTE_US, SECOND_US, clock
from dr_sim.words import counted, instant, size, span

ALERT_WORDS = {
    1: "missing transaction log",
    2: "no new transaction logs",
    3: "errors while restoring",
}
_WIDTH = 100
MOST_NAMED = 6  # tenants in one line
MOST_OUTAGES = 3  # that ended by themselves, shown one by one
MANY_TOLD = (
    3  # failures after the first of which it is said whether anyone was told
)
_COLOURS = {"PASS": "bold green", "FAIL": "bold red", "UNKNOWN": "bold yellow"}

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
    parts += [_silent(summary, scenario)] if summary.silent_recoveries else []
    table = standing_table(summary)
    parts += [table] if table else []
    reasons = why_and_help(summary, scenario)
    parts += [reasons] if reasons else []
    failovers, ended = shown_and_summed(summary.failovers)
    parts += [_failover(f, summary, scenario, verdict) for f in failovers]
    parts += [[summed_outages(ended)]] if ended else []
    parts += [_refused(summary, scenario)] if summary.orders_refused else []
    parts += [_mistakes(summary, scenario)] if summary.mistakes else []
    parts += [_told(summary, scenario), _exposure(summary, scenario)]
    parts += [lines] if (lines := cloud_lines(summary, scenario)) else []
    parts += (
        [_writes(summary, scenario)] if summary.writes_refused.time_us else []
    )
    parts += [_overloaded(summary)] if summary.link.overloaded else []
    others = [j for j in verdict.lines if not _shown_beside(j, summary)]
    parts += [_sla(others)] if others else []
    parts += (
        [[f"{folder}/  {' '.join(_files(folder))}"]]
        if folder is not None
        else []
    )
    return "\n\n".join("\n".join(map(str.rstrip, part)) for part in parts)


def in_colour() -> bool:
    """Whether a terminal reads what is printed, and one that knows colours."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in (
        "dumb",
        "unknown",
    )


def coloured(text: str) -> str:
    out = Text(text)
    for word, style in _COLOURS.items():
        out.highlight_regex(rf"\b{word}\b", style)
    console = Console(force_terminal=True, color_system="standard", width=400)
    with console.capture() as capture:
        console.print(out, end="")
    return capture.get()


# ---- words
def adding_up(durations_us: Iterable[int]) -> list[int]:
    """The durations rounded to whole seconds such that they add up to their rounded sum: each is
    the difference of two rounded running sums, so none is off by as much as a second.
    """
    out, total, shown = [], 0, 0
    for duration in durations_us:
        total += duration
        now = (total + SECOND_US // 2) // SECOND_US * SECOND_US
        out.append(now - shown)
        shown = now
    return out


def _cause(cause: str, detail: str) -> str:
    return f"{cause:<28} {detail}".rstrip()


# ---- sections
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
        f"{breaker(scenario.manager)}; trust no number below"
    ]
    out += [
        f"   {instant(v.time_us, scenario)} {v.invariant}: {v.detail}"
        for v in summary.violations[:5]
    ]
    return out


def _silent(summary: Summary, scenario: Scenario) -> list[str]:
    """Recoveries that called themselves a success, and were none: nobody is told of these but
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


def _beside(verdict: Verdict, measure: str, own_us: int | None) -> str:
    """Return 'SLA 15:00  FAIL' for the lines that judge this measure of the whole service. own_us:
    what it was in this failover, which is held against the bound; None: it is unknown.
    """
    lines = [
        j for j in verdict.lines if j.line.measure == measure and not _of(j)
    ]
    found = []
    for j in lines:
        shown_us = j.value if own_us is None else own_us
        value, bound = value_and_bound(
            shown_us, j.line.bound, j.line.at_most, j.unit
        )
        limit = bound.removeprefix("at most ").removeprefix("at least ")
        finer = (
            f"  ({value})" if limit != value_text(j.line.bound, j.unit) else ""
        )
        outcome = j.outcome if own_us is None else _held(own_us, j)
        found.append(f"SLA {limit}  {outcome.name}{finer}")
    return "   ".join(found)


def _held(value: int, judged: Judged) -> Outcome:
    line = judged.line
    met = value <= line.bound if line.at_most else value >= line.bound
    return Outcome.PASS if met else Outcome.FAIL


def _shown_beside(judged: Judged, summary: Summary) -> bool:
    return (
        bool(summary.failovers)
        and judged.line.measure in ("data_loss", "outage")
        and not _of(judged)
    )


def _of(judged: Judged) -> str:
    return _of_one(judged.line)


def _of_one(line: SlaLine) -> str:
    """The one database or tenant that a line is about, if it is about one."""
    return line.database or line.tenant


def _failover(
    f: FailoverSummary, summary: Summary, scenario: Scenario, verdict: Verdict
) -> list[str]:
    label = f"  ({f.events})" if f.events else ""
    word = "OUTAGE" if f.by_itself else "FAILOVER"
    out = [f"{word} {f.number}  {headed(f, scenario)}{label}"]
    out += _loss(f, summary, verdict) + _outage(f, verdict)
    if f.limit_ended_the_wait is not None:
        ended = f.limit_ended_the_wait
        out.append(
            f" drain limit ended the wait {instant(ended.time_us, scenario)} "
            f"({clock(scenario.failover.drain_limit_us)}): "
            f"{counted(ended.files, 'file')} still on the way, left behind"
        )
    if f.requests_failed:
        part = f.requests_failed / max(1, f.requests_offered)
        out.append(
            f" requests    {f.requests_failed:,} failed, {part:.0%} of those offered "
            "until served again"
        )
    if f.two_primaries_us:
        out.append(
            f" SPLIT BRAIN two primaries took writes for {clock(f.two_primaries_us)}; "
            f"{size(f.discarded_bytes)}, {f.discarded_transactions:,} tx thrown away"
        )
    if f.unprotected_us is not None:
        at_least = "at least " if f.unprotected_censored else ""
        out.append(
            f" unprotected {at_least}{clock(f.unprotected_us)} ({_new_secondary(f, scenario)})"
        )
    if f.ways:
        out.append(" ways back")
        out += [_fitted(f"  {line}") for line in way_lines(f.ways, False)]
    return out + _back(f, scenario)


def _back(f: FailoverSummary, scenario: Scenario) -> list[str]:
    if f.back is None:
        return []
    first, *more = in_words(f.back, scenario).split("; ", 1)
    return [f" back        {first}", *(f"   {text}" for text in more)]


def in_words(back: SiteBack, scenario: Scenario) -> str:
    """Say that the old primary was back, and what it still holds of what was lost."""
    which = (
        f"site {back.site}"
        if back.what == "site"
        else f"a host of site {back.site}"
    )
    role = (
        "the second side from then on"
        if back.role == "second side"
        else "a spare"
    )
    text = f"{which} {instant(back.time_us, scenario)}, {role}"
    if back.transactions:
        lost = f"{size(back.user_bytes)}, {back.transactions:,} tx"
        text += (
            f"; it still holds {lost} of what was lost; they are not merged"
        )
    return text


def shown_and_summed(
    found: Sequence[FailoverSummary],
) -> tuple[list[FailoverSummary], list[FailoverSummary]]:
    """Return the failovers to show one by one, in order, and those to sum in one line: outages that
    ended by themselves, but for the longest few.
    """
    ended = [f for f in found if f.by_itself]
    longest = sorted(ended, key=lambda f: (-(f.outage_us or 0), f.number))[
        :MOST_OUTAGES
    ]
    summed_up = [f for f in ended if f not in longest]
    return [f for f in found if f not in summed_up], summed_up


def summed_outages(ended: Sequence[FailoverSummary]) -> str:
    """Return one line for outages that ended by themselves and are not shown one by one."""
    lasted = [f.outage_us or 0 for f in ended]
    failed = sum(f.requests_failed for f in ended)
    return (
        f"AND {counted(len(ended), 'shorter outage')} that ended without a failover: "
        f"{clock(sum(lasted))} in all, each {clock(max(lasted))} at most; "
        f"{failed:,} requests failed"
    )


def _mistakes(summary: Summary, scenario: Scenario) -> list[str]:
    """One line for each wrong change that was committed: gone, or still there."""
    return [
        f"MISTAKE  {instant(m.time_us, scenario)} in {m.database}, {m.what}: "
        + ("gone, replay stopped before it" if m.gone else "still there")
        for m in summary.mistakes
    ]


def headed(f: FailoverSummary, scenario: Scenario) -> str:
    """Return what began a failover. One that a person ordered is headed by that, and what had
    failed comes after it.
    """
    failed = (
        "nothing had failed"
        if f.failure_class in ("planned", "none")
        else f"{f.failure_class} lost {instant(f.failed_us, scenario)}"
    )
    if f.fell:
        failed = f"the database server fell {instant(f.failed_us, scenario)}"
    if f.by_itself:
        return f"{failed} and came back by itself, without a failover"
    if f.ordered_by and f.ordered_us is not None:
        how = "planned" if f.ordered_planned else "unplanned"
        begun = f"ordered by {f.ordered_by} {instant(f.ordered_us, scenario)}, {how}"
        return (
            begun
            if f.ordered_planned and f.failure_class == "planned"
            else f"{begun}; {failed}"
        )
    at = (
        ""
        if f.failure_class in SEVERITY
        else f" {instant(f.failed_us, scenario)}"
    )
    return f"{failed}{at}, unplanned, {f.mode}"


def met_no_danger(summary: Summary, f: FailoverSummary) -> str:
    """Return what is said of a failure that met no lasting danger, and what else was not told or
    did not end.
    """
    found = "no alert was due before the failure"
    at_other_times = summary.alerts.missed
    if at_other_times:
        found += f", but nobody was told of {at_other_times} at another time"
    if f.outage_us is None:
        found += "; users were not served again"
    return found


def _new_secondary(f: FailoverSummary, scenario: Scenario) -> str:
    """How a failover's new recovery network came to be."""
    stores = [spec.name for spec in scenario.standbys if spec.store]
    if f.new_primary in stores:
        return "nothing stands behind it"
    in_place = f.back is not None and f.back.role == "second side"
    if scenario.new_secondary_us is None and not (in_place or f.follow):
        return "no new secondary"
    seeded = sum(
        d.size_bytes for d in scenario.databases if d.name in f.seeded_anew
    )
    if seeded:
        return f"seeding {size(seeded)} anew"
    if len(scenario.standbys) > 1:
        follow = f"{' and '.join(f.follow)} follow{'s' if len(f.follow) == 1 else ''}"
        return f"{follow} {f.new_primary}, no new seed"
    return "the old primary follows, no new seed"


def _refused(summary: Summary, scenario: Scenario) -> list[str]:
    out = []
    for order in summary.orders_refused:
        label = f"  ({order.events})" if order.events else ""
        at = instant(order.time_us, scenario)
        out.append(
            f"ORDER REFUSED  {at}, to fail over, by {order.operator}: {order.reason}{label}"
        )
    return out


def _loss(f: FailoverSummary, summary: Summary, verdict: Verdict) -> list[str]:
    sla = _beside(verdict, "data_loss", f.data_loss_us)
    if f.data_loss_us is None:
        return [
            " data loss  unknown".ljust(44) + f" {sla}",
            _fitted(f"   {f.loss_ledger.note}"),
        ]
    of = (
        f"  ({f.worst_database})"
        if len(summary.databases) > 1 and f.data_loss_us
        else ""
    )
    amount = f"{size(f.user_bytes_lost or 0)}   {f.transactions_lost:,} tx"
    if f.maintenance_bytes_lost:
        amount += f"   + {size(f.maintenance_bytes_lost)} of maintenance"
    out = [
        f" data loss  {clock(f.data_loss_us):>5}   {amount}{of}".ljust(44)
        + f" {sla}"
    ]
    if f.loss_ledger.note:
        out.append(_fitted(f"   {f.loss_ledger.note}"))
    causes = summed(
        (line.cause, line.duration_us, line.detail)
        for line in f.loss_ledger.lines
    )
    for us, each in zip(
        adding_up(x.duration_us for x in causes), causes, strict=True
    ):
        out.append(
            _fitted(f"   {clock(us):>7} {_cause(each.cause, each.detail)}")
        )
    return out


def _outage(f: FailoverSummary, verdict: Verdict) -> list[str]:
    phases = {name: us for name, us in f.phases_us.items() if us}
    total = f.outage_us
    text = (
        clock(total)
        if total is not None
        else f"unknown: at least {clock(sum(phases.values()))}"
    )
    out = [
        f" outage     {text:>5}".ljust(44)
        + f" {_beside(verdict, 'outage', total)}"
    ]
    words = [
        f"{name.replace('_', ' ')} {clock(us)}"
        for name, us in zip(phases, adding_up(phases.values()), strict=True)
    ]
    out += [
        "   " + "  ".join(words[i : i + 4]) for i in range(0, len(words), 4)
    ]
    if f.outage_note and f.outage_note != f.loss_ledger.note:
        out.append(_fitted(f"   {f.outage_note}"))
    out += [f"   {text}" for text in _tenants(f)]
    if f.manager_down_us:
        out.append(
            f"   for {clock(f.manager_down_us)} of it the recovery manager was down"
        )
    return out


def _tenants(f: FailoverSummary) -> list[str]:
    """'of acme, globex, each: 2:08': those who are served again together in one line, the worst
    first.
    """
    found: dict[tuple[bool, int], list[str]] = {}
    for of in f.tenants:
        found.setdefault(
            (of.outage_us is not None, -sum(of.phases_us.values())), []
        ).append(of.name)
    lines = []
    for (known, less_us), names in sorted(found.items()):
        many = ", ".join(names[:MOST_NAMED]) + (
            f" and {len(names) - MOST_NAMED} more"
            if len(names) > MOST_NAMED
            else ""
        )
        text = (
            "none"
            if not less_us
            else clock(-less_us)
            if known
            else f"unknown, at least {clock(-less_us)}"
        )
        lines.append(
            f"of {many}: {text}"
            if len(names) == 1
            else f"of {many}, each: {text}"
        )
    return lines


def _fitted(line: str) -> str:
    """The line as far as it fits the screen, cut between words."""
    if len(line) <= _WIDTH:
        return line
    return line[: _WIDTH - 3].rsplit(None, 1)[0] + " ..."


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
    parts = [f"TOLD?  {_told_before(summary, first, scenario)}"]
    met = [f for f in later if f.told.answer != "no danger"]
    for f in met[:MANY_TOLD]:
        said = _told_before(summary, f, scenario)
        parts.append(f"       before failure {f.number}: {said}")
    if len(met) > MANY_TOLD:
        parts.append(
            f"       {len(met) - MANY_TOLD} later failures met a danger, too"
        )
    lines = "\n".join(parts).splitlines()
    if lines[-1].endswith(("before the loss.", "before the outage.")):
        lines[-1] += f"  {score}"
    else:
        lines.append(f"       {score}")
    return lines


def _told_before(
    summary: Summary, f: FailoverSummary, scenario: Scenario
) -> str:
    """Return whether anyone had been told of the danger that a failure met; in one line or two."""
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
        f"       {clock(told.before_failure_us or 0)} before the {what}."
    )


def _overloaded(summary: Summary) -> list[str]:
    """The backups of the run were more than the link could carry in it."""
    link = summary.link
    return [
        f"LINK OVERLOADED  offered {size(link.offered_bytes)}, it could carry "
        f"{size(link.could_carry_bytes)} in the run"
    ]


def _writes(summary: Summary, scenario: Scenario) -> list[str]:
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


def _exposure(summary: Summary, scenario: Scenario) -> list[str]:
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
            "  the recovery manager believed in at most "
            f"{clock(reported.max_us)}{_defined(reported, e, scenario)}"
        )
    elif reported.max_us is None:
        out.append(
            "  the recovery manager could not say: it never validated a log"
        )
    out += _outage_if_now(summary)
    lag = summary.replay_lag
    if lag.max_us is not None:
        out.append(f"REPLAY LAG       {_quantiles(lag)}")
    out += _copies(summary)
    return out


def _only_of_parts(scenario: Scenario) -> set[int]:
    """The bounds on data loss that are promised for single databases or tenants only."""
    lines = [x for x in scenario.sla if x.measure.startswith("data_loss")]
    of_service = {x.bound for x in lines if not _of_one(x)}
    others = {limit_of(x.measure) for x in scenario.sla}
    kept = of_service | others | {scenario.danger_us}
    return {x.bound for x in lines if _of_one(x)} - kept


def _copies(summary: Summary) -> list[str]:
    """Show what each of several standbys would have lost by itself, while it was one."""
    out = []
    for leg in summary.legs:
        for copy in leg.copies:
            if copy.exposure.time_us:
                of = f"  {copy.place} behind {leg.primary}"
                out.append(f"{of}  exposure {_quantiles(copy.exposure)}")
    return ["COPIES, each by itself", *out] if out else []


def _quantiles(curve: CurveSummary) -> str:
    """'p50 3:26  p99 45:35  max 47:12', of a curve that has them."""
    return "  ".join(
        f"{name} {clock(curve.known(name))}" for name in ("p50", "p99", "max")
    )


def _outage_if_now(summary: Summary) -> list[str]:
    """Return what an outage would have been at any time: one line."""
    o = summary.outage_if_now
    if not o.time_us:
        return []
    words = {
        name: "never" if us is None else clock(us)
        for name, us in (
            ("p50", o.p50_us),
            ("p99", o.p99_us),
            ("max", o.max_us),
        )
    }
    text = "  ".join(f"{name} {value}" for name, value in words.items())
    never = (
        f"   (for {clock(o.never_us)} nothing could be promoted)"
        if o.never_us
        else ""
    )
    return [f"OUTAGE IF NOW    {text}{never}"]


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


def _sla(lines: Sequence[Judged]) -> list[str]:
    out = ["SLA"]
    for j in lines:
        one = _of_one(j.line)
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
