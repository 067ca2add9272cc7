"""The outcome of many replications of one scenario: tidy tables, intervals, verdicts, a picture's
data.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dr_sim.errors.bugs import EXIT_BUG, Broken, told
from dr_sim.experiments.input_checks import part_of
from dr_sim.experiments.judging.judge import (
    Errors,
    LineVerdict,
    judge_lines,
)
from dr_sim.experiments.replications.estimates import (
    CONFIDENCE,
    Estimate,
    Question,
    answer,
    any_of,
    curves_of,
    failures_per_year,
    has_luck,
    miss_in_a_year,
    rpos_of,
    values_of,
)
from dr_sim.experiments.replications.intervals import Interval
from dr_sim.experiments.replications.rare import RareEstimate, estimate_json
from dr_sim.experiments.replications.sample import GRID_US, Sample
from dr_sim.formatting.cell import in_cell
from dr_sim.measures.verdict import (
    EXIT_CODES,
    EXIT_SILENT,
    EXIT_VIOLATION,
    Outcome,
)
from dr_sim.scenario.fields.fields import did_you_mean
from dr_sim.scenario.keys.standbys import copy_names
from dr_sim.scenario.model import Scenario
from dr_sim.scenario.sla_measures import (
    COUNTS,
    STATISTICS,
    VALUES,
    kind_of,
    split,
    unknown_place,
)
from dr_sim.units import SECOND_US

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RECORDED = {
    "alerts_raised": "count",
    "link_sent": "bytes",
    "link_used": "ppm",
    "link_down": "us",
    "backlog": "count",
}
"""Names what is measured in every run and has no SLA: with a statistic (link_sent.mean) it has an
interval too.
"""
SHOWN = ("mean", "p50", "p90", "p95", "p99", "max")


@dataclass(repr=False)
class Distribution:
    """n independent replications of one scenario.

    measures: a row a replication and measure; estimates: a row a measure and statistic, with its
    interval; verdict: the SLA's lines. Durations in both tables are seconds (floats, for reading);
    `samples` hold whole microseconds.
    """

    scenario: Scenario
    samples: list[Sample]
    looks: int = 1  # how many times the SLA may have been looked at
    lines: int = (
        0  # of the whole check that this is part of; 0: the scenario's own
    )
    # replications that ended in an error, and so are not among the samples
    broken: tuple[Broken, ...] = ()
    rare: tuple[RareEstimate, ...] = ()  # what `replications.rare` asks for
    _verdicts: list[LineVerdict] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return (
            f"Distribution({self.scenario.name}, seed {self.scenario.seed}, {self.n:,} "
            "replications)"
        )

    def _repr_html_(self) -> str:
        """The verdict line by line, and the service's estimates, for a notebook's cell."""
        from dr_sim.experiments.judging.words import line_text

        lines = [
            repr(self),
            *(line_text(verdict) for verdict in self.verdict),
        ]
        table = self.estimates
        shown = table[table["database"] == ""].drop(columns="database")
        return in_cell("\n".join(lines)) + str(
            shown.to_html(index=False, na_rep="")
        )

    @property
    def n(self) -> int:
        return len(self.samples)

    def plot(self) -> Figure:
        """Exposure over all time by class of failure, and what the failovers cost; a matplotlib
        Figure.
        """
        from dr_sim.figures.drawing import Panel, picture_of
        from dr_sim.figures.many import many_charts
        from dr_sim.figures.on_matplotlib import figure_of

        title = f"{self.scenario.name}: {self.n:,} run{'s' * (self.n != 1)}"
        return figure_of(
            picture_of(title, [Panel(chart) for chart in many_charts(self)])
        )

    @property
    def violations(self) -> int:
        """Invariants that broke, in all replications together."""
        rare = sum(each.violations for each in self.rare)
        return rare + sum(s.violations for s in self.samples)

    @cached_property
    def luck(self) -> bool:
        """Return whether anything that is measured may be otherwise in another run."""
        return has_luck(self.scenario, self.samples)

    @cached_property
    def measures(self) -> pd.DataFrame:
        """replication, measure, database ('': the service), tenant ('': any), class (of failure),
        value, unit, censored (at least so much). Durations in seconds, shares in parts of 1.
        """
        import pandas as pd

        rows = [
            (
                s.number,
                v.measure,
                v.database,
                v.tenant,
                v.failure_class,
                in_units(v.low, v.unit),
                _unit(v.unit),
                v.high is None,
            )
            for s in self.samples
            for v in s.values
        ]
        return pd.DataFrame(
            rows,
            columns=[
                "replication",
                "measure",
                "database",
                "tenant",
                "class",
                "value",
                "unit",
                "censored",
            ],
        )

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """measure, database, tenant, class, statistic, estimate, low, high, confidence, n,
        censored, unit.
        """
        import pandas as pd

        rows = []
        for question, unit, found in self._estimated():
            base, statistic = split(question.measure)
            i = found.interval
            shown = [in_units(x, unit) for x in (i.estimate, i.low, i.high)]
            rows.append(
                (
                    base,
                    question.database,
                    question.tenant,
                    question.failure_class,
                    statistic,
                    *shown,
                    CONFIDENCE,
                    found.n,
                    found.censored,
                    _unit(unit),
                )
            )
        columns = [
            "measure",
            "database",
            "tenant",
            "class",
            "statistic",
            "estimate",
            "low",
            "high",
            "confidence",
            "n",
            "censored",
            "unit",
        ]
        return pd.DataFrame(rows, columns=columns)

    def _estimated(self) -> Iterator[tuple[Question, str, Estimate]]:
        there = dict.fromkeys(
            (v.measure, v.database, v.failure_class, v.tenant)
            for s in self.samples
            for v in s.values
        )
        for measure, database, failure_class, tenant in there:
            if measure in VALUES:
                for statistic in SHOWN:
                    question = Question(
                        f"{measure}.{statistic}",
                        database,
                        failure_class,
                        tenant,
                    )
                    yield question, "us", answer(self.samples, question)
            elif measure in COUNTS or measure.startswith("alerts_"):
                mean, some = (
                    Question(f"{measure}.{what}", database, "", tenant)
                    for what in ("mean", "any")
                )
                yield mean, "count", answer(self.samples, mean)
                yield some, "part", any_of(self.samples, measure, some)
        curves = dict.fromkeys(
            (c.measure, c.database, c.failure_class, c.tenant)
            for s in self.samples
            for c in s.curves
            if c.time_us
        )
        for measure, database, failure_class, tenant in curves:
            for statistic in STATISTICS:
                question = Question(
                    f"{measure}.{statistic}",
                    database,
                    failure_class,
                    tenant,
                )
                yield question, "us", answer(self.samples, question)
        yield from self._missing()

    def _missing(self) -> Iterator[tuple[Question, str, Estimate]]:
        rates = failures_per_year(self.scenario)
        for rpo in rpos_of(self.scenario, self.samples):
            found = miss_in_a_year(
                self.samples, rpo, rates.get(rpo.failure_class, 1.0)
            )
            yield (
                Question(
                    "rpo_missed.in_a_year",
                    rpo.database,
                    rpo.failure_class,
                    rpo.tenant,
                ),
                "part",
                found,
            )

    def interval(
        self,
        measure: str,
        database: str = "",
        failure_class: str = "",
        confidence: float = CONFIDENCE,
        tenant: str = "",
    ) -> Interval:
        """Return the interval of 'data_loss.p99', 'outage.mean', 'exposure.above_15_min',
        'link_sent.mean' ...: estimate, low, high; durations in seconds, shares in parts of 1,
        link_sent in bytes. Raises ValueError if there is no such measure.
        """
        recorded = (
            RECORDED.get(split(measure)[0]) if split(measure)[1] else None
        )
        if not kind_of(measure) and recorded is None:
            raise ValueError(
                f"no measure {measure!r}; write for example 'data_loss.p99' or "
                "'exposure.above_15_min'"
            )
        part_of(self.scenario, database, failure_class, tenant)
        told = unknown_place(measure, copy_names(self.scenario))
        if told:
            raise ValueError(told)
        side = (1 - confidence) / 2
        i = answer(
            self.samples,
            Question(measure, database, failure_class, tenant),
            side,
            side,
        ).interval
        unit = recorded or ("us" if kind_of(measure) == "duration" else "")
        return Interval(
            in_units(i.estimate, unit),
            in_units(i.low, unit),
            in_units(i.high, unit),
        )

    def values(
        self, measure: str, database: str = "", failure_class: str = ""
    ) -> np.ndarray:
        """One number a run ('data_loss', 'outage.fence', 'alerts_missed'), in the order of the
        replications; seconds. Empty if no run has one. Raises ValueError if there is no such
        measure.
        """
        part_of(self.scenario, database, failure_class)
        known = list(
            dict.fromkeys(v.measure for s in self.samples for v in s.values)
            | dict.fromkeys((*VALUES, *COUNTS, *RECORDED))
        )
        if measure not in known:
            raise ValueError(
                f"no measure {measure!r}; {did_you_mean(measure, known)}"
            )
        found = values_of(
            self.samples,
            measure,
            Question(measure, database, failure_class),
        )
        return np.array([in_units(v.low, v.unit) for v in found])

    def exposure_curve(
        self,
        failure_class: str = "site",
        database: str = "",
        measure: str = "exposure",
    ) -> pd.DataFrame:
        """Over all the time of all runs: above (seconds), share of the time above it. The
        distribution of the data loss of a failure that comes at random.
        """
        import pandas as pd

        part_of(self.scenario, database, failure_class)
        found = curves_of(
            self.samples,
            measure,
            Question(measure, database, failure_class),
        )
        whole = sum(c.time_us for c in found)
        if not whole:
            return pd.DataFrame({"above": [], "share": []})
        above = np.sum([c.above_grid() for c in found], axis=0)
        last = int(np.flatnonzero(above)[-1]) + 2 if above.any() else 1
        return pd.DataFrame(
            {
                "above": GRID_US[:last] / SECOND_US,
                "share": above[:last] / whole,
            }
        )

    @cached_property
    def told_broken(self) -> str:
        """One line about the replications that broke, and where their tracebacks are; '' if none
        did.
        """
        return (
            told(self.broken, self.n + len(self.broken))
            if self.broken
            else ""
        )

    @property
    def silent(self) -> int:
        """Recoveries that were short of what they claimed, of which nobody was notified, in all
        replications together.
        """
        rare = sum(each.silent for each in self.rare)
        return rare + sum(s.silent for s in self.samples)

    # ---- verdict
    @property
    def verdict(self) -> list[LineVerdict]:
        """Every SLA line of the scenario, judged. None where every replication broke: there is
        nothing to judge them by.
        """
        if self.broken and not self.samples:
            return []
        if self._verdicts is None:
            errors = Errors.shared(
                self.lines or len(self.scenario.sla), self.looks
            )
            self._verdicts = judge_lines(
                self.samples, self.scenario.sla, errors, self.luck
            )
        return self._verdicts

    @property
    def outcome(self) -> Outcome:
        """The worst of all lines; pass if there are none. A broken invariant is a fail whatever the
        lines say, and so is a replication that broke: it may be the one that would have missed
        them.
        """
        return (
            Outcome.FAIL
            if self.violations or self.silent or self.broken
            else max(
                (v.outcome for v in self.verdict), default=Outcome.PASS
            )
        )

    @property
    def exit_code(self) -> int:
        if self.broken:
            return EXIT_BUG
        if self.violations:
            return EXIT_VIOLATION
        return EXIT_SILENT if self.silent else EXIT_CODES[self.outcome]

    def summary(self) -> dict[str, Any]:
        """Everything but the single runs, ready for json.dumps; what is unknown or without limit is
        None.
        """
        found: dict[str, Any] = {
            "name": self.scenario.name,
            "seed": self.scenario.seed,
            "replications": self.n,
            "violations": self.violations,
            "silent_recoveries": self.silent,
        }
        if self.broken:
            found["broken"] = [
                {"replication": b.number, "error": b.error}
                for b in self.broken
            ]
        found["verdict"] = {
            "outcome": self.outcome.name.lower(),
            "exit_code": self.exit_code,
            "lines": list(map(line_json, self.verdict)),
        }
        if self.rare:
            found["rare"] = list(map(estimate_json, self.rare))
        found["estimates"] = list(
            map(_row_json, self.estimates.to_dict("records"))
        )
        return found


def _row_json(row: dict[Hashable, Any]) -> dict[str, Any]:
    return {str(key): _finite(value) for key, value in row.items()}


def line_json(v: LineVerdict) -> dict[str, Any]:
    line = v.line
    return {
        "id": line.id,
        "measure": line.measure,
        "database": line.database or None,
        "class": line.failure_class or None,
        "tenant": line.tenant or None,
        "fault": line.fault or None,
        "at_most": line.at_most,
        "bound": line.bound,
        "unit": v.unit,
        "outcome": v.outcome.name.lower(),
        "value": _finite(v.value),
        "low": _finite(v.low),
        "high": _finite(v.high),
        "runs": v.n,
        "reason": v.reason,
        "more_runs": v.more,
        "file": line.file,
        "line": line.line,
    }


def _finite(x: Any) -> Any:
    return None if isinstance(x, float) and not math.isfinite(x) else x


def _unit(unit: str) -> str:
    return {"us": "s", "ppm": "part"}.get(unit, unit)


def in_units(value: float, unit: str) -> float:
    """Seconds of microseconds, parts of ppm, anything else as it is."""
    return value / SECOND_US if unit in ("us", "ppm") else float(value)
