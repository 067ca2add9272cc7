"""report.html of a sweep: the answer, a chart for each measure, each point beside the SLA."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dr_sim.experiments.judging.judge import LineVerdict
from dr_sim.experiments.judging.words import promise, shown_value_and_bound
from dr_sim.experiments.sweeps.sweep_answer import (
    SweepVerdict,
    judged_point,
    text,
)
from dr_sim.experiments.sweeps.table_text import table_cells
from dr_sim.figures.charts import Chart
from dr_sim.figures.sweep import DrawnMeasure, sweep_chart, varied
from dr_sim.formatting.numbers import in_order
from dr_sim.measures.outage_now.way_over import NO_WAY_US
from dr_sim.measures.verdict import Outcome
from dr_sim.report.page import MARKS, Heading, SortedCell, rendered
from dr_sim.scenario.asked_model import SweepAnswer
from dr_sim.scenario.sla_measures import (
    COUNTS,
    split,
)
from dr_sim.version import VERSION

if TYPE_CHECKING:
    from dr_sim.experiments.sweeps.sweep import Swept


@dataclass(frozen=True, slots=True)
class SweepShown:
    """The answer and the measures that a sweep's page shows. asked: None is the whole SLA."""

    measures: Sequence[str]
    told: Sequence[SweepVerdict]
    asked: SweepAnswer | None
    runs: int


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """A line of the answer below its first, which stands in the verdict."""

    text: str

    @property
    def heads(self) -> bool:
        """Return whether it names the values of the other keys, for the lines that follow."""
        return self.text.endswith(":")


@dataclass(slots=True)
class PointRow:
    """A point: its values, its measures, its verdict line by line. Why the line that decides is
    unknown, and how many more runs would tell, stands in the answer.
    """

    values: list[SortedCell]
    cells: list[SortedCell]
    verdicts: list[SortedCell]


def sweep_html(swept: Swept, shown: SweepShown) -> str:
    """The page."""
    scenario = swept.points[0].scenario
    lines = text(shown.told, shown.asked, shown.runs).splitlines()
    told = [line.strip() for line in lines[1:]]
    answer = [AnswerLine(line) for line in told if not line.startswith("(")]
    notes = [line.strip("()") for line in told if line.startswith("(")]
    charts = sweep_charts(swept, shown.measures)
    return rendered(
        "sweep.html",
        charts,
        scenario=Heading(scenario.name, scenario.description),
        verdict=_verdict(shown, lines),
        marks=MARKS,
        version=VERSION,
        charts=charts,
        answer=answer,
        notes=notes,
        keys=swept.keys,
        measures=shown.measures,
        promises=list(map(promise, scenario.sla)),
        points=_points(swept, shown.measures, shown.asked),
        runs=shown.runs,
    )


def sweep_charts(swept: Swept, measures: Sequence[str]) -> list[Chart]:
    """A chart for each measure, and for each line of the SLA on a database; none where more than
    two keys vary.
    """
    if len(varied(swept)) > 2:
        return []
    asked = [DrawnMeasure(measure) for measure in measures]
    for line in swept.points[0].scenario.sla:
        statistic = split(line.measure)[1] or line.measure in COUNTS
        if line.database and not line.tenant:
            measure = line.measure if statistic else f"{line.measure}.max"
            asked.append(
                DrawnMeasure(measure, line.database, line.failure_class)
            )
    return [sweep_chart(swept, one) for one in dict.fromkeys(asked)]


def _verdict(shown: SweepShown, lines: Sequence[str]) -> tuple[str, str]:
    """(outcome, the answer in one sentence)."""
    answer = lines[0].removeprefix("ANSWER  ")
    if not shown.told:
        return "done", f"Measured; {answer.removeprefix('none: ')}."
    wanted = answer[:1].upper() + answer[1:]
    found = []
    for of in shown.told:
        at = f"{', '.join(of.at.values())}: " if of.at else ""
        found += (
            [f"{at}{of.edge.meets}"] if of.edge.meets is not None else []
        )
    if not shown.told[0].ordered:
        return "done", f"{wanted}: see below for each value."
    if not found:
        missed = {
            v.outcome for of in shown.told for v in of.because.values()
        }
        outcome = "fail" if missed == {Outcome.FAIL} else "unknown"
        return outcome, f"{wanted}: none of the values surely meets it."
    outcome = "pass" if len(found) == len(shown.told) else "unknown"
    tried = ", as every value that was tried" if _all_meet(shown) else ""
    return outcome, f"{wanted}: {'; '.join(found)}{tried}."


def _all_meet(shown: SweepShown) -> bool:
    """Tell whether the answer is only the last value that was tried, not the limit."""
    return all(
        of.edge.meets is not None
        and of.edge.misses is None
        and not of.edge.unknown
        for of in shown.told
    )


def _why(v: LineVerdict) -> str:
    if v.outcome is Outcome.PASS or not v.reason or v.more:
        return ""
    return f": {v.reason}"


def _points(
    swept: Swept, measures: Sequence[str], asked: SweepAnswer | None
) -> list[PointRow]:
    """Return a row for each point, judged with the errors of the answer: what the answer calls
    unknown is unknown here.
    """
    places = {key: _places(swept, key) for key in swept.keys}
    rows = []
    for point, found in zip(swept.points, swept.distributions, strict=True):
        verdicts = []
        for v in judged_point(found, point.scenario.sla, asked):
            value, _ = shown_value_and_bound(v)
            mark = MARKS[v.outcome.name.lower()]
            text = f"{mark} {value}{_why(v)}"
            never = v.unit == "us" and v.value >= NO_WAY_US
            verdicts.append(
                SortedCell(text, math.inf if never else v.value)
            )
        values = [
            SortedCell(point.values[key], places[key][point.values[key]])
            for key in swept.keys
        ]
        texts = zip(measures, table_cells(found, measures), strict=True)
        cells = [
            SortedCell(text, found.interval(measure).estimate)
            for measure, text in texts
        ]
        rows.append(PointRow(values, cells, verdicts))
    return rows


def _places(swept: Swept, key: str) -> dict[str, int]:
    """Place of each value of a key in the order of its values."""
    values = dict.fromkeys(point.values[key] for point in swept.points)
    return {
        value: place for place, value in enumerate(in_order(list(values)))
    }
