"""The one screen after many replications. Computes nothing that a Distribution does not say."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dr_sim.errors.bugs import breaker
from dr_sim.experiments.comparing.paired import (
    differing,
    in_words,
    is_sure,
    mean_texts,
    named,
    ranked,
    without_parts,
)
from dr_sim.experiments.judging.words import line_text
from dr_sim.experiments.replications.distribution import Distribution
from dr_sim.experiments.replications.estimates import (
    Question,
    answer,
    any_of,
    curves_of,
    failures_per_year,
    miss_in_a_year,
    rpos_of,
    values_of,
)
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.experiments.replications.sample import STOPPED
from dr_sim.formatting.layout import table_lines
from dr_sim.formatting.numbers import (
    figures,
    signed_text,
    with_interval,
)
from dr_sim.formatting.words import counted, span
from dr_sim.measures.verdict import Outcome
from dr_sim.scenario.sla_measures import (
    PHASES,
)
from dr_sim.screen.standing import how_to_meet, scenario_file
from dr_sim.units import clock

if TYPE_CHECKING:
    from dr_sim.experiments.comparing.comparison import Comparison
    from dr_sim.experiments.comparing.paired import PairedDifference

_STATISTICS = ("mean", "p50", "p95", "p99")


def screen(
    found: Distribution,
    source: Path | None = None,
    took_s: float | None = None,
    folder: Path | None = None,
) -> str:
    """The whole screen as text. source: the scenario file; folder: where the results lie; what is
    not given is not said.
    """
    parts = [[_head(found, source, took_s)]]
    if found.broken:
        parts.append([f"BROKEN: {found.told_broken}"])
    if found.violations:
        parts.append(
            [
                f"INVARIANT BROKEN: {counted(found.violations, 'violation')}, "
                f"{breaker(found.scenario.manager)}; do not trust the numbers below"
            ]
        )
    if found.silent:
        parts.append(
            [
                f"SILENTLY SHORT: {counted(found.silent, 'time')} a recovery reported success but "
                "held less than it claimed"
            ]
        )
    parts += [
        list(_per_run(found)),
        list(_over_time(found)),
        list(_missed(found)),
        list(_rare(found)),
        list(_alerts(found)),
    ]
    if found.verdict:
        outcomes = [v.outcome for v in found.verdict]
        file = scenario_file(found.scenario, source, folder)
        how = how_to_meet(outcomes, file, found.n)
        lines = [line_text(v) for v in found.verdict]
        parts.append(["SLA", *lines, *(f" {line}" for line in how)])
    parts += (
        [
            [
                f"{folder}/  report.html  measures.parquet summary.json distribution.svg"
            ]
        ]
        if folder is not None
        else []
    )
    return "\n\n".join(
        "\n".join(map(str.rstrip, part)) for part in parts if part
    )


def _head(
    found: Distribution, source: Path | None, took_s: float | None
) -> str:
    scenario = found.scenario
    name = scenario.name if source is None else source.name
    took = "" if took_s is None else f"  ({took_s:.1f} s)"
    word = (
        found.outcome.name
        if scenario.sla or found.violations or found.silent or found.broken
        else "DONE"
    )
    databases = counted(len(scenario.databases), "database")
    return (
        f"{word}  {name}  seed {scenario.seed}  {found.n:,} x "
        f"{span(scenario.run_for_us)}  {databases}{took}"
    )


def _per_run(found: Distribution) -> Iterator[str]:
    classes = list(
        dict.fromkeys(
            v.failure_class
            for v in values_of(found.samples, "outage", Question("outage"))
        )
    )
    for failure_class in classes:
        runs = len(
            values_of(
                found.samples,
                "outage",
                Question("outage", "", failure_class),
            )
        )
        failed = (
            "no database had failed"
            if failure_class == "none"
            else failure_class
        )
        title = f"FAILOVERS  {failed}"
        if failure_class == STOPPED:
            title = "MISTAKES  nobody could work"
        yield f"{title}, in {runs:,} of {found.n:,} runs"
        rows = [["", *_STATISTICS, "most"]]
        for measure in (
            "data_loss",
            "outage",
            *(f"outage.{phase}" for phase in PHASES),
        ):
            if not values_of(
                found.samples, measure, Question(measure, "", failure_class)
            ):
                continue
            cells = [
                _cell(found, f"{measure}.{s}", failure_class)
                for s in _STATISTICS
            ]
            most = answer(
                found.samples, Question(f"{measure}.max", "", failure_class)
            ).interval.estimate
            if "." in measure and not most:
                continue
            name = measure.replace("outage.", "  ").replace("_", " ")
            rows.append([name, *cells, clock(round(most))])
        yield from table_lines(rows, indent=1)


def _over_time(found: Distribution) -> Iterator[str]:
    of_measures = [
        ("exposure", c, f"exposure {c}")
        for c in ("site", "host", "database")
    ] + [("replay_lag", "", "replay lag")]
    shown = [
        r
        for r in of_measures
        if curves_of(found.samples, r[0], Question(r[0], "", r[1]))
    ]
    if not shown:
        return
    yield "OVER ALL TIME"
    rows = [["", *_STATISTICS, "most"]]
    for measure, failure_class, name in shown:
        most = answer(
            found.samples, Question(f"{measure}.max", "", failure_class)
        ).interval.estimate
        cells = [
            _cell(found, f"{measure}.{s}", failure_class)
            for s in _STATISTICS
        ]
        rows.append([name, *cells, clock(round(most))])
    yield from table_lines(rows, indent=1)


def _cell(found: Distribution, measure: str, failure_class: str) -> str:
    i = answer(found.samples, Question(measure, "", failure_class)).interval
    return with_interval(
        clock(round(i.estimate)), _end(i.low), _end(i.high)
    )


def _end(us: float) -> str:
    return clock(round(us)) if math.isfinite(us) else "?"


def _missed(found: Distribution) -> Iterator[str]:
    rates = failures_per_year(found.scenario)
    for rpo in rpos_of(found.scenario, found.samples):
        of = rpo.failure_class
        rate = rates.get(of, 1.0)
        year = miss_in_a_year(found.samples, rpo, rate).interval
        how = (
            f"{figures(rate)} a year, as drawn"
            if of in rates
            else "if 1 comes a year, at random"
        )
        whose = (
            f" of {rpo.database or rpo.tenant}"
            if rpo.database or rpo.tenant
            else ""
        )
        yield (
            f"RPO {clock(rpo.bound_us)}{whose} missed by a lost {of} ({how}): "
            f"{_percent(year)} in a year"
        )


def _rare(found: Distribution) -> Iterator[str]:
    """Tell how likely a failure at a random instant costs more than each of the limits."""
    if found.rare:
        yield "a failure at a random instant"
    for each in found.rare:
        value, between, how = each.texts
        yield f" {each.question.text:<20} {value}  ({between}; {how})"


def _percent(i: Interval) -> str:
    """Rounded away from certainty: 99.97 % is not 100 %."""
    return (
        f"{_figures(i.estimate)} % [{_figures(i.low)}, {_figures(i.high)}]"
    )


def _figures(part: float) -> str:
    percent = 100 * part
    return figures(percent, 2) if percent < 99 or percent == 100 else ">99"


def _alerts(found: Distribution) -> Iterator[str]:
    words = []
    for measure, word in (
        ("alerts_missed", "missed"),
        ("alerts_late", "late"),
        ("alerts_false", "false"),
    ):
        of = any_of(found.samples, measure, Question(measure))
        words.append(f"{word} in {_percent(of.interval)} of runs")
    yield "ALERTS  " + "   ".join(words)


# ---- comparisons
def comparison(
    found: Comparison, a: str, b: str, *, everything: bool = False
) -> str:
    """Return which of the two is better in what: a headline, both verdicts, then every measure that
    differs, the largest difference first.
    """
    n, scenario = found.a.n, found.a.scenario
    all_differing = differing(found.found)
    shown = ranked(
        found.found if everything else without_parts(all_differing)
    )
    out = [
        headline(found),
        "",
        f"A {found.a.outcome.name:<8} {a}{_not_met(found.a)}",
        f"B {found.b.outcome.name:<8} {b}{_not_met(found.b)}",
        f"{counted(n, 'replication')} of both under the same random events, seed {scenario.seed}",
        "",
    ]
    rows = [["", "A", "B", "B - A", "runs that differ", "chance"]]
    most = len(shown) if everything else _MOST_ROWS
    for d in shown[:most]:
        i = d.interval
        change = with_interval(
            *(signed_text(x, d.unit) for x in (i.estimate, i.low, i.high))
        )
        chance = (
            ""
            if d.differing == 0
            else "< 1 in 10^9"
            if d.p < 1e-9
            else figures(d.p, 2)
        )
        a_text, b_text = mean_texts(d)
        runs = f"{d.differing} of {d.pairs}"
        rows.append([named(d), a_text, b_text, change, runs, chance])
    out += table_lines(rows, right=(1, 2))
    if not shown:
        out.append("no measure differs in any replication")
    more = 0 if everything else len(all_differing) - len(shown[:most])
    if more:
        out.append(
            f"and {counted(more, 'measure')} more; --all shows every one"
        )
    for name, of in (("A", found.a), ("B", found.b)):
        if of.broken:
            out.append(f"BROKEN in {name}: {of.told_broken}")
        if of.violations:
            who = breaker(of.scenario.manager)
            out.append(
                f"INVARIANT BROKEN in {name}: {counted(of.violations, 'violation')}, {who}"
            )
    return "\n".join(line.rstrip() for line in out)


_MOST_ROWS = 12
_HEADLINED = (
    "data_loss",
    "outage",
    "exposure.mean",
    "exposure.p99",
    "replay_lag.mean",
    "alerts_missed",
)
"""Names what the headline speaks of, in this order: all of them worse when larger."""


def headline(found: Comparison) -> str:
    """One sentence: what B does better than A, and what it does worse."""
    better: list[str] = []
    worse: list[str] = []
    unsure = 0
    for measure in _HEADLINED:
        d = next((d for d in found.found if _stands_for(d, measure)), None)
        if d is None or not d.differing:
            continue
        if not is_sure(d):
            unsure += 1
            continue
        size = signed_text(abs(d.interval.estimate), d.unit).lstrip("+-")
        words = f"{in_words(measure)} by {size}"
        (better if d.interval.estimate < 0 else worse).append(words)
    told = []
    if better:
        told.append(f"B is better: {', '.join(better)} less on average")
    if worse:
        told.append(
            f"{'but worse' if better else 'B is worse'}: {', '.join(worse)} more"
        )
    if told:
        return "; ".join(told)
    if unsure:
        return "A and B differ by no more than chance; more replications may show a difference"
    return "A and B do not differ in data loss, outage, exposure, replay lag or missed alerts"


def _stands_for(d: PairedDifference, measure: str) -> bool:
    """Return whether it is that measure of the whole service (exposure: to the loss of the
    site).
    """
    whole = d.measure == measure and not d.database and not d.tenant
    return whole and (
        not measure.startswith("exposure") or d.failure_class == "site"
    )


def _not_met(of: Distribution) -> str:
    """The SLA lines that are missed or not known, by their names."""
    lines = [v.line.id for v in of.verdict if v.outcome is not Outcome.PASS]
    if not of.scenario.sla:
        return "  (no SLA)"
    return f"  ({', '.join(lines)})" if lines else ""
