"""The part of a run's screen about its failovers: data loss and outage, each beside its SLA line
and with its ledger, and what came after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dr_sim.formatting.numbers import value_and_bound, value_text
from dr_sim.formatting.words import counted, instant, size
from dr_sim.measures.causes.sums import summed
from dr_sim.measures.outcome.phases import ATTEMPT, named_phases
from dr_sim.measures.summary.types import (
    CannotFollow,
    FailoverSummary,
    PhaseSpan,
    SiteBack,
    Summary,
)
from dr_sim.measures.verdict import Judged, Outcome, Verdict
from dr_sim.scenario.asked_model import SlaLine
from dr_sim.scenario.model import FAILURE_CLASSES, Scenario
from dr_sim.screen.ways import way_lines
from dr_sim.units import SECOND_US, clock

MOST_NAMED = 6  # tenants in one line
MOST_OUTAGES = 3  # that ended by themselves, shown one by one


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
            f"  ({value})"
            if limit != value_text(j.line.bound, j.unit)
            else ""
        )
        outcome = j.outcome if own_us is None else _held(own_us, j)
        found.append(f"SLA {limit}  {outcome.name}{finer}")
    return "   ".join(found)


def _held(value: int, judged: Judged) -> Outcome:
    line = judged.line
    met = value <= line.bound if line.at_most else value >= line.bound
    return Outcome.PASS if met else Outcome.FAIL


def shown_beside(judged: Judged, summary: Summary) -> bool:
    """Return whether an SLA line is shown with the failovers, and not among the others."""
    return (
        bool(summary.failovers)
        and judged.line.measure in ("data_loss", "outage")
        and not _of(judged)
    )


def _of(judged: Judged) -> str:
    return of_one_line(judged.line)


def of_one_line(line: SlaLine) -> str:
    """The one database or tenant that a line is about, if it is about one."""
    return line.database or line.tenant


def failover_lines(
    f: FailoverSummary,
    summary: Summary,
    scenario: Scenario,
    verdict: Verdict,
) -> list[str]:
    """Return the section of one failover."""
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
    out += _why_seeded(f, scenario)
    if f.ways:
        out.append(" ways back")
        out += [f"  {line}" for line in way_lines(f.ways, False)]
    return out + _back(f, scenario)


def _why_seeded(f: FailoverSummary, scenario: Scenario) -> list[str]:
    """Say of each other standby that could not follow the new primary why it is seeded again, and
    from what.
    """
    places: dict[tuple[str, str, str], list[str]] = {}
    for one in f.cannot_follow:
        key = one.place, one.why, one.seeded_by
        places.setdefault(key, []).append(one.database)
    lines = []
    for (place, why, by), names in places.items():
        of = ""
        if len(names) < len(scenario.databases):
            of = f" of {counted(len(names), 'database')}"
        lines.append(f"   seeded again at {place}{of}: {why}")
        lines.append(f"     from {by}")
    return lines


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
        f"{counted(failed, 'request')} failed"
    )


def headed(f: FailoverSummary, scenario: Scenario) -> str:
    """Return what began a failover. One that a person ordered is headed by that, and what had
    failed comes after it.
    """
    failed = (
        "no database had failed"
        if f.failure_class in ("planned", "none")
        else f"{f.failure_class} lost {instant(f.failed_us, scenario)}"
    )
    if f.fell:
        failed = (
            f"the database server crashed {instant(f.failed_us, scenario)}"
        )
    if f.unfenced:
        nothing_failed = f.failure_class in ("planned", "none")
        began = _ordered(f, scenario)
        if not began and nothing_failed:
            began = f"{failed}, stopped {instant(f.failed_us, scenario)}"
        what = "it" if began else "the failover"
        return f"{began or failed}; {what} was called off, and the old primary serves again"
    if f.by_itself:
        return f"{failed} and came back by itself, without a failover"
    begun = _ordered(f, scenario)
    if begun:
        return (
            begun
            if f.ordered_planned and f.failure_class == "planned"
            else f"{begun}; {failed}"
        )
    at = (
        ""
        if f.failure_class in FAILURE_CLASSES
        else f" {instant(f.failed_us, scenario)}"
    )
    return f"{failed}{at}, unplanned, {f.mode}"


def _ordered(f: FailoverSummary, scenario: Scenario) -> str:
    """Return who ordered it and when; '' if nobody did."""
    if not f.ordered_by or f.ordered_us is None:
        return ""
    how = "planned" if f.ordered_planned else "unplanned"
    return f"ordered by {f.ordered_by} {instant(f.ordered_us, scenario)}, {how}"


def met_no_danger(summary: Summary, f: FailoverSummary) -> str:
    """Return the words on a failure before which no lasting danger was there, and what else was not
    reported or did not end.
    """
    found = _told_of_earlier(summary, f)
    at_other_times = summary.alerts.missed
    if at_other_times:
        which = counted(at_other_times, "danger")
        found += f", but {which} at another time raised no alert"
    if f.outage_us is None:
        found += "; users were not served again"
    return found


def _told_of_earlier(summary: Summary, f: FailoverSummary) -> str:
    """Return what is said of the dangers that were over when it failed."""
    earlier = [
        episode
        for episode in summary.alerts.episodes
        if episode.due_us is not None
        and max(episode.due_us, episode.end_us) <= f.failed_us
    ]
    told = [episode for episode in earlier if not episode.missed]
    if not told:
        if earlier:
            return "no alert was due when it failed"
        raised = _raised_before(summary, f)
        others = f"; {counted(raised, 'alert')} had been raised"
        return f"no alert was due before the failure{others * (raised > 0)}"
    late = sum(episode.late for episode in told)
    how = "late" if late else "in time"
    if 0 < late < len(told):
        how = f"({len(told) - late} in time, {late} late)"
    were = "was" if len(told) == 1 else "were"
    which = counted(len(told), "earlier danger")
    return f"no alert was due when it failed; {which} {were} told {how}"


def _raised_before(summary: Summary, f: FailoverSummary) -> int:
    """Return the number of right alerts before a failure and after the one before it. They may be
    about what was lost, although the danger was not large enough yet to ask for an alert.
    """
    begins_us = max(
        (
            each.failed_us
            for each in summary.failovers
            if each.number < f.number
        ),
        default=-1,
    )
    return sum(
        begins_us < alert.time_us <= f.failed_us and not alert.false
        for alert in summary.alerts.each
    )


def _new_secondary(f: FailoverSummary, scenario: Scenario) -> str:
    """Return how a failover's new recovery network came to be."""
    seeded = sum(
        d.size_bytes for d in scenario.databases if d.name in f.seeded_anew
    )
    if not scenario.has_standbys and seeded:
        return f"a new full of {size(seeded)}"
    if not scenario.has_standbys:
        goes = "goes" if len(f.follow) == 1 else "go"
        return f"{' and '.join(f.follow)} {goes} on with what it held, no new full"
    in_place = f.back is not None and f.back.role == "second side"
    again = f.follow or f.cannot_follow
    if scenario.new_secondary_us is None and not (in_place or again):
        return "no new secondary"
    if seeded:
        return f"seeding {size(seeded)} anew"
    if f.cannot_follow and not f.follow:
        return f"{_named(f.cannot_follow)} restored from backups at hand"
    if len(scenario.standbys) > 1:
        follow = f"{' and '.join(f.follow)} follow{'s' if len(f.follow) == 1 else ''}"
        return f"{follow} {f.new_primary}, no new seed"
    return "the old primary follows, no new seed"


