"""Two scenarios under the same random events: each measure's difference, run by run, with its
interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import TYPE_CHECKING

from dr_sim.experiments.comparing.paired import (
    PairedDifference,
    differences,
    differing,
    named,
    ranked,
    table_of,
    without_parts,
)
from dr_sim.experiments.replications.distribution import (
    Distribution,
    in_units,
)
from dr_sim.experiments.replications.estimates import (
    CONFIDENCE,
    Question,
    shares_above,
)
from dr_sim.experiments.replications.intervals import Interval, mean
from dr_sim.formatting.cell import in_cell
from dr_sim.formatting.words import counted
from dr_sim.scenario.sla_measures import (
    limit_of,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from dr_sim.figures.comparison import MeasureChange


@dataclass(repr=False)
class Comparison:
    """Two scenarios under the same random events: b - a."""

    a: Distribution
    b: Distribution

    @cached_property
    def differences(self) -> pd.DataFrame:
        """measure, database, tenant, class, unit, a, b (means), difference with low and high (95
        %), p (how often chance alone would differ so much), pairs, differing. Durations in seconds.
        """
        import pandas as pd

        columns = [
            "measure",
            "database",
            "tenant",
            "class",
            "unit",
            "a",
            "b",
            "difference",
            "low",
            "high",
            "p",
            "pairs",
            "differing",
        ]
        rows = []
        for d in self.found:
            i = d.interval
            numbers = (
                in_units(x, d.unit)
                for x in (d.a, d.b, i.estimate, i.low, i.high)
            )
            unit = {"us": "s", "ppm": "part"}.get(d.unit, d.unit)
            rows.append(
                (
                    d.measure,
                    d.database,
                    d.tenant,
                    d.failure_class,
                    unit,
                    *numbers,
                    d.p,
                    d.pairs,
                    d.differing,
                )
            )
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        return f"Comparison({self.a!r}, {self.b!r})"

    def _repr_html_(self) -> str:
        """The differences as a table, for a notebook's cell."""
        table = self.differences
        shown = table[table["differing"] > 0].drop(columns=["p", "pairs"])
        return in_cell(f"{self!r}: b - a") + str(
            shown.to_html(index=False, na_rep="")
        )

    def plot(self) -> Figure:
        """Return what differs, each measure beside its interval, in parts of its mean in a; a
        matplotlib Figure.
        """
        from dr_sim.figures.comparison import comparison_chart
        from dr_sim.figures.drawing import Panel, picture_of
        from dr_sim.figures.on_matplotlib import figure_of

        names = f"{self.b.scenario.name} against {self.a.scenario.name}"
        title = f"{names}, {counted(self.b.n, 'pair')}"
        return figure_of(
            picture_of(title, [Panel(comparison_chart(self.changes()))])
        )

    def changes(self) -> list[MeasureChange]:
        """Return what differs in parts of its mean in a, in percent, the largest first; of single
        databases only what the whole service does not show.
        """
        from dr_sim.figures.comparison import MeasureChange

        out = []
        for d in ranked(without_parts(differing(self.found))):
            if d.a > 0 and not isnan(d.interval.estimate):
                i = d.interval
                at, low, high = (
                    100 * float(x) / float(d.a)
                    for x in (i.estimate, i.low, i.high)
                )
                out.append(MeasureChange(named(d), at, low, high))
        return out

    def interval(
        self,
        measure: str,
        database: str = "",
        failure_class: str = "",
        confidence: float = CONFIDENCE,
        tenant: str = "",
    ) -> Interval:
        """Return the interval of b - a, the mean over the pairs: 'outage', 'exposure.mean',
        'exposure.above_15_min', 'link_sent' ...; seconds, parts, bytes. failure_class: of exposure
        by default site, else any. Raises ValueError if they have no such measure in common.
        """
        limit = limit_of(measure)
        name = (
            measure
            if limit is None
            else f"{measure.partition('.')[0]}.above_{limit}_us"
        )
        wanted = failure_class or (
            "site" if measure.startswith("exposure") else ""
        )
        for d in differences(
            table_of(self.a.samples), table_of(self.b.samples), confidence
        ):
            if (d.measure, d.database, d.tenant) == (
                name,
                database,
                tenant,
            ) and wanted in (
                "",
                d.failure_class,
            ):
                return Interval(
                    *(
                        in_units(x, d.unit)
                        for x in (
                            d.interval.estimate,
                            d.interval.low,
                            d.interval.high,
                        )
                    )
                )
        # a limit that neither the danger nor an SLA names: from the curves, between points of their
        # grid
        if limit is not None:
            question, side = (
                Question(measure, database, failure_class, tenant),
                (1 - confidence) / 2,
            )
            a, b = (
                shares_above(of.samples, question, limit)
                for of in (self.a, self.b)
            )
            if both := sorted(a.keys() & b.keys()):
                return mean([b[i] - a[i] for i in both], side, side)
        raise ValueError(
            "the two have no "
            f"{measure}{f' of {database or tenant}' if database or tenant else ''} in "
            "common"
        )

    @cached_property
    def found(self) -> list[PairedDifference]:
        return list(
            differences(table_of(self.a.samples), table_of(self.b.samples))
        )