def _named(copies: Sequence[CannotFollow]) -> str:
    """Name the places of these copies."""
    return " and ".join(dict.fromkeys(one.place for one in copies))


def _loss(
    f: FailoverSummary, summary: Summary, verdict: Verdict
) -> list[str]:
    sla = _beside(verdict, "data_loss", f.data_loss_us)
    if f.data_loss_us is None:
        return [
            " data loss  unknown".ljust(44) + f" {sla}",
            f"   {f.loss_ledger.note}",
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
        out.append(f"   {f.loss_ledger.note}")
    causes = summed(
        (line.cause, line.duration_us, line.detail)
        for line in f.loss_ledger.lines
    )
    for us, each in zip(
        adding_up(x.duration_us for x in causes), causes, strict=True
    ):
        out.append(f"   {clock(us):>7} {_cause(each.cause, each.detail)}")
    return out


def _outage(f: FailoverSummary, verdict: Verdict) -> list[str]:
    phases = _in_order(f.phases)
    lengths = [us for _, us in phases]
    total = f.outage_us
    text = (
        clock(total)
        if total is not None
        else f"unknown: at least {clock(sum(lengths))}"
    )
    out = [
        f" outage     {text:>5}".ljust(44)
        + f" {_beside(verdict, 'outage', total)}"
    ]
    words = [
        f"{name} {clock(us)}"
        for (name, _), us in zip(phases, adding_up(lengths), strict=True)
    ]
    out += [
        "   " + "  ".join(words[i : i + 4]) for i in range(0, len(words), 4)
    ]
    if f.outage_note and f.outage_note != f.loss_ledger.note:
        out.append(f"   {f.outage_note}")
    out += [f"   {text}" for text in tenant_words(f)]
    if f.manager_down_us:
        out.append(
            f"   for {clock(f.manager_down_us)} of it the recovery manager was down"
        )
    return out


def _in_order(phases: Sequence[PhaseSpan]) -> list[tuple[str, int]]:
    """Return (name, duration) of each phase in the order of time. A phase that comes back is
    listed once, where it began; each attempt that failed is listed.
    """
    found: list[tuple[str, int]] = []
    place: dict[str, int] = {}
    for each in phases:
        name = each.phase
        if name == ATTEMPT or name not in place:
            place[name] = len(found)
            found.append((name, each.duration_us))
        else:
            _, before_us = found[place[name]]
            found[place[name]] = (name, before_us + each.duration_us)
    return named_phases(found)


def tenant_words(f: FailoverSummary) -> list[str]:
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
